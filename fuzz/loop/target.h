/* What is fuzzed in process: a function that runs a case. One source that defines `const struct fuzz_target
 * fuzz_target` serves our own loop, libFuzzer and AFL++ (harrow_campaign in cmake/Harrow.cmake).
 *
 * run() may crash, hang and leak: the loop runs it in a worker that a parent watches. It must not depend on anything
 * but the case and the state setup() made (no clock, no random numbers of its own), and must leave that state as it
 * found it, so that the same case gives the same trace. */
#ifndef FUZZ_LOOP_TARGET_H
#define FUZZ_LOOP_TARGET_H

#include "fuzz/case/trace.h"
#include "fuzz/message/mutate.h"

/* Makes one case of another, or of two. `parent` is never empty of events; `other` is another case of the corpus, or
 * the same. `out` is empty. ERROR_MEMORY, or ERROR_NOT_FOUND when this case has nothing that lane could change. */
struct solved;
struct fuzz_mutator {
    /* Many mutants of this case are made next; it stays as it is until the next such call, or until NULL. May be NULL,
     * and mutate() may be called with other parents in between. */
    void (*hold)(void *arg, const struct fuzz_case *parent);
    int (*mutate)(void *arg, struct random *r, const struct fuzz_case *parent, const struct fuzz_case *other,
                  enum fuzz_lane lane, size_t max, struct fuzz_case *out, struct mutated *did);
    /* What running the mutant led to: something new or nothing. NULL: nothing is learnt from it. */
    /* What a build that records comparisons told of some case (fuzz/loop/solve.h). NULL: nothing is taken up. */
    void (*learn)(void *arg, const struct solved *s);
    void (*credit)(void *arg, struct random *r, const struct mutated *did, bool novel);
    void *arg;
};

struct fuzz_target {
    const char *name;    /* a word, for reports and file names */
    const char *summary; /* a line */
    const char *path;    /* the method plain bytes are a message to; NULL: they are raw bytes, EVENT_BYTES */
    /* Once, before any worker is started: every worker begins with a copy of this state. `pool` is of the contracts the
     * messages are mutated by, and stays the target's; NULL: there are none. */
    int (*setup)(void **state, const struct pb_pool **pool, struct error *err);
    void (*teardown)(void *state);
    /* The trace is empty at first; what run() puts into it (statuses, replies) is feedback beside the edges, and its
     * `oracle` makes the case a finding. */
    void (*run)(void *state, const struct fuzz_case *c, struct fuzz_trace *t);
    /* The events [from, to) alone: from 0 on as run() begins, else as the part before it left the state; at the last
     * event as run() ends. NULL: it can only be run whole, and there are no snapshots of it (config.snapshots). */
    void (*part)(void *state, const struct fuzz_case *c, size_t from, size_t to, struct fuzz_trace *t);
    bool calls; /* cases may be changed beyond their messages: calls, order, metadata, cancellation */
    const struct fuzz_mutator *mutator; /* NULL: one message of a case is changed at a time, fuzz/loop/mutator.h */
    /* Cases to begin with when there is no corpus, by number. ERROR_NOT_FOUND: there are no more. NULL: one empty
     * message, or no bytes. */
    int (*seed)(size_t i, struct fuzz_case *out);
};

/* Of the program (harrow_campaign). */
extern const struct fuzz_target fuzz_target;

/* A case file, or else the case that plain bytes stand for. ERROR_MEMORY. */
int fuzz_target_case(const struct fuzz_target *t, struct bytes any, struct fuzz_case *out);

#endif
