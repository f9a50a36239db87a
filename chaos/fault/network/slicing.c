#include "chaos/fault/network/network.h"

enum { PIECE, GAP };

static const struct fault_parameter parameters[] = {
    {"piece", "at a time", FAULT_SIZE, 1, 65536, 1, 64},
    {"gap", "between two", FAULT_DURATION, 0, SECOND, MILLISECOND, 5 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.slice = (size_t)f->parameters[PIECE], .gap = (uint64_t)f->parameters[GAP]};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_slicing = {
    NETWORK_FAULT,
    .name = "slicing",
    .summary = "bytes come in tiny pieces with pauses between them",
    .parameters = parameters,
    .inject = inject,
};
