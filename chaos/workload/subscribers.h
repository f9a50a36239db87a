/* What the kinds of workload that use the broker share: publishing unique values, and subscribers of each topic. Some
 * messages are large, and subscribers leave now and then and come back. In the end each topic gets a last word, which
 * has to be taken and to come to everybody who listened. */
#ifndef CHAOS_WORKLOAD_SUBSCRIBERS_H
#define CHAOS_WORKLOAD_SUBSCRIBERS_H

#include "chaos/workload/follower.h"

#define BROKER_SERVICE   "broker.Broker"
#define SUBSCRIBERS_EACH 2 /* of each topic */

/* `kind`'s function is POLL or DEQUEUE; its `arg` is the queue's name, NULL: none. */
int subscribers_prepare(struct workload *w, const struct follower_kind *kind, char *queue, struct error *err);
int subscribers_request(struct follower *f, struct text *wire);
void subscribers_message(struct follower *f, struct bytes message);
void subscribers_ended(struct follower *f, const struct rpc_reply *reply);

int subscribers_publish(struct workload_client *c, enum operation_function f);
int subscribers_publish_to(struct workload_client *c, enum operation_function f, uint32_t key);
void subscribers_start(struct workload *w);
bool subscribers_quiet(struct workload *w);
void subscribers_stop(struct workload *w);
void subscribers_release(struct workload *w);

#endif
