/* The network component: runtimes joined. Two doors:
 *
 *   its own (port offset 443)   calls of this runtime's services to others, relayed by the routes (runtime/relay); the
 *                               network's services Network, Router, Table, Peering
 *   for peers (offset 85)       Peering, and calls peers relay to us. Nothing at this door goes without the network's
 *                               token; with TLS when a certificate is named
 *
 * Peers tell each other routes over one stream (Peering.Exchange), whoever opened it: all they know at the beginning
 * and after each change, gathered for NETWORK_SYNC_DELAY, and a short message every NETWORK_HEARTBEAT. A peer that is
 * silent for NETWORK_EXPIRY is gone, its routes with it.
 *
 * Routing is by path vector, as in BGP (RFC 4271): a route names the nodes it has come by. A node takes none that names
 * itself, and tells none to a node it came from (split horizon) or that it names; so no loop can form, and a withdrawn
 * route cannot come back by another way. A peer's route costs NETWORK_LINK_COST more than it told. Of several ways to a
 * service a node tells the best one. Core components are never told: each runtime's store and accounts are its own.
 *
 * What a peer sends is bounded: NETWORK_ROUTES_MAX routes, NETWORK_GRAPH_NODES nodes to a depth of NETWORK_SYNC_DEPTH.
 */
#ifndef RUNTIME_NETWORK_NETWORK_H
#define RUNTIME_NETWORK_NETWORK_H

#include "base/array.h"
#include "proto/network/network.pb-c.h"
#include "runtime/relay/relay.h"

#define NETWORK_PORT_OFFSET 443
#define NETWORK_PEER_OFFSET 85

#define NETWORK_LINK_COST   1
#define NETWORK_METRIC_MAX  1000000
#define NETWORK_PEERS_MAX   64    /* links at once, and addresses to dial */
#define NETWORK_ROUTES_MAX  20000 /* told by one peer */
#define NETWORK_SYNC_DEPTH  3     /* levels of the graph told to peers */
#define NETWORK_GRAPH_DEPTH 8     /* levels shown */
#define NETWORK_GRAPH_NODES 1000  /* nodes in one graph */
#define NETWORK_ID_MAX      64    /* bytes of a node's id */
#define NETWORK_LABELS_MAX  16    /* entries of a node's metadata kept */
#define NETWORK_SYNC_DELAY  (50 * MILLISECOND)
#define NETWORK_HEARTBEAT   (5 * SECOND)
#define NETWORK_EXPIRY      (15 * SECOND)
#define NETWORK_DIAL_FIRST  (500 * MILLISECOND)
#define NETWORK_DIAL_MAX    (10 * SECOND)

struct network;
struct network_watcher;

/* An address we keep a link to. */
struct network_dial {
    struct network *network;
    char *address;
    struct rpc_channel *channel;
    struct network_peer *peer; /* NULL: no link now */
    struct world_timer retry;
    uint64_t backoff;
};

/* One link, in either direction. */
struct network_peer {
    struct network *network;
    struct network_peer *next, **back;
    struct network_dial *dial; /* we opened it; or */
    struct rpc_stream *stream;
    struct rpc_call *call;       /* they did */
    char id[NETWORK_ID_MAX + 1]; /* "": not introduced yet */
    char address[256];           /* where its door for peers is */
    uint64_t heard;
    struct relay_owner owner; /* its routes */
    bool owns;                /* `owner` is in use */
    struct arena arena;       /* of the graph */
    Network__Peer *graph;     /* what it told of itself and its peers; NULL: nothing yet */
    struct text graph_packed; /* the same, to see whether it changed */
    bool behind;              /* could not be told: it reads slowly */
    bool told;                /* something was sent */
};

struct network {
    struct world *world;
    const struct micro_options *options;
    struct micro_service *service;
    struct relay *relay;
    struct rpc_server *peer_door;
    struct tls_context *server_tls, *client_tls;
    struct text token;
    char id[37];
    const char *name, *gateway;
    char advertised[256];
    struct relay_owner statics; /* what Table.Create made */
    struct network_peer *peers; /* links */
    size_t peer_count;
    ARRAY(struct network_dial *) dials;
    struct world_timer sync, heartbeat;
    struct network_watcher *watchers;
    size_t watcher_count;
    uint32_t peer_errors; /* links that failed */
    char last_error[256];
    bool stopping;
    uint64_t grace; /* while draining */
    void (*drained)(void *arg);
    void *drained_arg;
};

/* token.c: the network's token: given, or made once and kept in <data_dir>/network/token. */
int network_token_load(struct network *n, struct error *err);
bool network_token_right(const struct network *n, const struct rpc_call *call);

/* peers.c */
extern const struct rpc_service network_peering_service;
void network_peers_init(struct network *n);
int network_dial(struct network *n, const char *address, struct error *err); /* known ones are fine */
void network_changed(struct network *n);                                     /* tell the peers soon */
void network_peers_stop(struct network *n);
void network_peers_free(struct network *n);

/* sync.c: pure, so that anything can be fed to it. */
/* What is told to a node: our best routes, less those that came from it or name it. In the arena. */
int network_sync_routes(const struct relay_routes *t, const char *own_id, const char *to_id, struct arena *arena,
                        Router__Route ***out, size_t *count);
/* What a peer told, as its routes. Bad ones are skipped and counted. ERROR_MEMORY, ERROR_LIMIT (too many). */
int network_sync_apply(struct relay_routes *t, struct relay_owner *o, const char *own_id, const char *peer_id,
                       const char *peer_address, Router__Route *const *routes, size_t count, size_t *skipped);
/* A route as the contracts show it; borrows. NULL: no memory. */
Router__Route *network_route_message(const struct relay_route *r, struct arena *arena);
const char *network_route_label(const Router__Route *r, const char *key); /* NULL: none */

/* graph.c: pure too. */
/* A copy of at most `depth` levels and *budget nodes, without nodes that stand above themselves. `skip` (or NULL) and
 * what is below it is left out. NULL: no memory, or nothing may be copied. */
Network__Peer *network_graph_copy(const Network__Peer *from, unsigned depth, size_t *budget, const char *skip,
                                  struct arena *arena);
/* Ourselves and the links, with what they told, to `depth` levels below us. */
Network__Peer *network_graph(struct network *n, unsigned depth, const char *skip, struct arena *arena);
bool network_node_ok(const Network__Node *node); /* id and address are there and not too long */

/* handlers.c, router.c */
extern const struct rpc_service network_network_service, network_router_service, network_table_service;
void network_route_changed(void *network, enum relay_change what, const struct relay_route *route);
void network_watchers_dismiss(struct network *n);

#endif
