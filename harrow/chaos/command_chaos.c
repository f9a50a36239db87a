#include "base/units.h"
#include "chaos/workload/workload.h"
#include "harrow/system/attach.h"
#include "harrow/chaos/plan.h"
#include "harrow/chaos/toolkit.h"
#include "harrow/system/command_system.h"
#include "harrow/commands.h"
#include "harrow/system/driver_disk.h"
#include "harrow/system/driver_network.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

static int64_t duration, settle, recovery_within, clients, keys, rate = -1;
static struct option_list faults, targets, workloads;
static const char *schedule;
static const char *shrink;
static const char *const shrink_names[] = {"never", "simulated", "always", "unconfirmed", NULL};
static bool list, direct, searching;
static struct chaos_search_request search;
static bool unguided;
static int64_t nightly;

static const char *toolkit_system_path, *toolkit_journal;

static const struct option options[] = {
    COMMON_OPTIONS,
    NETWORK_OPTION,
    DISK_OPTION,
    {.name = "duration",
     .letter = 't',
     .kind = OPTION_DURATION,
     .target = &duration,
     .argument = "DURATION",
     .help = "how long faults are injected under load (default: 20s)"},
    {.name = "settle",
     .kind = OPTION_DURATION,
     .target = &settle,
     .argument = "DURATION",
     .help = "how long after the last fault everything must answer again (default: 10s)"},
    {.name = "recovery-within",
     .kind = OPTION_DURATION,
     .target = &recovery_within,
     .argument = "DURATION",
     .help = "how long one component may take to answer again; longer is a finding"},
    {.name = "schedule",
     .kind = OPTION_TEXT,
     .target = &schedule,
     .argument = "FILE",
     .help = "inject what an earlier run kept in its folder, instead of drawing"},
    {.name = "workload",
     .letter = 'w',
     .kind = OPTION_LIST,
     .target = &workloads,
     .argument = "NAME",
     .help = "what the clients do (default: the first that fits; all: `harrow chaos workloads`)"},
    {.name = "fault",
     .letter = 'f',
     .kind = OPTION_LIST,
     .target = &faults,
     .argument = "NAME",
     .help = "inject only this fault (--list shows all)"},
    {.name = "target", .kind = OPTION_LIST, .target = &targets, .argument = "COMPONENT", .help = "only this component"},
    {.name = "clients",
     .letter = 'c',
     .kind = OPTION_INTEGER,
     .target = &clients,
     .argument = "N",
     .min = 1,
     .max = 1000,
     .help = "clients of each workload (default: 8)"},
    {.name = "keys",
     .kind = OPTION_INTEGER,
     .target = &keys,
     .argument = "N",
     .min = 1,
     .max = 100000,
     .help = "keys they read and write (default: 5)"},
    {.name = "rate",
     .kind = OPTION_INTEGER,
     .target = &rate,
     .argument = "N",
     .min = 0,
     .max = 1000000,
     .help = "operations a second over all clients (default: 2000); 0: as fast as they are answered"},
    {.name = "direct",
     .kind = OPTION_FLAG,
     .target = &direct,
     .help = "no links between the parts: none of their cost, and no faults of the network"},
    {.name = "shrink",
     .kind = OPTION_CHOICE,
     .target = &shrink,
     .argument = "WHEN",
     .fallback = "simulated",
     .choices = shrink_names,
     .help = "make smaller what fails, by running it again and again: never, when it fails simulated, or always; "
             "unconfirmed: simulated, and the small one is not run as processes"},
    {.name = "search",
     .kind = OPTION_DURATION,
     .target = &search.duration,
     .argument = "DURATION",
     .help = "for so long, in simulation, make experiments of those that showed something new"},
    {.name = "runs",
     .kind = OPTION_INTEGER,
     .target = &search.runs,
     .argument = "N",
     .min = 1,
     .max = INT64_C(1000000000000),
     .help = "search: at most so many experiments; the same seed is then the same search"},
    {.name = "corpus",
     .kind = OPTION_TEXT,
     .target = &search.corpus,
     .argument = "FOLDER",
     .help = "search, nightly: where what showed something new is kept, and lies already (default: the run's folder)"},
    {.name = "jobs",
     .letter = 'j',
     .kind = OPTION_INTEGER,
     .target = &search.jobs,
     .argument = "N",
     .min = 1,
     .max = CHAOS_SEARCH_JOBS_MAX,
     .help = "search: experiments at a time (default: 1)"},
    {.name = "unguided",
     .kind = OPTION_FLAG,
     .target = &unguided,
     .help = "search: draw each experiment and make none of what was kept, to compare with"},
    {.name = "nightly",
     .kind = OPTION_DURATION,
     .target = &nightly,
     .argument = "DURATION",
     .help = "for so long, run the experiments given (default: chaos/experiments/*.yaml) and searches by turns; one "
             "report"},
    {.name = "system",
     .kind = OPTION_TEXT,
     .target = &toolkit_system_path,
     .argument = "MANIFEST",
     .help = "an experiment of the Chaos Toolkit: the system it is done to"},
    {.name = "journal",
     .kind = OPTION_TEXT,
     .target = &toolkit_journal,
     .argument = "FILE",
     .help = "an experiment of the Chaos Toolkit: where its journal goes, beside the run's folder"},
    {.name = "list", .kind = OPTION_FLAG, .target = &list, .help = "list the faults and leave"},
    {0},
};

/* The option's items with a NULL behind them. */
static const char *const *terminated(struct run *r, const struct option_list *l)
{
    if (l->count == 0)
        return NULL;
    const char **items = ARENA_NEW_N(&r->arena, const char *, l->count + 1);
    for (size_t i = 0; items != NULL && i < l->count; i++)
        items[i] = l->items[i];
    return items;
}

/* The kinds of the names, NULL behind them; NULL with a message when one is unknown. */
static const struct workload_kind *const *kinds_of(struct run *r)
{
    const struct workload_kind **kinds = ARENA_NEW_N(&r->arena, const struct workload_kind *, workloads.count + 1);
    for (size_t i = 0; kinds != NULL && i < workloads.count; i++)
        kinds[i] = workload_kind_find(workloads.items[i]);
    return kinds;
}

static const char *plan_path; /* NULL: the argument was a manifest */
static struct chaos_plan plan;
static struct chaos_plan kept; /* what the schedule's file says beside the schedule; name NULL: nothing */

/* What the command line leaves open a corpus file says. */
static void fill_from_kept(struct chaos_request *q)
{
    const struct chaos_options *o = &kept.options;
    if (kept.name == NULL)
        return;
    q->duration = q->duration > 0 ? q->duration : (int64_t)o->duration;
    q->settle = q->settle > 0 ? q->settle : (int64_t)o->settle;
    q->recovery_within = q->recovery_within > 0 ? q->recovery_within : (int64_t)o->recovery_within;
    q->clients = q->clients > 0 ? q->clients : o->clients;
    q->keys = q->keys > 0 ? q->keys : o->keys;
    q->rate = q->rate >= 0 || o->rate == 0 ? q->rate : o->rate;
    q->workloads = q->workloads != NULL ? q->workloads : o->workloads;
}

static int work(struct run *r, struct system *s, const struct arguments *args)
{
    (void)args;
    struct chaos_request request = {.plan_path = plan_path,
                                    .plan = plan_path != NULL ? &plan : NULL,
                                    .schedule_path = schedule,
                                    .duration = duration,
                                    .settle = settle,
                                    .recovery_within = recovery_within,
                                    .clients = clients,
                                    .keys = keys,
                                    .rate = rate,
                                    .faults = terminated(r, &faults),
                                    .targets = terminated(r, &targets),
                                    .workloads = workloads.count > 0 ? kinds_of(r) : NULL,
                                    .direct = direct,
                                    .shrink = strcmp(shrink, "never") == 0         ? CHAOS_SHRINK_NEVER
                                              : strcmp(shrink, "always") == 0      ? CHAOS_SHRINK_ALWAYS
                                              : strcmp(shrink, "unconfirmed") == 0 ? CHAOS_SHRINK_UNCONFIRMED
                                                                                   : CHAOS_SHRINK_SIMULATED};
    fill_from_kept(&request);
    return searching ? chaos_search(r, s, &request, &search) : pillar_chaos(r, s, &request);
}

/* ---- a plan in the place of the manifest ---- */

static int say(const struct error *err, int exit_code)
{
    struct text message = TEXT_INIT;
    error_format(err, &message);
    fprintf(stderr, "harrow: chaos: %s\n", text_string(&message));
    text_deinit(&message);
    return exit_code;
}

/* A schedule's file that is a whole experiment says more than the schedule. */
static int look_into_schedule(struct world *w, struct error *err)
{
    struct text content = TEXT_INIT;
    struct document *d = NULL;
    int code = 0;
    if (schedule != NULL && world_read_file(w, schedule, DOCUMENT_SIZE_MAX, &content, NULL) == 0 &&
        document_parse(text_bytes(&content), schedule, &d, NULL) == 0 && plan_is(d)) {
        code = plan_read(d, &kept, err);
        d = NULL;
    }
    document_free(d);
    text_deinit(&content);
    return code;
}

static int check_words(void)
{
    for (size_t i = 0; i < workloads.count; i++) {
        if (workload_kind_find(workloads.items[i]) == NULL) {
            struct error err = ERROR_INIT;
            workload_unknown(NULL, workloads.items[i], &err);
            harrow_error(&err, "chaos");
            error_clear(&err);
            return HARROW_USAGE;
        }
    }
    if (schedule != NULL && (faults.count > 0 || targets.count > 0)) {
        fputs("harrow: chaos: --schedule says which faults hit whom: --fault and --target do not go with it\n", stderr);
        return HARROW_USAGE;
    }
    searching = search.duration > 0 || search.runs > 0;
    search.drawn_only = unguided;
    if (!searching && nightly == 0 && (search.corpus != NULL || search.jobs > 0 || unguided)) {
        fputs("harrow: chaos: --corpus, --jobs and --unguided go with --search DURATION, --runs N or --nightly "
              "DURATION\n",
              stderr);
        return HARROW_USAGE;
    }
    if (nightly > 0 &&
        (searching || schedule != NULL || workloads.count > 0 || faults.count > 0 || targets.count > 0)) {
        fputs("harrow: chaos: --nightly runs experiments as their files say: --search, --runs, --schedule, --workload, "
              "--fault and --target do not go with it\n",
              stderr);
        return HARROW_USAGE;
    }
    if (searching && schedule != NULL) {
        fputs("harrow: chaos: a search makes its schedules: --schedule does not go with it; put the file in the folder "
              "of --corpus\n",
              stderr);
        return HARROW_USAGE;
    }
    if (searching && strcmp(common.driver, "attach") == 0) {
        fputs("harrow: chaos: a search is done in simulation: --driver attach does not go with it\n", stderr);
        return HARROW_USAGE;
    }
    if (searching)
        common.driver = "sim";
    return driver_network_refuses("chaos") || driver_disk_refuses("chaos") ? HARROW_USAGE : 0;
}

/* ---- nights ---- */

static int run_nightly(const struct arguments *args)
{
    struct chaos_night_list list_of_files;
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    int exit_code = 0, code = world_real_new(1, &w, &err);
    if (code != 0) {
        exit_code = harrow_error(&err, "chaos");
        error_clear(&err);
        return exit_code;
    }
    code = chaos_night_list_read(w, args->argv, (size_t)args->argc, &list_of_files, &err);
    world_real_free(w);
    if (code == 0) {
        const struct chaos_nightly asked = {.budget = nightly,
                                            .items = list_of_files.items,
                                            .count = list_of_files.count,
                                            .corpus = search.corpus,
                                            .duration = duration,
                                            .jobs = search.jobs,
                                            .simulated = strcmp(common.driver, "sim") == 0,
                                            .direct = direct};
        exit_code = chaos_nightly(&asked);
    } else {
        exit_code = say(&err, code == ERROR_MEMORY ? HARROW_ENVIRONMENT : HARROW_INPUT);
    }
    error_clear(&err);
    chaos_night_list_deinit(&list_of_files);
    return exit_code;
}

static int run(const struct arguments *args)
{
    if (list)
        return command_faults_run(args);
    if (nightly > 0) {
        int wrong = check_words();
        return wrong != 0 ? wrong : run_nightly(args);
    }
    if (args->argc > 1) {
        fputs("harrow: chaos: one MANIFEST or EXPERIMENT at a time; several go with --nightly DURATION\n", stderr);
        return HARROW_USAGE;
    }
    if (args->argc == 0) {
        fputs("harrow: chaos: which MANIFEST or EXPERIMENT? For example: harrow chaos systems/micro.yaml\n", stderr);
        return HARROW_USAGE;
    }
    int exit_code = check_words();
    if (exit_code != 0)
        return exit_code;
    bool is_toolkit = false;
    exit_code = chaos_toolkit(args, toolkit_system_path, toolkit_journal, direct, &is_toolkit);
    if (is_toolkit)
        return exit_code;
    if (toolkit_system_path != NULL || toolkit_journal != NULL) {
        fputs("harrow: chaos: --system and --journal go with an experiment of the Chaos Toolkit\n", stderr);
        return HARROW_USAGE;
    }
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    const char *manifest = args->argv[0];
    int code = world_real_new(1, &w, &err);
    if (code == 0)
        code = chaos_plan_look(w, args->argv[0], &plan, &manifest, &err);
    if (code == 0 && plan.name != NULL)
        plan_path = args->argv[0];
    if (code == 0)
        code = look_into_schedule(w, &err);
    if (code == 0 && plan_path != NULL)
        code = chaos_plan_take_surroundings(&plan, &err);
    if (code == 0 && kept.name != NULL)
        code = chaos_plan_take_surroundings(&kept, &err);
    world_real_free(w);
    if (code != 0) {
        exit_code = say(&err, code == ERROR_MEMORY || code == ERROR_DENIED ? HARROW_ENVIRONMENT : HARROW_INPUT);
        error_clear(&err);
        return exit_code;
    }
    struct arguments replaced = *args;
    const char *argv[] = {manifest, NULL};
    replaced.argc = 1;
    replaced.argv = argv;
    /* With networks of their own, parts reach each other as they would without links: faults are those of packets. */
    common.links = !direct && !driver_network_asked();
    exit_code = attach_refuses("chaos", manifest, "it is not ours to stop or kill")
                    ? HARROW_USAGE
                    : command_on_system(&replaced, work);
    plan_deinit(&plan);
    plan_deinit(&kept);
    return exit_code;
}

const struct command command_chaos = {
    .name = "chaos",
    .summary = "stop and kill the system's parts under load and check the history",
    .positional = "[MANIFEST | EXPERIMENT]...",
    .positional_min = 0,
    .positional_max = CHAOS_NIGHT_ITEMS_MAX,
    .description =
        "Clients read and write unique values while faults drawn from the seed are injected and healed. After\n"
        "settling, the history is checked: no acknowledged write may be lost, every key must be linearizable,\n"
        "everything must answer again. Times to recovery are measured.",
    .examples = "  harrow chaos systems/micro.yaml --duration 1m\n"
                "  harrow chaos systems/micro.yaml --fault kill --target store --driver sim --seed 42\n"
                "  harrow chaos chaos/experiments/store-kill.yaml --driver sim\n"
                "  harrow chaos chaos/experiments/gateway-without-store.json --journal journal.json\n"
                "  harrow chaos systems/micro.yaml --search 10m --corpus harrow-corpus/chaos\n"
                "  harrow chaos --nightly 8h --corpus harrow-corpus/chaos\n"
                "  harrow chaos faults\n",
    .options = options,
    .run = run,
};
