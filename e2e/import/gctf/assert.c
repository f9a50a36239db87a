/* Expressions of jq, as far as queries say the same: a path, a function or a variable, filters, a comparison. */
#include "e2e/import/gctf/gctf.h"

#include "wire/grpc.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* What "." is. */
struct target {
    enum {
        AT_MESSAGE,
        AT_LATEST, /* the message of that index, or the last there is */
        AT_ERROR
    } kind;
    size_t index, begin, end, scope; /* of the message; of its scope */
};

/* One expression. */
struct expression {
    struct gctf *g;
    struct scan *s; /* in.len is the line's end */
    const struct target *target;
    struct text out;
    bool code, constant, size; /* status' code; a value known here; the count of a list or a text */
    size_t value;
    const char * not ;
};

static void unknown(struct expression *e, size_t at)
{
    size_t end = e->s->in.len, len = end > at ? end - at : 0;
    scan_fail(e->s, at, "the expression \"%.*s\" of jq cannot be said in a flow", (int)(len < 80 ? len : 80),
              (const char *)e->s->in.data + at);
}

/* For a text between quotes in a query. */
static void quoted(struct text *out, const char *text, size_t len)
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
static bool take_string(struct expression *e, struct text *out, bool said)
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

static size_t word_here(const struct expression *e)
{
    return e->s->at < e->s->in.len ? gctf_word(BYTES(e->s->in.data + e->s->at, e->s->in.len - e->s->at)) : 0;
}

/* ---- paths ---- */

/* "['name']", behind a JSONPath. */
static void put_name(struct expression *e, size_t at, struct bytes name, struct text *path)
{
    if (name.len == gctf_word(name) && name.len > 0) {
        text_printf(path, ".%.*s", (int)name.len, (const char *)name.data);
        return;
    }
    if (memchr(name.data, '\'', name.len) != NULL || memchr(name.data, '\\', name.len) != NULL)
        scan_fail(e->s, at, "a member called like this cannot be said in a flow");
    text_printf(path, "['%.*s']", (int)name.len, (const char *)name.data);
}

static bool in_brackets(struct expression *e, struct text *path)
{
    struct scan *s = e->s;
    struct text name = TEXT_INIT;
    size_t at = s->at;
    if (take_string(e, &name, false)) {
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
            unknown(e, at);
    }
    text_deinit(&name);
    return s->code == 0 && s->at < s->in.len && scan_take(s, "]");
}

/* At ".": the path as JSONPath behind "$". */
static void take_path(struct expression *e, struct text *path)
{
    struct scan *s = e->s;
    size_t from = s->at;
    while (s->code == 0 && s->at < s->in.len && (scan_is(s, ".") || (scan_is(s, "[") && s->at > from))) {
        size_t at = s->at;
        struct text name = TEXT_INIT;
        scan_take(s, ".");
        size_t n = word_here(e);
        if (n > 0 && s->in.data[at] == '.') {
            put_name(e, at, BYTES(s->in.data + s->at, n), path);
            s->at += n;
        } else if (s->at < s->in.len && scan_is(s, "\"")) {
            if (take_string(e, &name, false))
                put_name(e, at, text_bytes(&name), path);
        } else if (s->at < s->in.len && scan_take(s, "[")) {
            if (!in_brackets(e, path) && s->code == 0)
                unknown(e, from);
        } else if (at != from || s->in.data[at] != '.') {
            unknown(e, from);
        }
        text_deinit(&name);
    }
}

static void put_source(struct expression *e, const char *path)
{
    const struct target *t = e->target;
    struct text full = TEXT_INIT;
    if (t->kind == AT_ERROR)
        text_printf(&full, "$%s", path);
    else if (t->kind == AT_MESSAGE || t->index == 0)
        text_printf(&full, "$.messages[%zu]%s", t->index, path);
    else
        text_printf(&full, "$.messages[0:%zu]", t->index + 1);
    text_puts(&e->out, "answer jsonpath ");
    quoted(&e->out, text_string(&full), full.len);
    if (t->kind == AT_LATEST && t->index > 0) {
        text_puts(&e->out, " last");
        text_clear(&full);
        text_printf(&full, "$%s", path);
        if (path[0] != '\0') {
            text_puts(&e->out, " jsonpath ");
            quoted(&e->out, text_string(&full), full.len);
        }
    }
    e->out.failed = e->out.failed || !text_ok(&full);
    text_deinit(&full);
}

/* ":number" and its like. */
static void take_type(struct expression *e)
{
    static const char *const types[] = {"number", "uint", "bool", "time",  "timestamp", "duration", "string", "regex",
                                        "json",   "yaml", "uuid", "email", "url",       "ip",       NULL};
    struct scan *s = e->s;
    size_t at = s->at, which = 0;
    if (s->at >= s->in.len || !scan_take(s, ":"))
        return;
    size_t n = word_here(e);
    while (types[which] != NULL && (strlen(types[which]) != n || memcmp(types[which], s->in.data + s->at, n) != 0))
        which++;
    if (types[which] == NULL)
        scan_fail(s, at, "there is no such type");
    s->at += n;
    if (which < 2)
        text_puts(&e->out, " toFloat");
}

/* ---- functions ---- */

static const struct function {
    const char *name;
    enum { OF_PATH, OF_NAME, OF_NOTHING } takes;
    const char *before, *after; /* around the argument, in the query */
} functions[] = {
    {"header", OF_NAME, "header ", ""},
    {"trailer", OF_NAME, "trailer ", ""},
    {"has_header", OF_NAME, "header ", " exists"},
    {"has_trailer", OF_NAME, "trailer ", " exists"},
    {"len", OF_PATH, "", ""},
    {"has_value", OF_PATH, "", " exists"},
    {"is_uuid", OF_PATH, "", " isUuid"},
    {"uuid", OF_PATH, "", " isUuid"},
    {"is_email", OF_PATH, "", " matches /^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$/"},
    {"email", OF_PATH, "", " matches /^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$/"},
    {"is_url", OF_PATH, "", " matches /^[A-Za-z][A-Za-z0-9+.-]*:\\/\\/[^\\s]+$/"},
    {"url", OF_PATH, "", " matches /^[A-Za-z][A-Za-z0-9+.-]*:\\/\\/[^\\s]+$/"},
    {"is_ip", OF_PATH, "", " matches /^(\\d{1,3}(\\.\\d{1,3}){3}|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$/"},
    {"ip", OF_PATH, "", " matches /^(\\d{1,3}(\\.\\d{1,3}){3}|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$/"},
    {"is_timestamp", OF_PATH, "", " isIsoDate"},
    {"timestamp", OF_PATH, "", " isIsoDate"},
    {"is_empty", OF_PATH, "", " isEmpty"},
    {"empty", OF_PATH, "", " isEmpty"},
    {"elapsed_ms", OF_NOTHING, "duration", ""},
    {"total_elapsed_ms", OF_NOTHING, "duration", ""},
    {"scope.message_count", OF_NOTHING, "", ""},
    {"scope.index", OF_NOTHING, "", ""},
    {0},
};

static void take_argument(struct expression *e, const struct function *f, size_t at)
{
    struct scan *s = e->s;
    struct text arg = TEXT_INIT;
    scan_blanks(s);
    if (f->takes == OF_NAME) {
        if (take_string(e, &arg, true))
            quoted(&e->out, text_string(&arg), arg.len);
        else
            unknown(e, at);
    } else if (f->takes == OF_PATH) {
        take_path(e, &arg);
        if (arg.len == 0 && text_ok(&arg) && s->code == 0 && s->in.data[s->at - 1] != '.')
            unknown(e, at);
        put_source(e, text_string(&arg));
        take_type(e);
    }
    e->out.failed = e->out.failed || !text_ok(&arg);
    text_deinit(&arg);
    scan_blanks(s);
    if (s->code == 0 && (s->at >= s->in.len || !scan_take(s, ")")))
        unknown(e, at);
}

/* At "@". True: it is a condition by itself. */
static bool take_function(struct expression *e)
{
    struct scan *s = e->s;
    const struct target *t = e->target;
    size_t at = s->at++;
    const struct function *f = functions;
    for (; f->name != NULL; f++) {
        struct scan before = *s;
        if (scan_take(s, f->name) && scan_take(s, "("))
            break;
        *s = before;
    }
    if (f->name == NULL) {
        unknown(e, at);
        return false;
    }
    text_puts(&e->out, f->before);
    take_argument(e, f, at);
    e->size = strcmp(f->name, "len") == 0;
    if (strcmp(f->name, "scope.index") == 0) {
        e->constant = true;
        e->value = t->scope;
    } else if (f->takes == OF_NOTHING && f->before[0] == '\0') {
        struct text path = TEXT_INIT;
        text_printf(&path, "answer jsonpath \"$.messages[%zu:%zu]\" count", t->begin, t->end);
        text_add(&e->out, text_string(&path), path.len);
        e->out.failed = e->out.failed || !text_ok(&path);
        text_deinit(&path);
    }
    if (f->after[0] == '\0')
        return false;
    text_printf(&e->out, "%s%s", e->not, f->after);
    return true;
}

/* ---- comparisons ---- */

/* "/a/i": the expression as a query's. */
static void take_regex(struct expression *e)
{
    struct scan *s = e->s;
    struct text body = TEXT_INIT;
    size_t at = s->at++;
    while (s->at < s->in.len && !scan_is(s, "/")) {
        if (scan_is(s, "\\") && s->at + 1 < s->in.len)
            text_char(&body, (char)s->in.data[s->at++]);
        text_char(&body, (char)s->in.data[s->at++]);
    }
    bool closed = s->at < s->in.len && scan_take(s, "/");
    bool fold = s->at < s->in.len && scan_take(s, "i");
    if (!closed)
        scan_fail(s, at, "this / has no end");
    text_printf(&e->out, " /%s%s/", fold ? "(?i)" : "", text_string(&body));
    e->out.failed = e->out.failed || !text_ok(&body);
    text_deinit(&body);
}

/* A text that is an expression. */
static void put_regex(struct expression *e, const struct text *pattern, bool fold)
{
    text_printf(&e->out, " /%s", fold ? "(?i)" : "");
    for (size_t i = 0; i < pattern->len; i++) {
        if (pattern->data[i] == '/')
            text_char(&e->out, '\\');
        else if (pattern->data[i] == '\\' && i + 1 < pattern->len)
            text_char(&e->out, pattern->data[i++]);
        text_char(&e->out, pattern->data[i]);
    }
    text_char(&e->out, '/');
}

/* Behind an operator. */
static void take_wanted(struct expression *e, bool regex)
{
    struct scan *s = e->s;
    struct text text = TEXT_INIT;
    scan_blanks(s);
    size_t at = s->at, n = word_here(e);
    if (at >= s->in.len) {
        scan_fail(s, at, "expected a value");
    } else if (scan_is(s, "\"")) {
        if (take_string(e, &text, !regex)) {
            if (regex) {
                put_regex(e, &text, false);
            } else {
                text_char(&e->out, ' ');
                quoted(&e->out, text_string(&text), text.len);
            }
        }
    } else if (regex && scan_is(s, "/")) {
        take_regex(e);
    } else if (regex) {
        unknown(e, at);
    } else if (scan_take(s, "$") && word_here(e) > 0) {
        n = word_here(e);
        text_printf(&e->out, " ${%.*s}", (int)n, (const char *)s->in.data + s->at);
        s->at += n;
    } else if (n > 0) { /* true, false, or a word that is a text */
        bool is = scan_take_word(s, "true") || scan_take_word(s, "false");
        s->at = at + n;
        text_char(&e->out, ' ');
        if (is)
            text_add(&e->out, s->in.data + at, n);
        else
            quoted(&e->out, (const char *)s->in.data + at, n);
    } else {
        char *end = NULL, digits[40] = "";
        while (s->at < s->in.len && n + 1 < sizeof digits &&
               (isdigit(s->in.data[s->at]) || strchr("+-.eE", s->in.data[s->at]) != NULL))
            digits[n++] = (char)s->in.data[s->at++];
        strtod(digits, &end);
        if (n == 0 || *end != '\0')
            unknown(e, at);
        text_printf(&e->out, " %s", digits);
    }
    e->out.failed = e->out.failed || !text_ok(&text);
    text_deinit(&text);
}

/* ".code == 3": flows have the status' name. */
static void take_status(struct expression *e, const char *sign)
{
    struct scan *s = e->s;
    size_t at = s->at;
    int code = 0;
    scan_blanks(s);
    while (s->at < s->in.len && isdigit(s->in.data[s->at]) && code < 100)
        code = code * 10 + (s->in.data[s->at++] - '0');
    if (s->at == at || code > 16 || (strcmp(sign, "==") != 0 && strcmp(sign, "!=") != 0))
        unknown(e, at);
    text_printf(&e->out, "status%s %s \"%s\"", e->not, sign, grpc_status_name(code));
}

/* What is known while the file is read. */
static void take_constant(struct expression *e, const char *sign)
{
    struct scan *s = e->s;
    size_t wanted = 0, at;
    scan_blanks(s);
    at = s->at;
    while (s->at < s->in.len && isdigit(s->in.data[s->at]) && wanted < 100000)
        wanted = wanted * 10 + (size_t)(s->in.data[s->at++] - '0');
    if (s->at == at || strcmp(sign, "==") != 0 || e->not [0] != '\0')
        unknown(e, at);
    else if (wanted != e->value)
        scan_fail(s, at, "this never holds: it is scope %zu here", e->value);
}

static void take_predicate(struct expression *e, size_t from)
{
    static const char *const signs[] = {"==",       "!=",         ">=",       "<=",      ">", "<",
                                        "contains", "startsWith", "endsWith", "matches", NULL};
    struct scan *s = e->s;
    size_t which = 0;
    scan_blanks(s);
    while (signs[which] != NULL &&
           (s->at >= s->in.len || !(which < 6 ? scan_take(s, signs[which]) : scan_take_word(s, signs[which]))))
        which++;
    if (signs[which] == NULL) {
        unknown(e, from);
        return;
    }
    scan_blanks(s);
    if (e->code) {
        take_status(e, signs[which]);
        return;
    }
    if (e->constant) {
        take_constant(e, signs[which]);
        return;
    }
    if (which < 2 && s->at < s->in.len && scan_take_word(s, "null")) {
        text_printf(&e->out, "%s exists", (which == 0) == (e->not [0] == '\0') ? " not" : "");
        return;
    }
    text_printf(&e->out, "%s%s %s", e->size ? " length" : "", e->not, signs[which]);
    take_wanted(e, which == 9);
}

/* ---- expressions ---- */

/* "| length", "| test("a")". True: it is a condition by itself. */
static bool take_pipe(struct expression *e)
{
    static const char *const tests[][2] = {
        {"contains(", " contains"}, {"startswith(", " startsWith"}, {"endswith(", " endsWith"}, {"test(", " matches"}};
    static const char *const types[][2] = {{"string", " isString"},
                                           {"number", " isNumber"},
                                           {"boolean", " isBoolean"},
                                           {"array", " isList"},
                                           {"object", " isObject"}};
    struct scan *s = e->s;
    scan_blanks(s);
    size_t at = s->at;
    for (size_t i = 0; i < 4; i++)
        if (s->at < s->in.len && scan_take(s, tests[i][0])) {
            text_printf(&e->out, "%s%s", e->not, tests[i][1]);
            take_wanted(e, i == 3);
            if (s->code == 0 && (s->at >= s->in.len || !scan_take(s, ")")))
                unknown(e, at);
            return true;
        }
    if (scan_take_word(s, "length")) {
        e->size = true;
    } else if (scan_take_word(s, "tonumber")) {
        text_puts(&e->out, " toFloat");
    } else if (scan_take_word(s, "tostring")) {
        text_puts(&e->out, " toString");
    } else if (scan_take_word(s, "first")) {
        text_puts(&e->out, " first");
    } else if (scan_take_word(s, "last")) {
        text_puts(&e->out, " last");
    } else if (scan_take_word(s, "type")) {
        scan_blanks(s);
        bool is = scan_take(s, "==");
        scan_blanks(s);
        struct text name = TEXT_INIT;
        size_t which = 0;
        is = is && take_string(e, &name, false);
        while (which < 5 && strcmp(types[which][0], text_string(&name)) != 0)
            which++;
        text_deinit(&name);
        if (!is || which == 5)
            unknown(e, at);
        else
            text_printf(&e->out, "%s%s", e->not, types[which][1]);
        return true;
    } else {
        unknown(e, at);
    }
    return false;
}

/* Where the value is from, and filters. True: it is a condition by itself. */
static bool take_value(struct expression *e)
{
    struct scan *s = e->s;
    struct text path = TEXT_INIT;
    size_t at = s->at;
    bool whole = false;
    if (at < s->in.len && scan_is(s, "@")) {
        whole = take_function(e);
    } else if (at < s->in.len && scan_is(s, ".")) {
        take_path(e, &path);
        e->code = e->target->kind == AT_ERROR && strcmp(text_string(&path), ".code") == 0;
        if (!e->code)
            put_source(e, text_string(&path));
        take_type(e);
    } else if (at < s->in.len && scan_take(s, "$") && word_here(e) > 0) {
        size_t n = word_here(e);
        text_printf(&e->out, "variable \"%.*s\"", (int)n, (const char *)s->in.data + s->at);
        s->at += n;
        if (s->at < s->in.len && (scan_is(s, ".") || scan_is(s, "[")))
            unknown(e, at);
        take_type(e);
    } else {
        unknown(e, at);
    }
    e->out.failed = e->out.failed || !text_ok(&path);
    text_deinit(&path);
    scan_blanks(s);
    while (s->code == 0 && !whole && s->at < s->in.len && scan_is(s, "|") && !scan_is(s, "||")) {
        s->at++;
        if (e->code)
            unknown(e, at);
        whole = take_pipe(e);
        scan_blanks(s);
    }
    return whole;
}

static void take_expression(struct expression *e)
{
    struct scan *s = e->s;
    scan_blanks(s);
    size_t from = s->at;
    e->not = "";
    if (s->at < s->in.len && (scan_take_word(s, "not") || scan_take(s, "!")))
        e->not = " not";
    scan_blanks(s);
    if (!take_value(e) && s->code == 0)
        take_predicate(e, from);
}

static void at_line_end(struct scan *s, size_t from)
{
    scan_blanks(s);
    if (s->code == 0 && s->at < s->in.len && !scan_is(s, "#") && !scan_is(s, "//"))
        scan_fail(s, s->at, "the expression \"%.*s\" of jq cannot be said in a flow: a comparison ends here",
                  (int)(s->in.len - from < 80 ? s->in.len - from : 80), (const char *)s->in.data + from);
}

/* All expressions of a section, about one target. */
static void ask(struct gctf *g, const struct gctf_section *section, const struct target *target,
                struct build_node *checks)
{
    struct bytes line;
    size_t at, whole = g->s.in.len;
    g->s.at = section->begin;
    while (!g->b.failed && gctf_line(&g->s, section->end, &line, &at)) {
        g->s.at = at;
        g->s.in.len = at + line.len;
        do {
            scan_blanks(&g->s);
            size_t place = g->s.at;
            struct expression e = {.g = g, .s = &g->s, .target = target};
            take_expression(&e);
            g->b.failed = g->b.failed || !text_ok(&e.out);
            if (g->s.code == 0 && e.out.len > 0)
                build_add(&g->b, checks, gctf_node(g, place, &e.out));
            text_deinit(&e.out);
            scan_blanks(&g->s);
        } while (g->s.code == 0 && !g->b.failed && g->s.at < g->s.in.len && scan_take_word(&g->s, "and"));
        if (!g->b.failed)
            at_line_end(&g->s, at);
        g->s.at = at + line.len;
        g->s.in.len = whole;
    }
    g->s.in.len = whole;
}

void gctf_asserts(struct gctf *g, const struct gctf_section *section, struct gctf_call *call, bool attached)
{
    struct target target = {.begin = call->scope_begin, .end = call->scope_end, .scope = call->scopes};
    if (call->error) {
        target.kind = AT_ERROR;
        ask(g, section, &target, call->checks);
    } else if (attached && call->scope_end > call->scope_begin) {
        for (size_t i = call->scope_begin; i < call->scope_end && g->s.code == 0; i++) {
            target.index = i;
            ask(g, section, &target, call->checks);
        }
    } else { /* of the next message, or the last when none comes any more */
        target.kind = AT_LATEST;
        target.index = target.begin = call->scope_end;
        target.end = target.index + 1;
        target.scope++;
        ask(g, section, &target, call->checks);
        call->scope_begin = call->scope_end++;
        call->scopes++;
    }
    call->judged = true;
}

/* "name = .path", of the last message so far. */
void gctf_extract(struct gctf *g, const struct gctf_section *section, struct gctf_call *call)
{
    struct target target = {.kind = AT_LATEST, .index = call->scope_end > 0 ? call->scope_end - 1 : 0};
    struct bytes line;
    size_t at, whole = g->s.in.len;
    g->s.at = section->begin;
    while (!g->b.failed && gctf_line(&g->s, section->end, &line, &at)) {
        struct expression e = {.g = g, .s = &g->s, .target = &target, .not = ""};
        struct text name = TEXT_INIT;
        size_t n = gctf_word(line), type;
        g->s.at = at + n;
        g->s.in.len = at + line.len;
        text_add(&name, line.data, n);
        take_type(&e);
        bool number = e.out.len > 0;
        text_clear(&e.out);
        scan_blanks(&g->s);
        type = g->s.at;
        if (g->s.code == 0 && (n == 0 || g->s.at >= g->s.in.len || !scan_take(&g->s, "=")))
            scan_fail(&g->s, type, "expected \"name = .path\"");
        scan_blanks(&g->s);
        size_t place = g->s.at;
        if (g->s.code == 0 && (take_value(&e) || e.code || e.constant))
            unknown(&e, place);
        text_puts(&e.out, e.size ? " length" : "");
        text_puts(&e.out, number ? " toFloat" : "");
        if (g->s.code == 0)
            at_line_end(&g->s, place);
        if (g->s.code == 0 && build_has(call->captures, text_string(&name)))
            scan_fail(&g->s, at, "\"%.80s\" stands here a second time", text_string(&name));
        if (g->s.code == 0)
            build_put(&g->b, call->captures, text_string(&name), gctf_node(g, place, &e.out));
        g->b.failed = g->b.failed || !text_ok(&name);
        text_deinit(&e.out);
        text_deinit(&name);
        g->s.at = at + line.len;
        g->s.in.len = whole;
    }
    g->s.in.len = whole;
}
