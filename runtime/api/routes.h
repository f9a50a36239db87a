/* What the gateway knows of a service before it calls it: whether it exists, which of its endpoints stream, what their
 * requests look like, and how to reach it.
 *
 * Services at fixed addresses (the core components) are known from the compiled-in contracts. Every other is asked for
 * at the registry, in the domain of the request's namespace and then in "micro"; the answer is kept until the registry
 * tells of a change, and for ROUTE_FRESH at most. While the registry cannot be reached an older answer serves on.
 *
 * What neither namespace has may be a peer's (docs/network.md): when the network is at the registry, the call goes
 * there and is relayed to the peer. The network answers 404 when no peer has it either. Which of its endpoints stream
 * is only known where the contract is compiled in.
 *
 * Services of "micro" and of the gateway's own namespace are reached by the framework's channels, which follow the
 * registry by themselves; those of other namespaces by channels kept here, told of new addresses with each look-up. */
#ifndef RUNTIME_API_ROUTES_H
#define RUNTIME_API_ROUTES_H

#include "base/map.h"
#include "base/units.h"
#include "runtime/api/path.h"
#include "runtime/api/request.h"
#include "runtime/service/service.h"

#define ROUTE_FRESH ((uint64_t)30 * (uint64_t)SECOND)
#define ROUTES_MAX  1024 /* services remembered */
#define LINKS_MAX   1024 /* channels to services of other namespaces */

struct api_routes {
    struct world *world;
    struct micro_service *service;
    const struct micro_options *options;
    struct map known;     /* "domain/name" -> struct route */
    struct map links;     /* the same -> struct rpc_channel */
    uint64_t alone_until; /* there is no network, as far as we know */
    bool stopping;        /* no look-up finds anything any more */
};

/* What there is to know of one endpoint; everything is valid during the callback. */
struct api_route {
    int code; /* 200, 404 (no such service), 503 (the registry cannot tell) */
    const char *detail;
    const char *domain; /* where it was found */
    bool streams;       /* its answers, or its requests, may be many */
    bool one_request;   /* of a stream: only the answers are many. False: nobody told */
    struct api_schema schema;
    const Registry__GetResponse *found; /* versions and nodes; NULL at a fixed address, and elsewhere */
    bool elsewhere;                     /* nobody here has it: by the network */
};
typedef void api_route_found(void *arg, const struct api_route *route);

void api_routes_init(struct api_routes *r, struct micro_service *service, const struct micro_options *options);
/* Ends the calls on the channels kept here; nothing is found after it. */
void api_routes_close(struct api_routes *r);
void api_routes_deinit(struct api_routes *r);
/* Calls found(arg) once: at once when it is known, else from the loop. */
void api_routes_find(struct api_routes *r, const char *namespace, const struct api_target *target,
                     api_route_found *found, void *arg);
/* It changed: ask again next time. */
void api_routes_forget(struct api_routes *r, const char *domain, const char *service);
/* A call of it ended with UNAVAILABLE: ask again, in whatever domain it was. */
void api_routes_lost(struct api_routes *r, const char *service);
/* How to reach what was found. */
int api_routes_channel(struct api_routes *r, const struct api_route *route, const char *service,
                       struct rpc_channel **out, struct error *err);
/* "host:port" of a node; false: it has none. */
bool api_routes_node_address(const Registry__Node *node, char *out, size_t size);

#endif
