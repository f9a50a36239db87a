/* The end of an HTTP server that lets its clients finish, the pace a body must keep, and connections handed to another
 * protocol; in simulation. */
#include "base/log.h"
#include "base/units.h"
#include "rpc/http.h"
#include "world/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#define WAIT (300 * (uint64_t)SECOND)

struct fixture {
    struct sim *sim;
    struct world *web, *user;
    struct http_server *server;
    struct http_exchange *held;
    struct http_raw *raw;
    int raw_ended, raw_draining;
    bool drained;
};

static void raw_readable(void *arg, struct bytes data)
{
    struct fixture *f = arg;
    if (bytes_is(data, "pause")) {
        http_raw_pause(f->raw);
    } else if (bytes_is(data, "end")) {
        http_raw_close(f->raw);
        f->raw = NULL;
    } else {
        assert_int_equal(http_raw_write(f->raw, data), 0);
    }
}

static void raw_draining(void *arg)
{
    ((struct fixture *)arg)->raw_draining++;
}

static void raw_ended(void *arg)
{
    struct fixture *f = arg;
    f->raw_ended++;
    http_raw_close(f->raw);
    f->raw = NULL;
}

static void handle(void *arg, struct http_exchange *x)
{
    static const struct http_raw_events events = {
        .readable = raw_readable, .draining = raw_draining, .ended = raw_ended};
    struct fixture *f = arg;
    if (strcmp(http_path(x), "/hold") == 0) {
        f->held = x;
    } else if (strcmp(http_path(x), "/raw") == 0) {
        if (http_upgrade(x, "echo", &events, f, &f->raw) != 0)
            http_respond(x, 426, "text/plain", bytes_of("upgrade"));
    } else {
        http_respond(x, 200, "text/plain", bytes_of("fine"));
    }
}

static void setup(struct fixture *f)
{
    *f = (struct fixture){.sim = sim_new(&(struct sim_options){.seed = 5})};
    f->web = sim_node(f->sim, "web");
    f->user = sim_node(f->sim, "user");
    assert_int_equal(http_server_new(f->web, NULL, handle, f, &f->server, NULL), 0);
    assert_int_equal(http_server_listen(f->server, "0.0.0.0:80", NULL), 0);
}

static void teardown(struct fixture *f)
{
    http_server_free(f->server);
    sim_free(f->sim);
}

struct peer {
    struct world *world;
    struct world_stream *stream;
    struct text in;
    const char *wanted;
    bool ended;
    int reason;
};

static void peer_readable(void *arg, struct bytes data)
{
    text_add(&((struct peer *)arg)->in, data.data, data.len);
}

static void peer_ended(void *arg, int reason)
{
    struct peer *p = arg;
    p->ended = true;
    p->reason = reason;
}

static bool peer_over(void *arg)
{
    return ((struct peer *)arg)->ended;
}

static bool peer_told(void *arg)
{
    struct peer *p = arg;
    return p->ended || strstr(text_string(&p->in), p->wanted) != NULL;
}

static void peer_open(struct fixture *f, struct peer *p, const char *says)
{
    static const struct world_stream_events events = {.readable = peer_readable, .ended = peer_ended};
    *p = (struct peer){.world = f->user};
    assert_int_equal(world_connect(f->user, "web:80", &events, p, &p->stream, NULL), 0);
    assert_int_equal(world_stream_write(p->stream, bytes_of(says)), 0);
}

static void peer_expect(struct peer *p, const char *wanted)
{
    p->wanted = wanted;
    (void)world_run_until(p->world, peer_told, p, WAIT);
    if (!strstr(text_string(&p->in), wanted))
        fail_msg("waited for \"%s\", got \"%s\"", wanted, text_string(&p->in));
}

static void peer_close(struct peer *p)
{
    world_stream_close(p->stream);
    text_deinit(&p->in);
}

static void on_drained(void *arg)
{
    struct fixture *f = arg;
    f->drained = true;
    http_server_free(f->server); /* allowed here */
    f->server = NULL;
}

static bool is_drained(void *arg)
{
    return ((struct fixture *)arg)->drained;
}

static void run(struct fixture *f, uint64_t seconds)
{
    assert_int_equal(world_sleep(f->user, seconds * (uint64_t)SECOND), 0);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: web\r\n\r\n"

static void test_drain(void **state)
{
    struct fixture f;
    struct peer idle, busy, late;
    (void)state;
    setup(&f);
    peer_open(&f, &idle, GET("/"));
    peer_expect(&idle, "fine");
    peer_open(&f, &busy, GET("/hold"));
    run(&f, 1);
    assert_non_null(f.held);
    http_server_drain(f.server, 60 * (uint64_t)SECOND, on_drained, &f);
    assert_true(http_server_draining(f.server));
    assert_int_equal(world_run_until(f.user, peer_over, &idle, WAIT), 0);
    peer_open(&f, &late, GET("/"));
    assert_int_equal(world_run_until(f.user, peer_over, &late, WAIT), 0);
    assert_int_equal(late.reason, ERROR_REFUSED);
    run(&f, 5);
    assert_false(f.drained);
    http_respond(f.held, 200, "text/plain", bytes_of("at last"));
    peer_expect(&busy, "at last");
    assert_non_null(strstr(text_string(&busy.in), "Connection: close"));
    world_stream_shutdown(busy.stream);
    assert_int_equal(world_run_until(f.user, is_drained, &f, WAIT), 0);
    peer_close(&idle);
    peer_close(&busy);
    peer_close(&late);
    teardown(&f);
}

static void test_grace(void **state)
{
    struct fixture f;
    struct peer busy, half;
    (void)state;
    setup(&f);
    peer_open(&f, &busy, GET("/hold"));
    peer_open(&f, &half, "GET / HTTP/1.1\r\nHo"); /* half a request may still become one */
    run(&f, 1);
    http_server_drain(f.server, 20 * (uint64_t)SECOND, on_drained, &f);
    run(&f, 1);
    assert_int_equal(world_stream_write(half.stream, bytes_of("st: web\r\n\r\n")), 0);
    peer_expect(&half, "fine");
    uint64_t began = world_now(f.user);
    assert_int_equal(world_run_until(f.user, is_drained, &f, WAIT), 0);
    assert_in_range((world_now(f.user) - began) / (uint64_t)SECOND, 15, 21);
    http_finish(f.held); /* cut off; its handler ends it all the same */
    peer_close(&busy);
    peer_close(&half);
    teardown(&f);
    setup(&f); /* with nobody there it is over at once */
    http_server_drain(f.server, 20 * (uint64_t)SECOND, on_drained, &f);
    assert_int_equal(world_run_until(f.user, is_drained, &f, (uint64_t)SECOND), 0);
    teardown(&f);
}

/* A body must keep up a pace: a byte a second is not one, a slow line is. */
static void test_slow_body(void **state)
{
    struct fixture f;
    struct peer p;
    char piece[2049];
    (void)state;
    setup(&f);
    peer_open(&f, &p, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 60 && !p.ended; i++) {
        run(&f, 1);
        (void)world_stream_write(p.stream, bytes_of("x"));
    }
    assert_memory_equal(text_string(&p.in), "HTTP/1.1 408 ", 13);
    peer_close(&p);
    peer_open(&f, &p, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 204800\r\n\r\n");
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    for (int i = 0; i < 100; i++) {
        run(&f, 1);
        assert_int_equal(world_stream_write(p.stream, bytes_of(piece)), 0);
    }
    peer_expect(&p, "fine");
    peer_close(&p);
    teardown(&f);
}

#define UPGRADE "GET /raw HTTP/1.1\r\nHost: web\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"

static void test_upgrade(void **state)
{
    struct fixture f;
    struct peer p;
    (void)state;
    setup(&f);
    peer_open(&f, &p, UPGRADE "behind"); /* what came with the request is not lost */
    peer_expect(&p, "\r\n\r\nbehind");
    assert_non_null(strstr(text_string(&p.in), "101 Switching Protocols"));
    assert_non_null(strstr(text_string(&p.in), "Upgrade: echo"));
    run(&f, 200); /* HTTP's idle limit is not its */
    assert_int_equal(world_stream_write(p.stream, bytes_of("more")), 0);
    peer_expect(&p, "behindmore");
    assert_int_equal(world_stream_write(p.stream, bytes_of("pause")), 0);
    run(&f, 1);
    assert_int_equal(world_stream_write(p.stream, bytes_of("later")), 0);
    run(&f, 1);
    assert_null(strstr(text_string(&p.in), "later"));
    http_raw_resume(f.raw);
    peer_expect(&p, "morelater");
    http_server_drain(f.server, 60 * (uint64_t)SECOND, on_drained, &f);
    assert_int_equal(f.raw_draining, 1);
    assert_int_equal(world_stream_write(p.stream, bytes_of("end")), 0);
    assert_int_equal(world_run_until(f.user, peer_over, &p, WAIT), 0);
    peer_close(&p);
    assert_int_equal(world_run_until(f.user, is_drained, &f, WAIT), 0);
    assert_int_equal(f.raw_ended, 0);
    teardown(&f);

    setup(&f);
    peer_open(&f, &p, UPGRADE);
    peer_expect(&p, "101 ");
    peer_close(&p); /* the client goes */
    run(&f, 1);
    assert_int_equal(f.raw_ended, 1);
    peer_open(&f, &p, GET("/raw")); /* no upgrade was asked for */
    peer_expect(&p, "426 ");
    peer_close(&p);
    peer_open(&f, &p, UPGRADE);
    peer_expect(&p, "101 ");
    http_server_free(f.server); /* the server goes */
    f.server = NULL;
    assert_int_equal(f.raw_ended, 2);
    peer_close(&p);
    teardown(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_drain), cmocka_unit_test(test_grace),
                                       cmocka_unit_test(test_slow_body), cmocka_unit_test(test_upgrade)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
