/* Looking before sleeping (real_spin.c) changes when a loop sleeps, and nothing of what it does. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
