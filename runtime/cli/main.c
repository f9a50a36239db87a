/* The program `micro`. */
#include "base/log.h"
#include "runtime/cli/cli.h"
#include "runtime/component.h"
#include "runtime/server/server.h"
#include "runtime/service/service.h"
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
    if (world_real_new(0, &w, &err) < 0) {
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
        code = cli_fail(CLI_TIMEOUT, "there is no component \"%.80s\"; there are: %s", component, text_string(&help));
    else if (!text_ok(&help))
        code = cli_no_memory();
    else
        fputs(text_string(&help), stdout);
    text_deinit(&help);
    return code;
}

/* v3 names what is run by an option: --name NAME and --name=NAME are NAME. */
static int without_name_option(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[2], "--name") == 0) {
        memmove(argv + 2, argv + 3, (size_t)(argc - 2) * sizeof *argv);
        return argc - 1;
    }
    if (argc > 2 && strncmp(argv[2], "--name=", 7) == 0)
        argv[2] += 7;
    return argc;
}

int main(int argc, char **argv)
{
    component_use_all();
    bool service = argc > 2 && strcmp(argv[1], "service") == 0;
    if (service)
        argc = without_name_option(argc, argv);
    bool component = service && argv[2][0] != '-';
    int code = component && asks_help(argc, argv) ? show_help(argv[2])
               : component                        ? run_component(argc, argv)
                                                  : cli_main(argc, argv);
    micro_pool_free();
    return cli_end_output(code);
}
