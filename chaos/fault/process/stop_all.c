#include "base/units.h"
#include "chaos/fault/faults.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return fault_act_on_all(f, TARGET_STOP, err);
}

const struct chaos_fault fault_stop_all = {
    .name = "stop-all",
    .family = "process",
    .summary = "every component is stopped and goes on later, as when a machine is suspended; clients keep their time",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_SYSTEM,
    .hold_min = 100 * (uint64_t)MILLISECOND,
    .hold_max = 3000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = fault_continue_all,
};
