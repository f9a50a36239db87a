#include "base/units.h"
#include "harrow/system/attach.h"
#include "harrow/system/command_system.h"
#include "harrow/commands.h"
#include "harrow/fuzz/options.h"

#include <stdio.h>
#include <string.h>

#define BUDGET_DEFAULT (30 * SECOND)

static int64_t budget, minutes, inputs, in_flight, jobs, plateau, settle, invariant_every;
static bool access_checked, stock, strict, until_plateau, list;
static const char *only, *skip, *input, *corpus, *distil, *invariant, *journal, *suspects;

static const struct option options[] = {
    COMMON_OPTIONS,
    ATTACH_OPTIONS,
    OPTION_BUDGET(&budget, NULL,
                  "how long to go on (default: 30s, or without end with --until-plateau, --inputs or --distil)"),
    FUZZ_OPTION_MINUTES(&minutes, NULL, "the same in minutes"),
    {.name = "until-plateau",
     .kind = OPTION_FLAG,
     .target = &until_plateau,
     .help = "end when nothing new was learnt for as long as --plateau says"},
    {.name = "plateau",
     .kind = OPTION_DURATION,
     .target = &plateau,
     .argument = "DURATION",
     .fallback = "60s",
     .help = "how long that is"},
    {.name = "settle",
     .kind = OPTION_DURATION,
     .target = &settle,
     .argument = "DURATION",
     .help = "how long findings are run again and made smaller (default: as long as the campaign, at least 2m)"},
    FUZZ_OPTION_JOBS(&jobs, "processes side by side, each with a system of its own, on one corpus"),
    {.name = "corpus",
     .letter = 'c',
     .kind = OPTION_TEXT,
     .target = &corpus,
     .argument = "FOLDER",
     .filled = true,
     .help = "cases to begin with; what shows something new goes there, for other processes and campaigns"},
    {.name = "distil",
     .kind = OPTION_TEXT,
     .target = &distil,
     .argument = "FOLDER",
     .filled = true,
     .help = "only run the corpus, and put there what of it shows something new"},
    {.name = "list",
     .kind = OPTION_FLAG,
     .target = &list,
     .help = "only print the corpus: each case, and where it comes from"},
    {.name = "invariant",
     .kind = OPTION_TEXT,
     .target = &invariant,
     .argument = "FILE",
     .filled = true,
     .help = "flows (*.yaml) or a program that must pass whatever was sent; it is told where everything is"},
    {.name = "invariant-every",
     .kind = OPTION_INTEGER,
     .target = &invariant_every,
     .argument = "N",
     .fallback = "2000",
     .min = 0,
     .max = INT64_MAX,
     .help = "cases between two looks at it; 0: at the end only"},
    {.name = "inputs",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .target = &inputs,
     .argument = "N",
     .fallback = "0",
     .min = 0,
     .max = INT64_MAX,
     .help = "stop after N calls; 0: no limit"},
    FUZZ_OPTION_ONLY(&only, "methods whose path contains TEXT"),
    {.name = "skip",
     .kind = OPTION_TEXT,
     .target = &skip,
     .argument = "TEXT",
     .help = "no methods whose path contains TEXT"},
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
     .filled = true,
     .help = "run this one case (a script of a run's findings folder, or a corpus file)"},
    {.name = "journal",
     .kind = OPTION_TEXT,
     .target = &journal,
     .argument = "FILE",
     .filled = true,
     .help = "where the cases under way are written while they are (with --driver sim: the run's folder)"},
    {.name = "suspects",
     .kind = OPTION_TEXT,
     .target = &suspects,
     .argument = "FILE",
     .filled = true,
     .help = "--driver sim: find which case of a journal brought the system and this program down"},
    {.name = "access",
     .kind = OPTION_FLAG,
     .target = &access_checked,
     .help = "every method is meant to need a token: one that works without is a finding"},
    {.name = "stock",
     .kind = OPTION_FLAG,
     .target = &stock,
     .help = "the system uses gRPC's own libraries, which answer INTERNAL to what does not decode"},
    {.name = "strict",
     .kind = OPTION_FLAG,
     .target = &strict,
     .help = "attach: the system does not use gRPC's own libraries (--stock is taken for granted otherwise)"},
    {0},
};

static void fill(struct fuzz_request *q)
{
    bool bounded = until_plateau || inputs > 0 || distil != NULL || suspects != NULL;
    int64_t given = minutes > 0 ? minutes * MINUTE : budget; /* not both */
    *q = (struct fuzz_request){.options = {.budget = (uint64_t)(given > 0 || bounded ? given : BUDGET_DEFAULT),
                                           .plateau = until_plateau ? (uint64_t)plateau : 0,
                                           .settle = (uint64_t)settle,
                                           .inputs_max = inputs,
                                           .filter = only,
                                           .skip = skip,
                                           .in_flight = (int)in_flight,
                                           .stock = stock || (strcmp(common.driver, "attach") == 0 && !strict),
                                           .corpus = corpus,
                                           .distil = distil,
                                           .invariant_every = invariant != NULL ? invariant_every : 0,
                                           .journal = journal,
                                           .suspects = suspects,
                                           .input = input},
                               .invariant = invariant,
                               .access = access_checked,
                               .jobs = (int)jobs};
}

static int work(struct run *r, struct system *s, const struct arguments *args)
{
    struct fuzz_request request;
    (void)args;
    fill(&request);
    return pillar_fuzz(r, s, &request);
}

/* Several campaigns need no system of this process's own. */
static int run_jobs(const struct arguments *args)
{
    struct fuzz_request request;
    int exit_code = 0;
    struct run *r = run_begin(args->argv[0], harrow_command_line, &exit_code);
    if (r == NULL)
        return exit_code;
    fill(&request);
    return run_finish(r, fuzz_jobs(r, &request));
}

static int usage(const char *what)
{
    fprintf(stderr, "harrow: fuzz: %s\n", what);
    return HARROW_USAGE;
}

/* What is wrong with the options as they are together; NULL: nothing. */
static const char *conflict(const struct arguments *args)
{
    if (minutes > 0 && budget > 0)
        return "--minutes and --budget say the same: give one of them";
    if ((input != NULL) + (distil != NULL) + (suspects != NULL) > 1)
        return "--input, --distil and --suspects are each instead of a campaign: give one of them";
    if (jobs > 1 && (input != NULL || distil != NULL || suspects != NULL))
        return "--jobs goes with a campaign, not with --input, --distil or --suspects";
    if (jobs > 1 && journal != NULL)
        return "--jobs keeps a journal for each process by itself: leave out --journal";
    if (suspects != NULL && strcmp(common.driver, "sim") != 0)
        return "--suspects tries cases in simulation only: add --driver sim";
    if ((distil != NULL || list) && corpus == NULL)
        return "--distil and --list need --corpus FOLDER";
    if (jobs > 1 && attach_chosen(args->argv[0]))
        return "--jobs starts a system for each process, and this one is not ours to start";
    return NULL;
}

static int run(const struct arguments *args)
{
    const char *wrong = conflict(args);
    if (wrong != NULL)
        return usage(wrong);
    if (list)
        return fuzz_list(args->argv[0], corpus);
    return jobs > 1 ? run_jobs(args) : command_on_system(args, work);
}

const struct command command_fuzz = {
    .name = "fuzz",
    .summary = "send valid, nearly valid and broken calls, alone and in sequences, to every method",
    .positional = "MANIFEST|ADDRESS",
    .positional_min = 1,
    .positional_max = 1,
    .description =
        "Makes calls from the descriptors: valid messages, messages with exactly one named defect, and garbage;\n"
        "alone, side by side, and in sequences that feed what replies held into later requests. A crash, a hang,\n"
        "an internal error, an answer that breaks its own schema or is wrong for the defect, a deleted thing that\n"
        "can be read, or a call that needs no token is a finding; it is run again alone, reduced, run on a fresh\n"
        "system, kept as a script and as a test in C, and replayed by one command. Ctrl-C ends a campaign and\n"
        "tells what was found by then.",
    .examples = "  harrow fuzz systems/micro.yaml --minutes 10 --jobs 2 --corpus corpus/micro\n"
                "  harrow fuzz systems/micro.yaml --until-plateau --plateau 2m\n"
                "  harrow fuzz systems/micro.yaml --corpus corpus/micro --distil corpus/small\n"
                "  harrow fuzz localhost:50051\n"
                "  harrow fuzz grpcs://api.test:443 -H 'authorization: Bearer ${env.TOKEN}' --proto shop.proto\n"
                "  harrow fuzz systems/micro.yaml --only store.Store/Write --driver sim\n"
                "  harrow fuzz systems/micro.yaml --input harrow-out/RUN/findings/1.case\n",
    .options = options,
    .run = run,
};
