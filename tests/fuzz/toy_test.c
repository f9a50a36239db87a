/* Campaigns over a service whose bugs are known, and over the same without them: what is found, how often one bug is
 * told twice, and what is told of a service that is right. `fuzz_toy_test SEEDS [BUGS [CALLS [FIRST]]]` runs so many
 * seeds from the first one on and prints the figures. */
#include "base/test.h"

#include "base/failing.h"
#include "base/units.h"
#include "fuzz/fuzz.h"
#include "fuzz/live/test_kit.h"
#include "proto/set.h"
#include "tests/fuzz/toy.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS        6000
#define SAMPLE_SEEDS 1

static size_t seeds = SAMPLE_SEEDS;
static uint64_t first_seed = 1;
static bool loud;
static unsigned bugs = TOY_ALL;
static int64_t calls = CALLS;
static struct pb_pool *pool;

struct bed {
    struct sim *sim;
    struct toy *toy;
    struct target target;
    struct target_component component;
    struct result_stream results;
    struct text lines;
    unsigned bugs;
    int64_t process;
    uint64_t seed;
};

static struct bed *bed_of(struct target *t)
{
    return (struct bed *)((char *)t - offsetof(struct bed, target));
}

static bool alive(struct target *t, const char *component)
{
    (void)t;
    return strcmp(component, "toy") == 0;
}

static int64_t process(struct target *t, const char *component)
{
    (void)component;
    return bed_of(t)->process;
}

static int logs(struct target *t, const char *component, size_t lines, struct text *out)
{
    (void)t;
    (void)component;
    (void)lines;
    (void)out;
    return 0;
}

static void on_crash(void *arg)
{
    struct bed *b = arg;
    b->process++;
    sim_reset_streams(b->sim, "toy", "harrow");
}

static void bed_init_locking(struct bed *b, unsigned planted, uint64_t seed, bool locks)
{
    static const char *const services[] = {"helloworld.Helloworld", "notes.Notes", NULL};
    static const struct target_operations operations = {.alive = alive, .process = process, .logs = logs};
    *b = (struct bed){.bugs = planted, .process = 100, .seed = seed};
    b->sim = sim_new(&(struct sim_options){.seed = seed});
    assert_non_null(b->sim);
    struct world *w = sim_node(b->sim, "harrow");
    struct toy_options toy = {
        .pool = pool, .address = "0.0.0.0:7000", .bugs = planted, .crash = on_crash, .arg = b, .locks = locks};
    assert_int_equal(toy_new(sim_node(b->sim, "toy"), &toy, &b->toy, NULL), 0);
    b->component = (struct target_component){.name = "toy", .address = "toy:7000", .services = services};
    b->results = kit_results(&b->lines, w);
    b->target = (struct target){.operations = &operations,
                                .world = w,
                                .system = "toy",
                                .driver = "sim",
                                .pool = pool,
                                .components = &b->component,
                                .component_count = 1,
                                .token = TOY_TOKEN,
                                .results = &b->results};
}

static void bed_init(struct bed *b, unsigned planted, uint64_t seed)
{
    bed_init_locking(b, planted, seed, false);
}

static void bed_deinit(struct bed *b)
{
    target_close_channels(&b->target);
    toy_free(b->toy);
    sim_free(b->sim);
    text_deinit(&b->lines);
}

static struct fuzz_options options_of(struct bed *b)
{
    static const char *const open[] = {"helloworld.Helloworld/Call", NULL};
    return (struct fuzz_options){.seed = b->seed,
                                 .inputs_max = calls,
                                 .filter = "/", /* calls only: no connections that are none */
                                 .hang_after = (uint64_t)SECOND,
                                 .access = true,
                                 .open = open,
                                 .other_token = TOY_OTHER,
                                 .findings = "findings",
                                 .replay = "harrow fuzz"};
}

/* A toy of its own, as a system that was just started. */
static int on_fresh(void *arg, const char *file, struct text *oracles, struct error *err)
{
    struct bed *b = arg, fresh;
    struct text script = TEXT_INIT;
    struct fuzz_summary s;
    int code = world_read_file(b->target.world, file, 1 << 20, &script, err);
    if (code != 0)
        return code;
    bed_init(&fresh, b->bugs, b->seed);
    struct fuzz_options o = options_of(&fresh);
    o.findings = NULL;
    o.script = text_bytes(&script);
    code = fuzz_run(&fresh.target, &o, &s, err);
    for (size_t i = 0; code == 0 && i < s.finding_figures.count; i++)
        text_printf(oracles, "%s\n", s.finding_figures.items[i].oracle);
    fuzz_summary_deinit(&s);
    bed_deinit(&fresh);
    text_deinit(&script);
    return code;
}

static int on_anew(void *arg, const char **other_token, struct error *err)
{
    struct bed *b = arg;
    (void)err;
    toy_start_anew(b->toy);
    target_close_channels(&b->target);
    *other_token = TOY_OTHER;
    return 0;
}

struct tally {
    size_t found[TOY_BUGS], told, false_ones, distinct;
};

static void campaign(unsigned planted, uint64_t seed, struct tally *t)
{
    struct bed b;
    struct fuzz_summary s;
    struct error err = ERROR_INIT;
    bool seen[TOY_BUGS + 1] = {false};
    bed_init(&b, planted, seed);
    struct fuzz_options o = options_of(&b);
    o.hooks = (struct fuzz_hooks){.arg = &b, .fresh = on_fresh};
    if (fuzz_run(&b.target, &o, &s, &err) != 0)
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.message);
    for (size_t i = 0; i < s.finding_figures.count; i++) {
        const struct fuzz_finding_figures *f = &s.finding_figures.items[i];
        enum toy_bug bug = toy_bug_of(f->oracle, f->title);
        if (f->warning)
            continue;
        bool right = bug < TOY_BUGS && (planted & TOY_BIT(bug));
        t->told++;
        t->false_ones += !right;
        t->distinct += right && !seen[bug];
        t->found[bug < TOY_BUGS ? bug : 0] += right && !seen[bug];
        if (loud && (!right || seen[bug]))
            fprintf(stderr, "seed %llu: %s: %s (%s)\n", (unsigned long long)seed, right ? "again" : "FALSE", f->title,
                    f->confirmed);
        if (!right)
            fprintf(stderr, "seed %llu: %s (%s)\n%s\n", (unsigned long long)seed, f->title, f->confirmed,
                    text_string(&b.lines));
        seen[bug] = true;
    }
    if (loud)
        fprintf(stderr, "seed %llu: %lld suspicions not told, ended by %s; %lld OK of %lld\n", (unsigned long long)seed,
                (long long)s.unrepeated, s.ended, (long long)s.statuses[0], (long long)s.inputs);
    fuzz_summary_deinit(&s);
    bed_deinit(&b);
}

static void bugs_are_told_once(void **state)
{
    (void)state;
    struct tally t = {0};
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++)
        campaign(bugs, seed, &t);
    size_t ever = 0;
    for (size_t i = 0; i < TOY_BUGS; i++) {
        ever += t.found[i] > 0;
        if (loud)
            fprintf(stderr, "bug %2zu: found with %zu of %zu seeds\n", i, t.found[i], seeds);
    }
    if (loud)
        fprintf(stderr, "%zu findings told, %zu bugs: %.3f per bug; %zu false\n", t.told, t.distinct,
                (double)t.told / (double)t.distinct, t.false_ones);
    assert_int_equal(t.false_ones, 0);
    assert_true(t.told * 10 <= t.distinct * 11);
    assert_true(ever + 4 >= TOY_BUGS); /* some take luck */
    assert_true(t.distinct >= seeds * (TOY_BUGS - 4));
}

static void of_what_is_right_nothing_is_told(void **state)
{
    (void)state;
    struct tally t = {0};
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++)
        campaign(0, seed, &t);
    if (loud)
        fprintf(stderr, "the right one: %zu findings with %zu seeds\n", t.told, seeds);
    assert_int_equal(t.told, 0);
}

static const struct fuzz_method_figures *method_of(const struct fuzz_summary *s, const char *path)
{
    static const struct fuzz_method_figures none;
    for (size_t i = 0; i < s->method_figures.count; i++)
        if (strcmp(s->method_figures.items[i].path, path) == 0)
            return &s->method_figures.items[i];
    fail_msg("no %s", path);
    return &none;
}

/* A system that is ours is started anew, as often as it takes to find out who did it; that method is then called at the
 * end only. One that is not ours is not asked by it again. */
static void who_locks_itself_out_is_let_in(void **state)
{
    (void)state;
    for (int ours = 0; ours < 2; ours++) {
        struct bed b;
        struct fuzz_summary s;
        bed_init_locking(&b, 0, 7, true);
        struct fuzz_options o = options_of(&b);
        o.inputs_max = CALLS / 3;
        o.hooks = (struct fuzz_hooks){.arg = &b, .anew = ours ? on_anew : NULL};
        assert_int_equal(fuzz_run(&b.target, &o, &s, NULL), 0);
        const struct fuzz_method_figures *deletion = method_of(&s, "notes.Notes/Delete");
        int64_t denied = s.statuses[GRPC_PERMISSION_DENIED];
        if (ours) {
            assert_in_range(s.anew, 2, 6);
            assert_int_equal(deletion->shut_out, 1);
            assert_int_equal(method_of(&s, "notes.Notes/Create")->shut_out, 0);
            assert_true(denied * 5 < s.inputs);
            assert_true(method_of(&s, "notes.Notes/List")->statuses[GRPC_OK] > s.inputs / 50);
            assert_non_null(strstr(text_string(&b.lines), "shut out by notes.Notes/Delete"));
        } else {
            assert_int_equal(s.anew, 0);
            assert_true(denied * 5 > s.inputs);
            assert_non_null(strstr(text_string(&b.lines), "likely to have done it: notes.Notes/Delete"));
            assert_true(deletion->calls < s.inputs / 30);
        }
        assert_int_equal(s.findings, 0);
        fuzz_summary_deinit(&s);
        bed_deinit(&b);
    }
}

/* Whatever has no memory on the way there, the campaign ends by itself or says so. */
static void it_is_let_in_with_little_memory(void **state)
{
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit && n < 10000000; n += 1 + 3 * n) {
        struct bed b;
        struct fuzz_summary s;
        bed_init_locking(&b, 0, 7, true);
        struct fuzz_options o = options_of(&b);
        o.inputs_max = CALLS / 10;
        o.hooks = (struct fuzz_hooks){.arg = &b, .anew = on_anew};
        failing_arm(n);
        int code = fuzz_run(&b.target, &o, &s, NULL);
        hit = failing_hit();
        failing_disarm();
        assert_true(code == 0 || (hit && code == ERROR_MEMORY));
        assert_true(hit || s.anew > 0);
        fuzz_summary_deinit(&s);
        bed_deinit(&b);
    }
    assert_false(hit);
}

/* Nothing is left out: what there was no time for is told, and that it was not run again. */
static void findings_that_were_not_run_again_are_told_so(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_summary s;
    bed_init(&b, TOY_BIT(TOY_STATUS) | TOY_BIT(TOY_ACCEPTS) | TOY_BIT(TOY_TENANT), 1);
    struct fuzz_options o = options_of(&b);
    o.settle = 1;
    o.inputs_max = CALLS / 3;
    o.hooks = (struct fuzz_hooks){.arg = &b, .fresh = on_fresh};
    assert_int_equal(fuzz_run(&b.target, &o, &s, NULL), 0);
    assert_int_equal(s.findings, 0);
    assert_true(s.warnings >= 3);
    assert_int_equal(s.not_tried, s.warnings);
    assert_int_equal(s.unrepeated, 0);
    for (size_t i = 0; i < s.finding_figures.count; i++)
        assert_string_equal(s.finding_figures.items[i].confirmed, "not run again");
    assert_non_null(strstr(text_string(&b.lines), "were not run again for want of time"));
    fuzz_summary_deinit(&s);
    bed_deinit(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bugs_are_told_once),
        cmocka_unit_test(of_what_is_right_nothing_is_told),
        cmocka_unit_test(who_locks_itself_out_is_let_in),
        cmocka_unit_test(it_is_let_in_with_little_memory),
        cmocka_unit_test(findings_that_were_not_run_again_are_told_so),
    };
    if (argc > 2)
        bugs = (unsigned)strtoul(argv[2], NULL, 0);
    if (argc > 4)
        first_seed = strtoull(argv[4], NULL, 10);
    if (argc > 3)
        calls = strtoll(argv[3], NULL, 10);
    if (argc > 1) {
        seeds = strtoul(argv[1], NULL, 10);
        loud = true;
    }
    if (pb_pool_new(proto_set(), "set", &pool, NULL) != 0)
        return 1;
    int failed = cmocka_run_group_tests_name("fuzz/toy", tests, NULL, NULL);
    pb_pool_free(pool);
    return failed;
}
