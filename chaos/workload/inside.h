/* What the loop of clients (workload.c) and their calls (call.c) share. Not for kinds. */
#ifndef CHAOS_WORKLOAD_INSIDE_H
#define CHAOS_WORKLOAD_INSIDE_H

#include "base/random.h"
#include "chaos/workload/gateway_call.h"
#include "chaos/workload/workload.h"

struct client {
    struct workload_client public;
    workload_answered *answered;
    const char *path;               /* of its call */
    struct http_client_call *fetch; /* at the gateway; NULL: none */
    void (*message)(struct workload_client *c, struct bytes message);
};

struct workload {
    struct target *target;
    const struct workload_kind *kind;
    struct workload_options options;
    struct random random;
    struct history history;
    struct client *clients;
    int32_t next_process;
    int64_t next_value;
    bool running, closing;
    int open;
    size_t final_from;
    char name[64];
    struct workload_window window;
    ARRAY(double) latencies; /* ms, of the window */
    struct latency *latency; /* NULL: nobody wants to know */
    void *state, *client_states;
};

/* Whether its failing is an answer of the component: a cas that saw another value, a removal of what was not there, an
 * empty queue, a token refused. */
bool workload_fail_answers(const struct operation *o);
/* A call at the gateway ends here, unknown. */
void call_give_up(struct client *c);

#endif
