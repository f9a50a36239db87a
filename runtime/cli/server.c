/* micro server: the flags of the supervisor. */
#include "runtime/server/server.h"

#include "base/units.h"
#include "runtime/cli/cli.h"
#include "runtime/component.h"
#include "runtime/proxy/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *host, *profile, *admin_secret, *address, *image, *peers_dir, *prefix;
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
     .max = 65535 - MICRO_OFFSET_MAX},
    {.name = "address",
     .letter = 'a',
     .kind = OPTION_TEXT,
     .target = &flags.address,
     .argument = "HOST:PORT",
     .help = "where the server is called: its proxy; the same as --host HOST --base-port PORT - 81",
     .env = "MICRO_SERVER_ADDRESS"},
    {.name = "image",
     .kind = OPTION_TEXT,
     .target = &flags.image,
     .argument = "IMAGE",
     .help = "refused: the components are this program, they are run from no image"},
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
    {.name = "peers-dir",
     .kind = OPTION_TEXT,
     .target = &flags.peers_dir,
     .argument = "FOLDER",
     .help = "what FOLDER/COMPONENT holds is that component's --peers: where it, and no other, finds the others"},
    {.name = "component-prefix",
     .kind = OPTION_TEXT,
     .target = &flags.prefix,
     .argument = "COMMAND",
     .help = "what each component's command is put behind, {} for its name: 'strace -f -o {}.trace'"},
    {.name = "json", .kind = OPTION_FLAG, .target = &flags.json, .help = "the line that says all is up, as JSON"},
    {.name = NULL},
};

/* What the runtime builds may want to call micro, for its flags and its code generator: our folder ends the PATH. */
static bool extend_path(const char *program)
{
    const char *path = getenv("PATH"), *slash = strrchr(program, '/');
    struct text longer = TEXT_INIT;
    text_printf(&longer, "%s%s%.*s", path ? path : "", path && path[0] ? ":" : "", (int)(slash - program), program);
    bool ok = text_ok(&longer) && setenv("PATH", text_string(&longer), 1) == 0;
    text_deinit(&longer);
    return ok;
}

/* v3 calls a server by its proxy, and the ports of the others follow from that one. A blank host is ours. */
static int use_address(void)
{
    static char host[256];
    const char *colon = strrchr(flags.address, ':');
    int64_t port = 0;
    struct error err = ERROR_INIT;
    size_t len = colon ? (size_t)(colon - flags.address) : 0;
    if (!colon || len >= sizeof host || strcspn(flags.address, " /") < strlen(flags.address))
        return cli_fail(EXIT_USAGE, "--address \"%.80s\" is not written HOST:PORT", flags.address);
    int rc = units_parse_integer(colon + 1, 0, 65535 - MICRO_OFFSET_MAX + PROXY_PORT_OFFSET, &port, &err);
    if (rc == 0 && port > 0 && port <= PROXY_PORT_OFFSET)
        rc = error_set(&err, ERROR_INVALID, "the port must be above %d, which is the proxy's place in the block; or 0",
                       PROXY_PORT_OFFSET);
    int64_t base = port ? port - PROXY_PORT_OFFSET : 0;
    if (rc == 0 && flags.base_port != MICRO_BASE_PORT && flags.base_port != base)
        rc = error_set(&err, ERROR_INVALID, "it says base port %d, --base-port another", (int)base);
    if (rc) {
        error_wrap(&err, "--address %s", flags.address);
        int code = cli_fail_error(EXIT_USAGE, &err);
        error_clear(&err);
        return code;
    }
    flags.base_port = base;
    if (len > 0) {
        snprintf(host, sizeof host, "%.*s", (int)len, flags.address);
        flags.host = host;
    }
    return CLI_OK;
}

int command_server(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    char program[CLI_PATH_MAX];
    if (flags.image && flags.image[0])
        return cli_fail(EXIT_USAGE, "--image: the components are this program, and run from no image");
    if (flags.address && flags.address[0]) {
        int code = use_address();
        if (code != CLI_OK)
            return code;
    }
    if (!cli_program(program) || !extend_path(program))
        return cli_fail(CLI_TIMEOUT, "cannot find out the path of this program");
    const struct server_options options = {
        .program = program,
        .data_dir = c->data_dir,
        .host = flags.host,
        .base_port = (int)flags.base_port,
        .profile = flags.profile,
        .admin_secret = flags.admin_secret,
        .peers_dir = flags.peers_dir && flags.peers_dir[0] ? flags.peers_dir : NULL,
        .prefix = flags.prefix && flags.prefix[0] ? flags.prefix : NULL,
        .json = flags.json,
    };
    return server_run(c->world, &options);
}

/* ---- micro shutdown ---- */

#define GONE_POLL  ((uint64_t)20 * (uint64_t)MILLISECOND)
#define GONE_LIMIT ((uint64_t)15 * (uint64_t)SECOND)

/* It takes its run directory away last; one that was killed leaves it, but is no process any more. */
static bool is_gone(struct cli *c, const char *pid)
{
    char path[CLI_PATH_MAX + 32];
    struct world_stat process = {.exists = true}, status = {.exists = true};
    snprintf(path, sizeof path, "/proc/%s", pid);
    (void)world_stat(c->world, path, &process);
    snprintf(path, sizeof path, "%s/run/status.json", c->data_dir);
    (void)world_stat(c->world, path, &status);
    return !process.exists || !status.exists;
}

/* Asks the server of the data directory to stop, and waits until it is gone. */
int command_shutdown(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    char pid[32];
    struct world_exit status;
    json_t *server = cli_status(c);
    if (!server)
        return CLI_NOT_FOUND;
    snprintf(pid, sizeof pid, "%lld", (long long)cli_integer(server, "pid"));
    json_decref(server);
    /* A process that is not our child is signalled by the system's own tool. */
    const char *const argv[] = {"/bin/sh", "-c", "kill -TERM \"$0\"", pid, NULL};
    const struct cli_process what = {.argv = argv, .silent = true};
    int code = cli_run_process(c, &what, &status);
    if (code != CLI_OK)
        return code;
    if (status.signalled || status.code != 0)
        return cli_fail(CLI_TIMEOUT, "process %s cannot be stopped", pid);
    uint64_t limit = world_now(c->world) + GONE_LIMIT;
    while (!is_gone(c, pid) && world_now(c->world) < limit)
        (void)world_sleep(c->world, GONE_POLL);
    return is_gone(c, pid) ? CLI_OK : cli_fail(CLI_TIMEOUT, "process %s was told to stop, and still runs", pid);
}
