/* `harrow chaos --nightly DURATION`: experiments by turns within a time budget, one report at the end. Every turn is a
 * process of its own, `harrow chaos ...`, whose result stream is read (harrow/chaos/nightly.h says what is made of it);
 * what found something stays below turns/ in the run's folder. */
#ifndef HARROW_CHAOS_NIGHT_H
#define HARROW_CHAOS_NIGHT_H

#include "base/options.h"
#include "harrow/chaos/search.h"

#define CHAOS_NIGHT_ITEMS_MAX 128

struct chaos_night_item {
    const char *path;   /* of an experiment or a manifest */
    const char *system; /* the manifest that it names, or it is */
    /* Why it has no turns in simulation, as processes, or none of searching; NULL: it has. */
    const char *not_simulated, *not_processes, *not_searched;
};
struct chaos_nightly {
    int64_t budget; /* ns of real time */
    const struct chaos_night_item *items;
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
