/* The runtime component with its neighbours: uploaded sources, calls during updates, events. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/runtime/runtime.pb-c.h"
#include "base/units.h"
#include "runtime/runtime/runner.h"
#include "runtime/runtime/test_runner.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

static la_ssize_t take(struct archive *a, void *arg, const void *data, size_t len)
{
    (void)a;
    text_add(arg, data, len);
    return (la_ssize_t)len;
}

/* A gzipped tar of files: name, content, ..., NULL. */
static void pack(struct text *out, ...)
{
    struct archive *a = archive_write_new();
    va_list args;
    assert_non_null(a);
    archive_write_add_filter_gzip(a);
    archive_write_set_format_pax_restricted(a);
    archive_write_open(a, out, NULL, take, NULL);
    va_start(args, out);
    for (const char *name = va_arg(args, const char *); name; name = va_arg(args, const char *)) {
        const char *content = va_arg(args, const char *);
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, name);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_perm(e, 0644);
        archive_entry_set_size(e, (la_int64_t)strlen(content));
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        archive_write_data(a, content, strlen(content));
        archive_entry_free(e);
    }
    va_end(args);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

struct uploading {
    bool over;
    int status;
    struct text answer;
};

static void uploaded(void *arg, const struct rpc_reply *reply)
{
    struct uploading *u = arg;
    u->over = true;
    u->status = reply->status;
    text_add(&u->answer, reply->message.data, reply->message.len);
}

static void upload_answer(void *arg, struct bytes message)
{
    struct uploading *u = arg;
    text_add(&u->answer, message.data, message.len);
}

static bool is_over(void *arg)
{
    const struct uploading *u = arg;
    return u->over;
}

/* Uploads in pieces of `piece` bytes; the status. */
static int upload(struct test_runner *f, const char *name, const struct text *data, size_t piece, const char *words)
{
    static const struct rpc_stream_events events = {.message = upload_answer, .finished = uploaded};
    struct uploading u = {0};
    struct rpc_channel *channel = NULL;
    struct rpc_stream *stream = NULL;
    const struct rpc_channel_options options = {.addresses = "runtime:8088"};
    char *bearer = arena_printf(&f->arena, "Bearer %s", f->token), *copy = arena_string(&f->arena, name);
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
    const struct rpc_request request = {.path = UPLOAD, .metadata = {&header, 1}, .timeout = (uint64_t)(30 * SECOND)};
    assert_int_equal(rpc_channel_new(f->system.client, &options, &channel, NULL), 0);
    assert_int_equal(rpc_stream_open(channel, &request, &events, &u, &stream, NULL), 0);
    for (size_t at = 0; at < data->len && !u.over; at += piece) {
        Runtime__UploadRequest message = RUNTIME__UPLOAD_REQUEST__INIT;
        Runtime__Service service = RUNTIME__SERVICE__INIT;
        struct text packed = TEXT_INIT;
        service.name = copy;
        if (at == 0 && *name)
            message.service = &service;
        message.data.data = (uint8_t *)data->data + at;
        message.data.len = data->len - at < piece ? data->len - at : piece;
        assert_int_equal(pb_pack(&message.base, &packed), 0);
        (void)rpc_stream_send(stream, text_bytes(&packed));
        text_deinit(&packed);
    }
    if (!u.over)
        (void)rpc_stream_half_close(stream);
    assert_int_equal(world_run_until(f->system.client, is_over, &u, (uint64_t)(60 * SECOND)), 0);
    if (words && !memmem(text_string(&u.answer), u.answer.len, words, strlen(words)))
        fail_msg("upload: %s %s; wanted %s", grpc_status_name(u.status), text_string(&u.answer), words);
    text_deinit(&u.answer);
    rpc_channel_free(channel);
    return u.status;
}

static void sources(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 12);
    struct text tar = TEXT_INIT, rubbish = TEXT_INIT;
    pack(&tar, "./one.mu", "service: one\ncommand: sleeper --fast\nenvironment:\n  LEVEL: info\n", "src/x.c",
         "int x;\n", NULL);
    text_puts(&rubbish, "no archive at all");
    assert_int_equal(upload(&f, "one", &rubbish, 100, "no gzipped tar"), GRPC_INVALID_ARGUMENT);
    assert_int_equal(upload(&f, "", &tar, 100, "first message names"), GRPC_INVALID_ARGUMENT);
    assert_int_equal(upload(&f, "a/b", &tar, 100, "first message names"), GRPC_INVALID_ARGUMENT);
    test_runtime(&f, CREATE, "{\"resource\":{\"service\":{\"name\":\"one\",\"source\":\"source://one:latest\"}}}",
                 GRPC_OK, NULL);
    test_runtime_until(&f, "it has to be uploaded first", 5);
    assert_string_equal(test_metadata(&f, "status"), "error");
    assert_int_equal(upload(&f, "one", &tar, 64, "source://one:latest"), GRPC_OK);
    test_runtime(&f, UPDATE, test_of(&f, "one"), GRPC_OK, NULL);
    test_runtime_until(&f, "\"status\":4", 10);
    assert_int_equal(test_starts, 1);
    assert_non_null(strstr(text_string(&test_told), "LEVEL=info"));
    /* after a power cut it is unpacked again from what was kept here */
    assert_int_equal(sim_crash(f.system.sim, "runtime"), 0);
    sim_system_start(&f.system, "runtime");
    sim_system_wait(&f.system, "runtime");
    test_runtime_until(&f, "\"status\":4", 10);
    assert_int_equal(test_starts, 2);
    /* what was built can be read back; one folder is kept, not those of before */
    struct test_stream t;
    test_stream_open(&t, &f.system, "runtime", "/runtime.Build/Read", f.token, "{\"name\":\"one\"}");
    test_stream_wait(&t, 0);
    assert_int_equal(t.status, GRPC_OK);
    assert_in_range(t.messages, 1, 2);
    test_stream_close(&t);
    test_runtime(&f, "/runtime.Build/Read", "{\"name\":\"two\"}", GRPC_NOT_FOUND, "not found");
    /* several .mu files are one too many */
    text_clear(&tar);
    pack(&tar, "a/a.mu", "service a\n", "b/b.mu", "command: sleeper\n", NULL);
    assert_int_equal(upload(&f, "one", &tar, 1 << 20, "source://one:latest"), GRPC_OK);
    test_runtime(&f, UPDATE, test_of(&f, "one"), GRPC_OK, NULL);
    test_runtime_until(&f, "2 .mu files (a/a.mu, b/b.mu)", 10);
    assert_string_equal(test_metadata(&f, "status"), "running");
    test_runtime(&f, UPDATE, "{\"resource\":{\"service\":{\"name\":\"one\"}},\"options\":{\"entrypoint\":\"b/b.mu\"}}",
                 GRPC_OK, NULL);
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    assert_int_equal(test_starts, 3);
    assert_string_equal(test_metadata(&f, "error"), "");
    test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_OK, NULL);
    struct world_stat stat;
    assert_int_equal(world_stat(sim_node(f.system.sim, "runtime"), "data/runtime/builds/micro/one-latest", &stat), 0);
    assert_false(stat.exists);
    text_deinit(&tar);
    text_deinit(&rubbish);
    test_end(&f);
}

/* Calls go on while a registered service is updated: none is lost. */
static void rolls(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 14);
    struct sim_system *s = &f.system;
    sim_system_start(s, "api");
    sim_system_wait(s, "api");
    test_runtime(
        &f, CREATE,
        "{\"resource\":{\"service\":{\"name\":\"helloworld\"}},\"options\":{\"command\":[\"micro\",\"helloworld\"],"
        "\"instances\":2}}",
        GRPC_OK, NULL);
    test_eventually(s, "registry", "/registry.Registry/GetService", f.token, "{\"service\":\"helloworld\"}", GRPC_OK,
                    "helloworld-latest.1:", 20);
    sim_run_for(s->sim, (uint64_t)(2 * SECOND));
    char *bearer = arena_printf(&f.arena, "Authorization: Bearer %s\n", f.token);
    for (int update = 0; update < 3; update++) {
        test_runtime(&f, UPDATE, test_of(&f, "helloworld"), GRPC_OK, NULL);
        for (int i = 0; i < 100; i++) {
            struct sim_answer a = {0};
            sim_system_http(s, "GET", "/helloworld?name=Joe", bearer, NULL, &a);
            if (a.status != 200)
                fail_msg("call %d of update %d: %d %s", i, update, a.status, text_string(&a.text));
            sim_answer_deinit(&a);
            sim_run_for(s->sim, (uint64_t)(50 * MILLISECOND));
        }
        assert_string_equal(test_metadata(&f, "status"), "running");
        assert_string_equal(test_metadata(&f, "error"), "");
        assert_string_equal(test_metadata(&f, "instances"), "2/2");
    }
    test_runtime(&f, DELETE, test_of(&f, "helloworld"), GRPC_OK, NULL);
    test_eventually(s, "registry", "/registry.Registry/GetService", f.token, "{\"service\":\"helloworld\"}",
                    GRPC_NOT_FOUND, NULL, 5);
    test_end(&f);
}

static void tells_events(void **state)
{
    (void)state;
    if (!component_find("events"))
        skip();
    struct test_runner f;
    test_begin(&f, 13);
    sim_system_start(&f.system, "events");
    sim_system_wait(&f.system, "events");
    test_create(&f, "one", "sleeper", "");
    test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_OK, NULL);
    test_runtime(&f, CREATE, "{\"resource\":{\"namespace\":{\"name\":\"blue\"}}}", GRPC_OK, NULL);
    static const char *const types[] = {"service.created", "service.deleted", "namespace.created"};
    for (size_t i = 0; i < 3; i++)
        test_eventually(&f.system, "events", "/events.Store/Read", f.token, "{\"topic\":\"runtime\"}", GRPC_OK,
                        types[i], 10);
    test_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sources), cmocka_unit_test(rolls),
                                       cmocka_unit_test(tells_events)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
