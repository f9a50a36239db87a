/* A fault: one file each below chaos/faults/, describing itself. The driver carries it out and sees that it happened.
 */
#ifndef CHAOS_FAULT_H
#define CHAOS_FAULT_H

#include "chaos/chaos.h"

struct chaos_fault {
    const char *name, *summary;
    bool simulation_only;        /* only the sim driver can do it */
    uint64_t hold_min, hold_max; /* ns between inject and heal */
    bool down_from_heal;         /* recovery is counted from the heal (the component was held until then) */
    /* Both return 0 only when the effect was seen. */
    int (*inject)(struct target *t, const char *component, struct error *err);
    int (*heal)(struct target *t, const char *component, struct error *err);
};

extern const struct chaos_fault fault_kill, fault_stop, fault_restart, fault_power_cut, fault_partition;

/* For faults after which somebody has to start the component again: the driver, or the system's own supervisor. */
int fault_start_again(struct target *t, const char *component, struct error *err);

#endif
