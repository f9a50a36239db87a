/* micro web: the dashboard (runtime/web) in this process, for the server of the data directory or for any gateway. */
#include "runtime/cli/cli.h"

#include "base/log.h"
#include "runtime/component.h"
#include "runtime/server/server.h"
#include "world/world.h"

#include <stdio.h>
#include <string.h>

#define API_DEFAULT "http://127.0.0.1:8080"

static struct {
    const char *api_address, *web_address, *login_url;
} flags;

const struct option web_options[] = {
    {.name = "api_address",
     .kind = OPTION_TEXT,
     .target = &flags.api_address,
     .argument = "URL",
     .help = "the gateway; the running server's, else " API_DEFAULT ", when absent",
     .env = "MICRO_API_ADDRESS"},
    {.name = "web_address",
     .letter = 'a',
     .kind = OPTION_TEXT,
     .target = &flags.web_address,
     .argument = "HOST:PORT",
     .help = "where the dashboard listens",
     .fallback = "127.0.0.1:8082",
     .env = "MICRO_WEB_ADDRESS"},
    {.name = "login_url",
     .kind = OPTION_TEXT,
     .target = &flags.login_url,
     .argument = "PATH",
     .help = "where to go without a login",
     .fallback = "/login",
     .env = "MICRO_WEB_LOGIN_URL"},
    {.name = NULL},
};

/* Where the gateway of the data directory's server listens. */
static bool find_gateway(struct cli *c, char *out, size_t size)
{
    char path[CLI_PATH_MAX + 32];
    struct text address = TEXT_INIT;
    snprintf(path, sizeof path, "%s/run/api.http", c->data_dir);
    bool found = !c->proxy && world_read_file(c->world, path, 512, &address, NULL) == 0;
    if (found)
        snprintf(out, size, "http://%.*s", (int)strcspn(text_string(&address), "\r\n"), text_string(&address));
    text_deinit(&address);
    return found;
}

int command_web(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    char api[600] = API_DEFAULT;
    if (flags.api_address && flags.api_address[0])
        snprintf(api, sizeof api, "%s", flags.api_address);
    else if (c->proxy)
        return cli_fail(EXIT_USAGE, "--api_address is needed: where the gateway of environment %s is", c->env);
    else
        (void)find_gateway(c, api, sizeof api);
    const char *const argv[] = {"micro",     "service",         "web",         "--api-address", api,
                                "--address", flags.web_address, "--login-url", flags.login_url, "--namespace",
                                c->namespace};
    return service_run(c->world, (int)(sizeof argv / sizeof argv[0]), argv);
}
