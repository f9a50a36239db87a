#include "chaos/fault/network/network.h"

enum { SHARE, SIZE };

static const struct fault_parameter parameters[] = {
    {"share", "of the pieces are followed by some", FAULT_SHARE, 1, PROXY_SHARE_ALL, 1000, 100000},
    {"size", "of them", FAULT_SIZE, 1, 65536, 1, 100},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.garbage = (uint32_t)f->parameters[SHARE],
                                       .garbage_size = (size_t)f->parameters[SIZE]};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_garbage = {
    NETWORK_FAULT,
    .name = "garbage",
    .summary = "random bytes come among what is said and heard",
    .parameters = parameters,
    .asked_only = true,
    .inject = inject,
};
