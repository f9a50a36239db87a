#include "runtime/relay/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define KEEPALIVE_EVERY   (20 * SECOND) /* so that calls on a node that hangs end */
#define KEEPALIVE_TIMEOUT (10 * SECOND)

static void endpoint_free(struct relay_endpoint *e)
{
    rpc_channel_free(e->channel);
    free(e->key);
    free(e);
}

static struct relay_endpoint *endpoint_new(struct relay *r, const char *key, const char *address,
                                           struct tls_context *tls)
{
    struct relay_endpoint *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->relay = r;
    e->key = strdup(key);
    /* When to try again is the breaker's business: the channel's own back-off stays below it. */
    const struct rpc_channel_options options = {.addresses = address,
                                                .connect_timeout = (uint64_t)RELAY_CONNECT_LIMIT,
                                                .reconnect_first = (uint64_t)RELAY_BACKOFF_FIRST / 2,
                                                .reconnect_max = (uint64_t)RELAY_BACKOFF_FIRST / 2,
                                                .keepalive_every = (uint64_t)KEEPALIVE_EVERY,
                                                .keepalive_timeout = (uint64_t)KEEPALIVE_TIMEOUT,
                                                .tls = tls,
                                                .user_agent = "grpc-c-micro-relay/1"};
    if (!e->key || rpc_channel_new(r->world, &options, &e->channel, NULL) != 0 || !map_put(&r->endpoints, key, e)) {
        endpoint_free(e);
        return NULL;
    }
    return e;
}

struct rpc_channel *relay_endpoint_channel(struct relay *r, struct relay_route *route)
{
    if (route->endpoint)
        return route->endpoint->channel;
    struct tls_context *tls = route->owner && route->owner->source == RELAY_PEER ? r->peer_tls : NULL;
    char key[RELAY_TEXT_MAX + 8];
    snprintf(key, sizeof key, "%s%s", tls ? "tls " : "", route->spec.address);
    struct relay_endpoint *e = map_get(&r->endpoints, key);
    if (!e)
        e = endpoint_new(r, key, route->spec.address, tls);
    if (!e)
        return NULL;
    e->uses++;
    route->endpoint = e;
    return e->channel;
}

void relay_endpoint_release(void *relay, struct relay_route *route)
{
    struct relay *r = relay;
    struct relay_endpoint *e = route->endpoint;
    route->endpoint = NULL;
    if (!e || --e->uses > 0)
        return;
    map_remove(&r->endpoints, e->key);
    endpoint_free(e);
}

void relay_endpoints_close(struct relay *r)
{
    for (;;) {
        /* Freeing a channel ends its calls, and with them perhaps the endpoint: look anew after each. */
        struct relay_endpoint *open = NULL;
        for (struct map_entry *e = map_first(&r->endpoints); e && !open; e = map_next(e)) {
            struct relay_endpoint *one = map_value(e);
            if (one->channel)
                open = one;
        }
        if (!open)
            return;
        struct rpc_channel *channel = open->channel;
        open->channel = NULL;
        rpc_channel_free(channel);
    }
}
