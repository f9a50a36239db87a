/* Publish and subscribe: what is sent reaches each subscription that stands, once and in its publisher's order, with
 * nothing left out between two deliveries of one publisher's. Each stream is a subscription of its own; messages sent
 * while none stood are nobody's. */
#include "chaos/workload/subscribers.h"
#include "chaos/workload/kinds.h"

static const struct follower_kind subscriber = {
    .service = BROKER_SERVICE,
    .path = "/broker.Broker/Subscribe",
    .function = OPERATION_POLL,
    .request = subscribers_request,
    .message = subscribers_message,
    .ended = subscribers_ended,
};

static int prepare(struct workload *w, struct error *err)
{
    return subscribers_prepare(w, &subscriber, NULL, err);
}

static int begin(struct workload_client *c)
{
    return subscribers_publish(c, OPERATION_SEND);
}

const struct workload_kind workload_broker_pubsub = {
    .name = "broker-pubsub",
    .summary = "messages published to topics, and two subscribers of each",
    .services = (const char *const[]){BROKER_SERVICE, NULL},
    .models = (const char *const[]){"pubsub", "pubsub-reliable", NULL},
    .prepare = prepare,
    .begin = begin,
    .start = subscribers_start,
    .quiet = subscribers_quiet,
    .stop = subscribers_stop,
    .release = subscribers_release,
};
