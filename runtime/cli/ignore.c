#include "runtime/cli/ignore.h"

#include <stdlib.h>
#include <string.h>

enum token_kind {
    TOKEN_CHAR,
    TOKEN_ONE,   /* ?: one character of a name */
    TOKEN_CLASS, /* [...] */
    TOKEN_STAR,  /* any characters of a name */
    TOKEN_ALL,   /* double star at the end: any characters */
    TOKEN_DIRS,  /* double star and /: any folders, or none */
};

struct token {
    enum token_kind kind;
    unsigned char c;
    uint32_t set[8]; /* TOKEN_CLASS: a bit for each character */
};

struct ignore_pattern {
    bool negated, folders_only;
    size_t count;
    struct token tokens[];
};

/* ---- reading ---- */

static void set_bit(struct token *t, unsigned c)
{
    t->set[c / 32] |= UINT32_C(1) << (c % 32);
}

/* [...] at *p; false when it has no end, and the bracket is a plain character. */
static bool read_class(struct token *t, const char **p, const char *end)
{
    const char *at = *p + 1;
    bool negated = at < end && (*at == '!' || *at == '^');
    *t = (struct token){.kind = TOKEN_CLASS};
    at += negated;
    const char *first = at;
    for (; at < end && (*at != ']' || at == first); at++) {
        unsigned from = (unsigned char)*at, to = from;
        if (end - at > 2 && at[1] == '-' && at[2] != ']') {
            to = (unsigned char)at[2];
            at += 2;
        }
        for (unsigned c = from; c <= to; c++)
            set_bit(t, c);
    }
    if (at >= end)
        return false;
    for (size_t i = 0; negated && i < 8; i++)
        t->set[i] = ~t->set[i];
    t->set['/' / 32] &= ~(UINT32_C(1) << ('/' % 32));
    *p = at + 1;
    return true;
}

static size_t tokenize(const char *p, const char *end, bool anywhere, struct token *out)
{
    size_t n = 0;
    const char *begin = p;
    if (anywhere)
        out[n++] = (struct token){.kind = TOKEN_DIRS};
    while (p < end) {
        bool fresh = p == begin || p[-1] == '/';
        if (p[0] == '*' && end - p >= 2 && p[1] == '*' && fresh && (end - p == 2 || p[2] == '/')) {
            bool last = end - p == 2;
            out[n++] = (struct token){.kind = last ? TOKEN_ALL : TOKEN_DIRS};
            p += last ? 2 : 3;
        } else if (p[0] == '*') {
            while (p < end && *p == '*')
                p++;
            out[n++] = (struct token){.kind = TOKEN_STAR};
        } else if (p[0] == '?') {
            out[n++] = (struct token){.kind = TOKEN_ONE};
            p++;
        } else if (p[0] == '[' && read_class(&out[n], &p, end)) {
            n++;
        } else {
            if (p[0] == '\\' && end - p > 1)
                p++;
            out[n++] = (struct token){.kind = TOKEN_CHAR, .c = (unsigned char)*p++};
        }
    }
    return n;
}

static int add_line(struct ignore *list, const char *p, const char *end, const char *name, int line, struct error *err)
{
    while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    if (p == end || *p == '#')
        return 0;
    bool negated = *p == '!';
    p += negated;
    bool folders_only = end > p && end[-1] == '/';
    end -= folders_only;
    bool anywhere = end == p || memchr(p, '/', (size_t)(end - p)) == NULL;
    if (p < end && *p == '/')
        p++;
    if (p >= end)
        return 0;
    if (end - p >= IGNORE_TOKENS_MAX)
        return error_set_at(err, ERROR_LIMIT, name, line, 1, "a pattern has at most %d characters", IGNORE_TOKENS_MAX);
    if (list->patterns.count >= IGNORE_PATTERNS_MAX)
        return error_set_at(err, ERROR_LIMIT, name, line, 1, "there are at most %d patterns", IGNORE_PATTERNS_MAX);
    struct ignore_pattern *pattern = malloc(sizeof *pattern + ((size_t)(end - p) + 1) * sizeof(struct token));
    if (!pattern)
        return error_set(err, ERROR_MEMORY, "out of memory");
    pattern->negated = negated;
    pattern->folders_only = folders_only;
    pattern->count = tokenize(p, end, anywhere, pattern->tokens);
    if (!array_push(&list->patterns, pattern)) {
        free(pattern);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    return 0;
}

int ignore_add(struct ignore *list, struct bytes lines, const char *name, struct error *err)
{
    if (lines.len == 0)
        return 0;
    const char *p = (const char *)lines.data, *end = p + lines.len;
    int line = 1, rc = 0;
    for (; rc == 0 && p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *stop = newline ? newline : end;
        rc = add_line(list, p, stop, name, line, err);
        p = newline ? newline + 1 : end;
    }
    return rc;
}

void ignore_deinit(struct ignore *list)
{
    for (size_t i = 0; i < list->patterns.count; i++)
        free(list->patterns.items[i]);
    array_deinit(&list->patterns);
}

/* ---- matching ---- */

/* The states that are reached without a character: behind stars, and behind folders at the begin of a name. */
static void skip_on(const struct ignore_pattern *p, bool *at, bool fresh)
{
    for (size_t i = 0; i < p->count; i++) {
        enum token_kind kind = p->tokens[i].kind;
        if (at[i] && (kind == TOKEN_STAR || kind == TOKEN_ALL || (kind == TOKEN_DIRS && fresh)))
            at[i + 1] = true;
    }
}

static void step(const struct ignore_pattern *p, const bool *at, bool *next, unsigned char c)
{
    memset(next, 0, p->count + 1);
    for (size_t i = 0; i < p->count; i++) {
        const struct token *t = &p->tokens[i];
        if (!at[i])
            continue;
        switch (t->kind) {
        case TOKEN_CHAR:
            next[i + 1] = next[i + 1] || t->c == c;
            break;
        case TOKEN_ONE:
            next[i + 1] = next[i + 1] || c != '/';
            break;
        case TOKEN_CLASS:
            next[i + 1] = next[i + 1] || (t->set[c / 32] >> (c % 32) & 1);
            break;
        case TOKEN_STAR:
            next[i] = next[i] || c != '/';
            break;
        case TOKEN_ALL:
        case TOKEN_DIRS:
            next[i] = true;
            break;
        }
    }
}

static bool fits(const struct ignore_pattern *p, const char *path)
{
    bool states[2][IGNORE_TOKENS_MAX + 2] = {{false}};
    bool *at = states[0], *next = states[1];
    at[0] = true;
    skip_on(p, at, true);
    for (const char *c = path; *c; c++) {
        step(p, at, next, (unsigned char)*c);
        skip_on(p, next, *c == '/');
        bool *swap = at;
        at = next;
        next = swap;
    }
    return at[p->count];
}

bool ignore_match(const struct ignore *list, const char *path, bool folder)
{
    for (size_t i = list->patterns.count; i-- > 0;) {
        const struct ignore_pattern *p = list->patterns.items[i];
        if ((folder || !p->folders_only) && fits(p, path))
            return !p->negated;
    }
    return false;
}
