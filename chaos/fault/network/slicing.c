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
    .name = "slicing",
    .family = "network",
    .summary = "bytes come in tiny pieces with pauses between them",
    .parameters = parameters,
    .drivers = NETWORK_DRIVERS,
    .scope = FAULT_OF_LINK,
    .hold_min = NETWORK_HOLD_MIN,
    .hold_max = NETWORK_HOLD_MAX,
    .down_from_heal = true,
    .possible = network_possible,
    .inject = inject,
    .verify = network_verify,
    .heal = network_heal,
};
