/* harrow fuzz museum: what the fuzzer finds of the bugs planted in a build with HARROW_MUSEUM, and how soon. */
#include "base/array.h"
#include "harrow/commands.h"
#include "harrow/fuzz_options.h"
#include "harrow/museum.h"
#include "harrow/run.h"
#include "world/foreign.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

#ifdef HARROW_MUSEUM
#include "fuzz/museum/names.h"
#endif

static const char *only, *kind, *out;
static int64_t minutes, seconds, jobs;
static uint64_t seed;
static bool json, interrupted;

static const char *const kinds[] = {"decode", "framing", "logic", "state", "resource", NULL};

static const struct option options[] = {
    FUZZ_OPTION_ONLY(&only, "bugs whose name contains TEXT"),
    {.name = "class",
     .letter = 'c',
     .kind = OPTION_CHOICE,
     .target = &kind,
     .argument = "CLASS",
     .choices = kinds,
     .help = "bugs of one class"},
    FUZZ_OPTION_MINUTES(&minutes, "10", "minutes of processor time for each bug"),
    {.name = "seconds",
     .kind = OPTION_INTEGER,
     .target = &seconds,
     .argument = "N",
     .fallback = "0",
     .min = 0,
     .max = 100000,
     .help = "seconds more, or alone with --minutes 0"},
    FUZZ_OPTION_JOBS(&jobs, "bugs at a time"),
    {.name = "seed",
     .letter = 's',
     .kind = OPTION_SEED,
     .target = &seed,
     .argument = "N",
     .fallback = "1",
     .help = "the first campaign's seed; the next ones count up"},
    {.name = "out",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .target = &out,
     .argument = "FOLDER",
     .fallback = "harrow-out/museum",
     .help = "where each bug's campaigns leave what they found"},
    {.name = "json",
     .kind = OPTION_FLAG,
     .target = &json,
     .help = "print a JSON object for each bug instead of a table"},
    {0},
};

struct tally {
    const char *kind;
    int bugs, reached, triggered, found, false_reports;
};

static struct tally tallies[sizeof kinds / sizeof kinds[0]];

static void put_time(uint64_t ns, char text[16])
{
    if (ns == MUSEUM_NEVER)
        snprintf(text, 16, "-");
    else
        snprintf(text, 16, "%.1f", (double)ns / (double)SECOND);
}

static json_t *seconds_of(uint64_t ns)
{
    return ns == MUSEUM_NEVER ? json_null() : json_real((double)ns / (double)SECOND);
}

static void print_json(const struct museum_result *r)
{
    json_t *o = json_pack("{ss ss so so so so ss sI si si sb}", "bug", r->name, "class", r->kind, "reached",
                          seconds_of(r->reached), "triggered", seconds_of(r->triggered), "found", seconds_of(r->found),
                          "used", seconds_of(r->used), "oracle", r->oracle, "bytes", (json_int_t)r->size,
                          "false_reports", r->false_reports, "slices", r->slices, "failed", r->failed);
    char *line = json_dumps(o, JSON_COMPACT);
    puts(line ? line : "{}");
    free(line);
    json_decref(o);
}

static void on_done(void *arg, const struct museum_result *r)
{
    (void)arg;
    char reached[16], hit[16], found[16], size[16] = "-";
    struct tally *t = tallies;
    while (t->kind && strcmp(t->kind, r->kind) != 0)
        t++;
    t->kind = r->kind;
    t->bugs++;
    t->reached += r->reached != MUSEUM_NEVER;
    t->triggered += r->triggered != MUSEUM_NEVER;
    t->found += r->found != MUSEUM_NEVER;
    t->false_reports += r->false_reports;
    put_time(r->reached, reached);
    put_time(r->triggered, hit);
    put_time(r->found, found);
    if (r->size > 0)
        snprintf(size, sizeof size, "%zu", r->size);
    if (json)
        print_json(r);
    else
        printf("%-26s %9s %9s %9s %7s  %s%s\n", r->name, reached, hit, found, size,
               r->failed ? "could not be run, see its folder" : r->oracle, r->false_reports ? " (and false)" : "");
    fflush(stdout);
}

static void print_summary(void)
{
    struct tally all = {.kind = "all"};
    printf("\n%-26s %9s %9s %9s %9s %9s\n", "class", "bugs", "reached", "triggered", "found", "false");
    for (const struct tally *t = tallies; t->kind; t++) {
        printf("%-26s %9d %9d %9d %9d %9d\n", t->kind, t->bugs, t->reached, t->triggered, t->found, t->false_reports);
        all.bugs += t->bugs;
        all.reached += t->reached;
        all.triggered += t->triggered;
        all.found += t->found;
        all.false_reports += t->false_reports;
    }
    printf("%-26s %9d %9d %9d %9d %9d\n", all.kind, all.bugs, all.reached, all.triggered, all.found, all.false_reports);
}

static void on_signal(void *arg, int signal)
{
    (void)arg;
    (void)signal;
    interrupted = true;
}

/* The bugs asked for; 0, or ERROR_UNSUPPORTED or ERROR_NOT_FOUND. */
static size_t choose(struct museum_bug *list, size_t max)
{
    size_t count = 0;
#ifdef HARROW_MUSEUM
    for (int i = 0; i < MUSEUM_BUGS && count < max; i++)
        if ((!only || strstr(museum_bugs[i].name, only)) && (!kind || strcmp(museum_bugs[i].kind, kind) == 0))
            list[count++] = (struct museum_bug){museum_bugs[i].name, museum_bugs[i].kind, i + 1};
#else
    (void)list;
    (void)max;
#endif
    return count;
}

static int run_all(struct world *w, const char *manifest, struct error *err)
{
    static struct museum_bug list[1000];
    const char *folder = world_program_folder(w);
    char program[4096];
    size_t count = choose(list, sizeof list / sizeof list[0]);
#ifndef HARROW_MUSEUM
    return error_set(err, ERROR_UNSUPPORTED,
                     "this harrow and its system have no museum: build them with cmake -DHARROW_MUSEUM=ON "
                     "-DHARROW_SANITIZE=address, in a folder of their own");
#endif
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND, "no bug is called so: --only takes a part of a name");
    if (!folder || (size_t)snprintf(program, sizeof program, "%s/harrow", folder) >= sizeof program)
        return error_set(err, ERROR_NOT_FOUND, "the folder this program stands in is not known");
    const char *const prefix[] = {program, NULL};
    const struct museum_options museum = {.program = prefix,
                                          .manifest = manifest,
                                          .out = out,
                                          .seed = seed,
                                          .limit = (uint64_t)(minutes * MINUTE + seconds * SECOND),
                                          .jobs = (int)jobs};
    if (!json)
        printf("%-26s %9s %9s %9s %7s  %s   (seconds of processor time; seed %llu)\n", "bug", "reached", "triggered",
               "found", "bytes", "told by", (unsigned long long)seed);
    return museum_run(w, &museum, list, count, &interrupted, on_done, NULL, err);
}

static int run(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    int code = world_real_new(seed, &w, &err), exit_code = HARROW_PASSED;
    if (code == 0) {
        world_on_signal(w, on_signal, NULL);
        code = run_all(w, args->argc > 0 ? args->argv[0] : "systems/micro.yaml", &err);
    }
    if (code != 0)
        exit_code = harrow_error(&err, "museum");
    if (!json && tallies[0].kind)
        print_summary();
    error_clear(&err);
    world_real_free(w);
    return exit_code;
}

static const struct command children[] = {
    {.name = "museum",
     .summary = "what the fuzzer finds of bugs planted in the system, and how soon",
     .positional = "[MANIFEST]",
     .positional_max = 1,
     .description =
         "Switches on one planted bug at a time, runs the ordinary campaign against the simulated system until\n"
         "something is told or the time is up, and prints when the bug's place was reached, when it was\n"
         "triggered, when it was told, by which oracle, and the size of the minimised case.",
     .examples = "  harrow fuzz museum --minutes 1 --jobs 2\n"
                 "  harrow fuzz museum --class decode --only utf8 --json\n",
     .options = options,
     .run = run},
    {0},
};

const struct command command_fuzz_museum = {
    .name = "fuzz", .summary = "send calls to every method; `harrow fuzz --help`", .children = children};
