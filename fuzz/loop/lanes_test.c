/* What the mutator makes is of the lane it says: valid messages are read by the decoder, near-valid ones have the name
 * of their defect and are refused where every decoder refuses it. Shares follow what the lanes find. And a case that is
 * held gives the mutants it gives when it is not. */
#include "fuzz/loop/test_kit.h"
#include "fuzz/message/defect.h"
#include "proto/set.h"
#include "world/real.h"

#include <stdlib.h>

#define PATH "/store.Store/Write"
#define SEED                                                                                                           \
    "\x0a\x12\x0a\x03key\x12\x0bhello world\x12\x07\x0a\x02"                                                           \
    "db\x12\x01t"
#define EDGES 32

static struct world *world;
static struct pb_pool *pool;
static struct message_mutator mutator;
static struct fuzz_case first;
static uint8_t edges[EDGES];

static const struct defect *defect_called(struct bytes name)
{
    for (size_t i = 0; i < defect_count(); i++)
        if (bytes_is(name, defect_at(i)->name))
            return defect_at(i);
    return NULL;
}

/* A message that is not what its event says ends the worker, which the test hears of as a finding. */
static void run_check(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    (void)state, (void)t;
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind != EVENT_MESSAGE)
            continue;
        const struct pb_method *m = fuzz_case_method(c, e->call, pool);
        bool accepted = pb_scan(m->input->descriptor, fuzz_case_bytes(c, e->value), NULL) == 0;
        edges[e->lane * 2 + accepted]++;
        if (e->lane == LANE_VALID && (!accepted || e->name.len))
            abort();
        if (e->lane != LANE_NEAR_VALID)
            continue;
        const struct defect *d = defect_called(fuzz_case_bytes(c, e->name));
        if (!d || (d->decoders == DECODERS_REFUSE && accepted) || (d->decoders == DECODERS_ACCEPT && !accepted))
            abort();
    }
}

static const struct fuzz_target checks = {.name = "checks", .path = PATH, .run = run_check};

/* Only what does not decode leads anywhere, and to ever new places. */
static void run_broken(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    uint64_t sum = fuzz_case_hash(c);
    (void)state, (void)t;
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE && c->events.items[i].lane == LANE_GARBAGE)
            for (size_t n = 0; n < 4; n++)
                edges[(sum >> 8 * n) % EDGES] = (uint8_t)(sum >> (32 + 8 * n));
    if (edges[0] == 0)
        edges[0] = 1;
}

static const struct fuzz_target broken = {.name = "broken", .path = PATH, .run = run_broken};

static struct fuzz_loop_stats run(const struct fuzz_target *target, uint64_t runs)
{
    struct fuzz_loop_config config = {.world = world,
                                      .target = target,
                                      .mutator = message_mutator(&mutator),
                                      .seed = 9,
                                      .executions = runs,
                                      .max = 300,
                                      .seeds = &first,
                                      .seed_count = 1};
    return run_counted(&config, edges, EDGES);
}

static void test_lanes_hold(void **state)
{
    (void)state;
    struct fuzz_loop_stats stats = run(&checks, 30000);
    assert_int_equal(stats.findings, 0);
    assert_int_equal(stats.workers_lost, 0);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        assert_true(stats.lanes[i].runs > 2000);
        assert_true(stats.lane_shares[i] > 0.09);
    }
}

static void test_shares_are_learnt(void **state)
{
    (void)state;
    struct fuzz_loop_stats stats = run(&broken, 20000);
    print_message("shares: valid %.2f, near-valid %.2f, garbage %.2f\n", stats.lane_shares[0], stats.lane_shares[1],
                  stats.lane_shares[2]);
    assert_true(stats.lanes[LANE_GARBAGE].found > 20);
    assert_true(stats.lane_shares[LANE_GARBAGE] > 0.5);
    assert_true(stats.lane_shares[LANE_VALID] < 0.25 && stats.lane_shares[LANE_NEAR_VALID] < 0.25);
}

static void test_held(void **state)
{
    (void)state;
    struct fuzz_mutator m = message_mutator(&mutator);
    struct fuzz_case a = FUZZ_CASE_INIT, b = FUZZ_CASE_INIT;
    for (uint64_t i = 0; i < 3000; i++) {
        struct random r, same;
        struct mutated x, y;
        random_seed(&r, i);
        random_seed(&same, i);
        fuzz_case_clear(&a);
        fuzz_case_clear(&b);
        m.hold(m.arg, NULL);
        int rc = m.mutate(m.arg, &r, &first, &first, (enum fuzz_lane)(i % LANE_COUNT), 300, &a, &x);
        m.hold(m.arg, &first);
        assert_int_equal(m.mutate(m.arg, &same, &first, &first, (enum fuzz_lane)(i % LANE_COUNT), 300, &b, &y), rc);
        assert_int_equal(fuzz_case_hash(&a), fuzz_case_hash(&b));
        assert_true(x.what == y.what);
    }
    m.hold(m.arg, NULL);
    fuzz_case_deinit(&a);
    fuzz_case_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lanes_hold), cmocka_unit_test(test_held),
                                       cmocka_unit_test(test_shares_are_learnt)};
    if (world_real_new(1, &world, NULL) || pb_pool_new(proto_set(), "set", &pool, NULL) ||
        message_mutator_init(&mutator, pool, false) || fuzz_case_from_bytes(BYTES(SEED, sizeof SEED - 1), PATH, &first))
        return 1;
    for (size_t i = 0; i < first.events.count; i++) /* what plain bytes become is garbage until it is looked at */
        first.events.items[i].lane = LANE_VALID;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fuzz_case_deinit(&first);
    message_mutator_deinit(&mutator);
    pb_pool_free(pool);
    world_real_free(world);
    return failed;
}
