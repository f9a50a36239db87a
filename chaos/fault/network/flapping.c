#include "chaos/fault/network/network.h"

enum { DOWN, UP };

static const struct fault_parameter parameters[] = {
    {"down", "each time", FAULT_DURATION, MILLISECOND, MINUTE, 50 * MILLISECOND, 400 * MILLISECOND},
    {"up", "between", FAULT_DURATION, MILLISECOND, MINUTE, 50 * MILLISECOND, 400 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {
        .hold = true, .on = (uint64_t)f->parameters[DOWN], .off = (uint64_t)f->parameters[UP]};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_flapping = {
    NETWORK_FAULT,
    .name = "flapping",
    .summary = "the links are cut and come back, again and again",
    .parameters = parameters,
    .inject = inject,
};
