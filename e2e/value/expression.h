/* Expressions: values computed from variables and answers, as expr-lang.org writes them. In a flow they stand behind
 * "=": `check: ['= len(body.items) > 2']`, `${= price * count}`; runn's books are made of them (import/runn).
 *
 * Names are variables; where there is an answer, `answer` is that. Missing members are nil. */
#ifndef E2E_EXPRESSION_H
#define E2E_EXPRESSION_H

#include "base/arena.h"
#include "e2e/internal.h"

#define EXPR_DEPTH_MAX 64
#define EXPR_PARTS_MAX 32
#define EXPR_ITEMS_MAX 64

enum expr_kind {
    EXPR_TEXT,
    EXPR_NUMBER,
    EXPR_BOOL,
    EXPR_NIL,
    EXPR_NAME,   /* a.b[0]["c"] */
    EXPR_NOT,    /* left */
    EXPR_MINUS,  /* left */
    EXPR_BOTH,   /* left op right */
    EXPR_IF,     /* left ? right : other */
    EXPR_MEMBER, /* left[right] */
    EXPR_CALL,   /* text(items) */
    EXPR_LIST,   /* items */
    EXPR_MAP,    /* items: keys and values in turn */
    EXPR_EACH,   /* {left}, what a call does with each item; EXPR_ITEM is the item */
    EXPR_ITEM,   /* # */
};
struct expr_part {
    const char *name; /* NULL: an index */
    int64_t index;
};
struct expr {
    enum expr_kind kind;
    const char *op;   /* EXPR_BOTH: "==", "&&", "contains", ... */
    const char *text; /* of a literal, as it is meant; of a number as it is written; of a call its name */
    bool boolean;
    bool maybe; /* EXPR_MEMBER: of nil it is nil ("?.") */
    struct expr_part *parts;
    size_t count; /* of parts or items */
    const struct expr *left, *right, *other;
    const struct expr **items;
};

/* NULL, and *why in words that stand behind "this expression": it has a form that is not known, or "out of memory" with
 * *code. *end: what is behind it (NULL: it has to be the whole text). */
const struct expr *expr_parse(struct arena *a, struct bytes text, size_t *end, const char **why, int *code);
/* Is there a function of that name, and may it have so many arguments? */
bool expr_function_known(const char *name, size_t count);
/* As it would be read again; `name` writes EXPR_NAME (NULL: as it is). False: it did not. */
bool expr_print(const struct expr *e, bool (*name)(void *arg, const struct expr *e, struct text *out), void *arg,
                struct text *out);

/* The value, a new reference; NULL: the error is set, at the node. */
json_t *expression_eval(struct flow_context *x, const struct node *n, struct bytes text);
/* While a flow is loaded: is it one? */
int expression_check(const struct node *n, struct bytes text, struct error *err);
/* The "}" that ends "${=" at p; NULL: none. */
const char *expression_end(const char *p, const char *end);

/* ---- expression_functions.c ---- */
struct evaluation {
    struct flow_context *x;
    const struct node *n;
};
/* An error at the expression's node; returns NULL. */
json_t *evaluation_fail(struct evaluation *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* args are borrowed. */
json_t *expression_call(struct evaluation *v, const char *name, json_t *const *args, size_t count);
bool expression_equal(const json_t *a, const json_t *b);

#endif
