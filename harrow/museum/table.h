/* What the commands of both museums share: their options, the bugs that were asked for, a line for each as it is done,
 * and the sums by class. */
#ifndef HARROW_MUSEUM_TABLE_H
#define HARROW_MUSEUM_TABLE_H

#include "base/options.h"
#include "harrow/fuzz/options.h"
#include "harrow/museum/museum.h"

struct museum_settings {
    const char *only, *class_, *out, *shrink;
    int64_t minutes, seconds, jobs;
    uint64_t seed;
    bool json;
};
extern struct museum_settings museum_settings;
extern const char *const museum_shrinks[];

/* Rows for a command's option table. */
#define MUSEUM_OPTIONS(classes_, minutes_, seconds_, out_)                                                             \
    FUZZ_OPTION_ONLY(&museum_settings.only, "bugs whose name contains TEXT"),                                          \
        {.name = "class",                                                                                              \
         .letter = 'c',                                                                                                \
         .kind = OPTION_CHOICE,                                                                                        \
         .target = &museum_settings.class_,                                                                            \
         .argument = "CLASS",                                                                                          \
         .choices = classes_,                                                                                          \
         .help = "bugs of one class"},                                                                                 \
        FUZZ_OPTION_MINUTES(&museum_settings.minutes, minutes_, "minutes of processor time for each bug"),             \
        {.name = "seconds",                                                                                            \
         .kind = OPTION_INTEGER,                                                                                       \
         .target = &museum_settings.seconds,                                                                           \
         .argument = "N",                                                                                              \
         .fallback = seconds_,                                                                                         \
         .min = 0,                                                                                                     \
         .max = 100000,                                                                                                \
         .help = "seconds more, or alone with --minutes 0"},                                                           \
        FUZZ_OPTION_JOBS(&museum_settings.jobs, "bugs at a time"),                                                     \
        {.name = "seed",                                                                                               \
         .letter = 's',                                                                                                \
         .kind = OPTION_SEED,                                                                                          \
         .target = &museum_settings.seed,                                                                              \
         .argument = "N",                                                                                              \
         .fallback = "1",                                                                                              \
         .help = "the first trial's seed; the next ones count up"},                                                    \
        {.name = "shrink",                                                                                             \
         .kind = OPTION_CHOICE,                                                                                        \
         .target = &museum_settings.shrink,                                                                            \
         .argument = "WHEN",                                                                                           \
         .fallback = "always",                                                                                         \
         .choices = museum_shrinks,                                                                                    \
         .help = "make small what was found: never or always"},                                                        \
        {.name = "out",                                                                                                \
         .letter = 'o',                                                                                                \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &museum_settings.out,                                                                               \
         .argument = "FOLDER",                                                                                         \
         .fallback = out_,                                                                                             \
         .help = "where each bug's trials leave what they found"},                                                     \
        {.name = "json",                                                                                               \
         .kind = OPTION_FLAG,                                                                                          \
         .target = &museum_settings.json,                                                                              \
         .help = "print a JSON object for each bug instead of a table"},                                               \
    {                                                                                                                  \
        0                                                                                                              \
    }

/* Runs the museum `name` ("fuzz", "chaos") as the settings say; `given`: the manifest or experiment, or NULL. `size`
 * heads the column of what was made small. The exit code. */
int museum_command(const char *name, const struct museum_collection *collection, const char *given, const char *size);

#endif
