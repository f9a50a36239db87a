/* One run of a flow, as the runner (runner.c) plans it: a flow with its row of data, or what a file does before its
 * first flow and after its last one. */
#ifndef E2E_RUN_H
#define E2E_RUN_H

#include "e2e/internal.h"

/* What the flows of one file share: what its `setup` left. */
struct suite {
    const struct flow_file *file;
    const struct flow *flow; /* the first of them: path, environment, whether commands are run */
    json_t *variables;       /* NULL until `setup` has run */
    bool failed;             /* `setup` did: the flows do not run */
    size_t left;             /* flows that have not ended */
};

struct unit {
    enum { UNIT_FLOW, UNIT_SETUP, UNIT_TEARDOWN } what;
    const struct flow *flow;
    struct suite *suite; /* NULL: the file has no setup and teardown */
    const json_t *row;   /* NULL: the flow's only run, or an inline row */
    const struct node *inline_row;
    char *name;   /* of the case, owned */
    char *filter; /* what --only takes to run it alone, owned */
    bool skipped;
    size_t index;        /* in the plan */
    size_t alone_before; /* the nearest before it that runs alone; SIZE_MAX: none */
    bool ended;
};

enum unit_end { UNIT_PASSED, UNIT_FAILED, UNIT_FLAKY, UNIT_SKIPPED, UNIT_INTERRUPTED };

/* Runs it with its retries and emits its lines: into `held`, or at once when that is NULL. `http` is the worker's. */
enum unit_end unit_run(struct target *t, const struct e2e_options *o, struct unit *u, struct fiber *fiber,
                       struct http_session **http, json_t *held);

#endif
