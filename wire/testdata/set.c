#include "wire/testdata/set.h"

/* clang-format off */
__asm__(".section .rodata\n"
        ".balign 16\n"
        ".local test_set_start\n"
        "test_set_start: .incbin \"" TEST_SET_FILE "\"\n"
        ".local test_set_end\n"
        "test_set_end: .byte 0\n"
        ".previous\n");
/* clang-format on */

extern const unsigned char test_set_start[] __attribute__((visibility("hidden")));
extern const unsigned char test_set_end[] __attribute__((visibility("hidden")));

struct bytes test_set(void)
{
    return BYTES(test_set_start, (size_t)(test_set_end - test_set_start));
}
