/* The arm that succeeds is drawn more, none is forgotten, and what changes is followed. */
#include "base/test.h"

#include "fuzz/message/bandit.h"

static const uint8_t uneven[] = {50, 30, 20};

/* Draws and tells the results; how often each arm was drawn. `rates` of success, in 10,000. */
static void play(struct bandit *b, struct random *r, const uint64_t *rates, int draws, int *drawn)
{
    for (size_t i = 0; i < b->count; i++)
        drawn[i] = 0;
    for (int n = 0; n < draws; n++) {
        size_t arm = bandit_draw(b, r);
        assert_true(arm < b->count);
        drawn[arm]++;
        bandit_result(b, r, arm, random_below(r, 10000) < rates[arm]);
    }
}

static void test_shares(void **state)
{
    (void)state;
    struct bandit b;
    struct random r;
    int drawn[3];
    static const uint64_t none[3] = {0};
    random_seed(&r, 1);
    bandit_init(&b, 3, uneven);
    /* Without a success there is nothing to learn: the shares stay what they were. */
    play(&b, &r, none, 100000, drawn);
    assert_in_range(drawn[0], 48000, 52000);
    assert_in_range(drawn[1], 28000, 32000);
    assert_in_range(drawn[2], 18000, 22000);
    double sum = 0;
    for (size_t i = 0; i < 3; i++)
        sum += bandit_share(&b, i);
    assert_true(sum > 0.999 && sum < 1.001);
    assert_true(bandit_share(&b, 3) < 1e-9);
}

static void test_learns(void **state)
{
    (void)state;
    struct bandit b;
    struct random r;
    int drawn[3];
    static const uint64_t third[3] = {5, 5, 200}, first[3] = {200, 5, 5};
    random_seed(&r, 2);
    bandit_init(&b, 3, uneven);
    play(&b, &r, third, 20000, drawn);
    play(&b, &r, third, 100000, drawn);
    assert_true(drawn[2] > 55000);
    assert_true(drawn[0] > 100 && drawn[1] > 100);
    /* It is the other one now. */
    play(&b, &r, first, 40000, drawn);
    play(&b, &r, first, 100000, drawn);
    assert_true(drawn[0] > 70000);
    assert_true(drawn[2] > 100);
}

/* Rates that are alike give shares that are like those they began with. */
static void test_alike(void **state)
{
    (void)state;
    struct bandit b;
    struct random r;
    int drawn[3];
    static const uint64_t all[3] = {100, 100, 100};
    random_seed(&r, 3);
    bandit_init(&b, 3, uneven);
    play(&b, &r, all, 200000, drawn);
    assert_in_range(drawn[0], 85000, 115000);
    assert_in_range(drawn[1], 48000, 72000);
    assert_in_range(drawn[2], 28000, 52000);
}

static void test_many_arms(void **state)
{
    (void)state;
    struct bandit b;
    struct random r;
    int drawn[BANDIT_ARMS_MAX];
    uint64_t rates[BANDIT_ARMS_MAX] = {0};
    random_seed(&r, 4);
    rates[77] = 500;
    bandit_init(&b, BANDIT_ARMS_MAX + 5, NULL);
    assert_int_equal(b.count, BANDIT_ARMS_MAX);
    play(&b, &r, rates, 200000, drawn);
    play(&b, &r, rates, 200000, drawn);
    for (size_t i = 0; i < BANDIT_ARMS_MAX; i++)
        assert_true(drawn[i] > 20);
    assert_true(drawn[77] > 20000);
    bandit_init(&b, 0, NULL);
    assert_int_equal(bandit_draw(&b, &r), 0);
    bandit_result(&b, &r, 5, true); /* no such arm */
    /* Everything succeeds: no rate is better than the others. */
    bandit_init(&b, 2, NULL);
    for (int i = 0; i < 5000; i++)
        bandit_result(&b, &r, (size_t)(i % 2), true);
    assert_true(bandit_share(&b, 0) > 0.4 && bandit_share(&b, 1) > 0.4);
}

/* As often a success, but four times as dear: by what it costs it is a quarter as good. */
static void test_costs(void **state)
{
    (void)state;
    struct bandit b;
    struct random r;
    double shares[2] = {0, 0};
    random_seed(&r, 5);
    bandit_init(&b, 2, NULL);
    for (int i = 0; i < 400000; i++) {
        size_t arm = bandit_draw(&b, &r);
        bandit_paid(&b, &r, arm, random_below(&r, 50) == 0, arm == 0 ? 0.5 : 2);
        shares[arm] += i >= 100000;
    }
    print_message("drawn %.0f and %.0f\n", shares[0], shares[1]);
    assert_true(shares[0] > 2.5 * shares[1] && shares[0] < 6 * shares[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),    cmocka_unit_test(test_learns), cmocka_unit_test(test_alike),
        cmocka_unit_test(test_many_arms), cmocka_unit_test(test_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
