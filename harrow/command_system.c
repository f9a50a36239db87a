#include "harrow/command_system.h"

#include "harrow/commands.h"

int command_on_system(const struct arguments *args, int (*work)(struct run *r, struct system *s,
                                                                const struct arguments *args))
{
    int exit_code = 0;
    struct run *r = run_begin(args->argv[0], harrow_command_line, &exit_code);
    if (r == NULL)
        return exit_code;
    run_say(r, "system %s, driver %s, seed %llu", r->manifest->name, common.driver, (unsigned long long)r->seed);
    struct error err = ERROR_INIT;
    struct system *s = NULL;
    if (system_start(r, &s, &err) == 0) {
        exit_code = work(r, s, args);
        system_stop(s);
    } else if (!r->interrupted) {
        exit_code = harrow_error(&err, NULL);
    }
    error_clear(&err);
    return run_finish(r, exit_code);
}
