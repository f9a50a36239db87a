/* Follows the registry's changes in all namespaces: what the gateway remembers of a changed service is out of date at
 * once, and the routes services ask for (custom.h) are the registered ones. The stream is opened again with back-off
 * when it ends; what is known stays in force meanwhile. */
#ifndef RUNTIME_API_FOLLOW_H
#define RUNTIME_API_FOLLOW_H

#include "runtime/api/custom.h"
#include "runtime/api/routes.h"

#define FOLLOW_RETRY_FIRST ((uint64_t)100 * (uint64_t)MILLISECOND)
#define FOLLOW_RETRY_MAX   ((uint64_t)5 * (uint64_t)SECOND)

struct api_follow {
    struct micro_service *service;
    struct api_routes *routes;
    struct api_custom *custom;
    struct rpc_stream *watch;
    struct world_timer retry;
    uint64_t backoff;
    bool stopping;
};

void api_follow_start(struct api_follow *f, struct micro_service *service, struct api_routes *routes,
                      struct api_custom *custom);
void api_follow_stop(struct api_follow *f); /* before the service is freed, which ends the calls */

#endif
