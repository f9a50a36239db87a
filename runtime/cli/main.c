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

int main(int argc, char **argv)
{
    component_use_all();
    bool component = argc > 2 && strcmp(argv[1], "service") == 0 && argv[2][0] != '-';
    int code = component ? run_component(argc, argv) : cli_main(argc, argv);
    micro_pool_free();
    fflush(stdout);
    return code;
}
