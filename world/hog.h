/* A process that only uses something up: processor time, or memory. It is a forked worker (world/worker.h): killed with
 * us by the kernel, and not a child of anything under test. Real world only. */
#ifndef WORLD_HOG_H
#define WORLD_HOG_H

#include "world/machine.h"

struct machine_hog;
/* Spins on these processors, `count` times (at most HOG_SPINNERS_MAX). */
#define HOG_SPINNERS_MAX 64
int machine_hog_cpu(struct world *w, const struct machine_cpus *cpus, int count, struct machine_hog **out,
                    struct error *err);
/* Holds that many bytes, each page written; returns when it does. ERROR_LIMIT: they were not to be had. */
int machine_hog_memory(struct world *w, uint64_t bytes, struct machine_hog **out, struct error *err);
size_t machine_hog_count(const struct machine_hog *h);
int machine_hog_process(struct world *w, const struct machine_hog *h, size_t i, struct world_foreign *out,
                        struct error *err);
/* Processor time used by all, and memory held. */
void machine_hog_usage(struct machine_hog *h, uint64_t *cpu, uint64_t *resident);
void machine_hog_end(struct machine_hog *h); /* NULL is fine */

#endif
