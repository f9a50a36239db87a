/* What `harrow chaos` was asked for, and what `harrow run` asks for in its place. */
#ifndef HARROW_CHAOS_RUN_H
#define HARROW_CHAOS_RUN_H

#include "chaos/experiment/plan.h"
#include "chaos/experiment/schedule.h"
#include "harrow/system/system.h"

/* When what fails is made smaller by running it again and again. */
enum chaos_shrink {
    CHAOS_SHRINK_NEVER,
    CHAOS_SHRINK_SIMULATED, /* when it fails in simulation as well, where a run takes a second or two */
    CHAOS_SHRINK_ALWAYS,
    CHAOS_SHRINK_UNCONFIRMED, /* as simulated, and the small one is not run as processes */
};

/* What is not given (0, NULL, -1 for the rate) is as the plan says, and else the default. */
struct chaos_request {
    const char *plan_path; /* as typed, for replays; NULL: no plan */
    const struct chaos_plan *plan;
    const char *schedule_path; /* a schedule of an earlier run; NULL: none */
    int64_t duration, settle, recovery_within, clients, keys, rate;
    const char *const *faults, *const *targets; /* NULL-terminated */
    const struct workload_kind *const *workloads;
    bool direct; /* no links between the parts */
    enum chaos_shrink shrink;
};
#define CHAOS_REQUEST_NONE ((struct chaos_request){.rate = -1})

#define CHAOS_RATE_DEFAULT     2000
#define CHAOS_DURATION_DEFAULT (20 * SECOND)
#define CHAOS_SETTLE_DEFAULT   (10 * SECOND)
#define CHAOS_CLIENTS_DEFAULT  8
#define CHAOS_KEYS_DEFAULT     5

/* The options of one experiment. */
struct chaos_options chaos_request_options(const struct chaos_request *q);
/* The command that runs it again: with that schedule (NULL: drawn again), those options, that driver. In the arena. */
const char *chaos_replay(struct run *r, const struct chaos_request *q, const struct chaos_options *o,
                         const char *schedule, const char *driver, uint64_t seed);

/* Makes the failing experiment smaller by running it again and again, each time as a process of its own, in simulation
 * first when it fails there as well; then says how often the small one fails as processes. Told as a finding, with the
 * schedule in the run's folder. `schedule` is the file of the one that failed, `failure` what failed
 * (chaos_summary.failure). 0 or a negative code. */
int chaos_make_smaller(struct run *r, struct system *s, const struct chaos_request *q, const struct chaos_options *o,
                       const char *schedule, const char *failure, struct error *err);
/* What failed in simulation, run as processes a few times. */
struct chaos_confirmed {
    int tries, times, otherwise; /* that it ran; that it failed so; that something else failed first */
    char other[80];              /* what, the last time */
    char why_not[80];            /* no try was made */
};
/* `failure` is a case's name or a finding's oracle, or what a search calls it. No try begins when it failed so `enough`
 * times, or after `until` on the run's clock (0: no end). */
void chaos_confirm(struct run *r, const struct chaos_request *q, const struct chaos_options *o, const char *failure,
                   uint64_t seed, int enough, uint64_t until, struct chaos_confirmed *out);
/* "as processes it failed 2 times of 3: confirmed", a line. */
void chaos_confirmed_print(const struct chaos_confirmed *c, struct text *out);
/* A file of steps, checked against the running system; the caller frees *out. */
int chaos_load_schedule(struct run *r, struct system *s, const char *path, uint64_t seed, struct chaos_schedule *out,
                        struct error *err);

#endif
