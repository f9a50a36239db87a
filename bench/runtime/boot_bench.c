/* From nothing to ready, and what the whole runtime weighs: while nobody calls, and again after work.
 *
 *   boot_bench [--rounds N] [--logins N] [--writes N] [--reads N] [--boot-max TIME] [--idle-max SIZE]
 *              [--growth-max SIZE] MICRO           MICRO: the program `micro`
 *
 * The first boot of a data directory makes the key pair; it is told apart. Memory is the proportional set size: pages
 * several processes share are counted once, by equal parts (/proc/PID/smaps_rollup). After the idle figure come logins
 * (a secret is hashed for each, which takes 16 MiB while it lasts), writes of 100 bytes and reads, 64 in flight, and
 * when nobody calls any more the figure after work. Prints a table and a JSON line; exit 1 when a limit is passed. */
#include "base/options.h"
#include "base/units.h"
#include "proto/auth/auth.pb-c.h"
#include "proto/store/store.pb-c.h"
#include "rpc/rpc.h"
#include "world/real.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READY_LIMIT ((uint64_t)(60 * SECOND))
#define IDLE        ((uint64_t)(3 * SECOND)) /* before memory is looked at */
#define CALL_LIMIT  ((uint64_t)(30 * SECOND))
#define LOAD_LIMIT  ((uint64_t)(600 * SECOND))
#define IN_FLIGHT   64
#define KEYS        20000
#define VALUE_BYTES 100
#define ROUNDS_MAX  100
#define PARTS_MAX   32
#define ADMIN       "the secret of a machine nobody else sees"

static struct {
    int64_t rounds, logins, writes, reads, boot_max;
    uint64_t idle_max, growth_max;
    const char *micro;
} flags;

struct part {
    char name[32], address[128];
    int64_t id;
    double idle, after; /* MiB */
};

struct server {
    struct world *world;
    struct world_process *process;
    bool ready, over;
    struct part parts[PARTS_MAX];
    size_t count;
};

static void on_line(void *arg, int fd, struct bytes line)
{
    struct server *s = arg;
    s->ready = s->ready || (fd == 1 && line.len > 16 && memcmp(line.data, "{\"type\":\"ready\"", 15) == 0);
}

static void on_exit_status(void *arg, struct world_exit status)
{
    struct server *s = arg;
    (void)status;
    s->over = true;
}

static bool is_ready(void *arg)
{
    const struct server *s = arg;
    return s->ready || s->over;
}

static bool is_over(void *arg)
{
    return ((const struct server *)arg)->over;
}

/* Seconds until it said it is ready; negative when it did not. */
static double boot(struct server *s, const char *data)
{
    static const struct world_process_events events = {.output = on_line, .exited = on_exit_status};
    const char *const argv[] = {flags.micro, "server", "--data-dir", data, "--base-port", "0", "--json", NULL};
    static const char *const environment[] = {"MICRO_ADMIN_SECRET=" ADMIN, NULL};
    const struct world_spawn spawn = {.name = "micro", .argv = argv, .environment = environment};
    struct error err = ERROR_INIT;
    uint64_t start = world_now(s->world);
    s->ready = s->over = false;
    if (world_process_spawn(s->world, &spawn, &events, s, &s->process, &err) != 0) {
        fprintf(stderr, "boot_bench: %s\n", err.message ? err.message : "the program cannot be run");
        error_clear(&err);
        return -1;
    }
    (void)world_run_until(s->world, is_ready, s, READY_LIMIT);
    return s->ready ? (double)(world_now(s->world) - start) / (double)SECOND : -1;
}

static double halt(struct server *s)
{
    uint64_t start = world_now(s->world);
    (void)world_process_signal(s->process, SIGTERM);
    (void)world_run_until(s->world, is_over, s, READY_LIMIT);
    world_process_close(s->process);
    return (double)(world_now(s->world) - start) / (double)SECOND;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static double pss_of(struct world *w, int64_t id)
{
    char path[64];
    struct world_file *file = NULL;
    char content[4096];
    snprintf(path, sizeof path, "/proc/%lld/smaps_rollup", (long long)id);
    if (world_file_open(w, path, WORLD_READ, &file, NULL) != 0)
        return 0;
    int64_t n = world_file_pread(file, content, sizeof content - 1, 0);
    world_file_close(file);
    content[n > 0 ? n : 0] = '\0';
    const char *at = strstr(content, "\nPss:");
    return at ? strtod(at + 5, NULL) / 1024 : 0;
}

/* The supervisor's own status file names the processes. */
static bool find_parts(struct server *s, const char *data)
{
    char path[512];
    struct text text = TEXT_INIT;
    snprintf(path, sizeof path, "%s/run/status.json", data);
    s->count = 1;
    s->parts[0] = (struct part){.name = "supervisor", .id = world_process_id(s->process)};
    if (world_read_file(s->world, path, (size_t)1 << 20, &text, NULL) == 0) {
        json_t *status = json_loads(text_string(&text), 0, NULL), *c;
        size_t i;
        json_array_foreach(json_object_get(status, "components"), i, c)
        {
            const char *name = json_string_value(json_object_get(c, "name"));
            const char *address = json_string_value(json_object_get(c, "address"));
            struct part *p = &s->parts[s->count];
            if (!name || !address || s->count == PARTS_MAX)
                continue;
            s->count++;
            *p = (struct part){.id = json_integer_value(json_object_get(c, "pid"))};
            snprintf(p->name, sizeof p->name, "%s", name);
            snprintf(p->address, sizeof p->address, "%s", address);
        }
        json_decref(status);
    }
    text_deinit(&text);
    return s->count > 1;
}

/* MiB of all; a process that cannot be looked at makes it negative: no figure is better than a small one. */
static double weigh(struct server *s, bool after)
{
    double sum = 0;
    (void)world_sleep(s->world, IDLE);
    for (size_t i = 0; i < s->count; i++) {
        double mib = pss_of(s->world, s->parts[i].id);
        *(after ? &s->parts[i].after : &s->parts[i].idle) = mib;
        sum = mib > 0 && sum >= 0 ? sum + mib : -1;
    }
    return sum;
}

/* ---- work -------------------------------------------------------------------------------------------------------- */

struct load {
    struct server *server;
    struct rpc_channel *channel;
    struct grpc_header authorization;
    int64_t left;
    int flying;
    bool reading, failed;
    uint32_t drawn;
};

static struct rpc_channel *channel_to(struct server *s, const char *name)
{
    struct rpc_channel *channel = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const struct rpc_channel_options options = {.addresses = s->parts[i].address};
        if (strcmp(s->parts[i].name, name) == 0)
            (void)rpc_channel_new(s->world, &options, &channel, NULL);
    }
    return channel;
}

/* Logs in `count` times; "Bearer TOKEN" of the last one. */
static bool log_in(struct server *s, int64_t count, struct text *bearer)
{
    static char id[] = "admin", secret[] = ADMIN, namespace[] = "micro";
    struct rpc_channel *channel = channel_to(s, "auth");
    struct text message = TEXT_INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    Auth__TokenRequest wanted = AUTH__TOKEN_REQUEST__INIT;
    bool ok = channel != NULL;
    options.namespace_ = namespace;
    wanted.id = id;
    wanted.secret = secret;
    wanted.options = &options;
    ok = ok && pb_pack(&wanted.base, &message) == 0;
    for (int64_t i = 0; ok && i < count; i++) {
        const struct rpc_request request = {.path = "/auth.Auth/Token",
                                            .timeout = CALL_LIMIT,
                                            .wait_for_ready = true,
                                            .message = text_bytes(&message),
                                            .has_message = true};
        struct rpc_answer answer = {0};
        struct arena arena = ARENA_INIT;
        ProtobufCMessage *m = NULL;
        ok = rpc_unary_wait(s->world, channel, &request, &answer, NULL) == 0 && answer.reply.status == GRPC_OK &&
             pb_unpack(&auth__token_response__descriptor, answer.reply.body, &arena, &m, NULL) == 0;
        if (ok) {
            text_clear(bearer);
            text_printf(bearer, "Bearer %s", ((const Auth__TokenResponse *)(const void *)m)->token->access_token);
        } else {
            fprintf(stderr, "boot_bench: the login is refused: %.*s\n", (int)answer.reply.message.len,
                    answer.reply.message.len ? (const char *)answer.reply.message.data : "");
        }
        rpc_answer_deinit(&answer);
        arena_deinit(&arena);
    }
    text_deinit(&message);
    rpc_channel_free(channel);
    return ok;
}

static void go_on(struct load *l);

static void on_reply(void *arg, const struct rpc_reply *reply)
{
    struct load *l = arg;
    l->flying--;
    if (reply->status != GRPC_OK || (l->reading && reply->body.len < VALUE_BYTES)) {
        l->failed = true;
        fprintf(stderr, "boot_bench: a %s failed: %s %.*s\n", l->reading ? "read" : "write",
                grpc_status_name(reply->status), (int)reply->message.len,
                reply->message.len ? (const char *)reply->message.data : "");
    }
    go_on(l);
}

static int pack_call(struct load *l, char *key, struct text *message)
{
    uint8_t value[VALUE_BYTES];
    Store__Record record = STORE__RECORD__INIT;
    Store__WriteRequest write = STORE__WRITE_REQUEST__INIT;
    Store__ReadRequest read = STORE__READ_REQUEST__INIT;
    if (l->reading) {
        read.key = key;
        return pb_pack(&read.base, message);
    }
    memset(value, (int)(l->left % 251), sizeof value);
    record.key = key;
    record.value = (ProtobufCBinaryData){sizeof value, value};
    write.record = &record;
    return pb_pack(&write.base, message);
}

static void go_on(struct load *l)
{
    while (!l->failed && l->left > 0 && l->flying < IN_FLIGHT) {
        struct text message = TEXT_INIT;
        char key[32];
        l->left--;
        snprintf(key, sizeof key, "key%06u", (unsigned)(l->drawn++ % KEYS));
        int rc = pack_call(l, key, &message);
        const struct rpc_request request = {.path = l->reading ? "/store.Store/Read" : "/store.Store/Write",
                                            .metadata = {&l->authorization, 1},
                                            .timeout = CALL_LIMIT,
                                            .wait_for_ready = true,
                                            .message = text_bytes(&message),
                                            .has_message = true};
        if (rc == 0)
            rc = rpc_unary(l->channel, &request, on_reply, l, NULL, NULL);
        l->failed = rc != 0;
        l->flying += rc == 0;
        text_deinit(&message);
    }
}

static bool is_done(void *arg)
{
    const struct load *l = arg;
    return l->flying == 0 && (l->left == 0 || l->failed);
}

static bool run_load(struct load *l, bool reading, int64_t count)
{
    l->reading = reading;
    l->left = count;
    l->drawn = 0;
    go_on(l);
    return world_run_until(l->server->world, is_done, l, LOAD_LIMIT) == 0 && !l->failed;
}

static bool work(struct server *s)
{
    struct text bearer = TEXT_INIT;
    bool ok = log_in(s, flags.logins, &bearer);
    struct load l = {.server = s,
                     .channel = ok ? channel_to(s, "store") : NULL,
                     .authorization = {bytes_of("authorization"), text_bytes(&bearer)}};
    ok = l.channel && run_load(&l, false, flags.writes) && run_load(&l, true, flags.reads);
    rpc_channel_free(l.channel);
    text_deinit(&bearer);
    return ok;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool within(const char *what, double value, double limit, const char *unit)
{
    if (value < 0)
        printf("%s: not measured\n", what);
    else if (limit > 0 && value > limit)
        printf("%s: %.3f %s, more than %.3f\n", what, value, unit, limit);
    return value >= 0 && (limit <= 0 || value <= limit);
}

static bool measure(struct server *s, const char *data)
{
    double boots[ROUNDS_MAX], stops[ROUNDS_MAX], idle = -1, after = -1;
    double mib = 1 << 20;
    double first = boot(s, data);
    bool ok = first >= 0;
    if (ok) {
        ok = find_parts(s, data);
        idle = weigh(s, false);
        ok = ok && (flags.logins == 0 || work(s));
        after = weigh(s, true);
        (void)halt(s);
    }
    for (int64_t i = 0; ok && i < flags.rounds; i++) {
        boots[i] = boot(s, data);
        ok = boots[i] >= 0;
        stops[i] = ok ? halt(s) : 0;
    }
    if (!ok) {
        fprintf(stderr, "boot_bench: micro was not ready, or did not do its work\n");
        return false;
    }
    qsort(boots, (size_t)flags.rounds, sizeof boots[0], by_value);
    qsort(stops, (size_t)flags.rounds, sizeof stops[0], by_value);
    double median = boots[flags.rounds / 2];
    for (size_t i = 0; i < s->count; i++)
        printf("%-12s %8.1f MiB idle %8.1f MiB after work\n", s->parts[i].name, s->parts[i].idle, s->parts[i].after);
    printf(
        "first boot %.3f s, later %.3f s (median of %lld, slowest %.3f), stop %.3f s, idle %.1f MiB, after work %.1f "
        "MiB\n",
        first, median, (long long)flags.rounds, boots[flags.rounds - 1], stops[flags.rounds / 2], idle, after);
    printf("{\"bench\":\"boot\",\"first_s\":%.3f,\"median_s\":%.3f,\"slowest_s\":%.3f,\"stop_s\":%.3f,\"idle_mib\":%."
           "1f,\"after_mib\":%.1f}\n",
           first, median, boots[flags.rounds - 1], stops[flags.rounds / 2], idle, after);
    ok = within("boot", median, (double)flags.boot_max / (double)SECOND, "s");
    ok = within("idle", idle, (double)flags.idle_max / mib, "MiB") && ok;
    if (flags.growth_max > 0 && after > idle &&
        !within("growth by work", after - idle, (double)flags.growth_max / mib, "MiB"))
        ok = false;
    return within("after work", after, 0, "MiB") && ok;
}

static int run(const struct arguments *args)
{
    struct server s = {0};
    char data[] = "/tmp/boot_bench.XXXXXX";
    flags.micro = args->argv[0];
    if (!mkdtemp(data) || world_real_new(0, &s.world, NULL) != 0) {
        fprintf(stderr, "boot_bench: no directory to work in\n");
        return 1;
    }
    bool ok = measure(&s, data);
    (void)world_remove_tree(s.world, data);
    world_real_free(s.world);
    return ok ? 0 : 1;
}

static const struct option options[] = {
    {.name = "rounds",
     .kind = OPTION_INTEGER,
     .target = &flags.rounds,
     .argument = "N",
     .help = "boots after the first",
     .fallback = "10",
     .min = 1,
     .max = ROUNDS_MAX},
    {.name = "logins",
     .kind = OPTION_INTEGER,
     .target = &flags.logins,
     .argument = "N",
     .help = "logins of the work; 0: no work at all",
     .fallback = "20",
     .min = 0,
     .max = 1000000},
    {.name = "writes",
     .kind = OPTION_INTEGER,
     .target = &flags.writes,
     .argument = "N",
     .help = "records written",
     .fallback = "100000",
     .min = 0,
     .max = 100000000},
    {.name = "reads",
     .kind = OPTION_INTEGER,
     .target = &flags.reads,
     .argument = "N",
     .help = "records read, of those that were written",
     .fallback = "10000",
     .min = 0,
     .max = 100000000},
    {.name = "boot-max",
     .kind = OPTION_DURATION,
     .target = &flags.boot_max,
     .argument = "TIME",
     .help = "the median boot may take; 0s: any",
     .fallback = "0s"},
    {.name = "idle-max",
     .kind = OPTION_SIZE,
     .target = &flags.idle_max,
     .argument = "SIZE",
     .help = "all processes may weigh before any work; 0: any",
     .fallback = "0"},
    {.name = "growth-max",
     .kind = OPTION_SIZE,
     .target = &flags.growth_max,
     .argument = "SIZE",
     .help = "they may weigh more after it; 0: any",
     .fallback = "0"},
    {.name = NULL},
};
static const struct command root = {
    .name = "boot_bench",
    .summary = "the time micro takes to be ready, and its memory idle and after work",
    .positional = "MICRO",
    .positional_min = 1,
    .positional_max = 1,
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return command_main(&root, argc, argv, NULL);
}
