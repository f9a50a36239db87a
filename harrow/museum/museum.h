/* Runs campaigns against a system with one planted bug after the other (world/museum/museum.h), as somebody would who
 * knows nothing of it: trials with seeds that count up, each a process of its own, until something is told or the time
 * is used up. What a trial is, its museum says (museum_collection): a slice of `harrow fuzz`, an experiment of `harrow
 * chaos`.
 *
 * A bug counts as found when a trial tells something, its process dies of a sanitizer's report or of a signal, it goes
 * on without a word for MUSEUM_STUCK of processor time, or the system does not even start, and the canary says that the
 * bug was triggered in this trial. A finding without that is a false report. What was found is then made small, by one
 * more process whose time is not counted. All times are processor time of the trials (of those whose system runs as
 * processes of its own, where it is many processes': time by the clock), as they were when it was seen; reached and
 * triggered are looked for every 50 ms. */
#ifndef HARROW_MUSEUM_MUSEUM_H
#define HARROW_MUSEUM_MUSEUM_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "world/world.h"

#include <jansson.h>

#define MUSEUM_NEVER     UINT64_MAX
#define MUSEUM_STUCK     ((uint64_t)(20 * SECOND))  /* of processor time without a line */
#define MUSEUM_SOLVE     ((uint64_t)(420 * SECOND)) /* by the clock, to make it small */
#define MUSEUM_ORACLE    48
#define MUSEUM_ARGUMENTS 32

struct museum_bug {
    const char *name, *kind;
    int number;             /* in the canary's file */
    const char *experiment; /* its museum's, or NULL */
    bool processes;         /* the system runs as processes, for it cannot show in simulation */
};

/* What making it small came to, where its museum says so. */
struct museum_smaller {
    int64_t size_before; /* 0: nothing is known of it */
    int64_t operations_before, operations, tries;
    uint64_t took; /* ns by the clock */
    bool minimal;
};

struct museum_result {
    const char *name, *kind;
    uint64_t reached, triggered, found, used; /* ns; MUSEUM_NEVER */
    char oracle[MUSEUM_ORACLE];               /* "" while nothing was told */
    uint64_t seed;                            /* of the trial that told it */
    size_t size;                              /* of what was made small, as its museum counts; 0: there is none */
    struct text small;                        /* the same as text; empty: none */
    struct museum_smaller smaller;
    int false_reports, trials;
    bool failed; /* a trial could not be run; its last words are in the bug's folder */
};

struct museum_options {
    const char *const *program; /* what is put before the arguments of `harrow`, ends with NULL */
    const char *manifest, *out; /* the manifest, or what takes the place of every bug's experiment; NULL: none does */
    uint64_t seed, limit;       /* ns for each bug */
    int jobs;
    bool shrink; /* what was found is made small */
};

/* The trial that is to be started. */
struct museum_trial {
    const struct museum_options *options;
    const struct museum_bug *bug;
    const char *folder; /* the bug's, which exists */
    uint64_t seed;
    int64_t amount;
    bool solving; /* it makes small what the one before, of the same seed and amount, has found */
};

struct museum_collection {
    int64_t amount; /* of work in the first trial; each next one does twice as much, or what fits in the time */
    bool grows;     /* false: all do the same */
    bool crashes;   /* what is made small: true: what ended its process; false: what it told in good order */
    /* The words behind the program's; 0 or ERROR_MEMORY. `words` has room for MUSEUM_ARGUMENTS / 2, NULL behind them.
     */
    int (*words)(const struct museum_trial *t, struct arena *arena, const char **words);
    /* The oracle when a line of the result stream tells something, or NULL. When solving: sets what is small. */
    const char *(*told)(const struct museum_trial *t, const json_t *line, struct museum_result *r);
    /* A trial that told nothing is over; NULL: nothing to clear away. */
    void (*passed)(struct world *w, const struct museum_trial *t, struct arena *arena);
};
extern const struct museum_collection museum_fuzz, museum_chaos;

/* Tells of each as it is done. ERROR_CANCELLED when *interrupted became true. */
int museum_run(struct world *w, const struct museum_collection *collection, const struct museum_options *options,
               const struct museum_bug *bugs, size_t count, const bool *interrupted,
               void (*done)(void *arg, const struct museum_result *r), void *arg, struct error *err);

#endif
