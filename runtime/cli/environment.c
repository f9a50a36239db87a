/* Environments: which micro is meant. <home>/config.json (or -c FILE) keeps them:
 *
 *     {"env": "staging",
 *      "envs": {"staging": {"proxy_address": "https://micro.example.com:8084",
 *                           "ca": "/etc/micro/ca.pem", "cert": "/etc/micro/me.pem", "key": "/etc/micro/me.key"}},
 *      "namespaces": {"staging": "joe"},
 *      "git": {"credentials": ...}}
 *
 * "local" and "platform" are built in. "local" is the server of the data directory; every other environment is called
 * through its proxy, at an address as channel.c reads it, with the files of TLS beside it where there are any.
 * What counts, first match: --proxy_address (MICRO_PROXY), --env (MICRO_ENV), --data-dir (MICRO_DATA_DIR), which
 * means the local server, then the environment set last. */
#include "runtime/cli/cli.h"

#include "base/json_text.h"
#include "runtime/component.h"
#include "world/world.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX ((size_t)1 << 20) /* bytes of config.json */
#define PEM_MAX    ((size_t)256 << 10)
#define ENVS_MAX   100

static struct {
    const char *ca, *cert, *key;
} flags;

static const struct {
    const char *name, *address;
} built_in[] = {{CLI_ENV_LOCAL, ""}, {"platform", "proxy.m3o.com"}};
#define BUILT_IN_COUNT (sizeof built_in / sizeof built_in[0])

static void config_path(struct cli *c, char out[CLI_PATH_MAX + 16])
{
    if (cli_flags.config && cli_flags.config[0])
        snprintf(out, CLI_PATH_MAX + 16, "%s", cli_flags.config);
    else
        snprintf(out, CLI_PATH_MAX + 16, "%s/config.json", c->home);
}

/* Where the file is kept is made on the way; a folder somebody names is theirs to make. */
static bool config_at_home(void)
{
    return !cli_flags.config || !cli_flags.config[0];
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
    char *text = json_text_by(config, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (!text)
        return cli_no_memory();
    config_path(c, path);
    int rc = config_at_home() ? world_make_directory(c->world, c->home) : 0;
    if (rc < 0)
        error_set(&err, rc, "cannot make the directory %s: %s", c->home, error_code_name(rc));
    else
        rc = world_write_file(c->world, path, bytes_of(text), true, &err);
    free(text);
    int code = rc < 0 ? cli_fail_error(CLI_TIMEOUT, &err) : CLI_OK;
    error_clear(&err);
    return code;
}

static const char *built_in_address(const char *name)
{
    for (size_t i = 0; i < BUILT_IN_COUNT; i++)
        if (strcmp(built_in[i].name, name) == 0)
            return built_in[i].address;
    return NULL;
}

/* What the file keeps of an environment; NULL: nothing. "local" is not there to be kept. */
static const json_t *kept(const json_t *config, const char *name)
{
    return strcmp(name, CLI_ENV_LOCAL) != 0 ? json_object_get(json_object_get(config, "envs"), name) : NULL;
}

/* The address of an environment, "" for "local"; NULL when there is none of that name. */
static const char *address_of(const json_t *config, const char *name)
{
    const char *own = json_string_value(json_object_get(kept(config, name), "proxy_address"));
    return own ? own : built_in_address(name);
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

static const char *copy_given(struct arena *arena, const char *text)
{
    return given(text) ? arena_string(arena, text) : NULL;
}

/* The name logins are kept under: the environment's. "local" is another micro for each data directory, and what was
 * given as an address is an environment without a name. */
static const char *login_name(struct cli *c)
{
    if (given(cli_flags.proxy))
        return arena_printf(&c->arena, "@%s", cli_flags.proxy);
    if (c->proxy || c->env_unknown)
        return c->env;
    char *real = realpath(c->data_dir, NULL);
    struct text name = TEXT_INIT;
    text_puts(&name, CLI_ENV_LOCAL "@");
    for (const char *p = real ? real : c->data_dir; *p; p++) {
        if (isalnum((unsigned char)*p) || strchr("-_.", *p))
            text_char(&name, *p);
        else
            text_printf(&name, "%%%02X", (unsigned)(unsigned char)*p);
    }
    const char *out = text_ok(&name) ? arena_string(&c->arena, text_string(&name)) : NULL;
    text_deinit(&name);
    free(real);
    return out;
}

int cli_environment(struct cli *c)
{
    json_t *config = cli_config_load(c);
    if (!config)
        return CLI_TIMEOUT;
    const char *env = given(cli_flags.env)        ? cli_flags.env
                      : given(cli_flags.data_dir) ? CLI_ENV_LOCAL
                                                  : current_of(config);
    const char *address = address_of(config, env), *proxy = given(cli_flags.proxy);
    c->env_unknown = !address && !proxy;
    if (!proxy) {
        const json_t *own = kept(config, env);
        proxy = given(address);
        c->tls_files = (struct cli_tls){.ca = copy_given(&c->arena, cli_text(own, "ca")),
                                        .certificate = copy_given(&c->arena, cli_text(own, "cert")),
                                        .key = copy_given(&c->arena, cli_text(own, "key"))};
    }
    const char *namespace = given(cli_flags.namespace);
    if (!namespace)
    namespace = given(json_string_value(json_object_get(json_object_get(config, "namespaces"), env)));
    c->env = arena_string(&c->arena, env);
    c->proxy = copy_given(&c->arena, proxy);
    c->namespace = namespace ? arena_string(&c->arena, namespace) : MICRO_NAMESPACE;
    json_decref(config);
    c->login = c->env && (c->proxy || !proxy) ? login_name(c) : NULL;
    return c->login && c->namespace ? CLI_OK : cli_no_memory();
}

/* "local, platform, staging" */
static void names_of(const json_t *config, struct text *out)
{
    json_t *env;
    const char *name;
    for (size_t i = 0; i < BUILT_IN_COUNT; i++)
        text_printf(out, "%s%s", i ? ", " : "", built_in[i].name);
    json_object_foreach(json_object_get(config, "envs"), name, env)
    {
        if (!built_in_address(name))
            text_printf(out, ", %s", name);
    }
}

static int no_such(const json_t *config, const char *name)
{
    struct text names = TEXT_INIT;
    names_of(config, &names);
    int code = cli_fail(EXIT_USAGE, "environment \"%.80s\" does not exist; there are: %s", name, text_string(&names));
    text_deinit(&names);
    return code;
}

int cli_environment_check(struct cli *c)
{
    if (!c->env_unknown)
        return CLI_OK;
    json_t *config = cli_config_load(c);
    int code = config ? no_such(config, c->env) : CLI_TIMEOUT;
    json_decref(config);
    return code;
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

/* Where the server of the data directory is called, whatever the environment in force; nothing when none runs. */
static void local_address(struct cli *c, struct text *out)
{
    struct cli local = *c;
    bool was = cli_quiet(true);
    local.proxy = NULL;
    json_t *status = cli_status(&local);
    if (status)
        (void)cli_address(&local, "proxy", out);
    json_decref(status);
    cli_quiet(was);
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
    for (size_t i = 0; i < BUILT_IN_COUNT; i++) {
        struct text address = TEXT_INIT;
        name = built_in[i].name;
        if (strcmp(name, CLI_ENV_LOCAL) == 0)
            local_address(c, &address);
        else
            text_puts(&address, address_of(config, name));
        failed = add_row(rows, name, text_string(&address), c->env) != 0 || failed;
        text_deinit(&address);
    }
    json_object_foreach(json_object_get(config, "envs"), name, env)
    {
        if (!built_in_address(name))
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

static int run_set(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    json_t *config = cli_config_load(c);
    if (!config)
        return CLI_TIMEOUT;
    int code = address_of(config, args->argv[0]) ? CLI_OK : no_such(config, args->argv[0]);
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

/* Kept with its whole path, since the next command may be given in another folder. */
static int add_file(struct cli *c, json_t *env, const char *key, const char *path)
{
    struct text content = TEXT_INIT;
    if (!given(path))
        return CLI_OK;
    char *whole = realpath(path, NULL);
    int rc = whole ? world_read_file(c->world, whole, PEM_MAX, &content, NULL) : ERROR_NOT_FOUND;
    int code = CLI_OK;
    if (rc < 0)
        code = cli_fail(EXIT_USAGE, "--%s: cannot read %s: %s", key, path, error_code_name(rc));
    else if (json_object_set_new(env, key, json_string(whole)) != 0)
        code = cli_no_memory();
    if (content.len > 0)
        OPENSSL_cleanse(content.data, content.len);
    text_deinit(&content);
    free(whole);
    return code;
}

static int make_env(struct cli *c, const char *address, json_t **out)
{
    struct error err = ERROR_INIT;
    bool tls = false, files = given(flags.ca) || given(flags.cert) || given(flags.key);
    int code = CLI_OK;
    if (cli_channel_check(address, &tls, &err) < 0)
        code = cli_fail_error(EXIT_USAGE, &err);
    else if (files && !tls)
        code = cli_fail(EXIT_USAGE, "--ca, --cert and --key are for TLS: https://%s", address);
    else if (!given(flags.cert) != !given(flags.key))
        code = cli_fail(EXIT_USAGE, "--cert and --key belong together");
    error_clear(&err);
    *out = code == CLI_OK ? json_pack("{ss}", "proxy_address", address) : NULL;
    if (code == CLI_OK && !*out)
        code = cli_no_memory();
    if (code == CLI_OK)
        code = add_file(c, *out, "ca", flags.ca);
    if (code == CLI_OK)
        code = add_file(c, *out, "cert", flags.cert);
    if (code == CLI_OK)
        code = add_file(c, *out, "key", flags.key);
    return code;
}

static int run_add(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    const char *name = args->argv[0], *address = args->argv[1];
    json_t *made = NULL;
    if (!name_fits(name))
        return cli_fail(EXIT_USAGE, "a name has 1 to 64 letters, digits, \"-\", \"_\" and \".\"");
    if (strcmp(name, CLI_ENV_LOCAL) == 0)
        return cli_fail(EXIT_USAGE, "\"local\" is the server of the data directory (--data-dir), wherever it listens: "
                                    "another one needs another name");
    json_t *config = cli_config_load(c);
    if (!config)
        return CLI_TIMEOUT;
    int code = make_env(c, address, &made);
    json_t *envs = json_object_get(config, "envs");
    if (code == CLI_OK && !json_is_object(envs)) {
        envs = json_object();
        if (json_object_set_new(config, "envs", envs) != 0)
            code = cli_no_memory();
    }
    const char *before = address_of(config, name);
    bool moved = before && strcmp(before, address) != 0;
    if (code == CLI_OK && json_object_size(envs) >= ENVS_MAX && !json_object_get(envs, name))
        code = cli_fail(CLI_UNKNOWN, "there are %d environments already", ENVS_MAX);
    else if (code == CLI_OK && moved) /* first: whoever is there now shall not be shown what was meant for another */
        code = cli_token_forget_all(c, name);
    if (code == CLI_OK && json_object_set(envs, name, made) != 0)
        code = cli_no_memory();
    if (code == CLI_OK)
        code = cli_config_save(c, config);
    json_decref(made);
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
    int code = CLI_OK;
    if (json_object_del(json_object_get(config, "envs"), name) != 0)
        code = built_in_address(name) ? cli_fail(EXIT_USAGE, "environment \"%s\" is built in", name)
                                      : no_such(config, name);
    if (strcmp(current_of(config), name) == 0)
        json_object_del(config, "env");
    json_object_del(json_object_get(config, "namespaces"), name);
    if (code == CLI_OK)
        code = cli_token_forget_all(c, name);
    if (code == CLI_OK)
        code = cli_config_save(c, config);
    json_decref(config);
    return code;
}

static const struct option list_options[] = {CLI_OUTPUT_OPTIONS, {.name = NULL}};
static const struct option add_options[] = {
    {.name = "ca",
     .kind = OPTION_TEXT,
     .target = &flags.ca,
     .argument = "FILE",
     .help = "TLS: trust certificates signed by these (PEM) instead of those the system trusts"},
    {.name = "cert",
     .kind = OPTION_TEXT,
     .target = &flags.cert,
     .argument = "FILE",
     .help = "TLS: our own certificate (PEM), for a proxy that asks for one"},
    {.name = "key",
     .kind = OPTION_TEXT,
     .target = &flags.key,
     .argument = "FILE",
     .help = "TLS: its private key (PEM)"},
    {.name = NULL},
};

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
     .options = add_options,
     .run = run_add,
     .description = "ADDRESS is the proxy's, HOST:PORT. With https:// in front of it, and without a port or with 443,\n"
                    "it is called with TLS; with http:// in front of it never. Another address ends the logins there.",
     .examples = "micro env add staging micro.example.com:8081\n"
                 "micro env add prod https://micro.example.com:8084 --ca ca.pem"},
    {.name = "del",
     .summary = "remove an environment",
     .positional = "NAME",
     .positional_min = 1,
     .positional_max = 1,
     .run = run_del},
    {.name = NULL},
};
