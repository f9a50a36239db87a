/* Queues of the broker: two subscribers share what is published to each topic, so that a message comes to one of them,
 * or, when they are gone, to nobody; never twice. */
#include "chaos/workload/subscribers.h"
#include "chaos/workload/kinds.h"

static int prepare(struct workload *w, struct error *err)
{
    static char queue[] = "workers";
    return subscribers_prepare(w, queue, err);
}

const struct workload_kind workload_broker_queue = {
    .name = "broker-queue",
    .summary = "messages published to topics whose two subscribers share a queue",
    .services = (const char *const[]){BROKER_SERVICE, NULL},
    .models = (const char *const[]){"queue-at-most-once", NULL},
    .prepare = prepare,
    SUBSCRIBERS_PARTS,
};
