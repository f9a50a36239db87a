/* Experiments that show what a system is known not to keep: they pass when it is shown, and only then. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/workload/toy_store.h"
#include "chaos/chaos.h"

static void run(const char *behaviour, bool violated, struct toy *t, struct chaos_summary *summary)
{
    static const char *const faults[] = {"stop", NULL};
    const struct chaos_options options = {.seed = 3,
                                          .duration = (uint64_t)(3 * SECOND),
                                          .rate = 400,
                                          .faults = faults,
                                          .violated = violated,
                                          .replay = "again"};
    toy_init(t, behaviour, 3);
    assert_int_equal(chaos_run(&t->target, &options, summary, NULL), 0);
}

static void test_shown(void **state)
{
    (void)state;
    struct toy t;
    struct chaos_summary s;
    run(TOY_STALE, true, &t, &s);
    assert_int_equal(s.violations, 0);
    assert_true(s.expected > 0);
    assert_int_equal(toy_count(&t, "\"status\":\"failed\""), 0);
    assert_int_equal(toy_count(&t, "violated, as expected: "), s.expected);
    assert_int_equal(toy_count(&t, "\"name\":\"the expected violation was shown\",\"status\":\"passed\""), 1);
    toy_deinit(&t);
    run(TOY_STALE, false, &t, &s); /* the same, where nobody expects it */
    assert_true(s.violations > 0);
    assert_int_equal(s.expected, 0);
    assert_int_equal(toy_count(&t, "as expected"), 0);
    toy_deinit(&t);
}

static void test_not_shown(void **state)
{
    (void)state;
    struct toy t;
    struct chaos_summary s;
    run(TOY_CORRECT, true, &t, &s);
    assert_int_equal(s.violations, 1);
    assert_int_equal(s.expected, 0);
    assert_string_equal(s.failure, "the expected violation was shown");
    assert_int_equal(toy_count(&t, "every verdict holds, where this experiment expects one that does not"), 1);
    toy_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shown), cmocka_unit_test(test_not_shown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
