/* For tests that play cases against a server of their own in the simulated world: the server, what every such server
 * does with calls, and a result stream that is kept. */
#ifndef FUZZ_LIVE_TEST_KIT_H
#define FUZZ_LIVE_TEST_KIT_H

#include "base/test.h"

#include "base/result.h"
#include "rpc/rpc.h"
#include "wire/grpc.h"
#include "world/world.h"

#include <string.h>

/* ---- handlers ---- */

static inline void kit_open(struct rpc_call *call, void *service)
{
    (void)call;
    (void)service;
}

static inline void kit_cancelled(struct rpc_call *call, void *service)
{
    (void)service;
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

/* Of a server that says back what it is sent: calls with a user are not answered, and Stream never ends. */
static inline void kit_echo_half_closed(struct rpc_call *call, void *service)
{
    (void)service;
    if (!rpc_call_user(call) && !strstr(rpc_call_path(call), "/Stream"))
        rpc_call_finish(call, GRPC_OK, "");
}

/* A server on the node's port 7000, for all paths. The caller owns it. */
static inline struct rpc_server *kit_serve(struct world *node, const struct rpc_handler *handler, void *service,
                                           bool health)
{
    struct rpc_server *server = NULL;
    assert_int_equal(rpc_server_new(node, &(struct rpc_server_options){0}, &server, NULL), 0);
    if (health)
        assert_int_equal(rpc_server_add_health(server), 0);
    rpc_server_set_fallback(server, handler, service);
    assert_int_equal(rpc_server_listen(server, "0.0.0.0:7000", NULL), 0);
    return server;
}

/* ---- results ---- */

static inline int kit_keep_line(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    return 0;
}

static inline uint64_t kit_now(void *arg)
{
    return world_now(arg);
}

/* Its lines are appended to `lines`, which stays the caller's; the clock is that world's. */
static inline struct result_stream kit_results(struct text *lines, struct world *w)
{
    return (struct result_stream){
        .write = kit_keep_line, .arg = lines, .now = kit_now, .now_arg = w, .started = world_now(w)};
}

#endif
