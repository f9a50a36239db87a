/* Which of several ways to go, by what each has led to: lanes, methods, operators, sources of values.
 *
 * Each arm counts how often it was tried, by what that cost, and how often it was a success: what costs twice as much
 * has to succeed twice as often (Xia et al., "Thompson Sampling for Budgeted Multi-armed Bandits", 2015). Every
 * BANDIT_ROUND results the shares are drawn anew: an arm's rate of success is sampled from its Beta distribution
 * (Thompson sampling; Thompson, 1933; in batches, since results come thousands a second), whose prior is the rate that
 * the shares of the beginning would have, as if each arm had BANDIT_PRIOR results of that rate. Its share is the one it
 * began with, times how its rate compares to that; no arm goes below one slot. Counts fade with every round, for what
 * was new becomes old.
 *
 * Between rounds a draw is one look into a table, so it costs nanoseconds. Deterministic in the generators' states.
 * Nothing is allocated. */
#ifndef FUZZ_MESSAGE_BANDIT_H
#define FUZZ_MESSAGE_BANDIT_H

#include "base/random.h"

#include <stdbool.h>

#define BANDIT_ARMS_MAX 128
#define BANDIT_SLOTS    1024
#define BANDIT_ROUND    512 /* results */
#define BANDIT_PRIOR    64.0

struct bandit {
    size_t count;
    struct {
        double tried, won;
        double share; /* it began with; all together 1 */
    } arms[BANDIT_ARMS_MAX];
    uint32_t results; /* of this round */
    uint8_t slots[BANDIT_SLOTS];
};

/* `shares` of what an arm gets before anything is known, in any unit; NULL: equal ones. 1 to BANDIT_ARMS_MAX arms. */
void bandit_init(struct bandit *b, size_t arms, const uint8_t *shares);
static inline size_t bandit_draw(const struct bandit *b, struct random *r)
{
    return b->slots[random_next(r) % BANDIT_SLOTS];
}
/* What came of a draw, and what it cost: 1 is what draws cost on the average. The generator is for the round's end. */
void bandit_paid(struct bandit *b, struct random *r, size_t arm, bool success, double cost);
static inline void bandit_result(struct bandit *b, struct random *r, size_t arm, bool success)
{
    bandit_paid(b, r, arm, success, 1);
}
double bandit_share(const struct bandit *b, size_t arm); /* of the draws, now */

#endif
