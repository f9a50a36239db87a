#include "base/test.h"

#include "base/reduce.h"

struct question {
    const bool *needed;
    size_t count, asked;
};

static bool has_needed(void *arg, const bool *keep)
{
    struct question *q = arg;
    q->asked++;
    for (size_t i = 0; i < q->count; i++)
        if (q->needed[i] && !keep[i])
            return false;
    return true;
}

static void test_finds_what_is_needed(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static const size_t sets[][3] = {{7, 7, 7}, {0, 50, 99}, {98, 99, 99}, {3, 4, 5}};
    for (size_t n = 0; n < sizeof sets / sizeof sets[0]; n++) {
        bool keep[COUNT], needed[COUNT] = {false};
        for (size_t i = 0; i < COUNT; i++)
            keep[i] = i != 20; /* not a candidate: must not come in */
        for (size_t i = 0; i < 3; i++)
            needed[sets[n][i]] = true;
        struct question q = {.needed = needed, .count = COUNT};
        assert_true(reduce(COUNT, keep, has_needed, &q, 1000));
        assert_memory_equal(keep, needed, sizeof keep);
        assert_true(q.asked < 100);
    }
}

static void test_nothing_is_needed(void **state)
{
    (void)state;
    bool keep[5] = {true, true, true, true, true}, needed[5] = {false};
    struct question q = {.needed = needed, .count = 5};
    assert_true(reduce(5, keep, has_needed, &q, 100));
    assert_memory_equal(keep, needed, sizeof keep);
    assert_true(reduce(0, keep, has_needed, &q, 100));
}

static void test_tries_run_out(void **state)
{
    (void)state;
    bool keep[8], needed[8];
    for (size_t i = 0; i < 8; i++)
        keep[i] = needed[i] = true;
    struct question q = {.needed = needed, .count = 8};
    assert_false(reduce(8, keep, has_needed, &q, 3));
    assert_int_equal(q.asked, 3);
    assert_memory_equal(keep, needed, sizeof keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_is_needed),
        cmocka_unit_test(test_nothing_is_needed),
        cmocka_unit_test(test_tries_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
