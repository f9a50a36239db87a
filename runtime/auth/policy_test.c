/* auth.Policy/Watch: a snapshot and what follows it, to whom, and what becomes of those who do not read. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/auth/policy.h"
#include "runtime/service/internal.h"
#include "runtime/service/test_calls.h"

#include <stdlib.h>
#include <string.h>

#define WATCH "/auth.Policy/Watch"

static const char *const core[] = {"registry", "store", "auth", NULL};

struct fixture {
    struct sim_system s;
    struct arena arena;
    char *service, *admin, *tenant, *tenant_service;
};

static void begin(struct fixture *f, uint64_t seed, bool start)
{
    *f = (struct fixture){0};
    sim_system_init(&f->s, seed);
    if (start)
        sim_system_start_all(&f->s, core);
    f->service = sim_system_token(&f->s, &f->arena, "store", "service", "micro", "service");
    f->admin = sim_system_token(&f->s, &f->arena, "boss", "user", "micro", "admin");
    f->tenant = sim_system_token(&f->s, &f->arena, "eve", "user", "other", "admin");
    f->tenant_service = sim_system_token(&f->s, &f->arena, "shop-1", "service", "other", "service");
}

static void end(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->s);
}

static void ok(struct fixture *f, const char *path, const char *token, const char *json)
{
    test_expect(&f->s, "auth", path, token, json, GRPC_OK, NULL);
}

static char *rule(struct fixture *f, const char *namespace, const char *id)
{
    return arena_printf(&f->arena,
                        "{\"rule\":{\"id\":\"%s\",\"scope\":\"*\",\"access\":\"DENIED\",\"resource\":{\"type\":"
                        "\"service\",\"name\":\"notes\",\"endpoint\":\"*\"}},\"options\":{\"namespace\":\"%s\"}}",
                        id, namespace);
}

/* Message i, from 0. The caller gives it back. */
static json_t *message(struct test_stream *t, size_t i)
{
    const char *at = text_string(&t->lines);
    test_stream_wait(t, i + 1);
    at = text_string(&t->lines);
    for (; i > 0; i--)
        at = strchr(at, '\n') + 1;
    json_t *m = json_loadb(at, strcspn(at, "\n"), 0, NULL);
    assert_non_null(m);
    return m;
}

static unsigned long long revision(const json_t *m)
{
    return strtoull(json_string_value(json_object_get(m, "revision")), NULL, 10);
}

static void test_who(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 1, true);
    test_expect(&f.s, "auth", WATCH, NULL, "{}", GRPC_UNAUTHENTICATED, "account is required");
    test_expect(&f.s, "auth", WATCH, f.admin, "{}", GRPC_PERMISSION_DENIED, "for services");
    end(&f);
}

static void test_follow(void **state)
{
    struct fixture f;
    struct test_stream t;
    (void)state;
    begin(&f, 2, true);
    ok(&f, "/auth.Rules/Create", f.admin, rule(&f, "micro", "first"));
    test_stream_open(&t, &f.s, "auth", WATCH, f.service, "{}");
    json_t *m = message(&t, 0);
    assert_true(json_is_true(json_object_get(m, "snapshot")));
    assert_int_equal(json_array_size(json_object_get(m, "keys")), 1);
    const json_t *rules = json_array_get(json_object_get(m, "rules"), 0);
    assert_string_equal(json_string_value(json_object_get(rules, "namespace")), "micro");
    assert_int_equal(json_array_size(json_object_get(rules, "rules")), 2); /* v3's default and ours */
    unsigned long long last = revision(m);
    json_decref(m);

    ok(&f, "/auth.Rules/Create", f.admin, rule(&f, "micro", "second"));
    m = message(&t, 1);
    assert_false(json_is_true(json_object_get(m, "snapshot")));
    assert_true(revision(m) > last);
    last = revision(m);
    assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(m, "rules"), 0), "rules")), 3);
    json_decref(m);

    ok(&f, "/auth.Rules/Delete", f.admin, "{\"id\":\"first\"}");
    m = message(&t, 2);
    assert_true(revision(m) > last);
    last = revision(m);
    assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(m, "rules"), 0), "rules")), 2);
    json_decref(m);

    ok(&f, "/auth.Auth/Generate", f.admin, "{\"id\":\"joe\",\"secret\":\"x\"}");
    ok(&f, "/auth.Accounts/Delete", f.admin, "{\"id\":\"joe\"}");
    m = message(&t, 3);
    assert_true(revision(m) > last);
    const json_t *revoked = json_array_get(json_object_get(m, "revocations"), 0);
    assert_string_equal(json_string_value(json_object_get(revoked, "account")), "joe");
    assert_string_not_equal(json_string_value(json_object_get(revoked, "generation")), "");
    json_decref(m);

    /* A new key is told before it signs. */
    ok(&f, "/auth.Keys/Rotate", f.admin, "{}");
    m = message(&t, 4);
    assert_int_equal(json_array_size(json_object_get(m, "keys")), 1);
    json_decref(m);
    /* Nothing else came. */
    assert_int_equal(t.messages, 5);
    test_stream_close(&t);

    /* All of it is in the next snapshot, also of the next auth. */
    for (int i = 0; i < 2; i++) {
        test_stream_open(&t, &f.s, "auth", WATCH, f.service, "{}");
        m = message(&t, 0);
        assert_int_equal(json_array_size(json_object_get(m, "keys")), 2);
        assert_int_equal(json_array_size(json_object_get(m, "revocations")), 1);
        assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(m, "rules"), 0), "rules")), 2);
        assert_true(revision(m) > last);
        json_decref(m);
        if (i == 0) {
            assert_int_equal(sim_kill(f.s.sim, "auth"), 0);
            test_stream_wait(&t, 0);
            assert_int_equal(t.status, GRPC_UNAVAILABLE);
            sim_system_start(&f.s, "auth");
            sim_system_wait(&f.s, "auth");
        }
        test_stream_close(&t);
    }
    end(&f);
}

/* A tenant's service does not see the rules of other tenants. */
static void test_tenant(void **state)
{
    struct fixture f;
    struct test_stream own, all;
    (void)state;
    begin(&f, 3, true);
    ok(&f, "/auth.Rules/Create", f.admin, rule(&f, "third", "theirs"));
    ok(&f, "/auth.Rules/Create", f.admin, rule(&f, "micro", "ours"));
    ok(&f, "/auth.Rules/Create", f.tenant, rule(&f, "other", "own"));
    test_stream_open(&own, &f.s, "auth", WATCH, f.tenant_service, "{}");
    test_stream_open(&all, &f.s, "auth", WATCH, f.service, "{}");
    test_stream_wait(&own, 1);
    test_stream_wait(&all, 1);
    assert_non_null(strstr(text_string(&own.lines), "\"own\""));
    assert_non_null(strstr(text_string(&own.lines), "\"ours\""));
    assert_null(strstr(text_string(&own.lines), "theirs"));
    assert_non_null(strstr(text_string(&all.lines), "theirs"));
    ok(&f, "/auth.Rules/Create", f.admin, rule(&f, "third", "another"));
    ok(&f, "/auth.Rules/Create", f.tenant, rule(&f, "other", "last"));
    test_stream_wait(&own, 2);
    test_stream_wait(&all, 3);
    assert_null(strstr(text_string(&own.lines), "\"another\""));
    assert_non_null(strstr(text_string(&own.lines), "\"last\""));
    test_stream_close(&own);
    test_stream_close(&all);
    end(&f);
}

/* Who comes before auth has read the store waits; who comes when auth cannot read it at all is told nothing wrong. */
static void test_early(void **state)
{
    struct fixture f;
    struct test_stream t;
    (void)state;
    begin(&f, 4, false);
    sim_system_start(&f.s, "registry");
    sim_system_start(&f.s, "auth");
    test_stream_open(&t, &f.s, "auth", WATCH, f.service, "{}");
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(5 * SECOND)), 0);
    assert_int_equal(t.messages, 0);
    sim_system_start(&f.s, "store");
    test_stream_wait(&t, 1);
    assert_non_null(strstr(text_string(&t.lines), "\"snapshot\":true"));
    test_stream_close(&t);
    end(&f);
}

#define WATCHERS 60

/* Many hear the same; one that does not read is let go and holds up nobody. */
static void test_many(void **state)
{
    struct fixture f;
    struct test_stream *all = calloc(WATCHERS, sizeof *all);
    (void)state;
    assert_non_null(all);
    begin(&f, 5, true);
    for (int i = 0; i < 100; i++) /* long enough that an update does not fit the windows */
        ok(&f, "/auth.Rules/Create", f.admin, rule(&f, "micro", arena_printf(&f.arena, "%d-%0200d", i, i)));
    struct test_stream stuck;
    test_stream_open(&stuck, &f.s, "auth", WATCH, f.service, "{}");
    test_stream_wait(&stuck, 1);
    rpc_stream_pause(stuck.stream);
    for (int i = 0; i < WATCHERS; i++)
        test_stream_open(&all[i], &f.s, "auth", WATCH, f.service, "{}");
    for (int i = 0; i < 40; i++)
        ok(&f, "/auth.Rules/Create", f.admin, rule(&f, "micro", arena_printf(&f.arena, "more-%d", i)));
    for (int i = 0; i < WATCHERS; i++) {
        test_stream_wait(&all[i], 41);
        assert_int_equal(all[i].messages, 41);
        unsigned long long last = 0;
        for (size_t n = 0; i == 0 && n < 41; n++) {
            json_t *m = message(&all[i], n);
            assert_true(revision(m) > last);
            last = revision(m);
            json_decref(m);
        }
    }
    assert_int_equal(sim_run_for(f.s.sim, POLICY_STALL + (uint64_t)(15 * SECOND)), 0);
    rpc_stream_resume(stuck.stream);
    test_stream_wait(&stuck, 0);
    assert_int_equal(stuck.status, GRPC_UNAVAILABLE);
    assert_true(stuck.messages < 41);
    for (int i = 0; i < WATCHERS; i++) {
        assert_false(all[i].ended);
        test_stream_close(&all[i]);
    }
    test_stream_close(&stuck);
    free(all);
    end(&f);
}

/* A rule whose write was not answered: what is told in the end is what is stored. */
static void test_unknown_outcome(void **state)
{
    (void)state;
    for (int moment = 1; moment < 12; moment++) {
        struct fixture f;
        struct test_stream t, call;
        struct sim_answer a = {0};
        begin(&f, 20 + (uint64_t)moment, true);
        ok(&f, "/auth.Rules/List", f.admin, "{}");
        test_stream_open(&call, &f.s, "auth", "/auth.Auth/Inspect", NULL, "{}"); /* the connection is there */
        test_stream_close(&call);
        const struct grpc_header header = {bytes_of("authorization"),
                                           bytes_of(arena_printf(&f.arena, "Bearer %s", f.admin))};
        const struct rpc_channel_options options = {.addresses = "auth:8010"};
        static const struct rpc_stream_events events = {0};
        const struct rpc_request request = {.path = "/auth.Rules/Create",
                                            .metadata = {&header, 1},
                                            .content_type = "application/grpc+json",
                                            .timeout = (uint64_t)(60 * SECOND),
                                            .message = bytes_of(rule(&f, "micro", "maybe")),
                                            .has_message = true};
        struct rpc_channel *channel = NULL;
        struct rpc_stream *stream = NULL;
        (void)events;
        assert_int_equal(rpc_channel_new(f.s.client, &options, &channel, NULL), 0);
        struct test_stream sink = {.system = &f.s};
        static const struct rpc_stream_events none = {NULL, NULL, NULL, NULL};
        assert_int_equal(rpc_stream_open(channel, &request, &none, &sink, &stream, NULL), 0);
        assert_int_equal(sim_run_for(f.s.sim, (uint64_t)moment * 300 * (uint64_t)MICROSECOND), 0);
        sim_cut(f.s.sim, "auth", "store", false);
        assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(40 * SECOND)), 0);
        sim_heal_all(f.s.sim);
        assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(30 * SECOND)), 0);
        sim_system_call(&f.s, "auth", "/auth.Rules/List", f.admin, "{}", &a);
        assert_int_equal(a.status, GRPC_OK);
        bool stored = strstr(text_string(&a.text), "\"maybe\"") != NULL;
        test_stream_open(&t, &f.s, "auth", WATCH, f.service, "{}");
        test_stream_wait(&t, 1);
        assert_int_equal(stored, strstr(text_string(&t.lines), "\"maybe\"") != NULL);
        test_stream_close(&t);
        rpc_channel_free(channel);
        sim_answer_deinit(&a);
        end(&f);
    }
}

#define LARGE      30            /* namespaces */
#define SCOPE_SIZE (1000 * 1000) /* characters of a rule's scope: three messages' worth in all */

static bool let_in(struct rpc_call *call, void *context)
{
    rpc_call_set_guard_data(call, context);
    return true;
}

/* A policy too large for one message comes in several; all but the last say that more follows. */
static void test_parts(void **state)
{
    static const char *const service_scope[] = {"service", NULL};
    static const struct micro_account account = {
        .id = "store", .type = "service", .issuer = "micro", .name = "store", .scopes = service_scope};
    struct micro_caller caller = {.account = &account};
    struct fixture f;
    struct policy p;
    struct policy_content content = {0};
    struct rpc_server *server = NULL;
    struct test_stream t;
    (void)state;
    begin(&f, 6, false);
    struct world *w = sim_node(f.s.sim, "auth");
    char *scope = arena_alloc(&f.arena, SCOPE_SIZE + 1);
    assert_non_null(scope);
    memset(scope, 'x', SCOPE_SIZE);
    policy_init(&p, w);
    for (int i = 0; i < LARGE; i++) {
        Auth__Rule r = AUTH__RULE__INIT;
        r.id = arena_printf(&f.arena, "r%d", i);
        r.scope = scope;
        assert_int_equal(policy_content_rule(&content, arena_printf(&f.arena, "n%d", i), &r), 0);
    }
    const struct rpc_server_options options = {.pool = micro_pool()};
    assert_int_equal(rpc_server_new(w, &options, &server, NULL), 0);
    rpc_server_set_guard(server, let_in, &caller);
    assert_int_equal(rpc_server_add(server, &policy_service, &p), 0);
    assert_int_equal(rpc_server_listen(server, "0.0.0.0:8010", NULL), 0);
    assert_int_equal(policy_load(&p, &content), 0);
    test_stream_open(&t, &f.s, "auth", WATCH, NULL, "{}");
    test_stream_wait(&t, 4);
    assert_int_equal(t.messages, 4);
    size_t namespaces = 0;
    for (size_t i = 0; i < 4; i++) {
        json_t *m = message(&t, i);
        assert_int_equal(json_is_true(json_object_get(m, "snapshot")), i == 0);
        assert_int_equal(json_is_true(json_object_get(m, "more")), i < 3);
        namespaces += json_array_size(json_object_get(m, "rules"));
        json_decref(m);
    }
    assert_int_equal(namespaces, LARGE);
    assert_int_equal(policy_key(&p, "k", "PEM", 0), 0); /* a change behind it is whole by itself */
    test_stream_wait(&t, 5);
    json_t *m = message(&t, 4);
    assert_false(json_is_true(json_object_get(m, "more")) || json_is_true(json_object_get(m, "snapshot")));
    json_decref(m);
    test_stream_close(&t);
    policy_close(&p);
    rpc_server_free(server);
    policy_deinit(&p);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_tenant),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_early),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_unknown_outcome),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
