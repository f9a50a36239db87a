/* The whole of micro in one simulation as something to fuzz: all components on nodes of their own, a client node beside
 * them with the simulated door (fuzz/simulated/door.h), accounts of two tenants, the supervisor's restarts while a case
 * makes trouble, and what must hold when it is over.
 *
 * A finding is whatever fuzz/live/judge.h and fuzz/sequence/check.h say of the trace, a component that ended without
 * being told to, one that is not well again after everything was healed, or an invariant (invariants.h) that does not
 * hold. Where a case made trouble (faults, a full disk, time that jumped) answers may be missing or INTERNAL. */
#ifndef TESTS_WHOLE_WHOLE_H
#define TESTS_WHOLE_WHOLE_H

#include "base/arena.h"
#include "fuzz/sequence/graph.h"
#include "fuzz/simulated/door.h"
#include "runtime/server/sim_micro.h"

#define WHOLE_CONTEXT      "micro"                    /* the first tenant's namespace */
#define WHOLE_HEALTHY_FROM ((uint64_t)(120 * SECOND)) /* virtual: after the heal, leases and retries included */

struct whole_part {
    bool cut; /* from all others */
};

struct whole {
    struct sim *sim;
    struct sim_micro *micro;
    struct world *world;
    struct target target; /* of the client's node */
    struct target_component *components;
    struct whole_part *parts; /* as many */
    struct simulated *door;
    struct sequence_graph *graph;
    struct arena arena;
    struct text acked; /* scratch of the invariants */
};

struct whole_options {
    const struct pb_pool *pool; /* proto_set()'s; borrowed, as all strings are */
    uint64_t seed;
    struct sequence_graph *graph;              /* for the checkers; borrowed; NULL: they are left out */
    void (*allocation)(void *arg, uint64_t n); /* as in door.h */
};

/* Boots everything. Logs go nowhere from then on. */
int whole_new(const struct whole_options *options, struct whole **out, struct error *err);
void whole_free(struct whole *w);

/* The graph of the methods micro serves, those that need no account marked open. */
int whole_graph(const struct pb_pool *pool, struct sequence_graph **out, struct error *err);
const char *whole_component(const struct pb_method *m); /* the one that serves it; NULL: none */

struct whole_verdict {
    const char *oracle; /* static; NULL: nothing is wrong */
    char method[128];   /* of the call that shows it; "" none */
    struct text why;    /* owned */
};
/* Runs a case and judges it. The world is then as the case left it, healed. */
void whole_run(struct whole *w, const struct fuzz_case *c, struct fuzz_trace *t, struct whole_verdict *out);
/* Judges what simulated_end() left. */
void whole_judge(struct whole *w, const struct fuzz_case *c, struct fuzz_trace *t, struct whole_verdict *out);

#endif
