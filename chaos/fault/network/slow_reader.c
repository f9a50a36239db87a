#include "chaos/fault/network/network.h"

enum { RATE, QUEUE };

static const struct fault_parameter parameters[] = {
    {"rate", "they read", FAULT_RATE, 1, 1000000000, 500, 20000},
    {"queue", "they take ahead", FAULT_SIZE, 1, PROXY_QUEUE_MAX, 1024, 16384},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.rate = (uint64_t)f->parameters[RATE], .queue = (size_t)f->parameters[QUEUE]};
    return network_inject(f, &shape, NETWORK_SAYS, err);
}

const struct chaos_fault fault_slow_reader = {
    .name = "slow-reader",
    .family = "network",
    .summary = "the peers read what the component says slowly, and little ahead",
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
