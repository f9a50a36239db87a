/* What the kinds of workload that use the broker share: publishing unique values, and subscribers of each topic. Some
 * messages are large, and subscribers leave now and then and come back. In the end each topic gets a last word, which
 * has to be taken and to come to everybody who listened. */
#ifndef CHAOS_WORKLOAD_SUBSCRIBERS_H
#define CHAOS_WORKLOAD_SUBSCRIBERS_H

#include "chaos/workload/follower.h"

#define BROKER_SERVICE   "broker.Broker"
#define SUBSCRIBERS_EACH 2 /* of each topic */

/* `queue`: its members share what comes; NULL: everybody gets everything. */
int subscribers_prepare(struct workload *w, char *queue, struct error *err);
int subscribers_begin(struct workload_client *c);
int subscribers_last_word(struct workload_client *c, uint32_t key);
void subscribers_start(struct workload *w);
bool subscribers_quiet(struct workload *w);
void subscribers_stop(struct workload *w);
void subscribers_release(struct workload *w);

/* What their kinds have in common. */
#define SUBSCRIBERS_PARTS                                                                                              \
    .begin = subscribers_begin, .final_read = subscribers_last_word, .start = subscribers_start,                       \
    .quiet = subscribers_quiet, .stop = subscribers_stop, .release = subscribers_release

#endif
