/* One scenario, both worlds: what world.h promises about streams. */
#include "world/test_worlds.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One end, with everything that happened to it. */
struct end {
    struct world_stream *stream;
    struct text got;
    size_t connected, ended, drained, reads;
    int reason;
    bool echo, close_at_end, hold; /* hold: paused when accepted */
};

static void end_connected(void *arg)
{
    struct end *e = arg;
    assert_int_equal(e->reads, 0);
    e->connected++;
}

static void end_readable(void *arg, struct bytes data)
{
    struct end *e = arg;
    assert_int_equal(e->ended, 0);
    assert_true(data.len > 0);
    e->reads++;
    text_add(&e->got, data.data, data.len);
    if (e->echo)
        assert_int_equal(world_stream_write(e->stream, data), 0);
}

static void end_drained(void *arg)
{
    struct end *e = arg;
    assert_true(world_stream_queued(e->stream) <= WORLD_WRITE_LOW);
    e->drained++;
}

static void end_ended(void *arg, int reason)
{
    struct end *e = arg;
    assert_int_equal(e->ended, 0);
    e->ended++;
    e->reason = reason;
    assert_int_equal(world_stream_write(e->stream, bytes_of("late")), ERROR_CLOSED);
    if (e->close_at_end) {
        world_stream_close(e->stream);
        e->stream = NULL;
    }
}

static const struct world_stream_events end_events = {
    .connected = end_connected, .readable = end_readable, .drained = end_drained, .ended = end_ended};

struct server {
    struct world_listener *listener;
    struct end end;
    struct end others[3]; /* connections after the first */
    size_t accepted;
    bool turn_away;
};

static void server_accept(void *arg, struct world_stream *s)
{
    struct server *server = arg;
    size_t number = server->accepted++;
    if (server->turn_away)
        return; /* neither accepted nor closed: the world closes it */
    assert_non_null(world_stream_peer(s));
    assert_in_range(number, 0, 3);
    struct end *end = number == 0 ? &server->end : &server->others[number - 1];
    end->close_at_end = server->end.close_at_end;
    end->stream = s;
    if (end->hold)
        world_stream_pause(s);
    world_stream_accept(s, &end_events, end);
}

static void server_start(const struct fixture *f, struct server *s, const char *address)
{
    struct error err = ERROR_INIT;
    int code = world_listen(f->world, address, server_accept, s, &s->listener, &err);
    if (code < 0)
        fail_msg("listen: %s", err.message);
}

static void client_start(const struct fixture *f, struct end *c, const char *address)
{
    struct error err = ERROR_INIT;
    int code = world_connect(f->world, address, &end_events, c, &c->stream, &err);
    if (code < 0)
        fail_msg("connect: %s", err.message);
    assert_int_equal(c->connected, 0);
}

static void finish(const struct fixture *f, struct server *s, struct end *c)
{
    world_stream_close(c->stream);
    world_stream_close(s->end.stream);
    world_listener_close(s->listener);
    text_deinit(&c->got);
    text_deinit(&s->end.got);
    assert_int_equal(world_run(f->world), 0); /* nothing keeps the loop alive */
}

static void echo_over(const struct fixture *f, const char *address)
{
    struct server s = {.end = {.echo = true, .close_at_end = true}};
    struct end c = {0};
    server_start(f, &s, address);
    client_start(f, &c, world_listener_address(s.listener));
    assert_int_equal(world_stream_write(c.stream, bytes_of("before ")), 0); /* queued until connected */
    wait_count(f->world, &c.connected, 1);
    assert_int_equal(world_stream_write(c.stream, bytes_of("and after")), 0);
    assert_int_equal(world_stream_write(c.stream, BYTES_NONE), 0);
    wait_count(f->world, &c.got.len, strlen("before and after"));
    assert_string_equal(c.got.data, "before and after");
    assert_int_equal(c.connected, 1);
    world_stream_shutdown(c.stream);
    assert_int_equal(world_stream_write(c.stream, bytes_of("x")), ERROR_CLOSED);
    wait_count(f->world, &s.end.ended, 1);
    assert_int_equal(s.end.reason, 0);
    wait_count(f->world, &c.ended, 1); /* the server closed in turn */
    assert_int_equal(c.reason, 0);
    finish(f, &s, &c);
}

struct half {
    struct world_stream *stream;
    struct text got;
    size_t finished, ended;
};

static void half_readable(void *arg, struct bytes data)
{
    struct half *h = arg;
    text_add(&h->got, data.data, data.len);
}

static void half_finished(void *arg)
{
    ((struct half *)arg)->finished++;
}

static void half_ended(void *arg, int reason)
{
    (void)reason;
    ((struct half *)arg)->ended++;
}

static const struct world_stream_events half_events = {
    .readable = half_readable, .finished = half_finished, .ended = half_ended};

static void half_accept(void *arg, struct world_stream *s)
{
    struct half *h = arg;
    h->stream = s;
    world_stream_accept(s, &half_events, h);
}

/* Who asks for it is told of the end of one direction, and goes on writing. */
static void test_half_close(void **state)
{
    const struct fixture *f = *state;
    struct half server = {0}, client = {0};
    struct world_listener *listener;
    assert_int_equal(world_listen(f->world, "127.0.0.1:0", half_accept, &server, &listener, NULL), 0);
    const char *address = world_listener_address(listener);
    assert_int_equal(world_connect(f->world, address, &half_events, &client, &client.stream, NULL), 0);
    assert_int_equal(world_stream_write(client.stream, bytes_of("question")), 0);
    world_stream_shutdown(client.stream);
    wait_count(f->world, &server.finished, 1);
    assert_string_equal(text_string(&server.got), "question");
    assert_int_equal(world_stream_write(server.stream, bytes_of("an answer, ")), 0);
    wait_count(f->world, &client.got.len, strlen("an answer, "));
    world_stream_pause(server.stream);
    world_stream_resume(server.stream);
    assert_int_equal(world_stream_write(server.stream, bytes_of("and more")), 0);
    world_stream_shutdown(server.stream);
    wait_count(f->world, &client.finished, 1);
    assert_string_equal(text_string(&client.got), "an answer, and more");
    assert_int_equal(server.finished + client.finished, 2);
    assert_int_equal(server.ended + client.ended, 0);
    world_stream_close(client.stream);
    world_stream_close(server.stream);
    world_listener_close(listener);
    text_deinit(&client.got);
    text_deinit(&server.got);
    assert_int_equal(world_run(f->world), 0);
}

static void test_echo(void **state)
{
    echo_over(*state, "127.0.0.1:0");
}

static void test_echo_name(void **state)
{
    echo_over(*state, "localhost:0");
}

static void test_echo_unix(void **state)
{
    const struct fixture *f = *state;
    char address[300];
    snprintf(address, sizeof(address), "unix:%s", fixture_path(f, "socket"));
    echo_over(f, address);
    echo_over(f, address); /* the name is free again */
}

/* A client by name, which in the real world goes through the resolver. */
static void test_connect_name(void **state)
{
    const struct fixture *f = *state;
    struct server s = {0};
    struct end c = {0};
    char address[64];
    server_start(f, &s, "127.0.0.1:0");
    assert_true(world_listener_port(s.listener) > 0);
    snprintf(address, sizeof(address), "localhost:%d", world_listener_port(s.listener));
    client_start(f, &c, address);
    assert_string_equal(world_stream_peer(c.stream), address);
    wait_count(f->world, &c.connected, 1);
    wait_count(f->world, &s.accepted, 1);
    finish(f, &s, &c);
}

static void test_bad_addresses(void **state)
{
    const struct fixture *f = *state;
    static const char *const bad[] = {"",           "nothing", ":80",   "host:",   "host:x",
                                      "host:70000", "host:-1", "a:b:1", "[::1:80", "unix:"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct world_stream *s;
        struct world_listener *l;
        struct error err = ERROR_INIT;
        assert_int_equal(world_connect(f->world, bad[i], &end_events, NULL, &s, &err), ERROR_INVALID);
        assert_non_null(err.message);
        assert_null(s);
        assert_int_equal(world_listen(f->world, bad[i], server_accept, NULL, &l, &err), ERROR_INVALID);
        assert_null(l);
        error_clear(&err);
    }
}

static void test_in_use(void **state)
{
    const struct fixture *f = *state;
    struct server s = {0};
    struct world_listener *second;
    struct error err = ERROR_INIT;
    server_start(f, &s, "127.0.0.1:0");
    assert_int_equal(world_listen(f->world, world_listener_address(s.listener), server_accept, &s, &second, &err),
                     ERROR_IN_USE);
    char expected[128];
    snprintf(expected, sizeof(expected), "%s is already in use", world_listener_address(s.listener));
    assert_string_equal(err.message, expected);
    error_clear(&err);
    world_listener_close(s.listener);
    assert_int_equal(world_run(f->world), 0);
}

static void test_refused(void **state)
{
    const struct fixture *f = *state;
    struct server s = {0};
    struct end c = {0};
    char address[128];
    server_start(f, &s, "127.0.0.1:0");
    snprintf(address, sizeof(address), "%s", world_listener_address(s.listener));
    world_listener_close(s.listener); /* now nobody listens there */
    s.listener = NULL;
    client_start(f, &c, address);
    assert_int_equal(world_stream_write(c.stream, bytes_of("lost")), 0);
    wait_count(f->world, &c.ended, 1);
    assert_int_equal(c.reason, ERROR_REFUSED);
    assert_int_equal(c.connected, 0);
    finish(f, &s, &c);
}

static void test_turned_away(void **state)
{
    const struct fixture *f = *state;
    struct server s = {.turn_away = true};
    struct end c = {0};
    server_start(f, &s, "127.0.0.1:0");
    client_start(f, &c, world_listener_address(s.listener));
    wait_count(f->world, &c.ended, 1);
    assert_int_equal(s.accepted, 1);
    finish(f, &s, &c);
}

/* ---- back-pressure ----------------------------------------------------------------------------------------------- */

#define FLOOD_CHUNK ((size_t)32 << 10)
#define FLOOD_MAX   ((size_t)1 << 30) /* more than any kernel is told to hold */

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 9));
}

static void test_back_pressure(void **state)
{
    const struct fixture *f = *state;
    struct server s = {.end = {.hold = true}};
    struct end c = {0};
    server_start(f, &s, "127.0.0.1:0");
    client_start(f, &c, world_listener_address(s.listener));
    wait_count(f->world, &c.connected, 1);
    wait_count(f->world, &s.accepted, 1);
    uint8_t *chunk = malloc(FLOOD_CHUNK);
    assert_non_null(chunk);
    size_t sent = 0;
    while (world_stream_queued(c.stream) <= WORLD_WRITE_HIGH) {
        for (size_t i = 0; i < FLOOD_CHUNK; i++)
            chunk[i] = pattern(sent + i);
        assert_int_equal(world_stream_write(c.stream, BYTES(chunk, FLOOD_CHUNK)), 0);
        sent += FLOOD_CHUNK;
        assert_true(sent < FLOOD_MAX);
    }
    free(chunk);
    assert_int_equal(world_sleep(f->world, 5 * MILLISECOND), 0);
    assert_int_equal(s.end.reads, 0); /* paused means paused */
    assert_int_equal(c.drained, 0);
    world_stream_resume(s.end.stream);
    wait_count(f->world, &s.end.got.len, sent);
    wait_count(f->world, &c.drained, 1);
    assert_int_equal(c.drained, 1);
    assert_int_equal(s.end.got.len, sent);
    for (size_t i = 0; i < sent; i++)
        if ((uint8_t)s.end.got.data[i] != pattern(i))
            fail_msg("byte %zu of %zu is wrong", i, sent);
    finish(f, &s, &c);
}

/* Closing with bytes queued: they still arrive, and then an orderly end. */
static void test_close_flushes(void **state)
{
    const struct fixture *f = *state;
    struct server s = {0};
    struct end c = {0};
    server_start(f, &s, "127.0.0.1:0");
    client_start(f, &c, world_listener_address(s.listener));
    wait_count(f->world, &c.connected, 1);
    wait_count(f->world, &s.accepted, 1);
    size_t sent = 0;
    uint8_t *chunk = calloc(1, FLOOD_CHUNK);
    assert_non_null(chunk);
    while (world_stream_queued(c.stream) <= 4 * FLOOD_CHUNK) {
        assert_int_equal(world_stream_write(c.stream, BYTES(chunk, FLOOD_CHUNK)), 0);
        sent += FLOOD_CHUNK;
    }
    free(chunk);
    world_stream_close(c.stream);
    c.stream = NULL;
    wait_count(f->world, &s.end.ended, 1);
    assert_int_equal(s.end.reason, 0);
    assert_int_equal(s.end.got.len, sent);
    finish(f, &s, &c);
}

/* Closing with unread bytes of the peer: what we sent before still reaches it. */
static void test_close_unread(void **state)
{
    const struct fixture *f = *state;
    struct server s = {.end = {.hold = true}};
    struct end c = {0};
    server_start(f, &s, "127.0.0.1:0");
    client_start(f, &c, world_listener_address(s.listener));
    assert_int_equal(world_stream_write(c.stream, bytes_of("a request nobody reads")), 0);
    wait_count(f->world, &c.connected, 1);
    wait_count(f->world, &s.accepted, 1);
    assert_int_equal(world_sleep(f->world, 3 * MILLISECOND), 0); /* let it arrive */
    assert_int_equal(world_stream_write(s.end.stream, bytes_of("the answer")), 0);
    world_stream_close(s.end.stream);
    s.end.stream = NULL;
    wait_count(f->world, &c.ended, 1);
    assert_string_equal(text_string(&c.got), "the answer");
    assert_int_equal(c.reason, 0);
    finish(f, &s, &c);
}

/* A peer that never reads does not hold us for ever: the rest is dropped after a second. */
static void test_close_bounded(void **state)
{
    const struct fixture *f = *state;
    struct server s = {.end = {.hold = true}};
    struct end c = {0};
    server_start(f, &s, "127.0.0.1:0");
    client_start(f, &c, world_listener_address(s.listener));
    wait_count(f->world, &c.connected, 1);
    wait_count(f->world, &s.accepted, 1);
    uint8_t *chunk = calloc(1, FLOOD_CHUNK);
    assert_non_null(chunk);
    while (world_stream_queued(c.stream) <= WORLD_WRITE_HIGH)
        assert_int_equal(world_stream_write(c.stream, BYTES(chunk, FLOOD_CHUNK)), 0);
    free(chunk);
    uint64_t start = world_now(f->world);
    world_stream_close(c.stream);
    world_listener_close(s.listener);
    assert_int_equal(world_run(f->world), 0);
    assert_true(world_now(f->world) - start < (f->sim ? 3 * SECOND : MINUTE)); /* a real machine may be busy */
    s.listener = NULL;
    c.stream = NULL;
    finish(f, &s, &c);
}

static void test_abort(void **state)
{
    const struct fixture *f = *state;
    struct server s = {0};
    struct end c = {0};
    server_start(f, &s, "127.0.0.1:0");
    client_start(f, &c, world_listener_address(s.listener));
    wait_count(f->world, &c.connected, 1);
    wait_count(f->world, &s.accepted, 1);
    world_stream_abort(s.end.stream);
    s.end.stream = NULL;
    wait_count(f->world, &c.ended, 1);
    assert_int_equal(c.reason, ERROR_RESET);
    finish(f, &s, &c);
}

/* Closing at every early moment leaks nothing and calls nobody. */
static void test_close_early(void **state)
{
    const struct fixture *f = *state;
    struct server s = {.end = {.close_at_end = true}};
    struct end c = {0};
    server_start(f, &s, "127.0.0.1:0");
    client_start(f, &c, world_listener_address(s.listener));
    world_stream_close(c.stream);
    char name[64];
    snprintf(name, sizeof(name), "localhost:%d", world_listener_port(s.listener));
    client_start(f, &c, name);
    world_stream_abort(c.stream);
    client_start(f, &c, world_listener_address(s.listener));
    assert_int_equal(world_sleep(f->world, 5 * MILLISECOND), 0);
    world_stream_close(c.stream);
    world_stream_close(NULL);
    world_stream_abort(NULL);
    assert_int_equal(c.ended, 0);
    assert_int_equal(world_sleep(f->world, 5 * MILLISECOND), 0);
    c.stream = NULL;
    finish(f, &s, &c);
}

/* Handles left open are closed with the world. */
static void test_left_open(void **state)
{
    const struct fixture *f = *state;
    static struct server s;
    static struct end c;
    s = (struct server){0};
    c = (struct end){0};
    server_start(f, &s, "127.0.0.1:0");
    client_start(f, &c, world_listener_address(s.listener));
    wait_count(f->world, &c.connected, 1);
}

static void test_many(void **state)
{
    enum { COUNT = 50 };
    const struct fixture *f = *state;
    static struct server s;
    static struct end c[COUNT];
    s = (struct server){0};
    memset(c, 0, sizeof(c));
    server_start(f, &s, "127.0.0.1:0");
    s.turn_away = true;
    for (size_t i = 0; i < COUNT; i++) {
        client_start(f, &c[i], world_listener_address(s.listener));
        c[i].close_at_end = true;
    }
    for (size_t i = 0; i < COUNT; i++)
        wait_count(f->world, &c[i].ended, 1);
    assert_int_equal(s.accepted, COUNT);
    finish(f, &s, &c[0]);
}

#define BOTH(test)                                                                                                     \
    {#test ", real", test, fixture_real, fixture_end, NULL},                                                           \
    {                                                                                                                  \
#test ", sim", test, fixture_sim, fixture_end, NULL                                                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_half_close),    BOTH(test_echo),          BOTH(test_echo_name),     BOTH(test_echo_unix),
        BOTH(test_connect_name),  BOTH(test_bad_addresses), BOTH(test_in_use),        BOTH(test_refused),
        BOTH(test_turned_away),   BOTH(test_back_pressure), BOTH(test_close_flushes), BOTH(test_close_unread),
        BOTH(test_close_bounded), BOTH(test_abort),         BOTH(test_close_early),   BOTH(test_left_open),
        BOTH(test_many),
    };
    return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
