/* Paths of jq, texts and names, and what they are in a query. */
#include "e2e/import/gctf/expression.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

void gctf_unknown(struct gctf_expression *e, size_t at)
{
    size_t end = e->s->in.len, len = end > at ? end - at : 0;
    scan_fail(e->s, at, "the expression \"%.*s\" of jq cannot be said in a flow", (int)(len < 80 ? len : 80),
              (const char *)e->s->in.data + at);
}

/* For a text between quotes in a query. */
void gctf_quoted(struct text *out, const char *text, size_t len)
{
    text_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            text_char(out, '\\');
        if (text[i] == '\n' || text[i] == '\t' || text[i] == '\r')
            text_printf(out, "\\%c", text[i] == '\n' ? 'n' : text[i] == '\t' ? 't' : 'r');
        else
            text_char(out, text[i]);
    }
    text_char(out, '"');
}

/* A text in quotes, as flows say it; "said" off: as it is. */
bool gctf_string(struct gctf_expression *e, struct text *out, bool said)
{
    struct scan *s = e->s;
    json_error_t why;
    size_t at = s->at, end = at + 1;
    if (!scan_is(s, "\""))
        return false;
    while (end < s->in.len && s->in.data[end] != '"')
        end += s->in.data[end] == '\\' ? 2 : 1;
    if (end >= s->in.len) {
        scan_fail(s, at, "this text has no end on its line");
        return false;
    }
    json_t *v = json_loadb((const char *)s->in.data + at, end + 1 - at, JSON_DECODE_ANY, &why);
    s->at = end + 1;
    if (v == NULL && json_error_code(&why) == json_error_out_of_memory)
        e->g->b.failed = true;
    else if (v == NULL)
        scan_fail(s, at, "this is no text of JSON: %.100s", why.text);
    else if (said)
        gctf_say(BYTES(json_string_value(v), json_string_length(v)), out);
    else
        text_add(out, json_string_value(v), json_string_length(v));
    json_decref(v);
    return s->code == 0;
}

size_t gctf_word_here(const struct gctf_expression *e)
{
    return e->s->at < e->s->in.len ? gctf_word(BYTES(e->s->in.data + e->s->at, e->s->in.len - e->s->at)) : 0;
}

/* "['name']", behind a JSONPath. */
static void put_name(struct gctf_expression *e, size_t at, struct bytes name, struct text *path)
{
    if (name.len == gctf_word(name) && name.len > 0) {
        text_printf(path, ".%.*s", (int)name.len, (const char *)name.data);
        return;
    }
    if (memchr(name.data, '\'', name.len) != NULL || memchr(name.data, '\\', name.len) != NULL)
        scan_fail(e->s, at, "a member called like this cannot be said in a flow");
    text_printf(path, "['%.*s']", (int)name.len, (const char *)name.data);
}

static bool in_brackets(struct gctf_expression *e, struct text *path)
{
    struct scan *s = e->s;
    struct text name = TEXT_INIT;
    size_t at = s->at;
    if (gctf_string(e, &name, false)) {
        put_name(e, at, text_bytes(&name), path);
    } else if (s->code == 0) {
        size_t n = s->at;
        n += scan_is(s, "-") ? 1 : 0;
        while (n < s->in.len && isdigit(s->in.data[n]))
            n++;
        text_printf(path, "[%.*s]", (int)(n - s->at), (const char *)s->in.data + s->at);
        bool digits = n > s->at && isdigit(s->in.data[n - 1]) && n - s->at < 10;
        s->at = n;
        if (!digits)
            gctf_unknown(e, at);
    }
    text_deinit(&name);
    return s->code == 0 && s->at < s->in.len && scan_take(s, "]");
}

/* At ".": the path as JSONPath behind "$". */
void gctf_path(struct gctf_expression *e, struct text *path)
{
    struct scan *s = e->s;
    size_t from = s->at;
    while (s->code == 0 && s->at < s->in.len && (scan_is(s, ".") || (scan_is(s, "[") && s->at > from))) {
        size_t at = s->at;
        struct text name = TEXT_INIT;
        scan_take(s, ".");
        size_t n = gctf_word_here(e);
        if (n > 0 && s->in.data[at] == '.') {
            put_name(e, at, BYTES(s->in.data + s->at, n), path);
            s->at += n;
        } else if (s->at < s->in.len && scan_is(s, "\"")) {
            if (gctf_string(e, &name, false))
                put_name(e, at, text_bytes(&name), path);
        } else if (s->at < s->in.len && scan_take(s, "[")) {
            if (!in_brackets(e, path) && s->code == 0)
                gctf_unknown(e, from);
        } else if (at != from || s->in.data[at] != '.') {
            gctf_unknown(e, from);
        }
        text_deinit(&name);
    }
}

void gctf_source(struct gctf_expression *e, const char *path)
{
    const struct gctf_target *t = e->target;
    struct text full = TEXT_INIT;
    if (t->kind == AT_ERROR)
        text_printf(&full, "$%s", path);
    else if (t->kind == AT_MESSAGE || t->index == 0)
        text_printf(&full, "$.messages[%zu]%s", t->index, path);
    else
        text_printf(&full, "$.messages[0:%zu]", t->index + 1);
    text_puts(&e->out, "answer jsonpath ");
    gctf_quoted(&e->out, text_string(&full), full.len);
    if (t->kind == AT_LATEST && t->index > 0) {
        text_puts(&e->out, " last");
        text_clear(&full);
        text_printf(&full, "$%s", path);
        if (path[0] != '\0') {
            text_puts(&e->out, " jsonpath ");
            gctf_quoted(&e->out, text_string(&full), full.len);
        }
    }
    e->out.failed = e->out.failed || !text_ok(&full);
    text_deinit(&full);
}

/* ":number" and its like. */
void gctf_type(struct gctf_expression *e)
{
    static const char *const types[] = {"number", "uint", "bool", "time",  "timestamp", "duration", "string", "regex",
                                        "json",   "yaml", "uuid", "email", "url",       "ip",       NULL};
    struct scan *s = e->s;
    size_t at = s->at, which = 0;
    if (s->at >= s->in.len || !scan_take(s, ":"))
        return;
    size_t n = gctf_word_here(e);
    while (types[which] != NULL && (strlen(types[which]) != n || memcmp(types[which], s->in.data + s->at, n) != 0))
        which++;
    if (types[which] == NULL)
        scan_fail(s, at, "there is no such type");
    s->at += n;
    if (which < 2)
        text_puts(&e->out, " toFloat");
}
