/* A runbook on its way to a flow. What one of its steps answered is named by later ones as steps.NAME.res...; in the
 * flow it is captured where it came and is a variable from there on. */
#ifndef E2E_IMPORT_RUNN_RUNN_H
#define E2E_IMPORT_RUNN_RUNN_H

#include "base/array.h"
#include "base/map.h"
#include "e2e/value/expression.h"
#include "e2e/import/tree.h"

#define RUNN_ADDED_MAX 16 /* steps that add runners */

struct runn_step {
    const char *name; /* NULL: of a list */
    enum {
        RUNN_FLOW,
        RUNN_HTTP,
        RUNN_GRPC,
        RUNN_EXEC,
        RUNN_SQL
    } kind;                                      /* FLOW: an included one, when it has a `step` */
    struct build_node *step, *captures, *checks; /* the latter two are made when there is something in them */
    const struct node *node;
    const char *ran; /* the variable that keeps whether it was done; NULL: it is always */
    bool hidden;     /* of an include that is over: nobody knows its name */
    bool needed;     /* a book of `needs`, and no step of this one */
    bool deferred;
    bool begun;      /* it has called something, and counts in len(steps) */
    bool rounds;     /* and is not done until something holds, but every time */
    bool repeated;   /* it has a loop */
    size_t received; /* gRPC: so many "receive" stand among its messages */
    bool closed;     /* and "close" behind them, so that no other answer counts */
};

struct runn {
    struct tree tree;
    struct arena arena;
    const struct node *root, *runners;
    struct runn_step *steps; /* as many as there can be, made at the start */
    size_t count, first;     /* `first`: of the list that is read, whose steps are counted from 0 */
    size_t list_count;       /* how many steps that list has */
    struct runn_step *current;
    struct map bound;            /* name -> struct runn_ref */
    struct map captured;         /* "2$.body.id" -> the variable */
    struct map names;            /* variables */
    struct runn_step *answering; /* whose answer the expression that is written stands beside; NULL: nobody's */
    struct build_node *behind;   /* list of steps that stand behind the current one */
    struct text left_out;        /* lines for people: what the flow does not say */
    const struct node *added[RUNN_ADDED_MAX]; /* what steps "runner" named */
    size_t added_count;
    const char *given;        /* the runner that is called, when the including book names it; else NULL */
    struct build_node *empty; /* variables that are empty when the book begins: collected ones, and nil */
    bool indexing;            /* an expression is written, in which members may be computed */
    bool skip_test;
    bool all_forced;    /* the whole book is */
    bool forced;        /* steps are done from here on even when those before failed */
    bool in_vars;       /* values may be json://FILE */
    bool only_included; /* the book has an "if" */
    bool included;      /* another book names this one */
    bool looking;       /* conditions are looked at behind the step, and not at it */
};

/* What of the file is in no flow: told, and a line of the flow's `about`. */
void runn_leave_out(struct runn *r, const struct node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- refs.c ---- */
/* What a name means: of a step's answer (`step` and a path), or of a variable (`variable` and a path in it). */
struct runn_ref {
    struct runn_step *step; /* NULL: a variable */
    const char *path;       /* "$.body.id", "$" */
    const char *variable;
    bool raw;    /* the body as it came */
    bool whole;  /* an answer over HTTP with its rawBody */
    size_t take; /* of a list only so many; 0: all */
};
bool runn_resolve(struct runn *r, const struct node *n, const struct expr *e, struct runn_ref *out);
struct runn_step *runn_find_step(struct runn *r, const struct expr_part *p);
/* "${name}" for it; a step's answer is captured. False: the error is set. */
bool runn_variable(struct runn *r, const struct node *n, const struct runn_ref *ref, struct text *out);
/* Texts with {{ }} and ${ENV}: the tree's `say`. */
void runn_say(struct tree *t, const struct node *n, struct bytes text, struct text *out);
/* Values that are texts: the tree's `value`. */
struct build_node *runn_value(struct tree *t, const struct node *n);
const struct expr *runn_expr(struct runn *r, const struct node *n, struct bytes text);
/* The expression as flows have it, "len(answer.body) > 0"; `answering`: the step it is looked at beside, or NULL. */
bool runn_write(struct runn *r, const struct node *n, const struct expr *e, struct runn_step *answering,
                struct text *out);
/* Did it fail because a flow cannot say it? Then there is no error any more. */
bool runn_try_other(struct runn *r);
/* Into the lists of a step. */
void runn_capture(struct runn *r, struct runn_step *s, const struct node *n, const char *name, const char *path);
const char *runn_name(struct runn *r, const char *wanted);
/* What the step answered, as a variable steps_NAME for whoever includes this book. */
void runn_keep_answer(struct runn *r, struct runn_step *s);

/* ---- bind.c ---- */
void runn_bind(struct runn *r, const struct node *n, const char *name);

/* ---- loops.c ---- */
/* Does "until" speak of nothing but what the step calls? Then the step tries again by itself (`within`). */
bool runn_tries_again(struct runn *r, const struct node *loop, const struct runn_step *s);
/* `inside` as often as the loop says, `again`: in the step itself. NULL: never, or the error is set. */
struct build_node *runn_put_loop(struct runn *r, const struct node *loop, struct runn_step *s,
                                 struct build_node *inside, bool again);

/* ---- databases.c ---- */
/* Is this a statement? `runner`: what the book says of it; NULL: nothing. */
bool runn_is_sql(const struct node *n, const struct node *runner);
void runn_make_sql(struct runn *r, const struct node *n, const struct node *runner, struct build_node *step);

/* ---- tests.c ---- */
/* Conditions as lines of `check` at the steps they speak of; `here`: what has no step of its own goes there. */
void runn_test(struct runn *r, const struct node *n, struct runn_step *here);
/* A condition as the map of an `if`; steps that have to stand in front are added to `before`. NULL: the error is set.
 */
struct build_node *runn_condition(struct runn *r, const struct node *n, struct build_node *before);
/* A step that gives `name` the value of an expression. */
struct build_node *runn_set(struct runn *r, const struct node *n, const char *name, const struct expr *e);

/* ---- known.c ---- */
/* The expression with what is known now in the place of its name: len(steps), steps.NAME.run, runn.i. */
const struct expr *runn_known(struct runn *r, const struct expr *e);
/* For a step with an "if" whose "run" the book asks for: sets in `before` and at the start of `then`. */
void runn_keep_run(struct runn *r, struct runn_step *s, const struct node *n, struct build_node *before,
                   struct build_node **then);

/* ---- bodies.c ---- */
/* The parts of multipart/form-data: the step's "multipart". */
void runn_put_parts(struct runn *r, const struct node *n, struct build_node *step);
/* The book's hostRules that are about this address: the step's "curl". */
void runn_put_host_rules(struct runn *r, const struct node *endpoint, struct build_node *step);

/* ---- calls.c ---- */
void runn_make_http(struct runn *r, const struct node *n, const struct node *runner, struct build_node *step);
void runn_make_grpc(struct runn *r, const struct node *n, struct runn_step *s);
void runn_make_exec(struct runn *r, const struct node *n, struct build_node *step);

/* ---- includes.c ---- */
/* {steps: ...} without a file: its steps stand here. Names in it are its own. */
void runn_make_inline(struct runn *r, const struct node *n, struct build_node *out);
void runn_make_include(struct runn *r, const struct node *n, struct build_node *step);
/* Of the first step that calls a runner nobody names here; NULL: none. */
const char *runn_unnamed(const struct runn *r, const struct node *steps);

/* ---- steps.c ---- */
bool runn_is_own(const char *key); /* a step's key that names no runner */
bool runn_starts(const struct node *n, const char *scheme);
/* Of the book, or of a step "runner" before this one. NULL: neither. */
const struct node *runn_find_runner(const struct runn *r, const char *key);
void runn_refuse(struct runn *r, const struct node *n, const char *feature);
/* The map has no other keys than these (NULL at the end), or the error is set. */
void runn_only(struct runn *r, const struct node *n, const char *const *keys);
struct build_node *runn_time(struct runn *r, const struct node *n, double seconds);
/* A runner's address: what stands at the node, or what the including book has (r->given). */
void runn_say_runner(struct runn *r, const struct node *address, struct text *out);
/* One step, as the steps of the flow that it comes to, into `out`. */
void runn_make_step(struct runn *r, const struct node *n, struct runn_step *s, struct build_node *out, bool *deferred);
/* All steps of a list or a map into `out`; those that are put off into `last`. */
void runn_add_steps(struct runn *r, const struct node *list, struct build_node *out, struct build_node *last);
/* Variables and their values, of which texts may be json://FILE. */
struct build_node *runn_vars(struct runn *r, const struct node *map);
/* A book that is named: the step's "flow". */
void runn_put_book(struct runn *r, const struct node *path, struct build_node *step);
/* "3sec", 0.5 (seconds) as flows write it. */
bool runn_duration(struct runn *r, const struct node *n, double *seconds);

#endif
