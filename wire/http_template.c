#include "wire/http_template.h"

#include "wire/http1.h"

#include <ctype.h>
#include <string.h>

struct reader {
    const char *text, *at;
    struct arena *arena;
    struct http_segment segments[HTTP_TEMPLATE_SEGMENTS_MAX];
    struct http_variable variables[HTTP_TEMPLATE_SEGMENTS_MAX];
    size_t segment_count, variable_count;
    struct error *err;
};

static int fail(const struct reader *r, const char *what)
{
    size_t place = (size_t)(r->at - r->text) + 1;
    if (*r->at == '\0')
        return error_set(r->err, ERROR_SYNTAX, "the path template \"%s\" ends too early: expected %s", r->text, what);
    return error_set(r->err, ERROR_SYNTAX, "the path template \"%s\" has '%c' as character %zu: expected %s", r->text,
                     *r->at, place, what);
}

static int fail_memory(const struct reader *r)
{
    return error_set(r->err, ERROR_MEMORY, "out of memory");
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool is_literal(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("-._~!$&'()+,;=@%", c) != NULL);
}

static int read_literal(struct reader *r, struct bytes *out)
{
    const char *from = r->at;
    struct text decoded = TEXT_INIT;
    while (is_literal(*r->at)) {
        if (*r->at == '%' && (bytes_hex_value((uint8_t)r->at[1]) < 0 || bytes_hex_value((uint8_t)r->at[2]) < 0)) {
            r->at += 1;
            return fail(r, "two hexadecimal digits after a percent sign");
        }
        r->at += *r->at == '%' ? 3 : 1;
    }
    if (r->at == from)
        return fail(r, "a literal, \"*\", \"**\" or \"{\"");
    (void)http1_url_decode(BYTES(from, (size_t)(r->at - from)), false, &decoded);
    const uint8_t *data = text_ok(&decoded) ? arena_copy(r->arena, text_string(&decoded), decoded.len) : NULL;
    *out = BYTES(data, decoded.len);
    text_deinit(&decoded);
    return data != NULL ? 0 : fail_memory(r);
}

static int add_segment(struct reader *r, enum http_segment_kind kind)
{
    for (size_t i = 0; kind == HTTP_SEGMENT_REST && i < r->segment_count; i++)
        if (r->segments[i].kind == HTTP_SEGMENT_REST)
            return fail(r, "no second \"**\"");
    if (r->segment_count == HTTP_TEMPLATE_SEGMENTS_MAX)
        return error_set(r->err, ERROR_LIMIT, "the path template \"%s\" has more than %d segments", r->text,
                         HTTP_TEMPLATE_SEGMENTS_MAX);
    r->segments[r->segment_count++] = (struct http_segment){.kind = kind};
    return 0;
}

/* "*", "**" or a literal. */
static int read_plain(struct reader *r)
{
    bool wild = *r->at == '*', rest = wild && r->at[1] == '*';
    int code = add_segment(r, rest ? HTTP_SEGMENT_REST : wild ? HTTP_SEGMENT_ONE : HTTP_SEGMENT_LITERAL);
    if (code != 0)
        return code;
    if (!wild)
        return read_literal(r, &r->segments[r->segment_count - 1].text);
    r->at += rest ? 2 : 1;
    return 0;
}

static bool is_word(char c, bool first)
{
    return isalpha((unsigned char)c) || c == '_' || (!first && isdigit((unsigned char)c));
}

static int read_field(struct reader *r, const char **out)
{
    const char *from = r->at;
    for (;;) {
        if (!is_word(*r->at, true))
            return fail(r, "a field's name");
        while (is_word(*r->at, false))
            r->at++;
        if (*r->at != '.')
            break;
        r->at++;
    }
    *out = arena_string_n(r->arena, from, (size_t)(r->at - from));
    return *out != NULL ? 0 : fail_memory(r);
}

static int read_segments(struct reader *r)
{
    int code = 0;
    do {
        r->at++; /* "=" or "/" */
        if (*r->at == '{')
            return fail(r, "no variable inside a variable");
        code = read_plain(r);
    } while (code == 0 && *r->at == '/');
    if (code == 0 && *r->at != '}')
        return fail(r, "\"/\" or \"}\"");
    return code;
}

static int read_variable(struct reader *r)
{
    struct http_variable v = {.first = r->segment_count};
    r->at++;
    int code = read_field(r, &v.field);
    if (code != 0)
        return code;
    for (size_t i = 0; i < r->variable_count; i++)
        if (strcmp(r->variables[i].field, v.field) == 0)
            return error_set(r->err, ERROR_SYNTAX, "the path template \"%s\" binds %s twice", r->text, v.field);
    if (*r->at == '}') /* "{name}" is "{name=*}" */
        code = add_segment(r, HTTP_SEGMENT_ONE);
    else if (*r->at == '=')
        code = read_segments(r);
    else
        code = fail(r, "\"=\", \".\" or \"}\"");
    if (code != 0)
        return code;
    r->at++;
    v.count = r->segment_count - v.first;
    r->variables[r->variable_count++] = v;
    return 0;
}

static int read_template(struct reader *r, struct http_template *out)
{
    int code = 0;
    if (*r->at != '/')
        return fail(r, "\"/\"");
    do {
        r->at++;
        code = *r->at == '{' ? read_variable(r) : read_plain(r);
    } while (code == 0 && *r->at == '/');
    if (code == 0 && *r->at == ':') {
        r->at++;
        code = read_literal(r, &out->verb);
        if (code == 0 && *r->at != '\0')
            code = fail(r, "the end, behind the verb");
    }
    if (code == 0 && *r->at != '\0')
        code = fail(r, "\"/\", \":\" and a verb, or the end");
    return code;
}

int http_template_parse(const char *text, struct arena *arena, struct http_template *out, struct error *err)
{
    struct reader r;
    r.arena = arena;
    r.err = err;
    r.segment_count = r.variable_count = 0;
    *out = (struct http_template){0};
    if (strlen(text) > HTTP_TEMPLATE_MAX)
        return error_set(err, ERROR_LIMIT, "a path template may have %d bytes", HTTP_TEMPLATE_MAX);
    if ((r.text = r.at = arena_string(arena, text)) == NULL)
        return fail_memory(&r);
    int code = read_template(&r, out);
    if (code != 0)
        return code;
    out->text = r.text;
    out->segment_count = r.segment_count;
    out->variable_count = r.variable_count;
    out->segments = arena_copy(arena, r.segments, r.segment_count * sizeof *r.segments);
    out->variables = arena_copy(arena, r.variables, r.variable_count * sizeof *r.variables);
    return out->segments != NULL && out->variables != NULL ? 0 : fail_memory(&r);
}

/* ---- matching --------------------------------------------------------------------------------------------------- */

static bool same(struct bytes literal, struct bytes raw)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.len; n++) {
        uint8_t c = raw.data[i++];
        if (c == '%' && i + 2 <= raw.len && bytes_hex_value(raw.data[i]) >= 0 &&
            bytes_hex_value(raw.data[i + 1]) >= 0) {
            c = (uint8_t)(bytes_hex_value(raw.data[i]) * 16 + bytes_hex_value(raw.data[i + 1]));
            i += 2;
        }
        if (n >= literal.len || literal.data[n] != c)
            return false;
    }
    return n == literal.len;
}

/* The path without the template's verb; false: it ends in another one. */
static bool take_verb(const struct http_template *t, struct bytes *path)
{
    const uint8_t *colon = t->verb.len > 0 ? memrchr(path->data, ':', path->len) : NULL;
    if (t->verb.len == 0)
        return true;
    size_t at = colon != NULL ? (size_t)(colon - path->data) : 0;
    if (colon == NULL || !same(t->verb, BYTES(colon + 1, path->len - at - 1)))
        return false;
    path->len = at;
    return true;
}

/* How many segments "**" is to take, so that those behind it take the rest. False: no number of them. */
static bool count_rest(const struct http_template *t, struct bytes path, size_t *out)
{
    size_t has = 0, fixed = 0;
    for (size_t i = 0; i < path.len; i++)
        has += path.data[i] == '/';
    for (size_t i = 0; i < t->segment_count; i++)
        fixed += t->segments[i].kind != HTTP_SEGMENT_REST;
    *out = has - fixed;
    return fixed < t->segment_count ? has >= fixed : has == fixed;
}

/* The end of so many segments, which begin with the slash at `at`. */
static size_t segments_end(struct bytes path, size_t at, size_t count)
{
    for (; count > 0; count--) {
        const uint8_t *slash = memchr(path.data + at + 1, '/', path.len - at - 1);
        at = slash != NULL ? (size_t)(slash - path.data) : path.len;
    }
    return at;
}

bool http_template_match(const struct http_template *t, struct bytes path, struct bytes *parts)
{
    size_t at = 0, variable = 0, rest;
    const uint8_t *from = NULL;
    if (path.len == 0 || path.data[0] != '/' || !take_verb(t, &path) || !count_rest(t, path, &rest))
        return false;
    for (size_t i = 0; i < t->segment_count; i++) {
        const struct http_segment *s = &t->segments[i];
        const uint8_t *begin = path.data + at + (at < path.len ? 1 : 0);
        at = segments_end(path, at, s->kind == HTTP_SEGMENT_REST ? rest : 1);
        const uint8_t *end = path.data + at;
        struct bytes raw = BYTES(begin, end > begin ? (size_t)(end - begin) : 0);
        if ((s->kind == HTTP_SEGMENT_ONE && raw.len == 0) || (s->kind == HTTP_SEGMENT_LITERAL && !same(s->text, raw)))
            return false;
        const struct http_variable *v = variable < t->variable_count ? &t->variables[variable] : NULL;
        if (v == NULL || i < v->first)
            continue;
        if (i == v->first)
            from = begin;
        if (i + 1 < v->first + v->count)
            continue;
        if (parts != NULL)
            parts[variable] = BYTES(from, end > from ? (size_t)(end - from) : 0);
        variable++;
    }
    return at == path.len;
}

bool http_template_value(const struct http_template *t, const struct http_variable *v, struct bytes part,
                         struct text *out)
{
    bool several = v->count > 1 || t->segments[v->first].kind == HTTP_SEGMENT_REST;
    while (several && part.len > 0) {
        size_t len = 0;
        while (len < part.len && !(part.data[len] == '%' && part.len - len >= 3 && part.data[len + 1] == '2' &&
                                   (part.data[len + 2] | 0x20) == 'f'))
            len++;
        if (!http1_url_decode(BYTES(part.data, len), false, out))
            return false;
        size_t kept = len < part.len ? 3 : 0;
        text_add(out, part.data + len, kept);
        part = BYTES(part.data + len + kept, part.len - len - kept);
    }
    return http1_url_decode(part, false, out);
}

int http_template_order(const struct http_template *a, const struct http_template *b)
{
    if ((a->verb.len > 0) != (b->verb.len > 0))
        return a->verb.len > 0 ? -1 : 1;
    for (size_t i = 0;; i++) {
        bool more_a = i < a->segment_count, more_b = i < b->segment_count;
        if (!more_a && !more_b)
            return 0;
        if (!more_a || !more_b) /* "/a" is nearer than "/a/" and any number of segments */
            return more_a ? 1 : -1;
        const struct http_segment *x = &a->segments[i], *y = &b->segments[i];
        if (x->kind != y->kind)
            return x->kind < y->kind ? -1 : 1;
        if (x->kind == HTTP_SEGMENT_LITERAL && !bytes_equal(x->text, y->text)) {
            size_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
            int order = len > 0 ? memcmp(x->text.data, y->text.data, len) : 0;
            return order != 0 ? order : x->text.len < y->text.len ? -1 : 1;
        }
    }
}
