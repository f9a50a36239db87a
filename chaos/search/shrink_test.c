/* A failing experiment gets smaller and goes on failing, on the toy store, which is started anew for every try. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/search/shrink.h"
#include "chaos/workload/toy_store.h"

#include <string.h>

struct lab {
    const char *behaviour;
    size_t runs;
    int fail_with; /* of every run; 0: none */
};

static int run_once(void *arg, const struct chaos_options *options, bool *failed)
{
    struct lab *lab = arg;
    struct toy t;
    struct chaos_summary summary;
    lab->runs++;
    if (lab->fail_with != 0)
        return lab->fail_with;
    toy_init(&t, lab->behaviour, options->seed);
    int code = chaos_run(&t.target, options, &summary, NULL);
    *failed = code == 0 && summary.violations > 0;
    toy_deinit(&t);
    return code;
}

/* A schedule of many steps that fails. */
static void find_failing(struct lab *lab, struct chaos_options *o, struct chaos_schedule *schedule)
{
    static const char *const levers[] = {"kill", "stop", "restart", "power-cut", "partition", NULL};
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct toy t;
        struct text swarm = TEXT_INIT;
        bool failed = false;
        *o = (struct chaos_options){
            .seed = seed, .duration = (uint64_t)(8 * SECOND), .rate = 400, .clients = 8, .keys = 5, .faults = levers};
        const struct schedule_options draw = {.seed = seed, .duration = o->duration, .faults = levers};
        toy_init(&t, lab->behaviour, seed);
        assert_int_equal(schedule_draw(&t.target, &draw, schedule, &swarm, NULL), 0);
        toy_deinit(&t);
        text_deinit(&swarm);
        o->schedule = schedule;
        if (schedule->steps.count > 5 && run_once(lab, o, &failed) == 0 && failed)
            return;
        schedule_deinit(schedule);
    }
    fail_msg("no seed fails");
}

/* A store that never syncs loses what it said it had when the power goes: one power cut is all it takes. */
static void test_one_fault_is_enough(void **state)
{
    (void)state;
    struct lab lab = {.behaviour = TOY_NO_SYNC};
    struct chaos_options o;
    struct chaos_schedule schedule;
    struct shrunk small;
    bool minimal = false, failed = false;
    find_failing(&lab, &o, &schedule);
    const struct shrink_runner runner = {.run = run_once, .arg = &lab};
    assert_int_equal(chaos_shrink(&o, &runner, &small, &minimal, NULL), 0);
    assert_true(minimal);
    assert_int_equal(small.schedule.steps.count, 1);
    assert_string_equal(small.schedule.steps.items[0].fault->name, "power-cut");
    assert_true(small.options.clients < 8 && small.options.duration < o.duration);
    assert_int_equal(run_once(&lab, &small.options, &failed), 0);
    assert_true(failed);
    shrunk_deinit(&small);
    schedule_deinit(&schedule);
}

static void test_ends(void **state)
{
    (void)state;
    struct lab lab = {.behaviour = TOY_NO_SYNC};
    struct chaos_options o;
    struct chaos_schedule schedule;
    struct shrunk small;
    bool minimal = true;
    find_failing(&lab, &o, &schedule);
    struct shrink_runner runner = {.run = run_once, .arg = &lab, .tries = 2};
    lab.runs = 0;
    assert_int_equal(chaos_shrink(&o, &runner, &small, &minimal, NULL), 0);
    assert_false(minimal);
    assert_int_equal(lab.runs, 2);
    shrunk_deinit(&small);
    /* Who is told to stop stops; what was there is given back. */
    lab = (struct lab){.behaviour = TOY_NO_SYNC, .fail_with = ERROR_CANCELLED};
    runner.tries = 0;
    assert_int_equal(chaos_shrink(&o, &runner, &small, &minimal, NULL), 0);
    assert_false(minimal);
    assert_int_equal(lab.runs, 1);
    assert_int_equal(small.schedule.steps.count, schedule.steps.count);
    shrunk_deinit(&small);
    schedule_deinit(&schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_fault_is_enough), cmocka_unit_test(test_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
