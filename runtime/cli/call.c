/* micro call, micro stream, micro services, micro get service: any endpoint of any service, and which there are. */
#include "runtime/cli/cli.h"

#include "base/json_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *output, *address;
    struct option_list metadata;
    int64_t timeout;
} flags;

static const char *const outputs[] = {"json", "raw", NULL};
const struct option call_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_CHOICE,
     .target = &flags.output,
     .argument = "FORMAT",
     .help = "json (indented) or raw (as it came)",
     .fallback = "json",
     .env = "MICRO_OUTPUT",
     .choices = outputs},
    {.name = "metadata",
     .letter = 'm',
     .kind = OPTION_LIST,
     .target = &flags.metadata,
     .argument = "KEY=VALUE",
     .help = "metadata to send along; may be given several times",
     .env = "MICRO_METADATA"},
    {.name = "request_timeout",
     .letter = 't',
     .kind = OPTION_DURATION,
     .target = &flags.timeout,
     .argument = "DURATION",
     .help = "give up after this long; 0: never",
     .fallback = CLI_CALL_TIMEOUT},
    {.name = "address",
     .letter = 'a',
     .kind = OPTION_TEXT,
     .target = &flags.address,
     .argument = "HOST:PORT",
     .help = "call the service there, without looking it up; --token is the only token used",
     .env = "MICRO_ADDRESS"},
    {.name = NULL},
};

const struct option stream_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_CHOICE,
     .target = &flags.output,
     .argument = "FORMAT",
     .help = "json (indented) or raw (as it came, one a line)",
     .fallback = "json",
     .env = "MICRO_OUTPUT",
     .choices = outputs},
    {.name = "metadata",
     .letter = 'm',
     .kind = OPTION_LIST,
     .target = &flags.metadata,
     .argument = "KEY=VALUE",
     .help = "metadata to send along; may be given several times",
     .env = "MICRO_METADATA"},
    {.name = NULL},
};
const struct option services_options[] = {CLI_OUTPUT_OPTIONS, {.name = NULL}};

static void print_answer(void *arg, struct bytes json)
{
    int *code = arg;
    if (strcmp(flags.output, "raw") == 0)
        printf("%.*s\n", (int)json.len, json.len ? (const char *)json.data : "");
    else if (*code == CLI_OK)
        *code = cli_print_json(json);
    cli_flush(); /* a stream is read as it comes */
}

static int run_call(const struct arguments *args, int64_t timeout, const char *address)
{
    int bad = CLI_OK;
    json_error_t where;
    const char *json = args->argc > 2 ? args->argv[2] : "{}";
    json_t *parsed = json_loads(json, JSON_REJECT_DUPLICATES, &where);
    bool object = json_is_object(parsed);
    json_decref(parsed);
    if (!parsed)
        return cli_fail(CLI_MALFORMED, "malformed request: %d:%d: %s", where.line, where.column, where.text);
    if (!object)
        return cli_fail(CLI_MALFORMED, "malformed request: it must be a JSON object");
    const struct cli_call call = {
        .service = args->argv[0],
        .endpoint = args->argv[1],
        .address = address,
        .json = json,
        .metadata = &flags.metadata,
        .timeout = timeout,
        .message = print_answer,
        .arg = &bad,
    };
    int code = cli_call(cli_of(args), &call);
    return code == CLI_OK ? bad : code;
}

int command_call(const struct arguments *args)
{
    return run_call(args, flags.timeout, flags.address);
}

int command_stream(const struct arguments *args)
{
    return run_call(args, 0, NULL);
}

int command_services(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    json_t *reply = NULL, *names = json_array();
    const json_t *service;
    size_t i;
    int code = cli_call_json(c, "registry", "Registry.ListServices",
                             json_pack("{s{ss}}", "options", "domain", c->namespace), &reply);
    json_array_foreach(json_object_get(reply, "services"), i, service)
    {
        json_t *name = json_object_get(service, "name"); /* one entry for each version */
        if (name)
            json_build_add(&names, json_incref(name));
    }
    if (code == CLI_OK)
        code = names ? cli_names(names, true) : cli_no_memory();
    json_decref(names);
    json_decref(reply);
    return code;
}

/* ---- micro get service ---- */

#define SCHEMA_DEPTH_MAX 8

static void print_members(const json_t *value, int depth)
{
    const json_t *member;
    size_t i;
    if (depth >= SCHEMA_DEPTH_MAX)
        return;
    json_array_foreach(json_object_get(value, "values"), i, member)
    {
        bool inner = json_array_size(json_object_get(member, "values")) > 0;
        printf("%*s%s %s%s\n", 4 * (depth + 1), "", cli_text(member, "name"), cli_text(member, "type"),
               inner ? " {" : "");
        print_members(member, depth + 1);
        if (inner)
            printf("%*s}\n", 4 * (depth + 1), "");
    }
}

static void print_schema(const char *title, const json_t *value)
{
    printf("%s: {\n", title);
    print_members(value, 0);
    printf("}\n\n");
}

static void put_metadata(struct text *out, const json_t *node)
{
    cli_pairs(out, json_object_get(node, "metadata"));
}

static int print_version(const json_t *version)
{
    static const struct cli_column columns[] = {
        {"ID", "id", NULL}, {"Address", "address", NULL}, {"Metadata", NULL, put_metadata}};
    const json_t *endpoint;
    size_t i;
    printf("version %s\n\n", cli_text(version, "version"));
    int code = cli_table(json_object_get(version, "nodes"), columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(json_object_get(version, "endpoints"), i, endpoint)
    {
        struct text metadata = TEXT_INIT;
        cli_pairs(&metadata, json_object_get(endpoint, "metadata"));
        printf("\nEndpoint: %s\n\n", cli_text(endpoint, "name"));
        if (metadata.len)
            printf("Metadata: %s\n\n", text_string(&metadata));
        print_schema("Request", json_object_get(endpoint, "request"));
        print_schema("Response", json_object_get(endpoint, "response"));
        text_deinit(&metadata);
    }
    return code;
}

static int run_get_service(const struct arguments *args)
{
    const char *name = args->argv[0];
    json_t *reply = NULL;
    size_t i;
    const json_t *version;
    int code = cli_find_service(cli_of(args), name, &reply);
    const json_t *versions = json_object_get(reply, "services");
    cli_not_found(code, name);
    if (code == CLI_OK && cli_as_json()) {
        code = cli_print_value(versions);
    } else if (code == CLI_OK) {
        printf("service %s\n\n", name);
        json_array_foreach(versions, i, version)
        {
            if (code == CLI_OK)
                code = print_version(version);
        }
    }
    json_decref(reply);
    return code;
}

const struct command get_commands[] = {
    {.name = "service",
     .summary = "a service's versions, nodes and endpoints",
     .positional = "NAME",
     .positional_min = 1,
     .positional_max = 1,
     .options = services_options,
     .run = run_get_service,
     .examples = "micro get service helloworld"},
    {.name = NULL},
};
