#include "chaos/fault/rpc/rpc.h"

enum { ERROR = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"error", "number of the HTTP/2 error", FAULT_COUNT, 0, 13, 1, 2},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_RESET, .h2_error = (uint32_t)f->parameters[ERROR]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_reset = {
    .name = "rpc-reset",
    .family = "rpc",
    .summary = "the streams of calls are reset before they reach the component",
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
