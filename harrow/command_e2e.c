#include "harrow/attach.h"
#include "harrow/command_system.h"
#include "harrow/commands.h"

static struct e2e_options asked;
static int64_t jobs, repeat, retries;
static bool list;

static const struct option options[] = {
    COMMON_OPTIONS,
    ATTACH_OPTIONS,
    {.name = "only",
     .kind = OPTION_TEXT,
     .target = &asked.filter,
     .argument = "TEXT",
     .help = "run flows whose name contains TEXT"},
    {.name = "tags",
     .kind = OPTION_TEXT,
     .target = &asked.tags,
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
    {.name = "shuffle",
     .kind = OPTION_FLAG,
     .target = &asked.shuffle,
     .help = "run files, and the flows in each, in an order drawn from the seed"},
    {.name = "repeat",
     .kind = OPTION_INTEGER,
     .target = &repeat,
     .argument = "N",
     .max = 1000000,
     .help = "run everything N times"},
    {.name = "until-fail",
     .kind = OPTION_FLAG,
     .target = &asked.until_fail,
     .help = "run again and again until a flow fails; --repeat bounds it"},
    {.name = "retries",
     .kind = OPTION_INTEGER,
     .target = &retries,
     .argument = "N",
     .max = 100,
     .help = "try a flow that failed again, up to N times; one that then passes is flaky, and its failure is told"},
    {.name = "list", .kind = OPTION_FLAG, .target = &list, .help = "print what would run, and run nothing"},
    {0},
};

static int work(struct run *r, struct system *s, const struct arguments *args)
{
    return pillar_e2e(r, s, args->argc > 1 ? args->argv[1] : NULL, &asked);
}

static int run(const struct arguments *args)
{
    asked.jobs = (int)jobs;
    asked.repeat = (int)repeat;
    asked.retries = (int)retries;
    if (list)
        return pillar_e2e_list(args->argv[0], args->argc > 1 ? args->argv[1] : NULL, &asked);
    return command_on_system(args, work);
}

const struct command command_e2e = {
    .name = "e2e",
    .summary = "run product flows",
    .positional = "MANIFEST|ADDRESS [FLOWS]",
    .positional_min = 1,
    .positional_max = 2,
    .description =
        "Runs the manifest's flows, or those of the file or folder FLOWS. A failing step shows where it stands\n"
        "in the file, what was sent, what came back, and the difference.",
    .examples = "  harrow e2e systems/micro.yaml\n"
                "  harrow e2e systems/micro.yaml e2e/flows/notes.yaml --only lifecycle\n"
                "  harrow e2e systems/micro.yaml --driver sim --jobs 8 --shuffle\n"
                "  harrow e2e systems/micro.yaml --tags smoke --list\n"
                "  harrow e2e localhost:50051 flows/\n",
    .options = options,
    .run = run,
};
