#include "harrow/attach.h"
#include "harrow/command_system.h"
#include "harrow/commands.h"

static const char *only;

static const struct option options[] = {
    COMMON_OPTIONS,
    ATTACH_OPTIONS,
    {.name = "only",
     .kind = OPTION_TEXT,
     .target = &only,
     .argument = "TEXT",
     .help = "run flows whose name contains TEXT"},
    {0},
};

static int work(struct run *r, struct system *s, const struct arguments *args)
{
    return pillar_e2e(r, s, args->argc > 1 ? args->argv[1] : NULL, only);
}

static int run(const struct arguments *args)
{
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
                "  harrow e2e systems/micro.yaml --driver sim\n"
                "  harrow e2e localhost:50051 flows/\n",
    .options = options,
    .run = run,
};
