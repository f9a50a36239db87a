/* The proxy's own service and its door with TLS, in the simulated world; relaying itself is tested in runtime/relay. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "proto/client/client.pb-c.h"
#include "runtime/relay/test_node.h"
#include "wire/pb.h"
#include "runtime/service/test_auth.h"
#include "wire/tls_kit.h"

#include <stdio.h>
#include <string.h>

struct fixture {
    struct sim_system system;
    struct arena arena;
    char *token;
};

static void begin(struct fixture *f, uint64_t seed, bool broker)
{
    static const char *const started[] = {"registry", "proxy", "broker", NULL};
    *f = (struct fixture){0};
    test_nodes_forget();
    sim_system_init(&f->system, seed);
    test_node_program(&f->system);
    const char *const some[] = {started[0], started[1], broker ? started[2] : NULL, NULL};
    sim_system_start_all(&f->system, some);
    f->token = sim_system_token(&f->system, &f->arena, "tester", "service", "micro", "service");
    test_node_start(&f->system, "n1");
    test_node_register(&f->system, "registry:8000", f->token, "svc", "v1", "n1", NULL);
}

static void end(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

/* bodies are base64 in JSON: "aGVsbG8=" is "hello". */
#define CALL(service, endpoint, type)                                                                                  \
    "{\"service\":\"" service "\",\"endpoint\":\"" endpoint "\",\"content_type\":\"" type "\",\"body\":\"aGVsbG8=\"}"

static void calls(void **state)
{
    (void)state;
    struct fixture f;
    static const char path[] = "/client.Client/Call";
    begin(&f, 1, false);
    struct sim_system *s = &f.system;
    test_expect(s, "proxy", path, f.token, CALL("svc", "Test.Unary", "application/json"), GRPC_OK, "aGVsbG8=");
    assert_string_equal(test_node("n1")->type, "application/grpc+json");
    assert_non_null(strstr(test_node("n1")->seen, "authorization=Bearer "));
    test_expect(s, "proxy", path, NULL, CALL("svc", "Test.Unary", "application/protobuf"), GRPC_OK, "aGVsbG8=");
    assert_string_equal(test_node("n1")->type, "application/grpc+proto");
    test_expect(s, "proxy", path, NULL, CALL("svc", "Unary", ""), GRPC_OK, "aGVsbG8="); /* Svc.Unary */
    test_expect(s, "proxy", path, NULL, CALL("svc", "Test.Fail", ""), GRPC_ABORTED, "418");
    test_expect(s, "proxy", path, NULL, CALL("svc", "Test.Unary", "text/plain"), GRPC_INVALID_ARGUMENT, "text/plain");
    test_expect(s, "proxy", path, NULL, CALL("", "Test.Unary", ""), GRPC_INVALID_ARGUMENT, "needed");
    test_expect(s, "proxy", path, NULL, CALL("svc", "", ""), GRPC_INVALID_ARGUMENT, "needed");
    test_expect(s, "proxy", path, NULL, CALL("svc/x", "Test.Unary", ""), GRPC_INVALID_ARGUMENT, "Type.Method");
    test_expect(s, "proxy", path, NULL, CALL("svc", "A.B.C", ""), GRPC_INVALID_ARGUMENT, "Type.Method");
    test_expect(s, "proxy", path, NULL, CALL("nobody", "Test.Unary", ""), GRPC_NOT_FOUND, "service not found");
    /* It must not call itself without end. */
    test_expect(s, "proxy", path, NULL, CALL("proxy", "Test.Unary", ""), GRPC_UNIMPLEMENTED, NULL);
    assert_int_equal(test_node("n1")->opened, 4);
    end(&f);
}

static void publishes(void **state)
{
    (void)state;
    struct fixture f;
    struct test_stream heard;
    begin(&f, 2, true);
    struct sim_system *s = &f.system;
    test_stream_open(&heard, s, "broker", "/broker.Broker/Subscribe", f.token, "{\"topic\":\"news\"}");
    static const char path[] = "/client.Client/Publish";
    test_expect(s, "proxy", path, f.token, "{\"content_type\":\"application/json\",\"body\":\"e30=\"}",
                GRPC_INVALID_ARGUMENT, "topic");
    test_expect(s, "proxy", path, NULL, "{\"topic\":\"news\",\"body\":\"e30=\"}", GRPC_UNAUTHENTICATED, NULL);
    test_expect(s, "proxy", path, f.token,
                "{\"topic\":\"news\",\"content_type\":\"application/json\",\"body\":\"e30=\"}", GRPC_OK, NULL);
    test_stream_wait(&heard, 1);
    assert_int_equal(heard.messages, 1);
    assert_non_null(strstr(text_string(&heard.lines), "e30="));
    assert_non_null(strstr(text_string(&heard.lines), "application/json"));
    assert_non_null(strstr(text_string(&heard.lines), "Micro-Topic"));
    test_stream_close(&heard);
    end(&f);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

struct flow {
    struct rpc_stream *stream;
    int messages;
    bool ended;
    int status;
    char last[16];
};

static void on_message(void *arg, struct bytes message)
{
    struct flow *s = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    assert_int_equal(pb_unpack(&client__response__descriptor, message, &arena, &m, NULL), 0);
    const Client__Response *r = (const Client__Response *)(const void *)m;
    snprintf(s->last, sizeof s->last, "%.*s", (int)r->body.len, (const char *)r->body.data);
    s->messages++;
    arena_deinit(&arena);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct flow *s = arg;
    s->ended = true;
    s->status = reply->status;
}

static void send_request(struct flow *s, const char *service, const char *endpoint, const char *body)
{
    char texts[3][32];
    struct text packed = TEXT_INIT;
    Client__Request r = CLIENT__REQUEST__INIT;
    snprintf(texts[0], 32, "%s", service);
    snprintf(texts[1], 32, "%s", endpoint);
    snprintf(texts[2], 32, "%s", body);
    r.service = texts[0];
    r.endpoint = texts[1];
    r.body.data = (uint8_t *)texts[2];
    r.body.len = strlen(body);
    assert_int_equal(pb_pack(&r.base, &packed), 0);
    assert_int_equal(rpc_stream_send(s->stream, text_bytes(&packed)), 0);
    text_deinit(&packed);
}

static void streams(void **state)
{
    (void)state;
    struct fixture f;
    struct rpc_channel *channel;
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    const struct rpc_channel_options options = {.addresses = "proxy:8081"};
    const struct rpc_request request = {.path = "/client.Client/Stream"};
    begin(&f, 3, false);
    assert_int_equal(rpc_channel_new(f.system.client, &options, &channel, NULL), 0);
    struct flow s = {0};
    assert_int_equal(rpc_stream_open(channel, &request, &events, &s, &s.stream, NULL), 0);
    send_request(&s, "svc", "Test.Bidi", "one");
    sim_run_for(f.system.sim, (uint64_t)(50 * MILLISECOND));
    assert_int_equal(s.messages, 1);
    assert_string_equal(s.last, "one");
    send_request(&s, "", "", "two");
    sim_run_for(f.system.sim, (uint64_t)(50 * MILLISECOND));
    assert_string_equal(s.last, "two");
    assert_int_equal(rpc_stream_half_close(s.stream), 0);
    sim_run_for(f.system.sim, (uint64_t)(50 * MILLISECOND));
    assert_true(s.ended);
    assert_int_equal(s.status, GRPC_OK);
    assert_int_equal(s.messages, 2);
    /* Cancelled, the service hears of it. */
    s = (struct flow){0};
    assert_int_equal(rpc_stream_open(channel, &request, &events, &s, &s.stream, NULL), 0);
    send_request(&s, "svc", "Test.Hang", "x");
    sim_run_for(f.system.sim, (uint64_t)(50 * MILLISECOND));
    rpc_stream_cancel(s.stream);
    sim_run_for(f.system.sim, (uint64_t)(50 * MILLISECOND));
    assert_int_equal(test_node("n1")->cancelled, 1);
    /* Nothing said at all, and something that cannot be. */
    s = (struct flow){0};
    assert_int_equal(rpc_stream_open(channel, &request, &events, &s, &s.stream, NULL), 0);
    assert_int_equal(rpc_stream_half_close(s.stream), 0);
    sim_run_for(f.system.sim, (uint64_t)(50 * MILLISECOND));
    assert_int_equal(s.status, GRPC_INVALID_ARGUMENT);
    s = (struct flow){0};
    assert_int_equal(rpc_stream_open(channel, &request, &events, &s, &s.stream, NULL), 0);
    send_request(&s, "", "Test.Bidi", "x");
    sim_run_for(f.system.sim, (uint64_t)(50 * MILLISECOND));
    assert_int_equal(s.status, GRPC_INVALID_ARGUMENT);
    rpc_channel_free(channel);
    end(&f);
}

/* ---- TLS -------------------------------------------------------------------------------------------------------- */

static void put_file(struct sim_system *s, const char *name, const char *content)
{
    assert_int_equal(world_write_file(sim_node(s->sim, "proxy"), name, bytes_of(content), true, NULL), 0);
}

static int status_with(struct fixture *f, const struct tls_options *options)
{
    struct tls_context *tls = NULL;
    struct rpc_channel *channel = NULL;
    struct rpc_answer a;
    const struct rpc_request request = {.path = "/svc.Test/Unary", .message = bytes_of("x"), .has_message = true};
    assert_int_equal(tls_context_new(options, &tls, NULL), 0);
    const struct rpc_channel_options to = {.addresses = "proxy:8084", .tls = tls};
    assert_int_equal(rpc_channel_new(f->system.client, &to, &channel, NULL), 0);
    assert_int_equal(rpc_unary_wait(f->system.client, channel, &request, &a, NULL), 0);
    int status = a.reply.status;
    rpc_answer_deinit(&a);
    rpc_channel_free(channel);
    tls_context_free(tls);
    return status;
}

struct tls_fixture {
    struct fixture f;
    struct tls_kit_cert ca, server, client, stranger;
    struct test_auth auth;
    struct tls_options to; /* as `client` */
};

static void tls_begin(struct tls_fixture *t, uint64_t seed)
{
    static const char *const alpn[] = {"h2", NULL};
    static const char *const proxy[] = {"proxy",   "--tls-cert-file",      "cert.pem", "--tls-key-file",
                                        "key.pem", "--tls-client-ca-file", "ca.pem",   NULL};
    static const char *const *const arguments[] = {proxy, NULL};
    static const char *const started[] = {"registry", NULL};
    struct sim_system *s = &t->f.system;
    *t = (struct tls_fixture){0};
    assert_true(tls_kit_make(&t->ca, "ca", NULL, NULL, false));
    assert_true(tls_kit_make(&t->server, "proxy", "DNS:proxy", &t->ca, false));
    assert_true(tls_kit_make(&t->client, "client", "DNS:client", &t->ca, false));
    assert_true(tls_kit_make(&t->stranger, "client", "DNS:client", NULL, false));
    test_nodes_forget();
    sim_system_init(s, seed);
    s->arguments = arguments;
    test_node_program(s);
    put_file(s, "cert.pem", t->server.cert_pem);
    put_file(s, "key.pem", t->server.key_pem);
    put_file(s, "ca.pem", t->ca.cert_pem);
    sim_clock_jump(s->sim, "proxy", TLS_KIT_NOW * SECOND - world_wall(sim_node(s->sim, "proxy")));
    /* The token of the proxy, made in the system's time, must still be good; so must the others. */
    test_auth_start(&t->auth, s);
    t->auth.token_life = INT64_C(100) * 365 * 24 * 3600;
    test_auth_policy(&t->auth, "{}");
    sim_system_start_all(s, started);
    sim_system_start(s, "proxy");
    sim_system_wait(s, "proxy");
    t->f.token = sim_system_token(s, &t->f.arena, "tester", "service", "micro", "service");
    test_node_start(s, "n1");
    test_node_register(s, "registry:8000", t->f.token, "svc", "v1", "n1", NULL);
    t->to = (struct tls_options){.ca_pem = t->ca.cert_pem,
                                 .certificate_pem = t->client.cert_pem,
                                 .key_pem = t->client.key_pem,
                                 .alpn = alpn,
                                 .time = TLS_KIT_NOW};
}

static void tls_end(struct tls_fixture *t)
{
    tls_kit_free(&t->ca);
    tls_kit_free(&t->server);
    tls_kit_free(&t->client);
    tls_kit_free(&t->stranger);
    test_auth_deinit(&t->auth);
    end(&t->f);
}

static void tls_door(void **state)
{
    (void)state;
    struct tls_fixture t;
    struct fixture *f = &t.f;
    tls_begin(&t, 4);
    struct tls_options o = t.to;
    assert_int_equal(status_with(f, &o), GRPC_OK);
    assert_int_equal(test_node("n1")->opened, 1);
    o.certificate_pem = t.stranger.cert_pem;
    o.key_pem = t.stranger.key_pem;
    assert_int_equal(status_with(f, &o), GRPC_UNAVAILABLE);
    o.certificate_pem = o.key_pem = NULL;
    assert_int_equal(status_with(f, &o), GRPC_UNAVAILABLE);
    assert_int_equal(test_node("n1")->opened, 1);
    /* The door without TLS is there beside it. */
    test_expect(&f->system, "proxy", "/svc.Test/Unary", NULL, "{}", GRPC_OK, NULL);
    tls_end(&t);
}

/* Streams of the proxy's own services, at either door, end with the rule that allowed them. */
static void rules_hold_at_both_doors(void **state)
{
    (void)state;
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct tls_fixture t;
    struct tls_context *tls = NULL;
    struct rpc_channel *channels[2];
    struct flow joe[2] = {{0}}, ann[2] = {{0}};
    tls_begin(&t, 5);
    assert_int_equal(tls_context_new(&t.to, &tls, NULL), 0);
    for (int i = 0; i < 2; i++) {
        const struct rpc_channel_options to = {.addresses = i ? "proxy:8084" : "proxy:8081", .tls = i ? tls : NULL};
        assert_int_equal(rpc_channel_new(t.f.system.client, &to, &channels[i], NULL), 0);
        for (int k = 0; k < 2; k++) {
            struct flow *flow = k ? &ann[i] : &joe[i];
            const char *token =
                test_auth_token(&t.auth, &t.f.arena, k ? "ann" : "joe", "user", "micro", k ? "billing" : "notes", "g1");
            const struct grpc_header bearer = {bytes_of("authorization"),
                                               bytes_of(arena_printf(&t.f.arena, "Bearer %s", token))};
            const struct rpc_request request = {.path = "/client.Client/Stream", .metadata = {&bearer, 1}};
            assert_int_equal(rpc_stream_open(channels[i], &request, &events, flow, &flow->stream, NULL), 0);
            send_request(flow, "svc", "Test.Bidi", "one");
        }
    }
    sim_run_for(t.f.system.sim, (uint64_t)(100 * MILLISECOND));
    for (int i = 0; i < 2; i++)
        assert_true(joe[i].messages == 1 && ann[i].messages == 1);
    test_auth_change(&t.auth, "{\"rules\":[{\"namespace\":\"micro\",\"rules\":["
                              "{\"id\":\"r\",\"priority\":1,\"scope\":\"notes\",\"access\":\"DENIED\","
                              "\"resource\":{\"type\":\"*\",\"name\":\"proxy\",\"endpoint\":\"*\"}},"
                              "{\"id\":\"all\",\"scope\":\"\",\"access\":\"GRANTED\","
                              "\"resource\":{\"type\":\"*\",\"name\":\"*\",\"endpoint\":\"*\"}}]}]}");
    sim_run_for(t.f.system.sim, (uint64_t)(100 * MILLISECOND));
    for (int i = 0; i < 2; i++) {
        assert_true(joe[i].ended && !ann[i].ended);
        assert_int_equal(joe[i].status, GRPC_PERMISSION_DENIED);
    }
    for (int i = 0; i < 2; i++)
        rpc_channel_free(channels[i]);
    tls_context_free(tls);
    tls_end(&t);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls),
        cmocka_unit_test(publishes),
        cmocka_unit_test(streams),
        cmocka_unit_test(tls_door),
        cmocka_unit_test(rules_hold_at_both_doors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
