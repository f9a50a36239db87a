/* Looking before sleeping (real_spin.c), and doing a chain of tasks in one turn, change when a loop sleeps, and nothing
 * of what it does. */
#include "world/test_worlds.h"

#include <stdlib.h>

#define ROUNDS 400
#define PAUSE  ((uint64_t)(200 * MICROSECOND)) /* longer than the usual look */

struct pair {
    struct world_stream *near, *far;
    struct world_timer late; /* the far end's answer */
    uint64_t delay;
    size_t answers;
};

static void far_answer(void *arg)
{
    struct pair *p = arg;
    assert_int_equal(world_stream_write(p->far, bytes_of("answer")), 0);
}

static void far_readable(void *arg, struct bytes data)
{
    struct pair *p = arg;
    (void)data;
    if (p->delay > 0)
        assert_int_equal(world_timer_start(&p->late, p->delay), 0);
    else
        far_answer(p);
}

static void near_readable(void *arg, struct bytes data)
{
    struct pair *p = arg;
    (void)data;
    p->answers++;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void over(void *arg, int reason)
{
    (void)arg;
    (void)reason;
}

static void far_accept(void *arg, struct world_stream *s)
{
    static const struct world_stream_events events = {.readable = far_readable, .ended = over};
    struct pair *p = arg;
    p->far = s;
    world_stream_accept(s, &events, p);
}

/* Answers at once, then answers that come later than anybody looks, each as late as it was told and no sooner. */
static void exchange(struct world *w)
{
    static const struct world_stream_events events = {.connected = nothing, .readable = near_readable, .ended = over};
    struct pair p = {.delay = 0};
    struct world_listener *listener = NULL;
    world_timer_init(&p.late, w, far_answer, &p);
    assert_int_equal(world_listen(w, "127.0.0.1:0", far_accept, &p, &listener, NULL), 0);
    assert_int_equal(world_connect(w, world_listener_address(listener), &events, &p, &p.near, NULL), 0);
    for (size_t i = 0; i < ROUNDS; i++) {
        p.delay = i % 8 == 7 ? PAUSE : 0;
        uint64_t start = world_now(w);
        assert_int_equal(world_stream_write(p.near, bytes_of("question")), 0);
        wait_count(w, &p.answers, i + 1);
        assert_true(world_now(w) - start >= p.delay);
        if (i % 16 == 3) {
            start = world_now(w);
            assert_int_equal(world_sleep(w, PAUSE), 0);
            assert_true(world_now(w) - start >= PAUSE);
        }
    }
    world_stream_close(p.near);
    world_stream_close(p.far);
    world_listener_close(listener);
}

static void test_every_limit(void **state)
{
    static const char *const limits[] = {NULL, "0", "1", "100", "99999999", "-1", "x", ""};
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct world *w = NULL;
        if (limits[i] != NULL)
            assert_int_equal(setenv("HARROW_SPIN", limits[i], 1), 0);
        assert_int_equal(world_real_new(1, &w, NULL), 0);
        exchange(w);
        world_real_free(w);
        assert_int_equal(unsetenv("HARROW_SPIN"), 0);
    }
}

/* ---- tasks that post tasks --------------------------------------------------------------------------------------- */

#define LINKS 100

struct chain {
    struct world *world;
    struct world_task task;
    unsigned done, stop_at;
};

static void link_run(void *arg)
{
    struct chain *c = arg;
    if (++c->done < LINKS)
        world_task_post(&c->task);
    if (c->done == c->stop_at)
        world_stop(c->world);
}

static bool chain_over(void *arg)
{
    return ((const struct chain *)arg)->done == LINKS;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* Nothing but tasks keeps this loop alive. */
static void test_chains(void **state)
{
    struct chain c = {.stop_at = LINKS / 2};
    (void)state;
    assert_int_equal(world_real_new(1, &c.world, NULL), 0);
    world_task_init(&c.task, c.world, link_run, &c);
    world_task_post(&c.task);
    assert_int_equal(world_run_until(c.world, never, NULL, 0), ERROR_CANCELLED);
    assert_true(c.done >= c.stop_at && c.done < LINKS);
    assert_int_equal(world_run_until(c.world, chain_over, &c, 0), 0);
    assert_int_equal(world_run_until(c.world, never, NULL, 0), ERROR_CLOSED);
    assert_int_equal(c.done, LINKS);
    world_real_free(c.world);
}

/* An answer is heard while tasks go on and on. */
static void test_streams_between(void **state)
{
    static const struct world_stream_events events = {.connected = nothing, .readable = near_readable, .ended = over};
    struct chain c = {.stop_at = 0};
    struct pair p = {.delay = 0};
    struct world_listener *listener = NULL;
    (void)state;
    assert_int_equal(world_real_new(1, &c.world, NULL), 0);
    world_timer_init(&p.late, c.world, far_answer, &p);
    assert_int_equal(world_listen(c.world, "127.0.0.1:0", far_accept, &p, &listener, NULL), 0);
    assert_int_equal(world_connect(c.world, world_listener_address(listener), &events, &p, &p.near, NULL), 0);
    assert_int_equal(world_stream_write(p.near, bytes_of("question")), 0);
    world_task_init(&c.task, c.world, link_run, &c);
    while (p.answers == 0) { /* the chain begins anew until then */
        c.done = 0;
        world_task_post(&c.task);
        assert_int_equal(world_run_until(c.world, chain_over, &c, 0), 0);
    }
    world_stream_close(p.near);
    world_stream_close(p.far);
    world_listener_close(listener);
    world_real_free(c.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_limit), cmocka_unit_test(test_chains),
                                       cmocka_unit_test(test_streams_between)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
