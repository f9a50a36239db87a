/* JSON as these files have it: comments, names without quotes, commas behind the last member, 1_000. What is expected
 * is made of matchers on the way. */
#include "e2e/import/gctf/gctf.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 40 /* matchers around what is expected take levels as well */

struct reader {
    struct gctf *g;
    size_t end;
    const struct gctf_options *expected; /* NULL: values as they are */
    int depth;
};

struct value {
    struct build_node *node;
    bool at_default; /* what an answer may leave out */
};

static struct value read_value(struct reader *r);

static struct build_node *with(struct gctf *g, size_t at, const char *matcher, struct build_node *wanted)
{
    struct build_node *map = build_map(&g->b, at);
    build_put(&g->b, map, matcher, wanted);
    return map;
}

/* A value that may be absent. */
static struct build_node *or_absent(struct gctf *g, size_t at, struct build_node *value)
{
    struct build_node *list = build_list(&g->b, at);
    build_add(&g->b, list, value);
    build_add(&g->b, list, with(g, at, "$absent", build_bool(&g->b, at, true)));
    return with(g, at, "$one_of", list);
}

/* A quoted text, as it stands between the quotes after its escapes. */
static int read_string(struct gctf *g, size_t end, struct text *out)
{
    struct scan *s = &g->s;
    struct text token = TEXT_INIT;
    json_error_t why;
    size_t from = s->at;
    uint8_t quote = s->in.data[s->at++];
    text_char(&token, '"');
    while (s->at < end && s->in.data[s->at] != quote && s->in.data[s->at] != '\n') {
        uint8_t c = s->in.data[s->at++];
        if (c == '\\' && s->at < end) {
            if (s->in.data[s->at] != '\'')
                text_char(&token, '\\');
            text_char(&token, (char)s->in.data[s->at++]);
        } else {
            if (c == '"')
                text_char(&token, '\\');
            text_char(&token, (char)c);
        }
    }
    text_char(&token, '"');
    bool closed = s->at < end && s->in.data[s->at] == quote;
    s->at += closed ? 1 : 0;
    json_t *v = text_ok(&token) ? json_loadb(token.data, token.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why) : NULL;
    if (v != NULL)
        text_add(out, json_string_value(v), json_string_length(v));
    if (!text_ok(&token) || !text_ok(out) || (v == NULL && json_error_code(&why) == json_error_out_of_memory))
        g->b.failed = true;
    else if (!closed)
        scan_fail(s, from, "this text has no end on its line");
    else if (v == NULL)
        scan_fail(s, from, "this is no text of JSON: %.100s", why.text);
    json_decref(v);
    text_deinit(&token);
    return s->code;
}

static struct value read_text(struct reader *r)
{
    struct gctf *g = r->g;
    struct text raw = TEXT_INIT, said = TEXT_INIT;
    size_t at = g->s.at;
    if (read_string(g, r->end, &raw) != 0 || g->b.failed) {
        text_deinit(&raw);
        return (struct value){0};
    }
    bool any = r->expected != NULL && strcmp(text_string(&raw), "*") == 0;
    bool blank = raw.len == 0;
    gctf_say(text_bytes(&raw), &said);
    text_deinit(&raw);
    if (any) {
        text_deinit(&said);
        return (struct value){.node = with(g, at, "$any", build_bool(&g->b, at, true))};
    }
    return (struct value){.node = gctf_node(g, at, &said), .at_default = blank};
}

static struct value read_number(struct reader *r)
{
    struct gctf *g = r->g;
    struct scan *s = &g->s;
    char digits[64], *end = digits;
    size_t n = 0, at = s->at;
    for (; s->at < r->end && (isalnum(s->in.data[s->at]) || memchr("+-._", s->in.data[s->at], 4) != NULL); s->at++)
        if (s->in.data[s->at] != '_' && n + 1 < sizeof digits)
            digits[n++] = (char)s->in.data[s->at];
    digits[n] = '\0';
    bool plain = digits[strspn(digits, "-0123456789")] == '\0';
    errno = 0;
    int64_t integer = plain ? strtoll(digits, &end, 10) : 0;
    struct value v = {.at_default = integer == 0};
    if (plain && n > 0 && *end == '\0' && errno == 0) {
        v.node = build_integer(&g->b, at, integer);
        return v;
    }
    double real = strtod(digits, &end);
    v.at_default = real == 0;
    if (n == 0 || *end != '\0' || digits[strspn(digits, "+-.eE0123456789")] != '\0' ||
        !(real > -1e308 && real < 1e308)) {
        s->at = at;
        scan_fail(s, at, n == 0 ? "expected a value" : "\"%s\" is no value", digits);
        return (struct value){0};
    }
    v.node = build_real(&g->b, at, real);
    return v;
}

/* Fields whose values are not compared, in a map that names its members. */
static void put_redacted(struct reader *r, size_t at, struct build_node *map)
{
    struct build *b = &r->g->b;
    for (size_t i = 0; i < r->expected->redact_count; i++)
        if (!build_has(map, r->expected->redact[i]))
            build_put(b, map, r->expected->redact[i],
                      or_absent(r->g, at, with(r->g, at, "$any", build_bool(b, at, true))));
}

static bool is_redacted(const struct reader *r, const char *key)
{
    for (size_t i = 0; r->expected != NULL && i < r->expected->redact_count; i++)
        if (strcmp(r->expected->redact[i], key) == 0)
            return true;
    return false;
}

int gctf_key(struct gctf *g, size_t end, struct text *key)
{
    struct scan *s = &g->s;
    if (scan_is(s, "\"") || scan_is(s, "'"))
        return read_string(g, end, key);
    size_t n = gctf_word(BYTES(s->in.data + s->at, end - s->at));
    if (n == 0)
        return scan_fail(s, s->at, "expected a member's name, or }");
    text_add(key, s->in.data + s->at, n);
    s->at += n;
    return 0;
}

/* fieldViolations is field_violations, as flows show details. */
static void rename_field(struct text *key)
{
    struct text out = TEXT_INIT;
    for (size_t i = 0; i < key->len; i++) {
        if (isupper((unsigned char)key->data[i]) && i > 0)
            text_char(&out, '_');
        text_char(&out, (char)tolower((unsigned char)key->data[i]));
    }
    out.failed = out.failed || !text_ok(key);
    text_deinit(key);
    *key = out;
}

/* One member of a status' details: types are known by their names alone, and a map's keys are nobody's fields. */
static struct value read_detail(struct reader *r, const char *key)
{
    static const struct gctf_options data = {.partial = true, .tolerance = -1};
    const struct gctf_options *before = r->expected;
    struct scan *s = &r->g->s;
    struct text type = TEXT_INIT;
    size_t at = s->at;
    if (strcmp(key, "@type") == 0 && scan_is(s, "\"") && read_string(r->g, r->end, &type) == 0) {
        const char *slash = strrchr(text_string(&type), '/');
        text_consume(&type, slash != NULL ? (size_t)(slash + 1 - type.data) : 0);
        return (struct value){.node = gctf_node(r->g, at, &type)};
    }
    text_deinit(&type);
    r->expected = strcmp(key, "metadata") == 0 ? &data : before;
    struct value v = read_value(r);
    r->expected = before;
    return v;
}

static void read_member(struct reader *r, struct build_node *map)
{
    struct gctf *g = r->g;
    struct scan *s = &g->s;
    struct text key = TEXT_INIT;
    size_t at = s->at;
    if (gctf_key(g, r->end, &key) == 0) {
        if (r->expected != NULL && r->expected->details)
            rename_field(&key);
        const char *name = text_string(&key);
        gctf_skip(s, r->end);
        if (build_has(map, name))
            scan_fail(s, at, "\"%.80s\" stands here a second time", name);
        else if (strlen(name) != key.len || (r->expected != NULL && name[0] == '$'))
            scan_fail(s, at, "a member called like this cannot be said in a flow");
        else if (!scan_take(s, ":"))
            scan_fail(s, s->at, "expected \":\"");
    }
    if (s->code == 0) {
        gctf_skip(s, r->end);
        at = s->at;
        bool detail = r->expected != NULL && r->expected->details;
        struct value v = detail ? read_detail(r, text_string(&key)) : read_value(r);
        if (is_redacted(r, text_string(&key)) && !v.at_default && s->code == 0)
            scan_fail(s, at, "\"%.80s\" is redacted: no value of it is compared, so none can be named",
                      text_string(&key));
        else if (!is_redacted(r, text_string(&key)))
            build_put(&g->b, map, text_string(&key),
                      r->expected != NULL && v.at_default ? or_absent(g, at, v.node) : v.node);
    }
    g->b.failed = g->b.failed || !text_ok(&key);
    text_deinit(&key);
}

bool gctf_more(struct gctf *g, size_t end, const char *close)
{
    struct scan *s = &g->s;
    gctf_skip(s, end);
    bool comma = scan_take(s, ",");
    gctf_skip(s, end);
    if (s->code != 0 || g->b.failed || (s->at < end && scan_take(s, close)))
        return false;
    if (!comma)
        scan_fail(s, s->at < end ? s->at : end, "expected \",\" or \"%s\"", close);
    return s->code == 0;
}

static struct value read_map(struct reader *r)
{
    struct gctf *g = r->g;
    size_t at = g->s.at++;
    struct build_node *map = build_map(&g->b, at);
    gctf_skip(&g->s, r->end);
    bool empty = scan_take(&g->s, "}");
    if (!empty)
        do
            read_member(r, map);
        while (gctf_more(g, r->end, "}"));
    if (r->expected != NULL && !r->expected->partial)
        put_redacted(r, at, map);
    return (struct value){.node = map, .at_default = empty};
}

static struct build_node *expected_list(struct reader *r, size_t at, struct build_node *list)
{
    struct gctf *g = r->g;
    if (r->expected == NULL || build_count(list) == 0 || (!r->expected->partial && !r->expected->unordered))
        return list;
    if (!r->expected->unordered)
        return r->expected->whole ? list : with(g, at, "$begins", list);
    return with(g, at, r->expected->partial ? "$all_of" : "$unordered", list);
}

static struct value read_list(struct reader *r)
{
    struct gctf *g = r->g;
    size_t at = g->s.at++;
    struct build_node *list = build_list(&g->b, at);
    gctf_skip(&g->s, r->end);
    bool empty = scan_take(&g->s, "]");
    if (!empty)
        do {
            size_t from = g->s.at;
            struct build_node *item = read_value(r).node;
            if (r->expected != NULL && r->expected->unordered)
                item = with(g, from, r->expected->partial ? "$contains" : "$exactly", item);
            build_add(&g->b, list, item);
        } while (gctf_more(g, r->end, "]"));
    return (struct value){.node = expected_list(r, at, list), .at_default = empty};
}

static struct value read_value(struct reader *r)
{
    struct gctf *g = r->g;
    struct scan *s = &g->s;
    struct value v = {0};
    gctf_skip(s, r->end);
    size_t at = s->at;
    if (s->code != 0 || g->b.failed)
        return v;
    if (at >= r->end) {
        scan_fail(s, r->end, "expected a value");
        return v;
    }
    if (++r->depth > DEPTH_MAX) {
        scan_fail(s, at, "more than %d levels", DEPTH_MAX);
        return v;
    }
    if (scan_is(s, "{{")) { /* a variable without quotes */
        struct text said = TEXT_INIT;
        while (s->at < r->end && !scan_is(s, "}}") && !scan_is(s, "\n"))
            s->at++;
        if (s->at + 2 > r->end || !scan_take(s, "}}"))
            scan_fail(s, at, "{{ has no }}");
        gctf_say(BYTES(s->in.data + at, s->at - at), &said);
        v.node = gctf_node(g, at, &said);
    } else if (scan_is(s, "{")) {
        v = read_map(r);
    } else if (scan_is(s, "[")) {
        v = read_list(r);
    } else if (scan_is(s, "\"") || scan_is(s, "'")) {
        v = read_text(r);
    } else if (scan_take_word(s, "null")) {
        v = (struct value){.node = build_null(&g->b, at), .at_default = true};
    } else if (scan_take_word(s, "true")) {
        v.node = build_bool(&g->b, at, true);
    } else if (scan_take_word(s, "false")) {
        v = (struct value){.node = build_bool(&g->b, at, false), .at_default = true};
    } else {
        v = read_number(r);
        if (r->expected != NULL && r->expected->tolerance >= 0 && v.node != NULL) {
            struct build_node *pair = build_list(&g->b, at);
            build_add(&g->b, pair, v.node);
            build_add(&g->b, pair, build_real(&g->b, at, r->expected->tolerance));
            v.node = with(g, at, "$near", pair);
        }
    }
    r->depth--;
    return v;
}

struct build_node *gctf_json(struct gctf *g, size_t end, const struct gctf_options *expected)
{
    struct reader r = {.g = g, .end = end, .expected = expected};
    gctf_skip(&g->s, end);
    size_t at = g->s.at;
    struct value v = read_value(&r);
    if (g->s.code != 0)
        return NULL;
    return expected != NULL && !expected->partial ? with(g, at, "$exactly", v.node) : v.node;
}
