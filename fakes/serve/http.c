/* The doubles by HTTP/1.1 with JSON, as the runtime's gateway has its services (docs/gateway.md).
 *
 *   POST /package.Service/Method      as in gRPC
 *   POST /foo/bar, /foo/bar/baz, ...  Micro's rules: service foo, Foo.Bar; service foo, Bar.Baz
 *   GET  the same                     the request's fields are the query's parameters (http_query.c)
 *   what google.api.http says         path, query and body as there (http_route.c); after the first of these
 *   GET  /                            the services and their methods
 *
 * The body is one JSON object, none at all for an empty request; for a stream of the client's a list, or one object a
 * line. A body of a protobuf type is one message as it is, and so is the answer. A stream of the double's comes as one
 * object a line, chunked. Errors are Micro's JSON, with the HTTP status that belongs to the gRPC one. A WebSocket
 * (socket.c) carries any of the four kinds, a message a frame. */
#include "fakes/serve/http_route.h"

#include "base/base64.h"
#include "rpc/metadata.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define BODY_MAX   FAKE_REQUEST_MAX
#define JSON_FLAGS (PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS)

struct http_front {
    struct fake_server *server;
    struct http_server *http;
    struct http_routes routes;
};

/* One request. It is the exchange's until the answer has begun and ended. */
struct http_call {
    struct http_exchange *x;
    struct fake_stream *stream; /* NULL once it has ended */
    const struct pb_method *method;
    const struct http_route *route; /* NULL: a path of ours */
    struct text bound;              /* what of its messages is in path and query */
    struct text type;               /* of a reply that is no JSON */
    bool numbers;                   /* enums in replies are numbers */
    struct rpc_header_list metadata;
    bool binary; /* protobuf in, protobuf out */
    bool begun;  /* lines have begun */
    bool paused, feeding;
    json_t *list; /* a client's stream as a JSON list; NULL: lines */
    size_t next;  /* in the list, or in the body */
    bool end_said;
    struct text reply; /* of a method that answers with one */
    struct world_timer deadline;
    struct world_task feed;
};

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static void respond_error(struct http_exchange *x, int status, int http_status, struct bytes message)
{
    struct text body = TEXT_INIT;
    int code = http_error_json(status, message, &body);
    http_respond(x, http_status != 0 ? http_status : code, "application/json", text_bytes(&body));
    text_deinit(&body);
}

static void refusal(int status, const char *why, struct text *body)
{
    text_printf(body, "{\"id\":\"go.micro.api\",\"code\":%d,\"detail\":\"", status);
    text_json(body, why[0] != '\0' ? why : http1_reason(status), strlen(why[0] != '\0' ? why : http1_reason(status)));
    text_printf(body, "\",\"status\":\"%s\"}", http1_reason(status));
}

/* ---- what the exchange says ------------------------------------------------------------------------------------- */

static void put_header(void *carried, const char *name, struct bytes value)
{
    struct http_call *c = carried;
    size_t len = strlen(name);
    struct text shown = TEXT_INIT;
    if (len > 4 && strcmp(name + len - 4, "-bin") == 0)
        base64_encode_bare(&shown, value);
    else
        text_add(&shown, value.data, value.len);
    if (!c->begun && text_ok(&shown))
        http_add_header(c->x, name, text_string(&shown));
    text_deinit(&shown);
}

static void put_trailer(void *carried, const char *name, struct bytes value)
{
    struct text full = TEXT_INIT;
    text_printf(&full, "Grpc-Trailer-%s", name);
    if (text_ok(&full))
        put_header(carried, text_string(&full), value);
    text_deinit(&full);
}

static int send_routed(struct http_call *c, struct bytes reply)
{
    struct bytes type;
    int code = http_route_reply(c->route, reply, c->numbers, &c->reply, &type);
    text_clear(&c->type);
    text_add(&c->type, type.data, type.len);
    return code == 0 && !text_ok(&c->type) ? ERROR_MEMORY : code;
}

static int send(void *carried, struct bytes reply)
{
    struct http_call *c = carried;
    int code = 0;
    text_clear(&c->reply);
    if (c->binary)
        text_add(&c->reply, reply.data, reply.len);
    else if (c->route != NULL)
        code = send_routed(c, reply);
    else
        code = pb_wire_to_json(c->method->output, reply, JSON_FLAGS, &c->reply, NULL);
    if (code == 0 && !text_ok(&c->reply))
        code = ERROR_MEMORY;
    if (code != 0 || !c->method->server_streaming)
        return code;
    if (!c->begun)
        http_begin(c->x, 200, "application/x-ndjson");
    c->begun = true;
    text_char(&c->reply, '\n');
    http_write(c->x, text_bytes(&c->reply));
    return 0;
}

static size_t queued(const void *carried)
{
    const struct http_call *c = carried;
    return http_queued(c->x);
}

static bool busy(const void *carried)
{
    return queued(carried) > WORLD_WRITE_HIGH;
}

static void pause_call(void *carried)
{
    struct http_call *c = carried;
    c->paused = true;
}

static void resume_call(void *carried)
{
    struct http_call *c = carried;
    c->paused = false;
    world_task_post(&c->feed);
}

static void call_free(struct http_call *c)
{
    world_timer_stop(&c->deadline);
    world_task_cancel(&c->feed);
    json_decref(c->list);
    text_deinit(&c->reply);
    text_deinit(&c->bound);
    text_deinit(&c->type);
    if (c->feeding)
        c->stream = NULL; /* feed() frees it */
    else
        free(c);
}

static void finish(void *carried, int status, struct bytes message, struct bytes details)
{
    struct http_call *c = carried;
    struct http_exchange *x = c->x;
    (void)details; /* Micro's JSON has no place for them */
    if (c->begun) {
        if (status != GRPC_OK) {
            text_clear(&c->reply);
            (void)http_error_json(status, message, &c->reply);
            text_char(&c->reply, '\n');
            http_write(x, text_bytes(&c->reply));
        }
        http_finish(x);
    } else if (status != GRPC_OK) {
        respond_error(x, status, 0, message);
    } else if (c->method->server_streaming) {
        http_begin(x, 200, "application/x-ndjson");
        http_finish(x);
    } else {
        const char *type = c->binary ? "application/protobuf" : "application/json";
        http_respond(x, 200, c->type.len > 0 ? text_string(&c->type) : type, text_bytes(&c->reply));
    }
    call_free(c);
}

static void break_off(void *carried)
{
    struct http_call *c = carried;
    http_abort(c->x);
    call_free(c);
}

static bool seen(const void *carried, struct call_log_http *out)
{
    const struct http_call *c = carried;
    if (c->binary || c->method->client_streaming || c->method->server_streaming)
        return false;
    *out = (struct call_log_http){.method = http_method(c->x),
                                  .path = http_path(c->x),
                                  .query = http_query(c->x),
                                  .body = http_body(c->x),
                                  .reply = text_bytes(&c->reply)};
    return true;
}

static const struct carrier carrier = {
    .header = put_header,
    .trailer = put_trailer,
    .send = send,
    .busy = busy,
    .queued = queued,
    .pause = pause_call,
    .resume = resume_call,
    .finish = finish,
    .reset = break_off,
    .disconnect = break_off,
    .seen = seen,
};

/* ---- what the client says --------------------------------------------------------------------------------------- */

/* The next object of a client's stream; false when there is none. */
static bool next_message(struct http_call *c, struct bytes *json, const json_t **tree)
{
    struct bytes body = http_body(c->x);
    *tree = NULL;
    if (c->list != NULL) {
        *tree = json_array_get(c->list, c->next++);
        return *tree != NULL;
    }
    while (c->next < body.len) {
        const uint8_t *from = body.data + c->next;
        const uint8_t *end = memchr(from, '\n', body.len - c->next);
        size_t len = end != NULL ? (size_t)(end - from) : body.len - c->next;
        c->next += len + 1;
        *json = BYTES(from, len);
        for (size_t i = 0; i < len; i++)
            if (!isspace(from[i]))
                return true;
    }
    return false;
}

/* The request cannot be made out. */
static void refuse(struct http_call *c, struct error *err)
{
    struct text why = TEXT_INIT;
    error_format(err, &why);
    exchange_refuse(c->stream, err->code == ERROR_MEMORY ? GRPC_RESOURCE_EXHAUSTED : GRPC_INVALID_ARGUMENT,
                    text_string(&why));
    text_deinit(&why);
    error_clear(err);
}

/* A message of a path of google.api.http: the body's part, and what path and query hold, which comes last and wins. */
static void give_routed(struct http_call *c, struct bytes body, const json_t *tree)
{
    struct error err = ERROR_INIT;
    struct text wire = TEXT_INIT;
    struct http_payload payload = {
        .body = body, .tree = tree, .binary = c->binary, .type = http_request_header(c->x, "content-type")};
    int code = http_route_body(c->route, &payload, &wire, &err);
    text_add(&wire, c->bound.data, c->bound.len);
    if (code == 0 && !text_ok(&wire))
        code = error_set(&err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        exchange_message(c->stream, text_bytes(&wire));
    else
        refuse(c, &err);
    text_deinit(&wire);
}

static void give(struct http_call *c, struct bytes body, const json_t *tree)
{
    if (c->route != NULL)
        give_routed(c, body, tree);
    else if (c->binary)
        exchange_message(c->stream, body);
    else
        (void)exchange_json(c->stream, body.len > 0 || tree != NULL ? body : bytes_of("{}"), tree);
}

/* Message by message, as the double takes them. */
static void feed(void *arg)
{
    struct http_call *c = arg;
    c->feeding = true;
    while (c->stream != NULL && !c->paused && !c->end_said) {
        struct bytes json = BYTES_NONE;
        const json_t *tree;
        if (next_message(c, &json, &tree)) {
            give(c, json, tree);
        } else {
            c->end_said = true;
            exchange_complete(c->stream);
        }
    }
    c->feeding = false;
    if (c->stream == NULL)
        free(c);
}

/* The parameters of a GET. */
static void take_query(struct http_call *c)
{
    struct error err = ERROR_INIT;
    json_t *tree = http_query_tree(c->method->input, http_query(c->x), &err);
    if (tree != NULL)
        (void)exchange_json(c->stream, BYTES_NONE, tree);
    else
        refuse(c, &err);
    json_decref(tree);
}

/* As it stands in the request. */
static struct bytes raw_path(struct http_exchange *x)
{
    struct bytes target = http_head(x)->target;
    const uint8_t *end = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;
    if (end != NULL)
        target.len = (size_t)(end - target.data);
    const uint8_t *scheme = target.len > 0 && target.data[0] != '/' ? memmem(target.data, target.len, "://", 3) : NULL;
    if (scheme != NULL) { /* the absolute form */
        const uint8_t *stop = target.data + target.len;
        const uint8_t *slash = memchr(scheme + 3, '/', (size_t)(stop - scheme - 3));
        target = slash != NULL ? BYTES(slash, (size_t)(stop - slash)) : bytes_of("/");
    }
    return target;
}

/* What path and query hold. False: they cannot be made out, and the exchange is over. */
static bool bind_route(struct http_call *c)
{
    struct error err = ERROR_INIT;
    if (c->route == NULL ||
        http_route_bind(c->route, raw_path(c->x), http_query(c->x), &c->bound, &c->numbers, &err) == 0)
        return true;
    refuse(c, &err);
    return false;
}

static void take_body(struct http_call *c)
{
    struct bytes body = http_body(c->x);
    bool bodiless = c->route != NULL && c->route->binding.body == HTTP_BODY_NONE;
    c->feeding = true;
    if (!bind_route(c)) {
        c->end_said = true;
    } else if (c->route == NULL && strcmp(http_method(c->x), "GET") == 0) {
        take_query(c);
    } else if (c->binary || bodiless || !c->method->client_streaming) {
        give(c, body, NULL);
    } else {
        size_t blank = 0;
        while (blank < body.len && isspace(body.data[blank]))
            blank++;
        json_error_t error;
        if (blank < body.len && body.data[blank] == '[' &&
            (c->list = json_loadb((const char *)body.data, body.len, 0, &error)) == NULL) {
            struct text why = TEXT_INIT;
            text_printf(&why, "the body is no list of JSON objects: %d:%d: %s", error.line, error.column, error.text);
            exchange_refuse(c->stream, GRPC_INVALID_ARGUMENT, text_string(&why));
            text_deinit(&why);
        }
        feed(c);
        return;
    }
    if (c->stream != NULL)
        exchange_complete(c->stream);
    c->feeding = false;
    if (c->stream == NULL)
        free(c);
}

static void on_deadline(void *arg)
{
    struct http_call *c = arg;
    struct http_exchange *x = c->x;
    static const char late[] = "deadline exceeded";
    exchange_gone(c->stream);
    if (c->begun)
        http_abort(x);
    else
        respond_error(x, GRPC_DEADLINE_EXCEEDED, 0, bytes_of(late));
    call_free(c);
}

static void on_cancel(void *arg)
{
    struct http_call *c = arg;
    exchange_gone(c->stream);
    http_finish(c->x);
    call_free(c);
}

static void on_drained(void *arg)
{
    struct http_call *c = arg;
    exchange_writable(c->stream);
}

static bool is_binary(struct http_exchange *x)
{
    static const char *const types[] = {"application/protobuf", "application/x-protobuf", "application/proto",
                                        "application/grpc+proto", "application/octet-stream"};
    const char *type = http_request_header(x, "content-type");
    for (size_t i = 0; type != NULL && i < sizeof types / sizeof *types; i++)
        if (strncasecmp(type, types[i], strlen(types[i])) == 0 &&
            strchr(" ;", type[strlen(types[i])]) != NULL) /* or its end */
            return true;
    return false;
}

static void open_call(struct http_front *h, struct http_exchange *x, struct served_method *m,
                      const struct http_route *route)
{
    static const char no_memory[] = "the double is out of memory", no_stream[] = "a stream is sent as JSON only",
                      no_timeout[] = "the header Timeout is not a duration",
                      long_session[] = "the header " FAKE_SESSION_HEADER " is too long";
    struct world *w = fake_server_world(h->server);
    struct http_call *c = calloc(1, sizeof *c);
    uint64_t timeout = 0;
    const char *session = http_request_header(x, FAKE_SESSION_HEADER);
    if (c == NULL) {
        respond_error(x, GRPC_RESOURCE_EXHAUSTED, 503, bytes_of(no_memory));
        return;
    }
    bool bad_timeout = http_timeout(x, &timeout) != 0;
    c->x = x;
    c->method = m->method;
    c->route = route;
    c->binary = is_binary(x);
    world_timer_init(&c->deadline, w, on_deadline, c);
    world_task_init(&c->feed, w, feed, c);
    struct exchange_call call = {.method = m,
                                 .carrier = &carrier,
                                 .carried = c,
                                 .metadata = http_metadata(x, &c->metadata),
                                 .caller = http_peer(x),
                                 .deadline = timeout != 0 ? world_now(w) + timeout : UINT64_MAX};
    if (c->binary && (m->method->client_streaming || m->method->server_streaming))
        respond_error(x, GRPC_INVALID_ARGUMENT, 415, bytes_of(no_stream));
    else if (bad_timeout)
        respond_error(x, GRPC_INVALID_ARGUMENT, 0, bytes_of(no_timeout));
    else if (session != NULL && strlen(session) > FAKE_SESSION_MAX)
        respond_error(x, GRPC_INVALID_ARGUMENT, 0, bytes_of(long_session));
    else if ((c->stream = exchange_open(h->server, &call)) == NULL)
        respond_error(x, GRPC_RESOURCE_EXHAUSTED, 503, bytes_of(no_memory));
    if (c->stream == NULL) {
        call_free(c);
        return;
    }
    http_on_cancel(x, on_cancel, c);
    http_on_drained(x, on_drained, c);
    if (timeout != 0)
        (void)world_timer_start(&c->deadline, timeout); /* without it the client's own limit ends the call */
    take_body(c);
}

/* ---- the server ------------------------------------------------------------------------------------------------- */

static void list_services(struct http_front *h, struct http_exchange *x)
{
    struct text body = TEXT_INIT;
    text_puts(&body, "{\"services\":[");
    for (size_t i = 0; i < h->server->services.count; i++) {
        const struct pb_service *service = h->server->services.items[i]->service;
        text_printf(&body, "%s{\"name\":\"%s\",\"methods\":[", i > 0 ? "," : "", service->full_name);
        for (size_t k = 0; k < service->method_count; k++)
            text_printf(&body, "%s\"%s\"", k > 0 ? "," : "", service->methods[k].name);
        text_puts(&body, "]}");
    }
    text_puts(&body, "]}");
    if (text_ok(&body))
        http_respond(x, 200, "application/json", text_bytes(&body));
    else
        http_respond(x, 503, "text/plain", BYTES_NONE);
    text_deinit(&body);
}

static void handle(void *arg, struct http_exchange *x)
{
    static const char use_post[] = "calls of a double are made by POST, or by GET with a query",
                      post_stream[] = "a client's stream is sent by POST",
                      use_allowed[] = "the path is there for other methods: see Allow";
    struct http_front *h = arg;
    const char *path = http_path(x), *method = http_method(x);
    bool get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;
    if (strcmp(path, "/") == 0 && get) {
        list_services(h, x);
        return;
    }
    if (strcmp(path, "/_health") == 0 && get) {
        http_respond(x, 200, "text/plain", bytes_of("ok"));
        return;
    }
    struct text why = TEXT_INIT, allow = TEXT_INIT;
    struct served_method *m = http_find(h->server, path, NULL);
    /* Templates may take any path: not those of the server itself, nor what names a method in full. */
    bool ours = m != NULL && (m->service->only != NULL || strcmp(path, m->method->path) == 0);
    const struct http_route *route = ours ? NULL : http_routes_find(&h->routes, method, raw_path(x), &allow);
    if (route != NULL) {
        open_call(h, x, route->method, route);
    } else if (m == NULL && allow.len > 0) {
        http_add_header(x, "Allow", text_string(&allow));
        respond_error(x, GRPC_INVALID_ARGUMENT, 405, bytes_of(use_allowed));
    } else if (m == NULL) {
        (void)http_find(h->server, path, &why);
        respond_error(x, GRPC_NOT_FOUND, 404, text_bytes(&why));
    } else if (http_head(x)->upgrade && http_request_header(x, "sec-websocket-key") != NULL) {
        socket_open(h->server, x, m);
    } else if (!post && !get) {
        http_add_header(x, "Allow", "GET, POST");
        respond_error(x, GRPC_INVALID_ARGUMENT, 405, bytes_of(use_post));
    } else if (get && m->method->client_streaming) {
        http_add_header(x, "Allow", "POST");
        respond_error(x, GRPC_INVALID_ARGUMENT, 405, bytes_of(post_stream));
    } else {
        open_call(h, x, m, NULL);
    }
    text_deinit(&why);
    text_deinit(&allow);
}

int http_front_new(struct fake_server *s, const char *address, struct http_front **out, struct error *err)
{
    struct http_server_options options = {
        .body_max = BODY_MAX, .refusal_type = "application/json", .refusal = refusal, .tls = s->http_tls};
    struct http_front *h = calloc(1, sizeof *h);
    if (h == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    h->server = s;
    int code = http_server_new(s->world, &options, handle, h, &h->http, err);
    for (size_t i = 0; code == 0 && i < s->services.count; i++)
        code = http_front_add(h, s->services.items[i], err);
    if (code == 0)
        code = http_server_listen(h->http, address, err);
    if (code != 0) {
        http_front_free(h);
        return code;
    }
    *out = h;
    return 0;
}

int http_front_add(struct http_front *h, struct served_service *service, struct error *err)
{
    return service->only == NULL ? http_routes_add(&h->routes, service, err) : 0;
}

int http_front_port(const struct http_front *h)
{
    return http_server_port(h->http);
}

void http_front_free(struct http_front *h)
{
    if (h == NULL)
        return;
    http_server_free(h->http);
    http_routes_deinit(&h->routes);
    free(h);
}
