/* Witnesses out of which nothing can be left, of any model.
 *
 * A set of operations is a witness when the history stays invalid after all others were weakened:
 *   - what only looked (a read, a poll, a use of a token), and what failed, is left out, as are other keys;
 *   - what changed something is of unknown end: it happened at some time after it was invoked, or never, and what was
 *     learnt by it is forgotten;
 *   - what another one needs stays: the polls of a subscription before one that is kept, the acquisition whose token is
 *     shown or which is released, the issue of the token that is used, and where values may come twice the dequeue of
 *     what was enqueued;
 *   - of a queue a value that no kept operation has is left out, and of a lock an acquisition with its release.
 * Weakening never makes a valid history invalid. A witness is minimal when weakening any one of it as well, with those
 * that need it, gives a history that is valid. It is found by delta debugging (base/reduce.h) around the model's own
 * check, and checked by the models' twins in witness_test.c.
 *
 * cas-register proves its own minimal witnesses (chaos/check/frontier_witness.c), by a rule that leaves them shorter:
 * an operation outside keeps its end, so that it happened within its time, or never. */
#ifndef CHAOS_CHECK_WITNESS_H
#define CHAOS_CHECK_WITNESS_H

#include "chaos/check/check.h"

/* The history with all but the operations `in` weakened. Lists and names stay those of `h`; `places`: for each
 * operation of it, where it stands in `h`. 0 or ERROR_MEMORY. */
struct weakened {
    struct history history;
    size_t *places;
};
int weaken(const struct check_model *m, const struct history *h, uint32_t key, const bool *in, struct weakened *out);
void weakened_deinit(struct weakened *w);
/* Takes out of `in` the operation and those of `in` that need it. 0 or ERROR_MEMORY. */
int weaken_without(const struct check_model *m, const struct history *h, size_t operation, bool *in);

/* Makes the witness of an invalid result as small as it can be made within bounds, and says whether that is minimal:
 * up to 50,000 operations of the key; above, the witness stays what the model found, which is a few operations. It asks
 * limits->stop as the check does. 0 or ERROR_MEMORY. */
int witness_minimise(const struct check_model *m, const struct history *h, const struct check_limits *limits,
                     struct check_result *out, struct error *err);

#endif
