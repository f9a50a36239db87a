/* Whole experiments in the simulated world against a register server that is right, or wrong in one known way. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/experiment/schedule.h"
#include "chaos/history/file.h"
#include "chaos/workload/toy_store.h"

#include <stdio.h>
#include <string.h>

#define DURATION ((uint64_t)(8 * SECOND)) /* virtual */
#define RATE     400

struct kept {
    const char *name; /* expected; NULL: history.jsonl */
    struct text content;
    int files, fails_at; /* 0: never */
    size_t operations;
};

static int keep(void *arg, const char *path, struct bytes content, struct error *err)
{
    struct kept *k = arg;
    (void)err;
    assert_string_equal(path, k->name != NULL ? k->name : "history.jsonl");
    text_clear(&k->content);
    text_add(&k->content, content.data, content.len);
    k->files++;
    return 0;
}

/* The toy has levers for these. */
static const char *const levers[] = {"kill", "stop", "restart", "power-cut", "partition", NULL};

static struct chaos_options options_of(uint64_t seed)
{
    return (struct chaos_options){
        .seed = seed, .duration = DURATION, .rate = RATE, .faults = levers, .replay = "harrow chaos again"};
}

static int run(struct toy *t, const struct chaos_options *options, struct chaos_summary *summary)
{
    struct error err = ERROR_INIT;
    int code = chaos_run(&t->target, options, summary, &err);
    if (code != 0 && code != ERROR_CANCELLED && code != ERROR_INVALID && code != ERROR_UNSUPPORTED)
        print_message("%s\n%s", err.message, text_string(&t->lines));
    error_clear(&err);
    assert_int_equal(summary->operations, summary->ok + summary->failed + summary->unknown);
    return code;
}

static void test_correct(void **state)
{
    (void)state;
    int64_t faults = 0;
    size_t converged = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct toy t;
        struct chaos_summary s;
        struct chaos_options o = options_of(seed);
        toy_init(&t, TOY_CORRECT, seed);
        assert_int_equal(run(&t, &o, &s), 0);
        if (s.violations != 0 || t.results.failed != 0)
            fail_msg("seed %d: a correct server fails\n%s", (int)seed, text_string(&t.lines));
        assert_true(s.faults > 0);
        faults += s.faults;
        assert_int_equal(s.not_injected, 0);
        assert_true(s.ok > 500);
        assert_int_equal(toy_count(&t, "\"type\":\"recovery\""), s.faults);
        converged += toy_count(&t, "\"type\":\"converged\"");
        assert_int_equal(toy_count(&t, "\"name\":\"steady state after the storm\",\"status\":\"passed\""), 1);
        assert_int_equal(toy_count(&t, "\"title\":\"schedule (seed "), 1);
        assert_int_equal(toy_count(&t, "\"title\":\"what the seed drew (seed "), 1);
        assert_int_equal(toy_count(&t, "[\"before\",") * toy_count(&t, "[\"during\",") * toy_count(&t, "[\"after\","),
                         1);
        /* How long its calls took, in each phase. */
        for (size_t i = 0; i < 3; i++) {
            static const char *const phases[] = {"before", "during", "after"};
            char line[160];
            snprintf(line, sizeof line,
                     "\"type\":\"latency\",\"t\":%llu,\"pillar\":\"chaos\",\"method\":\"store.Store/Read\","
                     "\"phase\":\"%s\",\"outcome\":\"ok\",\"virtual\":true,",
                     (unsigned long long)(t.results.now(t.results.now_arg) - t.results.started), phases[i]);
            assert_int_equal(toy_count(&t, line), 1);
        }
        assert_true(s.recovery_max > 0 && s.recovery_max < (uint64_t)(2 * SECOND));
        assert_int_equal(toy_count(&t, "\"state\":\"inject\""), toy_count(&t, "\"state\":\"heal\""));
        assert_int_equal(t.acts[TARGET_STOP], t.acts[TARGET_CONTINUE]);
        assert_int_equal(t.acts[TARGET_PARTITION], t.acts[TARGET_HEAL]);
        assert_int_equal(t.results.findings, 0);
        toy_deinit(&t);
    }
    assert_true(faults > 20);
    assert_true(converged * 2 > (size_t)faults); /* not where the next fault came too soon */
}

/* Runs seeds until the violation shows; fails when none of them shows it. Every failed case carries its witness. */
static void caught(const char *behaviour, const char *fault, const char *name)
{
    const char *const faults[] = {fault, NULL};
    bool found = false;
    for (uint64_t seed = 1; seed <= 12 && !found; seed++) {
        struct toy t;
        struct chaos_summary s;
        struct chaos_options o = options_of(seed);
        o.faults = faults;
        toy_init(&t, behaviour, seed);
        assert_int_equal(run(&t, &o, &s), 0);
        char member[96];
        snprintf(member, sizeof member, "\"name\":\"%s\",\"status\":\"failed\"", name);
        found = toy_count(&t, member) == 1;
        if (found) {
            assert_true(s.violations > 0);
            assert_int_equal(toy_count(&t, member), 1);
            assert_true(toy_count(&t, " ms: ok") > 0);
            assert_true(toy_count(&t, "harrow chaos again") > 0);
        }
        toy_deinit(&t);
    }
    assert_true(found);
}

static void test_early_ack(void **state)
{
    (void)state;
    caught(TOY_EARLY_ACK, "kill", "every key is linearizable");
}

static void test_no_sync(void **state)
{
    (void)state;
    caught(TOY_NO_SYNC, "power-cut", "every key is linearizable");
    /* And the same server survives a mere kill: what was written is the machine's. */
    static const char *const faults[] = {"kill", NULL};
    struct toy t;
    struct chaos_summary s;
    struct chaos_options o = options_of(1);
    o.faults = faults;
    toy_init(&t, TOY_NO_SYNC, 1);
    assert_int_equal(run(&t, &o, &s), 0);
    assert_true(s.faults > 0);
    assert_int_equal(s.violations, 0);
    toy_deinit(&t);
}

static void test_stale(void **state)
{
    (void)state;
    caught(TOY_STALE, "stop", "every key is linearizable");
}

static void test_not_injected(void **state)
{
    (void)state;
    struct toy t;
    struct chaos_summary s;
    struct chaos_options o = options_of(3);
    toy_init(&t, TOY_CORRECT, 3);
    t.act_fails = true;
    assert_int_equal(run(&t, &o, &s), 0);
    assert_int_equal(s.faults, 0);
    assert_true(s.not_injected > 0);
    assert_int_equal(s.violations, 0);
    assert_int_equal(toy_count(&t, "\"type\":\"recovery\""), 0);
    assert_true(toy_count(&t, "no lever for") >= (size_t)s.not_injected);
    assert_int_equal(toy_count(&t, "\"state\":\"inject\",\"hits\":1"), 0);
    assert_int_equal(toy_count(&t, "the driver could carry out none of the faults drawn"), 1);
    toy_deinit(&t);
}

static void test_cannot_come_back(void **state)
{
    (void)state;
    static const char *const faults[] = {"kill", NULL};
    struct toy t;
    struct chaos_summary s;
    struct chaos_options o = options_of(4);
    o.faults = faults;
    o.settle = (uint64_t)(2 * SECOND);
    o.duration = (uint64_t)(2 * SECOND);
    toy_init(&t, TOY_CORRECT, 4);
    t.start_fails = true;
    assert_int_equal(run(&t, &o, &s), 0);
    assert_true(t.results.findings > 0);
    assert_true(s.violations > 0);
    assert_true(toy_count(&t, "store cannot be brought back after kill") > 0);
    assert_int_equal(toy_count(&t, "\"name\":\"steady state after the storm\",\"status\":\"failed\""), 1);
    assert_true(toy_count(&t, "not healed: the disk is gone") > 0);
    assert_true(toy_count(&t, "the disk is gone\\nlast words") > 0);
    assert_int_equal(toy_count(&t, "\"name\":\"everything answers after healing\",\"status\":\"failed\""), 1);
    toy_deinit(&t);
}

struct interruption {
    struct toy *toy;
    struct world_timer timer;
};

static void interrupt(void *arg)
{
    struct interruption *i = arg;
    i->toy->target.interrupted = true;
    world_stop(i->toy->target.world);
}

static void test_interrupt(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        enum target_action back;
    } cases[] = {{"stop", TARGET_CONTINUE}, {"partition", TARGET_HEAL}, {"kill", TARGET_START}};
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        bool held = false;
        /* Wherever in the storm it comes: while a fault is in force, between two, before the first. */
        for (uint64_t at = 900; at < 3000; at += 150) {
            struct toy t;
            struct chaos_summary s;
            struct kept kept = {0};
            const char *const faults[] = {cases[n].fault, NULL};
            struct chaos_options o = options_of(5);
            o.faults = faults;
            o.history = "history.jsonl";
            o.write = keep;
            o.write_arg = &kept;
            toy_init(&t, TOY_CORRECT, 5);
            struct interruption i = {.toy = &t};
            world_timer_init(&i.timer, t.target.world, interrupt, &i);
            world_timer_start(&i.timer, at * (uint64_t)MILLISECOND);
            assert_int_equal(run(&t, &o, &s), ERROR_CANCELLED);
            world_timer_stop(&i.timer);
            assert_int_equal(toy_count(&t, "\"state\":\"inject\""), toy_count(&t, "\"state\":\"heal\""));
            assert_int_equal(t.acts[cases[n].back], s.faults);
            assert_int_equal(s.violations, 0);
            assert_int_equal(kept.files, 1);
            assert_true(sim_running(t.sim, "store"));
            held |= s.faults > (int64_t)toy_count(&t, "\"type\":\"recovery\"");
            toy_deinit(&t);
            text_deinit(&kept.content);
        }
        if (!held)
            fail_msg("%s was never interrupted while in force", cases[n].fault);
    }
}

static void history_of(uint64_t seed, struct text *history, struct text *lines)
{
    struct toy t;
    struct chaos_summary s;
    struct kept kept = {0};
    struct chaos_options o = options_of(seed);
    o.history = "history.jsonl";
    o.write = keep;
    o.write_arg = &kept;
    toy_init(&t, TOY_CORRECT, seed);
    assert_int_equal(run(&t, &o, &s), 0);
    *history = kept.content;
    *lines = t.lines;
    t.lines = TEXT_INIT;
    toy_deinit(&t);
}

static int keep_more(void *arg, const char *path, struct bytes content, struct error *err)
{
    struct kept *k = arg;
    struct history h;
    struct history_source source;
    (void)err;
    assert_string_equal(path, k->name);
    text_add(&k->content, content.data, content.len);
    k->files++;
    assert_int_equal(history_parse(text_bytes(&k->content), path, NULL, &h, &source, NULL), 0);
    assert_int_equal(source.cut, 0);
    assert_true(h.count >= k->operations);
    k->operations = h.count;
    history_deinit(&h);
    return k->fails_at == k->files ? ERROR_IO : 0;
}

/* A history is kept in the binary form while it grows, and reads as the same: from what there is at any time, for the
 * harness may be killed, and in the end. A long one is kept in that form alone. */
static void test_long_history(void **state)
{
    (void)state;
    struct toy t;
    struct chaos_summary s;
    struct kept kept = {.name = "history.bin"};
    struct history h;
    struct history_source source;
    struct text lines = TEXT_INIT, again = TEXT_INIT, said = TEXT_INIT;
    struct chaos_options o = options_of(8);
    o.history = "history.jsonl";
    o.history_lines = 100;
    o.write = keep;
    o.append = keep_more;
    o.write_arg = &kept;
    toy_init(&t, TOY_CORRECT, 8);
    assert_int_equal(run(&t, &o, &s), 0);
    toy_deinit(&t);
    assert_true(kept.files > (int)(4 * DURATION / SECOND));
    assert_int_equal(history_parse(text_bytes(&kept.content), "history.bin", NULL, &h, &source, NULL), 0);
    assert_int_equal(source.format, HISTORY_BINARY);
    assert_int_equal(h.count, s.operations);
    assert_int_equal(history_write(&h, &again), 0);
    history_deinit(&h);
    history_of(8, &lines, &said);
    assert_string_equal(text_string(&lines), text_string(&again));
    text_deinit(&kept.content);
    text_deinit(&lines);
    text_deinit(&again);
    text_deinit(&said);
}

/* A disk that is full: told in the end, and nothing is written behind what may be half there. */
static void test_history_not_kept(void **state)
{
    (void)state;
    struct toy t;
    struct chaos_summary s;
    struct error err = ERROR_INIT;
    struct kept kept = {.name = "history.bin", .fails_at = 3};
    struct chaos_options o = options_of(8);
    o.history = "history.jsonl";
    o.append = keep_more;
    o.write_arg = &kept;
    toy_init(&t, TOY_CORRECT, 8);
    assert_int_equal(chaos_run(&t.target, &o, &s, &err), ERROR_IO);
    assert_int_equal(kept.files, 3);
    assert_true(s.operations > 500);
    toy_deinit(&t);
    error_clear(&err);
    text_deinit(&kept.content);
}

/* Stopped for a minute each time, and guarded: the storm ends at once, and nothing is in force a moment later. */
static void test_guard(void **state)
{
    (void)state;
    const struct chaos_guards guards = {.throughput_min = 0.5, .lasting = (uint64_t)(500 * MILLISECOND)};
    struct chaos_schedule schedule;
    struct document *d = NULL;
    struct toy t;
    struct chaos_summary s;
    struct chaos_options o = options_of(6);
    toy_init(&t, TOY_CORRECT, 6);
    assert_int_equal(
        document_parse_yaml(bytes_of("[{at: 500ms, fault: stop, component: store, hold: 60s}]"), "x.yaml", &d, NULL),
        0);
    assert_int_equal(schedule_read(document_root(d), &t.target, 6, &schedule, NULL), 0);
    o.faults = NULL;
    o.schedule = &schedule;
    o.guards = &guards;
    o.duration = (uint64_t)(60 * SECOND);
    uint64_t began = world_now(t.target.world);
    assert_int_equal(run(&t, &o, &s), 0);
    assert_true(s.guard_broke);
    assert_true(world_now(t.target.world) - began < (uint64_t)(10 * SECOND));
    assert_int_equal(toy_count(&t, "\"name\":\"no guard broke\",\"status\":\"failed\""), 1);
    assert_int_equal(toy_count(&t, "\"name\":\"healed within 1 s of the guard's break\",\"status\":\"passed\""), 1);
    assert_int_equal(t.acts[TARGET_CONTINUE], 1);
    assert_false(t.target.hurry);
    schedule_deinit(&schedule);
    document_free(d);
    toy_deinit(&t);
}

static void test_same_seed(void **state)
{
    (void)state;
    struct text history[3], lines[3];
    history_of(11, &history[0], &lines[0]);
    history_of(11, &history[1], &lines[1]);
    history_of(12, &history[2], &lines[2]);
    assert_true(history[0].len > 10000);
    assert_string_equal(text_string(&history[0]), text_string(&history[1]));
    assert_string_equal(text_string(&lines[0]), text_string(&lines[1]));
    assert_string_not_equal(text_string(&history[0]), text_string(&history[2]));
    for (size_t i = 0; i < 3; i++) {
        text_deinit(&history[i]);
        text_deinit(&lines[i]);
    }
}

static void test_bad_options(void **state)
{
    (void)state;
    static const char *const nothing[] = {"earthquake", NULL}, *const nobody[] = {"nobody", NULL};
    static const char *const simulated[] = {"crash-at-point", NULL};
    struct toy t;
    struct chaos_summary s;
    struct chaos_options o = options_of(1);
    toy_init(&t, TOY_CORRECT, 1);
    o.faults = nothing;
    assert_int_equal(run(&t, &o, &s), ERROR_INVALID);
    o.faults = NULL;
    o.targets = nobody;
    assert_int_equal(run(&t, &o, &s), ERROR_INVALID);
    o.targets = NULL;
    o.faults = simulated;
    t.target.driver = "processes";
    assert_int_equal(run(&t, &o, &s), ERROR_INVALID);
    t.target.driver = "sim";
    o.faults = NULL;
    t.component.services = (const char *const[]){"other.Service", NULL};
    assert_int_equal(run(&t, &o, &s), ERROR_UNSUPPORTED);
    assert_int_equal(t.lines.len, 0);
    toy_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_correct),   cmocka_unit_test(test_early_ack),    cmocka_unit_test(test_no_sync),
        cmocka_unit_test(test_stale),     cmocka_unit_test(test_not_injected), cmocka_unit_test(test_cannot_come_back),
        cmocka_unit_test(test_interrupt), cmocka_unit_test(test_long_history), cmocka_unit_test(test_history_not_kept),
        cmocka_unit_test(test_guard),     cmocka_unit_test(test_same_seed),    cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
