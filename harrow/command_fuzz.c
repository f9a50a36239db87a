#include "base/units.h"
#include "harrow/command_system.h"
#include "harrow/commands.h"

static int64_t budget, inputs, in_flight, number;
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
     .help = "stop after N inputs; 0: no limit"},
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
     .help = "calls at once, per component"},
    {.name = "input",
     .letter = 'i',
     .kind = OPTION_TEXT,
     .target = &input,
     .argument = "FILE",
     .help = "send this one input (a file of a run's findings folder)"},
    {.name = "number",
     .kind = OPTION_INTEGER,
     .target = &number,
     .argument = "N",
     .fallback = "-1",
     .min = -1,
     .max = INT64_MAX,
     .help = "send only input number N of the seed"},
    {0},
};

static int work(struct run *r, struct system *s, const struct arguments *args)
{
    (void)args;
    struct fuzz_options fuzz = {.budget = (uint64_t)budget,
                                .inputs_max = inputs,
                                .filter = only,
                                .in_flight = (int)in_flight,
                                .input = input,
                                .only = number};
    return pillar_fuzz(r, s, &fuzz);
}

static int run(const struct arguments *args)
{
    return command_on_system(args, work);
}

const struct command command_fuzz = {
    .name = "fuzz",
    .summary = "send valid, nearly valid and broken calls to every method",
    .positional = "MANIFEST",
    .positional_min = 1,
    .positional_max = 1,
    .description =
        "Makes calls from the descriptors: valid messages, messages with exactly one named defect, and garbage.\n"
        "A crash, a hang, an internal error, an answer that breaks its own schema, or a defect accepted as\n"
        "valid is a finding; it is reduced, kept as a file, and replayed by one command.",
    .examples = "  harrow fuzz systems/micro.yaml --budget 10m\n"
                "  harrow fuzz systems/micro.yaml --only store.Store/Write --driver sim\n"
                "  harrow fuzz systems/micro.yaml --input harrow-out/RUN/findings/1.json\n",
    .options = options,
    .run = run,
};
