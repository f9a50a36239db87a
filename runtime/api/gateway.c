#include "runtime/api/gateway.h"

#include "runtime/api/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define METADATA_MAX (GATEWAY_FORWARD_MAX + 8)
#define COOKIE       "micro-token="

/* One request on its way; in the exchange's arena, so it lives until the exchange is finished. */
struct passage {
    struct gateway *gateway;
    struct http_exchange *x;
    struct api_target target;
    const char *token, *namespace, *request_id;
    struct rpc_stream *stream;
    struct world_timer begin; /* a stream nobody refused gets its head even when it has nothing to say yet */
    struct text first;        /* the first message of an endpoint that should answer once; kept until the call ends */
    bool has_first;
    bool streams;   /* the endpoint answers more than once, as far as we know */
    bool streaming; /* the answer's head is out */
    bool gone;
};

/* ---- answers ---- */

static void respond_error(struct http_exchange *x, const struct micro_error *e)
{
    struct text body = TEXT_INIT;
    api_error_json(e, &body);
    if (e->code == 401)
        http_add_header(x, "WWW-Authenticate", "Bearer");
    http_respond(x, e->code, "application/json", text_bytes(&body));
    text_deinit(&body);
}

static void respond_failure(struct http_exchange *x, int code, const char *detail)
{
    struct micro_error e;
    api_error_set(&e, code, API_ERROR_ID, detail);
    respond_error(x, &e);
}

static void add_common_headers(struct passage *p)
{
    http_add_header(p->x, "X-Request-Id", p->request_id);
    /* Any page may call with a token it holds itself; cookies are not sent along, since credentials are not allowed. */
    http_add_header(p->x, "Access-Control-Allow-Origin", "*");
    http_add_header(p->x, "Access-Control-Expose-Headers", "X-Request-Id");
}

static void respond_preflight(struct http_exchange *x)
{
    http_add_header(x, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS");
    http_add_header(x, "Access-Control-Allow-Headers",
                    "Accept, Authorization, Content-Type, Micro-Namespace, X-Request-Id");
    http_add_header(x, "Access-Control-Max-Age", "3600");
    http_respond(x, 200, "application/json", BYTES_NONE);
}

/* ---- what the client showed ---- */

static bool printable(const char *value)
{
    for (; *value; value++) {
        if (*value < ' ' || *value > '~')
            return false;
    }
    return true;
}

/* The client's own when it can be passed on, else a fresh one. */
static const char *request_id(struct passage *p)
{
    const char *given = http_request_header(p->x, "x-request-id");
    if (given && given[0] && strlen(given) <= GATEWAY_REQUEST_ID_MAX && printable(given))
        return given;
    struct random *r = world_random(p->gateway->world);
    return arena_printf(http_arena(p->x), "%016llx%016llx", (unsigned long long)random_next(r),
                        (unsigned long long)random_next(r));
}

/* A page of another site must not act with the cookie the browser adds by itself: with an Origin that is not ours, the
 * cookie does not count. */
static bool same_origin(const struct http_exchange *x)
{
    const char *origin = http_request_header(x, "origin"), *host = http_request_header(x, "host");
    if (!origin)
        return true;
    const char *at = strstr(origin, "://");
    return at && host && strcasecmp(at + 3, host) == 0;
}

static const char *cookie_token(struct passage *p)
{
    const char *cookies = http_request_header(p->x, "cookie");
    if (!cookies || !same_origin(p->x))
        return NULL;
    for (const char *c = cookies; *c;) {
        c += strspn(c, "; ");
        size_t len = strcspn(c, ";");
        if (len > strlen(COOKIE) && strncmp(c, COOKIE, strlen(COOKIE)) == 0) {
            const char *value = c + strlen(COOKIE);
            len -= strlen(COOKIE);
            if (strncmp(value, "Bearer ", 7) == 0 || strncmp(value, "Bearer%20", 9) == 0) {
                size_t skip = value[6] == ' ' ? 7 : 9;
                value += skip;
                len -= skip;
            }
            return arena_string_n(http_arena(p->x), value, len);
        }
        c += len;
    }
    return NULL;
}

/* Fills token and namespace. False: the exchange was answered. */
static bool read_caller(struct passage *p)
{
    const char *header = http_request_header(p->x, "authorization");
    const char *issuer = NULL;
    if (header) {
        if (strncasecmp(header, "Bearer ", 7) != 0) {
            respond_failure(p->x, 401, "unauthorized request: the scheme must be Bearer");
            return false;
        }
        p->token = header + 7 + strspn(header + 7, " ");
    } else {
        p->token = cookie_token(p);
    }
    const char *key = p->gateway->options->public_key;
    if (p->token && key) {
        struct error err = ERROR_INIT;
        int64_t now = world_wall(p->gateway->world) / SECOND;
        int rc = api_callers_verify(&p->gateway->callers, key, p->token, now, &issuer, &err);
        if (rc < 0) {
            char detail[256];
            snprintf(detail, sizeof detail, "unauthorized request: %s", err.message ? err.message : "bad token");
            respond_failure(p->x, rc == ERROR_MEMORY ? 503 : 401, detail);
            error_clear(&err);
            return false;
        }
        issuer = arena_string(http_arena(p->x), issuer);
    }
    const char *namespace = http_request_header(p->x, "micro-namespace");
    p->namespace = namespace && namespace[0] ? namespace : issuer && issuer[0] ? issuer : MICRO_NAMESPACE;
    if (!printable(p->namespace)) {
        respond_failure(p->x, 400, "the header Micro-Namespace has characters that cannot be passed on");
        return false;
    }
    return true;
}

/* ---- the call's events ---- */

static void begin_streaming(struct passage *p)
{
    if (p->streaming || p->gone)
        return;
    p->streaming = true;
    http_begin(p->x, 200, "application/x-ndjson");
}

static void begin_waited(void *arg)
{
    begin_streaming(arg);
}

/* The service took the call; a refusal comes without this and gets a status of its own. */
static void stream_headers(void *arg, struct grpc_metadata headers)
{
    struct passage *p = arg;
    (void)headers;
    if (p->streams)
        begin_streaming(p);
}

static void stream_message(void *arg, struct bytes message)
{
    struct passage *p = arg;
    if (p->gone)
        return;
    if (!p->streams && !p->has_first) {
        p->has_first = true;
        text_add(&p->first, message.data, message.len);
        return;
    }
    if (!p->streams) { /* a second answer where one was expected: a stream after all */
        p->streams = true;
        begin_streaming(p);
        text_char(&p->first, '\n');
        http_write(p->x, text_bytes(&p->first));
    }
    begin_streaming(p);
    struct text line = TEXT_INIT;
    text_add(&line, message.data, message.len);
    text_char(&line, '\n');
    http_write(p->x, text_bytes(&line));
    text_deinit(&line);
    if (p->stream && http_queued(p->x) > WORLD_WRITE_HIGH)
        rpc_stream_pause(p->stream);
}

static void client_ready(void *arg)
{
    struct passage *p = arg;
    if (p->stream)
        rpc_stream_resume(p->stream);
}

static void stream_finished(void *arg, const struct rpc_reply *reply)
{
    struct passage *p = arg;
    struct micro_error e;
    p->stream = NULL;
    world_timer_stop(&p->begin);
    if (reply->status == GRPC_UNAVAILABLE)
        api_routes_forget(&p->gateway->routes, p->target.service);
    struct text first = p->first; /* the passage may be gone once the exchange is answered */
    if (p->streaming) {
        if (reply->status != GRPC_OK) { /* the status line is out already: the error is the last line */
            struct text line = TEXT_INIT;
            api_error_of(reply->status, reply->message, &e);
            api_error_json(&e, &line);
            text_char(&line, '\n');
            http_write(p->x, text_bytes(&line));
            text_deinit(&line);
        }
        http_finish(p->x);
    } else if (reply->status != GRPC_OK) {
        api_error_of(reply->status, reply->message, &e);
        respond_error(p->x, &e);
    } else if (!text_ok(&first)) {
        respond_failure(p->x, 503, "out of memory");
    } else if (!p->has_first || first.len == 0) {
        http_respond(p->x, 204, NULL, BYTES_NONE);
    } else {
        http_respond(p->x, 200, "application/json", text_bytes(&first));
    }
    text_deinit(&first);
}

static void client_gone(void *arg)
{
    struct passage *p = arg;
    p->gone = true;
    if (p->stream)
        rpc_stream_cancel(p->stream);
}

static const struct rpc_stream_events stream_events = {
    .headers = stream_headers, .message = stream_message, .finished = stream_finished};

/* ---- the call ---- */

static void add(struct grpc_header *headers, size_t *count, const char *name, const char *value)
{
    if (*count < METADATA_MAX)
        headers[(*count)++] = (struct grpc_header){bytes_of(name), bytes_of(value)};
}

/* Headers with a meaning beyond this hop: x-* and micro-*, and what says where the request comes from. */
static bool is_forwarded(const char *name)
{
    static const char *const always[] = {"accept-language", "origin", "referer", NULL};
    static const char *const never[] = {"micro-namespace", "x-request-id", "x-forwarded-for", "x-content-type", NULL};
    size_t len = strlen(name);
    for (size_t i = 0; never[i]; i++) {
        if (strcmp(name, never[i]) == 0)
            return false;
    }
    if (len > 4 && strcmp(name + len - 4, "-bin") == 0)
        return false;
    for (size_t i = 0; always[i]; i++) {
        if (strcmp(name, always[i]) == 0)
            return true;
    }
    return strncmp(name, "x-", 2) == 0 || strncmp(name, "micro-", 6) == 0;
}

static void forward_headers(struct passage *p, struct grpc_header *headers, size_t *count)
{
    const struct http1_head *head = http_head(p->x);
    struct arena *arena = http_arena(p->x);
    for (size_t i = 0; i < head->header_count && *count < GATEWAY_FORWARD_MAX; i++) {
        char *name = arena_string_n(arena, (const char *)head->headers[i].name.data, head->headers[i].name.len);
        char *value = arena_string_n(arena, (const char *)head->headers[i].value.data, head->headers[i].value.len);
        if (!name || !value)
            return;
        for (char *c = name; *c; c++) {
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c - 'A' + 'a');
        }
        if (is_forwarded(name) && printable(value))
            add(headers, count, name, value);
    }
}

static void open_call(struct passage *p, const struct api_route *route)
{
    struct text body = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct rpc_channel *channel = NULL;
    struct grpc_header headers[METADATA_MAX];
    size_t count = 0;
    int status = 400;
    const struct api_request request = {
        .query = http_query(p->x),
        .content_type = http_request_header(p->x, "content-type"),
        .body = http_body(p->x),
        .schema = route->schema,
    };
    int rc = api_request_json(&request, &body, &status, &err);
    if (rc < 0) {
        struct text words = TEXT_INIT;
        error_format(&err, &words);
        respond_failure(p->x, status, text_string(&words));
        text_deinit(&words);
        goto out;
    }
    char path[API_GRPC_MAX];
    api_path_grpc(&p->target, path);
    forward_headers(p, headers, &count);
    add(headers, &count, "micro-namespace", p->namespace);
    add(headers, &count, "x-request-id", p->request_id);
    add(headers, &count, "x-forwarded-for", http_peer(p->x));
    add(headers, &count, "x-content-type", "application/json");
    if (p->token) {
        const char *authorization = arena_printf(http_arena(p->x), "Bearer %s", p->token);
        if (authorization)
            add(headers, &count, "authorization", authorization);
    }
    p->streams = route->streams;
    const struct rpc_request call = {
        .path = path,
        .metadata = {headers, count},
        .timeout = route->streams ? 0 : GATEWAY_TIMEOUT,
        .content_type = "application/grpc+json",
        .message = body.len ? text_bytes(&body) : bytes_of("{}"),
        .has_message = true,
    };
    rc = micro_service_channel(p->gateway->service, p->target.service, &channel, &err);
    if (rc == 0)
        rc = rpc_stream_open(channel, &call, &stream_events, p, &p->stream, &err);
    if (rc < 0) {
        respond_failure(p->x, 503, err.message ? err.message : error_code_name(rc));
        goto out;
    }
    world_timer_init(&p->begin, p->gateway->world, begin_waited, p);
    if (p->streams)
        (void)world_timer_start(&p->begin, GATEWAY_STREAM_BEGIN); /* without it the head comes with the first answer */
    http_on_cancel(p->x, client_gone, p);
    http_on_drained(p->x, client_ready, p);
out:
    text_deinit(&body);
    error_clear(&err);
}

static void route_found(void *arg, const struct api_route *route)
{
    struct passage *p = arg;
    if (http_gone(p->x)) {
        http_finish(p->x);
        return;
    }
    if (route->code != 200) {
        char detail[API_NAME_MAX + 600];
        snprintf(detail, sizeof detail, "%s: %s", p->target.service, route->detail);
        respond_failure(p->x, route->code, detail);
        return;
    }
    open_call(p, route);
}

void gateway_handle(void *arg, struct http_exchange *x)
{
    struct gateway *g = arg;
    const char *method = http_method(x);
    struct passage *p = ARENA_NEW(http_arena(x), struct passage);
    if (p) {
        p->gateway = g;
        p->x = x;
        p->request_id = request_id(p);
    }
    if (!p || !p->request_id) {
        respond_failure(x, 503, "out of memory");
        return;
    }
    add_common_headers(p);
    if (strcmp(method, "OPTIONS") == 0) {
        respond_preflight(x);
        return;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0 &&
        strcmp(method, "PATCH") != 0 && strcmp(method, "DELETE") != 0) {
        http_add_header(x, "Allow", "GET, POST, PUT, PATCH, DELETE, OPTIONS");
        respond_failure(x, 405, "method not allowed");
        return;
    }
    if (http_head(x)->upgrade) {
        respond_failure(x, 501, "WebSocket is not implemented; a stream answers plain HTTP with a JSON object a line");
        return;
    }
    if (strcmp(http_path(x), "/") == 0) {
        http_respond(x, 200, "application/json", bytes_of("{\"version\":\"" GATEWAY_VERSION "\"}"));
        return;
    }
    struct error err = ERROR_INIT;
    if (api_path_parse(http_path(x), &p->target, &err) < 0) {
        respond_failure(x, 404, err.message ? err.message : "not found");
        error_clear(&err);
        return;
    }
    if (read_caller(p))
        api_routes_find(&g->routes, &p->target, route_found, p);
}
