/* What the faults of clocks share: the wall clock of a node, set right again when it is over, as a time service would.
 * Monotonic time goes on as it does everywhere. Used by this folder only. */
#ifndef CHAOS_FAULT_CLOCK_H
#define CHAOS_FAULT_CLOCK_H

#include "chaos/fault/faults.h"
#include "world/sim.h"

int clock_jump(struct fault_injection *f, int64_t by, struct error *err); /* seen to have jumped */
int clock_set_right(struct fault_injection *f, struct error *err);

#endif
