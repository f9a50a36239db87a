/* Lines through looks at a component's size, and what counts as too much. */
#include "base/test.h"

#include "fuzz/live/cost.h"

#include <math.h>

#define LOOKS 100

static void a_line_is_told_from_noise(void **state)
{
    struct cost_look looks[LOOKS];
    double slope, fit;
    (void)state;
    for (int i = 0; i < LOOKS; i++)
        looks[i] = (struct cost_look){i * 100.0, 1e6 + i * 100.0 * 80};
    assert_true(cost_line(looks, LOOKS, &slope, &fit));
    assert_true(fabs(slope - 80) < 1e-6 && fit > 0.999);
    for (int i = 0; i < LOOKS; i++)
        looks[i].resident = i % 2 == 0 ? 1e6 : 2e6;
    assert_true(cost_line(looks, LOOKS, &slope, &fit));
    assert_true(fit < 0.1);
    for (int i = 0; i < LOOKS; i++)
        looks[i].resident = 1e6;
    assert_true(cost_line(looks, LOOKS, &slope, &fit));
    assert_true(fabs(slope) < 1e-9 && fit == 0);
    for (int i = 0; i < LOOKS; i++)
        looks[i].calls = 7; /* nothing was called: there is no line */
    assert_false(cost_line(looks, LOOKS, &slope, &fit));
    assert_false(cost_line(looks, 2, &slope, &fit));
}

static void too_much_for_so_few_bytes(void **state)
{
    static const struct {
        uint64_t cpu, memory, bytes;
        bool excessive;
    } table[] = {{1100000000, 0, 100, true},
                 {900000000, 0, 100, false},
                 {1100000000, 0, 60000, false},
                 {0, (uint64_t)40 << 20, 100, true},
                 {0, (uint64_t)40 << 20, 1 << 20, false},
                 {0, (uint64_t)20 << 20, 100, false}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text why = TEXT_INIT;
        struct cost_reading before = {1000, 1000, true};
        struct cost_reading after = {1000 + table[i].cpu, 1000 + table[i].memory, true};
        assert_int_equal(cost_excessive(before, after, table[i].bytes, &why) != COST_FAIR, table[i].excessive);
        assert_int_equal(why.len > 0, table[i].excessive);
        after.known = false; /* the process was another one */
        assert_int_equal(cost_excessive(before, after, table[i].bytes, &why), COST_FAIR);
        text_deinit(&why);
    }
    /* Another process took its place: its clock began anew. */
    assert_int_equal(
        cost_excessive((struct cost_reading){900000000, 0, true}, (struct cost_reading){5, 0, true}, 1, NULL),
        COST_FAIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_line_is_told_from_noise),
                                       cmocka_unit_test(too_much_for_so_few_bytes)};
    return cmocka_run_group_tests_name("fuzz/cost", tests, NULL, NULL);
}
