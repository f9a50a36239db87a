/* WebSockets and streams against a server that says things after a while. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "base/units.h"
#include "e2e/http/split.h"
#include "rpc/websocket.h"
#include "wire/tls_kit.h"
#include "world/real.h"

#include <stdlib.h>
#include <string.h>

struct stage {
    struct test_system *system;
    struct world *world;
    struct http_server *server;
    char url[64];
    bool mute;            /* it does not read what it is told from here on */
    struct text goodbyes; /* codes it heard */
};

/* ---- the server ---- */

struct echo {
    struct stage *stage;
    struct websocket *socket;
};

static void echo_message(void *arg, bool text, struct bytes message)
{
    struct echo *e = arg;
    struct text out = TEXT_INIT;
    if (message.len == 3 && memcmp(message.data, "bye", 3) == 0) {
        websocket_close(e->socket, 1008, "not allowed");
        free(e);
        return;
    }
    text_puts(&out, "{\"said\":\"");
    text_json(&out, (const char *)message.data, message.len);
    text_puts(&out, "\"}");
    websocket_send(e->socket, text, text_bytes(&out));
    if (message.len == 5 && memcmp(message.data, "twice", 5) == 0)
        websocket_send(e->socket, false, bytes_of("\x01\x02"));
    text_deinit(&out);
}

static void echo_closed(void *arg, int code, struct bytes reason)
{
    struct echo *e = arg;
    (void)reason;
    text_printf(&e->stage->goodbyes, "%d ", code);
    free(e);
}

struct drip {
    struct http_exchange *exchange;
    struct world_timer timer;
    int said;
    bool lines;
};

static void drip_more(void *arg)
{
    struct drip *d = arg;
    char text[128];
    if (d->lines)
        snprintf(text, sizeof text, "{\"n\":%d}\n", d->said);
    else
        snprintf(text, sizeof text, ": a comment\nid: %d\nevent: tick\ndata: {\"n\":%d}\n\n", d->said, d->said);
    d->said++;
    http_write(d->exchange, bytes_of(text));
    if (d->said == 3) {
        struct http_exchange *x = d->exchange;
        http_on_cancel(x, NULL, NULL);
        free(d);
        http_finish(x);
    } else {
        world_timer_start(&d->timer, (uint64_t)(1 * SECOND));
    }
}

static void drip_gone(void *arg)
{
    struct drip *d = arg;
    struct http_exchange *x = d->exchange;
    world_timer_stop(&d->timer);
    free(d);
    http_finish(x);
}

static void handle(void *arg, struct http_exchange *x)
{
    static const struct websocket_events events = {.message = echo_message, .closed = echo_closed};
    struct stage *g = arg;
    if (strcmp(http_path(x), "/ws") == 0) {
        struct echo *e = calloc(1, sizeof *e);
        int status = 0;
        const char *why = "";
        e->stage = g;
        if (websocket_accept(x, NULL, &events, e, &e->socket, &status, &why) != 0) {
            free(e);
            http_respond(x, status, "text/plain", bytes_of(why));
        } else if (g->mute) {
            websocket_pause(e->socket);
        }
        return;
    }
    if (strcmp(http_path(x), "/events") == 0 || strcmp(http_path(x), "/lines") == 0) {
        struct drip *d = calloc(1, sizeof *d);
        d->exchange = x;
        d->lines = http_path(x)[1] == 'l';
        world_timer_init(&d->timer, g->world, drip_more, d);
        http_on_cancel(x, drip_gone, d);
        http_begin(x, 200, d->lines ? "application/x-ndjson" : "text/event-stream");
        world_timer_start(&d->timer, (uint64_t)(1 * SECOND));
        return;
    }
    http_respond(x, 403, "text/plain", bytes_of("no"));
}

static int open_stage(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    const struct http_server_options options = {0};
    if (test_system_setup_sim(state) != 0)
        return -1;
    g->system = *state;
    g->world = sim_node(g->system->sim, "talker");
    if (http_server_new(g->world, &options, handle, g, &g->server, NULL) != 0 ||
        http_server_listen(g->server, "0.0.0.0:0", NULL) != 0)
        return -1;
    snprintf(g->url, sizeof g->url, "http://talker:%d", http_server_port(g->server));
    g->system->target.gateway = g->url;
    *state = g;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *g = *state;
    http_server_free(g->server);
    *state = g->system;
    text_deinit(&g->goodbyes);
    free(g);
    return test_system_teardown(state);
}

/* ---- what flows say ---- */

static void passes(struct stage *g, const char *yaml)
{
    struct text report = TEXT_INIT;
    bool passed = test_run(g->system, yaml);
    test_report(g->system, &report);
    if (!passed)
        print_error("%s\nof\n%s\n", text_string(&report), yaml);
    text_deinit(&report);
    assert_true(passed);
}

static void fails(struct stage *g, const char *yaml, const char *message)
{
    assert_false(test_run(g->system, yaml));
    const char *got = json_string_value(json_object_get(test_last(g->system, "case"), "message"));
    if (strstr(got, message) == NULL)
        fail_msg("expected: %s\ngot: %s", message, got);
}

#define FLOW "flow: f\nsteps:\n"

static void sockets(void **state)
{
    struct stage *g = *state;
    passes(g, FLOW "  - websocket: /ws\n"
                   "    send: [{a: 1}, twice]\n"
                   "    count: 3\n"
                   "    expect: {status: 101, messages: [{said: '{\"a\":1}'}, {said: twice}, {base64: AQI=}]}\n"
                   "  - {websocket: /ws, as: chat}\n"
                   "  - {websocket: chat, send: one, expect: {message: {said: one}}, capture: {it: $.message.said}}\n"
                   "  - {websocket: chat, send: ['${it}', three]}\n"
                   "  - {websocket: chat, count: 2, expect: {messages: [{said: one}, {said: three}]}}\n"
                   "  - {websocket: chat, send: bye, closed: true, expect: {messages: [], closed: {code: 1008, reason: "
                   "not allowed}}}\n"
                   "  - {websocket: /nowhere, expect: {status: 403}}\n"
                   "  - {websocket: /ws, send: a, expect: {message: {said: a}}, close: 1000}\n"
                   "  - {websocket: /ws, as: other, send: a, close: 4001}\n");
}

/* The last step's goodbye is heard as well, and nobody waits for an answer to it: a server that gives none costs no
 * time, and nothing is left when the run is over. */
static void goodbyes(void **state)
{
    struct stage *g = *state;
    passes(g, FLOW "  - {websocket: /ws, as: chat, send: a, expect: {message: {said: a}}, close: 4001}\n"
                   "  - {websocket: /ws, send: a, expect: {message: {said: a}}, close: 4002}\n"
                   "  - {websocket: /ws, send: a, close: true}\n");
    assert_int_equal(world_sleep(g->system->world, (uint64_t)SECOND), 0);
    assert_string_equal(text_string(&g->goodbyes), "4001 4002 1000 ");
    fails(g, FLOW "  - {websocket: /ws, as: chat, close: true}\n  - {websocket: chat, send: a}\n",
          "step 2 websocket chat: nothing can be sent: a step before has closed it");
    uint64_t before = world_now(g->system->world);
    g->mute = true;
    passes(g, FLOW "  - {websocket: /ws, as: chat, send: a, close: true}\n  - {websocket: /ws, close: 1000}\n");
    assert_true(world_now(g->system->world) - before < (uint64_t)(100 * MILLISECOND));
    assert_int_equal(world_sleep(g->system->world, (uint64_t)SECOND), 0); /* the server hears of the end */
}

static void sockets_fail(void **state)
{
    struct stage *g = *state;
    uint64_t start = world_now(g->system->world);
    fails(g, FLOW "  - {name: r, websocket: /nowhere, send: x}\n", "step 1 r: expected a WebSocket (101), got 403");
    fails(g,
          FLOW "  - {name: r, websocket: /ws, send: [a, b], count: 3, timeout: 1h, expect: {messages: [{said: b}, {}, "
               "{}]}}\n",
          "step 1 r: messages[0].said: expected \"b\", got \"a\"");
    fails(g, FLOW "  - {name: r, websocket: /ws, send: [a, bye], count: 3, timeout: 1h}\n",
          "step 1 r: 1 message came within");
    assert_true(world_now(g->system->world) - start < (uint64_t)(60 * SECOND)); /* nobody waited for an hour */
    fails(g, FLOW "  - {name: r, websocket: /ws, count: 1, timeout: 2s}\n",
          "step 1 r: 0 messages came within 2 s, expected 1");
    fails(g, FLOW "  - {name: r, websocket: 'wss://a/b'}\n", "a simulation has no TLS");
    fails(g, FLOW "  - {name: r, websocket: 'ws://nobody:1/b'}\n", "step 1 r: ");
}

/* ---- TLS ---- */

static void keep(struct stage *g, const char *path, const char *pem)
{
    assert_int_equal(world_write_file(g->system->world, path, bytes_of(pem), false, NULL), 0);
}

/* A server that wants certificates, and clients with and without what they need. */
static void sockets_over_tls(void **state)
{
    struct stage *g = *state;
    struct tls_kit_cert ca, other, server_cert, client_cert;
    struct tls_context *tls = NULL;
    struct http_server *server = NULL;
    char flow[512];
    assert_true(tls_kit_make(&ca, "a CA", NULL, NULL, false) && tls_kit_make(&other, "another CA", NULL, NULL, false));
    assert_true(tls_kit_make(&server_cert, "talker", "DNS:talker", &ca, false));
    assert_true(tls_kit_make(&client_cert, "flows", "DNS:flows", &ca, false));
    const struct tls_options options = {.server = true,
                                        .certificate_pem = server_cert.cert_pem,
                                        .key_pem = server_cert.key_pem,
                                        .ca_pem = ca.cert_pem,
                                        .time = TLS_KIT_NOW};
    assert_int_equal(tls_context_new(&options, &tls, NULL), 0);
    assert_int_equal(http_server_new(g->world, &(struct http_server_options){.tls = tls}, handle, g, &server, NULL), 0);
    assert_int_equal(http_server_listen(server, "0.0.0.0:0", NULL), 0);
    assert_int_equal(world_make_directory(g->system->world, "flows"), 0);
    keep(g, "flows/ca.pem", ca.cert_pem);
    keep(g, "flows/other.pem", other.cert_pem);
    keep(g, "flows/cert.pem", client_cert.cert_pem);
    keep(g, "flows/key.pem", client_cert.key_pem);
    keep(g, "flows/broken.pem", "no certificate");
    sim_clock_jump(g->system->sim, "harness", TLS_KIT_NOW * SECOND - world_wall(g->system->world));
    g->system->options.simulated = false; /* the network is simulated, TLS is real */
    static const struct {
        const char *host, *tls, *message; /* NULL: it passes */
    } cases[] = {
        {"talker", "{ca: ca.pem, cert: cert.pem, key: key.pem}", NULL},
        {"talker", "{insecure: true, cert: cert.pem, key: key.pem}", NULL},
        {"talker", "{ca: ca.pem}", "the WebSocket could not be opened: "},
        {"talker", "{ca: other.pem, cert: cert.pem, key: key.pem}", "the WebSocket could not be opened: "},
        {"10.0.0.1", "{ca: ca.pem, cert: cert.pem, key: key.pem}", "the WebSocket could not be opened: "},
        {"talker", "{ca: broken.pem}", "step 1 r: "},
        {"talker", "{ca: none.pem}", "none.pem"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(flow, sizeof flow,
                       FLOW "  - name: r\n    websocket: wss://%s:%d/ws\n    tls: %s\n    send: [{a: 1}, two]\n"
                            "    count: 2\n    expect: {messages: [{said: '{\"a\":1}'}, {said: two}]}\n",
                       cases[i].host, http_server_port(server), cases[i].tls);
        if (cases[i].message == NULL)
            passes(g, flow);
        else
            fails(g, flow, cases[i].message);
    }
    (void)snprintf(flow, sizeof flow,
                   FLOW "  - stream: GET https://talker:%d/lines\n    by: lines\n    count: 2\n"
                        "    tls: {ca: ca.pem, cert: cert.pem, key: key.pem}\n"
                        "    expect: {messages: [{n: 0}, {n: 1}]}\n",
                   http_server_port(server));
    passes(g, flow);
    g->system->options.simulated = true;
    http_server_free(server);
    tls_context_free(tls);
    tls_kit_free(&ca);
    tls_kit_free(&other);
    tls_kit_free(&server_cert);
    tls_kit_free(&client_cert);
}

static void tls_is_checked(void **state)
{
    static const char *const bad[][2] = {
        {"{key: a}", "\"cert\" and \"key\" go together"},
        {"{insecure: 1}", "insecure"},
        {"{server: a}", "server"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct flow_list flows = {0};
        struct text yaml = TEXT_INIT;
        struct error err = ERROR_INIT;
        text_printf(&yaml, FLOW "  - {websocket: /ws, tls: %s}\n", bad[i][0]);
        assert_int_not_equal(flow_parse(text_bytes(&yaml), "x.yaml", &flows, &err), 0);
        assert_non_null(strstr(err.message, bad[i][1]));
        error_clear(&err);
        flow_list_free(&flows);
        text_deinit(&yaml);
    }
}

static void streams(void **state)
{
    struct stage *g = *state;
    passes(g,
           FLOW "  - {stream: GET /events, as: feed}\n"
                "  - {stream: feed, expect: {status: 200, headers: {content-type: text/event-stream}, message: {event: "
                "tick, id: '0', data: {n: 0}}}}\n"
                "  - {stream: feed, closed: true, expect: {messages: [{data: {n: 1}}, {data: {n: 2}}], closed: true}}\n"
                "  - {stream: GET /lines, by: lines, count: 2, expect: {messages: [{n: 0}, {n: 1}]}}\n"
                "  - {stream: GET /lines, by: pieces, closed: true, expect: {count: 3}}\n"
                "  - {stream: GET /other, by: lines, expect: {status: 403, message: 'no'}}\n");
    fails(g, FLOW "  - {name: r, stream: GET /lines, by: lines, count: 4, timeout: 1h}\n",
          "step 1 r: 3 messages came within 3");
    fails(g, FLOW "  - {name: r, stream: GET /lines, by: lines, count: 2, timeout: 1500ms}\n",
          "step 1 r: 1 message came within 1.5 s, expected 2");
    fails(g, FLOW "  - {name: r, stream: feed}\n", "nothing called \"feed\" is open");
}

static void page(void **state)
{
    struct stage *g = *state;
    struct world *files;
    struct text text = TEXT_INIT;
    size_t found = 0;
    assert_int_equal(world_real_new(1, &files, NULL), 0);
    assert_int_equal(world_read_file(files, "docs/flows-streams.md", (size_t)1 << 20, &text, NULL), 0);
    for (char *p = text.data; (p = strstr(p, "```yaml\n")) != NULL; found++) {
        char *end = strstr(p += strlen("```yaml\n"), "```");
        *end = '\0';
        passes(g, p);
        p = end + 1;
    }
    assert_true(found >= 2);
    text_deinit(&text);
    world_real_free(files);
}

static void split_items(void **state)
{
    static const char body[] = "\xef\xbb\xbf"
                               "event: a\r\ndata: one\rdata: two\nid: 7\nretry: 250\n\n"
                               ":comment\n\ndata\n\ndata:{\"x\":1}\n\ndata: cut";
    struct split s;
    json_t *out = json_array();
    (void)state;
    http_split_init(&s, SPLIT_EVENTS, out);
    for (size_t i = 0; i + 1 < sizeof body; i++)
        assert_true(http_split_feed(&s, BYTES(body + i, 1)));
    assert_true(http_split_end(&s));
    json_t *expected = json_pack("[{s:s,s:s,s:s,s:i},{s:s,s:s,s:s},{s:s,s:{s:i},s:s}]", "event", "a", "data",
                                 "one\ntwo", "id", "7", "retry", 250, "event", "message", "data", "", "id", "7",
                                 "event", "message", "data", "x", 1, "id", "7");
    if (!json_equal(out, expected))
        fail_msg("%s", json_dumps(out, 0));
    json_decref(expected);
    http_split_deinit(&s);
    json_array_clear(out);
    http_split_init(&s, SPLIT_LINES, out);
    struct text line = TEXT_INIT;
    for (size_t i = 0; i <= SPLIT_ITEM_MAX; i++)
        text_char(&line, 'a');
    assert_false(http_split_feed(&s, text_bytes(&line)) && http_split_end(&s));
    assert_true(s.too_long);
    text_deinit(&line);
    http_split_deinit(&s);
    json_decref(out);
}

static int split_once(void)
{
    static const char body[] = "event: a\ndata: {\"x\": 1}\nid: 7\n\ndata: two\ndata: three\n\n";
    struct split s;
    json_t *out = json_array();
    http_split_init(&s, SPLIT_EVENTS, out);
    bool fed = out != NULL && http_split_feed(&s, bytes_of(body)) && http_split_end(&s);
    size_t count = json_array_size(out);
    bool told = fed || s.failed || out == NULL;
    http_split_deinit(&s);
    json_decref(out);
    return !told ? ERROR_INVALID : fed && count == 2 ? 0 : ERROR_MEMORY;
}

static void memory_runs_out(void **state)
{
    (void)state;
    json_set_alloc_funcs(failing_malloc, failing_free);
    size_t failed = failing_walk(split_once, FAILING_MAY_BE_BORNE);
    json_set_alloc_funcs(malloc, free);
    assert_true(failed > 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_stage, close_stage)
    const struct CMUnitTest tests[] = {TEST(sockets),
                                       TEST(goodbyes),
                                       TEST(sockets_fail),
                                       TEST(sockets_over_tls),
                                       cmocka_unit_test(tls_is_checked),
                                       TEST(streams),
                                       TEST(page),
                                       cmocka_unit_test(split_items),
                                       cmocka_unit_test(memory_runs_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
