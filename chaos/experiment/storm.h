/* The storm: a schedule carried out. Every step is injected at its time, seen to be in force, healed when its time is
 * up, and the component is watched until it answers and the load is back. Several may be in force at a time. */
#ifndef CHAOS_EXPERIMENT_STORM_H
#define CHAOS_EXPERIMENT_STORM_H

#include "chaos/experiment/load.h"
#include "chaos/experiment/probe.h"
#include "chaos/experiment/schedule.h"

/* Of the answer; a load that is not back by then, or readers that are not current, are told as not back. */
#define STORM_BACK_WITHIN ((uint64_t)3000000000) /* ns */

/* What became of a step of the schedule. */
enum storm_outcome { STORM_LEFT_OUT, STORM_NOT_INJECTED, STORM_IN_FORCE, STORM_HEALED, STORM_NOT_HEALED };
struct storm_step {
    enum storm_outcome outcome;
    uint64_t at, healed; /* ns since the storm began */
    uint64_t hits;
    char why[128]; /* it was not injected, or not healed; else "" */
};
struct storm_recovery { /* as it was told */
    const char *component, *fault;
    uint64_t begun, since, answered; /* the fault; from where it is counted; the first success */
};
struct storm_fault {
    struct fault_injection injection;
    size_t step;
    uint64_t begun;
    struct probe *probe; /* NULL: none, it is a fault of the system */
    uint64_t since;      /* recovery counts from here: the injection, or the heal */
    uint64_t heal_at;    /* while in force */
    uint64_t give_up;    /* once healed: when it should have answered */
    uint64_t excused;    /* until then something it needs was down, and it is not to blame; 0: never */
    bool used, in_force;
};
struct storm {
    struct target *target;
    const struct chaos_schedule *schedule;
    struct load *load;
    uint64_t settle;
    uint64_t time;                       /* ns: nothing is injected any more after that */
    const struct chaos_options *options; /* for findings: seed, replay */
    struct chaos_summary *summary;
    struct storm_fault faults[SCHEDULE_TOGETHER_MAX];
    uint64_t started, healed;       /* by storm_run(): its beginning; when nothing was in force any more */
    ARRAY(struct storm_step) steps; /* as many as the schedule's */
    ARRAY(struct storm_recovery) recoveries;
};
/* Until the last fault is healed and its component answers, or has failed to in time (a finding). ERROR_CANCELLED when
 * the user wants to stop or a guard broke; what is in force then is healed all the same. */
int storm_run(struct storm *s, struct error *err);
/* A "fault" line of the result stream; `step` 0: of no schedule. */
void storm_tell_fault(struct target *t, const struct fault_injection *f, size_t step, const char *state, bool verified,
                      const char *detail);
/* Undoes whatever is in force. */
void storm_heal_all(struct storm *s);
void storm_deinit(struct storm *s);

#endif
