#include "chaos/fault/rpc/rpc.h"

enum { STATUS = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"status", "number of the gRPC status", FAULT_COUNT, 1, 16, 13, 14},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_STATUS, .status = (int)f->parameters[STATUS]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_status = {
    RPC_FAULT,
    .name = "rpc-status",
    .summary = "calls are answered with a status before they reach the component",
    .parameters = parameters,
    .inject = inject,
};
