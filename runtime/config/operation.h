/* What config.c (requests, the component) and operation.c (from a request to its answer, by way of the store) share.
 *
 * A namespace's tree is one record of the store (database "micro", table "config", the namespace as key). Nothing is
 * kept here, so that the store may restart at any time. The record's metadata holds the namespace's revision, which
 * grows with every change, also over restarts and after everything was deleted (it is never less than the microseconds
 * since 1970). A change is read, modify, write: changes of one namespace stand in a lane and are made one after the
 * other. The write has the record read as its precondition. So one that nobody answered, and that reaches the store
 * late, cannot undo what was made since, and another config process cannot either: when the store says that the record
 * changed, the change is made anew on what is there.
 *
 * Calls the store did not answer are repeated. A read changes nothing; a write repeated is the same write with the same
 * precondition, so it happens once. When the store refuses the second, the record tells whether the first was made: its
 * metadata says which operation wrote it. When it was overwritten since, nobody knows, and the caller is told that. */
#ifndef RUNTIME_CONFIG_OPERATION_H
#define RUNTIME_CONFIG_OPERATION_H

#include "base/map.h"
#include "runtime/config/tree.h"
#include "runtime/config/watch.h"
#include "runtime/service/service.h"

#define CONFIG_NAMESPACE_MAX 256  /* bytes */
#define CONFIG_LANE_MAX      1000 /* operations of one namespace waiting */
#define CONFIG_CHECKSUM_SIZE 65   /* SHA-256 in hexadecimal, and the NUL */
#define CONFIG_CHANGE_BYTES  8    /* random bytes of an operation's name */

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
    int attempts, conflicts;
    bool unsure;    /* a write was not answered: it may have been made */
    bool there;     /* the record, when it was read */
    uint64_t found; /* its revision in the store; when it was not there, the store's */
    char change[2 * CONFIG_CHANGE_BYTES + 1];
    struct text tree;       /* CONFIG_SET, CONFIG_DELETE: what is being written; heap */
    json_t *before, *after; /* the same: the trees, when somebody wants to know */
    uint64_t revision;      /* of the tree found, then of the one written */
    uint64_t revision_found;
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
