#include "harrow/commands.h"
#include "harrow/reports/read.h"
#include "harrow/run/run.h"
#include "reports/diff.h"
#include "reports/history.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

static const char *format, *output, *folder, *history_file;
static bool as_json;

static const struct option options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = OPTION_TEXT,
     .target = &format,
     .argument = "LIST",
     .fallback = "terminal",
     .help = "what to make: some of " REPORT_FORMAT_NAMES},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .target = &output,
     .argument = "FILE",
     .help = "where to put it (default: standard output); of one format"},
    {.name = "out",
     .kind = OPTION_TEXT,
     .target = &folder,
     .argument = "FOLDER",
     .help = "where to put several, each under its own name: report.html, junit.xml, results.tap, ..."},
    {.name = "history",
     .kind = OPTION_TEXT,
     .target = &history_file,
     .argument = "FILE",
     .help = "keep the runs in this history as well (SQLite; made when it is not there)"},
    {.name = "json", .kind = OPTION_FLAG, .target = &as_json, .help = "the same as --format json: the verdict as JSON"},
    {0},
};

/* Clears the error. */
static int leave(struct world *w, int code, struct error *err)
{
    int exit_code = code == 0 ? HARROW_PASSED : harrow_error(err, "report");
    world_real_free(w);
    error_clear(err);
    return exit_code;
}

static int print(struct text *out, struct error *err)
{
    if (!text_ok(out))
        return error_set(err, ERROR_MEMORY, "out of memory");
    fwrite(text_string(out), 1, out->len, stdout);
    return 0;
}

static int write_one(struct world *w, const struct report *r, const struct report_format *f, struct error *err)
{
    struct text out = TEXT_INIT, path = TEXT_INIT;
    int code = 0;
    f->render(r, &out);
    if (folder != NULL)
        text_printf(&path, "%s/%s", folder, f->file);
    if (folder == NULL && output == NULL)
        code = print(&out, err);
    else if (!text_ok(&out) || !text_ok(&path))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    else
        code = world_write_file(w, folder != NULL ? text_string(&path) : output, text_bytes(&out), false, err);
    text_deinit(&out);
    text_deinit(&path);
    return code;
}

static int keep(struct world *w, const struct report *r, struct error *err)
{
    struct report_history *h = NULL;
    int code = report_history_open(w, history_file, &h, err);
    if (code == 0)
        code = report_history_add(h, r, err);
    report_history_close(h);
    return code;
}

static int run(const struct arguments *args)
{
    const struct report_format *formats[REPORT_FORMATS_MAX];
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    struct report *report = NULL;
    size_t count = 0;
    if (report_formats_read(as_json ? "json" : format, formats, &count, &err) != 0) {
        (void)harrow_error(&err, "--format");
        error_clear(&err);
        return HARROW_USAGE;
    }
    if (folder == NULL && count > 1) {
        fputs("harrow: report: several formats need a folder: --out FOLDER\n", stderr);
        return HARROW_USAGE;
    }
    if (folder != NULL && output != NULL) {
        fputs("harrow: report: --out and --output say two places; give one of them\n", stderr);
        return HARROW_USAGE;
    }
    int code = world_real_new(0, &w, &err);
    if (code == 0)
        code = report_read_runs(w, args->argv, (size_t)args->argc, &report, &err);
    if (code == 0 && history_file != NULL)
        code = keep(w, report, &err);
    if (code == 0 && folder != NULL && (code = world_make_directory(w, folder)) != 0)
        error_set(&err, code, "cannot make the folder %s: %s", folder, error_code_name(code));
    for (size_t i = 0; code == 0 && i < count; i++)
        code = write_one(w, report, formats[i], &err);
    report_free(report);
    return leave(w, code, &err);
}

const struct command command_report = {
    .name = "report",
    .summary = "render a run's result stream again, or many as one",
    .positional = "RUN...",
    .positional_min = 1,
    .positional_max = -1,
    .description =
        "RUN is a run's folder or its results.jsonl. A stream cut short (the run was killed) is rendered as far\n"
        "as it goes. Several are merged: shards of one run (a missing one makes the report incomplete), and\n"
        "later runs of the same cases, which are later tries: what passed after it had failed is flaky.",
    .examples = "  harrow report harrow-out/2026-11-21T06-46-51-123Z\n"
                "  harrow report results.jsonl --format junit --output junit.xml\n"
                "  harrow report shard-*/ --format html,junit,sarif --out reports --history runs.db\n",
    .options = options,
    .run = run,
};

/* ---- two runs -------------------------------------------------------------------------------------------------- */

static bool diff_json;
static const struct option diff_options[] = {
    {.name = "json", .kind = OPTION_FLAG, .target = &diff_json, .help = "print one JSON object"}, {0}};

static int run_diff(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    struct report *sides[2] = {NULL, NULL};
    struct text out = TEXT_INIT;
    bool worse = false;
    int code = world_real_new(0, &w, &err);
    for (int i = 0; code == 0 && i < 2; i++)
        code = report_read_runs(w, args->argv + i, 1, &sides[i], &err);
    if (code == 0) {
        worse = (diff_json ? report_diff_json : report_diff_text)(sides[0], sides[1], &out);
        code = print(&out, &err);
    }
    report_free(sides[0]);
    report_free(sides[1]);
    text_deinit(&out);
    int exit_code = leave(w, code, &err);
    return exit_code == HARROW_PASSED && worse ? HARROW_FAILED : exit_code;
}

const struct command command_report_diff = {
    .name = "diff",
    .summary = "what changed from one run to another",
    .positional = "BEFORE AFTER",
    .positional_min = 2,
    .positional_max = 2,
    .description =
        "Cases that fail, pass or are flaky and were not, that are new or gone, that take 1.5 times as long or\n"
        "as short (of 20 ms and more); findings that came or went; the middle of every curve. Findings are the\n"
        "same when pillar, oracle, target and title are, numbers in the title left aside.",
    .exit_codes = "  0    nothing is worse\n"
                  "  1    a case fails that did not, or a bug was found that was not\n"
                  "  2    the command line is wrong\n"
                  "  4    a run is wrong, or not there\n",
    .examples = "  harrow report diff harrow-out/2026-11-20T06-46-51-123Z harrow-out/2026-11-21T06-46-51-123Z\n",
    .options = diff_options,
    .run = run_diff,
};

/* ---- many runs ------------------------------------------------------------------------------------------------- */

static int64_t last, rows;
static const char *system_name;
static bool history_as_json;
static const struct option history_options[] = {
    {.name = "last",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .target = &last,
     .argument = "N",
     .fallback = "50",
     .min = 1,
     .max = 1000000,
     .help = "runs that are looked at, the newest"},
    {.name = "rows",
     .kind = OPTION_INTEGER,
     .target = &rows,
     .argument = "N",
     .fallback = "10",
     .min = 1,
     .max = 1000000,
     .help = "of each table"},
    {.name = "system",
     .kind = OPTION_TEXT,
     .target = &system_name,
     .argument = "NAME",
     .help = "only runs of this system"},
    {.name = "json", .kind = OPTION_FLAG, .target = &history_as_json, .help = "print one JSON object"},
    {0},
};

static int run_history(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    struct report_history *h = NULL;
    struct text out = TEXT_INIT;
    const struct report_history_query query = {(uint64_t)last, (uint64_t)rows, system_name};
    int code = world_real_new(0, &w, &err);
    if (code == 0)
        code = report_history_look(w, args->argv[0], &h, &err);
    if (code == 0)
        code = (history_as_json ? report_history_json : report_history_text)(h, &query, &out, &err);
    if (code == 0)
        code = print(&out, &err);
    report_history_close(h);
    text_deinit(&out);
    return leave(w, code, &err);
}

const struct command command_report_history = {
    .name = "history",
    .summary = "what only many runs tell: trends, slowest, flakiest, first seen",
    .positional = "FILE",
    .positional_min = 1,
    .positional_max = 1,
    .description = "FILE is what `harrow report RUN... --history FILE` keeps. Shown are the newest runs, the slowest\n"
                   "cases, those that are flaky or flip between verdicts, findings with when they were first and last\n"
                   "seen, and the newest run's figures against the mean of those before.",
    .examples = "  harrow report harrow-out/*/ --history runs.db\n"
                "  harrow report history runs.db --last 200 --rows 20\n"
                "  harrow report history runs.db --json\n",
    .options = history_options,
    .run = run_history,
};
