/* Chaos: faults against a running target while workloads write histories, and checkers that judge them afterwards.
 *
 * One experiment: a steady state before, faults drawn from the seed (or the one asked for) while the workload runs,
 * heal, a settling time in which everything must answer again, the final reads, the check. docs/chaos.md. */
#ifndef CHAOS_CHAOS_H
#define CHAOS_CHAOS_H

#define CHAOS_WORKLOADS_MAX 16

#include "rpc/target.h"

struct chaos_schedule;
struct workload;
struct workload_kind;

/* What must not last during the storm; when it does the storm ends at once, everything is healed, and the experiment
 * has failed. Held against quarters of a second. */
struct chaos_guards {
    double errors_max;     /* share of operations that fail or have no known end; 0: no such guard */
    double throughput_min; /* share of the steady state's; 0: no such guard */
    uint64_t p99_max;      /* ns; 0: no such guard */
    uint64_t lasting;      /* ns */
};

struct chaos_options {
    uint64_t seed;
    uint64_t duration;          /* ns of faults and load; 0: 10 s */
    uint64_t recovery_within;   /* ns a component may take to answer again; 0: `settle` */
    uint64_t settle;            /* ns after the last heal within which all must answer; 0: 10 s */
    int clients;                /* 0: 8 */
    int keys;                   /* 0: 5 */
    int rate;                   /* operations a second over all clients; 0: as fast as they are answered */
    const char *const *faults;  /* names; NULL: all that the driver can do */
    const char *const *targets; /* component names; NULL: all */
    const struct workload_kind *const *workloads; /* all at once, NULL-terminated; NULL: the first served */
    const struct chaos_schedule *schedule;        /* NULL: drawn from the seed */
    const struct chaos_guards *guards;            /* NULL: none */
    bool violated; /* it shows what a system is known not to keep: it passes when a verdict says so, and only then */
    const char *history;  /* file for the first workload's history as JSON lines, others are beside it; NULL: none. In
                             the binary form it is under the same name ending in .bin, and grows during the run */
    size_t history_lines; /* longer ones are kept in the binary form alone; 0: 50,000 operations, which are 20 MB as
                             lines and half a megabyte in the binary form */
    const char *kept_schedule; /* file for the schedule; NULL: none */
    /* Writes a file of the harness (its disk is the real one even when the target is simulated). */
    int (*write)(void *arg, const char *path, struct bytes content, struct error *err);
    /* The same behind what the file has; NULL: histories are kept as lines only. */
    int (*append)(void *arg, const char *path, struct bytes content, struct error *err);
    void *write_arg;    /* of both */
    const char *replay; /* the one command that repeats this experiment */
    /* Told of every workload once its history is whole; NULL: nobody. */
    void (*look)(void *arg, struct workload *w);
    void *look_arg;
};
struct chaos_summary {
    int64_t operations, ok, failed, unknown, faults, not_injected, lost, violations;
    uint64_t recovery_max, converged; /* ns; from the last heal until all was read and had arrived, 0: it did not */
    int64_t left_out;                 /* steps whose turn did not come in time */
    int64_t expected;                 /* verdicts that say "violated" where that is expected; no violations */
    bool guard_broke;
    bool clocks_moved; /* a fault of the clock was injected */
    char failure[80];  /* the first thing that failed: a case's name, a finding's oracle; "" nothing did */
};
/* Counts a violation and keeps the first one's name. */
void chaos_failed(struct chaos_summary *s, const char *what);

int chaos_run(struct target *t, const struct chaos_options *options, struct chaos_summary *summary, struct error *err);

/* Faults known (chaos/fault/fault.h). */
struct chaos_fault;
extern const struct chaos_fault *const chaos_faults[]; /* NULL-terminated */

#endif
