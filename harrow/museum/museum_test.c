/* The runner of the museums over campaigns and experiments that a shell plays. */
#include "harrow/museum/museum.h"

#include "world/museum/canary.h"
#include "base/test.h"
#include "world/real.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LIMIT ((uint64_t)(1 * SECOND))

/* Bug 1 is reached, or triggered as well. */
#define REACH   "printf '\\001' | dd of=$MICRO_MUSEUM_CANARY bs=1 seek=10 conv=notrunc 2>/dev/null; "
#define TRIGGER REACH "printf '\\001' | dd of=$MICRO_MUSEUM_CANARY bs=1 seek=11 conv=notrunc 2>/dev/null; "
#define FINDING                                                                                                        \
    "printf '%s\\n' '{\"type\":\"finding\",\"oracle\":\"accepted\","                                                   \
    "\"detail\":\"why\\n# seed: 1\\ncall /a.B/C\\n# note\\nawait 0\\n\"}'; "

struct outcome {
    struct museum_result result;
    char small[256]; /* the text of result, which is gone */
    int count;
};

static void on_done(void *arg, const struct museum_result *r)
{
    struct outcome *o = arg;
    o->result = *r;
    snprintf(o->small, sizeof o->small, "%s", r->small.len > 0 ? r->small.data : "");
    o->count++;
}

static int run_of(const struct museum_collection *collection, const char *script, struct outcome *o)
{
    static const bool interrupted = false;
    static const struct museum_bug bug = {.name = "decode-first", .kind = "decode", .number = 1};
    const char *const program[] = {"/bin/sh", "-c", script, "campaign", NULL};
    const struct museum_options options = {.program = program,
                                           .manifest = "m.yaml",
                                           .out = "/tmp/harrow-museum-test",
                                           .seed = 5,
                                           .limit = LIMIT,
                                           .jobs = 1,
                                           .shrink = true};
    struct world *w;
    *o = (struct outcome){0};
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    int rc = museum_run(w, collection, &options, &bug, 1, &interrupted, on_done, o, NULL);
    (void)world_remove_tree(w, options.out);
    world_real_free(w);
    assert_int_equal(o->count, 1);
    return rc;
}

static int run(const char *script, struct outcome *o)
{
    return run_of(&museum_fuzz, script, o);
}

static void test_finding(void **state)
{
    (void)state;
    struct outcome o;
    assert_int_equal(offsetof(struct museum_canary, bugs) + sizeof(((struct museum_canary *)0)->bugs[0]), 10);
    assert_int_equal(run(TRIGGER FINDING "exit 1", &o), 0);
    assert_true(o.result.reached != MUSEUM_NEVER && o.result.triggered != MUSEUM_NEVER);
    assert_true(o.result.found != MUSEUM_NEVER);
    assert_string_equal(o.result.oracle, "accepted");
    assert_int_equal(o.result.size, strlen("call /a.B/C\nawait 0\n"));
    assert_int_equal(o.result.false_reports, 0);
    assert_int_equal(o.result.trials, 1);
}

/* What is told while the canary is silent is counted, and not as found. */
static void test_false_report(void **state)
{
    (void)state;
    struct outcome o;
    assert_int_equal(run(REACH FINDING "exit 1", &o), 0);
    assert_true(o.result.reached != MUSEUM_NEVER && o.result.triggered == MUSEUM_NEVER);
    assert_true(o.result.found == MUSEUM_NEVER);
    assert_true(o.result.false_reports >= 1);
}

static void test_crash(void **state)
{
    (void)state;
    struct outcome o;
    assert_int_equal(run(TRIGGER "echo '==1==ERROR: AddressSanitizer: heap-use-after-free on address' >&2; exit 1", &o),
                     0);
    assert_string_equal(o.result.oracle, "crash: heap-use-after-free");
    assert_int_equal(run(TRIGGER "echo 'a.c:1:2: runtime error: shift exponent 99, too large' >&2; exit 1", &o), 0);
    assert_string_equal(o.result.oracle, "crash: shift exponent 99");
    assert_int_equal(run(TRIGGER "kill -SEGV $$", &o), 0);
    assert_string_equal(o.result.oracle, "crash: a signal");
    assert_int_equal(run(TRIGGER "echo '==1==ERROR: LeakSanitizer: detected memory leaks' >&2; exit 1", &o), 0);
    assert_string_equal(o.result.oracle, "leak");
}

/* The bug is switched on by its name, the campaign gets its seed and how much it may do. */
static void test_arguments(void **state)
{
    (void)state;
    struct outcome o;
    assert_int_equal(
        run("test \"$MICRO_MUSEUM $1 $2 $4 $6\" = 'decode-first fuzz m.yaml sim 5' || exit 0; " TRIGGER FINDING, &o),
        0);
    assert_true(o.result.found != MUSEUM_NEVER);
}

static void test_no_campaign(void **state)
{
    (void)state;
    struct outcome o;
    assert_int_equal(run("exit 3", &o), 0);
    assert_true(o.result.failed);
    assert_true(o.result.found == MUSEUM_NEVER);
    assert_int_equal(run(TRIGGER "exit 3", &o), 0); /* the bug's doing */
    assert_true(!o.result.failed);
    assert_true(o.result.found != MUSEUM_NEVER);
}

/* ---- experiments ---- */

#define FAILED "printf '%s\\n' '{\"type\":\"case\",\"name\":\"model log\",\"status\":\"failed\"}'; "
#define SMALLER                                                                                                        \
    "printf '%s\\n' '{\"type\":\"shrunk\",\"faults_before\":9,\"faults\":2,\"operations_before\":800,"                 \
    "\"operations\":30,\"tries\":4,\"duration\":5,\"minimal\":true,\"schedule\":\"schedule:\\n"                        \
    "  - {at: 1s, fault: kill}\\n  - {at: 2s, fault: stop}\\n\"}'; "

#define BURN "i=0; while test $i -lt 100000; do i=$((i + 1)); done; " /* the limit is one of processor time */

/* One seed after the other until a case fails; then the same seed once more, to make it smaller. */
static void test_experiments(void **state)
{
    (void)state;
    struct outcome o;
    assert_int_equal(run_of(&museum_chaos,
                            "test \"$MICRO_MUSEUM $1 $2 $4\" = 'decode-first chaos m.yaml sim' || exit 3; "
                            "test $6 -lt 7 && exit 0; " TRIGGER "test ${11} = never || { " FAILED SMALLER
                            "exit 1; }; " FAILED FAILED "exit 1",
                            &o),
                     0);
    assert_true(o.result.found != MUSEUM_NEVER && !o.result.failed);
    assert_string_equal(o.result.oracle, "model log");
    assert_int_equal(o.result.seed, 7);
    assert_int_equal(o.result.trials, 3);
    assert_int_equal(o.result.false_reports, 0);
    assert_int_equal(o.result.size, 2);
    assert_non_null(strstr(o.small, "fault: stop"));
    const struct museum_smaller *m = &o.result.smaller;
    assert_int_equal(m->size_before, 9);
    assert_int_equal(m->operations_before, 800);
    assert_int_equal(m->operations, 30);
    assert_int_equal(m->tries, 4);
    assert_true(m->took == 5 && m->minimal);
}

/* What was triggered by an earlier seed does not excuse a report of a later one. */
static void test_false_experiment(void **state)
{
    (void)state;
    struct outcome o;
    assert_int_equal(run_of(&museum_chaos, "test $6 = 5 && { " TRIGGER " exit 0; }; " FAILED FAILED BURN "exit 1", &o),
                     0);
    assert_true(o.result.triggered != MUSEUM_NEVER);
    assert_true(o.result.found == MUSEUM_NEVER);
    assert_int_equal(o.result.false_reports, o.result.trials - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_finding),         cmocka_unit_test(test_false_report),
                                       cmocka_unit_test(test_crash),           cmocka_unit_test(test_arguments),
                                       cmocka_unit_test(test_no_campaign),     cmocka_unit_test(test_experiments),
                                       cmocka_unit_test(test_false_experiment)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
