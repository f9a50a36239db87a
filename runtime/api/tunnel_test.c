/* WebSockets through handler http: a browser, the gateway, and a service that speaks HTTP, all in the simulated world.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "rpc/websocket.h"
#include "runtime/api/gateway.h"
#include "runtime/server/sim_system.h"
#include "runtime/service/test_auth.h"

#include <stdio.h>
#include <string.h>

#define WAIT    ((uint64_t)(120 * SECOND))
#define MESSAGE ((size_t)32 << 10)
#define MANY    200 /* messages: more than all buffers on the way hold together */

/* One end of a WebSocket. */
struct end {
    struct websocket *web;
    bool opened, closed;
    int code, status;
    size_t messages, bytes, sent;
    struct text last;
};

struct fixture {
    struct sim_system s;
    struct http_server *web;
    struct http_exchange *held; /* the request to /webapp/hold */
    struct end browser, service;
    char asked[200]; /* what the service was shown of the request */
    struct test_auth auth;
    const char *bearer; /* shown by the browser; NULL: nothing */
};

static void end_opened(void *arg)
{
    ((struct end *)arg)->opened = true;
}

static void end_message(void *arg, bool text, struct bytes message)
{
    struct end *e = arg;
    e->messages++;
    e->bytes += message.len;
    text_clear(&e->last);
    text_puts(&e->last, text ? "text " : "binary ");
    text_add(&e->last, message.data, message.len < 40 ? message.len : 40);
}

static void end_closed(void *arg, int code, struct bytes reason)
{
    struct end *e = arg;
    (void)reason;
    e->closed = true;
    e->code = code;
    e->status = websocket_status(e->web);
    e->web = NULL;
}

static const struct websocket_events events = {.opened = end_opened, .message = end_message, .closed = end_closed};
/* Nobody pings, so that silence is silence. */
static const struct websocket_options silent = {.ping_every = WAIT * 100, .pong_wait = WAIT * 1000};

/* ---- the service ------------------------------------------------------------------------------------------------ */

static void handle(void *arg, struct http_exchange *x)
{
    struct fixture *f = arg;
    int status = 403;
    const char *why = "", *wanted = http_request_header(x, "sec-websocket-protocol"),
               *namespace = http_request_header(x, "micro-namespace"),
               *from = http_request_header(x, "x-forwarded-for");
    (void)snprintf(f->asked, sizeof f->asked, "%s %s %s %s", http_path(x), wanted ? wanted : "-",
                   namespace ? namespace : "-", from ? "from" : "-");
    if (strcmp(http_path(x), "/webapp/chat") == 0) /* our own client agrees to no subprotocol */
        http_add_header(x, "Sec-WebSocket-Protocol", "chat");
    if (strcmp(http_path(x), "/webapp/hold") == 0)
        f->held = x;
    else if (strcmp(http_path(x), "/webapp/no") == 0)
        http_respond(x, 418, "text/plain", bytes_of("not here"));
    else if (websocket_accept(x, &silent, &events, &f->service, &f->service.web, &status, &why) != 0)
        http_respond(x, status, "text/plain", bytes_of(why));
}

static void begin(struct fixture *f, uint64_t seed, bool with_auth)
{
    static const char *const started[] = {"registry", "api", NULL};
    static const char *const api[] = {"api", "--handler", "http", NULL};
    static const char *const *const arguments[] = {api, NULL};
    struct sim_answer a = {0};
    struct arena arena = ARENA_INIT;
    *f = (struct fixture){0};
    sim_system_init(&f->s, seed);
    if (with_auth) {
        test_auth_start(&f->auth, &f->s);
        test_auth_policy(&f->auth, "{}");
    }
    f->s.arguments = arguments;
    sim_system_start_all(&f->s, started);
    struct world *node = sim_node(f->s.sim, "webapp");
    assert_non_null(node);
    assert_int_equal(http_server_new(node, NULL, handle, f, &f->web, NULL), 0);
    assert_int_equal(http_server_listen(f->web, "0.0.0.0:9001", NULL), 0);
    sim_system_call(&f->s, "registry", "/registry.Registry/Register",
                    sim_system_token(&f->s, &arena, "root", "user", "micro", "admin"),
                    "{\"name\":\"webapp\",\"version\":\"1\",\"nodes\":[{\"id\":\"w\",\"address\":\"webapp:9001\"},"
                    "{\"id\":\"dead\",\"address\":\"webapp:9002\"}]}",
                    &a);
    assert_int_equal(a.status, GRPC_OK);
    sim_answer_deinit(&a);
    arena_deinit(&arena);
}

static void setup(struct fixture *f, uint64_t seed)
{
    begin(f, seed, false);
}

static void teardown(struct fixture *f)
{
    websocket_abort(f->browser.web);
    websocket_abort(f->service.web);
    assert_int_equal(sim_run_for(f->s.sim, (uint64_t)SECOND), 0);
    http_server_free(f->web);
    if (f->held)
        http_finish(f->held);
    text_deinit(&f->browser.last);
    text_deinit(&f->service.last);
    sim_system_deinit(&f->s);
}

/* ---- the browser ------------------------------------------------------------------------------------------------ */

static bool known(void *arg)
{
    const struct end *e = arg;
    return e->opened || e->closed;
}

static bool over(void *arg)
{
    return ((struct end *)arg)->closed;
}

static bool heard(void *arg)
{
    return ((struct end *)arg)->messages > 0;
}

static void wait_for(struct fixture *f, bool (*until)(void *arg), struct end *e)
{
    assert_int_equal(world_run_until(f->s.client, until, e, WAIT), 0);
}

static void dial(struct fixture *f, const char *path)
{
    const struct http1_header headers[] = {
        {bytes_of("Sec-WebSocket-Protocol"), bytes_of("chat, other")},
        {bytes_of("Authorization"), bytes_of(f->bearer ? f->bearer : "")},
    };
    char url[100];
    (void)snprintf(url, sizeof url, "ws://api:8080%s", path);
    assert_int_equal(websocket_connect(f->s.client, url, headers, f->bearer ? 2 : 1, &silent, &events, &f->browser,
                                       &f->browser.web, NULL),
                     0);
    wait_for(f, known, &f->browser);
}

static void open_both(struct fixture *f)
{
    dial(f, "/webapp/socket?room=1");
    assert_true(f->browser.opened);
    assert_non_null(f->service.web);
}

static void expect_last(struct fixture *f, struct end *e, const char *words)
{
    wait_for(f, heard, e);
    e->messages = 0;
    assert_string_equal(text_string(&e->last), words);
}

/* Messages until the far end's buffers are full, or MANY are sent. */
static void send_many(struct fixture *f, struct end *from)
{
    static uint8_t block[MESSAGE];
    for (int idle = 0; from->sent < MANY && idle < 20;) {
        if (websocket_queued(from->web) > WORLD_WRITE_HIGH) {
            idle++;
            assert_int_equal(sim_run_for(f->s.sim, (uint64_t)(50 * MILLISECOND)), 0);
            continue;
        }
        idle = 0;
        assert_int_equal(websocket_send(from->web, false, BYTES(block, sizeof block)), 0);
        from->sent++;
    }
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static void messages_go_both_ways(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 1);
    open_both(&f);
    assert_string_equal(f.asked, "/webapp/socket chat, other micro from");
    assert_int_equal(websocket_send(f.browser.web, true, bytes_of("hello")), 0);
    expect_last(&f, &f.service, "text hello");
    assert_int_equal(websocket_send(f.service.web, false, bytes_of("\x01\xff")), 0);
    expect_last(&f, &f.browser, "binary \x01\xff");
    websocket_close(f.browser.web, 4001, "enough"); /* the code is the service's to hear */
    f.browser.web = NULL;
    wait_for(&f, over, &f.service);
    assert_int_equal(f.service.code, 4001);
    f.browser = (struct end){.last = f.browser.last};
    f.service = (struct end){.last = f.service.last};
    open_both(&f);
    websocket_close(f.service.web, 4002, "bye");
    f.service.web = NULL;
    wait_for(&f, over, &f.browser);
    assert_int_equal(f.browser.code, 4002);
    teardown(&f);
}

struct shaken {
    bool over;
    char protocol[20], accept[40];
    struct http_raw *raw;
    struct text in;
};

static void shaken_readable(void *arg, struct bytes data)
{
    struct shaken *k = arg;
    text_add(&k->in, data.data, data.len);
}

static void shaken_ended(void *arg)
{
    ((struct shaken *)arg)->over = true;
}

static void shaken_upgraded(void *arg, const struct http_answer *answer, struct http_raw *raw)
{
    static const struct http_raw_events raw_events = {.readable = shaken_readable, .ended = shaken_ended};
    struct shaken *k = arg;
    assert_int_equal(answer->status, 101);
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct http1_header *h = &answer->headers[i];
        if (http1_header_is(h, "sec-websocket-protocol"))
            (void)snprintf(k->protocol, sizeof k->protocol, "%s", (const char *)h->value.data);
        if (http1_header_is(h, "sec-websocket-accept"))
            (void)snprintf(k->accept, sizeof k->accept, "%s", (const char *)h->value.data);
    }
    k->raw = raw;
    http_raw_listen(raw, &raw_events, k);
}

static void shaken_refused(void *arg, struct http_answer *answer, struct error *err)
{
    struct shaken *k = arg;
    (void)err;
    http_answer_deinit(answer);
    k->over = true;
}

/* The handshake is the service's: its key, its subprotocol; and frames are not looked at. */
static void the_handshake_passes(void **state)
{
    const struct http1_header headers[] = {
        {BYTES("Sec-WebSocket-Key", 17), BYTES("dGhlIHNhbXBsZSBub25jZQ==", 24)}, /* RFC 6455, 1.3 */
        {BYTES("Sec-WebSocket-Version", 21), BYTES("13", 2)},
        {BYTES("Sec-WebSocket-Protocol", 22), BYTES("chat, other", 11)}};
    const struct http_fetch fetch = {.method = "GET",
                                     .url = "http://api:8080/webapp/chat",
                                     .headers = headers,
                                     .header_count = 3,
                                     .upgrade = "websocket",
                                     .upgraded = shaken_upgraded};
    struct fixture f;
    struct shaken k = {0};
    (void)state;
    setup(&f, 8);
    assert_int_equal(http_fetch_start(f.s.client, &fetch, shaken_refused, &k, NULL, NULL), 0);
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)SECOND), 0);
    assert_non_null(k.raw);
    assert_string_equal(k.protocol, "chat");
    assert_string_equal(k.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_int_equal(websocket_send(f.service.web, true, bytes_of("hi")), 0);
    assert_int_equal(http_raw_write(k.raw, BYTES("\x81\x00unmasked", 10)),
                     0); /* against the rules: the service ends it */
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(5 * SECOND)), 0);
    assert_true(k.over);
    assert_memory_equal(k.in.data, "\x81\x02hi\x88", 5);
    assert_int_equal(f.service.code, WS_PROTOCOL_ERROR);
    http_raw_close(k.raw);
    text_deinit(&k.in);
    teardown(&f);
}

static void refusals_pass(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 2);
    dial(&f, "/webapp/no");
    assert_true(f.browser.closed);
    assert_int_equal(f.browser.status, 418);
    f.browser = (struct end){.last = f.browser.last};
    dial(&f, "/nobody/socket");
    assert_int_equal(f.browser.status, 404);
    http_server_free(f.web);
    f.web = NULL;
    f.browser = (struct end){.last = f.browser.last};
    dial(&f, "/webapp/socket");
    assert_int_equal(f.browser.status, 503);
    teardown(&f);
}

/* Whoever does not read stops the other end, and gets everything once it reads again. */
static void slow_readers_hold_up(struct fixture *f, struct end *from, struct end *to)
{
    open_both(f);
    websocket_pause(to->web);
    send_many(f, from);
    assert_true(from->sent < MANY);
    websocket_resume(to->web);
    for (int i = 0; i < 1000 && (from->sent < MANY || to->messages < MANY); i++) {
        send_many(f, from);
        assert_int_equal(sim_run_for(f->s.sim, (uint64_t)(10 * MILLISECOND)), 0);
    }
    assert_int_equal(to->messages, MANY);
    assert_int_equal(to->bytes, MANY * MESSAGE);
}

static void a_slow_browser(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 3);
    slow_readers_hold_up(&f, &f.service, &f.browser);
    teardown(&f);
}

static void a_slow_service(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 4);
    slow_readers_hold_up(&f, &f.browser, &f.service);
    teardown(&f);
}

static void silence_ends_it(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 5);
    open_both(&f);
    assert_int_equal(sim_run_for(f.s.sim, GATEWAY_TUNNEL_IDLE * 3 / 4), 0);
    assert_int_equal(websocket_send(f.service.web, true, bytes_of("still there")), 0);
    assert_int_equal(sim_run_for(f.s.sim, GATEWAY_TUNNEL_IDLE * 3 / 4), 0);
    assert_false(f.browser.closed);
    assert_int_equal(f.browser.messages, 1);
    assert_int_equal(sim_run_for(f.s.sim, GATEWAY_TUNNEL_IDLE / 2), 0);
    assert_true(f.browser.closed);
    assert_true(f.service.closed);
    teardown(&f);
}

static void ends_with_either_end(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 6);
    open_both(&f);
    assert_int_equal(websocket_send(f.service.web, true, bytes_of("last words")), 0);
    websocket_abort(f.service.web); /* no goodbye, but what it said before is delivered */
    f.service.web = NULL;
    wait_for(&f, over, &f.browser);
    assert_string_equal(text_string(&f.browser.last), "text last words");
    assert_int_equal(f.browser.code, WS_ABNORMAL);
    f.browser = (struct end){.last = f.browser.last};
    open_both(&f);
    websocket_abort(f.browser.web);
    f.browser.web = NULL;
    wait_for(&f, over, &f.service);
    assert_int_equal(f.service.code, WS_ABNORMAL);
    teardown(&f);
}

static void held_done(void *arg, struct http_answer *answer, struct error *err)
{
    (void)err;
    http_answer_deinit(answer);
    *(bool *)arg = true;
}

/* The gateway dies with a tunnel open and a request at the service. */
static void a_gateway_that_stops(void **state)
{
    struct fixture f;
    bool done = false;
    const struct http_fetch fetch = {.method = "GET", .url = "http://api:8080/webapp/hold"};
    (void)state;
    setup(&f, 7);
    open_both(&f);
    assert_int_equal(http_fetch_start(f.s.client, &fetch, held_done, &done, NULL, NULL), 0);
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)SECOND), 0);
    assert_non_null(f.held);
    assert_int_equal(sim_kill(f.s.sim, "api"), 0);
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(5 * SECOND)), 0);
    assert_true(f.browser.closed);
    assert_true(f.service.closed);
    assert_true(done);
    teardown(&f);
}

/* What would not be opened any more is ended; nobody else's is touched, and a token that ran out ends nothing. */
static void the_policy_holds(void **state)
{
    struct fixture f;
    struct arena arena = ARENA_INIT;
    (void)state;
    begin(&f, 9, true);
    f.bearer =
        arena_printf(&arena, "Bearer %s", test_auth_token(&f.auth, &arena, "joe", "user", "micro", "notes", "g1"));
    open_both(&f);
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(9 * MINUTE)), 0);
    assert_int_equal(websocket_send(f.browser.web, true, bytes_of("still here")), 0);
    expect_last(&f, &f.service, "text still here");
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(9 * MINUTE)), 0); /* a token lives 15 */
    test_auth_change(&f.auth,
                     "{\"revocations\":[{\"namespace\":\"micro\",\"account\":\"ann\",\"generation\":\"g1\"}]}");
    assert_false(f.browser.closed || f.service.closed);
    test_auth_change(&f.auth,
                     "{\"revocations\":[{\"namespace\":\"micro\",\"account\":\"joe\",\"generation\":\"g1\"}]}");
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)SECOND), 0);
    assert_true(f.browser.closed && f.service.closed);
    /* A rule against everybody, for one who shows nothing. */
    f.browser = (struct end){.last = f.browser.last};
    f.service = (struct end){.last = f.service.last};
    f.bearer = NULL;
    open_both(&f);
    test_auth_change(
        &f.auth, "{\"rules\":[{\"namespace\":\"micro\",\"rules\":[{\"id\":\"r\",\"scope\":\"\",\"access\":\"DENIED\","
                 "\"resource\":{\"type\":\"*\",\"name\":\"webapp\",\"endpoint\":\"*\"}}]}]}");
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)SECOND), 0);
    assert_true(f.browser.closed && f.service.closed);
    test_auth_deinit(&f.auth);
    arena_deinit(&arena);
    teardown(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_go_both_ways), cmocka_unit_test(the_handshake_passes),
        cmocka_unit_test(refusals_pass),         cmocka_unit_test(a_slow_browser),
        cmocka_unit_test(a_slow_service),        cmocka_unit_test(silence_ends_it),
        cmocka_unit_test(ends_with_either_end),  cmocka_unit_test(a_gateway_that_stops),
        cmocka_unit_test(the_policy_holds),
    };
    int failed = cmocka_run_group_tests_name("tunnel", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
