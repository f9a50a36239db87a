/* From nothing to ready, and what the whole runtime weighs while nobody calls.
 *
 *   boot_bench MICRO [ROUNDS]      the program `micro`, and how often it is booted (10)
 *
 * The first boot of a data directory makes the key pair; it is told apart. Memory is the proportional set size: pages
 * several processes share are counted once, by equal parts (/proc/PID/smaps_rollup). Prints a table and a JSON line. */
#include "base/units.h"
#include "world/real.h"
#include "world/world.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READY_LIMIT ((uint64_t)(60 * SECOND))
#define IDLE        ((uint64_t)(3 * SECOND)) /* before memory is looked at */
#define ROUNDS_MAX  100

struct server {
    struct world *world;
    struct world_process *process;
    bool ready, over;
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
static double boot(struct server *s, const char *program, const char *data)
{
    static const struct world_process_events events = {.output = on_line, .exited = on_exit_status};
    const char *const argv[] = {program, "server", "--data-dir", data, "--base-port", "0", "--json", NULL};
    const struct world_spawn spawn = {.name = "micro", .argv = argv};
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

/* The supervisor's own status file names the processes. MiB; prints a line each. */
static double memory(struct server *s, const char *data)
{
    char path[512];
    struct text text = TEXT_INIT;
    double sum = pss_of(s->world, world_process_id(s->process));
    printf("%-12s %8.1f MiB\n", "supervisor", sum);
    snprintf(path, sizeof path, "%s/run/status.json", data);
    if (world_read_file(s->world, path, (size_t)1 << 20, &text, NULL) == 0) {
        json_t *status = json_loads(text_string(&text), 0, NULL), *c;
        size_t i;
        json_array_foreach(json_object_get(status, "components"), i, c)
        {
            double mib = pss_of(s->world, json_integer_value(json_object_get(c, "pid")));
            printf("%-12s %8.1f MiB\n", json_string_value(json_object_get(c, "name")), mib);
            sum += mib;
        }
        json_decref(status);
    }
    text_deinit(&text);
    return sum;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct server s = {0};
    double boots[ROUNDS_MAX], stops[ROUNDS_MAX];
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
    char data[] = "/tmp/boot_bench.XXXXXX";
    if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX || !mkdtemp(data) || world_real_new(0, &s.world, NULL) != 0) {
        fprintf(stderr, "usage: boot_bench MICRO [ROUNDS from 1 to %d]\n", ROUNDS_MAX);
        return 2;
    }
    double first = boot(&s, argv[1], data), weight = 0;
    bool ok = first >= 0;
    if (ok) {
        (void)world_sleep(s.world, IDLE);
        weight = memory(&s, data);
        (void)halt(&s);
    }
    for (long i = 0; ok && i < rounds; i++) {
        boots[i] = boot(&s, argv[1], data);
        ok = boots[i] >= 0;
        stops[i] = ok ? halt(&s) : 0;
    }
    (void)world_remove_tree(s.world, data);
    world_real_free(s.world);
    if (!ok) {
        fprintf(stderr, "boot_bench: micro was not ready\n");
        return 1;
    }
    qsort(boots, (size_t)rounds, sizeof boots[0], by_value);
    qsort(stops, (size_t)rounds, sizeof stops[0], by_value);
    printf("first boot %.3f s, later %.3f s (median of %ld, slowest %.3f), stop %.3f s, idle %.1f MiB\n", first,
           boots[rounds / 2], rounds, boots[rounds - 1], stops[rounds / 2], weight);
    printf("{\"bench\":\"boot\",\"first_s\":%.3f,\"median_s\":%.3f,\"slowest_s\":%.3f,\"stop_s\":%.3f,\"idle_mib\":%."
           "1f}\n",
           first, boots[rounds / 2], boots[rounds - 1], stops[rounds / 2], weight);
    return 0;
}
