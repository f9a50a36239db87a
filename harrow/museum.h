/* Runs campaigns against a system with one planted bug after the other (fuzz/museum/museum.h), as somebody would who
 * knows nothing of it: `harrow fuzz` of a simulated system, in slices that double, each with a seed of its own, until
 * something is told or the processor time is used up.
 *
 * A bug counts as found when a finding is made, the process dies of a sanitizer's report or of a signal, it goes on
 * without a word for MUSEUM_STUCK of processor time, or the system does not even start, and the canary says that the
 * bug was triggered. A finding without that is a false report. What ended with its process is looked for in the
 * journal it left (fuzz/live/suspects.c), for the size of its case; that time is not its campaigns'. All times are
 * processor time of the campaigns, as they were when it was seen; reached and triggered are looked for every 50 ms. */
#ifndef HARROW_MUSEUM_RUNNER_H
#define HARROW_MUSEUM_RUNNER_H

#include "base/error.h"
#include "base/units.h"
#include "world/world.h"

#define MUSEUM_NEVER  UINT64_MAX
#define MUSEUM_STUCK  ((uint64_t)(20 * SECOND)) /* of processor time without a line */
#define MUSEUM_INPUTS ((int64_t)25000)          /* calls in the first slice */
#define MUSEUM_ORACLE 48

struct museum_bug {
    const char *name, *kind;
    int number; /* in the canary's file */
};

struct museum_result {
    const char *name, *kind;
    uint64_t reached, triggered, found, used; /* ns of processor time; MUSEUM_NEVER */
    char oracle[MUSEUM_ORACLE];               /* "" while nothing was told */
    size_t size;                              /* bytes of the minimised script; 0: there is none */
    int false_reports, slices;
    bool failed; /* the campaign could not be run; its last words are in the bug's folder */
};

struct museum_options {
    const char *const *program; /* what is put before the arguments of `harrow fuzz`, ends with NULL */
    const char *manifest, *out;
    uint64_t seed, limit; /* ns of processor time for each bug */
    int jobs;
};

/* Tells of each as it is done. ERROR_CANCELLED when *interrupted became true. */
int museum_run(struct world *w, const struct museum_options *options, const struct museum_bug *bugs, size_t count,
               const bool *interrupted, void (*done)(void *arg, const struct museum_result *r), void *arg,
               struct error *err);

#endif
