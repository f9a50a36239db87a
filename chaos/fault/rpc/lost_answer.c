#include "chaos/fault/rpc/rpc.h"

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_LOST_ANSWER};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_lost_answer = {
    RPC_FAULT,
    .name = "rpc-lost-answer",
    .summary = "the component does its work, and the caller's connection is reset as the answer comes",
    .parameters = parameters,
    .inject = inject,
};
