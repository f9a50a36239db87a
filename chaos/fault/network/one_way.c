#include "chaos/fault/network/network.h"

/* It arrives after the heal, as with TCP, which sends again. */
static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.hold = true};
    return network_inject(f, &shape, NETWORK_SAYS, err);
}

const struct chaos_fault fault_one_way = {
    NETWORK_FAULT,
    .name = "one-way",
    .summary = "what the component says does not arrive; what it hears does",
    .inject = inject,
};
