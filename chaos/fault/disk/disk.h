/* What the faults of disks share: the node's disk in simulation, its system calls on processes (world/intercept.h). On
 * processes a fault holds for the process that is there when it is injected. Used by chaos/fault/ only. */
#ifndef CHAOS_FAULT_DISK_H
#define CHAOS_FAULT_DISK_H

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "world/intercept.h"
#include "world/sim.h"

int disk_possible(struct target *t, struct error *err);
int disk_inject(struct fault_injection *f, const struct sim_disk_faults *sim, const struct intercept_rule *process,
                struct error *err);
int disk_verify(struct fault_injection *f, struct error *err); /* operations acted on */
/* The disk is well again, and the component runs, if it can. */
int disk_heal(struct fault_injection *f, struct error *err);

/* What they all say. */
#define DISK_FAULT                                                                                                     \
    .scope = FAULT_OF_COMPONENT, .hold_min = (uint64_t)(200 * MILLISECOND), .hold_max = (uint64_t)(2 * SECOND),        \
    .down_from_heal = true, .possible = disk_possible, .verify = disk_verify, .heal = disk_heal

#endif
