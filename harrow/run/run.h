/* A run: one folder with the result stream, the logs, the findings and the reports of everything one command did.
 *
 *   <out>/<id>/results.jsonl  report.html  junit.xml (or what --format says)  system.log  findings/
 *   data/ (the system's own; removed at the end)
 */
#ifndef HARROW_RUN_RUN_H
#define HARROW_RUN_RUN_H

#include "base/arena.h"
#include "base/map.h"
#include "base/options.h"
#include "base/result.h"
#include "harrow/system/manifest.h"
#include "rpc/target.h"
#include "world/world.h"

/* Exit codes, the same for every command. */
enum harrow_exit {
    HARROW_PASSED = 0,
    HARROW_FAILED = 1,      /* a case failed or a finding was made */
    HARROW_USAGE = 2,       /* the command line is wrong */
    HARROW_ENVIRONMENT = 3, /* the system could not be started, a file not written */
    HARROW_INPUT = 4,       /* a manifest, flow, descriptor or result file is wrong */
    HARROW_INTERRUPTED = 130,
};
/* Of every command that says nothing else. */
#define HARROW_EXIT_CODES                                                                                              \
    "  0    everything passed\n"                                                                                       \
    "  1    a case failed or something was found\n"                                                                    \
    "  2    the command line is wrong\n"                                                                               \
    "  3    the system could not be started, or a file could not be written\n"                                         \
    "  4    a manifest, flow, descriptor, pact or result file is wrong, or not there\n"                                \
    "  130  interrupted; the system was stopped and the report covers what was done\n"

/* What every command takes. */
struct common_options {
    uint64_t seed; /* 0: drawn, and printed */
    const char *driver, *out, *log_level;
    const char *format; /* the reports that are written, "html,junit" */
    bool json, quiet, keep;
    const char *disk;      /* "image": the system's data is on a file system of its own (driver_disk.h) */
    const char *network;   /* "namespaces": each part has one of its own (driver_network.h); else they share ours */
    const char *id;        /* the run's name; NULL: drawn from the time */
    int64_t shard, shards; /* this run is part `shard` of so many; 0: the whole */
    bool links;            /* parts reach each other, and are reached, through links (links.h): for chaos */
};
extern struct common_options common;
/* As reports/formats.c has them; a test holds that they are the same. */
#define REPORT_FORMAT_NAMES "terminal,html,junit,tap,ctrf,sarif,markdown,github,openmetrics,json"
/* Rows for a command's option table. */
#define COMMON_OPTIONS                                                                                                 \
    {.name = "driver",                                                                                                 \
     .letter = 'd',                                                                                                    \
     .kind = OPTION_CHOICE,                                                                                            \
     .target = &common.driver,                                                                                         \
     .argument = "NAME",                                                                                               \
     .fallback = "processes",                                                                                          \
     .choices = driver_names,                                                                                          \
     .env = "HARROW_DRIVER",                                                                                           \
     .help = "how the system is run: as processes, simulated in virtual time, or already (attach)"},                   \
        {.name = "seed",                                                                                               \
         .letter = 's',                                                                                                \
         .kind = OPTION_SEED,                                                                                          \
         .target = &common.seed,                                                                                       \
         .argument = "N",                                                                                              \
         .env = "HARROW_SEED",                                                                                         \
         .help = "the number everything random comes from (default: drawn and printed)"},                              \
        {.name = "out",                                                                                                \
         .letter = 'o',                                                                                                \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &common.out,                                                                                        \
         .argument = "FOLDER",                                                                                         \
         .fallback = "harrow-out",                                                                                     \
         .env = "HARROW_OUT",                                                                                          \
         .filled = true,                                                                                               \
         .help = "where the run's folder is made"},                                                                    \
        {.name = "format",                                                                                             \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &common.format,                                                                                     \
         .argument = "LIST",                                                                                           \
         .fallback = "html,junit",                                                                                     \
         .env = "HARROW_FORMAT",                                                                                       \
         .help = "the reports written into it: " REPORT_FORMAT_NAMES},                                                 \
        {.name = "json",                                                                                               \
         .kind = OPTION_FLAG,                                                                                          \
         .target = &common.json,                                                                                       \
         .help = "print the result stream (JSON lines) instead of text"},                                              \
        {.name = "quiet",                                                                                              \
         .letter = 'q',                                                                                                \
         .kind = OPTION_FLAG,                                                                                          \
         .target = &common.quiet,                                                                                      \
         .help = "print failures and the verdict only"},                                                               \
        {.name = "keep", .kind = OPTION_FLAG, .target = &common.keep, .help = "keep the system's data folder"},        \
    {                                                                                                                  \
        .name = "log", .kind = OPTION_CHOICE, .target = &common.log_level, .argument = "LEVEL", .fallback = "warn",    \
        .choices = log_level_names, .help = "how much the harness itself logs to stderr"                               \
    }
/* How long a command goes on that goes on as long as it is told to. */
#define OPTION_BUDGET(target_, fallback_, help_)                                                                       \
    {                                                                                                                  \
        .name = "budget", .letter = 'b', .kind = OPTION_DURATION, .target = target_, .argument = "DURATION",           \
        .fallback = fallback_, .help = help_                                                                           \
    }
/* How printed commands call this program: as it was called itself, when that was by a path; else "harrow". */
extern const char *harrow_program;
/* This program, for children that run it, whatever it was called by and whatever became of its file. They are told by
 * the variable how their starter was called, for the commands they print. */
#define HARROW_SELF             "/proc/self/exe"
#define HARROW_PROGRAM_VARIABLE "HARROW_PROGRAM"
extern const char *const driver_names[];
extern const char *const log_level_names[];

struct report_live;
struct report_format;
#define RUN_FORMATS_MAX 16

struct run {
    struct world *world; /* the real one: files, progress, and the clock of a run's duration */
    struct arena arena;
    struct manifest *manifest;
    const char *command; /* as it was typed */
    const char *folder;  /* <out>/<id> */
    uint64_t seed;
    struct result_stream results;
    struct world_file *file; /* the result stream */
    uint64_t size;           /* of it, in bytes */
    struct text held;        /* lines of steps that are not in it yet */
    struct world_timer hold; /* runs while there are any */
    struct text line;        /* terminal rendering in progress */
    uint64_t started;
    struct target *target;        /* told of an interrupt; NULL while no system runs */
    struct target *const *beside; /* other systems that are told as well: each worker's own */
    size_t beside_count;
    bool interrupted;
    bool tidying, hurried, timed; /* see run_tidy(); `timed`: the time for it has begun */
    struct world_timer hurry;
    /* The methods it calls and no others, "pkg.Service/Method" (the values mean nothing): of a system that runs already
     * no more than these contracts are read. NULL: any may be called. */
    const struct map *calls;
    bool colour;
    struct report_live *live;
    const struct report_format *formats[RUN_FORMATS_MAX]; /* of the reports written at the end */
    size_t format_count;
};

/* Loads the manifest, makes the folder, opens the stream, writes the "run" line. On failure the message was printed and
 * *exit_code says how to leave. */
struct run *run_begin(const char *manifest_path, const char *command, int *exit_code);
/* Writes the "end" line, the reports, prints the summary; returns the exit code. Frees. `failed` is an exit code that
 * outweighs the verdict (0: none). */
int run_finish(struct run *r, int failed);
/* What SIGINT and its like do: the run is interrupted, and what waits is told to end. */
void run_interrupt(struct run *r);
/* What is done between the two puts back what the run has changed, at its normal end and at an interrupt alike: the
 * first interrupt does not end it. A second one does, and so does RUN_TIDY_TIME after the first: then `hurried` is set,
 * what waits is told to end, and nothing more should be begun. */
#define RUN_TIDY_TIME ((uint64_t)30 * 1000000000) /* ns */
void run_tidy(struct run *r);
void run_tidied(struct run *r);
/* What does not tidy up is to end. */
bool run_stops(const struct run *r);
/* A line about what is going on: to the terminal, unless --quiet or --json. */
void run_say(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "harrow COMMAND MANIFEST [ARGUMENTS] --driver D --seed S", quoted where needed, for replay lines; `arguments` is
 * NULL-terminated or NULL. In the run's arena; NULL: out of memory. */
const char *run_replay(struct run *r, const char *command, const char *const *arguments);
/* What could not be done at all: a failed case in the stream, a message on stderr, the exit code. Clears the error.
 * After an interrupt it is 0 and says nothing. */
int run_failed(struct run *r, struct error *err, const char *what);
/* Somebody looks at what we print, on a terminal that knows more than lines (TERM), and no CI's log keeps it. */
bool harrow_terminal(void);
/* JSON on standard output, a line of it, or with `indent` several. Takes the value; NULL, or no memory for its text:
 * nothing is printed, and harrow_leave() says so. */
void harrow_json_print(json_t *value, unsigned indent);
/* At the very end: 3 in the place of 0 when what was printed could not be written or is incomplete; a reader that has
 * gone does not count. */
int harrow_leave(int exit_code);
/* Print an error as "harrow: text" and return the exit code that fits its kind. */
int harrow_error(const struct error *err, const char *doing);

#endif
