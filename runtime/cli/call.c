/* micro call, micro services: any endpoint of any service, and which services there are. */
#include "runtime/cli/cli.h"

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
     .choices = outputs},
    {.name = "metadata",
     .letter = 'm',
     .kind = OPTION_LIST,
     .target = &flags.metadata,
     .argument = "KEY=VALUE",
     .help = "metadata to send along; may be given several times"},
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
     .help = "call the service there, without looking it up; --token is the only token used"},
    {.name = NULL},
};

static void print_answer(void *arg, struct bytes json)
{
    int *code = arg;
    if (strcmp(flags.output, "raw") == 0)
        printf("%.*s\n", (int)json.len, json.len ? (const char *)json.data : "");
    else if (*code == CLI_OK)
        *code = cli_print_json(json);
    fflush(stdout); /* a stream is read as it comes */
}

int command_call(const struct arguments *args)
{
    struct cli c;
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
    int code = cli_open(&c);
    if (code == CLI_OK) {
        const struct cli_call call = {
            .service = args->argv[0],
            .endpoint = args->argv[1],
            .address = flags.address,
            .json = json,
            .metadata = &flags.metadata,
            .timeout = flags.timeout,
            .message = print_answer,
            .arg = &bad,
        };
        code = cli_call(&c, &call, NULL);
    }
    cli_close(&c);
    return code == CLI_OK ? bad : code;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int command_services(const struct arguments *args)
{
    struct cli c;
    json_t *reply = NULL;
    (void)args;
    int code = cli_open(&c);
    if (code == CLI_OK)
        code = cli_call_json(&c, "registry", "Registry.ListServices", json_object(), &reply);
    const json_t *list = json_object_get(reply, "services"), *service;
    size_t count = 0, i;
    const char **names = calloc(json_array_size(list) + 1, sizeof *names);
    json_array_foreach(list, i, service)
    {
        const char *name = json_string_value(json_object_get(service, "name"));
        if (names && name)
            names[count++] = name;
    }
    if (names)
        qsort(names, count, sizeof *names, by_name);
    for (i = 0; names && i < count; i++) {
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0) /* one entry for each version */
            printf("%s\n", names[i]);
    }
    free(names);
    json_decref(reply);
    cli_close(&c);
    return code;
}
