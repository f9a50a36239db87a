#include "e2e/import/runn/expr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct arena *arena;
    struct bytes in;
    size_t at;
    int depth;
    const char *why;
    int code;
};

static const struct expr *parse_or(struct parser *p);

static struct expr *fail(struct parser *p, const char *why)
{
    if (p->code == 0) {
        p->why = why;
        p->code = why != NULL ? ERROR_UNSUPPORTED : ERROR_MEMORY;
    }
    return NULL;
}

static struct expr *make(struct parser *p, enum expr_kind kind)
{
    struct expr *e = p->code == 0 ? ARENA_NEW(p->arena, struct expr) : NULL;
    if (e == NULL)
        return fail(p, NULL);
    e->kind = kind;
    return e;
}

static void skip(struct parser *p)
{
    for (;;) {
        while (p->at < p->in.len && isspace(p->in.data[p->at]))
            p->at++;
        bool line = p->at + 1 < p->in.len && p->in.data[p->at] == '/' && p->in.data[p->at + 1] == '/';
        bool hash = p->at < p->in.len && p->in.data[p->at] == '#';
        if (!line && !hash)
            return;
        while (p->at < p->in.len && p->in.data[p->at] != '\n')
            p->at++;
    }
}

static bool is_word(uint8_t c)
{
    return isalnum(c) || c == '_';
}

/* Takes the sign or the word when it stands here. */
static bool take(struct parser *p, const char *what)
{
    size_t len = strlen(what);
    skip(p);
    if (p->in.len - p->at < len || memcmp(p->in.data + p->at, what, len) != 0)
        return false;
    if (is_word((uint8_t)what[0]) && p->at + len < p->in.len && is_word(p->in.data[p->at + len]))
        return false;
    p->at += len;
    return true;
}

static const char *copy(struct parser *p, const uint8_t *from, size_t len)
{
    const char *out = arena_string_n(p->arena, (const char *)from, len);
    if (out == NULL)
        fail(p, NULL);
    return out;
}

static const char *parse_string(struct parser *p)
{
    uint8_t quote = p->in.data[p->at++];
    char *out = arena_alloc(p->arena, p->in.len - p->at + 1);
    size_t len = 0;
    if (out == NULL) {
        fail(p, NULL);
        return NULL;
    }
    for (; p->at < p->in.len && p->in.data[p->at] != quote; p->at++) {
        char c = (char)p->in.data[p->at];
        if (c == '\\' && quote != '`' && p->at + 1 < p->in.len) {
            c = (char)p->in.data[++p->at];
            if (c == 'n' || c == 't' || c == 'r')
                c = c == 'n' ? '\n' : c == 't' ? '\t' : '\r';
            else if (strchr("\\'\"", c) == NULL)
                fail(p, "has an escape in a text that is not read here: \\n, \\t, \\r, \\\\ and quotes are");
        }
        out[len++] = c;
    }
    if (p->at >= p->in.len)
        fail(p, "has a text without its end");
    p->at += p->at < p->in.len;
    return out;
}

static bool add_part(struct parser *p, struct expr *e, const char *name, int64_t index)
{
    if (e == NULL || e->count == EXPR_PARTS_MAX) {
        fail(p, "has too many members behind each other");
        return false;
    }
    e->parts[e->count++] = (struct expr_part){.name = name, .index = index};
    return p->code == 0;
}

static const char *parse_word(struct parser *p)
{
    size_t begin = p->at;
    while (p->at < p->in.len && (is_word(p->in.data[p->at])))
        p->at++;
    return p->at > begin ? copy(p, p->in.data + begin, p->at - begin) : (fail(p, "lacks a name behind a dot"), NULL);
}

static const struct expr *parse_name(struct parser *p)
{
    struct expr *e = make(p, EXPR_NAME);
    const char *first = parse_word(p);
    if (e == NULL || first == NULL)
        return NULL;
    static const char *const words[] = {"true", "false", "nil", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(first, words[i]) == 0) {
            e->kind = i < 2 ? EXPR_BOOL : EXPR_NIL;
            e->boolean = i == 0;
            return e;
        }
    if (take(p, "(")) {
        if (strcmp(first, "len") != 0)
            return fail(p, "calls a function: only len() can be said in a flow");
        e->kind = EXPR_LEN;
        e->left = parse_or(p);
        return take(p, ")") ? e : fail(p, "lacks a closing parenthesis");
    }
    if (!add_part(p, e, first, 0))
        return NULL;
    while (p->code == 0) {
        skip(p);
        if (take(p, "[")) {
            skip(p);
            uint8_t c = p->at < p->in.len ? p->in.data[p->at] : 0;
            size_t begin = p->at;
            if (c == '\'' || c == '"') {
                add_part(p, e, parse_string(p), 0);
            } else {
                while (p->at < p->in.len && (isdigit(p->in.data[p->at]) || (p->at == begin && c == '-')))
                    p->at++;
                if (p->at == begin || p->at - begin > 9)
                    return fail(p, "has an index that is no number and no text");
                add_part(p, e, NULL, strtoll((const char *)p->in.data + begin, NULL, 10));
            }
            if (!take(p, "]"))
                return fail(p, "lacks a closing bracket");
        } else if (p->at < p->in.len && p->in.data[p->at] == '.' && p->at + 1 < p->in.len &&
                   is_word(p->in.data[p->at + 1])) {
            p->at++;
            add_part(p, e, parse_word(p), 0);
        } else {
            break;
        }
    }
    return p->code == 0 ? e : NULL;
}

static const struct expr *parse_primary(struct parser *p)
{
    skip(p);
    uint8_t c = p->at < p->in.len ? p->in.data[p->at] : 0;
    if (c == '(') {
        p->at++;
        const struct expr *inner = parse_or(p);
        return take(p, ")") ? inner : fail(p, "lacks a closing parenthesis");
    }
    if (c == '\'' || c == '"' || c == '`') {
        struct expr *e = make(p, EXPR_TEXT);
        const char *text = parse_string(p);
        if (e != NULL)
            e->text = text;
        return p->code == 0 ? e : NULL;
    }
    if (isdigit(c) || (c == '-' && p->at + 1 < p->in.len && isdigit(p->in.data[p->at + 1]))) {
        struct expr *e = make(p, EXPR_NUMBER);
        size_t begin = p->at++;
        while (p->at < p->in.len && (isdigit(p->in.data[p->at]) || p->in.data[p->at] == '.'))
            p->at++;
        if (e != NULL)
            e->text = copy(p, p->in.data + begin, p->at - begin);
        return p->code == 0 ? e : NULL;
    }
    if (isalpha(c) || c == '_')
        return parse_name(p);
    return fail(p, c == 0 ? "ends too early" : "has a form that cannot be said in a flow");
}

static const struct expr *both(struct parser *p, const char *op, const struct expr *left, const struct expr *right)
{
    struct expr *e = make(p, EXPR_BOTH);
    if (e == NULL || left == NULL || right == NULL)
        return NULL;
    e->op = op;
    e->left = left;
    e->right = right;
    return e;
}

static const struct expr *parse_comparison(struct parser *p)
{
    static const char *const ops[] = {"==",       "!=", "<=",         ">=",       "<",       ">",
                                      "contains", "in", "startsWith", "endsWith", "matches", NULL};
    const struct expr *left = parse_primary(p);
    for (const char *const *op = ops; left != NULL && *op != NULL; op++)
        if (take(p, *op))
            return both(p, *op, left, parse_primary(p));
    skip(p);
    if (p->code == 0 && p->at < p->in.len && strchr("+-*/%?[{|", p->in.data[p->at]) != NULL && p->in.data[p->at] != '|')
        return fail(p, "computes: only comparisons can be said in a flow");
    return left;
}

static const struct expr *parse_not(struct parser *p)
{
    skip(p);
    bool sign = p->at + 1 < p->in.len && p->in.data[p->at] == '!' && p->in.data[p->at + 1] != '=';
    p->at += sign;
    if (!sign && !take(p, "not"))
        return parse_comparison(p);
    if (p->depth++ >= EXPR_DEPTH_MAX)
        return fail(p, "is nested too deep");
    struct expr *e = make(p, EXPR_NOT);
    const struct expr *inner = parse_not(p);
    p->depth--;
    if (e == NULL || inner == NULL)
        return NULL;
    e->left = inner;
    return e;
}

static const struct expr *parse_and(struct parser *p)
{
    const struct expr *left = parse_not(p);
    while (left != NULL && (take(p, "&&") || take(p, "and")))
        left = both(p, "&&", left, parse_not(p));
    return left;
}

static const struct expr *parse_or(struct parser *p)
{
    if (p->depth++ >= EXPR_DEPTH_MAX)
        return fail(p, "is nested too deep");
    const struct expr *left = parse_and(p);
    while (left != NULL && (take(p, "||") || take(p, "or")))
        left = both(p, "||", left, parse_and(p));
    p->depth--;
    return left;
}

const struct expr *expr_parse(struct arena *a, struct bytes text, const char **why, int *code)
{
    struct parser p = {.arena = a, .in = text};
    const struct expr *e = parse_or(&p);
    skip(&p);
    if (e != NULL && p.at < text.len)
        e = fail(&p, "goes on where it should end: it has a form that cannot be said in a flow");
    *why = p.why;
    *code = p.code;
    return p.code == 0 ? e : NULL;
}
