/* The loop over small targets whose edges are counted by hand: it finds its way, tells crashes, hangs and what eats
 * memory, loses nothing with a worker, repeats itself from a seed, and shares, merges and distils corpora. */
#include "fuzz/loop/corpus.h"
#include "fuzz/loop/test_kit.h"
#include "world/real.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EDGES 64
#define RUNS  ((uint64_t)60000)

static struct world *world;
static uint8_t edges[EDGES];
static char folder[] = "/tmp/harrow-loop-XXXXXX";

/* An edge for each byte of a word that is right, as nested comparisons give. True: all of them. */
static bool word(struct bytes b, const char *expected, size_t edge)
{
    for (size_t i = 0; expected[i]; i++) {
        edges[edge + i]++;
        if (i >= b.len || b.data[i] != (uint8_t)expected[i])
            return false;
    }
    return true;
}

static void run_words(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct bytes b = payload(c);
    (void)state;
    (void)t;
    if (word(b, "ab", 0))
        edges[30]++;
    if (word(b, "Z!", 10))
        edges[31]++;
}

/* What kills: each in its own way. */
static void run_traps(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct bytes b = payload(c);
    (void)state;
    (void)t;
    if (word(b, "AB", 0))
        raise(SIGKILL);
    if (word(b, "HH", 10)) {
        volatile bool forever = true;
        while (forever)
            edges[32]++;
    }
    if (word(b, "EX", 20)) {
        fputs("left\n", stderr);
        _exit(0);
    }
    if (word(b, "xy", 40))
        edges[50]++;
}

static const struct fuzz_target words = {.name = "words", .run = run_words};
static const struct fuzz_target traps = {.name = "traps", .run = run_traps};

static struct message_mutator bytes_only;
static struct fuzz_case seed;

static struct fuzz_loop_config config_of(const struct fuzz_target *target, struct cover *cover)
{
    return (struct fuzz_loop_config){.world = world,
                                     .target = target,
                                     .mutator = message_mutator(&bytes_only),
                                     .cover = cover,
                                     .seed = 5,
                                     .executions = RUNS,
                                     .max = 64,
                                     .hang = 50000000,
                                     .seeds = &seed,
                                     .seed_count = 1};
}

static int run_loop(struct fuzz_loop_config *config, struct fuzz_loop_stats *stats)
{
    struct error err = ERROR_INIT;
    struct cover *own = config->cover ? NULL : cover_of(edges, EDGES);
    if (own)
        config->cover = own;
    int rc = fuzz_loop_run(config, NULL, stats, &err);
    if (rc)
        print_message("%s\n", err.message ? err.message : error_code_name(rc));
    error_clear(&err);
    if (own)
        config->cover = NULL;
    cover_free(own);
    return rc;
}

static char *path(const char *name)
{
    static char paths[32][128];
    static unsigned next;
    char *p = paths[next++ % 32];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

struct names {
    size_t count;
    uint64_t sum;
};
static void add_name(void *arg, const char *name)
{
    struct names *n = arg;
    n->count++;
    for (; *name; name++)
        n->sum = (n->sum ^ (uint8_t)*name) * 0x100000001b3;
}

static struct names names_of(const char *where)
{
    struct names n = {0};
    assert_int_equal(world_list(world, where, add_name, &n), 0);
    return n;
}

static void test_finds(void **state)
{
    (void)state;
    struct fuzz_loop_stats stats;
    struct fuzz_loop_config config = config_of(&words, NULL);
    for (int schedule = POOL_RARE; schedule <= POOL_NEWEST; schedule++) {
        config.schedule = (enum pool_schedule)schedule;
        assert_int_equal(run_loop(&config, &stats), 0);
        assert_int_equal(stats.executions, RUNS);
        print_message("schedule %d: %zu edges\n", schedule, stats.edges);
        assert_int_equal(stats.edges, 2 + 1 + 2 + 1);
        assert_true(stats.cases >= 4);
        assert_int_equal(stats.findings, 0);
        assert_int_equal(stats.workers_lost, 0);
        assert_true(stats.cpu > 0 && stats.lanes[LANE_GARBAGE].runs + stats.trimmed == RUNS - 1);
    }
}

/* The loop's own code may be counted as well: whatever it adds after a run must not make old things new. */
static void count_too(void *arg, struct random *r, const struct mutated *did, bool novel)
{
    (void)arg, (void)did, (void)novel;
    edges[random_below(r, EDGES)] += (uint8_t)random_below(r, 5);
}

static void test_counted_itself(void **state)
{
    (void)state;
    struct fuzz_loop_stats stats;
    struct fuzz_loop_config config = config_of(&words, NULL);
    config.mutator.credit = count_too;
    assert_int_equal(run_loop(&config, &stats), 0);
    assert_int_equal(stats.edges, 2 + 1 + 2 + 1);
    assert_true(stats.cases <= stats.pairs);
}

static void test_repeats(void **state)
{
    (void)state;
    struct fuzz_loop_stats a, b;
    struct fuzz_loop_config config = config_of(&words, NULL);
    config.executions = 20000;
    config.corpus = path("repeat-a");
    assert_int_equal(run_loop(&config, &a), 0);
    config.corpus = path("repeat-b");
    assert_int_equal(run_loop(&config, &b), 0);
    struct names x = names_of(path("repeat-a")), y = names_of(path("repeat-b"));
    assert_true(x.count == a.cases && x.count > 3);
    assert_int_equal(x.count, y.count);
    assert_int_equal(x.sum, y.sum);
    assert_int_equal(a.pairs, b.pairs);
    config.corpus = path("repeat-c");
    config.seed = 6;
    assert_int_equal(run_loop(&config, &b), 0);
    assert_int_not_equal(names_of(path("repeat-c")).sum, x.sum);
}

static void test_survives(void **state)
{
    (void)state;
    struct fuzz_loop_stats stats;
    struct found found = {0};
    struct fuzz_loop_config config = config_of(&traps, NULL);
    config.found = keep_found;
    config.arg = &found;
    config.executions = RUNS;
    assert_int_equal(run_loop(&config, &stats), 0);
    assert_int_equal(stats.executions, RUNS);
    /* It went on behind all of them, and found what is beyond. */
    assert_int_equal(stats.edges, 2 + 2 + 2 + 2 + 1);
    size_t crashes = 0, hangs = 0, exits = 0;
    for (size_t i = 0; i < found.count; i++) {
        assert_true(found.items[i].confirmed);
        if (found.items[i].end == END_HANG) {
            hangs++;
            assert_int_equal(strncmp(found.items[i].bytes, "HH", 2), 0);
        } else if (strstr(found.items[i].text, "SIGKILL")) {
            crashes++;
            assert_int_equal(strncmp(found.items[i].bytes, "AB", 2), 0);
        } else {
            exits++;
            assert_int_equal(strncmp(found.items[i].bytes, "EX", 2), 0);
            assert_non_null(strstr(found.items[i].text, "left"));
        }
    }
    assert_int_equal(crashes, 1);
    assert_int_equal(hangs, 1);
    assert_int_equal(exits, 1);
    assert_int_equal(stats.findings, 3);
    assert_int_equal(stats.workers_lost, stats.findings + stats.findings_same);
}

/* A seed that kills, and files that are no cases, in a folder given. */
static void test_seeds(void **state)
{
    (void)state;
    struct fuzz_loop_stats stats;
    struct found found = {0};
    struct fuzz_loop_config config = config_of(&traps, NULL);
    config.found = keep_found;
    config.arg = &found;
    config.corpus = path("seeds");
    config.only_import = true;
    assert_int_equal(world_make_directory(world, path("seeds/folder")), 0);
    assert_int_equal(world_write_file(world, path("seeds/plain"), bytes_of("xy"), false, NULL), 0);
    assert_int_equal(world_write_file(world, path("seeds/deadly"), bytes_of("AB"), false, NULL), 0);
    assert_int_equal(world_write_file(world, path("seeds/empty"), BYTES_NONE, false, NULL), 0);
    assert_int_equal(world_write_file(world, path("seeds/.hidden"), bytes_of("AB"), false, NULL), 0);
    assert_int_equal(run_loop(&config, &stats), 0);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.items[0].bytes, "AB");
    assert_true(stats.edges >= 4 && stats.cases >= 2);
    assert_int_equal(stats.workers_lost, 1);
}

/* Another process's folder and its own: what is new comes over, what is not does not. */
static void test_merges(void **state)
{
    (void)state;
    struct fuzz_loop_stats a, b;
    struct fuzz_loop_config config = config_of(&words, NULL);
    config.corpus = path("merge-a");
    assert_int_equal(run_loop(&config, &a), 0);
    assert_int_equal(world_make_directory(world, path("merge-b")), 0);
    assert_int_equal(world_write_file(world, path("merge-b/one"), bytes_of("ab"), false, NULL), 0);
    config.corpus = path("merge-b");
    config.import = path("merge-a");
    config.only_import = true;
    assert_int_equal(run_loop(&config, &b), 0);
    assert_int_equal(b.edges, a.edges);
    assert_true(b.pairs <= a.pairs && b.cases > 0);
    struct names before = names_of(path("merge-b"));
    assert_int_equal(run_loop(&config, &b), 0);
    assert_int_equal(names_of(path("merge-b")).count, before.count);
}

static void test_distils(void **state)
{
    (void)state;
    struct fuzz_loop_stats a, d, again;
    struct cover *cover = cover_of(edges, EDGES);
    struct fuzz_loop_config config = config_of(&traps, NULL);
    config.corpus = path("distil-a");
    config.executions = 20000;
    assert_int_equal(run_loop(&config, &a), 0);
    for (int i = 0; i < 20; i++) {
        char name[32], content[32];
        snprintf(name, sizeof name, "distil-a/more-%d", i);
        snprintf(content, sizeof content, "xy and more %d", i);
        assert_int_equal(world_write_file(world, path(name), bytes_of(content), false, NULL), 0);
    }
    assert_int_equal(world_write_file(world, path("distil-a/deadly"), bytes_of("AB"), false, NULL), 0);
    config.cover = cover;
    assert_int_equal(fuzz_loop_distil(&config, path("distil-a"), path("distil-b"), &d, NULL), 0);
    assert_int_equal(d.workers_lost, 1);
    assert_true(d.cases < d.imported - 15);
    assert_int_equal(names_of(path("distil-b")).count, d.cases);
    /* What is left reaches the same. */
    config.cover = NULL;
    config.corpus = path("distil-b");
    config.only_import = true;
    assert_int_equal(run_loop(&config, &again), 0);
    struct fuzz_loop_stats all;
    config.corpus = path("distil-a");
    assert_int_equal(run_loop(&config, &all), 0);
    assert_int_equal(again.edges, all.edges);
    assert_int_equal(again.pairs, all.pairs);
    cover_free(cover);
}

static int no_mutator(void *arg, struct random *r, const struct fuzz_case *parent, const struct fuzz_case *other,
                      enum fuzz_lane lane, size_t max, struct fuzz_case *out, struct mutated *did)
{
    (void)arg, (void)r, (void)parent, (void)other, (void)lane, (void)max, (void)out, (void)did;
    return ERROR_NOT_FOUND;
}

static int broken_mutator(void *arg, struct random *r, const struct fuzz_case *parent, const struct fuzz_case *other,
                          enum fuzz_lane lane, size_t max, struct fuzz_case *out, struct mutated *did)
{
    no_mutator(arg, r, parent, other, lane, max, out, did);
    _exit(77);
}

static void test_cannot(void **state)
{
    (void)state;
    struct fuzz_loop_stats stats;
    struct fuzz_loop_config config = config_of(&words, NULL);
    config.seed_count = 0;
    assert_int_equal(run_loop(&config, &stats), ERROR_INVALID); /* nothing to begin with */
    config.seed_count = 1;
    config.mutator.mutate = no_mutator;
    assert_int_equal(run_loop(&config, &stats), ERROR_INVALID);
    config.mutator.mutate = broken_mutator; /* a fault of ours is no finding */
    assert_int_equal(run_loop(&config, &stats), ERROR_CLOSED);
    assert_int_equal(stats.findings, 0);
    config = config_of(&words, NULL);
    config.corpus = "/dev/null/corpus";
    assert_true(run_loop(&config, &stats) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_finds),   cmocka_unit_test(test_counted_itself),
                                       cmocka_unit_test(test_repeats), cmocka_unit_test(test_survives),
                                       cmocka_unit_test(test_seeds),   cmocka_unit_test(test_merges),
                                       cmocka_unit_test(test_distils), cmocka_unit_test(test_cannot)};
    if (world_real_new(1, &world, NULL) || !mkdtemp(folder))
        return 1;
    if (message_mutator_init(&bytes_only, NULL, false) || fuzz_target_case(&words, bytes_of("seed"), &seed))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fuzz_case_deinit(&seed);
    message_mutator_deinit(&bytes_only);
    world_remove_tree(world, folder);
    world_real_free(world);
    return failed;
}
