#include "chaos/fault/machine/cut.h"

#include "base/units.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return fault_sim(f) != NULL ? fault_act_on_all(f, TARGET_POWER_CUT, err) : cut_inject_all(f, SIM_CRASH_LOTS, err);
}

const struct chaos_fault fault_power_cut_all = {
    .name = "power-cut-all",
    .family = "machine",
    .summary = "every machine loses power at once",
    .parameters = cut_parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_SYSTEM,
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = cut_possible,
    .inject = inject,
    .verify = cut_verify,
    .heal = cut_heal_all,
};
