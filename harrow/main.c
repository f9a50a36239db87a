/* harrow: the command line. */
#include "base/text.h"
#include "harrow/commands.h"
#include "harrow/run/command_line.h"
#include "harrow/run/run.h"
#include "runtime/service/service.h"
#include "world/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *harrow_command_line;

static struct command with(struct command c, const struct command *children)
{
    c.children = children;
    return c;
}

int main(int argc, char **argv)
{
    world_take_streams();
    const struct command below_e2e[] = {command_e2e_import, command_e2e_record, {0}};
    const struct command below_fuzz[] = {command_fuzz_museum, {0}};
    const struct command below_chaos[] = {command_chaos_museum, command_chaos_faults, command_chaos_workloads, {0}};
    const struct command below_report[] = {command_report_diff, command_report_history, {0}};
    const struct command below_contract[] = {command_contract_verify,     command_contract_publish,
                                             command_contract_deployment, command_contract_can,
                                             command_contract_diff,       {0}};
    const struct command commands[] = {command_run,
                                       command_up,
                                       with(command_e2e, below_e2e),
                                       with(command_contract, below_contract),
                                       with(command_fuzz, below_fuzz),
                                       with(command_chaos, below_chaos),
                                       command_fakes,
                                       command_check,
                                       command_heal,
                                       command_replay,
                                       with(command_report, below_report),
                                       command_gate,
                                       {0}};
    static const struct option no_options[] = {{0}};
    const struct command root = {
        .name = "harrow",
        .summary = "puts a microservice system through the mill",
        .description =
            "Starts the system a manifest describes and fuzzes its endpoints, kills and stops its parts under\n"
            "load, runs product flows, and checks contracts against test doubles. Every finding comes with\n"
            "the one command that shows it again.\n"
            "\n"
            "harrow --version prints the version, harrow completion bash|zsh|fish a script for a shell.",
        .examples = "  harrow run systems/micro.yaml                    everything, ending in a report\n"
                    "  harrow chaos systems/micro.yaml -d sim -s 42     one seed of chaos, in virtual time\n"
                    "  harrow fuzz systems/micro.yaml --only store      the store's methods only\n"
                    "  harrow replay harrow-out/RUN/findings/1.case     one finding again\n",
        .options = no_options,
        .children = commands,
        .exit_codes = HARROW_EXIT_CODES,
    };
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("harrow %s\n", HARROW_VERSION);
        return harrow_leave(HARROW_PASSED);
    }
    /* As it was called when that was by a path: a printed command works where it was printed. */
    const char *starter = strcmp(argv[0], HARROW_SELF) == 0 ? getenv(HARROW_PROGRAM_VARIABLE) : NULL;
    if (starter != NULL)
        harrow_program = starter;
    else if (strchr(argv[0], '/') != NULL)
        harrow_program = argv[0];
    struct text line = TEXT_INIT;
    command_line_write(argc, (const char *const *)argv, &line);
    harrow_command_line = text_string(&line);
    int exit_code = command_main(&root, argc, argv, NULL);
    command_cleanup();
    micro_pool_free();
    text_deinit(&line);
    return harrow_leave(exit_code);
}
