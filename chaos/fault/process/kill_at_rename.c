#include "chaos/fault/disk/disk.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"nth", "which one from then on", FAULT_COUNT, 1, 1000000, 1, 3},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    return disk_inject(f, &(struct sim_disk_faults){.kill_at = SIM_DISK_RENAME, .kill_nth = (uint64_t)f->parameters[0]},
                       &(struct intercept_rule){.calls = INTERCEPT_RENAME,
                                                .action = INTERCEPT_KILL,
                                                .nth = (uint64_t)f->parameters[0],
                                                .seed = random_next(&f->random)},
                       err);
}

const struct chaos_fault fault_kill_at_rename = {
    .name = "kill-at-rename",
    .family = "process",
    .summary = "SIGKILL in place of the n-th rename of a file: crash points, not crash times",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = disk_possible,
    .inject = inject,
    .verify = disk_verify,
    .heal = disk_heal,
};
