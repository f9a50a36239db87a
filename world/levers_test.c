/* What a simulation can do to a node beyond crashing it: a disk that takes time, kills, is read-only or turns bits
 * over, clocks that drift, points by any name. Same seed, same trace. */
#include "world/test_worlds.h"

#include <errno.h>
#include <string.h>

struct node {
    struct sim *sim;
    struct world *world;
};

static struct node node_new(uint64_t seed)
{
    struct node n = {.sim = sim_new(&(struct sim_options){.seed = seed})};
    assert_non_null(n.sim);
    n.world = sim_node(n.sim, "n");
    return n;
}

static struct world_file *open_file(struct world *w, const char *path)
{
    struct world_file *f;
    assert_int_equal(world_file_open(w, path, WORLD_READ | WORLD_WRITE | WORLD_CREATE, &f, NULL), 0);
    return f;
}

/* ---- a slow disk ---- */

struct slow {
    struct world *world;
    struct world_file *file;
    struct world_timer sync, due;
    uint64_t synced, fired;
};

static void on_sync(void *arg)
{
    struct slow *s = arg;
    assert_int_equal(world_file_append(s->file, "x", 1), 1);
    assert_int_equal(world_file_sync(s->file), 0);
    s->synced = world_now(s->world);
}

static void on_due(void *arg)
{
    struct slow *s = arg;
    s->fired = world_now(s->world);
}

/* The caller sees the time pass; what was due meanwhile on its node comes after, and other nodes go on. */
static void test_slow_sync(void **state)
{
    (void)state;
    struct node n = node_new(1);
    struct slow s = {.world = n.world, .file = open_file(n.world, "/f")};
    struct slow other = {.world = sim_node(n.sim, "other")};
    sim_disk(n.sim, "n", &(struct sim_disk_faults){.sync_delay = 50 * MILLISECOND});
    uint64_t start = world_now(n.world);
    world_timer_init(&s.sync, n.world, on_sync, &s);
    world_timer_init(&s.due, n.world, on_due, &s);
    world_timer_init(&other.due, other.world, on_due, &other);
    world_timer_start(&s.sync, 10 * MILLISECOND);
    world_timer_start(&s.due, 20 * MILLISECOND);
    world_timer_start(&other.due, 20 * MILLISECOND);
    assert_int_equal(sim_run_for(n.sim, 30 * MILLISECOND), 0);
    assert_int_equal(s.synced - start, 60 * MILLISECOND);
    assert_int_equal(s.fired, 0);
    assert_int_equal(other.fired - start, 20 * MILLISECOND);
    /* Stopped and continued meanwhile: the disk is not faster for it. */
    assert_int_equal(sim_pause(n.sim, "n"), 0);
    assert_int_equal(sim_resume(n.sim, "n"), 0);
    assert_int_equal(sim_run_for(n.sim, 20 * MILLISECOND), 0);
    assert_int_equal(s.fired, 0);
    assert_int_equal(sim_run_for(n.sim, 30 * MILLISECOND), 0);
    assert_int_equal(s.fired - start, 60 * MILLISECOND);
    assert_int_equal(sim_disk_hits(n.sim, "n"), 1);
    /* Paused past its end, it goes on when it is let. */
    s.fired = 0;
    world_timer_start(&s.sync, MILLISECOND);
    world_timer_start(&s.due, 2 * MILLISECOND);
    assert_int_equal(sim_run_for(n.sim, 5 * MILLISECOND), 0);
    assert_int_equal(sim_pause(n.sim, "n"), 0);
    assert_int_equal(sim_run_for(n.sim, 200 * MILLISECOND), 0);
    assert_int_equal(s.fired, 0);
    assert_int_equal(sim_resume(n.sim, "n"), 0);
    assert_int_equal(sim_run_for(n.sim, MILLISECOND), 0);
    assert_true(s.fired > 0);
    /* A crash ends the waiting. */
    world_timer_start(&s.sync, MILLISECOND);
    assert_int_equal(sim_run_for(n.sim, 2 * MILLISECOND), 0);
    assert_int_equal(sim_crash(n.sim, "n"), 0);
    assert_int_equal(world_now(n.world), sim_now(n.sim) + start);
    world_file_close(s.file);
    sim_free(n.sim);
}

static void test_read_only(void **state)
{
    (void)state;
    struct node n = node_new(2);
    struct world_file *f = open_file(n.world, "/f");
    char c;
    int read_only = error_from_errno(EROFS);
    assert_int_equal(world_file_append(f, "a", 1), 1);
    sim_disk(n.sim, "n", &(struct sim_disk_faults){.read_only = true});
    assert_int_equal(world_file_append(f, "b", 1), read_only);
    assert_int_equal(world_file_truncate(f, 0), read_only);
    assert_int_equal(world_rename(n.world, "/f", "/g"), read_only);
    assert_int_equal(world_remove(n.world, "/f"), read_only);
    assert_int_equal(world_make_directory(n.world, "/d"), read_only);
    struct world_file *none;
    assert_int_equal(world_file_open(n.world, "/new", WORLD_WRITE | WORLD_CREATE, &none, NULL), read_only);
    assert_int_equal(world_file_pread(f, &c, 1, 0), 1);
    assert_int_equal(world_file_sync(f), 0); /* there is nothing to write */
    assert_int_equal(sim_disk_hits(n.sim, "n"), 6);
    sim_disk(n.sim, "n", NULL);
    assert_int_equal(sim_disk_hits(n.sim, "n"), 0);
    assert_int_equal(world_file_append(f, "b", 1), 1);
    assert_int_equal(sim_disk_used(n.sim, "n"), 2);
    world_file_close(f);
    sim_free(n.sim);
}

static void add_file(void *arg, const char *path, uint64_t size)
{
    text_printf(arg, "%s %llu;", path, (unsigned long long)size);
}

static void test_flip(void **state)
{
    (void)state;
    struct node n = node_new(3);
    struct text files = TEXT_INIT;
    struct world_file *f = open_file(n.world, "/f"), *g = open_file(n.world, "/a");
    uint8_t c = 0;
    assert_int_equal(world_file_append(f, "\0\0", 2), 2);
    assert_int_equal(world_file_sync(f), 0);
    assert_int_equal(sim_disk_files(n.sim, "n", add_file, &files), 0);
    assert_string_equal(text_string(&files), "/a 0;/f 2;");
    assert_int_equal(sim_disk_files(n.sim, "nobody", add_file, &files), ERROR_NOT_FOUND);
    assert_int_equal(sim_disk_flip(n.sim, "n", "/f", 16), ERROR_NOT_FOUND);
    assert_int_equal(sim_disk_flip(n.sim, "n", "/g", 0), ERROR_NOT_FOUND);
    assert_int_equal(sim_disk_flip(n.sim, "nobody", "/f", 0), ERROR_NOT_FOUND);
    assert_int_equal(sim_disk_flip(n.sim, "n", "//f", 11), 0);
    assert_int_equal(world_file_pread(f, &c, 1, 1), 1);
    assert_int_equal(c, 8);
    world_file_close(f);
    world_file_close(g);
    assert_int_equal(sim_crash(n.sim, "n"), 0);
    f = open_file(n.world, "/f");
    assert_int_equal(world_file_pread(f, &c, 1, 1), 1);
    assert_int_equal(c, 8);
    world_file_close(f);
    text_deinit(&files);
    sim_free(n.sim);
}

/* ---- clocks ---- */

static int64_t ahead(const struct node *n)
{
    return world_wall(n->world) - world_wall(sim_node(n->sim, "true"));
}

static void test_clock(void **state)
{
    (void)state;
    struct node n = node_new(4);
    sim_clock_rate(n.sim, "n", 1000); /* 0.1 % too fast */
    assert_int_equal(sim_run_for(n.sim, 100 * (uint64_t)SECOND), 0);
    assert_int_equal(ahead(&n), 100 * MILLISECOND);
    sim_clock_rate(n.sim, "n", -1000000);
    int64_t stands = world_wall(n.world);
    assert_int_equal(sim_run_for(n.sim, (uint64_t)SECOND), 0);
    assert_int_equal(world_wall(n.world), stands);
    assert_int_equal(sim_clock_offset(n.sim, "n"), 100 * MILLISECOND - SECOND);
    sim_clock_rate(n.sim, "n", 0);
    sim_clock_jump(n.sim, "n", -sim_clock_offset(n.sim, "n"));
    assert_int_equal(ahead(&n), 0);
    assert_int_equal(sim_run_for(n.sim, (uint64_t)SECOND), 0);
    assert_int_equal(ahead(&n), 0);
    assert_int_equal(sim_clock_offset(n.sim, "nobody"), 0);
    /* A century at a rate that is far off is no overflow. */
    sim_clock_rate(n.sim, "n", 1000000);
    assert_int_equal(sim_run_for(n.sim, UINT64_C(876000) * (uint64_t)HOUR), 0);
    assert_int_equal(ahead(&n), 876000 * HOUR);
    sim_free(n.sim);
}

static void test_any_point(void **state)
{
    (void)state;
    struct node n = node_new(5);
    assert_int_equal(world_point_arm(n.world, WORLD_POINT_ANY, POINT_ERROR, 3, false), 0);
    assert_int_equal(world_point(n.world, "a"), 0);
    assert_int_equal(world_point(n.world, "b"), 0);
    assert_int_equal(world_point(n.world, "a"), ERROR_INJECTED);
    assert_int_equal(world_point(n.world, "c"), 0);
    assert_int_equal(world_point_hits(n.world, WORLD_POINT_ANY), 4);
    assert_int_equal(world_point_hits(n.world, "a"), 2);
    /* One of its own goes first. */
    assert_int_equal(world_point_arm(n.world, "a", POINT_ERROR, 1, false), 0);
    assert_int_equal(world_point_arm(n.world, WORLD_POINT_ANY, POINT_ERROR, 1, false), 0);
    assert_int_equal(world_point(n.world, "a"), ERROR_INJECTED);
    assert_int_equal(world_point(n.world, "b"), ERROR_INJECTED);
    sim_free(n.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_sync), cmocka_unit_test(test_read_only), cmocka_unit_test(test_flip),
        cmocka_unit_test(test_clock),     cmocka_unit_test(test_any_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
