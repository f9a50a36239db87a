/* What runs, and in which order: flows and rows that were picked, of them those of this shard, shuffled or not; around
 * them what their files and folders do before the first of them and after the last. */
#ifndef E2E_PLAN_H
#define E2E_PLAN_H

#include "e2e/runner/run.h"

struct plan {
    ARRAY(struct unit) units;
    ARRAY(struct suite *) suites;
    struct text remark; /* what is to be known of it: the share of a shard; empty: nothing */
};

/* `repeat` from 0: the number of the round. ERROR_MEMORY: as much of the plan as there is is to be cleared. */
int plan_make(struct plan *p, const struct target *t, const struct flow_list *flows, const struct e2e_options *options,
              int repeat, struct error *err);
void plan_clear(struct plan *p);
/* Why a plan is empty: sets the error when what was asked for names nothing. */
int plan_nothing(const struct e2e_options *o, struct error *err);

#endif
