/* The service framework around real services, in the simulated world. */
#include "base/test.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/units.h"
#include "proto/errors/errors.pb-c.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <string.h>

/* Micro's routing: the last dotted part and the method count, whatever stands in front. */
static void routing_and_greeting(void **state)
{
    (void)state;
    struct test_fixture f;
    test_fixture_begin(&f, 2, NULL, NULL);
    struct sim_system *s = &f.system;
    test_expect(s, "helloworld", "/helloworld.Helloworld/Call", NULL, "{\"name\":\"Joe\"}", GRPC_OK, "\"Hello Joe\"");
    test_expect(s, "helloworld", "/any.prefix.Helloworld/Call", f.token, "{\"name\":\"Jane\"}", GRPC_OK,
                "\"Hello Jane\"");
    test_expect(s, "helloworld", "/helloworld.Helloworld/Call", "rubbish", "{}", GRPC_UNAUTHENTICATED, "\"code\":401");
    struct test_stream t;
    test_stream_open(&t, s, "helloworld", "/helloworld.Helloworld/Stream", NULL, "{\"count\":1000}");
    test_stream_wait(&t, 0);
    assert_int_equal(t.status, GRPC_OK);
    assert_int_equal(t.messages, 1000);
    assert_non_null(strstr(text_string(&t.lines), "999"));
    test_stream_close(&t);
    test_expect(s, "helloworld", "/helloworld.Helloworld/Stream", NULL, "{\"count\":-1}", GRPC_INVALID_ARGUMENT,
                "count");
    test_stream_open(&t, s, "helloworld", "/helloworld.Helloworld/PingPong", NULL, NULL);
    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(rpc_stream_send(t.stream, bytes_of("{\"stroke\":7}")), 0);
        test_stream_wait(&t, i);
    }
    assert_int_equal(rpc_stream_half_close(t.stream), 0);
    test_stream_wait(&t, 0);
    assert_int_equal(t.status, GRPC_OK);
    assert_int_equal(t.messages, 3);
    test_stream_close(&t);
    test_fixture_end(&f);
}

struct raw {
    int status;
    struct text message, details;
    bool done;
};

static void on_raw(void *arg, const struct rpc_reply *reply)
{
    struct raw *r = arg;
    r->status = reply->status;
    text_add(&r->message, reply->message.data, reply->message.len);
    text_add(&r->details, reply->details.data, reply->details.len);
    r->done = true;
}

static bool raw_done(void *arg)
{
    return ((const struct raw *)arg)->done;
}

static void raw_call(struct test_fixture *f, const char *authorization, struct raw *r)
{
    struct rpc_channel *channel;
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(authorization)};
    const struct rpc_request request = {.path = "/registry.Registry/GetService",
                                        .metadata = {&header, 1},
                                        .has_message = true,
                                        .timeout = TEST_CALL_LIMIT,
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of("{\"service\":\"x\"}")};
    *r = (struct raw){0};
    assert_int_equal(
        rpc_channel_new(f->system.client, &(struct rpc_channel_options){.addresses = "registry:8000"}, &channel, NULL),
        0);
    assert_int_equal(rpc_unary(channel, &request, on_raw, r, NULL, NULL), 0);
    assert_int_equal(world_run_until(f->system.client, raw_done, r, TEST_CALL_LIMIT), 0);
    rpc_channel_free(channel);
}

static void raw_deinit(struct raw *r)
{
    text_deinit(&r->message);
    text_deinit(&r->details);
}

static void authorization_headers(void **state)
{
    (void)state;
    struct test_fixture f;
    test_fixture_begin(&f, 3, NULL, NULL);
    struct text basic = TEXT_INIT;
    text_puts(&basic, "Basic ");
    base64_encode(&basic, bytes_of(arena_printf(&f.arena, "user:%s", f.token)));
    const struct {
        const char *header;
        int status;
    } cases[] = {
        {arena_printf(&f.arena, "Bearer %s", f.token), GRPC_NOT_FOUND}, /* in */
        {arena_printf(&f.arena, "bearer   %s", f.token), GRPC_NOT_FOUND},
        {text_string(&basic), GRPC_NOT_FOUND},
        {"Basic ???", GRPC_UNAUTHENTICATED},
        {"Digest x", GRPC_UNAUTHENTICATED},
        {f.token, GRPC_UNAUTHENTICATED},
        {"Bearer", GRPC_UNAUTHENTICATED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raw r;
        raw_call(&f, cases[i].header, &r);
        if (r.status != cases[i].status)
            fail_msg("%s: %s", cases[i].header, grpc_status_name(r.status));
        raw_deinit(&r);
    }
    /* a token that was good and has expired, although its check is remembered */
    struct raw r;
    const char *user =
        arena_printf(&f.arena, "Bearer %s", sim_system_token(&f.system, &f.arena, "u", "user", "micro", NULL));
    raw_call(&f, user, &r);
    assert_int_equal(r.status, GRPC_NOT_FOUND);
    raw_deinit(&r);
    sim_run_for(f.system.sim, (uint64_t)(2 * HOUR));
    raw_call(&f, user, &r);
    assert_int_equal(r.status, GRPC_UNAUTHENTICATED);
    assert_non_null(strstr(text_string(&r.message), "expired"));
    raw_deinit(&r);
    text_deinit(&basic);
    test_fixture_end(&f);
}

/* Both forms of an error: JSON in the message, errors.Error in the one detail. */
static void error_forms(void **state)
{
    (void)state;
    struct test_fixture f;
    struct raw r;
    test_fixture_begin(&f, 4, NULL, NULL);
    raw_call(&f, arena_printf(&f.arena, "Bearer %s", f.token), &r);
    assert_string_equal(text_string(&r.message), "{\"id\":\"registry.Registry.GetService\",\"code\":404,"
                                                 "\"detail\":\"service not found\",\"status\":\"Not Found\"}");
    const char *type = "type.googleapis.com/errors.Error";
    const char *at = memmem(r.details.data, r.details.len, type, strlen(type));
    assert_non_null(at);
    assert_int_equal(r.details.data[0], 8); /* field 1, the code */
    assert_int_equal(r.details.data[1], GRPC_NOT_FOUND);
    at += strlen(type);
    assert_int_equal(at[0], 2 << 3 | 2); /* Any.value, shorter than 128 bytes */
    size_t len = (uint8_t)at[1];
    ProtobufCMessage *m = NULL;
    assert_int_equal(pb_unpack(&errors__error__descriptor, BYTES(at + 2, len), &f.arena, &m, NULL), 0);
    const Errors__Error *e = (const Errors__Error *)(const void *)m;
    assert_int_equal(e->code, 404);
    assert_string_equal(e->detail, "service not found");
    assert_string_equal(e->status, "Not Found");
    raw_deinit(&r);
    test_fixture_end(&f);
}

/* ---- one seed, one history -------------------------------------------------------------------------------------- */

static void take_line(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    text_char(arg, '\n');
}

static void whole_run(uint64_t seed, struct text *trace)
{
    static const char *const started[] = {"registry", "store", "config", "notes", "helloworld", NULL};
    struct sim_system s;
    struct arena arena = ARENA_INIT;
    sim_system_init(&s, seed);
    sim_trace(s.sim, take_line, trace);
    sim_system_start_all(&s, started);
    const char *token = sim_system_token(&s, &arena, "tester", "user", "micro", "admin");
    test_expect(&s, "notes", "/notes.Notes/Create", token, "{\"title\":\"x\"}", GRPC_OK, NULL);
    test_expect(&s, "config", "/config.Config/Set", token,
                "{\"path\":\"a\",\"value\":{\"data\":\"1\"},\"options\":{\"secret\":true}}", GRPC_OK, NULL);
    sim_crash(s.sim, "store");
    sim_run_for(s.sim, (uint64_t)(1 * SECOND));
    sim_system_start(&s, "store");
    test_expect(&s, "notes", "/notes.Notes/List", token, "{}", GRPC_OK, "\"x\"");
    sim_run_for(s.sim, (uint64_t)(100 * SECOND));
    sim_trace(s.sim, NULL, NULL);
    sim_system_deinit(&s);
    arena_deinit(&arena);
}

static void same_seed_same_trace(void **state)
{
    (void)state;
    struct text first = TEXT_INIT, second = TEXT_INIT, other = TEXT_INIT;
    whole_run(42, &first);
    whole_run(42, &second);
    whole_run(43, &other);
    assert_true(first.len > 10000);
    for (size_t i = 0; i < first.len && i < second.len; i++)
        if (first.data[i] != second.data[i]) {
            size_t from = i > 200 ? i - 200 : 0;
            fail_msg("the traces part at byte %zu:\n%.400s\n---\n%.400s", i, first.data + from, second.data + from);
        }
    assert_int_equal(first.len, second.len);
    assert_false(bytes_equal(text_bytes(&first), text_bytes(&other)));
    text_deinit(&first);
    text_deinit(&second);
    text_deinit(&other);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routing_and_greeting),
        cmocka_unit_test(authorization_headers),
        cmocka_unit_test(error_forms),
        cmocka_unit_test(same_seed_same_trace),
    };
    int failed = cmocka_run_group_tests_name("framework", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
