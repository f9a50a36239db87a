#include "chaos/fault/network/network.h"

enum { BYTES, RESET };

static const struct fault_parameter parameters[] = {
    {"bytes", "it carries", FAULT_SIZE, 1, INT64_C(1) << 40, 100, 20000},
    {"reset", "1: by a reset", FAULT_COUNT, 0, 1, 0, 1},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect shape = {.bytes = (uint64_t)f->parameters[BYTES], .reset = f->parameters[RESET] != 0};
    return network_inject(f, &shape, NETWORK_BOTH, err);
}

const struct chaos_fault fault_data_limit = {
    .name = "data-limit",
    .family = "network",
    .summary = "a connection ends after so many bytes of a direction",
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
