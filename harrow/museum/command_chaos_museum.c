/* harrow chaos museum: what ordinary experiments find of the bugs planted in a build with HARROW_MUSEUM. */
#include "harrow/commands.h"
#include "harrow/museum/table.h"

static const char *const classes[] = {"store",    "blobs",  "events",  "auth",  "runtime", "broker",
                                      "registry", "config", "network", "links", "leaks",   NULL};

static const struct option options[] = {MUSEUM_OPTIONS(classes, "0", "60", "harrow-out/chaos-museum")};

static int run(const struct arguments *args)
{
    return museum_command("chaos", &museum_chaos, args->argc > 0 ? args->argv[0] : NULL, "faults");
}

const struct command command_chaos_museum = {
    .name = "museum",
    .summary = "what experiments find of bugs planted in the system, and how soon",
    .positional = "[EXPERIMENT]",
    .positional_max = 1,
    .description =
        "Switches on one planted bug at a time and runs the experiment its description names (or the one given\n"
        "here) with one seed after the other, in simulation where it can show there, until something fails or\n"
        "the time is up. Prints when the bug's place was reached, when it was triggered, when it was told and\n"
        "by which case, and the schedule made smaller.",
    .examples = "  harrow chaos museum --jobs 2\n"
                "  harrow chaos museum --class store --only sync --shrink never --json\n",
    .options = options,
    .run = run,
};
