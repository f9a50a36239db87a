#include "chaos/fault/rpc/rpc.h"

enum { ERROR = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"error", "number of the HTTP/2 error", FAULT_COUNT, 0, 13, 1, 2},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_RESET, .h2_error = (uint32_t)f->parameters[ERROR]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_reset = {
    RPC_FAULT,
    .name = "rpc-reset",
    .summary = "the streams of calls are reset before they reach the component",
    .parameters = parameters,
    .inject = inject,
};
