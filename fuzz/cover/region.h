/* One run of 8-bit counters: what of it was seen, and which of its blocks were ever touched. Inside of cover.c.
 *
 * Most counters of a program are never reached by what is fuzzed. Those of blocks (REGION_BLOCK counters) that were
 * reached at some time are classified and compared without a branch for each; the others are only asked, together,
 * whether any is set. Where that is so, or something is new, the slow way tells what, and blocks become touched. */
#ifndef FUZZ_COVER_REGION_H
#define FUZZ_COVER_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGION_BLOCK 32 /* counters looked at together; `seen` is padded to it */

/* The counters are the compiler's, beside them whatever the linker put there: not for the sanitizers to judge. */
#define REGION_RAW __attribute__((no_sanitize("address", "undefined", "thread")))

struct region_run; /* blocks one behind the other that are all touched, or all not */

struct region {
    uint8_t *counters;          /* borrowed; NULL: none at the moment */
    size_t len, base;           /* base: of its edges' indices */
    uint8_t *seen;              /* class bits per counter; owned, as what follows */
    const uintptr_t *addresses; /* the compiler's */
    size_t blocks;              /* whole ones; the counters behind them are looked at one by one */
    uint8_t *touched;           /* by block */
    struct region_run *runs;
    size_t run_count;
    uint64_t work; /* sum of the counters of touched blocks, when they were looked at last */
};

struct region_found {
    size_t pairs, edges; /* (edge, class) pairs that are new, and edges nobody reached in any class */
};

/* ERROR_MEMORY: nothing is left of it. */
int region_init(struct region *r, uint8_t *counters, size_t len, size_t base);
void region_deinit(struct region *r);
void region_reset(struct region *r); /* all counters to 0 */
/* With `keep`, what is new counts as seen from now on. */
struct region_found region_collect(struct region *r, bool keep);
/* The class bit of one counter. */
uint8_t region_class(const struct region *r, size_t counter);
/* The edges that are set and their class bits, or only what of them was not seen. How many; there is room for all. */
size_t region_list(const struct region *r, bool only_new, uint32_t *edges, uint8_t *classes);

#endif
