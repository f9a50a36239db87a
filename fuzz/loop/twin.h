/* A second build of the same target beside the loop, for what would slow the first one down: a build that records
 * comparisons (fuzz/loop/solve.h), or one with sanitizers. It is run on few inputs: what is new, slow or drawn as a
 * sample. Another process, or in tests another worker, at the other end of a piece of shared memory: a queue of cases
 * there, a queue of answers back.
 *
 * A twin that solves is asked by the worker, which waits for the answer, so that a campaign with it still follows from
 * its seed. A twin that checks only takes: it tells what it finds itself, and what it has no time for is dropped.
 * Whoever waits gives up when the twin gives no sign of life for TWIN_PATIENCE and does not ask again: a lost twin
 * costs nothing else.
 *
 * The memory is a file both map, made by the one who asks, or pages a forked twin inherits. Both builds must be of the
 * same sources; sizes of what lies in it are compared. */
#ifndef FUZZ_LOOP_TWIN_H
#define FUZZ_LOOP_TWIN_H

#include "fuzz/loop/record.h"
#include "fuzz/loop/ring.h"
#include "fuzz/loop/solve.h"
#include "world/mapping.h"
#include "world/world.h"

#define TWIN_RING     ((size_t)4 << 20)       /* bytes of each queue; larger cases are left out */
#define TWIN_STARTING ((uint64_t)10000000000) /* ns until the twin is there */
#define TWIN_PATIENCE ((uint64_t)2000000000)  /* ns without a sign of life */
#define TWIN_SOLVING  ((uint64_t)5000000000)  /* ns one case may take before its solver is killed */

struct twin_shared {
    char magic[8];
    uint32_t sizes[4];
    _Atomic bool stop;             /* by who asks: end when there is nothing left */
    _Atomic bool ready;            /* by the twin */
    _Atomic bool lost;             /* by who asks: it did not answer */
    _Atomic uint64_t beat;         /* moved by who asks; the twin ends when it stands still */
    _Atomic uint64_t alive;        /* moved by the twin that solves */
    _Atomic uint64_t taken;        /* cases the twin has dealt with */
    _Atomic uint64_t dropped;      /* there was no room */
    _Atomic uint64_t findings;     /* by the twin */
    _Atomic uint64_t learnt, made; /* by the twin: what solve_case() told */
};

struct twin {
    struct world_mapping memory;
    struct twin_shared *shared;
    struct ring *cases, *answers;
};

enum twin_answer_kind { TWIN_DONE, TWIN_LEARNT, TWIN_MADE };
struct twin_answer {
    enum twin_answer_kind kind;
    struct solved solved; /* TWIN_LEARNT */
    struct fuzz_case c;   /* TWIN_MADE: borrowed until twin_taken() */
};

/* Makes the file, or with `path` NULL pages for a fork. ERROR_MEMORY, ERROR_IO ... */
int twin_open(struct twin *t, struct world *w, const char *path, struct error *err);
/* The file somebody made. ERROR_INVALID: it is of another build's sources. */
int twin_attach(struct twin *t, const char *path, struct error *err);
void twin_close(struct twin *t);

/* ---- who asks ---- */

/* False: it is too large, or there is no room just now (counted). Does not wait. */
bool twin_give(struct twin *t, const struct fuzz_case *c);
/* The same, and answers follow: until twin_next() says so nothing else may be asked. */
bool twin_ask(struct twin *t, const struct fuzz_case *c);
/* Waits for the next answer. False: that was all, or the twin is lost. */
bool twin_next(struct twin *t, struct twin_answer *out);
void twin_taken(struct twin *t);

/* ---- its process ---- */

struct twin_process {
    struct twin twin;
    struct world *world;
    struct world_process *process;
    char path[1024];
    bool ended;
    struct world_exit status;
};
/* A program of the same target by another build, run as "PROGRAM MODE FILE --quiet [--findings FOLDER]". */
int twin_start(struct twin_process *p, struct world *w, const char *program, const char *mode, const char *findings,
               struct error *err);
void twin_wait(struct twin_process *p); /* tells it to end, until it has dealt with what waits; bounded */
void twin_stop(struct twin_process *p); /* the same, and it is gone; fine when it was never started */

/* ---- the twin ---- */

/* The next case that waits, to be copied before twin_took(). False: there is none. */
bool twin_waiting(struct twin *t, struct fuzz_case *out);
void twin_took(struct twin *t);
/* Whether to end: it was told to and nothing waits, or who asks is gone. */
bool twin_is_over(struct twin *t);
/* Solves what it is asked until it is to end; each case in a worker of its own, which may die of it. */
int twin_solve(struct twin *t, const struct fuzz_target *target, struct error *err);

#endif
