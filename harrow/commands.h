/* One file per command; the table is in main.c. */
#ifndef HARROW_COMMANDS_H
#define HARROW_COMMANDS_H

#include "base/options.h"

/* The command line as it was typed, for the report and for replays. Set by main. */
extern const char *harrow_command_line;

extern const struct command command_run, command_up, command_e2e, command_contract, command_fuzz, command_chaos,
    command_check, command_heal, command_replay, command_report, command_fakes, command_gate;
/* Below them. */
extern const struct command command_fuzz_museum, command_chaos_museum, command_chaos_faults, command_chaos_workloads,
    command_contract_diff, command_report_diff, command_report_history;
extern const struct command command_contract_verify, command_contract_publish, command_contract_deployment,
    command_contract_can;
extern const struct command command_e2e_import, command_e2e_record;
int command_faults_run(const struct arguments *args); /* --list as well */

#endif
