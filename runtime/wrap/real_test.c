/* What only the real world has: programs with a standard input, and symbolic links. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "runtime/wrap/internal.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WITHIN ((uint64_t)(20 * SECOND))

struct fixture {
    struct world *world;
    struct micro_options options;
    struct wrap *wrap;
    struct rpc_channel *channel;
};

static void begin(struct fixture *f, const char *endpoint, uint64_t timeout)
{
    struct error err = ERROR_INIT;
    *f = (struct fixture){0};
    assert_int_equal(world_real_new(1, &f->world, NULL), 0);
    /* No registry listens there: it goes on trying in the background. */
    f->options = (struct micro_options){.name = "prog",
                                        .host = "127.0.0.1",
                                        .address = "127.0.0.1:0",
                                        .peers = "registry=127.0.0.1:1,auth=127.0.0.1:1"};
    const struct wrap_config config = {.options = &f->options, .endpoint = endpoint, .timeout = timeout};
    if (wrap_start(f->world, &config, &f->wrap, &err) != 0)
        fail_msg("%s", err.message);
    const struct rpc_channel_options options = {.addresses = wrap_address(f->wrap)};
    assert_int_equal(rpc_channel_new(f->world, &options, &f->channel, NULL), 0);
}

static void end(struct fixture *f)
{
    rpc_channel_free(f->channel);
    wrap_stop(f->wrap);
    world_real_free(f->world);
}

static int ask(struct fixture *f, const char *type, const char *message, uint64_t timeout, struct rpc_answer *a)
{
    const struct rpc_request r = {.path = "/prog.Prog/Run",
                                  .content_type = type,
                                  .timeout = timeout,
                                  .message = bytes_of(message),
                                  .has_message = true};
    assert_int_equal(rpc_unary_wait(f->world, f->channel, &r, a, NULL), 0);
    return a->reply.status;
}

static void expect(struct fixture *f, const char *message, int status, int code, const char *words)
{
    struct rpc_answer a;
    struct micro_error e = {0};
    int got = ask(f, "application/grpc+json", message, 0, &a);
    char body[1024];
    snprintf(body, sizeof body, "%.*s", (int)a.reply.body.len,
             a.reply.body.data ? (const char *)a.reply.body.data : "");
    if (got != GRPC_OK)
        micro_error_parse(got, a.reply.message, &e);
    const char *said = got == GRPC_OK ? body : e.detail;
    if (got != status || (got != GRPC_OK && e.code != code) || (words && !strstr(said, words)))
        fail_msg("%s: status %d, code %d: %s", message, got, e.code, said);
    rpc_answer_deinit(&a);
}

static void test_answers(void **state)
{
    struct fixture f;
    struct rpc_answer a;
    (void)state;
    begin(&f, "exec://cat", 0);
    expect(&f, "{\"a\":1}", GRPC_OK, 0, "{\"a\":1}");
    static const char binary[] = "\x0a\x03one\x00\xff";
    const struct rpc_request r = {
        .path = "/prog.Prog/Run", .message = BYTES(binary, sizeof binary - 1), .has_message = true};
    assert_int_equal(rpc_unary_wait(f.world, f.channel, &r, &a, NULL), 0);
    assert_int_equal(a.reply.status, GRPC_OK);
    assert_true(bytes_equal(a.reply.body, BYTES(binary, sizeof binary - 1)));
    rpc_answer_deinit(&a);
    end(&f);
}

static void test_codes(void **state)
{
    static const struct {
        const char *exit;
        int status, code;
    } rows[] = {
        {"1", GRPC_UNKNOWN, 500},
        {"64", GRPC_INVALID_ARGUMENT, 400},
        {"65", GRPC_INVALID_ARGUMENT, 400},
        {"66", GRPC_NOT_FOUND, 404},
        {"69", GRPC_UNAVAILABLE, 503},
        {"75", GRPC_UNAVAILABLE, 503},
        {"77", GRPC_PERMISSION_DENIED, 403},
        {"78", GRPC_UNIMPLEMENTED, 501},
    };
    struct fixture f;
    (void)state;
    begin(&f, "exec://sh -c \"read n; echo first >&2; echo because $n >&2; exit $n\"", 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rpc_answer a;
        struct micro_error e;
        int status = ask(&f, "application/grpc+json", rows[i].exit, 0, &a);
        char words[40];
        micro_error_parse(status, a.reply.message, &e);
        snprintf(words, sizeof words, "because %s", rows[i].exit);
        if (e.code != rows[i].code || strcmp(e.detail, words) != 0 || micro_code_to_grpc(e.code) != status)
            fail_msg("exit %s: status %d, code %d, \"%s\"", rows[i].exit, status, e.code, e.detail);
        rpc_answer_deinit(&a);
    }
    end(&f);
    begin(&f, "exec://sh -c \"kill -9 $$\"", 0);
    expect(&f, "{}", micro_code_to_grpc(500), 500, "SIGKILL");
    end(&f);
    begin(&f, "exec://nosuchprogram", 0);
    expect(&f, "{}", GRPC_UNAVAILABLE, 503, "nosuchprogram");
    end(&f);
}

static bool is_idle(void *arg)
{
    const struct wrap *w = arg;
    return w->runs == 0 && w->calls == 0;
}

static void test_limits(void **state)
{
    struct fixture f;
    struct rpc_answer a;
    (void)state;
    begin(&f, "exec://sleep 100", (uint64_t)(50 * MILLISECOND));
    expect(&f, "{}", micro_code_to_grpc(504), 504, "in time");
    assert_int_equal(f.wrap->runs, 0);
    end(&f);
    begin(&f, "exec://cat /dev/zero", 0);
    expect(&f, "{}", micro_code_to_grpc(507), 507, "wrote more than");
    assert_int_equal(f.wrap->runs, 0);
    end(&f);
    /* The caller's own deadline kills it as well. */
    begin(&f, "exec://sleep 100", 0);
    int status = ask(&f, NULL, "", (uint64_t)(50 * MILLISECOND), &a);
    assert_true(status == GRPC_DEADLINE_EXCEEDED || status == micro_code_to_grpc(504));
    rpc_answer_deinit(&a);
    assert_int_equal(world_run_until(f.world, is_idle, f.wrap, WITHIN), 0);
    end(&f);
}

/* It is told of the call, and of nothing that is ours. */
static void test_environment(void **state)
{
    struct fixture f;
    struct rpc_answer a;
    (void)state;
    setenv("MICRO_TOKEN", "ours", 1);
    setenv("MICRO_AUTH_SECRET", "ours", 1);
    begin(&f, "exec://env", 0);
    assert_int_equal(ask(&f, "application/grpc+json", "{}", 0, &a), GRPC_OK);
    char body[4096];
    snprintf(body, sizeof body, "%.*s", (int)a.reply.body.len, (const char *)a.reply.body.data);
    assert_null(strstr(body, "ours"));
    assert_non_null(strstr(body, "MICRO_SERVICE_NAME=prog\n"));
    assert_non_null(strstr(body, "MICRO_METHOD=Prog.Run\n"));
    assert_non_null(strstr(body, "MICRO_CONTENT_TYPE=application/json\n"));
    assert_non_null(strstr(body, "MICRO_NAMESPACE=micro\n"));
    rpc_answer_deinit(&a);
    end(&f);
    unsetenv("MICRO_TOKEN");
    unsetenv("MICRO_AUTH_SECRET");
}

struct stream {
    struct text got;
    bool finished;
    int status;
};

static void on_message(void *arg, struct bytes message)
{
    struct stream *s = arg;
    text_printf(&s->got, "%.*s|", (int)message.len, (const char *)message.data);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct stream *s = arg;
    s->finished = true;
    s->status = reply->status;
}

static bool is_finished(void *arg)
{
    const struct stream *s = arg;
    return s->finished;
}

/* A stream's messages are answered one by one, in their order. */
static void test_stream(void **state)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct fixture f;
    struct stream s = {0};
    struct rpc_stream *stream;
    const struct rpc_request r = {.path = "/prog.Prog/Run", .content_type = "application/grpc+json"};
    (void)state;
    begin(&f, "exec://tr a-z A-Z", 0);
    assert_int_equal(rpc_stream_open(f.channel, &r, &events, &s, &stream, NULL), 0);
    assert_int_equal(rpc_stream_send(stream, bytes_of("one")), 0);
    assert_int_equal(rpc_stream_send(stream, bytes_of("two")), 0);
    assert_int_equal(rpc_stream_send(stream, bytes_of("three")), 0);
    assert_int_equal(rpc_stream_half_close(stream), 0);
    assert_int_equal(world_run_until(f.world, is_finished, &s, WITHIN), 0);
    assert_int_equal(s.status, GRPC_OK);
    assert_string_equal(text_string(&s.got), "ONE|TWO|THREE|");
    text_deinit(&s.got);
    end(&f);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"exec:///nosuch/program", "exec:///etc/passwd", "exec:///",
                                      "file:///nosuch/folder", "file:///etc/passwd"};
    struct world *w = NULL;
    (void)state;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct micro_options options = {.name = "x", .host = "127.0.0.1", .address = "127.0.0.1:0"};
        const struct wrap_config config = {.options = &options, .endpoint = bad[i]};
        struct wrap *wrap = NULL;
        struct error err = ERROR_INIT;
        if (wrap_start(w, &config, &wrap, &err) != ERROR_INVALID)
            fail_msg("%s is not refused", bad[i]);
        assert_true(err.message && err.message[0]);
        error_clear(&err);
    }
    world_real_free(w);
}

/* No link is followed, whatever it leads to and wherever on the way it stands. */
static void test_links(void **state)
{
    char folder[] = "/tmp/wrap-test-XXXXXX", path[100], other[100];
    struct world *w = NULL;
    struct arena arena = ARENA_INIT;
    struct world_stat stat;
    const char *found = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    snprintf(path, sizeof path, "%s/www/sub", folder);
    assert_int_equal(world_make_directory(w, path), 0);
    snprintf(path, sizeof path, "%s/secret", folder);
    assert_int_equal(world_write_file(w, path, bytes_of("s"), false, NULL), 0);
    snprintf(other, sizeof other, "%s/www/link", folder);
    assert_int_equal(symlink(path, other), 0);
    snprintf(other, sizeof other, "%s/www/up", folder);
    assert_int_equal(symlink(folder, other), 0);
    snprintf(path, sizeof path, "%s/www/sub/file", folder);
    assert_int_equal(world_write_file(w, path, bytes_of("s"), false, NULL), 0);
    snprintf(other, sizeof other, "%s/www/inside", folder);
    assert_int_equal(symlink("sub/file", other), 0);
    snprintf(path, sizeof path, "%s/www", folder);
    assert_int_equal(wrap_file_path(w, path, "sub/file", &arena, &found, &stat), 0);
    assert_false(stat.directory);
    static const char *const refused[] = {"link", "up/secret", "up", "inside", "nosuch", "sub/file/more"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (wrap_file_path(w, path, refused[i], &arena, &found, &stat) != ERROR_NOT_FOUND)
            fail_msg("%s is reached", refused[i]);
    assert_int_equal(wrap_file_path(w, path, "../secret", &arena, &found, &stat), ERROR_INVALID);
    assert_int_equal(world_remove_tree(w, folder), 0);
    arena_deinit(&arena);
    world_real_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),     cmocka_unit_test(test_codes),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_environment), cmocka_unit_test(test_stream), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_links),
    };
    log_set_level(LOG_OFF);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    micro_pool_free();
    return rc;
}
