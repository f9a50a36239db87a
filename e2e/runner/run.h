/* One run of a flow, as the runner (runner.c) plans it: a flow with its row of data, or what a file does before its
 * first flow and after its last one. */
#ifndef E2E_RUN_H
#define E2E_RUN_H

#include "e2e/internal.h"

/* What the flows of one file share, or those of the files in a folder: what its `setup` left. */
struct worker;
struct suite {
    struct suite *around;    /* of the folder it lies in; NULL: none */
    const struct flow *flow; /* the file's first, or the one that stands for the folder's fixtures */
    json_t *variables;       /* NULL until `setup` has run */
    bool ready;              /* `setup` has ended, or there is none */
    bool failed;             /* `setup` did: nothing inside runs */
    bool open;               /* the plan has its `setup` */
    bool begun;              /* something in it ran, if only its `setup` */
    size_t left;             /* what is inside and has not ended */
    struct worker *worker;   /* who runs all of it, where each worker has a system of its own */
    struct space *space;     /* of the outermost: the namespace all of it runs in (space.h); NULL: none */
    const struct unit *last; /* likewise: which unit of the plan is the last in it */
    bool shared;             /* likewise: a flow in it has no namespace, and so nothing in it has */
};

struct unit {
    enum { UNIT_FLOW, UNIT_SETUP, UNIT_TEARDOWN } what;
    const struct flow *flow;
    struct suite *suite; /* NULL: neither the file nor its folder has a setup or a teardown */
    const json_t *row;   /* NULL: the flow's only run, or an inline row */
    const struct node *inline_row;
    size_t number; /* of the row */
    char *name;    /* of the case, owned */
    char *filter;  /* what --only takes to run it alone, owned */
    bool skipped;
    json_t *earlier;     /* its lines in the run that is resumed, borrowed: it does not run again; NULL: it runs */
    size_t index;        /* in the plan */
    size_t alone_before; /* the nearest before it that runs alone; SIZE_MAX: none */
    bool taken, ended, passed;
};

/* NULL: it is in none. */
static inline struct suite *suite_outermost(const struct unit *u)
{
    struct suite *s = u->suite;
    while (s != NULL && s->around != NULL)
        s = s->around;
    return s;
}

enum unit_end { UNIT_PASSED, UNIT_FAILED, UNIT_FLAKY, UNIT_SKIPPED, UNIT_INTERRUPTED };

/* Runs it with its retries and emits its lines: into `held`, or at once when that is NULL. `http` is the worker's. */
enum unit_end unit_run(struct target *t, const struct e2e_options *o, struct unit *u, struct fiber *fiber,
                       struct http_session **http, json_t *held);

/* ---- case.c ---- */
/* The variables every flow begins with, and a folder of its own for one that runs commands. */
int case_given(struct flow_context *x);
void case_drop_scratch(struct flow_context *x);

/* ---- traces.c ---- */
/* Draws the id of the case's trace, where the system has traces. */
void trace_begin(struct flow_context *x);
/* What components kept of it, as a line of the result stream: of what failed, or of everything when that is asked. */
void trace_tell(struct flow_context *x, bool passed);

#endif
