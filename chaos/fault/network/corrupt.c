#include "chaos/fault/network/network.h"

enum { SHARE };

static const struct fault_parameter parameters[] = {
    {"share", "of the bytes", FAULT_SHARE, 1, PROXY_SHARE_ALL, 20, 2000},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.flip = (uint32_t)f->parameters[SHARE]};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_corrupt = {
    NETWORK_FAULT,
    .name = "corrupt",
    .summary = "bits of what is said and heard are flipped",
    .parameters = parameters,
    .asked_only = true,
    .inject = inject,
};
