/* The doubles by HTTP and WebSocket, and the control of them, in the simulated world. */
#include "base/test.h"

#include "base/units.h"
#include "fakes/serve/control.h"
#include "fakes/serve/look.h"
#include "fakes/serve/internal.h"
#include "rpc/http.h"
#include "rpc/websocket.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* helloworld, store and the doubles' own. */
__asm__(".section .rodata\n"
        "set_begin:\n"
        ".incbin \"" TEST_SET_FILE "\"\n"
        "set_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const uint8_t set_begin[], set_end[];
static struct pb_pool *test_pool;

struct stage {
    struct sim *sim;
    struct world *client;
    struct pb_pool *pool;
    struct stub_set *stubs;
    struct fake_server *server;
    struct http_answer answer;
    /* a WebSocket */
    struct websocket *web;
    struct text said;
    int code;
    bool opened, closed;
};

static int setup(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    struct error err = ERROR_INIT;
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 9});
    g->client = sim_node(g->sim, "client");
    g->pool = test_pool;
    assert_int_equal(stub_set_new(g->pool, 1, &g->stubs, &err), 0);
    struct world *w = sim_node(g->sim, "doubles");
    assert_int_equal(fake_server_new(w, &(struct fake_server_options){.pool = g->pool}, &g->server, &err), 0);
    static const char *const services[] = {"helloworld.Helloworld", "store.BlobStore", "store.Store"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(fake_server_add(g->server, pb_find_service(g->pool, services[i]), NULL), 0);
    assert_int_equal(fake_server_set_stubs(g->server, g->stubs), 0);
    assert_int_equal(control_add(g->server, NULL, NULL, &err), 0);
    assert_int_equal(fake_server_service_count(g->server), 3);
    assert_int_equal(fake_server_listen_http(g->server, "0.0.0.0:80", &err), 0);
    return 0;
}

static int teardown(void **state)
{
    struct stage *g = *state;
    fake_server_free(g->server);
    stub_set_free(g->stubs);
    sim_free(g->sim);
    http_answer_deinit(&g->answer);
    text_deinit(&g->said);
    free(g);
    return 0;
}

/* ---- HTTP ---- */

static int ask(struct stage *g, const char *method, const char *path, const char *body, const char *header,
               const char *value)
{
    struct http1_header headers[] = {
        {bytes_of(header != NULL ? header : "x-a"), bytes_of(value != NULL ? value : "b")}};
    char url[200];
    struct error err = ERROR_INIT;
    (void)snprintf(url, sizeof url, "http://doubles:80%s", path);
    http_answer_deinit(&g->answer);
    struct http_fetch fetch = {
        .method = method, .url = url, .headers = headers, .header_count = 1, .body = bytes_of(body)};
    assert_int_equal(http_fetch_wait(g->client, &fetch, &g->answer, &err), 0);
    error_clear(&err);
    return g->answer.status;
}

static int post(struct stage *g, const char *path, const char *body)
{
    return ask(g, "POST", path, body, NULL, NULL);
}

static const char *body(struct stage *g)
{
    static char copy[4096];
    (void)snprintf(copy, sizeof copy, "%.*s", (int)g->answer.body.len, (const char *)g->answer.body.data);
    return copy;
}

static void add_stubs(struct stage *g, const char *text)
{
    struct error err = ERROR_INIT;
    if (stub_set_add_yaml(g->stubs, bytes_of(text), "t.yaml", NULL, &err) < 0)
        fail_msg("%s", err.message);
}

static void paths_lead_to_methods(void **state)
{
    struct stage *g = *state;
    add_stubs(g, "stubs:\n  - {call: helloworld.Helloworld/Call, answer: {msg: \"hi ${request.name}\"}}\n");
    static const char *const paths[] = {"/helloworld.Helloworld/Call",
                                        "/helloworld",
                                        "/helloworld/call",
                                        "/helloworld/helloworld/call",
                                        "/helloworld/Helloworld/Call",
                                        "/go.micro.Helloworld/Call"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(post(g, paths[i], "{\"name\":\"jo\"}"), 200);
        assert_string_equal(body(g), "{\"msg\":\"hi jo\"}");
    }
    assert_int_equal(post(g, "/store/blob-store/delete", ""), 200); /* no body: an empty request */
    assert_int_equal(post(g, "/helloworld/cal", "{}"), 404);
    assert_non_null(strstr(body(g), "did you mean Call?"));
    assert_int_equal(post(g, "/hallowelt.Helowrld/Call", "{}"), 404);
    assert_non_null(strstr(body(g), "\"code\":404"));
    assert_int_equal(ask(g, "PUT", "/helloworld", "", NULL, NULL), 405);
    assert_int_equal(ask(g, "GET", "/_health", "", NULL, NULL), 200);
    assert_int_equal(ask(g, "GET", "/", "", NULL, NULL), 200);
    assert_non_null(strstr(body(g), "store.BlobStore"));
    assert_int_equal(call_log_total(fake_server_journal(g->server)), 7);
}

/* The fields of a GET are its parameters; the request is the same as by POST. */
static void queries_are_requests(void **state)
{
    struct stage *g = *state;
    static const struct {
        const char *path, *request; /* as the journal has it */
    } cases[] = {
        {"/store.Store/Read?key=a%20b+c&options.limit=3&options.prefix=true",
         "{\"key\":\"a b c\",\"options\":{\"prefix\":true,\"limit\":\"3\"}}"},
        {"/store.Store/"
         "Write?record.key=k&record.value=YQ%3D%3D&record.metadata%5Bx.y%5D=%7B%22type%22:%22t%22%7D&record."
         "expiry=-2",
         "{\"record\":{\"key\":\"k\",\"value\":\"YQ==\",\"expiry\":\"-2\",\"metadata\":{\"x.y\":{\"type\":\"t\"}}}}"},
        {"/helloworld.Helloworld/Call?&name=%C3%A4&", "{\"name\":\"\u00e4\"}"},
        {"/helloworld.Helloworld/Call", "{}"},
    };
    static const struct {
        const char *path, *why;
    } wrong[] = {
        {"/store.Store/Read?kye=a", "store.ReadRequest has no field \\\"kye\\\"; did you mean key?"},
        {"/store.Store/Read?options.x=a", "store.ReadOptions has no field"},
        {"/store.Store/Read?key.x=a", "key is no message"},
        {"/store.Store/Read?key=a&key=b", "key is given twice"},
        {"/store.Store/Read?options=a", "options is a message"},
        {"/store.Store/Read?options=%7B%7D&options.limit=1&options=2", "options is given twice"},
        {"/store.Store/Read?options.limit=x", "limit"},
        {"/store.Store/Read?key=%zz", "before no two hexadecimal digits"},
        {"/store.Store/Read?key=%00", "zero character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ask(g, "GET", cases[i].path, "", NULL, NULL), 200);
        const struct call_log_block *b = call_log_first(fake_server_journal(g->server)), *last = b;
        for (; b != NULL; b = call_log_next(b))
            last = b;
        struct text json = TEXT_INIT;
        const struct call_log_entry *e = call_log_entry(last);
        assert_int_equal(pb_wire_to_json(e->method->input, call_log_request(e, 0), PB_JSON_PROTO_NAMES, &json, NULL),
                         0);
        assert_string_equal(text_string(&json), cases[i].request);
        text_deinit(&json);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(ask(g, "GET", wrong[i].path, "", NULL, NULL), 400);
        if (strstr(body(g), wrong[i].why) == NULL)
            fail_msg("%s: %s", wrong[i].path, body(g));
    }
    assert_int_equal(ask(g, "GET", "/doubles.Doubles/Journal?limit=1", "", NULL, NULL), 200);
    assert_int_equal(ask(g, "GET", "/store.BlobStore/Write?key=a", "", NULL, NULL), 405); /* a client's stream */
}

static void errors_are_micros(void **state)
{
    struct stage *g = *state;
    add_stubs(g, "stubs:\n"
                 "  - {call: helloworld.Helloworld/Call, when: {name: a}, status: NOT_FOUND, message: no a}\n"
                 "  - call: helloworld.Helloworld/Call\n    when: {name: b}\n    status: INTERNAL\n"
                 "    message: '{\"id\":\"x.y\",\"code\":418,\"detail\":\"d\",\"status\":\"s\"}'\n"
                 "  - {call: helloworld.Helloworld/Call, when: {name: c}, fault: never}\n"
                 "  - {call: helloworld.Helloworld/Call, when: {name: d}, fault: disconnect}\n");
    assert_int_equal(post(g, "/helloworld", "{\"name\":\"a\"}"), 404);
    assert_string_equal(body(g), "{\"id\":\"go.micro.api\",\"code\":404,\"detail\":\"no a\",\"status\":\"Not Found\"}");
    assert_int_equal(post(g, "/helloworld", "{\"name\":\"b\"}"), 418);
    assert_string_equal(body(g), "{\"id\":\"x.y\",\"code\":418,\"detail\":\"d\",\"status\":\"s\"}");
    assert_int_equal(ask(g, "POST", "/helloworld", "{\"name\":\"c\"}", "Timeout", "2s"), 504);
    assert_int_equal(ask(g, "POST", "/helloworld", "{\"name\":\"c\"}", "Timeout", "soon"), 400);
    assert_int_equal(post(g, "/helloworld", "{\"name\":1}"), 400);
    assert_non_null(strstr(body(g), "name"));
    struct http_fetch fetch = {
        .method = "POST", .url = "http://doubles:80/helloworld", .body = bytes_of("{\"name\":\"d\"}")};
    http_answer_deinit(&g->answer);
    assert_true(http_fetch_wait(g->client, &fetch, &g->answer, NULL) != 0);
    memset(&g->answer, 0, sizeof g->answer);
}

static void streams_are_lines(void **state)
{
    struct stage *g = *state;
    add_stubs(g, "stubs:\n"
                 "  - {call: helloworld.Helloworld/Stream, replies: [{count: 1}, {count: 2}], status: ABORTED}\n"
                 "  - {call: store.BlobStore/Write, messages: {$size: 2}, answer: {}}\n"
                 "  - {call: helloworld.Helloworld/PingPong, answer: {stroke: \"${request.stroke}\"}}\n");
    assert_int_equal(post(g, "/helloworld/stream", "{\"count\":1}"), 200);
    assert_string_equal(body(g),
                        "{\"count\":\"1\"}\n{\"count\":\"2\"}\n"
                        "{\"id\":\"go.micro.api\",\"code\":409,\"detail\":\"ABORTED\",\"status\":\"Conflict\"}\n");
    static const char *const two[] = {"{\"key\":\"k\"}\n\n{\"blob\":\"YQ==\"}\n",
                                      "[{\"key\":\"k\"}, {\"blob\":\"YQ==\"}]"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(post(g, "/store.BlobStore/Write", two[i]), 200);
        const struct call_log_block *b = call_log_first(fake_server_journal(g->server));
        for (size_t k = 0; k <= i; k++)
            b = call_log_next(b);
        assert_int_equal(call_log_entry(b)->requests, 2);
    }
    assert_int_equal(post(g, "/store.BlobStore/Write", "[{\"key\":\"k\"}, "), 400);
    assert_int_equal(post(g, "/helloworld/ping-pong", "{\"stroke\":1}\n{\"stroke\":2}"), 200);
    assert_string_equal(body(g), "{\"stroke\":\"1\"}\n{\"stroke\":\"2\"}\n");
}

static void protobuf_goes_as_it_is(void **state)
{
    struct stage *g = *state;
    add_stubs(g, "stubs:\n  - {call: helloworld.Helloworld/Call, when: {name: a}, answer: {msg: b}}\n");
    assert_int_equal(ask(g, "POST", "/helloworld",
                         "\x0a\x01"
                         "a",
                         "Content-Type", "application/protobuf"),
                     200);
    assert_string_equal(body(g), "\x0a\x01"
                                 "b");
    assert_int_equal(ask(g, "POST", "/helloworld/stream", "\x08\x01", "Content-Type", "application/protobuf"), 415);
    assert_int_equal(ask(g, "POST", "/helloworld", "\x0a\x05", "Content-Type", "application/protobuf"), 400);
}

/* ---- WebSocket ---- */

static void on_opened(void *arg)
{
    struct stage *g = arg;
    g->opened = true;
}

static void on_message(void *arg, bool text, struct bytes message)
{
    struct stage *g = arg;
    assert_true(text);
    text_add(&g->said, message.data, message.len);
    text_char(&g->said, '\n');
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct stage *g = arg;
    (void)reason;
    g->closed = true;
    g->code = code;
    g->web = NULL;
}

static void talk(struct stage *g, const char *path, const char *const *messages)
{
    static const struct websocket_events events = {.opened = on_opened, .message = on_message, .closed = on_closed};
    char url[100];
    (void)snprintf(url, sizeof url, "ws://doubles:80%s", path);
    g->opened = g->closed = false;
    text_clear(&g->said);
    assert_int_equal(websocket_connect(g->client, url, NULL, 0, NULL, &events, g, &g->web, NULL), 0);
    world_sleep(g->client, (uint64_t)SECOND);
    assert_true(g->opened);
    for (size_t i = 0; messages[i] != NULL; i++)
        assert_int_equal(websocket_send(g->web, true, bytes_of(messages[i])), 0);
    world_sleep(g->client, (uint64_t)SECOND);
}

static void websockets_carry_every_kind(void **state)
{
    struct stage *g = *state;
    add_stubs(g, "stubs:\n"
                 "  - {call: helloworld.Helloworld/Call, when: {name: a}, answer: {msg: b}}\n"
                 "  - {call: helloworld.Helloworld/Call, when: {name: c}, status: PERMISSION_DENIED}\n"
                 "  - {call: helloworld.Helloworld/Stream, replies: [{count: 1}, {count: 2, $delay: 100ms}]}\n"
                 "  - {call: helloworld.Helloworld/PingPong, answer: {stroke: \"${request.stroke}\", $delay: 10ms}}\n");
    talk(g, "/helloworld/call", (const char *const[]){"{\"name\":\"a\"}", NULL});
    assert_string_equal(text_string(&g->said), "{\"msg\":\"b\"}\n");
    assert_int_equal(g->code, WS_NORMAL);
    talk(g, "/helloworld/call", (const char *const[]){"{\"name\":\"c\"}", NULL});
    assert_non_null(strstr(text_string(&g->said), "\"code\":403"));
    assert_int_equal(g->code, WS_POLICY);
    talk(g, "/helloworld/stream", (const char *const[]){"{}", NULL});
    assert_string_equal(text_string(&g->said), "{\"count\":\"1\"}\n{\"count\":\"2\"}\n");
    /* Both ways: answers are waited for in their order, and an empty message ends the client's side. */
    talk(g, "/helloworld/ping-pong", (const char *const[]){"{\"stroke\":1}", "{\"stroke\":2}", "{\"stroke\":3}", NULL});
    assert_string_equal(text_string(&g->said), "{\"stroke\":\"1\"}\n{\"stroke\":\"2\"}\n{\"stroke\":\"3\"}\n");
    assert_false(g->closed);
    assert_int_equal(websocket_send(g->web, true, bytes_of("")), 0);
    world_sleep(g->client, (uint64_t)SECOND);
    if (!g->closed) { /* it stays open as long as its stub says so */
        websocket_close(g->web, WS_NORMAL, "");
        g->web = NULL;
        world_sleep(g->client, (uint64_t)(5 * SECOND));
    }
    talk(g, "/helloworld/call", (const char *const[]){"{\"nam\":1}", NULL});
    assert_non_null(strstr(text_string(&g->said), "\"code\":400"));
    assert_null(g->server->open);
}

/* ---- control ---- */

static void doubles_are_told_while_they_run(void **state)
{
    struct stage *g = *state;
    assert_int_equal(
        post(g, "/doubles.Doubles/AddStubs",
             "{\"text\":\"stubs:\\n  - {call: helloworld.Helloworld/Call, when: {name: a}, answer: {msg: b}}\"}"),
        200);
    assert_string_equal(body(g), "{\"first\":\"1\",\"count\":\"1\"}");
    assert_int_equal(post(g, "/doubles.Doubles/AddStubs", "{\"text\":\"stubs:\\n  - {call: x.Y/Z}\"}"), 400);
    assert_non_null(strstr(body(g), "rpc:2:"));
    assert_int_equal(post(g, "/helloworld", "{\"name\":\"a\"}"), 200);
    assert_int_equal(ask(g, "POST", "/helloworld", "{\"name\":\"z\"}", "Authorization", "Bearer secret"), 200);
    assert_int_equal(post(g, "/doubles.Doubles/ListStubs", "{}"), 200);
    assert_non_null(strstr(body(g), "\"used\":\"1\""));
    assert_int_equal(post(g, "/doubles.Doubles/ListStubs", "{\"unused\":true}"), 200);
    assert_non_null(strstr(body(g), "\"total\":\"0\""));
    assert_int_equal(post(g, "/doubles.Doubles/Unmatched", "{}"), 200);
    assert_non_null(strstr(body(g), "\"total\":\"1\""));
    assert_non_null(strstr(body(g), "expected \\\"a\\\", got \\\"z\\\""));
    assert_non_null(strstr(body(g), CALL_LOG_REDACTED));
    assert_null(strstr(body(g), "secret"));
    assert_int_equal(post(g, "/doubles.Doubles/Journal", "{\"from\":1,\"limit\":1}"), 200);
    assert_non_null(strstr(body(g), "\"sequence\":\"1\""));
    assert_null(strstr(body(g), "\"sequence\":\"0\""));
    assert_int_equal(post(g, "/doubles.Doubles/Services", "{}"), 200);
    assert_non_null(strstr(body(g), "\"name\":\"Call\",\"role\":\"\",\"calls\":\"2\""));
    assert_int_equal(post(g, "/doubles.Doubles/RemoveStubs", "{\"ids\":[1,2]}"), 404); /* none of them, then */
    assert_int_equal(stub_set_count(g->stubs), 1);
    assert_int_equal(post(g, "/doubles.Doubles/RemoveStubs", "{\"ids\":[1]}"), 200);
    assert_int_equal(stub_set_count(g->stubs), 0);
    assert_int_equal(post(g, "/doubles.Doubles/Explain", "{\"service\":\"store.Store\"}"), 412);
    assert_int_equal(post(g, "/doubles.Doubles/Reset", "{}"), 200);
    assert_int_equal(call_log_total(fake_server_journal(g->server)), 0);
}

static void calls_are_verified(void **state)
{
    struct stage *g = *state;
    assert_int_equal(post(g, "/helloworld", "{\"name\":\"a\"}"), 200);
    assert_int_equal(ask(g, "POST", "/helloworld", "{\"name\":\"b\"}", FAKE_SESSION_HEADER, "s"), 200);
    static const struct {
        const char *request, *expected;
        int status;
    } cases[] = {
        {"{\"method\":\"Call\",\"exactly\":2}", "\"met\":true,\"count\":\"2\"", 200},
        {"{\"method\":\"helloworld.Helloworld/Call\",\"exactly\":1}", "expected exactly 1 call of", 200},
        {"{\"method\":\"Call\",\"exactly\":1,\"when\":\"{name: a}\"}", "\"met\":true", 200},
        {"{\"method\":\"Call\",\"never\":true,\"when\":\"{name: {$regex: ^b}}\"}", "expected no call of", 200},
        {"{\"method\":\"Call\",\"between\":{\"at_least\":1},\"session\":\"s\"}", "\"met\":true,\"count\":\"1\"", 200},
        {"{\"method\":\"Call\",\"between\":{\"at_most\":1}}", "expected at most 1 call of", 200},
        {"{\"method\":\"PingPong\",\"between\":{\"at_least\":1,\"at_most\":2}}", "was not called at all", 200},
        {"{\"method\":\"Call\"}", "say how often", 400},
        {"{\"method\":\"Call\",\"exactly\":-1}", "no range", 400},
        {"{\"method\":\"Cull\",\"exactly\":1}", "has a method", 404},
        {"{\"method\":\"Call\",\"exactly\":1,\"when\":\"{nam: a}\"}", "nam", 400},
        {"{\"method\":\"Call\",\"exactly\":1,\"when\":\"{\"}", "when:", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = post(g, "/doubles.Doubles/Verify", cases[i].request);
        if (status != cases[i].status || strstr(body(g), cases[i].expected) == NULL)
            fail_msg("%s: %d %s", cases[i].request, status, body(g));
    }
}

static void followers_hear_of_calls(void **state)
{
    struct stage *g = *state;
    talk(g, "/doubles.Doubles/Follow", (const char *const[]){"{\"method\":\"Call\"}", NULL});
    assert_false(g->closed);
    assert_int_equal(post(g, "/helloworld", "{\"name\":\"a\"}"), 200);
    assert_int_equal(post(g, "/store.Store/Read", "{\"key\":\"a\"}"), 200);
    world_sleep(g->client, (uint64_t)SECOND);
    assert_non_null(strstr(text_string(&g->said), "\"helloworld.Helloworld/Call\""));
    assert_null(strstr(text_string(&g->said), "store.Store"));
    websocket_close(g->web, WS_NORMAL, "");
    g->web = NULL;
    world_sleep(g->client, (uint64_t)(5 * SECOND));
    assert_null(g->server->open); /* its stream has ended */
    assert_int_equal(post(g, "/helloworld", "{\"name\":\"a\"}"), 200);
}

/* The platform's contracts and the doubles' own, once. */
static int make_pool(void **state)
{
    (void)state;
    return pb_pool_new(BYTES(set_begin, (size_t)(set_end - set_begin)), "contracts", &test_pool, NULL);
}

static int free_pool(void **state)
{
    (void)state;
    pb_pool_free(test_pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_lead_to_methods, setup, teardown),
        cmocka_unit_test_setup_teardown(queries_are_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_are_micros, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_are_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(protobuf_goes_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(websockets_carry_every_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(doubles_are_told_while_they_run, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_are_verified, setup, teardown),
        cmocka_unit_test_setup_teardown(followers_hear_of_calls, setup, teardown),
    };
    return cmocka_run_group_tests(tests, make_pool, free_pool);
}
