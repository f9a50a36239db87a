#include "fakes/behave/builtin.h"

/* builtin_list.h is written by the build: ANNOTATION(number, "wallet/wallet", "where/wallet.behaviour.yaml") for each.
 */
#define ANNOTATION(n, stem, path)                                                                                      \
    __asm__(".section .rodata\n"                                                                                       \
            "behave_builtin_begin_" #n ":\n"                                                                           \
            ".incbin \"" path "\"\n"                                                                                   \
            "behave_builtin_end_" #n ":\n"                                                                             \
            ".byte 0\n"                                                                                                \
            ".previous\n");                                                                                            \
    extern const uint8_t behave_builtin_begin_##n[], behave_builtin_end_##n[];
#include "builtin_list.h"
#undef ANNOTATION

static const struct {
    const char *proto, *name;
    const uint8_t *begin, *end;
} FILES[] = {
#define ANNOTATION(n, stem, path)                                                                                      \
    {stem ".proto", "proto/" stem ".behaviour.yaml", behave_builtin_begin_##n, behave_builtin_end_##n},
#include "builtin_list.h"
#undef ANNOTATION
};

struct bytes behave_builtin(const char *proto, const char **name)
{
    for (size_t i = 0; i < behave_builtin_count(); i++)
        if (strcmp(FILES[i].proto, proto) == 0) {
            *name = FILES[i].name;
            return BYTES(FILES[i].begin, (size_t)(FILES[i].end - FILES[i].begin));
        }
    return BYTES_NONE;
}

size_t behave_builtin_count(void)
{
    return sizeof FILES / sizeof *FILES;
}
