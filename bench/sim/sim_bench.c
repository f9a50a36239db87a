/* Virtual seconds per real second of the whole runtime in simulation: idle, and under 1,000 calls a second.
 *
 *   sim_bench [MANIFEST]     default: systems/micro.yaml
 *
 * The rival is real time itself: the ratio is how much sooner an hour is over. Prints a table and one JSON line. */
#include "base/options.h"
#include "base/units.h"
#include "chaos/workload/workload.h"
#include "harrow/commands.h"
#include "harrow/system/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS      5
#define IDLE_TIME   (3600 * (uint64_t)SECOND) /* virtual, per round */
#define LOADED_TIME (20 * (uint64_t)SECOND)
#define RATE        1000
#define CLIENTS     16
#define KEYS        1000

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median of ROUNDS times `duration` passed in the target's world; virtual seconds per CPU second. */
static double measure(struct target *t, uint64_t duration)
{
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double before = cpu_seconds();
        if (world_sleep(t->world, duration) != 0)
            return 0;
        ratios[i] = (double)duration / (double)SECOND / (cpu_seconds() - before);
    }
    qsort(ratios, ROUNDS, sizeof ratios[0], by_value);
    return ratios[ROUNDS / 2];
}

static int run_bench(const struct arguments *args)
{
    int exit_code = 0;
    struct error err = ERROR_INIT;
    struct system *s = NULL;
    struct workload *load = NULL;
    common.driver = "sim";
    common.out = "harrow-out";
    common.quiet = true;
    common.seed = 1;
    struct run *r = run_begin(args->argc > 0 ? args->argv[0] : "systems/micro.yaml", "sim_bench", &exit_code);
    if (r == NULL)
        return exit_code;
    if (system_start(r, &s, &err) != 0)
        return run_finish(r, run_failed(r, &err, "start of the system"));
    struct target *t = system_target(s);
    double loaded = 0, served = 0;
    struct workload_options options = {.seed = 1, .clients = CLIENTS, .keys = KEYS, .rate = RATE};
    if (workload_new(t, &options, &load, &err) == 0) {
        struct workload_window window;
        workload_start(load);
        uint64_t start = world_now(t->world);
        loaded = measure(t, LOADED_TIME);
        workload_take_window(load, &window);
        served = (double)window.ok * (double)SECOND / (double)(world_now(t->world) - start);
        workload_stop(load);
        workload_free(load);
    }
    /* Last, for it outlives the token. */
    double idle = measure(t, IDLE_TIME);
    printf("%-28s %12s\n", "", "x real time");
    printf("%-28s %12.0f\n", "idle", idle);
    printf("%-28s %12.0f   (%.0f calls/s answered)\n", "1,000 calls/s", loaded, served);
    printf("{\"bench\":\"sim\",\"components\":%zu,\"idle\":%.1f,\"loaded\":%.1f,\"calls_per_second\":%.1f}\n",
           t->component_count, idle, loaded, served);
    system_stop(s);
    error_clear(&err);
    return run_finish(r, 0);
}

int main(int argc, char **argv)
{
    static const struct command root = {
        .name = "sim_bench",
        .summary = "virtual seconds per real second of the whole runtime in simulation",
        .positional = "[MANIFEST]",
        .positional_max = 1,
        .run = run_bench,
    };
    return command_main(&root, argc, argv, NULL);
}
