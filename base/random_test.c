#include "base/test.h"

#include "base/random.h"

#include <stdbool.h>

/* Computed from the authors' reference definitions: SplitMix64 from seed 1234567, and the first outputs of
 * xoshiro256** from the state 1, 2, 3, 4. */
static void test_reference_values(void **state)
{
    (void)state;
    static const uint64_t seeded[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                      UINT64_C(9817491932198370423), UINT64_C(4593380528125082431)};
    static const uint64_t drawn[] = {UINT64_C(11520), UINT64_C(0), UINT64_C(1509978240), UINT64_C(1215971899390074240)};
    struct random r;
    random_seed(&r, 1234567);
    assert_memory_equal(r.state, seeded, sizeof seeded);
    r = (struct random){{1, 2, 3, 4}};
    for (size_t i = 0; i < 4; i++)
        assert_true(random_next(&r) == drawn[i]);
}

static void test_below_is_even(void **state)
{
    (void)state;
    struct random r;
    int hits[6] = {0};
    random_seed(&r, 1);
    for (int i = 0; i < 60000; i++)
        hits[random_below(&r, 6)]++;
    for (int i = 0; i < 6; i++)
        assert_in_range(hits[i], 9600, 10400);
    assert_true(random_below(&r, 0) == 0);
    assert_true(random_below(&r, 1) == 0);
    /* A bound that a plain remainder would favour: the lower third would come twice as often. */
    int low = 0;
    uint64_t bound = UINT64_C(3) << 62;
    for (int i = 0; i < 30000; i++)
        low += random_below(&r, bound) < bound / 3;
    assert_in_range(low, 9600, 10400);
}

static void test_range_and_unit(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 2);
    bool first = false, last = false, negative = false, positive = false;
    for (int i = 0; i < 2000; i++) {
        int64_t v = random_range(&r, -3, 4);
        assert_true(v >= -3 && v <= 4);
        first = first || v == -3;
        last = last || v == 4;
        int64_t any = random_range(&r, INT64_MIN, INT64_MAX);
        negative = negative || any < 0;
        positive = positive || any > 0;
        double u = random_unit(&r);
        assert_true(u >= 0 && u < 1);
    }
    assert_true(first && last && negative && positive);
    assert_true(random_range(&r, 5, 5) == 5);
}

static void test_bytes_and_fork(void **state)
{
    (void)state;
    struct random r, again, a, b, a2;
    unsigned char out[13] = {0}, same[13] = {0};
    random_seed(&r, 3);
    random_seed(&again, 3);
    random_bytes(&r, out, sizeof out);
    random_bytes(&again, same, sizeof same);
    assert_memory_equal(out, same, sizeof out);
    struct random before = r;
    random_fork(&r, "network", &a);
    random_fork(&r, "disk", &b);
    random_fork(&r, "network", &a2);
    assert_memory_equal(&before, &r, sizeof r); /* forking draws nothing */
    assert_memory_equal(&a, &a2, sizeof a);
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_true(random_next(&a) != random_next(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_values),
        cmocka_unit_test(test_below_is_even),
        cmocka_unit_test(test_range_and_unit),
        cmocka_unit_test(test_bytes_and_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
