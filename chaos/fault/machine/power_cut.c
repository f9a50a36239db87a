#include "chaos/fault/machine/cut.h"

#include "base/units.h"

static int inject(struct fault_injection *f, struct error *err)
{
    if (fault_sim(f) != NULL)
        return fault_act(f, TARGET_POWER_CUT, err);
    return cut_inject(f, SIM_CRASH_LOTS, err);
}

const struct chaos_fault fault_power_cut = {
    .name = "power-cut",
    .family = "machine",
    .summary = "the machine loses power: what was not fsynced is kept, dropped or torn",
    .parameters = cut_parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .possible = cut_possible,
    .inject = inject,
    .verify = cut_verify,
    .heal = cut_heal,
};
