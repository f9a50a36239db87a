#include "chaos/fault/network/network.h"

#include <string.h>

/* The simulation can cut a node off itself, so that connecting to it takes as long to fail as it does in earnest. */
static bool simulated(const struct target *t)
{
    return strcmp(t->driver, "sim") == 0;
}

static int possible(struct target *t, struct error *err)
{
    return simulated(t) ? 0 : network_possible(t, err);
}

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.hold = true};
    if (!simulated(f->target))
        return network_inject(f, &shape, NETWORK_BOTH, err);
    return fault_act(f, TARGET_PARTITION, err);
}

/* In simulation the lever itself saw to it. */
static int verify(struct fault_injection *f, struct error *err)
{
    if (!simulated(f->target))
        return network_verify(f, err);
    f->hits = 1;
    return 0;
}

static int heal(struct fault_injection *f, struct error *err)
{
    return simulated(f->target) ? fault_act(f, TARGET_HEAL, err) : network_heal(f, err);
}

const struct chaos_fault fault_partition = {
    .name = "partition",
    .family = "network",
    .summary = "the component is cut off from all others; bytes stall and arrive after healing",
    .drivers = NETWORK_DRIVERS,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 100 * (uint64_t)MILLISECOND,
    .hold_max = NETWORK_HOLD_MAX,
    .down_from_heal = true,
    .possible = possible,
    .inject = inject,
    .verify = verify,
    .heal = heal,
};
