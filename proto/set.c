#include "proto/set.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        "proto_set_begin_:\n"
        ".incbin \"" PROTO_SET_FILE "\"\n"
        "proto_set_end_:\n"
        ".byte 0\n"
        ".previous\n");

extern const uint8_t proto_set_begin_[], proto_set_end_[];

struct bytes proto_set(void)
{
    return BYTES(proto_set_begin_, (size_t)(proto_set_end_ - proto_set_begin_));
}
