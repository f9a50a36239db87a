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
    NETWORK_FAULT,
    .name = "connection-limit",
    .summary = "a link takes few connections at a time; more are closed as they come",
    .parameters = parameters,
    .inject = inject,
};
