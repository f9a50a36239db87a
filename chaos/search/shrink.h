/* Making a failing experiment smaller: without each workload that it does not take, without what comes after the last
 * fault, without all that is done to each component, then fewer faults (delta debugging over the schedule's steps,
 * base/reduce.h), fewer clients and keys, less load, shorter holds. What makes every later try cheaper comes first.
 * Every try is a whole experiment on a fresh system with the same seed. What has to stay is the failure: the same case
 * of the result stream, or a finding of the same oracle. */
#ifndef CHAOS_SEARCH_SHRINK_H
#define CHAOS_SEARCH_SHRINK_H

#include "chaos/experiment/schedule.h"

#define SHRINK_TRIES_DEFAULT 200

/* An experiment as the shrinker changes it. */
struct shrunk {
    struct chaos_schedule schedule;
    const struct workload_kind *workloads[CHAOS_WORKLOADS_MAX + 1];
    struct chaos_options options; /* `schedule` points to the one above, and `workloads`, unless it is NULL */
};
struct shrink_runner {
    /* Runs it on a fresh system, telling nobody. 0 with *failed: whether it failed the same way. ERROR_CANCELLED ends
     * the search; any other error counts as a try in vain. */
    int (*run)(void *arg, const struct chaos_options *options, bool *failed);
    void *arg;
    void (*progress)(void *arg, size_t tries, size_t steps); /* NULL: none; after every success */
    size_t tries;                                            /* 0: SHRINK_TRIES_DEFAULT */
};
/* *out is at least as small as what came in; `minimal`: no step of it can be left out. */
int chaos_shrink(const struct chaos_options *options, const struct shrink_runner *runner, struct shrunk *out,
                 bool *minimal, struct error *err);
void shrunk_deinit(struct shrunk *s);

#endif
