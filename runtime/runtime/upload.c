/* runtime.Source.Upload: a packed source folder into the blob store of the caller's namespace, under the id that Create
 * takes as source. It is gathered in memory (bounded, RUNNER_UPLOADS at a time) and looked at before it is kept. */
#include "proto/store/store.pb-c.h"
#include "runtime/runtime/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID         "runtime.Source.Upload"
#define PIECE      ((size_t)256 << 10) /* bytes of one message to the store */
#define UPLOAD_END ((uint64_t)120 * (uint64_t)SECOND)

struct upload {
    struct runner *runner;
    struct rpc_call *call; /* NULL: over */
    char namespace[RUNNER_NAME_MAX + 1];
    char id[2 * RUNNER_NAME_MAX + 16]; /* "": not named yet */
    struct text data;
    size_t sent;
    bool first_sent;
    struct rpc_stream *stream; /* to the store */
};

static void upload_free(struct upload *u)
{
    u->runner->uploads--;
    text_deinit(&u->data);
    free(u);
}

/* Ends the call; the upload itself stays while the store's stream is open. */
static void over(struct upload *u, int code, const char *detail)
{
    struct rpc_call *call = u->call;
    u->call = NULL;
    rpc_call_set_user(call, NULL);
    if (u->stream)
        rpc_stream_cancel(u->stream);
    else
        upload_free(u);
    if (code == 0)
        rpc_call_finish(call, GRPC_CANCELLED, "");
    else
        micro_fail(call, code, ID, "%s", detail);
}

static void upload_open(struct rpc_call *call, void *runner)
{
    struct runner *r = runner;
    const char *namespace = micro_call_namespace(call);
    if (!runner_admit(r, call, namespace, true, ID))
        return;
    if (r->uploads >= RUNNER_UPLOADS) {
        micro_fail(call, 429, ID, "too many uploads at a time: at most %d", RUNNER_UPLOADS);
        return;
    }
    struct upload *u = calloc(1, sizeof *u);
    if (!u) {
        micro_fail(call, 507, ID, "out of memory");
        return;
    }
    u->runner = r;
    u->call = call;
    r->uploads++;
    snprintf(u->namespace, sizeof u->namespace, "%s", namespace);
    rpc_call_set_user(call, u);
}

static void upload_message(struct rpc_call *call, const ProtobufCMessage *message, void *runner)
{
    struct runner *r = runner;
    struct upload *u = rpc_call_user(call);
    const Runtime__UploadRequest *q = (const Runtime__UploadRequest *)(const void *)message;
    char detail[200];
    if (!u)
        return;
    if (!u->id[0]) {
        const char *version = q->service && q->service->version[0] ? q->service->version : "latest";
        if (!q->service || !runner_name_valid(q->service->name) || !runner_name_valid(version)) {
            over(u, 400, "the first message names the service: name and version of letters, digits, '-', '_' and '.'");
            return;
        }
        snprintf(u->id, sizeof u->id, "source://%s:%s", q->service->name, version);
    }
    if (u->data.len + q->data.len > r->upload_max) {
        snprintf(detail, sizeof detail, "the source is larger than %zu bytes", r->upload_max);
        over(u, 413, detail);
        return;
    }
    text_add(&u->data, q->data.data, q->data.len);
    if (!text_ok(&u->data))
        over(u, 507, "out of memory");
}

/* ---- to the store ---- */

/* False: not enough memory. */
static bool send_piece(struct upload *u)
{
    struct arena arena = ARENA_INIT;
    struct text packed = TEXT_INIT;
    Store__BlobWriteRequest request;
    Store__BlobOptions options;
    store__blob_write_request__init(&request);
    store__blob_options__init(&options);
    size_t len = u->data.len - u->sent < PIECE ? u->data.len - u->sent : PIECE;
    options.namespace_ = arena_string(&arena, u->namespace);
    request.key = arena_string(&arena, u->id);
    request.options = &options;
    request.blob = (ProtobufCBinaryData){len, (uint8_t *)u->data.data + u->sent};
    bool ok = options.namespace_ && request.key && pb_pack(&request.base, &packed) == 0 &&
              rpc_stream_send(u->stream, text_bytes(&packed)) == 0;
    u->sent += len;
    text_deinit(&packed);
    arena_deinit(&arena);
    return ok;
}

static void send_on(void *arg)
{
    struct upload *u = arg;
    if (!u->call || u->sent >= u->data.len)
        return;
    while (u->sent < u->data.len && !rpc_stream_busy(u->stream)) {
        if (!send_piece(u)) {
            over(u, 507, "out of memory");
            return;
        }
    }
    if (u->sent >= u->data.len)
        (void)rpc_stream_half_close(u->stream);
}

static void kept(void *arg, const struct rpc_reply *reply)
{
    struct upload *u = arg;
    struct rpc_call *call = u->call;
    char detail[256], words[320];
    u->stream = NULL;
    if (!call) {
        upload_free(u);
        return;
    }
    if (reply->status != GRPC_OK) {
        struct text message = TEXT_INIT;
        text_add(&message, reply->message.data, reply->message.len);
        int code = runner_code(reply->status, text_string(&message), detail, sizeof detail);
        text_deinit(&message);
        snprintf(words, sizeof words, "the store did not keep the source: %s", detail);
        over(u, code == 503 || code == 507 || code == 413 || code == 501 ? code : 500, words);
        return;
    }
    char revision[32] = "";
    for (size_t i = 0; i < reply->trailers.count; i++) {
        const struct grpc_header *h = &reply->trailers.items[i];
        if (bytes_is(h->name, "micro-revision") && h->value.len < sizeof revision)
            memcpy(revision, h->value.data, h->value.len);
    }
    Runtime__UploadResponse answer;
    runtime__upload_response__init(&answer);
    answer.id = arena_string(rpc_call_arena(call), u->id);
    if (!answer.id) {
        over(u, 507, "out of memory");
        return;
    }
    u->call = NULL;
    rpc_call_set_user(call, NULL);
    upload_free(u);
    runner_reply(call, &answer.base, revision);
}

static void upload_half_closed(struct rpc_call *call, void *runner)
{
    static const struct rpc_stream_events events = {.writable = send_on, .finished = kept};
    static const char path[] = "/store.BlobStore/Write";
    struct runner *r = runner;
    struct upload *u = rpc_call_user(call);
    struct rpc_channel *channel = NULL;
    if (!u)
        return;
    if (!u->id[0] || u->data.len < 2 || (uint8_t)u->data.data[0] != 0x1f || (uint8_t)u->data.data[1] != 0x8b) {
        over(u, 400, u->id[0] ? "the source is no gzipped tar" : "the source is missing");
        return;
    }
    int rc = micro_service_channel(r->service, "store", &channel, NULL);
    if (rc == 0) {
        struct micro_outgoing o;
        micro_outgoing_init(r->service, &o, path);
        const struct rpc_request request = {
            .path = path, .metadata = o.metadata, .timeout = UPLOAD_END, .wait_for_ready = true};
        rc = rpc_stream_open(channel, &request, &events, u, &u->stream, NULL);
        if (rc < 0)
            u->stream = NULL;
    }
    if (rc < 0)
        over(u, 503, "the store cannot be reached");
    else
        send_on(u);
}

static void upload_cancelled(struct rpc_call *call, void *runner)
{
    (void)runner;
    struct upload *u = rpc_call_user(call);
    if (u)
        over(u, 0, "");
    else
        rpc_call_finish(call, GRPC_CANCELLED, "");
}

const struct rpc_method runner_upload_method = {
    .name = "Upload",
    .input = &runtime__upload_request__descriptor,
    .output = &runtime__upload_response__descriptor,
    .open = upload_open,
    .message = upload_message,
    .half_closed = upload_half_closed,
    .cancelled = upload_cancelled,
};
