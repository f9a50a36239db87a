/* Handler rpc over a WebSocket, for endpoints that stream. Each message is one JSON object in a text frame, both ways;
 * the first one opens the call. When only the answers are many, the first message is the request and others are a
 * mistake; else each is one request, and the client's close ends them. An error is sent as its JSON and then closes.
 *
 * Back-pressure: a service that reads slowly pauses the client, a client that reads slowly pauses the service.
 *
 * A socket outlives its exchange, so it has an arena of its own. It ends when the WebSocket and the call have ended. */
#include "rpc/websocket.h"
#include "runtime/api/passage.h"

#include <stdlib.h>
#include <string.h>

struct socket {
    struct gateway *gateway;
    struct grant grant;
    struct arena arena;
    struct api_target target;
    struct grpc_header *headers;
    size_t header_count;
    char path[API_GRPC_MAX];
    struct rpc_channel *channel;
    struct websocket *web;     /* NULL once it is over */
    struct rpc_stream *stream; /* NULL before the first message, and once it is over */
    struct world_timer first;
    bool one_request, asked, half_closed, paused;
    uint64_t timeout;
    struct micro_inbound span;
    int outcome;
};

static void release(struct socket *s)
{
    if (s->web || s->stream)
        return;
    if (s->path[0])
        micro_inbound_end(s->gateway->service, &s->span, s->path, s->outcome);
    grant_close(&s->grant);
    world_timer_stop(&s->first);
    arena_deinit(&s->arena);
    free(s);
}

static void close_web(struct socket *s, int code, const char *reason)
{
    struct websocket *web = s->web;
    s->web = NULL;
    websocket_close(web, code, reason);
}

/* ---- the call ---- */

static void send_error(struct socket *s, const struct micro_error *e)
{
    static const struct {
        int http, code;
    } codes[] = {{400, WS_UNSUPPORTED}, {401, WS_POLICY}, {403, WS_POLICY}, {413, WS_TOO_BIG}};
    struct text json = TEXT_INIT;
    int code = WS_INTERNAL;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].http == e->code)
            code = codes[i].code;
    }
    api_error_json(e, &json);
    (void)websocket_send(s->web, true, text_bytes(&json));
    text_deinit(&json);
    close_web(s, code, e->detail);
}

static void stream_message(void *arg, struct bytes message)
{
    struct socket *s = arg;
    if (!s->web)
        return;
    if (websocket_send(s->web, true, message) == 0 && websocket_queued(s->web) > WORLD_WRITE_HIGH && s->stream)
        rpc_stream_pause(s->stream);
}

static void stream_writable(void *arg)
{
    struct socket *s = arg;
    if (s->paused && s->web) {
        s->paused = false;
        websocket_resume(s->web);
    }
}

static void stream_finished(void *arg, const struct rpc_reply *reply)
{
    struct socket *s = arg;
    struct micro_error e;
    s->stream = NULL;
    if (s->outcome == GRPC_OK) /* else we ended it, and it ends as cancelled */
        s->outcome = reply->status;
    if (reply->status == GRPC_UNAVAILABLE)
        api_routes_lost(&s->gateway->routes, s->target.service);
    if (s->web && reply->status == GRPC_OK) {
        close_web(s, WS_NORMAL, "");
    } else if (s->web) {
        api_error_of(reply->status, reply->message, &e);
        send_error(s, &e);
    }
    release(s);
}

static int open_call(struct socket *s, struct bytes message)
{
    static const struct rpc_stream_events events = {
        .message = stream_message, .writable = stream_writable, .finished = stream_finished};
    const struct rpc_request call = {.path = s->path,
                                     .metadata = {s->headers, s->header_count},
                                     .timeout = s->timeout,
                                     .content_type = "application/grpc+json",
                                     .message = message,
                                     .has_message = s->one_request};
    int rc = rpc_stream_open(s->channel, &call, &events, s, &s->stream, NULL);
    if (rc == 0 && !s->one_request)
        rc = rpc_stream_send(s->stream, message);
    if (rc == 0)
        s->half_closed = s->one_request;
    return rc;
}

/* ---- the WebSocket ---- */

static void web_message(void *arg, bool text, struct bytes message)
{
    struct socket *s = arg;
    struct micro_error e;
    int rc = 0;
    if (!text) {
        api_error_set(&e, 400, API_ERROR_ID, "a message must be JSON in a text frame");
    } else if (!s->asked) {
        s->asked = true;
        world_timer_stop(&s->first);
        rc = open_call(s, message.len ? message : bytes_of("{}"));
        api_error_set(&e, 503, API_ERROR_ID, error_code_name(rc));
    } else if (s->half_closed) {
        api_error_set(&e, 400, API_ERROR_ID, "this stream takes one request only");
        rc = ERROR_INVALID;
    } else if (s->stream) {
        rc = rpc_stream_send(s->stream, message);
        api_error_set(&e, 503, API_ERROR_ID, error_code_name(rc));
    }
    if (!text || rc != 0) {
        s->outcome = micro_code_to_grpc(e.code);
        send_error(s, &e);
        if (s->stream)
            rpc_stream_cancel(s->stream);
        else
            release(s);
        return;
    }
    if (s->stream && rpc_stream_busy(s->stream) && !s->paused) {
        s->paused = true;
        websocket_pause(s->web);
    }
}

static void web_drained(void *arg)
{
    struct socket *s = arg;
    if (s->stream)
        rpc_stream_resume(s->stream);
}

static void web_draining(void *arg)
{
    struct socket *s = arg;
    close_web(s, WS_GOING_AWAY, "the gateway stops");
    if (s->stream)
        rpc_stream_cancel(s->stream);
    release(s);
}

static void web_closed(void *arg, int code, struct bytes reason)
{
    struct socket *s = arg;
    (void)code;
    (void)reason;
    s->web = NULL;
    /* Nobody is left to read the answers. */
    if (s->stream)
        rpc_stream_cancel(s->stream);
    release(s);
}

static void grant_ended(void *arg, int code, const char *why)
{
    struct socket *s = arg;
    struct micro_error e;
    if (!s->web)
        return; /* nobody reads, and the call is being cancelled */
    s->outcome = micro_code_to_grpc(code);
    api_error_set(&e, code, API_ERROR_ID, why);
    send_error(s, &e);
    if (s->stream)
        rpc_stream_cancel(s->stream);
    else
        release(s);
}

static void first_missing(void *arg)
{
    struct socket *s = arg;
    s->outcome = GRPC_DEADLINE_EXCEEDED;
    close_web(s, WS_POLICY, "no request came");
    release(s);
}

void socket_start(struct passage *p, const struct api_route *route)
{
    static const struct websocket_events events = {
        .message = web_message, .drained = web_drained, .draining = web_draining, .closed = web_closed};
    struct error err = ERROR_INIT;
    struct grpc_header *headers = ARENA_NEW_N(http_arena(p->x), struct grpc_header, GATEWAY_METADATA_MAX);
    struct socket *s = calloc(1, sizeof *s);
    int status = 503;
    const char *why = "out of memory";
    if (!s || !headers)
        goto refuse;
    *s = (struct socket){.gateway = p->gateway,
                         .target = p->target,
                         .one_request = route->one_request,
                         .timeout = p->timeout,
                         .span = p->span};
    world_timer_init(&s->first, p->gateway->world, first_missing, s);
    size_t count = metadata_collect(p, "application/json", headers);
    struct grpc_header *copies = ARENA_NEW_N(&s->arena, struct grpc_header, count + 1);
    for (size_t i = 0; copies && i < count; i++) {
        const uint8_t *name = arena_copy(&s->arena, headers[i].name.data, headers[i].name.len);
        const uint8_t *value = arena_copy(&s->arena, headers[i].value.data, headers[i].value.len);
        copies[i] = (struct grpc_header){BYTES(name, headers[i].name.len), BYTES(value, headers[i].value.len)};
        if (!name || (!value && headers[i].value.len))
            copies = NULL;
    }
    if (!copies)
        goto refuse;
    s->headers = copies;
    s->header_count = count;
    why = "out of memory, or the token has expired";
    if (!grant_move(&s->grant, p, &s->arena, grant_ended, s))
        goto refuse;
    if (api_routes_channel(&p->gateway->routes, route, p->target.service, &s->channel, &err) != 0) {
        why = err.message ? err.message : "no way to the service";
        goto refuse;
    }
    why = "out of memory";
    if (world_timer_start(&s->first, GATEWAY_SOCKET_FIRST) != 0)
        goto refuse;
    p->told_elsewhere = true;
    if (websocket_accept(p->x, NULL, &events, s, &s->web, &status, &why) != 0) {
        p->told_elsewhere = false;
        goto refuse;
    }
    api_path_grpc(&s->target, s->path); /* from here on the socket tells the span's end */
    error_clear(&err);
    return; /* the passage is gone with its exchange */

refuse:
    if (status == 426)
        http_add_header(p->x, "Sec-WebSocket-Version", "13");
    answer_failure(p->x, status, why);
    error_clear(&err);
    if (s)
        release(s);
}
