/* The tree of commands. */
#include "runtime/cli/cli.h"

#include <stdio.h>

static const struct option global_options[] = {
    {.name = "c",
     .letter = 'c',
     .kind = OPTION_TEXT,
     .target = &cli_flags.config,
     .argument = "FILE",
     .help = "environments and settings; ~/.micro/config.json when absent",
     .env = "MICRO_CONFIG_FILE"},
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
     .help = "namespace of calls; the environment's own, else \"micro\", when absent",
     .env = "MICRO_NAMESPACE"},
    {.name = "env",
     .letter = 'e',
     .kind = OPTION_TEXT,
     .target = &cli_flags.env,
     .argument = "NAME",
     .help = "environment to talk to; the one set by `micro env set` when absent",
     .env = "MICRO_ENV"},
    {.name = "proxy_address",
     .kind = OPTION_TEXT,
     .target = &cli_flags.proxy,
     .argument = "ADDRESS",
     .help = "call everything there, whatever the environment: HOST:PORT, or https://HOST:PORT",
     .env = "MICRO_PROXY"},
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

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

static int run_completion(const struct arguments *args)
{
    struct text script = TEXT_INIT;
    command_completion(&cli_root, args->argv[0], &script);
    bool known = script.len > 0;
    fputs(text_string(&script), stdout);
    bool ok = text_ok(&script);
    text_deinit(&script);
    if (!ok)
        return cli_no_memory();
    return known ? CLI_OK : cli_fail(EXIT_USAGE, "expected one of %s, %s, %s", shells[0], shells[1], shells[2]);
}

static const struct command commands[] = {
    /* ---- a micro of one's own ---- */
    {.name = "server",
     .summary = "run the whole of micro",
     .options = server_options_table,
     .run = command_server,
     .description =
         "Starts every component as a process of its own, in order of need, restarts what dies and says why\n"
         "it died. One server per data directory. Ctrl-C stops all.",
     .examples = "micro server\nmicro server --data-dir /tmp/m --base-port 0"},
    {.name = "shutdown", .summary = "stop the server of the data directory", .run = command_shutdown},
    {.name = "service",
     .summary = "run one component, or something of yours as a service",
     .positional = "[COMMAND [ARGUMENT]...]",
     .positional_min = 0,
     .positional_max = -1,
     .options = service_options,
     .run = command_service,
     .description =
         "micro service NAME [--OPTION VALUE]... runs the component NAME in this process, as `micro server` does;\n"
         "micro service NAME --help lists its options.\n"
         "\n"
         "With --name and --endpoint it makes what is no service of micro's into one, which is registered, called and\n"
         "guarded like any other, until Ctrl-C:\n"
         "\n"
         "    http://HOST:PORT[/PATH]     each message is POSTed to /PATH/Type/Method, the answer is the reply\n"
         "    grpc://HOST:PORT[/PACKAGE]  calls go on as they are, PACKAGE in place of the service's name\n"
         "    file:///FOLDER              its files: BlobStore.Read, BlobStore.List, and the gateway's /NAME/...\n"
         "    exec://PROGRAM [WORD]...    each message is a run: standard input to standard output\n"
         "\n"
         "COMMAND is started with it and ends with it: the server the endpoint is of. Log in first, for the service\n"
         "gets an account while it runs; started by `micro run --command` it has one.",
     .examples = "micro service store --data-dir /tmp/m --base-port 9000\nmicro service proxy --help\n"
                 "micro service --name greeter --endpoint http://localhost:9090 -- python3 server.py\n"
                 "micro service --name upper --endpoint 'exec://tr a-z A-Z'"},
    {.name = "web",
     .summary = "run the dashboard, on port 8082",
     .options = web_options,
     .run = command_web,
     .description = "Pages that show the services and call their endpoints, through the gateway, as whoever logs in.",
     .examples = "micro web\nmicro web --api_address http://api.example.com --web_address 127.0.0.1:9000"},
    {.name = "init",
     .summary = "write the environment that starts a profile",
     .options = init_options,
     .run = command_init,
     .description = "For a shell (set -a; . FILE) or a unit of systemd (EnvironmentFile=FILE): what may be set for a\n"
                    "server, a client, or a service that is run by hand, with the values in force.",
     .examples = "micro init --profile server --output micro.env"},
    {.name = "health",
     .summary = "ask the components whether they can do their work",
     .positional = "[NAME]",
     .positional_max = 1,
     .run = command_health},

    /* ---- whom we talk to, and as whom ---- */
    {.name = "env", .summary = "environments: which micro is meant", .children = env_commands},
    {.name = "login",
     .summary = "log in as an account",
     .positional = "[ID]",
     .positional_max = 1,
     .options = login_options,
     .run = command_login,
     .examples = "micro login admin < ~/.micro/server/auth/admin.secret"},
    {.name = "logout", .summary = "forget the login", .run = command_logout},
    {.name = "user", .summary = "who we are; our namespace, token, settings, password", .children = user_commands},

    /* ---- services of one's own ---- */
    {.name = "new",
     .summary = "make the source of a new service, in C",
     .positional = "NAME",
     .positional_min = 1,
     .positional_max = 1,
     .run = command_new,
     .description = "NAME may be a path; its last part is the service's name. It builds with `make`, and runs with\n"
                    "`micro run`.",
     .examples = "micro new greeter && cd greeter && make && micro run ."},
    {.name = "gen",
     .summary = "generate C code from a service folder's contracts",
     .positional = "[FOLDER]",
     .positional_max = 1,
     .options = gen_options,
     .run = command_gen,
     .description = "For every .proto file in the folder: NAME.pb-c.c and NAME.pb-c.h (messages) and NAME.set.h (the\n"
                    "contract's descriptors, which a service shows to its callers). Needs protoc and protoc-gen-c."},
    {.name = "sdk",
     .summary = "compiler and linker flags for services in C",
     .options = sdk_options,
     .run = command_sdk,
     .examples = "cc $(micro sdk --cflags) -c handler.c"},
    {.name = "run",
     .summary = "run a service from its source",
     .positional = "[SOURCE]",
     .positional_min = 0,
     .positional_max = 1,
     .options = run_options,
     .run = command_run,
     .description = "SOURCE is a local folder, or a repository: github.com/USER/REPO[/FOLDER][@BRANCH].\n"
                    "What .microignore and .gitignore name, and folders of version control, stay here.",
     .examples = "micro run .\nmicro run ./greeter --watch\nmicro run github.com/joe/services/greeter@main"},
    {.name = "update",
     .summary = "build a running service anew from its source",
     .positional = "[SOURCE]",
     .positional_min = 0,
     .positional_max = 1,
     .options = update_options,
     .run = command_update,
     .examples = "micro update ./greeter\nmicro update greeter"},
    {.name = "kill",
     .summary = "stop a service for good",
     .positional = "[NAME]",
     .positional_min = 0,
     .positional_max = 1,
     .options = kill_options,
     .run = command_kill,
     .description = "NAME is a service, NAME@VERSION, or the folder it was run from."},
    {.name = "status",
     .summary = "the services that are run, and how they are",
     .positional = "[NAME]",
     .positional_max = 1,
     .options = status_options,
     .run = command_status,
     .description = "With --components: micro's own, with processes, memory and addresses."},
    {.name = "logs",
     .summary = "what a service wrote",
     .positional = "NAME",
     .positional_min = 1,
     .positional_max = 1,
     .options = logs_options,
     .run = command_logs,
     .examples = "micro logs greeter\nmicro logs -f -n 100 greeter"},

    /* ---- calling ---- */
    {.name = "services",
     .summary = "list the services there are",
     .options = services_options,
     .run = command_services},
    {.name = "get", .summary = "what the registry knows of a service", .children = get_commands},
    {.name = "call",
     .summary = "call an endpoint of a service",
     .positional = "SERVICE ENDPOINT [JSON]",
     .positional_min = 2,
     .positional_max = 3,
     .options = call_options,
     .run = command_call,
     .description = "Prints the answer; of an endpoint that streams, every one as it comes.",
     .examples = "micro call helloworld Helloworld.Call '{\"name\":\"Joe\"}'"},
    {.name = "stream",
     .summary = "call an endpoint that streams, without a limit in time",
     .positional = "SERVICE ENDPOINT [JSON]",
     .positional_min = 2,
     .positional_max = 3,
     .options = stream_options,
     .run = command_stream,
     .examples = "micro stream helloworld Helloworld.Stream '{\"count\":3}'"},

    /* ---- the components ---- */
    {.name = "auth", .summary = "accounts, rules and tokens", .children = auth_commands},
    {.name = "broker", .summary = "publish and subscribe", .children = broker_commands},
    {.name = "config", .summary = "get and set configuration", .children = config_commands},
    {.name = "debug", .summary = "health, figures, log and spans of a service", .children = debug_commands},
    {.name = "events", .summary = "publish, consume and read events", .children = events_commands},
    {.name = "network", .summary = "peers and routes", .children = network_commands},
    {.name = "store", .summary = "read and write records", .children = store_commands},

    {.name = "cli",
     .summary = "a shell of these commands",
     .run = command_cli,
     .description =
         "Lines from the terminal or from standard input, each a command without \"micro\"; quotes as in a\n"
         "shell, # begins a comment, help, quit and exit. Options before `cli` hold for every line. Its exit\n"
         "code is that of the last command.",
     .examples = "micro cli\nmicro -n staging cli < commands.txt"},
    {.name = "completion",
     .summary = "print a completion script for a shell",
     .positional = "bash|zsh|fish",
     .positional_min = 1,
     .positional_max = 1,
     .run = run_completion,
     .examples = "source <(micro completion bash)"},
    {.name = NULL},
};

const struct command cli_root = {
    .name = "micro",
    .summary = "the Micro runtime",
    .description =
        "Runs the Micro runtime and talks to a running one. The first steps:\n"
        "\n"
        "    micro server                      everything, on this machine\n"
        "    micro login admin < ~/.micro/server/auth/admin.secret\n"
        "    micro new greeter                 a service of your own, in C\n"
        "    micro run greeter                 built and run by micro\n"
        "    micro greeter --name=Joe          its endpoints are commands\n"
        "\n"
        "Any service is a command: micro SERVICE --help tells its endpoints and their flags. A program called\n"
        "micro-NAME on the PATH is the command NAME. micro --version (-v) prints the version.",
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
