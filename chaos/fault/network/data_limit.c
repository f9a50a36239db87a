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
    NETWORK_FAULT,
    .name = "data-limit",
    .summary = "a connection ends after so many bytes of a direction",
    .parameters = parameters,
    .inject = inject,
};
