/* Config and the store it keeps its trees in, in the simulated world. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <string.h>

struct fixture {
    struct sim_system system;
    struct arena arena;
    char *token;
};

static void begin(struct fixture *f, uint64_t seed)
{
    static const char *const started[] = {"registry", "store", "config", NULL};
    *f = (struct fixture){0};
    sim_system_init(&f->system, seed);
    sim_system_start_all(&f->system, started);
    f->token = sim_system_token(&f->system, &f->arena, "tester", "user", "micro", "admin");
}

static void end(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static void set(struct fixture *f, const char *path, const char *value, bool secret)
{
    struct text json = TEXT_INIT;
    text_printf(&json, "{\"path\":\"%s\",\"value\":{\"data\":\"", path);
    text_json(&json, value, strlen(value));
    text_printf(&json, "\",\"format\":\"json\"},\"options\":{\"secret\":%s}}", secret ? "true" : "false");
    test_expect(&f->system, "config", "/config.Config/Set", f->token, text_string(&json), GRPC_OK, NULL);
    text_deinit(&json);
}

static void expect(struct fixture *f, const char *path, bool secret, const char *value)
{
    struct sim_answer a = {0};
    char *json =
        arena_printf(&f->arena, "{\"path\":\"%s\",\"options\":{\"secret\":%s}}", path, secret ? "true" : "false");
    sim_system_call(&f->system, "config", "/config.Config/Get", f->token, json, &a);
    assert_int_equal(a.status, GRPC_OK);
    assert_string_equal(sim_answer_text(&a, "value/data"), value);
    sim_answer_deinit(&a);
}

static void values(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1);
    struct sim_system *s = &f.system;
    test_expect(s, "config", "/config.Config/Get", f.token, "{\"path\":\"a\"}", GRPC_NOT_FOUND,
                "\"detail\":\"Not found\"");
    test_expect(s, "config", "/config.Config/Delete", f.token, "{\"path\":\"a\"}", GRPC_NOT_FOUND, "Not found");
    set(&f, "a.b", "{\"c\":1}", false);
    set(&f, "a.b", "{\"d\":\"<two>\"}", false);
    expect(&f, "a.b", false, "{\"c\":1,\"d\":\"<two>\"}");
    expect(&f, "a.b.c", false, "1");
    expect(&f, "x", false, "null");
    set(&f, "key", "\"hunter2\"", true);
    expect(&f, "key", false, "\"[secret]\"");
    expect(&f, "key", true, "\"hunter2\"");
    /* Read */
    struct sim_answer a = {0};
    sim_system_call(s, "config", "/config.Config/Read", f.token, "{\"path\":\"a.b.c\"}", &a);
    assert_string_equal(sim_answer_text(&a, "change/namespace"), "micro");
    assert_string_equal(sim_answer_text(&a, "change/path"), "a.b.c");
    assert_true(strstr(text_string(&a.text), "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b") !=
                NULL);
    sim_answer_deinit(&a);
    /* what lies in the store is not plain */
    sim_system_call(s, "store", "/store.Store/Read", f.token, "{\"key\":\"micro\",\"options\":{\"table\":\"config\"}}",
                    &a);
    assert_int_equal(a.status, GRPC_OK);
    assert_null(strstr(text_string(&a.text), "aHVudGVyMg")); /* base64 of hunter2, at one of its places */
    sim_answer_deinit(&a);
    test_expect(s, "config", "/config.Config/Delete", f.token, "{\"path\":\"a.b.c\"}", GRPC_OK, NULL);
    expect(&f, "a", false, "{\"b\":{\"d\":\"<two>\"}}");
    test_expect(s, "config", "/config.Config/Delete", f.token, "{}", GRPC_OK, NULL);
    test_expect(s, "config", "/config.Config/Get", f.token, "{}", GRPC_NOT_FOUND, NULL);
    end(&f);
}

static void refusals(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    struct sim_system *s = &f.system;
    const char *stranger = sim_system_token(s, &f.arena, "s", "user", "tenant", "admin");
    const char *user = sim_system_token(s, &f.arena, "u", "user", "micro", NULL);
    test_expect(s, "config", "/config.Config/Get", NULL, "{}", GRPC_UNAUTHENTICATED, "account");
    /* Blank is one's own namespace. */
    test_expect(s, "config", "/config.Config/Get", stranger, "{\"namespace\":\"micro\"}", GRPC_PERMISSION_DENIED, NULL);
    test_expect(s, "config", "/config.Config/Get", stranger, "{}", GRPC_NOT_FOUND, NULL);
    test_expect(s, "config", "/config.Config/Get", user, "{}", GRPC_UNAUTHENTICATED, NULL);
    test_expect(s, "config", "/config.Config/Set", stranger,
                "{\"namespace\":\"tenant\",\"path\":\"k\",\"value\":{\"data\":\"1\"}}", GRPC_OK, NULL);
    test_expect(s, "config", "/config.Config/Get", stranger, "{\"path\":\"k\"}", GRPC_OK, NULL);
    test_expect(s, "config", "/config.Config/Get", f.token, "{\"path\":\"k\"}", GRPC_NOT_FOUND,
                NULL); /* another namespace's */
    test_expect(s, "config", "/config.Config/Set", f.token, "{\"path\":\"a\",\"value\":{\"data\":\"{\\\"x\\\": }\"}}",
                GRPC_INVALID_ARGUMENT, "line 1, column 7");
    test_expect(s, "config", "/config.Config/Set", f.token, "{\"path\":\"a\"}", GRPC_INVALID_ARGUMENT,
                "a value is required");
    test_expect(s, "config", "/config.Config/Set", f.token,
                "{\"path\":\"a\",\"value\":{\"data\":\"1\",\"format\":\"toml\"}}", GRPC_INVALID_ARGUMENT, "toml");
    test_expect(s, "config", "/config.Config/Set", f.token, "{\"path\":\"a..b\",\"value\":{\"data\":\"1\"}}",
                GRPC_INVALID_ARGUMENT, "character 3");
    end(&f);
}

struct many {
    size_t answered, ok, wanted;
};

static void on_answer(void *arg, const struct rpc_reply *reply)
{
    struct many *m = arg;
    m->answered++;
    m->ok += reply->status == GRPC_OK;
}

static bool all_answered(void *arg)
{
    const struct many *m = arg;
    return m->answered == m->wanted;
}

/* Many changes of one namespace at once, and the store dying in between: none is lost to another. */
static void changes_at_once(void **state)
{
    (void)state;
    struct fixture f;
    struct many m = {.wanted = 40};
    struct rpc_channel *channel;
    begin(&f, 3);
    char *bearer = arena_printf(&f.arena, "Bearer %s", f.token);
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
    assert_int_equal(
        rpc_channel_new(f.system.client, &(struct rpc_channel_options){.addresses = "config:8001"}, &channel, NULL), 0);
    for (size_t i = 0; i < m.wanted; i++) {
        char *json = arena_printf(&f.arena, "{\"path\":\"many.k%zu\",\"value\":{\"data\":\"%zu\"}}", i, i);
        const struct rpc_request request = {.path = "/config.Config/Set",
                                            .metadata = {&header, 1},
                                            .timeout = TEST_CALL_LIMIT,
                                            .content_type = "application/grpc+json",
                                            .message = bytes_of(json),
                                            .has_message = true,
                                            .wait_for_ready = true};
        assert_int_equal(rpc_unary(channel, &request, on_answer, &m, NULL, NULL), 0);
    }
    sim_run_for(f.system.sim, (uint64_t)(5 * MILLISECOND));
    sim_crash(f.system.sim, "store");
    sim_run_for(f.system.sim, (uint64_t)(500 * MILLISECOND));
    assert_true(m.answered < m.wanted);
    sim_system_start(&f.system, "store");
    assert_int_equal(world_run_until(f.system.client, all_answered, &m, TEST_CALL_LIMIT), 0);
    assert_int_equal(m.ok, m.wanted);
    for (size_t i = 0; i < m.wanted; i++)
        expect(&f, arena_printf(&f.arena, "many.k%zu", i), false, arena_printf(&f.arena, "%zu", i));
    rpc_channel_free(channel);
    end(&f);
}

/* Without a store: a clear answer within the time-out, and work as usual once it is back. Secrets survive a restart. */
static void store_away(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 4);
    set(&f, "k", "\"v\"", true);
    sim_kill(f.system.sim, "store");
    test_expect(&f.system, "config", "/config.Config/Get", f.token, "{\"path\":\"k\"}", GRPC_UNAVAILABLE,
                "the store cannot be reached");
    sim_system_start(&f.system, "store");
    sim_kill(f.system.sim, "config");
    sim_system_start(&f.system, "config");
    sim_system_wait(&f.system, "config");
    expect(&f, "k", true, "\"v\"");
    /* stopping with calls in work */
    sim_kill(f.system.sim, "store");
    struct test_stream pending;
    test_stream_open(&pending, &f.system, "config", "/config.Config/Set", f.token,
                     "{\"path\":\"k\",\"value\":{\"data\":\"1\"}}");
    sim_kill(f.system.sim, "config");
    test_stream_wait(&pending, 0);
    assert_int_equal(pending.status, GRPC_UNAVAILABLE);
    test_stream_close(&pending);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(refusals),
        cmocka_unit_test(changes_at_once),
        cmocka_unit_test(store_away),
    };
    int failed = cmocka_run_group_tests_name("config", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
