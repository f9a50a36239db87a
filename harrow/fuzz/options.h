/* Options that `harrow fuzz` and `harrow fuzz museum` both take, as rows of their tables. */
#ifndef HARROW_FUZZ_OPTIONS_H
#define HARROW_FUZZ_OPTIONS_H

#include "base/options.h"
#include "harrow/fuzz/run.h"

#define FUZZ_OPTION_ONLY(target_, help_)                                                                               \
    {                                                                                                                  \
        .name = "only", .kind = OPTION_TEXT, .target = target_, .argument = "TEXT", .help = help_                      \
    }
#define FUZZ_OPTION_MINUTES(target_, fallback_, help_)                                                                 \
    {                                                                                                                  \
        .name = "minutes", .letter = 'm', .kind = OPTION_INTEGER, .target = target_, .argument = "N",                  \
        .fallback = fallback_, .min = 0, .max = 100000, .help = help_                                                  \
    }
#define FUZZ_OPTION_JOBS(target_, help_)                                                                               \
    {                                                                                                                  \
        .name = "jobs", .letter = 'j', .kind = OPTION_INTEGER, .target = target_, .argument = "N", .fallback = "1",    \
        .min = 1, .max = FUZZ_JOBS_MAX, .help = help_                                                                  \
    }

#endif
