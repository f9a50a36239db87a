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
    RPC_FAULT,
    .name = "rpc-twice",
    .summary = "the component gets calls twice; the first answer counts",
    .parameters = parameters,
    .asked_only = true,
    .inject = inject,
};
