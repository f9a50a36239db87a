#include "e2e/browser/browser.h"

#include "base/json_text.h"
#include "base/units.h"
#include "e2e/browser/reader.h"
#include "rpc/websocket.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX ((size_t)64 << 20) /* of the browser's: a screenshot in base64 */
#define ENDS_WITHIN ((uint64_t)(5 * SECOND))
#define SAID_MAX    10 /* lines of its own log, for messages */
#define LISTENING   "DevTools listening on "

struct browser {
    struct world *world;
    struct world_process *process;
    struct websocket *socket;
    struct text address, said; /* of its debugger; the last lines it logged */
    size_t lines;
    char *session; /* of the page */
    struct browser_reader reader;
    bool open, exited; /* the debugger's connection; the process */
    bool busy;         /* a branch waits for an answer: the others for their turn */
};

/* ---- finding it ---- */

static bool is_program(struct world *w, const char *path)
{
    struct world_stat stat;
    return world_stat(w, path, &stat) == 0 && stat.exists && !stat.directory && stat.executable;
}

bool browser_program(struct world *w, struct text *out)
{
    static const char *const names[] = {"chromium", "chromium-browser", "google-chrome", "chrome"};
    const char *given = world_environment(w, BROWSER_VARIABLE), *path = world_environment(w, "PATH");
    if (given != NULL && given[0] != '\0') {
        text_puts(out, given);
        return is_program(w, given);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (const char *p = path != NULL ? path : ""; *p != '\0';) {
            size_t len = strcspn(p, ":");
            text_clear(out);
            text_printf(out, "%.*s/%s", (int)len, p, names[i]);
            if (len > 0 && text_ok(out) && is_program(w, text_string(out)))
                return true;
            p += len + (p[len] == ':');
        }
    text_clear(out);
    return false;
}

/* ---- its process ---- */

static void on_output(void *arg, int fd, struct bytes line)
{
    struct browser *b = arg;
    size_t len = strlen(LISTENING);
    (void)fd;
    if (line.len > len && memcmp(line.data, LISTENING, len) == 0 && b->address.len == 0)
        text_add(&b->address, (const char *)line.data + len, line.len - len);
    else if (b->lines++ < SAID_MAX)
        text_printf(&b->said, "\n  %.*s", (int)(line.len < 200 ? line.len : 200), (const char *)line.data);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct browser *b = arg;
    (void)status;
    b->exited = true;
}

static bool is_listening(void *arg)
{
    const struct browser *b = arg;
    return b->address.len > 0 || b->exited;
}

static bool is_gone(void *arg)
{
    const struct browser *b = arg;
    return b->exited;
}

/* Everything it keeps is in the flow's folder. */
static int spawn(struct flow_context *x, struct browser *b, const char *program, const struct node *place)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct text profile = TEXT_INIT, home = TEXT_INIT, config = TEXT_INIT, cache = TEXT_INIT;
    struct error why = ERROR_INIT;
    text_printf(&profile, "--user-data-dir=%s/browser", x->scratch);
    text_printf(&home, "HOME=%s", x->scratch);
    text_printf(&config, "XDG_CONFIG_HOME=%s", x->scratch);
    text_printf(&cache, "XDG_CACHE_HOME=%s", x->scratch);
    const char *const argv[] = {program,
                                "--headless",
                                "--no-sandbox", /* which root cannot have; pages are those of the system under test */
                                "--disable-gpu",
                                "--disable-dev-shm-usage",
                                "--disable-extensions",
                                "--disable-background-networking",
                                "--disable-component-update",
                                "--disable-breakpad",
                                "--disable-crash-reporter",
                                "--disable-sync",
                                "--no-first-run",
                                "--no-default-browser-check",
                                "--no-proxy-server",
                                "--hide-scrollbars",
                                "--window-size=1280,800",
                                "--remote-debugging-port=0",
                                text_string(&profile),
                                "about:blank",
                                NULL};
    const char *const environment[] = {text_string(&home), text_string(&config), text_string(&cache),
                                       "TMPDIR=.", /* short */
                                       NULL};
    const struct world_spawn how = {
        .name = "browser", .argv = argv, .environment = environment, .directory = x->scratch, .whole_group = true};
    bool ok = text_ok(&profile) && text_ok(&home) && text_ok(&config) && text_ok(&cache);
    int code = ok ? world_process_spawn(b->world, &how, &events, b, &b->process, &why) : flow_memory(x);
    if (ok && code != 0)
        flow_wrong(x, place, code, "%s cannot be started: %s", program,
                   why.message != NULL ? why.message : error_code_name(code));
    error_clear(&why);
    text_deinit(&profile);
    text_deinit(&home);
    text_deinit(&config);
    text_deinit(&cache);
    return code;
}

/* ---- its debugger ---- */

static void on_opened(void *arg)
{
    struct browser *b = arg;
    b->open = true;
}

static void on_message(void *arg, bool text, struct bytes message)
{
    struct browser *b = arg;
    browser_reader_read(&b->reader, text, message);
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct browser *b = arg;
    (void)code;
    (void)reason;
    b->open = false;
    b->socket = NULL;
}

static bool is_open(void *arg)
{
    const struct browser *b = arg;
    return b->open || b->socket == NULL;
}

static bool is_answered(void *arg)
{
    const struct browser *b = arg;
    const struct browser_reader *r = &b->reader;
    return r->answer != NULL || b->socket == NULL || r->crashed || r->memory;
}

static bool is_free(void *arg)
{
    const struct browser *b = arg;
    return !b->busy;
}

static int gone(struct flow_context *x, int code)
{
    struct browser *b = x->run->browser;
    if (code == ERROR_CANCELLED)
        return error_set(&x->error, code, "interrupted");
    if (code == ERROR_TIMEOUT)
        return error_set(&x->error, code, "the browser does not answer in time");
    if (b->reader.memory)
        return flow_memory(x);
    if (b->reader.crashed)
        return error_set(&x->error, ERROR_CLOSED, "the page has crashed");
    return error_set(&x->error, ERROR_CLOSED, "the browser has ended%s%s", b->said.len > 0 ? "; it said:" : "",
                     text_string(&b->said));
}

static int send_command(struct flow_context *x, const char *method, json_t *params)
{
    struct browser *b = x->run->browser;
    json_t *command = json_pack("{s:I, s:s, s:o, s:s*}", "id", browser_reader_ask(&b->reader), "method", method,
                                "params", params != NULL ? params : json_object(), "sessionId", b->session);
    char *text = command != NULL ? json_text_of(command, 0) : NULL;
    int code = text == NULL ? flow_memory(x) : b->socket == NULL ? gone(x, 0) : 0;
    if (code == 0 && websocket_send(b->socket, true, bytes_of(text)) != 0)
        code = flow_memory(x);
    free(text);
    json_decref(command);
    return code;
}

json_t *browser_ask(struct flow_context *x, const char *method, json_t *params, uint64_t timeout)
{
    struct browser *b = x->run->browser;
    int code = flow_wait(x, is_free, b, timeout);
    if (code != 0) {
        json_decref(params);
        gone(x, code);
        return NULL;
    }
    b->busy = true;
    if (send_command(x, method, params) == 0)
        code = flow_wait(x, is_answered, b, timeout);
    b->busy = false;
    if (x->error.code != 0)
        return NULL;
    if (code != 0 || b->reader.answer == NULL) {
        gone(x, code);
        return NULL;
    }
    return browser_reader_result(&b->reader, method, &x->error);
}

/* A page of our own, and what it complains of from now on. */
static int attach(struct flow_context *x, uint64_t timeout)
{
    struct browser *b = x->run->browser;
    json_t *made = browser_ask(x, "Target.createTarget", json_pack("{s:s}", "url", "about:blank"), timeout);
    const char *target = json_string_value(json_object_get(made, "targetId"));
    json_t *attached = target != NULL ? browser_ask(x, "Target.attachToTarget",
                                                    json_pack("{s:s, s:b}", "targetId", target, "flatten", 1), timeout)
                                      : NULL;
    const char *session = json_string_value(json_object_get(attached, "sessionId"));
    b->session = session != NULL ? strdup(session) : NULL;
    bool given = session != NULL;
    json_decref(made);
    json_decref(attached);
    if (b->session == NULL && x->error.code == 0)
        return given ? flow_memory(x) : error_set(&x->error, ERROR_PROTOCOL, "the browser gave no page");
    if (b->session == NULL)
        return x->error.code;
    static const char *const enabled[] = {"Page.enable", "Runtime.enable", "Log.enable", "Inspector.enable"};
    for (size_t i = 0; i < sizeof enabled / sizeof enabled[0]; i++) {
        json_t *done = browser_ask(x, enabled[i], NULL, timeout);
        if (done == NULL)
            return x->error.code;
        json_decref(done);
    }
    return 0;
}

static int open_debugger(struct flow_context *x, uint64_t timeout)
{
    static const struct websocket_events events = {.opened = on_opened, .message = on_message, .closed = on_closed};
    static const struct websocket_options options = {.message_max = MESSAGE_MAX};
    struct browser *b = x->run->browser;
    int code = flow_wait(x, is_listening, b, timeout);
    if (code != 0 || b->address.len == 0)
        return gone(x, code);
    code = websocket_connect(b->world, text_string(&b->address), NULL, 0, &options, &events, b, &b->socket, &x->error);
    if (code == 0)
        code = flow_wait(x, is_open, b, timeout);
    return code == 0 && b->open ? attach(x, timeout) : x->error.code != 0 ? x->error.code : gone(x, code);
}

int browser_need(struct flow_context *x, const struct node *place, uint64_t timeout)
{
    struct text program = TEXT_INIT;
    if (x->run->browser != NULL)
        return x->run->browser->session != NULL ? 0 : gone(x, 0);
    if (x->scratch == NULL)
        return flow_wrong(x, place, ERROR_UNSUPPORTED, "there is no folder for a browser's profile here");
    if (!browser_program(x->target->world, &program)) {
        text_deinit(&program);
        return flow_wrong(x, place, ERROR_NOT_FOUND,
                          "no Chromium is found: install it (Debian's package chromium), or name it in %s",
                          BROWSER_VARIABLE);
    }
    struct browser *b = calloc(1, sizeof *b);
    if (b == NULL || !browser_reader_init(&b->reader)) {
        free(b);
        text_deinit(&program);
        return flow_memory(x);
    }
    b->world = x->target->world;
    x->run->browser = b;
    int code = spawn(x, b, text_string(&program), place);
    if (code == 0)
        code = open_debugger(x, timeout);
    text_deinit(&program);
    return code;
}

json_t *browser_complaints(struct flow_context *x)
{
    json_t *all = browser_reader_complaints(&x->run->browser->reader);
    if (all == NULL)
        flow_memory(x);
    return all;
}

/* ---- its end ---- */

void browser_close(struct flow_context *x)
{
    struct browser *b = x->run->browser;
    if (b == NULL)
        return;
    if (b->process != NULL && !b->exited) {
        (void)world_process_signal(b->process, SIGTERM);
        if (flow_wait(x, is_gone, b, ENDS_WITHIN) != 0) {
            (void)world_process_signal(b->process, SIGKILL);
            (void)flow_wait(x, is_gone, b, ENDS_WITHIN);
        }
    }
    if (b->socket != NULL)
        websocket_abort(b->socket);
    world_process_close(b->process);
    browser_reader_deinit(&b->reader);
    text_deinit(&b->address);
    text_deinit(&b->said);
    free(b->session);
    free(b);
    x->run->browser = NULL;
}
