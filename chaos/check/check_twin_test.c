/* Every model's checker against its exhaustive twin on random small histories. `check_twin_test N [MODEL]` compares N
 * for each model, or for one, instead of the default. */
#include "base/test.h"

#include "base/random.h"
#include "base/units.h"
#include "chaos/check/twin_history.h"

#include <stdio.h>
#include <string.h>

#define HISTORIES      2000
#define OPERATIONS_MAX 12

static int64_t histories = HISTORIES;
static const char *only;

static uint64_t random_choice(void *arg, uint64_t bound)
{
    return random_below(arg, bound);
}

static void print(const struct history *h)
{
    struct text out = TEXT_INIT;
    for (size_t i = 0; i < h->count; i++) {
        history_print_operation(h, i, 0, &out);
        text_printf(&out, " [%d, %d]\n", (int)h->operations[i].invoked,
                    h->operations[i].ended == TIME_NEVER ? -1 : (int)h->operations[i].ended);
    }
    fputs(text_string(&out), stderr);
    text_deinit(&out);
}

static void compare(const struct check_model *m, int64_t seed, int64_t verdicts[3])
{
    struct random r;
    struct history h;
    struct check_result fast, slow;
    struct error err = ERROR_INIT;
    struct check_limits limits = {.memory = (size_t)1 << 26,
                                  .initial = strcmp(m->name, "counter") == 0 ? 0 : VALUE_NIL,
                                  .redelivery = 3,
                                  .converged = 25};
    random_seed(&r, (uint64_t)seed);
    check_result_init(&fast);
    check_result_init(&slow);
    assert_true(twin_history(m, &(struct choices){random_choice, &r}, 2 + random_below(&r, OPERATIONS_MAX - 1), &h));
    for (size_t i = 0; i < h.count; i++) /* once nothing is changed any more */
        if (h.operations[i].function != OPERATION_READ && h.operations[i].ended != TIME_NEVER &&
            h.operations[i].ended >= limits.converged)
            limits.converged = h.operations[i].ended + 1;
    int code = check_run(m, &h, &limits, &fast, &err);
    int twin_code = check_exhaustive(m, &h, &limits, &slow, &err);
    if (code != twin_code || fast.verdict != slow.verdict) {
        print(&h);
        fail_msg("%s, seed %lld: the checker says %s (%d: %s), its twin %s (%d: %s)", m->name, (long long)seed,
                 verdict_name(fast.verdict), code, fast.reason, verdict_name(slow.verdict), twin_code, slow.reason);
    }
    if (code == 0 && fast.verdict == VERDICT_INVALID && (fast.witness.count == 0 || fast.reason[0] == '\0'))
        fail_msg("%s, seed %lld: invalid without a witness or a reason", m->name, (long long)seed);
    if (code == 0)
        verdicts[fast.verdict]++;
    error_clear(&err);
    check_result_deinit(&fast);
    check_result_deinit(&slow);
    history_deinit(&h);
}

static void test_twins(void **state)
{
    (void)state;
    for (size_t i = 0; check_models[i] != NULL; i++) {
        const struct check_model *m = check_models[i];
        int64_t verdicts[3] = {0};
        if (!check_has_twin(m) || (only != NULL && strcmp(only, m->name) != 0))
            continue;
        for (int64_t seed = 1; seed <= histories; seed++)
            compare(m, seed, verdicts);
        print_message("%s: %lld valid, %lld invalid, %lld unknown, no disagreement\n", m->name,
                      (long long)verdicts[VERDICT_VALID], (long long)verdicts[VERDICT_INVALID],
                      (long long)verdicts[VERDICT_UNKNOWN]);
        /* A comparison in which one verdict never came up would show nothing. */
        assert_true(verdicts[VERDICT_VALID] > histories / 10 && verdicts[VERDICT_INVALID] > histories / 10);
        assert_true(verdicts[VERDICT_UNKNOWN] <= histories / 100);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && units_parse_integer(argv[1], 1, INT64_MAX, &histories, NULL) != 0) {
        fprintf(stderr, "usage: check_twin_test [HISTORIES [MODEL]]\n");
        return 2;
    }
    if (argc > 2)
        only = argv[2];
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_twins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
