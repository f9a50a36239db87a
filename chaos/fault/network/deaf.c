#include "chaos/fault/network/network.h"

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.hold = true};
    return network_inject(f, &shape, NETWORK_HEARS, err);
}

const struct chaos_fault fault_deaf = {
    NETWORK_FAULT,
    .name = "deaf",
    .summary = "what the component is told does not arrive; what it says does",
    .inject = inject,
};
