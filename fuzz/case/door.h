/* A door: a way to run a case against a system. The mutator, the corpus, the oracles and the minimiser know only this.
 *
 * begin() may finish at once (in process) or later from the world's loop (live); `done` is called exactly once either
 * way, never after cancel(). As many cases may be under way as `width` says. */
#ifndef FUZZ_CASE_DOOR_H
#define FUZZ_CASE_DOOR_H

#include "fuzz/case/trace.h"

struct cover;
struct fuzz_door {
    const char *name;           /* "in-process", "simulation", "live", ... for reports */
    const struct pb_pool *pool; /* of the system's contracts */
    struct cover *cover;        /* edges reached, fuzz/cover/cover.h; NULL: blind */
    size_t width;               /* cases under way at a time; 1 when coverage must be told apart */
    bool repeatable;            /* the same case gives the same trace */
    /* Both stay the caller's until `done`. */
    int (*begin)(struct fuzz_door *d, const struct fuzz_case *c, struct fuzz_trace *t,
                 void (*done)(void *arg, struct fuzz_trace *t), void *arg);
    void (*cancel)(struct fuzz_door *d); /* everything under way is dropped */
    /* Brings a system that crashed or lost its state back to the start. */
    int (*reset)(struct fuzz_door *d, struct error *err);
};

#endif
