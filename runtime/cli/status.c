/* micro status, micro logs: how the services the runtime runs are, and what they wrote. */
#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"
#include "runtime/cli/source.h"
#include "world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUILD_SHOWN 7 /* characters of a build's id */

static struct {
    const char *name, *version, *type, *format, *since;
    int64_t lines;
    bool components, follow;
} flags;

/* The runtime's clock is ours to compare with, as the printing functions get only a row. */
static int64_t now_seconds;

/* ---- status ---- */

static const char *metadata(const json_t *service, const char *key)
{
    return cli_text(json_object_get(service, "metadata"), key);
}

static void put_source(struct text *out, const json_t *service)
{
    const char *source = metadata(service, "source");
    text_puts(out, source[0] ? source : cli_text(service, "source"));
}

static void put_status(struct text *out, const json_t *service)
{
    static const char *const words[] = {"unknown", "pending",  "building", "starting",
                                        "running", "stopping", "stopped",  "error"};
    int64_t status = cli_integer(service, "status");
    const char *said = metadata(service, "status");
    if (said[0])
        text_puts(out, said);
    else if (status >= 0 && status < (int64_t)(sizeof words / sizeof words[0]))
        text_puts(out, words[status]);
}

static void put_build(struct text *out, const json_t *service)
{
    text_printf(out, "%.*s", BUILD_SHOWN, metadata(service, "build"));
}

/* RFC 3339 in UTC, as the runtime writes it; seconds since 1970, or 0. */
static int64_t parse_time(const char *text)
{
    struct tm tm = {0};
    int used = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec, &used) != 6 ||
        used == 0)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (int64_t)timegm(&tm);
}

/* "3m ago" */
static void put_updated(struct text *out, const json_t *service)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{24 * 3600, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    const char *updated = metadata(service, "started");
    if (!updated[0])
        updated = metadata(service, "lastStatusUpdate");
    int64_t then = parse_time(updated), ago = now_seconds - then;
    if (then == 0)
        return;
    ago = ago < 0 ? 0 : ago;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (ago >= units[i].seconds || units[i].seconds == 1) {
            text_printf(out, "%lld%c ago", (long long)(ago / units[i].seconds), units[i].unit);
            return;
        }
    }
}

static void put_metadata(struct text *out, const json_t *service)
{
    static const char *const shown[] = {"owner", "group", "error"};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        const char *value = metadata(service, shown[i]);
        if (value[0] || i < 2)
            text_printf(out, "%s%s=%s", out->len ? ", " : "", shown[i], value[0] ? value : "n/a");
    }
}

int command_status(const struct arguments *args)
{
    static const struct cli_column columns[] = {
        {"NAME", "name", NULL},           {"VERSION", "version", NULL}, {"SOURCE", NULL, put_source},
        {"STATUS", NULL, put_status},     {"BUILD", NULL, put_build},   {"UPDATED", NULL, put_updated},
        {"METADATA", NULL, put_metadata},
    };
    struct cli *c = cli_of(args);
    const char *only = args->argc > 0 ? args->argv[0] : flags.name && flags.name[0] ? flags.name : NULL;
    char name[SOURCE_NAME_MAX] = "", version[SOURCE_NAME_MAX] = "";
    json_t *reply = NULL;
    if (flags.components)
        return cli_components(c, only);
    int code = only ? source_name(only, name, version) : CLI_OK;
    if (code != CLI_OK)
        return code;
    json_t *options = json_pack("{ss}", "namespace", c->namespace);
    if (only)
        json_build_set(&options, "service", json_string(name));
    if (flags.version || (only && strcmp(version, "latest") != 0))
        json_build_set(&options, "version", json_string(flags.version ? flags.version : version));
    if (flags.type)
        json_build_set(&options, "type", json_string(flags.type));
    now_seconds = world_wall(c->world) / SECOND;
    code = cli_call_json(c, "runtime", "Runtime.Read", json_pack("{so}", "options", options), &reply);
    if (code == CLI_OK)
        code = cli_table(json_object_get(reply, "services"), columns, sizeof columns / sizeof columns[0]);
    json_decref(reply);
    return code;
}

/* ---- logs ---- */

static int print_record(void *arg, const json_t *record)
{
    const bool *as_json = arg;
    if (!*as_json) {
        printf("%s\n", cli_text(record, "message"));
        return CLI_OK;
    }
    char *text = json_text_of(record, 0);
    if (!text)
        return cli_no_memory();
    printf("%s\n", text);
    free(text);
    return CLI_OK;
}

/* A duration: so long ago; or a time in RFC 3339. Seconds since 1970. */
static int parse_since(struct cli *c, int64_t *out)
{
    int64_t ago;
    *out = 0;
    if (!flags.since)
        return CLI_OK;
    *out = parse_time(flags.since);
    if (*out > 0)
        return CLI_OK;
    if (units_parse_duration(flags.since, &ago, NULL) != 0 || ago < 0)
        return cli_fail(EXIT_USAGE, "--since: \"%.60s\" is neither a duration nor a time", flags.since);
    *out = (world_wall(c->world) - ago) / SECOND;
    return CLI_OK;
}

int command_logs(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    char name[SOURCE_NAME_MAX], version[SOURCE_NAME_MAX];
    int64_t since;
    bool as_json = strcmp(flags.format, "json") == 0;
    int code = source_name(args->argv[0], name, version);
    if (code == CLI_OK)
        code = parse_since(c, &since);
    if (code != CLI_OK)
        return code;
    json_t *request =
        json_pack("{ss sb sI sI ss s{ss}}", "service", name, "stream", (int)flags.follow, "count",
                  (json_int_t)flags.lines, "since", (json_int_t)since, "version",
                  flags.version && flags.version[0] ? flags.version : version, "options", "namespace", c->namespace);
    return cli_call_each(c, "runtime", "Runtime.Logs", request, print_record, &as_json);
}

/* ---- their options ---- */

static const char *const formats[] = {"text", "json", NULL};

const struct option status_options[] = {
    {.name = "components", .kind = OPTION_FLAG, .target = &flags.components, .help = "micro's own components instead"},
    {.name = "name", .kind = OPTION_TEXT, .target = &flags.name, .argument = "NAME", .help = "only this service"},
    {.name = "version",
     .kind = OPTION_TEXT,
     .target = &flags.version,
     .argument = "VERSION",
     .help = "only this version"},
    {.name = "type", .kind = OPTION_TEXT, .target = &flags.type, .argument = "TYPE", .help = "only this type"},
    CLI_OUTPUT_OPTIONS,
    {.name = NULL},
};
const struct option logs_options[] = {
    {.name = "version",
     .kind = OPTION_TEXT,
     .target = &flags.version,
     .argument = "VERSION",
     .help = "of this version; \"latest\" when absent"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_CHOICE,
     .target = &flags.format,
     .argument = "FORMAT",
     .help = "text: the messages; json: with time and metadata, one a line",
     .fallback = "text",
     .choices = formats},
    {.name = "follow",
     .letter = 'f',
     .kind = OPTION_FLAG,
     .target = &flags.follow,
     .help = "go on with what is written from now on"},
    {.name = "since",
     .kind = OPTION_TEXT,
     .target = &flags.since,
     .argument = "TIME",
     .help = "not older than this: a duration, or 2006-01-02T15:04:05Z"},
    {.name = "lines",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .target = &flags.lines,
     .argument = "N",
     .help = "the last so many",
     .fallback = "15",
     .min = 0,
     .max = 1000000},
    {.name = NULL},
};
