/* What the store's files share: store.c batches and commits, handlers.c checks requests and reads, list.c lists keys.
 */
#ifndef RUNTIME_STORE_HANDLERS_H
#define RUNTIME_STORE_HANDLERS_H

#include "base/units.h"
#include "proto/store/store.pb-c.h"
#include "runtime/service/service.h"
#include "runtime/store/database.h"

#include <stdlib.h>

#define STORE_DEFAULT_NAME "micro"
#define STORE_NAME_MAX     128                 /* characters of a database's or a table's name */
#define STORE_KEY_MAX      4096                /* bytes */
#define STORE_VALUE_MAX    ((size_t)16 << 20)  /* bytes of a record's value */
#define STORE_ANSWER_MAX   ((size_t)30 << 20)  /* bytes of records in one answer; the wire's limit is 32 MiB */
#define STORE_LIST_PIECE   1000                /* keys in one message of List */
#define STORE_EXPIRY_MAX   INT64_C(3153600000) /* seconds: a hundred years */

/* A change waiting for its commit; lives in its call's memory. */
struct store_pending {
    struct rpc_call *call;
    struct store_change change;
    struct store_pending *next;
};

struct store {
    struct world *world;
    struct micro_service *service;
    struct store_database *database;
    struct store_pending *pending, **pending_end;
    struct world_task flush;
    struct world_timer expiry, probe, late;
    bool expiring; /* the batch wrote something that expires */
};

void store_submit(struct store *s, struct store_pending *p);

/* handlers.c: false when the call was finished. Blank names become the default, and the caller must be the database's
 * admin; `table` may be NULL. `order` is "asc", "desc" or blank. */
bool store_place(struct rpc_call *call, const char *id, const char **database, const char **table);
bool store_order(struct rpc_call *call, const char *id, const char *order, bool *descending);

/* list.c */
void store_list(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void store_list_writable(struct rpc_call *call, void *context);
void store_list_cancelled(struct rpc_call *call, void *context);

extern const struct rpc_service store_service, store_blob_service;

#endif
