/* Which values are in the sets of a workload for certain, so that a removal always finds its value: a value goes in
 * once and out once, by who knows that it is in. Sets are kept near MEMBERS_SIZE values, for reads of them are what a
 * history's memory goes to. */
#ifndef CHAOS_WORKLOAD_MEMBERS_H
#define CHAOS_WORKLOAD_MEMBERS_H

#include "chaos/workload/workload.h"

#define MEMBERS_SIZE 24

struct members { /* of one set */
    ARRAY(int64_t) in;
};
/* One for each key of the workload; NULL: no memory. */
struct members *members_new(const struct workload *w);
void members_free(struct members *m, const struct workload *w); /* NULL is fine */
/* The client's operation under way put its value in. */
void members_added(struct members *m, struct workload_client *c);
/* Draws whether a value is to be taken out, and which: from then on it is nobody else's. */
bool members_take(struct members *m, struct workload *w, uint32_t key, int64_t *value);

#endif
