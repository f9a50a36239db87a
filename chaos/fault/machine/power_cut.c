#include "chaos/fault/machine/cut.h"

static int inject(struct fault_injection *f, struct error *err)
{
    if (fault_sim(f) != NULL)
        return fault_act(f, TARGET_POWER_CUT, err);
    return cut_inject(f, SIM_CRASH_LOTS, err);
}

const struct chaos_fault fault_power_cut = {
    CUT_FAULT,
    .name = "power-cut",
    .summary = "the machine loses power: what was not fsynced is kept, dropped or torn",
    .inject = inject,
};
