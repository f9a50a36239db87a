/* The gateway in a simulated system: the routes that services ask for with their registration, what each handler
 * does with them, and whose namespace they are in. */
#include "base/base64.h"
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "proto/api/api.pb-c.h"
#include "runtime/api/gate_kit.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <string.h>
#include <strings.h>

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
    const char *from = "";
    for (size_t i = 0; i < r->n_header; i++) {
        if (strcasecmp(r->header[i]->key, "x-forwarded-for") == 0 || strcasecmp(r->header[i]->key, "x-real-ip") == 0)
            from = arena_printf(&arena, "%s %s", from, r->header[i]->value->values[0]);
    }
    reply.body = arena_printf(&arena, "%s %s get=%s body=%s from=%s", r->method, r->path,
                              r->n_get ? r->get[0]->value->values[0] : "", r->body, from);
    assert_int_equal(pb_pack(&reply.base, &packed), 0);
    assert_int_equal(rpc_call_send_bytes(call, text_bytes(&packed)), 0);
    rpc_call_finish(call, GRPC_OK, "");
    text_deinit(&packed);
    arena_deinit(&arena);
}

static void web_handle(void *arg, struct http_exchange *x)
{
    const char *forwarded = http_request_header(x, "x-forwarded-host"), *hop = http_request_header(x, "te");
    const char *from = http_request_header(x, "x-forwarded-for");
    struct text body = TEXT_INIT;
    (void)arg;
    http_add_header(x, "X-From", from ? from : "");
    if (http_request_header(x, "x-real-ip") || http_request_header(x, "forwarded") ||
        http_request_header(x, "x-forwarded-port"))
        http_add_header(x, "X-Spoofed", "yes");
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
    struct gate f;
    struct rpc_server *server = NULL;
    struct http_server *web = NULL;
    struct http_answer a;
    (void)state;
    gate_setup(&f, 3, NULL, NULL);
    struct world *node = sim_node(f.s.sim, "greeter");
    assert_non_null(node);
    assert_int_equal(rpc_server_new(node, NULL, &server, NULL), 0);
    rpc_server_set_fallback(server, &handler, NULL);
    assert_int_equal(rpc_server_listen(server, "0.0.0.0:9000", NULL), 0);
    assert_int_equal(http_server_new(node, NULL, web_handle, NULL, &web, NULL), 0);
    assert_int_equal(http_server_listen(web, "0.0.0.0:9001", NULL), 0);

    gate_expect(&f, "GET", "/v1/greet/Jane", NULL, NULL, 404, "v1.greet: service not found");
    gate_register(&f, ROUTES);
    gate_eventually(&f, "GET", "/v1/greet/Jane", NULL, 200, "Jane");
    gate_expect(&f, "GET", "/v1/greet/J%2Fane?name=Joe", NULL, NULL, 200, "J/ane"); /* the path wins over the query */
    gate_expect(&f, "HEAD", "/v1/greet/Jane", NULL, NULL, 200, "");
    gate_expect(&f, "POST", "/v1/greet/Jane", NULL, NULL, 404, "not found"); /* not its method */
    gate_expect(&f, "GET", "/hi/joe?name=Joe", NULL, NULL, 200, "Joe");
    gate_expect(&f, "GET", "/hi/Joe", NULL, NULL, 404, "");
    gate_expect(&f, "GET", "/v1/bad", NULL, NULL, 404, "");

    gate_register(&f, "{\"name\":\"greeter\",\"version\":\"1\",\"nodes\":[{\"id\":\"g\",\"address\":\"greeter:9000\"}],"
                      "\"endpoints\":[{\"name\":\"Greeter.Hello\",\"metadata\":{\"path\":\"/greeter/{who}\","
                      "\"handler\":\"api\"}}]}");
    gate_eventually(&f, "GET", "/greeter/jim", NULL, 201, "GET /greeter/jim get=jim body=");
    gate_get(&f, "POST", "/greeter/jim", "X-Forwarded-For: 6.6.6.6\nX-Real-IP: 6.6.6.6", "hello", &a);
    assert_true(gate_body_has(&a, " from="));
    assert_false(gate_body_has(&a, "6.6.6.6"));
    assert_string_equal(gate_header(&a, "x-made-by"), "greeter");
    assert_true(gate_body_has(&a, "body=hello"));
    http_answer_deinit(&a);
    gate_expect(&f, "POST", "/greeter/jim", NULL, "\xff", 415, "text only");

    gate_register(&f, "{\"name\":\"webapp\",\"version\":\"1\",\"nodes\":[{\"id\":\"w\",\"address\":\"greeter:9001\"},"
                      "{\"id\":\"dead\",\"address\":\"greeter:9002\"}],\"endpoints\":[{\"name\":\"Webapp.All\","
                      "\"metadata\":{\"path\":\"^/app/.*$\",\"handler\":\"http\"}}]}");
    gate_eventually(&f, "GET", "/app/x", NULL, 203, "GET /app/x? api:8080 hop=none");
    for (int i = 0; i < 4; i++) { /* whichever node's turn it is */
        gate_get(
            &f, "POST", "/app/a%20b?c=%20d",
            "TE: trailers\nX-Forwarded-For: 6.6.6.6\nX-Real-IP: 6.6.6.6\nForwarded: for=6.6.6.6\nX-Forwarded-Port: 1\n"
            "X-Forwarded-Host: evil",
            "posted", &a);
        assert_int_equal(a.status, 203);
        assert_true(gate_body_has(&a, "POST /app/a b?c=%20d api:8080 hop=none posted"));
        assert_string_equal(gate_header(&a, "x-web"), "yes");
        assert_string_equal(gate_header(&a, "x-spoofed"), "");
        assert_null(strstr(gate_header(&a, "x-from"), "6.6.6.6"));
        assert_string_equal(gate_header(&a, "content-type"), "text/x-test");
        http_answer_deinit(&a);
    }
    http_server_free(web);
    gate_expect(&f, "GET", "/app/x", NULL, NULL, 503, "webapp");

    /* Out of the registry, out of the table. */
    struct sim_answer gone = {0};
    sim_system_call(&f.s, "registry", "/registry.Registry/Deregister", f.admin, ROUTES, &gone);
    assert_int_equal(gone.status, GRPC_OK);
    sim_answer_deinit(&gone);
    gate_eventually(&f, "GET", "/hi/joe", NULL, 404, "");
    /* A registry that comes back without them as well. */
    assert_int_equal(sim_kill(f.s.sim, "registry"), 0);
    gate_expect(&f, "POST", "/greeter/jim", NULL, "hello", 201, "hello"); /* what is known stays in force */
    rpc_server_free(server);
    gate_teardown(&f);
}

/* Handler event: what comes to the path is published. */
static void test_events(void **state)
{
    struct gate f;
    struct test_stream t;
    (void)state;
    gate_setup(&f, 12, NULL, NULL);
    sim_system_start(&f.s, "broker");
    sim_system_wait(&f.s, "broker");
    gate_register(&f, "{\"name\":\"hooks\",\"version\":\"1\",\"nodes\":[{\"id\":\"h\",\"address\":\"greeter:9000\"}],"
                      "\"endpoints\":[{\"name\":\"Hooks.Paid\",\"metadata\":{\"path\":\"/hooks/{kind}\","
                      "\"handler\":\"event\",\"topic\":\"payments\"}}]}");
    test_stream_open(&t, &f.s, "broker", "/broker.Broker/Subscribe", f.admin, "{\"topic\":\"payments\"}");
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)SECOND), 0);
    gate_eventually(&f, "GET", "/hooks/card?sum=5", f.bearer, 200, "{}");
    gate_expect(&f, "POST", "/hooks/card", NULL, "plain words", 200, "{}"); /* nobody's token: the gateway's own */
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
    gate_expect(&f, "POST", "/hooks/card", NULL, "x", 503, "");
    gate_teardown(&f);
}

static void test_namespaces(void **state)
{
    struct gate f;
    (void)state;
    gate_setup(&f, 4, NULL, NULL);
    gate_register(&f,
                  "{\"name\":\"tenant\",\"version\":\"1\",\"options\":{\"domain\":\"acme\"},\"nodes\":[{\"id\":\"t\","
                  "\"address\":\"helloworld\",\"port\":8100}],\"endpoints\":[{\"name\":\"Helloworld.Call\","
                  "\"metadata\":{\"path\":\"/shop/{name}\"}}]}");
    gate_expect(&f, "GET", "/tenant/helloworld/call?name=A", NULL, NULL, 404, "service not found");
    gate_eventually(&f, "GET", "/tenant/helloworld/call?name=Ann", "Micro-Namespace: acme", 200, "Ann");
    gate_expect(&f, "GET", "/shop/Ann", NULL, NULL, 404, "");
    gate_eventually(&f, "GET", "/shop/Ann", "Micro-Namespace: acme", 200, "Ann");
    gate_expect(&f, "GET", "/helloworld?name=Bob", "Micro-Namespace: acme", NULL, 200, "Bob"); /* then micro's */
    const char *token = sim_system_token(&f.s, &f.arena, "ann", "user", "acme", NULL);
    gate_expect(&f, "GET", "/shop/Ann", arena_printf(&f.arena, "Authorization: Bearer %s", token), NULL, 200, "Ann");
    gate_expect(&f, "GET", "/shop/Ann", "Micro-Namespace: a/b", NULL, 400, "Micro-Namespace");
    gate_teardown(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_routes), cmocka_unit_test(test_events),
                                       cmocka_unit_test(test_namespaces)};
    int failed = cmocka_run_group_tests_name("gateway routes", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
