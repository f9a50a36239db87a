/* What a program compared during a run: recorded in builds with HARROW_COMPARES by clang's
 * -fsanitize-coverage=trace-cmp (integers, switches) and by wrappers the linker puts around memcmp() and its kin
 * (compare_hooks.c). For a second build that is run on few inputs, since each comparison costs a call (the split of
 * RedQueen, Aschermann et al. 2019, and of AFL++'s CmpLog).
 *
 * Only comparisons that were not equal are kept, of one place in the code at most COMPARE_PER_PLACE of a run. Not for
 * several threads at a time: what other threads compare is recorded in between. */
#ifndef FUZZ_COVER_COMPARE_H
#define FUZZ_COVER_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMPARES_MAX      4096 /* of one run; more are not kept */
#define COMPARE_PER_PLACE 16
#define COMPARE_BYTES     64 /* of each side of a comparison of memory; more are cut */

struct compare {
    uintptr_t place; /* return address */
    uint8_t size;    /* bytes of both numbers; 0: memory */
    uint8_t a_len, b_len;
    uint64_t a, b; /* numbers */
    uint8_t a_bytes[COMPARE_BYTES], b_bytes[COMPARE_BYTES];
};

/* Nothing is recorded before compare_start() and after compare_stop(). False: the program has no hooks. */
bool compare_start(void);
void compare_stop(void);
size_t compare_last(const struct compare **out); /* of the last run; valid until the next start */

#endif
