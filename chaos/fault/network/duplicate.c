#include "chaos/fault/network/network.h"

enum { SHARE };

static const struct fault_parameter parameters[] = {
    {"share", "of the pieces", FAULT_SHARE, 1, PROXY_SHARE_ALL, 1000, 100000},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.repeat = (uint32_t)f->parameters[SHARE]};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_duplicate = {
    NETWORK_FAULT,
    .name = "duplicate",
    .summary = "pieces of what is said and heard come twice",
    .parameters = parameters,
    .asked_only = true,
    .inject = inject,
};
