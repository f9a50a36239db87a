#include "harrow/system/attach.h"
#include "harrow/commands.h"
#include "harrow/run/pillars.h"

static const char *only;

static const struct option options[] = {
    COMMON_OPTIONS,
    {.name = "only",
     .kind = OPTION_TEXT,
     .target = &only,
     .argument = "TEXT",
     .help = "run contracts whose name contains TEXT"},
    {.name = "pact",
     .kind = OPTION_TEXT,
     .target = &contract_pact_folder,
     .argument = "FOLDER",
     .help = "write what components asked of their doubles as pacts (docs/contracts.md)"},
    {0},
};

static int run(const struct arguments *args)
{
    int exit_code = 0;
    if (attach_refuses("contract", args->argv[0], "its parts cannot be run alone"))
        return HARROW_USAGE;
    struct run *r = run_begin(args->argv[0], harrow_command_line, &exit_code);
    if (r == NULL)
        return exit_code;
    return run_finish(r, pillar_contract(r, args->argc > 1 ? args->argv[1] : NULL, only));
}

const struct command command_contract = {
    .name = "contract",
    .summary = "check contracts: one component alone, standing on test doubles, calls counted",
    .positional = "MANIFEST [CONTRACTS]",
    .positional_min = 1,
    .positional_max = 2,
    .description =
        "Each contract starts its provider alone, with test doubles in the place of what it calls, then calls\n"
        "the provider and verifies how often, and with what, it called its doubles.",
    .examples = "  harrow contract systems/micro.yaml\n"
                "  harrow contract systems/micro.yaml fakes/contracts/notes.yaml --driver sim\n",
    .options = options,
    .run = run,
};
