#include "chaos/fault/network/network.h"

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.lose = true, .door = PROXY_DOOR_SILENT};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_blackhole = {
    .name = "blackhole",
    .family = "network",
    .summary = "bytes vanish and new connections hang; nobody is told",
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
