#include "fakes/stub/testdata/set.h"

/* clang-format off */
__asm__(".section .rodata\n"
        ".balign 16\n"
        ".local shop_set_start\n"
        "shop_set_start: .incbin \"" SHOP_SET_FILE "\"\n"
        ".local shop_set_end\n"
        "shop_set_end: .byte 0\n"
        ".previous\n");
/* clang-format on */

extern const unsigned char shop_set_start[] __attribute__((visibility("hidden")));
extern const unsigned char shop_set_end[] __attribute__((visibility("hidden")));

struct bytes shop_set(void)
{
    return BYTES(shop_set_start, (size_t)(shop_set_end - shop_set_start));
}
