#include "chaos/fault/rpc/rpc.h"

enum { SIZE = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"size", "it says it has", FAULT_SIZE, 1, UINT32_MAX, INT64_C(128) << 20, INT64_C(2) << 30},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_OVERSIZE, .count = (uint32_t)f->parameters[SIZE]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_oversize = {
    RPC_FAULT,
    .name = "rpc-oversize",
    .summary = "answers begin with a message that says it is huge",
    .parameters = parameters,
    .inject = inject,
};
