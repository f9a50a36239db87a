#include "harrow/commands.h"
#include "harrow/run.h"
#include "reports/report.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

#define TERMINAL_WIDTH 100

static const char *format, *output;
static const char *const formats[] = {"terminal", "html", "junit", "json", NULL};
static bool as_json;

static const struct option options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = OPTION_CHOICE,
     .target = &format,
     .argument = "FORMAT",
     .fallback = "terminal",
     .choices = formats,
     .help = "what to make"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .target = &output,
     .argument = "FILE",
     .help = "where to put it (default: standard output)"},
    {.name = "json", .kind = OPTION_FLAG, .target = &as_json, .help = "the same as --format json: the verdict as JSON"},
    {0},
};

static int run(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    struct report *report = NULL;
    struct text path = TEXT_INIT, folder = TEXT_INIT, out = TEXT_INIT;
    struct world_stat stat = {0};
    int code = world_real_new(0, &w, &err);
    text_puts(&path, args->argv[0]);
    /* A run's folder stands for the stream in it. */
    if (code == 0 && world_stat(w, args->argv[0], &stat) == 0 && stat.directory)
        text_puts(&path, "/results.jsonl");
    if (code == 0)
        code = report_read(w, text_string(&path), &report, &err);
    if (code == 0) {
        const char *slash = strrchr(text_string(&path), '/');
        text_add(&folder, text_string(&path), slash != NULL ? (size_t)(slash - text_string(&path)) : 0);
        code = report_attach(report, w, slash != NULL ? text_string(&folder) : ".", &err);
    }
    if (code == 0) {
        if (as_json || strcmp(format, "json") == 0)
            report_json(report, &out);
        else if (strcmp(format, "html") == 0)
            report_html(report, &out);
        else if (strcmp(format, "junit") == 0)
            report_junit(report, &out);
        else
            report_terminal(report, &out, false, TERMINAL_WIDTH);
        if (!text_ok(&out))
            code = error_set(&err, ERROR_MEMORY, "out of memory");
        else if (output != NULL)
            code = world_write_file(w, output, text_bytes(&out), false, &err);
        else
            fwrite(text_string(&out), 1, out.len, stdout);
    }
    int exit_code = code == 0 ? HARROW_PASSED : harrow_error(&err, "report");
    report_free(report);
    world_real_free(w);
    text_deinit(&path);
    text_deinit(&folder);
    text_deinit(&out);
    error_clear(&err);
    return exit_code;
}

const struct command command_report = {
    .name = "report",
    .summary = "render a run's result stream again",
    .positional = "RUN",
    .positional_min = 1,
    .positional_max = 1,
    .description =
        "RUN is a run's folder or its results.jsonl. A stream cut short (the run was killed) is rendered as far\n"
        "as it goes.",
    .examples = "  harrow report harrow-out/2026-11-21T06-46-51-123Z\n"
                "  harrow report results.jsonl --format junit --output junit.xml\n",
    .options = options,
    .run = run,
};
