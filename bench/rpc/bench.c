/* bench/rpc: server CPU per unary call, ours against gRPC C-core, under the same load client (ours).
 *
 *   rpc_bench [--runs N] [--seconds S] [--json]
 *
 * Runs are interleaved (ours, C-core, ours, ...), so that a busy machine hurts both; figures are medians. The CPU time
 * is the server process's, from the operating system; the wall figures depend on what else the machine does, the ratio
 * of the CPU times hardly does. */
#include "base/units.h"
#include "bench/rpc/echo.pb-c.h"
#include "bench/rpc/load.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX    25
#define SAMPLES_MAX ((size_t)4 << 20)
#define PAYLOAD     32
#define WARM_UP     ((uint64_t)(200 * MILLISECOND))

enum { OURS, CCORE, SERVERS };
static const char *const server_names[SERVERS] = {"harrow", "C-core"};

static const struct shape {
    const char *name;
    int connections, in_flight;
} shapes[] = {{"1x1", 1, 1}, {"1x64", 1, 64}, {"64x1", 64, 1}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

struct peer {
    const char *path;
    struct world_process *process;
    char address[32];
    bool listening, gone;
};

struct figures {
    double calls_per_second, cpu_us, p50_us, p99_us, resident_mib;
};

struct bench {
    struct world *world;
    struct peer peers[SERVERS];
    struct text request;
    float *samples; /* us */
    size_t sample_count;
    struct figures runs[SERVERS][SHAPES][RUNS_MAX];
};

static bool on_answer(void *arg, const struct rpc_reply *reply)
{
    struct bench *b = arg;
    if (b->sample_count < SAMPLES_MAX)
        b->samples[b->sample_count++] = (float)((double)reply->duration / 1e3);
    return reply->body.len == b->request.len;
}

static int compare_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static double percentile(const float *sorted, size_t count, double p)
{
    return count == 0 ? 0 : (double)sorted[(size_t)(p * (double)(count - 1))];
}

static int run_once(struct bench *b, const struct peer *peer, const struct shape *shape, uint64_t duration,
                    struct figures *out)
{
    struct load load = {.world = b->world,
                        .program = "rpc_bench",
                        .path = "/harrow.bench.Echo/Call",
                        .request = text_bytes(&b->request),
                        .connections = shape->connections,
                        .in_flight = shape->in_flight,
                        .answered = on_answer,
                        .arg = b};
    load_start(&load, peer->address);
    world_sleep(b->world, WARM_UP);
    uint64_t cpu_before = 0, cpu_after = 0, resident = 0;
    world_process_usage(peer->process, &resident, &cpu_before);
    load.calls = 0;
    b->sample_count = 0;
    uint64_t start = world_now(b->world);
    world_sleep(b->world, duration);
    uint64_t took = world_now(b->world) - start, calls = load.calls;
    world_process_usage(peer->process, &resident, &cpu_after);
    if (!load_stop(&load) || calls == 0)
        return -1;
    qsort(b->samples, b->sample_count, sizeof *b->samples, compare_float);
    *out = (struct figures){.calls_per_second = (double)calls * 1e9 / (double)took,
                            .cpu_us = (double)(cpu_after - cpu_before) / 1e3 / (double)calls,
                            .p50_us = percentile(b->samples, b->sample_count, 0.5),
                            .p99_us = percentile(b->samples, b->sample_count, 0.99),
                            .resident_mib = (double)resident / 1048576};
    return 0;
}

static void on_output(void *arg, int fd, struct bytes line)
{
    struct peer *p = arg;
    int port;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.data);
    if (fd == 1 && sscanf(text, "listening %d", &port) == 1) {
        snprintf(p->address, sizeof p->address, "127.0.0.1:%d", port);
        p->listening = true;
    } else {
        fprintf(stderr, "%s: %s\n", p->path, text);
    }
}

static void on_exited(void *arg, struct world_exit status)
{
    struct peer *p = arg;
    (void)status;
    p->gone = true;
}

static bool up(void *arg)
{
    struct peer *p = arg;
    return p->listening || p->gone;
}

static int start(struct bench *b, struct peer *p, const char *path)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    const char *argv[] = {path, NULL};
    struct world_spawn spawn = {.name = path, .argv = argv};
    struct error err = ERROR_INIT;
    p->path = path;
    int rc = world_process_spawn(b->world, &spawn, &events, p, &p->process, &err);
    if (rc)
        fprintf(stderr, "rpc_bench: %s\n", err.message ? err.message : "out of memory");
    error_clear(&err);
    if (rc == 0)
        rc = world_run_until(b->world, up, p, (uint64_t)(10 * SECOND));
    return rc ? rc : p->gone ? -1 : 0;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static struct figures median(const struct figures *runs, int count)
{
    struct figures out = {0};
    double column[RUNS_MAX];
    for (size_t field = 0; field < sizeof out / sizeof(double); field++) {
        for (int i = 0; i < count; i++)
            memcpy(&column[i], (const char *)&runs[i] + field * sizeof(double), sizeof(double));
        qsort(column, (size_t)count, sizeof *column, compare_double);
        memcpy((char *)&out + field * sizeof(double), &column[count / 2], sizeof(double));
    }
    return out;
}

static void report(const struct bench *b, int runs, bool json)
{
    struct figures m[SERVERS][SHAPES];
    for (int s = 0; s < SERVERS; s++)
        for (int k = 0; k < SHAPES; k++)
            m[s][k] = median(b->runs[s][k], runs);
    if (json) {
        printf("{\"bench\":\"rpc\",\"runs\":%d,\"payload\":%d,\"shapes\":[", runs, PAYLOAD);
        for (int k = 0; k < SHAPES; k++) {
            printf("%s{\"shape\":\"%s\",\"cpu_ratio\":%.2f", k ? "," : "", shapes[k].name,
                   m[CCORE][k].cpu_us / m[OURS][k].cpu_us);
            for (int s = 0; s < SERVERS; s++)
                printf(",\"%s\":{\"calls_per_second\":%.0f,\"cpu_us_per_call\":%.2f,\"p50_us\":%.0f,\"p99_us\":%.0f,"
                       "\"resident_mib\":%.1f}",
                       s == OURS ? "harrow" : "ccore", m[s][k].calls_per_second, m[s][k].cpu_us, m[s][k].p50_us,
                       m[s][k].p99_us, m[s][k].resident_mib);
            printf("}");
        }
        printf("]}\n");
    }
    FILE *table = json ? stderr : stdout; /* with --json stdout is for programs */
    fprintf(table, "unary echo of %d bytes, median of %d interleaved runs; shape is connections x calls in flight\n",
            PAYLOAD, runs);
    fprintf(table, "%-6s %-8s %10s %14s %8s %8s %8s\n", "shape", "server", "calls/s", "CPU us/call", "p50 us", "p99 us",
            "MiB");
    for (int k = 0; k < SHAPES; k++) {
        for (int s = 0; s < SERVERS; s++)
            fprintf(table, "%-6s %-8s %10.0f %14.2f %8.0f %8.0f %8.1f\n", shapes[k].name, server_names[s],
                    m[s][k].calls_per_second, m[s][k].cpu_us, m[s][k].p50_us, m[s][k].p99_us, m[s][k].resident_mib);
        fprintf(table, "%-6s ratio of CPU per call: 1 / %.1f\n", shapes[k].name,
                m[CCORE][k].cpu_us / m[OURS][k].cpu_us);
    }
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    int64_t runs = 5, seconds = 1;
    bool json = false;
    struct error err = ERROR_INIT;
    for (int i = 1; i < argc; i++) {
        int rc = 0;
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            rc = units_parse_integer(argv[++i], 1, RUNS_MAX, &runs, &err);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            rc = units_parse_integer(argv[++i], 1, 60, &seconds, &err);
        else
            rc = error_set(&err, ERROR_INVALID, "unknown option %s", argv[i]);
        if (rc) {
            fprintf(stderr, "rpc_bench: %s\nusage: rpc_bench [--runs N] [--seconds S] [--json]\n",
                    err.message ? err.message : "out of memory");
            error_clear(&err);
            return 2;
        }
    }
    Harrow__Bench__Payload payload;
    harrow__bench__payload__init(&payload);
    uint8_t data[PAYLOAD];
    memset(data, 7, sizeof data);
    payload.data = (ProtobufCBinaryData){sizeof data, data};
    b.samples = malloc(SAMPLES_MAX * sizeof *b.samples);
    int rc = b.samples && pb_pack(&payload.base, &b.request) == 0 ? world_real_new(0, &b.world, &err) : ERROR_MEMORY;
    if (rc == 0)
        rc = start(&b, &b.peers[OURS], RPC_BENCH_OURS);
    if (rc == 0)
        rc = start(&b, &b.peers[CCORE], RPC_BENCH_CCORE);
    for (int i = 0; rc == 0 && i < runs; i++)
        for (int k = 0; rc == 0 && k < SHAPES; k++)
            for (int s = 0; rc == 0 && s < SERVERS; s++)
                rc = run_once(&b, &b.peers[s], &shapes[k], (uint64_t)(seconds * SECOND), &b.runs[s][k][i]);
    if (rc == 0)
        report(&b, (int)runs, json);
    else
        fprintf(stderr, "rpc_bench: failed%s%s\n", err.message ? ": " : "", err.message ? err.message : "");
    for (int s = 0; s < SERVERS; s++)
        if (b.peers[s].process)
            world_process_close(b.peers[s].process);
    if (b.world)
        world_real_free(b.world);
    text_deinit(&b.request);
    free(b.samples);
    error_clear(&err);
    return rc ? 1 : 0;
}
