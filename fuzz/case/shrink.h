/* Making a case smaller for as long as something stays true of it: delta debugging (Zeller and Hildebrandt,
 * "Simplifying and isolating failure-inducing input", 2002) down the structure, from coarse to fine (Misherghi and Su,
 * "HDD: hierarchical delta debugging", 2006): calls, events, then in every message fields and what is within them,
 * elements of packed runs, numbers, bytes of texts; in what is broken or no message the bytes themselves, header lines
 * first. Lengths around what goes are always right again, and links and events follow their calls, so that each step
 * stays a case whose only change is the one that was meant. Last, what cannot go is made plain: flags off, numbers
 * towards 0, bytes to 'a'.
 *
 * A message with a defect says so only for as long as that is known to be true: see keep_label_true() in shrink.c.
 *
 * Rounds go on until one finds nothing more, or the tries are used up. The same case and the same answers give the same
 * result. No candidate is asked about twice. */
#ifndef FUZZ_CASE_SHRINK_H
#define FUZZ_CASE_SHRINK_H

#include "fuzz/case/case.h"

struct fuzz_shrunk {
    size_t tries; /* how often `still` was asked */
    size_t steps; /* how often it said yes to something smaller */
    bool done;    /* nothing more was to be found; else the tries were used up */
};

/* `still` says whether what is wanted is true of the case, which it may only look at; at most `tries` times. `c` is
 * always one for which it said yes, the last and smallest one, unless ERROR_NOT_FOUND says that it was not even true
 * of what it was given. `pool` NULL: messages are bytes. `did` may be NULL. ERROR_MEMORY: `c` is as small as it was
 * by then. */
int fuzz_shrink(struct fuzz_case *c, const struct pb_pool *pool, bool (*still)(void *arg, const struct fuzz_case *c),
                void *arg, size_t tries, struct fuzz_shrunk *did);

#endif
