/* Sections, their headers and the attributes before them, lines, and {{variables}}. */
#include "e2e/import/gctf/gctf.h"

#include "base/document_build.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"META",    "ADDRESS", "ENDPOINT",        "REQUEST", "RESPONSE", "ERROR",
                                    "ASSERTS", "HEADERS", "OPTIONS",         "EXTRACT", "TLS",      "PROTO",
                                    "DATASET", "BENCH",   "REQUEST_HEADERS", NULL};

size_t gctf_word(struct bytes in)
{
    size_t n = 0;
    while (n < in.len && (isalnum(in.data[n]) || in.data[n] == '_'))
        n++;
    return n > 0 && isdigit(in.data[0]) ? 0 : n;
}

void gctf_say(struct bytes text, struct text *out)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *p = (const char *)text.data + i;
        size_t left = text.len - i, from = 2, to;
        if (left > 4 && p[0] == '{' && p[1] == '{') {
            while (from < left && p[from] == ' ')
                from++;
            for (to = from; to < left && (isalnum((unsigned char)p[to]) || p[to] == '_' || p[to] == '.');)
                to++;
            size_t close = to;
            while (close < left && p[close] == ' ')
                close++;
            if (to > from && !isdigit((unsigned char)p[from]) && left - close >= 2 && p[close] == '}' &&
                p[close + 1] == '}') {
                text_printf(out, "${%.*s}", (int)(to - from), p + from);
                i += close + 1;
                continue;
            }
        }
        if (p[0] == '$' && left > 1 && p[1] == '{')
            text_char(out, '$');
        text_char(out, p[0]);
    }
}

struct build_node *gctf_node(struct gctf *g, size_t at, struct text *t)
{
    struct build_node *n = text_ok(t) ? build_text(&g->b, at, text_string(t), t->len) : NULL;
    g->b.failed = g->b.failed || !text_ok(t);
    text_deinit(t);
    return n;
}

void gctf_leave(struct gctf *g, size_t at, const char *what)
{
    int line, column;
    document_place(g->b.document, at, &line, &column);
    text_printf(&g->left_out, "%sline %d: %s", g->left_out.len > 0 ? "\n" : "", line, what);
    if (g->told != NULL)
        text_printf(g->told, "%s:%d:%d: %s\n", document_name(g->b.document), line, column, what);
}

static bool comment(const struct scan *s)
{
    return scan_is(s, "//") || (scan_is(s, "#") && !scan_is(s, "#["));
}

static void to_line_end(struct scan *s, size_t end)
{
    while (s->at < end && s->in.data[s->at] != '\n')
        s->at++;
}

void gctf_skip(struct scan *s, size_t end)
{
    while (s->at < end) {
        if (isspace(s->in.data[s->at]))
            s->at++;
        else if (comment(s))
            to_line_end(s, end);
        else if (scan_is(s, "/*")) {
            size_t from = s->at;
            while (s->at < end && !scan_is(s, "*/"))
                s->at++;
            if (s->at + 2 > end) {
                s->at = end;
                scan_fail(s, from, "this /* has no end");
            } else {
                s->at += 2;
            }
        } else {
            break;
        }
    }
}

bool gctf_line(struct scan *s, size_t end, struct bytes *line, size_t *at)
{
    gctf_skip(s, end);
    if (s->at >= end || s->code != 0)
        return false;
    *at = s->at;
    to_line_end(s, end);
    size_t last = s->at;
    while (last > *at && isspace(s->in.data[last - 1]))
        last--;
    *line = BYTES(s->in.data + *at, last - *at);
    return true;
}

/* ---- headers ---- */

/* "--- NAME" at the beginning of a line. */
static bool at_header(const struct scan *s)
{
    struct scan ahead = *s;
    scan_blanks(&ahead);
    if (!scan_take(&ahead, "---"))
        return false;
    scan_blanks(&ahead);
    int c = scan_char(&ahead);
    return c >= 0 && isupper(c);
}

static size_t take_name(struct scan *s, char out[GCTF_NAME_MAX])
{
    size_t n = 0;
    for (int c = scan_char(s); c >= 0 && (isalnum(c) || c == '_') && n + 1 < GCTF_NAME_MAX; c = scan_char(s)) {
        out[n++] = (char)c;
        s->at++;
    }
    out[n] = '\0';
    return n;
}

/* redact=["a","b"] */
static void read_redact(struct scan *s, struct gctf_options *o)
{
    bool ok = scan_take(s, "[");
    for (scan_blanks(s); ok && !scan_take(s, "]"); scan_blanks(s)) {
        char *name = o->redact[o->redact_count];
        ok = o->redact_count < GCTF_REDACT_MAX && (scan_take(s, "\"") || scan_take(s, "'")) && take_name(s, name) > 0 &&
             (scan_take(s, "\"") || scan_take(s, "'"));
        o->redact_count += ok ? 1 : 0;
        scan_blanks(s);
        scan_take(s, ",");
    }
    if (!ok)
        scan_fail(s, s->at, "expected names of fields: redact=[\"password\", \"token\"]");
}

static bool read_flag(struct scan *s)
{
    if (!scan_take(s, "="))
        return true;
    if (scan_take_word(s, "true"))
        return true;
    if (!scan_take_word(s, "false"))
        scan_fail(s, s->at, "expected true or false");
    return false;
}

static void read_tolerance(struct scan *s, struct gctf_options *o)
{
    char digits[32] = "";
    size_t n = 0;
    char *end = digits;
    bool is = scan_take(s, "=");
    size_t from = s->at;
    for (int c = scan_char(s); c >= 0 && (isdigit(c) || strchr(".eE+-", c) != NULL) && n + 1 < sizeof digits;
         c = scan_char(s)) {
        if (c == '-' && s->in.data[s->at - 1] != 'e') /* the dashes at the header's end */
            break;
        digits[n++] = (char)c;
        s->at++;
    }
    o->tolerance = strtod(digits, &end);
    if (!is || n == 0 || *end != '\0' || !(o->tolerance >= 0))
        scan_fail(s, from, "expected a number: tolerance=0.01");
}

static void read_options(struct scan *s, const struct gctf_section *section, struct gctf_options *o)
{
    static const char *const known[] = {"with_asserts", "partial", "unordered_arrays", "tolerance", "redact", NULL};
    char name[GCTF_NAME_MAX];
    for (scan_blanks(s); s->code == 0 && !scan_is(s, "---"); scan_blanks(s)) {
        size_t at = s->at, which = 0;
        if (take_name(s, name) == 0) {
            scan_fail(s, at, "expected \"---\" at the end of the section's header");
            return;
        }
        while (known[which] != NULL && strcmp(known[which], name) != 0)
            which++;
        if ((section->kind != GCTF_RESPONSE && section->kind != GCTF_ERROR) || known[which] == NULL ||
            (section->kind == GCTF_ERROR && which > 1)) {
            scan_fail(s, at, "%s has no option \"%s\"", names[section->kind], name);
        } else if (which == 0) {
            o->with_asserts = read_flag(s);
        } else if (which == 1) {
            o->partial = read_flag(s);
        } else if (which == 2) {
            o->unordered = read_flag(s);
        } else if (which == 3) {
            read_tolerance(s, o);
        } else {
            if (!scan_take(s, "="))
                scan_fail(s, s->at, "expected names of fields: redact=[\"password\", \"token\"]");
            read_redact(s, o);
        }
    }
    scan_take(s, "---");
    scan_blanks(s);
    scan_take(s, "\r");
    if (s->code == 0 && scan_char(s) >= 0 && !scan_take(s, "\n"))
        scan_fail(s, s->at, "expected the end of the line");
}

/* ---- attributes ---- */

static double number_of(struct scan *s, size_t at, const char *value, const char *name)
{
    char *end = NULL;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !(number >= 0 && number <= 1e6))
        scan_fail(s, at, "#[%s] takes a number", name);
    return number;
}

/* "#[name]" or "#[name(value)]" */
static void attribute(struct scan *s, struct gctf_options *o, struct gctf_effort *effort)
{
    char name[GCTF_NAME_MAX], value[GCTF_NAME_MAX] = "";
    size_t n = 0, at = s->at;
    scan_take(s, "#[");
    size_t len = take_name(s, name);
    if (scan_take(s, "(")) {
        scan_take(s, "\"");
        for (int c = scan_char(s); c >= 0 && c != ')' && c != '"' && c != '\n' && n + 1 < sizeof value;
             c = scan_char(s)) {
            value[n++] = (char)c;
            s->at++;
        }
        value[n] = '\0';
        scan_take(s, "\"");
        if (!scan_take(s, ")"))
            len = 0;
    }
    if (len == 0 || !scan_take(s, "]")) {
        scan_fail(s, at, "expected an attribute: #[name] or #[name(value)]");
        return;
    }
    bool flag = n == 0 || strcmp(value, "true") == 0;
    if (strcmp(name, "skip") == 0)
        o->skip = flag;
    else if (strcmp(name, "timeout") == 0)
        effort->timeout = number_of(s, at, value, name);
    else if (strcmp(name, "retry") == 0)
        effort->retry = number_of(s, at, value, name);
    else if (strcmp(name, "retry_delay") == 0)
        effort->retry_delay = number_of(s, at, value, name);
    else if (strcmp(name, "no_retry") == 0)
        effort->no_retry = flag;
    else if (strcmp(name, "name") == 0)
        memcpy(effort->name, value, n + 1);
    else if (strcmp(name, "tag") != 0 && strcmp(name, "owner") != 0 && strcmp(name, "summary") != 0 &&
             strcmp(value, "none") != 0)
        scan_fail(s, at, "#[%s] cannot be said in a flow", name);
}

bool gctf_next(struct gctf *g, struct gctf_section *section, struct gctf_effort *effort)
{
    struct scan *s = &g->s;
    char name[GCTF_NAME_MAX];
    *section = (struct gctf_section){.options = {.tolerance = -1}};
    for (gctf_skip(s, s->in.len); scan_is(s, "#[") && s->code == 0; gctf_skip(s, s->in.len))
        attribute(s, &section->options, effort);
    if (s->code != 0 || s->at >= s->in.len)
        return false;
    section->at = s->at;
    if (!at_header(s)) {
        scan_fail(s, s->at, "expected a section's header: --- ENDPOINT ---");
        return false;
    }
    scan_take(s, "---");
    scan_blanks(s);
    size_t at = s->at, which = 0;
    take_name(s, name);
    while (names[which] != NULL && strcmp(names[which], name) != 0)
        which++;
    if (names[which] == NULL) {
        const char *near = nearest_word(name, names);
        scan_fail(s, at, "there is no section %s%s%s%s", name, near != NULL ? ": did you mean " : "",
                  near != NULL ? near : "", near != NULL ? "?" : "");
        return false;
    }
    section->kind = which > GCTF_BENCH ? GCTF_HEADERS : (enum gctf_kind)which;
    read_options(s, section, &section->options);
    section->begin = s->at;
    while (s->at < s->in.len && !at_header(s)) {
        struct scan ahead = *s;
        scan_blanks(&ahead);
        if (scan_is(&ahead, "#[")) /* the next section's */
            break;
        to_line_end(s, s->in.len);
        scan_take(s, "\n");
    }
    section->end = s->at;
    return s->code == 0;
}
