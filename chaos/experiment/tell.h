/* What an experiment tells in figures: what the seed drew, what became of each step of the schedule, how the load was
 * before, during and after the storm (tables of the result stream), and from when on readers were current after each
 * fault. docs/results.md. */
#ifndef CHAOS_EXPERIMENT_TELL_H
#define CHAOS_EXPERIMENT_TELL_H

#include "chaos/experiment/storm.h"

/* `swarm`: as schedule_draw() says it, lines of "name: value". */
void tell_swarm(struct target *t, uint64_t seed, const char *swarm, size_t steps);
void tell_schedule(const struct storm *s, uint64_t seed);

/* Times on the target's clock; a phase that never came is 0 to 0. */
struct tell_phase {
    const char *name;
    uint64_t from, to;
};
void tell_load(struct target *t, const struct load *l, uint64_t seed, const struct tell_phase *phases, size_t count);

/* After the load: a line "converged" for each recovery, of the latest of the workloads' readers; none where they were
 * not current again before the next fault, or within STORM_BACK_WITHIN of the answer. */
int tell_converged(const struct storm *s, struct workload *const *workloads, size_t count, struct error *err);

#endif
