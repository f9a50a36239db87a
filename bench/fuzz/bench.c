/* Engines side by side on the same targets, executions per CPU-second (of everything an engine starts, user and
 * system): every engine once a round, rounds interleaved, medians, and their ratios to ours.
 *
 *     fuzz_bench --own COVER_BUILD/bin --libfuzzer FUZZ_BUILD/bin [--rounds 10] [--seconds 4] [--only h2call]
 *
 * COVER_BUILD is a RelWithDebInfo build with HARROW_COVER, FUZZ_BUILD one with HARROW_FUZZ: the same sources, counted
 * the same way, so that what is compared is the engine. Other rivals are built by whoever measures and named by
 * environment variables, each a folder that holds programs called decode, h2call, h2raw (those it lacks are left out):
 *
 *     BENCH_LPM        libFuzzer programs whose mutator is libprotobuf-mutator's
 *     BENCH_AFL        programs built by afl-clang-fast, run under afl-fuzz from the path
 *     BENCH_HONGGFUZZ  programs built by hfuzz-clang, run under honggfuzz from the path
 *
 * All begin with the same one seed and an empty folder. Edges are each engine's own count and not compared. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS_MAX 100
#define PATH_LEN   1024
#define OUTPUT_MAX ((size_t)4 << 20)

enum engine { OWN, LIBFUZZER, LPM, AFL, HONGGFUZZ, ENGINES };
static const char *const engine_names[] = {"harrow", "libFuzzer", "LPM", "AFL++", "honggfuzz"};
static const char *const targets[] = {"decode", "h2call", "h2raw"};
/* How many times the rival is aimed at; 0: no aim. */
static const double aims[3][ENGINES] = {{0, 2.0, 0, 0, 0}, {0, 1.8, 11.0, 0, 0}, {0, 1.5, 0, 0, 0}};

static const char *folders[ENGINES];
static const char *only;
static long rounds = 10, seconds = 4;
static char all_work[PATH_LEN], work[PATH_LEN]; /* the latter: of what is measured now */
static double results[3][ENGINES][ROUNDS_MAX];
static char *output;

static double children_cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) / 1e6;
}

/* All there is of it, also what it left behind: we are the reaper of orphans. */
static void run(const char *const *arguments, const char *log)
{
    char *copy[32] = {0};
    for (size_t i = 0; arguments[i] && i < 31; i++)
        copy[i] = strdup(arguments[i]);
    pid_t pid = fork();
    if (pid == 0) {
        int to = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600), from = open("/dev/null", O_RDONLY);
        dup2(from, 0);
        dup2(to, 1);
        dup2(to, 2);
        setenv("AFL_NO_UI", "1", 1);
        setenv("AFL_SKIP_CPUFREQ", "1", 1);
        setenv("AFL_NO_AFFINITY", "1", 1);
        setenv("AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES", "1", 1);
        execvp(copy[0], copy);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    while (wait(NULL) > 0) {
    }
    for (size_t i = 0; i < 32; i++)
        free(copy[i]);
}

static const char *slurp(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t len = f ? fread(output, 1, OUTPUT_MAX - 1, f) : 0;
    output[len] = 0;
    if (f)
        fclose(f);
    return output;
}

/* The number behind a word, the last time it stands there. */
static double number_after(const char *text, const char *word)
{
    const char *found = NULL;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        found = at + strlen(word);
    return found ? strtod(found + strspn(found, " :\t"), NULL) : 0;
}

static int forget(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s, (void)kind, (void)place;
    return remove(path);
}

/* A place of its own with the seed in it. What is there from before stays until all is measured: ext4 looks long for an
 * inode where many were given back within the last seconds, which would be counted to whoever writes a corpus next. */
static void prepare(const char *target, char *corpus)
{
    static unsigned number;
    char program[PATH_LEN], seed[PATH_LEN + 16];
    snprintf(work, sizeof work, "%.900s/%u", all_work, number++);
    snprintf(corpus, PATH_LEN, "%.900s/corpus", work);
    mkdir(work, 0700);
    mkdir(corpus, 0700);
    snprintf(program, sizeof program, "%s/bench_%s_raw", folders[LIBFUZZER], target);
    snprintf(seed, sizeof seed, "%s/seed", corpus);
    run((const char *[]){program, "-seed_to", seed, NULL}, "/dev/null");
}

static double measure(enum engine e, size_t t, long round)
{
    char program[PATH_LEN], corpus[PATH_LEN], log[PATH_LEN], out[PATH_LEN], time[32], seed[32];
    prepare(targets[t], corpus);
    const char *middle = e == OWN || e == LIBFUZZER ? "bench_" : "", *end = e == LIBFUZZER ? "_raw" : "";
    snprintf(program, sizeof program, "%s/%s%s%s", folders[e], middle, targets[t], end);
    snprintf(log, sizeof log, "%.900s/log", work);
    snprintf(out, sizeof out, "%.900s/out", work);
    if (access(program, X_OK))
        return 0;
    double before = children_cpu(), runs = 0;
    snprintf(seed, sizeof seed, e == OWN ? "%ld" : "-seed=%ld", round + 1);
    switch (e) {
    case OWN:
        snprintf(time, sizeof time, "%lds", seconds);
        run((const char *[]){program, "--json", "-q", "-s", seed, "-d", time, corpus, NULL}, log);
        runs = number_after(slurp(log), "\"runs\"");
        break;
    case LIBFUZZER:
    case LPM:
        snprintf(time, sizeof time, "-max_total_time=%ld", seconds);
        run((const char *[]){program, time, seed, "-max_len=4096", "-print_final_stats=1", corpus, NULL}, log);
        runs = number_after(slurp(log), "stat::number_of_executed_units");
        break;
    case AFL:
        snprintf(time, sizeof time, "%ld", seconds);
        run((const char *[]){"afl-fuzz", "-i", corpus, "-o", out, "-V", time, "--", program, NULL}, log);
        snprintf(log, sizeof log, "%.900s/out/default/fuzzer_stats", work);
        runs = number_after(slurp(log), "execs_done");
        break;
    case HONGGFUZZ:
        snprintf(time, sizeof time, "%ld", seconds);
        run((const char *[]){"honggfuzz", "-i", corpus, "-o", out, "-W", work, "-n", "1", "-P", "-v", "--run_time",
                             time, "--", program, NULL},
            log);
        runs = number_after(slurp(log), "iterations:");
        break;
    case ENGINES:
        break;
    }
    double cpu = children_cpu() - before;
    return cpu > 0 ? runs / cpu : 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, (size_t)rounds, sizeof *sorted, by_size);
    return rounds % 2 ? sorted[rounds / 2] : (sorted[rounds / 2 - 1] + sorted[rounds / 2]) / 2;
}

static bool is_asked(size_t t)
{
    return !only || strcmp(only, targets[t]) == 0;
}

static void print_table(void)
{
    printf("\nexecutions per CPU-second, medians of %ld interleaved rounds of %ld s\n", rounds, seconds);
    for (size_t t = 0; t < 3; t++) {
        if (!is_asked(t))
            continue;
        double own = median(results[t][OWN]);
        printf("%-8s %-10s %10.0f\n", targets[t], engine_names[OWN], own);
        for (size_t e = LIBFUZZER; e < ENGINES; e++) {
            double rival = median(results[t][e]);
            if (rival <= 0)
                continue;
            printf("%-8s %-10s %10.0f   harrow %.2fx", "", engine_names[e], rival, own / rival);
            if (aims[t][e] > 0)
                printf("   aim %.1fx: %s", aims[t][e], own / rival >= aims[t][e] ? "reached" : "MISSED");
            printf("\n");
        }
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: fuzz_bench --own FOLDER --libfuzzer FOLDER [--rounds N] [--seconds N] [--only TARGET]\n");
    return 2;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            return usage();
        if (strcmp(argv[i], "--own") == 0)
            folders[OWN] = argv[i + 1];
        else if (strcmp(argv[i], "--libfuzzer") == 0)
            folders[LIBFUZZER] = argv[i + 1];
        else if (strcmp(argv[i], "--rounds") == 0)
            rounds = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--only") == 0)
            only = argv[i + 1];
        else
            return usage();
    }
    folders[LPM] = getenv("BENCH_LPM");
    folders[AFL] = getenv("BENCH_AFL");
    folders[HONGGFUZZ] = getenv("BENCH_HONGGFUZZ");
    if (!folders[OWN] || !folders[LIBFUZZER] || rounds < 1 || rounds > ROUNDS_MAX || seconds < 1)
        return usage();
    const char *base = getenv("TMPDIR");
    snprintf(all_work, sizeof all_work, "%s/fuzz_bench.%ld", base ? base : "/tmp", (long)getpid());
    output = malloc(OUTPUT_MAX);
    if (!output || prctl(PR_SET_CHILD_SUBREAPER, 1) || mkdir(all_work, 0700))
        return 1;
    for (long round = 0; round < rounds; round++)
        for (size_t t = 0; t < 3; t++)
            for (size_t n = 0; is_asked(t) && n < ENGINES; n++) {
                size_t e = (n + (size_t)round) % ENGINES; /* nobody is always first */
                if (!folders[e])
                    continue;
                results[t][e][round] = measure((enum engine)e, t, round);
                fprintf(stderr, "round %ld  %-8s %-10s %10.0f\n", round + 1, targets[t], engine_names[e],
                        results[t][e][round]);
            }
    print_table();
    nftw(all_work, forget, 16, FTW_DEPTH | FTW_PHYS);
    free(output);
    return 0;
}
