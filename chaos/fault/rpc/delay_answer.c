#include "chaos/fault/rpc/rpc.h"

enum { DELAY = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"delay", "of each", FAULT_DURATION, 0, MINUTE, 20 * MILLISECOND, SECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_DELAY_ANSWER, .delay = (uint64_t)f->parameters[DELAY]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_delay_answer = {
    RPC_FAULT,
    .name = "rpc-delay-answer",
    .summary = "the component does its work, and the answer comes late",
    .parameters = parameters,
    .inject = inject,
};
