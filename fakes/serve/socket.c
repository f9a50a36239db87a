/* The doubles by WebSocket: each message is one JSON object in a text frame, both ways. Of a method that takes one
 * request the first message is it; of one that takes a stream every message is a request, and an empty one, or the
 * client's orderly close, says that there are no more. An error is sent as its JSON and then closes.
 *
 * A socket outlives the exchange that it came by, so it has an arena of its own. */
#include "fakes/serve/http.h"

#include "rpc/websocket.h"

#include <stdlib.h>

#define WAITING_MAX 1024 /* messages that were read before the client heard that it is to wait */

struct socket {
    struct fake_server *server;
    struct arena arena;
    struct websocket *web;      /* NULL once it is over */
    struct fake_stream *stream; /* NULL once it is over */
    const struct pb_method *method;
    struct grpc_metadata metadata;
    struct world_task feed;
    ARRAY(struct text) waiting;
    bool paused, end_waits;
    int depth; /* our callbacks on the stack */
};

static void leave(struct socket *s)
{
    if (--s->depth > 0 || s->stream != NULL || s->web != NULL)
        return;
    world_task_cancel(&s->feed);
    for (size_t i = 0; i < s->waiting.count; i++)
        text_deinit(&s->waiting.items[i]);
    array_deinit(&s->waiting);
    arena_deinit(&s->arena);
    free(s);
}

static void close_web(struct socket *s, int code, const char *reason)
{
    struct websocket *web = s->web;
    s->web = NULL;
    if (web != NULL)
        websocket_close(web, code, reason);
}

/* ---- what the exchange says ------------------------------------------------------------------------------------- */

static void put_header(void *carried, const char *name, struct bytes value)
{
    (void)carried; /* a WebSocket has no place for them behind its handshake */
    (void)name;
    (void)value;
}

static int send(void *carried, struct bytes reply)
{
    struct socket *s = carried;
    struct text json = TEXT_INIT;
    int code = 0;
    if (s->web == NULL)
        return 0; /* nobody listens any more */
    code = pb_wire_to_json(s->method->output, reply, PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS, &json, NULL);
    if (code == 0)
        code = text_ok(&json) ? websocket_send(s->web, true, text_bytes(&json)) : ERROR_MEMORY;
    text_deinit(&json);
    return code;
}

static size_t queued(const void *carried)
{
    const struct socket *s = carried;
    return s->web != NULL ? websocket_queued(s->web) : 0;
}

static bool busy(const void *carried)
{
    return queued(carried) > WORLD_WRITE_HIGH;
}

static void pause_socket(void *carried)
{
    struct socket *s = carried;
    s->paused = true;
    if (s->web != NULL)
        websocket_pause(s->web);
}

static void resume_socket(void *carried)
{
    struct socket *s = carried;
    s->paused = false;
    if (s->web != NULL)
        websocket_resume(s->web);
    world_task_post(&s->feed);
}

static int close_code(int http)
{
    return http == 400 || http == 415 ? WS_UNSUPPORTED : http == 401 || http == 403 ? WS_POLICY : WS_INTERNAL;
}

static void finish(void *carried, int status, struct bytes message, struct bytes details)
{
    struct socket *s = carried;
    struct text json = TEXT_INIT;
    (void)details;
    s->depth++;
    s->stream = NULL;
    if (status != GRPC_OK && s->web != NULL) {
        int code = http_error_json(status, message, &json);
        if (text_ok(&json))
            (void)websocket_send(s->web, true, text_bytes(&json));
        close_web(s, close_code(code), grpc_status_name(status));
    }
    close_web(s, WS_NORMAL, "");
    text_deinit(&json);
    leave(s);
}

static void break_off(void *carried)
{
    struct socket *s = carried;
    struct websocket *web = s->web;
    s->depth++;
    s->stream = NULL;
    s->web = NULL;
    if (web != NULL)
        websocket_abort(web);
    leave(s);
}

static const struct carrier carrier = {
    .header = put_header,
    .trailer = put_header,
    .send = send,
    .busy = busy,
    .queued = queued,
    .pause = pause_socket,
    .resume = resume_socket,
    .finish = finish,
    .reset = break_off,
    .disconnect = break_off,
};

/* ---- what the client says --------------------------------------------------------------------------------------- */

static void take(struct socket *s, struct bytes message)
{
    bool many = s->method->client_streaming;
    if (many && message.len == 0) {
        exchange_complete(s->stream);
        return;
    }
    if (!exchange_json(s->stream, message.len > 0 ? message : bytes_of("{}"), NULL) || many)
        return;
    if (s->stream != NULL)
        exchange_complete(s->stream);
}

static void feed(void *arg)
{
    struct socket *s = arg;
    s->depth++;
    while (s->stream != NULL && !s->paused && s->waiting.count > 0) {
        struct text message = s->waiting.items[0];
        array_remove(&s->waiting, 0);
        take(s, text_bytes(&message));
        text_deinit(&message);
    }
    if (s->stream != NULL && !s->paused && s->end_waits)
        exchange_complete(s->stream);
    if (s->web == NULL && s->stream != NULL && !s->paused) {
        exchange_gone(s->stream);
        s->stream = NULL;
    }
    leave(s);
}

static void on_message(void *arg, bool text, struct bytes message)
{
    struct socket *s = arg;
    s->depth++;
    if (s->stream == NULL) {
        /* it has ended already */
    } else if (!text) {
        exchange_refuse(s->stream, GRPC_INVALID_ARGUMENT, "a message must be JSON in a text frame");
    } else if (!s->paused && s->waiting.count == 0) {
        take(s, message);
    } else {
        struct text copy = TEXT_INIT;
        text_add(&copy, message.data, message.len);
        if (s->waiting.count >= WAITING_MAX || !text_ok(&copy) || !array_push(&s->waiting, copy)) {
            text_deinit(&copy);
            exchange_refuse(s->stream, GRPC_RESOURCE_EXHAUSTED, "too many messages wait to be read");
        }
    }
    leave(s);
}

static void on_drained(void *arg)
{
    struct socket *s = arg;
    s->depth++;
    if (s->stream != NULL)
        exchange_writable(s->stream);
    leave(s);
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct socket *s = arg;
    (void)reason;
    s->depth++;
    s->web = NULL;
    if (s->stream != NULL && code == WS_NORMAL && s->method->client_streaming) {
        s->end_waits = true;
        if (!s->paused)
            feed(s);
    }
    if (s->stream != NULL) {
        exchange_gone(s->stream);
        s->stream = NULL;
    }
    leave(s);
}

static void refuse(struct http_exchange *x, int status, const char *why)
{
    struct text body = TEXT_INIT;
    if (status == 426)
        http_add_header(x, "Sec-WebSocket-Version", "13");
    text_puts(&body, "{\"id\":\"go.micro.api\",\"code\":");
    text_printf(&body, "%d,\"detail\":\"", status);
    text_json(&body, why, strlen(why));
    text_printf(&body, "\",\"status\":\"%s\"}", http1_reason(status));
    http_respond(x, status, "application/json", text_bytes(&body));
    text_deinit(&body);
}

void socket_open(struct fake_server *server, struct http_exchange *x, struct served_method *m)
{
    static const struct websocket_events events = {.message = on_message, .drained = on_drained, .closed = on_closed};
    struct socket *s = calloc(1, sizeof *s);
    struct rpc_header_list list = {0};
    const char *why = "out of memory", *caller = NULL;
    int status = 503;
    if (s != NULL)
        caller = arena_string(&s->arena, http_peer(x));
    if (caller == NULL || rpc_metadata_copy(&s->arena, http_metadata(x, &list), &s->metadata) != 0) {
        refuse(x, status, why);
        free(s);
        return;
    }
    s->server = server;
    s->method = m->method;
    s->depth = 1;
    world_task_init(&s->feed, server->world, feed, s);
    struct exchange_call call = {.method = m,
                                 .carrier = &carrier,
                                 .carried = s,
                                 .metadata = s->metadata,
                                 .caller = caller,
                                 .deadline = UINT64_MAX};
    int code = websocket_accept(x, &(struct websocket_options){.message_max = FAKE_REQUEST_MAX}, &events, s, &s->web,
                                &status, &why);
    if (code != 0)
        refuse(x, status, why);
    else if ((s->stream = exchange_open(server, &call)) == NULL)
        close_web(s, WS_INTERNAL, "out of memory");
    leave(s);
}
