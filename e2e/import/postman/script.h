/* A script of Postman on its way to checks, captures and steps. */
#ifndef E2E_IMPORT_POSTMAN_SCRIPT_H
#define E2E_IMPORT_POSTMAN_SCRIPT_H

#include "e2e/import/postman/js.h"
#include "e2e/import/postman/postman.h"

#define SCRIPT_PATH_MAX  96  /* bytes of a chain of members */
#define SCRIPT_NAMES_MAX 128 /* values that a script gives names */

struct script_name {
    const char *name;
    const struct js *value; /* NULL: nobody knows any more */
};
struct script {
    struct postman *p;
    struct postman_step *step;
    bool before;          /* the request: there is no answer */
    const struct node *n; /* the line of the statement, for places */
    struct script_name names[SCRIPT_NAMES_MAX];
    size_t name_count, seen; /* `seen`: those that stand before the value that is looked at */
    const char *answer;      /* what an expression calls the answer; NULL: there is none */
    const char *item;        /* the parameter that is an item of a list, "#"; NULL: none */
    const char *guard;       /* on what condition the statement is done, as an expression; NULL: always */
    const char *guard_after; /* the same behind the step, where the answer has another name */
    const char *list;        /* over whose items it is done; NULL: once */
    bool over, returned;     /* `return`: of the function that is read; somewhere inside of the `if` */
    int depth;
};

/* ---- names.c ---- */
/* The names of a chain of members, "pm.response.code"; false: it is none, or too long. */
bool script_path(const struct js *e, char *out, size_t room);
bool script_path_is(const struct js *e, const char *path);
bool script_one_of(const char *path, const char *const *list); /* which ends with NULL */
/* What a name stands for, with `seen` as it was there; the caller puts that back. */
const struct js *script_meant(struct script *s, const struct js *e);
/* The body of the answer as text? The second one looks at what a name stands for as well. */
bool script_is_body(const struct js *e);
bool script_is_raw(struct script *s, const struct js *e);
bool script_is_json(struct script *s, const struct js *e); /* the body, parsed */
bool script_is_status(const struct js *e);
bool script_is_time(const struct js *e);
const struct js *script_header(const struct js *e); /* its name; NULL: not a header of the answer */
/* pm.environment.get("x") and its like: the variable's name; NULL: something else. */
const char *script_variable(struct script *s, const struct js *e);

/* ---- translate.c ---- */
/* As expressions of flows; false: that cannot be said. */
bool script_write(struct script *s, const struct js *e, struct text *out);
bool script_write_truth(struct script *s, const struct js *e, struct text *out);
bool script_is_texty(struct script *s, const struct js *e); /* a text, or a sum with one */
bool script_is_plain_name(const char *name);                /* letters, digits, _ */

/* ---- texts.c ---- */
/* A text with ${ } in it, for values that are drawn or set; false: it is none. */
bool script_write_text(struct script *s, const struct js *e, struct text *out);
/* The source of a query: status, header "x", jsonpath "$.a"; false: it has none. */
bool script_write_source(struct script *s, const struct js *e, struct text *out);
/* A literal or a variable, as queries have it. */
bool script_write_literal(struct script *s, const struct js *e, struct text *out);

/* ---- expect.c ---- */
/* pm.expect(...).to..., pm.response.to...: lines into `out`, a list; false: that cannot be said. */
bool script_expect(struct script *s, const struct js *e, struct build_node *out);
/* A condition as a line. */
bool script_check(struct script *s, const struct js *e, struct build_node *out);

#endif
