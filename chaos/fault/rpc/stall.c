#include "chaos/fault/rpc/rpc.h"

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_STALL};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_stall = {
    RPC_FAULT,
    .name = "rpc-stall",
    .summary = "calls begin and their messages wait; no window is opened for more",
    .parameters = parameters,
    .inject = inject,
};
