/* Gates no mutation gets through are opened by what the target compared: constants, strings, headers, lengths and
 * checksums of other fields; in so many executions, the same way each time. And a twin that is lost costs nothing. */
#include "base/test.h"

#include "base/failing.h"
#include "fuzz/loop/loop.h"
#include "fuzz/loop/mutator.h"
#include "fuzz/loop/solve.h"
#include "fuzz/loop/solve_target.h"
#include "fuzz/loop/twin.h"
#include "world/real.h"
#include "world/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS ((uint64_t)6000)

static struct world *world;

struct forked {
    struct twin *twin;
    const struct fuzz_target *target;
    bool dies;
};

static int serve(void *arg)
{
    struct forked *f = arg;
    if (f->dies) {
        struct fuzz_case c;
        atomic_store(&f->twin->shared->ready, true);
        while (!twin_waiting(f->twin, &c))
            world_worker_pause(1000000);
        abort();
    }
    return twin_solve(f->twin, f->target, NULL) ? 1 : 0;
}

struct outcome {
    struct fuzz_loop_stats stats;
    bool lost;
};

static struct outcome campaign(const struct fuzz_target *target, struct bytes seed, uint64_t runs, bool with, bool dies)
{
    struct outcome o = {0};
    struct fuzz_case first = FUZZ_CASE_INIT;
    struct message_mutator mutator;
    const struct pb_pool *pool = NULL;
    void *state = NULL;
    struct twin twin;
    struct forked forked = {.twin = &twin, .target = target, .dies = dies};
    struct world_worker *process = NULL;
    struct error err = ERROR_INIT;
    struct cover *cover = cover_new();
    assert_non_null(cover);
    assert_int_equal(cover_add_region(cover, solve_edges, solve_edges + SOLVE_EDGES), 0);
    assert_int_equal(fuzz_target_case(target, seed, &first), 0);
    if (target->setup)
        assert_int_equal(target->setup(&state, &pool, NULL), 0);
    assert_int_equal(message_mutator_init(&mutator, pool, false), 0);
    assert_int_equal(twin_open(&twin, world, NULL, NULL), 0);
    if (with)
        assert_int_equal(world_worker_start(serve, &forked, true, &process, NULL), 0);
    struct fuzz_loop_config config = {.world = world,
                                      .target = target,
                                      .mutator = message_mutator(&mutator),
                                      .cover = cover,
                                      .seed = 11,
                                      .executions = runs,
                                      .max = 512,
                                      .seeds = &first,
                                      .seed_count = 1,
                                      .compares = with ? &twin : NULL};
    assert_int_equal(fuzz_loop_run(&config, NULL, &o.stats, &err), 0);
    o.lost = o.stats.twin_lost;
    world_worker_close(process);
    twin_close(&twin);
    message_mutator_deinit(&mutator);
    fuzz_case_deinit(&first);
    cover_free(cover);
    if (target->teardown)
        target->teardown(state);
    error_clear(&err);
    return o;
}

/* A record with a key, a value of eleven bytes, and nothing that is right. */
#define SEED                                                                                                           \
    BYTES("\x0a\x12\x0a\x03key\x12\x0b"                                                                                \
          "hello world",                                                                                               \
          20)

static void test_gates(void **state)
{
    (void)state;
    static const struct {
        const struct fuzz_target *target;
        size_t edges, without;
    } gates[] = {{&solve_magic, 2, 1}, {&solve_text, 2, 1}, {&solve_block, 2, 1}, {&solve_checksum, 2, 1}};
    for (size_t i = 0; i < sizeof gates / sizeof gates[0]; i++) {
        struct outcome o = campaign(gates[i].target, SEED, RUNS, true, false);
        print_message("%s: %zu edges, %llu cases made\n", gates[i].target->name, o.stats.edges,
                      (unsigned long long)o.stats.patched);
        assert_false(o.lost);
        assert_int_equal(o.stats.edges, gates[i].edges);
        assert_true(o.stats.asked >= 2 && o.stats.patched > 0);
        assert_int_equal(campaign(gates[i].target, SEED, RUNS, false, false).stats.edges, gates[i].without);
    }
}

/* One gate behind the other: each case that gets further is asked about again. */
static void test_layers(void **state)
{
    (void)state;
    struct outcome a = campaign(&solve_layers, SEED, RUNS, true, false);
    struct outcome b = campaign(&solve_layers, SEED, RUNS, true, false);
    assert_int_equal(a.stats.edges, 7);
    assert_int_equal(b.stats.edges, 7);
    assert_int_equal(a.stats.executions, b.stats.executions);
    assert_int_equal(a.stats.patched, b.stats.patched);
    assert_int_equal(a.stats.cases, b.stats.cases);
    assert_int_equal(a.stats.case_bytes, b.stats.case_bytes);
    assert_int_equal(a.stats.last_find == 0, b.stats.last_find == 0);
}

/* A length and a checksum that were understood are kept right by every change that follows. */
static void test_relations(void **state)
{
    (void)state;
    struct outcome o = campaign(&solve_behind, SEED, 2 * RUNS, true, false);
    assert_int_equal(o.stats.edges, 9);
    assert_int_equal(campaign(&solve_behind, SEED, 2 * RUNS, false, false).stats.edges, 1);
    assert_int_equal(campaign(&solve_length, SEED, RUNS, true, false).stats.edges, 2);
}

static void test_raw(void **state)
{
    (void)state;
    assert_int_equal(campaign(&solve_raw, bytes_of("0123456789abcdef"), RUNS, true, false).stats.edges, 3);
}

static void test_lost(void **state)
{
    (void)state;
    struct outcome o = campaign(&solve_magic, SEED, RUNS, true, true);
    assert_true(o.lost);
    assert_int_equal(o.stats.executions, RUNS);
}

/* A fault only the other build has: it is told there, in another process, and the campaign goes on. */
static bool other_build;

static void run_faulty(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct bytes b = c->events.count ? fuzz_case_bytes(c, c->events.items[0].value) : BYTES_NONE;
    (void)state, (void)t;
    solve_edges[0]++;
    if (b.len == 0 || b.data[0] < 0x80)
        return;
    solve_edges[1]++;
    if (other_build)
        abort();
}

static const struct fuzz_target faulty = {.name = "faulty", .run = run_faulty};

static int follow(void *arg)
{
    struct fuzz_loop_stats stats;
    struct message_mutator mutator;
    struct world *own;
    other_build = true;
    if (world_real_new(1, &own, NULL) || message_mutator_init(&mutator, NULL, false))
        return 2;
    struct fuzz_loop_config config = {
        .world = own, .target = &faulty, .mutator = message_mutator(&mutator), .seed = 1, .follow = arg};
    int rc = fuzz_loop_run(&config, NULL, &stats, NULL);
    message_mutator_deinit(&mutator);
    world_real_free(own);
    return rc ? 3 : stats.findings == 1 && stats.workers_lost >= 1 ? 0 : 4;
}

static void test_checks(void **state)
{
    (void)state;
    struct twin twin;
    struct world_worker *process;
    struct world_exit status;
    struct fuzz_loop_stats stats;
    struct message_mutator mutator;
    struct fuzz_case first = FUZZ_CASE_INIT;
    struct cover *cover = cover_new();
    assert_non_null(cover);
    assert_int_equal(cover_add_region(cover, solve_edges, solve_edges + SOLVE_EDGES), 0);
    assert_int_equal(fuzz_target_case(&faulty, bytes_of("plain"), &first), 0);
    assert_int_equal(message_mutator_init(&mutator, NULL, false), 0);
    assert_int_equal(twin_open(&twin, world, NULL, NULL), 0);
    assert_int_equal(world_worker_start(follow, &twin, true, &process, NULL), 0);
    struct fuzz_loop_config config = {.world = world,
                                      .target = &faulty,
                                      .mutator = message_mutator(&mutator),
                                      .cover = cover,
                                      .seed = 4,
                                      .executions = 4 * RUNS,
                                      .max = 64,
                                      .seeds = &first,
                                      .seed_count = 1,
                                      .checks = &twin};
    assert_int_equal(fuzz_loop_run(&config, NULL, &stats, NULL), 0);
    assert_int_equal(stats.findings, 0);
    assert_int_equal(stats.executions, 4 * RUNS);
    atomic_store(&twin.shared->stop, true);
    assert_true(world_worker_wait(process, UINT64_C(60000000000), &status));
    assert_false(status.signalled);
    assert_int_equal(status.code, 0);
    assert_int_equal(atomic_load(&twin.shared->findings), 1);
    /* New cases and samples, not everything. */
    assert_true(atomic_load(&twin.shared->taken) >= stats.cases && atomic_load(&twin.shared->taken) < RUNS);
    world_worker_close(process);
    twin_close(&twin);
    message_mutator_deinit(&mutator);
    fuzz_case_deinit(&first);
    cover_free(cover);
}

/* A file of another build's sources, or of none, is not taken for one. */
static void test_attach(void **state)
{
    (void)state;
    char folder[] = "/tmp/harrow-twin-XXXXXX", path[64];
    struct twin made, other;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/twin", folder);
    assert_int_equal(twin_open(&made, world, path, NULL), 0);
    assert_int_equal(twin_attach(&other, path, NULL), 0);
    twin_close(&other);
    made.shared->sizes[1]++;
    assert_int_equal(twin_attach(&other, path, NULL), ERROR_INVALID);
    twin_close(&made);
    assert_int_equal(world_write_file(world, path, bytes_of("no twin"), false, NULL), 0);
    assert_int_equal(twin_attach(&other, path, NULL), ERROR_INVALID);
    assert_int_equal(world_remove(world, path), 0);
    assert_int_equal(twin_attach(&other, path, NULL), ERROR_NOT_FOUND);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- no memory -------------------------------------------------------------------------------------------------- */

static void count_learnt(void *arg, const struct solved *s)
{
    (void)s;
    ++*(size_t *)arg;
}

static void count_made(void *arg, const struct fuzz_case *c)
{
    assert_true(c->events.count > 0); /* whole, whatever is lacking */
    ++*(size_t *)arg;
}

struct solving {
    struct solve_stats stats;
    size_t told; /* values and cases */
    bool hit;
};

/* The target has all the memory it wants: what fails is the solver's. */
static const struct fuzz_target *sheltered;
static struct {
    size_t left; /* allocations until one fails; 0: none does any more */
    bool hit;
} failing;

static void run_sheltered(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    size_t seen = failing_count();
    failing.hit |= failing_hit();
    failing_disarm();
    sheltered->run(state, c, t);
    failing.left = failing.hit || failing.left <= seen ? 0 : failing.left - seen;
    if (failing.left > 0)
        failing_arm(failing.left);
}

static int solve_with(void *state, const struct pb_pool *pool, const struct fuzz_case *c, size_t n, struct solving *out)
{
    static const struct fuzz_target target = {.name = "sheltered", .run = run_sheltered};
    *out = (struct solving){.told = 0};
    const struct solve_sink sink = {count_learnt, count_made, &out->told};
    failing.left = n;
    failing.hit = false;
    if (n > 0)
        failing_arm(n);
    int rc = solve_case(&target, state, pool, c, &sink, &out->stats);
    out->hit = failing.hit || failing_hit();
    failing_disarm();
    return rc;
}

/* Each allocation fails once: it is said, and what was told until then stands. */
static void test_memory(void **state)
{
    (void)state;
    const struct {
        const struct fuzz_target *target;
        struct bytes seed;
    } all[] = {{&solve_text, SEED}, {&solve_checksum, SEED}, {&solve_layers, BYTES("", 0)}, {&solve_raw, SEED}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        const struct pb_pool *pool = NULL;
        void *own = NULL;
        struct solving s = {.hit = true}, whole;
        sheltered = all[i].target;
        assert_int_equal(fuzz_target_case(all[i].target, all[i].seed, &c), 0);
        if (all[i].target->setup)
            assert_int_equal(all[i].target->setup(&own, &pool, NULL), 0);
        assert_int_equal(solve_with(own, pool, &c, 0, &whole), 0);
        assert_true(whole.told > 0 && whole.told == whole.stats.made + whole.stats.learnt);
        for (size_t n = 1; s.hit; n++) {
            int rc = solve_with(own, pool, &c, n, &s);
            if (rc != (s.hit ? ERROR_MEMORY : 0))
                fail_msg("%s, allocation %zu: %d", sheltered->name, n, rc);
            assert_true(s.told == s.stats.made + s.stats.learnt && s.told <= whole.told);
        }
        assert_int_equal(s.told, whole.told);
        if (all[i].target->teardown)
            all[i].target->teardown(own);
        fuzz_case_deinit(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gates),     cmocka_unit_test(test_layers),
                                       cmocka_unit_test(test_relations), cmocka_unit_test(test_raw),
                                       cmocka_unit_test(test_lost),      cmocka_unit_test(test_checks),
                                       cmocka_unit_test(test_attach),    cmocka_unit_test(test_memory)};
    if (world_real_new(1, &world, NULL))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_real_free(world);
    return failed;
}
