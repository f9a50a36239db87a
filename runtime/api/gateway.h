/* The HTTP gateway: HTTP requests become gRPC calls.
 *
 * The way of a request: CORS, the caller (token, rate, block list), the route, the rules of access, the handler. A
 * route a service asked for (custom.h) goes before the path's rule (path.h). Parameters and body become the request
 * (request.h), the answer's JSON is the body. The token (Authorization: Bearer, or the cookie micro-token) and the
 * namespace (Micro-Namespace, else the account's issuer, else "micro") go along as metadata. An endpoint that streams
 * answers with one JSON object a line, chunked, or over a WebSocket. See passage.h for the parts. */
#ifndef RUNTIME_API_GATEWAY_H
#define RUNTIME_API_GATEWAY_H

#include "rpc/http.h"
#include "runtime/api/blocklist.h"
#include "runtime/api/custom.h"
#include "runtime/api/follow.h"
#include "runtime/api/limiter.h"
#include "runtime/api/routes.h"
#include "runtime/api/settings.h"
#include "runtime/service/service.h"

#define GATEWAY_TIMEOUT     ((uint64_t)30 * (uint64_t)SECOND) /* for a call that answers once, unless the client says */
#define GATEWAY_TIMEOUT_MAX ((uint64_t)600 * (uint64_t)SECOND)
/* A refusal comes sooner, and so has a status of its own. */
#define GATEWAY_STREAM_BEGIN   ((uint64_t)200 * (uint64_t)MILLISECOND)
#define GATEWAY_BODY_MAX       ((size_t)10 << 20)
#define GATEWAY_FORWARD_MAX    64 /* request headers passed on as metadata */
#define GATEWAY_REQUEST_ID_MAX 128
#define GATEWAY_SOCKET_FIRST   ((uint64_t)60 * (uint64_t)SECOND)  /* a WebSocket's first message must have come */
#define GATEWAY_TUNNEL_IDLE    ((uint64_t)600 * (uint64_t)SECOND) /* of a WebSocket passed on to a service */
#define GATEWAY_TUNNELS_MAX    4096                               /* of those, open at once */
#define GATEWAY_HEALTH_PATH    "/_health" /* no service can have it: names begin with a letter or digit */
#define GATEWAY_VERSION        "3.19.0"   /* the Micro version whose contracts are spoken */

struct gateway {
    struct world *world;
    struct micro_service *service;
    const struct micro_options *options;
    struct api_settings *settings;
    struct http_server *http;
    struct api_routes routes;
    struct api_custom custom;
    struct api_follow follow;
    struct api_limiter limiter;
    struct api_blocklist blocklist;
    uint32_t turn;        /* of nodes, for the reverse proxy */
    size_t tunnels;       /* open */
    struct grant *grants; /* what callers hold on to; see passage.h */
};

void gateway_handle(void *gateway, struct http_exchange *x); /* for http_server_new() */

#endif
