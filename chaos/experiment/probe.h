/* A probe asks one component again and again whether it answers (gRPC health, or its HTTP or TCP door), and keeps when
 * it first did not and when it first did again. Everything runs from the loop: many probes at a time disturb nobody. */
#ifndef CHAOS_EXPERIMENT_PROBE_H
#define CHAOS_EXPERIMENT_PROBE_H

#include "rpc/http.h"
#include "rpc/tcp_check.h"

struct probe {
    struct target *target;
    const struct target_component *component;
    struct world_timer next;
    struct rpc_stream *call;
    struct http_client_call *fetch;
    struct tcp_check *check;
    uint64_t asked;      /* when the question under way was put */
    uint64_t not_before; /* answers to questions put earlier say nothing of recovery */
    uint64_t failed;     /* when it was first seen not to answer; 0: not yet */
    uint64_t answered;   /* when it first answered after that, or after `not_before` if it never failed; 0: not yet */
    bool stopped;
};
/* Begins at once; NULL: no memory. `not_before`: see above. */
struct probe *probe_start(struct target *t, const struct target_component *c, uint64_t not_before);
/* From now on only answers to new questions count: what went before was while it was held. */
void probe_mark(struct probe *p);
void probe_stop(struct probe *p); /* frees, as soon as the question under way is over; NULL is fine */

#endif
