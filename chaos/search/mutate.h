/* Making trials out of nothing and out of each other. New steps come from the drawing of schedules
 * (chaos/experiment/schedule.h), with a swarm of their own each time, so that what may be drawn is said in one place.
 */
#ifndef CHAOS_SEARCH_MUTATE_H
#define CHAOS_SEARCH_MUTATE_H

#include "chaos/search/trial.h"

/* What trials may be made of. Borrowed. */
struct search_space {
    struct target *target;
    const char *const *faults, *const *targets;   /* as in struct chaos_options; NULL: all */
    const struct workload_kind *const *workloads; /* those that trials choose from, NULL-terminated */
    bool all_workloads;                           /* each trial has all of them: no choice */
    uint64_t duration_max;                        /* ns */
    int clients_max, keys_max, rate_max;
};
/* A trial with everything drawn. ERROR_MEMORY; ERROR_UNSUPPORTED: nothing can be done to anybody. */
int trial_draw(const struct search_space *space, struct random *r, struct trial *out, struct error *err);
/* Of `a`, with one to a few changes; now and then one of them is that its second half is the one of `b` (NULL: never).
 * `made` says what was done. The same errors. */
int trial_mutate(const struct search_space *space, struct random *r, const struct trial *a, const struct trial *b,
                 struct trial *out, struct error *err);

#endif
