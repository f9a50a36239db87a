/* BlobStore.Write, Delete, List. A blob is written as it comes: into a file of its own, synced bit by bit, indexed when
 * the caller has said everything. Until then nobody sees it; a caller that goes away leaves nothing. */
#include "base/log.h"
#include "runtime/store/handlers.h"

#include "base/array.h"

#include <stdio.h>

#define ID(method)     "store.BlobStore." method
#define BLOB_SYNC_STEP ((uint64_t)8 << 20) /* bytes written between two syncs: bounds how long one takes */

struct upload {
    struct store_pending pending;
    struct store_blob blob;
    struct store *store;
    struct world_file *file;
    struct world_timer idle;
    uint64_t synced;
    bool named, over; /* over: its file is in no need of us any more */
};

/* ---- what may be named ------------------------------------------------------------------------------------------ */

/* Keys are columns and never paths. Still none has ".." for a part of it: stores that v3 keeps blobs in (a folder, S3
 * behind a proxy), and tools that copy them out to files, take keys for paths. */
static bool climbs(const char *key)
{
    for (const char *part = key;; part++) {
        size_t len = strcspn(part, "/\\");
        if (len == 2 && part[0] == '.' && part[1] == '.')
            return true;
        part += len;
        if (!*part)
            return false;
    }
}

static bool blob_place(struct rpc_call *call, const char *id, const Store__BlobOptions *options, const char **ns)
{
    *ns = options && options->namespace_[0] ? options->namespace_ : STORE_DEFAULT_NAME;
    return store_name(call, id, "namespace", *ns);
}

static bool blob_key(struct rpc_call *call, const char *id, const char *key)
{
    if (!store_key(call, id, key))
        return false;
    if (!climbs(key))
        return true;
    micro_fail(call, 400, id, "invalid key: no part of it may be \"..\"");
    return false;
}

static bool valid_type(struct rpc_call *call, const char *type)
{
    size_t len = strlen(type);
    bool ok = len <= STORE_BLOB_TYPE_MAX && type[0] != ' ' && (len == 0 || type[len - 1] != ' ');
    for (size_t i = 0; ok && i < len; i++)
        ok = type[i] >= ' ' && type[i] <= '~';
    if (!ok)
        micro_fail(call, 400, ID("Write"),
                   "invalid contentType: at most %d printable ASCII characters, blanks only inside",
                   STORE_BLOB_TYPE_MAX);
    return ok;
}

/* ---- Write ------------------------------------------------------------------------------------------------------ */

/* The call's end follows. */
static void upload_end(struct upload *u, bool keep_file)
{
    if (u->over)
        return;
    u->over = true;
    u->store->blobs_open--;
    world_timer_stop(&u->idle);
    world_file_close(u->file);
    if (u->file && !keep_file)
        blob_files_remove(u->store->blob_files, u->blob.file);
    u->file = NULL;
}

static void upload_broken(struct rpc_call *call, struct upload *u, int rc, struct error *err)
{
    upload_end(u, false);
    log_warn("store", "a blob cannot be written: %s", err->message ? err->message : error_code_name(rc));
    micro_fail(call, rc == ERROR_NO_SPACE || rc == ERROR_MEMORY ? 507 : 503, ID("Write"), "%s",
               rc == ERROR_NO_SPACE ? "the disk is full"
               : err->message       ? err->message
                                    : error_code_name(rc));
    error_clear(err);
}

static void on_idle(void *arg)
{
    struct upload *u = arg;
    struct rpc_call *call = u->pending.call;
    upload_end(u, false);
    micro_fail(call, 408, ID("Write"), "nothing of the blob came for %d s", (int)(STORE_BLOB_IDLE / SECOND));
}

static void write_open(struct rpc_call *call, void *context)
{
    struct store *s = context;
    if (!micro_caller(call)) { /* before anything is kept for it; whose namespace it is comes with the first message */
        micro_fail(call, 401, ID("Write"), "an account is required");
        return;
    }
    if (s->blobs_open >= STORE_BLOBS_OPEN) {
        micro_fail(call, 503, ID("Write"), "more than %d blobs are on their way", STORE_BLOBS_OPEN);
        return;
    }
    struct upload *u = ARENA_NEW(rpc_call_arena(call), struct upload);
    if (!u) {
        micro_fail(call, 507, ID("Write"), "out of memory");
        return;
    }
    u->store = s;
    u->pending.call = call;
    world_timer_init(&u->idle, s->world, on_idle, u);
    (void)world_timer_start(&u->idle, STORE_BLOB_IDLE);
    s->blobs_open++;
    rpc_call_set_user(call, u);
}

/* The first message says what it is about. False: the call was finished. */
static bool begin(struct rpc_call *call, struct upload *u, const Store__BlobWriteRequest *first)
{
    const char *ns;
    if (!blob_place(call, ID("Write"), first->options, &ns) || !micro_authorize_admin(call, ns, ID("Write")) ||
        !blob_key(call, ID("Write"), first->key))
        return false;
    const char *type = first->options ? first->options->contenttype : "";
    if (!valid_type(call, type))
        return false;
    snprintf(u->blob.type, sizeof u->blob.type, "%s", type);
    u->blob.public = first->options && first->options->public_;
    u->pending.change = (struct store_change){.of_blob = true, .blob = &u->blob};
    u->pending.change.database = arena_string(rpc_call_arena(call), ns);
    u->pending.change.key = arena_string(rpc_call_arena(call), first->key);
    if (!u->pending.change.database || !u->pending.change.key) {
        micro_fail(call, 507, ID("Write"), "out of memory");
        return false;
    }
    u->named = true;
    return true;
}

static int append(struct upload *u, struct bytes data, struct error *err)
{
    int64_t n = world_file_pwrite(u->file, data.data, data.len, u->blob.size);
    if (n < 0)
        return error_set(err, (int)n, "writing: %s", error_code_name((int)n));
    u->blob.size += data.len;
    if (u->blob.size - u->synced < BLOB_SYNC_STEP)
        return 0;
    u->synced = u->blob.size;
    int rc = world_file_sync(u->file);
    return rc ? error_set(err, rc, "syncing: %s", error_code_name(rc)) : 0;
}

static void write_message(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Store__BlobWriteRequest *request = (const Store__BlobWriteRequest *)(const void *)message;
    struct upload *u = rpc_call_user(call);
    struct store *s = context;
    struct error err = ERROR_INIT;
    if (!u)
        return; /* refused when it was opened */
    int rc = 0;
    if (!u->named && !begin(call, u, request)) {
        upload_end(u, false);
        return;
    }
    if (request->blob.len > s->blob_max - u->blob.size) {
        upload_end(u, false);
        micro_fail(call, 507, ID("Write"), "the blob is larger than %llu bytes", (unsigned long long)s->blob_max);
        return;
    }
    if (!u->file)
        rc = blob_files_create(s->blob_files, u->blob.file, &u->file, &err);
    if (rc == 0 && request->blob.len)
        rc = append(u, BYTES(request->blob.data, request->blob.len), &err);
    if (rc)
        upload_broken(call, u, rc, &err);
    else
        (void)world_timer_start(&u->idle, STORE_BLOB_IDLE);
}

/* Whatever became of the transaction: the file that has no blob now goes when that is certain. */
static void write_ended(struct store *s, struct store_pending *p, int rc)
{
    const char *useless = rc == 0 ? p->change.old_file : p->change.blob->file;
    if (useless[0])
        blob_files_doom(s->blob_files, useless);
}

static void write_half_closed(struct rpc_call *call, void *context)
{
    static const Store__BlobWriteResponse written = STORE__BLOB_WRITE_RESPONSE__INIT;
    struct upload *u = rpc_call_user(call);
    struct store *s = context;
    struct error err = ERROR_INIT;
    if (!u)
        return;
    if (!u->named) {
        upload_end(u, false);
        micro_fail(call, 400, ID("Write"), "a key is required (at most %d bytes)", STORE_KEY_MAX);
        return;
    }
    int rc = world_file_sync(u->file);
    if (rc)
        error_set(&err, rc, "syncing: %s", error_code_name(rc));
    if (rc == 0)
        rc = blob_files_settle(s->blob_files, &err);
    if (rc == 0 && (rc = world_point(s->world, "store.blob.before_index")) != 0)
        error_set(&err, rc, "failed before it was indexed: %s", error_code_name(rc));
    if (rc) {
        upload_broken(call, u, rc, &err);
        return;
    }
    upload_end(u, true);
    u->blob.written = world_wall(s->world);
    u->pending.id = ID("Write");
    u->pending.reply = &written.base;
    u->pending.ended = write_ended;
    store_submit(s, &u->pending);
}

static void write_cancelled(struct rpc_call *call, void *context)
{
    struct upload *u = rpc_call_user(call);
    (void)context;
    if (u && u->pending.reply)
        return; /* it is in a batch, whose end finishes the call */
    if (u)
        upload_end(u, false);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

/* ---- Delete ----------------------------------------------------------------------------------------------------- */

static void delete_ended(struct store *s, struct store_pending *p, int rc)
{
    if (rc == 0 && p->change.old_file[0])
        blob_files_doom(s->blob_files, p->change.old_file);
}

static void delete_blob(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const Store__BlobDeleteResponse deleted = STORE__BLOB_DELETE_RESPONSE__INIT;
    const Store__BlobDeleteRequest *request = (const Store__BlobDeleteRequest *)(const void *)message;
    const char *ns;
    if (!blob_place(call, ID("Delete"), request->options, &ns) || !micro_authorize_admin(call, ns, ID("Delete")) ||
        !blob_key(call, ID("Delete"), request->key))
        return;
    struct store_pending *p = ARENA_NEW(rpc_call_arena(call), struct store_pending);
    if (!p) {
        micro_fail(call, 507, ID("Delete"), "out of memory");
        return;
    }
    *p = (struct store_pending){.call = call,
                                .change = {.remove = true, .of_blob = true, .database = ns, .key = request->key},
                                .id = ID("Delete"),
                                .reply = &deleted.base,
                                .ended = delete_ended};
    store_submit(context, p);
}

/* ---- List ------------------------------------------------------------------------------------------------------- */

struct keys {
    struct arena *arena;
    ARRAY(char *) items;
    size_t size;
    bool too_large, no_memory;
};

static bool on_key(void *arg, struct bytes key)
{
    struct keys *k = arg;
    k->size += key.len + 8;
    k->too_large = k->size > STORE_ANSWER_MAX;
    if (k->too_large)
        return false;
    char *copy = arena_string_n(k->arena, key.len ? (const char *)key.data : "", key.len);
    k->no_memory = !copy || !array_push(&k->items, copy);
    return !k->no_memory;
}

static void list_blobs(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Store__BlobListRequest *request = (const Store__BlobListRequest *)(const void *)message;
    const char *ns = request->options && request->options->namespace_[0] ? request->options->namespace_ : "micro";
    struct store *s = context;
    if (!store_name(call, ID("List"), "namespace", ns) || !micro_authorize_admin(call, ns, ID("List")))
        return;
    struct keys k = {.arena = rpc_call_arena(call)};
    struct error err = ERROR_INIT;
    int rc = store_blob_list(s->database, ns, request->options ? request->options->prefix : "", on_key, &k, &err);
    if (rc) {
        micro_fail(call, 503, ID("List"), "%s", err.message ? err.message : error_code_name(rc));
    } else if (k.no_memory) {
        micro_fail(call, 507, ID("List"), "out of memory");
    } else if (k.too_large) {
        micro_fail(call, 400, ID("List"), "more than %zu bytes of keys: ask for them by prefix", STORE_ANSWER_MAX);
    } else {
        Store__BlobListResponse reply = STORE__BLOB_LIST_RESPONSE__INIT;
        reply.keys = k.items.items;
        reply.n_keys = k.items.count;
        rpc_call_reply(call, &reply.base);
    }
    error_clear(&err);
    array_deinit(&k.items);
}

static const struct rpc_method methods[] = {
    {.name = "Read",
     .input = &store__blob_read_request__descriptor,
     .output = &store__blob_read_response__descriptor,
     .unary = store_blob_read,
     .writable = store_blob_read_writable,
     .cancelled = store_blob_read_cancelled},
    {.name = "Write",
     .input = &store__blob_write_request__descriptor,
     .output = &store__blob_write_response__descriptor,
     .open = write_open,
     .message = write_message,
     .half_closed = write_half_closed,
     .cancelled = write_cancelled},
    {.name = "Delete",
     .input = &store__blob_delete_request__descriptor,
     .output = &store__blob_delete_response__descriptor,
     .unary = delete_blob},
    {.name = "List",
     .input = &store__blob_list_request__descriptor,
     .output = &store__blob_list_response__descriptor,
     .unary = list_blobs},
};
const struct rpc_service store_blob_service = {
    .name = "store.BlobStore", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};
