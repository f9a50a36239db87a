/* Expressions as trees. */
#include "e2e/value/expression.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct arena *arena;
    struct bytes in;
    size_t at;
    int depth, each; /* levels, and those of them inside { } of a call */
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
        bool hash = p->at < p->in.len && p->in.data[p->at] == '#' && p->each == 0;
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
            else if (strchr("\\'\"`/", c) == NULL)
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
    if (e != NULL && e->parts == NULL)
        e->parts = ARENA_NEW_N(p->arena, struct expr_part, EXPR_PARTS_MAX);
    if (e == NULL || e->parts == NULL || e->count == EXPR_PARTS_MAX) {
        fail(p, e != NULL && e->parts != NULL ? "has too many members behind each other" : NULL);
        return false;
    }
    e->parts[e->count++] = (struct expr_part){.name = name, .index = index};
    return p->code == 0;
}

static void add_item(struct parser *p, struct expr *e, const struct expr *item)
{
    if (e != NULL && e->items == NULL)
        e->items = ARENA_NEW_N(p->arena, const struct expr *, EXPR_ITEMS_MAX);
    if (e == NULL || e->items == NULL || item == NULL)
        fail(p, NULL);
    else if (e->count == EXPR_ITEMS_MAX)
        fail(p, "has too many items");
    else
        e->items[e->count++] = item;
}

static const char *parse_word(struct parser *p)
{
    size_t begin = p->at;
    while (p->at < p->in.len && (is_word(p->in.data[p->at])))
        p->at++;
    return p->at > begin ? copy(p, p->in.data + begin, p->at - begin) : (fail(p, "lacks a name behind a dot"), NULL);
}

static int peek(struct parser *p)
{
    skip(p);
    return p->at < p->in.len ? p->in.data[p->at] : -1;
}

/* Behind "(". */
static const struct expr *parse_call(struct parser *p, const char *name)
{
    struct expr *e = make(p, EXPR_CALL);
    if (e == NULL)
        return NULL;
    e->text = name;
    for (bool more = peek(p) != ')'; more && p->code == 0; more = take(p, ",")) {
        const struct expr *item = NULL;
        bool predicate = strcmp(name, "all") == 0 || strcmp(name, "any") == 0 || strcmp(name, "none") == 0 ||
                         strcmp(name, "one") == 0 || strcmp(name, "filter") == 0 || strcmp(name, "map") == 0 ||
                         strcmp(name, "count") == 0;
        if (predicate && e->count == 1) {
            p->each++; /* "#" is the item from here on, and no comment */
            bool braces = take(p, "{");
            struct expr *each = make(p, EXPR_EACH);
            const struct expr *inner = parse_or(p);
            if (inner != NULL && braces && !take(p, "}"))
                fail(p, "lacks a closing brace");
            p->each--;
            if (each != NULL)
                each->left = inner;
            item = inner != NULL ? each : NULL;
        } else {
            item = parse_or(p);
        }
        if (item != NULL)
            add_item(p, e, item);
    }
    if (p->code == 0 && !take(p, ")"))
        return fail(p, "lacks a closing parenthesis");
    if (p->code == 0 && !expr_function_known(name, e->count)) {
        struct text why = TEXT_INIT;
        text_printf(&why, "calls %s() with %zu argument%s: there is no such function here", name, e->count,
                    e->count == 1 ? "" : "s");
        const char *kept = text_ok(&why) ? arena_string(p->arena, text_string(&why)) : NULL;
        text_deinit(&why);
        return fail(p, kept);
    }
    return p->code == 0 ? e : NULL;
}

static const struct expr *member(struct parser *p, const struct expr *of, const struct expr *key, bool maybe)
{
    struct expr *e = make(p, EXPR_MEMBER);
    if (e == NULL || of == NULL || key == NULL)
        return NULL;
    e->left = of;
    e->right = key;
    e->maybe = maybe;
    return e;
}

static const struct expr *text_expr(struct parser *p, const char *text)
{
    struct expr *e = text != NULL ? make(p, EXPR_TEXT) : NULL;
    if (e != NULL)
        e->text = text;
    return e;
}

/* Members behind a value: .name ?.name [expression] */
static const struct expr *parse_members(struct parser *p, const struct expr *of)
{
    for (int i = 0; of != NULL && p->code == 0; i++) {
        int c = peek(p);
        bool maybe = c == '?' && p->at + 1 < p->in.len && p->in.data[p->at + 1] == '.';
        if (i > EXPR_DEPTH_MAX)
            return fail(p, "has too many members behind each other");
        if (maybe || (c == '.' && p->at + 1 < p->in.len && is_word(p->in.data[p->at + 1]))) {
            p->at += maybe ? 2 : 1;
            of = member(p, of, text_expr(p, parse_word(p)), maybe);
        } else if (c == '[') {
            p->at++;
            const struct expr *key = parse_or(p);
            if (key != NULL && !take(p, "]"))
                return fail(p, "lacks a closing bracket, or has a slice");
            of = member(p, of, key, false);
        } else {
            break;
        }
    }
    return p->code == 0 ? of : NULL;
}

/* A few digits, with "-" before them or without it. */
static int64_t whole(const uint8_t *digits, size_t len)
{
    int64_t value = 0;
    bool negative = len > 0 && digits[0] == '-';
    for (size_t i = negative; i < len; i++)
        value = value * 10 + (digits[i] - '0');
    return negative ? -value : value;
}

/* [0] or ["name"]: a part of a name. False: it is computed, nothing is taken. */
static bool take_part(struct parser *p, struct expr *e)
{
    size_t before = p->at;
    int c = (p->at++, peek(p));
    if (c == '\'' || c == '"') {
        const char *name = parse_string(p);
        if (p->code == 0 && take(p, "]"))
            return add_part(p, e, name, 0);
    } else {
        size_t begin = p->at;
        while (p->at < p->in.len && (isdigit(p->in.data[p->at]) || (p->at == begin && c == '-')))
            p->at++;
        if (p->at > begin && p->at - begin <= 9 && isdigit(p->in.data[p->at - 1])) {
            int64_t index = whole(p->in.data + begin, p->at - begin);
            if (take(p, "]"))
                return add_part(p, e, NULL, index);
        }
    }
    p->at = before;
    return false;
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
    if (strcmp(first, "not") == 0) /* printed between parentheses it would be the operator */
        return fail(p, "has \"not\" behind an operator: it belongs in parentheses with what it turns");
    if (!add_part(p, e, first, 0))
        return NULL;
    while (p->code == 0) {
        int c = peek(p);
        if (c == '(') { /* names with dots are functions' too: faker.UUID() */
            struct text name = TEXT_INIT;
            bool plain = true;
            for (size_t i = 0; i < e->count; i++) {
                plain = plain && e->parts[i].name != NULL;
                text_printf(&name, "%s%s", i > 0 ? "." : "", plain ? e->parts[i].name : "");
            }
            const char *kept = text_ok(&name) ? arena_string(p->arena, text_string(&name)) : NULL;
            text_deinit(&name);
            p->at++;
            if (p->depth++ >= EXPR_DEPTH_MAX)
                return fail(p, "is nested too deep");
            const struct expr *call = kept == NULL ? fail(p, NULL) : parse_call(p, kept);
            p->depth--;
            return parse_members(p, call);
        }
        if (c == '[') {
            if (!take_part(p, e))
                return p->code == 0 ? parse_members(p, e) : NULL;
        } else if (c == '.' && p->at + 1 < p->in.len && is_word(p->in.data[p->at + 1])) {
            p->at++;
            add_part(p, e, parse_word(p), 0);
        } else {
            break;
        }
    }
    return p->code == 0 ? parse_members(p, e) : NULL;
}

/* Behind "[" or "{". */
static const struct expr *parse_items(struct parser *p, bool map)
{
    struct expr *e = make(p, map ? EXPR_MAP : EXPR_LIST);
    const char *close = map ? "}" : "]";
    if (p->depth++ >= EXPR_DEPTH_MAX)
        return fail(p, "is nested too deep");
    for (bool more = peek(p) != close[0]; more && p->code == 0; more = take(p, ",")) {
        if (peek(p) == close[0])
            break;
        if (map) {
            int c = peek(p);
            const struct expr *key = c == '\'' || c == '"' || c == '`' ? text_expr(p, parse_string(p))
                                     : c == '('                        ? parse_or(p)
                                                                       : text_expr(p, parse_word(p));
            if (p->code == 0 && !take(p, ":"))
                return fail(p, "lacks a colon behind the key of a map");
            add_item(p, e, key);
        }
        const struct expr *value = p->code == 0 ? parse_or(p) : NULL;
        if (p->code == 0)
            add_item(p, e, value);
    }
    p->depth--;
    if (p->code == 0 && !take(p, close))
        return fail(p, map ? "lacks a closing brace" : "lacks a closing bracket");
    return p->code == 0 ? parse_members(p, e) : NULL;
}

static const struct expr *parse_primary(struct parser *p)
{
    skip(p);
    uint8_t c = p->at < p->in.len ? p->in.data[p->at] : 0;
    if (c == '(') {
        p->at++;
        const struct expr *inner = parse_or(p);
        return take(p, ")") ? parse_members(p, inner) : fail(p, "lacks a closing parenthesis");
    }
    if (c == '[' || c == '{') {
        p->at++;
        return parse_items(p, c == '{');
    }
    if (p->each > 0 && (c == '#' || c == '.')) {
        p->at += c == '#';
        return parse_members(p, make(p, EXPR_ITEM));
    }
    if (c == '\'' || c == '"' || c == '`') {
        struct expr *e = make(p, EXPR_TEXT);
        const char *text = parse_string(p);
        if (e != NULL)
            e->text = text;
        return p->code == 0 ? parse_members(p, e) : NULL;
    }
    if (isdigit(c)) {
        struct expr *e = make(p, EXPR_NUMBER);
        size_t begin = p->at++;
        while (p->at < p->in.len && (isdigit(p->in.data[p->at]) || (p->in.data[p->at] == '.' && p->at + 1 < p->in.len &&
                                                                    isdigit(p->in.data[p->at + 1]))))
            p->at++;
        if (e != NULL)
            e->text = copy(p, p->in.data + begin, p->at - begin);
        return p->code == 0 ? e : NULL;
    }
    if (isalpha(c) || c == '_')
        return parse_name(p);
    return fail(p, c == 0 ? "ends too early" : "has a form that is not read here");
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

static const struct expr *parse_unary(struct parser *p)
{
    skip(p);
    bool sign = p->at + 1 < p->in.len && p->in.data[p->at] == '!' && p->in.data[p->at + 1] != '=';
    bool minus = p->at < p->in.len && p->in.data[p->at] == '-';
    p->at += sign || minus;
    if (!sign && !minus)
        return parse_primary(p);
    if (p->depth++ >= EXPR_DEPTH_MAX)
        return fail(p, "is nested too deep");
    struct expr *e = make(p, minus ? EXPR_MINUS : EXPR_NOT);
    const struct expr *inner = parse_unary(p);
    p->depth--;
    if (e == NULL || inner == NULL)
        return NULL;
    e->left = inner;
    if (minus && inner->kind == EXPR_NUMBER && inner->text[0] != '-') {
        char *text = arena_alloc(p->arena, strlen(inner->text) + 2);
        if (text == NULL)
            return fail(p, NULL);
        text[0] = '-';
        strcpy(text + 1, inner->text);
        *e = (struct expr){.kind = EXPR_NUMBER, .text = text};
    }
    return e;
}

/* "**" takes what is right of it first. */
static const struct expr *parse_power(struct parser *p)
{
    const struct expr *left = parse_unary(p);
    if (left == NULL || !(take(p, "**") || take(p, "^")))
        return left;
    if (p->depth++ >= EXPR_DEPTH_MAX)
        return fail(p, "is nested too deep");
    left = both(p, "**", left, parse_power(p));
    p->depth--;
    return left;
}

static const struct expr *parse_product(struct parser *p)
{
    static const char *const ops[] = {"*", "/", "%", NULL};
    const struct expr *left = parse_power(p);
    for (const char *const *op = ops; left != NULL && *op != NULL;)
        if (peek(p) == **op) {
            p->at++;
            left = both(p, *op, left, parse_power(p));
            op = ops;
        } else {
            op++;
        }
    return left;
}

static const struct expr *parse_sum(struct parser *p)
{
    const struct expr *left = parse_product(p);
    while (left != NULL && (peek(p) == '+' || peek(p) == '-')) {
        const char *op = p->in.data[p->at++] == '+' ? "+" : "-";
        left = both(p, op, left, parse_product(p));
    }
    return left;
}

static const struct expr *negated(struct parser *p, const struct expr *of)
{
    struct expr *e = of != NULL ? make(p, EXPR_NOT) : NULL;
    if (e != NULL)
        e->left = of;
    return e;
}

static const struct expr *parse_comparison(struct parser *p)
{
    static const char *const ops[] = {"==",       "!=", "<=",         ">=",       "<",       ">",
                                      "contains", "in", "startsWith", "endsWith", "matches", NULL};
    const struct expr *left = parse_sum(p);
    size_t before = p->at;
    bool turned = left != NULL && take(p, "not");
    for (const char *const *op = ops; left != NULL && *op != NULL; op++)
        if ((!turned || isalpha((unsigned char)**op)) && take(p, *op)) {
            left = both(p, *op, left, parse_sum(p));
            return turned ? negated(p, left) : left;
        }
    if (turned)
        p->at = before;
    return left;
}

static const struct expr *parse_not(struct parser *p)
{
    if (!take(p, "not"))
        return parse_comparison(p);
    if (p->depth++ >= EXPR_DEPTH_MAX)
        return fail(p, "is nested too deep");
    const struct expr *e = negated(p, parse_not(p));
    p->depth--;
    return e;
}

static const struct expr *parse_and(struct parser *p)
{
    const struct expr *left = parse_not(p);
    while (left != NULL && (take(p, "&&") || take(p, "and")))
        left = both(p, "&&", left, parse_not(p));
    return left;
}

static const struct expr *parse_either(struct parser *p)
{
    const struct expr *left = parse_and(p);
    while (left != NULL && (take(p, "||") || take(p, "or")))
        left = both(p, "||", left, parse_and(p));
    return left;
}

/* From the weakest on: ?? and ?:, or, and, not, comparisons, sums, products. */
static const struct expr *parse_or(struct parser *p)
{
    if (p->depth++ >= EXPR_DEPTH_MAX)
        return fail(p, "is nested too deep");
    const struct expr *left = parse_either(p);
    while (left != NULL && take(p, "??"))
        left = both(p, "??", left, parse_either(p));
    if (left != NULL && peek(p) == '?') {
        struct expr *e = make(p, EXPR_IF);
        p->at++;
        const struct expr *then = parse_or(p);
        if (then != NULL && !take(p, ":"))
            return fail(p, "lacks the colon behind \"?\"");
        const struct expr *other = then != NULL ? parse_or(p) : NULL;
        if (e == NULL || other == NULL)
            return NULL;
        e->left = left;
        e->right = then;
        e->other = other;
        left = e;
    }
    p->depth--;
    return left;
}

const struct expr *expr_parse(struct arena *a, struct bytes text, size_t *end, const char **why, int *code)
{
    struct parser p = {.arena = a, .in = text};
    const struct expr *e = parse_or(&p);
    skip(&p);
    if (end != NULL)
        *end = p.at;
    else if (e != NULL && p.at < text.len)
        e = fail(&p, "goes on where it should end: it has a form that is not read here");
    *why = p.why;
    *code = p.code;
    return p.code == 0 ? e : NULL;
}
