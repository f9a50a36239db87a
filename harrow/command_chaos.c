#include "base/units.h"
#include "chaos/workload/workload.h"
#include "harrow/attach.h"
#include "harrow/command_system.h"
#include "harrow/commands.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

static int64_t duration, settle, recovery_within, clients, keys, rate = -1;
static struct option_list faults, targets, workloads;
static const char *schedule;
static const char *shrink;
static const char *const shrink_names[] = {"never", "simulated", "always", NULL};
static bool list, direct;

static const struct option options[] = {
    COMMON_OPTIONS,
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
     .help = "what the clients do (may be repeated; default: store-register; `harrow chaos workloads` shows all)"},
    {.name = "fault",
     .letter = 'f',
     .kind = OPTION_LIST,
     .target = &faults,
     .argument = "NAME",
     .help = "inject only this fault (may be repeated; --list shows all)"},
    {.name = "target",
     .kind = OPTION_LIST,
     .target = &targets,
     .argument = "COMPONENT",
     .help = "only this component (may be repeated)"},
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
     .help = "make smaller what fails, by running it again and again: never, when it fails simulated, or always"},
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

static int work(struct run *r, struct system *s, const struct arguments *args)
{
    (void)args;
    const struct chaos_request request = {.plan_path = plan_path,
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
                                          .shrink = strcmp(shrink, "never") == 0    ? CHAOS_SHRINK_NEVER
                                                    : strcmp(shrink, "always") == 0 ? CHAOS_SHRINK_ALWAYS
                                                                                    : CHAOS_SHRINK_SIMULATED};
    return pillar_chaos(r, s, &request);
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

/* Reads the file when it is an experiment: *manifest is then the system it names, in the plan's arena. Anything else
 * is left to whoever reads manifests. */
static int look_for_plan(struct world *w, const char *path, const char **manifest, struct error *err)
{
    struct text content = TEXT_INIT;
    struct document *d = NULL;
    int code = 0;
    if (world_read_file(w, path, DOCUMENT_SIZE_MAX, &content, NULL) == 0 &&
        document_parse(text_bytes(&content), path, &d, NULL) == 0 && plan_is(d)) {
        code = plan_read(d, &plan, err);
        d = NULL;
        const char *slash = strrchr(path, '/');
        if (code == 0 && plan.system == NULL)
            code = error_set(err, ERROR_INVALID, "%s names no \"system\": there is nothing to run it on", path);
        if (code == 0) {
            *manifest = plan.system[0] == '/' || slash == NULL
                            ? plan.system
                            : arena_printf(&plan.arena, "%.*s/%s", (int)(slash - path), path, plan.system);
            plan_path = path;
        }
    }
    document_free(d);
    text_deinit(&content);
    return code;
}

static int check_words(void)
{
    for (size_t i = 0; i < workloads.count; i++) {
        if (workload_kind_find(workloads.items[i]) == NULL) {
            fprintf(stderr, "harrow: chaos: there is no workload \"%s\": harrow chaos workloads shows all\n",
                    workloads.items[i]);
            return HARROW_USAGE;
        }
    }
    if (schedule != NULL && (faults.count > 0 || targets.count > 0)) {
        fputs("harrow: chaos: --schedule says which faults hit whom: --fault and --target do not go with it\n", stderr);
        return HARROW_USAGE;
    }
    return 0;
}

static int run(const struct arguments *args)
{
    if (list)
        return command_faults_run(args);
    if (args->argc == 0) {
        fputs("harrow: chaos: which MANIFEST or EXPERIMENT? For example: harrow chaos systems/micro.yaml\n", stderr);
        return HARROW_USAGE;
    }
    int exit_code = check_words();
    if (exit_code != 0)
        return exit_code;
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    const char *manifest = args->argv[0];
    int code = world_real_new(1, &w, &err);
    if (code == 0)
        code = look_for_plan(w, args->argv[0], &manifest, &err);
    world_real_free(w);
    if (code != 0) {
        exit_code = say(&err, code == ERROR_MEMORY ? HARROW_ENVIRONMENT : HARROW_INPUT);
        error_clear(&err);
        return exit_code;
    }
    struct arguments replaced = *args;
    const char *argv[] = {manifest, NULL};
    replaced.argc = 1;
    replaced.argv = argv;
    common.links = !direct;
    exit_code = attach_refuses("chaos", manifest, "it is not ours to stop or kill")
                    ? HARROW_USAGE
                    : command_on_system(&replaced, work);
    plan_deinit(&plan);
    return exit_code;
}

const struct command command_chaos = {
    .name = "chaos",
    .summary = "stop and kill the system's parts under load and check the history",
    .positional = "[MANIFEST | EXPERIMENT]",
    .positional_min = 0,
    .positional_max = 1,
    .description =
        "Clients read and write unique values while faults drawn from the seed are injected and healed. After\n"
        "settling, the history is checked: no acknowledged write may be lost, every key must be linearizable,\n"
        "everything must answer again. Times to recovery are measured.",
    .examples = "  harrow chaos systems/micro.yaml --duration 1m\n"
                "  harrow chaos systems/micro.yaml --fault kill --target store --driver sim --seed 42\n"
                "  harrow chaos chaos/experiments/store-kill.yaml --driver sim\n"
                "  harrow chaos faults\n",
    .options = options,
    .run = run,
};
