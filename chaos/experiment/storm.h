/* The storm: a schedule carried out. Every step is injected at its time, seen to be in force, healed when its time is
 * up, and the component is watched until it answers and the load is back. Several may be in force at a time. */
#ifndef CHAOS_EXPERIMENT_STORM_H
#define CHAOS_EXPERIMENT_STORM_H

#include "chaos/experiment/load.h"
#include "chaos/experiment/probe.h"
#include "chaos/experiment/schedule.h"

struct storm_fault {
    struct fault_injection injection;
    struct probe *probe; /* NULL: none, it is a fault of the system */
    uint64_t since;      /* recovery counts from here: the injection, or the heal */
    uint64_t heal_at;    /* while in force */
    uint64_t give_up;    /* once healed: when it should have answered */
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
};
/* Until the last fault is healed and its component answers, or has failed to in time (a finding). ERROR_CANCELLED when
 * the user wants to stop or a guard broke; what is in force then is healed all the same. */
int storm_run(struct storm *s, struct error *err);
/* Undoes whatever is in force. */
void storm_heal_all(struct storm *s);

#endif
