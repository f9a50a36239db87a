/* Handler rpc: the request becomes one gRPC call; its answer is the response, a stream's answers are lines of it.
 *
 * JSON goes as application/grpc+json. A body of a protobuf type goes as it is, and the answer comes as it is, with the
 * type it was asked with.
 *
 * A stream whose caller loses the grant is ended with the error as its last line, or as the answer when nothing was
 * said yet. A call that answers once may finish, as everywhere. */
#include "runtime/api/passage.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Beside the passage, in the same arena. */
struct call {
    struct passage *p;
    struct rpc_stream *stream;
    struct world_timer begin; /* a stream nobody refused gets its head even when it has nothing to say yet */
    struct text first;        /* the first message of an endpoint that should answer once; kept until the call ends */
    const char *binary;       /* the content type of a protobuf request; NULL: JSON */
    bool has_first;
    bool streams;   /* the endpoint answers more than once, as far as we know */
    bool streaming; /* the answer's head is out */
    bool gone;
};

bool call_request(struct passage *p, struct api_schema schema, struct text *out)
{
    struct error err = ERROR_INIT;
    int status = 400;
    const struct api_request request = {.query = http_query(p->x),
                                        .content_type = http_request_header(p->x, "content-type"),
                                        .body = http_body(p->x),
                                        .variables = p->variables,
                                        .variable_count = p->variable_count,
                                        .schema = schema};
    int rc = api_request_json(&request, out, &status, &err);
    if (rc < 0) {
        struct text words = TEXT_INIT;
        error_format(&err, &words);
        answer_failure(p->x, status, text_string(&words));
        text_deinit(&words);
        error_clear(&err);
    }
    return rc == 0;
}

/* ---- the call's events ---- */

static void begin_streaming(struct call *c)
{
    if (c->streaming || c->gone)
        return;
    c->streaming = true;
    http_begin(c->p->x, 200, "application/x-ndjson");
}

static void begin_waited(void *arg)
{
    begin_streaming(arg);
}

/* The service took the call; a refusal comes without this and gets a status of its own. */
static void stream_headers(void *arg, struct grpc_metadata headers)
{
    struct call *c = arg;
    (void)headers;
    if (c->streams)
        begin_streaming(c);
}

static void write_line(struct call *c, struct bytes message)
{
    struct text line = TEXT_INIT;
    text_add(&line, message.data, message.len);
    text_char(&line, '\n');
    http_write(c->p->x, text_bytes(&line));
    text_deinit(&line);
}

static void grant_ended(void *arg, int code, const char *why)
{
    struct call *c = arg;
    (void)code;
    (void)why;
    if (c->streams && c->stream)
        rpc_stream_cancel(c->stream); /* its end says why */
}

static void stream_message(void *arg, struct bytes message)
{
    struct call *c = arg;
    if (c->gone)
        return;
    if (!c->streams && !c->has_first) {
        c->has_first = true;
        text_add(&c->first, message.data, message.len);
        return;
    }
    if (c->binary) { /* bytes without a length cannot follow each other */
        if (c->stream)
            rpc_stream_cancel(c->stream);
        return;
    }
    if (!c->streams) { /* a second answer where one was expected: a stream after all */
        c->streams = true;
        if (c->p->grant.code) {
            grant_ended(c, c->p->grant.code, c->p->grant.why);
            return;
        }
        begin_streaming(c);
        write_line(c, text_bytes(&c->first));
    }
    begin_streaming(c);
    write_line(c, message);
    if (c->stream && http_queued(c->p->x) > WORLD_WRITE_HIGH)
        rpc_stream_pause(c->stream);
}

static void client_ready(void *arg)
{
    struct call *c = arg;
    if (c->stream)
        rpc_stream_resume(c->stream);
}

static void client_gone(void *arg)
{
    struct call *c = arg;
    c->gone = true;
    if (c->stream)
        rpc_stream_cancel(c->stream);
}

static void error_of(const struct call *c, const struct rpc_reply *reply, struct micro_error *e)
{
    const struct grant *g = &c->p->grant;
    c->p->outcome = reply->status;
    if (g->code && reply->status == GRPC_CANCELLED) {
        c->p->outcome = micro_code_to_grpc(g->code);
        api_error_set(e, g->code, API_ERROR_ID, g->why);
    } else {
        api_error_of(reply->status, reply->message, e);
    }
}

static void stream_finished(void *arg, const struct rpc_reply *reply)
{
    struct call *c = arg;
    struct http_exchange *x = c->p->x;
    struct micro_error e;
    c->stream = NULL;
    world_timer_stop(&c->begin);
    error_of(c, reply, &e);
    if (reply->status == GRPC_UNAVAILABLE)
        api_routes_lost(&c->p->gateway->routes, c->p->target.service);
    struct text first = c->first; /* the call is gone once the exchange is answered */
    if (c->streaming) {
        if (reply->status != GRPC_OK) { /* the status line is out already: the error is the last line */
            struct text line = TEXT_INIT;
            api_error_json(&e, &line);
            write_line(c, text_bytes(&line));
            text_deinit(&line);
        }
        http_finish(x);
    } else if (reply->status != GRPC_OK) {
        answer_error(x, &e);
    } else if (!text_ok(&first)) {
        answer_failure(x, 503, "out of memory");
    } else if (!c->has_first || first.len == 0) {
        http_respond(x, 204, NULL, BYTES_NONE);
    } else {
        http_respond(x, 200, c->binary ? c->binary : "application/json", text_bytes(&first));
    }
    text_deinit(&first);
}

static const struct rpc_stream_events stream_events = {
    .headers = stream_headers, .message = stream_message, .finished = stream_finished};

/* ---- the call ---- */

/* Protobuf by one of the names it has: the type without its parameters, in the arena; NULL: another type. */
static const char *binary_type(struct passage *p)
{
    static const char *const types[] = {"application/protobuf",    "application/x-protobuf", "application/proto",
                                        "application/grpc",        "application/grpc+proto", "application/grpc+bytes",
                                        "application/octet-stream"};
    const char *type = http_request_header(p->x, "content-type");
    size_t len = type ? strcspn(type, "; \t") : 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (len == strlen(types[i]) && strncasecmp(type, types[i], len) == 0)
            return types[i];
    }
    return NULL;
}

void call_start(struct passage *p, const struct api_route *route)
{
    struct gateway *g = p->gateway;
    struct arena *arena = http_arena(p->x);
    struct text body = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct rpc_channel *channel = NULL;
    char path[API_GRPC_MAX];
    struct call *c = ARENA_NEW(arena, struct call);
    struct grpc_header *headers = ARENA_NEW_N(arena, struct grpc_header, GATEWAY_METADATA_MAX);
    if (!c || !headers) {
        answer_failure(p->x, 503, "out of memory");
        return;
    }
    *c = (struct call){.p = p, .streams = route->streams, .binary = binary_type(p)};
    if (c->binary && route->streams) {
        answer_failure(p->x, 415, "a stream answers in JSON only: send application/json, or use a WebSocket");
        return;
    }
    if (!c->binary && !call_request(p, route->schema, &body))
        goto out;
    api_path_grpc(&p->target, path);
    const struct rpc_request call = {
        .path = path,
        .metadata = {headers, metadata_collect(p, c->binary ? "application/protobuf" : "application/json", headers)},
        .timeout = p->timeout       ? p->timeout
                   : route->streams ? 0
                                    : GATEWAY_TIMEOUT,
        .content_type = c->binary ? "application/grpc+proto" : "application/grpc+json",
        .message = c->binary  ? http_body(p->x)
                   : body.len ? text_bytes(&body)
                              : bytes_of("{}"),
        .has_message = true,
    };
    int rc = api_routes_channel(&g->routes, route, p->target.service, &channel, &err);
    if (rc == 0)
        rc = rpc_stream_open(channel, &call, &stream_events, c, &c->stream, &err);
    if (rc < 0) {
        answer_failure(p->x, rc == ERROR_LIMIT ? 413 : 503, err.message ? err.message : error_code_name(rc));
        goto out;
    }
    world_timer_init(&c->begin, g->world, begin_waited, c);
    if (c->streams)
        (void)world_timer_start(&c->begin, GATEWAY_STREAM_BEGIN); /* without it the head comes with the first answer */
    http_on_cancel(p->x, client_gone, c);
    http_on_drained(p->x, client_ready, c);
    p->grant.lost = grant_ended;
    p->grant.arg = c;
out:
    text_deinit(&body);
    error_clear(&err);
}
