/* The store's blobs in the simulated world: what a caller sees, what is left after power cuts and broken disks, and how
 * much memory a large one takes (that in a process of its own). */
#include "base/test.h"

#include "base/sanitized.h"
#include "base/log.h"
#include "base/units.h"
#include "proto/store/store.pb-c.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_LIMIT ((uint64_t)(120 * SECOND)) /* virtual */
#define FILES      "data/store/blobs"

static void begin(struct test_fixture *f, uint64_t seed)
{
    static const char *const core[] = {"registry", "store", NULL};
    test_fixture_begin(f, seed, core, "store:8002");
}

/* ---- one blob --------------------------------------------------------------------------------------------------- */

/* Content that says which blob and which byte it is. */
static uint8_t byte_at(unsigned blob, uint64_t at)
{
    return (uint8_t)((at >> 8) * 31 + at * 7 + blob * 101);
}

struct transfer {
    struct world *world;
    struct rpc_stream *stream;
    const char *ns, *key, *type;
    bool public, ended;
    unsigned blob; /* the content's number */
    uint64_t size, at;
    size_t chunk, largest;
    int status;
    struct text why;
    uint64_t revision;
    /* reading */
    bool differs, seen_public;
    char seen_type[64];
};

static void fill(struct transfer *t)
{
    uint8_t data[65536];
    while (!rpc_stream_busy(t->stream) && t->at < t->size) {
        Store__BlobWriteRequest request = STORE__BLOB_WRITE_REQUEST__INIT;
        uint64_t left = t->size - t->at;
        size_t n = left < t->chunk ? (size_t)left : t->chunk;
        struct text packed = TEXT_INIT;
        for (size_t i = 0; i < n; i++)
            data[i] = byte_at(t->blob, t->at + i);
        request.blob = (ProtobufCBinaryData){n, data};
        assert_int_equal(pb_pack(&request.base, &packed), 0);
        if (rpc_stream_send(t->stream, text_bytes(&packed)) != 0)
            t->size = 0; /* it has ended */
        text_deinit(&packed);
        t->at += n;
    }
    if (t->at >= t->size)
        (void)rpc_stream_half_close(t->stream);
}

static void on_writable(void *arg)
{
    fill(arg);
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct transfer *t = arg;
    struct bytes type = grpc_metadata_get(headers, "blob-content-type");
    t->seen_public = bytes_is(grpc_metadata_get(headers, "blob-public"), "true");
    snprintf(t->seen_type, sizeof t->seen_type, "%.*s", (int)type.len, type.data ? (const char *)type.data : "");
}

static void on_piece(void *arg, struct bytes message)
{
    struct transfer *t = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    assert_int_equal(pb_unpack(&store__blob_read_response__descriptor, message, &arena, &m, NULL), 0);
    const Store__BlobReadResponse *piece = (const Store__BlobReadResponse *)(const void *)m;
    for (size_t i = 0; i < piece->blob.len; i++)
        t->differs = t->differs || piece->blob.data[i] != byte_at(t->blob, t->at + i);
    t->at += piece->blob.len;
    if (piece->blob.len > t->largest)
        t->largest = piece->blob.len;
    arena_deinit(&arena);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct transfer *t = arg;
    struct bytes revision = grpc_metadata_get(reply->trailers, "micro-revision");
    t->ended = true;
    t->stream = NULL;
    t->status = reply->status;
    text_add(&t->why, reply->message.data, reply->message.len);
    for (size_t i = 0; i < revision.len; i++)
        t->revision = t->revision * 10 + (uint64_t)(revision.data[i] - '0');
}

static bool has_ended(void *arg)
{
    const struct transfer *t = arg;
    return t->ended;
}

static void open_stream(struct transfer *t, struct rpc_channel *channel, const char *path, const char *token,
                        const ProtobufCMessage *first, bool only_one)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_piece, .writable = on_writable, .finished = on_finished};
    struct text bearer = TEXT_INIT, packed = TEXT_INIT;
    text_printf(&bearer, "Bearer %s", token ? token : "");
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    assert_int_equal(pb_pack(first, &packed), 0);
    struct rpc_request request = {.path = path, .metadata = {&header, token ? 1 : 0}, .wait_for_ready = true};
    if (only_one) {
        request.message = text_bytes(&packed);
        request.has_message = true;
    }
    assert_int_equal(rpc_stream_open(channel, &request, &events, t, &t->stream, NULL), 0);
    if (!only_one)
        assert_int_equal(rpc_stream_send(t->stream, text_bytes(&packed)), 0);
    text_deinit(&bearer);
    text_deinit(&packed);
}

static char *loose(struct arena *a, const char *text)
{
    return arena_string(a, text ? text : "");
}

static void start_upload(struct test_fixture *f, struct transfer *t, struct rpc_channel *channel, const char *token)
{
    Store__BlobWriteRequest first = STORE__BLOB_WRITE_REQUEST__INIT;
    Store__BlobOptions options = STORE__BLOB_OPTIONS__INIT;
    first.key = loose(&f->arena, t->key);
    options.namespace_ = loose(&f->arena, t->ns);
    options.public_ = t->public;
    options.contenttype = loose(&f->arena, t->type);
    first.options = &options;
    t->chunk = t->chunk ? t->chunk : 50000;
    open_stream(t, channel, "/store.BlobStore/Write", token, &first.base, false);
    fill(t);
}

static void finish(struct transfer *t)
{
    assert_int_equal(world_run_until(t->world, has_ended, t, CALL_LIMIT), 0);
}

static void start_download(struct test_fixture *f, struct transfer *t, const char *token)
{
    Store__BlobReadRequest request = STORE__BLOB_READ_REQUEST__INIT;
    Store__BlobOptions options = STORE__BLOB_OPTIONS__INIT;
    request.key = loose(&f->arena, t->key);
    options.namespace_ = loose(&f->arena, t->ns);
    request.options = &options;
    open_stream(t, f->channel, "/store.BlobStore/Read", token, &request.base, true);
}

static int write_blob(struct test_fixture *f, const char *ns, const char *key, unsigned blob, uint64_t size)
{
    struct transfer t = {.world = f->system.client, .ns = ns, .key = key, .blob = blob, .size = size};
    start_upload(f, &t, f->channel, f->token);
    finish(&t);
    text_deinit(&t.why);
    return t.status;
}

/* Which of the two it is; fails when it is neither, or not whole. -1: not there. */
static int which_blob(struct test_fixture *f, const char *ns, const char *key, unsigned a, uint64_t a_size, unsigned b,
                      uint64_t b_size)
{
    struct transfer t = {.world = f->system.client, .ns = ns, .key = key, .blob = a};
    start_download(f, &t, f->token);
    finish(&t);
    text_deinit(&t.why);
    if (t.status == GRPC_NOT_FOUND)
        return -1;
    assert_int_equal(t.status, GRPC_OK);
    if (!t.differs && t.at == a_size)
        return (int)a;
    struct transfer u = {.world = f->system.client, .ns = ns, .key = key, .blob = b};
    start_download(f, &u, f->token);
    finish(&u);
    text_deinit(&u.why);
    if (u.status != GRPC_OK || u.differs || u.at != b_size)
        fail_msg("%s/%s has %llu bytes, and is neither blob %u nor blob %u", ns, key, (unsigned long long)t.at, a, b);
    return (int)b;
}

static void expect_blob(struct test_fixture *f, const char *ns, const char *key, unsigned blob, uint64_t size)
{
    assert_int_equal(which_blob(f, ns, key, blob, size, blob, size), (int)blob);
}

static void expect(struct test_fixture *f, const char *method, const char *token, const char *json, int status,
                   const char *words)
{
    struct sim_answer a = {0};
    char *path = arena_printf(&f->arena, "/store.BlobStore/%s", method);
    sim_system_call(&f->system, "store", path, token, json, &a);
    if (a.status != status || (words && !strstr(text_string(&a.text), words)))
        fail_msg("%s %s: %s %s; wanted %s with %s", method, json, grpc_status_name(a.status), text_string(&a.text),
                 grpc_status_name(status), words ? words : "anything");
    sim_answer_deinit(&a);
}

static void count_name(void *arg, const char *name)
{
    size_t *count = arg;
    assert_int_equal(strlen(name), 32);
    (*count)++;
}

static size_t files(struct test_fixture *f)
{
    size_t count = 0;
    assert_int_equal(world_list(sim_node(f->system.sim, "store"), FILES, count_name, &count), 0);
    return count;
}

/* ---- what a caller sees ----------------------------------------------------------------------------------------- */

static void round_trips(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 65535, 65536, 65537, 1000007};
    struct test_fixture f;
    uint64_t last = 0;
    begin(&f, 1);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct transfer t = {.world = f.system.client, .key = "k", .blob = i, .size = sizes[i], .type = "text/plain"};
        t.public = i % 2;
        start_upload(&f, &t, f.channel, f.token);
        finish(&t);
        assert_int_equal(t.status, GRPC_OK);
        assert_true(t.revision > last); /* each change has its revision, the records' and the blobs' counted as one */
        last = t.revision;
        struct transfer r = {.world = f.system.client, .ns = "micro", .key = "k", .blob = i};
        start_download(&f, &r, f.token);
        finish(&r);
        assert_int_equal(r.status, GRPC_OK);
        assert_false(r.differs);
        assert_true(r.at == sizes[i] && r.largest <= 65536);
        assert_string_equal(r.seen_type, "text/plain");
        assert_int_equal(r.seen_public, i % 2);
        assert_int_equal(files(&f), 1); /* the file of what was replaced is gone */
    }
    expect(&f, "Delete", f.token, "{\"key\":\"k\"}", GRPC_OK, NULL);
    expect(&f, "Delete", f.token, "{\"key\":\"k\"}", GRPC_OK, NULL); /* as for records: fine when it is not there */
    expect(&f, "Read", f.token, "{\"key\":\"k\"}", GRPC_NOT_FOUND, "\"code\":404");
    assert_int_equal(files(&f), 0);
    test_fixture_end(&f);
}

static void lists(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 2);
    static const char *const keys[] = {"b", "source://x:latest", "a/1", "a/2", "ab", "a\xc3\xa9"};
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_int_equal(write_blob(&f, i == 0 ? "other" : "micro", keys[i], i, 10), GRPC_OK);
    expect(&f, "List", f.token, "{}", GRPC_OK, "[\"a/1\",\"a/2\",\"ab\",\"a\xc3\xa9\",\"source://x:latest\"]");
    expect(&f, "List", f.token, "{\"options\":{\"prefix\":\"a/\"}}", GRPC_OK, "[\"a/1\",\"a/2\"]");
    expect(&f, "List", f.token, "{\"options\":{\"prefix\":\"z\"}}", GRPC_OK, "\"keys\":[]");
    expect(&f, "List", f.token, "{\"options\":{\"namespace\":\"other\"}}", GRPC_OK, "[\"b\"]");
    expect(&f, "List", f.token, "{\"options\":{\"namespace\":\"nobody\"}}", GRPC_OK, "\"keys\":[]"); /* v3: 500 */
    expect_blob(&f, "other", "b", 0, 10);
    test_fixture_end(&f);
}

/* Every name that could be a path, or nothing. What is refused leaves no file. */
static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *ns, *key, *type, *words;
    } bad[] = {
        {"micro", "", "", "a key is required"},
        {"../micro", "k", "", "invalid namespace name"},
        {"..", "k", "", "invalid namespace name"},
        {".", "k", "", "invalid namespace name"},
        {"/etc", "k", "", "invalid namespace name"},
        {"a/b", "k", "", "invalid namespace name"},
        {"a\\b", "k", "", "invalid namespace name"},
        {"a b", "k", "", "invalid namespace name"},
        {"micro", "../k", "", "invalid key"},
        {"micro", "a/../../k", "", "invalid key"},
        {"micro", "..", "", "invalid key"},
        {"micro", "a\\..\\k", "", "invalid key"},
        {"micro", "k", "text\nplain", "invalid contentType"},
        {"micro", "k", " text/plain", "invalid contentType"},
    };
    struct test_fixture f;
    begin(&f, 3);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct transfer t = {
            .world = f.system.client, .ns = bad[i].ns, .key = bad[i].key, .type = bad[i].type, .size = 200000};
        start_upload(&f, &t, f.channel, f.token);
        finish(&t);
        if (t.status != GRPC_INVALID_ARGUMENT || !strstr(text_string(&t.why), bad[i].words))
            fail_msg("case %zu: %s %s", i, grpc_status_name(t.status), text_string(&t.why));
        text_deinit(&t.why);
    }
    expect(&f, "Read", f.token, "{}", GRPC_INVALID_ARGUMENT, "a key is required");
    expect(&f, "Delete", f.token, "{}", GRPC_INVALID_ARGUMENT, "a key is required");
    expect(&f, "Read", f.token, "{\"key\":\"k\",\"options\":{\"namespace\":\"../x\"}}", GRPC_INVALID_ARGUMENT, NULL);
    expect(&f, "List", f.token, "{\"options\":{\"namespace\":\"../x\"}}", GRPC_INVALID_ARGUMENT, NULL);
    assert_int_equal(files(&f), 0);
    /* names that only look dangerous */
    assert_int_equal(write_blob(&f, "a.b-c_d", "/etc/passwd", 1, 10), GRPC_OK);
    assert_int_equal(write_blob(&f, "a.b-c_d", "...", 2, 10), GRPC_OK);
    expect_blob(&f, "a.b-c_d", "/etc/passwd", 1, 10);
    test_fixture_end(&f);
}

static void access_rules(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 4);
    struct sim_system *s = &f.system;
    const char *user = sim_system_token(s, &f.arena, "u", "user", "micro", NULL);
    const char *stranger = sim_system_token(s, &f.arena, "s", "user", "tenant", "admin");
    static const char *const methods[] = {"Read", "Write", "Delete", "List"};
    for (size_t i = 0; i < 4; i++) {
        const char *json = i == 3 ? "{}" : "{\"key\":\"k\"}";
        expect(&f, methods[i], NULL, json, GRPC_UNAUTHENTICATED, "an account is required");
        expect(&f, methods[i], user, json, GRPC_UNAUTHENTICATED, "Unauthorized"); /* as v3: 401 */
        expect(&f, methods[i], stranger, json, GRPC_PERMISSION_DENIED, NULL);
    }
    struct transfer shown = {.world = s->client, .key = "shown", .blob = 1, .size = 100, .public = true};
    start_upload(&f, &shown, f.channel, f.token);
    finish(&shown);
    assert_int_equal(write_blob(&f, "micro", "hidden", 2, 100), GRPC_OK);
    const char *const readers[] = {NULL, user, stranger};
    for (size_t i = 0; i < 3; i++) {
        struct transfer t = {.world = s->client, .key = "shown", .blob = 1};
        start_download(&f, &t, readers[i]);
        finish(&t);
        assert_int_equal(t.status, GRPC_OK);
        assert_true(t.at == 100 && !t.differs);
        /* what is there and hidden looks like what is not there */
        int wanted = i == 2 ? GRPC_PERMISSION_DENIED : GRPC_UNAUTHENTICATED;
        expect(&f, "Read", readers[i], "{\"key\":\"hidden\"}", wanted, NULL);
        expect(&f, "Read", readers[i], "{\"key\":\"nothing\"}", wanted, NULL);
        expect(&f, "Delete", readers[i], "{\"key\":\"shown\"}", wanted, NULL);
    }
    test_fixture_end(&f);
}

/* A blob replaced and deleted under a reader, who holds the connection's window shut. */
static void readers_keep_their_version(void **state)
{
    (void)state;
    const uint64_t size = 6 << 20;
    struct test_fixture f;
    begin(&f, 5);
    assert_int_equal(write_blob(&f, "micro", "k", 1, size), GRPC_OK);
    struct transfer t = {.world = f.system.client, .key = "k", .blob = 1};
    start_download(&f, &t, f.token);
    rpc_stream_pause(t.stream);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_true(t.at < size);
    assert_int_equal(write_blob(&f, "micro", "k", 2, 1000), GRPC_OK);
    expect_blob(&f, "micro", "k", 2, 1000);
    expect(&f, "Delete", f.token, "{\"key\":\"k\"}", GRPC_OK, NULL);
    rpc_stream_resume(t.stream);
    finish(&t);
    assert_int_equal(t.status, GRPC_OK);
    assert_true(t.at == size && !t.differs);
    test_fixture_end(&f);
}

static bool is_idle(void *arg)
{
    (void)arg;
    return false;
}

/* Who says nothing, or takes nothing, does not hold a file for ever; who goes away leaves nothing. */
static void the_other_side_falls_silent(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 6);
    struct transfer t = {.world = f.system.client, .key = "k", .blob = 1, .size = 1 << 20, .chunk = 100};
    struct transfer half = t;
    half.size = 100;
    Store__BlobWriteRequest first = STORE__BLOB_WRITE_REQUEST__INIT;
    first.key = loose(&f.arena, "k");
    first.blob = (ProtobufCBinaryData){3, (uint8_t *)loose(&f.arena, "abc")};
    open_stream(&half, f.channel, "/store.BlobStore/Write", f.token, &first.base, false);
    (void)world_run_until(f.system.client, is_idle, NULL, (uint64_t)(30 * SECOND));
    assert_int_equal(files(&f), 1);
    assert_false(half.ended);
    finish(&half);
    assert_non_null(strstr(text_string(&half.why), "\"code\":408"));
    assert_int_equal(files(&f), 0);
    text_deinit(&half.why);
    /* reset */
    struct transfer gone = {.world = f.system.client};
    open_stream(&gone, f.channel, "/store.BlobStore/Write", f.token, &first.base, false);
    (void)world_run_until(f.system.client, is_idle, NULL, (uint64_t)(1 * SECOND));
    assert_int_equal(files(&f), 1);
    rpc_stream_cancel(gone.stream);
    finish(&gone);
    (void)world_run_until(f.system.client, is_idle, NULL, (uint64_t)(1 * SECOND));
    assert_int_equal(files(&f), 0);
    text_deinit(&gone.why);
    /* a reader */
    assert_int_equal(write_blob(&f, "micro", "k", 1, 8 << 20), GRPC_OK);
    struct transfer reader = {.world = f.system.client, .key = "k", .blob = 1};
    start_download(&f, &reader, f.token);
    rpc_stream_pause(reader.stream);
    (void)world_run_until(f.system.client, is_idle, NULL, (uint64_t)(90 * SECOND));
    rpc_stream_resume(reader.stream);
    finish(&reader);
    assert_non_null(strstr(text_string(&reader.why), "\"code\":408"));
    assert_false(reader.differs);
    text_deinit(&reader.why);
    /* stopped in the middle of one */
    struct transfer cut = {.world = f.system.client};
    open_stream(&cut, f.channel, "/store.BlobStore/Write", f.token, &first.base, false);
    (void)world_run_until(f.system.client, is_idle, NULL, (uint64_t)(1 * SECOND));
    sim_terminate(f.system.sim, "store");
    finish(&cut);
    assert_int_not_equal(cut.status, GRPC_OK);
    text_deinit(&cut.why);
    sim_run_for(f.system.sim, (uint64_t)(10 * SECOND));
    assert_int_equal(files(&f), 1); /* "k" */
    test_fixture_end(&f);
}

/* Started with a limit of its own; without a registry, which it does not need to serve. */
static void start_limited(struct test_fixture *f, const char *limit)
{
    struct error err = ERROR_INIT;
    const char *argv[] = {"micro",      "store",   "--data-dir",   "data",
                          "--host",     "0.0.0.0", "--public-key", text_string(&f->system.public_key),
                          "--blob-max", limit};
    if (sim_start(f->system.sim, "store", "micro", 10, argv, &err) != 0)
        fail_msg("%s", err.message);
    sim_system_wait(&f->system, "store");
}

static void limits(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 7);
    sim_crash(f.system.sim, "store");
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    start_limited(&f, "100KB");
    assert_int_equal(write_blob(&f, "micro", "k", 1, 100000), GRPC_OK);
    struct transfer t = {.world = f.system.client, .key = "k", .blob = 2, .size = 100001};
    start_upload(&f, &t, f.channel, f.token);
    finish(&t);
    assert_int_equal(t.status, GRPC_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(text_string(&t.why), "larger than 100000 bytes"));
    assert_non_null(strstr(text_string(&t.why), "\"code\":507"));
    text_deinit(&t.why);
    expect_blob(&f, "micro", "k", 1, 100000); /* as it was */
    assert_int_equal(files(&f), 1);
    const char *argv[] = {"micro", "store", "--data-dir", "data", "--blob-max", "much"};
    struct error err = ERROR_INIT;
    sim_crash(f.system.sim, "store");
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_int_not_equal(sim_start(f.system.sim, "store", "micro", 6, argv, &err), 0);
    assert_non_null(strstr(err.message, "--blob-max"));
    error_clear(&err);
    test_fixture_end(&f);
}

static void full_disk(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 8);
    assert_int_equal(write_blob(&f, "micro", "k", 1, 100000), GRPC_OK);
    sim_disk(f.system.sim, "store", &(struct sim_disk_faults){.space = 1 << 20});
    assert_int_equal(write_blob(&f, "micro", "k", 2, 4 << 20), GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(files(&f), 1); /* its room is given back */
    expect_blob(&f, "micro", "k", 1, 100000);
    assert_int_equal(write_blob(&f, "micro", "k", 3, 1000), GRPC_OK);
    sim_disk(f.system.sim, "store", &(struct sim_disk_faults){0});
    expect_blob(&f, "micro", "k", 3, 1000);
    test_fixture_end(&f);
}

/* ---- crashes and disks ------------------------------------------------------------------------------------------ */

static void restart(struct test_fixture *f)
{
    if (sim_running(f->system.sim, "store"))
        sim_crash(f->system.sim, "store");
    sim_run_for(f->system.sim, (uint64_t)SECOND);
    sim_system_start(&f->system, "store");
    sim_system_wait(&f->system, "store");
}

/* Power cuts at every named moment and at many times in between: the blob is whole, the old one or the new one, the new
 * one if that was acknowledged; and no file is left that has no blob. */
static void power_cuts(void **state)
{
    (void)state;
    static const char *const points[] = {
        "store.blob.before_index", "store.write.before_commit", "store.write.after_commit", NULL, NULL, NULL};
    size_t old = 0, new = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct test_fixture f;
        begin(&f, seed);
        const char *point = points[seed % 6];
        const uint64_t size = 300000;
        assert_int_equal(write_blob(&f, "micro", "k", 1, size), GRPC_OK);
        assert_int_equal(write_blob(&f, "micro", "steady", 3, 1000), GRPC_OK);
        if (point)
            assert_int_equal(world_point_arm(sim_node(f.system.sim, "store"), point, POINT_CRASH, 1, false), 0);
        struct transfer t = {.world = f.system.client, .key = "k", .blob = 2, .size = size + 1};
        start_upload(&f, &t, f.channel, f.token);
        sim_run_for(f.system.sim, point ? (uint64_t)SECOND : seed * 173 * (uint64_t)MICROSECOND);
        restart(&f);
        if (!t.ended)
            finish(&t);
        int which = which_blob(&f, "micro", "k", 1, size, 2, size + 1);
        assert_true(which == 1 || which == 2);
        if (t.status == GRPC_OK)
            assert_int_equal(which, 2);
        old += which == 1;
        new += which == 2;
        expect_blob(&f, "micro", "steady", 3, 1000);
        assert_int_equal(files(&f), 2);
        text_deinit(&t.why);
        test_fixture_end(&f);
    }
    assert_true(old > 0 && new > 0);
}

/* The n-th disk operation of an upload and of a deletion fails: refused or done, never half, and nothing is lost. */
static void every_disk_operation_fails(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 9);
    int refused = 0;
    unsigned now = 0;
    const uint64_t size = 100000;
    assert_int_equal(write_blob(&f, "micro", "k", now, size), GRPC_OK);
    for (uint64_t n = 1; n <= 14; n++) {
        unsigned next = (unsigned)n;
        sim_disk(f.system.sim, "store", &(struct sim_disk_faults){.fail_nth = n});
        int status = write_blob(&f, "micro", "k", next, size + n);
        sim_disk(f.system.sim, "store", &(struct sim_disk_faults){0});
        assert_true(status == GRPC_OK || status == GRPC_UNAVAILABLE);
        refused += status != GRPC_OK;
        if (status == GRPC_OK)
            now = next;
        expect_blob(&f, "micro", "k", now, size + now);
        assert_int_equal(write_blob(&f, "micro", "next", 50, 10), GRPC_OK);
        assert_int_equal(files(&f), 2);
        restart(&f);
        expect_blob(&f, "micro", "k", now, size + now);
    }
    assert_true(refused >= 6);
    test_fixture_end(&f);
}

/* ---- memory, in the real world ---------------------------------------------------------------------------------- */

static void exited(void *arg, struct world_exit status)
{
    (void)status;
    *(bool *)arg = true;
}

/* The most it had resident so far, in KiB. */
static long peak(struct world *w, int64_t pid)
{
    char path[64], content[4096] = "";
    struct world_file *file = NULL;
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
    assert_int_equal(world_file_open(w, path, WORLD_READ, &file, NULL), 0);
    assert_true(world_file_pread(file, content, sizeof content - 1, 0) > 0);
    world_file_close(file);
    const char *line = strstr(content, "VmHWM:");
    return line ? strtol(line + 6, NULL, 10) : 0;
}

static void memory_stays_small(void **state)
{
    (void)state;
    static const struct world_process_events events = {.exited = exited};
    const uint64_t size = 64 << 20;
    struct test_fixture f = {0};
    struct text public_key = TEXT_INIT, private_key = TEXT_INIT, token = TEXT_INIT;
    struct text address = TEXT_INIT, path = TEXT_INIT;
    struct world *w;
    struct world_process *process;
    bool gone = false;
    char d[] = "/tmp/harrow-blob-XXXXXX";
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_non_null(mkdtemp(d));
    assert_int_equal(micro_keys_generate(&private_key, &public_key, NULL), 0);
    const char *const scopes[] = {"service", NULL};
    const struct micro_claims claims = {.subject = "t",
                                        .type = "service",
                                        .issuer = "micro",
                                        .name = "t",
                                        .scopes = scopes,
                                        .expires = world_wall(w) / SECOND + 3600};
    assert_int_equal(micro_token_sign(text_string(&private_key), &claims, &token, NULL), 0);
    const char *argv[] = {MICRO_PROGRAM,
                          "service",
                          "store",
                          "--data-dir",
                          d,
                          "--run-dir",
                          d,
                          "--address",
                          "127.0.0.1:0",
                          "--public-key",
                          text_string(&public_key),
                          NULL};
    const struct world_spawn how = {.name = "store", .argv = argv};
    assert_int_equal(world_process_spawn(w, &how, &events, &gone, &process, NULL), 0);
    text_printf(&path, "%s/store.address", d);
    for (int i = 0; i < 6000 && world_read_file(w, text_string(&path), 100, &address, NULL) != 0; i++) {
        text_clear(&address);
        world_sleep(w, (uint64_t)(10 * MILLISECOND));
        assert_false(gone);
    }
    address.data[strcspn(address.data, "\n")] = '\0';
    const struct rpc_channel_options options = {.addresses = text_string(&address)};
    assert_int_equal(rpc_channel_new(w, &options, &f.channel, NULL), 0);
    struct transfer up = {.world = w, .key = "large", .blob = 5, .size = size, .chunk = 65536};
    start_upload(&f, &up, f.channel, text_string(&token));
    finish(&up);
    assert_int_equal(up.status, GRPC_OK);
    struct transfer down = {.world = w, .key = "large", .blob = 5};
    start_download(&f, &down, text_string(&token));
    finish(&down);
    assert_int_equal(down.status, GRPC_OK);
    assert_true(down.at == size && !down.differs);
    long most = peak(w, world_process_id(process));
    print_message("64 MiB there and back: at most %ld KiB resident\n", most);
#ifndef SANITIZED
    assert_in_range(most, 1, 40 << 10);
#endif
    rpc_channel_free(f.channel);
    world_process_close(process);
    assert_int_equal(world_remove_tree(w, d), 0);
    world_real_free(w);
    arena_deinit(&f.arena);
    text_deinit(&up.why);
    text_deinit(&down.why);
    text_deinit(&public_key);
    text_deinit(&private_key);
    text_deinit(&token);
    text_deinit(&address);
    text_deinit(&path);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(lists),
        cmocka_unit_test(refusals),
        cmocka_unit_test(access_rules),
        cmocka_unit_test(readers_keep_their_version),
        cmocka_unit_test(the_other_side_falls_silent),
        cmocka_unit_test(limits),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(power_cuts),
        cmocka_unit_test(every_disk_operation_fails),
        cmocka_unit_test(memory_stays_small),
    };
    int failed = cmocka_run_group_tests_name("blobs", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
