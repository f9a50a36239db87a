/* bench/fakes: what doubles served over the wire cost, beside a bare C++ gRPC server under the same load.
 *
 *   serve_bench [--runs N] [--seconds S] [--stubs N] [--json]
 *
 * Servers are the program `doubles` (`harrow fakes` without the rest of the harness) as processes of their own, with
 * the journal on: one stub, many stubs (500,000), the same with calls that match none, the same by JSON over HTTP. Runs
 * are interleaved, so that a busy machine hurts all of them; figures are medians. "calls/s of a core" is what the
 * server's CPU time allows: it hardly depends on what else the machine does. Before that: how long after its start a
 * server gives its first answer, and what it then has in memory. */
#include "base/units.h"
#include "bench/rpc/load.h"
#include "world/real.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX    25
#define CONNECTIONS 4
#define IN_FLIGHT   25
#define STARTS      5
#define FILE_STUBS  50000 /* of one file */
#define WARM_UP     ((uint64_t)(200 * MILLISECOND))
#define CALL_PATH   "/helloworld.Helloworld/Call"

enum { BARE, ONE, MANY, MISS, HTTP_ONE, HTTP_MANY, CASES };
static const char *const case_names[CASES] = {
    "bare C++ server", "1 stub", "many stubs", "many stubs, misses", "HTTP/JSON, 1 stub", "HTTP/JSON, many stubs"};

struct server {
    struct world_process *process;
    char grpc[64], http[64];
    bool up, gone;
};

struct figures {
    double per_second, cpu_us;
};

struct bench {
    struct world *world;
    const char *folder;
    int64_t stubs;
    bool running, failed; /* the HTTP load */
    uint64_t calls;
    struct text request, body;
    const char *path;
    struct figures runs[CASES][RUNS_MAX];
};

/* ---- gRPC load -------------------------------------------------------------------------------------------------- */

/* What is answered and what the server spent, while a load runs. `calls` is the load's own count. */
static bool measure(struct bench *b, const struct server *s, uint64_t duration, uint64_t *calls, struct figures *out)
{
    uint64_t before = 0, after = 0, resident = 0;
    world_sleep(b->world, WARM_UP);
    world_process_usage(s->process, &resident, &before);
    *calls = 0;
    uint64_t start = world_now(b->world);
    world_sleep(b->world, duration);
    uint64_t took = world_now(b->world) - start, count = *calls;
    world_process_usage(s->process, &resident, &after);
    if (count > 0)
        *out = (struct figures){(double)count * 1e9 / (double)took, (double)(after - before) / 1e3 / (double)count};
    return count > 0;
}

static int run_grpc(struct bench *b, const struct server *s, uint64_t duration, struct figures *out)
{
    struct load load = {.world = b->world,
                        .program = "serve_bench",
                        .path = b->path,
                        .request = text_bytes(&b->request),
                        .connections = CONNECTIONS,
                        .in_flight = IN_FLIGHT};
    load_start(&load, s->grpc);
    bool measured = measure(b, s, duration, &load.calls, out);
    return load_stop(&load) && measured ? 0 : -1;
}

/* ---- HTTP load -------------------------------------------------------------------------------------------------- */

/* Requests one behind the other on a kept-alive connection; answers are all alike, so that their bytes are counted. */
struct client {
    struct bench *bench;
    struct world_stream *stream;
    size_t answer, got; /* bytes of one answer; of those under way */
    struct text first;
};

static void put_requests(struct client *c, int n)
{
    struct text all = TEXT_INIT;
    for (int i = 0; i < n; i++)
        text_add(&all, c->bench->body.data, c->bench->body.len);
    if (!text_ok(&all) || world_stream_write(c->stream, text_bytes(&all)) != 0)
        c->bench->failed = true;
    text_deinit(&all);
}

static void on_connected(void *arg)
{
    put_requests(arg, 1);
}

/* The first answer tells how long they are. */
static bool first_is_here(struct client *c, struct bytes data)
{
    text_add(&c->first, data.data, data.len);
    const char *head = strstr(text_string(&c->first), "\r\n\r\n"),
               *length = strstr(text_string(&c->first), "ontent-Length: ");
    if (head == NULL || length == NULL || strncmp(text_string(&c->first), "HTTP/1.1 200", 12) != 0)
        return false;
    size_t size = (size_t)(head + 4 - text_string(&c->first)) + strtoul(length + 15, NULL, 10);
    if (c->first.len < size)
        return false;
    c->answer = size;
    return true;
}

static void on_readable(void *arg, struct bytes data)
{
    struct client *c = arg;
    if (c->answer == 0) {
        if (first_is_here(c, data))
            put_requests(c, IN_FLIGHT);
        return;
    }
    c->got += data.len;
    int n = (int)(c->got / c->answer);
    c->got %= c->answer;
    c->bench->calls += (uint64_t)n;
    if (c->bench->running && n > 0)
        put_requests(c, n);
}

static void on_ended(void *arg, int reason)
{
    struct client *c = arg;
    fprintf(stderr, "serve_bench: an HTTP connection ended: %d %s\n", reason, text_string(&c->first));
    c->bench->failed = true;
}

static int run_http(struct bench *b, const struct server *s, uint64_t duration, struct figures *out)
{
    static const struct world_stream_events events = {
        .connected = on_connected, .readable = on_readable, .ended = on_ended};
    struct client clients[CONNECTIONS] = {0};
    b->failed = false;
    b->running = true;
    for (int i = 0; i < CONNECTIONS && !b->failed; i++) {
        clients[i].bench = b;
        b->failed = world_connect(b->world, s->http, &events, &clients[i], &clients[i].stream, NULL) != 0;
    }
    bool measured = measure(b, s, duration, &b->calls, out);
    b->running = false;
    world_sleep(b->world, WARM_UP);
    for (int i = 0; i < CONNECTIONS; i++) {
        world_stream_close(clients[i].stream);
        text_deinit(&clients[i].first);
    }
    return b->failed || !measured ? -1 : 0;
}

/* ---- servers ---------------------------------------------------------------------------------------------------- */

static void on_output(void *arg, int fd, struct bytes line)
{
    struct server *s = arg;
    char text[64];
    int port;
    (void)snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.data);
    if (fd == 1 && !s->up && sscanf(text, "listening %d", &port) == 1) {
        (void)snprintf(s->grpc, sizeof s->grpc, "127.0.0.1:%d", port);
        s->up = true;
        return;
    }
    json_t *tree = fd == 1 && !s->up ? json_loadb((const char *)line.data, line.len, 0, NULL) : NULL;
    if (tree != NULL) {
        const char *http = json_string_value(json_object_get(tree, "http"));
        (void)snprintf(s->grpc, sizeof s->grpc, "%s", json_string_value(json_object_get(tree, "grpc")));
        (void)snprintf(s->http, sizeof s->http, "%s", http != NULL ? http + strlen("http://") : "");
        s->up = true;
    } else if (fd == 2) {
        fprintf(stderr, "%.*s\n", (int)line.len, (const char *)line.data);
    }
    json_decref(tree);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct server *s = arg;
    (void)status;
    s->gone = true;
}

static bool up(void *arg)
{
    const struct server *s = arg;
    return s->up || s->gone;
}

static int start(struct bench *b, struct server *s, const char *const *argv)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct world_spawn spawn = {.name = argv[0], .argv = argv};
    *s = (struct server){0};
    int code = world_process_spawn(b->world, &spawn, &events, s, &s->process, NULL);
    if (code == 0)
        code = world_run_until(b->world, up, s, (uint64_t)(120 * SECOND));
    return code != 0 ? code : s->gone ? -1 : 0;
}

/* A folder of files, each stub of its own name. */
static int write_stubs(struct bench *b, const char *name, int64_t count, char *path, size_t size)
{
    struct text out = TEXT_INIT;
    char file[320];
    (void)snprintf(path, size, "%s/%s", b->folder, name);
    int code = world_make_directory(b->world, path);
    for (int64_t i = 0; code == 0 && i < count;) {
        int64_t first = i;
        text_clear(&out);
        text_puts(&out, "{\"stubs\":[");
        for (; i < count && i < first + FILE_STUBS; i++)
            text_printf(&out,
                        "%s\n{\"call\":\"helloworld.Helloworld/Call\",\"when\":{\"name\":\"user %lld\"},"
                        "\"answer\":{\"msg\":\"hello user %lld\"}}",
                        i > first ? "," : "", (long long)i, (long long)i);
        text_puts(&out, "]}\n");
        (void)snprintf(file, sizeof file, "%s/%lld.json", path, (long long)first);
        code = text_ok(&out) ? world_write_file(b->world, file, text_bytes(&out), false, NULL) : ERROR_MEMORY;
    }
    text_deinit(&out);
    return code;
}

/* ---- start and memory ------------------------------------------------------------------------------------------- */

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare_double);
    return values[count / 2];
}

/* From the spawn to the first answer, and what is resident then. */
static int time_start(struct bench *b, const char *const *argv, double *ms, double *mib)
{
    double times[STARTS], sizes[STARTS];
    for (int i = 0; i < STARTS; i++) {
        struct server s;
        struct rpc_channel *channel;
        struct rpc_answer answer;
        uint64_t began = world_now(b->world), resident = 0, cpu = 0;
        if (start(b, &s, argv) != 0)
            return -1;
        struct rpc_channel_options options = {.addresses = s.grpc};
        if (rpc_channel_new(b->world, &options, &channel, NULL) != 0)
            return -1;
        struct rpc_request r = {
            .path = CALL_PATH, .message = text_bytes(&b->request), .has_message = true, .wait_for_ready = true};
        if (rpc_unary_wait(b->world, channel, &r, &answer, NULL) != 0)
            return -1;
        times[i] = (double)(world_now(b->world) - began) / 1e6;
        rpc_answer_deinit(&answer);
        world_process_usage(s.process, &resident, &cpu);
        sizes[i] = (double)resident / 1048576;
        rpc_channel_free(channel);
        world_process_close(s.process);
    }
    *ms = median(times, STARTS);
    *mib = median(sizes, STARTS);
    return 0;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static struct figures median_of(struct bench *b, int which, int runs)
{
    double per_second[RUNS_MAX], cpu[RUNS_MAX];
    for (int i = 0; i < runs; i++) {
        per_second[i] = b->runs[which][i].per_second;
        cpu[i] = b->runs[which][i].cpu_us;
    }
    return (struct figures){median(per_second, runs), median(cpu, runs)};
}

static void set_request(struct bench *b, const char *name)
{
    char json[100];
    (void)snprintf(json, sizeof json, "{\"name\":\"%s\"}", name);
    text_clear(&b->request);
    text_char(&b->request, 0x0a);
    text_char(&b->request, (char)strlen(name));
    text_puts(&b->request, name);
    text_clear(&b->body);
    text_printf(&b->body,
                "POST /helloworld.Helloworld/Call HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                strlen(json), json);
}

static int run_case(struct bench *b, int which, const struct server *servers, uint64_t duration, struct figures *out)
{
    char hit[40];
    (void)snprintf(hit, sizeof hit, "user %lld", (long long)b->stubs - 1);
    bool many = which == MANY || which == HTTP_MANY;
    set_request(b, which == MISS ? "nobody at all" : many ? hit : "user 0");
    b->path = which == BARE ? "/harrow.bench.Echo/Call" : CALL_PATH;
    const struct server *s = &servers[which == BARE ? 0 : which == ONE || which == HTTP_ONE ? 1 : 2];
    return which == HTTP_ONE || which == HTTP_MANY ? run_http(b, s, duration, out) : run_grpc(b, s, duration, out);
}

static void report(struct bench *b, int runs, bool json)
{
    struct figures all[CASES];
    for (int k = 0; k < CASES; k++)
        all[k] = median_of(b, k, runs);
    if (json)
        printf("{\"bench\":\"fakes.serve\",\"runs\":%d,\"stubs\":%lld", runs, (long long)b->stubs);
    else
        printf("%-24s %12s %14s %20s %8s\n", "", "calls/s", "CPU us/call", "calls/s of a core", "ratio");
    for (int k = 0; k < CASES; k++) {
        double core = 1e6 / all[k].cpu_us,
               ratio = all[k == HTTP_ONE || k == HTTP_MANY ? HTTP_ONE : ONE].cpu_us / all[k].cpu_us;
        if (json)
            printf(",\"%s\":{\"calls_per_second\":%.0f,\"cpu_us\":%.2f,\"per_core\":%.0f,\"ratio\":%.2f}",
                   case_names[k], all[k].per_second, all[k].cpu_us, core, ratio);
        else
            printf("%-24s %12.0f %14.2f %20.0f %8.2f\n", case_names[k], all[k].per_second, all[k].cpu_us, core, ratio);
    }
    if (json)
        puts("}");
}

static int measure_all(struct bench *b, int runs, uint64_t seconds, bool json)
{
    char one[300], many[300];
    struct server servers[3] = {{0}};
    const char *const bare[] = {BENCH_CCORE, NULL};
    const char *const with_one[] = {BENCH_DOUBLES, "serve", "--service",   "helloworld.Helloworld",
                                    "--stubs",     one,     "--http-port", "0",
                                    "--json",      NULL};
    const char *const with_many[] = {
        BENCH_DOUBLES, "serve",  "--service", "helloworld.Helloworld", "--stubs", many, "--no-behaviour", "--http-port",
        "0",           "--json", NULL};
    const char *const empty[] = {BENCH_DOUBLES, "serve", "--service", "helloworld.Helloworld", "--json", NULL};
    const char *const all[] = {BENCH_DOUBLES, "serve", "--all", "--json", NULL};
    double ms[2], mib[2];
    set_request(b, "user 0");
    if (write_stubs(b, "one", 1, one, sizeof one) != 0 || write_stubs(b, "many", b->stubs, many, sizeof many) != 0)
        return -1;
    if (time_start(b, empty, &ms[0], &mib[0]) != 0 || time_start(b, all, &ms[1], &mib[1]) != 0)
        return -1;
    fprintf(
        json ? stderr : stdout,
        "first answer %.1f ms after the start, %.1f MiB resident (one service); %.1f ms, %.1f MiB (every contract)\n",
        ms[0], mib[0], ms[1], mib[1]);
    int code = start(b, &servers[0], bare);
    if (code == 0)
        code = start(b, &servers[1], with_one);
    if (code == 0)
        code = start(b, &servers[2], with_many);
    for (int i = 0; code == 0 && i < runs; i++)
        for (int k = 0; code == 0 && k < CASES; k++)
            code = run_case(b, k, servers, seconds * (uint64_t)SECOND, &b->runs[k][i]);
    if (code == 0)
        report(b, runs, json);
    for (int i = 0; i < 3; i++)
        if (servers[i].process != NULL)
            world_process_close(servers[i].process);
    return code;
}

int main(int argc, char **argv)
{
    struct bench b = {.stubs = 500000};
    int64_t runs = 5, seconds = 1;
    bool json = false;
    struct error err = ERROR_INIT;
    int code = 0;
    for (int i = 1; i < argc && code == 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            code = units_parse_integer(argv[++i], 1, RUNS_MAX, &runs, &err);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            code = units_parse_integer(argv[++i], 1, 60, &seconds, &err);
        else if (strcmp(argv[i], "--stubs") == 0 && i + 1 < argc)
            code = units_parse_integer(argv[++i], 1, 5000000, &b.stubs, &err);
        else
            code = error_set(&err, ERROR_INVALID, "unknown option %s", argv[i]);
    }
    if (code != 0) {
        fprintf(stderr, "serve_bench: %s\nusage: serve_bench [--runs N] [--seconds S] [--stubs N] [--json]\n",
                err.message ? err.message : "out of memory");
        error_clear(&err);
        return 2;
    }
    char folder[] = "/tmp/serve_bench.XXXXXX";
    b.folder = mkdtemp(folder);
    code = b.folder != NULL ? world_real_new(0, &b.world, &err) : -1;
    if (code == 0)
        code = measure_all(&b, (int)runs, (uint64_t)seconds, json);
    if (code != 0)
        fprintf(stderr, "serve_bench: failed%s%s\n", err.message ? ": " : "", err.message ? err.message : "");
    if (b.world != NULL) {
        if (b.folder != NULL)
            world_remove_tree(b.world, b.folder);
        world_real_free(b.world);
    }
    text_deinit(&b.request);
    text_deinit(&b.body);
    error_clear(&err);
    return code != 0 ? 1 : 0;
}
