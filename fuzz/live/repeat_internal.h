/* Between repeat.c, which chooses cases and asks, and repeat_copy.c, which repeats them in a copy of the process. */
#ifndef FUZZ_LIVE_REPEAT_INTERNAL_H
#define FUZZ_LIVE_REPEAT_INTERNAL_H

#include "fuzz/live/engine.h"

#define REPEAT_BATCH 128 /* cases looked at together */

/* Written by the copy into shared memory as it goes; what stands there counts also when the copy was ended. */
struct repeat_outcome {
    size_t looked;            /* cases of the batch that were looked at */
    uint64_t since;           /* the copy's processor time when it began with the next one */
    bool lost;                /* by those together */
    bool worth[REPEAT_BATCH]; /* this one has to be looked at alone */
    char oracle[16];          /* of a case alone; "": nothing is wrong with it */
    char defect[16];
    char why[400];
};

/* What a copy does. */
enum repeat_task {
    REPEAT_SCREEN,  /* a batch: what is worth a look alone, and is something lost by all of them? */
    REPEAT_NARROW,  /* a batch that loses: who does it */
    REPEAT_EXAMINE, /* one case, for `wanted` */
};
struct repeat_plan {
    struct engine *engine;
    enum repeat_task task;
    const struct fuzz_case *const *cases; /* REPEAT_BATCH at most */
    size_t count;
    size_t harmless;    /* the first so many of a batch may leave nothing */
    const char *wanted; /* an oracle, or "" for all */
    bool brief;         /* enough to tell whether a smaller case still does it */
    uint64_t cpu;       /* ns of its processor time; it ends by then, or is ended */
    uint64_t used;      /* by copies of the copy */
    struct repeat_outcome *outcome;
};

/* By how it was answered, and what its methods are. */
bool repeat_leaves_nothing(const struct fuzz_case *c, const struct fuzz_trace *t);
int repeat_in_copy(void *plan); /* world_worker_start()'s `run` */

#endif
