/* What the store's files share: store.c batches and commits, handlers.c checks requests and reads, list.c lists keys;
 * blobs.c takes, deletes and lists blobs, blob_read.c gives them, blob_files.c keeps their files. */
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
#define STORE_BLOB_MAX     ((uint64_t)1 << 30) /* bytes of a blob, unless --blob-max says otherwise */
#define STORE_BLOB_CHUNK   ((size_t)64 << 10)  /* bytes of a blob in one message */
#define STORE_BLOBS_OPEN   256                 /* blobs on their way at one time, both directions together */
#define STORE_BLOB_IDLE    (60 * SECOND)       /* without a byte: the other side is gone */
#define STORE_EXPIRY_MAX   INT64_C(3153600000) /* seconds: a hundred years */

struct store;

/* A change waiting for its commit; lives in its call's memory. */
struct store_pending {
    struct rpc_call *call;
    struct store_change change;
    const char *id; /* of errors: "store.Store.Write" */
    const ProtobufCMessage *reply;
    /* NULL, or told how it ended, before the call is answered. */
    void (*ended)(struct store *s, struct store_pending *p, int rc);
    struct store_pending *next;
};

struct blob_files; /* blob_files.c */

struct store {
    struct world *world;
    struct micro_service *service;
    struct store_database *database;
    struct store_pending *pending, **pending_end;
    struct world_task flush;
    struct world_timer expiry, probe, late;
    bool expiring; /* the batch wrote something that expires */
    struct blob_files *blob_files;
    uint64_t blob_max;   /* bytes */
    size_t blobs_open;   /* on their way */
    uint8_t *blob_chunk; /* STORE_BLOB_CHUNK bytes, for one read at a time */
};

void store_submit(struct store *s, struct store_pending *p);

/* handlers.c: false when the call was finished. A blank database is the caller's namespace, a blank table the default;
 * the caller must be the database's admin; `table` may be NULL. `order` is "asc", "desc" or blank. */
bool store_place(struct rpc_call *call, const char *id, const char **database, const char **table);
bool store_key(struct rpc_call *call, const char *id, const char *key);
bool store_name(struct rpc_call *call, const char *id, const char *what, const char *name);
bool store_order(struct rpc_call *call, const char *id, const char *order, bool *descending);

/* list.c */
void store_list(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void store_list_writable(struct rpc_call *call, void *context);
void store_list_cancelled(struct rpc_call *call, void *context);

/* blob_read.c */
void store_blob_read(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void store_blob_read_writable(struct rpc_call *call, void *context);
void store_blob_read_cancelled(struct rpc_call *call, void *context);

/* blob_files.c */
int blob_files_new(struct store *s, const char *directory, struct blob_files **out, struct error *err);
void blob_files_free(struct blob_files *f);
/* A new empty file under a name nobody has. */
int blob_files_create(struct blob_files *f, char name[STORE_BLOB_FILE_MAX + 1], struct world_file **out,
                      struct error *err);
int blob_files_open(struct blob_files *f, const char *name, struct world_file **out, struct error *err);
int blob_files_settle(struct blob_files *f, struct error *err); /* names made so far survive a power cut */
void blob_files_remove(struct blob_files *f, const char *name); /* one that never was in a transaction */
/* The file may have no blob any more: it is removed at the next sweep unless the index has it. A sweep comes behind a
 * commit, so that what the index says is what it will say after a power cut. */
void blob_files_doom(struct blob_files *f, const char *name);
void blob_files_sweep(struct blob_files *f);

extern const struct rpc_service store_service, store_blob_service;

#endif
