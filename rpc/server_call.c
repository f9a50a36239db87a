#include "rpc/server_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void on_deadline(void *arg);
static void on_resume(void *arg);

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct rpc_call *server_call_new(struct server_connection *connection, struct grpc_stream *stream)
{
    struct rpc_server *s = connection->server;
    struct rpc_call *c = s->free_calls;
    if (c) {
        s->free_calls = c->next;
        s->free_count--;
        struct arena arena = c->arena, message_arena = c->message_arena;
        memset(c, 0, sizeof *c);
        c->arena = arena;
        c->message_arena = message_arena;
    } else {
        c = calloc(1, sizeof *c);
        if (!c)
            return NULL;
    }
    c->server = s;
    c->world = s->world;
    c->connection = connection;
    c->stream = stream;
    c->path = c->service = c->method = "";
    c->peer = connection->peer;
    c->deadline = UINT64_MAX;
    c->started = connection->link.now;
    world_timer_init(&c->deadline_timer, s->world, on_deadline, c);
    world_task_init(&c->resume, s->world, on_resume, c);
    c->next = s->calls;
    if (c->next)
        c->next->back = &c->next;
    c->back = &s->calls;
    s->calls = c;
    s->call_count++;
    grpc_stream_set_user(stream, c);
    return c;
}

/* The wire's side is over: nothing more is sent or received. */
static void detach(struct rpc_call *c)
{
    if (!c->stream)
        return;
    grpc_stream_set_user(c->stream, NULL);
    c->unsent = grpc_stream_queued(c->stream);
    c->stream = NULL;
    c->connection = NULL;
    world_timer_stop(&c->deadline_timer);
    world_task_cancel(&c->resume);
}

static void call_destroy(struct rpc_call *c)
{
    arena_deinit(&c->arena);
    arena_deinit(&c->message_arena);
    free(c);
}

void server_call_release(struct rpc_call *c)
{
    if (!c->finished || c->depth > 0)
        return;
    rpc_inbox_clear(&c->inbox);
    struct rpc_server *s = c->server;
    if (!s || s->free_count >= RPC_FREE_CALLS_MAX) {
        call_destroy(c);
        return;
    }
    if (c->arena.used > RPC_CALL_ARENA_KEEP)
        arena_deinit(&c->arena);
    else
        arena_reset(&c->arena);
    if (c->message_arena.used > RPC_CALL_ARENA_KEEP)
        arena_deinit(&c->message_arena);
    else
        arena_reset(&c->message_arena);
    c->next = s->free_calls;
    s->free_calls = c;
    s->free_count++;
}

struct rpc_call *server_call_enter(struct rpc_call *c)
{
    struct rpc_call *before = c->server ? c->server->current : NULL;
    c->depth++;
    if (c->server)
        c->server->current = c;
    return before;
}

void server_call_leave(struct rpc_call *c, struct rpc_call *before)
{
    c->depth--;
    if (c->server)
        c->server->current = before;
}

void server_call_free_list(struct rpc_server *s)
{
    while (s->free_calls) {
        struct rpc_call *c = s->free_calls;
        s->free_calls = c->next;
        call_destroy(c);
    }
    s->free_count = 0;
}

/* The handler is done with the call, or there was none. */
static void conclude(struct rpc_call *c)
{
    c->finished = true;
    detach(c);
    struct rpc_server *s = c->server;
    if (s) {
        *c->back = c->next;
        if (c->next)
            c->next->back = c->back;
        s->call_count--;
        if (s->observe) {
            uint64_t now = world_now(c->world);
            s->observe(s->observe_context, c, c->status, now > c->started ? now - c->started : 0);
        }
        server_call_ended(s);
    }
    server_call_release(c);
}

static void notify_cancelled(struct rpc_call *c)
{
    if (!c->handed) {
        conclude(c);
        return;
    }
    struct rpc_call *before = server_call_enter(c);
    if (c->route.method && c->route.method->cancelled)
        c->route.method->cancelled(c, c->route.context);
    else if (c->route.handler && c->route.handler->cancelled)
        c->route.handler->cancelled(c, c->route.context);
    server_call_leave(c, before);
    server_call_release(c);
}

void server_call_lost(struct rpc_call *c)
{
    if (c->cancelled || c->finished)
        return;
    c->cancelled = true;
    c->status = GRPC_CANCELLED;
    char *peer = arena_string(&c->arena, c->peer); /* the connection's copy goes with it */
    c->peer = peer ? peer : "";
    detach(c);
    notify_cancelled(c);
}

/* Initial metadata goes out before the first message, and before the trailers of a call that sent none. */
static int flush_headers(struct rpc_call *c)
{
    if (c->headers_sent)
        return 0;
    c->headers_sent = true;
    if (grpc_stream_peer_gzip(c->stream)) /* answer in kind, and only in kind */
        grpc_stream_set_gzip(c->stream, true);
    if (c->headers.count == 0)
        return 0;
    return grpc_stream_send_headers(c->stream,
                                    (struct grpc_metadata){.items = c->headers.items, .count = c->headers.count});
}

/* Tells the client how the call ended. */
static void say_end(struct rpc_call *c, int status, struct bytes message, struct bytes details)
{
    c->status = status;
    int rc = c->headers.count > 0 ? flush_headers(c) : 0;
    if (rc == 0)
        rc = grpc_stream_finish(c->stream, status, message, details,
                                (struct grpc_metadata){.items = c->trailers.items, .count = c->trailers.count});
    if (rc)
        grpc_stream_reset(c->stream, 2 /* INTERNAL_ERROR */);
    rpc_link_schedule(&c->connection->link);
}

void server_call_abort(struct rpc_call *c, int status, const char *message)
{
    if (c->cancelled || c->finished)
        return;
    c->cancelled = true;
    char *peer = arena_string(&c->arena, c->peer);
    c->peer = peer ? peer : "";
    say_end(c, status, bytes_of(message), BYTES_NONE);
    detach(c);
    notify_cancelled(c);
}

static void on_deadline(void *arg)
{
    server_call_abort(arg, GRPC_DEADLINE_EXCEEDED, "deadline exceeded");
}

void server_call_set_deadline(struct rpc_call *c, uint64_t timeout)
{
    uint64_t max = c->server->options.deadline_max;
    if (max && (timeout == 0 || timeout > max))
        timeout = max;
    if (timeout == 0)
        return;
    c->deadline = timeout < UINT64_MAX - c->started ? c->started + timeout : UINT64_MAX;
    /* Without a timer the client's own deadline still ends the call. */
    (void)world_timer_start(&c->deadline_timer, timeout);
}

int server_call_describe(struct rpc_call *c, struct bytes path, struct grpc_metadata metadata)
{
    char *copy = arena_string_n(&c->arena, (const char *)path.data, path.len);
    if (!copy)
        return ERROR_MEMORY;
    c->path = copy;
    int rc = rpc_metadata_copy(&c->arena, metadata, &c->metadata);
    if (rc)
        return rc;
    struct bytes type = grpc_stream_content_type(c->stream);
    static const char json[] = "application/grpc+json";
    size_t n = sizeof json - 1;
    c->json = type.len >= n && memcmp(type.data, json, n) == 0 && (type.len == n || type.data[n] == ';');
    return 0;
}

/* ---- what arrives ----------------------------------------------------------------------------------------------- */

void server_call_message(struct rpc_call *c, struct bytes message, size_t window_cost)
{
    if (c->paused || !rpc_inbox_empty(&c->inbox)) {
        if (!rpc_inbox_put(&c->inbox, message, window_cost))
            server_call_abort(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    grpc_stream_consumed(c->stream, window_cost);
    struct rpc_call *before = server_call_enter(c);
    server_deliver_message(c, message);
    server_call_leave(c, before);
    server_call_release(c);
}

void server_call_half_closed(struct rpc_call *c)
{
    if (c->paused || !rpc_inbox_empty(&c->inbox)) {
        c->half_close_waits = true;
        return;
    }
    if (c->half_closed)
        return;
    c->half_closed = true;
    struct rpc_call *before = server_call_enter(c);
    server_deliver_half_close(c);
    server_call_leave(c, before);
    server_call_release(c);
}

static void on_resume(void *arg)
{
    struct rpc_call *c = arg;
    struct rpc_call *before = server_call_enter(c);
    while (!c->paused && c->stream && !rpc_inbox_empty(&c->inbox)) {
        size_t cost;
        void *storage;
        struct bytes message = rpc_inbox_take(&c->inbox, &cost, &storage);
        grpc_stream_consumed(c->stream, cost);
        server_deliver_message(c, message);
        free(storage);
    }
    if (c->stream) {
        if (!c->paused && c->half_close_waits && !c->half_closed)
            server_call_half_closed(c);
    }
    if (c->stream)
        rpc_link_schedule(&c->connection->link); /* the window that opened */
    server_call_leave(c, before);
    server_call_release(c);
}

void rpc_call_pause(struct rpc_call *c)
{
    c->paused = true;
}

void rpc_call_resume(struct rpc_call *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    if (c->stream)
        world_task_post(&c->resume);
}

/* ---- what a handler asks ---------------------------------------------------------------------------------------- */

struct world *rpc_call_world(const struct rpc_call *c)
{
    return c->world;
}

struct arena *rpc_call_arena(struct rpc_call *c)
{
    return &c->arena;
}

const char *rpc_call_path(const struct rpc_call *c)
{
    return c->path;
}

const char *rpc_call_service(const struct rpc_call *c)
{
    return c->service;
}

const char *rpc_call_method(const struct rpc_call *c)
{
    return c->method;
}

const char *rpc_call_peer(const struct rpc_call *c)
{
    return c->peer;
}

struct grpc_metadata rpc_call_metadata(const struct rpc_call *c)
{
    return c->metadata;
}

const char *rpc_call_header(const struct rpc_call *c, const char *name)
{
    struct bytes value = grpc_metadata_get(c->metadata, name);
    return (const char *)value.data; /* copied with a NUL behind it */
}

uint64_t rpc_call_deadline(const struct rpc_call *c)
{
    return c->deadline;
}

bool rpc_call_cancelled(const struct rpc_call *c)
{
    return c->cancelled;
}

bool rpc_call_json(const struct rpc_call *c)
{
    return c->json;
}

struct bytes rpc_call_content_type(const struct rpc_call *c)
{
    return c->stream ? grpc_stream_content_type(c->stream) : BYTES_NONE;
}

bool rpc_call_gzip(const struct rpc_call *c)
{
    return c->stream && grpc_stream_peer_gzip(c->stream);
}

void rpc_call_set_user(struct rpc_call *c, void *user)
{
    c->user = user;
}

void *rpc_call_user(const struct rpc_call *c)
{
    return c->user;
}

const struct rpc_method *rpc_call_route(const struct rpc_call *c)
{
    return c->route.method;
}

void rpc_call_abort(struct rpc_call *c, int status, const char *message)
{
    server_call_abort(c, status, message);
}

/* The next call is held while one is looked at, since that may end the one and others too. */
void rpc_server_each_call(struct rpc_server *s, void (*each)(void *arg, struct rpc_call *call), void *arg)
{
    struct rpc_call *call = s->calls;
    if (call)
        call->depth++;
    while (call) {
        struct rpc_call *next = call->finished ? s->calls : call->next;
        if (next)
            next->depth++;
        if (!call->finished && !call->cancelled)
            each(arg, call);
        call->depth--;
        server_call_release(call);
        call = next;
    }
}

void rpc_call_set_guard_data(struct rpc_call *c, void *data)
{
    c->guard_data = data;
}

void *rpc_call_guard_data(const struct rpc_call *c)
{
    return c->guard_data;
}

/* ---- what a handler says ---------------------------------------------------------------------------------------- */

int rpc_call_send_header(struct rpc_call *c, const char *name, struct bytes value)
{
    if (c->headers_sent)
        return ERROR_INVALID;
    return rpc_header_list_add(&c->headers, &c->arena, name, value);
}

int rpc_call_flush_headers(struct rpc_call *c)
{
    if (!c->stream)
        return ERROR_CANCELLED;
    if (c->headers_sent)
        return ERROR_INVALID;
    c->headers_sent = true;
    if (grpc_stream_peer_gzip(c->stream))
        grpc_stream_set_gzip(c->stream, true);
    int rc = grpc_stream_send_headers(c->stream,
                                      (struct grpc_metadata){.items = c->headers.items, .count = c->headers.count});
    rpc_link_schedule(&c->connection->link);
    return rc;
}

int rpc_call_send_headers(struct rpc_call *c)
{
    if (!c->stream)
        return ERROR_CANCELLED;
    if (c->headers_sent)
        return 0;
    int rc = flush_headers(c);
    if (rc == 0 && c->headers.count == 0)
        rc = grpc_stream_send_headers(c->stream, (struct grpc_metadata){0});
    rpc_link_schedule(&c->connection->link);
    return rc;
}

int rpc_call_add_trailer(struct rpc_call *c, const char *name, struct bytes value)
{
    return rpc_header_list_add(&c->trailers, &c->arena, name, value);
}

int rpc_call_send_bytes(struct rpc_call *c, struct bytes message)
{
    if (!c->stream)
        return ERROR_CANCELLED;
    int rc = flush_headers(c);
    if (rc == 0)
        rc = grpc_stream_send_message(c->stream, message);
    if (grpc_stream_busy(c->stream))
        c->was_busy = true;
    rpc_link_schedule(&c->connection->link);
    return rc;
}

int rpc_call_send(struct rpc_call *c, const ProtobufCMessage *message)
{
    if (!c->stream)
        return ERROR_CANCELLED;
    struct text *packed = &c->server->scratch;
    text_clear(packed);
    int rc = pb_pack(message, packed);
    if (rc == 0 && !text_ok(packed))
        rc = ERROR_MEMORY;
    if (rc == 0 && c->json) {
        const struct pb_pool *pool = server_pool(c->server);
        const struct pb_type *type = pool ? pb_find_type(pool, message->descriptor->name) : NULL;
        struct text json = TEXT_INIT;
        rc = type ? pb_wire_to_json(type, text_bytes(packed), PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS, &json, NULL)
                  : ERROR_NOT_FOUND;
        if (rc == 0)
            rc = text_ok(&json) ? rpc_call_send_bytes(c, text_bytes(&json)) : ERROR_MEMORY;
        text_deinit(&json);
    } else if (rc == 0) {
        rc = rpc_call_send_bytes(c, text_bytes(packed));
    }
    if (packed->capacity > RPC_SCRATCH_KEEP)
        text_deinit(packed);
    return rc;
}

bool rpc_call_busy(const struct rpc_call *c)
{
    return c->stream && grpc_stream_busy(c->stream);
}

size_t rpc_call_queued(const struct rpc_call *c)
{
    return c->stream ? grpc_stream_queued(c->stream) : c->unsent;
}

void rpc_call_finish_details(struct rpc_call *c, int status, struct bytes message, struct bytes details)
{
    if (c->finished)
        return;
    if (c->stream)
        say_end(c, status, message, details);
    conclude(c);
}

void rpc_call_finish(struct rpc_call *c, int status, const char *message)
{
    rpc_call_finish_details(c, status, message ? bytes_of(message) : BYTES_NONE, BYTES_NONE);
}

void rpc_call_reset(struct rpc_call *c)
{
    if (c->finished)
        return;
    if (c->stream) {
        c->status = GRPC_INTERNAL;
        grpc_stream_reset(c->stream, 2 /* INTERNAL_ERROR */);
        rpc_link_schedule(&c->connection->link);
    }
    conclude(c);
}

void rpc_call_disconnect(struct rpc_call *c)
{
    if (c->finished)
        return;
    struct server_connection *connection = c->connection;
    c->status = connection ? GRPC_UNAVAILABLE : c->status;
    conclude(c);
    if (connection)
        rpc_link_close(&connection->link);
}

void rpc_call_reply(struct rpc_call *c, const ProtobufCMessage *message)
{
    int rc = rpc_call_send(c, message);
    if (rc == 0 || rc == ERROR_CANCELLED)
        rpc_call_finish(c, GRPC_OK, NULL);
    else if (rc == ERROR_NOT_FOUND)
        rpc_call_fail(c, GRPC_INTERNAL, "the answer's type %s is not in the server's descriptors",
                      message->descriptor->name);
    else if (rc == ERROR_MEMORY || rc == ERROR_LIMIT)
        rpc_call_fail(c, GRPC_RESOURCE_EXHAUSTED, "the answer could not be sent: %s", error_code_name(rc));
    else
        rpc_call_fail(c, GRPC_INTERNAL, "the answer could not be sent: %s", error_code_name(rc));
}

void rpc_call_fail(struct rpc_call *c, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct text message = TEXT_INIT;
    text_vprintf(&message, format, args);
    va_end(args);
    rpc_call_finish_details(c, status, text_bytes(&message), BYTES_NONE);
    text_deinit(&message);
}
