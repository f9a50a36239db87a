#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/auth/limiter.h"

#include <stdio.h>

static void test_delays(void **state)
{
    static const uint64_t seconds[] = {1, 2, 4, 8, 16, 32, 32, 32};
    struct auth_limiter l = {0};
    uint64_t now = 1000;
    (void)state;
    for (int i = 0; i < AUTH_LIMIT_FREE; i++) {
        auth_limiter_failed(&l, "micro/a", now);
        assert_int_equal(auth_limiter_wait(&l, "micro/a", now), 0);
    }
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        auth_limiter_failed(&l, "micro/a", now);
        assert_int_equal(auth_limiter_wait(&l, "micro/a", now), seconds[i] * AUTH_LIMIT_FIRST);
        assert_int_equal(auth_limiter_wait(&l, "micro/b", now), 0); /* only its own */
        now += seconds[i] * AUTH_LIMIT_FIRST;
        assert_int_equal(auth_limiter_wait(&l, "micro/a", now), 0); /* whoever knows the secret may now come in */
    }
    auth_limiter_succeeded(&l, "micro/a");
    auth_limiter_failed(&l, "micro/a", now);
    assert_int_equal(auth_limiter_wait(&l, "micro/a", now), 0);
    auth_limiter_deinit(&l);
}

static void test_forgets(void **state)
{
    struct auth_limiter l = {0};
    (void)state;
    for (int i = 0; i < AUTH_LIMIT_FREE + 3; i++)
        auth_limiter_failed(&l, "micro/a", 5);
    auth_limiter_failed(&l, "micro/a", 6 + AUTH_LIMIT_FORGET);
    assert_int_equal(auth_limiter_wait(&l, "micro/a", 6 + AUTH_LIMIT_FORGET), 0);
    auth_limiter_deinit(&l);
}

static void test_bounded(void **state)
{
    struct auth_limiter l = {0};
    char name[32];
    (void)state;
    for (int i = 0; i < AUTH_LIMIT_ENTRIES + 100; i++) {
        snprintf(name, sizeof name, "micro/%d", i);
        auth_limiter_failed(&l, name, 1);
    }
    assert_int_equal(map_count(&l.entries), AUTH_LIMIT_ENTRIES);
    auth_limiter_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_forgets),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
