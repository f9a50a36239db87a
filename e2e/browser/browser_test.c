/* The browser step against a peer that speaks the DevTools protocol as a browser does, or as none should: no Chromium
 * is needed. The peer is a WebSocket server of this process; a script stands for the program and only says where. */
#include "e2e/test_walk.h"

#include "base/units.h"
#include "rpc/websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct stage {
    struct test_system *system;
    struct http_server *server;
    struct websocket *socket; /* the one connection; NULL: none */
    char folder[32], program[64];
    const char *at; /* the method that is answered in another way; NULL: none */
    enum { SILENCE, GARBAGE, BYE, REFUSAL, CRASH, EMPTY } how;
    const char *navigation; /* "errorText", or NULL */
    const char *console;    /* is logged as an error in front of the next answer */
    struct text asked;      /* the methods, a line each */
    int came, gone;         /* connections */
};

/* ---- the peer ---- */

static void say(struct stage *g, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    if (text != NULL && g->socket != NULL)
        websocket_send(g->socket, true, bytes_of(text));
    free(text);
    json_decref(message);
}

/* What page the flows find: one field "#name", one button, everything else is not there. */
static json_t *evaluate(const char *expression)
{
    if (strstr(expression, "return e.tagName") != NULL)
        return json_pack("{s:{s:s}}", "result", "value", "INPUT");
    bool there = strstr(expression, "#none") == NULL;
    return json_pack("{s:{s:{s:s, s:s, s:s, s:i, s:b, s:b, s:i, s:i, s:s, s:[s], s:s, s:{}}}}", "result", "value",
                     "ready", "complete", "url", "http://shop/", "title", "Shop", "count", there ? 1 : 0, "visible",
                     there, "enabled", there, "x", 5, "y", 6, "text", "Hello", "texts", "Hello", "value", "Ann",
                     "attributes");
}

static json_t *result_of(const struct stage *g, const char *method, const json_t *params)
{
    if (strcmp(method, "Target.createTarget") == 0)
        return json_pack("{s:s}", "targetId", "T");
    if (strcmp(method, "Target.attachToTarget") == 0)
        return json_pack("{s:s}", "sessionId", "S");
    if (strcmp(method, "Page.navigate") == 0)
        return g->navigation != NULL ? json_pack("{s:s}", "errorText", g->navigation)
                                     : json_pack("{s:s}", "frameId", "F");
    if (strcmp(method, "Runtime.evaluate") == 0)
        return evaluate(json_string_value(json_object_get(params, "expression")));
    if (strcmp(method, "Page.captureScreenshot") == 0)
        return json_pack("{s:s}", "data", "iVBORw0=");
    return json_object();
}

/* True: it is not answered in the usual way. */
static bool misbehave(struct stage *g, const json_t *id, const char *method)
{
    static const char *const garbage[] = {"not JSON{",
                                          "[]",
                                          "{}",
                                          "{\"id\":\"x\"}",
                                          "{\"method\":7}",
                                          "null",
                                          "{\"method\":\"Runtime.consoleAPICalled\",\"params\":[1]}",
                                          "{\"method\":\"Log.entryAdded\",\"params\":{\"entry\":{\"level\":3}}}"};
    if (g->at == NULL || strcmp(g->at, method) != 0)
        return false;
    switch (g->how) {
    case SILENCE:
        return true;
    case GARBAGE: /* and then what was asked for */
        for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
            websocket_send(g->socket, true, bytes_of(garbage[i]));
        websocket_send(g->socket, false, bytes_of("\xff\xfe"));
        return false;
    case BYE:
        websocket_abort(g->socket);
        g->socket = NULL;
        g->gone++;
        return true;
    case REFUSAL:
        say(g, json_pack("{s:O, s:{s:s}}", "id", id, "error", "message", "no such thing"));
        return true;
    case CRASH:
        say(g, json_pack("{s:s, s:{}}", "method", "Inspector.targetCrashed", "params"));
        return true;
    case EMPTY:
        break;
    }
    say(g, json_pack("{s:O, s:{}}", "id", id, "result"));
    return true;
}

static void on_message(void *arg, bool text, struct bytes message)
{
    struct stage *g = arg;
    json_t *tree = text ? json_loadb((const char *)message.data, message.len, 0, NULL) : NULL;
    const char *method = json_string_value(json_object_get(tree, "method"));
    json_t *id = json_object_get(tree, "id");
    if (method != NULL) {
        text_printf(&g->asked, "%s\n", method);
        if (g->console != NULL && strcmp(method, "Page.navigate") == 0)
            say(g, json_pack("{s:s, s:{s:s, s:[{s:s}]}}", "method", "Runtime.consoleAPICalled", "params", "type",
                             "error", "args", "value", g->console));
        if (!misbehave(g, id, method))
            say(g, json_pack("{s:O, s:o}", "id", id, "result", result_of(g, method, json_object_get(tree, "params"))));
    }
    json_decref(tree);
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct stage *g = arg;
    (void)code;
    (void)reason;
    g->socket = NULL;
    g->gone++;
}

static bool all_gone(void *arg)
{
    const struct stage *g = arg;
    return g->gone == g->came;
}

static void handle(void *arg, struct http_exchange *x)
{
    static const struct websocket_events events = {.message = on_message, .closed = on_closed};
    struct stage *g = arg;
    int status = 0;
    const char *why = "";
    if (websocket_accept(x, NULL, &events, g, &g->socket, &status, &why) != 0)
        http_respond(x, status, "text/plain", bytes_of(why));
    else
        g->came++;
}

/* ---- the stage ---- */

static void put_program(struct stage *g, const char *script)
{
    FILE *f = fopen(g->program, "w");
    assert_non_null(f);
    fputs(script, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(g->program, 0700), 0);
}

static int open_stage(void **state)
{
    const struct http_server_options options = {0};
    struct stage *g = calloc(1, sizeof *g);
    void *system = NULL;
    char script[256];
    if (g == NULL || test_system_setup_real(&system) != 0)
        return -1;
    g->system = system;
    strcpy(g->folder, "/tmp/harrow-test-XXXXXX");
    if (mkdtemp(g->folder) == NULL || http_server_new(g->system->world, &options, handle, g, &g->server, NULL) != 0 ||
        http_server_listen(g->server, "127.0.0.1:0", NULL) != 0)
        return -1;
    snprintf(g->program, sizeof g->program, "%s/browser", g->folder);
    snprintf(script, sizeof script,
             "#!/bin/sh\necho 'DevTools listening on ws://127.0.0.1:%d/devtools' >&2\nexec sleep 3600\n",
             http_server_port(g->server));
    put_program(g, script);
    setenv("HARROW_BROWSER", g->program, 1);
    g->system->options.scratch = g->folder;
    g->system->options.folder = g->folder;
    g->system->options.step_timeout = (uint64_t)(600 * SECOND); /* no machine is too slow */
    *state = g;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *g = *state;
    void *system = g->system;
    unsetenv("HARROW_BROWSER");
    (void)world_run_until(g->system->world, all_gone, g, 0);
    http_server_free(g->server);
    (void)world_remove_tree(g->system->world, g->folder);
    text_deinit(&g->asked);
    free(g);
    return test_system_teardown(&system);
}

/* ---- flows ---- */

#define OPEN "flow: f\nsteps:\n  - {browser: {open: 'http://shop/'}}\n"

/* What it came with is gone as well when this returns. */
static bool runs(struct stage *g, const char *yaml)
{
    bool passed = test_run(g->system, yaml);
    assert_int_equal(world_run_until(g->system->world, all_gone, g, 0), 0);
    return passed;
}

static void passes(struct stage *g, const char *yaml)
{
    struct text report = TEXT_INIT;
    if (!runs(g, yaml)) {
        test_report(g->system, &report);
        fail_msg("%s", text_string(&report));
    }
}

static void fails(struct stage *g, const char *yaml, const char *message)
{
    assert_false(runs(g, yaml));
    const char *got = json_string_value(json_object_get(test_last(g->system, "case"), "message"));
    if (strstr(got, message) == NULL)
        fail_msg("expected: %s\ngot: %s", message, got);
}

static void everything(void **state)
{
    struct stage *g = *state;
    struct text png = TEXT_INIT, path = TEXT_INIT;
    passes(g, OPEN "  - {browser: {see: h1}, expect: {text: Hello, title: Shop, count: 1, texts: [Hello]}}\n"
                   "  - {browser: {fill: {'#name': Ann}}, expect: {value: Ann}}\n"
                   "  - {browser: {click: button}, capture: {at: $.url}}\n"
                   "  - {browser: {gone: '#none'}}\n"
                   "  - {browser: {screenshot: shop}}\n"
                   "  - {parallel: {a: [{browser: {see: h1}}, {browser: {see: h1}}], b: [{browser: {see: h1}}]}}\n");
    assert_non_null(strstr(text_string(&g->asked), "Input.insertText\n"));
    assert_non_null(strstr(text_string(&g->asked), "Input.dispatchMouseEvent\nInput.dispatchMouseEvent\n"));
    text_printf(&path, "%s/%s", g->folder,
                json_string_value(json_object_get(test_last(g->system, "picture"), "picture")));
    assert_int_equal(world_read_file(g->system->world, text_string(&path), 100, &png, NULL), 0);
    assert_int_equal(png.len, 5);
    text_deinit(&png);
    text_deinit(&path);
}

static void page_is_wrong(void **state)
{
    struct stage *g = *state;
    /* A machine that takes longer than this for one answer hears of the time alone. */
    assert_false(runs(g, OPEN "  - {browser: {see: '#none'}, timeout: 300ms}\n"));
    const char *said = json_string_value(json_object_get(test_last(g->system, "case"), "message"));
    assert_true(strstr(said, "the page has no \"#none\"") != NULL || strstr(said, "does not answer in time") != NULL);
    g->navigation = "net::ERR_CONNECTION_REFUSED";
    fails(g, OPEN, "http://shop/ cannot be opened: net::ERR_CONNECTION_REFUSED");
    g->navigation = NULL;
    g->console = "it broke";
    fails(g, OPEN, "the page logged an error: it broke");
    passes(g, "flow: f\nsteps:\n  - {browser: {open: 'http://shop/'}, expect: {console: [it broke]}}\n");
}

static void peer_is_wrong(void **state)
{
    struct stage *g = *state;
    static const char *const setup[] = {"Target.createTarget", "Target.attachToTarget", "Page.enable", "Page.navigate"};
    for (size_t i = 0; i < sizeof setup / sizeof setup[0]; i++) {
        g->at = setup[i];
        g->how = REFUSAL;
        fails(g, OPEN, "no such thing");
        g->how = BYE;
        fails(g, OPEN, "the browser has ended");
        g->how = GARBAGE;
        passes(g, OPEN);
    }
    g->at = "Input.dispatchMouseEvent";
    g->how = CRASH;
    fails(g, OPEN "  - {browser: {click: button}}\n", "the page has crashed");
    g->how = BYE;
    fails(g, OPEN "  - {browser: {click: button}}\n  - {browser: {see: h1}}\n", "the browser has ended");
    g->how = SILENCE;
    fails(g, OPEN "  - {browser: {click: button}, timeout: 60ms}\n", "the browser does not answer in time");
    g->at = "Page.captureScreenshot";
    g->how = EMPTY;
    fails(g, OPEN "  - {browser: {screenshot: a}}\n", "the browser gave no picture");
    g->at = "Target.attachToTarget";
    fails(g, OPEN, "the browser gave no page");
}

static void program_is_wrong(void **state)
{
    struct stage *g = *state;
    put_program(g, "#!/bin/sh\necho cannot open display >&2\nexit 1\n");
    fails(g, OPEN, "the browser has ended; it said:\n  cannot open display");
    put_program(g, "#!/bin/sh\necho 'DevTools listening on nonsense' >&2\nexec sleep 3600\n");
    fails(g, OPEN, "step 1");
    put_program(g, "#!/bin/sh\nexec sleep 3600\n");
    fails(g, "flow: f\nsteps:\n  - {browser: {open: a}, timeout: 60ms}\n", "the browser does not answer in time");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_stage, close_stage)
    const struct CMUnitTest tests[] = {TEST(everything), TEST(page_is_wrong), TEST(peer_is_wrong),
                                       TEST(program_is_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
