/* micro store: records of the store component. Values are bytes; proto3 JSON carries them as base64. */
#include "runtime/cli/cli.h"

#include "base/units.h"
#include "runtime/service/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *database, *table, *order, *output, *list_prefix, *list_suffix;
    bool prefix, suffix, verbose;
    int64_t limit, offset, expiry;
} flags;

static const char *const orders[] = {"asc", "desc", NULL};
static const char *const outputs[] = {"table", "json", NULL};

#define WHERE                                                                                                          \
    {.name = "database",                                                                                               \
     .letter = 'd',                                                                                                    \
     .kind = OPTION_TEXT,                                                                                              \
     .target = &flags.database,                                                                                        \
     .argument = "NAME",                                                                                               \
     .help = "the database; the namespace when absent"},                                                               \
    {                                                                                                                  \
        .name = "table", .letter = 't', .kind = OPTION_TEXT, .target = &flags.table, .argument = "NAME",               \
        .help = "the table; \"micro\" when absent"                                                                     \
    }
#define PAGE                                                                                                           \
    {.name = "limit",                                                                                                  \
     .letter = 'l',                                                                                                    \
     .kind = OPTION_INTEGER,                                                                                           \
     .target = &flags.limit,                                                                                           \
     .argument = "N",                                                                                                  \
     .help = "at most so many; 0: all",                                                                                \
     .fallback = "0",                                                                                                  \
     .min = 0,                                                                                                         \
     .max = INT32_MAX},                                                                                                \
        {.name = "offset",                                                                                             \
         .kind = OPTION_INTEGER,                                                                                       \
         .target = &flags.offset,                                                                                      \
         .argument = "N",                                                                                              \
         .help = "leave out the first so many",                                                                        \
         .fallback = "0",                                                                                              \
         .min = 0,                                                                                                     \
         .max = INT32_MAX},                                                                                            \
    {                                                                                                                  \
        .name = "order", .kind = OPTION_CHOICE, .target = &flags.order, .argument = "ORDER",                           \
        .help = "by key: asc or desc", .choices = orders                                                               \
    }

static json_t *where(struct cli *c)
{
    json_t *options = json_object();
    json_object_set_new(options, "database", json_string(flags.database ? flags.database : c->namespace));
    if (flags.table)
        json_object_set_new(options, "table", json_string(flags.table));
    return options;
}

static void add_page(json_t *options)
{
    if (flags.limit)
        json_object_set_new(options, "limit", json_integer(flags.limit));
    if (flags.offset)
        json_object_set_new(options, "offset", json_integer(flags.offset));
    if (flags.order)
        json_object_set_new(options, "order", json_string(flags.order));
}

/* ---- read ---- */

static int64_t seconds_of(const json_t *record)
{
    const json_t *expiry = json_object_get(record, "expiry");
    return json_is_string(expiry) ? strtoll(json_string_value(expiry), NULL, 10) : json_integer_value(expiry);
}

static int print_record(const json_t *record)
{
    const char *key = json_string_value(json_object_get(record, "key"));
    const char *encoded = json_string_value(json_object_get(record, "value"));
    struct text value = TEXT_INIT;
    int64_t seconds = seconds_of(record);
    if (!key || !base64_decode(&value, bytes_of(encoded ? encoded : ""))) {
        text_deinit(&value);
        return cli_fail(CLI_MALFORMED, "malformed response from store Store.Read");
    }
    if (flags.verbose) {
        char expiry[64] = "none";
        if (seconds > 0)
            units_format_duration(seconds * SECOND, expiry, sizeof expiry);
        printf("%-24s %-40s %s\n", key, text_string(&value), expiry);
    } else {
        fwrite(text_string(&value), 1, value.len, stdout);
        putchar('\n');
    }
    text_deinit(&value);
    return CLI_OK;
}

static int run_read(const struct arguments *args)
{
    struct cli c;
    json_t *reply = NULL;
    int code = cli_open(&c);
    if (code == CLI_OK) {
        json_t *options = where(&c);
        add_page(options);
        if (flags.prefix)
            json_object_set_new(options, "prefix", json_true());
        if (flags.suffix)
            json_object_set_new(options, "suffix", json_true());
        code = cli_call_json(&c, "store", "Store.Read", json_pack("{ss so}", "key", args->argv[0], "options", options),
                             &reply);
    }
    const json_t *records = json_object_get(reply, "records"), *record;
    size_t i;
    if (code == CLI_OK && json_array_size(records) == 0)
        code = cli_fail(CLI_FAILED, "not found");
    if (code == CLI_OK && strcmp(flags.output, "json") == 0) {
        char *text = json_dumps(records, JSON_COMPACT);
        code = text ? cli_print_json(bytes_of(text)) : cli_fail(CLI_MALFORMED, "out of memory");
        free(text);
    } else {
        if (code == CLI_OK && flags.verbose)
            printf("%-24s %-40s %s\n", "KEY", "VALUE", "EXPIRY");
        json_array_foreach(records, i, record)
        {
            if (code == CLI_OK)
                code = print_record(record);
        }
    }
    json_decref(reply);
    cli_close(&c);
    return code;
}

/* ---- write, delete ---- */

static int run_write(const struct arguments *args)
{
    struct cli c;
    json_t *reply = NULL;
    struct text value = TEXT_INIT;
    int code = cli_open(&c);
    base64_encode(&value, bytes_of(args->argv[1]));
    if (code == CLI_OK && flags.expiry < 0)
        code = cli_fail(CLI_MALFORMED, "--expiry must not be negative");
    if (code == CLI_OK) {
        json_int_t seconds = (flags.expiry + SECOND - 1) / SECOND; /* the wire has seconds: never earlier than asked */
        code = cli_call_json(&c, "store", "Store.Write",
                             json_pack("{s{ss ss sI} so}", "record", "key", args->argv[0], "value", text_string(&value),
                                       "expiry", seconds, "options", where(&c)),
                             &reply);
    }
    text_deinit(&value);
    json_decref(reply);
    cli_close(&c);
    return code;
}

static int run_delete(const struct arguments *args)
{
    struct cli c;
    json_t *reply = NULL;
    int code = cli_open(&c);
    if (code == CLI_OK)
        code = cli_call_json(&c, "store", "Store.Delete",
                             json_pack("{ss so}", "key", args->argv[0], "options", where(&c)), &reply);
    json_decref(reply);
    cli_close(&c);
    return code;
}

/* ---- list ---- */

static void print_keys(void *arg, struct bytes json)
{
    int *code = arg;
    json_t *answer = json_loadb((const char *)json.data, json.len, 0, NULL);
    const json_t *keys = json_object_get(answer, "keys"), *key;
    size_t i;
    if (!answer)
        *code = cli_fail(CLI_MALFORMED, "malformed response from store Store.List");
    json_array_foreach(keys, i, key)
    {
        if (json_is_string(key))
            printf("%s\n", json_string_value(key));
    }
    json_decref(answer);
}

static int run_list(const struct arguments *args)
{
    struct cli c;
    int bad = CLI_OK;
    (void)args;
    int code = cli_open(&c);
    if (code == CLI_OK) {
        json_t *options = where(&c);
        add_page(options);
        if (flags.list_prefix)
            json_object_set_new(options, "prefix", json_string(flags.list_prefix));
        if (flags.list_suffix)
            json_object_set_new(options, "suffix", json_string(flags.list_suffix));
        json_t *request = json_pack("{so}", "options", options);
        char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
        const struct cli_call call = {.service = "store",
                                      .endpoint = "Store.List",
                                      .json = text,
                                      .timeout = 30 * SECOND,
                                      .message = print_keys,
                                      .arg = &bad};
        code = text ? cli_call(&c, &call, NULL) : cli_fail(CLI_MALFORMED, "the arguments are not UTF-8");
        free(text);
        json_decref(request);
    }
    cli_close(&c);
    return code == CLI_OK ? bad : code;
}

/* ---- databases, tables ---- */

static int print_names(const char *endpoint, json_t *request, struct cli *c, const char *member)
{
    json_t *reply = NULL;
    int code = cli_call_json(c, "store", endpoint, request, &reply);
    const json_t *name;
    size_t i;
    json_array_foreach(json_object_get(reply, member), i, name)
    {
        if (json_is_string(name))
            printf("%s\n", json_string_value(name));
    }
    json_decref(reply);
    return code;
}

static int run_databases(const struct arguments *args)
{
    struct cli c;
    (void)args;
    int code = cli_open(&c);
    if (code == CLI_OK)
        code = print_names("Store.Databases", json_object(), &c, "databases");
    cli_close(&c);
    return code;
}

static int run_tables(const struct arguments *args)
{
    struct cli c;
    (void)args;
    int code = cli_open(&c);
    if (code == CLI_OK)
        code = print_names("Store.Tables", json_pack("{ss}", "database", flags.database ? flags.database : c.namespace),
                           &c, "tables");
    cli_close(&c);
    return code;
}

/* ---- the table ---- */

static const struct option read_options[] = {
    WHERE,
    {.name = "prefix",
     .letter = 'p',
     .kind = OPTION_FLAG,
     .target = &flags.prefix,
     .help = "every key that begins with KEY"},
    {.name = "suffix",
     .letter = 's',
     .kind = OPTION_FLAG,
     .target = &flags.suffix,
     .help = "every key that ends with KEY"},
    PAGE,
    {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .target = &flags.verbose, .help = "key, value and expiry"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_CHOICE,
     .target = &flags.output,
     .argument = "FORMAT",
     .help = "table, or json with values in base64",
     .fallback = "table",
     .choices = outputs},
    {.name = NULL},
};
static const struct option write_options[] = {
    WHERE,
    {.name = "expiry",
     .letter = 'e',
     .kind = OPTION_DURATION,
     .target = &flags.expiry,
     .argument = "DURATION",
     .help = "the record goes after this long; 0: never",
     .fallback = "0"},
    {.name = NULL},
};
static const struct option list_options[] = {
    WHERE,
    {.name = "prefix",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .target = &flags.list_prefix,
     .argument = "TEXT",
     .help = "keys that begin with it"},
    {.name = "suffix",
     .letter = 's',
     .kind = OPTION_TEXT,
     .target = &flags.list_suffix,
     .argument = "TEXT",
     .help = "keys that end with it"},
    PAGE,
    {.name = NULL},
};
static const struct option where_options[] = {WHERE, {.name = NULL}};

const struct command store_commands[] = {
    {.name = "read",
     .summary = "print a record's value",
     .positional = "KEY",
     .positional_min = 1,
     .positional_max = 1,
     .options = read_options,
     .run = run_read,
     .examples = "micro store read greeting\nmicro store read --prefix --verbose user/"},
    {.name = "write",
     .summary = "write a record",
     .positional = "KEY VALUE",
     .positional_min = 2,
     .positional_max = 2,
     .options = write_options,
     .run = run_write,
     .examples = "micro store write --expiry 1h greeting hello"},
    {.name = "list", .summary = "list keys", .options = list_options, .run = run_list},
    {.name = "delete",
     .summary = "delete a record; fine when it is not there",
     .positional = "KEY",
     .positional_min = 1,
     .positional_max = 1,
     .options = where_options,
     .run = run_delete},
    {.name = "databases", .summary = "list databases", .run = run_databases},
    {.name = "tables", .summary = "list the tables of a database", .options = where_options, .run = run_tables},
    {.name = NULL},
};
