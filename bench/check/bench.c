/* CPU seconds and peak memory of the history checkers, and how they compare with Porcupine (a Go library) in one run.
 *
 *   check_bench [--quick] [--limit SECONDS]     --quick: no more than 10,000 operations a case
 *
 * Each case runs in a process of its own: the figures are the check's processor time, and the whole process's peak of
 * resident memory, the history included. With HARROW_BENCH_PORCUPINE set at configure time to a program that reads the
 * same history (write_rows below tells the form) and prints its verdict, each case is given to it as well, within the
 * limit of time (60 s) and 9 GiB; the ratio is its processor time to ours. */
#include "bench/check/generate.h"
#include "chaos/check/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RIVAL_MEMORY ((rlim_t)9 << 30) /* bytes of writable memory */
#define QUICK        ((size_t)10000)

struct outcome {
    enum verdict verdict;
    double seconds;
    long peak_kib;
    bool done;
    char reason[256];
};

static int seconds_limit = 60;
static double until;

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool out_of_time(void *arg)
{
    (void)arg;
    return cpu_seconds() > until;
}

static void check_here(const struct generate *g, int out)
{
    struct outcome o = {0};
    struct history h;
    struct check_result r;
    struct check_limits limits = CHECK_LIMITS_DEFAULT;
    check_result_init(&r);
    if (!generate(g, &h))
        _exit(1);
    limits.stop = out_of_time;
    double before = cpu_seconds();
    until = before + seconds_limit;
    o.done = check_run(check_model_find(g->cas ? "cas-register" : "register"), &h, &limits, &r, NULL) == 0;
    o.seconds = cpu_seconds() - before;
    o.verdict = r.verdict;
    snprintf(o.reason, sizeof o.reason, "%s", r.reason);
    _exit(write(out, &o, sizeof o) == (ssize_t)sizeof o ? 0 : 1);
}

static struct outcome run_ours(const struct generate *g)
{
    struct outcome o = {0};
    struct rusage usage;
    int ends[2], status;
    if (pipe(ends) != 0)
        return o;
    pid_t child = fork();
    if (child == 0)
        check_here(g, ends[1]);
    close(ends[1]);
    if (child > 0) {
        o.done = read(ends[0], &o, sizeof o) == (ssize_t)sizeof o && o.done;
        wait4(child, &status, 0, &usage);
        o.peak_kib = usage.ru_maxrss;
    }
    close(ends[0]);
    return o;
}

#ifdef BENCH_PORCUPINE

static double user_and_system(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

/* A row an operation: process, function, value, other, invoked, ended (-1: never), end. The value of a cas is the new
 * one, `other` the one expected; -9223372036854775808 is none. */
static bool write_rows(const struct generate *g, const char *path)
{
    struct history h;
    FILE *f = fopen(path, "w");
    if (f == NULL || !generate(g, &h))
        return false;
    for (size_t i = 0; i < h.count; i++) {
        const struct operation *o = &h.operations[i];
        fprintf(f, "%" PRId32 " %s %" PRId64 " %" PRId64 " %" PRIu64 " %" PRId64 " %s\n", o->process,
                operation_function_name((enum operation_function)o->function), o->value, o->other, o->invoked,
                o->ended == TIME_NEVER ? -1 : (int64_t)o->ended, operation_end_name((enum operation_end)o->end));
    }
    history_deinit(&h);
    return fclose(f) == 0;
}

static struct outcome run_rival(const struct generate *g, const char *path)
{
    struct outcome o = {.verdict = VERDICT_UNKNOWN};
    struct rusage usage;
    char line[64] = "", limit[16];
    int ends[2], status;
    snprintf(limit, sizeof limit, "%d", seconds_limit);
    if (!write_rows(g, path) || pipe(ends) != 0)
        return o;
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit memory = {RIVAL_MEMORY, RIVAL_MEMORY};
        setrlimit(RLIMIT_DATA, &memory);
        dup2(ends[1], STDOUT_FILENO);
        close(STDERR_FILENO);
        execl(BENCH_PORCUPINE, BENCH_PORCUPINE, path, limit, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    if (child > 0) {
        ssize_t n = read(ends[0], line, sizeof line - 1);
        line[n > 0 ? n : 0] = '\0';
        wait4(child, &status, 0, &usage);
        o.seconds = user_and_system(&usage);
        o.peak_kib = usage.ru_maxrss;
        o.done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        o.verdict = strncmp(line, "Ok", 2) == 0        ? VERDICT_VALID
                    : strncmp(line, "Illegal", 7) == 0 ? VERDICT_INVALID
                                                       : VERDICT_UNKNOWN;
        /* It says how long its check took, without the reading. */
        double took;
        if (sscanf(line, "%*s %lf", &took) == 1)
            o.seconds = took;
    }
    close(ends[0]);
    return o;
}

#endif

static const char *flaw_name(enum flaw f)
{
    static const char *const names[] = {"legal", "never written", "stale"};
    return names[f];
}

static bool run_case(const struct generate *g, enum verdict expected)
{
    struct outcome ours = run_ours(g);
    printf("%-8s %9zu %4d %4zu %-13s  %-8s %9.4f s %8ld KiB", g->cas ? "cas" : "register", g->operations, g->clients,
           g->crashed, flaw_name(g->flaw), ours.done ? verdict_name(ours.verdict) : "failed", ours.seconds,
           ours.peak_kib);
#ifdef BENCH_PORCUPINE
    char path[] = "/tmp/check_bench_XXXXXX";
    int file = mkstemp(path);
    if (file >= 0) {
        close(file);
        struct outcome rival = run_rival(g, path);
        unlink(path);
        bool decided = rival.done && rival.verdict != VERDICT_UNKNOWN;
        printf("  porcupine: %-8s %9.4f s %8ld KiB  %s%.0f x", decided ? verdict_name(rival.verdict) : "gave up",
               rival.seconds, rival.peak_kib, decided ? "" : "> ", rival.seconds / ours.seconds);
        if (decided && ours.verdict != VERDICT_UNKNOWN && rival.verdict != ours.verdict) {
            printf("  DISAGREES\n");
            return false;
        }
    }
#endif
    printf("\n");
    fflush(stdout);
    return ours.done && ours.verdict == expected;
}

int main(int argc, char **argv)
{
    size_t most = SIZE_MAX;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            most = QUICK;
        else if (strcmp(argv[i], "--limit") == 0 && i + 1 < argc && (seconds_limit = atoi(argv[i + 1])) > 0)
            i++;
        else {
            fprintf(stderr, "usage: check_bench [--quick] [--limit SECONDS]\n");
            return 2;
        }
    }
    static const struct {
        size_t operations;
        int clients;
        size_t crashed;
        bool cas;
    } cases[] = {
        {1000, 4, 0, false},    {1000, 16, 0, false},    {10000, 4, 0, false},    {100000, 4, 0, false},
        {1000000, 4, 0, false}, {1000000, 16, 0, false}, {1000000, 64, 0, false}, {1000, 4, 0, true},
        {1000, 16, 0, true},    {10000, 4, 0, true},     {10000, 16, 0, true},    {100000, 4, 0, true},
        {100000, 16, 0, true},  {1000, 4, 10, true},     {1000, 4, 20, true},     {1000, 4, 40, true},
        {1000, 16, 40, true},   {1000, 64, 0, true},     {1000, 64, 40, true},    {10000, 64, 40, true},
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int flaw = FLAW_NONE; flaw <= FLAW_STALE && cases[i].operations <= most; flaw++) {
            const struct generate g = {.operations = cases[i].operations,
                                       .clients = cases[i].clients,
                                       .crashed = cases[i].crashed,
                                       .cas = cases[i].cas,
                                       .flaw = (enum flaw)flaw,
                                       .seed = 1};
            ok = run_case(&g, flaw == FLAW_NONE ? VERDICT_VALID : VERDICT_INVALID) && ok;
        }
    }
    return ok ? 0 : 1;
}
