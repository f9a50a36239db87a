/* Steps, and the flow of them. */
#include "e2e/record/internal.h"

#include "base/document_build.h"
#include "base/secret_name.h"
#include "e2e/import/import.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- collecting ---- */

struct recording *recording_new(void)
{
    return calloc(1, sizeof(struct recording));
}

void recording_free(struct recording *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->calls.count; i++) {
        struct seen *s = &r->calls.items[i];
        json_decref(s->call.headers);
        json_decref(s->call.body);
        json_decref(s->call.status);
        json_decref(s->call.answer);
        json_decref(s->captures);
    }
    array_deinit(&r->calls);
    array_deinit(&r->environment);
    map_deinit(&r->values);
    map_deinit(&r->names);
    map_deinit(&r->said);
    arena_deinit(&r->arena);
    free(r);
}

size_t recording_count(const struct recording *r)
{
    return r->calls.count;
}

/* What belongs to the connection, to the client that was recorded, or is said again by the flow's own. */
static bool is_its_own(const char *name)
{
    static const char *const own[] = {"host",       "content-length",    "content-type",    "connection", "te",
                                      "user-agent", "transfer-encoding", "accept-encoding", "keep-alive", "accept",
                                      "expect",     "cache-control",     "timeout",         "upgrade",    NULL};
    for (const char *const *o = own; *o != NULL; o++)
        if (strcasecmp(name, *o) == 0)
            return true;
    return (name[0] == ':' && strcmp(name, RECORD_TYPE) != 0) || strncasecmp(name, "grpc-", 5) == 0 ||
           strncasecmp(name, "micro-trace", 11) == 0;
}

static bool drop_headers(struct recording *r, json_t *headers)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(headers, next, name, value)
    {
        r->authorized = r->authorized || strcasecmp(name, "authorization") == 0;
        if (is_its_own(name) || (r->cookies && strcasecmp(name, "cookie") == 0))
            json_object_del(headers, name);
    }
    json_t *type = json_object_get(headers, RECORD_TYPE);
    return type == NULL ||
           (json_object_set(headers, "content-type", type) == 0 && json_object_del(headers, RECORD_TYPE) == 0);
}

static bool keep(struct recording *r, const char **text)
{
    if (*text == NULL)
        return true;
    *text = arena_string(&r->arena, *text);
    return *text != NULL;
}

int recording_add(struct recording *r, const struct recorded *call)
{
    struct seen s = {.call = *call, .captures = json_object()};
    bool full = r->calls.count >= RECORD_CALLS_MAX;
    if (!full && s.captures != NULL && s.call.status != NULL && keep(r, &s.call.call) && keep(r, &s.call.method) &&
        keep(r, &s.call.path) && keep(r, &s.call.as) && drop_headers(r, s.call.headers) && array_push(&r->calls, s)) {
        r->cookies = r->cookies || json_object_get(json_object_get(call->answer, "headers"), "set-cookie") != NULL;
        return 0;
    }
    json_decref(s.captures);
    json_decref(s.call.headers);
    json_decref(s.call.body);
    json_decref(s.call.status);
    json_decref(s.call.answer);
    return full ? ERROR_LIMIT : ERROR_MEMORY;
}

/* ---- steps ---- */

static void put(struct recording *r, json_t *map, const char *key, json_t *value)
{
    r->failed = json_object_set_new(map, key, value) != 0 || r->failed;
}

static void put_text(struct recording *r, json_t *map, const char *key, const char *text)
{
    put(r, map, key, json_string(text));
}

static void put_captures(struct recording *r)
{
    for (struct map_entry *e = map_first(&r->values); e != NULL; e = map_next(e)) {
        const struct known *k = map_value(e);
        if (k->name == NULL || k->path == NULL)
            continue;
        json_t *from =
            k->regex != NULL ? json_pack("{s:s, s:s}", "path", k->path, "regex", k->regex) : json_string(k->path);
        put(r, r->calls.items[k->step].captures, k->name, from);
    }
}

#define SCRUBBED_MIN 6 /* bytes of a value that is taken out of the middle of a text */

/* Once more: a value that is taken from the environment may stand in an earlier call, under a name that says nothing.
 */
static json_t *scrub_text(struct recording *r, const char *text)
{
    struct text out = TEXT_INIT;
    for (const char *p = text; *p != '\0';) {
        const struct known *found = NULL;
        for (size_t k = 0; k < r->environment.count && found == NULL; k++) {
            const struct known *e = r->environment.items[k];
            size_t len = strlen(e->text);
            bool whole = p == text && strcmp(e->text, text) == 0;
            if (e->name != NULL && (whole || (len >= SCRUBBED_MIN && strncmp(p, e->text, len) == 0)))
                found = e;
        }
        if (found != NULL) {
            text_printf(&out, "${env.%s}", found->name);
            p += strlen(found->text);
        } else {
            text_char(&out, *p++);
        }
    }
    json_t *made = recording_text(r, &out);
    text_deinit(&out);
    return made;
}

static json_t *scrub(struct recording *r, json_t *value)
{
    const char *key;
    json_t *item, *out = value;
    size_t i;
    if (json_is_object(value)) {
        out = json_object();
        json_object_foreach(value, key, item)
        {
            put(r, out, key, scrub(r, item));
        }
    } else if (json_is_array(value)) {
        out = json_array();
        json_array_foreach(value, i, item)
        {
            r->failed = json_array_append_new(out, scrub(r, item)) != 0 || r->failed;
        }
    } else if (json_is_string(value)) {
        return scrub_text(r, json_string_value(value));
    } else {
        return json_incref(value);
    }
    return out;
}

static void put_answer(struct recording *r, size_t step, const struct recorded *c, json_t *expect)
{
    static const char *const members[] = {"body", "messages", "error", "message"};
    const json_t *location = json_object_get(json_object_get(c->answer, "headers"), "location");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *value = json_object_get(c->answer, members[i]);
        json_t *wanted = value != NULL ? recording_expect(r, step, members[i], value) : NULL;
        bool says = wanted != NULL && !(json_is_object(wanted) && json_object_size(wanted) == 0);
        if (says && i == 1 && json_is_array(value) && json_is_object(wanted)) {
            /* of a stream: as many, in this order */
            json_t *list = json_array(), *item, *walked;
            size_t k;
            memcpy(&walked, &value, sizeof walked);
            json_array_foreach(walked, k, item)
            {
                r->failed = json_array_append_new(list, recording_expect(r, step, members[i], item)) != 0 || r->failed;
            }
            json_decref(wanted);
            wanted = list;
        }
        if (says)
            put(r, expect, members[i], wanted);
        else
            json_decref(wanted);
    }
    if (location != NULL) {
        json_t *headers = json_object();
        put(r, headers, "location", recording_expect(r, step, "location", location));
        put(r, expect, "headers", headers);
    }
}

static void put_path(struct recording *r, json_t *step, const struct recorded *c)
{
    json_t *whole = json_sprintf("%s %s", c->method, c->path);
    put(r, step, "http", whole != NULL ? scrub(r, whole) : NULL);
    json_decref(whole);
}

static json_t *make_step(struct recording *r, size_t step)
{
    struct seen *s = &r->calls.items[step];
    const struct recorded *c = &s->call;
    json_t *out = json_object(), *expect = json_object();
    bool ok = json_is_string(c->status) && strcmp(json_string_value(c->status), "OK") == 0;
    if (c->call != NULL)
        put_text(r, out, "call", c->call);
    else
        put_path(r, out, c);
    json_t *headers = c->headers != NULL ? scrub(r, c->headers) : json_object();
    if (c->call != NULL && r->authorized && json_object_get(headers, "authorization") == NULL)
        put_text(r, headers, "authorization", ""); /* nothing in the place of the harness's own */
    if (json_object_size(headers) > 0)
        put(r, out, c->call != NULL ? "metadata" : "headers", json_incref(headers));
    json_decref(headers);
    if (c->body != NULL && c->as != NULL &&
        !(json_is_object(c->body) && json_object_size(c->body) == 0 && c->call != NULL))
        put(r, out, c->as, scrub(r, c->body));
    if (!ok)
        put(r, expect, "status", json_incref(c->status));
    if (c->answer != NULL)
        put_answer(r, step, c, expect);
    if (json_object_size(expect) > 0)
        put(r, out, "expect", scrub(r, expect));
    if (json_object_size(s->captures) > 0)
        put(r, out, "capture", json_incref(s->captures));
    json_decref(expect);
    return out;
}

static void put_secrets(struct recording *r, json_t *flow)
{
    json_t *names = json_array();
    for (struct map_entry *e = map_first(&r->values); e != NULL; e = map_next(e)) {
        const struct known *k = map_value(e);
        if (k->name != NULL && k->path != NULL && is_secret_key(k->key))
            r->failed = json_array_append_new(names, json_string(k->name)) != 0 || r->failed;
    }
    if (json_array_size(names) > 0)
        put(r, flow, "secrets", json_incref(names));
    json_decref(names);
}

static int write_yaml(json_t *flow, struct text *out, struct error *err)
{
    struct build b = {0};
    int code = document_new(bytes_of("\n"), "recorded", false, &b.document, err);
    if (code == 0)
        code = build_finish(&b, build_json(&b, 0, flow), err);
    if (code == 0 && !import_yaml(document_root(b.document), out))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    document_free(b.document);
    return code;
}

/* By the time they came; they were added when they ended, which is nearly the same. */
static void sort_calls(struct recording *r)
{
    for (size_t i = 1; i < r->calls.count; i++) {
        struct seen s = r->calls.items[i];
        size_t at = i;
        for (; at > 0 && r->calls.items[at - 1].call.time > s.call.time; at--)
            r->calls.items[at] = r->calls.items[at - 1];
        r->calls.items[at] = s;
    }
}

int recording_write(struct recording *r, const char *name, struct text *out, struct text *needs, struct error *err)
{
    json_t *flow = json_object(), *steps = json_array();
    int code = 0;
    sort_calls(r);
    recording_find(r);
    if (!r->failed)
        put_captures(r);
    put_text(r, flow, "flow", name);
    put_text(r, flow, "about", "Recorded: calls in the order they came, and what was answered.");
    put_secrets(r, flow);
    for (size_t i = 0; i < r->calls.count && !r->failed; i++)
        r->failed = json_array_append_new(steps, make_step(r, i)) != 0 || r->failed;
    put(r, flow, "steps", steps);
    for (size_t i = 0; i < r->environment.count && !r->failed; i++)
        text_printf(needs, "%s: what the client sent as %s\n", r->environment.items[i]->name,
                    r->environment.items[i]->key);
    if (r->failed || !text_ok(needs))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = write_yaml(flow, out, err);
    json_decref(flow);
    return code;
}
