#include "base/units.h"
#include "chaos/fault/faults.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return fault_act(f, TARGET_POWER_CUT, err);
}

const struct chaos_fault fault_power_cut = {
    .name = "power-cut",
    .family = "machine",
    .summary = "the machine loses power: what was not fsynced is kept, dropped or torn",
    .drivers = FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .inject = inject,
    .heal = fault_start_again,
};
