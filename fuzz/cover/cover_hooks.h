/* What the compiler told this program about its coverage: filled by cover_hooks.c before main(). Weak in cover.c, so
 * that programs which are not instrumented link without it. */
#ifndef FUZZ_COVER_COVER_HOOKS_H
#define FUZZ_COVER_COVER_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#define COVER_MODULES_MAX 64 /* the program and its instrumented shared objects; more are not seen */

struct cover_module {
    uint8_t *start, *end;
    const uintptr_t *addresses; /* pairs (address, flags), one for each counter; NULL: none */
};

/* How many there are. */
size_t cover_modules(const struct cover_module **out);

/* The variable that has a program move its counters into files of this folder, for others to read while it runs:
 * fuzz/cover/shared.h. */
#define COVER_VARIABLE "HARROW_COVER"

#endif
