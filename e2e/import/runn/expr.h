/* The part of runn's expressions (expr-lang.org) that can be said as what flows capture and check: names and their
 * members, literals, comparisons, not, and, or, len(). */
#ifndef E2E_IMPORT_RUNN_EXPR_H
#define E2E_IMPORT_RUNN_EXPR_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#include <stdint.h>

#define EXPR_DEPTH_MAX 64
#define EXPR_PARTS_MAX 32

enum expr_kind { EXPR_TEXT, EXPR_NUMBER, EXPR_BOOL, EXPR_NIL, EXPR_NAME, EXPR_NOT, EXPR_BOTH, EXPR_LEN };
struct expr_part {
    const char *name; /* NULL: an index */
    int64_t index;
};
struct expr {
    enum expr_kind kind;
    const char *op;   /* EXPR_BOTH: "==", "&&", "contains", ... */
    const char *text; /* of a literal, as it is meant; of a number as it is written */
    bool boolean;
    struct expr_part parts[EXPR_PARTS_MAX]; /* EXPR_NAME: a.b[0]["c"] */
    size_t count;
    const struct expr *left, *right; /* EXPR_NOT and EXPR_LEN: left */
};

/* NULL, and *why in words that stand behind "this expression": there is no such form, or "out of memory" with *code. */
const struct expr *expr_parse(struct arena *a, struct bytes text, const char **why, int *code);

#endif
