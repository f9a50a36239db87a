#include "base/units.h"
#include "chaos/fault/faults.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return fault_act_on_all(f, TARGET_KILL, err);
}

const struct chaos_fault fault_kill_all = {
    .name = "kill-all",
    .family = "process",
    .summary = "SIGKILL to every component, one right after the other",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_SYSTEM,
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = fault_start_all,
};
