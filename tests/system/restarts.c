/* Every component killed and started again, many times, under load: no acknowledged write may be lost, what is killed
 * must serve again soon, and memory must not grow.
 *
 *   restarts [--rounds N] [--steady TIME] [--slope-max SIZE] [--manifest FILE]
 *
 * A round kills every component of the system once (SIGKILL), one after the other, each as soon as the one before
 * serves again. Afterwards the load runs undisturbed, and each component's memory is sampled by Debug.Stats: its slope
 * is what a least-squares line through the samples says (under ASan run it with a small quarantine:
 * ASAN_OPTIONS=quarantine_size_mb=1). Prints a table and one JSON line; exit 1 when something is
 * wrong. */
#include "base/options.h"
#include "base/units.h"
#include "chaos/check/check.h"
#include "chaos/workload/workload.h"
#include "harrow/commands.h"
#include "harrow/system/system.h"
#include "proto/debug/debug.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define CLIENTS     8
#define KEYS        64
#define RATE        400                       /* store operations a second */
#define SERVE_LIMIT ((uint64_t)(60 * SECOND)) /* until a killed component serves again */
#define SAMPLES     20                        /* of memory */
#define FINAL_READS ((uint64_t)(60 * SECOND))
#define ANSWERS     ((uint64_t)(60 * SECOND)) /* of components that were killed a moment ago, on a busy machine */
#define PARTS_MAX   32

static struct {
    int64_t rounds, steady;
    uint64_t slope_max; /* bytes a second */
    const char *manifest;
} flags;

struct part {
    const struct target_component *component;
    double slowest, sum; /* seconds until it served again */
    int kills;
    uint64_t memory[SAMPLES], taken[SAMPLES]; /* bytes; when */
};

/* ---- killing ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool serves(struct target *t, const struct target_component *c)
{
    struct rpc_channel *channel = NULL;
    return target_channel(t, c, &channel, NULL) == 0 && rpc_wait_ready(t->world, channel, "", SERVE_LIMIT, NULL) == 0;
}

/* The gateway has no gRPC address in the manifest; its process is what there is to see. */
static bool lives(void *arg)
{
    struct part *p = ((void **)arg)[0];
    struct target *t = ((void **)arg)[1];
    return t->operations->alive(t, p->component->name);
}

static bool kill_one(struct target *t, struct part *p, struct error *err)
{
    uint64_t start = world_now(t->world);
    void *both[] = {p, t};
    if (t->operations->act(t, p->component->name, TARGET_KILL, err) != 0)
        return false;
    bool back =
        p->component->address ? serves(t, p->component) : world_run_until(t->world, lives, both, SERVE_LIMIT) == 0;
    double took = (double)(world_now(t->world) - start) / (double)SECOND;
    if (!back)
        error_set(err, ERROR_TIMEOUT, "%s does not serve %g s after it was killed", p->component->name, took);
    p->slowest = took > p->slowest ? took : p->slowest;
    p->sum += took;
    p->kills++;
    return back;
}

/* ---- memory ---- */

/* 0: it does not tell. */
static uint64_t memory_of(struct target *t, const struct part *p)
{
    struct rpc_channel *channel = NULL;
    struct rpc_answer answer = {0};
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    char path[128];
    uint64_t memory = 0;
    if (target_channel(t, p->component, &channel, NULL) != 0)
        return 0;
    snprintf(path, sizeof path, "/%s.Debug/Stats", p->component->name);
    const struct rpc_request request = {.path = path,
                                        .metadata = target_metadata(t),
                                        .timeout = ANSWERS,
                                        .wait_for_ready = true,
                                        .message = BYTES("", 0),
                                        .has_message = true};
    if (rpc_unary_wait(t->world, channel, &request, &answer, NULL) == 0 && answer.reply.status == GRPC_OK &&
        pb_unpack(&debug__stats_response__descriptor, answer.reply.body, &arena, &m, NULL) == 0)
        memory = ((const Debug__StatsResponse *)(const void *)m)->memory;
    rpc_answer_deinit(&answer);
    arena_deinit(&arena);
    return memory;
}

/* Bytes a second, over the second half: the first fills caches. */
static double slope(const struct part *p)
{
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int i = SAMPLES / 2; i < SAMPLES; i++) {
        double x = (double)(p->taken[i] - p->taken[0]) / (double)SECOND, y = (double)p->memory[i];
        n++, sx += x, sy += y, sxx += x * x, sxy += x * y;
    }
    return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

/* ---- the whole ---- */

static bool judge(struct workload *load)
{
    struct error err = ERROR_INIT;
    struct check_result result;
    check_result_init(&result);
    bool ok = workload_stop(load) == 0;
    if (workload_final_reads(load, FINAL_READS, &err) != 0) {
        printf("the last reads were not answered: %s\n", err.message ? err.message : "?");
        ok = false;
    }
    error_clear(&err);
    const struct history *h = workload_history(load);
    if (check_register(h, &result) != 0 || result.verdict != VERDICT_VALID) {
        printf("not linearizable at key %u: %s\n", result.key, result.reason);
        ok = false;
    }
    if (check_lost_writes(h, workload_final_from(load), &result) != 0 || result.verdict != VERDICT_VALID) {
        printf("lost write at key %u: %s\n", result.key, result.reason);
        ok = false;
    }
    check_result_deinit(&result);
    return ok;
}

static bool report(const struct part *parts, size_t count, bool sampled, size_t operations)
{
    bool ok = true;
    double worst = 0, steepest = 0, all[PARTS_MAX];
    printf("%-12s %8s %12s %12s %14s %14s\n", "", "kills", "mean s", "slowest s", "memory", "bytes/s");
    for (size_t i = 0; i < count; i++) {
        const struct part *p = &parts[i];
        char memory[32];
        double grows = p->component->address && sampled ? slope(p) : 0;
        units_format_size(p->memory[SAMPLES - 1], memory, sizeof memory);
        all[i] = p->kills ? p->sum / p->kills : 0;
        if (sampled && grows >= (double)flags.slope_max)
            printf("%s grows by %.0f bytes a second, more than %llu\n", p->component->name, grows,
                   (unsigned long long)flags.slope_max);
        printf("%-12s %8d %12.3f %12.3f %14s %14.0f\n", p->component->name, p->kills, all[i], p->slowest, memory,
               grows);
        worst = p->slowest > worst ? p->slowest : worst;
        steepest = grows > steepest ? grows : steepest;
        ok = ok && (!sampled || grows < (double)flags.slope_max);
    }
    qsort(all, count, sizeof all[0], by_value);
    printf("{\"bench\":\"restarts\",\"kills_each\":%d,\"operations\":%zu,\"median_s\":%.3f,\"slowest_s\":%.3f,"
           "\"steepest_bytes_per_s\":%.0f}\n",
           parts[0].kills, operations, all[count / 2], worst, steepest);
    return ok;
}

static bool run_rounds(struct target *t, struct part *parts, size_t count)
{
    struct error err = ERROR_INIT;
    for (int64_t round = 0; round < flags.rounds; round++)
        for (size_t i = 0; i < count; i++)
            if (!kill_one(t, &parts[i], &err)) {
                printf("round %lld: %s\n", (long long)round + 1, err.message ? err.message : "?");
                error_clear(&err);
                return false;
            }
    return true;
}

static bool measure(struct target *t)
{
    struct part parts[PARTS_MAX] = {0};
    struct workload *load = NULL;
    const struct workload_options options = {.seed = t->seed, .clients = CLIENTS, .keys = KEYS, .rate = RATE};
    size_t count = t->component_count < PARTS_MAX ? t->component_count : PARTS_MAX;
    if (workload_new(t, &options, &load, NULL) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        parts[i].component = &t->components[i];
    workload_start(load);
    bool ok = run_rounds(t, parts, count);
    uint64_t every = (uint64_t)flags.steady / SAMPLES;
    for (int sample = 0; every > 0 && sample < SAMPLES; sample++) {
        world_sleep(t->world, every);
        for (size_t i = 0; i < count; i++) {
            struct part *p = &parts[i];
            if (p->component->address == NULL)
                continue;
            p->memory[sample] = memory_of(t, p);
            p->taken[sample] = world_now(t->world);
            if (p->memory[sample] == 0) {
                printf("%s does not tell how much memory it has\n", p->component->name);
                ok = false;
            }
        }
    }
    ok = judge(load) && ok;
    ok = report(parts, count, every > 0, workload_history(load)->count) && ok;
    workload_free(load);
    return ok;
}

static int run(const struct arguments *args)
{
    int exit_code = 0;
    struct error err = ERROR_INIT;
    struct system *s = NULL;
    (void)args;
    common.driver = "processes";
    common.out = "harrow-out";
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0,
                0); /* for all it starts: huge pages come 2 MiB at a time, which is no leak */
    common.quiet = true;
    struct run *r = run_begin(flags.manifest, "restarts", &exit_code);
    if (!r)
        return exit_code;
    if (system_start(r, &s, &err) != 0)
        return run_finish(r, run_failed(r, &err, "start of the system"));
    bool ok = measure(system_target(s));
    system_stop(s);
    error_clear(&err);
    return run_finish(r, ok ? HARROW_PASSED : HARROW_FAILED);
}

static const struct option options[] = {
    {.name = "rounds",
     .kind = OPTION_INTEGER,
     .target = &flags.rounds,
     .argument = "N",
     .help = "how often each component is killed",
     .fallback = "200",
     .min = 1,
     .max = 100000},
    {.name = "steady",
     .kind = OPTION_DURATION,
     .target = &flags.steady,
     .argument = "TIME",
     .help = "load without kills, for the slope of memory; 0s: none",
     .fallback = "30s"},
    {.name = "slope-max",
     .kind = OPTION_SIZE,
     .target = &flags.slope_max,
     .argument = "SIZE",
     .help = "memory a component may grow by in a second; less is noise of the allocator",
     .fallback = "64KiB"},
    {.name = "manifest",
     .kind = OPTION_TEXT,
     .target = &flags.manifest,
     .argument = "FILE",
     .help = "the system",
     .fallback = "systems/micro.yaml"},
    {.name = NULL},
};
static const struct command root = {
    .name = "restarts",
    .summary = "every component killed and started again, under load",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return command_main(&root, argc, argv, NULL);
}
