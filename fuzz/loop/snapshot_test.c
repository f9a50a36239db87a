/* A target whose first call is dear: those behind it are fuzzed from snapshots, which finds what is there at a fraction
 * of the cost; what dies or hangs there is told as it is anywhere else. */
#include "fuzz/loop/test_kit.h"
#include "world/real.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define EDGES 32
#define RUNS  ((uint64_t)200)
#define CALLS 3
#define WORK  1000 /* steps the first call takes */

static struct world *world;
static struct world_mapping counted; /* dear calls, by all workers and their copies: a uint64_t */
static uint8_t edges[EDGES];
static struct fuzz_case first;
static struct message_mutator mutator;

/* What lasts from event to event. */
struct shop {
    uint32_t calls, orders;
    uint64_t sum;
};

static void open_session(struct shop *s)
{
    ++*(uint64_t *)counted.data;
    for (int i = 0; i < WORK; i++)
        s->sum = (s->sum ^ (uint64_t)i) * 0x100000001b3;
}

static void message(struct shop *s, uint32_t call, struct bytes b, bool deadly)
{
    if (call + 1 < s->calls || b.len == 0)
        return;
    if (s->calls < CALLS) {
        s->orders += b.data[0] == 'o';
        edges[s->calls]++;
    } else if (s->orders == CALLS - 1) { /* only with both orders before it */
        edges[8]++;
        if (b.data[0] > 0x80)
            edges[9]++;
        if (deadly && b.data[0] < 0x20)
            abort();
        if (deadly && b.data[0] >= 0xf0)
            for (volatile bool forever = true; forever;)
                edges[10]++;
    }
}

static void part(struct shop *s, const struct fuzz_case *c, size_t from, size_t to, bool deadly)
{
    if (from == 0)
        *s = (struct shop){0};
    for (size_t i = from; i < to; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_CALL) {
            if (s->calls++ == 0)
                open_session(s);
        } else if (e->kind == EVENT_MESSAGE) {
            message(s, e->call, fuzz_case_bytes(c, e->value), deadly);
        }
    }
    if (to == c->events.count)
        *s = (struct shop){0};
}

static int setup(void **state, const struct pb_pool **pool, struct error *err)
{
    static struct shop shop;
    (void)err;
    *pool = NULL;
    *state = &shop;
    return 0;
}

static void part_fine(void *state, const struct fuzz_case *c, size_t from, size_t to, struct fuzz_trace *t)
{
    (void)t;
    part(state, c, from, to, false);
}

static void run_fine(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    part_fine(state, c, 0, c->events.count, t);
}

static void part_deadly(void *state, const struct fuzz_case *c, size_t from, size_t to, struct fuzz_trace *t)
{
    (void)t;
    part(state, c, from, to, true);
}

static void run_deadly(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    part_deadly(state, c, 0, c->events.count, t);
}

/* Says so where the other one dies. */
static void part_judged(void *state, const struct fuzz_case *c, size_t from, size_t to, struct fuzz_trace *t)
{
    uint8_t before = edges[9];
    part(state, c, from, to, false);
    if (edges[9] == before)
        return;
    t->oracle = "shop";
    t->blamed = fuzz_trace_keep(t, bytes_of("the last order"));
}

static void run_judged(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    part_judged(state, c, 0, c->events.count, t);
}

static const struct fuzz_target fine = {
    .name = "fine", .path = "/x/y", .setup = setup, .run = run_fine, .part = part_fine};
static const struct fuzz_target deadly = {
    .name = "deadly", .path = "/x/y", .setup = setup, .run = run_deadly, .part = part_deadly};
static const struct fuzz_target judged = {
    .name = "judged", .path = "/x/y", .setup = setup, .run = run_judged, .part = part_judged};

struct tally {
    size_t crashes, hangs, verdicts, confirmed;
};

static void on_found(void *arg, const struct fuzz_found *f)
{
    struct tally *all = arg;
    all->crashes += f->end == END_CRASH;
    all->hangs += f->end == END_HANG;
    all->verdicts += f->end == END_VERDICT;
    all->confirmed += f->confirmed;
    assert_int_equal(f->c->events.count, 2 * CALLS);
}

static struct fuzz_loop_stats run(const struct fuzz_target *target, uint64_t runs, size_t snapshots,
                                  struct tally *found)
{
    struct fuzz_loop_config config = {.world = world,
                                      .target = target,
                                      .mutator = message_mutator(&mutator),
                                      .seed = 3,
                                      .executions = runs,
                                      .max = 128,
                                      .hang = 100000000,
                                      .seeds = &first,
                                      .seed_count = 1,
                                      .snapshots = snapshots,
                                      .arg = found,
                                      .found = found ? on_found : NULL};
    return run_counted(&config, edges, EDGES);
}

static void test_cheaper(void **state)
{
    (void)state;
    uint64_t *dear = counted.data, dear_whole;
    struct fuzz_loop_stats whole = run(&fine, RUNS, 0, NULL);
    dear_whole = *dear;
    *dear = 0;
    struct fuzz_loop_stats parts = run(&fine, RUNS, 200, NULL);
    assert_int_equal(whole.executions, RUNS);
    assert_int_equal(parts.executions, RUNS);
    assert_int_equal(whole.suffixes, 0);
    assert_true(parts.suffixes > RUNS / 2);
    assert_int_equal(whole.edges, parts.edges);
    assert_true(parts.edges >= 4);
    assert_true(dear_whole > RUNS / 2 && *dear < dear_whole / 2);
}

static void test_repeats(void **state)
{
    (void)state;
    struct fuzz_loop_stats a = run(&fine, RUNS / 2, 50, NULL), b = run(&fine, RUNS / 2, 50, NULL);
    assert_int_equal(a.cases, b.cases);
    assert_int_equal(a.case_bytes, b.case_bytes);
    assert_int_equal(a.suffixes, b.suffixes);
    assert_int_equal(a.pairs, b.pairs);
}

static void test_deadly(void **state)
{
    (void)state;
    struct tally found = {0};
    struct fuzz_loop_stats stats = run(&deadly, RUNS, 200, &found);
    assert_true(stats.suffixes > 0);
    assert_true(found.crashes >= 1);
    assert_int_equal(found.hangs, 1);
    assert_int_equal(found.confirmed, stats.findings);
}

/* A verdict in a copy is a verdict: told once, and no worker is lost for it. */
static void test_judged(void **state)
{
    (void)state;
    struct tally found = {0};
    struct fuzz_loop_stats stats = run(&judged, 2 * RUNS, 200, &found);
    assert_true(stats.suffixes > 0);
    assert_int_equal(found.verdicts, 1);
    assert_int_equal(found.confirmed, 1);
    assert_int_equal(stats.findings, 1);
    assert_int_equal(stats.workers_lost, 0);
    assert_true(stats.verdicts_same > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cheaper), cmocka_unit_test(test_repeats),
                                       cmocka_unit_test(test_deadly), cmocka_unit_test(test_judged)};
    if (world_real_new(1, &world, NULL) || message_mutator_init(&mutator, NULL, false) ||
        world_mapping_anonymous(sizeof(uint64_t), &counted))
        return 1;
    for (uint32_t i = 0; i < CALLS; i++) {
        fuzz_case_add(&first, &(struct fuzz_event){.kind = EVENT_CALL}, bytes_of("/x/y"), BYTES_NONE);
        fuzz_case_add(&first, &(struct fuzz_event){.kind = EVENT_MESSAGE, .call = i}, BYTES_NONE, bytes_of("order"));
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fuzz_case_deinit(&first);
    message_mutator_deinit(&mutator);
    world_mapping_close(&counted);
    world_real_free(world);
    return failed;
}
