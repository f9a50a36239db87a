#include "chaos/fault/rpc/rpc.h"

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {0},
};

/* Drawn only when it is asked for: few methods promise to be idempotent. */
static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_TWICE};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_twice = {
    .name = "rpc-twice",
    .family = "rpc",
    .summary = "the component gets calls twice; the first answer counts",
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
