/* Every allocation of what surrounds a campaign fails once: workers side by side, a corpus printed, the pillar's own
 * part. It must neither crash nor leak, and what comes out is whole or said not to be.
 *
 * The workers are this very program, which HARROW_SELF names: called as "fuzz ..." it plays one. */
#include "base/test.h"

#include "base/failing.h"
#include "base/log.h"
#include "fuzz/loop/corpus.h"
#include "harrow/fuzz/run.h"
#include "harrow/run/pillars.h"
#include "proto/set.h"
#include "world/real.h"
#include "world/sim.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANIFEST  "system: toy\nstart: [toy]\ncomponents:\n  - {name: toy, address: \"127.0.0.1:1\"}\n"
#define LINES_MAX ((size_t)1 << 18)
#define CALLS     7 /* what a worker says it made */
/* Tens of milliseconds each, so not every one: the first ones, then fewer and fewer. */
#define NEXT(n) ((n) + 1 + (n) / 8)

static char folder[] = "/tmp/harrow-memory-XXXXXX";
static struct world *real;

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static unsigned at;
    char *out = path[at++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

/* ---- a run without a command line ------------------------------------------------------------------------------- */

struct bed {
    struct run run;
    struct manifest *manifest;
    struct text lines;
};

static int keep_line(void *arg, const char *line, size_t len)
{
    struct bed *b = arg;
    text_add(&b->lines, line, len);
    return 0;
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static void bed_init(struct bed *b)
{
    *b = (struct bed){.run = {.world = real, .folder = folder, .seed = 3}};
    assert_int_equal(manifest_parse(bytes_of(MANIFEST), "toy.yaml", &b->manifest, NULL), 0);
    b->run.manifest = b->manifest;
    b->run.results = (struct result_stream){.write = keep_line, .arg = b, .now = no_time};
    common = (struct common_options){.driver = "processes", .quiet = true};
    assert_true(text_reserve(&b->lines, LINES_MAX)); /* so that what fails is never the test's own */
}

static void bed_deinit(struct bed *b)
{
    manifest_free(b->manifest);
    arena_deinit(&b->run.arena);
    text_deinit(&b->lines);
}

static bool said(const struct bed *b, const char *words)
{
    return strstr(text_string(&b->lines), words) != NULL;
}

/* ---- workers side by side --------------------------------------------------------------------------------------- */

static int play_worker(int argc, char **argv)
{
    const char *out = NULL;
    char path[512];
    bool fresh = false; /* it is to show a finding again */
    for (int i = 1; i + 1 < argc; i++) {
        out = strcmp(argv[i], "--out") == 0 ? argv[i + 1] : out;
        fresh |= strcmp(argv[i], "--input") == 0;
    }
    if (fresh) {
        puts("{\"type\": \"finding\", \"oracle\": \"crash\"}\n{\"type\": \"finding\", \"oracle\": \"schema\"}");
        return HARROW_FAILED;
    }
    snprintf(path, sizeof path, "%s/run/fuzz.json", out ? out : ".");
    struct fuzz_summary s = {.inputs = CALLS, .edges = -1, .edges_all = -1};
    json_t *json = fuzz_summary_json(&s);
    char *text = json_dumps(json, JSON_COMPACT);
    struct world *w = NULL;
    if (world_real_new(1, &w, NULL) != 0 || world_make_directory(w, path) != 0 || world_remove(w, path) != 0 ||
        world_write_file(w, path, bytes_of(text), false, NULL) != 0)
        return HARROW_ENVIRONMENT;
    free(text);
    json_decref(json);
    world_real_free(w);
    puts("{\"type\": \"finding\", \"title\": \"toy: crash\", \"oracle\": \"crash\", \"severity\": \"bug\"}\n"
         "{\"type\": \"finding\", \"title\": \"toy: crash\", \"oracle\": \"crash\", \"severity\": \"bug\"}\n"
         "{\"type\": \"sample\", \"series\": \"fuzz_inputs\", \"value\": 7}\nno line of results\n"
         "{\"type\": \"end\"}");
    return HARROW_FAILED;
}

static int run_jobs(struct bed *b, int jobs)
{
    struct fuzz_request request = {.jobs = jobs, .options = {.budget = (uint64_t)2000000000, .filter = "x y"}};
    return fuzz_jobs(&b->run, &request);
}

static void workers(void **state)
{
    struct bed b;
    (void)state;
    bed_init(&b);
    assert_int_equal(run_jobs(&b, 2), 0);
    assert_int_equal(b.run.results.findings, 1); /* told by both, and twice */
    assert_true(said(&b, "\"inputs\":14"));
    bed_deinit(&b);
    assert_int_equal(world_remove_tree(real, in_folder("jobs")), 0);
    bool hit = true;
    for (size_t n = 1; hit; n = NEXT(n)) {
        bed_init(&b);
        failing_arm(n);
        int code = run_jobs(&b, 1);
        hit = failing_hit();
        failing_disarm();
        /* What counts as done has the figures of the worker, or says that they or the worker were lost. */
        bool whole = b.run.results.findings >= 1 && said(&b, "\"inputs\":7");
        if (code == 0 && !whole && !said(&b, "leave out") && !said(&b, "was lost") && !said(&b, "could not be") &&
            !b.run.results.broken)
            fail_msg("allocation %zu: %s", n, text_string(&b.lines));
        if (!hit)
            assert_true(code == 0 && whole);
        bed_deinit(&b);
        (void)world_remove_tree(real, in_folder("jobs"));
    }
}

/* ---- a corpus printed ------------------------------------------------------------------------------------------- */

static void make_corpus(void)
{
    static const struct fuzz_target any = {.name = "live"};
    struct fuzz_corpus corpus = {0};
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct pb_pool *pool = NULL;
    assert_int_equal(pb_pool_new(proto_set(), "set", &pool, NULL), 0);
    assert_int_equal(fuzz_corpus_open(&corpus, real, in_folder("corpus"), &any, 0, NULL), 0);
    assert_int_equal(
        fuzz_case_parse(bytes_of("call /store.Store/Read\nmessage 0 {\"key\": \"a\"}\n"), "case", pool, &c, NULL), 0);
    struct record r = {.head = {.hash = fuzz_case_hash(&c), .what = "seed", .lane = LANE_VALID}};
    record_set_case(&r, &c);
    assert_int_equal(fuzz_corpus_add(&corpus, &r, NULL), 0);
    fuzz_corpus_close(&corpus);
    fuzz_case_deinit(&c);
    pb_pool_free(pool);
}

/* The code, and what it printed. */
static int list(size_t n, bool *hit, struct text *printed)
{
    fflush(stdout);
    int old = dup(STDOUT_FILENO), old_errors = dup(STDERR_FILENO);
    int to = open(in_folder("printed"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(old >= 0 && old_errors >= 0 && to >= 0);
    dup2(to, STDOUT_FILENO);
    dup2(to, STDERR_FILENO);
    failing_arm(n);
    int code = fuzz_list(in_folder("toy.yaml"), in_folder("corpus"));
    *hit = failing_hit();
    failing_disarm();
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    dup2(old_errors, STDERR_FILENO);
    close(old);
    close(old_errors);
    close(to);
    text_clear(printed);
    assert_int_equal(world_read_file(real, in_folder("printed"), 1 << 20, printed, NULL), 0);
    return code;
}

static void corpus(void **state)
{
    struct text whole = TEXT_INIT, printed = TEXT_INIT;
    bool hit = true;
    (void)state;
    make_corpus();
    assert_int_equal(world_write_file(real, in_folder("toy.yaml"), bytes_of(MANIFEST), false, NULL), 0);
    assert_int_equal(list(0, &hit, &whole), HARROW_PASSED);
    assert_non_null(strstr(text_string(&whole), "\n# made by seed of "));
    assert_non_null(strstr(text_string(&whole), "# 1 cases in "));
    hit = true;
    for (size_t n = 1; hit; n++) {
        int code = list(n, &hit, &printed);
        if (code == HARROW_PASSED && strcmp(text_string(&printed), text_string(&whole)) != 0)
            fail_msg("allocation %zu: it says that all is well, and prints\n%s", n, text_string(&printed));
        assert_true(hit || code == HARROW_PASSED);
    }
    text_deinit(&whole);
    text_deinit(&printed);
}

/* ---- the pillar ------------------------------------------------------------------------------------------------- */

/* One case on a system of one component that nobody answers for: the campaign itself is fuzz/live's, whose tests walk
 * its allocations. */
static int run_pillar(struct bed *b, const struct pb_pool *pool, size_t n, const char *invariant, bool *hit)
{
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    static const struct target_operations operations = {.act = NULL};
    assert_non_null(sim);
    struct system s = {.run = &b->run,
                       .manifest = b->manifest,
                       .values = {.bin = "", .here = ""},
                       .target = {.operations = &operations,
                                  .world = sim_node(sim, "harrow"),
                                  .pool = pool,
                                  .system = "toy",
                                  .driver = "sim",
                                  .results = &b->run.results}};
    const struct fuzz_request request = {.invariant = invariant, .options = {.inputs_max = 1}};
    common.driver = "sim";
    failing_arm(n);
    int code = pillar_fuzz(&b->run, &s, &request);
    *hit = failing_hit();
    failing_disarm();
    target_close_channels(&s.target);
    sim_free(sim);
    arena_deinit(&s.arena);
    return code;
}

static void pillar(void **state)
{
    static char nowhere[64], no_program[64];
    const char *const invariants[] = {NULL, nowhere, no_program};
    struct pb_pool *pool = NULL;
    (void)state;
    snprintf(nowhere, sizeof nowhere, "%s/nowhere.yaml", folder);
    snprintf(no_program, sizeof no_program, "%s/no-program", folder);
    assert_int_equal(pb_pool_new(proto_set(), "set", &pool, NULL), 0);
    for (size_t i = 0; i < sizeof invariants / sizeof invariants[0]; i++) {
        bool hit = true;
        struct bed b;
        int untouched;
        bed_init(&b);
        untouched = run_pillar(&b, pool, 0, invariants[i], &hit);
        assert_true(i == 0 || untouched != 0);
        bed_deinit(&b);
        hit = true;
        for (size_t n = 1; hit; n++) {
            bed_init(&b);
            int code = run_pillar(&b, pool, n, invariants[i], &hit);
            if (!hit)
                assert_int_equal(code, untouched);
            /* What says that it went well left its record, or says that it could not. */
            struct world_stat stat = {0};
            (void)world_stat(real, in_folder("fuzz.json"), &stat);
            if (code == 0)
                assert_true(stat.exists || said(&b, "fuzz.json could not be written"));
            if (stat.exists)
                assert_int_equal(world_remove(real, in_folder("fuzz.json")), 0);
            bed_deinit(&b);
        }
    }
    pb_pool_free(pool);
}

/* ---- what a campaign asks of the pillar -------------------------------------------------------------------------- */

int __real_fuzz_run(struct target *t, const struct fuzz_options *options, struct fuzz_summary *summary,
                    struct error *err);
int __wrap_fuzz_run(struct target *t, const struct fuzz_options *options, struct fuzz_summary *summary,
                    struct error *err);

/* In the place of a campaign: asks once, with that allocation failing. */
static struct asking {
    int (*ask)(const struct fuzz_hooks *hooks, struct text *out, struct error *err); /* NULL: campaigns are run */
    size_t fails;
    int code;
    bool hit;
    struct text out; /* what is told by it */
} asking;

/* Linked with --wrap: the hooks are the pillar's own, in a run of its own. */
int __wrap_fuzz_run(struct target *t, const struct fuzz_options *options, struct fuzz_summary *summary,
                    struct error *err)
{
    struct error own = ERROR_INIT;
    if (!asking.ask)
        return __real_fuzz_run(t, options, summary, err);
    *summary = (struct fuzz_summary){.edges = -1, .edges_all = -1};
    failing_arm(asking.fails);
    asking.code = asking.ask(&options->hooks, &asking.out, &own);
    asking.hit = failing_hit();
    failing_disarm();
    if (asking.code < 0 && own.code != asking.code)
        fail_msg("allocation %zu: the code is %d, the error's %d", asking.fails, asking.code, own.code);
    error_clear(&own);
    return 0;
}

static int ask_fresh(const struct fuzz_hooks *hooks, struct text *out, struct error *err)
{
    return hooks->fresh(hooks->arg, "a case", out, err);
}

static int ask_anew(const struct fuzz_hooks *hooks, struct text *out, struct error *err)
{
    const char *other = "nobody's";
    int code = hooks->anew(hooks->arg, &other, err);
    assert_true(code != 0 || other == NULL);
    text_puts(out, code == 0 ? "started" : "");
    return code;
}

static int ask_invariant(const struct fuzz_hooks *hooks, struct text *out, struct error *err)
{
    return hooks->invariant(hooks->arg, out, err);
}

static int ask_written(const struct fuzz_hooks *hooks, struct text *out, struct error *err)
{
    (void)err;
    hooks->written(hooks->arg, in_folder("1.case"), "a title", bytes_of("# head\ncall /a.A/B\n"), out);
    return 0;
}

/* A start that needs memory. */
static int start_anew(struct system *s, struct error *err)
{
    (void)s;
    char *data = strdup("data");
    free(data);
    return data ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static void ask(const char *invariant, size_t n)
{
    static const struct driver driver = {.name = "toy", .start_anew = start_anew};
    static const struct target_operations operations = {.act = NULL};
    struct bed b;
    bed_init(&b);
    struct system s = {.run = &b.run,
                       .manifest = b.manifest,
                       .driver = &driver,
                       .values = {.bin = "", .here = ""},
                       .target = {.operations = &operations,
                                  .world = real,
                                  .system = "toy",
                                  .driver = "processes",
                                  .results = &b.run.results}};
    const struct fuzz_request request = {.invariant = invariant};
    text_deinit(&asking.out);
    assert_true(asking.ask != ask_anew || text_reserve(&asking.out, 64)); /* its words are this test's */
    asking.fails = n;
    assert_int_equal(pillar_fuzz(&b.run, &s, &request), 0);
    target_close_channels(&s.target);
    arena_deinit(&s.arena);
    bed_deinit(&b);
}

/* Each allocation fails once: the answer is the one there would have been, or that it could not be had. Never another
 * one: a finding that shows again is not said to be gone, an invariant that is broken not to hold. */
static void hooks(void **state)
{
    static char program[64], flows[64];
    static const char broken[] = "flow: one that fails\nsteps:\n  - run: [\"false\"]\n";
    const struct {
        int (*ask)(const struct fuzz_hooks *hooks, struct text *out, struct error *err);
        const char *invariant;
        int code;
        const char *words;
    } all[] = {{ask_fresh, NULL, 0, "crash\nschema\n"},
               {ask_anew, NULL, 0, "started"},
               {ask_invariant, program, 1, "the sum is wrong\n"},
               {ask_invariant, flows, 1, "one that fails"},
               {ask_written, NULL, 0, "as a test: "}};
    (void)state;
    snprintf(program, sizeof program, "%s/program", folder);
    snprintf(flows, sizeof flows, "%s/flows.yaml", folder);
    assert_int_equal(
        world_write_file(real, program, bytes_of("#!/bin/sh\necho the sum is wrong\nexit 3\n"), false, NULL), 0);
    assert_int_equal(chmod(program, 0700), 0);
    assert_int_equal(world_write_file(real, flows, bytes_of(broken), false, NULL), 0);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        asking = (struct asking){.ask = all[i].ask, .hit = true};
        for (size_t n = 1; asking.hit; n = NEXT(n)) {
            ask(all[i].invariant, n);
            bool whole = asking.code == all[i].code && strstr(text_string(&asking.out), all[i].words);
            bool told = asking.code == ERROR_MEMORY;
            /* Its words may be lacking where it is said that something is wrong; and a test is only for convenience. */
            bool short_of_words = asking.code == all[i].code && (asking.code == 1 || all[i].ask == ask_written);
            if (!whole && !(asking.hit && (told || short_of_words)))
                fail_msg("%zu, allocation %zu: %d, %s", i, n, asking.code, text_string(&asking.out));
        }
        text_deinit(&asking.out);
        asking.ask = NULL;
    }
}

static void no_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

static int begin(void **state)
{
    (void)state;
    log_set_sink(no_line, NULL);
    return mkdtemp(folder) && world_real_new(1, &real, NULL) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    int rc = world_remove_tree(real, folder);
    world_real_free(real);
    return rc;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(pillar), cmocka_unit_test(hooks),
                                       cmocka_unit_test(workers)};
    if (argc > 1 && strcmp(argv[1], "fuzz") == 0)
        return play_worker(argc, argv);
    return cmocka_run_group_tests_name("harrow/fuzz memory", tests, begin, end);
}
