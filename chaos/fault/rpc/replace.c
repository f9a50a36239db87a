#include "chaos/fault/rpc/rpc.h"

enum { STATUS = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"status", "number of the gRPC status", FAULT_COUNT, 1, 16, 13, 14},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_REPLACE, .status = (int)f->parameters[STATUS]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_replace = {
    RPC_FAULT,
    .name = "rpc-replace",
    .summary = "the component does its work, and the caller gets another status than its answer",
    .parameters = parameters,
    .inject = inject,
};
