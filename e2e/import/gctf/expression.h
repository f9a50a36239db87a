/* An expression of ASSERTS or EXTRACT while it becomes a query of flows: path.c, function.c and compare.c read its
 * pieces, assert.c puts them together. All of them fail by the scan's error or by `build.failed`. */
#ifndef E2E_IMPORT_GCTF_EXPRESSION_H
#define E2E_IMPORT_GCTF_EXPRESSION_H

#include "e2e/import/gctf/gctf.h"

/* What "." is. */
struct gctf_target {
    enum {
        AT_MESSAGE,
        AT_LATEST, /* the message of that index, or the last there is */
        AT_ERROR
    } kind;
    size_t index, begin, end, scope; /* of the message; of its scope */
};

/* One expression. */
struct gctf_expression {
    struct gctf *g;
    struct scan *s; /* in.len is the line's end */
    const struct gctf_target *target;
    struct text out;
    bool code, constant, size; /* status' code; a value known here; the count of a list or a text */
    bool list;                 /* the value is the first of a list, which may be empty */
    size_t value;
    const char * not ;
};

/* ---- path.c ---- */
/* The expression from `at` on is nothing that can be said. */
void gctf_unknown(struct gctf_expression *e, size_t at);
/* For a text between quotes in a query. */
void gctf_quoted(struct text *out, const char *text, size_t len);
/* A text in quotes, as flows say it; "said" off: as it is. False: there is none, or an error. */
bool gctf_string(struct gctf_expression *e, struct text *out, bool said);
/* The length of the name that begins here. */
size_t gctf_word_here(const struct gctf_expression *e);
/* At ".": the path as JSONPath behind "$"; and the query for it. */
void gctf_path(struct gctf_expression *e, struct text *path);
void gctf_source(struct gctf_expression *e, const char *path);
/* ":number" and its like. */
void gctf_type(struct gctf_expression *e);

/* ---- function.c ---- */
/* At "@". True: it is a condition by itself. */
bool gctf_function(struct gctf_expression *e);

/* ---- compare.c ---- */
/* What stands behind an operator; `regex`: as an expression. */
void gctf_wanted(struct gctf_expression *e, bool regex);
/* An operator and what is wanted; `from` is where the expression began. */
void gctf_predicate(struct gctf_expression *e, size_t from);

#endif
