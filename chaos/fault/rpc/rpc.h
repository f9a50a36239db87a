/* What the faults of gRPC calls share: a rule (chaos/proxy/rule.h) on the links that lead to a component (from its peer
 * alone, when one is given), for one method or for all. The first two parameters of each say which calls.
 *
 * The rule is the injection's `state`. What it holds goes on when it is taken away; calls left in silence are reset. */
#ifndef CHAOS_FAULT_RPC_H
#define CHAOS_FAULT_RPC_H

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "chaos/proxy/rule.h"

#define RPC_DRIVERS  (FAULT_ON_PROCESSES | FAULT_ON_SIM)
#define RPC_HOLD_MIN ((uint64_t)(300 * MILLISECOND))
#define RPC_HOLD_MAX ((uint64_t)(3 * SECOND))

/* Rows every one of these faults begins with, and the numbers of its own after them. */
enum { RPC_SHARE, RPC_NTH, RPC_OWN };
#define RPC_PARAMETERS                                                                                                 \
    {"share", "of the calls", FAULT_SHARE, 1, PROXY_SHARE_ALL, PROXY_SHARE_ALL / 20, PROXY_SHARE_ALL},                 \
    {                                                                                                                  \
        "nth", "only the n-th call from the injection on; 0: each by its share", FAULT_COUNT, 0, 1000000000, 0, 0      \
    }

int rpc_possible(struct target *t, struct error *err);
/* `shape`: the rule but for what the parameters, the method and the seed say. */
int rpc_inject(struct fault_injection *f, const struct proxy_rule *shape, struct error *err);
int rpc_verify(struct fault_injection *f, struct error *err);
int rpc_heal(struct fault_injection *f, struct error *err);

/* The rest of a fault of this family. */
#define RPC_FAULT                                                                                                      \
    .family = "rpc", .drivers = RPC_DRIVERS, .scope = FAULT_OF_METHOD, .hold_min = RPC_HOLD_MIN,                       \
    .hold_max = RPC_HOLD_MAX, .down_from_heal = true, .possible = rpc_possible, .verify = rpc_verify, .heal = rpc_heal

#endif
