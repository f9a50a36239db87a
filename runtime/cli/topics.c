/* micro events, micro broker: messages by topic, kept (events) and passing (broker). Payloads are bytes; proto3 JSON
 * carries them as base64. */
#include "runtime/cli/cli.h"

#include "base/base64.h"
#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"
#include "world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *group, *queue, *output;
    const char *offset;
    struct option_list metadata;
    int64_t limit, skip, count;
} flags;

/* ---- printing ---- */

static const char *const forms[] = {"payload", "json", NULL};

/* The message with its bytes as JSON where they are JSON, else as text, else as base64 as they came. */
static json_t *readable(const json_t *message, const char *member)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)message), *value = NULL;
    struct text bytes = TEXT_INIT;
    if (base64_decode(&bytes, bytes_of(cli_text(message, member)))) {
        value = json_loadb(bytes.data ? bytes.data : "", bytes.len, JSON_DECODE_ANY, NULL);
        if (!value)
            value = json_stringn(bytes.data ? bytes.data : "", bytes.len);
    }
    if (value)
        json_build_set(&copy, member, value);
    text_deinit(&bytes);
    return copy;
}

static int print_one(const json_t *message, const char *member)
{
    int code = CLI_OK;
    if (strcmp(flags.output, "json") == 0) {
        json_t *shown = readable(message, member);
        char *text = json_text_of(shown, 0);
        if (text)
            printf("%s\n", text);
        else
            code = cli_no_memory();
        free(text);
        json_decref(shown);
        return code;
    }
    struct text bytes = TEXT_INIT;
    if (base64_decode(&bytes, bytes_of(cli_text(message, member)))) {
        fwrite(text_string(&bytes), 1, bytes.len, stdout);
        putchar('\n');
    } else {
        code = cli_fail(CLI_MALFORMED, "malformed message");
    }
    text_deinit(&bytes);
    return code;
}

struct taking {
    const char *member;
    int64_t left; /* messages until the end; 0: without end */
};

#define ENOUGH (-1) /* ends the stream; no exit code */

static int take(void *arg, const json_t *message)
{
    struct taking *t = arg;
    int code = print_one(message, t->member);
    cli_flush();
    return code == CLI_OK && t->left > 0 && --t->left == 0 ? ENOUGH : code;
}

static int follow(struct cli *c, const char *service, const char *endpoint, json_t *request, const char *member)
{
    struct taking t = {.member = member, .left = flags.count};
    int code = cli_call_each(c, service, endpoint, request, take, &t);
    return code == ENOUGH ? CLI_OK : code;
}

static int payload(const char *text, struct text *out)
{
    base64_encode(out, bytes_of(text));
    return text_ok(out) ? CLI_OK : cli_no_memory();
}

/* ---- events ---- */

static int run_events_publish(const struct arguments *args)
{
    struct text encoded = TEXT_INIT;
    json_t *metadata = NULL;
    json_error_t where;
    json_t *value = json_loads(args->argv[1], JSON_DECODE_ANY, &where);
    if (!value)
        return cli_fail(CLI_MALFORMED, "the event is not JSON: %d:%d: %s", where.line, where.column, where.text);
    json_decref(value);
    int code = cli_parse_pairs(&flags.metadata, "metadata", &metadata);
    if (code == CLI_OK)
        code = payload(args->argv[1], &encoded);
    if (code == CLI_OK)
        code = cli_tell(cli_of(args), "events", "Stream.Publish",
                        json_pack("{ss so ss}", "topic", args->argv[0], "metadata", json_incref(metadata), "payload",
                                  text_string(&encoded)));
    json_decref(metadata);
    text_deinit(&encoded);
    return code;
}

/* Seconds since 1970, or a duration: so long ago. */
static int parse_offset(struct cli *c, int64_t *out)
{
    int64_t ago;
    *out = 0;
    if (!flags.offset)
        return CLI_OK;
    if (units_parse_integer(flags.offset, 0, INT64_MAX, out, NULL) == 0)
        return CLI_OK;
    if (units_parse_duration(flags.offset, &ago, NULL) != 0 || ago < 0)
        return cli_fail(EXIT_USAGE, "--offset: \"%.60s\" is neither seconds since 1970 nor a duration", flags.offset);
    *out = (world_wall(c->world) - ago) / SECOND;
    return CLI_OK;
}

static int run_events_consume(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    int64_t offset;
    int code = parse_offset(c, &offset);
    if (code != CLI_OK)
        return code;
    return follow(c, "events", "Stream.Consume",
                  json_pack("{ss ss sI sb}", "topic", args->argv[0], "group", flags.group ? flags.group : "", "offset",
                            (json_int_t)offset, "auto_ack", 1),
                  "payload");
}

static int run_events_read(const struct arguments *args)
{
    json_t *reply = NULL;
    const json_t *event;
    size_t i;
    int code = cli_call_json(cli_of(args), "events", "Store.Read",
                             json_pack("{ss sI sI}", "topic", args->argv[0], "limit", (json_int_t)flags.limit, "offset",
                                       (json_int_t)flags.skip),
                             &reply);
    json_array_foreach(json_object_get(reply, "events"), i, event)
    {
        if (code == CLI_OK)
            code = print_one(event, "payload");
    }
    json_decref(reply);
    return code;
}

/* ---- broker ---- */

static int run_broker_publish(const struct arguments *args)
{
    struct text encoded = TEXT_INIT;
    json_t *header = NULL;
    int code = cli_parse_pairs(&flags.metadata, "header", &header);
    if (code == CLI_OK)
        code = payload(args->argv[1], &encoded);
    if (code == CLI_OK)
        code = cli_tell(cli_of(args), "broker", "Broker.Publish",
                        json_pack("{ss s{so ss}}", "topic", args->argv[0], "message", "header", json_incref(header),
                                  "body", text_string(&encoded)));
    json_decref(header);
    text_deinit(&encoded);
    return code;
}

static int run_broker_subscribe(const struct arguments *args)
{
    return follow(cli_of(args), "broker", "Broker.Subscribe",
                  json_pack("{ss ss}", "topic", args->argv[0], "queue", flags.queue ? flags.queue : ""), "body");
}

/* ---- the tables ---- */

#define FORM                                                                                                           \
    {                                                                                                                  \
        .name = "output", .kind = OPTION_CHOICE, .target = &flags.output, .letter = 'o', .argument = "FORMAT",         \
        .help = "payload: as it was published; json: with id, metadata and time, one a line", .fallback = "payload",   \
        .choices = forms                                                                                               \
    }
#define METADATA(help_)                                                                                                \
    {                                                                                                                  \
        .name = "metadata", .letter = 'm', .kind = OPTION_LIST, .target = &flags.metadata, .argument = "KEY=VALUE",    \
        .help = help_                                                                                                  \
    }
#define COUNT                                                                                                          \
    {                                                                                                                  \
        .name = "count", .kind = OPTION_INTEGER, .target = &flags.count, .argument = "N",                              \
        .help = "end after so many; 0: never", .fallback = "0", .min = 0, .max = INT32_MAX                             \
    }

static const struct option publish_options[] = {METADATA("metadata of the event"), {.name = NULL}};
static const struct option consume_options[] = {
    {.name = "group",
     .letter = 'g',
     .kind = OPTION_TEXT,
     .target = &flags.group,
     .argument = "NAME",
     .help = "consumers of one group share the events"},
    {.name = "offset",
     .kind = OPTION_TEXT,
     .target = &flags.offset,
     .argument = "TIME",
     .help = "begin with events from then on: seconds since 1970, or a duration ago"},
    COUNT,
    FORM,
    {.name = NULL},
};
static const struct option read_options[] = {
    {.name = "limit",
     .letter = 'l',
     .kind = OPTION_INTEGER,
     .target = &flags.limit,
     .argument = "N",
     .help = "at most so many; 0: 250",
     .fallback = "0",
     .min = 0,
     .max = INT32_MAX},
    {.name = "offset",
     .kind = OPTION_INTEGER,
     .target = &flags.skip,
     .argument = "N",
     .help = "leave out the first so many",
     .fallback = "0",
     .min = 0,
     .max = INT32_MAX},
    FORM,
    {.name = NULL},
};
static const struct option header_options[] = {METADATA("header of the message"), {.name = NULL}};
static const struct option subscribe_options[] = {
    {.name = "queue",
     .letter = 'q',
     .kind = OPTION_TEXT,
     .target = &flags.queue,
     .argument = "NAME",
     .help = "subscribers of one queue share the messages"},
    COUNT,
    FORM,
    {.name = NULL},
};

#define TOPIC .positional = "TOPIC", .positional_min = 1, .positional_max = 1

const struct command events_commands[] = {
    {.name = "publish",
     .summary = "publish an event",
     .positional = "TOPIC JSON",
     .positional_min = 2,
     .positional_max = 2,
     .options = publish_options,
     .run = run_events_publish,
     .examples = "micro events publish orders '{\"id\":7}'"},
    {.name = "consume",
     .summary = "print events as they come",
     TOPIC,
     .options = consume_options,
     .run = run_events_consume,
     .examples = "micro events consume orders --offset 1h"},
    {.name = "read",
     .summary = "print the events kept of a topic",
     TOPIC,
     .options = read_options,
     .run = run_events_read},
    {.name = NULL},
};

const struct command broker_commands[] = {
    {.name = "publish",
     .summary = "publish a message",
     .positional = "TOPIC TEXT",
     .positional_min = 2,
     .positional_max = 2,
     .options = header_options,
     .run = run_broker_publish},
    {.name = "subscribe",
     .summary = "print messages as they come",
     TOPIC,
     .options = subscribe_options,
     .run = run_broker_subscribe},
    {.name = NULL},
};
