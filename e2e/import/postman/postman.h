/* A Postman collection on its way to a flow. */
#ifndef E2E_IMPORT_POSTMAN_POSTMAN_H
#define E2E_IMPORT_POSTMAN_POSTMAN_H

#include "base/arena.h"
#include "e2e/import/tree.h"

#define POSTMAN_EXPRESSION_MAX ((size_t)16 << 10) /* bytes: names that stand for names grow fast */

struct postman {
    struct tree tree;
    struct arena arena;
    struct build_node *steps, *vars;
    struct map defined; /* variables, by their names in the flow */
    struct map used;
    struct text left_out; /* for the flow's `about` */
    const char *refused;  /* why the first request that was left out was; NULL: none */
    const struct node *refused_at;
    size_t answers; /* names that were made for answers and conditions */
};

/* A request's step, and what its scripts add to it. */
struct postman_step {
    struct build_node *step, *checks, *captures;
    const char *name;   /* of the request */
    const char *answer; /* the variable that keeps its answer when something is computed of it; NULL: none yet */
};

/* ---- collection.c ---- */
/* {{name}} as flows write it: the tree's `say`. */
void postman_say(struct tree *t, const struct node *n, struct bytes text, struct text *out);
/* A variable's name in the flow; NULL: no memory. */
const char *postman_variable(struct postman *p, const char *name, size_t len);
/* A variable is looked for, in a text or by a script. */
void postman_use(struct postman *p, const char *name, bool script);
void postman_leave_out(struct postman *p, const struct node *n, const char *request, const char *what, size_t len);

/* ---- body.c ---- */
bool postman_is_off(const struct node *n); /* "disabled" */
/* As flows write it, with the values of /users/:id. */
void postman_put_url(struct postman *p, const struct node *url, struct text *out);
/* The step's json, body, form, ...; *type: the content type it has when no header says one. `body` may be NULL. */
void postman_put_body(struct postman *p, const struct node *body, struct build_node *step, const char **type);

/* ---- auth.c ---- */
/* Into a list of {name, value}; takes over `value`. */
void postman_put_header(struct postman *p, const struct node *n, struct build_node *headers, const char *name,
                        struct text *value);
/* As the step's "user" or "curl", as a header, or in the url; `auth` may be NULL: none. */
void postman_put_auth(struct postman *p, const struct node *auth, struct build_node *step, struct build_node *headers,
                      struct text *url);

/* ---- script.c ---- */
/* What a script does as checks, captures and steps; what is not known is left out and told. `before`: it runs before
 * the request, where there is no answer: what it sets stands before it. */
void postman_script(struct postman *p, const struct node *event, struct postman_step *s, bool before);

#endif
