/* Both worlds with the n-th allocation failing, for every n: no crash, no leak, and an error that says so. */
#include "world/test_worlds.h"

#include "base/failing.h"
#include "world/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct talk {
    struct world *w;
    struct world_listener *listener;
    struct world_stream *server, *client;
    size_t got, ended;
};

static void server_readable(void *arg, struct bytes data)
{
    struct talk *t = arg;
    if (world_stream_write(t->server, data) < 0) {
        world_stream_abort(t->server);
        t->server = NULL;
    }
}

static void server_ended(void *arg, int reason)
{
    struct talk *t = arg;
    (void)reason;
    world_stream_close(t->server);
    t->server = NULL;
}

static void client_readable(void *arg, struct bytes data)
{
    ((struct talk *)arg)->got += data.len;
}

static void client_ended(void *arg, int reason)
{
    (void)reason;
    ((struct talk *)arg)->ended++;
}

static void accept_stream(void *arg, struct world_stream *s)
{
    static const struct world_stream_events events = {.readable = server_readable, .ended = server_ended};
    struct talk *t = arg;
    if (t->server)
        return;
    t->server = s;
    world_stream_accept(s, &events, t);
}

#define PAYLOAD ((size_t)3 << 20) /* more than sockets hold: buffers have to grow */

static bool talk_done(void *arg)
{
    const struct talk *t = arg;
    return t->got >= PAYLOAD || t->ended > 0;
}

static int talk(struct world *w)
{
    static const struct world_stream_events events = {.readable = client_readable, .ended = client_ended};
    static uint8_t payload[PAYLOAD];
    struct talk t = {.w = w};
    struct error err = ERROR_INIT;
    int code = world_listen(w, "127.0.0.1:0", accept_stream, &t, &t.listener, &err);
    if (code == 0)
        code = world_connect(w, world_listener_address(t.listener), &events, &t, &t.client, &err);
    if (code == 0)
        code = world_stream_write(t.client, BYTES(payload, PAYLOAD));
    if (code == 0)
        code = world_run_until(w, talk_done, &t, MINUTE);
    if (code == 0 && t.got < PAYLOAD)
        code = ERROR_MEMORY; /* the stream ended early, which is how a write without memory shows */
    world_stream_close(t.client);
    world_stream_close(t.server);
    world_listener_close(t.listener);
    error_clear(&err);
    return code;
}

static int files(struct world *w, const char *directory)
{
    char path[256], other[300];
    struct text content = TEXT_INIT;
    snprintf(path, sizeof(path), "%s/sub", directory);
    int code = world_make_directory(w, path);
    snprintf(path, sizeof(path), "%s/sub/file", directory);
    snprintf(other, sizeof(other), "%s/sub/other", directory);
    if (code == 0)
        code = world_write_file(w, path, bytes_of("content"), true, NULL);
    if (code == 0)
        code = world_rename(w, path, other);
    if (code == 0)
        code = world_read_file(w, other, 100, &content, NULL);
    if (code == 0)
        assert_string_equal(content.data, "content");
    text_deinit(&content);
    return code;
}

static int real_scenario(const char *directory)
{
    struct world *w;
    struct error err = ERROR_INIT;
    int code = world_real_new(1, &w, &err);
    error_clear(&err);
    if (code < 0)
        return code;
    code = files(w, directory);
    if (code == 0)
        code = talk(w);
    struct world_process *p;
    static const struct world_process_events none = {0};
    struct world_spawn spawn = {.argv = (const char *const[]){"true", NULL}};
    if (code == 0)
        code = world_process_spawn(w, &spawn, &none, NULL, &p, NULL);
    world_real_free(w);
    return code;
}

static int idle_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    (void)argc;
    (void)argv;
    *state = w;
    return world_write_file(w, "/started", bytes_of("x"), false, err);
}

static void idle_stop(void *state)
{
    (void)state;
}

static const struct sim_program idle = {.name = "idle", .start = idle_start, .stop = idle_stop};

static int sim_scenario(const char *directory)
{
    static const struct world_process_events none = {0};
    struct world_spawn spawn = {.name = "child", .argv = (const char *const[]){"idle", "-x", NULL}};
    struct world_process *p;
    struct sim *s = sim_new(&(struct sim_options){.seed = 1});
    if (!s)
        return ERROR_MEMORY;
    struct world *w = sim_node(s, "test");
    int code = w ? sim_register(s, &idle) : ERROR_MEMORY;
    if (code == 0) {
        sim_cut(s, NULL, "nobody", false);
        sim_heal_all(s);
        code = files(w, directory);
    }
    if (code == 0)
        code = talk(w);
    if (code == 0)
        code = world_process_spawn(w, &spawn, &none, NULL, &p, NULL);
    if (code == 0)
        code = world_sleep(w, 10 * MILLISECOND);
    if (code == 0)
        code = sim_running(s, "child") ? sim_crash(s, "child") : ERROR_MEMORY;
    if (code == 0)
        code = sim_run_for(s, SECOND);
    sim_free(s);
    return code;
}

static void walk(int (*scenario)(const char *directory))
{
    char directory[] = "/tmp/harrow-memory-XXXXXX";
    assert_non_null(mkdtemp(directory));
    struct world *w;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    size_t n = 1;
    for (;; n++) {
        assert_int_equal(world_remove_tree(w, directory), 0);
        assert_int_equal(world_make_directory(w, directory), 0);
        failing_arm(n);
        int code = scenario(directory);
        bool hit = failing_hit();
        failing_disarm();
        if (!hit) {
            assert_int_equal(code, 0);
            break;
        }
        /* An allocation that only made a message, a trace or a cache does not fail the work. */
        if (code != 0 && code != ERROR_MEMORY)
            fail_msg("allocation %zu: %s", n, error_code_name(code));
    }
    assert_true(n > 10);
    assert_int_equal(world_remove_tree(w, directory), 0);
    world_real_free(w);
}

static void test_real(void **state)
{
    (void)state;
    walk(real_scenario);
}

static void test_sim(void **state)
{
    (void)state;
    walk(sim_scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"test_real", test_real, NULL, NULL, NULL},
        {"test_sim", test_sim, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
