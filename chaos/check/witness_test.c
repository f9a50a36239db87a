/* Minimal witnesses of every model, judged by the models' twins: a witness alone is invalid, and without any one of it
 * valid; and weakening what is valid leaves it valid. `witness_test N [MODEL]` looks at N histories of each model. */
#include "base/test.h"

#include "base/random.h"
#include "base/units.h"
#include "chaos/check/twin_history.h"
#include "chaos/check/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORIES      600
#define OPERATIONS_MAX 12

static int64_t histories = HISTORIES;
static const char *only;

static uint64_t random_choice(void *arg, uint64_t bound)
{
    return random_below(arg, bound);
}

static struct {
    const struct check_model *model;
    long long seed;
    struct history history;
    struct check_limits limits;
    struct check_result result;
} at;

static _Noreturn void wrong(const char *what, const bool *in)
{
    struct text out = TEXT_INIT;
    for (size_t i = 0; i < at.history.count; i++) {
        text_printf(&out, "%s ", in[i] ? "*" : " ");
        history_print_operation(&at.history, i, 0, &out);
        text_printf(&out, " [%d, %d]\n", (int)at.history.operations[i].invoked,
                    at.history.operations[i].ended == TIME_NEVER ? -1 : (int)at.history.operations[i].ended);
    }
    fputs(text_string(&out), stderr);
    text_deinit(&out);
    fail_msg("%s, seed %lld: %s (%s)", at.model->name, at.seed, what, at.result.reason);
    abort();
}

static enum verdict judge(const struct history *h)
{
    struct check_result r;
    struct error err = ERROR_INIT;
    check_result_init(&r);
    int code = check_exhaustive(at.model, h, &at.limits, &r, &err);
    enum verdict v = code == 0 ? r.verdict : VERDICT_UNKNOWN;
    error_clear(&err);
    check_result_deinit(&r);
    return v;
}

static enum verdict judge_weakened(const bool *in)
{
    struct weakened w;
    assert_int_equal(weaken(at.model, &at.history, at.result.key, in, &w), 0);
    enum verdict v = judge(&w.history);
    weakened_deinit(&w);
    return v;
}

/* The rule of cas registers: what is outside happened within its time, or never. Every choice of those that did. */
static enum verdict judge_within_time(const bool *in)
{
    size_t outside[OPERATIONS_MAX], count = 0;
    struct history some = at.history;
    struct operation operations[OPERATIONS_MAX];
    enum verdict best = VERDICT_INVALID;
    for (size_t i = 0; i < at.history.count; i++) {
        const struct operation *o = &at.history.operations[i];
        if (!in[i] && o->end == END_OK && o->function != OPERATION_READ)
            outside[count++] = i;
    }
    some.operations = operations;
    for (size_t chosen = 0; best != VERDICT_VALID && chosen < (size_t)1 << count; chosen++) {
        some.count = 0;
        for (size_t i = 0; i < at.history.count; i++) {
            bool open = at.history.operations[i].ended == TIME_NEVER, keep = in[i] || open;
            for (size_t n = 0; n < count; n++)
                keep = keep || (outside[n] == i && (chosen >> n & 1) != 0);
            if (keep)
                operations[some.count++] = at.history.operations[i];
        }
        enum verdict v = judge(&some);
        best = v == VERDICT_INVALID ? best : v;
    }
    return best;
}

static bool values_repeat(const struct history *h)
{
    for (size_t i = 0; i < h->count; i++)
        for (size_t n = 0; n < i; n++)
            if (h->operations[i].function == OPERATION_WRITE && h->operations[n].function == OPERATION_WRITE &&
                h->operations[i].value == h->operations[n].value && h->operations[i].end != END_FAIL &&
                h->operations[n].end != END_FAIL)
                return true;
    return false;
}

struct counts {
    int64_t invalid, minimal, operations;
};

static void look(const struct check_model *m, int64_t seed, struct counts *counts)
{
    struct random r;
    struct error err = ERROR_INIT;
    bool in[OPERATIONS_MAX] = {false};
    random_seed(&r, (uint64_t)seed);
    at.model = m;
    at.seed = seed;
    at.limits = (struct check_limits){.memory = (size_t)1 << 26,
                                      .initial = strcmp(m->name, "counter") == 0 ? 0 : VALUE_NIL,
                                      .redelivery = 3,
                                      .converged = 25};
    assert_true(
        twin_history(m, &(struct choices){random_choice, &r}, 2 + random_below(&r, OPERATIONS_MAX - 1), &at.history));
    for (size_t i = 0; i < at.history.count; i++) {
        const struct operation *o = &at.history.operations[i];
        if (o->function != OPERATION_READ && o->ended != TIME_NEVER && o->ended >= at.limits.converged)
            at.limits.converged = o->ended + 1;
    }
    check_result_init(&at.result);
    int code = check_run(m, &at.history, &at.limits, &at.result, &err);
    bool own = strcmp(m->name, "cas-register") == 0 || (strcmp(m->name, "register") == 0 && values_repeat(&at.history));
    enum verdict (*witness)(const bool *in) = own ? judge_within_time : judge_weakened;
    if (code == 0 && at.result.verdict == VERDICT_VALID) {
        for (size_t i = 0; i < at.history.count; i++)
            in[i] = random_below(&r, 2) == 0;
        if (witness(in) == VERDICT_INVALID)
            wrong("weakening it made it invalid", in);
    } else if (code == 0 && at.result.verdict == VERDICT_INVALID) {
        for (size_t i = 0; i < at.result.witness.count; i++)
            in[at.result.witness.items[i]] = true;
        counts->invalid++;
        counts->minimal += at.result.minimal;
        counts->operations += (int64_t)at.result.witness.count;
        if (at.result.minimal && witness(in) != VERDICT_INVALID)
            wrong("the witness alone is not invalid", in);
        for (size_t i = 0; at.result.minimal && i < at.result.witness.count; i++) {
            bool fewer[OPERATIONS_MAX];
            memcpy(fewer, in, sizeof fewer);
            assert_int_equal(weaken_without(m, &at.history, at.result.witness.items[i], fewer), 0);
            if (witness(fewer) != VERDICT_VALID) {
                fprintf(stderr, "without (%zu)\n", i + 1);
                wrong("one of the witness can be left out", in);
            }
        }
    }
    error_clear(&err);
    check_result_deinit(&at.result);
    history_deinit(&at.history);
}

static void test_minimal(void **state)
{
    (void)state;
    for (size_t i = 0; check_models[i] != NULL; i++) {
        struct counts counts = {0};
        if (!check_has_twin(check_models[i]) || (only != NULL && strcmp(only, check_models[i]->name) != 0))
            continue;
        for (int64_t seed = 1; seed <= histories; seed++)
            look(check_models[i], seed, &counts);
        print_message("%s: %lld invalid, %lld witnesses minimal, of %.2f operations\n", check_models[i]->name,
                      (long long)counts.invalid, (long long)counts.minimal,
                      (double)counts.operations / (double)(counts.invalid > 0 ? counts.invalid : 1));
        assert_true(counts.invalid > histories / 10);
        assert_true(counts.minimal * 100 >= counts.invalid * 99);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && units_parse_integer(argv[1], 1, INT64_MAX, &histories, NULL) != 0) {
        fprintf(stderr, "usage: witness_test [HISTORIES [MODEL]]\n");
        return 2;
    }
    if (argc > 2)
        only = argv[2];
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_minimal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
