#include "chaos/fault/network/network.h"

enum { DELAY, JITTER };

static const struct fault_parameter parameters[] = {
    {"delay", "each way", FAULT_DURATION, MILLISECOND, MINUTE, 10 * MILLISECOND, 300 * MILLISECOND},
    {"jitter", "added, up to this much", FAULT_DURATION, 0, MINUTE, 0, 50 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.delay = (uint64_t)f->parameters[DELAY],
                                       .jitter = (uint64_t)f->parameters[JITTER]};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_latency = {
    NETWORK_FAULT,
    .name = "latency",
    .summary = "what is said and heard comes later, by a delay and a jitter",
    .parameters = parameters,
    .inject = inject,
};
