/* What the faults by loss of power share: the node's machine in simulation; on processes, what the component writes is
 * recorded for a while and then cut (world/power.h). Used by this folder only. */
#ifndef CHAOS_FAULT_CUT_H
#define CHAOS_FAULT_CUT_H

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "world/power.h"

extern const struct fault_parameter cut_parameters[];

int cut_possible(struct target *t, struct error *err);
int cut_inject(struct fault_injection *f, enum sim_crash_keeps keeps, struct error *err);
/* Of every component at once, on processes; what was lost of all. */
int cut_inject_all(struct fault_injection *f, enum sim_crash_keeps keeps, struct error *err);
int cut_verify(struct fault_injection *f, struct error *err); /* what was lost, or that it was cut */
int cut_heal(struct fault_injection *f, struct error *err);
int cut_heal_all(struct fault_injection *f, struct error *err);

/* What those of one component say. */
#define CUT_FAULT                                                                                                      \
    .family = "machine", .parameters = cut_parameters, .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,                   \
    .scope = FAULT_OF_COMPONENT, .hold_max = (uint64_t)(500 * MILLISECOND), .possible = cut_possible,                  \
    .verify = cut_verify, .heal = cut_heal

#endif
