#include "proto/services.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        "proto_services_begin_:\n"
        ".incbin \"" PROTO_SET_FILE "\"\n"
        "proto_services_end_:\n"
        ".byte 0\n"
        ".previous\n");

extern const uint8_t proto_services_begin_[], proto_services_end_[];

struct bytes proto_services_set(void)
{
    return BYTES(proto_services_begin_, (size_t)(proto_services_end_ - proto_services_begin_));
}
