#include "chaos/fault/rpc/rpc.h"

enum { BITS = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"bits", "of the first message", FAULT_COUNT, 1, 1000, 1, 8},
    {0},
};

/* Drawn only when it is asked for: nobody can tell a flipped bit from an answer. */
static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_CORRUPT, .count = (uint32_t)f->parameters[BITS]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_corrupt = {
    .name = "rpc-corrupt",
    .family = "rpc",
    .summary = "bits of the answers are flipped",
    .parameters = parameters,
    .drivers = RPC_DRIVERS,
    .scope = FAULT_OF_METHOD,
    .asked_only = true,
    .hold_min = RPC_HOLD_MIN,
    .hold_max = RPC_HOLD_MAX,
    .down_from_heal = true,
    .possible = rpc_possible,
    .inject = inject,
    .verify = rpc_verify,
    .heal = rpc_heal,
};
