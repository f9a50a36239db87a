/* The gateway in a simulated system: calls by WebSocket, also of services that it knows from the registry
 * only, and what becomes of streams when it is told to stop. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "proto/helloworld/helloworld.pb-c.h"
#include "runtime/api/gate_kit.h"
#include "runtime/api/passage.h"
#include "runtime/service/program.h"

#include <stdio.h>
#include <string.h>

#define WAIT ((uint64_t)(120 * SECOND))

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
    struct gate f;
    struct websocket_kit c;
    struct text contract = TEXT_INIT;
    (void)state;
    ticker_contract(&contract);
    const struct micro_program ticker = {.name = "ticker",
                                         .setup = ticker_setup,
                                         .descriptors = (const uint8_t *)contract.data,
                                         .descriptors_size = contract.len};
    gate_setup(&f, 31, NULL, NULL);
    const char *argv[] = {"ticker",       "ticker",
                          "--address",    "0.0.0.0:9000",
                          "--peers",      "registry=registry:8000,auth=auth:8010",
                          "--public-key", text_string(&f.s.public_key),
                          "--token",      sim_system_token(&f.s, &f.arena, "ticker", "service", "micro", "service")};
    assert_null(pb_find_service(micro_pool(), "ticker.Ticker"));
    assert_int_equal(micro_program_register(f.s.sim, &ticker), 0);
    assert_int_equal(sim_start(f.s.sim, "ticker", "ticker", 10, argv, NULL), 0);
    gate_eventually(&f, "POST", "/registry/getService?service=ticker", f.bearer, 200, "\"client_stream\":\"false\"");
    gate_socket(&f, &c, "/ticker/watch", NULL);
    assert_true(c.opened);
    websocket_kit_send(&c, "{\"count\":3}");
    websocket_kit_wait_closed(&c);
    assert_string_equal(text_string(&c.got), "{\"count\":\"10\"}\n{\"count\":\"11\"}\n{\"count\":\"12\"}\n");
    websocket_kit_end(&c, WS_NORMAL);
    /* and without a WebSocket: JSON by JSON */
    gate_expect(&f, "POST", "/ticker/watch", NULL, "{\"count\":2}", 200, "\"11\"");
    gate_teardown(&f);
    text_deinit(&contract);
}

static void test_sockets(void **state)
{
    struct gate f;
    struct websocket_kit c;
    (void)state;
    gate_setup(&f, 1, NULL, NULL);
    gate_socket(&f, &c, "/helloworld/stream", NULL); /* the server streams */
    assert_true(c.opened);
    websocket_kit_send(&c, "{\"count\":3}");
    websocket_kit_wait_closed(&c);
    assert_string_equal(text_string(&c.got), "{\"count\":\"0\"}\n{\"count\":\"1\"}\n{\"count\":\"2\"}\n");
    websocket_kit_end(&c, WS_NORMAL);

    gate_socket(&f, &c, "/helloworld/pingPong", NULL); /* both do */
    for (int i = 1; i <= 3; i++) {
        char stroke[32];
        (void)snprintf(stroke, sizeof stroke, "{\"stroke\":%d}", i);
        c.messages = 0;
        text_clear(&c.got);
        websocket_kit_send(&c, stroke);
        websocket_kit_wait_message(&c);
        (void)snprintf(stroke, sizeof stroke, "{\"stroke\":\"%d\"}\n", i);
        assert_string_equal(text_string(&c.got), stroke);
    }
    websocket_kit_send(&c, "{\"stroke\":"); /* not JSON: told as JSON, then the end */
    websocket_kit_wait_closed(&c);
    assert_non_null(strstr(text_string(&c.got), "\"code\":400"));
    websocket_kit_end(&c, WS_UNSUPPORTED);

    gate_socket(&f, &c, "/store/list", NULL); /* refused by the service */
    websocket_kit_send(&c, "{}");
    websocket_kit_wait_closed(&c);
    assert_non_null(strstr(text_string(&c.got), "\"code\":401"));
    websocket_kit_end(&c, WS_POLICY);

    gate_socket(&f, &c, "/helloworld/stream", "x.y.z"); /* refused before there is a WebSocket */
    assert_int_equal(c.status, 401);
    websocket_kit_end(&c, WS_ABNORMAL);
    gate_socket(&f, &c, "/helloworld/call", NULL); /* no stream: plain HTTP */
    assert_int_equal(c.status, 200);
    websocket_kit_end(&c, WS_ABNORMAL);
    gate_socket(&f, &c, "/nosuch/stream", NULL);
    assert_int_equal(c.status, 404);
    websocket_kit_end(&c, WS_ABNORMAL);

    gate_socket(&f, &c, "/helloworld/stream", NULL); /* two requests where one is taken */
    websocket_kit_send(&c, "{\"count\":100000}");
    websocket_kit_send(&c, "{\"count\":1}");
    websocket_kit_end(&c, WS_UNSUPPORTED);
    gate_socket(&f, &c, "/helloworld/stream", NULL); /* nothing is ever asked */
    websocket_kit_end(&c, WS_POLICY);

    gate_socket(&f, &c, "/helloworld/stream", NULL); /* the client goes in the middle */
    websocket_kit_send(&c, "{\"count\":1000000}");
    websocket_kit_wait_message(&c);
    websocket_kit_deinit(&c);
    gate_expect(&f, "GET", "/helloworld?name=Jane", NULL, NULL, 200, "Jane");

    gate_socket(&f, &c, "/helloworld/pingPong", NULL); /* the service dies */
    websocket_kit_send(&c, "{\"stroke\":1}");
    websocket_kit_wait_message(&c);
    assert_int_equal(sim_kill(f.s.sim, "helloworld"), 0);
    websocket_kit_end(&c, WS_INTERNAL);
    gate_teardown(&f);
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
    struct gate f;
    struct shot shot = {0}, late = {0};
    (void)state;
    gate_setup(&f, 13, NULL, NULL);
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
    gate_teardown(&f);
}

static void test_drain(void **state)
{
    struct gate f;
    struct websocket_kit c;
    (void)state;
    gate_setup(&f, 2, NULL, NULL);
    gate_expect(&f, "GET", GATEWAY_HEALTH_PATH, NULL, NULL, 200, "ok");
    gate_socket(&f, &c, "/helloworld/pingPong", NULL);
    websocket_kit_send(&c, "{\"stroke\":1}");
    websocket_kit_wait_message(&c);
    assert_int_equal(sim_terminate(f.s.sim, "api"), 0);
    websocket_kit_end(&c, WS_GOING_AWAY);
    gate_teardown(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_user_stream), cmocka_unit_test(test_sockets),
                                       cmocka_unit_test(test_drain), cmocka_unit_test(test_drain_stream)};
    int failed = cmocka_run_group_tests_name("gateway socket", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
