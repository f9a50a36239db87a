/* The program `micro`. */
#include "base/late.h"
#include "base/log.h"
#include "runtime/cli/cli.h"
#include "runtime/component.h"
#include "runtime/server/server.h"
#include "runtime/service/service.h"
#include "world/foreign.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t wall(void *arg)
{
    return world_wall(arg);
}

/* `micro service NAME ...`: a component's options are its own, the table of commands does not know them. */
static int run_component(int argc, char **argv)
{
    struct world *w = NULL;
    struct error err = ERROR_INIT;
    enum log_level level;
    const char *wanted = getenv("MICRO_LOG_LEVEL");
    if (wanted && log_parse_level(wanted, &level))
        log_set_level(level);
    /* Now, not when they are needed: a server that has run out of descriptors could not open them. */
    if (late_open_all(&err) < 0 || world_real_new(0, &w, &err) < 0) {
        int code = cli_fail_error(CLI_TIMEOUT, &err);
        error_clear(&err);
        return code;
    }
    log_set_clock(wall, w);
    int code = service_run(w, argc, (const char *const *)argv);
    log_set_clock(NULL, NULL);
    world_real_free(w);
    return code;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 3; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int show_help(const char *component)
{
    struct text help = TEXT_INIT;
    int code = CLI_OK;
    if (!cli_component_help(component, &help))
        code = cli_fail(EXIT_USAGE, "there is no component \"%.80s\"; there are: %s", component, text_string(&help));
    else if (!text_ok(&help))
        code = cli_no_memory();
    else
        fputs(text_string(&help), stdout);
    text_deinit(&help);
    return code;
}

/* `micro service NAME ...`, or as v3 names what is run, --name NAME and --name=NAME: the component's name moves to
 * argv[2]. NULL: it is no component that is asked for; with --endpoint NAME is a service of the user's. */
static const char *component_asked(int *argc, char **argv)
{
    if (*argc < 3 || strcmp(argv[1], "service") != 0)
        return NULL;
    for (int i = 2; i < *argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--endpoint") == 0 || strncmp(argv[i], "--endpoint=", 11) == 0)
            return NULL;
    if (argv[2][0] != '-')
        return argv[2];
    if (*argc > 3 && strcmp(argv[2], "--name") == 0 && component_find(argv[3])) {
        memmove(argv + 2, argv + 3, (size_t)(*argc - 2) * sizeof *argv);
        --*argc;
        return argv[2];
    }
    if (strncmp(argv[2], "--name=", 7) == 0 && component_find(argv[2] + 7)) {
        argv[2] += 7;
        return argv[2];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    world_take_streams();
    component_use_all();
    const char *component = component_asked(&argc, argv);
    int code = !component                                            ? cli_main(argc, argv)
               : asks_help(argc, argv) || !component_find(component) ? show_help(component)
                                                                     : run_component(argc, argv);
    micro_pool_free();
    return cli_end_output(code);
}
