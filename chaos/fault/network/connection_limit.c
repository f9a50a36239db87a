#include "chaos/fault/network/network.h"

enum { COUNT };

static const struct fault_parameter parameters[] = {
    {"count", "each link takes", FAULT_COUNT, 1, PROXY_CONNECTIONS_MAX, 1, 2},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.connections = (uint32_t)f->parameters[COUNT]};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_connection_limit = {
    .name = "connection-limit",
    .family = "network",
    .summary = "a link takes few connections at a time; more are closed as they come",
    .parameters = parameters,
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
