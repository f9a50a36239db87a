/* What the faults of clocks share: the wall clock of a component set wrong, and right again when it is over, as a time
 * service would. Monotonic time goes on as it does everywhere. A node's clock in simulation; on processes that of the
 * process which is there when the fault is injected (world/false_clock.h). Used by this folder only. */
#ifndef CHAOS_FAULT_CLOCK_H
#define CHAOS_FAULT_CLOCK_H

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "world/false_clock.h"

/* The state of all of them. */
struct clock {
    struct fault_injection *fault;
    struct world_foreign process; /* id 0: in simulation */
    struct world_timer timer;     /* of the strobe, and of the harness: the component may be down */
    uint64_t turns;
};

int clock_possible(struct target *t, struct error *err);
/* For inject; and for changing it afterwards. */
int clock_begin(struct fault_injection *f, const struct false_clock *to, struct error *err);
int clock_change(struct clock *c, const struct false_clock *to, struct error *err);
int clock_verify(struct fault_injection *f,
                 struct error *err); /* times read; in simulation whether, or how often, it is wrong */
int clock_heal(struct fault_injection *f, struct error *err);

/* What they all say. */
#define CLOCK_FAULT                                                                                                    \
    .family = "clock", .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM, .scope = FAULT_OF_COMPONENT,                      \
    .hold_min = (uint64_t)(200 * MILLISECOND), .hold_max = (uint64_t)(3 * SECOND), .possible = clock_possible,         \
    .verify = clock_verify, .heal = clock_heal

#endif
