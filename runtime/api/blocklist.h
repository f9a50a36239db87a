/* Accounts whose requests the gateway refuses, and api.Api, by which admins of "micro" say so.
 *
 * The list is in memory; each change is in the store (database "micro", table "api", key "blocklist/<namespace>/<id>")
 * before it is answered. It is read from there at the start and every BLOCKLIST_EVERY, so that several gateways agree;
 * while the store is away what is known stays in force and changes are refused with 503. Whether it is applied: option
 * blocklist-enabled, else the config value micro.api.blocklist_enabled, else yes. */
#ifndef RUNTIME_API_BLOCKLIST_H
#define RUNTIME_API_BLOCKLIST_H

#include "base/map.h"
#include "base/units.h"
#include "runtime/service/service.h"

#define BLOCKLIST_MAX      100000
#define BLOCKLIST_NAME_MAX 256 /* bytes of a namespace or an id */
#define BLOCKLIST_EVERY    ((uint64_t)30 * (uint64_t)SECOND)
#define BLOCKLIST_SOON     ((uint64_t)1 * (uint64_t)SECOND) /* until it was read once */

struct api_blocklist {
    struct micro_service *service;
    struct map ids; /* "namespace/id" -> itself */
    struct world_timer timer;
    int option;   /* -1: as the config says */
    bool enabled; /* by the config */
    bool loaded, reading, stopping;
    uint64_t changes;         /* made here: a list read meanwhile is out of date */
    void (*grown)(void *arg); /* somebody may have come onto it; NULL: nobody listens */
    void *grown_arg;
};

extern const struct rpc_service api_blocklist_service; /* its context is the list */
void api_blocklist_init(struct api_blocklist *b, struct micro_service *service, int option);
void api_blocklist_start(struct api_blocklist *b);
void api_blocklist_stop(struct api_blocklist *b); /* before the service is freed */
void api_blocklist_deinit(struct api_blocklist *b);
bool api_blocklist_has(const struct api_blocklist *b, const char *namespace, const char *id);

#endif
