/* Verdicts: what a workload's history says, told as cases of the result stream. */
#ifndef CHAOS_EXPERIMENT_VERDICT_H
#define CHAOS_EXPERIMENT_VERDICT_H

#include "chaos/chaos.h"
#include "chaos/workload/workload.h"

/* `unread`: why the final reads are not complete; NULL: they are. */
void verdict_judge(struct target *t, const struct chaos_options *options, struct workload *w, const char *unread,
                   struct chaos_summary *summary);

#endif
