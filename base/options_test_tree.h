/* A command tree with an option of every kind, for the tests and the fuzz target of options. */
#ifndef BASE_OPTIONS_TEST_TREE_H
#define BASE_OPTIONS_TEST_TREE_H

#include "base/options.h"

static struct {
    bool verbose, colour;
    int64_t count, budget;
    uint64_t seed, limit;
    const char *dir, *format;
    struct option_list tags;
    int ran; /* words the run function was given, plus one */
} got;

static int tree_run(const struct arguments *args)
{
    got.ran = args->argc + 1;
    return args->context ? *(int *)args->context : 0;
}

static const char *const tree_formats[] = {"text", "json", NULL};

static const struct option tree_root_options[] = {
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .target = &got.verbose,
     .help = "say more",
     .fallback = "false"},
    {.name = "colour",
     .kind = OPTION_FLAG,
     .target = &got.colour,
     .help = "colours on a terminal",
     .fallback = "true",
     .env = "OPTIONS_TEST_COLOUR"},
    {.name = NULL},
};

static const struct option tree_run_options[] = {
    {.name = "seed",
     .letter = 's',
     .kind = OPTION_SEED,
     .target = &got.seed,
     .argument = "SEED",
     .help = "what every random choice of the run is drawn from, so that the run can be had again",
     .fallback = "1",
     .env = "OPTIONS_TEST_SEED"},
    {.name = "count",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .target = &got.count,
     .argument = "N",
     .help = "how many",
     .fallback = "3",
     .min = 1,
     .max = 10},
    {.name = "budget",
     .kind = OPTION_DURATION,
     .target = &got.budget,
     .argument = "DURATION",
     .help = "time to spend",
     .fallback = "1m"},
    {.name = "limit",
     .kind = OPTION_SIZE,
     .target = &got.limit,
     .argument = "SIZE",
     .help = "memory",
     .fallback = "1MiB"},
    {.name = "dir",
     .letter = 'd',
     .kind = OPTION_TEXT,
     .target = &got.dir,
     .argument = "DIR",
     .help = "where",
     .filled = true},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .target = &got.format,
     .argument = "FORMAT",
     .help = "the report's form",
     .fallback = "text",
     .choices = tree_formats},
    {.name = "tag",
     .letter = 't',
     .kind = OPTION_LIST,
     .target = &got.tags,
     .argument = "TAG",
     .help = "only these",
     .fallback = "all",
     .env = "OPTIONS_TEST_TAG"},
    {.name = NULL},
};

static const struct command tree_chaos[] = {
    {.name = "list", .summary = "The faults there are", .run = tree_run},
    {.name = NULL},
};

static const struct command tree_children[] = {
    {.name = "run",
     .summary = "Run everything",
     .positional = "SYSTEM [FLOW...]",
     .positional_min = 1,
     .positional_max = -1,
     .description = "Starts the system and\nputs it through the mill.\n\n  harrow: laid out",
     .examples = "prog run micro --seed 7\nprog run micro flows/a.yaml",
     .options = tree_run_options,
     .run = tree_run},
    {.name = "chaos", .summary = "Faults", .children = tree_chaos},
    {.name = NULL},
};

static const struct command tree_root = {.name = "prog",
                                         .summary = "A program for tests",
                                         .options = tree_root_options,
                                         .children = tree_children,
                                         .exit_codes = "0  fine\n2  wrong usage"};

#endif
