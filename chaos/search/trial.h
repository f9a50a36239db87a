/* A trial: an experiment as the search varies it: a schedule, workloads, and how much load for how long. The other
 * options (seed, settling time, guards) are the same for all trials of a search.
 *
 * In files a trial is an experiment (chaos/experiment/plan.h) with its steps in "schedule" and without a system, made
 * to be read and changed by people and carried out by `--schedule FILE`; what came of it stands above, as comments. A
 * file with nothing but a schedule is a trial as well. A trial's name is the hash of what it does, so that one that
 * two processes come to has one name. */
#ifndef CHAOS_SEARCH_TRIAL_H
#define CHAOS_SEARCH_TRIAL_H

#include "chaos/experiment/schedule.h"
#include "chaos/workload/workload.h"

#define TRIAL_STEPS_MAX     48
#define TRIAL_WORKLOADS_MAX 4
#define TRIAL_MADE_MAX      96
#define TRIAL_FILE_MAX      ((size_t)1 << 20) /* bytes */

struct trial {
    struct chaos_schedule schedule;
    const struct workload_kind *workloads[TRIAL_WORKLOADS_MAX + 1]; /* NULL behind the last; none: store-register */
    uint64_t duration;                                              /* ns of the storm */
    int clients, keys, rate;
    uint64_t parent;           /* name of what it was made of; 0: drawn */
    char made[TRIAL_MADE_MAX]; /* how, in words: "drawn", "a step was moved, a hold was changed" */
};
void trial_init(struct trial *t);
void trial_deinit(struct trial *t);
int trial_copy(const struct trial *from, struct trial *out); /* 0 or ERROR_MEMORY, with nothing in *out */
/* Adds the step where its time says; names are copied. ERROR_LIMIT above TRIAL_STEPS_MAX. */
int trial_add(struct trial *t, const struct chaos_step *step);
size_t trial_workloads(const struct trial *t);
/* How much it is, in milliseconds of an average load: what is as good and smaller is better. It depends on nothing but
 * the trial, so that all who share a corpus agree on what is smaller. */
uint64_t trial_size(const struct trial *t);
int trial_name(const struct trial *t, uint64_t *out); /* 0 or ERROR_MEMORY */
/* `base` with what the trial says; the schedule is the trial's own. */
struct chaos_options trial_options(const struct trial *t, const struct chaos_options *base);

/* Appends the file; `comment` is put above, line by line. NULL: none. */
void trial_write(const struct trial *t, const char *comment, struct text *out);
/* What the file does not say is as in `base`. Steps that the target can no longer do (a fault, a component, a parameter
 * that is gone) are left out, one line in `skipped` each. ERROR_SYNTAX, ERROR_INVALID, ERROR_LIMIT: it is no trial. */
int trial_read(struct bytes content, const char *path, struct target *target, const struct chaos_options *base,
               struct trial *out, struct text *skipped, struct error *err);

#endif
