/* config.Watcher/Watch, and changes published on a topic. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "proto/broker/broker.pb-c.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <stdlib.h>
#include <string.h>

#define WATCH "/config.Watcher/Watch"

struct fixture {
    struct sim_system s;
    struct arena arena;
    char *token;
};

static void begin(struct fixture *f, uint64_t seed, const char *const *const *arguments)
{
    static const char *const started[] = {"registry", "store", "config", NULL};
    *f = (struct fixture){0};
    sim_system_init(&f->s, seed);
    f->s.arguments = arguments;
    sim_system_start_all(&f->s, started);
    f->token = sim_system_token(&f->s, &f->arena, "tester", "user", "micro", "admin");
}

static void end(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->s);
}

static void set(struct fixture *f, const char *namespace, const char *path, const char *value, bool secret)
{
    struct text json = TEXT_INIT;
    text_printf(&json, "{\"namespace\":\"%s\",\"path\":\"%s\",\"value\":{\"data\":\"", namespace, path);
    text_json(&json, value, strlen(value));
    text_printf(&json, "\"},\"options\":{\"secret\":%s}}", secret ? "true" : "false");
    test_expect(&f->s, "config", "/config.Config/Set", f->token, text_string(&json), GRPC_OK, NULL);
    text_deinit(&json);
}

/* Message i from 0: its value, and that its revision is beyond the last one. */
static void came(struct test_stream *t, size_t i, const char *value, const char *touched, unsigned long long *last)
{
    test_stream_wait(t, i + 1);
    const char *at = text_string(&t->lines);
    for (size_t n = 0; n < i; n++)
        at = strchr(at, '\n') + 1;
    json_t *m = json_loadb(at, strcspn(at, "\n"), 0, NULL);
    const json_t *change = json_object_get(m, "change");
    assert_string_equal(json_string_value(json_object_get(json_object_get(change, "changeSet"), "data")), value);
    assert_string_equal(json_string_value(json_object_get(m, "touched")), touched);
    assert_int_equal(json_is_true(json_object_get(m, "initial")), i == 0);
    unsigned long long revision = strtoull(json_string_value(json_object_get(m, "revision")), NULL, 10);
    assert_true(revision > *last || (revision == 0 && i == 0));
    *last = revision;
    json_decref(m);
}

static void follows(void **state)
{
    (void)state;
    struct fixture f;
    struct test_stream all, part, secret;
    unsigned long long last_all = 0, last_part = 0, last_secret = 0;
    begin(&f, 1, NULL);
    test_stream_open(&all, &f.s, "config", WATCH, f.token, "{}");
    came(&all, 0, "{}", "", &last_all); /* nothing is there yet */
    set(&f, "micro", "a.b", "1", false);
    came(&all, 1, "{\"a\":{\"b\":1}}", "a.b", &last_all);
    test_stream_open(&part, &f.s, "config", WATCH, f.token, "{\"path\":\"a\"}");
    test_stream_open(&secret, &f.s, "config", WATCH, f.token, "{\"path\":\"key\",\"options\":{\"secret\":true}}");
    came(&part, 0, "{\"b\":1}", "", &last_part);
    came(&secret, 0, "null", "", &last_secret);
    set(&f, "other", "a.b", "5", false);   /* another namespace */
    set(&f, "micro", "x", "[1,2]", false); /* another path */
    set(&f, "micro", "a.b", "1", false);   /* what was there already */
    set(&f, "micro", "key", "\"one\"", true);
    set(&f, "micro", "key", "\"two\"", true); /* a change although it reads the same to most */
    set(&f, "micro", "a.c", "2", false);
    test_expect(&f.s, "config", "/config.Config/Delete", f.token, "{\"path\":\"a\"}", GRPC_OK, NULL);
    came(&part, 1, "{\"b\":1,\"c\":2}", "a.c", &last_part);
    came(&part, 2, "null", "a", &last_part);
    came(&secret, 1, "\"one\"", "key", &last_secret);
    came(&secret, 2, "\"two\"", "key", &last_secret);
    came(&all, 2, "{\"a\":{\"b\":1},\"x\":[1,2]}", "x", &last_all);
    came(&all, 3, "{\"a\":{\"b\":1},\"key\":\"[secret]\",\"x\":[1,2]}", "key", &last_all);
    came(&all, 4, "{\"a\":{\"b\":1},\"key\":\"[secret]\",\"x\":[1,2]}", "key", &last_all);
    test_stream_wait(&all, 7);
    sim_run_for(f.s.sim, (uint64_t)(1 * SECOND));
    assert_int_equal(part.messages, 3);
    assert_int_equal(secret.messages, 3);
    assert_int_equal(all.messages, 7);
    assert_null(strstr(text_string(&all.lines), "two"));
    /* Revisions go on after everything is gone, and after a restart. */
    test_expect(&f.s, "config", "/config.Config/Delete", f.token, "{}", GRPC_OK, NULL);
    came(&all, 7, "{}", "", &last_all);
    assert_int_equal(sim_kill(f.s.sim, "config"), 0);
    test_stream_wait(&all, 0);
    assert_int_equal(all.status, GRPC_UNAVAILABLE);
    test_stream_close(&all);
    sim_system_start(&f.s, "config");
    sim_system_wait(&f.s, "config");
    set(&f, "micro", "z", "0", false);
    test_stream_open(&all, &f.s, "config", WATCH, f.token, "{\"path\":\"z\"}");
    came(&all, 0, "0", "", &last_all);
    test_stream_close(&all);
    test_stream_close(&part);
    test_stream_close(&secret);
    end(&f);
}

static void refusals(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2, NULL);
    char *stranger = sim_system_token(&f.s, &f.arena, "s", "user", "tenant", "admin");
    test_expect(&f.s, "config", WATCH, NULL, "{}", GRPC_UNAUTHENTICATED, "account");
    test_expect(&f.s, "config", WATCH, stranger, "{\"namespace\":\"micro\"}", GRPC_PERMISSION_DENIED, NULL);
    test_expect(&f.s, "config", WATCH, f.token, "{\"path\":\"a..b\"}", GRPC_INVALID_ARGUMENT, "character 3");
    end(&f);
}

/* One that does not read is let go; the others hear all. */
static void slow(void **state)
{
    (void)state;
    struct fixture f;
    struct test_stream stuck, fine;
    struct text large = TEXT_INIT;
    begin(&f, 3, NULL);
    text_char(&large, '"');
    for (int i = 0; i < 100000; i++)
        text_char(&large, 'x');
    text_char(&large, '"');
    test_stream_open(&stuck, &f.s, "config", WATCH, f.token, "{}");
    test_stream_open(&fine, &f.s, "config", WATCH, f.token, "{}");
    test_stream_wait(&stuck, 1);
    rpc_stream_pause(stuck.stream);
    for (int i = 0; i < 120; i++) {
        large.data[1] = (char)('a' + i % 26);
        set(&f, "micro", "k", text_string(&large), false);
    }
    test_stream_wait(&fine, 121);
    rpc_stream_resume(stuck.stream);
    test_stream_wait(&stuck, 0);
    assert_int_equal(stuck.status, GRPC_UNAVAILABLE);
    assert_false(fine.ended);
    test_stream_close(&stuck);
    test_stream_close(&fine);
    text_deinit(&large);
    end(&f);
}

/* When nobody knows whether a change happened, a watcher is told to look again, and finds what is stored. */
static void unknown_outcome(void **state)
{
    (void)state;
    struct fixture f;
    struct test_stream t;
    begin(&f, 4, NULL);
    set(&f, "micro", "k", "1", false);
    test_stream_open(&t, &f.s, "config", WATCH, f.token, "{\"path\":\"k\"}");
    test_stream_wait(&t, 1);
    /* The answers of the store do not come back. */
    sim_cut(f.s.sim, "store", "config", true);
    test_expect(&f.s, "config", "/config.Config/Set", f.token, "{\"path\":\"k\",\"value\":{\"data\":\"2\"}}",
                GRPC_UNAVAILABLE, NULL);
    sim_heal_all(f.s.sim);
    sim_run_for(f.s.sim, (uint64_t)(40 * SECOND));
    struct sim_answer a = {0};
    sim_system_call(&f.s, "config", "/config.Config/Get", f.token, "{\"path\":\"k\"}", &a);
    const char *data = sim_answer_text(&a, "value/data");
    char *last = arena_printf(&f.arena, "\"data\":\"%s\"", data);
    if (t.ended) {
        test_stream_close(&t);
        test_stream_open(&t, &f.s, "config", WATCH, f.token, "{\"path\":\"k\"}");
        test_stream_wait(&t, 1);
    }
    assert_non_null(strstr(text_string(&t.lines), last));
    sim_answer_deinit(&a);
    test_stream_close(&t);
    end(&f);
}

/* ---- the topic ---- */

struct topic {
    struct text bodies;
    size_t count;
};

static void publish(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct topic *t = context;
    const Broker__PublishRequest *r = (const Broker__PublishRequest *)(const void *)message;
    assert_string_equal(r->topic, "config.changed");
    assert_non_null(rpc_call_header(call, "authorization"));
    text_add(&t->bodies, r->message->body.data, r->message->body.len);
    text_char(&t->bodies, '\n');
    t->count++;
    Broker__Empty reply = BROKER__EMPTY__INIT;
    rpc_call_reply(call, &reply.base);
}

static bool two_came(void *arg)
{
    return ((struct topic *)arg)->count == 2;
}

static void topic(void **state)
{
    static const char *const own[] = {"config", "--watch-topic", "config.changed", NULL};
    static const char *const *const arguments[] = {own, NULL};
    static const struct rpc_method method = {.name = "Publish",
                                             .input = &broker__publish_request__descriptor,
                                             .output = &broker__empty__descriptor,
                                             .unary = publish};
    static const struct rpc_service broker = {"broker.Broker", &method, 1};
    (void)state;
    struct fixture f;
    struct topic t = {0};
    struct rpc_server *server = NULL;
    begin(&f, 5, arguments);
    set(&f, "micro", "a.b", "1", false); /* the broker is away: the change is made, and told when it is there */
    assert_int_equal(rpc_server_new(sim_node(f.s.sim, "broker"), NULL, &server, NULL), 0);
    assert_int_equal(rpc_server_add(server, &broker, &t), 0);
    assert_int_equal(rpc_server_listen(server, "0.0.0.0:8003", NULL), 0);
    set(&f, "micro", "key", "\"hunter2\"", true);
    assert_int_equal(world_run_until(f.s.client, two_came, &t, (uint64_t)(30 * SECOND)), 0);
    assert_non_null(strstr(text_string(&t.bodies), "\"path\":\"a.b\""));
    assert_non_null(strstr(text_string(&t.bodies), "\"data\":\"1\""));
    assert_non_null(strstr(text_string(&t.bodies), "\"data\":\"\\\"[secret]\\\"\""));
    assert_null(strstr(text_string(&t.bodies), "hunter2"));
    rpc_server_free(server);
    text_deinit(&t.bodies);
    end(&f);
}

/* Another key than the one secrets were stored under: config says so instead of starting. */
static void other_key(void **state)
{
    (void)state;
    struct fixture f;
    struct error err = ERROR_INIT;
    begin(&f, 6, NULL);
    set(&f, "micro", "key", "\"hunter2\"", true);
    assert_int_equal(sim_kill(f.s.sim, "config"), 0);
    static const char *const argv[] = {
        "micro", "config", "--data-dir", "/data", "--config-secret-key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        NULL};
    assert_int_equal(sim_start(f.s.sim, "config", "micro", 6, argv, &err), ERROR_DENIED);
    assert_non_null(strstr(err.message, "not the one used before"));
    error_clear(&err);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows),         cmocka_unit_test(refusals), cmocka_unit_test(slow),
        cmocka_unit_test(unknown_outcome), cmocka_unit_test(topic),    cmocka_unit_test(other_key),
    };
    int failed = cmocka_run_group_tests_name("config watch", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
