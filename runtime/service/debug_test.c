/* What a service tells about itself: health, figures, log records, spans. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/service/test_probe.h"

#include <string.h>

static void debug_handler(void **state)
{
    (void)state;
    struct test_fixture f;
    test_fixture_begin(&f, 1, NULL, NULL);
    struct sim_system *s = &f.system;
    test_expect(s, "helloworld", "/helloworld.Debug/Health", NULL, "{}", GRPC_OK, "\"ok\"");
    test_expect(s, "registry", "/debug.Debug/Health", "rubbish", "{}", GRPC_OK, "\"ok\"");
    struct sim_answer a = {0}, b = {0};
    sim_system_call(s, "helloworld", "/helloworld.Debug/Stats", NULL, "{}", &a);
    sim_run_for(s->sim, (uint64_t)(10 * SECOND));
    test_expect(s, "helloworld", "/helloworld.Nothing/Nothing", NULL, "{}", GRPC_UNIMPLEMENTED, NULL);
    sim_system_call(s, "helloworld", "/helloworld.Debug/Stats", NULL, "{}", &b);
    assert_int_equal(a.status, GRPC_OK);
    assert_int_equal(
        strtoull(sim_answer_text(&b, "requests"), NULL, 10) - strtoull(sim_answer_text(&a, "requests"), NULL, 10), 2);
    assert_int_equal(
        strtoull(sim_answer_text(&b, "errors"), NULL, 10) - strtoull(sim_answer_text(&a, "errors"), NULL, 10), 1);
    assert_true(strtoull(sim_answer_text(&b, "uptime"), NULL, 10) >= 10);
    sim_answer_deinit(&a);
    sim_answer_deinit(&b);
    test_fixture_end(&f);
}

/* ---- log ----------------------------------------------------------------------------------------------------------
 */

static size_t count_of(const struct sim_answer *a, const char *list)
{
    return json_array_size(json_object_get(a->body, list));
}

static void log_ring(void **state)
{
    (void)state;
    struct test_fixture f;
    test_fixture_begin(&f, 11, NULL, NULL);
    struct sim_answer a = {0};
    const struct micro_options options = {.name = "teller",
                                          .host = "0.0.0.0",
                                          .address = "0.0.0.0:8005",
                                          .peers = "registry=registry:8000",
                                          .token = f.token};
    const struct micro_service_config config = {.name = "teller", .options = &options};
    struct micro_service *service = NULL;
    assert_int_equal(micro_service_new(f.system.client, &config, &service, NULL), 0);
    assert_int_equal(micro_service_start(service, NULL), 0);
    for (int i = 0; i < 1500; i++) {
        micro_log(service, i % 2 ? LOG_WARN : LOG_INFO, "record %d", i);
        if (i == 1399)
            sim_run_for(f.system.sim, (uint64_t)(10 * SECOND));
    }
    int64_t now = world_wall(f.system.client) / SECOND;
    const char *text = NULL;
    struct arena arena = ARENA_INIT;
    struct rpc_channel *channel = NULL;
    assert_int_equal(
        rpc_channel_new(f.system.client, &(struct rpc_channel_options){.addresses = "client:8005"}, &channel, NULL), 0);
    const char *since = arena_printf(&arena, "{\"since\":%lld}", (long long)now);
    const struct {
        const char *json;
        size_t count;
        const char *first, *last;
    } cases[] = {
        {"{}", 1000, "record 500", "record 1499"},
        {"{\"count\":3}", 3, "record 1497", "record 1499"},
        {"{\"count\":5000}", 1000, "record 500", "record 1499"},
        {since, 100, "record 1400", "record 1499"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc_answer got = {0};
        const struct rpc_request request = {.path = "/teller.Debug/Log",
                                            .content_type = "application/grpc+json",
                                            .message = bytes_of(cases[i].json),
                                            .has_message = true};
        assert_int_equal(rpc_unary_wait(f.system.client, channel, &request, &got, NULL), GRPC_OK);
        text = arena_string_n(&arena, (const char *)got.reply.body.data, got.reply.body.len);
        a.body = json_loads(text, 0, NULL);
        assert_int_equal(count_of(&a, "records"), cases[i].count);
        assert_string_equal(sim_answer_text(&a, "records/0/message"), cases[i].first);
        char last[64];
        snprintf(last, sizeof last, "records/%zu/message", cases[i].count - 1);
        assert_string_equal(sim_answer_text(&a, last), cases[i].last);
        snprintf(last, sizeof last, "records/%zu/metadata/level", cases[i].count - 1);
        assert_string_equal(sim_answer_text(&a, last), "warn");
        json_decref(a.body);
        rpc_answer_deinit(&got);
    }
    /* bytes that are no text, and too many of them, still make a valid answer */
    char big[5000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    big[10] = (char)0xff;
    micro_log(service, LOG_ERROR, "%s", big);
    struct rpc_answer got = {0};
    const struct rpc_request request = {.path = "/teller.Debug/Log",
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of("{\"count\":1}"),
                                        .has_message = true};
    assert_int_equal(rpc_unary_wait(f.system.client, channel, &request, &got, NULL), GRPC_OK);
    assert_true(got.reply.body.len > 1024 && got.reply.body.len < 1200);
    rpc_answer_deinit(&got);
    rpc_channel_free(channel);
    arena_deinit(&arena);
    micro_service_free(service);
    test_expect(&f.system, "registry", "/registry.Debug/Log", f.token, "{\"count\":-1}", GRPC_INVALID_ARGUMENT,
                "negative");
    test_expect(&f.system, "registry", "/registry.Debug/Log", NULL, "{}", GRPC_UNAUTHENTICATED, "account");
    test_expect(&f.system, "registry", "/registry.Debug/Trace", "rubbish", "{}", GRPC_UNAUTHENTICATED, "token");
    test_fixture_end(&f);
}

/* ---- traces -------------------------------------------------------------------------------------------------------
 */

static const json_t *span_of(const struct sim_answer *a, const char *type, size_t nth)
{
    const json_t *list = json_object_get(a->body, "spans");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *span = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(span, "type")), type) == 0 && nth-- == 0)
            return span;
    }
    return NULL;
}

static const char *member(const json_t *span, const char *name)
{
    const char *value = json_string_value(json_object_get(span, name));
    return value ? value : "";
}

static void spans(struct test_fixture *f, const char *node, const char *service, const char *id, struct sim_answer *out)
{
    struct arena arena = ARENA_INIT;
    const char *text = NULL, *bearer = arena_printf(&arena, "Bearer %s", f->token);
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
    assert_int_equal(test_probe_call(&f->system, node, arena_printf(&arena, "/%s.Debug/Trace", service), &header, 1,
                                     arena_printf(&arena, "{\"id\":\"%s\"}", id), &arena, &text),
                     GRPC_OK);
    *out = (struct sim_answer){.body = json_loads(text, 0, NULL)};
    assert_non_null(out->body);
    arena_deinit(&arena);
}

/* One trace through three services, each calling the next twice, the second time from the first's answer. */
static void trace_through_hops(void **state)
{
    (void)state;
    struct test_fixture f;
    test_fixture_begin(&f, 12, NULL, NULL);
    const char *arguments[] = {"--token", f.token, "--peers", "registry=registry:8000,policy=none", NULL};
    test_probe_start(&f.system, "first", "first", arguments);
    test_probe_start(&f.system, "second", "second", arguments);
    test_probe_start(&f.system, "third", "third", arguments);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    const struct grpc_header headers[] = {{bytes_of("micro-trace-id"), bytes_of("my-trace.1")},
                                          {bytes_of("micro-span-id"), bytes_of("root")}};
    const char *text = NULL;
    assert_int_equal(test_probe_call(&f.system, "first", "/first.Helloworld/Call", headers, 2,
                                     "{\"name\":\"relay second relay third you\"}", &f.arena, &text),
                     GRPC_OK);
    assert_non_null(strstr(text, "Hello you from"));
    struct sim_answer one, two, three;
    spans(&f, "first", "first", "my-trace.1", &one);
    spans(&f, "second", "second", "my-trace.1", &two);
    spans(&f, "third", "third", "my-trace.1", &three);
    assert_int_equal(count_of(&one, "spans"), 3);   /* in, two out */
    assert_int_equal(count_of(&two, "spans"), 6);   /* two in, each two out */
    assert_int_equal(count_of(&three, "spans"), 4); /* four in */
    const json_t *in = span_of(&one, "INBOUND", 0), *out = span_of(&one, "OUTBOUND", 1);
    assert_string_equal(member(in, "parent"), "root");
    assert_string_equal(member(in, "name"), "first.Helloworld.Call");
    assert_string_equal(member(out, "parent"), member(in, "id"));
    assert_string_equal(member(out, "name"), "second.Helloworld.Call");
    /* the callee's span is the child of the caller's outgoing one */
    assert_string_equal(member(span_of(&two, "INBOUND", 1), "parent"), member(out, "id"));
    for (size_t i = 0; i < 4; i++) {
        const json_t *last = span_of(&three, "INBOUND", i);
        assert_string_equal(member(last, "trace"), "my-trace.1");
        assert_string_equal(member(last, "parent"), member(span_of(&two, "OUTBOUND", i), "id"));
        assert_true(strtoull(member(span_of(&two, "OUTBOUND", i), "duration"), NULL, 10) >
                    strtoull(member(last, "duration"), NULL, 10));
    }
    sim_answer_deinit(&one);
    sim_answer_deinit(&two);
    sim_answer_deinit(&three);
    /* ids that are none are replaced; every call then has a trace of its own */
    const struct grpc_header bad[] = {{bytes_of("micro-trace-id"), bytes_of("no good\"")}};
    assert_int_equal(
        test_probe_call(&f.system, "third", "/third.Helloworld/Call", bad, 1, "{\"name\":\"you\"}", &f.arena, &text),
        GRPC_OK);
    spans(&f, "third", "third", "", &three);
    size_t n = count_of(&three, "spans");
    const char *trace = member(json_array_get(json_object_get(three.body, "spans"), n - 1), "trace");
    assert_int_equal(strlen(trace), 32);
    assert_int_equal(strspn(trace, "0123456789abcdef"), 32);
    sim_answer_deinit(&three);
    /* the ring */
    for (int i = 0; i < 300; i++)
        assert_int_equal(test_probe_call(&f.system, "third", "/third.Helloworld/Call", NULL, 0, "{}", &f.arena, &text),
                         GRPC_OK);
    spans(&f, "third", "third", "", &three);
    assert_int_equal(count_of(&three, "spans"), 256);
    sim_answer_deinit(&three);
    test_fixture_end(&f);
}

/* ---- health -------------------------------------------------------------------------------------------------------
 */

static int serving(struct test_fixture *f, const char *address, const char *service)
{
    struct rpc_channel *channel = NULL;
    struct rpc_answer got = {0};
    struct text json = TEXT_INIT;
    text_printf(&json, "{\"service\":\"%s\"}", service);
    const struct rpc_channel_options options = {.addresses = address};
    const struct rpc_request request = {.path = "/grpc.health.v1.Health/Check",
                                        .content_type = "application/grpc+json",
                                        .message = text_bytes(&json),
                                        .has_message = true};
    assert_int_equal(rpc_channel_new(f->system.client, &options, &channel, NULL), 0);
    assert_int_equal(rpc_unary_wait(f->system.client, channel, &request, &got, NULL), GRPC_OK);
    bool yes = got.reply.body.len && memmem(got.reply.body.data, got.reply.body.len, "\"SERVING\"", 9);
    rpc_answer_deinit(&got);
    rpc_channel_free(channel);
    text_deinit(&json);
    return yes;
}

/* What the service at client:8301 says of itself in words. */
static void expect_health(struct test_fixture *f, const char *words)
{
    struct rpc_channel *channel = NULL;
    struct rpc_answer got = {0};
    const struct rpc_channel_options options = {.addresses = "client:8301"};
    const struct rpc_request request = {.path = "/a.Debug/Health",
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of("{}"),
                                        .has_message = true};
    assert_int_equal(rpc_channel_new(f->system.client, &options, &channel, NULL), 0);
    assert_int_equal(rpc_unary_wait(f->system.client, channel, &request, &got, NULL), GRPC_OK);
    if (!got.reply.body.len || !memmem(got.reply.body.data, got.reply.body.len, words, strlen(words)))
        fail_msg("health is %.*s, wanted %s", (int)got.reply.body.len,
                 got.reply.body.len ? (const char *)got.reply.body.data : "", words);
    rpc_answer_deinit(&got);
    rpc_channel_free(channel);
}

/* Two services that need each other, and one of them the store: each tells the truth, and both come up. */
static void dependencies(void **state)
{
    (void)state;
    static const char *const needs_b[] = {"b", "store", NULL}, *const needs_a[] = {"a", NULL};
    struct test_fixture f;
    test_fixture_begin(&f, 13, NULL, NULL);
    struct world *w = f.system.client;
    const struct micro_options at_a = {.name = "a",
                                       .address = "0.0.0.0:8301",
                                       .peers = "registry=registry:8000,a=client:8301,b=client:8302,store=store:8002"};
    const struct micro_options at_b = {.name = "b",
                                       .address = "0.0.0.0:8302",
                                       .peers = "registry=registry:8000,a=client:8301,b=client:8302,store=store:8002"};
    const struct micro_service_config config_a = {
        .name = "a", .options = &at_a, .depends = needs_b, .no_registration = true};
    const struct micro_service_config config_b = {
        .name = "b", .options = &at_b, .depends = needs_a, .no_registration = true};
    struct micro_service *a = NULL, *b = NULL;
    assert_int_equal(micro_service_new(w, &config_a, &a, NULL), 0);
    assert_int_equal(micro_service_start(a, NULL), 0);
    assert_int_equal(micro_service_new(w, &config_b, &b, NULL), 0);
    assert_int_equal(micro_service_start(b, NULL), 0);
    sim_run_for(f.system.sim, (uint64_t)(3 * SECOND));
    assert_false(serving(&f, "client:8301", "")); /* no store */
    assert_true(serving(&f, "client:8301", "self"));
    assert_true(serving(&f, "client:8302", "")); /* a can do its own work */
    sim_system_start(&f.system, "store");
    sim_run_for(f.system.sim, (uint64_t)(6 * SECOND));
    assert_true(serving(&f, "client:8301", ""));
    micro_service_set_healthy(b, false, "out of paper");
    sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND));
    assert_false(serving(&f, "client:8301", ""));
    assert_false(serving(&f, "client:8302", ""));
    micro_service_set_healthy(b, true, NULL);
    sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND));
    assert_true(serving(&f, "client:8301", ""));
    assert_true(serving(&f, "client:8302", ""));
    sim_kill(f.system.sim, "store");
    sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND));
    assert_false(serving(&f, "client:8301", ""));
    expect_health(&f, "store: not serving");
    micro_service_free(a);
    micro_service_free(b);
    test_fixture_end(&f);
}

/* A process that hangs keeps its connections and says nothing: those that depend on it find out. */
static void hung_dependency(void **state)
{
    (void)state;
    static const char *const needs[] = {"store", NULL};
    struct test_fixture f;
    test_fixture_begin(&f, 14, NULL, NULL);
    sim_system_start(&f.system, "store");
    const struct micro_options at = {
        .name = "a", .address = "0.0.0.0:8301", .peers = "registry=registry:8000,a=client:8301,store=store:8002"};
    const struct micro_service_config config = {.name = "a", .options = &at, .depends = needs, .no_registration = true};
    struct micro_service *a = NULL;
    assert_int_equal(micro_service_new(f.system.client, &config, &a, NULL), 0);
    assert_int_equal(micro_service_start(a, NULL), 0);
    sim_run_for(f.system.sim, (uint64_t)(10 * SECOND));
    expect_health(&f, "\"ok\"");
    /* busy for a while is not hung, however often */
    for (int i = 0; i < 10; i++) {
        sim_pause(f.system.sim, "store");
        sim_run_for(f.system.sim, (uint64_t)(1900 * MILLISECOND));
        sim_resume(f.system.sim, "store");
        sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND));
        assert_true(serving(&f, "client:8301", ""));
    }
    sim_pause(f.system.sim, "store");
    sim_run_for(f.system.sim, (uint64_t)(7 * SECOND));
    assert_false(serving(&f, "client:8301", ""));
    assert_true(serving(&f, "client:8301", "self"));
    expect_health(&f, "store: does not answer");
    sim_resume(f.system.sim, "store");
    sim_run_for(f.system.sim, (uint64_t)(3 * SECOND));
    assert_true(serving(&f, "client:8301", ""));
    expect_health(&f, "\"ok\"");
    /* gone for so long that the connection is given up, and back */
    sim_pause(f.system.sim, "store");
    sim_run_for(f.system.sim, (uint64_t)(90 * SECOND));
    assert_false(serving(&f, "client:8301", ""));
    sim_resume(f.system.sim, "store");
    sim_run_for(f.system.sim, (uint64_t)(10 * SECOND));
    assert_true(serving(&f, "client:8301", ""));
    micro_service_free(a);
    test_fixture_end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(debug_handler), cmocka_unit_test(log_ring),
                                       cmocka_unit_test(trace_through_hops), cmocka_unit_test(dependencies),
                                       cmocka_unit_test(hung_dependency)};
    int failed = cmocka_run_group_tests_name("debug", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
