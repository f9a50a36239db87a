/* Publish and subscribe: what is sent reaches each subscription that stands, once and in its publisher's order, with
 * nothing left out between two deliveries of one publisher's. Each stream is a subscription of its own; messages sent
 * while none stood are nobody's. Also through the proxy, for subscribers too, and published through the gateway. */
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

static int say_last_word(struct workload_client *c, uint32_t key)
{
    return subscribers_publish_to(c, OPERATION_SEND, key);
}

const struct workload_kind workload_broker_pubsub = {
    .name = "broker-pubsub",
    .summary = "messages published to topics, and two subscribers of each",
    .services = (const char *const[]){BROKER_SERVICE, NULL},
    .models = (const char *const[]){"pubsub", "pubsub-reliable", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = say_last_word,
    .start = subscribers_start,
    .quiet = subscribers_quiet,
    .stop = subscribers_stop,
    .release = subscribers_release,
};

const struct workload_kind workload_proxy_pubsub = {
    .name = "proxy-pubsub",
    .summary = "the same through the proxy",
    .services = (const char *const[]){WORKLOAD_PROXY, BROKER_SERVICE, NULL},
    .through = WORKLOAD_PROXY,
    .models = (const char *const[]){"pubsub", "pubsub-reliable", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = say_last_word,
    .start = subscribers_start,
    .quiet = subscribers_quiet,
    .stop = subscribers_stop,
    .release = subscribers_release,
};

const struct workload_kind workload_gateway_pubsub = {
    .name = "gateway-pubsub",
    .summary = "published through the HTTP gateway, and two subscribers of the broker's own",
    .services = (const char *const[]){WORKLOAD_GATEWAY, BROKER_SERVICE, NULL},
    .through = WORKLOAD_GATEWAY,
    .models = (const char *const[]){"pubsub", "pubsub-reliable", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = say_last_word,
    .start = subscribers_start,
    .quiet = subscribers_quiet,
    .stop = subscribers_stop,
    .release = subscribers_release,
};
