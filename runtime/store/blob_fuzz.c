/* What callers of store.BlobStore may do, in any order, on four streams at a time: a script of one byte per step, some
 * with bytes of their own.
 *
 *   open a Write, send a piece (key, namespace, size, options), send bytes that may be no message, half-close, cancel,
 *   Read, Delete, List, let time pass, kill the store, let its disk fail
 *
 * Every Read on the way, and all of them at the end, gives one of the blobs that were written to their end under the
 * key, whole, and none that was refused. Afterwards, all in virtual time: every call has ended, the store runs, there
 * is a file for each blob and none beside, and what is deleted is gone. One simulation serves RUNS inputs. */
#include "base/log.h"
#include "base/units.h"
#include "proto/store/store.pb-c.h"
#include "rpc/rpc.h"
#include "runtime/server/sim_micro.h"
#include "runtime/service/service.h"
#include "wire/grpc_fuzz.h"

#include <string.h>

#define SLOTS      4
#define KEYS       6
#define UPLOADS    64
#define STEPS_MAX  200
#define RUNS       200                        /* inputs of one simulation */
#define READY      ((uint64_t)(20 * SECOND))  /* times are virtual */
#define OVER       ((uint64_t)(130 * SECOND)) /* then every idle blob was given up */
#define CALL_LIMIT ((uint64_t)(100 * SECOND))

static const char *const keys[KEYS] = {"a", "b/c", "..", "", "a\xc3\xa9", "x/../y"};
static const char *const namespaces[] = {"", "micro", "../n"};

struct upload {
    struct rpc_stream *stream;
    const char *key; /* of the first piece; NULL: none was sent */
    size_t size;
    uint8_t seed; /* of the content */
    bool named, broken, raw, ended, closed;
    int status;
};

static struct {
    struct sim *sim;
    struct sim_micro *micro;
    struct world *world;
    struct rpc_channel *channel;
    struct arena arena;
    const char *bearer;
    int runs;
} s;
static struct text private_key, public_key;
static struct upload uploads[UPLOADS];
static size_t upload_count;
static struct upload *slots[SLOTS];

static void system_stop(void)
{
    rpc_channel_free(s.channel);
    sim_micro_free(s.micro);
    if (s.sim)
        sim_free(s.sim);
    arena_deinit(&s.arena);
    memset(&s, 0, sizeof s);
}

static void at_exit(void)
{
    system_stop();
    text_deinit(&private_key);
    text_deinit(&public_key);
}

static void system_start(void)
{
    static const char *const components[] = {"registry", "store", NULL};
    const struct sim_micro_options options = {
        .private_key = text_string(&private_key), .public_key = text_string(&public_key), .components = components};
    s.sim = sim_new(&(struct sim_options){.seed = 1});
    MUST(s.sim && sim_micro_new(s.sim, "client", &options, &s.micro, NULL) == 0);
    s.world = sim_node(s.sim, "client");
    MUST(sim_micro_boot(s.micro, READY, NULL) == 0);
    s.bearer = arena_printf(
        &s.arena, "Bearer %s",
        sim_micro_token(s.micro, &s.arena, "tester", "service", MICRO_NAMESPACE, "service", INT64_C(365) * 24 * 3600));
    MUST(rpc_channel_new(s.world, &(struct rpc_channel_options){.addresses = "store:8002"}, &s.channel, NULL) == 0);
}

static struct rpc_request request_of(const char *path, struct grpc_header *header)
{
    *header = (struct grpc_header){bytes_of("authorization"), bytes_of(s.bearer)};
    return (struct rpc_request){.path = path, .metadata = {header, 1}, .timeout = CALL_LIMIT, .wait_for_ready = true};
}

/* ---- Write ---- */

static uint8_t byte_at(uint8_t seed, size_t at)
{
    return (uint8_t)(seed + at * 13 + (at >> 8));
}

static void on_written(void *arg, const struct rpc_reply *reply)
{
    struct upload *u = arg;
    u->ended = true;
    u->stream = NULL;
    u->status = reply->status;
}

static void open_upload(size_t slot)
{
    static const struct rpc_stream_events events = {.finished = on_written};
    struct grpc_header header;
    if (upload_count == UPLOADS || (slots[slot] && !slots[slot]->ended))
        return;
    struct upload *u = &uploads[upload_count];
    *u = (struct upload){.seed = (uint8_t)(upload_count * 37 + 1)};
    upload_count++;
    const struct rpc_request request = request_of("/store.BlobStore/Write", &header);
    MUST(rpc_stream_open(s.channel, &request, &events, u, &u->stream, NULL) == 0);
    slots[slot] = u;
}

static void send_bytes(struct upload *u, struct bytes message)
{
    if (u->stream && !u->closed)
        (void)rpc_stream_send(u->stream, message);
}

static void send_piece(struct upload *u, struct bytes *input)
{
    uint8_t how = fuzz_byte(input), data[70000];
    size_t size = how & 0x80 ? (size_t)fuzz_byte(input) * 270 : how >> 4;
    Store__BlobWriteRequest piece = STORE__BLOB_WRITE_REQUEST__INIT;
    Store__BlobOptions options = STORE__BLOB_OPTIONS__INIT;
    struct arena arena = ARENA_INIT;
    struct text packed = TEXT_INIT;
    if (!u || u->closed)
        return;
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(u->seed, u->size + i);
    piece.key = arena_string(&arena, keys[how % KEYS]);
    options.namespace_ = arena_string(&arena, namespaces[how % 16 == 15 ? 2 : how % 2]);
    options.contenttype = arena_string(&arena, how % 16 == 14 ? "text\n" : "text/plain");
    options.public_ = how % 2;
    piece.options = &options;
    piece.blob = (ProtobufCBinaryData){size, data};
    MUST(pb_pack(&piece.base, &packed) == 0);
    if (!u->named) {
        u->named = true;
        u->key = keys[how % KEYS];
        u->broken = how % 16 >= 14;
    }
    u->size += size;
    send_bytes(u, text_bytes(&packed));
    text_deinit(&packed);
    arena_deinit(&arena);
}

/* ---- calls of one message ---- */

struct answer {
    bool ended;
    int status;
    struct text content; /* Read */
    struct arena arena;  /* List */
    const Store__BlobListResponse *list;
};

static void on_piece(void *arg, struct bytes message)
{
    struct answer *a = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    MUST(pb_unpack(&store__blob_read_response__descriptor, message, &arena, &m, NULL) == 0);
    const Store__BlobReadResponse *piece = (const Store__BlobReadResponse *)(const void *)m;
    text_add(&a->content, piece->blob.data, piece->blob.len);
    arena_deinit(&arena);
}

static void on_list(void *arg, struct bytes message)
{
    struct answer *a = arg;
    ProtobufCMessage *m = NULL;
    MUST(pb_unpack(&store__blob_list_response__descriptor, message, &a->arena, &m, NULL) == 0);
    a->list = (const Store__BlobListResponse *)(const void *)m;
}

static void on_end(void *arg, const struct rpc_reply *reply)
{
    struct answer *a = arg;
    a->ended = true;
    a->status = reply->status;
}

static bool has_ended(void *arg)
{
    const struct answer *a = arg;
    return a->ended;
}

static void call(const char *path, const ProtobufCMessage *message, bool list, struct answer *a)
{
    static const struct rpc_stream_events reading = {.message = on_piece, .finished = on_end},
                                          listing = {.message = on_list, .finished = on_end};
    struct text packed = TEXT_INIT;
    struct grpc_header header;
    struct rpc_stream *stream;
    struct rpc_request request = request_of(path, &header);
    *a = (struct answer){0};
    MUST(pb_pack(message, &packed) == 0);
    request.message = text_bytes(&packed);
    request.has_message = true;
    MUST(rpc_stream_open(s.channel, &request, list ? &listing : &reading, a, &stream, NULL) == 0);
    MUST(world_run_until(s.world, has_ended, a, 2 * CALL_LIMIT) == 0);
    text_deinit(&packed);
}

static void answer_deinit(struct answer *a)
{
    text_deinit(&a->content);
    arena_deinit(&a->arena);
}

/* Whole, and one of those that were not refused. Those of one moment may have come in any order. */
static void check_content(const char *key, const struct text *content)
{
    bool raw = false;
    for (size_t i = 0; i < upload_count; i++) {
        const struct upload *u = &uploads[i];
        raw = raw || u->raw; /* bytes that happened to be a message: its content is not known */
        bool refused = u->ended && u->status != GRPC_OK && u->status != GRPC_UNAVAILABLE &&
                       u->status != GRPC_CANCELLED && u->status != GRPC_DEADLINE_EXCEEDED;
        if (!u->key || u->broken || refused || strcmp(u->key, key) != 0 || u->size != content->len || !u->closed)
            continue;
        size_t at = 0;
        while (at < u->size && (uint8_t)content->data[at] == byte_at(u->seed, at))
            at++;
        if (at == u->size)
            return;
    }
    MUST(raw);
}

static int read_key(const char *key)
{
    Store__BlobReadRequest request = STORE__BLOB_READ_REQUEST__INIT;
    struct arena arena = ARENA_INIT;
    struct answer a;
    request.key = arena_string(&arena, key);
    call("/store.BlobStore/Read", &request.base, false, &a);
    if (a.status == GRPC_OK)
        check_content(key, &a.content);
    answer_deinit(&a);
    arena_deinit(&arena);
    return a.status;
}

static int delete_key(const char *key)
{
    Store__BlobDeleteRequest request = STORE__BLOB_DELETE_REQUEST__INIT;
    struct arena arena = ARENA_INIT;
    struct answer a;
    request.key = arena_string(&arena, key);
    call("/store.BlobStore/Delete", &request.base, false, &a);
    answer_deinit(&a);
    arena_deinit(&arena);
    return a.status;
}

/* How many there are; each can be read. */
static size_t list_all(bool remove)
{
    Store__BlobListRequest request = STORE__BLOB_LIST_REQUEST__INIT;
    struct answer a;
    call("/store.BlobStore/List", &request.base, true, &a);
    MUST(a.status == GRPC_OK && a.list);
    size_t count = a.list->n_keys;
    for (size_t i = 0; i < count; i++) {
        MUST(read_key(a.list->keys[i]) == GRPC_OK);
        if (remove) {
            MUST(delete_key(a.list->keys[i]) == GRPC_OK);
            MUST(read_key(a.list->keys[i]) == GRPC_NOT_FOUND);
        }
    }
    answer_deinit(&a);
    return count;
}

/* ---- the script ---- */

static void store_again(void)
{
    MUST(sim_micro_start_one(s.micro, "store", NULL) == 0);
    MUST(sim_micro_wait(s.micro, "store", READY, NULL) == 0);
}

static void step(struct bytes *input)
{
    uint8_t what = fuzz_byte(input), kind = what & 15;
    size_t slot = (what >> 4) % SLOTS;
    struct upload *u = slots[slot];
    if (kind <= 1) {
        open_upload(slot);
    } else if (kind <= 5) {
        send_piece(u, input);
    } else if (kind == 6) {
        struct bytes raw = fuzz_take(input, fuzz_byte(input));
        if (u && !u->closed) {
            u->raw = true;
            send_bytes(u, raw);
        }
    } else if (kind <= 8) {
        if (u && u->stream && !u->closed) {
            u->closed = true;
            (void)rpc_stream_half_close(u->stream);
        }
    } else if (kind == 9) {
        if (u && u->stream)
            rpc_stream_cancel(u->stream);
    } else if (kind == 10) {
        (void)read_key(keys[fuzz_byte(input) % KEYS]);
    } else if (kind == 11) {
        (void)delete_key(keys[fuzz_byte(input) % KEYS]);
    } else if (kind == 12) {
        (void)list_all(false);
    } else if (kind == 13) {
        uint64_t tenths = fuzz_byte(input);
        sim_run_for(s.sim, tenths * tenths * (uint64_t)MILLISECOND); /* up to 65 s: beyond what may be idle */
    } else if (kind == 14) {
        sim_disk(s.sim, "store", &(struct sim_disk_faults){.fail_nth = 1 + (uint64_t)fuzz_byte(input) % 16});
    } else {
        (void)(what & 16 ? sim_crash(s.sim, "store") : sim_kill(s.sim, "store"));
        sim_disk(s.sim, "store", &(struct sim_disk_faults){0});
        store_again();
    }
}

static void count_name(void *arg, const char *name)
{
    size_t *count = arg;
    MUST(strlen(name) == 32);
    (*count)++;
}

static size_t files(void)
{
    size_t count = 0;
    MUST(world_list(sim_node(s.sim, "store"), "data/store/blobs", count_name, &count) == 0);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};
    if (!private_key.len) {
        log_set_level(LOG_OFF);
        MUST(micro_keys_generate(&private_key, &public_key, NULL) == 0 && atexit(at_exit) == 0);
    }
    if (s.sim && s.runs >= RUNS)
        system_stop();
    if (!s.sim)
        system_start();
    s.runs++;
    upload_count = 0;
    memset(slots, 0, sizeof slots);
    for (int i = 0; i < STEPS_MAX && input.len > 0; i++)
        step(&input);
    sim_disk(s.sim, "store", &(struct sim_disk_faults){0});
    MUST(sim_run_for(s.sim, OVER) == 0);
    for (size_t i = 0; i < upload_count; i++)
        MUST(uploads[i].ended);
    MUST(sim_running(s.sim, "store"));
    (void)delete_key("nobody"); /* a commit: what waited for one to be removed is removed */
    size_t blobs = list_all(false);
    if (files() != blobs) { /* names that did not fit, a disk that refused: the next start looks */
        sim_kill(s.sim, "store");
        store_again();
        MUST(files() == list_all(false));
    }
    (void)list_all(true);
    MUST(files() == 0);
    return 0;
}
