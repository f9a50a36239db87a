/* A target's own verdicts: told once each with the smallest case that shows it and without losing a worker, those of
 * copies of the worker too; crashes are made smaller as well. And a target without edges is found through by what its
 * replies look like. */
#include "fuzz/loop/test_kit.h"
#include "fuzz/loop/verdict.h"
#include "proto/set.h"
#include "world/real.h"

#include <signal.h>
#include <string.h>

#define EDGES 16

static struct world *world;
static struct pb_pool *pool;
static struct message_mutator bytes_only;
static struct fuzz_case seed;
static uint8_t edges[EDGES];

static bool has(struct bytes b, const char *word)
{
    return b.len > 0 && memmem(b.data, b.len, word, strlen(word)) != NULL;
}

static void blame(struct fuzz_trace *t, const char *oracle, const char *what)
{
    t->oracle = oracle;
    t->blamed = fuzz_trace_keep(t, bytes_of(what));
    t->why = fuzz_trace_keep(t, bytes_of("because"));
}

static void run_judge(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct bytes b = payload(c);
    (void)state;
    edges[0]++;
    edges[1] = (uint8_t)(edges[1] + has(b, "A"));
    edges[2] = (uint8_t)(edges[2] + has(b, "K"));
    if (has(b, "K!"))
        raise(SIGKILL);
    if (has(b, "AB"))
        blame(t, "order", "first");
    else if (has(b, "AC"))
        blame(t, "order", "second");
}

/* An answer that has one more field for each byte of a word that is right, and nothing else that differs. */
static void run_shapes(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    static const char word[] = "door";
    struct bytes b = payload(c);
    char reply[8];
    size_t right = 0;
    (void)state;
    while (right < 4 && right < b.len && b.data[right] == (uint8_t)word[right]) {
        reply[2 * right] = (char)((right + 1) << 3);
        reply[2 * right + 1] = 1;
        right++;
    }
    struct trace_call call = {.method = pb_find_method(pool, "/debug.Debug/Stats", true), .replies = 1};
    struct trace_reply answer = {.call = 0, .body = fuzz_trace_keep(t, BYTES(reply, 2 * right))};
    if (!array_push(&t->calls, call) || !array_push(&t->replies, answer))
        return;
    if (right == 4)
        blame(t, "open", "door");
}

static const struct fuzz_target judge = {.name = "judge", .run = run_judge};
static const struct fuzz_target shapes = {.name = "shapes", .run = run_shapes};

static struct fuzz_loop_stats run(const struct fuzz_target *target, bool counted, uint64_t runs, struct found *found)
{
    struct fuzz_loop_config config = {.world = world,
                                      .target = target,
                                      .mutator = message_mutator(&bytes_only),
                                      .seed = 7,
                                      .executions = runs,
                                      .max = 64,
                                      .shrink = 300,
                                      .seeds = &seed,
                                      .seed_count = 1,
                                      .found = keep_found,
                                      .arg = found};
    return run_counted(&config, edges, counted ? EDGES : 0);
}

static void test_verdicts(void **state)
{
    struct found found = {0};
    (void)state;
    struct fuzz_loop_stats stats = run(&judge, true, 200000, &found);
    size_t crashes = 0, first = 0, second = 0;
    for (size_t i = 0; i < found.count; i++) {
        assert_true(found.items[i].confirmed);
        if (found.items[i].end == END_CRASH) {
            crashes++;
            assert_string_equal(found.items[i].bytes, "K!");
            assert_non_null(strstr(found.items[i].text, "SIGKILL"));
            continue;
        }
        assert_int_equal(found.items[i].end, END_VERDICT);
        bool one = strcmp(found.items[i].text, "order: first\nbecause\n") == 0;
        assert_true(one || strcmp(found.items[i].text, "order: second\nbecause\n") == 0);
        assert_string_equal(found.items[i].bytes, one ? "AB" : "AC");
        first += one;
        second += !one;
    }
    assert_int_equal(crashes, 1);
    assert_int_equal(first, 1);
    assert_int_equal(second, 1);
    assert_int_equal(stats.findings, 3);
    assert_true(stats.verdicts_same > 0);
    assert_int_equal(stats.workers_lost, 1 + stats.findings_same); /* by crashes alone */
}

/* Two campaigns from one seed are the same, what was made smaller within included. */
static void test_repeats(void **state)
{
    struct found a = {0}, b = {0};
    (void)state;
    struct fuzz_loop_stats x = run(&judge, true, 50000, &a), y = run(&judge, true, 50000, &b);
    assert_int_equal(x.executions, y.executions);
    assert_int_equal(x.verdicts_same, y.verdicts_same);
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < a.count; i++)
        assert_string_equal(a.items[i].text, b.items[i].text);
}

static void test_replies_lead(void **state)
{
    struct found found = {0};
    (void)state;
    struct fuzz_loop_stats stats = run(&shapes, false, 200000, &found);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.items[0].text, "open: door\nbecause\n");
    assert_string_equal(found.items[0].bytes, "door");
    assert_int_equal(stats.edges, 0);
    assert_true(stats.features >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts), cmocka_unit_test(test_repeats),
                                       cmocka_unit_test(test_replies_lead)};
    if (world_real_new(1, &world, NULL) || pb_pool_new(proto_set(), "set", &pool, NULL) ||
        message_mutator_init(&bytes_only, NULL, false) || fuzz_target_case(&judge, bytes_of("seed"), &seed))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fuzz_case_deinit(&seed);
    message_mutator_deinit(&bytes_only);
    pb_pool_free(pool);
    world_real_free(world);
    return failed;
}
