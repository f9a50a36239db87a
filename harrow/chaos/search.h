/* `harrow chaos --search`: experiments that are made of each other, in simulation (chaos/search/search.h).
 *
 * The system is started once; every trial runs in a forked copy of this process (world/worker.h), so that each finds
 * the same system at the same moment and none has to start it. What a trial did comes back through shared memory: the
 * facts of its state summary, and the edges of the program where this build counts them (HARROW_COVER). The copy stands
 * where `--schedule FILE --seed N` stands when it begins its experiment: the printed command repeats a trial to the
 * byte. What failed is made smaller in copies, and then run as processes. */
#ifndef HARROW_CHAOS_SEARCH_H
#define HARROW_CHAOS_SEARCH_H

#include "harrow/chaos/run.h"

#define CHAOS_SEARCH_JOBS_MAX 64

struct chaos_search_request {
    int64_t duration;   /* ns of real time; 0: until `runs` */
    int64_t runs;       /* 0: until the time is up */
    int64_t jobs;       /* copies at a time; 0: one */
    const char *corpus; /* folder; NULL: in the run's */
    bool drawn_only;    /* nothing is made of what was kept: to compare with */
};
int chaos_search(struct run *r, struct system *s, const struct chaos_request *q,
                 const struct chaos_search_request *search);

#endif
