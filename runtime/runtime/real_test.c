/* The runtime component on the real system: its processes, what they see, how they end, sources that are built. A
 * `micro server` of its own runs beneath. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "base/units.h"
#include "rpc/rpc.h"
#include "runtime/service/service.h"
#include "world/real.h"
#include "world/world.h"

#include <errno.h>
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
#define PATH_LEN    256

#define CREATE "/runtime.Runtime/Create"
#define READ   "/runtime.Runtime/Read"
#define UPDATE "/runtime.Runtime/Update"
#define DELETE "/runtime.Runtime/Delete"

static struct world *world;
static char directory[PATH_LEN], data[PATH_LEN + 8];
static struct world_process *server;
static struct text server_out, server_err;
static bool server_over;
static struct rpc_channel *channel;
static struct text bearer;

/* ---- the server ---- */

static void on_output(void *arg, int fd, struct bytes line)
{
    (void)arg;
    struct text *to = fd == 1 ? &server_out : &server_err;
    text_add(to, line.data, line.len);
    text_char(to, '\n');
}

static void on_exited(void *arg, struct world_exit status)
{
    (void)arg;
    (void)status;
    server_over = true;
}

static bool is_up(void *arg)
{
    (void)arg;
    return server_over || strchr(text_string(&server_out), '\n');
}

static int make_token(void)
{
    static const char *const scopes[] = {"service", NULL};
    char path[PATH_LEN + 64];
    struct text key = TEXT_INIT, token = TEXT_INIT;
    const struct micro_claims claims = {.subject = "tester",
                                        .type = "service",
                                        .issuer = "micro",
                                        .name = "tester",
                                        .scopes = scopes,
                                        .expires = world_wall(world) / SECOND + 3600};
    snprintf(path, sizeof path, "%s/keys/private.pem", data);
    int rc = world_read_file(world, path, 1 << 16, &key, NULL);
    if (rc == 0)
        rc = micro_token_sign(text_string(&key), &claims, &token, NULL);
    text_printf(&bearer, "Bearer %s", text_string(&token));
    text_deinit(&key);
    text_deinit(&token);
    return rc;
}

static int set_up(void **state)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/micro-runtime-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(directory) || world_real_new(1, &world, NULL) < 0)
        return -1;
    snprintf(data, sizeof data, "%s/data", directory);
    char home[PATH_LEN + 64];
    snprintf(home, sizeof home, "MICRO_HOME=%s/home", directory);
    const char *const argv[] = {MICRO_PROGRAM, "server", "--data-dir", data, "--base-port", "0", "--json", NULL};
    const char *const environment[] = {home, "MICRO_LOG_LEVEL=info", "PARENTS_SECRET=xyzzy", NULL};
    const struct world_spawn how = {.name = "server", .argv = argv, .environment = environment};
    if (world_process_spawn(world, &how, &events, NULL, &server, NULL) < 0)
        return -1;
    if (world_run_until(world, is_up, NULL, READY_LIMIT) < 0 || server_over) {
        print_error("the server does not come up: %s\n", text_string(&server_err));
        return -1;
    }
    json_t *line = json_loads(text_string(&server_out), 0, NULL);
    const char *address = json_string_value(json_object_get(json_object_get(line, "components"), "runtime"));
    const struct rpc_channel_options options = {.addresses = address};
    int rc = address ? rpc_channel_new(world, &options, &channel, NULL) : -1;
    json_decref(line);
    return rc == 0 ? make_token() : rc;
}

static int tear_down(void **state)
{
    (void)state;
    rpc_channel_free(channel);
    world_process_close(server);
    text_deinit(&server_out);
    text_deinit(&server_err);
    text_deinit(&bearer);
    (void)world_remove_tree(world, directory);
    world_real_free(world);
    return 0;
}

/* ---- calls ---- */

static int call(const char *path, const char *json, struct text *answer)
{
    struct rpc_answer got = {0};
    struct error err = ERROR_INIT;
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_request request = {.path = path,
                                        .metadata = {&header, 1},
                                        .timeout = STEP_LIMIT,
                                        .wait_for_ready = true,
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of(json),
                                        .has_message = true};
    if (rpc_unary_wait(world, channel, &request, &got, &err) < 0)
        fail_msg("%s was not answered: %s", path, err.message ? err.message : "?");
    int status = got.reply.status;
    text_clear(answer);
    const struct bytes shown = status == GRPC_OK ? got.reply.body : got.reply.message;
    text_add(answer, shown.data, shown.len);
    rpc_answer_deinit(&got);
    return status;
}

static void expect(const char *path, const char *json, int status, const char *words)
{
    struct text answer = TEXT_INIT;
    int got = call(path, json, &answer);
    if (got != status || (words && !strstr(text_string(&answer), words)))
        fail_msg("%s %s: %s %s", path, json, grpc_status_name(got), text_string(&answer));
    text_deinit(&answer);
}

static void nap(void)
{
    assert_int_equal(world_sleep(world, (uint64_t)(10 * MILLISECOND)), 0);
}

/* Metadata of a service, "" without. */
static void metadata(const char *name, const char *key, char *out, size_t size)
{
    struct text answer = TEXT_INIT;
    char json[128];
    snprintf(json, sizeof json, "{\"options\":{\"service\":\"%s\"}}", name);
    assert_int_equal(call(READ, json, &answer), GRPC_OK);
    json_t *root = json_loads(text_string(&answer), 0, NULL);
    const json_t *service = json_array_get(json_object_get(root, "services"), 0);
    const char *value = json_string_value(json_object_get(json_object_get(service, "metadata"), key));
    snprintf(out, size, "%s", value ? value : "");
    json_decref(root);
    text_deinit(&answer);
}

static void eventually(const char *name, const char *key, const char *words)
{
    char value[2048];
    uint64_t end = world_now(world) + STEP_LIMIT;
    for (;;) {
        metadata(name, key, value, sizeof value);
        if (strstr(value, words))
            return;
        if (world_now(world) > end) {
            char error[2048];
            metadata(name, "error", error, sizeof error);
            fail_msg("%s of %s is \"%s\", wanted \"%s\"; error: %s", key, name, value, words, error);
        }
        nap();
    }
}

static pid_t pid_of(const char *name)
{
    char pid[64];
    metadata(name, "pid", pid, sizeof pid);
    return (pid_t)strtol(pid, NULL, 10);
}

/* One that has died and waits for a parent that does not ask, as the first process of a container may not, is dead. */
static bool alive(pid_t pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    const char *name = f && fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    if (f)
        fclose(f);
    return name && name[2] != 'Z' && name[2] != 'X';
}

static bool unreaped(pid_t pid)
{
    return kill(pid, 0) == 0 || errno == EPERM;
}

static void wait_until_not(bool (*is)(pid_t pid), pid_t pid)
{
    uint64_t end = world_now(world) + STEP_LIMIT;
    while (is(pid)) {
        if (world_now(world) > end)
            fail_msg("process %d is still there", (int)pid);
        nap();
    }
}

static void wait_gone(pid_t pid)
{
    wait_until_not(alive, pid);
}

struct lines {
    struct text text;
    bool over;
    int status;
};

static void on_line(void *arg, struct bytes message)
{
    struct lines *l = arg;
    text_add(&l->text, message.data, message.len);
    text_char(&l->text, '\n');
}

static void on_end(void *arg, const struct rpc_reply *reply)
{
    struct lines *l = arg;
    l->over = true;
    l->status = reply->status;
}

static bool is_over(void *arg)
{
    const struct lines *l = arg;
    return l->over;
}

static void logs(const char *name, struct text *out)
{
    static const struct rpc_stream_events events = {.message = on_line, .finished = on_end};
    struct lines lines = {0};
    char json[128];
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    snprintf(json, sizeof json, "{\"service\":\"%s\"}", name);
    const struct rpc_request request = {.path = "/runtime.Runtime/Logs",
                                        .metadata = {&header, 1},
                                        .timeout = STEP_LIMIT,
                                        .wait_for_ready = true,
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of(json),
                                        .has_message = true};
    struct rpc_stream *stream = NULL;
    assert_int_equal(rpc_stream_open(channel, &request, &events, &lines, &stream, NULL), 0);
    assert_int_equal(world_run_until(world, is_over, &lines, STEP_LIMIT), 0);
    assert_int_equal(lines.status, GRPC_OK);
    text_deinit(out);
    *out = lines.text;
}

static void wait_log(const char *name, const char *words, struct text *out)
{
    uint64_t end = world_now(world) + STEP_LIMIT;
    for (;;) {
        logs(name, out);
        if (strstr(text_string(out), words))
            return;
        if (world_now(world) > end)
            fail_msg("the log of %s has no \"%s\": %s", name, words, text_string(out));
        nap();
    }
}

static void create_shell(const char *name, const char *script)
{
    json_t *request =
        json_pack("{s{s{ss}} s{s[sss] s{ss} s[s]}}", "resource", "service", "name", name, "options", "command",
                  "/bin/sh", "-c", script, "secrets", "PASSWORD", "sesame", "env", "COLOUR=blue");
    char *text = json_dumps(request, 0);
    assert_non_null(text);
    expect(CREATE, text, GRPC_OK, NULL);
    free(text);
    json_decref(request);
}

static void destroy(const char *name)
{
    char json[128];
    snprintf(json, sizeof json, "{\"resource\":{\"service\":{\"name\":\"%s\"}}}", name);
    expect(DELETE, json, GRPC_OK, NULL);
}

/* ---- tests ---- */

static void process_truth(void **state)
{
    (void)state;
    char error[2048];
    create_shell("loop", "while :; do sleep 0.1; done");
    eventually("loop", "status", "running");
    pid_t pid = pid_of("loop");
    assert_true(pid > 0 && alive(pid));
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_until_not(unreaped, pid); /* the component knows */
    metadata("loop", "error", error, sizeof error);
    if (*error)
        assert_non_null(strstr(error, "killed by signal 9"));
    else
        assert_true(pid_of("loop") != pid); /* it was started again already */
    eventually("loop", "status", "running");
    assert_true(pid_of("loop") != pid && alive(pid_of("loop")));
    pid = pid_of("loop");
    destroy("loop");
    assert_false(alive(pid));
    expect(READ, "{}", GRPC_OK, "\"services\":[]");
}

static void clean_environment(void **state)
{
    (void)state;
    static const char *const allowed[] = {"PATH",
                                          "HOME",
                                          "LANG",
                                          "LC_ALL",
                                          "TZ",
                                          "TMPDIR",
                                          "PWD",
                                          "OLDPWD",
                                          "SHLVL",
                                          "_",
                                          "COLOUR",
                                          "PASSWORD",
                                          "MICRO_SERVICE_NAME",
                                          "MICRO_SERVICE_VERSION",
                                          "MICRO_NAMESPACE",
                                          "MICRO_AUTH_ID",
                                          "MICRO_AUTH_SECRET",
                                          "MICRO_AUTH_PUBLIC_KEY",
                                          "MICRO_PROFILE",
                                          "MICRO_HOST",
                                          "MICRO_BASE_PORT",
                                          "MICRO_SERVICE_ADDRESS",
                                          "MICRO_PEERS",
                                          "MICRO_PROXY",
                                          NULL};
    struct text seen = TEXT_INIT, log = TEXT_INIT;
    create_shell("teller", "env > env.txt; pwd; ls /proc/self/fd; ulimit -c; exec sleep 1000");
    wait_log("teller", "\"message\":\"0\"", &log);
    assert_non_null(strstr(text_string(&log), "runtime/home/micro/teller-latest"));
    char path[PATH_LEN + 128];
    snprintf(path, sizeof path, "%s/runtime/home/micro/teller-latest/env.txt", data);
    assert_int_equal(world_read_file(world, path, 1 << 20, &seen, NULL), 0);
    const char *all = text_string(&seen);
    assert_non_null(strstr(all, "MICRO_AUTH_ID=teller-latest\n"));
    assert_non_null(strstr(all, "PASSWORD=sesame\n"));
    assert_null(strstr(all, "PRIVATE KEY"));
    assert_null(strstr(all, "xyzzy"));
    bool inside = false; /* a value of several lines: the key */
    for (const char *line = all; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t len = strcspn(line, "=\n");
        bool known = false;
        if (strncmp(line, "-----END", 8) == 0)
            inside = false;
        else if (!inside) {
            for (size_t i = 0; allowed[i]; i++)
                known = known || (strlen(allowed[i]) == len && strncmp(allowed[i], line, len) == 0);
            if (!known && len > 0)
                fail_msg("the service sees \"%.*s\"", (int)strcspn(line, "\n"), line);
        }
        if (strncmp(line, "MICRO_AUTH_PUBLIC_KEY=", 22) == 0)
            inside = true;
    }
    /* the secrets are in no log, and not in the store as they are */
    logs("teller", &log);
    assert_null(strstr(text_string(&log), "sesame"));
    assert_null(strstr(text_string(&server_err), "sesame"));
    struct text content = TEXT_INIT;
    snprintf(path, sizeof path, "%s/store/store.db-wal", data);
    if (world_read_file(world, path, 64 << 20, &content, NULL) == 0)
        assert_null(memmem(text_string(&content), content.len, "sesame", 6));
    text_deinit(&content);
    destroy("teller");
    text_deinit(&seen);
    text_deinit(&log);
}

static pid_t component_pid(const char *name)
{
    char path[PATH_LEN + 64];
    struct text content = TEXT_INIT;
    snprintf(path, sizeof path, "%s/run/%s.pid", data, name);
    pid_t pid = 0;
    if (world_read_file(world, path, 64, &content, NULL) == 0)
        pid = (pid_t)strtol(text_string(&content), NULL, 10);
    text_deinit(&content);
    return pid;
}

/* The process the script told of: "child NUMBER". */
static pid_t told_child(const char *name, int nth)
{
    struct text log = TEXT_INIT;
    pid_t pid = 0;
    uint64_t end = world_now(world) + STEP_LIMIT;
    while (pid == 0 && world_now(world) < end) {
        logs(name, &log);
        const char *at = text_string(&log);
        for (int i = 0; at && i < nth; i++) {
            at = strstr(at, "child ");
            at = at ? at + 6 : NULL;
        }
        pid = at ? (pid_t)strtol(at, NULL, 10) : 0;
        nap();
    }
    text_deinit(&log);
    assert_true(pid > 0);
    return pid;
}

static void nothing_is_left(void **state)
{
    (void)state;
    create_shell("family", "sleep 1000 & echo child $!; wait");
    eventually("family", "status", "running");
    pid_t leader = pid_of("family"), child = told_child("family", 1);
    assert_true(alive(leader) && alive(child));
    /* the leader dies: its group goes with it */
    assert_int_equal(kill(leader, SIGKILL), 0);
    wait_gone(leader);
    wait_gone(child);
    eventually("family", "status", "running");
    leader = pid_of("family");
    child = told_child("family", 2);
    assert_true(alive(leader) && alive(child));
    /* the component dies */
    pid_t component = component_pid("runtime");
    assert_true(component > 0);
    assert_int_equal(kill(component, SIGKILL), 0);
    wait_gone(leader);
    wait_gone(child);
    uint64_t end = world_now(world) + STEP_LIMIT;
    while (component_pid("runtime") == component && world_now(world) < end)
        nap();
    struct text answer = TEXT_INIT;
    while (call(READ, "{}", &answer) != GRPC_OK && world_now(world) < end)
        nap();
    text_deinit(&answer);
    eventually("family", "status", "running"); /* it should run, so it does */
    assert_true(pid_of("family") != leader);
    leader = pid_of("family");
    child = told_child("family", 3);
    destroy("family");
    assert_false(alive(leader));
    wait_gone(child);
}

static void write_source(const char *name, const char *content)
{
    char path[PATH_LEN + 64];
    snprintf(path, sizeof path, "%s/src/%s", directory, name);
    assert_int_equal(world_write_file(world, path, bytes_of(content), false, NULL), 0);
}

#define PROGRAM(word)                                                                                                  \
    "#include <stdio.h>\n#include <unistd.h>\n"                                                                        \
    "int main(void) { printf(\"I say " word "\\n\"); fflush(stdout); for (;;) pause(); }\n"

static void builds(void **state)
{
    (void)state;
    char path[PATH_LEN + 64], json[512];
    struct text log = TEXT_INIT;
    snprintf(path, sizeof path, "%s/src", directory);
    assert_int_equal(world_make_directory(world, path), 0);
    write_source("Makefile", "hello: hello.c\n\tcc -o hello hello.c\n\t@echo made it\n");
    write_source("hello.c", PROGRAM("hello"));
    snprintf(json, sizeof json, "{\"resource\":{\"service\":{\"name\":\"hello\",\"source\":\"%s\"}}}", path);
    expect(CREATE, json, GRPC_OK, NULL);
    eventually("hello", "status", "running");
    wait_log("hello", "I say hello", &log);
    assert_non_null(strstr(text_string(&log), "made it"));
    assert_non_null(strstr(text_string(&log), "\"stream\":\"build\""));
    pid_t old = pid_of("hello");
    /* a source that does not compile: the old one stays, and the compiler's words are told */
    write_source("hello.c", "int main(void) { return rubbish; }\n");
    expect(UPDATE, json, GRPC_OK, NULL);
    eventually("hello", "error", "rubbish");
    eventually("hello", "error", "the build failed: make exited with code 2");
    eventually("hello", "status", "running");
    assert_int_equal(pid_of("hello"), old);
    /* and one that does */
    write_source("hello.c", PROGRAM("hi"));
    expect(UPDATE, json, GRPC_OK, NULL);
    wait_log("hello", "I say hi", &log);
    wait_gone(old);
    eventually("hello", "status", "running");
    assert_true(pid_of("hello") != old);
    /* the folder that was given is as it was */
    struct world_stat stat;
    snprintf(path, sizeof path, "%s/src/hello", directory);
    assert_int_equal(world_stat(world, path, &stat), 0);
    assert_false(stat.exists);
    destroy("hello");
    snprintf(path, sizeof path, "%s/runtime/builds/micro/hello-latest", data);
    assert_int_equal(world_stat(world, path, &stat), 0);
    assert_false(stat.exists);
    text_deinit(&log);
}

static void jobs_end(void **state)
{
    (void)state;
    char value[64];
    create_shell("job", "echo done; exit 0");
    eventually("job", "status", "stopped");
    metadata("job", "pid", value, sizeof value);
    assert_string_equal(value, "");
    destroy("job");
    create_shell("bad", "echo last words >&2; exit 3");
    eventually("bad", "error", "exited with code 3");
    eventually("bad", "error", "last words");
    eventually("bad", "status", "error");
    destroy("bad");
}

/* Metadata "memory" is what each process really has: one that takes more gets none. */
static void memory_is_bound(void **state)
{
    (void)state;
    struct text log = TEXT_INIT;
    expect(CREATE,
           "{\"resource\":{\"service\":{\"name\":\"greedy\",\"metadata\":{\"memory\":\"64\",\"retries\":\"0\"}}},"
           "\"options\":{\"command\":[\"/bin/sh\",\"-c\",\"ulimit -v; dd if=/dev/zero of=/dev/null bs=16M count=1 && "
           "echo small is fine; LC_ALL=C dd if=/dev/zero of=/dev/null bs=128M count=1\"]}}",
           GRPC_OK, NULL);
    eventually("greedy", "error", "exhausted");
    logs("greedy", &log);
    assert_non_null(strstr(text_string(&log), "\"message\":\"65536\"")); /* KiB */
    assert_non_null(strstr(text_string(&log), "small is fine"));
    text_deinit(&log);
    destroy("greedy");
}

static void logs_of_components(void **state)
{
    (void)state;
    struct text log = TEXT_INIT;
    wait_log("store", "listening on", &log);
    wait_log("runtime", "listening on", &log);
    text_deinit(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_truth),      cmocka_unit_test(clean_environment),
        cmocka_unit_test(nothing_is_left),    cmocka_unit_test(builds),
        cmocka_unit_test(jobs_end),           cmocka_unit_test(memory_is_bound),
        cmocka_unit_test(logs_of_components),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
