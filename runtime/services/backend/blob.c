#include "runtime/services/backend/blob.h"

#include "base/units.h"
#include "proto/store/store.pb-c.h"

#include <string.h>

#define TIMEOUT ((uint64_t)(30 * SECOND))
#define PIECE   ((size_t)256 << 10)

/* A stream under way; in the arena. */
struct transfer {
    struct micro_service *service;
    struct arena *arena;
    struct micro_outgoing outgoing;
    struct rpc_stream *stream;
    struct text bytes; /* what was read so far; freed at the end */
    const char *type;
    int failure; /* why it was broken off here */
    blob_got *got;
    micro_done *done;
    void *arg;
};

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct transfer *x = arg;
    struct bytes type = grpc_metadata_get(headers, "blob-content-type");
    if (type.data)
        x->type = arena_string_n(x->arena, (const char *)type.data, type.len);
}

static void on_message(void *arg, struct bytes message)
{
    struct transfer *x = arg;
    struct arena a = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    int rc = x->failure ? x->failure : pb_unpack(&store__blob_read_response__descriptor, message, &a, &m, NULL);
    if (rc == 0) {
        const Store__BlobReadResponse *r = (const Store__BlobReadResponse *)(const void *)m;
        if (r->blob.len > BLOB_MAX - x->bytes.len)
            rc = ERROR_LIMIT;
        else
            text_add(&x->bytes, r->blob.data, r->blob.len);
    }
    if (rc == 0 && !text_ok(&x->bytes))
        rc = ERROR_MEMORY;
    if (rc && !x->failure) {
        x->failure = rc;
        rpc_stream_cancel(x->stream);
    }
    arena_deinit(&a);
}

static void on_read(void *arg, const struct rpc_reply *r)
{
    struct transfer *x = arg;
    struct bytes blob = BYTES("", 0);
    int status = r->status;
    const char *words = arena_string_n(x->arena, r->message.data ? (const char *)r->message.data : "", r->message.len);
    if (x->failure) {
        status = x->failure == ERROR_MEMORY || x->failure == ERROR_LIMIT ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL;
        words = x->failure == ERROR_MEMORY ? "{\"code\":507,\"detail\":\"out of memory\"}" : "the blob cannot be read";
    }
    if (status == GRPC_OK) {
        const void *copy = arena_copy(x->arena, text_string(&x->bytes), x->bytes.len);
        blob = BYTES(copy, copy ? x->bytes.len : 0);
        status = copy ? GRPC_OK : GRPC_RESOURCE_EXHAUSTED;
        words = copy ? "" : "{\"code\":507,\"detail\":\"out of memory\"}";
    }
    text_deinit(&x->bytes);
    micro_outgoing_end(x->service, &x->outgoing, status);
    x->got(x->arg, status, words ? words : "", blob, x->type ? x->type : "");
}

static void on_written(void *arg, const struct rpc_reply *r)
{
    struct transfer *x = arg;
    const char *words = arena_string_n(x->arena, r->message.data ? (const char *)r->message.data : "", r->message.len);
    micro_outgoing_end(x->service, &x->outgoing, r->status);
    x->done(x->arg, r->status, words ? words : "", NULL);
}

static int open_stream(struct transfer *x, const char *path, struct bytes message,
                       void (*finished)(void *arg, const struct rpc_reply *r))
{
    const struct rpc_stream_events events = {.headers = on_headers, .message = on_message, .finished = finished};
    struct rpc_channel *channel = NULL;
    int rc = micro_service_channel(x->service, "store", &channel, NULL);
    if (rc)
        return rc;
    micro_outgoing_init(x->service, &x->outgoing, path);
    const struct rpc_request r = {.path = path,
                                  .metadata = x->outgoing.metadata,
                                  .timeout = TIMEOUT,
                                  .wait_for_ready = true,
                                  .message = message,
                                  .has_message = message.data != NULL};
    return rpc_stream_open(channel, &r, &events, x, &x->stream, NULL);
}

static struct transfer *transfer_new(struct micro_service *s, struct arena *a, void *arg)
{
    struct transfer *x = ARENA_NEW(a, struct transfer);
    if (x)
        *x = (struct transfer){.service = s, .arena = a, .arg = arg};
    return x;
}

int blob_get(struct micro_service *s, struct arena *a, const char *key, blob_got *got, void *arg)
{
    struct transfer *x = transfer_new(s, a, arg);
    Store__BlobReadRequest request = STORE__BLOB_READ_REQUEST__INIT;
    Store__BlobOptions options = STORE__BLOB_OPTIONS__INIT;
    struct text wire = TEXT_INIT;
    request.key = arena_string(a, key);
    options.namespace_ = arena_string(a, MICRO_NAMESPACE);
    request.options = &options;
    int rc = x && request.key && options.namespace_ ? pb_pack(&request.base, &wire) : ERROR_MEMORY;
    if (rc == 0 && x) {
        x->got = got;
        rc = text_ok(&wire) ? open_stream(x, "/store.BlobStore/Read", text_bytes(&wire), on_read) : ERROR_MEMORY;
    }
    text_deinit(&wire);
    return rc;
}

static int send_piece(struct transfer *x, Store__BlobWriteRequest *request, struct bytes piece)
{
    struct text wire = TEXT_INIT;
    request->blob.data = arena_copy(x->arena, piece.data, piece.len);
    request->blob.len = piece.len;
    int rc = request->blob.data ? pb_pack(&request->base, &wire) : ERROR_MEMORY;
    if (rc == 0)
        rc = text_ok(&wire) ? rpc_stream_send(x->stream, text_bytes(&wire)) : ERROR_MEMORY;
    text_deinit(&wire);
    return rc;
}

int blob_put(struct micro_service *s, struct arena *a, const char *key, const char *type, struct bytes blob,
             micro_done *done, void *arg)
{
    struct transfer *x = transfer_new(s, a, arg);
    Store__BlobWriteRequest first = STORE__BLOB_WRITE_REQUEST__INIT, next = STORE__BLOB_WRITE_REQUEST__INIT;
    Store__BlobOptions options = STORE__BLOB_OPTIONS__INIT;
    first.key = arena_string(a, key);
    options.namespace_ = arena_string(a, MICRO_NAMESPACE);
    options.contenttype = arena_string(a, type);
    first.options = &options;
    if (!x || !first.key || !options.namespace_ || !options.contenttype)
        return ERROR_MEMORY;
    x->done = done;
    int rc = open_stream(x, "/store.BlobStore/Write", BYTES(NULL, 0), on_written);
    if (rc)
        return rc;
    for (size_t at = 0; rc == 0 && at < blob.len; at += PIECE)
        rc = send_piece(x, at ? &next : &first, BYTES(blob.data + at, blob.len - at < PIECE ? blob.len - at : PIECE));
    if (rc == 0)
        rc = rpc_stream_half_close(x->stream);
    if (rc)
        rpc_stream_cancel(x->stream); /* on_written() follows, with CANCELLED */
    return 0;
}

int blob_remove(struct micro_service *s, struct arena *a, const char *key, micro_done *done, void *arg)
{
    Store__BlobDeleteRequest request = STORE__BLOB_DELETE_REQUEST__INIT;
    Store__BlobOptions options = STORE__BLOB_OPTIONS__INIT;
    request.key = arena_string(a, key);
    options.namespace_ = arena_string(a, MICRO_NAMESPACE);
    request.options = &options;
    return request.key && options.namespace_ ? micro_call(s, "store", "BlobStore.Delete", &request.base,
                                                          &store__blob_delete_response__descriptor, 0, done, arg)
                                             : ERROR_MEMORY;
}
