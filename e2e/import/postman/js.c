/* Statements of scripts. */
#include "e2e/import/postman/js_reader.h"

#include <string.h>

const struct js *js_read_block(struct js_reader *r)
{
    struct js_items items = {0};
    size_t at = r->at;
    if (!js_take(r, "{"))
        return js_fail(r);
    while (!r->failed && !r->memory && !js_sees(r, "}")) {
        if (js_skip(r), r->at >= r->len)
            return js_fail(r);
        js_add(r, &items, js_read_statement(r));
    }
    if (r->failed || !js_take(r, "}"))
        return js_fail(r);
    struct js *n = js_make(r, JS_BLOCK, at);
    js_set_items(r, n, &items);
    return n;
}

/* Behind something that is not understood: to the end of the statement that began at `from`. */
static void skip_statement(struct js_reader *r, size_t from)
{
    int open = 0;
    for (r->at = from; r->at < r->len;) {
        char c = r->s[r->at];
        size_t before = r->at;
        js_skip(r);
        if (r->at > before) {
            bool line = memchr(r->s + before, '\n', r->at - before) != NULL;
            char next = r->s[r->at], last = r->s[before > from ? before - 1 : from];
            if (line && open == 0 && strchr(".,+-*/?:&|=)]}(", next) == NULL && strchr(",+-*/?:&|=(.", last) == NULL)
                return;
            if (line && open == 0 && next == '\0')
                return;
            continue;
        }
        if (c == '"' || c == '\'' || c == '`') {
            for (r->at++; r->at < r->len && r->s[r->at] != c && (c == '`' || r->s[r->at] != '\n'); r->at++)
                r->at += r->s[r->at] == '\\' && r->at + 1 < r->len;
            r->at += r->at < r->len;
            continue;
        }
        if (c == '}' && open == 0 && r->at > from)
            return;
        open += strchr("({[", c) != NULL ? 1 : strchr(")}]", c) != NULL ? -1 : 0;
        open = open < 0 ? 0 : open;
        r->at++;
        if (open == 0 &&
            (c == ';' ||
             (c == '}' && !js_sees(r, "else") && !js_sees(r, "catch") && !js_sees(r, "finally") && !js_sees(r, ")") &&
              !js_sees(r, ".") && !js_sees(r, ",") && !js_sees(r, ";") && !js_sees(r, "while") && !js_sees(r, "="))))
            return;
    }
}

/* The end of a statement: ";", or a line's end, or what closes around it. */
static void end_statement(struct js_reader *r)
{
    size_t at = r->at;
    bool line = js_skip(r);
    if (r->s[r->at] == ';')
        r->at++;
    else if (line || r->at >= r->len || r->s[r->at] == '}')
        r->at = at;
    else
        r->failed = true;
}

static const struct js *make_set(struct js_reader *r, const struct js *to, const struct js *value, const char *op)
{
    struct js *n = js_make(r, JS_SET, to != NULL ? to->at : r->at);
    if (n != NULL) {
        n->a = to;
        n->b = value;
        n->text = op;
    }
    return n;
}

/* const a = 1, {b, c} = d; */
static const struct js *read_declaration(struct js_reader *r, size_t at)
{
    struct js_items items = {0};
    do {
        const struct js *to = js_sees(r, "{") ? js_read_object(r) : js_read_word_value(r);
        const struct js *value =
            !r->failed && js_sees(r, "=") && !js_sees(r, "==") && js_take(r, "=") ? js_read_value(r) : NULL;
        if (!r->failed && to != NULL && to->kind != JS_NAME && to->kind != JS_OBJECT)
            return js_fail(r);
        js_add(r, &items, make_set(r, to, value, "="));
    } while (!r->failed && !r->memory && js_take(r, ","));
    end_statement(r);
    struct js *n = js_make(r, JS_DECLARE, at);
    js_set_items(r, n, &items);
    return n;
}

static const struct js *read_if(struct js_reader *r, size_t at)
{
    if (!js_take(r, "("))
        return js_fail(r);
    const struct js *of = js_read_value(r);
    if (r->failed || !js_take(r, ")"))
        return js_fail(r);
    const struct js *then = js_sees(r, "{") ? js_read_block(r) : js_read_statement(r), *other = NULL;
    if (!r->failed && js_take(r, "else"))
        other = js_sees(r, "{") ? js_read_block(r) : js_read_statement(r);
    struct js *n = js_make(r, JS_IF, at);
    if (n != NULL) {
        n->a = of;
        n->b = then;
        n->c = other;
    }
    return n;
}

static const struct js *read_try(struct js_reader *r, size_t at)
{
    const struct js *body = js_read_block(r), *other = NULL;
    if (!r->failed && js_take(r, "catch")) {
        struct js_items names = {0};
        if (js_take(r, "("))
            js_read_parameters(r, &names);
        other = r->failed ? NULL : js_read_block(r);
    }
    if (!r->failed && js_sees(r, "finally"))
        return js_fail(r);
    struct js *n = js_make(r, JS_TRY, at);
    if (n != NULL) {
        n->b = body;
        n->c = other;
    }
    return n;
}

static const struct js *read_simple(struct js_reader *r, size_t at)
{
    static const char *const sets[] = {"=", "+=", "-=", "*=", "/="};
    const struct js *value = js_read_value(r);
    for (size_t i = 0; !r->failed && i < sizeof sets / sizeof sets[0]; i++)
        if (js_sees(r, sets[i]) && !js_sees(r, "==") && !js_sees(r, "=>")) {
            (void)js_take(r, sets[i]);
            const struct js *set = make_set(r, value, js_read_value(r), sets[i]);
            end_statement(r);
            return set;
        }
    end_statement(r);
    struct js *n = js_make(r, JS_EVAL, at);
    if (n != NULL)
        n->a = value;
    return n;
}

const struct js *js_read_statement(struct js_reader *r)
{
    static const char *const words[] = {"const", "let", "var"};
    static const char *const refused[] = {"function", "for",   "while", "do",     "switch", "return",
                                          "throw",    "class", "async", "import", "break",  "await"};
    const struct js *out = NULL;
    js_skip(r);
    size_t at = r->at;
    if (js_take(r, ";"))
        return js_make(r, JS_NOTHING, at);
    if (r->depth++ >= JS_DEPTH_MAX) {
        r->depth--;
        return js_fail(r);
    }
    bool plain = true;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        r->failed = r->failed || js_sees(r, refused[i]);
    for (size_t i = 0; i < 3 && plain && !r->failed; i++)
        if (js_take(r, words[i])) {
            plain = false;
            out = read_declaration(r, at);
        }
    if (plain && !r->failed)
        out = js_take(r, "if")    ? read_if(r, at)
              : js_take(r, "try") ? read_try(r, at)
              : js_sees(r, "{")   ? js_read_block(r)
                                  : read_simple(r, at);
    r->depth--;
    if (!r->failed)
        return out;
    r->failed = false;
    skip_statement(r, at);
    r->at += r->at == at; /* always further */
    return js_make(r, JS_UNKNOWN, at);
}

const struct js *js_read(struct arena *a, struct bytes source)
{
    const char *copy = arena_string_n(a, (const char *)source.data, source.len);
    struct js_reader r = {.arena = a, .s = copy, .len = copy != NULL ? strlen(copy) : 0};
    struct js_items items = {0};
    if (copy == NULL)
        return NULL;
    for (js_skip(&r); r.at < r.len && !r.memory; js_skip(&r))
        js_add(&r, &items, js_read_statement(&r));
    struct js *n = js_make(&r, JS_BLOCK, 0);
    js_set_items(&r, n, &items);
    return r.memory ? NULL : n;
}
