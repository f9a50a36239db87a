/* A case as the calls it makes: what the generator builds on and the checkers read. Nothing is owned but the requests'
 * bytes, which are as they went out when a trace is given. */
#ifndef FUZZ_SEQUENCE_VIEW_H
#define FUZZ_SEQUENCE_VIEW_H

#include "fuzz/case/case.h"
#include "fuzz/case/trace.h"
#include "fuzz/sequence/graph.h"

#define SEQUENCE_VIEW_MAX 32 /* calls; a case with more is seen as far as that */

struct view_call {
    int method;       /* in the graph, or -1 */
    uint32_t event;   /* EVENT_CALL's index */
    uint32_t message; /* the first EVENT_MESSAGE's, 0: none */
    uint32_t awaited; /* index of the EVENT_AWAIT for its end, 0: none */
    uint16_t flags;   /* of the EVENT_CALL */
    size_t at, len;   /* its first request, in `requests` */
    bool resolved;    /* all links found something, and in time */
    bool unsure;      /* whether one did is not known, and so what was sent */
};

/* A call that made something, and a later one about that thing, which is called `name`. */
struct view_pair {
    uint16_t maker, call;
    struct bytes name;
};

struct sequence_view {
    const struct sequence_graph *graph;
    const struct fuzz_case *test;
    const struct fuzz_trace *trace; /* NULL: it was not run yet */
    struct view_call calls[SEQUENCE_VIEW_MAX];
    size_t count;
    struct text requests;
    ARRAY(struct view_pair) pairs; /* for the judges, who all go by them; found by sequence_check() */
};

/* ERROR_MEMORY. `v` is zero, or was used before: its memory is used again. */
int sequence_view_of(struct sequence_view *v, const struct sequence_graph *g, const struct fuzz_case *c,
                     const struct fuzz_trace *t);
void sequence_view_deinit(struct sequence_view *v);

static inline struct bytes view_request(const struct sequence_view *v, size_t call)
{
    const struct view_call *c = &v->calls[call];
    return c->len > 0 ? BYTES(v->requests.data + c->at, c->len) : BYTES_NONE;
}

/* The last call of the method before call `before`, of our own account; -1: none. */
int view_find(const struct sequence_view *v, int method, size_t before);
/* The value of the request's leaf; false: default or not there. */
bool view_value(const struct sequence_view *v, size_t call, const struct sequence_leaf *l, struct bytes *out);
/* The trace's call; NULL when there is no trace or it did not get so far. */
const struct trace_call *view_result(const struct sequence_view *v, size_t call);
bool view_worked(const struct sequence_view *v, size_t call);

/* Where a request field gets what it says of another call: the field of that call's request that means the same, or the
 * edge from its reply. */
struct view_match {
    int leaf; /* of the maker's request or reply; -1: nothing means the same */
    bool of_reply;
};
struct view_match view_match_leaf(const struct sequence_graph *g, size_t maker, size_t method, size_t leaf);

/* The leaf of `method`'s request that says which of the things `maker` makes is meant; -1: none does. */
int view_naming_leaf(const struct sequence_graph *g, size_t maker, size_t method);

/* "if_revision", "expected_version": the call is made only when the thing is still of that revision. An OK to a
 * deletion says that it was. */
bool view_is_condition(const struct sequence_leaf *l);

/* The request of `call` is about just what call `maker` made: what both say is the same, what only it says is blank,
 * and the thing is named. `name` gets the name's bytes (borrowed from the view or the trace). Needs a trace. */
bool view_about(const struct sequence_view *v, size_t maker, size_t call, struct bytes *name);
/* The request names what call `maker` made as `name`, and says nothing else of which thing it means. How it is to be
 * answered (limits, flags, formats) may be said as well. Needs a trace. */
bool view_asks_for(const struct sequence_view *v, size_t maker, size_t call, struct bytes name);

/* How many string and bytes fields of the call's replies have the value, at any depth. `*first` gets the innermost
 * message of the first of them; BYTES_NONE: none has. */
size_t view_holders(const struct sequence_view *v, size_t call, struct bytes value, struct bytes *first);
struct bytes view_first_holder(const struct sequence_view *v, size_t call, struct bytes value);
/* Any reply of the call holds these bytes / the value in a field. */
bool view_reply_has(const struct sequence_view *v, size_t call, struct bytes part);
bool view_leaf_has(const struct sequence_view *v, size_t call, size_t leaf, struct bytes value); /* in that field */
bool view_reply_names(const struct sequence_view *v, size_t call, struct bytes value);
/* The bytes are one of the call's replies as a whole. */
bool view_is_top(const struct sequence_view *v, size_t call, struct bytes held);
/* How often the value stands in a field of the class that names things, over all replies. */
size_t view_reply_count(const struct sequence_view *v, size_t call, struct bytes value);

#endif
