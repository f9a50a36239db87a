/* What every checker keeps to, whatever its model: memory that runs out, a caller who wants to leave, operations it
 * does not know, and a witness that stands for the whole. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "base/random.h"
#include "chaos/check/twin_history.h"

#include <stdio.h>
#include <string.h>

#define OPERATIONS 12
#define SEEDS      6

static const struct check_model *model;
static struct history history;
static struct check_limits limits;

static uint64_t random_choice(void *arg, uint64_t bound)
{
    return random_below(arg, bound);
}

static void make(const struct check_model *m, uint64_t seed, size_t operations)
{
    struct random r;
    random_seed(&r, seed);
    model = m;
    limits = CHECK_LIMITS_DEFAULT;
    limits.redelivery = 3;
    limits.converged = 1000;
    assert_true(twin_history(m, &(struct choices){random_choice, &r}, operations, &history));
}

static int run_check(void)
{
    struct check_result r;
    check_result_init(&r);
    int code = check_run(model, &history, &limits, &r, NULL);
    check_result_deinit(&r);
    return code;
}

static int run_twin(void)
{
    struct check_result r;
    check_result_init(&r);
    int code = check_exhaustive(model, &history, &limits, &r, NULL);
    check_result_deinit(&r);
    return code;
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; check_models[i] != NULL; i++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            make(check_models[i], seed, OPERATIONS);
            assert_true(failing_walk(run_check, FAILING_MAY_BE_BORNE) < 10000);
            failing_walk(run_twin, FAILING_MAY_BE_BORNE);
            history_deinit(&history);
        }
    }
}

static bool stop_now(void *arg)
{
    return ++*(int *)arg > 0;
}

static void test_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; check_models[i] != NULL; i++) {
        struct check_result r;
        int asked = 0;
        make(check_models[i], 1, OPERATIONS);
        limits.stop = stop_now;
        limits.stop_arg = &asked;
        check_result_init(&r);
        assert_int_equal(check_run(model, &history, &limits, &r, NULL), 0);
        assert_int_equal(r.verdict, VERDICT_UNKNOWN);
        assert_non_null(strstr(r.reason, "stopped when asked to"));
        check_result_deinit(&r);
        history_deinit(&history);
    }
}

/* Sixty-four clients, all at once: no search of this ends by itself. */
static void make_hard(void)
{
    history_init(&history);
    for (int i = 0; i < 64; i++)
        assert_true(history_invoke(&history, i, OPERATION_ENQUEUE, 0, i, (uint64_t)i) >= 0);
    for (int i = 0; i < 64; i++)
        history_end(&history, i, END_OK, VALUE_NIL, (uint64_t)(100 + i));
    for (int i = 0; i < 2; i++)
        assert_true(history_invoke(&history, 64 + i, OPERATION_DEQUEUE, 0, VALUE_NIL, 200) >= 0);
    history_end(&history, 64, END_INFO, VALUE_NIL, 300);
    history_end(&history, 65, END_FAIL, VALUE_NIL, 301);
    model = check_model_find("queue");
    limits = CHECK_LIMITS_DEFAULT;
}

static bool stop_later(void *arg)
{
    return ++*(int *)arg > 20;
}

static void test_long_steps(void **state)
{
    (void)state;
    struct check_result r;
    int asked = 0;
    check_result_init(&r);
    make_hard();
    limits.stop = stop_later;
    limits.stop_arg = &asked;
    assert_int_equal(check_run(model, &history, &limits, &r, NULL), 0);
    assert_int_equal(r.verdict, VERDICT_UNKNOWN);
    assert_int_equal(asked, 21);
    limits.stop = NULL;
    limits.memory = (size_t)1 << 20;
    assert_int_equal(check_run(model, &history, &limits, &r, NULL), 0);
    assert_int_equal(r.verdict, VERDICT_UNKNOWN);
    assert_non_null(strstr(r.reason, "memory"));
    assert_true(r.checked > 0);
    limits.memory = 100;
    assert_int_equal(check_run(model, &history, &limits, &r, NULL), 0);
    assert_int_equal(r.verdict, VERDICT_UNKNOWN);
    check_result_deinit(&r);
    history_deinit(&history);
}

static void test_unknown_operations(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct check_result r;
    check_result_init(&r);
    history_init(&history);
    assert_true(history_invoke(&history, 0, OPERATION_READ, 0, VALUE_NIL, 1) >= 0);
    assert_true(history_invoke(&history, 1, OPERATION_ENQUEUE, 0, 1, 1) >= 0);
    assert_int_equal(check_run(check_model_find("register"), &history, NULL, &r, &err), ERROR_INVALID);
    assert_string_equal(err.message, "operation 1 is \"enqueue\", which the model \"register\" does not know");
    assert_null(check_model_find("regsiter"));
    error_clear(&err);
    check_result_deinit(&r);
    history_deinit(&history);
}

/* A cas register's witness by its own definition: with everything else free to have happened or not (its reads left
 * out, its writes and cas without an end), no order is left; without any one of the witness, there is one. */
static enum verdict judge_kept(const struct history *h, const bool *kept)
{
    struct history relaxed;
    struct check_result r;
    history_init(&relaxed);
    check_result_init(&r);
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        bool changes = o->function == OPERATION_WRITE || o->function == OPERATION_CAS;
        if (!kept[i] && (!changes || o->end == END_FAIL))
            continue;
        int64_t n = history_invoke(&relaxed, o->process, (enum operation_function)o->function, 0, o->value, o->invoked);
        assert_true(n >= 0);
        relaxed.operations[n].other = o->other;
        relaxed.operations[n].ended = kept[i] ? o->ended : TIME_NEVER;
        relaxed.operations[n].end = kept[i] ? o->end : END_INFO;
    }
    assert_int_equal(check_run(check_model_find("cas-register"), &relaxed, NULL, &r, NULL), 0);
    enum verdict v = r.verdict;
    check_result_deinit(&r);
    history_deinit(&relaxed);
    return v;
}

static void test_minimal_witnesses(void **state)
{
    (void)state;
    int minimal = 0, invalid = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct check_result r;
        bool kept[OPERATIONS] = {false};
        make(check_model_find("cas-register"), seed, OPERATIONS);
        check_result_init(&r);
        assert_int_equal(check_run(model, &history, &limits, &r, NULL), 0);
        if (r.verdict == VERDICT_INVALID) {
            invalid++;
            minimal += r.minimal;
            for (size_t i = 0; i < r.witness.count; i++)
                kept[r.witness.items[i]] = true;
            for (size_t i = 0; r.minimal && i < r.witness.count; i++) {
                kept[r.witness.items[i]] = false;
                assert_int_equal(judge_kept(&history, kept), VERDICT_VALID);
                kept[r.witness.items[i]] = true;
            }
        }
        check_result_deinit(&r);
        history_deinit(&history);
    }
    assert_true(invalid > 80);
    assert_true(minimal > invalid * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory),         cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_long_steps),        cmocka_unit_test(test_unknown_operations),
        cmocka_unit_test(test_minimal_witnesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
