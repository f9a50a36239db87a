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
    .name = "accept-close",
    .family = "network",
    .summary = "new connections are accepted and closed at once",
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
