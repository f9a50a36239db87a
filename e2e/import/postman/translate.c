/* Values of scripts as expressions of flows. */
#include "e2e/import/postman/script.h"

#include <ctype.h>
#include <string.h>

static bool write_string(const char *text, struct text *out)
{
    if (strstr(text, "${") != NULL)
        return false;
    text_char(out, '\'');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\t' || *c == '\r') {
            text_printf(out, "\\%c", *c == '\n' ? 'n' : *c == '\t' ? 't' : 'r');
            continue;
        }
        if (*c == '\\' || *c == '\'')
            text_char(out, '\\');
        text_char(out, *c);
    }
    text_char(out, '\'');
    return true;
}

/* FORMAT has one %s for each of the arguments, which are written; false: one cannot be. */
static bool write_call(struct script *s, const char *before, const struct js *a, const char *between,
                       const struct js *b, const char *behind, struct text *out)
{
    text_puts(out, before);
    if (!script_write(s, a, out))
        return false;
    text_puts(out, between);
    if (b != NULL && !script_write(s, b, out))
        return false;
    text_puts(out, behind);
    return true;
}

static bool write_member(struct script *s, const struct js *of, const char *name, struct text *out)
{
    if (!script_write(s, of, out))
        return false;
    text_char(out, '[');
    if (!write_string(name, out))
        return false;
    text_char(out, ']');
    return true;
}

bool script_is_plain_name(const char *name)
{
    bool plain = isalpha((unsigned char)*name) || *name == '_';
    for (const char *c = name; plain && *c != '\0'; c++)
        plain = isalnum((unsigned char)*c) || *c == '_';
    return plain;
}

static bool write_regex(const struct js *e, struct text *out)
{
    struct text whole = TEXT_INIT;
    if (strcmp(e->b->text, "") != 0 && strcmp(e->b->text, "i") != 0 && strcmp(e->b->text, "g") != 0)
        return false;
    text_puts(&whole, strcmp(e->b->text, "i") == 0 ? "(?i)" : "");
    text_puts(&whole, e->text);
    bool ok = text_ok(&whole) && write_string(text_string(&whole), out);
    text_deinit(&whole);
    return ok;
}

/* list.every(x => ...) */
static bool write_each(struct script *s, const char *name, const struct js *list, const struct js *function,
                       struct text *out)
{
    const char *was = s->item;
    if (s->item != NULL || function->kind != JS_FUNCTION || function->count != 1 ||
        function->items[0]->kind != JS_NAME || function->b->kind == JS_BLOCK)
        return false;
    text_printf(out, "%s(", name);
    if (!script_write(s, list, out))
        return false;
    text_puts(out, ", {");
    s->item = function->items[0]->text;
    bool ok = strcmp(name, "map") == 0 ? script_write(s, function->b, out) : script_write_truth(s, function->b, out);
    s->item = was;
    text_puts(out, "})");
    return ok;
}

/* of.name(items) */
static bool write_method(struct script *s, const struct js *e, struct text *out)
{
    static const char *const each[][2] = {
        {"every", "all"}, {"some", "any"}, {"filter", "filter"}, {"map", "map"}, {NULL, NULL}};
    static const char *const same[][2] = {
        {"toLowerCase", "lower("}, {"toUpperCase", "upper("}, {"trim", "trim("}, {"toString", "string("}, {NULL, NULL}};
    const struct js *of = e->a->a, *first = e->count > 0 ? e->items[0] : NULL;
    const char *name = e->a->text;
    size_t seen = s->seen;
    for (size_t i = 0; each[i][0] != NULL && e->count == 1; i++)
        if (strcmp(each[i][0], name) == 0)
            return write_each(s, each[i][1], of, first, out);
    for (size_t i = 0; same[i][0] != NULL && e->count == 0; i++)
        if (strcmp(same[i][0], name) == 0)
            return write_call(s, same[i][1], of, "", NULL, ")", out);
    if (e->count != 1)
        return false;
    if (strcmp(name, "hasOwnProperty") == 0)
        return write_call(s, "(", first, " in keys(", of, "))", out);
    if (strcmp(name, "startsWith") == 0 || strcmp(name, "endsWith") == 0)
        return write_call(s, "(", of, *name == 's' ? " startsWith " : " endsWith ", first, ")", out);
    if (strcmp(name, "includes") == 0)
        return write_call(s, "(type(", of, ") == 'string' ? ", NULL, "", out) &&
               write_call(s, "(", of, " contains ", first, ")", out) &&
               write_call(s, " : (", first, " in ", of, "))", out);
    if (strcmp(name, "test") == 0 || strcmp(name, "match") == 0) {
        const struct js *regex = script_meant(s, *name == 't' ? of : first);
        s->seen = seen;
        if (regex == NULL || regex->kind != JS_REGEX ||
            !write_call(s, "(", *name == 't' ? first : of, " matches ", NULL, "", out))
            return false;
        bool ok = write_regex(regex, out);
        text_char(out, ')');
        return ok;
    }
    return false;
}

static bool write_function(struct script *s, const struct js *e, struct text *out)
{
    static const struct {
        const char *path, *before, *behind;
        size_t count;
    } known[] = {
        {"JSON.stringify", "toJSON(", ")", 1},
        {"JSON.parse", "fromJSON(", ")", 1},
        {"Array.isArray", "(type(", ") == 'array')", 1},
        {"_.isArray", "(type(", ") == 'array')", 1},
        {"_.isString", "(type(", ") == 'string')", 1},
        {"Number.isInteger", "(type(", ") == 'int')", 1},
        {"parseInt", "int(", ")", 1},
        {"parseInt", "int(", ")", 2},
        {"Number", "float(", ")", 1},
        {"parseFloat", "float(", ")", 1},
        {"String", "string(", ")", 1},
        {"Object.keys", "keys(", ")", 1},
        {"_.keys", "keys(", ")", 1},
        {"Object.values", "values(", ")", 1},
        {"_.size", "len(", ")", 1},
    };
    char path[SCRIPT_PATH_MAX];
    const struct js *first = e->count > 0 ? e->items[0] : NULL;
    if (!script_path(e->a, path, sizeof path))
        return e->a->kind == JS_MEMBER && write_method(s, e, out);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (e->count == known[i].count && strcmp(known[i].path, path) == 0 &&
            !(known[i].behind[0] == ')' && script_is_raw(s, first)))
            return write_call(s, known[i].before, first, "", NULL, known[i].behind, out);
    if (strcmp(path, "_.has") == 0 && e->count == 2)
        return write_call(s, "(", e->items[1], " in keys(", first, "))", out);
    if (strcmp(path, "_.get") == 0 && e->count == 2 && e->items[1]->kind == JS_TEXT) {
        if (!script_write(s, first, out))
            return false;
        for (const char *p = e->items[1]->text; *p != '\0'; p++)
            if (!isalnum((unsigned char)*p) && strchr("._", *p) == NULL)
                return false;
        text_printf(out, ".%s", e->items[1]->text);
        return true;
    }
    return e->a->kind == JS_MEMBER && write_method(s, e, out);
}

/* Of a name only what it stands for at once is looked at. */
bool script_is_texty(struct script *s, const struct js *e)
{
    if (e->kind == JS_NAME) {
        size_t seen = s->seen;
        const struct js *meant = script_meant(s, e);
        s->seen = seen;
        return meant != NULL && (meant->kind == JS_TEXT || meant->kind == JS_PARTS);
    }
    return e->kind == JS_TEXT || e->kind == JS_PARTS ||
           (e->kind == JS_BOTH && strcmp(e->text, "+") == 0 && (script_is_texty(s, e->a) || script_is_texty(s, e->b)));
}

/* typeof x === "string" */
static bool write_typeof(struct script *s, const struct js *of, const char *name, bool negated, struct text *out)
{
    static const char *const types[][2] = {{"string", "['string']"},
                                           {"number", "['int', 'float']"},
                                           {"boolean", "['bool']"},
                                           {"object", "['map', 'array', 'nil']"},
                                           {"undefined", "['nil']"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i][0], name) == 0) {
            text_puts(out, negated ? "!" : "");
            return write_call(s, "(type(", of, ") in ", NULL, "", out) && (text_printf(out, "%s)", types[i][1]), true);
        }
    return false;
}

static bool write_both(struct script *s, const struct js *e, struct text *out)
{
    const char *op = e->text;
    bool equal = strcmp(op, "===") == 0 || strcmp(op, "==") == 0, differs = op[0] == '!';
    struct text between = TEXT_INIT;
    if ((equal || differs) && e->a->kind == JS_TYPEOF && e->b->kind == JS_TEXT)
        return write_typeof(s, e->a->a, e->b->text, differs, out);
    if (strcmp(op, "in") == 0)
        return write_call(s, "(", e->a, " in keys(", e->b, "))", out);
    if (strcmp(op, "instanceof") == 0)
        return false;
    if (strcmp(op, "||") == 0 || strcmp(op, "??") == 0 || strcmp(op, "&&") == 0) {
        text_char(out, '(');
        bool ok = *op == '?' ? script_write(s, e->a, out) : script_write_truth(s, e->a, out);
        text_puts(out, *op == '?' ? " != nil ? " : " ? ");
        ok = ok && script_write(s, *op == '&' ? e->b : e->a, out);
        text_puts(out, " : ");
        ok = ok && script_write(s, *op == '&' ? e->a : e->b, out);
        text_char(out, ')');
        return ok;
    }
    if (strcmp(op, "+") == 0 && script_is_texty(s, e))
        return write_call(s, "(string(", e->a, ") + string(", e->b, "))", out);
    text_printf(&between, " %s ", equal ? "==" : differs ? "!=" : op);
    bool ok = text_ok(&between) && write_call(s, "(", e->a, text_string(&between), e->b, ")", out);
    text_deinit(&between);
    return ok;
}

static bool write_items(struct script *s, const struct js *e, struct text *out)
{
    bool map = e->kind == JS_OBJECT, parts = e->kind == JS_PARTS;
    text_char(out, map ? '{' : parts ? '(' : '[');
    for (size_t i = 0; i < e->count; i++) {
        text_puts(out, i == 0 ? "" : map && i % 2 == 1 ? ": " : parts ? " + " : ", ");
        text_puts(out, parts ? "string(" : "");
        if (!script_write(s, e->items[i], out))
            return false;
        text_puts(out, parts ? ")" : "");
    }
    text_char(out, map ? '}' : parts ? ')' : ']');
    return true;
}

static bool is_nothing(struct script *s, const struct js *e)
{
    size_t seen = s->seen;
    const struct js *meant = script_meant(s, e);
    s->seen = seen;
    return meant == NULL || meant->kind == JS_NULL || meant->kind == JS_NUMBER;
}

static bool write_meant(struct script *s, const struct js *e, struct text *out)
{
    const char *variable = script_variable(s, e);
    const struct js *header = script_header(e);
    if (variable != NULL) {
        text_puts(out, variable);
        return true;
    }
    if (s->item != NULL && e->kind == JS_NAME && strcmp(e->text, s->item) == 0) {
        text_char(out, '#');
        return true;
    }
    if (script_is_json(s, e) || script_is_status(e) || script_is_time(e) || header != NULL) {
        if (s->answer == NULL)
            return false;
        text_printf(out, script_is_time(e) ? "(%s" : "%s", s->answer);
        text_puts(out, script_is_status(e) ? ".status"
                       : script_is_time(e) ? ".duration * 1000)"
                       : header            ? ".headers"
                                           : ".body");
        if (header == NULL)
            return true;
        struct text lower = TEXT_INIT;
        for (const char *c = header->text; *c != '\0'; c++)
            text_char(&lower, (char)tolower((unsigned char)*c));
        text_char(out, '[');
        bool ok = text_ok(&lower) && write_string(text_string(&lower), out);
        text_char(out, ']');
        text_deinit(&lower);
        return ok;
    }
    if ((e->kind == JS_MEMBER || e->kind == JS_INDEX) && is_nothing(s, e->a))
        return false;
    switch (e->kind) {
    case JS_TEXT:
        return write_string(e->text, out);
    case JS_NUMBER:
    case JS_BOOL:
        text_puts(out, e->text);
        return true;
    case JS_NULL:
        text_puts(out, "nil");
        return true;
    case JS_MEMBER:
        if (strcmp(e->text, "length") == 0)
            return !script_is_raw(s, e->a) && write_call(s, "len(", e->a, "", NULL, ")", out);
        if (!script_is_plain_name(e->text))
            return write_member(s, e->a, e->text, out);
        if (!script_write(s, e->a, out))
            return false;
        text_printf(out, ".%s", e->text);
        return true;
    case JS_INDEX:
        return e->b->kind == JS_TEXT ? write_member(s, e->a, e->b->text, out)
                                     : write_call(s, "", e->a, "[", e->b, "]", out);
    case JS_CALL:
        return write_function(s, e, out);
    case JS_NOT:
        text_puts(out, "!");
        return script_write_truth(s, e->a, out);
    case JS_MINUS:
        return write_call(s, "(-", e->a, "", NULL, ")", out);
    case JS_BOTH:
        return write_both(s, e, out);
    case JS_CHOICE:
        text_char(out, '(');
        if (!script_write_truth(s, e->a, out))
            return false;
        return write_call(s, " ? ", e->b, " : ", e->c, ")", out);
    case JS_LIST:
    case JS_OBJECT:
    case JS_PARTS:
        return write_items(s, e, out);
    case JS_UNKNOWN:
    case JS_NOTHING:
    case JS_BLOCK:
    case JS_EVAL:
    case JS_DECLARE:
    case JS_SET:
    case JS_IF:
    case JS_TRY:
    case JS_REGEX:
    case JS_NAME:
    case JS_NEW:
    case JS_TYPEOF:
    case JS_FUNCTION:
        break;
    }
    return false;
}

bool script_write(struct script *s, const struct js *e, struct text *out)
{
    size_t seen = s->seen;
    const struct js *meant = script_meant(s, e);
    bool ok = meant != NULL && s->depth < JS_DEPTH_MAX && out->len < POSTMAN_EXPRESSION_MAX;
    s->depth++;
    ok = ok && write_meant(s, meant, out);
    s->depth--;
    s->seen = seen;
    return ok;
}

static bool is_truth(const struct js *e)
{
    static const char *const yes[] = {"hasOwnProperty", "includes", "startsWith", "endsWith", "test",
                                      "match",          "every",    "some",       "isArray",  "has",
                                      "isInteger",      "isString", NULL};
    if (e->kind == JS_NOT || e->kind == JS_BOOL)
        return true;
    if (e->kind == JS_CALL && e->a->kind == JS_MEMBER)
        return script_one_of(e->a->text, yes);
    return e->kind == JS_BOTH && strchr("=!<>i", e->text[0]) != NULL;
}

bool script_write_truth(struct script *s, const struct js *e, struct text *out)
{
    size_t seen = s->seen;
    const struct js *meant = script_meant(s, e);
    bool ok = meant != NULL && s->depth < JS_DEPTH_MAX && out->len < POSTMAN_EXPRESSION_MAX;
    s->depth++;
    if (ok && meant->kind == JS_BOTH && (strcmp(meant->text, "&&") == 0 || strcmp(meant->text, "||") == 0)) {
        text_char(out, '(');
        ok = script_write_truth(s, meant->a, out);
        text_printf(out, " %s ", meant->text);
        ok = ok && script_write_truth(s, meant->b, out);
        text_char(out, ')');
    } else if (ok && is_truth(meant)) {
        ok = script_write(s, meant, out);
    } else if (ok) {
        struct text value = TEXT_INIT;
        ok = script_write(s, meant, &value) && text_ok(&value);
        text_printf(out, "!(%s in [nil, false, '', 0])", text_string(&value));
        text_deinit(&value);
    }
    s->depth--;
    s->seen = seen;
    return ok;
}
