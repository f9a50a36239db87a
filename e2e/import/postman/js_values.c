/* Functions, lists, objects and expressions of scripts, an operator's strength deciding how far its operands go. */
#include "e2e/import/postman/js_reader.h"

#include <ctype.h>
#include <string.h>

static void read_list(struct js_reader *r, const char *close, struct js_items *out)
{
    while (!r->failed && !r->memory && !js_sees(r, close)) {
        if (js_sees(r, "..."))
            r->failed = true;
        else
            js_add(r, out, js_read_value(r));
        if (!r->failed && !js_take(r, ",") && !js_sees(r, close))
            r->failed = true;
    }
    if (!r->failed && !js_take(r, close))
        r->failed = true;
}

/* Behind its parameters. */
static const struct js *read_body(struct js_reader *r, size_t at, const struct js_items *names)
{
    const struct js *body = js_sees(r, "{") ? js_read_block(r) : js_read_value(r);
    struct js *n = js_make(r, JS_FUNCTION, at);
    js_set_items(r, n, names);
    if (n != NULL)
        n->b = body;
    return r->failed ? NULL : n;
}

void js_read_parameters(struct js_reader *r, struct js_items *out)
{
    while (!r->failed && !r->memory && !js_sees(r, ")")) {
        struct js *n = js_make(r, JS_NAME, r->at);
        const char *name = js_read_word(r);
        if (n != NULL && name != NULL)
            n->text = name;
        js_add(r, out, n);
        if (!r->failed && !js_take(r, ",") && !js_sees(r, ")"))
            r->failed = true;
    }
    if (!r->failed && !js_take(r, ")"))
        r->failed = true;
}

/* (a, b) => ...: is the parenthesis that begins here one of parameters? */
static bool is_arrow(struct js_reader *r)
{
    size_t at = r->at;
    struct js_items names = {0};
    bool arrow = false;
    if (js_take(r, "(")) {
        js_read_parameters(r, &names);
        arrow = !r->failed && js_take(r, "=>");
    }
    r->failed = false;
    r->at = at;
    return arrow;
}

const struct js *js_read_object(struct js_reader *r)
{
    struct js_items items = {0};
    size_t at = r->at;
    (void)js_take(r, "{");
    while (!r->failed && !r->memory && !js_sees(r, "}")) {
        js_skip(r);
        size_t begin = r->at;
        char c = r->s[r->at];
        struct js *key = NULL;
        if (c == '"' || c == '\'') {
            r->at++;
            js_add(r, &items, js_read_text(r, c));
        } else if ((key = js_make(r, JS_TEXT, begin)) != NULL) {
            const char *name = js_read_word(r);
            key->text = name != NULL ? name : "";
            js_add(r, &items, key);
        }
        if (!r->failed && js_take(r, ":")) {
            js_add(r, &items, js_read_value(r));
        } else if (key != NULL && !r->failed && (js_sees(r, ",") || js_sees(r, "}"))) { /* {a}: {a: a} */
            struct js *same = js_make(r, JS_NAME, begin);
            if (same != NULL)
                same->text = key->text;
            js_add(r, &items, same);
        } else {
            r->failed = true;
        }
        if (!r->failed && !js_take(r, ",") && !js_sees(r, "}"))
            r->failed = true;
    }
    if (r->failed || !js_take(r, "}"))
        return js_fail(r);
    struct js *n = js_make(r, JS_OBJECT, at);
    js_set_items(r, n, &items);
    return n;
}

/* ---- expressions ---- */

const struct js *js_read_word_value(struct js_reader *r)
{
    size_t at = r->at;
    const char *word = js_read_word(r);
    struct js_items names = {0};
    if (word == NULL)
        return NULL;
    static const char *const refused[] = {"async", "await", "yield", "class", "delete", "void", "this", "super"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (strcmp(word, refused[i]) == 0)
            return js_fail(r);
    if (strcmp(word, "function") == 0) {
        if (!js_sees(r, "("))
            (void)js_read_word(r);
        if (r->failed || !js_take(r, "("))
            return js_fail(r);
        js_read_parameters(r, &names);
        return r->failed || !js_sees(r, "{") ? js_fail(r) : read_body(r, at, &names);
    }
    struct js *n = js_make(r, JS_NAME, at);
    if (n == NULL)
        return NULL;
    n->text = word;
    if (js_sees(r, "=>")) {
        (void)js_take(r, "=>");
        js_add(r, &names, n);
        return read_body(r, at, &names);
    }
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
        n->kind = JS_BOOL;
    else if (strcmp(word, "null") == 0 || strcmp(word, "undefined") == 0)
        n->kind = JS_NULL;
    return n;
}

static const struct js *read_primary(struct js_reader *r)
{
    js_skip(r);
    size_t at = r->at;
    char c = r->s[r->at];
    struct js_items items = {0};
    if (c == '"' || c == '\'') {
        r->at++;
        return js_read_text(r, c);
    }
    if (c == '`') {
        r->at++;
        return js_read_parts(r);
    }
    if (isdigit((unsigned char)c))
        return js_read_number(r);
    if (c == '/')
        return js_read_regex(r);
    if (c == '(' && is_arrow(r)) {
        (void)js_take(r, "(");
        js_read_parameters(r, &items);
        (void)js_take(r, "=>");
        return read_body(r, at, &items);
    }
    if (c == '(') {
        r->at++;
        const struct js *inner = js_read_value(r);
        return !r->failed && js_take(r, ")") ? inner : js_fail(r);
    }
    if (c == '[') {
        r->at++;
        read_list(r, "]", &items);
        struct js *n = js_make(r, JS_LIST, at);
        js_set_items(r, n, &items);
        return n;
    }
    if (c == '{')
        return js_read_object(r);
    if (!js_take(r, "new"))
        return js_read_word_value(r);
    struct js *n = js_make(r, JS_NEW, at);
    const char *name = js_read_word(r);
    struct js *what = js_make(r, JS_NAME, at);
    if (n == NULL || what == NULL || name == NULL)
        return NULL;
    what->text = name;
    n->a = what;
    if (js_take(r, "("))
        read_list(r, ")", &items);
    js_set_items(r, n, &items);
    n->end = r->at;
    return n;
}

static const struct js *read_members(struct js_reader *r)
{
    const struct js *value = read_primary(r);
    while (!r->failed && !r->memory && value != NULL) {
        struct js_items items = {0};
        struct js *n = NULL;
        bool maybe = js_take(r, "?."), call = js_take(r, "(");
        if (call) {
            read_list(r, ")", &items);
            n = js_make(r, JS_CALL, value->at);
            js_set_items(r, n, &items);
        } else if (js_take(r, "[")) {
            const struct js *index = js_read_value(r);
            if (r->failed || !js_take(r, "]"))
                return js_fail(r);
            n = js_make(r, JS_INDEX, value->at);
            if (n != NULL)
                n->b = index;
        } else if (maybe || (js_sees(r, ".") && !js_sees(r, "..."))) {
            if (!maybe)
                (void)js_take(r, ".");
            const char *name = js_read_word(r);
            n = js_make(r, JS_MEMBER, value->at);
            if (n != NULL && name != NULL)
                n->text = name;
        } else {
            return value;
        }
        if (n != NULL)
            n->a = value;
        value = n;
    }
    return r->failed ? NULL : value;
}

static const struct js *read_unary(struct js_reader *r)
{
    static const struct {
        const char *op;
        enum js_kind kind;
    } known[] = {{"!", JS_NOT}, {"-", JS_MINUS}, {"typeof", JS_TYPEOF}};
    js_skip(r);
    size_t at = r->at;
    if (js_sees(r, "++") || js_sees(r, "--") || (js_sees(r, "+") && !js_sees(r, "++")))
        return js_fail(r);
    if (r->depth >= JS_DEPTH_MAX)
        return js_fail(r);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!js_take(r, known[i].op))
            continue;
        r->depth++;
        const struct js *of = read_unary(r);
        r->depth--;
        struct js *n = js_make(r, known[i].kind, at);
        if (n != NULL)
            n->a = of;
        return r->failed ? NULL : n;
    }
    const struct js *value = read_members(r);
    return js_sees(r, "++") || js_sees(r, "--") ? js_fail(r) : value;
}

/* Stronger ones have higher numbers. */
static const struct {
    const char *op;
    int strength;
} operators[] = {{"===", 5},        {"!==", 5}, {"==", 5}, {"!=", 5}, {"&&", 3}, {"||", 2},
                 {"??", 2},         {"<=", 6},  {">=", 6}, {"<", 6},  {">", 6},  {"in", 6},
                 {"instanceof", 6}, {"+", 7},   {"-", 7},  {"*", 8},  {"/", 8},  {"%", 8}};

static const struct js *read_both(struct js_reader *r, int least)
{
    const struct js *left = read_unary(r);
    for (;;) {
        size_t i = 0, count = sizeof operators / sizeof operators[0];
        if (r->failed || r->memory || js_sees(r, "=>") || js_sees(r, "<<") || js_sees(r, ">>") || js_sees(r, "**"))
            return r->failed ? NULL : left;
        while (i < count && (operators[i].strength < least || !js_sees(r, operators[i].op)))
            i++;
        if (i == count)
            return left;
        size_t before = r->at;
        (void)js_take(r, operators[i].op);
        if (strchr("+-*/%", operators[i].op[0]) != NULL && r->s[r->at] == '=') { /* += */
            r->at = before;
            return left;
        }
        const struct js *right = read_both(r, operators[i].strength + 1);
        struct js *n = js_make(r, JS_BOTH, left != NULL ? left->at : 0);
        if (n == NULL)
            return NULL;
        n->text = operators[i].op;
        n->a = left;
        n->b = right;
        left = n;
    }
}

const struct js *js_read_value(struct js_reader *r)
{
    if (r->depth++ >= JS_DEPTH_MAX) {
        r->depth--;
        return js_fail(r);
    }
    const struct js *value = read_both(r, 0);
    if (!r->failed && js_sees(r, "?") && !js_sees(r, "?.") && !js_sees(r, "??")) {
        (void)js_take(r, "?");
        const struct js *yes = js_read_value(r);
        const struct js *no = !r->failed && js_take(r, ":") ? js_read_value(r) : js_fail(r);
        struct js *n = js_make(r, JS_CHOICE, value != NULL ? value->at : 0);
        if (n != NULL) {
            n->a = value;
            n->b = yes;
            n->c = no;
        }
        value = n;
    }
    r->depth--;
    return r->failed || r->memory ? NULL : value;
}
