/* What counts as new, what is reset, and that the fast ways give what the plain one gives. */
#include "base/test.h"

#include "base/failing.h"
#include "base/random.h"
#include "fuzz/cover/cover.h"

#include <stdlib.h>
#include <string.h>

static uint8_t counters[1003]; /* no multiple of anything the scan goes by */

static struct cover *fresh(void)
{
    struct cover *c = cover_new();
    assert_non_null(c);
    memset(counters, 0, sizeof counters);
    assert_int_equal(cover_add_region(c, counters, counters + 500), 0);
    assert_int_equal(cover_add_region(c, counters + 500, counters + sizeof counters), 1);
    assert_int_equal(cover_edges_all(c), sizeof counters);
    return c;
}

static unsigned plain_class(unsigned v)
{
    static const unsigned from[] = {1, 2, 3, 4, 8, 16, 32, 128};
    unsigned class = 0;
    for (unsigned i = 0; i < 8; i++)
        if (v >= from[i])
            class = 1U << i;
    return class;
}

static void test_classes(void **state)
{
    (void)state;
    struct cover *c = fresh();
    for (size_t place = 0; place < sizeof counters; place += 167) {
        unsigned seen = 0;
        for (unsigned v = 1; v < 256; v++) {
            cover_reset(c);
            counters[place] = (uint8_t)v;
            bool fresh_class = plain_class(v) & ~seen;
            assert_int_equal(cover_collect(c, false), fresh_class);
            assert_int_equal(cover_collect(c, true), fresh_class);
            assert_int_equal(cover_collect(c, true), 0);
            seen |= plain_class(v);
            const uint32_t *edges;
            const uint8_t *classes;
            assert_int_equal(cover_last(c, &edges, &classes), 1);
            assert_int_equal(edges[0], place);
            assert_int_equal(classes[0], plain_class(v));
        }
    }
    assert_int_equal(cover_edges_seen(c), (sizeof counters + 166) / 167);
    assert_int_equal(cover_pairs_seen(c), 8 * cover_edges_seen(c));
    cover_free(c);
}

/* What a run reached and how much it did can be asked until the next one. */
static void test_asked(void **state)
{
    (void)state;
    struct cover *c = fresh();
    const uint32_t edges[] = {3, 64, sizeof counters - 1};
    const uint8_t classes[] = {1, 2, 8};
    cover_reset(c);
    counters[3] = 1;
    counters[64] = 2;
    counters[sizeof counters - 1] = 5;
    assert_true(cover_collect(c, false) > 0);
    assert_true(cover_last_has(c, edges, classes, 3));
    counters[64] = 3; /* another class */
    assert_false(cover_last_has(c, edges, classes, 3));
    assert_true(cover_last_has(c, edges, classes, 1));
    assert_true(cover_last_has(c, edges, classes, 0));
    const uint32_t beyond = sizeof counters;
    assert_false(cover_last_has(c, &beyond, classes, 1));
    /* Blocks count from the second time they are reached, the rest behind them never. */
    cover_collect(c, true);
    counters[3] = 100;
    cover_collect(c, true);
    assert_int_equal(cover_last_work(c), 100 + 3);
    cover_reset(c);
    cover_collect(c, false);
    assert_int_equal(cover_last_work(c), 0);
    cover_free(c);
}

/* Random runs against the plain definition. */
static void test_random(void **state)
{
    (void)state;
    struct cover *c = fresh(), *other = fresh();
    static uint8_t seen[sizeof counters];
    struct random r;
    random_seed(&r, 4);
    size_t pairs = 0;
    for (int run = 0; run < 3000; run++) {
        size_t expected = 0, set = 0;
        cover_reset(c);
        for (size_t i = 0; i < sizeof counters; i++)
            assert_int_equal(counters[i], 0);
        for (uint64_t n = random_below(&r, 40); n > 0; n--)
            counters[random_below(&r, sizeof counters)] = (uint8_t)(1 + random_below(&r, random_below(&r, 255) + 1));
        bool keep = random_below(&r, 3) > 0;
        for (size_t i = 0; i < sizeof counters; i++) {
            unsigned class = plain_class(counters[i]);
            set += counters[i] > 0;
            expected += (class & ~(unsigned)seen[i]) != 0;
            if (keep)
                seen[i] |= (uint8_t) class;
        }
        const uint32_t *edges;
        const uint8_t *classes;
        assert_int_equal(cover_last_new(c, &edges, &classes), expected);
        assert_int_equal(cover_collect(c, keep), expected);
        assert_int_equal(cover_last_new(c, &edges, &classes), keep ? 0 : expected);
        assert_int_equal(cover_last(c, &edges, &classes), set);
        if (!keep)
            continue;
        pairs += expected;
        assert_int_equal(cover_pairs_seen(c), pairs);
        assert_int_equal(cover_mark(other, edges, classes, set), expected);
        assert_int_equal(cover_edges_seen(other), cover_edges_seen(c));
    }
    cover_free(c);
    cover_free(other);
}

static void test_moved(void **state)
{
    (void)state;
    struct cover *c = fresh();
    uint8_t others[503] = {[7] = 1};
    counters[507] = 1;
    assert_int_equal(cover_collect(c, true), 1);
    assert_int_equal(cover_move_region(c, 1, others, others + 502), ERROR_INVALID);
    assert_int_equal(cover_move_region(c, 2, others, others + 503), ERROR_INVALID);
    assert_int_equal(cover_move_region(c, 1, others, others + 503), 0);
    assert_int_equal(cover_collect(c, true), 0); /* the same edge of the process that was started again */
    others[8] = 1;
    assert_int_equal(cover_collect(c, true), 1);
    assert_int_equal(cover_move_region(c, 1, NULL, NULL), 0);
    cover_reset(c);
    assert_int_equal(others[8], 1);
    assert_int_equal(cover_collect(c, true), 0);
    cover_free(c);
}

static void test_features(void **state)
{
    (void)state;
    struct cover *c = fresh();
    const uint64_t *features;
    assert_int_equal(cover_feature(c, 0), 0);
    assert_int_equal(cover_feature(c, 17), 0);
    assert_int_equal(cover_feature(c, 17), 0);
    assert_int_equal(cover_last_features(c, &features), 2);
    assert_int_equal(cover_collect(c, false), 2);
    assert_int_equal(cover_collect(c, true), 2);
    assert_int_equal(cover_collect(c, true), 0);
    cover_reset(c);
    assert_int_equal(cover_last_features(c, &features), 0);
    for (uint64_t i = 0; i < COVER_RUN_FEATURES_MAX; i++)
        assert_int_equal(cover_feature(c, 1000 + i), 0);
    assert_int_equal(cover_feature(c, 5), ERROR_LIMIT);
    assert_int_equal(cover_collect(c, true), COVER_RUN_FEATURES_MAX);
    assert_int_equal(cover_features_seen(c), COVER_RUN_FEATURES_MAX + 2);
    for (uint64_t i = 0; i < 2 * COVER_FEATURES_MAX; i++)
        cover_mark_features(c, &i, 1); /* full: no endless search, nothing more is new */
    assert_int_equal(cover_features_seen(c), COVER_FEATURES_MAX);
    cover_free(c);
}

static void test_not_instrumented(void **state)
{
    (void)state;
    struct cover *c = cover_new();
    int rc = cover_add_own(c);
    assert_true(rc == ERROR_NOT_FOUND || cover_edges_all(c) > 0);
    cover_free(c);
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        failing_arm(n);
        struct cover *c = cover_new();
        int rc = c ? cover_add_region(c, counters, counters + sizeof counters) : ERROR_MEMORY;
        bool hit = failing_hit();
        failing_disarm();
        assert_int_equal(rc, hit ? ERROR_MEMORY : 0);
        if (c && hit) /* it can be tried again */
            assert_int_equal(cover_add_region(c, counters, counters + sizeof counters), 0);
        cover_free(c);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_classes),  cmocka_unit_test(test_asked),
                                       cmocka_unit_test(test_random),   cmocka_unit_test(test_moved),
                                       cmocka_unit_test(test_features), cmocka_unit_test(test_not_instrumented),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
