/* BlobStore.Read: a blob in pieces, as fast as the caller takes them. The file stays open from the first piece on, so a
 * blob that is replaced or deleted meanwhile is read to its end as it was.
 *
 * A blob written with `public` may be read by anybody, with an account of any namespace or none: that is what the word
 * means to the stores v3 keeps blobs in (S3's public-read). Who may not read a namespace is not told which other keys
 * it has: no account is 401, another namespace's is 403, there or not. */
#include "base/log.h"
#include "runtime/store/handlers.h"

static const char id[] = "store.BlobStore.Read";

struct download {
    struct store *store;
    struct rpc_call *call;
    struct world_file *file;
    struct world_timer idle;
    uint64_t at, size;
};

static void download_end(struct rpc_call *call, struct download *d)
{
    world_timer_stop(&d->idle);
    world_file_close(d->file);
    d->file = NULL;
    d->store->blobs_open--;
    rpc_call_set_user(call, NULL);
}

static void on_idle(void *arg)
{
    struct download *d = arg;
    struct rpc_call *call = d->call;
    download_end(call, d);
    micro_fail(call, 408, id, "nothing of the blob was taken for %d s", (int)(STORE_BLOB_IDLE / SECOND));
}

static int send_piece(struct rpc_call *call, struct download *d)
{
    Store__BlobReadResponse piece = STORE__BLOB_READ_RESPONSE__INIT;
    uint64_t left = d->size - d->at;
    size_t want = left < STORE_BLOB_CHUNK ? (size_t)left : STORE_BLOB_CHUNK;
    int64_t n = world_file_pread(d->file, d->store->blob_chunk, want, d->at);
    if (n >= 0 && (size_t)n < want)
        return ERROR_IO; /* shorter than it was when it was indexed */
    if (n < 0)
        return (int)n;
    piece.blob = (ProtobufCBinaryData){want, d->store->blob_chunk};
    d->at += want;
    return rpc_call_send(call, &piece.base);
}

static void go_on(struct rpc_call *call, struct download *d)
{
    int rc = 0;
    while (rc == 0 && d->at < d->size && !rpc_call_busy(call))
        rc = send_piece(call, d);
    if (rc == 0 && d->at < d->size) {
        (void)world_timer_start(&d->idle, STORE_BLOB_IDLE);
        return;
    }
    download_end(call, d);
    if (rc == 0) {
        rpc_call_finish(call, GRPC_OK, "");
        return;
    }
    log_warn("store", "a blob cannot be read to its end: %s", error_code_name(rc));
    micro_fail(call, rc == ERROR_MEMORY ? 507 : 500, id, "the blob cannot be read: %s", error_code_name(rc));
}

/* False: the call was finished. */
static bool find(struct rpc_call *call, struct store *s, const Store__BlobReadRequest *request, struct store_blob *blob)
{
    const Store__BlobOptions *options = request->options;
    const char *ns = options && options->namespace_[0] ? options->namespace_ : STORE_DEFAULT_NAME;
    struct error err = ERROR_INIT;
    if (!store_name(call, id, "namespace", ns))
        return false;
    int rc = store_blob_find(s->database, ns, request->key, blob, &err);
    bool everybody = rc == 0 && blob->public;
    if (!everybody && (!micro_authorize_admin(call, ns, id) || !store_key(call, id, request->key))) {
        error_clear(&err);
        return false;
    }
    if (rc == ERROR_NOT_FOUND)
        micro_fail(call, 404, id, "not found");
    else if (rc)
        micro_fail(call, 503, id, "%s", err.message ? err.message : error_code_name(rc));
    error_clear(&err);
    return rc == 0;
}

void store_blob_read(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct store *s = context;
    struct store_blob blob = {0};
    struct error err = ERROR_INIT;
    if (!find(call, s, (const Store__BlobReadRequest *)(const void *)message, &blob))
        return;
    if (s->blobs_open >= STORE_BLOBS_OPEN) {
        micro_fail(call, 503, id, "more than %d blobs are on their way", STORE_BLOBS_OPEN);
        return;
    }
    struct download *d = ARENA_NEW(rpc_call_arena(call), struct download);
    if (!d) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    int rc = blob_files_open(s->blob_files, blob.file, &d->file, &err);
    if (rc) {
        log_error("store", "the content of a blob is not there: %s", err.message ? err.message : error_code_name(rc));
        micro_fail(call, 500, id, "the blob's content cannot be opened: %s", error_code_name(rc));
        error_clear(&err);
        return;
    }
    d->store = s;
    d->call = call;
    d->size = blob.size;
    world_timer_init(&d->idle, s->world, on_idle, d);
    s->blobs_open++;
    rpc_call_set_user(call, d);
    if (blob.type[0])
        (void)rpc_call_send_header(call, "blob-content-type", bytes_of(blob.type));
    (void)rpc_call_send_header(call, "blob-public", bytes_of(blob.public ? "true" : "false"));
    go_on(call, d);
}

void store_blob_read_writable(struct rpc_call *call, void *context)
{
    (void)context;
    struct download *d = rpc_call_user(call);
    if (d)
        go_on(call, d);
}

void store_blob_read_cancelled(struct rpc_call *call, void *context)
{
    (void)context;
    struct download *d = rpc_call_user(call);
    if (d)
        download_end(call, d);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}
