#include "e2e/import/import.h"
#include "harrow/system/attach.h"
#include "harrow/commands.h"
#include "harrow/flows/given.h"
#include "harrow/run/past.h"
#include "harrow/run/pillars.h"
#include "harrow/flows/watched.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the place of a system, for flows and test files of other tools that name their servers themselves. It is what
 * reports call it, and is never asked. */
#define NO_SYSTEM "http://no-system"

static struct e2e_request asked;
static int64_t jobs, repeat, retries, step_timeout, flow_timeout;
static bool list, dry_run, watch, even_on_ci;
static const char *shard, *resume;
static struct option_list variables, variable_files, hurl_options;
#define SHARDS_MAX 10000
static const char *const isolations[] = {"system", "namespace", "none", NULL};

static const struct option options[] = {
    COMMON_OPTIONS,
    ATTACH_OPTIONS,
    {.name = "only",
     .kind = OPTION_TEXT,
     .target = &asked.options.filter,
     .argument = "TEXT",
     .help = "run flows whose name contains TEXT"},
    {.name = "variable",
     .kind = OPTION_LIST,
     .target = &variables,
     .argument = "NAME=VALUE",
     .help = "a variable that every flow begins with: ${NAME}, or {{NAME}} in Hurl files"},
    {.name = "variables-file",
     .kind = OPTION_LIST,
     .target = &variable_files,
     .argument = "FILE",
     .help = "variables, a line NAME=VALUE each, or a JSON file: a map, or an environment of Postman"},
    {.name = "hurl",
     .kind = OPTION_LIST,
     .target = &hurl_options,
     .argument = "NAME[=VALUE]",
     .help = "an option of hurl's own command line, for .hurl files: location, insecure, header=a:b, to-entry=3"},
    {.name = "tags",
     .kind = OPTION_TEXT,
     .target = &asked.options.tags,
     .argument = "TAGS",
     .help = "run flows with one of these tags, and none behind a \"!\": smoke,!slow"},
    {.name = "jobs",
     .letter = 'j',
     .kind = OPTION_INTEGER,
     .target = &jobs,
     .argument = "N",
     .fallback = "1",
     .min = 1,
     .max = 256,
     .help = "flows that run beside each other; the results are those of one after the other"},
    {.name = "isolate",
     .kind = OPTION_CHOICE,
     .target = &asked.isolate,
     .argument = "HOW",
     .choices = isolations,
     .help = "what keeps flows apart: a system for each job (where harrow starts it), a namespace for each flow (where "
             "the manifest says how: \"isolation\"), or nothing"},
    {.name = "shuffle",
     .kind = OPTION_FLAG,
     .target = &asked.options.shuffle,
     .help = "run files, and the flows in each, in an order drawn from the seed"},
    {.name = "repeat",
     .kind = OPTION_INTEGER,
     .target = &repeat,
     .argument = "N",
     .min = 1,
     .max = 1000000,
     .help = "run everything N times"},
    {.name = "until-fail",
     .kind = OPTION_FLAG,
     .target = &asked.options.until_fail,
     .help = "run again and again until a flow fails (or is flaky); --repeat bounds it, Ctrl-C ends it"},
    {.name = "retries",
     .kind = OPTION_INTEGER,
     .target = &retries,
     .argument = "N",
     .max = 100,
     .help = "try a flow that failed again, up to N times; one that then passes is flaky, and its failure is told"},
    {.name = "step-timeout",
     .kind = OPTION_DURATION,
     .target = &step_timeout,
     .argument = "DURATION",
     .help = "how long a step waits for its answer, where it does not say (default: 10s)"},
    {.name = "flow-timeout",
     .kind = OPTION_DURATION,
     .target = &flow_timeout,
     .argument = "DURATION",
     .help = "how long the steps of a flow may take together, where the flow does not say (default: no end)"},
    {.name = "shard",
     .kind = OPTION_TEXT,
     .target = &shard,
     .argument = "K/N",
     .help = "run part K of N; all N together run every flow once. Give all of them the same --seed or --id"},
    {.name = "history",
     .kind = OPTION_TEXT,
     .target = &asked.history,
     .argument = "FILE",
     .help = "divide shards by how long flows took (harrow report RUN --history FILE keeps it)"},
    {.name = "id",
     .kind = OPTION_TEXT,
     .target = &common.id,
     .argument = "NAME",
     .env = "HARROW_ID",
     .help = "what the run is called in reports; shards of one run have the same"},
    {.name = "resume",
     .kind = OPTION_TEXT,
     .target = &resume,
     .argument = "RUN",
     .help = "run what has no verdict in the folder RUN, of a run that was cut short; the others' verdicts are kept"},
    {.name = "watch",
     .kind = OPTION_FLAG,
     .target = &watch,
     .help = "stay, and run again what changed: flows, what they name, the manifest, the contracts. Ctrl-C ends"},
    {.name = "update-snapshots",
     .kind = OPTION_FLAG,
     .target = &asked.options.update_snapshots,
     .help = "write snapshots as the answers are, instead of comparing them; not on CI (see --even-on-ci)"},
    {.name = "even-on-ci",
     .kind = OPTION_FLAG,
     .target = &even_on_ci,
     .help = "with --update-snapshots: also where the variable CI is set"},
    {.name = "trace",
     .kind = OPTION_FLAG,
     .target = &asked.options.trace_all,
     .help = "tell of every flow which components its calls went through (of flows that fail it is told anyway)"},
    {.name = "list", .kind = OPTION_FLAG, .target = &list, .help = "print what would run, and run nothing"},
    {.name = "dry-run",
     .kind = OPTION_FLAG,
     .target = &dry_run,
     .help = "the same with the steps of each flow, all of it checked against the contracts; --json for programs"},
    {0},
};

static int usage(const char *what, const char *value, const char *why)
{
    fprintf(stderr, "harrow: %s %s: %s\n", what, value, why);
    return HARROW_USAGE;
}

/* "2/5" */
static int read_shard(void)
{
    char *end = NULL;
    static char name[40];
    if (shard == NULL)
        return 0;
    common.shard = strtoll(shard, &end, 10);
    common.shards = *end == '/' ? strtoll(end + 1, &end, 10) : 0;
    if (*end != '\0' || common.shard < 1 || common.shards < common.shard || common.shards > SHARDS_MAX)
        return usage("--shard", shard, "expected K/N with K from 1 to N, as in 2/5");
    if (common.id == NULL && common.seed == 0)
        return usage("--shard", shard, "give all shards of a run the same --id, or the same --seed");
    if (common.id == NULL) {
        snprintf(name, sizeof name, "seed-%llu", (unsigned long long)common.seed);
        common.id = name;
    }
    asked.options.shard = (size_t)common.shard;
    asked.options.shards = (size_t)common.shards;
    return 0;
}

/* Numbers, true, false and null are what they look like. */
static int read_given(struct given *given)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL; /* needed for files only, and not free */
    int code = variable_files.count > 0 ? world_real_new(1, &w, &err) : 0;
    if (code == 0)
        code = given_read(given, w, &variable_files, &variables, &hurl_options, environ, &err);
    asked.options.asked = given->pairs.items;
    asked.settings = &given->settings;
    if (w != NULL)
        world_real_free(w);
    int exit_code = code != 0 ? harrow_error(&err, "e2e") : 0;
    error_clear(&err);
    return exit_code;
}

/* What is drawn is drawn as it was in the run that is resumed. */
static int read_resumed(void)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    int code = world_real_new(1, &w, &err);
    if (code == 0 && (asked.resume = past_new()) == NULL)
        code = error_set(&err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = past_resume(asked.resume, w, resume, &err);
    if (code == 0 && common.seed == 0)
        common.seed = past_seed(asked.resume);
    if (w != NULL)
        world_real_free(w);
    int exit_code = code != 0 ? harrow_error(&err, "--resume") : 0;
    error_clear(&err);
    return exit_code;
}

static const char *system_named;
static bool alone; /* no system was named */

static int run_once(void)
{
    int exit_code = 0;
    struct run *r = run_begin(system_named, harrow_command_line, &exit_code);
    if (r == NULL)
        return exit_code;
    if (alone) /* in replay commands, too */
        r->manifest->path = asked.path;
    struct error err = ERROR_INIT;
    struct system *s = NULL;
    struct e2e_job *job = NULL;
    int code = e2e_job_new(r, &asked, &job, &err);
    r->calls = code == 0 ? e2e_job_calls(job) : NULL;
    if (code == 0 && alone && (r->calls == NULL || map_count(r->calls) > 0))
        code = error_set(&err, ERROR_INVALID,
                         "%s calls gRPC methods, or needs more of a system: name it in front, as in\n"
                         "  harrow e2e localhost:50051 %s",
                         asked.path, asked.path);
    if (code != 0) {
        exit_code = run_failed(r, &err, "e2e");
        if (code == ERROR_UNSUPPORTED) /* a file says what a flow cannot */
            exit_code = HARROW_INPUT;
    } else if (asked.watched != NULL && e2e_job_empty(job))
        run_say(r, "no flow depends on what changed");
    else if (system_start(r, &s, &err) != 0)
        exit_code = run_failed(r, &err, "start of the system");
    else {
        if (alone)
            system_target(s)->gateway = NULL; /* there is none below which paths are URLs */
        exit_code = e2e_job_run(job, s);
    }
    system_stop(s);
    e2e_job_free(job);
    error_clear(&err);
    return run_finish(r, exit_code);
}

/* Again and again, each time a run of its own with a system of its own. */
static int run_watching(void)
{
    struct watched *w = NULL;
    struct error err = ERROR_INIT;
    const char *manifest = attach_is_address(system_named) ? NULL : system_named;
    int code = watched_new(manifest, asked.path, &w, &err), exit_code = 0;
    while (code == 0) {
        exit_code = run_once();
        if (exit_code == HARROW_INTERRUPTED || exit_code == HARROW_USAGE)
            break;
        if ((code = watched_wait(w, &err)) == ERROR_CANCELLED)
            break;
        asked.watched = w;
    }
    if (code != 0 && code != ERROR_CANCELLED)
        exit_code = harrow_error(&err, "--watch");
    watched_free(w);
    error_clear(&err);
    return exit_code;
}

static int run_flows(void)
{
    return watch ? run_watching() : run_once();
}

/* Are these flows, or a test file of another tool, where a system should stand? */
static bool is_of_flows(const char *path)
{
    struct world *w = NULL;
    struct world_stat stat = {0};
    if (attach_is_address(path) || world_real_new(1, &w, NULL) != 0)
        return false;
    bool folder = world_stat(w, path, &stat) == 0 && stat.exists && stat.directory;
    bool found = folder || import_format_of_file(w, path) != NULL || flow_is_file(w, path);
    world_real_free(w);
    return found;
}

static int run(const struct arguments *args)
{
    alone = args->argc == 1 && is_of_flows(args->argv[0]);
    asked.path = alone ? args->argv[0] : args->argc > 1 ? args->argv[1] : NULL;
    system_named = alone ? NO_SYSTEM : args->argv[0];
    asked.options.jobs = (int)jobs;
    asked.options.repeat = (int)repeat;
    asked.options.retries = (int)retries;
    asked.options.step_timeout = (uint64_t)step_timeout;
    asked.options.flow_timeout = (uint64_t)flow_timeout;
    if (watch && (list || dry_run || resume != NULL || shard != NULL || asked.options.until_fail))
        return usage("--watch", "runs flows again and again",
                     "it does not go with --list, --dry-run, --resume, --shard and --until-fail");
    if (asked.isolate != NULL && strcmp(asked.isolate, "system") == 0 &&
        (strcmp(common.driver, "attach") == 0 || attach_is_address(system_named)))
        return usage("--isolate", asked.isolate, "a system that runs already is not ours to start again");
    const char *ci = getenv("CI");
    bool on_ci = ci != NULL && ci[0] != '\0' && strcmp(ci, "false") != 0;
    if (asked.options.update_snapshots && on_ci && !even_on_ci)
        return usage("--update-snapshots", "is not done on CI (the variable CI is set)",
                     "nobody would look at what changed; --even-on-ci does it all the same");
    struct given given = {0};
    int exit_code = read_given(&given);
    exit_code = exit_code != 0 ? exit_code : read_shard();
    if (exit_code == 0 && resume != NULL)
        exit_code = read_resumed();
    if (exit_code == 0)
        exit_code = list || dry_run ? pillar_e2e_list(system_named, &asked, dry_run) : run_flows();
    past_free(asked.resume);
    given_deinit(&given);
    return exit_code;
}

const struct command command_e2e = {
    .name = "e2e",
    .summary = "run product flows",
    .positional = "MANIFEST|ADDRESS|FILE [FLOWS]",
    .positional_min = 1,
    .positional_max = 2,
    .description =
        "Runs the manifest's flows, or those of the file or folder FLOWS. A failing step shows where it stands\n"
        "in the file, what was sent, what came back, and the difference. Test files of other tools (Hurl's, runn's\n"
        "books, Postman's collections) run as they are (docs/flows-import.md). Flows and files that call nothing but\n"
        "the URLs in them, and run commands, need no system in front.",
    .examples = "  harrow e2e systems/micro.yaml\n"
                "  harrow e2e systems/micro.yaml e2e/flows/micro/notes.yaml --only lifecycle\n"
                "  harrow e2e systems/micro.yaml --driver sim --jobs 8 --shuffle\n"
                "  harrow e2e systems/micro.yaml --tags smoke --list\n"
                "  harrow e2e systems/micro.yaml --shard 2/5 --id $BUILD --history runs.db\n"
                "  harrow e2e systems/micro.yaml --resume harrow-out/RUN\n"
                "  harrow e2e localhost:50051 flows/\n"
                "  harrow e2e smoke.yaml\n"
                "  harrow e2e book.yml\n"
                "  harrow e2e http://localhost:8000 login.hurl --variable user=ann\n"
                "  harrow e2e http://localhost:8000 login.hurl --hurl location --hurl max-time=5\n",
    .options = options,
    .run = run,
};
