#include "chaos/fault/rpc/rpc.h"

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_TRUNCATE};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_truncate = {
    RPC_FAULT,
    .name = "rpc-truncate",
    .summary = "answers break off in the middle of their first message",
    .parameters = parameters,
    .inject = inject,
};
