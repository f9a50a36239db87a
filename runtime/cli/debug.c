/* micro debug: what every service tells of itself, asked of each of its nodes. */
#include "runtime/cli/cli.h"

#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"
#include "runtime/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT (5 * SECOND) /* for one node */

static struct {
    const char *id;
    const char *all;
    int64_t lines, since;
    bool verbose;
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
        if (got != CLI_OK)
            json_build_set(&row, "status", json_string("no answer"));
        else if (json_object_update(row, answer) != 0)
            json_build_set(&row, "status", NULL);
        json_build_add(&rows, row);
        json_decref(answer);
        *code = got != CLI_OK ? got : *code;
    }
    return rows;
}

/* What is asked of every node, and how the answers are shown. */
struct question {
    const char *endpoint, *request;
    int (*print)(const json_t *rows); /* one version's rows */
    json_t *all;                      /* they are gathered here, for --json */
    bool several;                     /* something was shown already */
    int bad;                          /* the exit code of a node that did not answer */
};

/* Every version of one service. */
static int ask_service(struct cli *c, struct question *q, const char *service)
{
    json_t *reply = NULL;
    const json_t *version;
    size_t i;
    int code = cli_find_service(c, service, &reply);
    cli_not_found(code, service);
    json_array_foreach(json_object_get(reply, "services"), i, version)
    {
        json_t *rows = ask_nodes(c, service, version, q->endpoint, q->request, &q->bad);
        if (cli_as_json()) {
            json_build_add(&q->all, json_pack("{ss ss sO}", "service", service, "version", cli_text(version, "version"),
                                              "nodes", rows));
        } else if (code == CLI_OK) {
            printf("%sservice  %s\nversion  %s\n\n", q->several ? "\n" : "", service, cli_text(version, "version"));
            code = rows ? q->print(rows) : cli_no_memory();
            q->several = true;
        }
        json_decref(rows);
    }
    json_decref(reply);
    return code;
}

static int question_end(struct question *q, int code)
{
    if (code == CLI_OK && cli_as_json())
        code = cli_print_value(q->all);
    json_decref(q->all);
    return code == CLI_OK ? q->bad : code;
}

static int ask_all(struct cli *c, const char *service, const char *endpoint, json_t *request,
                   int (*print)(const json_t *rows))
{
    char *text = json_text_of(request, 0);
    json_decref(request);
    struct question q = {.endpoint = endpoint, .request = text, .print = print, .all = json_array()};
    int code = question_end(&q, text && q.all ? ask_service(c, &q, service) : cli_no_memory());
    free(text);
    return code;
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
    size_t seen = flags.verbose ? sizeof columns / sizeof columns[0] : 7; /* v3's */
    return cli_table(rows, columns, seen);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every service that is a part of micro, or every other one. */
static int stats_of_all(struct cli *c, bool own)
{
    struct question q = {.endpoint = "Debug.Stats", .request = "{}", .print = print_stats, .all = json_array()};
    json_t *reply = NULL;
    const json_t *service;
    size_t i, count = 0;
    int code = cli_call_json(c, "registry", "Registry.ListServices",
                             json_pack("{s{ss}}", "options", "domain", own ? MICRO_NAMESPACE : c->namespace), &reply);
    const json_t *services = json_object_get(reply, "services");
    const char **names = calloc(json_array_size(services) + 1, sizeof *names);
    if (code == CLI_OK && (!names || !q.all))
        code = cli_no_memory();
    json_array_foreach(services, i, service)
    {
        if (names && component_is_core(cli_text(service, "name")) == own)
            names[count++] = cli_text(service, "name");
    }
    if (names)
        qsort(names, count, sizeof *names, by_name);
    for (i = 0; code == CLI_OK && i < count; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0) /* one entry for each version */
            code = ask_service(c, &q, names[i]);
    code = question_end(&q, code);
    free(names);
    json_decref(reply);
    return code;
}

static int run_stats(const struct arguments *args)
{
    if (flags.all && args->argc > 0)
        return cli_fail(EXIT_USAGE, "either SERVICE or --all %s, not both", flags.all);
    if (flags.all)
        return stats_of_all(cli_of(args), strcmp(flags.all, "builtin") == 0);
    if (args->argc == 0)
        return cli_fail(EXIT_USAGE, "expected SERVICE, or --all builtin, or --all custom");
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
static const char *const alls[] = {"builtin", "custom", NULL};
static const struct option stats_options[] = {
    {.name = "all",
     .kind = OPTION_CHOICE,
     .target = &flags.all,
     .argument = "WHICH",
     .help = "of every service instead of one: builtin are micro's own, custom all others",
     .choices = alls},
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .target = &flags.verbose,
     .help = "processor time, requests and errors as well"},
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
    {.name = "stats",
     .summary = "figures of its processes",
     .positional = "[SERVICE]",
     .positional_max = 1,
     .options = stats_options,
     .run = run_stats,
     .examples = "micro debug stats -v greeter\nmicro debug stats --all custom"},
    {.name = "log", .summary = "the last records of its log", SERVICE, .options = log_options, .run = run_log},
    {.name = "trace", .summary = "its last spans", SERVICE, .options = trace_options, .run = run_trace},
    {.name = NULL},
};
