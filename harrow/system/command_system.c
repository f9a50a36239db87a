#include "harrow/system/command_system.h"

#include "harrow/commands.h"

int command_on_system(const struct arguments *args,
                      int (*work)(struct run *r, struct system *s, const struct arguments *args))
{
    int exit_code = 0;
    struct run *r = run_begin(args->argv[0], harrow_command_line, &exit_code);
    if (r == NULL)
        return exit_code;
    struct error err = ERROR_INIT;
    struct system *s = NULL;
    if (system_start(r, &s, &err) == 0) {
        exit_code = work(r, s, args);
        system_stop(s);
    } else {
        exit_code = run_failed(r, &err, "start of the system");
    }
    return run_finish(r, exit_code);
}
