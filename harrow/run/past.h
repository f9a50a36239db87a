/* What flows know of earlier runs: how long they take, by a history (reports/history.h), and what a run that was cut
 * short has done already, by its result stream. */
#ifndef HARROW_RUN_PAST_H
#define HARROW_RUN_PAST_H

#include "e2e/e2e.h"
#include "world/world.h"

struct past;
struct past *past_new(void); /* of nothing; NULL: no memory */
/* A run's folder, or its result stream. */
int past_resume(struct past *p, struct world *w, const char *run, struct error *err);
/* An SQLite file, which may not be there yet. The newest runs of `system` count. */
int past_history(struct past *p, struct world *w, const char *path, const char *system, struct error *err);
void past_free(struct past *p); /* NULL is fine */
const struct e2e_past *past_operations(const struct past *p);

/* Of the run that is resumed: its name and seed (NULL: nothing is resumed), and how many cases have their verdict. */
const char *past_id(const struct past *p);
uint64_t past_seed(const struct past *p);
size_t past_verdicts(const struct past *p);
/* The history was asked for, and there is none yet. */
bool past_without_history(const struct past *p);

#endif
