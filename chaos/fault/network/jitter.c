#include "chaos/fault/network/network.h"

enum { MOST };

static const struct fault_parameter parameters[] = {
    {"most", "the longest", FAULT_DURATION, MILLISECOND, MINUTE, 50 * MILLISECOND, 500 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.jitter = (uint64_t)f->parameters[MOST]};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_jitter = {
    NETWORK_FAULT,
    .name = "jitter",
    .summary = "each piece of what is said and heard comes later by another lot",
    .parameters = parameters,
    .inject = inject,
};
