/* Who may call: keys, revocations and rules as auth tells them, against a service that follows its policy. */
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

#define CALL  "/probe.Helloworld/Call"
#define YOU   "{\"name\":\"you\"}"
#define HELLO "Hello you"
/* A namespace's one rule: scope, access. */
#define RULES(namespace, scope, access)                                                                                \
    "{\"namespace\":\"" namespace "\",\"rules\":[{\"id\":\"r\",\"scope\":\"" scope "\",\"access\":\"" access           \
                                  "\",\"resource\":{\"type\":\"*\",\"name\":\"*\",\"endpoint\":\"*\"}}]}"

struct fixture {
    struct sim_system system;
    struct test_auth auth;
    struct arena arena;
    char *component, *admin, *user, *acme, *acme_admin;
};

static void make_tokens(struct fixture *f)
{
    f->component = sim_system_token(&f->system, &f->arena, "api", "service", "micro", "service");
    f->admin = test_auth_token(&f->auth, &f->arena, "root", "user", "micro", "admin", NULL);
    f->user = test_auth_token(&f->auth, &f->arena, "joe", "user", "micro", "notes", "g1");
    f->acme = test_auth_token(&f->auth, &f->arena, "ann", "user", "acme", "notes", "g1");
    f->acme_admin = test_auth_token(&f->auth, &f->arena, "boss", "user", "acme", "admin", NULL);
}

static void begin(struct fixture *f, uint64_t seed, const char *policy, const char *const *arguments)
{
    *f = (struct fixture){0};
    sim_system_init(&f->system, seed);
    test_auth_start(&f->auth, &f->system);
    make_tokens(f);
    if (policy)
        test_auth_policy(&f->auth, policy);
    test_probe_start(&f->system, "probe", "probe", arguments);
    sim_run_for(f->system.sim, (uint64_t)SECOND);
}

static void end(struct fixture *f)
{
    test_auth_deinit(&f->auth);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static void expect(struct fixture *f, const char *token, const char *namespace, int status, const char *words)
{
    test_probe_expect(&f->system, "probe", CALL, token, namespace, YOU, status, words);
}

/* Before auth was ever heard: components may, nobody else. */
static void before_the_first_sync(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 21, NULL, NULL);
    expect(&f, f.component, NULL, GRPC_OK, HELLO);
    expect(&f, NULL, NULL, GRPC_UNAVAILABLE, "\"code\":503");
    expect(&f, f.user, NULL, GRPC_UNAVAILABLE, "keys are not known yet");
    expect(&f, sim_system_token(&f.system, &f.arena, "joe", "user", "micro", "admin"), NULL, GRPC_UNAVAILABLE,
           "rules are not known yet");
    expect(&f, "rubbish", NULL, GRPC_UNAUTHENTICATED, "\"code\":401");
    test_probe_expect(&f.system, "probe", "/probe.Debug/Health", NULL, NULL, "{}", GRPC_OK, "rules are not known yet");
    test_probe_expect(&f.system, "probe", "/grpc.health.v1.Health/Check", NULL, NULL, "{}", GRPC_OK, "NOT_SERVING");
    test_auth_policy(&f.auth, "{}");
    test_probe_expect(&f.system, "probe", "/probe.Debug/Health", NULL, NULL, "{}", GRPC_OK, "\"ok\"");
    test_probe_expect(&f.system, "probe", "/grpc.health.v1.Health/Check", NULL, NULL, "{}", GRPC_OK, "\"SERVING\"");
    expect(&f, NULL, NULL, GRPC_OK, HELLO);
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    end(&f);
}

/* Told that there is no auth, a service does not wait for one. */
static void without_auth(void **state)
{
    (void)state;
    static const char *const none[] = {"--peers", "registry=registry:8000,auth=auth:8010,policy=none", NULL};
    struct fixture f;
    begin(&f, 22, NULL, none);
    expect(&f, NULL, NULL, GRPC_OK, HELLO);
    expect(&f, sim_system_token(&f.system, &f.arena, "joe", "user", "micro", NULL), NULL, GRPC_OK, HELLO);
    /* and follows one that comes up all the same */
    test_auth_policy(&f.auth, "{\"rules\":[" RULES("micro", "*", "GRANTED") "]}");
    expect(&f, NULL, NULL, GRPC_UNAUTHENTICATED, "Unauthorized call made to probe:Helloworld.Call");
    end(&f);
}

static void rules_of_the_service(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 23, "{\"rules\":[" RULES("micro", "*", "GRANTED") "]}", NULL);
    expect(&f, NULL, NULL, GRPC_UNAUTHENTICATED, "\"code\":401");
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    expect(&f, f.acme, NULL, GRPC_PERMISSION_DENIED, "\"code\":403");
    expect(&f, f.component, NULL, GRPC_OK, HELLO);
    /* nobody chooses the rules they are judged by */
    expect(&f, NULL, "wide-open", GRPC_UNAUTHENTICATED, "\"code\":401");
    expect(&f, f.acme, "wide-open", GRPC_PERMISSION_DENIED, "\"code\":403");
    /* a change counts at once, although the tokens have been seen */
    test_auth_change(&f.auth, "{\"rules\":[" RULES("micro", "billing", "GRANTED") "]}");
    expect(&f, f.user, NULL, GRPC_PERMISSION_DENIED, "Forbidden call made to probe:Helloworld.Call by joe");
    test_auth_change(&f.auth, "{\"rules\":[" RULES("micro", "NOTES", "GRANTED") "]}");
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    /* what tells about the service stays open */
    test_probe_expect(&f.system, "probe", "/probe.Debug/Stats", NULL, NULL, "{}", GRPC_OK, "uptime");
    end(&f);
}

/* A namespace's own rules keep its accounts off shared services, on top of the service's. */
static void rules_of_the_caller(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 24, "{\"rules\":[" RULES("micro", "+", "GRANTED") "," RULES("acme", "admin", "GRANTED") "]}", NULL);
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    expect(&f, f.acme, NULL, GRPC_PERMISSION_DENIED, "by ann");
    expect(&f, f.acme_admin, NULL, GRPC_OK, HELLO);
    expect(&f, f.user, "acme", GRPC_PERMISSION_DENIED, "by joe");
    expect(&f, f.admin, "acme", GRPC_OK, HELLO); /* micro's admins look after every namespace */
    end(&f);
}

static void service_in_a_namespace(void **state)
{
    (void)state;
    static const char *const acme[] = {"--namespace", "acme", NULL};
    struct fixture f;
    begin(&f, 25, "{\"rules\":[" RULES("acme", "*", "GRANTED") "]}", acme);
    expect(&f, f.acme, NULL, GRPC_OK, HELLO);
    expect(&f, f.user, NULL, GRPC_PERMISSION_DENIED, "by joe");
    expect(&f, f.user, "acme", GRPC_PERMISSION_DENIED, "by joe");
    expect(&f, NULL, "micro", GRPC_UNAUTHENTICATED, NULL);
    end(&f);
}

static void keys(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 26, "{}", NULL);
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    /* a key nobody heard of, although the signature would be right */
    const char *const scopes[] = {NULL};
    struct micro_claims claims = {.subject = "joe",
                                  .type = "user",
                                  .issuer = "micro",
                                  .scopes = scopes,
                                  .key_id = "k3",
                                  .expires = world_wall(f.system.client) / SECOND + 100};
    struct text token = TEXT_INIT;
    assert_int_equal(micro_token_sign(sim_spare_keys[0].private_pem, &claims, &token, NULL), 0);
    expect(&f, text_string(&token), NULL, GRPC_UNAUTHENTICATED, "unknown key");
    /* the right name of the wrong key */
    text_clear(&token);
    claims.key_id = "k2";
    assert_int_equal(micro_token_sign(text_string(&f.system.private_key), &claims, &token, NULL), 0);
    expect(&f, text_string(&token), NULL, GRPC_UNAUTHENTICATED, "signature");
    /* the root key by its own name: good, but no component's */
    char id[MICRO_KEY_ID_MAX + 1];
    const char *const service[] = {"service", NULL};
    assert_int_equal(micro_key_id(text_string(&f.system.public_key), id, NULL), 0);
    text_clear(&token);
    claims.key_id = id;
    claims.type = "service";
    claims.scopes = service;
    assert_int_equal(micro_token_sign(text_string(&f.system.private_key), &claims, &token, NULL), 0);
    expect(&f, text_string(&token), NULL, GRPC_OK, HELLO);
    test_auth_change(&f.auth, "{\"rules\":[" RULES("micro", "admin", "GRANTED") "]}");
    expect(&f, text_string(&token), NULL, GRPC_PERMISSION_DENIED, "by joe");
    expect(&f, f.component, NULL, GRPC_OK, HELLO);
    text_deinit(&token);
    end(&f);
}

/* A key that is gone takes its tokens with it, seen or not; so does one that has expired. */
static void rotation(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 27, "{}", NULL);
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    struct arena arena = ARENA_INIT;
    json_t *key = json_pack("{s:[{ss ss sI}]}", "keys", "id", "k2", "public_key", sim_spare_keys[0].public_pem,
                            "expires", (json_int_t)(world_wall(f.system.client) / SECOND + 60));
    char *text = json_dumps(key, 0);
    test_auth_change(&f.auth, text);
    free(text);
    json_decref(key);
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    sim_run_for(f.system.sim, (uint64_t)(61 * SECOND));
    expect(&f, f.user, NULL, GRPC_UNAUTHENTICATED, "expired");
    arena_deinit(&arena);
    end(&f);
}

static void revocation(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 28, "{}", NULL);
    char *second = test_auth_token(&f.auth, &f.arena, "joe", "user", "micro", NULL, "g2");
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    test_auth_change(&f.auth,
                     "{\"revocations\":[{\"namespace\":\"micro\",\"account\":\"joe\",\"generation\":\"g1\"}]}");
    expect(&f, f.user, NULL, GRPC_UNAUTHENTICATED, "revoked");
    expect(&f, second, NULL, GRPC_OK, HELLO);
    expect(&f, f.acme, NULL, GRPC_OK, HELLO); /* another account's g1 */
    end(&f);
}

/* A policy in several parts counts with the last of them; what came of one that was cut off is forgotten. */
static void policy_in_parts(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 30, "{}", NULL);
    expect(&f, NULL, NULL, GRPC_OK, HELLO);
    test_auth_part(&f.auth, "{\"rules\":[" RULES("acme", "*", "GRANTED") "]}", true, true);
    expect(&f, NULL, NULL, GRPC_OK, HELLO);
    test_auth_part(&f.auth, "{\"rules\":[" RULES("micro", "*", "GRANTED") "]}", false, true);
    expect(&f, NULL, NULL, GRPC_OK, HELLO);
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    test_auth_part(&f.auth, "{\"revocations\":[{\"namespace\":\"micro\",\"account\":\"joe\",\"generation\":\"g1\"}]}",
                   false, false);
    expect(&f, NULL, NULL, GRPC_UNAUTHENTICATED, "\"code\":401");
    expect(&f, f.user, NULL, GRPC_UNAUTHENTICATED, "revoked");
    expect(&f, f.admin, NULL, GRPC_OK, HELLO);
    /* cut off before its end: the old one stays, and the next stream begins anew */
    test_auth_part(&f.auth, "{}", true, true);
    test_auth_stop(&f.auth);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    expect(&f, NULL, NULL, GRPC_UNAUTHENTICATED, "\"code\":401");
    text_clear(&f.auth.policy);
    test_auth_restart(&f.auth);
    sim_run_for(f.system.sim, (uint64_t)(6 * SECOND));
    test_auth_change(&f.auth, "{\"rules\":[" RULES("micro", "", "GRANTED") "]}"); /* a change, not a part */
    expect(&f, NULL, NULL, GRPC_OK, HELLO);
    expect(&f, f.user, NULL, GRPC_UNAUTHENTICATED, "revoked");
    end(&f);
}

/* Auth away: the last policy stays; back: its new one counts, whatever happened meanwhile. */
static void auth_restarts(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 29, "{\"rules\":[" RULES("micro", "*", "GRANTED") "]}", NULL);
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    test_auth_stop(&f.auth);
    sim_run_for(f.system.sim, (uint64_t)(2 * MINUTE));
    expect(&f, f.user, NULL, GRPC_OK, HELLO);
    expect(&f, NULL, NULL, GRPC_UNAUTHENTICATED, NULL);
    text_clear(&f.auth.policy);
    test_auth_policy(&f.auth, "{\"rules\":[" RULES("micro", "", "GRANTED") "],\"revocations\":[{\"namespace\":"
                                                                           "\"micro\",\"account\":\"joe\","
                                                                           "\"generation\":\"g1\"}]}");
    test_auth_restart(&f.auth);
    sim_run_for(f.system.sim, (uint64_t)(6 * SECOND)); /* the longest pause between attempts */
    expect(&f, NULL, NULL, GRPC_OK, HELLO);
    expect(&f, f.user, NULL, GRPC_UNAUTHENTICATED, "revoked");
    end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_sync),
        cmocka_unit_test(without_auth),
        cmocka_unit_test(rules_of_the_service),
        cmocka_unit_test(rules_of_the_caller),
        cmocka_unit_test(service_in_a_namespace),
        cmocka_unit_test(keys),
        cmocka_unit_test(rotation),
        cmocka_unit_test(revocation),
        cmocka_unit_test(policy_in_parts),
        cmocka_unit_test(auth_restarts),
    };
    int failed = cmocka_run_group_tests_name("guard", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
