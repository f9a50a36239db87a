/* Changes of auth that reach the store late, and two auth processes over one store: what was acknowledged stays. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/store/late_kit.h"

#include <stdio.h>

#define TOKEN    "/auth.Auth/Token"
#define GENERATE "/auth.Auth/Generate"
#define LIST     "/auth.Accounts/List"
#define REMOVE   "/auth.Accounts/Delete"
#define CHANGE   "/auth.Accounts/ChangeSecret"
#define STEP     ((uint64_t)(250 * MICROSECOND)) /* between the moments of the cut */
#define STEPS    24                              /* a change takes less than so many */

#define JOE(secret)   "{\"id\":\"joe\",\"secret\":\"" secret "\"}"
#define JOE_S(secret) "{\"id\":\"joe\",\"new_secret\":\"" secret "\"}"

/* The secret changed by a call that came later and was answered is the one that counts. */
static void late_secret(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t i = 0; i < STEPS; i++) {
        struct late_kit k;
        late_begin(&k, i + 1, "auth");
        late_expect(&k, k.first, GENERATE, JOE("zero"), GRPC_OK, NULL);
        late_stall(&k, CHANGE, JOE_S("one"), i * STEP);
        late_expect(&k, k.second, CHANGE, JOE_S("two"), GRPC_OK, NULL);
        late_heal(&k);
        late_expect(&k, k.second, TOKEN, JOE("two"), GRPC_OK, NULL);
        late_expect(&k, k.second, TOKEN, JOE("one"), GRPC_INVALID_ARGUMENT, "Secret not correct");
        lost += k.status != GRPC_OK;
        late_end(&k);
    }
    assert_true(lost > 3);
    assert_true(lost < STEPS - 3);
}

/* An account made late does not come back after it was deleted, nor does its name. */
static void late_account(void **state)
{
    (void)state;
    static const char generate[] = "{\"id\":\"joe\",\"name\":\"Joe\",\"secret\":\"s\"}";
    int lost = 0;
    for (uint64_t i = 0; i < STEPS; i++) {
        struct late_kit k;
        const char *text;
        late_begin(&k, i + 100, "auth");
        late_stall(&k, GENERATE, generate, i * STEP);
        int status = late_call(&k, k.second, GENERATE, generate, &text);
        assert_true(status == GRPC_OK || strstr(text, "already exists with this ID"));
        late_expect(&k, k.second, REMOVE, "{\"id\":\"joe\"}", GRPC_OK, NULL);
        late_heal(&k);
        if (status == GRPC_OK) /* the first was not made before: then it never is */
            assert_int_not_equal(k.status, GRPC_OK);
        late_expect(&k, k.second, TOKEN, JOE("s"), GRPC_INVALID_ARGUMENT, "Account not found");
        late_expect(&k, k.second, TOKEN, "{\"id\":\"Joe\",\"secret\":\"s\"}", GRPC_INVALID_ARGUMENT,
                    "Account not found");
        lost += k.status != GRPC_OK;
        late_end(&k);
    }
    assert_true(lost > 3);
}

/* A name given to somebody else meanwhile stays his, and nobody else has it. */
static void late_name(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < STEPS; i++) {
        struct late_kit k;
        const char *text;
        late_begin(&k, i + 200, "auth");
        late_stall(&k, GENERATE, "{\"id\":\"joe\",\"name\":\"Star\",\"secret\":\"s\"}", i * STEP);
        int status = late_call(&k, k.second, GENERATE, "{\"id\":\"ann\",\"name\":\"Star\",\"secret\":\"a\"}", &text);
        assert_true(status == GRPC_OK || strstr(text, "already exists with this name"));
        late_heal(&k);
        late_expect(&k, k.second, TOKEN, "{\"id\":\"Star\",\"secret\":\"s\"}",
                    status == GRPC_OK ? GRPC_INVALID_ARGUMENT : GRPC_OK, NULL);
        late_expect(&k, k.second, TOKEN, "{\"id\":\"Star\",\"secret\":\"a\"}",
                    status == GRPC_OK ? GRPC_OK : GRPC_INVALID_ARGUMENT, NULL);
        assert_int_equal(late_call(&k, k.second, LIST, "{}", &text), GRPC_OK);
        const char *first = strstr(text, "\"Star\"");
        assert_non_null(first);
        if (strstr(first + 1, "\"Star\""))
            fail_msg("two accounts have one name: %s", text);
        late_end(&k);
    }
}

/* A rule, and the default rule made on the way to it, stay deleted. */
static void late_rule(void **state)
{
    (void)state;
    static const char create[] = "{\"rule\":{\"id\":\"r\",\"scope\":\"*\",\"access\":\"GRANTED\",\"resource\":"
                                 "{\"type\":\"service\",\"name\":\"x\",\"endpoint\":\"*\"}}}";
    int lost = 0;
    for (uint64_t i = 0; i < STEPS; i++) {
        struct late_kit k;
        const char *text;
        late_begin(&k, i + 300, "auth");
        late_stall(&k, "/auth.Rules/Create", create, i * STEP);
        int status = late_call(&k, k.second, "/auth.Rules/Create", create, &text);
        assert_true(status == GRPC_OK || strstr(text, "already exists"));
        late_expect(&k, k.second, "/auth.Rules/Delete", "{\"id\":\"r\"}", GRPC_OK, NULL);
        late_expect(&k, k.second, "/auth.Rules/Delete", "{\"id\":\"default\"}", GRPC_OK, NULL);
        late_heal(&k);
        assert_int_equal(late_call(&k, k.second, "/auth.Rules/List", "{}", &text), GRPC_OK);
        if (strstr(text, "\"id\""))
            fail_msg("cut after %d steps: a deleted rule is back: %s", (int)i, text);
        lost += k.status != GRPC_OK;
        late_end(&k);
    }
    assert_true(lost > 3);
}

/* A refresh that was given up does not take the login away from who refreshed it elsewhere. */
static void late_refresh(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t i = 0; i < STEPS; i++) {
        struct late_kit k;
        const char *text;
        late_begin(&k, i + 400, "auth");
        late_expect(&k, k.first, GENERATE, JOE("s"), GRPC_OK, NULL);
        assert_int_equal(late_call(&k, k.second, TOKEN, JOE("s"), &text), GRPC_OK);
        json_t *root = json_loads(text, 0, NULL);
        char *use = arena_printf(&k.arena, "{\"refresh_token\":\"%s\"}",
                                 json_string_value(json_object_get(json_object_get(root, "token"), "refresh_token")));
        json_decref(root);
        late_stall(&k, TOKEN, use, i * STEP);
        assert_int_equal(late_call(&k, k.second, TOKEN, use, &text), GRPC_OK);
        root = json_loads(text, 0, NULL);
        use = arena_printf(&k.arena, "{\"refresh_token\":\"%s\"}",
                           json_string_value(json_object_get(json_object_get(root, "token"), "refresh_token")));
        json_decref(root);
        late_heal(&k);
        late_expect(&k, k.second, TOKEN, use, GRPC_OK, NULL);
        lost += k.status != GRPC_OK;
        late_end(&k);
    }
    assert_true(lost > 3);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_secret), cmocka_unit_test(late_account), cmocka_unit_test(late_name),
        cmocka_unit_test(late_rule),   cmocka_unit_test(late_refresh),
    };
    int failed = cmocka_run_group_tests_name("auth, late writes", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
