/* `micro server` and the commands that talk to it, as real processes in a directory of their own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "base/units.h"
#include "runtime/component.h"
#include "world/real.h"
#include "world/world.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MICRO_PROGRAM
#error "MICRO_PROGRAM must be the path of the program under test"
#endif

#define READY_LIMIT ((uint64_t)60 * (uint64_t)SECOND) /* a start under sanitizers on a busy machine */
#define STEP_LIMIT  ((uint64_t)60 * (uint64_t)SECOND)
#define WORDS_MAX   24
#define PATH_LEN    256

struct program {
    struct world_process *process;
    struct text out, err;
    bool exited;
    struct world_exit status;
};

static struct world *world;
static char directory[PATH_LEN], data[PATH_LEN + 8];
static struct program server;

/* ---- running programs ---- */

static void on_output(void *arg, int fd, struct bytes line)
{
    struct program *p = arg;
    struct text *to = fd == 1 ? &p->out : &p->err;
    text_add(to, line.data, line.len);
    text_char(to, '\n');
}

static void on_exited(void *arg, struct world_exit status)
{
    struct program *p = arg;
    p->exited = true;
    p->status = status;
}

static void spawn(struct program *p, const char *const *argv)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    char home[PATH_LEN + 64], log[] = "MICRO_LOG_LEVEL=info";
    struct error err = ERROR_INIT;
    snprintf(home, sizeof home, "MICRO_HOME=%s/home", directory);
    const char *const environment[] = {home, log, "MICRO_TOKEN=", "MICRO_DATA_DIR=", "MICRO_NAMESPACE=", NULL};
    const struct world_spawn how = {.name = argv[1], .argv = argv, .environment = environment};
    *p = (struct program){0};
    if (world_process_spawn(world, &how, &events, p, &p->process, &err) < 0)
        fail_msg("cannot run %s: %s", argv[0], err.message);
}

static void program_deinit(struct program *p)
{
    world_process_close(p->process);
    text_deinit(&p->out);
    text_deinit(&p->err);
    *p = (struct program){0};
}

static bool has_exited(void *arg)
{
    const struct program *p = arg;
    return p->exited;
}

static bool has_line_or_exited(void *arg)
{
    const struct program *p = arg;
    return p->exited || strchr(text_string(&p->out), '\n');
}

/* Runs `micro --data-dir D ...` to its end. */
static int run(struct program *p, ...)
{
    const char *argv[WORDS_MAX] = {MICRO_PROGRAM, "--data-dir", data};
    size_t n = 3;
    va_list words;
    va_start(words, p);
    for (const char *word = va_arg(words, const char *); word; word = va_arg(words, const char *)) {
        assert_true(n < WORDS_MAX - 1);
        argv[n++] = word;
    }
    va_end(words);
    spawn(p, argv);
    assert_int_equal(world_run_until(world, has_exited, p, STEP_LIMIT), 0);
    assert_false(p->status.signalled);
    return p->status.code;
}

#define expect(code, words, ...)                                                                                       \
    do {                                                                                                               \
        struct program p_;                                                                                             \
        int got_ = run(&p_, __VA_ARGS__, NULL);                                                                        \
        const char *want_ = (words);                                                                                   \
        if (got_ != (code) || (want_ && !strstr(text_string(&p_.out), want_) && !strstr(text_string(&p_.err), want_))) \
            fail_msg("exit code %d, wanted %d with \"%s\"; stdout: %s stderr: %s", got_, (code), want_ ? want_ : "",   \
                     text_string(&p_.out), text_string(&p_.err));                                                      \
        program_deinit(&p_);                                                                                           \
    } while (0)

/* ---- looking at the server ---- */

static json_t *read_status(void)
{
    char path[PATH_LEN + 64];
    struct text content = TEXT_INIT;
    snprintf(path, sizeof path, "%s/run/status.json", data);
    json_t *status = NULL;
    if (world_read_file(world, path, 1 << 20, &content, NULL) == 0)
        status = json_loads(text_string(&content), 0, NULL);
    text_deinit(&content);
    return status;
}

static json_t *component_of(json_t *status, const char *name)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(status, "components"), i, c)
    {
        if (strcmp(json_string_value(json_object_get(c, "name")), name) == 0)
            return c;
    }
    fail_msg("%s is not in status.json", name);
    return NULL;
}

static pid_t pid_of(const char *name)
{
    json_t *status = read_status();
    assert_non_null(status);
    pid_t pid = (pid_t)json_integer_value(json_object_get(component_of(status, name), "pid"));
    json_decref(status);
    return pid;
}

struct again {
    const char *name;
    pid_t not ;
};

static bool runs_again(void *arg)
{
    const struct again *a = arg;
    json_t *status = read_status();
    if (!status)
        return false;
    const json_t *c = component_of(status, a->name);
    bool yes = strcmp(json_string_value(json_object_get(c, "state")), "running") == 0 &&
               json_integer_value(json_object_get(c, "pid")) != a->not ;
    json_decref(status);
    return yes;
}

/* Looks every 10 ms. */
static void wait_for(bool (*done)(void *arg), void *arg)
{
    uint64_t end = world_now(world) + STEP_LIMIT;
    while (!done(arg)) {
        assert_true(world_now(world) < end);
        assert_int_equal(world_sleep(world, (uint64_t)(10 * MILLISECOND)), 0);
    }
}

static const char *wanted; /* words of the server */

static bool has_said(void *arg)
{
    (void)arg;
    return strstr(text_string(&server.err), wanted) != NULL;
}

/* The server tells of itself in two places, of which either may be looked at first. */
static void wait_said(const char *words)
{
    wanted = words;
    if (world_run_until(world, has_said, NULL, STEP_LIMIT) != 0)
        fail_msg("the server did not say \"%s\": %s", words, text_string(&server.err));
}

/* ---- one server for most tests ---- */

#define PREFIX "MICRO_SERVER_TEST"
#define PEERS  "elsewhere=127.0.0.1:1" /* of helloworld alone */

static int set_up(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/micro-test-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(directory) || world_real_new(1, &world, NULL) < 0)
        return -1;
    snprintf(data, sizeof data, "%s/data", directory);
    char peers[PATH_LEN + 64], file[PATH_LEN + 80];
    snprintf(peers, sizeof peers, "%s/peers", directory);
    snprintf(file, sizeof file, "%s/helloworld", peers);
    if (world_make_directory(world, peers) < 0 || world_write_file(world, file, bytes_of(PEERS "\n"), true, NULL) < 0)
        return -1;
    const char *const argv[] = {MICRO_PROGRAM,
                                "server",
                                "--data-dir",
                                data,
                                "--base-port",
                                "0",
                                "--json",
                                "--peers-dir",
                                peers,
                                "--component-prefix",
                                "env \"" PREFIX "={} is it\"",
                                NULL};
    spawn(&server, argv);
    if (world_run_until(world, has_line_or_exited, &server, READY_LIMIT) < 0 || server.exited) {
        print_error("the server does not come up: %s\n", text_string(&server.err));
        return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    program_deinit(&server);
    (void)world_remove_tree(world, directory);
    world_real_free(world);
    return 0;
}

static void test_ready_line(void **state)
{
    (void)state;
    json_t *line = json_loads(text_string(&server.out), 0, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "type")), "ready");
    assert_memory_equal(json_string_value(json_object_get(line, "api")), "http://127.0.0.1:", 17);
    size_t count = 0;
    while (components[count].name)
        count++;
    assert_int_equal(json_object_size(json_object_get(line, "components")), count);
    assert_int_equal(json_integer_value(json_object_get(line, "pid")), world_process_id(server.process));
    json_decref(line);
    expect(0, "running", "status", "--components");
    expect(0, "ok", "health");
    expect(0, "\"state\": \"running\"", "status", "--components", "--output", "json", "store");
}

static void test_commands(void **state)
{
    char file[PATH_LEN + 64];
    struct text secret = TEXT_INIT;
    (void)state;
    expect(2, "account is required", "store", "read", "k");
    expect(0, "Hello Joe", "call", "helloworld", "Helloworld.Call", "{\"name\":\"Joe\"}");

    snprintf(file, sizeof file, "%s/auth/admin.secret", data);
    assert_int_equal(world_read_file(world, file, 100, &secret, NULL), 0);
    text_truncate(&secret, strcspn(text_string(&secret), "\n"));
    expect(127, "Secret not correct", "login", "admin", "--password", "wrong");
    expect(0, "Successfully logged in.", "login", "admin", "--password", text_string(&secret));
    text_deinit(&secret);

    expect(0, "notes", "services");
    expect(127, "Not found", "store", "read", "k");
    expect(0, "", "store", "write", "k", "v1");
    expect(0, "v1\n", "store", "read", "k");
    expect(0, "", "store", "write", "k2", "v2", "--expiry", "1h");
    expect(0, "v2\n", "store", "read", "--prefix", "k");
    expect(0, "k2\n", "store", "list", "--prefix", "k");
    expect(0, "micro", "store", "databases");
    expect(0, "", "store", "delete", "k2");
    expect(127, "Not found", "store", "read", "k2");

    expect(0, "", "config", "set", "a.b", "hello");
    expect(0, "hello\n", "config", "get", "a.b");
    expect(0, "{\"b\":\"hello\"}", "config", "get", "a");
    expect(0, "", "config", "set", "--secret", "a.key", "sk");
    expect(0, "[secret]\n", "config", "get", "a.key");
    expect(0, "sk\n", "config", "get", "--secret", "a.key");
    expect(0, "", "config", "del", "a.b");
    expect(127, "Not found", "config", "get", "a.b");

    /* Exit codes for what goes wrong. */
    expect(3, "alformed endpoint", "call", "helloworld", "Call");
    expect(3, "alformed request: 1:", "call", "helloworld", "Helloworld.Call", "{");
    expect(3, NULL, "call", "helloworld", "Helloworld.Call", "{\"nosuch\":1}");
    expect(4, "ervice not found", "call", "nosuch", "Nosuch.Call");
    expect(5, "ethod not found", "call", "helloworld", "Helloworld.Nosuch");
    expect(4, "annot connect", "call", "--address", "127.0.0.1:1", "x", "X.Y");
    expect(2, "Unrecognized micro command: nosuch", "nosuch");

    expect(0, "logged out", "logout");
    expect(2, "account is required", "store", "read", "k");
}

struct silence {
    const char *name;
    bool wanted;
};

static bool is_silent(void *arg)
{
    const struct silence *s = arg;
    json_t *status = read_status();
    bool yes = status && json_is_true(json_object_get(component_of(status, s->name), "silent")) == s->wanted;
    json_decref(status);
    return yes;
}

/* A component that stands still: the call times out, status says it is silent, the supervisor tells so, and nothing is
 * restarted. */
static void test_stopped(void **state)
{
    pid_t pid = pid_of("helloworld");
    (void)state;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    expect(1, "Request timed out", "call", "helloworld", "Helloworld.Call", "{}", "--request_timeout", "200ms");
    expect(0, "silent", "status", "--components", "helloworld");
    struct silence silence = {"helloworld", true};
    wait_for(is_silent, &silence);
    wait_said("does not answer; it is left alone");
    assert_int_equal(kill(pid, SIGCONT), 0);
    silence.wanted = false;
    wait_for(is_silent, &silence);
    wait_said("helloworld answers again");
    expect(0, "Hello", "call", "helloworld", "Helloworld.Call", "{}");
    assert_int_equal(pid_of("helloworld"), pid);
}

/* A component that dies is started again; why it died is told in words; what it had acknowledged is there. */
static void test_killed(void **state)
{
    struct again again = {.name = "store", .not = pid_of("store")};
    (void)state;
    assert_int_equal(kill(again.not, SIGKILL), 0);
    wait_for(runs_again, &again);
    json_t *status = read_status();
    const json_t *store = component_of(status, "store");
    assert_int_equal(json_integer_value(json_object_get(store, "restarts")), 1);
    assert_non_null(strstr(json_string_value(json_object_get(store, "died")), "SIGKILL"));
    assert_non_null(strstr(json_string_value(json_object_get(store, "died")), "listening")); /* its last lines */
    json_decref(status);
    wait_said("killed by signal 9 (SIGKILL)");
    expect(0, "SIGKILL", "status", "--components");
    expect(0, "ok", "health", "store");
}

/* Where one component finds the others goes to that one only. */
static void test_peers(void **state)
{
    static const char *const names[] = {"helloworld", "store"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        struct text arguments = TEXT_INIT;
        snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid_of(names[i]));
        assert_int_equal(world_read_file(world, path, 1 << 16, &arguments, NULL), 0);
        for (size_t at = 0; at < arguments.len; at++)
            if (arguments.data[at] == '\0')
                arguments.data[at] = ' ';
        assert_int_equal(strstr(text_string(&arguments), " --peers " PEERS " ") != NULL, i == 0);
        text_deinit(&arguments);
    }
}

/* What every component's command is put behind has become the component. */
static void test_prefix(void **state)
{
    static const char *const names[] = {"helloworld", "store"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[64], variable[64];
        struct text environment = TEXT_INIT;
        snprintf(path, sizeof path, "/proc/%d/environ", (int)pid_of(names[i]));
        int len = snprintf(variable, sizeof variable, PREFIX "=%s is it", names[i]);
        assert_int_equal(world_read_file(world, path, 1 << 20, &environment, NULL), 0);
        assert_non_null(memmem(text_string(&environment), environment.len, variable, (size_t)len + 1));
        text_deinit(&environment);
    }
}

static void test_second_server(void **state)
{
    char pid[32];
    (void)state;
    snprintf(pid, sizeof pid, "process %lld", (long long)world_process_id(server.process));
    expect(1, pid, "server", "--base-port", "0");
    expect(0, "ok", "health", "store"); /* the first one is unharmed */
}

static void refuse(void *arg, struct world_stream *s)
{
    (void)arg;
    world_stream_close(s);
}

/* What cannot work is said before anything is started. */
static void test_refused(void **state)
{
    char other[PATH_LEN + 64], port[32];
    struct world_listener *listener = NULL;
    struct program p;
    (void)state;
    assert_int_equal(world_listen(world, "127.0.0.1:0", refuse, NULL, &listener, NULL), 0);
    snprintf(port, sizeof port, "%d", world_listener_port(listener) - 2); /* the store's place in the block */
    snprintf(other, sizeof other, "%s/other", directory);
    const char *const taken[] = {MICRO_PROGRAM, "server", "--data-dir", other, "--base-port", port, NULL};
    spawn(&p, taken);
    assert_int_equal(world_run_until(world, has_exited, &p, STEP_LIMIT), 0);
    assert_int_equal(p.status.code, 1);
    assert_non_null(strstr(text_string(&p.err), "(for "));
    assert_non_null(strstr(text_string(&p.err), "already in use"));
    program_deinit(&p);
    world_listener_close(listener);

    /* Below a file there is no directory. */
    snprintf(other, sizeof other, "%s/run/server.pid/data", data);
    const char *const nowhere[] = {MICRO_PROGRAM, "server", "--data-dir", other, "--base-port", "0", NULL};
    spawn(&p, nowhere);
    assert_int_equal(world_run_until(world, has_exited, &p, STEP_LIMIT), 0);
    assert_int_equal(p.status.code, 1);
    assert_non_null(strstr(text_string(&p.err), "cannot make the directory"));
    program_deinit(&p);

    const char *const unknown[] = {MICRO_PROGRAM, "service", "nosuch", NULL};
    spawn(&p, unknown);
    assert_int_equal(world_run_until(world, has_exited, &p, STEP_LIMIT), 0);
    assert_int_equal(p.status.code, 2);
    assert_non_null(strstr(text_string(&p.err), "nosuch"));
    program_deinit(&p);
}

/* Last: an interrupt ends the server and everything it started. */
static void test_interrupt(void **state)
{
    static const char *const names[] = {"registry", "config", "store", "auth", "api", "helloworld", "notes"};
    pid_t pids[sizeof names / sizeof names[0]];
    char path[PATH_LEN + 64];
    struct world_stat stat;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        pids[i] = pid_of(names[i]);
    assert_int_equal(world_process_signal(server.process, SIGINT), 0);
    assert_int_equal(world_run_until(world, has_exited, &server, STEP_LIMIT), 0);
    if (server.status.signalled || server.status.code != 0)
        fail_msg("the server ended with %d: %s", server.status.code, text_string(&server.err));
    for (size_t i = 0; i < sizeof pids / sizeof pids[0]; i++)
        assert_int_equal(kill(pids[i], 0), -1);
    assert_null(strstr(text_string(&server.err), "did not stop in time"));
    snprintf(path, sizeof path, "%s/run", data);
    assert_int_equal(world_stat(world, path, &stat), 0);
    assert_false(stat.exists);
    expect(4, "o micro server runs", "status");
    expect(4, "o micro server runs", "store", "read", "k");
}

int main(void)
{
    component_use_all();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready_line), cmocka_unit_test(test_commands),      cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_killed),     cmocka_unit_test(test_second_server), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_peers),      cmocka_unit_test(test_prefix),        cmocka_unit_test(test_interrupt),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
