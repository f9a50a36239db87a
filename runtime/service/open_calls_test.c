/* Streams that are open when the policy changes, and logging in under rules that deny everything. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/service.h"
#include "runtime/service/test_auth.h"
#include "runtime/service/test_probe.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SOON ((uint64_t)(100 * MILLISECOND))
/* A namespace's one rule: scope, access. */
#define RULES(namespace, scope, access)                                                                                \
    "{\"namespace\":\"" namespace "\",\"rules\":[{\"id\":\"r\",\"scope\":\"" scope "\",\"access\":\"" access           \
                                  "\",\"resource\":{\"type\":\"*\",\"name\":\"*\",\"endpoint\":\"*\"}}]}"
#define REVOKED(account, generation)                                                                                   \
    "{\"revocations\":[{\"namespace\":\"micro\",\"account\":\"" account "\",\"generation\":\"" generation "\"}]}"

/* ---- a call to the probe ------------------------------------------------------------------------------------------
 */

struct open_call {
    struct rpc_channel *channel;
    struct rpc_stream *stream;
    bool ended;
    int status;
    char words[512];
};

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct open_call *c = arg;
    c->ended = true;
    c->status = reply->status;
    snprintf(c->words, sizeof c->words, "%.*s", (int)reply->message.len,
             reply->message.data ? (const char *)reply->message.data : "");
}

static void open_call(struct open_call *c, struct sim_system *s, const char *method, const char *token)
{
    static const struct rpc_stream_events events = {.finished = on_finished};
    struct text bearer = TEXT_INIT;
    char path[64];
    *c = (struct open_call){0};
    snprintf(path, sizeof path, "/probe.Helloworld/%s", method);
    text_printf(&bearer, "Bearer %s", token ? token : "");
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_channel_options options = {.addresses = "probe:9000"};
    const struct rpc_request request = {.path = path,
                                        .metadata = {&header, token ? 1 : 0},
                                        .content_type = "application/grpc+json",
                                        .message =
                                            bytes_of(strcmp(method, "Call") == 0 ? "{\"name\":\"slow you\"}" : "{}"),
                                        .has_message = true};
    assert_int_equal(rpc_channel_new(s->client, &options, &c->channel, NULL), 0);
    assert_int_equal(rpc_stream_open(c->channel, &request, &events, c, &c->stream, NULL), 0);
    text_deinit(&bearer);
    sim_run_for(s->sim, SOON);
    if (c->ended)
        fail_msg("%s: %s", path, c->words);
}

static void expect_ended(struct open_call *c, int status, const char *words)
{
    if (!c->ended || c->status != status || !strstr(c->words, words))
        fail_msg("%s %s; wanted %s %s", c->ended ? grpc_status_name(c->status) : "still open", c->words,
                 grpc_status_name(status), words);
}

struct fixture {
    struct sim_system system;
    struct test_auth auth;
    struct arena arena;
    char *component, *joe, *ann;
};

static void begin(struct fixture *f, uint64_t seed)
{
    *f = (struct fixture){0};
    sim_system_init(&f->system, seed);
    test_auth_start(&f->auth, &f->system);
    f->component = sim_system_token(&f->system, &f->arena, "api", "service", "micro", "service");
    f->joe = test_auth_token(&f->auth, &f->arena, "joe", "user", "micro", "notes", "g1");
    f->ann = test_auth_token(&f->auth, &f->arena, "ann", "user", "micro", "billing", "g1");
    test_auth_policy(&f->auth, "{}");
    test_probe_start(&f->system, "probe", "probe", NULL);
    sim_run_for(f->system.sim, (uint64_t)SECOND);
}

static void end(struct fixture *f)
{
    test_auth_deinit(&f->auth);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

/* A revoked account's streams end at once; its unary call under way is answered; nobody else's streams are touched. */
static void revoked(void **state)
{
    (void)state;
    struct fixture f;
    struct open_call joe[3], ann, nobody, component, unary;
    begin(&f, 41);
    for (size_t i = 0; i < 3; i++)
        open_call(&joe[i], &f.system, "Stream", f.joe);
    open_call(&ann, &f.system, "Stream", f.ann);
    open_call(&nobody, &f.system, "Stream", NULL);
    open_call(&component, &f.system, "Stream", f.component);
    open_call(&unary, &f.system, "Call", f.joe);
    test_auth_change(&f.auth, REVOKED("joe", "g1"));
    for (size_t i = 0; i < 3; i++) {
        expect_ended(&joe[i], GRPC_UNAUTHENTICATED, "\"code\":401,\"detail\":\"the token was revoked\"");
        rpc_channel_free(joe[i].channel);
    }
    assert_false(ann.ended || nobody.ended || component.ended || unary.ended);
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    expect_ended(&unary, GRPC_OK, "");
    /* rules: an account they do not name is forbidden, nobody is asked who they are */
    test_auth_change(&f.auth, "{\"rules\":[" RULES("micro", "notes", "GRANTED") "]}");
    expect_ended(&ann, GRPC_PERMISSION_DENIED,
                 "\"code\":403,\"detail\":\"Forbidden call made to probe:Helloworld.Stream");
    expect_ended(&nobody, GRPC_UNAUTHENTICATED, "\"code\":401");
    assert_false(component.ended);
    test_probe_expect(&f.system, "probe", "/probe.Debug/Health", NULL, NULL, "{}", GRPC_OK, "ok");
    rpc_channel_free(ann.channel);
    rpc_channel_free(nobody.channel);
    rpc_channel_free(component.channel);
    rpc_channel_free(unary.channel);
    end(&f);
}

/* A token's own end does not end its streams; what ends the account still does; so does a key withdrawn early. */
static void expired(void **state)
{
    (void)state;
    struct fixture f;
    struct open_call joe, ann, bob;
    begin(&f, 42);
    open_call(&bob, &f.system, "Stream", test_auth_token(&f.auth, &f.arena, "bob", "user", "micro", "notes", "g1"));
    open_call(&joe, &f.system, "Stream", f.joe);
    sim_run_for(f.system.sim, (uint64_t)(20 * MINUTE)); /* a token lives 15 */
    test_probe_expect(&f.system, "probe", "/probe.Helloworld/Call", f.joe, NULL, "{\"name\":\"you\"}",
                      GRPC_UNAUTHENTICATED, "expired");
    test_auth_change(&f.auth, "{\"rules\":[" RULES("micro", "+", "GRANTED") "]}");
    assert_false(joe.ended);
    test_auth_change(&f.auth, REVOKED("joe", "g2")); /* another login's */
    assert_false(joe.ended);
    test_auth_change(&f.auth, REVOKED("joe", "g1"));
    expect_ended(&joe, GRPC_UNAUTHENTICATED, "revoked");
    rpc_channel_free(joe.channel);
    f.ann = test_auth_token(&f.auth, &f.arena, "ann", "user", "micro", "billing", "g1");
    open_call(&ann, &f.system, "Stream", f.ann);
    json_t *key = json_pack("{s:[{ss ss sI}]}", "keys", "id", "k2", "public_key", sim_spare_keys[0].public_pem,
                            "expires", (json_int_t)(world_wall(f.system.client) / SECOND - 1));
    char *text = json_dumps(key, 0);
    test_auth_change(&f.auth, text);
    expect_ended(&ann, GRPC_UNAUTHENTICATED, "key");
    assert_false(bob.ended); /* keys end with the tokens they signed: that is no withdrawal */
    rpc_channel_free(bob.channel);
    rpc_channel_free(ann.channel);
    free(text);
    json_decref(key);
    end(&f);
}

/* What auth tells anew after it was away counts for open streams as well. */
static void after_auth_was_away(void **state)
{
    (void)state;
    struct fixture f;
    struct open_call joe, ann;
    begin(&f, 43);
    open_call(&joe, &f.system, "Stream", f.joe);
    open_call(&ann, &f.system, "Stream", f.ann);
    test_auth_stop(&f.auth);
    test_auth_policy(&f.auth, REVOKED("joe", "g1"));
    sim_run_for(f.system.sim, (uint64_t)(30 * SECOND));
    assert_false(joe.ended);
    test_auth_restart(&f.auth);
    sim_run_for(f.system.sim, (uint64_t)(6 * SECOND));
    expect_ended(&joe, GRPC_UNAUTHENTICATED, "revoked");
    assert_false(ann.ended);
    rpc_channel_free(joe.channel);
    rpc_channel_free(ann.channel);
    end(&f);
}

/* Auth tells of a revocation for an hour, or for the token's life. Who did not hear it for longer cannot know what
 * became of tokens that have ended since: their streams end, others stay. */
static void after_a_long_time_without_auth(void **state)
{
    (void)state;
    struct fixture f;
    struct open_call joe, bob;
    begin(&f, 47);
    open_call(&joe, &f.system, "Stream", f.joe); /* for a quarter of an hour */
    f.auth.token_life = INT64_C(24) * 3600;
    open_call(&bob, &f.system, "Stream", test_auth_token(&f.auth, &f.arena, "bob", "user", "micro", "notes", "g1"));
    test_auth_stop(&f.auth);
    sim_run_for(f.system.sim, (uint64_t)(45 * MINUTE));
    test_auth_restart(&f.auth);
    sim_run_for(f.system.sim, (uint64_t)(10 * SECOND));
    assert_false(joe.ended || bob.ended);
    test_auth_stop(&f.auth);
    sim_run_for(f.system.sim, (uint64_t)(51 * MINUTE));
    assert_false(joe.ended || bob.ended); /* nothing new was heard */
    test_auth_restart(&f.auth);
    sim_run_for(f.system.sim, (uint64_t)(10 * SECOND));
    expect_ended(&joe, GRPC_UNAUTHENTICATED, "auth was away too long");
    assert_false(bob.ended);
    rpc_channel_free(joe.channel);
    rpc_channel_free(bob.channel);
    end(&f);
}

/* A consumer whose network goes without a word is let go after keepalive's time. */
static void silent_partition(void **state)
{
    (void)state;
    struct fixture f;
    struct open_call joe;
    begin(&f, 44);
    open_call(&joe, &f.system, "Stream", f.joe);
    sim_run_for(f.system.sim, (uint64_t)(5 * MINUTE)); /* idle, and answered pings keep it */
    assert_false(joe.ended);
    sim_cut(f.system.sim, sim_node_name(f.system.client), "probe", false);
    sim_run_for(f.system.sim, (uint64_t)(31 * SECOND));
    assert_false(joe.ended); /* the client asks for no keepalive: it knows nothing yet */
    sim_heal_all(f.system.sim);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    struct arena arena = ARENA_INIT;
    const char *text = NULL;
    const struct grpc_header header = {bytes_of("authorization"),
                                       bytes_of(arena_printf(&arena, "Bearer %s", f.component))};
    assert_int_equal(test_probe_call(&f.system, "probe", "/probe.Debug/Trace", &header, 1, "{}", &arena, &text),
                     GRPC_OK);
    assert_non_null(strstr(text, "probe.Helloworld.Stream")); /* a span is there once its call is over */
    arena_deinit(&arena);
    rpc_channel_free(joe.channel);
    end(&f);
}

/* ---- the real components ------------------------------------------------------------------------------------------
 */

#define STREAMS 5

static char *log_in(struct sim_system *s, struct arena *arena, const char *id, const char *secret)
{
    struct sim_answer a = {0};
    char json[256];
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"secret\":\"%s\"}", id, secret);
    sim_system_call(s, "auth", "/auth.Auth/Token", NULL, json, &a);
    if (a.status != GRPC_OK)
        fail_msg("%s cannot log in: %s", id, text_string(&a.text));
    char *token = arena_string(arena, sim_answer_text(&a, "token/access_token"));
    sim_answer_deinit(&a);
    return token;
}

static void rule(struct sim_system *s, const char *token, const char *id, const char *scope, const char *access,
                 const char *name)
{
    char json[512];
    snprintf(json, sizeof json,
             "{\"rule\":{\"id\":\"%s\",\"scope\":\"%s\",\"access\":\"%s\",\"priority\":100,\"resource\":{\"type\":"
             "\"*\",\"name\":\"%s\",\"endpoint\":\"*\"}}}",
             id, scope, access, name);
    test_expect(s, "auth", "/auth.Rules/Create", token, json, GRPC_OK, NULL);
}

static void open_streams(struct test_stream *t, struct sim_system *s, const char *token)
{
    static const char *const calls[STREAMS][3] = {
        {"broker", "/broker.Broker/Subscribe", "{\"topic\":\"t\"}"},
        {"events", "/events.Stream/Consume", "{\"topic\":\"t\",\"auto_ack\":true}"},
        {"registry", "/registry.Registry/Watch", "{}"},
        {"config", "/config.Watcher/Watch", "{\"namespace\":\"micro\"}"},
        {"runtime", "/runtime.Runtime/Logs", "{\"service\":\"store\",\"stream\":true}"},
    };
    for (size_t i = 0; i < STREAMS; i++) {
        test_stream_open(&t[i], s, calls[i][0], calls[i][1], token, calls[i][2]);
        sim_run_for(s->sim, SOON);
        if (t[i].ended && strcmp(calls[i][0], "runtime") != 0)
            fail_msg("%s ended: %s", calls[i][1], grpc_status_name(t[i].status));
    }
}

static void every_component(void **state)
{
    (void)state;
    static const char *const core[] = {"registry", "store", "broker", "events", "config", "auth", "runtime", NULL};
    struct sim_system s;
    struct arena arena = ARENA_INIT;
    struct test_stream first[STREAMS], second[STREAMS];
    sim_system_init(&s, 45);
    sim_system_start_all(&s, core);
    char *admin = log_in(&s, &arena, "admin", SIM_ADMIN_SECRET);
    test_expect(&s, "auth", "/auth.Auth/Generate", admin,
                "{\"id\":\"ann\",\"secret\":\"correct horse\",\"type\":\"user\",\"scopes\":[\"admin\"]}", GRPC_OK,
                NULL);
    open_streams(first, &s, log_in(&s, &arena, "ann", "correct horse"));
    open_streams(second, &s, admin);
    test_expect(&s, "auth", "/auth.Accounts/Delete", admin, "{\"id\":\"ann\"}", GRPC_OK, NULL);
    sim_run_for(s.sim, SOON);
    for (size_t i = 0; i < STREAMS; i++) {
        if (!first[i].ended || (first[i].status != GRPC_UNAUTHENTICATED && i < 4))
            fail_msg("stream %zu of the removed account: %s", i,
                     first[i].ended ? grpc_status_name(first[i].status) : "still open");
        test_stream_close(&first[i]);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        if (second[i].ended && i < 4)
            fail_msg("stream %zu of another account ended: %s", i, grpc_status_name(second[i].status));
    }
    /* everything is forbidden to everybody: streams end, logging in does not */
    rule(&s, admin, "lockdown", "*", "DENIED", "*");
    rule(&s, admin, "public", "", "DENIED", "*");
    sim_run_for(s.sim, SOON);
    for (size_t i = 0; i < STREAMS; i++) {
        if (!second[i].ended || (second[i].status != GRPC_PERMISSION_DENIED && i < 4))
            fail_msg("stream %zu under the lockdown: %s", i,
                     second[i].ended ? grpc_status_name(second[i].status) : "still open");
        test_stream_close(&second[i]);
    }
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

/* Two rules that deny everything to everybody do not keep the admin from logging in and taking them back. */
static void lockout(void **state)
{
    (void)state;
    static const char *const core[] = {"registry", "store", "auth", "notes", NULL};
    struct sim_system s;
    struct arena arena = ARENA_INIT;
    sim_system_init(&s, 46);
    sim_system_start_all(&s, core);
    char *admin = log_in(&s, &arena, "admin", SIM_ADMIN_SECRET);
    rule(&s, admin, "lockdown", "*", "DENIED", "*");
    rule(&s, admin, "public", "", "DENIED", "*");
    sim_run_for(s.sim, SOON);
    char inspect[4096];
    snprintf(inspect, sizeof inspect, "{\"token\":\"%s\"}", admin);
    test_expect(&s, "auth", "/auth.Auth/Inspect", NULL, inspect, GRPC_UNAUTHENTICATED, "Unauthorized call");
    test_expect(&s, "auth", "/auth.Auth/Inspect", admin, inspect, GRPC_PERMISSION_DENIED, "Forbidden call");
    test_expect(&s, "auth", "/auth.Accounts/List", admin, "{}", GRPC_PERMISSION_DENIED, "Forbidden call");
    test_expect(&s, "notes", "/notes.Notes/List", admin, "{}", GRPC_PERMISSION_DENIED, "Forbidden call");
    test_expect(&s, "auth", "/auth.Auth/Token", NULL, "{\"id\":\"admin\",\"secret\":\"a guess\"}",
                GRPC_INVALID_ARGUMENT, NULL); /* the secret still decides */
    admin = log_in(&s, &arena, "admin", SIM_ADMIN_SECRET);
    test_expect(&s, "auth", "/auth.Rules/Delete", admin, "{\"id\":\"lockdown\"}", GRPC_OK, NULL);
    test_expect(&s, "auth", "/auth.Rules/Delete", admin, "{\"id\":\"public\"}", GRPC_OK, NULL);
    sim_run_for(s.sim, SOON);
    test_expect(&s, "auth", "/auth.Auth/Inspect", admin, inspect, GRPC_OK, NULL);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revoked),
        cmocka_unit_test(expired),
        cmocka_unit_test(after_auth_was_away),
        cmocka_unit_test(silent_partition),
        cmocka_unit_test(every_component),
        cmocka_unit_test(lockout),
        cmocka_unit_test(after_a_long_time_without_auth),
    };
    int failed = cmocka_run_group_tests_name("open calls", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
