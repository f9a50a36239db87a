#include "chaos/fault/rpc/rpc.h"

enum { BITS = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"bits", "of the first message", FAULT_COUNT, 1, 1000, 1, 8},
    {0},
};

/* Drawn only when it is asked for: nobody can tell a flipped bit from an answer. */
static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_CORRUPT, .count = (uint32_t)f->parameters[BITS]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_corrupt = {
    RPC_FAULT,          .name = "rpc-corrupt", .summary = "bits of the answers are flipped", .parameters = parameters,
    .asked_only = true, .inject = inject,
};
