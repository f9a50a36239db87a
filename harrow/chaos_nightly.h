/* `harrow chaos --nightly DURATION`: experiments by turns within a time budget, one report at the end. Every turn is a
 * process of its own, `harrow chaos ...`, whose result stream is read (harrow/nightly.h says what is made of it); what
 * found something stays below work/ in the run's folder. */
#ifndef HARROW_CHAOS_NIGHTLY_H
#define HARROW_CHAOS_NIGHTLY_H

#include "base/options.h"
#include "harrow/chaos_search.h"

struct chaos_nightly {
    int64_t budget;             /* ns of real time */
    const char *const *paths;   /* of experiments and manifests */
    const char *const *systems; /* for each: the manifest that it names, or it is */
    size_t count;
    const char *corpus; /* folder: what is kept from night to night; NULL: in the run's */
    int64_t duration;   /* of each experiment; 0: as it says itself */
    int64_t jobs;
    bool simulated; /* no processes */
    bool direct;
};
/* The whole command; the exit code. */
int chaos_nightly(const struct chaos_nightly *asked);

#endif
