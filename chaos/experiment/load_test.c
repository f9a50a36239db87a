/* Baseline, being back at it, and guards, on windows whose figures are known. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/experiment/load.h"
#include "chaos/workload/toy_store.h"

#include <string.h>

static void add(struct load *l, int64_t ok, int64_t not_ok, double p99)
{
    uint64_t end = (l->windows.count + 1) * LOAD_WINDOW;
    const struct load_window w = {.end = end, .ok = ok, .not_ok = not_ok, .p99 = p99};
    assert_true(array_push(&l->windows, w));
}

static void test_back(void **state)
{
    (void)state;
    struct load l = {0};
    add(&l, 100, 0, 10);
    add(&l, 100, 0, 12);
    load_set_baseline(&l);
    assert_true(l.baseline_ok == 100 && l.baseline_p99 == 12);
    add(&l, 20, 5, 10); /* window 3: too few */
    assert_int_equal(load_back_at(&l, 2 * LOAD_WINDOW), 0);
    add(&l, 95, 0, 30); /* window 4: too slow */
    assert_int_equal(load_back_at(&l, 2 * LOAD_WINDOW), 0);
    add(&l, 95, 0, 24);
    assert_int_equal(load_back_at(&l, 2 * LOAD_WINDOW), 5 * LOAD_WINDOW);
    /* A window that began before does not count, however good. */
    assert_int_equal(load_back_at(&l, 4 * LOAD_WINDOW + 1), 0);
    load_deinit(&l);
}

/* In the toy's world: everything is refused, which a guard does not bear for long. */
static void test_guard(void **state)
{
    (void)state;
    struct toy t;
    struct load l;
    struct workload *w = NULL;
    const struct workload_options options = {.seed = 1, .clients = 4, .keys = 2, .rate = 400};
    const struct chaos_guards guards = {.errors_max = 0.5, .lasting = 2 * LOAD_WINDOW};
    toy_init(&t, TOY_CORRECT, 1);
    assert_int_equal(workload_new(&t.target, &options, &w, NULL), 0);
    load_start(&l, &t.target, &w, 1, NULL, &guards);
    world_sleep(t.target.world, (uint64_t)SECOND + LOAD_WINDOW / 2);
    load_set_baseline(&l);
    world_sleep(t.target.world, (uint64_t)SECOND);
    assert_string_equal(l.broken, "");
    assert_int_equal(t.target.operations->act(&t.target, "store", TARGET_KILL, NULL), 0);
    world_sleep(t.target.world, LOAD_WINDOW);
    assert_string_equal(l.broken, ""); /* not for long enough yet */
    world_sleep(t.target.world, 3 * LOAD_WINDOW);
    assert_non_null(strstr(l.broken, "of the operations failed or had no known end, for "));
    load_deinit(&l);
    workload_free(w);
    toy_deinit(&t);
}

static struct sim *no_sim(struct target *t)
{
    (void)t;
    return NULL;
}

/* Windows put in by hand: four a second, 1000 operations each at first. */
static void test_figures(void **state)
{
    (void)state;
    static const struct target_operations operations = {.sim = no_sim};
    struct target t = {.operations = &operations};
    struct load l = {.target = &t};
    struct load_figures f;
    const int64_t counts[] = {1000, 1000, 1000, 1000, 0, 0, 200, 400, 1000, 1000, 1000, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const struct load_window w = {.end = LOAD_WINDOW * (i + 1),
                                      .ok = counts[i],
                                      .not_ok = counts[i] == 0 ? 8 : 0,
                                      .p50 = counts[i] == 0 ? 0 : (double)i + 1,
                                      .p99 = counts[i] == 0 ? 0 : 10 * ((double)i + 1)};
        assert_true(array_push(&l.windows, w));
        if (i == 3)
            load_set_baseline(&l);
        if (i < 3)
            continue;
        /* Of half a second, two windows, a quarter has to succeed, less what chance takes: of 2000, 366. */
        assert_int_equal(load_is_steady(&l, 0), i != 5 && i != 6);
    }
    assert_false(load_is_steady(&l, LOAD_WINDOW * 11)); /* not half a second yet */
    assert_true(load_is_steady(&l, LOAD_WINDOW * 10));
    assert_int_equal(load_figures(&l, 0, LOAD_WINDOW * 4, &f), 0);
    assert_int_equal(f.windows, 4);
    assert_true(f.ok == 4000 && f.not_ok == 0 && f.p50 == 3 && f.p99 == 30 && f.p99_max == 40);
    assert_int_equal(load_figures(&l, LOAD_WINDOW * 4, LOAD_WINDOW * 8 + 5, &f), 0);
    assert_int_equal(f.windows, 4);
    assert_true(f.ok == 600 && f.not_ok == 16 && f.p50 == 8 &&
                f.p99_max == 80); /* those that answered nothing have none */
    assert_int_equal(load_figures(&l, LOAD_WINDOW * 4 + 1, LOAD_WINDOW * 5, &f), 0);
    assert_int_equal(f.windows, 0);
    load_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_figures), cmocka_unit_test(test_back),
                                       cmocka_unit_test(test_guard)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
