/* What a server puts up with from clients that keep it waiting: nothing said, half a greeting, half a frame. Virtual
 * time only. */
#include "rpc/test_fixture.h"

#include "rpc/link.h"

#include <stdio.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HELLO   PREFACE "\0\0\0\4\0\0\0\0\0"
#define PING    "\0\0\x08\6\0\0\0\0\0abcdefgh"

struct client {
    struct world *world;
    struct world_stream *stream;
    bool connected, ended;
    uint64_t ended_at;
    size_t received;
};

static void on_connected(void *arg)
{
    ((struct client *)arg)->connected = true;
}

static void on_readable(void *arg, struct bytes data)
{
    ((struct client *)arg)->received += data.len;
}

static void on_ended(void *arg, int reason)
{
    struct client *c = arg;
    (void)reason;
    c->ended = true;
    c->ended_at = world_now(c->world);
}

static const struct world_stream_events events = {
    .connected = on_connected, .readable = on_readable, .ended = on_ended};

static void open_client(struct fixture *f, struct client *c)
{
    *c = (struct client){.world = f->world};
    assert_int_equal(world_connect(f->world, f->servers[0].address, &events, c, &c->stream, NULL), 0);
    while (!c->connected)
        fixture_run(f, 1 * (uint64_t)MILLISECOND);
}

/* Says `bytes`, in pieces of `step`, one every `pause`; ns until the server hung up, or UINT64_MAX: not in a minute
 * after the last. */
static uint64_t said(struct fixture *f, const char *bytes, size_t len, size_t step, uint64_t pause)
{
    struct client c;
    open_client(f, &c);
    uint64_t begun = world_now(f->world);
    for (size_t at = 0; at < len && !c.ended; at += step) {
        assert_int_equal(world_stream_write(c.stream, BYTES(bytes + at, step < len - at ? step : len - at)), 0);
        fixture_run(f, pause);
    }
    if (!c.ended)
        fixture_run(f, 60 * (uint64_t)SECOND);
    world_stream_close(c.stream);
    return c.ended ? c.ended_at - begun : UINT64_MAX;
}

static void in_time(uint64_t took, uint64_t from)
{
    const uint64_t slack = 100 * (uint64_t)MILLISECOND;
    if (took < from + RPC_PATIENCE - slack || took > from + RPC_PATIENCE + slack)
        fail_msg("cut off after %.3f s", (double)took / (double)SECOND);
}

static void greetings(void **state)
{
    struct fixture *f = *state;
    const uint64_t second = (uint64_t)SECOND;
    fixture_serve(f, 0, NULL);
    in_time(said(f, "", 0, 1, 0), 0);
    in_time(said(f, PREFACE, 10, 10, 0), 0);
    in_time(said(f, PREFACE, sizeof PREFACE - 1, 24, 0), 0);
    in_time(said(f, HELLO, sizeof HELLO - 2, 40, 0), 0);
    /* A byte a second is no more than silence. */
    in_time(said(f, HELLO, sizeof HELLO - 1, 1, 1 * second), 0);
    /* The whole of it, and then nothing, is a client that has no calls to make. */
    assert_true(said(f, HELLO, sizeof HELLO - 1, 40, 0) == UINT64_MAX);
    assert_true(said(f, HELLO, sizeof HELLO - 1, 1, second / 3) == UINT64_MAX);
}

static void half_frames(void **state)
{
    struct fixture *f = *state;
    const uint64_t second = (uint64_t)SECOND;
    static const char half[] = HELLO PING PING "\0\0\x08\6\0\0\0\0\0abc";
    static const char slow[] = HELLO PING PING PING PING;
    static const char block[] = HELLO "\0\0\1\1\0\0\0\0\1\x83"
                                      "\0\0\1\x09\0\0\0\0\1\x86";
    fixture_serve(f, 0, NULL);
    in_time(said(f, half, sizeof half - 1, sizeof half - 1, 0), 0);
    in_time(said(f, block, sizeof block - 1, sizeof block - 1, 0), 0);
    /* The wait begins with the frame, not with the connection. */
    in_time(said(f, HELLO "\0\0\x08\6\0", sizeof HELLO - 1 + 5, sizeof HELLO - 1, 10 * second), 10 * second);
    /* However slow, as long as each frame comes to its end in time: they have 17 bytes, the pieces 11. */
    assert_true(said(f, slow, sizeof slow - 1, 11, 9 * second) == UINT64_MAX);
    assert_true(said(f, slow, sizeof slow - 1, 11, 11 * second) < UINT64_MAX);
    /* Others are served all the while. */
    fixture_connect(f, NULL);
    assert_int_equal(fixture_ping(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SIM(greetings), SIM(half_frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
