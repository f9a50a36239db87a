/* micro config: dotted keys into the namespace's configuration. */
#include "base/json_text.h"
#include "runtime/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool secret, all;
} flags;

static const struct option set_options[] = {
    {.name = "secret", .letter = 's', .kind = OPTION_FLAG, .target = &flags.secret, .help = "keep the value encrypted"},
    {.name = NULL},
};
static const struct option get_options[] = {
    {.name = "secret",
     .letter = 's',
     .kind = OPTION_FLAG,
     .target = &flags.secret,
     .help = "show secrets in the clear"},
    {.name = "all", .kind = OPTION_FLAG, .target = &flags.all, .help = "everything there is, instead of one key"},
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
    struct cli *c = cli_of(args);
    json_t *reply = NULL;
    if (args->argc == 0 && !flags.all)
        return cli_fail(EXIT_USAGE, "expected KEY, or --all");
    if (args->argc > 0 && flags.all)
        return cli_fail(EXIT_USAGE, "--all takes no key");
    int code = cli_call_json(c, "config", "Config.Get",
                             json_pack("{ss ss s{sb}}", "namespace", c->namespace, "path",
                                       flags.all ? "" : args->argv[0], "options", "secret", (int)flags.secret),
                             &reply);
    if (code == CLI_OK)
        code = print_value(cli_text(json_object_get(reply, "value"), "data"));
    json_decref(reply);
    return code;
}

static int run_set(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    /* What is JSON is taken as such; anything else is text. */
    json_t *value = json_loads(args->argv[1], JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (!value)
        value = json_string(args->argv[1]);
    char *data = value ? json_text_of(value, 0) : NULL;
    json_decref(value);
    if (!data)
        return cli_fail(CLI_MALFORMED, "the value is not UTF-8");
    int code = cli_tell(c, "config", "Config.Set",
                        json_pack("{ss ss s{ss ss} s{sb}}", "namespace", c->namespace, "path", args->argv[0], "value",
                                  "data", data, "format", "json", "options", "secret", (int)flags.secret));
    free(data);
    return code;
}

static int run_del(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    return cli_tell(c, "config", "Config.Delete",
                    json_pack("{ss ss}", "namespace", c->namespace, "path", args->argv[0]));
}

const struct command config_commands[] = {
    {.name = "get",
     .summary = "print a value",
     .positional = "[KEY]",
     .positional_max = 1,
     .options = get_options,
     .run = run_get,
     .examples = "micro config get helloworld.greeting\nmicro config get --all"},
    {.name = "set",
     .summary = "set a value; maps are merged",
     .positional = "KEY VALUE",
     .positional_min = 2,
     .positional_max = 2,
     .options = set_options,
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
