/* The HTTP/JSON gateway: every HTTP request is one gRPC call with the codec application/grpc+json.
 *
 * The path names service and endpoint (path.h), parameters and body become the request (request.h), the answer's JSON
 * is the body. The token (Authorization: Bearer, or the cookie micro-token) and the namespace (Micro-Namespace, else
 * the account's issuer, else "micro") go along as metadata; whether the caller may call is for the service to say. An
 * endpoint that streams answers with one JSON object a line, chunked. */
#ifndef RUNTIME_API_GATEWAY_H
#define RUNTIME_API_GATEWAY_H

#include "rpc/http.h"
#include "runtime/api/callers.h"
#include "runtime/api/routes.h"
#include "runtime/service/service.h"

#define GATEWAY_TIMEOUT ((uint64_t)30 * (uint64_t)SECOND) /* for a call that answers once */
/* A refusal comes sooner, and so has a status of its own. */
#define GATEWAY_STREAM_BEGIN   ((uint64_t)200 * (uint64_t)MILLISECOND)
#define GATEWAY_BODY_MAX       ((size_t)10 << 20)
#define GATEWAY_FORWARD_MAX    64 /* request headers passed on as metadata */
#define GATEWAY_REQUEST_ID_MAX 128
#define GATEWAY_VERSION        "3.19.0" /* the Micro version whose contracts are spoken */

struct gateway {
    struct world *world;
    struct micro_service *service;
    const struct micro_options *options;
    struct api_routes routes;
    struct api_callers callers;
};

void gateway_handle(void *gateway, struct http_exchange *x); /* for http_server_new() */

#endif
