#include "base/units.h"
#include "chaos/fault/fault.h"

static int inject(struct target *t, const char *component, struct error *err)
{
    return t->operations->act(t, component, TARGET_PARTITION, err);
}

static int heal(struct target *t, const char *component, struct error *err)
{
    return t->operations->act(t, component, TARGET_HEAL, err);
}

const struct chaos_fault fault_partition = {
    .name = "partition",
    .summary = "the component is cut off from all others; bytes stall and arrive after healing",
    .simulation_only = true,
    .hold_min = 100 * (uint64_t)MILLISECOND,
    .hold_max = 3000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = heal,
};
