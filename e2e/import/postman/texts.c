/* Values of scripts as texts with variables, as sources of queries and as literals. */
#include "e2e/import/postman/script.h"

#include <string.h>

static bool is_now(const struct js *e)
{
    return (e->kind == JS_CALL && e->count == 0 && script_path_is(e->a, "Date.now")) ||
           (e->kind == JS_CALL && e->a->kind == JS_MEMBER && e->a->a->kind == JS_NEW &&
            script_path_is(e->a->a->a, "Date") && e->a->a->count == 0 &&
            (strcmp(e->a->text, "getTime") == 0 || strcmp(e->a->text, "valueOf") == 0));
}

static bool is_iso(const struct js *e)
{
    return e->kind == JS_CALL && e->a->kind == JS_MEMBER && strcmp(e->a->text, "toISOString") == 0 &&
           e->a->a->kind == JS_NEW && script_path_is(e->a->a->a, "Date") && e->a->a->count == 0;
}

static bool is_random(const struct js *e)
{
    if (e->kind == JS_CALL && script_path_is(e->a, "Math.random"))
        return true;
    if (e->kind == JS_CALL && e->count == 1 &&
        (script_path_is(e->a, "Math.floor") || script_path_is(e->a, "Math.round")))
        return is_random(e->items[0]);
    return e->kind == JS_BOTH && strchr("*+", e->text[0]) != NULL && (is_random(e->a) || is_random(e->b));
}

bool script_write_text(struct script *s, const struct js *given, struct text *out)
{
    size_t seen = s->seen;
    const struct js *e = script_meant(s, given);
    const char *variable = e != NULL ? script_variable(s, e) : NULL;
    bool ok = e != NULL && s->depth < JS_DEPTH_MAX && out->len < POSTMAN_EXPRESSION_MAX;
    s->depth++;
    if (!ok) {
        ok = false;
    } else if (e->kind == JS_TEXT) {
        postman_say(&s->p->tree, s->n, bytes_of(e->text), out);
    } else if (e->kind == JS_NUMBER || e->kind == JS_BOOL) {
        text_puts(out, e->text);
    } else if (variable != NULL) {
        text_printf(out, "${%s}", variable);
    } else if (is_now(e)) {
        text_puts(out, "${now.unix_ms}");
    } else if (is_iso(e)) {
        text_puts(out, "${now}");
    } else if (is_random(e)) {
        text_puts(out, "${fake.number}");
    } else if (e->kind == JS_CALL && e->count == 1 && script_path_is(e->a, "pm.variables.replaceIn")) {
        ok = script_write_text(s, e->items[0], out);
    } else if (e->kind == JS_CALL && e->a->kind == JS_MEMBER && strcmp(e->a->text, "toString") == 0) {
        ok = script_write_text(s, e->a->a, out);
    } else if (e->kind == JS_BOTH && script_is_texty(s, e)) {
        ok = script_write_text(s, e->a, out) && script_write_text(s, e->b, out);
    } else if (e->kind == JS_PARTS) {
        for (size_t i = 0; i < e->count && ok; i++)
            ok = script_write_text(s, e->items[i], out);
    } else {
        ok = false;
    }
    s->depth--;
    s->seen = seen;
    return ok;
}

/* ---- queries ---- */

/* $.a.b[0] below the answer's JSON. */
static bool write_json_path(struct script *s, const struct js *e, struct text *out)
{
    size_t seen = s->seen;
    const struct js *meant = script_meant(s, e);
    bool ok = false;
    if (meant != NULL && s->depth++ < JS_DEPTH_MAX) {
        if (script_is_json(s, meant)) {
            text_char(out, '$');
            ok = true;
        } else if (meant->kind == JS_MEMBER && strcmp(meant->text, "length") != 0) {
            ok = write_json_path(s, meant->a, out);
            text_printf(out, script_is_plain_name(meant->text) ? ".%s" : "['%s']", meant->text);
        } else if (meant->kind == JS_INDEX && meant->b->kind == JS_NUMBER && strchr(meant->b->text, '.') == NULL) {
            ok = write_json_path(s, meant->a, out);
            text_printf(out, "[%s]", meant->b->text);
        } else if (meant->kind == JS_INDEX && meant->b->kind == JS_TEXT && strpbrk(meant->b->text, "'\"\\${") == NULL) {
            ok = write_json_path(s, meant->a, out);
            text_printf(out, script_is_plain_name(meant->b->text) ? ".%s" : "['%s']", meant->b->text);
        }
    }
    s->depth--;
    s->seen = seen;
    return ok;
}

static void write_quoted(const char *text, struct text *out)
{
    struct text plain = TEXT_INIT;
    tree_plain(bytes_of(text), &plain);
    text_char(out, '"');
    for (size_t i = 0; i < plain.len; i++) {
        char c = plain.data[i];
        if (c == '"' || c == '\\')
            text_char(out, '\\');
        if (c == '\n' || c == '\t' || c == '\r')
            text_printf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else
            text_char(out, c);
    }
    text_char(out, '"');
    out->failed = out->failed || !text_ok(&plain);
    text_deinit(&plain);
}

bool script_write_source(struct script *s, const struct js *e, struct text *out)
{
    struct text path = TEXT_INIT;
    size_t seen = s->seen;
    const struct js *meant = script_meant(s, e);
    bool ok = meant != NULL && !s->before && s->item == NULL;
    if (ok && script_is_status(meant)) {
        text_puts(out, "status");
    } else if (ok && script_is_time(meant)) {
        text_puts(out, "duration");
    } else if (ok && script_is_body(meant)) {
        text_puts(out, "body");
    } else if (ok && script_header(meant) != NULL) {
        text_puts(out, "header ");
        write_quoted(script_header(meant)->text, out);
    } else if (ok && write_json_path(s, meant, &path)) {
        text_printf(out, "jsonpath \"%s\"", text_string(&path));
    } else {
        ok = false;
    }
    s->seen = seen;
    out->failed = out->failed || !text_ok(&path);
    text_deinit(&path);
    return ok;
}

bool script_write_literal(struct script *s, const struct js *e, struct text *out)
{
    size_t seen = s->seen;
    const struct js *meant = script_meant(s, e);
    const char *variable = meant != NULL ? script_variable(s, meant) : NULL;
    bool ok = meant != NULL;
    if (variable != NULL)
        text_printf(out, "\"${%s}\"", variable);
    else if (ok && meant->kind == JS_TEXT)
        write_quoted(meant->text, out);
    else if (ok && (meant->kind == JS_NUMBER || meant->kind == JS_BOOL))
        text_puts(out, meant->text);
    else if (ok && meant->kind == JS_NULL)
        text_puts(out, "null");
    else if (ok && meant->kind == JS_MINUS && meant->a->kind == JS_NUMBER)
        text_printf(out, "-%s", meant->a->text);
    else
        ok = false;
    s->seen = seen;
    return ok;
}
