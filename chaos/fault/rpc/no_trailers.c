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
    RPC_FAULT,
    .name = "rpc-no-trailers",
    .summary = "answers end without the trailers that carry their status",
    .parameters = parameters,
    .inject = inject,
};
