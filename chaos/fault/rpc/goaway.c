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
    RPC_FAULT,
    .name = "rpc-goaway",
    .summary = "the connection a call comes on takes no more calls; this one goes on",
    .parameters = parameters,
    .inject = inject,
};
