/* Experiments' files as `harrow chaos` takes them: in the place of a manifest, and many for a night. */
#ifndef HARROW_CHAOS_PLAN_H
#define HARROW_CHAOS_PLAN_H

#include "chaos/experiment/plan.h"
#include "harrow/chaos/night.h"

/* Reads the file when it is an experiment: out->name is set then, and *manifest is the system it names, in the plan's
 * arena. Anything else leaves both as they are, to whoever reads manifests. */
int chaos_plan_look(struct world *w, const char *path, struct chaos_plan *out, const char **manifest,
                    struct error *err);
/* Takes over what the file says of the network and the disk where the command line says nothing. ERROR_DENIED: it needs
 * root. In simulation nothing is said by it: there each node has its own of both. */
int chaos_plan_take_surroundings(const struct chaos_plan *p, struct error *err);

struct chaos_night_list {
    struct arena arena;
    struct chaos_night_item items[CHAOS_NIGHT_ITEMS_MAX];
    size_t count;
};
/* The files given, or with none those of chaos/experiments; with each what of it cannot be done here. */
int chaos_night_list_read(struct world *w, const char *const *paths, size_t count, struct chaos_night_list *out,
                          struct error *err);
void chaos_night_list_deinit(struct chaos_night_list *l);

#endif
