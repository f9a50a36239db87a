/* harrow fuzz museum: what the fuzzer finds of the bugs planted in a build with HARROW_MUSEUM, and how soon. */
#include "harrow/commands.h"
#include "harrow/museum/table.h"

static const char *const classes[] = {"decode", "framing", "logic", "state", "resource", NULL};

static const struct option options[] = {MUSEUM_OPTIONS(classes, "10", "0", "harrow-out/museum")};

static int run(const struct arguments *args)
{
    return museum_command("fuzz", &museum_fuzz, args->argc > 0 ? args->argv[0] : "systems/micro.yaml", "bytes");
}

const struct command command_fuzz_museum = {
    .name = "museum",
    .summary = "what the fuzzer finds of bugs planted in the system, and how soon",
    .positional = "[MANIFEST]",
    .positional_max = 1,
    .description =
        "Switches on one planted bug at a time, runs the ordinary campaign against the simulated system until\n"
        "something is told or the time is up, and prints when the bug's place was reached, when it was\n"
        "triggered, when it was told, by which oracle, and the size of the minimised case.",
    .examples = "  harrow fuzz museum --minutes 1 --jobs 2\n"
                "  harrow fuzz museum --class decode --only utf8 --json\n",
    .options = options,
    .run = run,
};
