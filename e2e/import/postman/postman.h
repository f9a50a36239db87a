/* A Postman collection on its way to a flow. */
#ifndef E2E_IMPORT_POSTMAN_POSTMAN_H
#define E2E_IMPORT_POSTMAN_POSTMAN_H

#include "base/arena.h"
#include "e2e/import/tree.h"

struct postman {
    struct tree tree;
    struct arena arena;
    struct build_node *steps;
    struct map defined; /* variables, by their names in the flow */
    struct map used;
    struct text left_out; /* for the flow's `about` */
};

/* A request's step, and what its scripts add to it. */
struct postman_step {
    struct build_node *step, *checks, *captures;
    const char *name; /* of the request */
};

/* ---- collection.c ---- */
/* {{name}} as flows write it: the tree's `say`. */
void postman_say(struct tree *t, const struct node *n, struct bytes text, struct text *out);
/* A variable's name in the flow; NULL: no memory. */
const char *postman_variable(struct postman *p, const char *name, size_t len);
void postman_leave_out(struct postman *p, const struct node *n, const char *request, const char *what, size_t len);

/* ---- script.c ---- */
/* The usual statements of a test script; what is not known is left out and told. `before`: it runs before the request,
 * where there is no answer: what it sets stands before it. */
void postman_script(struct postman *p, const struct node *event, struct postman_step *s, bool before);

#endif
