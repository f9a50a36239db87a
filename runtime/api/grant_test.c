/* What goes on for long through the gateway, and ends when its caller would be refused: answers of handler http, lines
 * of handler rpc and its WebSockets. (Tunnels: tunnel_test.c.) A browser, the gateway and a service that speaks HTTP,
 * in the simulated world. */
#include "base/test.h"

#include "base/failing.h"
#include "base/log.h"
#include "base/units.h"
#include "rpc/websocket_kit.h"
#include "runtime/api/gateway.h"
#include "runtime/server/sim_system.h"
#include "runtime/service/test_auth.h"
#include "runtime/service/test_probe.h"

#include <stdio.h>
#include <string.h>

#define SOON     ((uint64_t)(200 * MILLISECOND))
#define HELD_MAX 16
#define WALK_MAX 5000
/* An exchange in the service's hands. */
struct held {
    struct http_exchange *x;
    bool gone;
};

struct fixture {
    struct sim_system s;
    struct test_auth auth;
    struct arena arena;
    struct http_server *web;
    struct held held[HELD_MAX];
    struct world_listener *deaf; /* takes connections and never reads from them */
    struct world_stream *deaf_stream;
    bool deaf_ended;
};

/* ---- the service ------------------------------------------------------------------------------------------------ */

static void held_gone(void *arg)
{
    struct held *h = arg;
    h->gone = true;
    http_finish(h->x);
    h->x = NULL;
}

static void handle(void *arg, struct http_exchange *x)
{
    struct fixture *f = arg;
    for (size_t i = 0; i < HELD_MAX; i++) {
        struct held *h = &f->held[i];
        if (h->x)
            continue;
        *h = (struct held){.x = x};
        http_on_cancel(x, held_gone, h);
        if (strcmp(http_path(x), "/webapp/wait") != 0) {
            http_begin(x, 200, "text/event-stream");
            http_write(x, bytes_of("data: first\n\n"));
        }
        return;
    }
    http_respond(x, 503, "text/plain", bytes_of("full"));
}

static void say(struct fixture *f, const char *words)
{
    for (size_t i = 0; i < HELD_MAX; i++)
        if (f->held[i].x)
            http_write(f->held[i].x, bytes_of(words));
}

static size_t open_at_service(const struct fixture *f)
{
    size_t n = 0;
    for (size_t i = 0; i < HELD_MAX; i++)
        n += f->held[i].x != NULL;
    return n;
}

static void deaf_readable(void *arg, struct bytes data)
{
    struct fixture *f = arg;
    (void)data;
    world_stream_pause(f->deaf_stream);
}

static void deaf_ended(void *arg, int reason)
{
    struct fixture *f = arg;
    (void)reason;
    f->deaf_ended = true;
    world_stream_close(f->deaf_stream);
    f->deaf_stream = NULL;
}

static void deaf_accepted(void *arg, struct world_stream *stream)
{
    static const struct world_stream_events events = {.readable = deaf_readable, .ended = deaf_ended};
    struct fixture *f = arg;
    f->deaf_stream = stream;
    world_stream_accept(stream, &events, f);
}

static void register_service(struct fixture *f, const char *json)
{
    struct sim_answer a = {0};
    sim_system_call(&f->s, "registry", "/registry.Registry/Register",
                    sim_system_token(&f->s, &f->arena, "root", "user", "micro", "admin"), json, &a);
    assert_int_equal(a.status, GRPC_OK);
    sim_answer_deinit(&a);
}

static void begin(struct fixture *f, uint64_t seed, const char *const *const *arguments)
{
    static const char *const started[] = {"registry", "store", "api", NULL};
    *f = (struct fixture){0};
    sim_system_init(&f->s, seed);
    test_auth_start(&f->auth, &f->s);
    test_auth_policy(&f->auth, "{}");
    f->s.arguments = arguments;
    sim_system_start_all(&f->s, started);
    struct world *node = sim_node(f->s.sim, "webapp");
    assert_int_equal(http_server_new(node, NULL, handle, f, &f->web, NULL), 0);
    assert_int_equal(http_server_listen(f->web, "0.0.0.0:9001", NULL), 0);
    register_service(f,
                     "{\"name\":\"webapp\",\"version\":\"1\",\"nodes\":[{\"id\":\"w\",\"address\":\"webapp:9001\"}]}");
}

static void setup(struct fixture *f, uint64_t seed)
{
    static const char *const api[] = {"api", "--handler", "http", NULL};
    static const char *const *const arguments[] = {api, NULL};
    begin(f, seed, arguments);
}

static void teardown(struct fixture *f)
{
    world_stream_close(f->deaf_stream);
    world_listener_close(f->deaf);
    http_server_free(f->web);
    for (size_t i = 0; i < HELD_MAX; i++)
        assert_null(f->held[i].x);
    test_auth_deinit(&f->auth);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->s);
}

/* ---- the browser ------------------------------------------------------------------------------------------------ */

struct browser {
    struct http_client_call *call;
    bool over;
    int head;             /* the status of an answer that began */
    int status;           /* of a whole answer; 0: none, or cut */
    struct http_raw *raw; /* what a handshake led to */
    struct text got;
};

static void on_head(void *arg, const struct http1_head *head)
{
    ((struct browser *)arg)->head = head->status;
}

static void on_piece(void *arg, struct bytes piece)
{
    text_add(&((struct browser *)arg)->got, piece.data, piece.len);
}

static void on_done(void *arg, struct http_answer *answer, struct error *err)
{
    struct browser *b = arg;
    b->over = true;
    b->status = err->code ? 0 : answer->status;
    b->call = NULL;
    http_answer_deinit(answer);
}

/* `token` NULL: shows none. False: no memory, for the browser or the simulation. */
static bool visit(struct fixture *f, struct browser *b, const char *target, const char *token, struct bytes body)
{
    char bearer[4096], url[200];
    *b = (struct browser){0};
    (void)snprintf(url, sizeof url, "http://api:8080%s", target);
    (void)snprintf(bearer, sizeof bearer, "Bearer %s", token ? token : "");
    const struct http1_header header = {bytes_of("Authorization"), bytes_of(bearer)};
    const struct http_fetch fetch = {.method = body.len ? "POST" : "GET",
                                     .url = url,
                                     .headers = &header,
                                     .header_count = token ? 1 : 0,
                                     .body = body,
                                     .head = on_head,
                                     .piece = on_piece};
    bool started = http_fetch_start(f->s.client, &fetch, on_done, b, &b->call, NULL) == 0;
    return sim_run_for(f->s.sim, SOON) == 0 && started;
}

static void raw_readable(void *arg, struct bytes data)
{
    text_add(&((struct browser *)arg)->got, data.data, data.len);
}

static void raw_ended(void *arg)
{
    ((struct browser *)arg)->over = true;
}

static void on_upgraded(void *arg, const struct http_answer *answer, struct http_raw *raw)
{
    static const struct http_raw_events events = {.readable = raw_readable, .ended = raw_ended};
    struct browser *b = arg;
    b->call = NULL;
    b->head = answer->status;
    b->raw = raw;
    http_raw_listen(raw, &events, b);
}

/* A WebSocket's beginning. False: as visit(). */
static bool shake_hands(struct fixture *f, struct browser *b, const char *target, const char *token)
{
    char bearer[4096], url[200];
    *b = (struct browser){0};
    (void)snprintf(url, sizeof url, "http://api:8080%s", target);
    (void)snprintf(bearer, sizeof bearer, "Bearer %s", token);
    const struct http1_header headers[] = {
        {bytes_of("Authorization"), bytes_of(bearer)},
        {bytes_of("Sec-WebSocket-Key"), bytes_of("dGhlIHNhbXBsZSBub25jZQ==")}, /* RFC 6455, 1.3 */
        {bytes_of("Sec-WebSocket-Version"), bytes_of("13")}};
    const struct http_fetch fetch = {.method = "GET",
                                     .url = url,
                                     .headers = headers,
                                     .header_count = 3,
                                     .upgrade = "websocket",
                                     .upgraded = on_upgraded};
    bool started = http_fetch_start(f->s.client, &fetch, on_done, b, &b->call, NULL) == 0;
    return sim_run_for(f->s.sim, SOON) == 0 && started;
}

static void open_events(struct fixture *f, struct browser *b, const char *token)
{
    assert_true(visit(f, b, "/webapp/events", token, BYTES_NONE));
    assert_int_equal(b->head, 200);
    assert_false(b->over);
    assert_string_equal(text_string(&b->got), "data: first\n\n");
}

static void expect_cut(struct browser *b)
{
    assert_true(b->over);
    assert_int_equal(b->head, 200);
    assert_int_equal(b->status, 0); /* not the end of a whole answer */
    text_deinit(&b->got);
}

static void leave(struct fixture *f, struct browser *b)
{
    http_fetch_cancel(b->call);
    text_deinit(&b->got);
    assert_int_equal(sim_run_for(f->s.sim, SOON), 0);
}

static const char *token(struct fixture *f, const char *id, const char *scope, const char *generation)
{
    return test_auth_token(&f->auth, &f->arena, id, "user", "micro", scope, generation);
}

static void revoke(struct fixture *f, const char *account, const char *generation)
{
    char json[300];
    (void)snprintf(json, sizeof json,
                   "{\"revocations\":[{\"namespace\":\"micro\",\"account\":\"%s\",\"generation\":\"%s\"}]}", account,
                   generation);
    test_auth_change(&f->auth, json);
    assert_int_equal(sim_run_for(f->s.sim, SOON), 0);
}

/* From now on nobody with the scope ("": nobody at all) may call the service. */
static void deny(struct fixture *f, const char *scope, const char *service)
{
    char json[600];
    (void)snprintf(json, sizeof json,
                   "{\"rules\":[{\"namespace\":\"micro\",\"rules\":["
                   "{\"id\":\"r\",\"priority\":1,\"scope\":\"%s\",\"access\":\"DENIED\","
                   "\"resource\":{\"type\":\"*\",\"name\":\"%s\",\"endpoint\":\"*\"}},"
                   "{\"id\":\"all\",\"scope\":\"\",\"access\":\"GRANTED\","
                   "\"resource\":{\"type\":\"*\",\"name\":\"*\",\"endpoint\":\"*\"}}]}]}",
                   scope, service);
    test_auth_change(&f->auth, json);
    assert_int_equal(sim_run_for(f->s.sim, SOON), 0);
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static void an_account_ends(void **state)
{
    struct fixture f;
    struct browser joe, ann, nobody;
    (void)state;
    setup(&f, 1);
    open_events(&f, &joe, token(&f, "joe", "notes", "g1"));
    open_events(&f, &ann, token(&f, "ann", "notes", "g1"));
    open_events(&f, &nobody, NULL);
    revoke(&f, "joe", "g1");
    say(&f, "data: second\n\n");
    assert_int_equal(sim_run_for(f.s.sim, SOON), 0);
    assert_string_equal(text_string(&joe.got), "data: first\n\n");
    expect_cut(&joe);
    assert_int_equal(open_at_service(&f), 2);
    assert_string_equal(text_string(&ann.got), "data: first\n\ndata: second\n\n");
    assert_string_equal(text_string(&nobody.got), "data: first\n\ndata: second\n\n");
    leave(&f, &ann);
    leave(&f, &nobody);
    teardown(&f);
}

/* As with streams, a token that runs out ends nothing; what ends its account does, then as before. */
static void a_token_runs_out(void **state)
{
    struct fixture f;
    struct browser joe, ann;
    (void)state;
    setup(&f, 2);
    open_events(&f, &joe, token(&f, "joe", "notes", "g1"));
    open_events(&f, &ann, token(&f, "ann", "notes", "g1"));
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(20 * MINUTE)), 0); /* it lives 15 */
    revoke(&f, "nobody", "g1");
    assert_false(joe.over || ann.over);
    revoke(&f, "joe", "g1");
    expect_cut(&joe);
    assert_false(ann.over);
    leave(&f, &ann);
    teardown(&f);
}

static void a_rule_comes(void **state)
{
    struct fixture f;
    struct browser joe, ann, nobody, waiting;
    (void)state;
    setup(&f, 3);
    open_events(&f, &joe, token(&f, "joe", "notes", "g1"));
    open_events(&f, &ann, token(&f, "ann", "billing", "g1"));
    open_events(&f, &nobody, NULL);
    assert_true(visit(&f, &waiting, "/webapp/wait", token(&f, "joe", "notes", "g1"), BYTES_NONE));
    assert_int_equal(waiting.head, 0);
    deny(&f, "notes", "other"); /* about another service */
    assert_false(joe.over || ann.over || nobody.over || waiting.over);
    deny(&f, "notes", "webapp");
    expect_cut(&joe);
    assert_true(waiting.over); /* it had no answer: it gets this one */
    assert_int_equal(waiting.status, 403);
    assert_non_null(strstr(text_string(&waiting.got), "the rules have changed"));
    text_deinit(&waiting.got);
    assert_false(ann.over || nobody.over);
    deny(&f, "", "webapp");
    assert_int_equal(sim_run_for(f.s.sim, SOON), 0);
    expect_cut(&ann);
    expect_cut(&nobody);
    assert_int_equal(open_at_service(&f), 0);
    teardown(&f);
}

/* A service takes its time to read a large body. */
static void an_upload_ends(void **state)
{
    static uint8_t body[(size_t)8 << 20];
    struct fixture f;
    struct browser joe;
    (void)state;
    setup(&f, 4);
    assert_int_equal(world_listen(sim_node(f.s.sim, "webapp"), "0.0.0.0:9002", deaf_accepted, &f, &f.deaf, NULL), 0);
    register_service(&f,
                     "{\"name\":\"deaf\",\"version\":\"1\",\"nodes\":[{\"id\":\"d\",\"address\":\"webapp:9002\"}]}");
    assert_true(visit(&f, &joe, "/deaf/upload", token(&f, "joe", "notes", "g1"), BYTES(body, sizeof body)));
    for (int i = 0; i < 100 && !f.deaf_stream; i++)
        assert_int_equal(sim_run_for(f.s.sim, SOON), 0);
    assert_non_null(f.deaf_stream);
    revoke(&f, "joe", "g1");
    assert_true(joe.over);
    assert_int_equal(joe.status, 401);
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(2 * SECOND)), 0);
    assert_true(f.deaf_ended); /* a reset: half an upload is not to be taken for all of it */
    text_deinit(&joe.got);
    teardown(&f);
}

static void open_socket(struct fixture *f, struct websocket_kit *c, const char *target, const char *shown,
                        const char *first)
{
    char bearer[4096], url[200];
    (void)snprintf(bearer, sizeof bearer, "Bearer %s", shown);
    (void)snprintf(url, sizeof url, "ws://api:8080%s", target);
    const struct http1_header header = {bytes_of("Authorization"), bytes_of(bearer)};
    websocket_kit_open(c, f->s.client, url, &header, 1);
    assert_true(c->opened);
    if (first)
        websocket_kit_send(c, first);
    assert_int_equal(sim_run_for(f->s.sim, SOON), 0);
    assert_false(c->closed);
}

/* Streams of handler rpc, by something that only the gateway knows: its block list. */
static void somebody_is_blocked(void **state)
{
    struct fixture f;
    struct browser joe, ann;
    struct websocket_kit socket, silent, other;
    struct sim_answer a = {0};
    (void)state;
    begin(&f, 6, NULL);
    const char *joes = token(&f, "joe", "notes", "g1"), *anns = token(&f, "ann", "notes", "g1");
    assert_true(visit(&f, &joe, "/registry/watch", joes, BYTES_NONE));
    assert_true(visit(&f, &ann, "/registry/watch", anns, BYTES_NONE));
    assert_int_equal(sim_run_for(f.s.sim, GATEWAY_STREAM_BEGIN * 2), 0);
    assert_true(joe.head == 200 && ann.head == 200);
    open_socket(&f, &socket, "/registry/watch", joes, "{}");
    open_socket(&f, &silent, "/registry/watch", joes, NULL); /* it has asked for nothing yet */
    open_socket(&f, &other, "/registry/watch", anns, "{}");
    assert_false(joe.over || ann.over);
    sim_system_call(&f.s, "api", "/api.Api/AddToBlockList",
                    sim_system_token(&f.s, &f.arena, "root", "user", "micro", "admin"),
                    "{\"id\":\"joe\",\"namespace\":\"micro\"}", &a);
    assert_int_equal(a.status, GRPC_OK);
    sim_answer_deinit(&a);
    assert_int_equal(sim_run_for(f.s.sim, SOON), 0);
    assert_true(joe.over);
    const char *line = strrchr(text_string(&joe.got), '{');
    assert_non_null(line);
    assert_non_null(strstr(line, "blocked"));
    assert_true(socket.closed && silent.closed);
    assert_non_null(strstr(text_string(&socket.got), "blocked"));
    websocket_kit_end(&socket, WS_POLICY);
    websocket_kit_end(&silent, WS_POLICY);
    assert_false(ann.over || other.closed);
    websocket_kit_deinit(&other);
    text_deinit(&joe.got);
    leave(&f, &ann);
    teardown(&f);
}

/* Any allocation on the way fails: the request is refused or goes on, and what goes on is ended with its account. */
static void without_memory(void **state)
{
    struct fixture f;
    struct browser b;
    bool hit = true;
    size_t n = 0, refused = 0;
    (void)state;
    setup(&f, 5);
    while (hit && n++ < WALK_MAX) {
        char generation[32];
        (void)snprintf(generation, sizeof generation, "g%zu", n);
        const char *shown = token(&f, "joe", "notes", generation);
        failing_arm(n);
        bool sent = visit(&f, &b, "/webapp/events", shown, BYTES_NONE);
        hit = failing_hit();
        failing_disarm();
        if (!sent) { /* it was not the gateway's memory, and a simulation that has lost an event is over */
            http_fetch_cancel(b.call);
            text_deinit(&b.got);
            teardown(&f);
            setup(&f, 5);
            continue;
        }
        assert_true(hit || b.head == 200);
        refused += b.head != 200;
        revoke(&f, "joe", generation);
        assert_int_equal(sim_run_for(f.s.sim, SOON), 0);
        assert_int_equal(open_at_service(&f), 0);
        http_fetch_cancel(b.call);
        text_deinit(&b.got);
    }
    assert_false(hit);
    assert_true(refused > 20);
    teardown(&f);
}

/* The same for a WebSocket, whose grant outlives the request. */
static void sockets_without_memory(void **state)
{
    struct fixture f;
    struct browser b;
    bool hit = true;
    size_t n = 0, refused = 0;
    (void)state;
    begin(&f, 7, NULL);
    while (hit && n++ < WALK_MAX) {
        char generation[32];
        (void)snprintf(generation, sizeof generation, "g%zu", n);
        const char *shown = token(&f, "joe", "notes", generation);
        failing_arm(n);
        bool sent = shake_hands(&f, &b, "/registry/watch", shown);
        hit = failing_hit();
        failing_disarm();
        if (sent) {
            assert_true(hit || b.head == 101);
            refused += b.head != 101;
            revoke(&f, "joe", generation);
            assert_true(b.over || b.head != 101 ||
                        (b.got.len && memchr(b.got.data, 0x88, b.got.len))); /* a close frame */
        }
        http_fetch_cancel(b.call);
        http_raw_close(b.raw);
        text_deinit(&b.got);
        if (!sent) {
            teardown(&f);
            begin(&f, 7, NULL);
        }
    }
    assert_false(hit);
    assert_true(refused > 20);
    teardown(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_ends),        cmocka_unit_test(a_token_runs_out),
        cmocka_unit_test(a_rule_comes),           cmocka_unit_test(an_upload_ends),
        cmocka_unit_test(without_memory),         cmocka_unit_test(somebody_is_blocked),
        cmocka_unit_test(sockets_without_memory),
    };
    int failed = cmocka_run_group_tests_name("grant", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
