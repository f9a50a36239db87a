/* Whichever allocation fails while a blob is written, read, listed and deleted: the store goes on, a blob is whole or
 * not there, what was acknowledged is there, and no file is left over but what the next start removes. The failing
 * ones are the caller's too, and the simulation's: then the walk goes on in a new one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "base/log.h"
#include "base/units.h"
#include "proto/store/store.pb-c.h"
#include "runtime/server/sim_system.h"
#include "runtime/service/service.h"

#include <string.h>

#define WALK_MAX   20000
#define CALL_LIMIT ((uint64_t)(100 * SECOND)) /* virtual; longer than an idle blob is kept */
#define FILES      "data/store/blobs"
#define OUTCOMES   16
#define SIZE       30000 /* bytes of one message */

struct outcome {
    struct rpc_stream *stream;
    bool ended;
    int status;
    size_t bytes;
};

struct fixture {
    struct sim_system system;
    struct arena arena;
    struct rpc_channel *channel;
    const char *bearer;
    uint8_t content[SIZE];
    struct outcome outcomes[OUTCOMES]; /* in turn: one that was given up is told its end later */
    size_t next;
};

static void begin(struct fixture *f)
{
    static const char *const core[] = {"registry", "store", NULL};
    memset(f, 0, sizeof *f);
    sim_system_init(&f->system, 1);
    sim_system_start_all(&f->system, core);
    f->bearer = arena_printf(&f->arena, "Bearer %s",
                             sim_system_token(&f->system, &f->arena, "tester", "service", MICRO_NAMESPACE, "service"));
    assert_int_equal(
        rpc_channel_new(f->system.client, &(struct rpc_channel_options){.addresses = "store:8002"}, &f->channel, NULL),
        0);
    for (size_t i = 0; i < SIZE; i++)
        f->content[i] = (uint8_t)(i * 7 + (i >> 8));
}

static void end(struct fixture *f)
{
    rpc_channel_free(f->channel);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static void on_message(void *arg, struct bytes message)
{
    struct outcome *o = arg;
    o->bytes += message.len;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct outcome *o = arg;
    o->ended = true;
    o->stream = NULL;
    o->status = reply->status;
}

static bool has_ended(void *arg)
{
    const struct outcome *o = arg;
    return o->ended;
}

static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};

static struct rpc_request request_of(struct fixture *f, const char *path, struct grpc_header *header)
{
    *header = (struct grpc_header){bytes_of("authorization"), bytes_of(f->bearer)};
    return (struct rpc_request){.path = path, .metadata = {header, 1}, .timeout = CALL_LIMIT, .wait_for_ready = true};
}

static struct outcome *new_outcome(struct fixture *f)
{
    struct outcome *o = &f->outcomes[f->next++ % OUTCOMES];
    *o = (struct outcome){0};
    return o;
}

/* A call with one message; its status, or a negative code when it could not be made or the simulation gave up. */
static int call(struct fixture *f, const char *path, const ProtobufCMessage *message, size_t *bytes)
{
    struct outcome *o = new_outcome(f);
    struct text packed = TEXT_INIT;
    struct grpc_header header;
    struct rpc_request request = request_of(f, path, &header);
    int rc = pb_pack(message, &packed);
    request.message = text_bytes(&packed);
    request.has_message = true;
    if (rc == 0)
        rc = rpc_stream_open(f->channel, &request, &events, o, &o->stream, NULL);
    if (rc == 0)
        rc = world_run_until(f->system.client, has_ended, o, 2 * CALL_LIMIT);
    if (rc && o->stream && !o->ended)
        rpc_stream_cancel(o->stream);
    text_deinit(&packed);
    if (bytes)
        *bytes = o->bytes;
    return rc ? rc : o->status;
}

static int upload(struct fixture *f)
{
    struct outcome *o = new_outcome(f);
    struct grpc_header header;
    struct rpc_request request = request_of(f, "/store.BlobStore/Write", &header);
    int rc = rpc_stream_open(f->channel, &request, &events, o, &o->stream, NULL);
    for (int i = 0; rc == 0 && i < 2 && !o->ended; i++) {
        char key[] = "k";
        struct text packed = TEXT_INIT;
        Store__BlobWriteRequest piece = STORE__BLOB_WRITE_REQUEST__INIT;
        if (i == 0)
            piece.key = key;
        piece.blob = (ProtobufCBinaryData){SIZE, f->content};
        rc = pb_pack(&piece.base, &packed);
        if (rc == 0)
            rc = rpc_stream_send(o->stream, text_bytes(&packed));
        text_deinit(&packed);
    }
    if (rc == 0 && !o->ended)
        rc = rpc_stream_half_close(o->stream);
    if (rc && o->stream && !o->ended)
        rpc_stream_cancel(o->stream);
    else if (rc == 0)
        rc = world_run_until(f->system.client, has_ended, o, 2 * CALL_LIMIT);
    return rc ? rc : o->status;
}

/* What there is of the blob: -1 nothing, else the bytes of the messages it comes in. */
static int64_t stored(struct fixture *f)
{
    char key[] = "k";
    Store__BlobReadRequest read = STORE__BLOB_READ_REQUEST__INIT;
    size_t bytes = 0;
    read.key = key;
    int status = call(f, "/store.BlobStore/Read", &read.base, &bytes);
    if (status == GRPC_NOT_FOUND)
        return -1;
    assert_int_equal(status, GRPC_OK);
    return (int64_t)bytes;
}

static void count_name(void *arg, const char *name)
{
    size_t *count = arg;
    (void)name;
    (*count)++;
}

static size_t files(struct fixture *f)
{
    size_t count = 0;
    assert_int_equal(world_list(sim_node(f->system.sim, "store"), FILES, count_name, &count), 0);
    return count;
}

struct round {
    int written, read, listed, deleted;
    size_t bytes;
};

static void scenario(struct fixture *f, struct round *r)
{
    char key[] = "k";
    Store__BlobReadRequest read = STORE__BLOB_READ_REQUEST__INIT;
    Store__BlobListRequest list = STORE__BLOB_LIST_REQUEST__INIT;
    Store__BlobDeleteRequest gone = STORE__BLOB_DELETE_REQUEST__INIT;
    read.key = gone.key = key;
    r->written = upload(f);
    r->read = call(f, "/store.BlobStore/Read", &read.base, &r->bytes);
    r->listed = call(f, "/store.BlobStore/List", &list.base, NULL);
    r->deleted = call(f, "/store.BlobStore/Delete", &gone.base, NULL);
}

static void walk(void **state)
{
    (void)state;
    struct fixture f;
    size_t refused = 0, left_over = 0, n = 0;
    bool hit = true;
    begin(&f);
    assert_int_equal(upload(&f), GRPC_OK);
    const size_t whole = (size_t)stored(&f);
    assert_true(whole > 2 * SIZE);
    while (hit && n++ < WALK_MAX) {
        struct round r = {0};
        failing_arm(n);
        scenario(&f, &r);
        hit = failing_hit();
        failing_disarm();
        refused += r.written != GRPC_OK;
        if (sim_run_for(f.system.sim, CALL_LIMIT) != 0) { /* the simulation's own memory: it goes no further */
            end(&f);
            begin(&f);
            assert_int_equal(upload(&f), GRPC_OK); /* each round begins with one that is there */
            continue;
        }
        /* a reader is given all of it, or an error */
        if (r.read == GRPC_OK && r.bytes != whole)
            fail_msg("allocation %zu: %zu bytes of %zu were read", n, r.bytes, whole);
        int64_t left = stored(&f);
        if (r.deleted == GRPC_OK)
            assert_int_equal(left, -1);
        else if (left >= 0)
            assert_int_equal(left, whole);
        /* The store works as before, and once it has committed again nothing is lying about. */
        assert_int_equal(upload(&f), GRPC_OK);
        assert_int_equal(stored(&f), whole);
        if (files(&f) != 1) { /* without memory for its name a file stays until the next start */
            assert_true(hit && files(&f) == 2);
            sim_kill(f.system.sim, "store");
            sim_system_start(&f.system, "store");
            sim_system_wait(&f.system, "store");
            assert_int_equal(files(&f), 1);
            assert_int_equal(stored(&f), whole);
            left_over++;
        }
        if (!hit)
            assert_true(r.written == GRPC_OK && r.read == GRPC_OK && r.listed == GRPC_OK && r.deleted == GRPC_OK);
    }
    assert_false(hit);
    assert_true(refused > 20);
    assert_true(left_over < 5);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(walk)};
    int failed = cmocka_run_group_tests_name("blobs, memory", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
