/* What the gateway knows of a service before it calls it: whether it exists, which of its endpoints stream, and what
 * their requests look like.
 *
 * Services at fixed addresses (the core components) are known from the compiled-in contracts. Every other is asked for
 * at the registry; the answer is kept for ROUTE_FRESH. While the registry cannot be reached an older answer serves on.
 */
#ifndef RUNTIME_API_ROUTES_H
#define RUNTIME_API_ROUTES_H

#include "base/map.h"
#include "base/units.h"
#include "runtime/api/path.h"
#include "runtime/api/request.h"
#include "runtime/service/service.h"

#define ROUTE_FRESH ((uint64_t)10 * (uint64_t)SECOND)
#define ROUTES_MAX  1024 /* services remembered */

struct api_routes {
    struct world *world;
    struct micro_service *service;
    const struct micro_options *options;
    struct map known; /* name -> struct route */
    bool stopping;    /* no look-up finds anything any more */
};

/* What there is to know of one endpoint; `schema` is valid during the callback. */
struct api_route {
    int code; /* 200, 404 (no such service), 503 (the registry cannot tell) */
    const char *detail;
    bool streams; /* the server's answers may be many */
    struct api_schema schema;
};
typedef void api_route_found(void *arg, const struct api_route *route);

void api_routes_init(struct api_routes *r, struct micro_service *service, const struct micro_options *options);
void api_routes_deinit(struct api_routes *r);
/* Calls found(arg) once: at once when it is known, else from the loop. */
void api_routes_find(struct api_routes *r, const struct api_target *target, api_route_found *found, void *arg);
void api_routes_forget(struct api_routes *r, const char *service); /* it did not answer: ask again next time */

#endif
