#include "base/units.h"
#include "chaos/fault/faults.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return fault_act(f, TARGET_KILL, err);
}

const struct chaos_fault fault_kill = {
    .name = "kill",
    .family = "process",
    .summary = "SIGKILL: the process is gone in mid-work; its supervisor starts it again",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 200 * (uint64_t)MILLISECOND,
    .inject = inject,
    .heal = fault_start_again,
};
