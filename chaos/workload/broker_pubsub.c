/* Publish and subscribe: what is sent reaches each subscription that stands, once and in its publisher's order, with
 * nothing left out between two deliveries of one publisher's. Each stream is a subscription of its own; messages sent
 * while none stood are nobody's. Also through the proxy, for subscribers too, and published through the gateway; and
 * with subscribers that are slow. */
#include "chaos/workload/subscribers.h"
#include "chaos/workload/kinds.h"

#define DAWDLES ((uint64_t)3000000000) /* ns: longer than it takes to fill the windows */

static int prepare(struct workload *w, struct error *err)
{
    return subscribers_prepare(w, NULL, err);
}

#define PARTS .models = (const char *const[]){"pubsub", "pubsub-reliable", NULL}, .prepare = prepare, SUBSCRIBERS_PARTS

const struct workload_kind workload_broker_pubsub = {
    .name = "broker-pubsub",
    .summary = "messages published to topics, and two subscribers of each",
    .services = (const char *const[]){BROKER_SERVICE, NULL},
    PARTS,
};

const struct workload_kind workload_broker_slow = {
    .name = "broker-slow",
    .summary = "the same, large ones, with subscribers that take nothing for a while now and then",
    .services = (const char *const[]){BROKER_SERVICE, NULL},
    .dawdles = DAWDLES,
    PARTS,
};

const struct workload_kind workload_proxy_pubsub = {
    .name = "proxy-pubsub",
    .summary = "messages published and subscribed to through the proxy",
    .services = (const char *const[]){WORKLOAD_PROXY, BROKER_SERVICE, NULL},
    .through = WORKLOAD_PROXY,
    PARTS,
};

const struct workload_kind workload_proxy_slow = {
    .name = "proxy-slow",
    .summary = "the same, large ones, with subscribers that take nothing for a while now and then",
    .services = (const char *const[]){WORKLOAD_PROXY, BROKER_SERVICE, NULL},
    .through = WORKLOAD_PROXY,
    .dawdles = DAWDLES,
    PARTS,
};

const struct workload_kind workload_gateway_pubsub = {
    .name = "gateway-pubsub",
    .summary = "messages published through the HTTP gateway, and two subscribers of the broker's own",
    .services = (const char *const[]){WORKLOAD_GATEWAY, BROKER_SERVICE, NULL},
    .through = WORKLOAD_GATEWAY,
    PARTS,
};
