#include "runtime/api/template.h"

#include "base/text.h"
#include "wire/http1.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum segment_kind { LITERAL, ANY, REST };

struct segment {
    enum segment_kind kind;
    const char *text; /* of a literal */
};

struct variable {
    const char *name;
    size_t first, count; /* its segments */
};

struct template
{
    struct arena arena;
    enum template_kind kind;
    const char *whole; /* exact */
    struct segment segments[TEMPLATE_SEGMENTS_MAX];
    size_t count;
    struct variable variables[TEMPLATE_VARIABLES_MAX];
    size_t variable_count;
    const char *verb; /* NULL: none */
    regex_t regex;
    bool compiled;
};

/* ---- regular expressions ---- */

/* Past a bracket expression, whose characters mean themselves; `c` is at its "[". */
static const char *skip_brackets(const char *c)
{
    c += c[1] == '^' ? 2 : 1;
    if (*c == ']')
        c++;
    for (; *c && *c != ']'; c++) {
        if (*c == '[' && (c[1] == ':' || c[1] == '.' || c[1] == '=')) {
            const char *end = strstr(c + 2, c[1] == ':' ? ":]" : c[1] == '.' ? ".]" : "=]");
            c = end ? end + 1 : c;
        }
    }
    return c;
}

/* glibc copies what is repeated: x{1000} becomes a thousand x, x++ four, repetitions inside of others the product. */
static int check_regex(const char *text, struct error *err)
{
    unsigned long product = 1;
    int depth = 0;
    bool repeated = false; /* what stands before is a repetition already */
    for (const char *c = text; *c; c++) {
        bool repeats = *c == '*' || *c == '+' || *c == '?' || *c == '{';
        if (repeats && repeated)
            return error_set(err, ERROR_INVALID, "\"%s\": a repetition of a repetition", text);
        repeated = repeats;
        if (*c == '\\') {
            c++;
            if (*c == '\0' || (*c >= '1' && *c <= '9'))
                return error_set(err, ERROR_INVALID, "\"%s\": back-references are not allowed", text);
        } else if (*c == '[') {
            c = skip_brackets(c);
            if (*c == '\0')
                return error_set(err, ERROR_SYNTAX, "\"%s\": \"[\" without its end", text);
        } else if (*c == '(' && ++depth > TEMPLATE_DEPTH_MAX) {
            return error_set(err, ERROR_LIMIT, "\"%s\": groups more than %d deep", text, TEMPLATE_DEPTH_MAX);
        } else if (*c == ')') {
            depth--;
        } else if (*c == '{') {
            char *end = NULL;
            unsigned long from = strtoul(c + 1, &end, 10), to = *end == ',' ? strtoul(end + 1, &end, 10) : from;
            if (from > TEMPLATE_REPEATS_MAX || to > TEMPLATE_REPEATS_MAX)
                product = TEMPLATE_REPEATS_MAX + 1;
            else
                product *= to > from ? to : from ? from : 1;
            if (product > TEMPLATE_REPEATS_MAX)
                return error_set(err, ERROR_LIMIT, "\"%s\": more than %d repetitions", text, TEMPLATE_REPEATS_MAX);
            if (*end != '}')
                return error_set(err, ERROR_SYNTAX, "\"%s\": \"{\" without its end", text);
            c = end;
        }
    }
    return 0;
}

static int compile_regex(struct template *t, const char *text, struct error *err)
{
    char why[128];
    int rc = check_regex(text, err);
    if (rc != 0)
        return rc;
    t->kind = TEMPLATE_REGEX;
    rc = regcomp(&t->regex, text, REG_EXTENDED | REG_NOSUB);
    if (rc != 0) {
        (void)regerror(rc, &t->regex, why, sizeof why);
        return error_set(err, rc == REG_ESPACE ? ERROR_MEMORY : ERROR_SYNTAX, "\"%s\": %s", text, why);
    }
    t->compiled = true;
    return 0;
}

/* ---- templates ---- */

/* Characters of a literal: RFC 3986's unreserved ones and the sub-delimiters that have no meaning here. */
static bool is_literal(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-_.~!$&'()+,;@%", c));
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static int bad(const char *text, const char *at, const char *why, struct error *err)
{
    return error_set(err, ERROR_SYNTAX, "\"%s\", character %zu: %s", text, (size_t)(at - text) + 1, why);
}

static int add_segment(struct template *t, const char *text, const char **at, struct error *err)
{
    const char *c = *at;
    struct segment *s = &t->segments[t->count];
    if (t->count == TEMPLATE_SEGMENTS_MAX)
        return bad(text, c, "too many segments", err);
    if (t->count > 0 && t->segments[t->count - 1].kind == REST)
        return bad(text, c, "nothing may follow \"**\"", err);
    if (c[0] == '*') {
        s->kind = c[1] == '*' ? REST : ANY;
        c += s->kind == REST ? 2 : 1;
    } else {
        struct text decoded = TEXT_INIT;
        while (is_literal(*c))
            c++;
        bool fine = c > *at && http1_url_decode(BYTES(*at, (size_t)(c - *at)), false, &decoded);
        s->kind = LITERAL;
        s->text = fine && text_ok(&decoded) ? arena_string_n(&t->arena, decoded.data, decoded.len) : NULL;
        text_deinit(&decoded);
        if (!fine)
            return bad(text, c, "expected a segment", err);
        if (!s->text)
            return error_set(err, ERROR_MEMORY, "out of memory");
    }
    t->count++;
    *at = c;
    return 0;
}

/* {name} or {name=a/ * /b}; no variable inside of another one. */
static int add_variable(struct template *t, const char *text, const char **at, struct error *err)
{
    const char *c = *at + 1, *name = c;
    struct variable *v = &t->variables[t->variable_count];
    if (t->variable_count == TEMPLATE_VARIABLES_MAX)
        return bad(text, c, "too many variables", err);
    while (is_name(*c))
        c++;
    if (c == name || *name == '.' || c[-1] == '.')
        return bad(text, name, "expected a variable's name", err);
    *v = (struct variable){arena_string_n(&t->arena, name, (size_t)(c - name)), t->count, 0};
    if (!v->name)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = 0;
    if (*c == '=') {
        do {
            c++;
            rc = add_segment(t, text, &c, err);
        } while (rc == 0 && *c == '/');
    } else {
        const char *star = "*";
        rc = add_segment(t, text, &star, err);
    }
    if (rc != 0)
        return rc;
    if (*c != '}')
        return bad(text, c, "expected \"}\"", err);
    v->count = t->count - v->first;
    t->variable_count++;
    *at = c + 1;
    return 0;
}

static int compile(struct template *t, const char *text, struct error *err)
{
    const char *c = text;
    t->kind = TEMPLATE_SEGMENTS;
    do {
        c++;
        int rc = *c == '{' ? add_variable(t, text, &c, err) : add_segment(t, text, &c, err);
        if (rc != 0)
            return rc;
    } while (*c == '/');
    if (*c == ':') {
        const char *verb = c + 1;
        for (c++; is_literal(*c); c++)
            ;
        if (c == verb)
            return bad(text, c, "expected a verb behind \":\"", err);
        t->verb = arena_string(&t->arena, verb);
        if (!t->verb)
            return error_set(err, ERROR_MEMORY, "out of memory");
    }
    return *c == '\0' ? 0 : bad(text, c, "a character no path template may hold here", err);
}

int template_new(const char *text, struct template **out, struct error *err)
{
    size_t len = strlen(text);
    if (len > TEMPLATE_LENGTH_MAX)
        return error_set(err, ERROR_LIMIT, "a path of more than %d characters", TEMPLATE_LENGTH_MAX);
    struct template *t = calloc(1, sizeof *t);
    if (!t)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = 0;
    if (len > 1 && text[0] == '^' && text[len - 1] == '$') {
        rc = compile_regex(t, text, err);
    } else if (text[0] != '/') {
        rc = error_set(err, ERROR_SYNTAX, "\"%s\" is no path: it begins neither with \"/\" nor with \"^\"", text);
    } else if (strpbrk(text, "{}*:")) {
        rc = compile(t, text, err);
    } else {
        t->kind = TEMPLATE_EXACT;
        t->whole = arena_string(&t->arena, text);
        if (!t->whole)
            rc = error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (rc != 0)
        template_free(t);
    else
        *out = t;
    return rc;
}

void template_free(struct template *t)
{
    if (!t)
        return;
    if (t->compiled)
        regfree(&t->regex);
    arena_deinit(&t->arena);
    free(t);
}

enum template_kind template_kind(const struct template *t)
{
    return t->kind;
}

size_t template_weight(const struct template *t)
{
    size_t weight = 0;
    for (size_t i = 0; i < t->count; i++)
        weight += t->segments[i].kind == LITERAL;
    return weight + (t->verb ? 1 : 0);
}

/* ---- matching ---- */

static const char *decode(struct arena *arena, const char *data, size_t len, int *rc)
{
    struct text decoded = TEXT_INIT;
    const char *copy = NULL;
    if (!http1_url_decode(BYTES(data, len), false, &decoded) ||
        (decoded.len != 0 && memchr(decoded.data, '\0', decoded.len)))
        *rc = ERROR_SYNTAX;
    else if (!text_ok(&decoded) || !(copy = arena_string_n(arena, text_string(&decoded), decoded.len)))
        *rc = ERROR_MEMORY;
    text_deinit(&decoded);
    return copy;
}

int template_path_init(struct template_path *p, const char *raw, size_t len, struct arena *arena)
{
    int rc = 0;
    *p = (struct template_path){.whole = decode(arena, raw, len, &rc)};
    for (size_t at = 0; rc == 0 && at < len;) {
        at++; /* the slash */
        const char *end = memchr(raw + at, '/', len - at);
        size_t n = end ? (size_t)(end - raw) - at : len - at;
        if (p->count == TEMPLATE_SEGMENTS_MAX)
            return ERROR_LIMIT;
        p->segments[p->count++] = decode(arena, raw + at, n, &rc);
        at += n;
    }
    return rc;
}

/* The text of segments from..from+count, joined; the last one's verb left out. */
static const char *join(const struct template *t, const struct template_path *p, size_t from, size_t count,
                        struct arena *arena)
{
    const char *text = "";
    for (size_t i = from; i < from + count && text; i++) {
        size_t len = strlen(p->segments[i]);
        if (t->verb && i + 1 == p->count)
            len -= strlen(t->verb) + 1;
        text = i == from ? arena_string_n(arena, p->segments[i], len)
                         : arena_printf(arena, "%s/%.*s", text, (int)len, p->segments[i]);
    }
    return text;
}

static bool ends_in_verb(const char *segment, const char *verb)
{
    size_t len = strlen(segment), verb_len = strlen(verb);
    return len > verb_len && segment[len - verb_len - 1] == ':' && strcmp(segment + len - verb_len, verb) == 0;
}

static bool segment_matches(const struct template *t, const struct template_path *p, size_t i)
{
    const struct segment *s = &t->segments[i];
    size_t len = strlen(p->segments[i]);
    if (t->verb && i + 1 == p->count)
        len -= strlen(t->verb) + 1;
    return s->kind == LITERAL ? strlen(s->text) == len && strncmp(s->text, p->segments[i], len) == 0 : len > 0;
}

static bool segments_match(const struct template *t, const struct template_path *p)
{
    bool rest = t->count > 0 && t->segments[t->count - 1].kind == REST;
    size_t fixed = rest ? t->count - 1 : t->count;
    if (p->count < fixed || (!rest && p->count != fixed) || p->count == 0)
        return false;
    if (t->verb && !ends_in_verb(p->segments[p->count - 1], t->verb))
        return false;
    for (size_t i = 0; i < fixed; i++) {
        if (!segment_matches(t, p, i))
            return false;
    }
    return true;
}

bool template_match(const struct template *t, const struct template_path *p, struct arena *arena,
                    struct template_value *values, size_t *count)
{
    *count = 0;
    if (t->kind == TEMPLATE_EXACT)
        return strcmp(t->whole, p->whole) == 0;
    if (t->kind == TEMPLATE_REGEX)
        return regexec(&t->regex, p->whole, 0, NULL, 0) == 0;
    if (!segments_match(t, p))
        return false;
    for (size_t i = 0; i < t->variable_count; i++) {
        const struct variable *v = &t->variables[i];
        bool rest = t->segments[v->first + v->count - 1].kind == REST;
        size_t n = rest ? p->count - v->first : v->count;
        const char *value = join(t, p, v->first, n, arena);
        if (!value)
            return false;
        values[(*count)++] = (struct template_value){v->name, value};
    }
    return true;
}
