/* Searches on the toy store, which is started anew for every trial: the same seed is the same search; what is kept is
 * kept in files that can be read again; planted bugs are found; bad files are told and left alone. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/search/observe.h"
#include "chaos/search/search.h"
#include "chaos/workload/toy_store.h"

#include <stdio.h>
#include <string.h>

#define FEATURES 4096
#define RUNS     24

struct lab {
    struct toy space_of; /* what trials are made for */
    struct sim *disk;    /* the harness's own */
    struct world *world;
    struct chaos_options base;
    struct search *search;
    const char *behaviour;
};

static const char *const levers[] = {"kill", "stop", "restart", "power-cut", "partition", NULL};

static void open_lab(struct lab *lab, const char *behaviour, uint64_t seed)
{
    *lab = (struct lab){.behaviour = behaviour};
    toy_init(&lab->space_of, TOY_CORRECT, 1);
    lab->disk = sim_new(&(struct sim_options){.seed = 1});
    lab->world = sim_node(lab->disk, "harness");
    lab->base = (struct chaos_options){
        .seed = seed, .duration = (uint64_t)SECOND, .clients = 4, .keys = 2, .rate = 100, .faults = levers};
    const struct search_options options = {.seed = seed,
                                           .base = &lab->base,
                                           .space = {.target = &lab->space_of.target,
                                                     .faults = levers,
                                                     .duration_max = lab->base.duration,
                                                     .clients_max = 4,
                                                     .keys_max = 2,
                                                     .rate_max = 100}};
    assert_int_equal(search_new(&options, &lab->search, NULL), 0);
}

static void close_lab(struct lab *lab)
{
    search_free(lab->search);
    sim_free(lab->disk);
    toy_deinit(&lab->space_of);
}

static void run_trial(struct lab *lab, const struct trial *t, struct search_news *news)
{
    struct toy toy;
    struct observer o;
    struct chaos_summary summary;
    uint64_t features[FEATURES];
    size_t count = 0;
    struct chaos_options options = trial_options(t, &lab->base);
    toy_init(&toy, lab->behaviour, lab->base.seed);
    struct result_stream *results = toy.target.results;
    observer_begin(&o, &toy.target);
    options.look = observer_look;
    options.look_arg = &o;
    assert_int_equal(chaos_run(&toy.target, &options, &summary, NULL), 0);
    assert_int_equal(observer_end(&o), 0);
    assert_ptr_equal(toy.target.results, results);
    assert_int_equal(summary.violations > 0, o.failure[0] != '\0');
    for (; count < o.facts.count && count < FEATURES; count++)
        features[count] = o.facts.items[count] >> 1;
    const struct search_seen seen = {.features = features, .count = count, .failure = o.failure, .title = o.title};
    assert_int_equal(search_learn(lab->search, t, &seen, "kept by a test\nin two lines", news, NULL), 0);
    observer_deinit(&o);
    toy_deinit(&toy);
}

static size_t go_on(struct lab *lab, size_t runs, bool until_found)
{
    size_t i = 0;
    for (bool found = false; i < runs && !(found && until_found); i++) {
        struct trial t;
        struct search_news news;
        assert_int_equal(search_next(lab->search, &t, NULL), 0);
        run_trial(lab, &t, &news);
        found = news.found;
        trial_deinit(&t);
    }
    return i;
}

static void test_same_seed_same_search(void **state)
{
    (void)state;
    struct search_figures a, b, c;
    struct search_figures *const out[] = {&a, &b, &c};
    for (size_t i = 0; i < 3; i++) {
        struct lab lab;
        open_lab(&lab, TOY_CORRECT, i < 2 ? 7 : 8);
        go_on(&lab, RUNS, false);
        search_figures(lab.search, out[i]);
        close_lab(&lab);
    }
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(a.digest != c.digest);
    assert_int_equal(a.runs, RUNS);
    assert_int_equal(a.findings, 0);
    assert_true(a.states > 20 && a.entries > 3 && a.entries <= a.added && a.added < RUNS);
}

/* What one search kept another begins with: it shows all that there was, in as many runs as there are files. */
static void count_file(void *arg, const char *name)
{
    (void)name;
    ++*(size_t *)arg;
}

static void test_corpus(void **state)
{
    (void)state;
    struct lab lab;
    struct search_figures first, second;
    struct text told = TEXT_INIT;
    size_t files = 0, left = 0;
    open_lab(&lab, TOY_CORRECT, 3);
    assert_int_equal(search_open(lab.search, lab.world, "/corpus", NULL), 0);
    go_on(&lab, RUNS, false);
    search_figures(lab.search, &first);
    assert_int_equal(world_list(lab.world, "/corpus", count_file, &files), 0);
    assert_int_equal(files, first.entries);
    assert_true(first.entries < first.added); /* what others make needless goes */

    search_free(lab.search);
    const struct search_options options = {.seed = 3,
                                           .base = &lab.base,
                                           .space = {.target = &lab.space_of.target,
                                                     .faults = levers,
                                                     .duration_max = lab.base.duration,
                                                     .clients_max = 4,
                                                     .keys_max = 2,
                                                     .rate_max = 100}};
    assert_int_equal(search_new(&options, &lab.search, NULL), 0);
    assert_int_equal(search_open(lab.search, lab.world, "/corpus", NULL), 0);
    assert_int_equal(search_scan(lab.search, &told, NULL), 0);
    assert_int_equal(told.len, 0);
    go_on(&lab, files, false);
    search_figures(lab.search, &second);
    assert_int_equal(second.states, first.states);
    assert_int_equal(world_list(lab.world, "/corpus", count_file, &left), 0);
    assert_int_equal(left, second.entries);
    close_lab(&lab);
    text_deinit(&told);
}

/* What can no longer be done is told and left out; what is no trial is told and stays where it is. */
static void test_other_times(void **state)
{
    (void)state;
    static const char aged[] = "experiment: of old\n"
                               "workloads: [store-register]\n"
                               "clients: 2\nkeys: 1\nrate: 50\nduration: 1s\n"
                               "schedule:\n"
                               "  - {at: 100ms, fault: kill, component: store, hold: 50ms}\n"
                               "  - {at: 200ms, fault: boil, component: store}\n"
                               "  - {at: 300ms, fault: kill, component: cellar}\n"
                               "  - {at: 400ms, fault: stop, component: store, hold: 50ms}\n";
    static const char plain[] = "schedule:\n  - {at: 100ms, fault: stop, component: store, hold: 20ms}\n";
    struct lab lab;
    struct text told = TEXT_INIT;
    struct world_stat stat;
    open_lab(&lab, TOY_CORRECT, 1);
    assert_int_equal(search_open(lab.search, lab.world, "/corpus", NULL), 0);
    assert_int_equal(world_write_file(lab.world, "/corpus/a.yaml", BYTES(aged, sizeof aged - 1), false, NULL), 0);
    assert_int_equal(world_write_file(lab.world, "/corpus/b.yaml", BYTES("- no", 4), false, NULL), 0);
    assert_int_equal(world_write_file(lab.world, "/corpus/c.yaml", BYTES(plain, sizeof plain - 1), false, NULL), 0);
    assert_int_equal(world_write_file(lab.world, "/corpus/notes.txt", BYTES("hello", 5), false, NULL), 0);
    assert_int_equal(search_scan(lab.search, &told, NULL), 0);
    assert_non_null(strstr(text_string(&told), "there is no fault \"boil\""));
    assert_non_null(strstr(text_string(&told), "no component \"cellar\""));
    assert_non_null(strstr(text_string(&told), "b.yaml:1:1: a trial has a list of steps"));
    struct trial t;
    assert_int_equal(search_next(lab.search, &t, NULL), 0);
    assert_int_equal(t.schedule.steps.count, 2);
    assert_int_equal(t.clients, 2);
    assert_string_equal(t.workloads[0]->name, "store-register");
    trial_deinit(&t);
    assert_int_equal(search_next(lab.search, &t, NULL), 0);
    assert_int_equal(t.schedule.steps.count, 1);
    assert_int_equal(t.rate, 100); /* what a file does not say is as in the search */
    trial_deinit(&t);
    go_on(&lab, 4, false);
    assert_int_equal(world_stat(lab.world, "/corpus/b.yaml", &stat), 0);
    assert_true(stat.exists);
    text_clear(&told);
    assert_int_equal(search_scan(lab.search, &told, NULL), 0);
    assert_int_equal(told.len, 0); /* once */
    text_deinit(&told);
    close_lab(&lab);
}

/* Written and read back a trial is the same, whatever was drawn or changed. */
static void test_files(void **state)
{
    (void)state;
    struct lab lab;
    struct random r;
    struct trial t, next, back;
    size_t changed = 0;
    open_lab(&lab, TOY_CORRECT, 1);
    random_seed(&r, 5);
    const struct search_space space = {.target = &lab.space_of.target,
                                       .duration_max = (uint64_t)(3 * SECOND),
                                       .clients_max = 8,
                                       .keys_max = 5,
                                       .rate_max = 400};
    assert_int_equal(trial_draw(&space, &r, &t, NULL), 0);
    for (int i = 0; i < 400; i++) {
        struct text written = TEXT_INIT, told = TEXT_INIT;
        struct error err = ERROR_INIT;
        uint64_t a, b, c;
        trial_write(&t, "one\ntwo", &written);
        int code = trial_read(text_bytes(&written), "t.yaml", &lab.space_of.target, &lab.base, &back, &told, &err);
        if (code != 0)
            fail_msg("%s\n%s", err.message, text_string(&written));
        assert_int_equal(told.len, 0);
        assert_int_equal(trial_name(&t, &a), 0);
        assert_int_equal(trial_name(&back, &b), 0);
        assert_true(a == b);
        assert_int_equal(trial_size(&t), trial_size(&back));
        assert_int_equal(trial_mutate(&space, &r, &t, i % 3 == 0 ? &back : NULL, &next, NULL), 0);
        assert_int_equal(trial_name(&next, &c), 0);
        assert_true(next.parent == a && next.duration <= space.duration_max && next.clients <= 8 && next.rate >= 1);
        assert_true(next.schedule.steps.count <= TRIAL_STEPS_MAX);
        for (size_t k = 1; k < next.schedule.steps.count; k++)
            assert_true(next.schedule.steps.items[k].at >= next.schedule.steps.items[k - 1].at);
        changed += c != a;
        trial_deinit(&back);
        trial_deinit(&t);
        t = next;
        text_deinit(&written);
        text_deinit(&told);
    }
    assert_true(changed > 380);
    trial_deinit(&t);
    close_lab(&lab);
}

static void test_finds(void **state)
{
    (void)state;
    static const char *const wrong[] = {TOY_EARLY_ACK, TOY_NO_SYNC};
    for (size_t i = 0; i < 2; i++) {
        struct lab lab;
        const struct search_finding *found;
        open_lab(&lab, wrong[i], 11);
        size_t runs = go_on(&lab, 60, true);
        assert_int_equal(search_findings(lab.search, &found), 1);
        assert_int_equal(found[0].run, runs);
        assert_true(strncmp(found[0].failure, "store-register / ", 17) == 0);
        struct search_news news;
        run_trial(&lab, &found[0].trial, &news); /* again, and it is known */
        assert_false(news.found);
        assert_int_equal(search_findings(lab.search, &found), 1);
        assert_int_equal(found[0].times, 2);
        close_lab(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_search),
        cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_other_times),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
