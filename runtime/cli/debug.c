/* micro debug: what every service tells of itself, asked of each of its nodes. */
#include "runtime/cli/cli.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT (5 * SECOND) /* for one node */

static struct {
    const char *id;
    int64_t lines, since;
    bool all;
} flags;

/* Answers of one version's nodes, as rows: the node, its address, and the answer's members beside them. */
static json_t *ask_nodes(struct cli *c, const char *service, const json_t *version, const char *endpoint,
                         const char *request, int *code)
{
    json_t *rows = json_array();
    const json_t *node;
    size_t i;
    json_array_foreach(json_object_get(version, "nodes"), i, node)
    {
        json_t *answer = NULL;
        const struct cli_call call = {.service = service,
                                      .endpoint = endpoint,
                                      .address = c->proxy ? NULL : cli_text(node, "address"),
                                      .ours = true,
                                      .json = request,
                                      .timeout = ASK_TIMEOUT};
        int got = cli_call_value(c, &call, &answer);
        json_t *row = json_pack("{ss ss}", "node", cli_text(node, "id"), "address", cli_text(node, "address"));
        if (got == CLI_OK)
            json_object_update(row, answer);
        else
            json_object_set_new(row, "status", json_string("no answer"));
        json_array_append_new(rows, row);
        json_decref(answer);
        *code = got != CLI_OK ? got : *code;
    }
    return rows;
}

/* Asks every version; `print` shows one version's rows. */
static int ask_all(struct cli *c, const char *service, const char *endpoint, json_t *request,
                   int (*print)(const json_t *rows))
{
    json_t *reply = NULL, *all = json_array();
    const json_t *version;
    size_t i;
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    int code = text ? cli_find_service(c, service, &reply) : cli_no_memory(), bad = CLI_OK;
    cli_not_found(code, service);
    json_array_foreach(json_object_get(reply, "services"), i, version)
    {
        json_t *rows = ask_nodes(c, service, version, endpoint, text, &bad);
        if (cli_as_json()) {
            json_array_append_new(all, json_pack("{ss ss sO}", "service", service, "version",
                                                 cli_text(version, "version"), "nodes", rows));
        } else if (code == CLI_OK) {
            printf("%sservice  %s\nversion  %s\n\n", i ? "\n" : "", service, cli_text(version, "version"));
            code = print(rows);
        }
        json_decref(rows);
    }
    if (code == CLI_OK && cli_as_json())
        code = cli_print_value(all);
    json_decref(all);
    json_decref(reply);
    free(text);
    return code == CLI_OK ? bad : code;
}

/* ---- health, stats ---- */

static int print_health(const json_t *rows)
{
    static const struct cli_column columns[] = {
        {"NODE", "node", NULL}, {"ADDRESS:PORT", "address", NULL}, {"STATUS", "status", NULL}};
    return cli_table(rows, columns, sizeof columns / sizeof columns[0]);
}

static int run_health(const struct arguments *args)
{
    return ask_all(cli_of(args), args->argv[0], "Debug.Health", json_object(), print_health);
}

static void put_started(struct text *out, const json_t *row)
{
    cli_time(out, cli_integer(row, "started"));
}

static void put_uptime(struct text *out, const json_t *row)
{
    char text[64];
    if (!json_object_get(row, "uptime"))
        return;
    units_format_duration(cli_integer(row, "uptime") * SECOND, text, sizeof text);
    text_puts(out, text);
}

static void put_memory(struct text *out, const json_t *row)
{
    char text[64];
    if (!json_object_get(row, "memory"))
        return;
    units_format_size((uint64_t)cli_integer(row, "memory"), text, sizeof text);
    text_puts(out, text);
}

static void put_gc(struct text *out, const json_t *row)
{
    if (json_object_get(row, "gc"))
        text_printf(out, "%lld ns", (long long)cli_integer(row, "gc"));
}

static void put_requests(struct text *out, const json_t *row)
{
    if (json_object_get(row, "requests"))
        text_printf(out, "%lld", (long long)cli_integer(row, "requests"));
}

static void put_errors(struct text *out, const json_t *row)
{
    if (json_object_get(row, "errors"))
        text_printf(out, "%lld", (long long)cli_integer(row, "errors"));
}

static void put_threads(struct text *out, const json_t *row)
{
    if (json_object_get(row, "threads"))
        text_printf(out, "%lld", (long long)cli_integer(row, "threads"));
}

static void put_cpu(struct text *out, const json_t *row)
{
    char text[64];
    if (!json_object_get(row, "cpu"))
        return;
    units_format_duration(cli_integer(row, "cpu"), text, sizeof text);
    text_puts(out, text);
}

static int print_stats(const json_t *rows)
{
    static const struct cli_column columns[] = {
        {"NODE", "node", NULL},
        {"ADDRESS:PORT", "address", NULL},
        {"STARTED", NULL, put_started},
        {"UPTIME", NULL, put_uptime},
        {"MEMORY", NULL, put_memory},
        {"THREADS", NULL, put_threads},
        {"GC", NULL, put_gc},
        {"CPU", NULL, put_cpu},
        {"REQUESTS", NULL, put_requests},
        {"ERRORS", NULL, put_errors},
    };
    size_t seen = flags.all ? sizeof columns / sizeof columns[0] : 7; /* v3's */
    return cli_table(rows, columns, seen);
}

static int run_stats(const struct arguments *args)
{
    return ask_all(cli_of(args), args->argv[0], "Debug.Stats", json_object(), print_stats);
}

/* ---- log, trace ---- */

static int print_records(const json_t *rows)
{
    const json_t *row, *record;
    size_t i, j;
    json_array_foreach(rows, i, row)
    {
        json_array_foreach(json_object_get(row, "records"), j, record)
        {
            struct text time = TEXT_INIT;
            cli_time(&time, cli_integer(record, "timestamp"));
            printf("%s %-5s %s\n", text_string(&time), cli_text(json_object_get(record, "metadata"), "level"),
                   cli_text(record, "message"));
            text_deinit(&time);
        }
    }
    return CLI_OK;
}

static int run_log(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    int64_t since = flags.since ? (world_wall(c->world) - flags.since) / SECOND : 0;
    return ask_all(c, args->argv[0], "Debug.Log",
                   json_pack("{sI sI}", "count", (json_int_t)flags.lines, "since", (json_int_t)since), print_records);
}

static void put_span_time(struct text *out, const json_t *span)
{
    char time[40];
    units_format_time(cli_integer(span, "started"), time, sizeof time);
    text_puts(out, time);
}

static void put_span_duration(struct text *out, const json_t *span)
{
    char text[64];
    units_format_duration(cli_integer(span, "duration"), text, sizeof text);
    text_puts(out, text);
}

static int print_spans(const json_t *rows)
{
    static const struct cli_column columns[] = {
        {"TRACE", "trace", NULL},
        {"ID", "id", NULL},
        {"PARENT", "parent", NULL},
        {"NAME", "name", NULL},
        {"TYPE", "type", NULL},
        {"STARTED", NULL, put_span_time},
        {"DURATION", NULL, put_span_duration},
    };
    json_t *all = json_array();
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        json_t *spans = json_object_get(row, "spans");
        if (spans)
            json_array_extend(all, spans);
    }
    int code = cli_table(all, columns, sizeof columns / sizeof columns[0]);
    json_decref(all);
    return code;
}

static int run_trace(const struct arguments *args)
{
    return ask_all(cli_of(args), args->argv[0], "Debug.Trace", json_pack("{ss}", "id", flags.id ? flags.id : ""),
                   print_spans);
}

/* ---- the table ---- */

static const struct option output_options[] = {CLI_OUTPUT_OPTIONS, {.name = NULL}};
static const struct option stats_options[] = {
    {.name = "all", .kind = OPTION_FLAG, .target = &flags.all, .help = "processor time, requests and errors as well"},
    CLI_OUTPUT_OPTIONS,
    {.name = NULL},
};
static const struct option log_options[] = {
    {.name = "lines",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .target = &flags.lines,
     .argument = "N",
     .help = "at most so many of each node",
     .fallback = "15",
     .min = 1,
     .max = 100000},
    {.name = "since",
     .kind = OPTION_DURATION,
     .target = &flags.since,
     .argument = "DURATION",
     .help = "not older than this",
     .fallback = "0"},
    CLI_OUTPUT_OPTIONS,
    {.name = NULL},
};
static const struct option trace_options[] = {
    {.name = "id", .kind = OPTION_TEXT, .target = &flags.id, .argument = "TRACE", .help = "only this trace"},
    CLI_OUTPUT_OPTIONS,
    {.name = NULL},
};

#define SERVICE .positional = "SERVICE", .positional_min = 1, .positional_max = 1

const struct command debug_commands[] = {
    {.name = "health", .summary = "can it do its work?", SERVICE, .options = output_options, .run = run_health},
    {.name = "stats", .summary = "figures of its processes", SERVICE, .options = stats_options, .run = run_stats},
    {.name = "log", .summary = "the last records of its log", SERVICE, .options = log_options, .run = run_log},
    {.name = "trace", .summary = "its last spans", SERVICE, .options = trace_options, .run = run_trace},
    {.name = NULL},
};
