#include "chaos/fault/network/network.h"

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.lose = true, .door = PROXY_DOOR_SILENT};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_blackhole = {
    NETWORK_FAULT,
    .name = "blackhole",
    .summary = "bytes vanish and new connections hang; nobody is told",
    .inject = inject,
};
