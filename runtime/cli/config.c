/* micro config: dotted keys into the namespace's configuration. */
#include "runtime/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool secret;
} flags;

static const struct option secret_options[] = {
    {.name = "secret",
     .letter = 's',
     .kind = OPTION_FLAG,
     .target = &flags.secret,
     .help = "get: show secrets in the clear; set: keep the value encrypted"},
    {.name = NULL},
};

/* The value as v3 prints it: a JSON string without its quotes, everything else as JSON. */
static int print_value(const char *data)
{
    json_t *value = json_loads(data, JSON_DECODE_ANY, NULL);
    if (json_is_null(value) || !data[0]) {
        json_decref(value);
        return cli_fail(CLI_FAILED, "not found");
    }
    if (json_is_string(value))
        printf("%s\n", json_string_value(value));
    else
        printf("%s\n", data);
    json_decref(value);
    return CLI_OK;
}

static int run_get(const struct arguments *args)
{
    struct cli c;
    json_t *reply = NULL;
    int code = cli_open(&c);
    if (code == CLI_OK)
        code = cli_call_json(&c, "config", "Config.Get",
                             json_pack("{ss ss s{sb}}", "namespace", c.namespace, "path", args->argv[0], "options",
                                       "secret", (int)flags.secret),
                             &reply);
    if (code == CLI_OK) {
        const char *data = json_string_value(json_object_get(json_object_get(reply, "value"), "data"));
        code = print_value(data ? data : "");
    }
    json_decref(reply);
    cli_close(&c);
    return code;
}

static int run_set(const struct arguments *args)
{
    struct cli c;
    json_t *reply = NULL;
    /* What is JSON is taken as such; anything else is text. */
    json_t *value = json_loads(args->argv[1], JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (!value)
        value = json_string(args->argv[1]);
    char *data = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(value);
    if (!data)
        return cli_fail(CLI_MALFORMED, "the value is not UTF-8");
    int code = cli_open(&c);
    if (code == CLI_OK)
        code = cli_call_json(&c, "config", "Config.Set",
                             json_pack("{ss ss s{ss ss} s{sb}}", "namespace", c.namespace, "path", args->argv[0],
                                       "value", "data", data, "format", "json", "options", "secret", (int)flags.secret),
                             &reply);
    free(data);
    json_decref(reply);
    cli_close(&c);
    return code;
}

static int run_del(const struct arguments *args)
{
    struct cli c;
    json_t *reply = NULL;
    int code = cli_open(&c);
    if (code == CLI_OK)
        code = cli_call_json(&c, "config", "Config.Delete",
                             json_pack("{ss ss}", "namespace", c.namespace, "path", args->argv[0]), &reply);
    json_decref(reply);
    cli_close(&c);
    return code;
}

const struct command config_commands[] = {
    {.name = "get",
     .summary = "print a value",
     .positional = "KEY",
     .positional_min = 1,
     .positional_max = 1,
     .options = secret_options,
     .run = run_get,
     .examples = "micro config get helloworld.greeting"},
    {.name = "set",
     .summary = "set a value; maps are merged",
     .positional = "KEY VALUE",
     .positional_min = 2,
     .positional_max = 2,
     .options = secret_options,
     .run = run_set,
     .examples = "micro config set helloworld '{\"greeting\":\"hi\"}'\nmicro config set --secret stripe.key sk_123"},
    {.name = "del",
     .summary = "delete a value",
     .positional = "KEY",
     .positional_min = 1,
     .positional_max = 1,
     .run = run_del},
    {.name = NULL},
};
