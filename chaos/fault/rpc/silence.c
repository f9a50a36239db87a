#include "chaos/fault/rpc/rpc.h"

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_SILENCE};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_silence = {
    RPC_FAULT,
    .name = "rpc-silence",
    .summary = "calls are answered with headers, and then nothing",
    .parameters = parameters,
    .inject = inject,
};
