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
    .name = "garbage",
    .family = "network",
    .summary = "random bytes come among what is said and heard",
    .parameters = parameters,
    .drivers = NETWORK_DRIVERS,
    .scope = FAULT_OF_LINK,
    .asked_only = true,
    .hold_min = NETWORK_HOLD_MIN,
    .hold_max = NETWORK_HOLD_MAX,
    .down_from_heal = true,
    .possible = network_possible,
    .inject = inject,
    .verify = network_verify,
    .heal = network_heal,
};
