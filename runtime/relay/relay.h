/* A transparent gRPC relay: every call no handler of a server answers goes to a node of the service its path names, and
 * what that node says comes back unchanged: initial metadata, messages, trailers, status, status text and details. Both
 * ways bytes are passed on as they come, so all four kinds of calls go through, also of contracts nobody here knows.
 *
 *   target.c    what a call asks for            routes.c    who answers for what, and whose turn it is
 *   breaker.c   which nodes are worth a call    follow.c    the registry's nodes, kept up to date
 *   endpoint.c  connections, one per address    calls.c     the calls
 *
 * Deadlines go on less the time spent, cancellation goes both ways, and a side that reads slowly slows the other down.
 * A call is made again, at another node, only if it is certain that no server saw it (connection refused,
 * REFUSED_STREAM, GOAWAY above it, nothing of it sent), nothing of an answer came, and what the caller sent so far
 * still fits RELAY_KEEP_MAX. Compressed requests go on compressed; whether answers are depends on the node and on what
 * the caller's side agreed to.
 *
 * Errors of the relay itself are Micro's: 400 no service named, 404 no such service, 503 no node can be
 * reached, the connection was lost, or RELAY_CALLS_MAX calls are under way.
 *
 * Ownership: relay_stop() ends every call and must come before the service is freed; relay_free() after it. */
#ifndef RUNTIME_RELAY_RELAY_H
#define RUNTIME_RELAY_RELAY_H

#include "runtime/relay/routes.h"
#include "runtime/service/service.h"

#define RELAY_CALLS_MAX 10000               /* under way at once, when the options say nothing */
#define RELAY_KEEP_MAX  ((size_t)256 << 10) /* bytes of a call's messages kept until its node answers */
#define RELAY_TRIES_MAX 4                   /* nodes tried for one call */
#define RELAY_HOPS_MAX  8                   /* networks a call may go through */
#define RELAY_ERROR_ID  "go.micro.proxy"

/* Headers between networks; taken from callers only where the server's owner says they are peers, else dropped. */
#define RELAY_TOKEN_HEADER "micro-network-token"
#define RELAY_HOPS_HEADER  "micro-network-hops"

struct relay;

struct relay_config {
    struct micro_service *service; /* its channels and its token */
    const char *name;              /* for the log */
    const char *const *own;        /* services that are never relayed; NULL-terminated */
    size_t calls_max;              /* 0: RELAY_CALLS_MAX */
    const char *endpoint;          /* every call goes to this address; NULL: by the path */
    /* Contracts of nodes that speak binary only: a call in JSON to a method in here goes on as application/grpc+proto,
     * and its answers come back as JSON. NULL: JSON goes on as JSON. Borrowed. */
    const struct pb_pool *pool;
    const char *package;   /* what a path has there instead of the service's name; NULL: the path as it came */
    const char *elsewhere; /* the service asked for what nobody here answers, "network"; NULL: none */
    const char *network, *router, *gateway; /* what routes to our own nodes are called; NULL: "" */
    const char *peer_token;                 /* shown to peers */
    void (*ready)(void *arg);               /* the registry was read for the first time */
    void *arg;
};
int relay_new(struct world *w, const struct relay_config *config, struct relay **out, struct error *err);
/* The server's unknown calls; of peers, the hop count is believed. */
void relay_attach(struct relay *r, struct rpc_server *server, bool from_peers);
/* A guard for servers the relay is attached to: calls to our own services are judged by the framework, of all others
 * only the token is looked at ("Bearer" and nothing else, as in v3; 401 when it is bad): rules are the business of the
 * service they go to. `relay` is the context. What such a call's token was good for ends with its account: the relay
 * listens to auth's policy (micro_service_on_policy) and ends the call then, whoever is behind it. */
bool relay_guard(struct rpc_call *call, void *relay);
void relay_set_peer_tls(struct relay *r, struct tls_context *tls); /* to peers; NULL: plaintext. Borrowed */
void relay_start(struct relay *r);                                 /* the service listens: follow the registry */
void relay_stop(struct relay *r);
void relay_free(struct relay *r);

/* Ends a call the way another one ended: trailers, status, text, details. The first alone for one that ends with OK. */
void relay_pass_trailers(struct rpc_call *call, const struct rpc_reply *reply);
void relay_pass_end(struct rpc_call *call, const struct rpc_reply *reply);

struct relay_routes *relay_table(struct relay *r);

struct relay_figures {
    uint64_t calls, again, refused, lost, openings; /* made, made again elsewhere, no node, cut off, breakers opened */
    size_t under_way, open;                         /* calls; routes whose breaker is not closed */
};
void relay_figures(const struct relay *r, struct relay_figures *out);
/* "service at address: open for 1.2 s" per route that gets no calls, one per line; at most `max` of them. */
void relay_describe_open(const struct relay *r, size_t max, struct text *out);

#endif
