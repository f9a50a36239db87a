#include "base/units.h"
#include "harrow/command_system.h"
#include "harrow/commands.h"

static int64_t budget, inputs, in_flight;
static bool access_checked, stock;
static const char *only, *input;

static const struct option options[] = {
    COMMON_OPTIONS,
    {.name = "budget",
     .letter = 'b',
     .kind = OPTION_DURATION,
     .target = &budget,
     .argument = "DURATION",
     .fallback = "30s",
     .help = "how long to go on; 0: until --inputs"},
    {.name = "inputs",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .target = &inputs,
     .argument = "N",
     .fallback = "0",
     .min = 0,
     .max = INT64_MAX,
     .help = "stop after N calls; 0: no limit"},
    {.name = "only",
     .kind = OPTION_TEXT,
     .target = &only,
     .argument = "TEXT",
     .help = "methods whose path contains TEXT"},
    {.name = "in-flight",
     .kind = OPTION_INTEGER,
     .target = &in_flight,
     .argument = "N",
     .fallback = "16",
     .min = 1,
     .max = 1000,
     .help = "cases at once, per component"},
    {.name = "input",
     .letter = 'i',
     .kind = OPTION_TEXT,
     .target = &input,
     .argument = "FILE",
     .help = "run this one case (a script of a run's findings folder, or a corpus file)"},
    {.name = "access",
     .kind = OPTION_FLAG,
     .target = &access_checked,
     .help = "every method is meant to need a token: one that works without is a finding"},
    {.name = "stock",
     .kind = OPTION_FLAG,
     .target = &stock,
     .help = "the system uses gRPC's own libraries, which answer INTERNAL to what does not decode"},
    {0},
};

static int work(struct run *r, struct system *s, const struct arguments *args)
{
    (void)args;
    struct fuzz_options fuzz = {.budget = (uint64_t)budget,
                                .inputs_max = inputs,
                                .filter = only,
                                .in_flight = (int)in_flight,
                                .access = access_checked,
                                .stock = stock,
                                .input = input};
    return pillar_fuzz(r, s, &fuzz);
}

static int run(const struct arguments *args)
{
    return command_on_system(args, work);
}

const struct command command_fuzz = {
    .name = "fuzz",
    .summary = "send valid, nearly valid and broken calls, alone and in sequences, to every method",
    .positional = "MANIFEST",
    .positional_min = 1,
    .positional_max = 1,
    .description =
        "Makes calls from the descriptors: valid messages, messages with exactly one named defect, and garbage;\n"
        "alone, side by side, and in sequences that feed what replies held into later requests. A crash, a hang,\n"
        "an internal error, an answer that breaks its own schema or is wrong for the defect, a deleted thing that\n"
        "can be read, or a call that needs no token is a finding; it is run again alone, reduced, kept as a\n"
        "script, and replayed by one command.",
    .examples = "  harrow fuzz systems/micro.yaml --budget 10m\n"
                "  harrow fuzz systems/micro.yaml --only store.Store/Write --driver sim\n"
                "  harrow fuzz systems/micro.yaml --input harrow-out/RUN/findings/1.case\n",
    .options = options,
    .run = run,
};
