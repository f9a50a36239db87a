/* The tree of commands. */
#include "runtime/cli/cli.h"

#include <stdio.h>

static const struct option global_options[] = {
    {.name = "data-dir",
     .kind = OPTION_TEXT,
     .target = &cli_flags.data_dir,
     .argument = "DIR",
     .help = "data directory of the server; ~/.micro/server when absent",
     .env = "MICRO_DATA_DIR"},
    {.name = "namespace",
     .letter = 'n',
     .kind = OPTION_TEXT,
     .target = &cli_flags.namespace,
     .argument = "NAME",
     .help = "namespace of calls; \"micro\" when absent",
     .env = "MICRO_NAMESPACE"},
    {.name = "token",
     .kind = OPTION_TEXT,
     .target = &cli_flags.token,
     .argument = "TOKEN",
     .help = "access token to call with, instead of the login's",
     .env = "MICRO_TOKEN"},
    {.name = "log-level",
     .kind = OPTION_TEXT,
     .target = &cli_flags.log_level,
     .argument = "LEVEL",
     .help = "debug, info, warn, error or off",
     .env = "MICRO_LOG_LEVEL"},
    {.name = NULL},
};

/* The program takes these words before the table does, since a component has options of its own. */
static int run_service(const struct arguments *args)
{
    (void)args;
    fprintf(stderr, "A component's name is needed: micro service NAME [--OPTION VALUE]...\n");
    return EXIT_USAGE;
}

static const struct command commands[] = {
    {.name = "server",
     .summary = "run the whole of micro",
     .options = server_options_table,
     .run = command_server,
     .description =
         "Starts every component as a process of its own, in order of need, restarts what dies and says why\n"
         "it died. One server per data directory. Ctrl-C stops all.",
     .examples = "micro server\nmicro server --data-dir /tmp/m --base-port 0"},
    {.name = "service",
     .summary = "run one component in this process",
     .positional = "NAME [OPTION]...",
     .positional_min = 0,
     .positional_max = -1,
     .run = run_service,
     .description =
         "What `micro server` starts for each component. Options: --data-dir, --host, --base-port, --address,\n"
         "--profile, --peers, --run-dir; keys and tokens come from the environment."},
    {.name = "services", .summary = "list the services there are", .run = command_services},
    {.name = "call",
     .summary = "call an endpoint of a service",
     .positional = "SERVICE ENDPOINT [JSON]",
     .positional_min = 2,
     .positional_max = 3,
     .options = call_options,
     .run = command_call,
     .description = "Prints the answer; of an endpoint that streams, every one as it comes.",
     .examples = "micro call helloworld Helloworld.Call '{\"name\":\"Joe\"}'\n"
                 "micro call helloworld Helloworld.Stream '{\"count\":3}'"},
    {.name = "store", .summary = "read and write records", .children = store_commands},
    {.name = "config", .summary = "get and set configuration", .children = config_commands},
    {.name = "login",
     .summary = "log in as an account",
     .positional = "[ID]",
     .positional_max = 1,
     .options = login_options,
     .run = command_login,
     .examples = "micro login admin < ~/.micro/server/auth/admin.secret"},
    {.name = "logout", .summary = "forget the login", .run = command_logout},
    {.name = "status",
     .summary = "the components, and how they are",
     .positional = "[NAME]",
     .positional_max = 1,
     .options = status_options,
     .run = command_status},
    {.name = "health",
     .summary = "ask components whether they can do their work",
     .positional = "[NAME]",
     .positional_max = 1,
     .run = command_health},
    {.name = NULL},
};

const struct command cli_root = {
    .name = "micro",
    .summary = "the Micro runtime",
    .description = "Runs the Micro runtime and talks to a running one.",
    .options = global_options,
    .children = commands,
    .exit_codes = "0    done\n"
                  "1    request timed out; or this program could not do its part\n"
                  "2    unauthorized; or a wrong command line\n"
                  "3    malformed endpoint, request or response\n"
                  "4    service not found, or it cannot be connected to\n"
                  "5    method not found\n"
                  "127  any other error of the service\n"
                  "128  unknown error",
};
