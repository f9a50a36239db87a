/* micro login, micro logout. */
#include "runtime/cli/cli.h"

#include "base/json_text.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_LEN 1024

static struct {
    const char *username, *password;
} flags;

const struct option login_options[] = {
    {.name = "username",
     .letter = 'u',
     .kind = OPTION_TEXT,
     .target = &flags.username,
     .argument = "ID",
     .help = "the account's id or name; asked for when absent"},
    {.name = "email", .kind = OPTION_TEXT, .target = &flags.username, .argument = "ID", .help = "the same"},
    {.name = "password",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .target = &flags.password,
     .argument = "SECRET",
     .help = "its secret; asked for, or read from standard input, when absent",
     .env = "MICRO_PASSWORD"},
    {.name = NULL},
};

/* One line from standard input; typed secrets are not shown. */
static bool ask(const char *prompt, bool secret, char out[LINE_MAX_LEN])
{
    struct termios before, quiet;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        fprintf(stderr, "%s: ", prompt);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        if (secret)
            (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    bool ok = fgets(out, LINE_MAX_LEN, stdin) != NULL;
    if (terminal && secret) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (ok)
        out[strcspn(out, "\r\n")] = '\0';
    return ok && out[0];
}

int command_login(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    char id_line[LINE_MAX_LEN], secret_line[LINE_MAX_LEN] = "";
    json_t *reply = NULL;
    const char *id = args->argc > 0 ? args->argv[0] : flags.username, *secret = flags.password;
    if (!id && ask("Enter username", false, id_line))
        id = id_line;
    if (!id || !id[0])
        return cli_fail(CLI_UNAUTHORIZED, "a username is needed: micro login ID");
    if (!secret && ask("Enter password", true, secret_line))
        secret = secret_line;
    if (!secret || !secret[0])
        return cli_fail(CLI_UNAUTHORIZED,
                        "a password is needed: --password, MICRO_PASSWORD, or a line on standard input");
    json_t *request = json_pack("{ss ss s{ss}}", "id", id, "secret", secret, "options", "namespace", c->namespace);
    char *json = request ? json_text_of(request, 0) : NULL;
    /* Without the token of an earlier login, which may be the very thing that is no good any more. */
    const struct cli_call call = {
        .service = "auth", .endpoint = "Auth.Token", .json = json, .anonymous = true, .timeout = 10 * SECOND};
    int code = json ? cli_call_value(c, &call, &reply) : cli_fail(CLI_MALFORMED, "username and password must be UTF-8");
    free(json);
    json_decref(request);
    json_t *token = json_object_get(reply, "token");
    if (code == CLI_OK && !json_is_object(token))
        code = cli_fail(CLI_MALFORMED, "malformed response from auth Auth.Token");
    if (code == CLI_OK)
        code = cli_token_save(c, id, token);
    if (code == CLI_OK)
        printf("Successfully logged in.\n");
    memset(secret_line, 0, sizeof secret_line);
    json_decref(reply);
    return code;
}

int command_logout(const struct arguments *args)
{
    bool any = false;
    int code = cli_token_forget(cli_of(args), &any);
    if (code == CLI_OK)
        printf(any ? "Successfully logged out.\n" : "You were not logged in.\n");
    return code;
}
