#include "chaos/fault/network/network.h"

enum { RATE };

static const struct fault_parameter parameters[] = {
    {"rate", "in each direction", FAULT_RATE, 1, 1000000000, 2000, 200000},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.rate = (uint64_t)f->parameters[RATE]};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_bandwidth = {
    NETWORK_FAULT,    .name = "bandwidth", .summary = "the links carry few bytes a second", .parameters = parameters,
    .inject = inject,
};
