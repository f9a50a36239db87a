/* The gateway in a simulated system, beyond plain calls (api_test.c): WebSockets, routes services ask for and their
 * handlers, namespaces, CORS, limits, the block list, rules, TLS, draining. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "proto/api/api.pb-c.h"
#include "proto/helloworld/helloworld.pb-c.h"
#include "rpc/websocket.h"
#include "runtime/api/passage.h"
#include "runtime/server/sim_system.h"
#include "runtime/service/base64.h"
#include "runtime/service/program.h"
#include "runtime/service/test_calls.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define WAIT ((uint64_t)(120 * SECOND))

static const char *const all[] = {"registry", "store", "auth", "config", "api", "helloworld", NULL};

struct fixture {
    struct sim_system s;
    struct arena arena;
    const char *admin, *bearer;
    struct tls_context *tls; /* for https */
};

static void setup(struct fixture *f, uint64_t seed, const char *const *const *arguments)
{
    *f = (struct fixture){0};
    sim_system_init(&f->s, seed);
    f->s.arguments = arguments;
    sim_system_start_all(&f->s, all);
    f->admin = sim_system_token(&f->s, &f->arena, "root", "user", "micro", "admin");
    f->bearer = arena_printf(&f->arena, "Authorization: Bearer %s", f->admin);
}

static void teardown(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->s);
}

/* ---- requests with everything one can look at ---- */

static void get(struct fixture *f, const char *method, const char *target, const char *headers, const char *body,
                struct http_answer *out)
{
    struct http1_header list[16];
    struct error err = ERROR_INIT;
    char url[1024];
    size_t count = 0;
    (void)snprintf(url, sizeof url, "%s://api:8080%s", f->tls ? "https" : "http", target);
    for (const char *line = headers; line && *line && count < 16;) {
        size_t len = strcspn(line, "\n"), name = strcspn(line, ":");
        list[count++] = (struct http1_header){BYTES(line, name), BYTES(line + name + 2, len - name - 2)};
        line += len + (line[len] == '\n');
    }
    const struct http_fetch fetch = {.method = method,
                                     .url = url,
                                     .tls = f->tls,
                                     .headers = list,
                                     .header_count = count,
                                     .body = body ? bytes_of(body) : BYTES_NONE};
    if (http_fetch_wait(f->s.client, &fetch, out, &err) < 0)
        fail_msg("%s %s was not answered: %s", method, target, err.message ? err.message : "?");
}

static const char *header(const struct http_answer *a, const char *name)
{
    for (size_t i = 0; i < a->header_count; i++) {
        if (http1_header_is(&a->headers[i], name))
            return (const char *)a->headers[i].value.data;
    }
    return "";
}

static bool body_has(const struct http_answer *a, const char *words)
{
    return words[0] == '\0' || (a->body.len && memmem(a->body.data, a->body.len, words, strlen(words)));
}

static void expect(struct fixture *f, const char *method, const char *target, const char *headers, const char *body,
                   int status, const char *words)
{
    struct http_answer a;
    get(f, method, target, headers, body, &a);
    if (a.status != status || !body_has(&a, words))
        fail_msg("%s %s: %d \"%.*s\", wanted %d \"%s\"", method, target, a.status, (int)a.body.len,
                 (const char *)a.body.data, status, words);
    http_answer_deinit(&a);
}

static void eventually(struct fixture *f, const char *method, const char *target, const char *headers, int status,
                       const char *words)
{
    for (int i = 0; i < 100; i++) {
        struct http_answer a;
        get(f, method, target, headers, NULL, &a);
        bool fine = a.status == status && body_has(&a, words);
        http_answer_deinit(&a);
        if (fine)
            return;
        assert_int_equal(sim_run_for(f->s.sim, (uint64_t)(100 * MILLISECOND)), 0);
    }
    expect(f, method, target, headers, NULL, status, words);
}

/* ---- WebSockets ---- */

struct client {
    struct websocket *socket;
    struct text got;
    size_t messages;
    bool opened, closed;
    int code, status;
};

static void client_opened(void *arg)
{
    ((struct client *)arg)->opened = true;
}

static void client_message(void *arg, bool text, struct bytes message)
{
    struct client *c = arg;
    assert_true(text);
    c->messages++;
    text_add(&c->got, message.data, message.len);
    text_char(&c->got, '\n');
}

static void client_closed(void *arg, int code, struct bytes reason)
{
    struct client *c = arg;
    (void)reason;
    c->closed = true;
    c->code = code;
    c->status = websocket_status(c->socket);
    c->socket = NULL;
}

static bool client_ready(void *arg)
{
    const struct client *c = arg;
    return c->opened || c->closed;
}

static bool client_over(void *arg)
{
    return ((struct client *)arg)->closed;
}

static bool client_told(void *arg)
{
    const struct client *c = arg;
    return c->messages > 0 || c->closed;
}

static void client_open(struct fixture *f, struct client *c, const char *target, const char *token)
{
    static const struct websocket_events events = {
        .opened = client_opened, .message = client_message, .closed = client_closed};
    char url[256];
    char *bearer = arena_printf(&f->arena, "Bearer %s", token ? token : "");
    const struct http1_header header_line = {bytes_of("Authorization"), bytes_of(bearer)};
    *c = (struct client){0};
    (void)snprintf(url, sizeof url, "ws://api:8080%s", target);
    assert_int_equal(
        websocket_connect(f->s.client, url, &header_line, token ? 1 : 0, NULL, &events, c, &c->socket, NULL), 0);
    assert_int_equal(world_run_until(f->s.client, client_ready, c, WAIT), 0);
}

static void client_send(struct client *c, const char *text)
{
    assert_int_equal(websocket_send(c->socket, true, bytes_of(text)), 0);
}

static void client_end(struct fixture *f, struct client *c, int code)
{
    if (!c->closed)
        assert_int_equal(world_run_until(f->s.client, client_over, c, WAIT), 0);
    if (c->code != code)
        fail_msg("closed with %d (HTTP %d) after \"%s\", wanted %d", c->code, c->status, text_string(&c->got), code);
    text_deinit(&c->got);
}

/* A user's service with a contract the gateway has never seen: only the registry tells how its method streams. */
static void tick(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    const Helloworld__StreamingRequest *r = (const Helloworld__StreamingRequest *)(const void *)request;
    Helloworld__StreamingResponse reply = HELLOWORLD__STREAMING_RESPONSE__INIT;
    (void)context;
    for (reply.count = 10; reply.count < 10 + r->count; reply.count++)
        assert_int_equal(rpc_call_send(call, &reply.base), 0);
    rpc_call_finish(call, GRPC_OK, NULL);
}

static int ticker_setup(struct micro_service *s, void **state, struct error *err)
{
    static const struct rpc_method methods[] = {{.name = "Watch",
                                                 .input = &helloworld__streaming_request__descriptor,
                                                 .output = &helloworld__streaming_response__descriptor,
                                                 .unary = tick}};
    static const struct rpc_service service = {"ticker.Ticker", methods, 1};
    *state = NULL;
    return micro_service_add(s, &service, NULL) ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
}

static void put_string(struct text *out, char tag, const char *value)
{
    text_char(out, tag);
    text_char(out, (char)strlen(value));
    text_puts(out, value);
}

static void put_message(struct text *out, char tag, struct text *message)
{
    assert_true(message->len < 128 * 128);
    text_char(out, tag);
    text_char(out, (char)(message->len % 128 + 128)); /* a varint of two bytes, whatever the length */
    text_char(out, (char)(message->len / 128));
    text_add(out, message->data, message->len);
    text_deinit(message);
}

/* service Ticker { rpc Watch(helloworld.StreamingRequest) returns (stream helloworld.StreamingResponse); } */
static void ticker_contract(struct text *out)
{
    struct text method = TEXT_INIT, service = TEXT_INIT, file = TEXT_INIT;
    put_string(&method, 0x0a, "Watch");
    put_string(&method, 0x12, ".helloworld.StreamingRequest");
    put_string(&method, 0x1a, ".helloworld.StreamingResponse");
    text_add(&method, "\x30\x01", 2); /* server_streaming */
    put_string(&service, 0x0a, "Ticker");
    put_message(&service, 0x12, &method);
    put_string(&file, 0x0a, "ticker.proto");
    put_string(&file, 0x12, "ticker");
    put_string(&file, 0x1a, "helloworld/helloworld.proto");
    put_message(&file, 0x32, &service);
    put_string(&file, 0x62, "proto3");
    put_message(out, 0x0a, &file);
}

static void test_user_stream(void **state)
{
    struct fixture f;
    struct client c;
    struct text contract = TEXT_INIT;
    (void)state;
    ticker_contract(&contract);
    const struct micro_program ticker = {.name = "ticker",
                                         .setup = ticker_setup,
                                         .descriptors = (const uint8_t *)contract.data,
                                         .descriptors_size = contract.len};
    setup(&f, 31, NULL);
    const char *argv[] = {"ticker",       "ticker",
                          "--address",    "0.0.0.0:9000",
                          "--peers",      "registry=registry:8000,auth=auth:8010",
                          "--public-key", text_string(&f.s.public_key),
                          "--token",      sim_system_token(&f.s, &f.arena, "ticker", "service", "micro", "service")};
    assert_null(pb_find_service(micro_pool(), "ticker.Ticker"));
    assert_int_equal(micro_program_register(f.s.sim, &ticker), 0);
    assert_int_equal(sim_start(f.s.sim, "ticker", "ticker", 10, argv, NULL), 0);
    eventually(&f, "POST", "/registry/getService?service=ticker", f.bearer, 200, "\"client_stream\":\"false\"");
    client_open(&f, &c, "/ticker/watch", NULL);
    assert_true(c.opened);
    client_send(&c, "{\"count\":3}");
    assert_int_equal(world_run_until(f.s.client, client_over, &c, WAIT), 0);
    assert_string_equal(text_string(&c.got), "{\"count\":\"10\"}\n{\"count\":\"11\"}\n{\"count\":\"12\"}\n");
    client_end(&f, &c, WS_NORMAL);
    /* and without a WebSocket: JSON by JSON */
    expect(&f, "POST", "/ticker/watch", NULL, "{\"count\":2}", 200, "\"11\"");
    teardown(&f);
    text_deinit(&contract);
}

static void test_sockets(void **state)
{
    struct fixture f;
    struct client c;
    (void)state;
    setup(&f, 1, NULL);
    client_open(&f, &c, "/helloworld/stream", NULL); /* the server streams */
    assert_true(c.opened);
    client_send(&c, "{\"count\":3}");
    assert_int_equal(world_run_until(f.s.client, client_over, &c, WAIT), 0);
    assert_string_equal(text_string(&c.got), "{\"count\":\"0\"}\n{\"count\":\"1\"}\n{\"count\":\"2\"}\n");
    client_end(&f, &c, WS_NORMAL);

    client_open(&f, &c, "/helloworld/pingPong", NULL); /* both do */
    for (int i = 1; i <= 3; i++) {
        char stroke[32];
        (void)snprintf(stroke, sizeof stroke, "{\"stroke\":%d}", i);
        c.messages = 0;
        text_clear(&c.got);
        client_send(&c, stroke);
        assert_int_equal(world_run_until(f.s.client, client_told, &c, WAIT), 0);
        (void)snprintf(stroke, sizeof stroke, "{\"stroke\":\"%d\"}\n", i);
        assert_string_equal(text_string(&c.got), stroke);
    }
    client_send(&c, "{\"stroke\":"); /* not JSON: told as JSON, then the end */
    assert_int_equal(world_run_until(f.s.client, client_over, &c, WAIT), 0);
    assert_non_null(strstr(text_string(&c.got), "\"code\":400"));
    client_end(&f, &c, WS_UNSUPPORTED);

    client_open(&f, &c, "/store/list", NULL); /* refused by the service */
    client_send(&c, "{}");
    assert_int_equal(world_run_until(f.s.client, client_over, &c, WAIT), 0);
    assert_non_null(strstr(text_string(&c.got), "\"code\":401"));
    client_end(&f, &c, WS_POLICY);

    client_open(&f, &c, "/helloworld/stream", "x.y.z"); /* refused before there is a WebSocket */
    assert_int_equal(c.status, 401);
    client_end(&f, &c, WS_ABNORMAL);
    client_open(&f, &c, "/helloworld/call", NULL); /* no stream: plain HTTP */
    assert_int_equal(c.status, 200);
    client_end(&f, &c, WS_ABNORMAL);
    client_open(&f, &c, "/nosuch/stream", NULL);
    assert_int_equal(c.status, 404);
    client_end(&f, &c, WS_ABNORMAL);

    client_open(&f, &c, "/helloworld/stream", NULL); /* two requests where one is taken */
    client_send(&c, "{\"count\":100000}");
    client_send(&c, "{\"count\":1}");
    client_end(&f, &c, WS_UNSUPPORTED);
    client_open(&f, &c, "/helloworld/stream", NULL); /* nothing is ever asked */
    client_end(&f, &c, WS_POLICY);

    client_open(&f, &c, "/helloworld/stream", NULL); /* the client goes in the middle */
    client_send(&c, "{\"count\":1000000}");
    assert_int_equal(world_run_until(f.s.client, client_told, &c, WAIT), 0);
    websocket_abort(c.socket);
    text_deinit(&c.got);
    expect(&f, "GET", "/helloworld?name=Jane", NULL, NULL, 200, "Jane");

    client_open(&f, &c, "/helloworld/pingPong", NULL); /* the service dies */
    client_send(&c, "{\"stroke\":1}");
    assert_int_equal(world_run_until(f.s.client, client_told, &c, WAIT), 0);
    assert_int_equal(sim_kill(f.s.sim, "helloworld"), 0);
    client_end(&f, &c, WS_INTERNAL);
    teardown(&f);
}

struct shot {
    bool done;
    int status;
    struct text body;
};

static void shot_done(void *arg, struct http_answer *answer, struct error *err)
{
    struct shot *shot = arg;
    (void)err;
    shot->done = true;
    shot->status = answer->status;
    text_add(&shot->body, answer->body.data, answer->body.len);
    http_answer_deinit(answer);
}

static bool shot_over(void *arg)
{
    return ((struct shot *)arg)->done;
}

/* A stream in the middle when the gateway is told to stop is answered to its end; nobody new gets in. */
static void test_drain_stream(void **state)
{
    struct fixture f;
    struct shot shot = {0}, late = {0};
    (void)state;
    setup(&f, 13, NULL);
    struct http_fetch fetch = {.url = "http://api:8080/helloworld/stream?count=50000", .timeout = WAIT};
    assert_int_equal(http_fetch_start(f.s.client, &fetch, shot_done, &shot, NULL, NULL), 0);
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(5 * MILLISECOND)), 0);
    assert_false(shot.done);
    assert_int_equal(sim_terminate(f.s.sim, "api"), 0);
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)MILLISECOND), 0);
    assert_int_equal(http_fetch_start(f.s.client, &fetch, shot_done, &late, NULL, NULL), 0);
    assert_int_equal(world_run_until(f.s.client, shot_over, &late, WAIT), 0);
    assert_int_equal(late.status, 0);
    assert_int_equal(world_run_until(f.s.client, shot_over, &shot, WAIT), 0);
    assert_int_equal(shot.status, 200);
    assert_non_null(strstr(text_string(&shot.body), "{\"count\":\"49999\"}\n"));
    assert_null(strstr(text_string(&shot.body), "\"code\""));
    text_deinit(&shot.body);
    text_deinit(&late.body);
    teardown(&f);
}

static void test_drain(void **state)
{
    struct fixture f;
    struct client c;
    (void)state;
    setup(&f, 2, NULL);
    expect(&f, "GET", GATEWAY_HEALTH_PATH, NULL, NULL, 200, "ok");
    client_open(&f, &c, "/helloworld/pingPong", NULL);
    client_send(&c, "{\"stroke\":1}");
    assert_int_equal(world_run_until(f.s.client, client_told, &c, WAIT), 0);
    assert_int_equal(sim_terminate(f.s.sim, "api"), 0);
    client_end(&f, &c, WS_GOING_AWAY);
    teardown(&f);
}

/* ---- routes services ask for ---- */

static void register_service(struct fixture *f, const char *json)
{
    struct sim_answer a = {0};
    sim_system_call(&f->s, "registry", "/registry.Registry/Register", f->admin, json, &a);
    if (a.status != GRPC_OK)
        fail_msg("not registered: %s", text_string(&a.text));
    sim_answer_deinit(&a);
}

static void api_half_closed(struct rpc_call *call, void *service)
{
    (void)call;
    (void)service;
}

static void api_open(struct rpc_call *call, void *service)
{
    (void)call;
    (void)service;
}

/* A service behind handler api: says what it got. */
static void api_message(struct rpc_call *call, struct bytes message, void *service)
{
    struct arena arena = ARENA_INIT;
    struct text packed = TEXT_INIT;
    ProtobufCMessage *m = NULL;
    (void)service;
    assert_int_equal(pb_unpack(&api__request__descriptor, message, &arena, &m, NULL), 0);
    const Api__Request *r = (const Api__Request *)m;
    Api__Response reply;
    Api__Pair pair;
    Api__Response__HeaderEntry entry, *entries[] = {&entry};
    api__response__init(&reply);
    api__pair__init(&pair);
    api__response__header_entry__init(&entry);
    static char name[] = "X-Made-By", value[] = "greeter", *values[] = {value};
    pair.key = entry.key = name;
    pair.values = values;
    pair.n_values = 1;
    entry.value = &pair;
    reply.header = entries;
    reply.n_header = 1;
    reply.statuscode = 201;
    reply.body = arena_printf(&arena, "%s %s get=%s body=%s", r->method, r->path,
                              r->n_get ? r->get[0]->value->values[0] : "", r->body);
    assert_int_equal(pb_pack(&reply.base, &packed), 0);
    assert_int_equal(rpc_call_send_bytes(call, text_bytes(&packed)), 0);
    rpc_call_finish(call, GRPC_OK, "");
    text_deinit(&packed);
    arena_deinit(&arena);
}

static void web_handle(void *arg, struct http_exchange *x)
{
    const char *forwarded = http_request_header(x, "x-forwarded-host"), *hop = http_request_header(x, "te");
    struct text body = TEXT_INIT;
    (void)arg;
    text_printf(&body, "%s %s?%s %s hop=%s ", http_method(x), http_path(x), http_query(x), forwarded ? forwarded : "",
                hop ? hop : "none");
    text_add(&body, http_body(x).data, http_body(x).len);
    http_add_header(x, "X-Web", "yes");
    http_respond(x, 203, "text/x-test", text_bytes(&body));
    text_deinit(&body);
}

#define ROUTES                                                                                                         \
    "{\"name\":\"helloworld\",\"version\":\"routes\",\"nodes\":[{\"id\":\"helloworld-r\",\"address\":"                 \
    "\"helloworld:8100\"}],\"endpoints\":[{\"name\":\"Helloworld.Call\",\"metadata\":{\"path\":"                       \
    "\"/v1/greet/{name},^/hi/[a-z]+$,/v1/{bad\",\"method\":\"GET\",\"host\":\"api\"}}]}"

static void test_routes(void **state)
{
    static const struct rpc_handler handler = {
        .open = api_open, .message = api_message, .half_closed = api_half_closed};
    struct fixture f;
    struct rpc_server *server = NULL;
    struct http_server *web = NULL;
    struct http_answer a;
    (void)state;
    setup(&f, 3, NULL);
    struct world *node = sim_node(f.s.sim, "greeter");
    assert_non_null(node);
    assert_int_equal(rpc_server_new(node, NULL, &server, NULL), 0);
    rpc_server_set_fallback(server, &handler, NULL);
    assert_int_equal(rpc_server_listen(server, "0.0.0.0:9000", NULL), 0);
    assert_int_equal(http_server_new(node, NULL, web_handle, NULL, &web, NULL), 0);
    assert_int_equal(http_server_listen(web, "0.0.0.0:9001", NULL), 0);

    expect(&f, "GET", "/v1/greet/Jane", NULL, NULL, 404, "v1.greet: service not found");
    register_service(&f, ROUTES);
    eventually(&f, "GET", "/v1/greet/Jane", NULL, 200, "Jane");
    expect(&f, "GET", "/v1/greet/J%2Fane?name=Joe", NULL, NULL, 200, "J/ane"); /* the path wins over the query */
    expect(&f, "HEAD", "/v1/greet/Jane", NULL, NULL, 200, "");
    expect(&f, "POST", "/v1/greet/Jane", NULL, NULL, 404, "not found"); /* not its method */
    expect(&f, "GET", "/hi/joe?name=Joe", NULL, NULL, 200, "Joe");
    expect(&f, "GET", "/hi/Joe", NULL, NULL, 404, "");
    expect(&f, "GET", "/v1/bad", NULL, NULL, 404, "");

    register_service(&f,
                     "{\"name\":\"greeter\",\"version\":\"1\",\"nodes\":[{\"id\":\"g\",\"address\":\"greeter:9000\"}],"
                     "\"endpoints\":[{\"name\":\"Greeter.Hello\",\"metadata\":{\"path\":\"/greeter/{who}\","
                     "\"handler\":\"api\"}}]}");
    eventually(&f, "GET", "/greeter/jim", NULL, 201, "GET /greeter/jim get=jim body=");
    get(&f, "POST", "/greeter/jim", NULL, "hello", &a);
    assert_string_equal(header(&a, "x-made-by"), "greeter");
    assert_true(body_has(&a, "body=hello"));
    http_answer_deinit(&a);
    expect(&f, "POST", "/greeter/jim", NULL, "\xff", 415, "text only");

    register_service(&f,
                     "{\"name\":\"webapp\",\"version\":\"1\",\"nodes\":[{\"id\":\"w\",\"address\":\"greeter:9001\"},"
                     "{\"id\":\"dead\",\"address\":\"greeter:9002\"}],\"endpoints\":[{\"name\":\"Webapp.All\","
                     "\"metadata\":{\"path\":\"^/app/.*$\",\"handler\":\"http\"}}]}");
    eventually(&f, "GET", "/app/x", NULL, 203, "GET /app/x? api:8080 hop=none");
    for (int i = 0; i < 4; i++) { /* whichever node's turn it is */
        get(&f, "POST", "/app/a%20b?c=%20d", "TE: trailers", "posted", &a);
        assert_int_equal(a.status, 203);
        assert_true(body_has(&a, "POST /app/a b?c=%20d api:8080 hop=none posted"));
        assert_string_equal(header(&a, "x-web"), "yes");
        assert_string_equal(header(&a, "content-type"), "text/x-test");
        http_answer_deinit(&a);
    }
    http_server_free(web);
    expect(&f, "GET", "/app/x", NULL, NULL, 503, "webapp");

    /* Out of the registry, out of the table. */
    struct sim_answer gone = {0};
    sim_system_call(&f.s, "registry", "/registry.Registry/Deregister", f.admin, ROUTES, &gone);
    assert_int_equal(gone.status, GRPC_OK);
    sim_answer_deinit(&gone);
    eventually(&f, "GET", "/hi/joe", NULL, 404, "");
    /* A registry that comes back without them as well. */
    assert_int_equal(sim_kill(f.s.sim, "registry"), 0);
    expect(&f, "POST", "/greeter/jim", NULL, "hello", 201, "hello"); /* what is known stays in force */
    rpc_server_free(server);
    teardown(&f);
}

/* Handler event: what comes to the path is published. */
static void test_events(void **state)
{
    struct fixture f;
    struct test_stream t;
    (void)state;
    setup(&f, 12, NULL);
    sim_system_start(&f.s, "broker");
    sim_system_wait(&f.s, "broker");
    register_service(&f,
                     "{\"name\":\"hooks\",\"version\":\"1\",\"nodes\":[{\"id\":\"h\",\"address\":\"greeter:9000\"}],"
                     "\"endpoints\":[{\"name\":\"Hooks.Paid\",\"metadata\":{\"path\":\"/hooks/{kind}\","
                     "\"handler\":\"event\",\"topic\":\"payments\"}}]}");
    test_stream_open(&t, &f.s, "broker", "/broker.Broker/Subscribe", f.admin, "{\"topic\":\"payments\"}");
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)SECOND), 0);
    eventually(&f, "GET", "/hooks/card?sum=5", f.bearer, 200, "{}");
    expect(&f, "POST", "/hooks/card", NULL, "plain words", 200, "{}"); /* nobody's token: the gateway's own */
    test_stream_wait(&t, 2);
    struct text bodies = TEXT_INIT;
    for (const char *line = text_string(&t.lines); *line;) {
        size_t len = strcspn(line, "\n");
        json_t *m = json_loadb(line, len, 0, NULL);
        const char *body = json_string_value(json_object_get(m, "body"));
        assert_non_null(body);
        assert_true(base64_decode(&bodies, bytes_of(body)));
        text_char(&bodies, '\n');
        json_decref(m);
        line += len + (line[len] == '\n');
    }
    assert_non_null(strstr(text_string(&bodies), "\"name\":\"Hooks.Paid\",\"id\":\"payments-Hooks.Paid-"));
    assert_non_null(strstr(text_string(&bodies), "{\\\"sum\\\":\\\"5\\\",\\\"kind\\\":\\\"card\\\"}"));
    assert_non_null(strstr(text_string(&bodies), "\"data\":\"plain words\""));
    assert_null(strstr(text_string(&bodies), f.admin)); /* no token among the headers */
    text_deinit(&bodies);
    test_stream_close(&t);
    assert_int_equal(sim_kill(f.s.sim, "broker"), 0);
    expect(&f, "POST", "/hooks/card", NULL, "x", 503, "");
    teardown(&f);
}

static void test_namespaces(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 4, NULL);
    register_service(
        &f, "{\"name\":\"tenant\",\"version\":\"1\",\"options\":{\"domain\":\"acme\"},\"nodes\":[{\"id\":\"t\","
            "\"address\":\"helloworld\",\"port\":8100}],\"endpoints\":[{\"name\":\"Helloworld.Call\","
            "\"metadata\":{\"path\":\"/shop/{name}\"}}]}");
    expect(&f, "GET", "/tenant/helloworld/call?name=A", NULL, NULL, 404, "service not found");
    eventually(&f, "GET", "/tenant/helloworld/call?name=Ann", "Micro-Namespace: acme", 200, "Ann");
    expect(&f, "GET", "/shop/Ann", NULL, NULL, 404, "");
    eventually(&f, "GET", "/shop/Ann", "Micro-Namespace: acme", 200, "Ann");
    expect(&f, "GET", "/helloworld?name=Bob", "Micro-Namespace: acme", NULL, 200, "Bob"); /* then micro's */
    const char *token = sim_system_token(&f.s, &f.arena, "ann", "user", "acme", NULL);
    expect(&f, "GET", "/shop/Ann", arena_printf(&f.arena, "Authorization: Bearer %s", token), NULL, 200, "Ann");
    expect(&f, "GET", "/shop/Ann", "Micro-Namespace: a/b", NULL, 400, "Micro-Namespace");
    teardown(&f);
}

/* ---- what clients send ---- */

static void test_requests(void **state)
{
    static const struct {
        const char *method, *target, *headers, *body;
        int status;
        const char *words;
    } rows[] = {
        {"POST", "/helloworld", "Content-Type: multipart/form-data; boundary=x",
         "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nJane\r\n--x--\r\n", 200, "Jane"},
        {"POST", "/helloworld", "Content-Type: application/protobuf", "\x0a\x04Jane", 200, "Jane"},
        {"POST", "/helloworld", "Content-Type: application/grpc+proto", "", 200, ""},
        {"POST", "/helloworld", "Content-Type: application/protobuf", "\xff\xff", 400, ""},
        {"POST", "/helloworld/stream", "Content-Type: application/protobuf", "", 415, "JSON only"},
        {"POST", "/helloworld", "Content-Type: application/xml", "<a/>", 415, "not understood"},
        {"GET", "/helloworld/../helloworld", NULL, NULL, 200, "msg"},
        {"GET", "/%2e%2e/%2e%2e/helloworld", NULL, NULL, 200, "msg"},
        {"GET", "/helloworld%00", NULL, NULL, 400, ""},
        {"GET", "/helloworld%0d%0aX-A:b", NULL, NULL, 404, "character"},
        {"GET", "/hello%2fworld", NULL, NULL, 404, "service not found"},
        {"TRACE", "/helloworld", NULL, NULL, 405, "method not allowed"},
        {"HEAD", "/helloworld", NULL, NULL, 200, ""},
        {"GET", "/helloworld", "Timeout: soon", NULL, 400, "Timeout"},
        {"GET", "/helloworld", "Timeout: 0", NULL, 400, "Timeout"},
        {"GET", "/helloworld", "Timeout: 5s", NULL, 200, "msg"},
        {"GET", "/helloworld", "Grpc-Timeout: 99999999H", NULL, 200, "msg"},
        {"GET", "/helloworld", "Grpc-Timeout: 1x", NULL, 400, "Timeout"},
        {"GET", "/helloworld/stream?count=100000000", "Timeout: 2s", NULL, 200, "\"code\":5"},
    };
    struct fixture f;
    struct http_answer a;
    (void)state;
    setup(&f, 5, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] - 1; i++)
        expect(&f, rows[i].method, rows[i].target, rows[i].headers, rows[i].body, rows[i].status, rows[i].words);
    get(&f, "TRACE", "/helloworld", NULL, NULL, &a);
    assert_non_null(strstr(header(&a, "allow"), "POST"));
    http_answer_deinit(&a);
    get(&f, "GET", "/helloworld", "X-Request-Id: mine-7", NULL, &a);
    assert_string_equal(header(&a, "x-request-id"), "mine-7");
    http_answer_deinit(&a);
    get(&f, "POST", "/helloworld", "Content-Type: application/x-protobuf", "\x0a\x04Jane", &a);
    assert_string_equal(header(&a, "content-type"), "application/x-protobuf");
    assert_int_equal(a.body.data[0], 0x0a);
    http_answer_deinit(&a);
    teardown(&f);
}

static void test_cors(void **state)
{
    static const char *const api[] = {"api", "--cors-origins", "https://app.example,http://other.example", NULL};
    static const char *const off[] = {"api", "--enable-cors", "false", NULL};
    static const char *const *const with[] = {api, NULL}, *const *const without[] = {off, NULL};
    struct fixture f;
    struct http_answer a;
    (void)state;
    setup(&f, 6, with);
    get(&f, "OPTIONS", "/helloworld",
        "Origin: https://app.example\nAccess-Control-Request-Method: POST\nAccess-Control-Request-Headers: x-mine",
        NULL, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(header(&a, "access-control-allow-origin"), "https://app.example");
    assert_string_equal(header(&a, "access-control-allow-credentials"), "true");
    assert_string_equal(header(&a, "access-control-allow-headers"), "x-mine");
    assert_string_equal(header(&a, "vary"), "Origin");
    http_answer_deinit(&a);
    get(&f, "GET", "/helloworld", "Origin: https://evil.example", NULL, &a);
    assert_string_equal(header(&a, "access-control-allow-origin"), "*");
    assert_string_equal(header(&a, "access-control-allow-credentials"), "");
    http_answer_deinit(&a);
    /* The cookie of a listed origin's page counts, another's does not. */
    const char *cookie = arena_printf(&f.arena, "Cookie: micro-token=%s\nOrigin: https://app.example", f.admin);
    const char *stolen = arena_printf(&f.arena, "Cookie: micro-token=%s\nOrigin: https://evil.example", f.admin);
    expect(&f, "GET", "/store/databases", cookie, NULL, 200, "");
    expect(&f, "GET", "/store/databases", stolen, NULL, 401, "");
    teardown(&f);
    setup(&f, 7, without);
    get(&f, "OPTIONS", "/helloworld", "Origin: https://a.example\nAccess-Control-Request-Method: GET", NULL, &a);
    assert_string_equal(header(&a, "access-control-allow-origin"), "");
    assert_string_equal(header(&a, "access-control-allow-methods"), "");
    http_answer_deinit(&a);
    teardown(&f);
}

/* ---- who may ---- */

static void test_rate(void **state)
{
    static const char *const api[] = {"api", "--rate-limit", "1", "--rate-burst", "2", "--trusted-proxies", "1", NULL};
    static const char *const *const arguments[] = {api, NULL};
    struct fixture f;
    struct http_answer a;
    (void)state;
    setup(&f, 8, arguments);
    get(&f, "GET", "/helloworld", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(header(&a, "ratelimit-limit"), "2");
    assert_string_equal(header(&a, "ratelimit-remaining"), "1");
    http_answer_deinit(&a);
    expect(&f, "GET", "/helloworld", NULL, NULL, 200, "msg");
    get(&f, "GET", "/helloworld", NULL, NULL, &a);
    assert_int_equal(a.status, 429);
    assert_string_equal(header(&a, "retry-after"), "1");
    http_answer_deinit(&a);
    expect(&f, "GET", "/helloworld", f.bearer, NULL, 200, "msg"); /* an account has its own */
    expect(&f, "GET", "/helloworld", "X-Forwarded-For: 9.9.9.9, 10.0.0.1", NULL, 200, "msg"); /* so has the last hop */
    expect(&f, "GET", "/helloworld", "X-Forwarded-For: 8.8.8.8, 10.0.0.1", NULL, 200, "msg");
    expect(&f, "GET", "/helloworld", "X-Forwarded-For: 7.7.7.7, 10.0.0.1", NULL, 429,
           "too many");                                                             /* not what it says */
    expect(&f, "GET", "/helloworld", "Authorization: Bearer a.b.c", NULL, 429, ""); /* guessing tokens costs as well */
    expect(&f, "GET", GATEWAY_HEALTH_PATH, NULL, NULL, 200, "ok");
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(2 * SECOND)), 0);
    expect(&f, "GET", "/helloworld", NULL, NULL, 200, "msg");
    teardown(&f);
}

static void test_addresses(void **state)
{
    static const char *const rows[][2] = {
        {"1.2.3.4:80", "1.2.3.4"},
        {"1.2.3.4", "1.2.3.4"},
        {"client:4711", "client"},
        {"[::1]:80", "0:0:0:0::/64"},
        {"[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2::/64"},
        {"2001:DB8::6", "2001:db8:0:0::/64"},
        {"2001:db8:1:2:ffff::", "2001:db8:1:2::/64"},
        {"::2:3:4:5:6:7", "0:0:2:3::/64"},
        {"[fe80::1%eth0]:1", "fe80:0:0:0::/64"},
        {"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"},
        {"1::2::3", "1::2::3"},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
        {"", ""},
    };
    struct arena arena = ARENA_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(access_address(&arena, rows[i][0], strlen(rows[i][0])), rows[i][1]);
    arena_deinit(&arena);
}

static void test_blocklist(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 9, NULL);
    struct sim_system *s = &f.s;
    const char *joe = sim_system_token(s, &f.arena, "joe", "user", "micro", NULL);
    const char *as_joe = arena_printf(&f.arena, "Authorization: Bearer %s", joe);
    static const char who[] = "{\"id\":\"joe\",\"namespace\":\"micro\"}";
    expect(&f, "GET", "/helloworld", as_joe, NULL, 200, "msg");
    test_expect(s, "api", "/api.Api/AddToBlockList", joe, who, GRPC_UNAUTHENTICATED, "");
    test_expect(s, "api", "/api.Api/AddToBlockList", NULL, who, GRPC_UNAUTHENTICATED, "");
    test_expect(s, "api", "/api.Api/AddToBlockList", f.admin, "{}", GRPC_INVALID_ARGUMENT, "id");
    test_expect(s, "api", "/api.Api/AddToBlockList", f.admin, who, GRPC_OK, "");
    test_expect(s, "api", "/api.Api/ReadBlockList", f.admin, "{}", GRPC_OK, "micro/joe");
    expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "blocked");
    expect(&f, "GET", "/helloworld", f.bearer, NULL, 200, "msg");
    /* The store away: in force all the same; no change is claimed that is not safe. */
    assert_int_equal(sim_kill(s->sim, "store"), 0);
    expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "blocked");
    test_expect(s, "api", "/api.Api/RemoveFromBlockList", f.admin, who, GRPC_UNAVAILABLE, "store");
    expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "blocked");
    /* It survives everything being restarted. */
    sim_system_start(s, "store");
    sim_system_wait(s, "store");
    assert_int_equal(sim_kill(s->sim, "api"), 0);
    sim_system_start(s, "api");
    sim_system_wait(s, "api");
    eventually(&f, "GET", "/helloworld", as_joe, 403, "blocked");
    /* Switched off by the config, and on again. */
    test_expect(s, "config", "/config.Config/Set", f.admin,
                "{\"namespace\":\"micro\",\"path\":\"micro.api.blocklist_enabled\",\"value\":{\"data\":\"false\"}}",
                GRPC_OK, "");
    assert_int_equal(sim_run_for(s->sim, (uint64_t)(61 * SECOND)), 0);
    expect(&f, "GET", "/helloworld", as_joe, NULL, 200, "msg");
    test_expect(s, "config", "/config.Config/Set", f.admin,
                "{\"namespace\":\"micro\",\"path\":\"micro.api.blocklist_enabled\",\"value\":{\"data\":\"true\"}}",
                GRPC_OK, "");
    assert_int_equal(sim_run_for(s->sim, (uint64_t)(61 * SECOND)), 0);
    expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "blocked");
    test_expect(s, "api", "/api.Api/RemoveFromBlockList", f.admin, who, GRPC_OK, "");
    expect(&f, "GET", "/helloworld", as_joe, NULL, 200, "msg");
    teardown(&f);
}

static void test_rules(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 10, NULL);
    const char *joe = sim_system_token(&f.s, &f.arena, "joe", "user", "micro", NULL);
    const char *as_joe = arena_printf(&f.arena, "Authorization: Bearer %s", joe);
    test_expect(&f.s, "auth", "/auth.Rules/Create", f.admin,
                "{\"rule\":{\"id\":\"hello\",\"scope\":\"admin\",\"access\":\"GRANTED\",\"priority\":10,\"resource\":"
                "{\"type\":\"service\",\"name\":\"helloworld\",\"endpoint\":\"Helloworld.Call\"}}}",
                GRPC_OK, "");
    test_expect(&f.s, "auth", "/auth.Rules/Create", f.admin,
                "{\"rule\":{\"id\":\"no-hello\",\"scope\":\"\",\"access\":\"DENIED\",\"priority\":9,\"resource\":"
                "{\"type\":\"service\",\"name\":\"helloworld\",\"endpoint\":\"*\"}}}",
                GRPC_OK, "");
    eventually(&f, "GET", "/helloworld", NULL, 401, "unauthorized request\n");
    expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "Forbidden request\n");
    expect(&f, "GET", "/helloworld", f.bearer, NULL, 200, "msg");
    expect(&f, "GET", "/helloworld/stream", f.bearer, NULL, 403, "Forbidden");
    /* Behind handlers http and event only the gateway judges: by the service's rules, whatever namespace is named. */
    register_service(&f,
                     "{\"name\":\"webapp\",\"version\":\"1\",\"nodes\":[{\"id\":\"w\",\"address\":\"helloworld:1\"}],"
                     "\"endpoints\":[{\"name\":\"Webapp.All\",\"metadata\":{\"path\":\"/app\",\"handler\":\"http\"}},"
                     "{\"name\":\"Webapp.Hook\",\"metadata\":{\"path\":\"/hook\",\"handler\":\"event\"}}]}");
    eventually(&f, "GET", "/app", NULL, 503, "webapp");
    test_expect(&f.s, "auth", "/auth.Rules/Create", f.admin,
                "{\"rule\":{\"id\":\"no-web\",\"scope\":\"\",\"access\":\"DENIED\",\"priority\":9,\"resource\":"
                "{\"type\":\"service\",\"name\":\"webapp\",\"endpoint\":\"*\"}}}",
                GRPC_OK, "");
    eventually(&f, "GET", "/app", NULL, 401, "unauthorized request\n");
    expect(&f, "GET", "/app", "Micro-Namespace: elsewhere", NULL, 401, "unauthorized request\n");
    expect(&f, "POST", "/hook", "Micro-Namespace: elsewhere", "{}", 401, "unauthorized request\n");
    struct client c;
    client_open(&f, &c, "/helloworld/stream", joe);
    assert_int_equal(c.status, 403);
    client_end(&f, &c, WS_ABNORMAL);
    teardown(&f);
}

/* ---- TLS ---- */

static void make_certificate(struct text *certificate, struct text *key, int64_t now)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    assert_true(pair && x && bio);
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), now - 3600));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), now + 36000));
    assert_int_equal(X509_set_pubkey(x, pair), 1);
    X509_NAME *name = X509_get_subject_name(x);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"api", -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    assert_true(X509_sign(x, pair, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    text_add(certificate, "", 0);
    long len = BIO_get_mem_data(bio, &data);
    text_add(certificate, data, (size_t)len);
    assert_int_equal(BIO_reset(bio), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &data);
    text_add(key, data, (size_t)len);
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(pair);
}

static void test_tls(void **state)
{
    static const char *const api[] = {"api",          "--enable-tls",   "true",        "--tls-cert-file",
                                      "tls/cert.pem", "--tls-key-file", "tls/key.pem", NULL};
    static const char *const *const arguments[] = {api, NULL};
    struct fixture f = {0};
    struct text certificate = TEXT_INIT, key = TEXT_INIT;
    struct error err = ERROR_INIT;
    (void)state;
    sim_system_init(&f.s, 11);
    f.s.arguments = arguments;
    make_certificate(&certificate, &key, world_wall(f.s.client) / SECOND);
    struct world *node = sim_node(f.s.sim, "api");
    assert_int_equal(world_make_directory(node, "tls"), 0);
    assert_int_equal(world_write_file(node, "tls/cert.pem", text_bytes(&certificate), false, NULL), 0);
    assert_int_equal(world_write_file(node, "tls/key.pem", text_bytes(&key), true, NULL), 0);
    assert_int_equal(world_sync_directory(node, "tls"), 0);
    sim_system_start_all(&f.s, all);
    const struct tls_options options = {.insecure = true};
    assert_int_equal(tls_context_new(&options, &f.tls, &err), 0);
    expect(&f, "GET", "/helloworld?name=Jane", NULL, NULL, 200, "Jane");
    expect(&f, "POST", "/helloworld", NULL, "{\"name\":\"Jim\"}", 200, "Jim");
    tls_context_free(f.tls);
    text_deinit(&certificate);
    text_deinit(&key);
    sim_system_deinit(&f.s);
}

static void test_settings(void **state)
{
    static const struct {
        const char *name, *value, *words;
    } rows[] = {
        {"handler", "nosuch", "there is no handler \"nosuch\""},
        {"enable-cors", "maybe", "neither true nor false"},
        {"cors-origins", "*", "is not an origin"},
        {"rate-limit", "-1", "option rate-limit"},
        {"rate-burst", "nan", "option rate-burst"},
        {"trusted-proxies", "99", "99"},
        {"enable-tls", "true", "tls-cert-file"},
    };
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct world *w = sim_node(sim, "api");
    struct api_settings settings;
    struct error err = ERROR_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct micro_own_option own = {.name = rows[i].name, .value = rows[i].value};
        const struct micro_options options = {.name = "api", .own = &own};
        assert_true(api_settings_read(&settings, w, &options, &err) < 0);
        if (!strstr(err.message, rows[i].words))
            fail_msg("%s: \"%s\"", rows[i].name, err.message);
        error_clear(&err);
    }
    const struct micro_own_option key = {.name = "tls-key-file", .value = "k.pem"},
                                  cert = {.name = "tls-cert-file", .value = "c.pem", .next = &key},
                                  tls = {.name = "enable-tls", .value = "true", .next = &cert};
    const struct micro_options options = {.name = "api", .own = &tls};
    assert_int_equal(api_settings_read(&settings, w, &options, &err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "c.pem"));
    error_clear(&err);
    assert_int_equal(world_write_file(w, "c.pem", bytes_of("no certificate"), false, NULL), 0);
    assert_int_equal(world_write_file(w, "k.pem", bytes_of("no key"), false, NULL), 0);
    assert_true(api_settings_read(&settings, w, &options, &err) < 0);
    assert_non_null(strstr(err.message, "certificate c.pem and key k.pem"));
    error_clear(&err);
    sim_free(sim);
}

static int quiet(void **state)
{
    (void)state;
    log_set_level(LOG_OFF);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    micro_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_stream),  cmocka_unit_test(test_sockets),  cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_stream), cmocka_unit_test(test_routes),   cmocka_unit_test(test_events),
        cmocka_unit_test(test_namespaces),   cmocka_unit_test(test_requests), cmocka_unit_test(test_cors),
        cmocka_unit_test(test_addresses),    cmocka_unit_test(test_rate),     cmocka_unit_test(test_blocklist),
        cmocka_unit_test(test_rules),        cmocka_unit_test(test_tls),      cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, quiet, tear_down);
}
