/* micro server: the flags of the supervisor. */
#include "runtime/server/server.h"

#include "runtime/cli/cli.h"
#include "runtime/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
    const char *host, *profile, *admin_secret;
    int64_t base_port;
    bool json;
} flags;

static const char *const profiles[] = {"local", NULL};
const struct option server_options_table[] = {
    {.name = "host",
     .kind = OPTION_TEXT,
     .target = &flags.host,
     .argument = "HOST",
     .help = "address every component listens on",
     .fallback = "127.0.0.1",
     .env = "MICRO_HOST"},
    {.name = "base-port",
     .kind = OPTION_INTEGER,
     .target = &flags.base_port,
     .argument = "PORT",
     .help = "first port of the block; api listens 80 above. 0: any free block",
     .fallback = "8000",
     .env = "MICRO_BASE_PORT",
     .min = 0,
     .max = 65535 - MICRO_USER_OFFSET - 1},
    {.name = "profile",
     .kind = OPTION_CHOICE,
     .target = &flags.profile,
     .argument = "PROFILE",
     .help = "what the components stand on",
     .fallback = "local",
     .env = "MICRO_PROFILE",
     .choices = profiles},
    {.name = "admin-secret",
     .kind = OPTION_TEXT,
     .target = &flags.admin_secret,
     .argument = "SECRET",
     .help = "secret of the first account; drawn and kept in the data directory when absent",
     .env = "MICRO_ADMIN_SECRET"},
    {.name = "json", .kind = OPTION_FLAG, .target = &flags.json, .help = "the line that says all is up, as JSON"},
    {.name = NULL},
};

/* Our own executable, as a path that a process list shows in full. */
static bool find_program(char out[CLI_PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, CLI_PATH_MAX - 1);
    if (n <= 0 || n >= CLI_PATH_MAX - 1)
        return false;
    out[n] = '\0';
    return true;
}

int command_server(const struct arguments *args)
{
    struct cli c;
    char program[CLI_PATH_MAX];
    (void)args;
    int code = cli_open(&c);
    if (code == CLI_OK && !find_program(program))
        code = cli_fail(CLI_TIMEOUT, "cannot find out the path of this program");
    if (code == CLI_OK) {
        const struct server_options options = {
            .program = program,
            .data_dir = c.data_dir,
            .host = flags.host,
            .base_port = (int)flags.base_port,
            .profile = flags.profile,
            .admin_secret = flags.admin_secret,
            .json = flags.json,
        };
        code = server_run(c.world, &options);
    }
    cli_close(&c);
    return code;
}
