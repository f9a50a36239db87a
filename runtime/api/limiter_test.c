#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "runtime/api/limiter.h"

#include <stdio.h>

#define AT(seconds) ((uint64_t)((double)(seconds) * (double)SECOND) + 5)

static void test_bucket(void **state)
{
    struct api_limiter l;
    struct api_limit limit;
    (void)state;
    api_limiter_init(&l, 2, 3);
    for (uint32_t left = 3; left-- > 0;) {
        assert_true(api_limiter_take(&l, "joe", AT(0), &limit));
        assert_int_equal(limit.limit, 3);
        assert_int_equal(limit.remaining, left);
    }
    assert_false(api_limiter_take(&l, "joe", AT(0), &limit));
    assert_int_equal(limit.retry, 1);
    assert_int_equal(limit.reset, 2);
    assert_true(api_limiter_take(&l, "jim", AT(0), &limit)); /* another's bucket */
    assert_false(api_limiter_take(&l, "joe", AT(0.49), &limit));
    assert_true(api_limiter_take(&l, "joe", AT(0.51), &limit));
    assert_false(api_limiter_take(&l, "joe", AT(0.51), &limit));
    /* Over a long time exactly `rate` a second. */
    int granted = 0;
    for (int i = 1; i <= 10000; i++)
        granted += api_limiter_take(&l, "joe", AT(0.51 + i * 0.01), &limit);
    assert_in_range(granted, 199, 203);
    api_limiter_deinit(&l);
    api_limiter_init(&l, 0, 0); /* none */
    for (int i = 0; i < 100; i++)
        assert_true(api_limiter_take(&l, "joe", AT(0), &limit));
    assert_int_equal(limit.limit, 0);
    assert_int_equal(l.count, 0);
    api_limiter_deinit(&l);
}

/* A million callers take a bounded table; one who comes all the time is never pushed out. */
static void test_bounded(void **state)
{
    struct api_limiter l;
    struct api_limit limit;
    char name[32];
    int granted = 0;
    (void)state;
    api_limiter_init(&l, 1, 1);
    for (int i = 0; i < 50000; i++) {
        (void)snprintf(name, sizeof name, "caller %d", i);
        assert_true(api_limiter_take(&l, name, AT(0), &limit));
        granted += api_limiter_take(&l, "joe", AT(0), &limit);
    }
    assert_int_equal(granted, 1);
    assert_int_equal(l.count, LIMITER_BUCKETS_MAX);
    assert_int_equal(map_count(&l.buckets), LIMITER_BUCKETS_MAX);
    api_limiter_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bucket), cmocka_unit_test(test_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
