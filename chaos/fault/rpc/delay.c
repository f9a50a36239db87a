#include "chaos/fault/rpc/rpc.h"

enum { DELAY = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"delay", "of each", FAULT_DURATION, 0, MINUTE, 20 * MILLISECOND, SECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_DELAY_CALL, .delay = (uint64_t)f->parameters[DELAY]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_delay = {
    .name = "rpc-delay",
    .family = "rpc",
    .summary = "calls reach the component late",
    .parameters = parameters,
    .drivers = RPC_DRIVERS,
    .scope = FAULT_OF_METHOD,
    .hold_min = RPC_HOLD_MIN,
    .hold_max = RPC_HOLD_MAX,
    .down_from_heal = true,
    .possible = rpc_possible,
    .inject = inject,
    .verify = rpc_verify,
    .heal = rpc_heal,
};
