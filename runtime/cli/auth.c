/* micro auth: accounts, rules and tokens. */
#include "runtime/cli/cli.h"

#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC "<public>" /* how the scope of everybody is shown and written */
#define RESOURCE_FORM                                                                                                  \
    "--resource TYPE:NAME:ENDPOINT, where * is any, as in service:notes:Notes.Read, service:notes:*, *:*:*"

static struct {
    const char *id, *secret, *type, *scope, *resource, *access, *old_secret, *new_secret, *name;
    struct option_list scopes;
    int64_t priority, expiry;
} flags;

static const char *const accesses[] = {"granted", "denied", NULL};

/* {"namespace": ...}, the options of every call to auth. */
static json_t *in_namespace(const struct cli *c)
{
    return json_pack("{ss}", "namespace", c->namespace);
}

/* Prints `words` and the value on one line, as v3 does. */
static int print_made(const char *words, const json_t *value)
{
    char *text = json_text_of(value, 0);
    if (!text)
        return cli_no_memory();
    printf("%s: %s\n", words, text);
    free(text);
    return CLI_OK;
}

/* ---- list ---- */

static void put_scope(struct text *out, const json_t *rule)
{
    const char *scope = cli_text(rule, "scope");
    text_puts(out, scope[0] ? scope : PUBLIC);
}

static void put_resource(struct text *out, const json_t *rule)
{
    const json_t *r = json_object_get(rule, "resource");
    text_printf(out, "%s:%s:%s", cli_text(r, "type"), cli_text(r, "name"), cli_text(r, "endpoint"));
}

static int list(struct cli *c, const char *endpoint, const char *member, const struct cli_column *columns, size_t count)
{
    json_t *reply = NULL;
    int code = cli_call_json(c, "auth", endpoint, json_pack("{so}", "options", in_namespace(c)), &reply);
    if (code == CLI_OK)
        code = cli_table(json_object_get(reply, member), columns, count);
    json_decref(reply);
    return code;
}

static int run_list_rules(const struct arguments *args)
{
    static const struct cli_column columns[] = {{"ID", "id", NULL},
                                                {"Scope", NULL, put_scope},
                                                {"Access", "access", NULL},
                                                {"Resource", NULL, put_resource},
                                                {"Priority", "priority", NULL}};
    return list(cli_of(args), "Rules.List", "rules", columns, sizeof columns / sizeof columns[0]);
}

static void put_scopes(struct text *out, const json_t *account)
{
    const json_t *scope;
    size_t i;
    json_array_foreach(json_object_get(account, "scopes"), i, scope)
    {
        text_printf(out, "%s%s", i ? ", " : "", json_is_string(scope) ? json_string_value(scope) : "?");
    }
}

static void put_metadata(struct text *out, const json_t *account)
{
    cli_pairs(out, json_object_get(account, "metadata"));
}

static int run_list_accounts(const struct arguments *args)
{
    static const struct cli_column columns[] = {
        {"ID", "id", NULL}, {"Name", "name", NULL}, {"Scopes", NULL, put_scopes}, {"Metadata", NULL, put_metadata}};
    return list(cli_of(args), "Accounts.List", "accounts", columns, sizeof columns / sizeof columns[0]);
}

/* ---- create ---- */

/* "type:name:endpoint": all three, since a part that is left out would open more than was meant. NULL: it is not. */
static json_t *parse_resource(const char *text)
{
    const char *name = strchr(text, ':'), *endpoint = name ? strchr(name + 1, ':') : NULL;
    if (!endpoint || name == text || endpoint == name + 1 || !endpoint[1] || strchr(endpoint + 1, ':') ||
        strpbrk(text, " \t\r\n"))
        return NULL;
    return json_pack("{ss% ss% ss}", "type", text, (size_t)(name - text), "name", name + 1,
                     (size_t)(endpoint - name - 1), "endpoint", endpoint + 1);
}

static int run_create_rule(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    const char *scope = flags.scope && strcmp(flags.scope, PUBLIC) != 0 ? flags.scope : "";
    json_t *resource = flags.resource ? parse_resource(flags.resource) : NULL;
    if (!flags.resource)
        return cli_fail(EXIT_USAGE, "what the rule is about is missing: " RESOURCE_FORM);
    if (!resource)
        return cli_fail(EXIT_USAGE, "\"%.80s\" is not what a rule can be about: " RESOURCE_FORM, flags.resource);
    json_t *rule =
        json_pack("{ss ss so ss sI}", "id", args->argv[0], "scope", scope, "resource", resource, "access",
                  strcmp(flags.access, "denied") == 0 ? "DENIED" : "GRANTED", "priority", (json_int_t)flags.priority);
    int code = cli_tell(c, "auth", "Rules.Create", json_pack("{so so}", "rule", rule, "options", in_namespace(c)));
    if (code == CLI_OK)
        printf("Rule created\n");
    return code;
}

static int run_create_account(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    json_t *reply = NULL;
    json_t *request =
        json_pack("{ss so so}", "id", args->argv[0], "scopes", cli_list(&flags.scopes), "options", in_namespace(c));
    if (flags.secret)
        json_build_set(&request, "secret", json_string(flags.secret));
    if (flags.type)
        json_build_set(&request, "type", json_string(flags.type));
    if (flags.name)
        json_build_set(&request, "name", json_string(flags.name));
    int code = cli_call_json(c, "auth", "Auth.Generate", request, &reply);
    if (code == CLI_OK)
        code = print_made("Account created", json_object_get(reply, "account"));
    json_decref(reply);
    return code;
}

static int run_create_token(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    json_t *reply = NULL;
    if (!flags.id || !flags.secret)
        return cli_fail(EXIT_USAGE, "--id and --secret are needed");
    int code = cli_call_json(c, "auth", "Auth.Token",
                             json_pack("{ss ss sI so}", "id", flags.id, "secret", flags.secret, "token_expiry",
                                       (json_int_t)(flags.expiry / SECOND), "options", in_namespace(c)),
                             &reply);
    if (code == CLI_OK)
        code = print_made("Token created", json_object_get(reply, "token"));
    json_decref(reply);
    return code;
}

/* ---- delete, update ---- */

static int run_delete_rule(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    int code =
        cli_tell(c, "auth", "Rules.Delete", json_pack("{ss so}", "id", args->argv[0], "options", in_namespace(c)));
    if (code == CLI_OK)
        printf("Rule deleted\n");
    return code;
}

static int run_delete_account(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    int code =
        cli_tell(c, "auth", "Accounts.Delete", json_pack("{ss so}", "id", args->argv[0], "options", in_namespace(c)));
    if (code == CLI_OK)
        printf("Account deleted\n");
    return code;
}

static int run_update_secret(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    const char *id = args->argc > 0 ? args->argv[0] : flags.id;
    if (!id || !flags.new_secret)
        return cli_fail(EXIT_USAGE, "--id and --new_secret are needed");
    int code = cli_tell(c, "auth", "Accounts.ChangeSecret",
                        json_pack("{ss ss ss so}", "id", id, "old_secret", flags.old_secret ? flags.old_secret : "",
                                  "new_secret", flags.new_secret, "options", in_namespace(c)));
    if (code == CLI_OK)
        printf("Account updated\n");
    return code;
}

/* ---- the tables ---- */

static const struct option list_options[] = {CLI_OUTPUT_OPTIONS, {.name = NULL}};
static const struct option rule_options[] = {
    {.name = "scope",
     .kind = OPTION_TEXT,
     .target = &flags.scope,
     .argument = "SCOPE",
     .help = "whom it is about: a scope, * any account of the namespace, + any account, \"\" everybody",
     .fallback = ""},
    {.name = "resource",
     .kind = OPTION_TEXT,
     .target = &flags.resource,
     .argument = "TYPE:NAME:ENDPOINT",
     .help = "what it is about; * is any. Needed"},
    {.name = "access",
     .kind = OPTION_CHOICE,
     .target = &flags.access,
     .argument = "ACCESS",
     .help = "granted or denied",
     .fallback = "granted",
     .choices = accesses},
    {.name = "priority",
     .kind = OPTION_INTEGER,
     .target = &flags.priority,
     .argument = "N",
     .help = "higher ones decide first",
     .fallback = "0",
     .min = INT32_MIN,
     .max = INT32_MAX},
    {.name = NULL},
};
static const struct option account_options[] = {
    {.name = "secret",
     .kind = OPTION_TEXT,
     .target = &flags.secret,
     .argument = "SECRET",
     .help = "one is drawn, and printed, when absent"},
    {.name = "scopes",
     .kind = OPTION_LIST,
     .target = &flags.scopes,
     .argument = "SCOPE",
     .help = "joined by commas, or given several times"},
    {.name = "type",
     .kind = OPTION_TEXT,
     .target = &flags.type,
     .argument = "TYPE",
     .help = "user or service; user when absent"},
    {.name = "name",
     .kind = OPTION_TEXT,
     .target = &flags.name,
     .argument = "NAME",
     .help = "a name to log in with, besides the id"},
    {.name = NULL},
};
static const struct option token_options[] = {
    {.name = "id", .kind = OPTION_TEXT, .target = &flags.id, .argument = "ID", .help = "the account"},
    {.name = "secret", .kind = OPTION_TEXT, .target = &flags.secret, .argument = "SECRET", .help = "its secret"},
    {.name = "expiry",
     .kind = OPTION_DURATION,
     .target = &flags.expiry,
     .argument = "DURATION",
     .help = "how long the token shall live; 15 minutes when absent",
     .fallback = "0"},
    {.name = NULL},
};
static const struct option secret_options[] = {
    {.name = "id", .kind = OPTION_TEXT, .target = &flags.id, .argument = "ID", .help = "the account"},
    {.name = "old_secret",
     .kind = OPTION_TEXT,
     .target = &flags.old_secret,
     .argument = "SECRET",
     .help = "needed unless an administrator asks"},
    {.name = "new_secret",
     .kind = OPTION_TEXT,
     .target = &flags.new_secret,
     .argument = "SECRET",
     .help = "the secret from now on"},
    {.name = NULL},
};

#define ONE_ID .positional = "ID", .positional_min = 1, .positional_max = 1

static const struct command list_commands[] = {
    {.name = "rules", .summary = "list rules", .options = list_options, .run = run_list_rules},
    {.name = "accounts", .summary = "list accounts", .options = list_options, .run = run_list_accounts},
    {.name = NULL},
};
static const struct command create_commands[] = {
    {.name = "rule",
     .summary = "create a rule",
     ONE_ID,
     .options = rule_options,
     .run = run_create_rule,
     .examples = "micro auth create rule --scope='*' --resource='service:notes:*' onlyloggedin"},
    {.name = "account",
     .summary = "create an account",
     ONE_ID,
     .options = account_options,
     .run = run_create_account,
     .examples = "micro auth create account --scopes=admin joe"},
    {.name = "token", .summary = "create an access token", .options = token_options, .run = run_create_token},
    {.name = NULL},
};
static const struct command delete_commands[] = {
    {.name = "rule", .summary = "delete a rule", ONE_ID, .run = run_delete_rule},
    {.name = "account", .summary = "delete an account", ONE_ID, .run = run_delete_account},
    {.name = NULL},
};
static const struct command update_commands[] = {
    {.name = "secret",
     .summary = "change an account's secret",
     .positional = "[ID]",
     .positional_max = 1,
     .options = secret_options,
     .run = run_update_secret},
    {.name = NULL},
};

const struct command auth_commands[] = {
    {.name = "list", .summary = "list rules or accounts", .children = list_commands},
    {.name = "create", .summary = "create a rule, an account or a token", .children = create_commands},
    {.name = "delete", .summary = "delete a rule or an account", .children = delete_commands},
    {.name = "update", .summary = "change an account's secret", .children = update_commands},
    {.name = NULL},
};
