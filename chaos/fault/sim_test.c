/* Every fault that can be done in simulation, at its natural seam: injected, its effect seen, healed and seen to be
 * gone. The component is the toy store; what its disk and clock do is asked of its node directly. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "chaos/workload/toy_store.h"
#include "world/sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NODE   "store"
#define FILE_A "/a"
#define FILE_B "/b"
#define SIZE   4096
#define SECTOR 512
#define WITHIN ((uint64_t)(10 * SECOND))

struct fixture {
    struct toy toy;
    struct fault_injection f;
};

static struct world *node(struct fixture *x)
{
    return sim_node(x->toy.sim, NODE);
}

static void begin(struct fixture *x, uint64_t seed)
{
    toy_init(&x->toy, TOY_CORRECT, seed);
}

static void end(struct fixture *x)
{
    toy_deinit(&x->toy);
}

static void inject(struct fixture *x, const char *name, int64_t first, int64_t second)
{
    struct error err = ERROR_INIT;
    x->f = (struct fault_injection){.fault = fault_find(name), .target = &x->toy.target, .component = NODE};
    assert_non_null(x->f.fault);
    if (x->f.fault->scope == FAULT_OF_SYSTEM)
        x->f.component = NULL;
    random_seed(&x->f.random, 3);
    for (size_t i = 0; i < FAULT_PARAMETERS_MAX; i++)
        x->f.parameters[i] = INT64_MIN;
    x->f.parameters[0] = first;
    x->f.parameters[1] = second;
    fault_draw(&x->f);
    int code = fault_possible(x->f.fault, &x->toy.target, &err);
    if (code == 0)
        code = x->f.fault->inject(&x->f, &err);
    if (code != 0)
        fail_msg("%s: %s", name, err.message);
    error_clear(&err);
}

static bool answers(struct fixture *x)
{
    struct rpc_channel *channel;
    struct target *t = &x->toy.target;
    return target_channel(t, &t->components[0], &channel, NULL) == 0 &&
           rpc_wait_ready(t->world, channel, "", WITHIN, NULL) == 0;
}

static void heal(struct fixture *x)
{
    if (x->f.fault->verify != NULL) {
        assert_int_equal(x->f.fault->verify(&x->f, NULL), 0);
        if (x->f.hits == 0)
            fail_msg("%s says that it acted on nothing", x->f.fault->name);
    }
    assert_int_equal(x->f.fault->heal(&x->f, NULL), 0);
    assert_null(x->f.state);
    assert_true(sim_running(x->toy.sim, NODE));
    if (!answers(x))
        fail_msg("no answer after the heal of %s", x->f.fault->name);
}

/* ---- the disk ---- */

enum operation { OPERATION_WRITE, OPERATION_READ, OPERATION_SYNC, OPERATION_RENAME, OPERATION_COUNT };

/* One of each on a file that is there; what they return, 0 for well. */
static void operate(struct fixture *x, int *codes)
{
    struct world *w = node(x);
    struct world_file *f;
    char block[100] = "text";
    struct world_stat a;
    assert_int_equal(world_stat(w, FILE_A, &a), 0);
    const char *from = a.exists ? FILE_A : FILE_B;
    assert_int_equal(world_file_open(w, from, WORLD_READ | WORLD_WRITE, &f, NULL), 0);
    int64_t n = world_file_append(f, block, sizeof block);
    codes[OPERATION_WRITE] = n < 0 ? (int)n : 0;
    if (!sim_running(x->toy.sim, NODE))
        return; /* and its handles are gone with the program */
    n = world_file_pread(f, block, sizeof block, 0);
    codes[OPERATION_READ] = n < 0 ? (int)n : 0;
    codes[OPERATION_SYNC] = world_file_sync(f);
    if (!sim_running(x->toy.sim, NODE))
        return;
    world_file_close(f);
    codes[OPERATION_RENAME] = world_rename(w, from, a.exists ? FILE_B : FILE_A);
}

static void make_file(struct fixture *x, char fill, bool sync)
{
    char block[SIZE];
    struct world_file *f;
    memset(block, fill, sizeof block);
    assert_int_equal(world_file_open(node(x), FILE_A, WORLD_READ | WORLD_WRITE | WORLD_CREATE, &f, NULL), 0);
    assert_int_equal(world_file_pwrite(f, block, SIZE, 0), SIZE);
    if (sync)
        assert_int_equal(world_file_sync(f), 0);
    world_file_close(f);
}

static void test_disk(void **state)
{
    static const struct {
        const char *fault;
        int64_t parameter;
        enum operation operation;
        int code;
        bool once;
    } cases[] = {
        {"disk-write-error", 1000000, OPERATION_WRITE, ERROR_IO, false},
        {"disk-read-error", 1000000, OPERATION_READ, ERROR_IO, false},
        {"disk-sync-error", 1000000, OPERATION_SYNC, ERROR_IO, false},
        {"disk-nth-error", 2, OPERATION_SYNC, ERROR_IO, true},
        {"disk-full", 50, OPERATION_WRITE, ERROR_NO_SPACE, false},
        {"disk-read-only", INT64_MIN, OPERATION_WRITE, 0, false},
        {"disk-read-only", INT64_MIN, OPERATION_RENAME, 0, false},
    };
    (void)state;
    struct fixture x;
    int codes[OPERATION_COUNT];
    begin(&x, 1);
    make_file(&x, 'o', true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int expected = cases[i].code != 0 ? cases[i].code : error_from_errno(EROFS);
        operate(&x, codes);
        for (size_t k = 0; k < OPERATION_COUNT; k++)
            assert_int_equal(codes[k], 0);
        inject(&x, cases[i].fault, cases[i].parameter, INT64_MIN);
        operate(&x, codes);
        if (codes[cases[i].operation] != expected)
            fail_msg("%s: %s", cases[i].fault, error_code_name(codes[cases[i].operation]));
        operate(&x, codes);
        assert_int_equal(codes[cases[i].operation], cases[i].once ? 0 : expected);
        heal(&x);
        operate(&x, codes);
        for (size_t k = 0; k < OPERATION_COUNT; k++)
            assert_int_equal(codes[k], 0);
    }
    end(&x);
}

static void test_slow_sync(void **state)
{
    (void)state;
    struct fixture x;
    int codes[OPERATION_COUNT];
    begin(&x, 2);
    make_file(&x, 'o', true);
    inject(&x, "disk-slow-sync", 80 * MILLISECOND, INT64_MIN);
    uint64_t before = world_now(node(&x));
    operate(&x, codes);
    assert_int_equal(codes[OPERATION_SYNC], 0);
    assert_int_equal(world_now(node(&x)) - before, 80 * MILLISECOND);
    /* Its clients feel it: a write of theirs syncs. */
    assert_int_equal(world_now(x.toy.target.world), before);
    assert_true(answers(&x));
    assert_true(world_now(x.toy.target.world) >= before + 80 * MILLISECOND);
    heal(&x);
    before = world_now(node(&x));
    operate(&x, codes);
    assert_int_equal(world_now(node(&x)), before);
    end(&x);
}

static size_t bits_set(struct fixture *x)
{
    struct text content = TEXT_INIT;
    size_t set = 0;
    assert_int_equal(world_read_file(node(x), FILE_A, 1 << 20, &content, NULL), 0);
    for (size_t i = 0; i < content.len; i++)
        set += (size_t)__builtin_popcount((unsigned char)content.data[i]);
    text_deinit(&content);
    return set;
}

static void test_bit_flip(void **state)
{
    (void)state;
    struct fixture x;
    begin(&x, 3);
    make_file(&x, '\0', true);
    assert_int_equal(bits_set(&x), 0);
    inject(&x, "bit-flip", 1, INT64_MIN);
    assert_int_equal(bits_set(&x), 1);
    heal(&x);
    /* At rest: a crash does not bring the right one back. */
    assert_int_equal(sim_crash(x.toy.sim, NODE), 0);
    assert_int_equal(bits_set(&x), 1);
    end(&x);
}

/* ---- power ---- */

/* Sectors of a synced file that have what was written later and not synced. */
static size_t fresh_sectors(struct fixture *x)
{
    struct text content = TEXT_INIT;
    size_t fresh = 0;
    assert_int_equal(world_read_file(node(x), FILE_A, 1 << 20, &content, NULL), 0);
    assert_int_equal(content.len, SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        assert_int_equal(content.data[i], content.data[i / SECTOR * SECTOR]);
        fresh += i % SECTOR == 0 && content.data[i] == 'n' ? 1 : 0;
    }
    text_deinit(&content);
    return fresh;
}

static void test_power(void **state)
{
    static const char *const faults[] = {"lost-writes", "torn-writes", "power-cut", "power-cut-all"};
    size_t torn = 0, kept = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        for (size_t i = 0; i < 4; i++) {
            struct fixture x;
            begin(&x, seed);
            make_file(&x, 'o', true);
            make_file(&x, 'n', false);
            inject(&x, faults[i], INT64_MIN, INT64_MIN);
            assert_false(sim_running(x.toy.sim, NODE));
            size_t fresh = fresh_sectors(&x);
            if (i == 0)
                assert_int_equal(fresh, 0);
            torn += i == 1 && fresh > 0 && fresh < SIZE / SECTOR ? 1 : 0;
            kept += i > 1 && fresh == SIZE / SECTOR ? 1 : 0;
            heal(&x);
            end(&x);
        }
    assert_true(torn >= 10);
    assert_true(kept > 0);
}

/* ---- clocks ---- */

static int64_t ahead(struct fixture *x)
{
    return world_wall(node(x)) - world_wall(x->toy.target.world);
}

static void pass(struct fixture *x, uint64_t duration)
{
    assert_int_equal(world_sleep(x->toy.target.world, duration), 0);
}

static void test_clock(void **state)
{
    (void)state;
    struct fixture x;
    begin(&x, 4);
    inject(&x, "clock-forward", 5 * SECOND, INT64_MIN);
    assert_int_equal(ahead(&x), 5 * SECOND);
    heal(&x);
    assert_int_equal(ahead(&x), 0);
    inject(&x, "clock-back", 7 * SECOND, INT64_MIN);
    assert_int_equal(ahead(&x), -7 * SECOND);
    heal(&x);
    inject(&x, "clock-skew", 100000, INT64_MIN);
    pass(&x, (uint64_t)(10 * SECOND));
    assert_true(ahead(&x) == SECOND || ahead(&x) == -SECOND);
    heal(&x);
    pass(&x, (uint64_t)SECOND);
    assert_int_equal(ahead(&x), 0);
    int64_t wall = world_wall(node(&x));
    inject(&x, "clock-freeze", INT64_MIN, INT64_MIN);
    pass(&x, (uint64_t)(3 * SECOND));
    assert_int_equal(world_wall(node(&x)), wall);
    heal(&x);
    assert_int_equal(ahead(&x), 0);
    inject(&x, "clock-strobe", 2 * SECOND, 10 * MILLISECOND);
    bool seen[2] = {false, false};
    for (int i = 0; i < 20; i++) {
        seen[ahead(&x) == 2 * SECOND] = true;
        pass(&x, (uint64_t)(7 * MILLISECOND));
    }
    assert_true(seen[0] && seen[1]);
    assert_int_equal(x.f.fault->verify(&x.f, NULL), 0);
    assert_true(x.f.hits >= 14);
    heal(&x);
    pass(&x, (uint64_t)SECOND);
    assert_int_equal(ahead(&x), 0);
    end(&x);
}

/* ---- life and death ---- */

static void test_process(void **state)
{
    static const struct {
        const char *fault;
        int64_t first;
        bool running; /* when the injection is over */
        int kills, stops;
    } cases[] = {
        {"kill", INT64_MIN, false, 1, 0},
        {"restart", INT64_MIN, false, 0, 0},
        {"crash-loop", 4, false, 4, 0},
        {"late-start", INT64_MIN, false, 1, 0},
        {"slow-start", 200 * MILLISECOND, true, 1, 10},
        {"stop", INT64_MIN, true, 0, 1},
        {"stutter", 5, true, 0, 5},
        {"kill-all", INT64_MIN, false, 1, 0},
        {"stop-all", INT64_MIN, true, 0, 1},
        {"shuffled-start", INT64_MIN, false, 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture x;
        begin(&x, 5);
        assert_true(answers(&x));
        inject(&x, cases[i].fault, cases[i].first, INT64_MIN);
        assert_int_equal(sim_running(x.toy.sim, NODE), cases[i].running);
        assert_int_equal(x.toy.acts[TARGET_KILL], cases[i].kills);
        assert_int_equal(x.toy.acts[TARGET_STOP], cases[i].stops);
        heal(&x);
        assert_int_equal(x.toy.acts[TARGET_CONTINUE], cases[i].stops);
        end(&x);
    }
}

static void test_crash_points(void **state)
{
    static const struct {
        const char *fault;
        int64_t nth;
    } cases[] = {{"kill-at-write", 3}, {"kill-at-sync", 3}, {"kill-at-rename", 3}};
    (void)state;
    struct fixture x;
    int codes[OPERATION_COUNT];
    begin(&x, 6);
    make_file(&x, 'o', true);
    for (size_t i = 0; i < 3; i++) {
        inject(&x, cases[i].fault, cases[i].nth, INT64_MIN);
        for (int64_t k = 1; k <= cases[i].nth; k++) {
            assert_true(sim_running(x.toy.sim, NODE));
            operate(&x, codes);
        }
        assert_false(sim_running(x.toy.sim, NODE));
        heal(&x);
        assert_int_equal(x.f.hits, 1);
    }
    inject(&x, "crash-at-point", 2, INT64_MIN);
    assert_int_equal(world_point(node(&x), "one"), 0);
    assert_true(sim_running(x.toy.sim, NODE));
    assert_int_equal(world_point(node(&x), "another"), ERROR_CLOSED);
    assert_false(sim_running(x.toy.sim, NODE));
    heal(&x);
    assert_int_equal(world_point(node(&x), "another"), 0);
    end(&x);
}

/* What the tables of all faults say holds together. */
static void test_tables(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct chaos_fault *const *f = chaos_faults; *f != NULL; f++, count++) {
        assert_ptr_equal(fault_find((*f)->name), *f);
        assert_true((*f)->family != NULL && strlen((*f)->summary) > 10 && (*f)->drivers != 0);
        assert_true((*f)->inject != NULL && (*f)->heal != NULL && (*f)->hold_min <= (*f)->hold_max);
        for (size_t i = 0; (*f)->parameters != NULL && (*f)->parameters[i].name != NULL; i++) {
            const struct fault_parameter *p = &(*f)->parameters[i];
            assert_true(i < FAULT_PARAMETERS_MAX && p->min <= p->low && p->low <= p->high && p->high <= p->max);
        }
    }
    assert_true(count >= 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk),   cmocka_unit_test(test_slow_sync),    cmocka_unit_test(test_bit_flip),
        cmocka_unit_test(test_power),  cmocka_unit_test(test_clock),        cmocka_unit_test(test_process),
        cmocka_unit_test(test_tables), cmocka_unit_test(test_crash_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
