/* A plan: an experiment in a file (chaos/experiments/NAME.yaml), for people to keep, run and share. docs/chaos.md.
 *
 *     experiment: the store is killed again and again
 *     about: what was acknowledged must survive
 *     system: ../../systems/micro.yaml
 *     workloads: [store-register]
 *     faults: [kill]
 *     targets: [store]
 *     duration: 20s
 *     guards: {errors: 90%, lasting: 5s}
 *     recovery_within: 3s
 *
 * Instead of `faults` a `schedule` may say each step. Everything but the name has a default. */
#ifndef CHAOS_EXPERIMENT_PLAN_H
#define CHAOS_EXPERIMENT_PLAN_H

#include "base/document.h"
#include "chaos/chaos.h"

#define PLAN_REPEAT_MAX 1000

struct chaos_plan {
    struct document *document;
    struct arena arena;
    const char *name, *about; /* about NULL: none */
    const char *system;       /* as written, relative to the file; NULL: none */
    const char *network,
        *disk;      /* "shared", or "namespaces" and "image"; NULL: not said. In simulation they say nothing */
    int64_t repeat; /* times, each with the next seed; 1 and up */
    const struct node *schedule; /* NULL: drawn. Read by schedule_read() when the target is there */
    struct chaos_guards guards;
    struct chaos_options options; /* what the file says; what it does not is 0 or NULL */
};
bool plan_is(const struct document *d); /* has an "experiment" at its root */
/* Takes the document over, also when it fails. Faults, workloads and ranges are checked here; components when it is
 * run. */
int plan_read(struct document *d, struct chaos_plan *out, struct error *err);
void plan_deinit(struct chaos_plan *p);

#endif
