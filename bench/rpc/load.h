/* Closed loops of unary calls on connections to one server: the next call when the last was answered. */
#ifndef BENCH_RPC_LOAD_H
#define BENCH_RPC_LOAD_H

#include "rpc/rpc.h"

#define LOAD_CONNECTIONS_MAX 64

struct load {
    struct world *world;
    const char *program; /* who is told of in messages */
    const char *path;
    struct bytes request;
    int connections, in_flight;                                 /* of each connection */
    bool (*answered)(void *arg, const struct rpc_reply *reply); /* false: the answer is wrong; or NULL */
    void *arg;
    uint64_t calls; /* answered; to be set to 0 at will */
    bool failed;    /* a call was not answered with OK; told on stderr */
    /* own */
    struct load_loop {
        struct load *load;
        struct rpc_channel *channel;
    } loops[LOAD_CONNECTIONS_MAX];
    bool running;
    size_t under_way;
};
void load_start(struct load *l, const char *address);
/* Waits for the calls under way, up to 5 s. False: the load has failed. */
bool load_stop(struct load *l);

#endif
