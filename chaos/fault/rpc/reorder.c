#include "chaos/fault/rpc/rpc.h"

enum { DELAY = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"delay", "at most", FAULT_DURATION, 0, MINUTE, 20 * MILLISECOND, SECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_REORDER, .delay = (uint64_t)f->parameters[DELAY]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_reorder = {
    RPC_FAULT,
    .name = "rpc-reorder",
    .summary = "an answer waits until the next one has gone by",
    .parameters = parameters,
    .inject = inject,
};
