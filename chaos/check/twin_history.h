/* Small histories for every model, legal or not as it falls, for comparing checkers with their twins: a simulated
 * object of each kind, a few clients whose operations overlap, and now and then an answer that is not what happened. */
#ifndef CHAOS_CHECK_TWIN_HISTORY_H
#define CHAOS_CHECK_TWIN_HISTORY_H

#include "chaos/check/check.h"

/* Where the choices come from: a generator of random numbers, or a fuzzer's bytes. */
struct choices {
    uint64_t (*below)(void *arg, uint64_t bound); /* [0, bound) */
    void *arg;
};

/* A history of up to `operations` for the model, into *h, which is initialised here; an operation that was begun may
 * stay open. False: no memory. */
bool twin_history(const struct check_model *m, const struct choices *c, size_t operations, struct history *h);

#endif
