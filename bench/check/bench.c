/* CPU seconds and peak memory of the history checkers, and how they compare with Porcupine (a Go library) in one run.
 *
 *   check_bench [--quick] [--limit SECONDS] [--rounds N]     --quick: no more than 10,000 operations a case
 *   check_bench --hard [--limit SECONDS] [--rounds N]        cas registers of few values with one or many wrong
 *                                                            answers, by how many clients and values there are: how
 *                                                            many are decided
 *
 * With several rounds, ours and the rival's take turns, and the figures are medians. --alone: without the rival.
 *
 * Each case runs in a process of its own: the figures are the check's processor time, and the whole process's peak of
 * resident memory, the history included. With HARROW_BENCH_PORCUPINE set at configure time to a program that reads the
 * same history (write_rows below tells the form) and prints its verdict, each case is given to it as well, within the
 * limit of processor time (60 s) and 9 GiB, and "time" or "memory" says which of the two it ran into; the ratio is its
 * processor time to ours. */
#include "bench/check/generate.h"
#include "chaos/check/check.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RIVAL_MEMORY ((rlim_t)9 << 30) /* bytes of writable memory */
#define RIVAL_WALL   100               /* its limit on the clock, for each second of processor time that it has */
#define QUICK        ((size_t)10000)

struct outcome {
    enum verdict verdict;
    double seconds;
    long peak_kib;
    bool done, out_of_time;
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
    snprintf(limit, sizeof limit, "%d", seconds_limit * RIVAL_WALL); /* it counts time on the clock */
    if (!write_rows(g, path) || pipe(ends) != 0)
        return o;
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit memory = {RIVAL_MEMORY, RIVAL_MEMORY};
        const struct rlimit cpu = {(rlim_t)seconds_limit, (rlim_t)seconds_limit + 1};
        setrlimit(RLIMIT_DATA, &memory);
        setrlimit(RLIMIT_CPU, &cpu);
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
        o.out_of_time = WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
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
    static const char *const names[] = {"legal", "never written", "stale", "one wrong", "many wrong"};
    return names[f];
}

static int rounds = 1;
static bool alone;

static int by_seconds(const void *a, const void *b)
{
    const struct outcome *x = a, *y = b;
    return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

#define ROUNDS_MAX 101

static bool decided(const struct outcome *o)
{
    return o->done && o->verdict != VERDICT_UNKNOWN;
}

/* The median of each side's rounds; which verdict is the same in all of them. */
static bool measure(const struct generate *g, struct outcome *ours, struct outcome *rival)
{
    struct outcome all[2][ROUNDS_MAX] = {0};
    bool has_rival = false;
    for (int i = 0; i < rounds; i++) {
        all[0][i] = run_ours(g);
#ifdef BENCH_PORCUPINE
        char path[] = "/tmp/check_bench_XXXXXX";
        bool gave_up = i > 0 && !decided(&all[1][i - 1]); /* once is enough: it takes the whole limit */
        int file = alone || gave_up ? -1 : mkstemp(path);
        if (file >= 0) {
            close(file);
            all[1][i] = run_rival(g, path);
            unlink(path);
            has_rival = true;
        }
#endif
    }
    qsort(all[0], (size_t)rounds, sizeof all[0][0], by_seconds);
    *ours = all[0][rounds / 2];
    *rival = all[1][0];
    if (has_rival && decided(rival)) {
        qsort(all[1], (size_t)rounds, sizeof all[1][0], by_seconds);
        *rival = all[1][rounds / 2];
    }
    return has_rival;
}

static bool disagree(const struct outcome *ours, const struct outcome *rival)
{
    return decided(ours) && decided(rival) && ours->verdict != rival->verdict;
}

static bool run_case(const struct generate *g, enum verdict expected)
{
    struct outcome ours, rival;
    bool has_rival = measure(g, &ours, &rival);
    printf("%-8s %9zu %4d %4zu %-13s  %-8s %9.4f s %8ld KiB", g->cas ? "cas" : "register", g->operations, g->clients,
           g->crashed, flaw_name(g->flaw), ours.done ? verdict_name(ours.verdict) : "failed", ours.seconds,
           ours.peak_kib);
    if (has_rival)
        printf("  porcupine: %-8s %9.4f s %8ld KiB  %s%.1f x%s",
               decided(&rival)     ? verdict_name(rival.verdict)
               : rival.out_of_time ? "time"
                                   : "memory",
               rival.seconds, rival.peak_kib, decided(&rival) ? "" : "> ", rival.seconds / ours.seconds,
               disagree(&ours, &rival) ? "  DISAGREES" : "");
    printf("\n");
    fflush(stdout);
    return ours.done && ours.verdict == expected && !(has_rival && disagree(&ours, &rival));
}

/* Wrong answers among operations that overlap much and values that tell little, a history a round. */
static bool run_hard_row(enum flaw flaw, int clients, int64_t values)
{
    struct outcome all[2][ROUNDS_MAX] = {0};
    int verdicts[2][3] = {{0}}, histories = rounds;
    bool has_rival = false, agree = true;
    rounds = 1;
    for (int i = 0; i < histories; i++) {
        const struct generate g = {.operations = 1000,
                                   .clients = clients,
                                   .cas = true,
                                   .values = values,
                                   .flaw = flaw,
                                   .seed = (uint64_t)i + 1};
        has_rival = measure(&g, &all[0][i], &all[1][i]);
        for (int side = 0; side < 2; side++)
            verdicts[side][decided(&all[side][i]) ? all[side][i].verdict : VERDICT_UNKNOWN]++;
        agree = agree && !(has_rival && disagree(&all[0][i], &all[1][i]));
    }
    rounds = histories;
    printf("%-10s %7d %6d", flaw_name(flaw), clients, (int)values);
    for (int side = 0; side < 1 + has_rival; side++) {
        qsort(all[side], (size_t)histories, sizeof all[side][0], by_seconds);
        printf(" | %5d %7d %7d %9.4f %9.4f", verdicts[side][VERDICT_VALID], verdicts[side][VERDICT_INVALID],
               verdicts[side][VERDICT_UNKNOWN], all[side][histories / 2].seconds, all[side][histories - 1].seconds);
    }
    printf("%s\n", agree ? "" : "  DISAGREES");
    fflush(stdout);
    return agree;
}

static bool run_hard(void)
{
    static const int clients[] = {4, 8, 16, 32, 64, 128};
    static const int64_t values[] = {2, 3, 5, 8, 16};
    bool agree = true;
    printf("1,000 operations, of each verdict so many; median and worst seconds%s\n",
           alone ? "" : "; then Porcupine's");
    printf("flaw       clients values | valid invalid unknown    median     worst\n");
    for (int flaw = FLAW_OTHER; flaw <= FLAW_MANY; flaw++)
        for (size_t c = 0; c < sizeof clients / sizeof clients[0]; c++)
            for (size_t v = 0; v < sizeof values / sizeof values[0]; v++)
                agree = run_hard_row((enum flaw)flaw, clients[c], values[v]) && agree;
    return agree;
}

int main(int argc, char **argv)
{
    size_t most = SIZE_MAX;
    bool hard = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            most = QUICK;
        else if (strcmp(argv[i], "--limit") == 0 && i + 1 < argc && (seconds_limit = atoi(argv[i + 1])) > 0)
            i++;
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc && (rounds = atoi(argv[i + 1])) > 0 &&
                 rounds <= ROUNDS_MAX)
            i++;
        else if (strcmp(argv[i], "--hard") == 0)
            hard = true;
        else if (strcmp(argv[i], "--alone") == 0)
            alone = true;
        else {
            fprintf(stderr,
                    "usage: check_bench [--quick | --hard] [--alone] [--limit SECONDS] [--rounds N, up to %d]\n",
                    ROUNDS_MAX);
            return 2;
        }
    }
    if (hard)
        return run_hard() ? 0 : 1;
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
