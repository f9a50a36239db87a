#include "chaos/fault/rpc/rpc.h"

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_NO_TRAILERS};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_no_trailers = {
    .name = "rpc-no-trailers",
    .family = "rpc",
    .summary = "answers end without the trailers that carry their status",
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
