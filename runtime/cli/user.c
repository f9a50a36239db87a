/* micro user: who we are, in which namespace and environment, and settings of our own (in <home>/config.json). */
#include "runtime/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *email, *old_password, *new_password;
} flags;

/* ---- who ---- */

/* The account of our token, asked of auth; else the id of the login. Empty when we are nobody. */
static int find_name(struct cli *c, struct text *out)
{
    struct text token = TEXT_INIT;
    json_t *reply = NULL;
    int code = cli_token(c, &token);
    if (code == CLI_OK && token.len > 0)
        code = cli_call_json(c, "auth", "Auth.Inspect", json_pack("{ss}", "token", text_string(&token)), &reply);
    const json_t *account = json_object_get(reply, "account");
    const char *name = cli_text(account, "name");
    if (account)
        text_puts(out, name[0] ? name : cli_text(account, "id"));
    json_decref(reply);
    text_deinit(&token);
    return code;
}

static int run_info(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    struct text name = TEXT_INIT;
    json_t *config = cli_config_load(c);
    const json_t *git = json_object_get(config, "git");
    int code = config ? find_name(c, &name) : CLI_TIMEOUT;
    if (code == CLI_OK) {
        const char *base = cli_text(git, "baseurl");
        printf("user: %s\nnamespace: %s\nenvironment: %s\ngit.credentials: %s\ngit.baseurl: %s\n",
               name.len ? text_string(&name) : "not logged in", c->namespace, c->env,
               cli_text(git, "credentials")[0] ? "[hidden]" : "n/a", base[0] ? base : "n/a");
    }
    text_deinit(&name);
    json_decref(config);
    return code;
}

static int run_token(const struct arguments *args)
{
    struct text token = TEXT_INIT;
    int code = cli_token(cli_of(args), &token);
    if (code == CLI_OK && token.len == 0)
        code = cli_fail(CLI_UNAUTHORIZED, "not logged in");
    if (code == CLI_OK)
        printf("%s\n", text_string(&token));
    text_deinit(&token);
    return code;
}

/* ---- namespace ---- */

static int run_namespace_get(const struct arguments *args)
{
    printf("%s\n", cli_of(args)->namespace);
    return CLI_OK;
}

static int run_namespace_set(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    const char *name = args->argv[0];
    if (!name[0] || strlen(name) > 256 || strpbrk(name, "/ \t\r\n"))
        return cli_fail(CLI_MALFORMED, "\"%.80s\" is not the name of a namespace", name);
    json_t *config = cli_config_load(c);
    if (!config)
        return CLI_TIMEOUT;
    json_t *all = json_object_get(config, "namespaces");
    if (!json_is_object(all)) {
        all = json_object();
        if (json_object_set_new(config, "namespaces", all) != 0)
            all = NULL;
    }
    int code = json_object_set_new(all, c->env, json_string(name)) == 0 ? CLI_OK : cli_no_memory();
    if (code == CLI_OK)
        code = cli_config_save(c, config);
    json_decref(config);
    return code;
}

/* ---- settings: dotted keys ---- */

#define KEY_PARTS_MAX 8

/* The object that holds the last part of the key, which goes to *last. */
static json_t *holder(json_t *config, char *key, bool make, const char **last)
{
    json_t *at = config;
    for (int i = 0; at && i < KEY_PARTS_MAX; i++) {
        char *dot = strchr(key, '.');
        *last = key;
        if (!dot)
            return at;
        *dot = '\0';
        json_t *next = json_object_get(at, key);
        if (make && !json_is_object(next)) {
            next = json_object();
            if (json_object_set_new(at, key, next) != 0)
                next = NULL;
        }
        at = json_is_object(next) ? next : NULL;
        key = dot + 1;
    }
    return NULL;
}

enum setting { GET, SET, DELETE };

static int setting(struct cli *c, enum setting what, const char *key, const char *value)
{
    json_t *config = cli_config_load(c);
    char *parts = strdup(key);
    const char *last = NULL;
    int code = !config ? CLI_TIMEOUT : !parts ? cli_no_memory() : CLI_OK;
    json_t *at = code == CLI_OK ? holder(config, parts, what == SET, &last) : NULL;
    const json_t *old = at ? json_object_get(at, last) : NULL;
    if (code == CLI_OK && what == SET && (!at || !last[0]))
        code = cli_fail(CLI_MALFORMED, "\"%.80s\" is not a key: names joined by dots, at most %d", key, KEY_PARTS_MAX);
    else if (code == CLI_OK && what != SET && !old)
        code = cli_fail(CLI_FAILED, "not found");
    if (code == CLI_OK && what == GET) {
        if (json_is_string(old))
            printf("%s\n", json_string_value(old));
        else
            code = cli_print_value(old);
    } else if (code == CLI_OK) {
        int failed = what == SET ? json_object_set_new(at, last, json_string(value)) : json_object_del(at, last);
        code = failed ? cli_fail(CLI_MALFORMED, "the value is not UTF-8") : cli_config_save(c, config);
    }
    free(parts);
    json_decref(config);
    return code;
}

static int run_config_get(const struct arguments *args)
{
    return setting(cli_of(args), GET, args->argv[0], NULL);
}

static int run_config_set(const struct arguments *args)
{
    return setting(cli_of(args), SET, args->argv[0], args->argv[1]);
}

static int run_config_delete(const struct arguments *args)
{
    return setting(cli_of(args), DELETE, args->argv[0], NULL);
}

/* ---- password ---- */

static int run_set_password(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    struct text id = TEXT_INIT;
    if (!flags.old_password || !flags.new_password)
        return cli_fail(EXIT_USAGE, "--old-password and --new-password are needed");
    int code = CLI_OK;
    if (flags.email)
        text_puts(&id, flags.email);
    else
        code = cli_token_id(c, &id);
    if (code == CLI_OK && id.len == 0)
        code = cli_fail(CLI_UNAUTHORIZED, "not logged in; say whose it is: --email ID");
    if (code == CLI_OK)
        code = cli_tell(c, "auth", "Accounts.ChangeSecret",
                        json_pack("{ss ss ss s{ss}}", "id", text_string(&id), "old_secret", flags.old_password,
                                  "new_secret", flags.new_password, "options", "namespace", c->namespace));
    if (code == CLI_OK)
        printf("Password updated; log in again: micro login %s\n", text_string(&id));
    text_deinit(&id);
    return code;
}

/* ---- the tables ---- */

static const struct option password_options[] = {
    {.name = "email",
     .kind = OPTION_TEXT,
     .target = &flags.email,
     .argument = "ID",
     .help = "the account's id or name; ours when absent"},
    {.name = "old-password",
     .kind = OPTION_TEXT,
     .target = &flags.old_password,
     .argument = "SECRET",
     .help = "the secret until now"},
    {.name = "new-password",
     .kind = OPTION_TEXT,
     .target = &flags.new_password,
     .argument = "SECRET",
     .help = "the secret from now on"},
    {.name = NULL},
};
static const struct command namespace_commands[] = {
    {.name = "get", .summary = "print the namespace", .run = run_namespace_get},
    {.name = "set",
     .summary = "use another namespace in this environment",
     .positional = "NAME",
     .positional_min = 1,
     .positional_max = 1,
     .run = run_namespace_set},
    {.name = NULL},
};
#define ONE_KEY .positional = "KEY", .positional_min = 1, .positional_max = 1
static const struct command setting_commands[] = {
    {.name = "get", .summary = "print a setting", ONE_KEY, .run = run_config_get},
    {.name = "set",
     .summary = "keep a setting",
     .positional = "KEY VALUE",
     .positional_min = 2,
     .positional_max = 2,
     .run = run_config_set,
     .examples = "micro user config set git.baseurl github.com/joe"},
    {.name = "delete", .summary = "forget a setting", ONE_KEY, .run = run_config_delete},
    {.name = NULL},
};
static const struct command set_commands[] = {
    {.name = "password", .summary = "change our secret", .options = password_options, .run = run_set_password},
    {.name = NULL},
};

const struct command user_commands[] = {
    {.name = "info", .summary = "who we are, namespace, environment, settings", .run = run_info},
    {.name = "token", .summary = "print the access token", .run = run_token},
    {.name = "namespace", .summary = "get or set the namespace", .children = namespace_commands},
    {.name = "config", .summary = "settings of our own: git.credentials, git.baseurl", .children = setting_commands},
    {.name = "set", .summary = "change our password", .children = set_commands},
    {.name = NULL},
};
