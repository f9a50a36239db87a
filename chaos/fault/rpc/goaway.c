#include "chaos/fault/rpc/rpc.h"

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_GOAWAY};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_goaway = {
    .name = "rpc-goaway",
    .family = "rpc",
    .summary = "the connection a call comes on takes no more calls; this one goes on",
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
