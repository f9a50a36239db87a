/* Memory that a case leaves behind it, each time anew: the case is repeated in one world, and what is held must stop to
 * grow.
 *
 * Held is what base/heap.h counts (or the zone of world/saved.h, where the world has one of its own), less what the
 * simulated disks hold of it, which the case may fill, and twice that for pages and indexes kept in memory. After some
 * runs to warm up come stages of doubling length, each in four quarters with a pause of virtual time behind each. What
 * fills up (rings, caches, pools) stops at some stage; what grew in every quarter up to the last one, by at least the
 * smallest allocation for each run, is a leak. So healthy cases mostly take LEAK_FIRST * 2 runs, and only a suspicion
 * takes all. */
#ifndef FUZZ_LIVE_LEAK_H
#define FUZZ_LIVE_LEAK_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define LEAK_FIRST    32   /* runs to warm up, and of the first stage */
#define LEAK_RUNS     4096 /* behind which growth is told, unless more is asked for */
#define LEAK_RUNS_MAX 32768
#define LEAK_SMALLEST 16 /* bytes for each run: the allocator's smallest */

struct leak_subject {
    void (*run)(void *arg);     /* the case once more */
    void (*pause)(void *arg);   /* time for what is freed later */
    int64_t (*held)(void *arg); /* bytes now */
    void *arg;
};

/* True: it grows still after `most` runs; a sentence is appended. Rounded up to LEAK_RUNS and a power of two. */
bool leak_watch(const struct leak_subject *subject, uint64_t most, struct text *why);

#endif
