/* What the files of the relay share. */
#ifndef RUNTIME_RELAY_INTERNAL_H
#define RUNTIME_RELAY_INTERNAL_H

#include "base/array.h"
#include "base/text.h"
#include "runtime/relay/relay.h"

#define RELAY_BACKLOG_MAX   10000 /* changes of the registry that wait for its list */
#define RELAY_BACKLOG_BYTES ((size_t)32 << 20)
#define RELAY_CONNECT_LIMIT (2 * SECOND) /* for a connection to a node */

/* Connections to one address, shared by the routes that lead there. */
struct relay_endpoint {
    struct relay *relay;
    char *key; /* "tls " in front of an address of a peer with TLS */
    struct rpc_channel *channel;
    uint32_t uses;
};

struct relay_backlog_item {
    uint8_t *data;
    size_t len;
};

struct relay {
    struct world *world;
    struct relay_config config;
    struct tls_context *peer_tls;
    struct relay_routes routes;
    struct map endpoints; /* key -> struct relay_endpoint */
    struct relay_owner fixed;
    /* following the registry */
    struct map owners; /* domain US service US version -> struct relay_owner */
    struct rpc_stream *watch, *listing;
    struct world_timer retry, grace;
    uint64_t backoff;
    ARRAY(struct relay_backlog_item) backlog; /* changes that came before the list */
    size_t backlog_bytes;
    bool synced, stopping;
    struct relay_call *first_call;
    struct relay_figures figures;
};

/* endpoint.c */
struct rpc_channel *relay_endpoint_channel(struct relay *r, struct relay_route *route); /* NULL: no memory */
void relay_endpoint_release(void *relay, struct relay_route *route);
void relay_endpoints_close(struct relay *r);

/* follow.c */
void relay_follow(struct relay *r);
void relay_follow_stop(struct relay *r);
void relay_follow_free(struct relay *r);
void relay_follow_init(struct relay *r);

/* calls.c */
extern const struct rpc_handler relay_handler, relay_peer_handler;
void relay_judge(void *relay); /* ends the calls of accounts that have ended */

#endif
