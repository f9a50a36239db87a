/* micro store: records of the store component. Values are bytes; proto3 JSON carries them as base64. */
#include "runtime/cli/cli.h"
#include "runtime/cli/snapshot.h"

#include "base/base64.h"
#include "base/json_build.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *database, *table, *order, *list_prefix, *list_suffix;
    bool prefix, suffix, verbose;
    int64_t limit, offset, expiry;
} flags;

static const char *const orders[] = {"asc", "desc", NULL};

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
         .letter = 'o',                                                                                                \
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
    json_build_set(&options, "database", json_string(flags.database ? flags.database : c->namespace));
    if (flags.table)
        json_build_set(&options, "table", json_string(flags.table));
    return options;
}

static void add_page(json_t **options)
{
    if (flags.limit)
        json_build_set(options, "limit", json_integer(flags.limit));
    if (flags.offset)
        json_build_set(options, "offset", json_integer(flags.offset));
    if (flags.order)
        json_build_set(options, "order", json_string(flags.order));
}

/* ---- read ---- */

static bool value_of(const json_t *record, struct text *out)
{
    return base64_decode(out, bytes_of(cli_text(record, "value"))) && text_ok(out);
}

static void put_value(struct text *out, const json_t *record)
{
    if (!value_of(record, out))
        text_puts(out, "?");
}

static void put_expiry(struct text *out, const json_t *record)
{
    char expiry[64] = "none";
    int64_t seconds = cli_integer(record, "expiry");
    if (seconds > 0)
        units_format_duration(seconds * SECOND, expiry, sizeof expiry);
    text_puts(out, expiry);
}

static int print_values(const json_t *records)
{
    const json_t *record;
    size_t i;
    json_array_foreach(records, i, record)
    {
        struct text value = TEXT_INIT;
        bool ok = value_of(record, &value);
        fwrite(text_string(&value), 1, value.len, stdout);
        text_deinit(&value);
        if (!ok)
            return cli_fail(CLI_MALFORMED, "malformed response from store Store.Read");
        putchar('\n');
    }
    return CLI_OK;
}

static int run_read(const struct arguments *args)
{
    static const struct cli_column columns[] = {
        {"KEY", "key", NULL}, {"VALUE", NULL, put_value}, {"EXPIRY", NULL, put_expiry}};
    struct cli *c = cli_of(args);
    json_t *reply = NULL, *options = where(c);
    add_page(&options);
    if (flags.prefix)
        json_build_set(&options, "prefix", json_true());
    if (flags.suffix)
        json_build_set(&options, "suffix", json_true());
    int code =
        cli_call_json(c, "store", "Store.Read", json_pack("{ss so}", "key", args->argv[0], "options", options), &reply);
    const json_t *records = json_object_get(reply, "records");
    if (code == CLI_OK && json_array_size(records) == 0)
        code = cli_fail(CLI_FAILED, "not found");
    if (code == CLI_OK)
        code = cli_as_json()   ? cli_print_value(records)
               : flags.verbose ? cli_table(records, columns, sizeof columns / sizeof columns[0])
                               : print_values(records);
    json_decref(reply);
    return code;
}

/* ---- write, delete ---- */

static int run_write(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    struct text value = TEXT_INIT;
    if (flags.expiry < 0)
        return cli_fail(CLI_MALFORMED, "--expiry must not be negative");
    base64_encode(&value, bytes_of(args->argv[1]));
    json_int_t seconds = (flags.expiry + SECOND - 1) / SECOND; /* the wire has seconds: never earlier than asked */
    int code = text_ok(&value) ? cli_tell(c, "store", "Store.Write",
                                          json_pack("{s{ss ss sI} so}", "record", "key", args->argv[0], "value",
                                                    text_string(&value), "expiry", seconds, "options", where(c)))
                               : cli_no_memory();
    text_deinit(&value);
    return code;
}

static int run_delete(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    return cli_tell(c, "store", "Store.Delete", json_pack("{ss so}", "key", args->argv[0], "options", where(c)));
}

/* ---- list, databases, tables ---- */

static int gather_keys(void *arg, const json_t *answer)
{
    json_t *keys = json_object_get(answer, "keys");
    return keys && json_array_extend(arg, keys) != 0 ? cli_no_memory() : CLI_OK;
}

static int run_list(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    json_t *options = where(c), *keys = json_array();
    add_page(&options);
    if (flags.list_prefix)
        json_build_set(&options, "prefix", json_string(flags.list_prefix));
    if (flags.list_suffix)
        json_build_set(&options, "suffix", json_string(flags.list_suffix));
    int code = cli_call_each(c, "store", "Store.List", json_pack("{so}", "options", options), gather_keys, keys);
    if (code == CLI_OK)
        code = cli_names(keys, false);
    json_decref(keys);
    return code;
}

static int print_names(struct cli *c, const char *endpoint, json_t *request, const char *member)
{
    json_t *reply = NULL;
    int code = cli_call_json(c, "store", endpoint, request, &reply);
    if (code == CLI_OK)
        code = cli_names(json_object_get(reply, member), false);
    json_decref(reply);
    return code;
}

static int run_databases(const struct arguments *args)
{
    return print_names(cli_of(args), "Store.Databases", json_object(), "databases");
}

static int run_tables(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    return print_names(c, "Store.Tables", json_pack("{ss}", "database", flags.database ? flags.database : c->namespace),
                       "tables");
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
     .kind = OPTION_CHOICE,
     .target = &cli_flags.output,
     .argument = "FORMAT",
     .help = "table, or json with values in base64",
     .fallback = "table",
     .choices = cli_outputs},
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
    {.name = "output",
     .kind = OPTION_CHOICE,
     .target = &cli_flags.output,
     .argument = "FORMAT",
     .help = "table (one a line) or json",
     .fallback = "table",
     .choices = cli_outputs},
    {.name = "json", .kind = OPTION_FLAG, .target = &cli_flags.json, .help = "the same as --output json"},
    {.name = NULL},
};
static const struct option where_options[] = {WHERE, {.name = NULL}};
static const struct option names_options[] = {CLI_OUTPUT_OPTIONS, {.name = NULL}};
static const struct option tables_options[] = {WHERE, CLI_OUTPUT_OPTIONS, {.name = NULL}};

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
    {.name = "databases", .summary = "list databases", .options = names_options, .run = run_databases},
    {.name = "tables", .summary = "list the tables of a database", .options = tables_options, .run = run_tables},
    {.name = "snapshot",
     .summary = "write every record of every database into a file",
     .options = snapshot_options,
     .run = snapshot_run,
     .examples = "micro store snapshot --destination file:///backup/monday"},
    {.name = "restore",
     .summary = "write the records of a snapshot back",
     .options = restore_options,
     .run = snapshot_run_restore,
     .description = "The file is checked whole before the first record is written. Records that are not in it stay."},
    {.name = "sync",
     .summary = "copy every record to another environment",
     .options = sync_options,
     .run = snapshot_run_sync},
    {.name = NULL},
};
