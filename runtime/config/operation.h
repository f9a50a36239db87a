/* What config.c (requests, the component) and operation.c (from a request to its answer, by way of the store) share.
 *
 * A namespace's tree is one record of the store (database "micro", table "config", the namespace as key). Nothing is
 * kept here, so that the store may restart at any time. A change is read, modify, write: changes of one namespace stand
 * in a lane and are made one after the other. Calls the store did not answer are repeated, which is harmless: a read
 * changes nothing, and a write again writes the same. */
#ifndef RUNTIME_CONFIG_OPERATION_H
#define RUNTIME_CONFIG_OPERATION_H

#include "base/map.h"
#include "runtime/config/tree.h"
#include "runtime/service/service.h"

#define CONFIG_NAMESPACE_MAX 256 /* bytes */

struct config {
    struct world *world;
    struct micro_service *service;
    struct config_key key;
    struct map lanes; /* namespace -> struct config_lane, while it has changes to make */
    bool stopping;
};

enum config_kind { CONFIG_GET, CONFIG_READ, CONFIG_SET, CONFIG_DELETE };

/* One call in work; lives in its call's memory. */
struct config_operation {
    struct config *config;
    struct rpc_call *call;
    enum config_kind kind;
    const char *namespace;
    const char *path_text;
    struct config_path *path;
    struct bytes value; /* CONFIG_SET */
    bool secret;
    int attempts;
    struct text tree; /* CONFIG_SET, CONFIG_DELETE: what is being written; heap */
    struct config_operation *next;
};

extern const char *const config_ids[]; /* of errors, by kind */

/* Begins it; its call is finished sooner or later. Changes wait for those of the same namespace before them. */
void config_operation_start(struct config_operation *op);

#endif
