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
    NETWORK_FAULT,
    .name = "slow-reader",
    .summary = "the peers read what the component says slowly, and little ahead",
    .parameters = parameters,
    .inject = inject,
};
