/* What the files of the server share. See rpc/rpc.h for what a server is.
 *
 *   server.c           listening, connections, drain, the engine's callbacks
 *   server_call.c      the life of one call and everything a handler may do with it
 *   server_dispatch.c  from a path to a handler, from bytes to typed messages and back, JSON
 *   health.c, reflection.c   services built in
 *
 * Life of a call: made when its headers are in; handed to a handler (`handed`); finished by it. A call whose client
 * went away first is `cancelled` and stays until its handler finishes it; one that was never handed over is finished by
 * the server itself. The struct goes back to the free list when it is finished and none of its callbacks is on the
 * stack. */
#ifndef RPC_SERVER_INTERNAL_H
#define RPC_SERVER_INTERNAL_H

#include "base/array.h"
#include "base/map.h"
#include "rpc/inbox.h"
#include "rpc/link.h"
#include "rpc/metadata.h"
#include "rpc/rpc.h"

#define RPC_CONNECTIONS_MAX_DEFAULT 10000
#define RPC_FREE_CALLS_MAX          256                          /* call structs kept for reuse */
#define RPC_CALL_ARENA_KEEP         ((size_t)16 << 10)           /* a call's arena above this is not kept for reuse */
#define RPC_LAST_WORDS              (UINT64_C(100) * 1000000ULL) /* ns between telling clients and closing */
#define RPC_SCRATCH_KEEP            ((size_t)1 << 20)            /* nor the packing buffer above this */

struct server_connection {
    struct rpc_link link;
    struct rpc_server *server; /* NULL once the server is gone */
    char *peer;                /* owned: calls end after the stream that knows it was closed */
    struct server_connection *next, **back;
};

struct server_listener {
    struct world_listener *listener;
    struct server_listener *next;
};

/* One way to answer a path. */
struct rpc_route {
    const struct rpc_method *method;   /* typed, or */
    const struct rpc_handler *handler; /* bytes */
    void *context;
};

struct rpc_registered {
    const struct rpc_service *service;
    void *context;
    struct rpc_registered *next;
};

struct rpc_health;

struct rpc_server {
    struct world *world;
    struct rpc_server_options options;
    struct grpc_settings settings;
    struct map routes;         /* "store.Store/Read" -> struct rpc_route */
    struct map short_routes;   /* "Store/Read" -> the same, when package_free */
    struct map services;       /* "store.Store" -> struct rpc_registered, owned */
    struct map short_services; /* "Store" */
    struct rpc_registered *registered;
    struct rpc_handler fallback;
    struct rpc_route fallback_route;
    bool (*guard)(struct rpc_call *call, void *context);
    void *guard_context;
    void (*observe)(void *context, const struct rpc_call *call, int status, uint64_t duration);
    void *observe_context;
    struct server_listener *listeners;
    int port;
    struct server_connection *connections;
    uint32_t connection_count;
    struct rpc_call *calls;   /* in flight */
    struct rpc_call *current; /* whose handler runs */
    size_t call_count;
    struct rpc_call *free_calls;
    size_t free_count;
    struct text scratch; /* for packing */
    struct rpc_health *health;
    struct pb_pool *own_pool; /* health and reflection, for reflection */
    bool draining, full_told, whole_names;
    bool told; /* the clients of calls that outlived the grace */
    struct world_timer grace;
    struct world_task drained;
    void (*drain_done)(void *arg);
    void *drain_arg;
};

struct rpc_call {
    struct rpc_server *server; /* NULL when the server was freed first */
    struct world *world;
    struct server_connection *connection; /* NULL with `stream` */
    struct grpc_stream *stream;           /* NULL when the wire's side is over */
    struct rpc_call *next, **back;
    struct arena arena, message_arena;
    const char *path, *service, *method, *peer;
    struct grpc_metadata metadata;
    struct rpc_route route;
    ProtobufCMessage *request; /* of a unary method, waits for the half-close */
    struct rpc_header_list headers, trailers;
    struct rpc_inbox inbox;
    struct world_timer deadline_timer;
    struct world_task resume;
    uint64_t deadline, started;
    int depth;  /* callbacks of this call on the stack */
    int status; /* what the wire was told */
    void *user, *guard_data;
    size_t unsent; /* bytes queued when the wire's side ended */
    bool json, handed, finished, cancelled, paused;
    bool first_taken; /* a message was delivered: the next is of the method's `later` */
    bool headers_sent, half_close_waits, half_closed, was_busy;
};

/* server_call.c */
struct rpc_call *server_call_new(struct server_connection *connection, struct grpc_stream *stream);
int server_call_describe(struct rpc_call *c, struct bytes path, struct grpc_metadata metadata);
void server_call_set_deadline(struct rpc_call *c, uint64_t timeout);
void server_call_release(struct rpc_call *c); /* back to the free list if nothing holds it */
/* Ends a call for its client with `status` although its handler has not; the handler hears `cancelled`. */
void server_call_abort(struct rpc_call *c, int status, const char *message);
void server_call_lost(struct rpc_call *c); /* the client is gone */
void server_call_message(struct rpc_call *c, struct bytes message, size_t window_cost);
void server_call_half_closed(struct rpc_call *c);
void server_call_free_list(struct rpc_server *s);
/* Around everything that may run a handler: the call stays until the last of them, and is the server's current one. */
struct rpc_call *server_call_enter(struct rpc_call *c);              /* what server_call_leave() is to be given back */
void server_call_leave(struct rpc_call *c, struct rpc_call *before); /* does not release */

/* server_dispatch.c */
void server_dispatch(struct rpc_call *c); /* guard, routing, open */
void server_deliver_message(struct rpc_call *c, struct bytes message);
void server_deliver_half_close(struct rpc_call *c);
void server_routes_free(struct rpc_server *s);
const struct pb_pool *server_pool(struct rpc_server *s); /* NULL: none */

/* health.c, reflection.c */
void server_health_drain(struct rpc_server *s); /* everything NOT_SERVING, watchers are told and let go */
void server_health_free(struct rpc_server *s);
void server_reflection_free(struct rpc_server *s);
struct bytes rpc_contracts(void); /* descriptor set of health and reflection */

/* server.c */
void server_call_ended(struct rpc_server *s); /* for drain */

#endif
