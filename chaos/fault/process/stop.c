#include "base/units.h"
#include "chaos/fault/faults.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return fault_act(f, TARGET_STOP, err);
}

const struct chaos_fault fault_stop = {
    .name = "stop",
    .family = "process",
    .summary = "SIGSTOP, then SIGCONT: the process hangs for a while with its connections open",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 100 * (uint64_t)MILLISECOND,
    .hold_max = 1500 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = fault_continue,
};
