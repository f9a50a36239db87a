/* The load of an experiment: its workloads together, looked at every quarter of a second. The first windows, before
 * any fault, are the baseline; later ones are held against it, for guards and for how long it takes to be back. */
#ifndef CHAOS_EXPERIMENT_LOAD_H
#define CHAOS_EXPERIMENT_LOAD_H

#include "chaos/chaos.h"
#include "chaos/workload/workload.h"

#define LOAD_WINDOW           ((uint64_t)250000000) /* ns */
#define LOAD_BACK_SHARE       0.9                   /* of the baseline's throughput counts as back, */
#define LOAD_BACK_P99         2.0                   /* with a p99 of at most so many times the baseline's, */
#define LOAD_STEADY_WINDOWS   2                     /* half a second */
#define LOAD_STEADY_SHARE     0.25                  /* on a machine others use as well */
#define LOAD_STEADY_SHARE_SIM 0.8                   /* in virtual time, which nobody else takes */
#define LOAD_BACK_SLACK       5.0                   /* or so many ms more than it */

struct load_window {
    uint64_t end;       /* on the target's clock */
    int64_t ok, not_ok; /* failed and unknown */
    double p50, p99;    /* ms; of the slowest workload; 0: nothing was answered */
};
struct load {
    struct target *target;
    struct workload **workloads;
    size_t count;
    struct latency *latency; /* of their calls */
    struct world_timer timer;
    ARRAY(struct load_window) windows;
    size_t baseline_count;            /* windows that were taken before the faults */
    double baseline_ok, baseline_p99; /* a window's mean; ms */
    const struct chaos_guards *guards;
    uint64_t broken_since; /* 0: nothing is broken */
    uint64_t broken_at;    /* when a guard broke for good; the target is then told to hurry */
    char broken[160];      /* which one, in words; "" none did */
};
/* `latency`: where the clients' calls and the storm's faults are counted; outlives the workloads. */
void load_start(struct load *l, struct target *t, struct workload **workloads, size_t count, struct latency *latency,
                const struct chaos_guards *guards);
void load_set_baseline(struct load *l); /* the windows so far */
/* What the windows say that lie whole in [from, to): means of a second for what is counted, medians of the windows for
 * latencies in ms. */
struct load_figures {
    size_t windows;
    double ok, not_ok, p50, p99, p99_max;
};
int load_figures(const struct load *l, uint64_t from, uint64_t to, struct load_figures *out);
/* When the load was back at its baseline after `since`; 0: not yet. */
uint64_t load_back_at(const struct load *l, uint64_t since);
/* Whether the last half second, all of it after `since`, was as the steady state: the share above of its throughput,
 * less three times the square root of what it would be, by which a count differs from the next by chance. */
bool load_is_steady(const struct load *l, uint64_t since);
void load_stop(struct load *l);
void load_deinit(struct load *l);

#endif
