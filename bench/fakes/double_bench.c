/* What a call of a C double costs: processor time and bytes kept, beside doubles of others and a copy by protobuf-c.
 *
 *   double_bench [--quick] [--rounds N]
 *
 * Every case runs in turns with the others, round after round; figures are medians of the rounds, in nanoseconds of
 * processor time per call. A recorded call of ours copies the whole message; cmocka and Google Mock compare two
 * arguments and keep nothing. At last 16 threads make ten million calls of one double, and its log is read through. */
#include "base/options.h"
#include "bench/fakes/double_rivals.h"
#include "fakes/fake_recorder.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX 99
#define THREADS    16

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static Five__Five message(void)
{
    static char id[] = "user-12345", name[] = "Alice Example";
    Five__Five m = FIVE__FIVE__INIT;
    m.id = id;
    m.name = name;
    m.when = 1700000000;
    m.on = 1;
    m.weight = 72.5;
    return m;
}

static struct fake_five__recorder *recorder;
static double bytes_kept;

static void record(long calls)
{
    const Five__Five m = message();
    const Five__Done *reply;
    for (long i = 0; i < calls; i++)
        fake_five__recorder_record(recorder, &m, &reply, NULL);
    bytes_kept = (double)fake_kept(recorder->fake) / (double)calls;
}

static void copy(long calls)
{
    const Five__Five m = message();
    uint8_t wire[256];
    for (long i = 0; i < calls; i++) {
        size_t len = five__five__pack(&m, wire);
        five__five__free_unpacked(five__five__unpack(NULL, len, wire), NULL);
    }
}

static void pack(long calls)
{
    const Five__Five m = message();
    uint8_t wire[256];
    for (long i = 0; i < calls; i++) {
        if (five__five__get_packed_size(&m) <= sizeof wire)
            five__five__pack(&m, wire);
        __asm__ volatile("" : : "r"(wire) : "memory");
    }
}

/* Doubles begin each round empty: what a round costs does not hang on the rounds before. */
static void fresh(bool keeps)
{
    fake_reset(recorder->fake);
    fake_keep(recorder->fake, keeps ? FAKE_KEEP_DEFAULT : 0);
}

static void fresh_recording(void)
{
    fresh(true);
}

static void fresh_counting(void)
{
    fresh(false);
}

static const struct one {
    const char *name;
    void (*prepare)(void);
    void (*run)(long calls);
    long calls;
} cases[] = {
    {"ours: recorded with a deep copy", fresh_recording, record, 1000000},
    {"ours: counted only", fresh_counting, record, 2000000},
    {"protobuf-c: measured and packed", NULL, pack, 1000000},
    {"protobuf-c: packed, unpacked, freed", NULL, copy, 500000},
    {"cmocka: will_return_always, mock", NULL, rival_cmocka_mock, 500000},
    {"cmocka: two expect_value, will_return, checks", NULL, rival_cmocka_expect, 200000},
#ifdef HAVE_GMOCK
    {"Google Mock: ON_CALL", NULL, rival_gmock_on_call, 500000},
    {"Google Mock: EXPECT_CALL, two matchers", NULL, rival_gmock_expect_call, 200000},
#endif
};
#define CASES (sizeof cases / sizeof cases[0])

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

static void measure(long divisor, int turns)
{
    static double ns[CASES][ROUNDS_MAX];
    double medians[CASES], kept = 0;
    for (int r = 0; r < turns; r++)
        for (size_t i = 0; i < CASES; i++) {
            if (cases[i].prepare != NULL)
                cases[i].prepare();
            double start = now();
            cases[i].run(cases[i].calls / divisor);
            ns[i][r] = (now() - start) / (double)(cases[i].calls / divisor);
            if (i == 0)
                kept = bytes_kept;
        }
    for (size_t i = 0; i < CASES; i++)
        medians[i] = median(ns[i], turns);
    printf("%-48s %10s %8s\n", "a call", "ns", "ratio");
    for (size_t i = 0; i < CASES; i++)
        printf("%-48s %10.1f %8.2f\n", cases[i].name, medians[i], medians[i] / medians[0]);
    printf("ours keeps %.1f bytes a recorded call (%zu of them the message's)\n", kept, (size_t)44);
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

static long calls_of_thread;

static void *work(void *arg)
{
    Five__Five m = message();
    m.when = *(const int *)arg;
    for (long i = 0; i < calls_of_thread; i++) {
        m.weight = (double)i;
        fake_five__recorder_record(recorder, &m, NULL, NULL);
    }
    return NULL;
}

static int threads(long calls)
{
    pthread_t threads[THREADS];
    int numbers[THREADS], wrong = 0;
    double next[THREADS] = {0};
    calls_of_thread = calls / THREADS;
    fresh_recording();
    double start = now();
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    double ns = now() - start;
    struct fake_call call;
    int64_t i = 0;
    for (; fake_call_at(recorder->fake, NULL, i, &call) == 0; i++) {
        struct arena arena = ARENA_INIT;
        ProtobufCMessage *m = NULL;
        wrong += call.sequence != i || call.index != i;
        if (pb_unpack(&five__five__descriptor, call.request, &arena, &m, NULL) == 0) {
            const Five__Five *five = (const void *)m;
            double expected = next[five->when];
            wrong += five->weight < expected || five->weight > expected;
            next[five->when] += 1;
        } else {
            wrong++;
        }
        arena_deinit(&arena);
    }
    int64_t made = (int64_t)calls_of_thread * THREADS;
    wrong += i != made || fake_total(recorder->fake) != made || fake_five__recorder_record_count(recorder) != made;
    printf("%d threads, %lld calls: %.1f ns each, %.1f bytes each; %s\n", THREADS, (long long)made, ns / (double)made,
           (double)fake_kept(recorder->fake) / (double)made,
           wrong == 0 ? "counts exact, no gap in the order, each thread's calls in its order" : "WRONG");
    return wrong != 0;
}

static bool quick;
static int64_t rounds;

static void measure_all(void)
{
    measure(quick ? 10 : 1, (int)rounds);
}

static int run(const struct arguments *args)
{
    (void)args;
    recorder = fake_five__recorder_new();
    if (recorder == NULL)
        return 1;
    int code = rival_cmocka_run(measure_all);
    if (code == 0)
        code = threads(quick ? 160000 : 10000000);
    fake_five__recorder_free(recorder);
    return code;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {.name = "quick", .kind = OPTION_FLAG, .target = &quick, .help = "a tenth of the calls"},
        {.name = "rounds",
         .kind = OPTION_INTEGER,
         .target = &rounds,
         .argument = "N",
         .help = "of which the medians are told",
         .fallback = "11",
         .min = 1,
         .max = ROUNDS_MAX},
        {.name = NULL},
    };
    static const struct command root = {
        .name = "double_bench",
        .summary = "what a call of a C double costs: processor time and bytes kept",
        .options = options,
        .run = run,
    };
    return command_main(&root, argc, argv, NULL);
}
