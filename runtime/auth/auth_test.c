#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/server/sim_system.h"
#include "runtime/service/service.h"

#include <stdlib.h>
#include <string.h>

static const char *const core[] = {"registry", "store", "auth", NULL};

static void set_up(struct sim_system *s, uint64_t seed)
{
    sim_system_init(s, seed);
    sim_system_start_all(s, core);
}

/* Calls auth and checks status; of an error, its words. `want` NULL: success. */
static void expect(struct sim_system *s, const char *path, const char *token, const char *json, int status,
                   const char *words, struct sim_answer *out)
{
    struct sim_answer here = {0};
    struct sim_answer *a = out ? out : &here;
    sim_system_call(s, "auth", path, token, json, a);
    if (a->status != status || (words && !strstr(text_string(&a->text), words)))
        fail_msg("%s %s: status %d, %s; wanted %d with \"%s\"", path, json, a->status, text_string(&a->text), status,
                 words ? words : "");
    sim_answer_deinit(&here);
}

static char *login(struct sim_system *s, struct arena *arena, const char *json)
{
    struct sim_answer a = {0};
    expect(s, "/auth.Auth/Token", NULL, json, GRPC_OK, NULL, &a);
    char *token = arena_string(arena, sim_answer_text(&a, "token/access_token"));
    sim_answer_deinit(&a);
    assert_non_null(token);
    assert_true(token[0]);
    return token;
}

#define ADMIN_LOGIN "{\"id\":\"admin\",\"secret\":\"" SIM_ADMIN_SECRET "\"}"

static void test_token(void **state)
{
    struct sim_system s;
    struct sim_answer a = {0};
    struct arena arena = ARENA_INIT;
    (void)state;
    set_up(&s, 1);
    expect(&s, "/auth.Auth/Token", NULL, "{}", GRPC_INVALID_ARGUMENT, "Credentials or a refresh token required", NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"id\":\"admin\"}", GRPC_INVALID_ARGUMENT, "Credentials or a refresh", NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"id\":\"nobody\",\"secret\":\"x\"}", GRPC_INVALID_ARGUMENT,
           "Account not found with this ID", NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"id\":\"a/b\",\"secret\":\"x\"}", GRPC_INVALID_ARGUMENT,
           "Account not found with this ID", NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"id\":\"admin\",\"secret\":\"wrong\"}", GRPC_INVALID_ARGUMENT,
           "Secret not correct", NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"id\":\"admin\",\"secret\":\"x\",\"token_expiry\":\"-1\"}",
           GRPC_INVALID_ARGUMENT, "token_expiry", NULL);

    /* The life of an access token is 15 minutes when nothing else is asked for. */
    expect(&s, "/auth.Auth/Token", NULL, ADMIN_LOGIN, GRPC_OK, NULL, &a);
    int64_t created = strtoll(sim_answer_text(&a, "token/created"), NULL, 10);
    assert_int_equal(strtoll(sim_answer_text(&a, "token/expiry"), NULL, 10) - created, 15 * 60);
    char *access = arena_string(&arena, sim_answer_text(&a, "token/access_token"));
    char *refresh = arena_string(&arena, sim_answer_text(&a, "token/refresh_token"));
    sim_answer_deinit(&a);

    char *inspect = arena_printf(&arena, "{\"token\":\"%s\"}", access);
    expect(&s, "/auth.Auth/Inspect", NULL, inspect, GRPC_OK, NULL, &a);
    assert_string_equal(sim_answer_text(&a, "account/id"), "admin");
    assert_string_equal(sim_answer_text(&a, "account/type"), "user");
    assert_string_equal(sim_answer_text(&a, "account/issuer"), "micro");
    assert_string_equal(sim_answer_text(&a, "account/scopes/0"), "admin");
    assert_string_equal(sim_answer_text(&a, "account/secret"), "");
    sim_answer_deinit(&a);
    expect(&s, "/auth.Auth/Inspect", NULL, "{\"token\":\"x.y.z\"}", GRPC_INVALID_ARGUMENT, "Unable to inspect", NULL);
    expect(&s, "/auth.Auth/Inspect", NULL, "{}", GRPC_INVALID_ARGUMENT, "Missing token", NULL);

    /* After its time it is good for nothing, but the refresh token still is. */
    assert_int_equal(sim_run_for(s.sim, (uint64_t)(16 * MINUTE)), 0);
    expect(&s, "/auth.Auth/Inspect", NULL, inspect, GRPC_INVALID_ARGUMENT, "expired", NULL);
    char *again = arena_printf(&arena, "{\"refresh_token\":\"%s\",\"token_expiry\":\"600\"}", refresh);
    expect(&s, "/auth.Auth/Token", NULL, again, GRPC_OK, NULL, &a);
    created = strtoll(sim_answer_text(&a, "token/created"), NULL, 10);
    assert_int_equal(strtoll(sim_answer_text(&a, "token/expiry"), NULL, 10) - created, 600);
    assert_string_not_equal(sim_answer_text(&a, "token/refresh_token"), refresh);
    again = arena_printf(&arena, "{\"refresh_token\":\"%s\"}", sim_answer_text(&a, "token/refresh_token"));
    sim_answer_deinit(&a);

    /* An access token is no refresh token, nor is a guess. */
    char *misused = arena_printf(&arena, "{\"refresh_token\":\"%s\"}", access);
    expect(&s, "/auth.Auth/Token", NULL, misused, GRPC_INVALID_ARGUMENT, "invalid token provided", NULL);
    /* Found by fuzzing: an id that is no UTF-8 once made the store refuse its key, and the answer was 500. */
    expect(&s, "/auth.Auth/Token", NULL, "{\"refresh_token\":\"goBY.AAAA\"}", GRPC_INVALID_ARGUMENT,
           "invalid token provided", NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"refresh_token\":\"YWRtaW4.AAAA\"}", GRPC_INVALID_ARGUMENT,
           "invalid token provided", NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"refresh_token\":\"YWRtaW4.AAAA.BBBB\"}", GRPC_INVALID_ARGUMENT,
           "invalid token provided", NULL);

    /* Unused for 30 days it is gone. */
    sim_clock_jump(s.sim, "auth", HOUR * 24 * 31);
    sim_clock_jump(s.sim, "store", HOUR * 24 * 31);
    expect(&s, "/auth.Auth/Token", NULL, again, GRPC_INVALID_ARGUMENT, "invalid token provided", NULL);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

static void test_accounts(void **state)
{
    struct sim_system s;
    struct sim_answer a = {0};
    struct arena arena = ARENA_INIT;
    (void)state;
    set_up(&s, 2);
    char *admin = login(&s, &arena, ADMIN_LOGIN);

    expect(&s, "/auth.Auth/Generate", NULL, "{\"id\":\"joe\"}", GRPC_UNAUTHENTICATED, NULL, NULL);
    expect(&s, "/auth.Auth/Generate", admin, "{}", GRPC_INVALID_ARGUMENT, "ID required", NULL);
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"a/b\"}", GRPC_INVALID_ARGUMENT, "Invalid ID", NULL);
    expect(
        &s, "/auth.Auth/Generate", admin,
        "{\"id\":\"joe\",\"name\":\"Joe\",\"secret\":\"s3cret\",\"scopes\":[\"writer\"],\"metadata\":{\"team\":\"a\"}}",
        GRPC_OK, NULL, &a);
    assert_string_equal(sim_answer_text(&a, "account/secret"), "s3cret");
    assert_string_equal(sim_answer_text(&a, "account/type"), "user");
    assert_string_equal(sim_answer_text(&a, "account/metadata/team"), "a");
    sim_answer_deinit(&a);
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"joe\"}", GRPC_INVALID_ARGUMENT, "already exists with this ID",
           NULL);
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"jim\",\"name\":\"Joe\"}", GRPC_INVALID_ARGUMENT,
           "already exists with this name", NULL);
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"Joe\"}", GRPC_INVALID_ARGUMENT, "Another account", NULL);

    /* A blank secret is drawn, told once, and works. */
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"drawn\"}", GRPC_OK, NULL, &a);
    const char *drawn = sim_answer_text(&a, "account/secret");
    assert_int_equal(strlen(drawn), 36);
    (void)login(&s, &arena, arena_printf(&arena, "{\"id\":\"drawn\",\"secret\":\"%s\"}", drawn));
    sim_answer_deinit(&a);

    /* By id and by name. */
    char *joe = login(&s, &arena, "{\"id\":\"joe\",\"secret\":\"s3cret\"}");
    (void)login(&s, &arena, "{\"id\":\"Joe\",\"secret\":\"s3cret\"}");

    /* Only an admin lists and deletes; a secret is never told again. */
    expect(&s, "/auth.Accounts/List", joe, "{}", GRPC_UNAUTHENTICATED, NULL, NULL);
    expect(&s, "/auth.Accounts/List", admin, "{}", GRPC_OK, NULL, &a);
    assert_int_equal(json_array_size(json_object_get(a.body, "accounts")), 3);
    assert_null(strstr(text_string(&a.text), "scrypt"));
    sim_answer_deinit(&a);
    expect(&s, "/auth.Accounts/Delete", joe, "{\"id\":\"drawn\"}", GRPC_UNAUTHENTICATED, NULL, NULL);
    expect(&s, "/auth.Accounts/Delete", admin, "{\"id\":\"admin\"}", GRPC_INVALID_ARGUMENT, "your own account", NULL);
    expect(&s, "/auth.Accounts/Delete", admin, "{\"id\":\"nobody\"}", GRPC_INVALID_ARGUMENT, "Account not found", NULL);
    expect(&s, "/auth.Accounts/Delete", admin, "{\"id\":\"joe\"}", GRPC_OK, NULL, NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"id\":\"joe\",\"secret\":\"s3cret\"}", GRPC_INVALID_ARGUMENT,
           "Account not found", NULL);
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"jim\",\"name\":\"Joe\"}", GRPC_OK, NULL, NULL); /* free again */
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

static void test_change_secret(void **state)
{
    struct sim_system s;
    struct sim_answer a = {0};
    struct arena arena = ARENA_INIT;
    (void)state;
    set_up(&s, 3);
    char *admin = login(&s, &arena, ADMIN_LOGIN);
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"joe\",\"secret\":\"old\"}", GRPC_OK, NULL, NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"id\":\"joe\",\"secret\":\"old\"}", GRPC_OK, NULL, &a);
    char *joe = arena_string(&arena, sim_answer_text(&a, "token/access_token"));
    char *refresh = arena_printf(&arena, "{\"refresh_token\":\"%s\"}", sim_answer_text(&a, "token/refresh_token"));
    sim_answer_deinit(&a);
    static const char path[] = "/auth.Accounts/ChangeSecret";
    expect(&s, path, NULL, "{\"id\":\"joe\",\"old_secret\":\"old\",\"new_secret\":\"new\"}", GRPC_UNAUTHENTICATED,
           "account is required", NULL);
    expect(&s, path, joe, "{\"id\":\"joe\",\"old_secret\":\"old\"}", GRPC_INVALID_ARGUMENT, "New secret", NULL);
    expect(&s, path, joe, "{\"id\":\"joe\",\"old_secret\":\"bad\",\"new_secret\":\"new\"}", GRPC_INVALID_ARGUMENT,
           "Secret not correct", NULL);
    expect(&s, "/auth.Auth/Token", NULL, refresh, GRPC_OK, NULL, NULL);
    expect(&s, path, joe, "{\"id\":\"joe\",\"old_secret\":\"old\",\"new_secret\":\"new\"}", GRPC_OK, NULL, NULL);
    expect(&s, "/auth.Auth/Token", NULL, "{\"id\":\"joe\",\"secret\":\"old\"}", GRPC_INVALID_ARGUMENT,
           "Secret not correct", NULL);
    (void)login(&s, &arena, "{\"id\":\"joe\",\"secret\":\"new\"}");
    /* Whoever came in with the old secret is out. */
    expect(&s, "/auth.Auth/Token", NULL, refresh, GRPC_INVALID_ARGUMENT, "invalid token provided", NULL);
    /* An admin of micro needs no old secret. */
    expect(&s, path, admin, "{\"id\":\"joe\",\"new_secret\":\"newest\"}", GRPC_OK, NULL, NULL);
    (void)login(&s, &arena, "{\"id\":\"joe\",\"secret\":\"newest\"}");
    /* But one that is given is looked at. */
    expect(&s, path, admin, "{\"id\":\"joe\",\"old_secret\":\"bad\",\"new_secret\":\"other\"}", GRPC_INVALID_ARGUMENT,
           "Secret not correct", NULL);
    (void)login(&s, &arena, "{\"id\":\"joe\",\"secret\":\"newest\"}");
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

static void test_namespaces(void **state)
{
    struct sim_system s;
    struct arena arena = ARENA_INIT;
    (void)state;
    set_up(&s, 4);
    char *admin = login(&s, &arena, ADMIN_LOGIN);
    char *foreign = sim_system_token(&s, &arena, "eve", "user", "other", "admin");
    expect(&s, "/auth.Auth/Generate", foreign, "{\"id\":\"x\",\"options\":{\"namespace\":\"micro\"}}",
           GRPC_PERMISSION_DENIED, NULL, NULL);
    expect(&s, "/auth.Auth/Generate", foreign, "{\"id\":\"x\",\"secret\":\"s\",\"options\":{\"namespace\":\"other\"}}",
           GRPC_OK, NULL, NULL);
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"y\",\"options\":{\"namespace\":\"other\"}}", GRPC_OK, NULL,
           NULL);
    /* The same id in two namespaces is two accounts. */
    expect(&s, "/auth.Auth/Token", NULL, "{\"id\":\"x\",\"secret\":\"s\"}", GRPC_INVALID_ARGUMENT, "Account not found",
           NULL);
    (void)login(&s, &arena, "{\"id\":\"x\",\"secret\":\"s\",\"options\":{\"namespace\":\"other\"}}");
    expect(&s, "/auth.Accounts/List", admin, "{\"options\":{\"namespace\":\"a/b\"}}", GRPC_INVALID_ARGUMENT,
           "Invalid namespace", NULL);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

static void test_rules(void **state)
{
    struct sim_system s;
    struct sim_answer a = {0};
    struct arena arena = ARENA_INIT;
    (void)state;
    set_up(&s, 5);
    char *admin = login(&s, &arena, ADMIN_LOGIN);
    expect(&s, "/auth.Rules/List", NULL, "{}", GRPC_UNAUTHENTICATED, "account is required", NULL);
    expect(&s, "/auth.Rules/List", admin, "{}", GRPC_OK, NULL, &a);
    assert_int_equal(json_array_size(json_object_get(a.body, "rules")), 1);
    assert_string_equal(sim_answer_text(&a, "rules/0/id"), "default");
    assert_string_equal(sim_answer_text(&a, "rules/0/access"), "GRANTED");
    assert_string_equal(sim_answer_text(&a, "rules/0/resource/endpoint"), "*");
    sim_answer_deinit(&a);
    static const char create[] = "/auth.Rules/Create";
    expect(&s, create, admin, "{}", GRPC_INVALID_ARGUMENT, "Missing rule", NULL);
    expect(&s, create, admin, "{\"rule\":{\"id\":\"a\"}}", GRPC_INVALID_ARGUMENT, "Missing resource", NULL);
    expect(&s, create, admin,
           "{\"rule\":{\"id\":\"a\",\"resource\":{\"type\":\"*\",\"name\":\"*\",\"endpoint\":\"*\"}}}",
           GRPC_INVALID_ARGUMENT, "Missing access", NULL);
    static const char rule[] = "{\"rule\":{\"id\":\"locked\",\"scope\":\"*\",\"access\":\"DENIED\",\"priority\":3,"
                               "\"resource\":{\"type\":\"service\",\"name\":\"notes\",\"endpoint\":\"Notes.Delete\"}}}";
    expect(&s, create, NULL, rule, GRPC_UNAUTHENTICATED, NULL, NULL);
    expect(&s, create, admin, rule, GRPC_OK, NULL, NULL);
    expect(&s, create, admin, rule, GRPC_INVALID_ARGUMENT, "already exists", NULL);
    expect(&s, "/auth.Rules/Delete", admin, "{\"id\":\"default\"}", GRPC_OK, NULL, NULL);
    expect(&s, "/auth.Rules/Delete", admin, "{\"id\":\"default\"}", GRPC_INVALID_ARGUMENT, "Rule not found", NULL);
    expect(&s, "/auth.Rules/List", admin, "{}", GRPC_OK, NULL, &a); /* the default stays away */
    assert_int_equal(json_array_size(json_object_get(a.body, "rules")), 1);
    assert_string_equal(sim_answer_text(&a, "rules/0/id"), "locked");
    assert_string_equal(sim_answer_text(&a, "rules/0/access"), "DENIED");
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(json_object_get(a.body, "rules"), 0), "priority")), 3);
    sim_answer_deinit(&a);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

/* ---- many at once, and things that go away ---- */

#define RACERS 4 /* calls in flight at once */

struct race {
    int done, ok;
};

static void race_done(void *arg, const struct rpc_reply *reply)
{
    struct race *r = arg;
    r->done++;
    r->ok += reply->status == GRPC_OK;
}

static bool race_over(void *arg)
{
    const struct race *r = arg;
    return r->done == RACERS;
}

/* Calls at once want the same id: one gets it. */
static void test_race(void **state)
{
    struct sim_system s;
    struct arena arena = ARENA_INIT;
    struct race race = {0};
    struct rpc_channel *channel = NULL;
    (void)state;
    set_up(&s, 6);
    char *bearer = arena_printf(&arena, "Bearer %s", login(&s, &arena, ADMIN_LOGIN));
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
    const struct rpc_channel_options options = {.addresses = "auth:8010"};
    const struct rpc_request request = {.path = "/auth.Auth/Generate",
                                        .metadata = {&header, 1},
                                        .content_type = "application/grpc+json",
                                        .timeout = (uint64_t)(20 * SECOND),
                                        .message = bytes_of("{\"id\":\"only\",\"secret\":\"x\"}"),
                                        .has_message = true};
    assert_int_equal(rpc_channel_new(s.client, &options, &channel, NULL), 0);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(rpc_unary(channel, &request, race_done, &race, NULL, NULL), 0);
    assert_int_equal(world_run_until(s.client, race_over, &race, (uint64_t)(30 * SECOND)), 0);
    assert_int_equal(race.ok, 1);
    rpc_channel_free(channel);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

/* Accounts survive a power cut of the store; while it is away auth says so, and works again afterwards. */
static void test_store_away(void **state)
{
    struct sim_system s;
    struct arena arena = ARENA_INIT;
    (void)state;
    set_up(&s, 7);
    char *admin = login(&s, &arena, ADMIN_LOGIN);
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"joe\",\"secret\":\"x\"}", GRPC_OK, NULL, NULL);
    assert_int_equal(sim_crash(s.sim, "store"), 0);
    expect(&s, "/auth.Auth/Token", NULL, ADMIN_LOGIN, GRPC_UNAVAILABLE, "store", NULL);
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"jim\",\"secret\":\"x\"}", GRPC_UNAVAILABLE, "store", NULL);
    sim_system_start(&s, "store");
    sim_system_wait(&s, "store");
    assert_int_equal(sim_run_for(s.sim, (uint64_t)(10 * SECOND)), 0);
    (void)login(&s, &arena, "{\"id\":\"joe\",\"secret\":\"x\"}");
    expect(&s, "/auth.Auth/Generate", admin, "{\"id\":\"jim\",\"secret\":\"x\"}", GRPC_OK, NULL, NULL);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

/* Started before the store, auth waits for it unhealthy; without a secret given, one is drawn and kept for the owner.
 */
static void test_first_account(void **state)
{
    struct sim_system s;
    struct text secret = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    (void)state;
    sim_system_init(&s, 8);
    s.admin_secret = NULL;
    sim_system_start(&s, "registry");
    sim_system_start(&s, "auth");
    assert_int_equal(sim_run_for(s.sim, (uint64_t)(3 * SECOND)), 0);
    sim_system_start(&s, "store");
    sim_system_wait(&s, "auth");
    assert_int_equal(world_read_file(sim_node(s.sim, "auth"), "data/auth/admin.secret", 100, &secret, NULL), 0);
    assert_int_equal(secret.len, 25); /* 24 characters and a line end */
    text_truncate(&secret, 24);
    (void)login(&s, &arena, arena_printf(&arena, "{\"id\":\"admin\",\"secret\":\"%s\"}", text_string(&secret)));
    /* A second start makes no second account and no second secret. */
    assert_int_equal(sim_kill(s.sim, "auth"), 0);
    sim_system_start(&s, "auth");
    sim_system_wait(&s, "auth");
    (void)login(&s, &arena, arena_printf(&arena, "{\"id\":\"admin\",\"secret\":\"%s\"}", text_string(&secret)));
    text_deinit(&secret);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

/* Killed at any moment of its work, with calls in flight, auth frees what it holds (the sanitizer looks on) and the
 * accounts it acknowledged are there. */
static void test_killed(void **state)
{
    (void)state;
    for (uint64_t seed = 10; seed < 13; seed++) {
        struct sim_system s;
        struct arena arena = ARENA_INIT;
        struct race race = {0};
        struct rpc_channel *channel = NULL;
        set_up(&s, seed);
        char *bearer = arena_printf(&arena, "Bearer %s", login(&s, &arena, ADMIN_LOGIN));
        const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
        const struct rpc_channel_options options = {.addresses = "auth:8010"};
        assert_int_equal(rpc_channel_new(s.client, &options, &channel, NULL), 0);
        for (int i = 0; i < RACERS; i++) {
            char *json = arena_printf(&arena, "{\"id\":\"n%d\",\"secret\":\"x\"}", i);
            const struct rpc_request request = {.path = "/auth.Auth/Generate",
                                                .metadata = {&header, 1},
                                                .content_type = "application/grpc+json",
                                                .timeout = (uint64_t)(20 * SECOND),
                                                .message = bytes_of(json),
                                                .has_message = true};
            assert_int_equal(rpc_unary(channel, &request, race_done, &race, NULL, NULL), 0);
        }
        assert_int_equal(sim_run_for(s.sim, (uint64_t)(seed - 9) * (uint64_t)MILLISECOND), 0);
        assert_int_equal(sim_kill(s.sim, "auth"), 0);
        assert_int_equal(world_run_until(s.client, race_over, &race, (uint64_t)(60 * SECOND)), 0);
        rpc_channel_free(channel);
        sim_system_start(&s, "auth");
        sim_system_wait(&s, "auth");
        (void)login(&s, &arena, ADMIN_LOGIN);
        arena_deinit(&arena);
        sim_system_deinit(&s);
    }
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),      cmocka_unit_test(test_accounts),      cmocka_unit_test(test_change_secret),
        cmocka_unit_test(test_namespaces), cmocka_unit_test(test_rules),         cmocka_unit_test(test_race),
        cmocka_unit_test(test_store_away), cmocka_unit_test(test_first_account), cmocka_unit_test(test_killed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
