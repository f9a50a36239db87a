#include "chaos/fault/network/network.h"

enum { AFTER, RESET };

static const struct fault_parameter parameters[] = {
    {"after", "from the injection, or the connection", FAULT_DURATION, MILLISECOND, MINUTE, 50 * MILLISECOND, SECOND},
    {"reset", "1: by a reset", FAULT_COUNT, 0, 1, 0, 1},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {
        .hold = true, .after = (uint64_t)f->parameters[AFTER], .reset = f->parameters[RESET] != 0};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_timeout_close = {
    NETWORK_FAULT,
    .name = "timeout-close",
    .summary = "bytes wait, and the connection ends when they have waited long enough",
    .parameters = parameters,
    .inject = inject,
};
