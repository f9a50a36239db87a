/* Blobs as registers: written in pieces, read in pieces. A blob's content is its value and bytes drawn from it, so that
 * one that is torn, mixed of two, or cut short is told from every blob that was ever written. One in four is larger
 * than what HTTP/2 lets a sender have under way at first (64 KiB), so that faults find writes half done. */
#include "base/random.h"
#include "chaos/workload/kinds.h"
#include "chaos/workload/record_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.pb-c.h"

#define BLOB_SERVICE "store.BlobStore"
#define SMALL_MAX    ((uint64_t)2048)
#define LARGE_MIN    ((uint64_t)100 << 10)
#define LARGE_MAX    ((uint64_t)160 << 10)
#define PIECE        ((size_t)24 << 10)

struct client {
    struct text content; /* read so far */
    bool garbled;
};

/* "17 " and what follows from 17. */
static int content_of(int64_t value, struct text *out)
{
    struct random r;
    random_seed(&r, (uint64_t)value);
    uint64_t len = value % 4 == 0 ? LARGE_MIN + random_below(&r, LARGE_MAX - LARGE_MIN) : random_below(&r, SMALL_MAX);
    text_clear(out);
    text_printf(out, "%lld ", (long long)value);
    char bytes[256];
    for (uint64_t n = 0; n < len; n += sizeof bytes) {
        random_bytes(&r, bytes, sizeof bytes);
        text_add(out, bytes, sizeof bytes);
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

static int64_t value_of(const struct text *content)
{
    char digits[24] = "";
    struct bytes got = text_bytes(content);
    const char *blank = got.len > 0 ? memchr(got.data, ' ', got.len) : NULL;
    if (blank == NULL || (size_t)(blank - (const char *)got.data) >= sizeof digits)
        return RECORD_GARBLED;
    memcpy(digits, got.data, (size_t)(blank - (const char *)got.data));
    int64_t value = record_number(digits);
    struct text wanted = TEXT_INIT;
    if (value > 0 && (content_of(value, &wanted) != 0 || !bytes_equal(text_bytes(&wanted), got)))
        value = RECORD_GARBLED;
    text_deinit(&wanted);
    return value;
}

static struct workload_outcome written(struct workload_client *c, const struct rpc_reply *reply)
{
    workload_keep_revision(c, reply);
    return (struct workload_outcome){workload_end_of_write(reply), VALUE_NIL};
}

static void no_message(struct workload_client *c, struct bytes message)
{
    (void)c;
    (void)message;
}

static void on_piece(struct workload_client *c, struct bytes message)
{
    struct client *own = c->state;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    if (pb_unpack(&store__blob_read_response__descriptor, message, &arena, &unpacked, NULL) != 0) {
        own->garbled = true;
    } else {
        const Store__BlobReadResponse *piece = (const Store__BlobReadResponse *)unpacked;
        /* No blob of ours is longer: what follows cannot make it right. */
        if (own->content.len <= 2 * LARGE_MAX && piece->blob.len > 0)
            text_add(&own->content, (const char *)piece->blob.data, piece->blob.len);
    }
    arena_deinit(&arena);
}

static struct workload_outcome read_answered(struct workload_client *c, const struct rpc_reply *reply)
{
    const struct client *own = c->state;
    if (reply->status == GRPC_NOT_FOUND)
        return (struct workload_outcome){END_OK, VALUE_NIL};
    if (reply->status != GRPC_OK || !text_ok(&own->content))
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    return (struct workload_outcome){END_OK, own->garbled ? RECORD_GARBLED : value_of(&own->content)};
}

struct place {
    char key[96], namespace[64];
};

static void place_of(const struct workload_client *c, uint32_t key, struct place *out)
{
    snprintf(out->key, sizeof out->key, "%s-b%u", workload_name(c->workload), key);
    record_database(c, out->namespace, sizeof out->namespace);
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    struct client *own = c->state;
    struct place place;
    Store__BlobOptions options = STORE__BLOB_OPTIONS__INIT;
    Store__BlobReadRequest request = STORE__BLOB_READ_REQUEST__INIT;
    const ProtobufCMessage *pieces[] = {&request.base};
    place_of(c, key, &place);
    options.namespace_ = place.namespace;
    request.key = place.key;
    request.options = &options;
    text_clear(&own->content);
    own->garbled = false;
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? workload_exchange(c, BLOB_SERVICE, "/store.BlobStore/Read", pieces, 1, on_piece, read_answered)
                     : code;
}

static int begin_write(struct workload_client *c, uint32_t key)
{
    int64_t value = workload_value(c->workload);
    struct place place;
    Store__BlobOptions options = STORE__BLOB_OPTIONS__INIT;
    Store__BlobWriteRequest requests[WORKLOAD_PIECES_MAX];
    const ProtobufCMessage *pieces[WORKLOAD_PIECES_MAX];
    struct text content = TEXT_INIT;
    size_t count = 0;
    place_of(c, key, &place);
    options.namespace_ = place.namespace;
    int code = content_of(value, &content);
    if (code == 0)
        code = workload_invoke(c, OPERATION_WRITE, key, value);
    if (code == 0) {
        size_t sent = 0;
        do {
            Store__BlobWriteRequest *request = &requests[count];
            store__blob_write_request__init(request);
            if (count == 0) {
                request->key = place.key;
                request->options = &options;
            }
            size_t len = content.len - sent > PIECE ? PIECE : content.len - sent;
            request->blob = (ProtobufCBinaryData){.len = len, .data = (uint8_t *)&content.data[sent]};
            sent += len;
            pieces[count++] = &request->base;
        } while (sent < content.len && count < WORKLOAD_PIECES_MAX);
        code = workload_exchange(c, BLOB_SERVICE, "/store.BlobStore/Write", pieces, count, no_message, written);
    }
    text_deinit(&content);
    return code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    bool read = random_below(r, 2) == 0;
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    return read ? begin_read(c, key) : begin_write(c, key);
}

static int prepare(struct workload *w, struct error *err)
{
    return workload_client_states(w, sizeof(struct client), err);
}

static void release(struct workload *w)
{
    for (int i = 0; i < workload_clients(w); i++)
        if (workload_client(w, i)->state != NULL)
            text_deinit(&((struct client *)workload_client(w, i)->state)->content);
}

const struct workload_kind workload_store_blob = {
    .name = "store-blob",
    .summary = "blobs written and read in pieces, whose content tells a torn one",
    .services = (const char *const[]){BLOB_SERVICE, NULL},
    .models = (const char *const[]){"register", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = begin_read,
    .release = release,
};
