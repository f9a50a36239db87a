#include "chaos/fault/network/network.h"

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.door = PROXY_DOOR_REFUSES};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_refuse = {
    NETWORK_FAULT,
    .name = "refuse",
    .summary = "new connections are refused; those that are open stay",
    .inject = inject,
};
