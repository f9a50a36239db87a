/* The program around a target in a build with HARROW_COVER: our own loop over a corpus folder. */
#include "base/options.h"
#include "fuzz/loop/corpus.h"
#include "fuzz/loop/loop.h"
#include "fuzz/loop/mutator.h"
#include "fuzz/loop/replay.h"
#include "fuzz/loop/twin.h"
#include "world/real.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define EXIT_FOUND  1
#define EXIT_FAILED 3
#define SEEDS_MAX   256

static struct {
    const char *findings, *import, *distil, *schedule, *replay;
    const char *program;
    const char *compares, *checks; /* programs */
    const char *solve, *follow;    /* files: this program is the twin */
    int64_t runs, duration, plateau, hang;
    uint64_t seed, max, memory;
    int64_t snapshots, shrink;
    bool merge, json, quiet;
} given;

static struct world *world;
static bool stop;
static size_t told;

static void on_signal(void *arg, int number)
{
    (void)arg;
    (void)number;
    stop = true;
}

static void print_progress(void *arg, const struct fuzz_loop_stats *s)
{
    (void)arg;
    fprintf(stderr, "%8.1f s  %12llu runs  %9.0f/s  %9.0f/cpu-s  %6zu edges  %6zu cases  %zu findings\n",
            (double)s->wall / 1e9, (unsigned long long)s->executions,
            s->wall ? (double)s->executions * 1e9 / (double)s->wall : 0,
            s->cpu ? (double)s->executions * 1e9 / (double)s->cpu : 0, s->edges, s->cases, s->findings);
}

static void save(const char *name, const char *ending, struct bytes content)
{
    struct error err = ERROR_INIT;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", given.findings, name, ending);
    if (world_write_file(world, path, content, false, &err))
        fprintf(stderr, "%s: %s\n", path, err.message ? err.message : "cannot be written");
    error_clear(&err);
}

/* NAME: the case; NAME.script: for people; NAME.txt: what is known, and how to see it again; NAME_test.c: to keep. */
static void save_finding(const struct fuzz_found *f, const char *name, struct text *text)
{
    struct text file = TEXT_INIT, script = TEXT_INIT, test = TEXT_INIT, title = TEXT_INIT;
    if (fuzz_case_write(f->c, &file) == 0)
        save(name, "", text_bytes(&file));
    if (fuzz_case_print(f->c, f->pool, &script) == 0) {
        save(name, ".script", text_bytes(&script));
        text_printf(text, "again: %s --replay %s/%s.script\n", given.program, given.findings, name);
        text_printf(&title, "%s, found by a campaign against %s", name, fuzz_target.name);
        replay_test_source(&fuzz_target, text_string(&title), text_bytes(&script), &test);
        if (text_ok(&title) && text_ok(&test))
            save(name, "_test.c", text_bytes(&test));
    }
    save(name, ".txt", text_bytes(text));
    text_deinit(&file);
    text_deinit(&script);
    text_deinit(&test);
    text_deinit(&title);
}

static void on_found(void *arg, const struct fuzz_found *f)
{
    char name[64];
    struct text text = TEXT_INIT;
    (void)arg;
    told++;
    snprintf(name, sizeof name, "%s-%016llx", fuzz_end_name(f->end), (unsigned long long)f->signature);
    text_printf(&text, "%s, after %llu runs, by %s (%s)\n%s\n", f->confirmed ? "confirmed" : "could not be repeated",
                (unsigned long long)f->execution, f->how.what && *f->how.what ? f->how.what : "a seed",
                fuzz_lane_name(f->how.lane), f->text);
    if (f->tries)
        text_printf(&text, "the case was made smaller in %zu of %zu tries\n", f->steps, f->tries);
    fprintf(stderr, "%s: %s", name, text_string(&text));
    if (given.findings)
        save_finding(f, name, &text);
    text_deinit(&text);
}

/* What was compared is the business of another build: this is it. */
static int serve(void)
{
    struct twin twin;
    struct error err = ERROR_INIT;
    int rc = twin_attach(&twin, given.solve, &err);
    if (rc == 0)
        rc = twin_solve(&twin, &fuzz_target, &err);
    if (rc)
        fprintf(stderr, "%s: %s\n", fuzz_target.name, err.message ? err.message : error_code_name(rc));
    error_clear(&err);
    twin_close(&twin);
    return rc ? EXIT_FAILED : 0;
}

/* A finding again, alone and in this process. */
static int replay(void)
{
    struct text file = TEXT_INIT, why = TEXT_INIT, text = TEXT_INIT;
    struct error err = ERROR_INIT;
    int rc = world_real_new(1, &world, &err);
    if (rc == 0)
        rc = world_read_file(world, given.replay, CORPUS_FILE_MAX, &file, &err);
    if (rc == 0)
        rc = replay_run(&fuzz_target, text_bytes(&file), &why, &err);
    if (rc < 0) {
        error_format(&err, &text);
        fprintf(stderr, "%s: %s\n", given.replay, text.len ? text_string(&text) : error_code_name(rc));
    } else {
        printf("%s: %s%s", given.replay, rc ? "found\n" : "nothing is wrong\n", text_string(&why));
    }
    error_clear(&err);
    text_deinit(&file);
    text_deinit(&why);
    text_deinit(&text);
    if (world)
        world_real_free(world);
    return rc < 0 ? EXIT_FAILED : rc ? EXIT_FOUND : 0;
}

static void print_operators(const struct fuzz_loop_stats *s)
{
    for (size_t i = 0; i < LANE_COUNT; i++)
        printf("lane %-24s %12llu runs %8llu new  %5.1f %% of late\n", fuzz_lane_name((enum fuzz_lane)i),
               (unsigned long long)s->lanes[i].runs, (unsigned long long)s->lanes[i].found, 100 * s->lane_shares[i]);
    for (size_t i = 0; i < WORKER_OPERATORS; i++)
        if (s->operators[i].what)
            printf("     %-24s %12llu runs %8llu new\n", s->operators[i].what,
                   (unsigned long long)s->operators[i].tally.runs, (unsigned long long)s->operators[i].tally.found);
}

static void print_end(const struct fuzz_loop_stats *s)
{
    double per_cpu = s->cpu ? (double)s->executions * 1e9 / (double)s->cpu : 0;
    if (given.json) {
        printf(
            "{\"runs\":%llu,\"cpu_ns\":%llu,\"wall_ns\":%llu,\"runs_per_cpu_s\":%.0f,\"edges\":%zu,\"edges_all\":%zu,"
            "\"pairs\":%zu,\"cases\":%zu,\"findings\":%zu,\"workers_lost\":%zu,\"solved\":%llu,\"patched\":%llu,"
            "\"checked\":%llu,\"unchecked\":%llu,\"findings_checked\":%llu,\"lanes\":[%.3f,%.3f,%.3f]}\n",
            (unsigned long long)s->executions, (unsigned long long)s->cpu, (unsigned long long)s->wall, per_cpu,
            s->edges, s->edges_all, s->pairs, s->cases, s->findings, s->workers_lost, (unsigned long long)s->asked,
            (unsigned long long)s->patched, (unsigned long long)s->checked, (unsigned long long)s->unchecked,
            (unsigned long long)s->findings_checked, s->lane_shares[0], s->lane_shares[1], s->lane_shares[2]);
        return;
    }
    print_operators(s);
    printf("%llu runs in %.2f CPU-s: %.0f per CPU-second; %zu of %zu edges, %zu cases (%zu bytes, %llu taken in), "
           "%zu findings (%llu more of the same)\n",
           (unsigned long long)s->executions, (double)s->cpu / 1e9, per_cpu, s->edges, s->edges_all, s->cases,
           s->case_bytes, (unsigned long long)s->imported, s->findings,
           (unsigned long long)(s->findings_same + s->verdicts_same));
    if (given.snapshots)
        printf("snapshots: %llu runs began from one\n", (unsigned long long)s->suffixes);
    if (given.compares)
        printf("comparisons: asked about %llu cases, %llu made of them\n", (unsigned long long)s->asked,
               (unsigned long long)s->patched);
    if (given.checks)
        printf("sanitizers: %llu cases run again, %llu left out, %llu findings\n", (unsigned long long)s->checked,
               (unsigned long long)s->unchecked, (unsigned long long)s->findings_checked);
    if (s->twin_lost)
        printf("a second build was lost on the way: what came after was not shown to it\n");
}

static int seeds(struct fuzz_case *out, size_t *count)
{
    int rc = 0;
    if (!fuzz_target.seed) {
        *count = 1;
        return fuzz_target_case(&fuzz_target, BYTES_NONE, &out[0]);
    }
    for (*count = 0; *count < SEEDS_MAX && rc == 0; *count += rc == 0)
        rc = fuzz_target.seed(*count, &out[*count]);
    return rc == ERROR_NOT_FOUND ? 0 : rc;
}

static int run(const struct arguments *args)
{
    static struct fuzz_case first[SEEDS_MAX];
    static const char *const schedules[] = {"rare", "uniform", "newest"};
    static struct twin_process compares, checks;
    static struct twin followed;
    struct message_mutator messages = {0};
    struct fuzz_loop_stats stats;
    struct error err = ERROR_INIT;
    void *state = NULL;
    const struct pb_pool *pool = NULL;
    size_t count = 0;
    if (given.solve)
        return serve();
    if (given.replay)
        return replay();
    /* Another state than the workers': only the contracts are needed here. */
    int rc = fuzz_target.setup ? fuzz_target.setup(&state, &pool, &err) : 0;
    if (rc == 0)
        rc = world_real_new(given.seed, &world, &err);
    if (rc == 0 && given.findings)
        rc = world_make_directory(world, given.findings);
    if (rc == 0)
        rc = seeds(first, &count);
    if (rc == 0 && given.follow)
        rc = twin_attach(&followed, given.follow, &err);
    if (rc == 0 && given.compares)
        rc = twin_start(&compares, world, given.compares, "--solve", NULL, &err);
    if (rc == 0 && given.checks)
        rc = twin_start(&checks, world, given.checks, "--follow", given.findings, &err);
    if (rc == 0)
        rc = message_mutator_init(&messages, pool, fuzz_target.calls);
    if (rc == 0) {
        world_on_signal(world, on_signal, NULL);
        struct fuzz_loop_config config = {.world = world,
                                          .target = &fuzz_target,
                                          .mutator =
                                              fuzz_target.mutator ? *fuzz_target.mutator : message_mutator(&messages),
                                          .seed = world_seed(world),
                                          .executions = (uint64_t)given.runs,
                                          .duration = (uint64_t)given.duration,
                                          .plateau = (uint64_t)given.plateau,
                                          .hang = (uint64_t)given.hang,
                                          .memory = given.memory,
                                          .max = given.max,
                                          .corpus = args->argc ? args->argv[0] : NULL,
                                          .import = given.import,
                                          .only_import = given.merge,
                                          .shrink = (size_t)given.shrink,
                                          .snapshots = (size_t)given.snapshots,
                                          .compares = given.compares ? &compares.twin : NULL,
                                          .checks = given.checks ? &checks.twin : NULL,
                                          .follow = given.follow ? &followed : NULL,
                                          .seeds = first,
                                          .seed_count = count,
                                          .found = on_found,
                                          .progress = print_progress,
                                          .progress_every = given.quiet ? 0 : (uint64_t)2000000000,
                                          .quiet = true};
        for (size_t i = 0; i < 3; i++)
            if (strcmp(schedules[i], given.schedule) == 0)
                config.schedule = (enum pool_schedule)i;
        if (!given.quiet)
            fprintf(stderr, "%s, seed %llu\n", fuzz_target.name, (unsigned long long)config.seed);
        rc = given.distil && config.corpus ? fuzz_loop_distil(&config, config.corpus, given.distil, &stats, &err)
                                           : fuzz_loop_run(&config, &stop, &stats, &err);
        if (given.checks) { /* it still has some cases */
            twin_wait(&checks);
            stats.checked = atomic_load(&checks.twin.shared->taken);
            stats.findings_checked = atomic_load(&checks.twin.shared->findings);
            told += (size_t)stats.findings_checked;
        }
        if (rc == 0 && !given.follow)
            print_end(&stats);
    }
    twin_stop(&compares);
    twin_stop(&checks);
    twin_close(&followed);
    if (rc) {
        struct text text = TEXT_INIT;
        error_format(&err, &text);
        fprintf(stderr, "%s: %s\n", fuzz_target.name, text.len ? text_string(&text) : error_code_name(rc));
        text_deinit(&text);
    }
    error_clear(&err);
    for (size_t i = 0; i < count; i++)
        fuzz_case_deinit(&first[i]);
    message_mutator_deinit(&messages);
    if (world)
        world_real_free(world);
    if (fuzz_target.teardown)
        fuzz_target.teardown(state);
    return rc ? EXIT_FAILED : told ? EXIT_FOUND : 0;
}

int main(int argc, char **argv)
{
    static const char *const schedules[] = {"rare", "uniform", "newest", NULL};
    static const struct option options[] = {
        {"runs", 'n', OPTION_INTEGER, &given.runs, "N", "end after so many runs", "0", NULL, NULL, 0, INT64_MAX},
        {"duration", 'd', OPTION_DURATION, &given.duration, "DURATION", "end after so long", "0s", NULL, NULL, 0, 0},
        {"plateau", 0, OPTION_DURATION, &given.plateau, "DURATION", "end after so long without anything new", "0s",
         NULL, NULL, 0, 0},
        {"seed", 's', OPTION_SEED, &given.seed, "SEED", "repeat a campaign", NULL, NULL, NULL, 0, 0},
        {"max", 'm', OPTION_SIZE, &given.max, "SIZE", "bytes of a case", "4096", NULL, NULL, 0, 0},
        {"hang", 0, OPTION_DURATION, &given.hang, "DURATION", "processor time one run may take", "1s", NULL, NULL, 0,
         0},
        {"memory", 0, OPTION_SIZE, &given.memory, "SIZE", "memory a worker may hold", "2GiB", NULL, NULL, 0, 0},
        {"findings", 'f', OPTION_TEXT, &given.findings, "FOLDER", "where findings go", NULL, NULL, NULL, 0, 0},
        {"import", 0, OPTION_TEXT, &given.import, "FOLDER", "another corpus: what is new of it is taken over", NULL,
         NULL, NULL, 0, 0},
        {"merge", 0, OPTION_FLAG, &given.merge, NULL, "only take over, do not mutate", NULL, NULL, NULL, 0, 0},
        {"distil", 0, OPTION_TEXT, &given.distil, "FOLDER", "copy as few cases as reach the same there", NULL, NULL,
         NULL, 0, 0},
        {"schedule", 0, OPTION_CHOICE, &given.schedule, "NAME", "how the next case is chosen", "rare", NULL, schedules,
         0, 0},
        {"shrink", 0, OPTION_INTEGER, &given.shrink, "N", "runs to make the case of a finding smaller", "500", NULL,
         NULL, 0, 1000000},
        {"replay", 0, OPTION_TEXT, &given.replay, "FILE", "run this case alone, in this process", NULL, NULL, NULL, 0,
         0},
        {"snapshots", 0, OPTION_INTEGER, &given.snapshots, "N",
         "mutants run from one snapshot, where targets have parts", "0", NULL, NULL, 0, 100000},
        {"compares", 0, OPTION_TEXT, &given.compares, "PROGRAM", "this target built with HARROW_COMPARES", NULL, NULL,
         NULL, 0, 0},
        {"checks", 0, OPTION_TEXT, &given.checks, "PROGRAM", "this target built with sanitizers", NULL, NULL, NULL, 0,
         0},
        {"solve", 0, OPTION_TEXT, &given.solve, "FILE", "be the program of --compares", NULL, NULL, NULL, 0, 0},
        {"follow", 0, OPTION_TEXT, &given.follow, "FILE", "be the program of --checks", NULL, NULL, NULL, 0, 0},
        {"json", 0, OPTION_FLAG, &given.json, NULL, "the result as one line of JSON", NULL, NULL, NULL, 0, 0},
        {"quiet", 'q', OPTION_FLAG, &given.quiet, NULL, "no progress", NULL, NULL, NULL, 0, 0},
        {0}};
    static const struct command root = {
        .name = "campaign",
        .summary = "fuzzes one target in process, guided by coverage",
        .positional = "[CORPUS]",
        .positional_max = 1,
        .options = options,
        .run = run,
        .exit_codes = "  0  nothing found\n  1  findings\n  2  wrong use\n  3  it could not be done\n",
    };
    given.program = argv[0];
    return command_main(&root, argc, argv, NULL);
}
