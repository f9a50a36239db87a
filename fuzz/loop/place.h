/* Where a worker died, in words and as one number: the frames the fault handler left, or those of a sanitizer's report.
 * Addresses are given relative to the program's image, so that they mean the same in every run of one build
 * (addr2line -e PROGRAM 0x...). */
#ifndef FUZZ_LOOP_PLACE_H
#define FUZZ_LOOP_PLACE_H

#include "fuzz/loop/loop.h"

#define PLACE_FRAMES 3 /* innermost frames that make a place */

/* `errors`: what the worker wrote to standard error. Appends lines to `out`; the number comes back. */
uint64_t place_describe(enum fuzz_end end, struct world_exit status, const struct worker_shared *s, struct bytes errors,
                        struct text *out);
/* The number of a sanitizer's report alone: its kind and its innermost functions. 0: the text is no report. */
uint64_t place_of_report(struct bytes report);

#endif
