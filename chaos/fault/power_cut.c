#include "base/units.h"
#include "chaos/fault/fault.h"

static int inject(struct target *t, const char *component, struct error *err)
{
    return t->operations->act(t, component, TARGET_POWER_CUT, err);
}

const struct chaos_fault fault_power_cut = {
    .name = "power-cut",
    .summary = "the machine loses power: what was not fsynced is kept, dropped or torn",
    .simulation_only = true,
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .inject = inject,
    .heal = fault_start_again,
};
