#include "chaos/fault/network/network.h"

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.hold = true};
    return network_inject(f, &shape, NETWORK_HEARS, err);
}

const struct chaos_fault fault_deaf = {
    .name = "deaf",
    .family = "network",
    .summary = "what the component is told does not arrive; what it says does",
    .drivers = NETWORK_DRIVERS,
    .scope = FAULT_OF_LINK,
    .hold_min = NETWORK_HOLD_MIN,
    .hold_max = NETWORK_HOLD_MAX,
    .down_from_heal = true,
    .possible = network_possible,
    .inject = inject,
    .verify = network_verify,
    .heal = network_heal,
};
