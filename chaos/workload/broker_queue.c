/* Queues of the broker: two subscribers share what is published to each topic, so that a message comes to one of them,
 * or, when they are gone, to nobody; never twice. */
#include "chaos/workload/subscribers.h"
#include "chaos/workload/kinds.h"

static const struct follower_kind member = {
    .service = BROKER_SERVICE,
    .path = "/broker.Broker/Subscribe",
    .function = OPERATION_DEQUEUE,
    .request = subscribers_request,
    .message = subscribers_message,
    .ended = subscribers_ended,
};

static int prepare(struct workload *w, struct error *err)
{
    static char queue[] = "workers";
    return subscribers_prepare(w, &member, queue, err);
}

static int begin(struct workload_client *c)
{
    return subscribers_publish(c, OPERATION_ENQUEUE);
}

static int say_last_word(struct workload_client *c, uint32_t key)
{
    return subscribers_publish_to(c, OPERATION_ENQUEUE, key);
}

const struct workload_kind workload_broker_queue = {
    .name = "broker-queue",
    .summary = "messages published to topics whose two subscribers share a queue",
    .services = (const char *const[]){BROKER_SERVICE, NULL},
    .models = (const char *const[]){"queue-at-most-once", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = say_last_word,
    .start = subscribers_start,
    .quiet = subscribers_quiet,
    .stop = subscribers_stop,
    .release = subscribers_release,
};
