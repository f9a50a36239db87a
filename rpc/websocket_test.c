/* WebSockets over the simulated network: an echo server behind rpc/http, our client, and strangers on a bare stream. */
#include "base/failing.h"
#include "base/log.h"
#include "base/test.h"
#include "base/units.h"
#include "rpc/websocket_internal.h"
#include "rpc/websocket_kit.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>

#define WAIT (300 * (uint64_t)SECOND)

struct fixture {
    struct sim *sim;
    struct world *web, *user;
    struct http_server *server;
    struct websocket *last; /* the server's side of the last one accepted */
    int code;               /* what its `closed` said */
    bool drained;
};

static void echo(void *arg, bool text, struct bytes message)
{
    struct fixture *f = arg;
    if (bytes_is(message, "bye")) {
        websocket_close(f->last, WS_NORMAL, "as you wish");
        f->last = NULL;
    } else {
        assert_int_equal(websocket_send(f->last, text, message), 0);
    }
}

static void server_closed(void *arg, int code, struct bytes reason)
{
    struct fixture *f = arg;
    (void)reason;
    f->code = code;
    f->last = NULL;
}

static void server_draining(void *arg)
{
    struct fixture *f = arg;
    websocket_close(f->last, WS_GOING_AWAY, "the server stops");
    f->last = NULL;
}

static void handle(void *arg, struct http_exchange *x)
{
    static const struct websocket_events events = {
        .message = echo, .draining = server_draining, .closed = server_closed};
    struct fixture *f = arg;
    const struct websocket_options options = {.message_max = 1000};
    int status = 0;
    const char *why = NULL;
    if (websocket_accept(x, &options, &events, f, &f->last, &status, &why) == 0)
        return;
    if (status == 426)
        http_add_header(x, "Sec-WebSocket-Version", "13");
    http_respond(x, status, "text/plain", bytes_of(why));
}

static void setup(struct fixture *f)
{
    *f = (struct fixture){.sim = sim_new(&(struct sim_options){.seed = 11})};
    assert_non_null(f->sim);
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

static void test_echo(void **state)
{
    struct fixture f;
    struct websocket_kit c;
    (void)state;
    setup(&f);
    websocket_kit_open(&c, f.user, "ws://web:80/chat?x=1", NULL, 0);
    assert_true(c.opened);
    websocket_kit_send(&c, "hello");
    websocket_kit_wait_message(&c);
    assert_string_equal(text_string(&c.got), "hello\n");
    assert_int_equal(c.binary, 0);
    text_clear(&c.got);
    /* Quiet for ten minutes: the pings keep it. */
    assert_int_equal(world_sleep(f.user, 600 * (uint64_t)SECOND), 0);
    assert_false(c.closed);
    assert_int_equal(websocket_send(c.socket, false, bytes_of("bye")), 0);
    websocket_kit_wait_closed(&c);
    assert_string_equal(text_string(&c.reason), "as you wish");
    websocket_kit_end(&c, WS_NORMAL);

    websocket_kit_open(&c, f.user, "ws://web:80/", NULL, 0); /* the client says goodbye */
    websocket_close(c.socket, WS_GOING_AWAY, "enough");
    assert_int_equal(world_sleep(f.user, (uint64_t)SECOND), 0);
    assert_int_equal(f.code, WS_GOING_AWAY);

    websocket_kit_open(&c, f.user, "ws://web:80/", NULL, 0); /* and one that only goes */
    websocket_abort(c.socket);
    assert_int_equal(world_sleep(f.user, (uint64_t)SECOND), 0);
    assert_int_equal(f.code, WS_ABNORMAL);

    websocket_kit_open(&c, f.user, "ws://web:80/", NULL, 0); /* too much at once */
    char big[1001];
    memset(big, 'x', sizeof big);
    assert_int_equal(websocket_send(c.socket, true, BYTES(big, sizeof big)), 0);
    websocket_kit_end(&c, WS_TOO_BIG);
    teardown(&f);
}

static void test_drain(void **state)
{
    struct fixture f;
    struct websocket_kit c;
    (void)state;
    setup(&f);
    websocket_kit_open(&c, f.user, "ws://web:80/chat", NULL, 0);
    http_server_drain(f.server, 10 * (uint64_t)SECOND, NULL, NULL);
    websocket_kit_wait_closed(&c);
    assert_string_equal(text_string(&c.reason), "the server stops");
    websocket_kit_end(&c, WS_GOING_AWAY);
    websocket_kit_open(&c, f.user, "ws://web:80/chat", NULL, 0);
    websocket_kit_end(&c, WS_ABNORMAL);
    teardown(&f);
}

/* ---- strangers ---- */

struct raw {
    struct text in;
    bool ended;
};

static void raw_readable(void *arg, struct bytes data)
{
    text_add(&((struct raw *)arg)->in, data.data, data.len);
}

static void raw_ended(void *arg, int reason)
{
    (void)reason;
    ((struct raw *)arg)->ended = true;
}

static bool raw_over(void *arg)
{
    return ((struct raw *)arg)->ended;
}

#define HEAD                                                                                                           \
    "GET / HTTP/1.1\r\nHost: web\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                     \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void test_strangers(void **state)
{
    static const struct world_stream_events events = {.readable = raw_readable, .ended = raw_ended};
    static const struct {
        const char *sends;
        size_t len;
        const char *first, *later;
        uint64_t seconds_min, seconds_max; /* until the end */
    } rows[] = {
        {HEAD "Sec-WebSocket-Version: 13\r\n\r\n", 0, "101 Switching", "\x89", 45, 80}, /* answers no ping */
        {HEAD "Sec-WebSocket-Version: 13\r\n\r\n\x81\x82\0\0\0\0hi",
         sizeof HEAD "Sec-WebSocket-Version: 13\r\n\r\n" + 7, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "\x81\x02hi", 45,
         80}, /* a frame right behind the handshake */
        {HEAD "Sec-WebSocket-Version: 13\r\n\r\n\x81\x02hi", 0, "101 ", "\x88\x02\x03\xea", 0, 5}, /* not masked */
        {HEAD "Sec-WebSocket-Version: 8\r\nConnection: close\r\n\r\n", 0, "426 ", "Sec-WebSocket-Version: 13", 0, 5},
    };
    struct fixture f;
    (void)state;
    setup(&f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct raw raw = {0};
        struct world_stream *stream = NULL;
        uint64_t began = world_now(f.user);
        size_t len = rows[i].len ? rows[i].len : strlen(rows[i].sends);
        assert_int_equal(world_connect(f.user, "web:80", &events, &raw, &stream, NULL), 0);
        assert_int_equal(world_stream_write(stream, BYTES(rows[i].sends, len)), 0);
        assert_int_equal(world_run_until(f.user, raw_over, &raw, WAIT), 0);
        uint64_t took = (world_now(f.user) - began) / (uint64_t)SECOND;
        if (!strstr(text_string(&raw.in), rows[i].first) ||
            !memmem(raw.in.data, raw.in.len, rows[i].later, strlen(rows[i].later)))
            fail_msg("row %zu: \"%s\"", i, text_string(&raw.in));
        if (took < rows[i].seconds_min || took > rows[i].seconds_max)
            fail_msg("row %zu: over after %d s", i, (int)took);
        world_stream_close(stream);
        text_deinit(&raw.in);
    }
    teardown(&f);
}

/* The server goes with sockets open: nothing is left behind. */
static void test_freed(void **state)
{
    struct fixture f;
    struct websocket_kit c;
    (void)state;
    setup(&f);
    websocket_kit_open(&c, f.user, "ws://web:80/chat", NULL, 0);
    http_server_free(f.server);
    f.server = NULL;
    websocket_kit_end(&c, WS_ABNORMAL);
    teardown(&f);
}

/* ---- TLS and memory: e2e/step/talk_test.c has whole conversations ---- */

static void test_addresses(void **state)
{
    static const struct {
        const char *url, *message;
    } wrong[] = {
        {"http://web/", "must begin with ws:// or wss://"},
        {"wss://web/", "there is nothing to trust its certificate by"},
        {"ws:///", "has no host"},
        {"wss:///", "nothing to trust"},
    };
    static const struct websocket_events events = {.opened = NULL};
    struct fixture f;
    struct websocket_kit c;
    (void)state;
    setup(&f);
    websocket_kit_open(&c, f.user, "ws://web", NULL, 0); /* port 80 is what ws:// means */
    assert_true(c.opened);
    websocket_close(c.socket, WS_NORMAL, "");
    assert_int_equal(world_sleep(f.user, (uint64_t)SECOND), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct websocket *s = NULL;
        struct error err = ERROR_INIT;
        assert_int_equal(websocket_connect(f.user, wrong[i].url, NULL, 0, NULL, &events, NULL, &s, &err),
                         ERROR_INVALID);
        assert_non_null(strstr(err.message, wrong[i].message));
        error_clear(&err);
    }
    teardown(&f);
}

/* The network is there before memory runs out. */
static int connect_scarcely(struct tls_context *tls, size_t n, bool *hit)
{
    static const struct websocket_events events = {.opened = NULL};
    const struct websocket_options options = {.tls = tls};
    const struct http1_header header = {bytes_of("a"), bytes_of("b")};
    struct websocket *s = NULL;
    struct fixture f;
    setup(&f);
    failing_arm(n);
    int rc = websocket_connect(f.user, "wss://web/chat", &header, 1, &options, &events, NULL, &s, NULL);
    *hit = failing_hit();
    failing_disarm();
    websocket_abort(s); /* frees: a network that had no memory does nothing more */
    teardown(&f);
    return rc;
}

static void test_memory(void **state)
{
    struct tls_context *tls = NULL;
    bool hit = true;
    size_t n = 0;
    (void)state;
    assert_int_equal(tls_context_new(&(struct tls_options){.insecure = true}, &tls, NULL), 0);
    while (hit) {
        int rc = connect_scarcely(tls, ++n, &hit);
        assert_true(rc == 0 || (hit && rc == ERROR_MEMORY)); /* the network does without some of its memory */
    }
    assert_true(n > 10);
    tls_context_free(tls);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_echo),      cmocka_unit_test(test_drain),
                                       cmocka_unit_test(test_strangers), cmocka_unit_test(test_freed),
                                       cmocka_unit_test(test_addresses), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
