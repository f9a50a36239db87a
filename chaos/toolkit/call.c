/* One activity that runs beside the loop: a request, a program, a pause, a look at a file. */
#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"
#include "chaos/toolkit/inside.h"
#include "rpc/http.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 1000
#define HEADERS_MAX   64

void toolkit_call_end(struct toolkit_call *c, json_t *output)
{
    if (c->over) {
        json_decref(output);
        return;
    }
    c->over = true;
    c->output = output;
    if (output == NULL && c->problem[0] == '\0')
        snprintf(c->problem, sizeof c->problem, "out of memory");
    c->took = world_now(c->target->world) - c->started;
    world_timer_stop(&c->timer);
    if (c->ended != NULL)
        c->ended(c->ended_arg);
}

void toolkit_call_fail(struct toolkit_call *c, const char *format, ...)
{
    va_list args;
    if (c->over)
        return;
    va_start(args, format);
    vsnprintf(c->problem, sizeof c->problem, format, args);
    va_end(args);
    toolkit_call_end(c, NULL);
}

/* What was asked for in seconds, ${...} replaced; `fallback` when nothing was. */
static uint64_t seconds_of(const struct toolkit_call *c, const struct node *n, uint64_t fallback)
{
    json_t *value = n != NULL ? toolkit_substitute(c->toolkit, n) : NULL;
    json_t *one = json_is_array(value) ? json_array_get(value, 1) : value;
    double seconds = json_is_string(one) ? strtod(json_string_value(one), NULL) : json_number_value(one);
    json_decref(value);
    return seconds > 0 && seconds < 1e6 ? (uint64_t)llround(seconds * (double)SECOND) : fallback;
}

static const char *text_in(struct toolkit_call *c, json_t *value)
{
    char *dump = json_is_string(value) ? NULL : json_text_of(value, 0);
    const char *text = dump != NULL ? dump : json_string_value(value);
    const char *copy = text != NULL ? arena_string(&c->arena, text) : NULL;
    free(dump);
    return copy;
}

static const char *member_text(struct toolkit_call *c, const struct node *map, const char *key)
{
    json_t *value = toolkit_substitute(c->toolkit, node_get(map, key));
    const char *text = value != NULL ? text_in(c, value) : NULL;
    json_decref(value);
    return text;
}

static json_t *text_or_hex(struct bytes b)
{
    size_t len = b.len < TOOLKIT_OUTPUT_MAX ? b.len : TOOLKIT_OUTPUT_MAX;
    json_t *text = json_stringn((const char *)b.data, len);
    return text != NULL ? text : json_string("(not UTF-8)");
}

/* ---- programs ---- */

static void said(void *arg, int fd, struct bytes piece)
{
    struct toolkit_call *c = arg;
    struct text *to = fd == 2 ? &c->err : &c->out;
    size_t room = to->len < TOOLKIT_OUTPUT_MAX ? TOOLKIT_OUTPUT_MAX - to->len : 0;
    text_add(to, piece.data, piece.len < room ? piece.len : room);
}

static void exited(void *arg, struct world_exit status)
{
    struct toolkit_call *c = arg;
    /* As Python tells it: a signal's number is negative. */
    int code = status.signalled ? -status.code : status.code;
    if (!text_ok(&c->out) || !text_ok(&c->err))
        toolkit_call_fail(c, "out of memory");
    else
        toolkit_call_end(c, json_pack("{s:i, s:o, s:o}", "status", code, "stdout", text_or_hex(text_bytes(&c->out)),
                                      "stderr", text_or_hex(text_bytes(&c->err))));
}

static bool add_argument(struct toolkit_call *c, const char **argv, size_t *count, json_t *value)
{
    const char *text = text_in(c, value);
    if (text == NULL || *count >= ARGUMENTS_MAX)
        return false;
    if (!json_is_null(value) && text[0] != '\0')
        argv[(*count)++] = text;
    return true;
}

/* A list; an object, as its keys and values in turn; one text, which the shell takes apart. */
static bool arguments_of(struct toolkit_call *c, const char *path, const char **argv)
{
    json_t *given = c->activity->arguments != NULL ? toolkit_substitute(c->toolkit, c->activity->arguments) : NULL;
    size_t count = 0, i;
    const char *key;
    json_t *item;
    bool ok = true;
    if (json_is_string(given)) {
        const char *line = arena_printf(&c->arena, "%s %s", path, json_string_value(given));
        argv[count++] = "/bin/sh";
        argv[count++] = "-c";
        argv[count++] = line;
        ok = line != NULL;
    } else {
        argv[count++] = path;
        json_array_foreach(given, i, item) ok = ok && add_argument(c, argv, &count, item);
        json_object_foreach(given, key, item)
        {
            json_t *name = json_string(key);
            ok = ok && name != NULL && add_argument(c, argv, &count, name) && add_argument(c, argv, &count, item);
            json_decref(name);
        }
    }
    argv[count] = NULL;
    json_decref(given);
    return ok;
}

static void start_process(struct toolkit_call *c)
{
    static const struct world_process_events events = {.output = said, .exited = exited};
    const char *argv[ARGUMENTS_MAX + 4];
    const char *path = member_text(c, c->activity->provider, "path");
    struct error err = ERROR_INIT;
    if (path == NULL || !arguments_of(c, path, argv)) {
        toolkit_call_fail(c, "too many arguments (%d), or out of memory", ARGUMENTS_MAX);
        return;
    }
    const struct world_spawn spawn = {.name = c->activity->name, .argv = argv, .raw_output = true, .whole_group = true};
    if (world_process_spawn(c->target->world, &spawn, &events, c, &c->process, &err) != 0)
        toolkit_call_fail(c, "%s", err.message != NULL ? err.message : error_code_name(err.code));
    error_clear(&err);
}

/* ---- requests ---- */

static void on_answer(void *arg, struct http_answer *answer, struct error *err)
{
    struct toolkit_call *c = arg;
    c->fetch = NULL;
    if (answer->status == 0) {
        toolkit_call_fail(c, "%s", err != NULL && err->message != NULL ? err->message : "no answer");
    } else {
        json_t *headers = json_object(), *body = NULL;
        bool is_json = false;
        for (size_t i = 0; i < answer->header_count; i++) {
            const struct http1_header *h = &answer->headers[i];
            if (json_object_setn_new(headers, (const char *)h->name.data, h->name.len, text_or_hex(h->value)) != 0) {
                json_decref(headers);
                headers = NULL;
            }
            is_json = is_json || (http1_header_is(h, "content-type") && h->value.len >= 16 &&
                                  memcmp(h->value.data, "application/json", 16) == 0);
        }
        if (is_json)
            body =
                json_loadb((const char *)answer->body.data, answer->body.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (body == NULL)
            body = text_or_hex(answer->body);
        toolkit_call_end(c, json_pack("{s:i, s:o, s:o}", "status", answer->status, "headers", headers, "body", body));
    }
    http_answer_deinit(answer);
}

static void put_encoded(const char *text, struct text *out)
{
    for (; *text != '\0'; text++) {
        unsigned char b = (unsigned char)*text;
        bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || strchr("-._~", b);
        text_printf(out, plain ? "%c" : "%%%02X", b);
    }
}

/* "a=1&b=x%20y". */
static void put_form(struct toolkit_call *c, json_t *arguments, struct text *out)
{
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach(arguments, key, value)
    {
        const char *text = text_in(c, value);
        text_puts(out, first ? "" : "&");
        put_encoded(key, out);
        text_char(out, '=');
        put_encoded(text != NULL ? text : "", out);
        first = false;
    }
}

struct request {
    struct http1_header headers[HEADERS_MAX];
    size_t count;
    bool json; /* the body's type is said to be JSON */
};

static bool headers_of(struct toolkit_call *c, struct request *r)
{
    const struct node *given = node_get(c->activity->provider, "headers");
    json_t *headers = given != NULL ? toolkit_substitute(c->toolkit, given) : NULL;
    const char *key;
    json_t *value;
    bool ok = given == NULL || headers != NULL;
    json_object_foreach(headers, key, value)
    {
        const char *name = arena_string(&c->arena, key), *text = text_in(c, value);
        ok = ok && name != NULL && text != NULL && r->count + 1 < HEADERS_MAX;
        if (!ok)
            break;
        r->headers[r->count] = (struct http1_header){bytes_of(name), bytes_of(text)};
        r->json |= http1_header_is(&r->headers[r->count], "content-type") && strstr(text, "json") != NULL;
        r->count++;
    }
    json_decref(headers);
    return ok;
}

static void start_http(struct toolkit_call *c)
{
    const struct node *p = c->activity->provider;
    struct request r = {.count = 0};
    struct text url = TEXT_INIT, body = TEXT_INIT;
    struct error err = ERROR_INIT;
    json_t *arguments = c->activity->arguments != NULL ? toolkit_substitute(c->toolkit, c->activity->arguments) : NULL;
    const char *base = member_text(c, p, "url");
    const char *method = node_get(p, "method") != NULL ? member_text(c, p, "method") : "GET";
    bool get = method != NULL && strcmp(method, "GET") == 0, ok = base != NULL && method != NULL && headers_of(c, &r);
    text_puts(&url, ok ? base : "");
    if (ok && json_is_object(arguments) && get && json_object_size(arguments) > 0) {
        text_char(&url, strchr(base, '?') != NULL ? '&' : '?');
        put_form(c, arguments, &url);
    } else if (ok && arguments != NULL && !get) {
        const char *whole = json_is_object(arguments) && !r.json ? NULL : text_in(c, arguments);
        if (whole != NULL) {
            text_puts(&body, whole);
        } else {
            put_form(c, arguments, &body);
            r.headers[r.count++] =
                (struct http1_header){bytes_of("content-type"), bytes_of("application/x-www-form-urlencoded")};
        }
    }
    ok = ok && text_ok(&url) && text_ok(&body);
    bool verify = true;
    (void)node_may_bool(p, "verify_tls", &verify, NULL);
    if (ok && strncmp(base, "https://", 8) == 0)
        ok = tls_context_new(&(struct tls_options){.insecure = !verify}, &c->tls, &err) == 0;
    const struct http_fetch fetch = {.method = method,
                                     .url = text_string(&url),
                                     .headers = r.headers,
                                     .header_count = r.count,
                                     .body = text_bytes(&body),
                                     .tls = c->tls,
                                     .timeout = seconds_of(c, node_get(p, "timeout"), TOOLKIT_TIMEOUT)};
    if (!ok)
        toolkit_call_fail(c, "%s", err.message != NULL ? err.message : "too many headers, or out of memory");
    else if (http_fetch_start(c->target->world, &fetch, on_answer, c, &c->fetch, &err) != 0)
        toolkit_call_fail(c, "%s", err.message != NULL ? err.message : error_code_name(err.code));
    error_clear(&err);
    json_decref(arguments);
    text_deinit(&url);
    text_deinit(&body);
}

/* ---- files and time ---- */

static void look_at_file(struct toolkit_call *c)
{
    const char *path = member_text(c, c->activity->arguments, "path");
    struct world_stat stat = {0};
    int code = path != NULL ? world_stat(c->target->world, path, &stat) : ERROR_MEMORY;
    enum toolkit_provider kind = c->activity->kind;
    bool holds = code == 0 && stat.exists && (kind != TOOLKIT_IS_FILE || !stat.directory) &&
                 (kind != TOOLKIT_IS_FOLDER || stat.directory);
    if (kind != TOOLKIT_REMOVE)
        toolkit_call_end(c, json_boolean(holds));
    else if (!stat.exists || stat.directory || (code = world_remove(c->target->world, path)) != 0)
        toolkit_call_fail(c, "%s cannot be removed: %s", path != NULL ? path : "it",
                          code != 0 ? error_code_name(code) : "it is no file");
    else
        toolkit_call_end(c, json_null());
}

static void time_is_up(void *arg)
{
    struct toolkit_call *c = arg;
    if (c->activity->kind == TOOLKIT_SLEEP)
        toolkit_call_end(c, json_null());
    else {
        world_process_close(c->process);
        c->process = NULL;
        toolkit_call_fail(c, "it took too long");
    }
}

void toolkit_call_start(struct toolkit_call *c, struct toolkit *k, struct target *t, const struct toolkit_activity *a)
{
    c->toolkit = k;
    c->target = t;
    c->activity = a;
    c->started = world_now(t->world);
    c->started_wall = world_wall(t->world);
    world_timer_init(&c->timer, t->world, time_is_up, c);
    switch (a->kind) {
    case TOOLKIT_HTTP: /* has its own limit */
        start_http(c);
        break;
    case TOOLKIT_PROCESS:
        world_timer_start(&c->timer, seconds_of(c, node_get(a->provider, "timeout"), TOOLKIT_TIMEOUT));
        start_process(c);
        break;
    case TOOLKIT_SLEEP:
        world_timer_start(&c->timer, seconds_of(c, node_get(a->arguments, "secs"), 0));
        break;
    case TOOLKIT_EXISTS:
    case TOOLKIT_IS_FILE:
    case TOOLKIT_IS_FOLDER:
    case TOOLKIT_REMOVE:
        look_at_file(c);
        break;
    case TOOLKIT_FAULT:
    case TOOLKIT_HEAL:
    case TOOLKIT_TOXIC:
    case TOOLKIT_NO_TOXIC:
        break; /* run.c does these, and ends the call */
    }
}

void toolkit_call_stop(struct toolkit_call *c)
{
    if (c->over || c->target == NULL)
        return;
    http_fetch_cancel(c->fetch);
    c->fetch = NULL;
    world_process_close(c->process);
    c->process = NULL;
    c->ended = NULL;
    c->interrupted = true;
    toolkit_call_fail(c, "it was cut off");
}

json_t *toolkit_call_entry(const struct toolkit_call *c)
{
    char start[32], end[32];
    units_format_time(c->started_wall, start, sizeof start);
    units_format_time(c->started_wall + (int64_t)c->took, end, sizeof end);
    json_t *entry = json_pack("{s:o, s:s, s:s, s:s, s:f, s:O?}", "activity", node_to_json(c->activity->node), "status",
                              c->problem[0] == '\0' ? "succeeded" : "failed", "start", start, "end", end, "duration",
                              (double)c->took / (double)SECOND, "output", c->output);
    if (c->output == NULL)
        json_build_set(&entry, "output", json_null());
    if (c->problem[0] != '\0')
        json_build_set(&entry, "exception", json_text_string(c->problem));
    return entry;
}

void toolkit_call_deinit(struct toolkit_call *c)
{
    if (c->target == NULL)
        return;
    toolkit_call_stop(c);
    world_timer_stop(&c->timer);
    world_process_close(c->process);
    tls_context_free(c->tls);
    text_deinit(&c->out);
    text_deinit(&c->err);
    json_decref(c->output);
    arena_deinit(&c->arena);
    *c = (struct toolkit_call){0};
}
