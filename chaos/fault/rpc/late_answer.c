#include "chaos/fault/rpc/rpc.h"

enum { DELAY = RPC_OWN };

static const struct fault_parameter parameters[] = {
    RPC_PARAMETERS,
    {"delay", "after the deadline", FAULT_DURATION, 0, MINUTE, MILLISECOND, SECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule shape = {.kind = RULE_LATE, .delay = (uint64_t)f->parameters[DELAY]};
    return rpc_inject(f, &shape, err);
}

const struct chaos_fault fault_rpc_late_answer = {
    RPC_FAULT,
    .name = "rpc-late-answer",
    .summary = "the answer comes after the deadline, and the component is not told that nobody waits",
    .parameters = parameters,
    .inject = inject,
};
