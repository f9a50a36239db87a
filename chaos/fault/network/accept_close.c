#include "chaos/fault/network/network.h"

enum { RESET };

static const struct fault_parameter parameters[] = {
    {"reset", "1: reset, not closed", FAULT_COUNT, 0, 1, 0, 1},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.door = f->parameters[RESET] != 0 ? PROXY_DOOR_RESETS : PROXY_DOOR_CLOSES};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_accept_close = {
    NETWORK_FAULT,
    .name = "accept-close",
    .summary = "new connections are accepted and closed at once",
    .parameters = parameters,
    .inject = inject,
};
