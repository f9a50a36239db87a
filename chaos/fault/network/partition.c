#include "base/units.h"
#include "chaos/fault/faults.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return fault_act(f, TARGET_PARTITION, err);
}

static int heal(struct fault_injection *f, struct error *err)
{
    return fault_act(f, TARGET_HEAL, err);
}

const struct chaos_fault fault_partition = {
    .name = "partition",
    .family = "network",
    .summary = "the component is cut off from all others; bytes stall and arrive after healing",
    .drivers = FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 100 * (uint64_t)MILLISECOND,
    .hold_max = 3000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = heal,
};
