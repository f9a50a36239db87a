/* A runbook on its way to a flow. What one of its steps answered is named by later ones as steps.NAME.res...; in the
 * flow it is captured where it came and is a variable from there on. */
#ifndef E2E_IMPORT_RUNN_RUNN_H
#define E2E_IMPORT_RUNN_RUNN_H

#include "base/array.h"
#include "e2e/import/runn/expr.h"
#include "e2e/import/tree.h"

struct runn_step {
    const char *name;                            /* NULL: of a list */
    bool grpc, called;                           /* neither: an included flow, when it has a `step` */
    struct build_node *step, *captures, *checks; /* the latter two are made when there is something in them */
    const struct node *node;
};

struct runn {
    struct tree tree;
    struct arena arena;
    const struct node *root, *runners;
    struct runn_step *steps; /* as many as there can be, made at the start */
    size_t count;
    struct runn_step *current;
    struct map bound;    /* name -> struct runn_ref */
    struct map captured; /* "2$.body.id" -> the variable */
    struct map names;    /* variables */
    bool skip_test;
};

/* ---- refs.c ---- */
/* What a name means: of a step's answer (`step` and a path), or of a variable (`variable` and a path in it). */
struct runn_ref {
    struct runn_step *step; /* NULL: a variable */
    const char *path;       /* "$.body.id", "$" */
    const char *variable;
    bool raw; /* the body as it came */
};
bool runn_resolve(struct runn *r, const struct node *n, const struct expr *e, struct runn_ref *out);
void runn_bind(struct runn *r, const struct node *n, const char *name);
/* "${name}" for it; a step's answer is captured. False: the error is set. */
bool runn_variable(struct runn *r, const struct node *n, const struct runn_ref *ref, struct text *out);
/* Texts with {{ }} and ${ENV}: the tree's `say`. */
void runn_say(struct tree *t, const struct node *n, struct bytes text, struct text *out);
const struct expr *runn_expr(struct runn *r, const struct node *n, struct bytes text);
/* Into the lists of a step. */
void runn_capture(struct runn *r, struct runn_step *s, const struct node *n, const char *name, const char *path);
const char *runn_name(struct runn *r, const char *wanted);

/* ---- tests.c ---- */
/* Conditions as lines of `check` at the steps they speak of; `here`: what has no step of its own goes there. */
void runn_test(struct runn *r, const struct node *n, struct runn_step *here);
/* A condition as the map of an `if`. NULL: the error is set. */
struct build_node *runn_condition(struct runn *r, const struct node *n);

/* ---- steps.c ---- */
/* One step, as what stands in the flow's list. NULL: it has nothing of its own there, or the error is set. */
struct build_node *runn_make_step(struct runn *r, const struct node *n, struct runn_step *s, bool *deferred);
/* "3sec", 0.5 (seconds) as flows write it. */
bool runn_duration(struct runn *r, const struct node *n, double *seconds);

#endif
