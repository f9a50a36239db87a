/* Environments: which micro is meant. <home>/config.json (or --config) keeps them:
 *
 *     {"env": "staging",
 *      "envs": {"staging": {"proxy_address": "micro.example.com:8081"}},
 *      "namespaces": {"staging": "joe"},
 *      "git": {"credentials": ...}}
 *
 * "local" and "platform" are built in. "local" is the server of the data directory, called component by component;
 * every other environment is called through its proxy, whose address without a port means TLS on 443.
 * What counts, first match: --proxy_address (MICRO_PROXY), --env (MICRO_ENV), --data-dir (MICRO_DATA_DIR), which
 * means the local server, then the environment set last. */
#include "runtime/cli/cli.h"

#include "runtime/component.h"
#include "world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX ((size_t)1 << 20) /* bytes of config.json */
#define ENVS_MAX   100

static const struct {
    const char *name, *address;
} built_in[] = {{CLI_ENV_LOCAL, "127.0.0.1:8081"}, {"platform", "proxy.m3o.com"}};
#define BUILT_IN_COUNT (sizeof built_in / sizeof built_in[0])

static void config_path(struct cli *c, char out[CLI_PATH_MAX + 16])
{
    snprintf(out, CLI_PATH_MAX + 16, "%s/config.json", c->home);
}

json_t *cli_config_load(struct cli *c)
{
    char path[CLI_PATH_MAX + 16];
    struct text content = TEXT_INIT;
    json_error_t where;
    json_t *config = NULL;
    config_path(c, path);
    int rc = world_read_file(c->world, path, CONFIG_MAX, &content, NULL);
    if (rc == ERROR_NOT_FOUND)
        config = json_object();
    else if (rc < 0)
        cli_fail(CLI_TIMEOUT, "cannot read %s: %s", path, error_code_name(rc));
    else if (!(config = json_loadb(content.data ? content.data : "", content.len, JSON_REJECT_DUPLICATES, &where)))
        cli_fail(CLI_TIMEOUT, "%s:%d:%d: %s", path, where.line, where.column, where.text);
    else if (!json_is_object(config)) {
        cli_fail(CLI_TIMEOUT, "%s:1:1: it must hold an object", path);
        json_decref(config);
        config = NULL;
    }
    text_deinit(&content);
    return config;
}

int cli_config_save(struct cli *c, const json_t *config)
{
    char path[CLI_PATH_MAX + 16];
    struct error err = ERROR_INIT;
    char *text = json_dumps(config, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (!text)
        return cli_no_memory();
    config_path(c, path);
    int rc = world_make_directory(c->world, c->home);
    if (rc < 0)
        error_set(&err, rc, "cannot make the directory %s: %s", c->home, error_code_name(rc));
    else
        rc = world_write_file(c->world, path, bytes_of(text), true, &err);
    free(text);
    int code = rc < 0 ? cli_fail_error(CLI_TIMEOUT, &err) : CLI_OK;
    error_clear(&err);
    return code;
}

/* The address of an environment; NULL when there is none of that name. */
static const char *address_of(const json_t *config, const char *name)
{
    const char *own =
        json_string_value(json_object_get(json_object_get(json_object_get(config, "envs"), name), "proxy_address"));
    for (size_t i = 0; !own && i < BUILT_IN_COUNT; i++)
        if (strcmp(built_in[i].name, name) == 0)
            own = built_in[i].address;
    return own;
}

static const char *current_of(const json_t *config)
{
    const char *name = json_string_value(json_object_get(config, "env"));
    return name && name[0] ? name : CLI_ENV_LOCAL;
}

static const char *given(const char *flag)
{
    return flag && flag[0] ? flag : NULL;
}

int cli_environment(struct cli *c)
{
    json_t *config = cli_config_load(c);
    if (!config)
        return CLI_TIMEOUT;
    const char *env = given(cli_flags.env)        ? cli_flags.env
                      : given(cli_flags.data_dir) ? CLI_ENV_LOCAL
                                                  : current_of(config);
    const char *address = address_of(config, env), *proxy = NULL;
    c->env_unknown = !address && !given(cli_flags.proxy);
    if (given(cli_flags.proxy))
        proxy = cli_flags.proxy;
    else if (strcmp(env, CLI_ENV_LOCAL) != 0)
        proxy = address;
    const char *namespace = given(cli_flags.namespace);
    if (!namespace)
    namespace = given(json_string_value(json_object_get(json_object_get(config, "namespaces"), env)));
    c->env = arena_string(&c->arena, env);
    c->proxy = arena_string(&c->arena, proxy);
    c->namespace = namespace ? arena_string(&c->arena, namespace) : MICRO_NAMESPACE;
    json_decref(config);
    return c->env && c->namespace && (c->proxy || !proxy) ? CLI_OK : cli_no_memory();
}

/* ---- micro env ---- */

static void mark(struct text *out, const json_t *row)
{
    text_puts(out, json_is_true(json_object_get(row, "current")) ? "*" : " ");
}

static int add_row(json_t *rows, const char *name, const char *address, const char *current)
{
    json_t *row = json_pack("{ss ss sb}", "name", name, "address", address, "current", strcmp(name, current) == 0);
    return json_array_append_new(rows, row);
}

static int run_list(const struct arguments *args)
{
    static const struct cli_column columns[] = {{"", NULL, mark}, {"NAME", "name", NULL}, {"ADDRESS", "address", NULL}};
    struct cli *c = cli_of(args);
    json_t *config = cli_config_load(c), *env, *rows = json_array();
    const char *name;
    if (!config || !rows) {
        json_decref(rows);
        json_decref(config);
        return CLI_TIMEOUT;
    }
    bool failed = false;
    for (size_t i = 0; i < BUILT_IN_COUNT; i++)
        failed = add_row(rows, built_in[i].name, address_of(config, built_in[i].name), c->env) != 0 || failed;
    json_object_foreach(json_object_get(config, "envs"), name, env)
    {
        bool known = false;
        for (size_t i = 0; i < BUILT_IN_COUNT; i++)
            known = known || strcmp(built_in[i].name, name) == 0;
        if (!known)
            failed = add_row(rows, name, cli_text(env, "proxy_address"), c->env) != 0 || failed;
    }
    int code = failed ? cli_no_memory() : cli_table(rows, columns, sizeof columns / sizeof columns[0]);
    json_decref(rows);
    json_decref(config);
    return code;
}

static int run_get(const struct arguments *args)
{
    printf("%s\n", cli_of(args)->env);
    return CLI_OK;
}

static int no_such(const char *name)
{
    return cli_fail(CLI_UNKNOWN, "environment \"%.80s\" does not exist; see: micro env", name);
}

static int run_set(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    json_t *config = cli_config_load(c);
    if (!config)
        return CLI_TIMEOUT;
    int code = address_of(config, args->argv[0]) ? CLI_OK : no_such(args->argv[0]);
    if (code == CLI_OK && json_object_set_new(config, "env", json_string(args->argv[0])) != 0)
        code = cli_no_memory();
    if (code == CLI_OK)
        code = cli_config_save(c, config);
    json_decref(config);
    return code;
}

static bool name_fits(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t len = strlen(name);
    return len > 0 && len <= 64 && strspn(name, plain) == len;
}

static int run_add(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    const char *name = args->argv[0], *address = args->argv[1];
    if (!name_fits(name))
        return cli_fail(CLI_UNAUTHORIZED, "a name has 1 to 64 letters, digits, \"-\", \"_\" and \".\"");
    if (!address[0] || strlen(address) > 255 || strpbrk(address, " \t\r\n/"))
        return cli_fail(CLI_UNAUTHORIZED, "\"%.80s\" is not an address: it is written HOST:PORT", address);
    json_t *config = cli_config_load(c);
    if (!config)
        return CLI_TIMEOUT;
    json_t *envs = json_object_get(config, "envs");
    if (!json_is_object(envs)) {
        envs = json_object();
        json_object_set_new(config, "envs", envs);
    }
    int code = CLI_OK;
    if (json_object_size(envs) >= ENVS_MAX && !json_object_get(envs, name))
        code = cli_fail(CLI_UNKNOWN, "there are %d environments already", ENVS_MAX);
    else if (json_object_set_new(envs, name, json_pack("{ss}", "proxy_address", address)) != 0)
        code = cli_no_memory();
    if (code == CLI_OK)
        code = cli_config_save(c, config);
    json_decref(config);
    return code;
}

static int run_del(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    const char *name = args->argv[0];
    json_t *config = cli_config_load(c);
    if (!config)
        return CLI_TIMEOUT;
    int code = json_object_del(json_object_get(config, "envs"), name) == 0 ? CLI_OK : no_such(name);
    if (strcmp(current_of(config), name) == 0)
        json_object_del(config, "env");
    json_object_del(json_object_get(config, "namespaces"), name);
    if (code == CLI_OK)
        code = cli_config_save(c, config);
    json_decref(config);
    return code;
}

static const struct option list_options[] = {CLI_OUTPUT_OPTIONS, {.name = NULL}};

const struct command env_commands[] = {
    {.name = "list", .summary = "list environments; * marks the current one", .options = list_options, .run = run_list},
    {.name = "get", .summary = "print the current environment's name", .run = run_get},
    {.name = "set",
     .summary = "make an environment the current one",
     .positional = "NAME",
     .positional_min = 1,
     .positional_max = 1,
     .run = run_set,
     .examples = "micro env set platform"},
    {.name = "add",
     .summary = "add an environment, or change its address",
     .positional = "NAME ADDRESS",
     .positional_min = 2,
     .positional_max = 2,
     .run = run_add,
     .description = "ADDRESS is the proxy's, HOST:PORT; without a port, or with 443, it is called with TLS.",
     .examples = "micro env add staging micro.example.com:8081"},
    {.name = "del",
     .summary = "remove an environment",
     .positional = "NAME",
     .positional_min = 1,
     .positional_max = 1,
     .run = run_del},
    {.name = NULL},
};
