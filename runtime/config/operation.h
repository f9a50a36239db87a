/* What config.c (requests, the component) and operation.c (from a request to its answer, by way of the store) share.
 *
 * A namespace's tree is one record of the store (database "micro", table "config", the namespace as key). Nothing is
 * kept here, so that the store may restart at any time. The record's metadata holds the namespace's revision, which
 * grows with every change, also over restarts and after everything was deleted (it is never less than the microseconds
 * since 1970). A change is read, modify, write: changes of one namespace stand
 * in a lane and are made one after the other. Calls the store did not answer are repeated, which is harmless: a read
 * changes nothing, and a write again writes the same. */
#ifndef RUNTIME_CONFIG_OPERATION_H
#define RUNTIME_CONFIG_OPERATION_H

#include "base/map.h"
#include "runtime/config/tree.h"
#include "runtime/config/watch.h"
#include "runtime/service/service.h"

#define CONFIG_NAMESPACE_MAX 256  /* bytes */
#define CONFIG_LANE_MAX      1000 /* operations of one namespace waiting */
#define CONFIG_CHECKSUM_SIZE 65   /* SHA-256 in hexadecimal, and the NUL */

struct config {
    struct world *world;
    struct micro_service *service;
    struct config_key key;
    struct map lanes; /* namespace -> struct config_lane, while it has changes to make */
    bool stopping;
    struct config_watcher *watchers;
    size_t watcher_count;
    const char *topic; /* of the broker, for changes; NULL: none */
    int publishing;    /* messages on their way to it */
};

enum config_kind { CONFIG_GET, CONFIG_READ, CONFIG_SET, CONFIG_DELETE, CONFIG_WATCH };

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
    struct text tree;       /* CONFIG_SET, CONFIG_DELETE: what is being written; heap */
    json_t *before, *after; /* the same: the trees, when somebody wants to know */
    uint64_t revision;      /* of the tree found, then of the one written */
    struct config_operation *next;
};

extern const char *const config_ids[]; /* of errors, by kind */

/* A request checked and authorised; NULL: the call was ended. */
struct config_operation *config_prepare(struct config *c, struct rpc_call *call, enum config_kind kind,
                                        const char *namespace, const char *path);
/* Begins it; its call is finished sooner or later. Changes and watches wait for those of the same namespace before
 * them. */
void config_operation_start(struct config_operation *op);

void config_checksum(struct bytes data, char out[CONFIG_CHECKSUM_SIZE]);
void config_publish(struct config *c, const struct config_made *made); /* publish.c */

#endif
