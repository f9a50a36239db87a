/* Kinds of steps. A kind is one file (its keys, what is checked when it is loaded, how it runs) and one row in
 * language/kinds.c; the loader, the JSON Schema (flow.schema.json) and the runner all read that table, so that they
 * cannot differ. What stands inside a step (SHAPE_STEPS, SHAPE_BRANCHES) is found by shape: whoever walks steps needs
 * to know no kind. */
#ifndef E2E_KIND_H
#define E2E_KIND_H

#include "e2e/internal.h"

enum shape {
    SHAPE_ANY,      /* any value, with variables */
    SHAPE_TEXT,     /* a text without variables */
    SHAPE_FLAG,     /* true or false */
    SHAPE_DURATION, /* "250ms" */
    SHAPE_MAP,      /* names and values */
    SHAPE_LIST,
    SHAPE_NAMES,    /* variables and their values */
    SHAPE_WORDS,    /* a list of texts without variables */
    SHAPE_CAPTURES, /* variables and paths or queries */
    SHAPE_CHECKS,   /* queries with what is expected (value/query.h) */
    SHAPE_EXPECTED, /* a value or matchers */
    SHAPE_ANSWER,   /* members of the answer and what is expected of them: the kind's `answer` names them */
    SHAPE_TRUTHS,   /* variables and what is expected of them */
    SHAPE_STEPS,
    SHAPE_BRANCHES, /* names and steps */
    SHAPE_SNAPSHOT, /* a name, or a map of it (match/snapshot.h) */
};

struct step_key {
    const char *name; /* NULL: the table's end */
    enum shape shape;
    const char *about; /* one line, for editors */
};

/* What every kind that has an answer takes. */
extern const struct step_key snapshot_key;

struct step_kind {
    const char *name; /* the key that says what the step does */
    const char *about;
    enum shape shape;              /* of what stands behind it */
    const struct step_key *keys;   /* beside it and "name" */
    const struct step_key *answer; /* members of what comes back; NULL: the kind has no `expect` */
    /* What shapes do not say; may be NULL. */
    int (*check)(const struct flow *f, const struct node *step, const struct node *what, struct error *err);
    int (*run)(struct flow_context *x, const struct node *step); /* 0, a code with the error set, or STEP_INSIDE */
    /* What is expected of the answer where the step says nothing of it: sets the error. May be NULL. */
    void (*judge)(struct flow_context *x, const struct node *step);
    bool waits;     /* it uses `within` itself: nothing is tried again */
    bool processes; /* needs the real machine (processes, files), which a simulation has not */
    bool disturbs;  /* other flows would feel it: the flow runs alone */
};

/* A step inside this one failed, and was told. */
#define STEP_INSIDE 1

extern const struct step_kind kind_call, kind_http, kind_run, kind_set, kind_wait, kind_fault, kind_double, kind_verify,
    kind_flow, kind_publish, kind_consume, kind_websocket, kind_stream, kind_for, kind_if, kind_parallel, kind_browser,
    kind_sql;

extern const struct step_kind *const step_kinds[]; /* ends with NULL */
/* The kind a step is of; NULL: none. */
const struct step_kind *step_kind_of(const struct node *step);
/* The gRPC method it calls (language/calls.c), with variables; NULL: none. */
const struct node *step_method(const struct step_kind *kind, const struct node *step);
/* Calls `each` for all steps, those inside others as well, until one call is not 0; returns that. */
int steps_walk(const struct node *steps, int (*each)(void *arg, const struct step_kind *kind, const struct node *step),
               void *arg);

/* Is the node of that shape? `answer` is for SHAPE_ANSWER. */
int check_shape(const struct flow *f, const struct node *map, const struct step_key *key, const struct step_key *answer,
                struct error *err);
int check_steps(const struct flow *f, const struct node *list, struct error *err);
/* A value or matchers. */
int check_value(const struct node *n, struct error *err);
int check_regex(const char *key, const struct node *n, struct error *err);
bool has_variable(const struct node *n);
/* A capture that is no path: value/query.h. */
bool capture_is_query(const struct node *n);

/* Why a flow with a kind that needs the real machine is skipped. */
#define SKIPPED_IN_SIMULATION "it runs commands or opens a database, which a simulation does not have"

/* ---- step/publish.c ---- */
int check_via(const struct node *step, struct error *err);

/* ---- keys of flows and of files, for the loader and the schema ---- */
extern const struct step_key flow_keys[], contract_keys[], file_keys[];
extern const struct step_key fixture_keys[]; /* of fixtures.yaml */

/* ---- match/matchers.c ---- */
struct matcher {
    const char *name;  /* "$regex" */
    const char *about; /* "the text contains a match" */
    const char *words; /* in front of the wanted value: "a match of " */
    enum {
        WANTS_VALUE,
        WANTS_NUMBER, /* or a duration */
        WANTS_FLAG,
        WANTS_REGEX,
        WANTS_TYPE,
        /* what looks at the node itself gets no value: */
        WANTS_EXPECTED,
        WANTS_SIZE,
        WANTS_LIST, /* of expectations */
        WANTS_SHAPE,
    } wants;
    /* NULL: what differs is told where it is (match.c) */
    bool (*matches)(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual);
};
extern const struct matcher matchers[]; /* ends without a name */
const struct matcher *matcher_find(const char *name);

/* ---- language/schema.c ---- */
/* The JSON Schema of flow files (draft 7), as flow.schema.json has it. False: no memory. */
bool flow_schema(struct text *out);

#endif
