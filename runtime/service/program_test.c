/* A service as a real process: this very program, started again as one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "proto/debug/debug.pb-c.h"
#include "proto/helloworld/helloworld.pb-c.h"
#include "proto/set.h"
#include "runtime/service/program.h"
#include "world/real.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT ((uint64_t)20 * (uint64_t)SECOND)

#define WORK UINT64_C(100000000) /* turns of a loop: no processor does them in a hundredth of a second */

static struct micro_service *served;

static void hello(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    (void)context;
    const Helloworld__Request *r = (const Helloworld__Request *)(const void *)request;
    for (volatile uint64_t i = 0; strcmp(r->name, "worker") == 0 && i < WORK; i++)
        ;
    Helloworld__Response reply = HELLOWORLD__RESPONSE__INIT;
    micro_log(served, LOG_WARN, "asked by %s", r->name);
    log_info("elsewhere", "not by micro_log");
    reply.msg = arena_printf(rpc_call_arena(call), "Hello %s", r->name);
    rpc_call_reply(call, &reply.base);
}

static const struct rpc_method methods[] = {{.name = "Call",
                                             .input = &helloworld__request__descriptor,
                                             .output = &helloworld__response__descriptor,
                                             .unary = hello}};
static const struct rpc_service service = {"helloworld.Helloworld", methods, 1};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    served = s;
    *state = NULL;
    int rc = micro_service_add(s, &service, NULL);
    return rc ? error_set(err, rc, "the handlers cannot be set up") : 0;
}

/* ---- the parent ---------------------------------------------------------------------------------------------------
 */

struct child {
    struct world *world;
    struct world_process *process;
    bool over;
    struct world_exit status;
    struct text output;
};

static void on_output(void *arg, int fd, struct bytes line)
{
    struct child *c = arg;
    (void)fd;
    text_add(&c->output, line.data, line.len);
    text_char(&c->output, '\n');
}

static void on_exit_of_child(void *arg, struct world_exit status)
{
    struct child *c = arg;
    c->over = true;
    c->status = status;
}

static bool is_over(void *arg)
{
    return ((const struct child *)arg)->over;
}

static void start(struct child *c, const char *const *more)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exit_of_child};
    char self[512] = "";
    const char *argv[16] = {self, "serve"};
    const char *environment[] = {"MICRO_SERVICE_NAME=renamed", "MICRO_SERVICE_VERSION=v9",
                                 "MICRO_PEERS=registry=127.0.0.1:1,policy=none", NULL};
    int64_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    *c = (struct child){0};
    for (size_t i = 0; more && more[i]; i++)
        argv[2 + i] = more[i];
    const struct world_spawn spawn = {.name = "service", .argv = argv, .environment = environment};
    assert_int_equal(world_real_new(1, &c->world, NULL), 0);
    assert_int_equal(world_process_spawn(c->world, &spawn, &events, c, &c->process, NULL), 0);
}

static void end(struct child *c)
{
    world_process_close(c->process);
    world_real_free(c->world);
    text_deinit(&c->output);
}

static struct rpc_answer call(struct child *c, struct rpc_channel *channel, const char *path, const char *json)
{
    struct rpc_answer got = {0};
    const struct rpc_request request = {.path = path,
                                        .timeout = LIMIT,
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of(json),
                                        .has_message = true};
    assert_int_equal(rpc_unary_wait(c->world, channel, &request, &got, NULL), GRPC_OK);
    return got;
}

static void expect(struct child *c, struct rpc_channel *channel, const char *path, const char *json, const char *words)
{
    struct rpc_answer got = call(c, channel, path, json);
    if (!memmem(got.reply.body.data, got.reply.body.len, words, strlen(words)))
        fail_msg("%s: %.*s; wanted %s", path, (int)got.reply.body.len, (const char *)got.reply.body.data, words);
    rpc_answer_deinit(&got);
}

static unsigned long long figure(const char *json, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = strstr(json, key);
    if (!at)
        fail_msg("no %s in %s", name, json);
    return strtoull(at + strlen(key), NULL, 10);
}

static void read_stats(struct child *c, struct rpc_channel *channel, char text[1024])
{
    struct rpc_answer got = call(c, channel, "/renamed.Debug/Stats", "{}");
    snprintf(text, 1024, "%.*s", (int)got.reply.body.len, (const char *)got.reply.body.data);
    rpc_answer_deinit(&got);
}

/* "Name:   123 kB" of the child's own /proc/PID/status. */
static unsigned long long status_of(struct child *c, const char *name)
{
    char path[64], line[256];
    unsigned long long value = 0;
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)world_process_id(c->process));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name), NULL, 10);
    fclose(f);
    return value;
}

/* Against what the system says of the process, and processor time against work that was done. */
static void stats(struct child *c, struct rpc_channel *channel)
{
    char before[1024], after[1024];
    read_stats(c, channel, before);
    unsigned long long memory = figure(before, "memory"), resident = status_of(c, "VmRSS:") * 1024;
    assert_true(memory > 1000000 && memory < 2 * resident && resident < 2 * memory);
    assert_int_equal(figure(before, "threads"), status_of(c, "Threads:"));
    expect(c, channel, "/renamed.Helloworld/Call", "{\"name\":\"worker\"}", "Hello worker");
    read_stats(c, channel, after);
    assert_true(figure(after, "cpu") >= figure(before, "cpu") + 10 * (unsigned long long)MILLISECOND);
    assert_true(figure(after, "requests") >= figure(before, "requests") + 2);
    assert_int_equal(figure(after, "errors"), figure(before, "errors"));
    assert_int_equal(figure(after, "started"), figure(before, "started"));
    assert_true(figure(after, "timestamp") >= figure(after, "started"));
    assert_true(figure(after, "uptime") < 600);
}

static void as_a_process(void **state)
{
    (void)state;
    struct child c;
    struct rpc_channel *channel = NULL;
    struct error err = ERROR_INIT;
    char folder[] = "/tmp/micro-program-XXXXXX", address[96], path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    snprintf(address, sizeof address, "unix:%s", path);
    const char *arguments[] = {"--address", address, NULL};
    start(&c, arguments);
    assert_int_equal(rpc_channel_new(c.world, &(struct rpc_channel_options){.addresses = address}, &channel, NULL), 0);
    if (rpc_wait_ready(c.world, channel, "", LIMIT, &err) != 0)
        fail_msg("%s: %s", err.message, text_string(&c.output));
    expect(&c, channel, "/renamed.Helloworld/Call", "{\"name\":\"you\"}", "Hello you");
    expect(&c, channel, "/renamed.Debug/Log", "{}", "asked by you");
    expect(&c, channel, "/renamed.Debug/Log", "{}", "not by micro_log"); /* whatever the process logs */
    expect(&c, channel, "/renamed.Debug/Trace", "{}", "renamed.Helloworld.Call");
    stats(&c, channel);
    /* told to stop: it leaves with 0 */
    rpc_channel_free(channel);
    assert_int_equal(world_process_signal(c.process, SIGTERM), 0);
    assert_int_equal(world_run_until(c.world, is_over, &c, LIMIT), 0);
    assert_false(c.status.signalled);
    assert_int_equal(c.status.code, 0);
    end(&c);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void wrong_options(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[4];
        int code;
        const char *words;
    } cases[] = {
        {{"--adress", "x:1", NULL}, 2, "did you mean --address?"},
        {{"--base-port", "many", NULL}, 2, "base-port"},
        {{"--address", "999.1.1.1:70000", NULL}, 1, "cannot listen"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct child c;
        start(&c, cases[i].arguments);
        assert_int_equal(world_run_until(c.world, is_over, &c, LIMIT), 0);
        if (c.status.code == 0 || !strstr(text_string(&c.output), cases[i].words))
            fail_msg("code %d: %s; wanted %s", c.status.code, text_string(&c.output), cases[i].words);
        end(&c);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0) {
        const struct bytes set = proto_set();
        const struct micro_program program = {
            .name = "greeter", .setup = setup, .descriptors = set.data, .descriptors_size = set.len};
        argv[1] = argv[0];
        return micro_program_main(&program, argc - 1, argv + 1);
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_a_process), cmocka_unit_test(wrong_options)};
    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
