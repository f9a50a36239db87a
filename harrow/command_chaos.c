#include "base/units.h"
#include "chaos/fault/fault.h"
#include "harrow/attach.h"
#include "harrow/command_system.h"
#include "harrow/commands.h"

#include <stdio.h>

static int64_t duration, settle, clients, keys, rate;
static struct option_list faults, targets;
static bool list;

static const struct option options[] = {
    COMMON_OPTIONS,
    {.name = "duration",
     .letter = 't',
     .kind = OPTION_DURATION,
     .target = &duration,
     .argument = "DURATION",
     .fallback = "20s",
     .help = "how long faults are injected under load"},
    {.name = "settle",
     .kind = OPTION_DURATION,
     .target = &settle,
     .argument = "DURATION",
     .fallback = "10s",
     .help = "how long after the last fault everything must answer again"},
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
     .fallback = "8",
     .min = 1,
     .max = 1000,
     .help = "clients of the workload"},
    {.name = "keys",
     .kind = OPTION_INTEGER,
     .target = &keys,
     .argument = "N",
     .fallback = "5",
     .min = 1,
     .max = 100000,
     .help = "keys they read and write"},
    {.name = "rate",
     .kind = OPTION_INTEGER,
     .target = &rate,
     .argument = "N",
     .fallback = "2000",
     .min = 0,
     .max = 1000000,
     .help = "operations a second over all clients; 0: as fast as they are answered"},
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

/* The options as they were given, for replays. */
static const char *replay(struct run *r)
{
    size_t n = 0, max = 5 + faults.count + targets.count + 1;
    const char **words = ARENA_NEW_N(&r->arena, const char *, max);
    if (words == NULL)
        return NULL;
    words[n++] = arena_printf(&r->arena, "--duration=%lldms", (long long)(duration / MILLISECOND));
    words[n++] = arena_printf(&r->arena, "--settle=%lldms", (long long)(settle / MILLISECOND));
    words[n++] = arena_printf(&r->arena, "--clients=%lld", (long long)clients);
    words[n++] = arena_printf(&r->arena, "--keys=%lld", (long long)keys);
    words[n++] = arena_printf(&r->arena, "--rate=%lld", (long long)rate);
    for (size_t i = 0; i < faults.count; i++)
        words[n++] = arena_printf(&r->arena, "--fault=%s", faults.items[i]);
    for (size_t i = 0; i < targets.count; i++)
        words[n++] = arena_printf(&r->arena, "--target=%s", targets.items[i]);
    return run_replay(r, "chaos", words);
}

static int work(struct run *r, struct system *s, const struct arguments *args)
{
    (void)args;
    struct chaos_options chaos = {.duration = (uint64_t)duration,
                                  .settle = (uint64_t)settle,
                                  .clients = (int)clients,
                                  .keys = (int)keys,
                                  .rate = (int)rate,
                                  .faults = terminated(r, &faults),
                                  .targets = terminated(r, &targets),
                                  .replay = replay(r)};
    return pillar_chaos(r, s, &chaos);
}

static int run(const struct arguments *args)
{
    if (list) {
        for (const struct chaos_fault *const *f = chaos_faults; *f != NULL; f++)
            printf("  %-12s %s\n", (*f)->name, (*f)->summary);
        return HARROW_PASSED;
    }
    if (args->argc == 0) {
        fputs("harrow: chaos: which MANIFEST? For example: harrow chaos systems/micro.yaml\n", stderr);
        return HARROW_USAGE;
    }
    return attach_refuses("chaos", args->argv[0], "it is not ours to stop or kill") ? HARROW_USAGE
                                                                                    : command_on_system(args, work);
}

const struct command command_chaos = {
    .name = "chaos",
    .summary = "stop and kill the system's parts under load and check the history",
    .positional = "[MANIFEST]",
    .positional_min = 0,
    .positional_max = 1,
    .description =
        "Clients read and write unique values while faults drawn from the seed are injected and healed. After\n"
        "settling, the history is checked: no acknowledged write may be lost, every key must be linearizable,\n"
        "everything must answer again. Times to recovery are measured.",
    .examples = "  harrow chaos systems/micro.yaml --duration 1m\n"
                "  harrow chaos systems/micro.yaml --fault kill --target store --driver sim --seed 42\n"
                "  harrow chaos --list\n",
    .options = options,
    .run = run,
};
