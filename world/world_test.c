/* One scenario, both worlds: what world.h promises about time, the loop, points and random numbers. */
#include "world/test_worlds.h"

#include <stdlib.h>
#include <string.h>

/* ---- timers and tasks -------------------------------------------------------------------------------------------- */

struct order {
    char text[64];
    size_t len;
};

struct mark {
    struct order *order;
    char letter;
};

static void mark_fire(void *arg)
{
    const struct mark *m = arg;
    m->order->text[m->order->len++] = m->letter;
}

static void test_timer_order(void **state)
{
    const struct fixture *f = *state;
    struct order order = {0};
    struct mark marks[] = {{&order, 'a'}, {&order, 'b'}, {&order, 'c'}, {&order, 'd'}, {&order, 'e'}};
    struct world_timer timers[5];
    for (size_t i = 0; i < 5; i++)
        world_timer_init(&timers[i], f->world, mark_fire, &marks[i]);
    uint64_t start = world_now(f->world);
    assert_int_equal(world_timer_start(&timers[0], 5 * MILLISECOND), 0);
    assert_int_equal(world_timer_start(&timers[1], 2 * MILLISECOND), 0);
    assert_int_equal(world_timer_start(&timers[2], 20 * MILLISECOND), 0);
    assert_int_equal(world_timer_start(&timers[3], 1 * MILLISECOND), 0);
    assert_int_equal(world_timer_start(&timers[4], 0), 0);
    world_timer_stop(&timers[2]);
    world_timer_stop(&timers[2]);
    assert_false(world_timer_active(&timers[2]));
    assert_true(world_timer_active(&timers[1]));
    assert_int_equal(world_timer_start(&timers[3], 9 * MILLISECOND), 0); /* moved behind the others */
    assert_int_equal(order.len, 0);                                      /* nothing fires inside start */
    wait_count(f->world, &order.len, 4);
    assert_string_equal(order.text, "ebad");
    uint64_t took = world_now(f->world) - start;
    assert_true(took >= 9 * MILLISECOND);
    if (f->sim)
        assert_int_equal(took, 9 * MILLISECOND);
    assert_int_equal(world_run(f->world), 0); /* nothing left: returns at once */
}

enum { HEAP_TIMERS = 400 };
struct heap {
    struct world_timer timers[HEAP_TIMERS];
    struct heap_mark {
        struct heap *heap;
        const struct world_timer *timer;
    } marks[HEAP_TIMERS];
    size_t fired;
    uint64_t at, sequence;
    bool disordered;
};

static void heap_fire(void *arg)
{
    const struct heap_mark *m = arg;
    struct heap *h = m->heap;
    if (m->timer->at < h->at || (m->timer->at == h->at && m->timer->sequence < h->sequence))
        h->disordered = true;
    h->at = m->timer->at;
    h->sequence = m->timer->sequence;
    h->fired++;
}

/* Many timers, some equal, every third stopped, every fifth moved: order by time, then by start. */
static void test_timer_heap(void **state)
{
    const struct fixture *f = *state;
    struct heap *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    struct random r;
    random_seed(&r, 3);
    size_t stopped = 0;
    for (size_t i = 0; i < HEAP_TIMERS; i++) {
        h->marks[i] = (struct heap_mark){h, &h->timers[i]};
        world_timer_init(&h->timers[i], f->world, heap_fire, &h->marks[i]);
        assert_int_equal(world_timer_start(&h->timers[i], random_below(&r, 40) * 100 * MICROSECOND), 0);
    }
    for (size_t i = 0; i < HEAP_TIMERS; i++) {
        if (i % 5 == 0)
            assert_int_equal(world_timer_start(&h->timers[i], random_below(&r, 40) * 100 * MICROSECOND), 0);
        if (i % 3 == 0) {
            world_timer_stop(&h->timers[i]);
            stopped++;
        }
    }
    wait_count(f->world, &h->fired, HEAP_TIMERS - stopped);
    assert_int_equal(world_run(f->world), 0);
    assert_int_equal(h->fired, HEAP_TIMERS - stopped);
    assert_false(h->disordered);
    free(h);
}

struct chain {
    struct world_timer timer;
    struct world_task first, second;
    struct order order;
    size_t rounds;
};

static void chain_first(void *arg)
{
    struct chain *c = arg;
    c->order.text[c->order.len++] = '1';
    if (++c->rounds < 3)
        world_task_post(&c->first); /* waits for the next round */
    world_task_post(&c->second);
}

static void chain_second(void *arg)
{
    struct chain *c = arg;
    c->order.text[c->order.len++] = '2';
}

static void chain_timer(void *arg)
{
    struct chain *c = arg;
    c->order.text[c->order.len++] = 't';
    world_task_post(&c->first);
    world_task_post(&c->first); /* once */
}

static void test_tasks(void **state)
{
    const struct fixture *f = *state;
    struct chain c = {0};
    world_timer_init(&c.timer, f->world, chain_timer, &c);
    world_task_init(&c.first, f->world, chain_first, &c);
    world_task_init(&c.second, f->world, chain_second, &c);
    assert_int_equal(world_timer_start(&c.timer, MILLISECOND), 0);
    assert_int_equal(world_run(f->world), 0);
    /* Round 1: first. Round 2: first, second. Round 3: first, which posts second anew. Round 4: second. */
    assert_string_equal(c.order.text, "t11212");
    world_task_post(&c.second);
    world_task_post(&c.first);
    world_task_cancel(&c.second);
    world_task_cancel(&c.first);
    world_task_cancel(&c.first);
    size_t before = c.order.len;
    assert_int_equal(world_run(f->world), 0);
    assert_int_equal(c.order.len, before);
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void stop_fire(void *arg)
{
    world_stop(arg);
}

static void nothing_fire(void *arg)
{
    (void)arg;
}

static void nest_fire(void *arg)
{
    struct fixture *f = arg;
    assert_int_equal(world_run_until(f->world, never, NULL, 1), ERROR_INVALID);
    world_stop(f->world);
}

static void test_run(void **state)
{
    struct fixture *f = *state;
    struct world_timer t;
    assert_int_equal(world_run_until(f->world, never, NULL, 0), ERROR_CLOSED);
    assert_int_equal(world_run_until(f->world, never, NULL, SECOND), ERROR_CLOSED);
    uint64_t start = world_now(f->world);
    assert_int_equal(world_sleep(f->world, 3 * MILLISECOND), 0);
    assert_true(world_now(f->world) - start >= 3 * MILLISECOND);
    world_timer_init(&t, f->world, nothing_fire, NULL);
    assert_int_equal(world_timer_start(&t, HOUR), 0);
    start = world_now(f->world);
    assert_int_equal(world_run_until(f->world, never, NULL, 2 * MILLISECOND), ERROR_TIMEOUT);
    assert_true(world_now(f->world) - start >= 2 * MILLISECOND);
    assert_true(world_now(f->world) - start < MINUTE);
    world_timer_stop(&t);
    world_timer_init(&t, f->world, stop_fire, f->world);
    assert_int_equal(world_timer_start(&t, MILLISECOND), 0);
    assert_int_equal(world_run_until(f->world, never, NULL, MINUTE), ERROR_CANCELLED);
    world_timer_init(&t, f->world, nest_fire, f);
    assert_int_equal(world_timer_start(&t, MILLISECOND), 0);
    assert_int_equal(world_run(f->world), 0);
}

/* ---- random numbers, points -------------------------------------------------------------------------------------- */

static void test_random(void **state)
{
    const struct fixture *f = *state;
    uint8_t a[32], b[32];
    assert_int_equal(world_entropy(f->world, a, sizeof(a)), 0);
    assert_int_equal(world_entropy(f->world, b, sizeof(b)), 0);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(random_next(world_random(f->world)) != random_next(world_random(f->world)));
    assert_true(world_seed(f->world) != 0);
    assert_true(world_wall(f->world) > INT64_C(1700000000) * SECOND);
}

static void test_points(void **state)
{
    const struct fixture *f = *state;
    struct world *w = f->world;
    assert_int_equal(world_point(w, "a.b"), 0);
    assert_int_equal(world_point_hits(w, "a.b"), 0); /* nothing is armed, nothing is counted */
    assert_int_equal(world_point_arm(w, "a.b", POINT_ERROR, 2, false), 0);
    assert_int_equal(world_point(w, "a.b"), 0);
    assert_int_equal(world_point(w, "other"), 0);
    assert_int_equal(world_point(w, "a.b"), ERROR_INJECTED);
    assert_int_equal(world_point(w, "a.b"), 0);
    assert_int_equal(world_point_hits(w, "a.b"), 3);
    assert_int_equal(world_point_hits(w, "other"), 1);
    assert_int_equal(world_point_hits(w, "unknown"), 0);
    assert_int_equal(world_point_arm(w, "a.b", POINT_ERROR, 2, true), 0); /* counted from here */
    assert_int_equal(world_point(w, "a.b"), 0);
    assert_int_equal(world_point(w, "a.b"), ERROR_INJECTED);
    assert_int_equal(world_point(w, "a.b"), ERROR_INJECTED);
    assert_int_equal(world_point_arm(w, "a.b", POINT_NONE, 1, false), 0);
    assert_int_equal(world_point(w, "a.b"), 0);
    assert_int_equal(world_point_arm(w, "", POINT_ERROR, 1, false), ERROR_INVALID);
}

static void test_exit_words(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    world_exit_format((struct world_exit){.code = 3}, &t);
    assert_string_equal(t.data, "exited with code 3");
    text_clear(&t);
    world_exit_format((struct world_exit){.signalled = true, .code = 9}, &t);
    assert_string_equal(t.data, "killed by signal 9 (SIGKILL)");
    text_deinit(&t);
}

#define BOTH(test)                                                                                                     \
    {#test ", real", test, fixture_real, fixture_end, NULL},                                                           \
    {                                                                                                                  \
#test ", sim", test, fixture_sim, fixture_end, NULL                                                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_timer_order),
        BOTH(test_timer_heap),
        BOTH(test_tasks),
        BOTH(test_run),
        BOTH(test_random),
        BOTH(test_points),
        {"test_exit_words", test_exit_words, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
