/* What the loop of clients (workload.c) and their calls (call.c) share. Not for kinds. */
#ifndef CHAOS_WORKLOAD_INSIDE_H
#define CHAOS_WORKLOAD_INSIDE_H

#include "base/random.h"
#include "chaos/workload/workload.h"

struct client {
    struct workload_client public;
    workload_answered *answered;
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
    void *state, *client_states;
};

#endif
