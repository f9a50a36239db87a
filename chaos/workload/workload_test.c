/* What the workload writes down of each kind of answer. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/check/check.h"
#include "chaos/workload/toy_store.h"
#include "chaos/workload/workload.h"

#define LOAD_TIME ((uint64_t)(3 * SECOND)) /* virtual */

struct ends {
    int64_t reads[4], writes[4]; /* by enum operation_end */
    int32_t process_max;
};

static void run(const char *behaviour, struct ends *out)
{
    struct toy t;
    struct workload *w;
    struct workload_options options = {.seed = 9, .clients = 4, .keys = 3, .rate = 200};
    struct workload_window window;
    *out = (struct ends){0};
    toy_init(&t, behaviour, 9);
    assert_int_equal(workload_new(&t.target, &options, &w, NULL), 0);
    workload_start(w);
    assert_int_equal(world_sleep(t.target.world, LOAD_TIME), 0);
    assert_int_equal(workload_stop(w), 0);
    workload_take_window(w, &window);
    const struct history *h = workload_history(w);
    uint64_t before = 0;
    int64_t ok = 0, failed = 0, unknown = 0;
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        (o->function == OPERATION_READ ? out->reads : out->writes)[o->end]++;
        assert_true(o->invoked >= before && o->ended >= o->invoked);
        before = o->invoked;
        ok += o->end == END_OK;
        failed += o->end == END_FAIL;
        unknown += o->end == END_INFO;
        if (o->process > out->process_max)
            out->process_max = o->process;
        /* A process has one operation at a time, and none after one nobody knows the end of. */
        for (size_t n = i + 1; n < h->count; n++)
            assert_true(h->operations[n].process != o->process || h->operations[n].invoked >= o->ended);
    }
    assert_int_equal(window.ok, ok);
    assert_int_equal(window.failed, failed);
    assert_int_equal(window.unknown, unknown);
    if (ok > 0)
        assert_true(window.p50 > 0 && window.p99 >= window.p50);
    size_t count = h->count;
    assert_int_equal(workload_final_reads(w, (uint64_t)(5 * SECOND), NULL), 0);
    assert_int_equal(workload_final_from(w), count);
    assert_int_equal(workload_history(w)->count, count + 3);
    struct check_result verdict;
    check_result_init(&verdict);
    assert_int_equal(check_register(workload_history(w), &verdict), 0);
    assert_int_equal(verdict.verdict, VERDICT_VALID);
    check_result_deinit(&verdict);
    workload_free(w);
    toy_deinit(&t);
}

static void test_answered(void **state)
{
    (void)state;
    struct ends e;
    run(TOY_CORRECT, &e);
    assert_true(e.reads[END_OK] > 100 && e.writes[END_OK] > 100);
    assert_int_equal(e.reads[END_FAIL] + e.reads[END_INFO] + e.reads[END_OPEN], 0);
    assert_int_equal(e.writes[END_FAIL] + e.writes[END_INFO] + e.writes[END_OPEN], 0);
    assert_int_equal(e.process_max, 3);
}

static void test_unknown_is_info(void **state)
{
    (void)state;
    struct ends e;
    run(TOY_MUTE, &e); /* the deadline passes */
    assert_true(e.writes[END_INFO] > 0);
    assert_int_equal(e.writes[END_OK] + e.writes[END_FAIL], 0);
    /* Each gave its client a new number, seen with the next operation. */
    assert_true(e.process_max > 3 && e.process_max <= 3 + e.writes[END_INFO]);
    run(TOY_BROKEN, &e); /* INTERNAL says nothing about whether it happened, and here it did */
    assert_true(e.writes[END_INFO] > 0);
    assert_int_equal(e.writes[END_OK] + e.writes[END_FAIL], 0);
    assert_int_equal(e.reads[END_FAIL], 0);
}

static void test_refused_is_fail(void **state)
{
    (void)state;
    struct ends e;
    run(TOY_REFUSE, &e);
    assert_true(e.writes[END_FAIL] > 10);
    assert_int_equal(e.writes[END_OK] + e.writes[END_INFO], 0);
    assert_int_equal(e.process_max, 3);
}

/* Nothing was sent to a server that is not there, so a write there certainly did not happen. */
static void test_never_sent_is_fail(void **state)
{
    (void)state;
    struct toy t;
    struct workload *w;
    struct workload_options options = {.seed = 9, .clients = 4, .keys = 3};
    toy_init(&t, TOY_CORRECT, 9);
    assert_int_equal(sim_kill(t.sim, "store"), 0);
    assert_int_equal(workload_new(&t.target, &options, &w, NULL), 0);
    workload_start(w);
    assert_int_equal(world_sleep(t.target.world, (uint64_t)SECOND), 0);
    assert_int_equal(workload_stop(w), 0);
    const struct history *h = workload_history(w);
    assert_true(h->count > 10);
    for (size_t i = 0; i < h->count; i++)
        assert_int_equal(h->operations[i].end, END_FAIL);
    assert_int_equal(workload_final_reads(w, (uint64_t)SECOND, NULL), ERROR_TIMEOUT);
    workload_free(w);
    toy_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answered),
        cmocka_unit_test(test_unknown_is_info),
        cmocka_unit_test(test_refused_is_fail),
        cmocka_unit_test(test_never_sent_is_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
