/* Expressions as texts again: each part in parentheses where it could be read otherwise. */
#include "e2e/value/expression.h"

#include <ctype.h>
#include <string.h>

struct printing {
    bool (*name)(void *arg, const struct expr *e, struct text *out);
    void *arg;
    struct text *out;
};

static bool print(struct printing *p, const struct expr *e);

static void quoted(const char *s, struct text *out)
{
    text_char(out, '\'');
    for (; *s != '\0'; s++) {
        const char *escape = strchr("\nn\tt\rr", *s);
        if (*s == '\n' || *s == '\t' || *s == '\r') {
            text_char(out, '\\');
            text_char(out, escape[1]);
            continue;
        }
        if (*s == '\\' || *s == '\'')
            text_char(out, '\\');
        text_char(out, *s);
    }
    text_char(out, '\'');
}

static bool is_word(const char *s)
{
    bool word = isalpha((unsigned char)s[0]) || s[0] == '_';
    for (; *s != '\0' && word; s++)
        word = isalnum((unsigned char)*s) || *s == '_';
    return word;
}

static void plain_name(const struct expr *e, struct text *out)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct expr_part *part = &e->parts[i];
        if (part->name == NULL)
            text_printf(out, "[%lld]", (long long)part->index);
        else if (i == 0 || is_word(part->name))
            text_printf(out, "%s%s", i > 0 ? "." : "", part->name);
        else {
            text_char(out, '[');
            quoted(part->name, out);
            text_char(out, ']');
        }
    }
}

static bool list(struct printing *p, const struct expr *e, const char *open, const char *close)
{
    bool ok = true;
    text_puts(p->out, open);
    for (size_t i = 0; i < e->count && ok; i++) {
        bool value = e->kind == EXPR_MAP && i % 2 == 1, key = e->kind == EXPR_MAP && !value;
        text_puts(p->out, value ? ": " : i > 0 ? ", " : "");
        bool computed = key && e->items[i]->kind != EXPR_TEXT;
        text_puts(p->out, computed ? "(" : "");
        ok = print(p, e->items[i]);
        text_puts(p->out, computed ? ")" : "");
    }
    text_puts(p->out, close);
    return ok;
}

/* As a part of something else. */
static bool inner(struct printing *p, const struct expr *e)
{
    bool parted = e->kind == EXPR_BOTH || e->kind == EXPR_IF || e->kind == EXPR_NOT || e->kind == EXPR_MINUS ||
                  (e->kind == EXPR_NUMBER && e->text[0] == '-');
    text_puts(p->out, parted ? "(" : "");
    bool ok = print(p, e);
    text_puts(p->out, parted ? ")" : "");
    return ok;
}

static bool member(struct printing *p, const struct expr *e)
{
    const struct expr *key = e->right;
    bool word = key->kind == EXPR_TEXT && is_word(key->text), ok = inner(p, e->left);
    if (word || e->maybe) {
        text_printf(p->out, "%s%s", e->maybe ? "?." : ".", key->text);
        return ok;
    }
    text_char(p->out, '[');
    ok = ok && print(p, key);
    text_char(p->out, ']');
    return ok;
}

static bool print(struct printing *p, const struct expr *e)
{
    bool ok = true;
    switch (e->kind) {
    case EXPR_TEXT:
        quoted(e->text, p->out);
        break;
    case EXPR_NUMBER:
        text_puts(p->out, e->text);
        break;
    case EXPR_BOOL:
        text_puts(p->out, e->boolean ? "true" : "false");
        break;
    case EXPR_NIL:
        text_puts(p->out, "nil");
        break;
    case EXPR_NAME:
        if (p->name != NULL)
            ok = p->name(p->arg, e, p->out);
        else
            plain_name(e, p->out);
        break;
    case EXPR_NOT:
    case EXPR_MINUS:
        text_char(p->out, e->kind == EXPR_NOT ? '!' : '-');
        ok = inner(p, e->left);
        break;
    case EXPR_BOTH: {
        bool chain = strcmp(e->op, "&&") == 0 || strcmp(e->op, "||") == 0 || strcmp(e->op, "+") == 0;
        bool same = chain && e->left->kind == EXPR_BOTH && strcmp(e->left->op, e->op) == 0;
        ok = same ? print(p, e->left) : inner(p, e->left);
        text_printf(p->out, " %s ", e->op);
        ok = ok && inner(p, e->right);
        break;
    }
    case EXPR_IF:
        ok = inner(p, e->left);
        text_puts(p->out, " ? ");
        ok = ok && inner(p, e->right);
        text_puts(p->out, " : ");
        ok = ok && inner(p, e->other);
        break;
    case EXPR_MEMBER:
        ok = member(p, e);
        break;
    case EXPR_CALL:
        text_puts(p->out, e->text);
        ok = list(p, e, "(", ")");
        break;
    case EXPR_LIST:
        ok = list(p, e, "[", "]");
        break;
    case EXPR_MAP:
        ok = list(p, e, "{", "}");
        break;
    case EXPR_EACH:
        text_char(p->out, '{');
        ok = print(p, e->left);
        text_char(p->out, '}');
        break;
    case EXPR_ITEM:
        text_char(p->out, '#');
        break;
    }
    return ok && !p->out->failed;
}

bool expr_print(const struct expr *e, bool (*name)(void *arg, const struct expr *e, struct text *out), void *arg,
                struct text *out)
{
    struct printing p = {.name = name, .arg = arg, .out = out};
    return print(&p, e);
}
