/* A link and what effects do to the bytes and connections on it, over real sockets and simulated ones. */
#include "chaos/proxy/test_talk.h"

#include <stdio.h>
#include <sys/resource.h>

#define SHORT ((uint64_t)(20 * MILLISECOND)) /* a silence that would have been broken by then */
#define LONG  ((uint64_t)(60 * MILLISECOND))
#define BULK  ((size_t)24 << 20) /* more than sockets and queues hold */

static uint64_t now(const struct talk *t)
{
    return world_now(t->f->world);
}

/* ---- without effects ---- */

static void bytes_and_ends(void **state)
{
    struct talk t;
    talk_start(&t, *state, false);
    t.server[0].late = true;
    struct end *c = talk_connect(&t);
    talk_say(c, "first words");
    talk_until(&t, &t.server[0].got.len, strlen("first words"));
    assert_string_equal(text_string(&t.server[0].got), "first words");
    /* The caller's direction ends; the called's goes on, and ends by itself. */
    world_stream_shutdown(c->stream);
    talk_until(&t, &c->finished, 1);
    assert_int_equal(t.server[0].finished, 1);
    assert_string_equal(text_string(&c->got), "late");
    assert_int_equal(c->ended + t.server[0].ended, 0);
    assert_int_equal(proxy_link_bytes(t.link, PROXY_UP), strlen("first words"));
    assert_int_equal(proxy_link_bytes(t.link, PROXY_DOWN), strlen("late"));
    assert_int_equal(proxy_link_connections(t.link), 0);
    talk_stop(&t);
}

static void called_ends_first(void **state)
{
    struct talk t;
    talk_start(&t, *state, true);
    struct end *c = talk_greeted(&t);
    c->late = true;
    world_stream_shutdown(t.server[0].stream);
    talk_until(&t, &t.server[0].finished, 1);
    assert_int_equal(c->finished, 1);
    assert_string_equal(text_string(&t.server[0].got), "hellolate");
    talk_stop(&t);
}

static void breaks_are_told(void **state)
{
    struct talk t;
    talk_start(&t, *state, true);
    struct end *c = talk_greeted(&t);
    world_stream_abort(c->stream);
    c->stream = NULL;
    talk_until(&t, &t.server[0].ended, 1);
    assert_int_equal(t.server[0].reason, ERROR_RESET);
    c = talk_greeted(&t);
    world_stream_abort(t.server[1].stream);
    t.server[1].stream = NULL;
    talk_until(&t, &c->ended, 1);
    assert_int_equal(c->reason, ERROR_RESET);
    assert_int_equal(proxy_link_connections(t.link), 0);
    /* Nobody listens behind the link. */
    world_listener_close(t.listener);
    t.listener = NULL;
    c = talk_connect(&t);
    talk_until(&t, &c->ended, 1);
    proxy_free(t.proxy);
    t.proxy = NULL;
    assert_int_equal(world_listen(t.server_world, "127.0.0.1:0", NULL, NULL, &t.listener, NULL), 0);
    talk_stop(&t);
}

/* A receiver that does not read stops the sender, and little is held in between. */
static void back_pressure(void **state)
{
    struct talk t;
    struct proxy_effect slow = {.delay = 1};
    static char bulk[BULK];
    talk_start(&t, *state, false);
    for (int shaped = 0; shaped < 2; shaped++) {
        struct end *c = talk_connect(&t), *s = &t.server[shaped];
        talk_until(&t, &t.accepted, (size_t)shaped + 1);
        if (shaped)
            talk_attach(&t, &slow, PROXY_BOTH);
        world_stream_pause(s->stream);
        for (size_t i = 0; i < BULK; i++)
            bulk[i] = (char)(i * 7 / 5);
        assert_int_equal(world_stream_write(c->stream, BYTES(bulk, BULK)), 0);
        fixture_run(t.f, LONG);
        assert_true(world_stream_queued(c->stream) > 0);
        assert_true(proxy_link_held(t.link) <= PROXY_QUEUE_MAX + ((size_t)64 << 10));
        world_stream_resume(s->stream);
        talk_until(&t, &s->got.len, BULK);
        assert_memory_equal(s->got.data, bulk, BULK);
    }
    talk_detach(&t, &slow);
    talk_stop(&t);
}

static void many_connections(void **state)
{
    /* No kernel queues fewer than wait to be let in here; what it cannot queue it may lose. */
    enum { MOST = 1000, ENDS = 4, OTHERS = 100, AT_ONCE = 50 };
    struct talk t;
    static struct world_stream *streams[MOST];
    static const struct world_stream_events nothing = {0};
    struct rlimit files;
    talk_start(&t, *state, false);
    size_t count = MOST;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    if (!t.f->sim && files.rlim_max < ENDS * MOST + OTHERS) /* a machine that does not give so many */
        count = (size_t)(files.rlim_max - OTHERS) / ENDS;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(world_connect(t.f->world, proxy_link_address(t.link), &nothing, NULL, &streams[i], NULL), 0);
        while ((i + 1 == count || i % AT_ONCE == 0) && proxy_link_accepted(t.link) < i + 1)
            assert_int_equal(world_sleep(t.f->world, MILLISECOND), 0);
    }
    assert_int_equal(proxy_link_accepted(t.link), count);
    /* The server took four and closed the rest, of which the link has learnt. */
    talk_until(&t, &t.accepted, TALK_ENDS);
    for (size_t i = 0; i < count; i++)
        world_stream_close(streams[i]);
    while (proxy_link_connections(t.link) > TALK_ENDS)
        fixture_run(t.f, 5 * MILLISECOND);
    talk_stop(&t);
}

/* ---- bytes ---- */

static void delay_and_jitter(void **state)
{
    struct talk t;
    struct proxy_effect e = {.delay = SHORT, .jitter = SHORT};
    talk_start(&t, *state, true);
    struct end *c = talk_greeted(&t);
    talk_attach(&t, &e, PROXY_UP);
    uint64_t since = now(&t);
    talk_say(c, "1");
    talk_until(&t, &c->got.len, strlen("hello1"));
    assert_true(now(&t) - since >= SHORT);
    talk_say(c, "2");
    talk_say(c, "3");
    talk_until(&t, &c->got.len, strlen("hello123"));
    assert_string_equal(text_string(&c->got), "hello123");
    assert_int_equal(e.hits, 3);
    talk_detach(&t, &e);
    since = now(&t);
    talk_say(c, "4");
    talk_until(&t, &c->got.len, strlen("hello1234"));
    assert_int_equal(e.hits, 3);
    assert_true(!t.f->simulated || now(&t) - since < SHORT); /* a real machine may be busy */
    talk_stop(&t);
}

static void rate_and_slices(void **state)
{
    struct talk t;
    struct proxy_effect rate = {.rate = 100000}, slices = {.slice = 3, .gap = MILLISECOND};
    static char bulk[5000];
    talk_start(&t, *state, false);
    struct end *c = talk_connect(&t), *s = &t.server[0];
    memset(bulk, 'x', sizeof bulk);
    talk_until(&t, &t.accepted, 1);
    talk_attach(&t, &rate, PROXY_UP);
    uint64_t since = now(&t);
    assert_int_equal(world_stream_write(c->stream, BYTES(bulk, sizeof bulk)), 0);
    talk_until(&t, &s->got.len, sizeof bulk);
    assert_true(now(&t) - since >= (uint64_t)(25 * MILLISECOND) && rate.hits == sizeof bulk);
    talk_detach(&t, &rate);
    talk_attach(&t, &slices, PROXY_UP);
    size_t reads = s->reads;
    s->largest = 0;
    assert_int_equal(world_stream_write(c->stream, BYTES(bulk, 30)), 0);
    talk_until(&t, &s->got.len, sizeof bulk + 30);
    assert_true(s->reads - reads > 3 && s->largest < 30);
    assert_int_equal(slices.hits, 30);
    talk_detach(&t, &slices);
    talk_stop(&t);
}

static void changed_bytes(void **state)
{
    struct talk t;
    struct proxy_effect flip = {.flip = PROXY_SHARE_ALL}, repeat = {.repeat = PROXY_SHARE_ALL},
                        garbage = {.garbage = PROXY_SHARE_ALL, .garbage_size = 4};
    talk_start(&t, *state, false);
    struct end *c = talk_connect(&t), *s = &t.server[0];
    talk_attach(&t, &flip, PROXY_UP);
    talk_say(c, "abcd");
    talk_until(&t, &s->got.len, 4);
    for (size_t i = 0; i < 4; i++) {
        unsigned change = (unsigned)(uint8_t)s->got.data[i] ^ (unsigned)(uint8_t) "abcd"[i];
        assert_true(change != 0 && (change & (change - 1)) == 0);
    }
    assert_int_equal(flip.hits, 4);
    talk_detach(&t, &flip); /* the connection is spoilt */
    talk_until(&t, &c->ended, 1);
    c = talk_connect(&t);
    s = &t.server[1];
    talk_attach(&t, &repeat, PROXY_UP);
    talk_say(c, "once ");
    talk_until(&t, &s->got.len, 10);
    assert_string_equal(text_string(&s->got), "once once ");
    talk_attach(&t, &garbage, PROXY_UP);
    talk_say(c, "x");
    talk_until(&t, &s->got.len, 16);
    assert_memory_equal(s->got.data + 10, "xx", 2);
    assert_int_equal(garbage.hits, 4);
    talk_detach(&t, &garbage);
    talk_detach(&t, &repeat);
    talk_stop(&t);
}

/* What is held comes after the heal, and a caller that came meanwhile is let through. */
static void hold(void **state)
{
    struct talk t;
    struct proxy_effect e = {.hold = true};
    talk_start(&t, *state, true);
    struct end *c = talk_greeted(&t);
    talk_attach(&t, &e, PROXY_BOTH);
    talk_say(c, " again");
    struct end *other = talk_connect(&t);
    talk_say(other, "me too");
    assert_false(talk_reaches(&t, &c->got.len, 6, SHORT));
    assert_int_equal(t.accepted, 1);
    talk_detach(&t, &e);
    talk_until(&t, &c->got.len, strlen("hello again"));
    talk_until(&t, &other->got.len, strlen("me too"));
    assert_string_equal(text_string(&c->got), "hello again");
    assert_true(e.hits >= strlen(" again"));
    talk_stop(&t);
}

static void hold_one_way(void **state)
{
    struct talk t;
    struct proxy_effect e = {.hold = true};
    talk_start(&t, *state, true);
    struct end *c = talk_greeted(&t);
    talk_attach(&t, &e, PROXY_DOWN);
    talk_say(c, " there");
    talk_until(&t, &t.server[0].got.len, strlen("hello there")); /* it got there, */
    assert_false(talk_reaches(&t, &c->got.len, 6, SHORT));       /* and the answer does not come back */
    talk_detach(&t, &e);
    talk_until(&t, &c->got.len, strlen("hello there"));
    talk_stop(&t);
}

static void comes_and_goes(void **state)
{
    struct talk t;
    struct proxy_effect e = {.hold = true, .on = SHORT, .off = SHORT};
    talk_start(&t, *state, true);
    uint64_t since = now(&t);
    talk_attach(&t, &e, PROXY_BOTH);
    struct end *c = talk_greeted(&t);
    assert_true(now(&t) - since >= SHORT - MILLISECOND);
    uint64_t longest = 0;
    /* A real process may be kept from running whenever the link is held, but not for ever. */
    for (size_t i = 0; i < 6 || (!t.f->simulated && longest <= SHORT / 3); i++) {
        since = now(&t);
        talk_say(c, ".");
        talk_until(&t, &c->got.len, strlen("hello") + 1 + i);
        if (now(&t) - since > longest)
            longest = now(&t) - since;
        fixture_run(t.f, SHORT / 3);
    }
    assert_true(longest > SHORT / 3);
    talk_detach(&t, &e);
    talk_works(&t);
    talk_stop(&t);
}

static void loss(void **state)
{
    struct talk t;
    struct proxy_effect e = {.lose = true};
    talk_start(&t, *state, true);
    struct end *c = talk_greeted(&t);
    talk_attach(&t, &e, PROXY_UP);
    talk_say(c, "into the void");
    assert_false(talk_reaches(&t, &c->got.len, 6, SHORT));
    assert_int_equal(e.hits, strlen("into the void"));
    talk_detach(&t, &e);
    talk_until(&t, &c->ended, 1); /* with a hole in it, it cannot go on */
    assert_int_equal(c->reason, ERROR_RESET);
    talk_works(&t);
    talk_stop(&t);
}

/* ---- connections ---- */

static void doors(void **state)
{
    static const struct {
        enum proxy_door door;
        int reason; /* 1: it is left waiting */
    } cases[] = {{PROXY_DOOR_REFUSES, ERROR_REFUSED},
                 {PROXY_DOOR_CLOSES, 0},
                 {PROXY_DOOR_RESETS, ERROR_RESET},
                 {PROXY_DOOR_SILENT, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct talk t;
        struct proxy_effect e = {.door = cases[i].door};
        talk_start(&t, *state, true);
        struct end *before = talk_greeted(&t);
        talk_attach(&t, &e, PROXY_BOTH);
        struct end *c = talk_connect(&t);
        if (cases[i].reason == 1) {
            talk_until(&t, &c->connected, 1);
            talk_say(c, "anybody?");
            assert_false(talk_reaches(&t, &c->got.len, 1, SHORT));
        } else if (cases[i].reason == 0) {
            talk_until(&t, &c->finished, 1);
        } else {
            talk_until(&t, &c->ended, 1);
            assert_int_equal(c->reason, cases[i].reason);
        }
        assert_int_equal(t.accepted, 1);
        assert_true(e.hits > 0);
        talk_say(before, "!"); /* who was in before goes on */
        talk_until(&t, &before->got.len, strlen("hello!"));
        talk_detach(&t, &e);
        if (cases[i].reason == 1)
            talk_until(&t, &c->ended, 1);
        talk_works(&t);
        talk_stop(&t);
    }
}

static void limits(void **state)
{
    struct talk t;
    struct proxy_effect count = {.connections = 1}, bytes = {.bytes = 7}, after = {.hold = true, .after = SHORT};
    talk_start(&t, *state, true);
    struct end *c = talk_greeted(&t);
    talk_attach(&t, &count, PROXY_BOTH);
    struct end *more = talk_connect(&t);
    talk_until(&t, &more->finished, 1);
    assert_int_equal(count.hits, 1);
    talk_detach(&t, &count);
    talk_attach(&t, &bytes, PROXY_UP); /* seven more, then the end */
    talk_say(c, "0123456789");
    talk_until(&t, &c->finished, 1);
    talk_until(&t, &t.server[0].got.len, strlen("hello0123456"));
    assert_string_equal(text_string(&t.server[0].got), "hello0123456");
    assert_int_equal(bytes.hits, 1);
    talk_detach(&t, &bytes);
    c = talk_greeted(&t);
    uint64_t since = now(&t);
    talk_attach(&t, &after, PROXY_BOTH);
    after.reset = true;
    talk_say(c, "?");
    talk_until(&t, &c->ended, 1);
    assert_int_equal(c->reason, ERROR_RESET);
    assert_true(now(&t) - since >= SHORT / 2);
    talk_detach(&t, &after);
    talk_works(&t);
    talk_stop(&t);
}

static void resets_and_orphans(void **state)
{
    for (unsigned keep = 0; keep <= PROXY_DOWN; keep++) { /* 0: reset both */
        struct talk t;
        struct proxy_effect e = {.deaf = true};
        talk_start(&t, *state, true);
        struct end *c = talk_greeted(&t), *s = &t.server[0];
        if (keep == 0) {
            assert_int_equal(proxy_reset(t.link), 1);
            talk_until(&t, &c->ended, 1);
            talk_until(&t, &s->ended, 1);
        } else {
            struct end *told = keep == PROXY_UP ? s : c, *left = keep == PROXY_UP ? c : s;
            talk_attach(&t, &e, PROXY_BOTH);
            assert_int_equal(proxy_orphan(t.link, keep), 1);
            talk_until(&t, &told->ended, 1);
            talk_say(left, "are you there?");
            assert_false(talk_reaches(&t, &left->ended, 1, SHORT));
            talk_detach(&t, &e);
            talk_until(&t, &left->ended, 1);
        }
        talk_works(&t);
        talk_stop(&t);
    }
}

/* That the called broke is not told while the link is deaf. */
static void deaf(void **state)
{
    struct talk t;
    struct proxy_effect e = {.deaf = true};
    talk_start(&t, *state, true);
    struct end *c = talk_greeted(&t);
    talk_attach(&t, &e, PROXY_DOWN);
    world_stream_abort(t.server[0].stream);
    t.server[0].stream = NULL;
    assert_false(talk_reaches(&t, &c->ended, 1, SHORT));
    talk_detach(&t, &e);
    talk_until(&t, &c->ended, 1);
    talk_works(&t);
    talk_stop(&t);
}

static void too_many(void **state)
{
    struct talk t;
    struct proxy_effect e[PROXY_ATTACHED_MAX + 1] = {{.delay = 1}};
    talk_start(&t, *state, true);
    for (size_t i = 0; i < PROXY_ATTACHED_MAX; i++)
        talk_attach(&t, &e[i], PROXY_BOTH);
    assert_int_equal(proxy_attach(t.link, &e[PROXY_ATTACHED_MAX], PROXY_BOTH, NULL), ERROR_LIMIT);
    for (size_t i = 0; i <= PROXY_ATTACHED_MAX; i++)
        talk_detach(&t, &e[i]);
    talk_works(&t);
    talk_stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(bytes_and_ends),
        BOTH(called_ends_first),
        BOTH(breaks_are_told),
        BOTH(back_pressure),
        BOTH(many_connections),
        BOTH(delay_and_jitter),
        BOTH(rate_and_slices),
        BOTH(changed_bytes),
        BOTH(hold),
        BOTH(hold_one_way),
        BOTH(comes_and_goes),
        BOTH(loss),
        BOTH(doors),
        BOTH(limits),
        BOTH(resets_and_orphans),
        BOTH(deaf),
        BOTH(too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
