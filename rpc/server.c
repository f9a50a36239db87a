#include "rpc/server_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* ---- the engine's callbacks ------------------------------------------------------------------------------------ */

static void on_request(void *arg, struct grpc_stream *stream, struct bytes path, struct grpc_metadata metadata,
                       uint64_t timeout)
{
    struct server_connection *connection = arg;
    struct rpc_call *c = connection->server ? server_call_new(connection, stream) : NULL;
    if (!c || server_call_describe(c, path, metadata) != 0) {
        if (c) {
            server_call_abort(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
            return;
        }
        grpc_stream_finish(stream, GRPC_RESOURCE_EXHAUSTED, bytes_of("out of memory"), BYTES_NONE,
                           (struct grpc_metadata){0});
        return;
    }
    server_call_set_deadline(c, timeout);
    server_dispatch(c);
}

static void on_message(void *arg, struct grpc_stream *stream, struct bytes message, size_t window_cost)
{
    (void)arg;
    struct rpc_call *c = grpc_stream_user(stream);
    if (c)
        server_call_message(c, message, window_cost);
    else
        grpc_stream_consumed(stream, window_cost);
}

static void on_half_closed(void *arg, struct grpc_stream *stream)
{
    (void)arg;
    struct rpc_call *c = grpc_stream_user(stream);
    if (c)
        server_call_half_closed(c);
}

static void on_cancelled(void *arg, struct grpc_stream *stream)
{
    (void)arg;
    struct rpc_call *c = grpc_stream_user(stream);
    if (c)
        server_call_lost(c);
}

static void on_writable(void *arg, struct grpc_stream *stream)
{
    (void)arg;
    struct rpc_call *c = grpc_stream_user(stream);
    if (!c || !c->was_busy || c->finished)
        return;
    c->was_busy = false;
    struct rpc_call *before = server_call_enter(c);
    if (c->route.method && c->route.method->writable)
        c->route.method->writable(c, c->route.context);
    else if (c->route.handler && c->route.handler->writable)
        c->route.handler->writable(c, c->route.context);
    server_call_leave(c, before);
    server_call_release(c);
}

static void on_closed(void *arg, struct grpc_stream *stream)
{
    (void)arg;
    struct rpc_call *c = grpc_stream_user(stream);
    if (c)
        server_call_lost(c);
}

static const struct grpc_events engine_events = {
    .request = on_request,
    .message = on_message,
    .half_closed = on_half_closed,
    .cancelled = on_cancelled,
    .writable = on_writable,
    .closed = on_closed,
};

/* ---- connections ------------------------------------------------------------------------------------------------ */

static void connection_unlink(struct server_connection *c)
{
    if (!c->server)
        return;
    *c->back = c->next;
    if (c->next)
        c->next->back = c->back;
    c->server->connection_count--;
    c->server->full_told = false;
    if (c->server->draining)
        world_task_post(&c->server->drained);
    c->server = NULL;
}

static void on_ended(struct rpc_link *link, int reason, const char *why)
{
    struct server_connection *c = (struct server_connection *)link;
    if (reason == ERROR_PROTOCOL || reason == ERROR_TIMEOUT || reason == ERROR_MEMORY)
        log_debug("rpc", "connection from %s: %s", c->peer, why);
    /* Calls that end with the connection still need their server: it is forgotten in `release`. */
    rpc_link_close(&c->link);
}

static void on_release(struct rpc_link *link)
{
    struct server_connection *c = (struct server_connection *)link;
    connection_unlink(c);
    free(c->peer);
    free(c);
}

static const struct rpc_link_events link_events = {.ended = on_ended, .release = on_release};

static void on_accept(void *arg, struct world_stream *stream)
{
    struct rpc_server *s = arg;
    if (s->draining || s->connection_count >= s->options.connections_max) {
        if (!s->draining && !s->full_told)
            log_warn("rpc", "connection from %s refused: %u are open already", world_stream_peer(stream),
                     s->connection_count);
        s->full_told = true; /* once, not for each of a flood */
        world_stream_close(stream);
        return;
    }
    struct server_connection *c = calloc(1, sizeof *c);
    struct error err = ERROR_INIT;
    if (!c || !(c->peer = strdup(world_stream_peer(stream))) ||
        rpc_link_init(&c->link, s->world, &s->settings, &engine_events, c, &link_events, s->options.tls, NULL, &err) !=
            0) {
        log_warn("rpc", "connection from %s refused: %s", world_stream_peer(stream),
                 err.message ? err.message : "out of memory");
        error_clear(&err);
        if (c)
            free(c->peer);
        free(c);
        world_stream_close(stream);
        return;
    }
    c->server = s;
    c->next = s->connections;
    if (c->next)
        c->next->back = &c->next;
    c->back = &s->connections;
    s->connections = c;
    s->connection_count++;
    rpc_link_accept(&c->link, stream);
}

/* ---- drain ------------------------------------------------------------------------------------------------------ */

static void close_listeners(struct rpc_server *s)
{
    while (s->listeners) {
        struct server_listener *l = s->listeners;
        s->listeners = l->next;
        world_listener_close(l->listener);
        free(l);
    }
}

static void close_connections(struct rpc_server *s)
{
    /* Closing may run handlers, which may close more: always take the first. One whose engine is on the stack stays
     * listed until that returns, so it is unlinked here. */
    while (s->connections) {
        struct server_connection *c = s->connections;
        rpc_link_close(&c->link);
        if (s->connections == c) {
            *c->back = c->next;
            if (c->next)
                c->next->back = c->back;
            s->connection_count--;
            c->server = NULL;
        }
    }
}

/* Calls whose clients are cut off, told to their handlers; those that still are not finished have lost their server. */
static void cut_calls(struct rpc_server *s)
{
    for (struct rpc_call *c = s->calls, *next; c; c = next) {
        next = c->next;
        if (c->cancelled)
            continue;
        server_call_lost(c);
        next = s->calls; /* its handler may have finished others */
    }
}

static void check_drained(void *arg)
{
    struct rpc_server *s = arg;
    if (!s->draining || s->connections || s->call_count > 0 || !s->drain_done)
        return;
    world_timer_stop(&s->grace);
    void (*done)(void *) = s->drain_done;
    s->drain_done = NULL;
    done(s->drain_arg); /* may free the server */
}

/* The grace is over: clients are told so that they know to go elsewhere, and get a moment to hear it. */
static bool tell_the_rest(struct rpc_server *s)
{
    if (s->told || s->call_count == 0 || world_timer_start(&s->grace, RPC_LAST_WORDS) != 0)
        return false;
    s->told = true;
    log_warn("rpc", "%zu calls still in flight were ended at the end of the grace period", s->call_count);
    for (struct rpc_call *c = s->calls, *next; c; c = next) {
        next = c->next;
        if (c->cancelled || c->finished)
            continue;
        server_call_abort(c, GRPC_UNAVAILABLE, "the server is shutting down");
        next = s->calls; /* its handler may have finished others */
    }
    return true;
}

static void on_grace(void *arg)
{
    struct rpc_server *s = arg;
    if (tell_the_rest(s))
        return;
    cut_calls(s);
    close_connections(s);
    /* A handler that will not finish its call must not hold up the end: the call is its own to clean up. */
    while (s->calls) {
        struct rpc_call *c = s->calls;
        s->calls = c->next;
        if (c->next)
            c->next->back = &s->calls;
        c->next = NULL;
        c->back = NULL;
        c->server = NULL;
        s->call_count--;
    }
    world_task_post(&s->drained);
}

void server_call_ended(struct rpc_server *s)
{
    if (s->draining && s->call_count == 0)
        world_task_post(&s->drained);
}

void rpc_server_drain(struct rpc_server *s, uint64_t grace, void (*done)(void *arg), void *arg)
{
    s->drain_done = done;
    s->drain_arg = arg;
    if (!s->draining) {
        s->draining = true;
        close_listeners(s);
        server_health_drain(s);
        for (struct server_connection *c = s->connections; c; c = c->next) {
            grpc_conn_drain(c->link.conn);
            rpc_link_schedule(&c->link);
        }
    }
    if (world_timer_start(&s->grace, grace) != 0)
        on_grace(s);
    world_task_post(&s->drained);
}

/* ---- making and listening --------------------------------------------------------------------------------------- */

int rpc_server_new(struct world *w, const struct rpc_server_options *options, struct rpc_server **out,
                   struct error *err)
{
    struct rpc_server *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->world = w;
    if (options)
        s->options = *options;
    if (s->options.connections_max == 0)
        s->options.connections_max = RPC_CONNECTIONS_MAX_DEFAULT;
    grpc_settings_init(&s->settings, true);
    if (s->options.message_max)
        s->settings.message_max = s->options.message_max;
    if (s->options.streams_max)
        s->settings.streams_max = s->options.streams_max;
    s->settings.keepalive_every = s->options.keepalive_every;
    s->settings.keepalive_timeout = s->options.keepalive_timeout;
    s->settings.ping_min = s->options.ping_min;
    s->settings.gzip = true;
    s->settings.tls = s->options.tls != NULL;
    world_timer_init(&s->grace, w, on_grace, s);
    world_task_init(&s->drained, w, check_drained, s);
    *out = s;
    return 0;
}

int rpc_server_listen(struct rpc_server *s, const char *address, struct error *err)
{
    struct server_listener *l = calloc(1, sizeof *l);
    if (!l)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = world_listen(s->world, address, on_accept, s, &l->listener, err);
    if (rc) {
        free(l);
        return rc;
    }
    if (!s->listeners)
        s->port = world_listener_port(l->listener);
    l->next = s->listeners;
    s->listeners = l;
    return 0;
}

struct world *rpc_server_world(const struct rpc_server *s)
{
    return s->world;
}

int rpc_server_port(const struct rpc_server *s)
{
    return s->port;
}

size_t rpc_server_calls(const struct rpc_server *s)
{
    return s->call_count;
}

struct rpc_call *rpc_server_current(const struct rpc_server *s)
{
    return s->current;
}

void rpc_server_set_guard(struct rpc_server *s, bool (*guard)(struct rpc_call *call, void *context), void *context)
{
    s->guard = guard;
    s->guard_context = context;
}

void rpc_server_set_observer(struct rpc_server *s,
                             void (*observe)(void *context, const struct rpc_call *call, int status, uint64_t duration),
                             void *context)
{
    s->observe = observe;
    s->observe_context = context;
}

void rpc_server_free(struct rpc_server *s)
{
    if (!s)
        return;
    s->drain_done = NULL;
    s->draining = true;
    world_timer_stop(&s->grace);
    close_listeners(s);
    cut_calls(s);
    close_connections(s);
    world_task_cancel(&s->drained);
    for (struct rpc_call *c = s->calls, *next; c; c = next) {
        next = c->next;
        c->server = NULL;
        c->next = NULL;
        c->back = NULL;
    }
    server_health_free(s);
    server_reflection_free(s);
    server_call_free_list(s);
    server_routes_free(s);
    text_deinit(&s->scratch);
    free(s);
}
