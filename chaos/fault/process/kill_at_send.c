#include "chaos/fault/disk/disk.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"nth", "which one from then on", FAULT_COUNT, 1, 1000000, 1, 200},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    return disk_inject(f, &(struct sim_disk_faults){0},
                       &(struct intercept_rule){.calls = INTERCEPT_SEND,
                                                .action = INTERCEPT_KILL,
                                                .nth = (uint64_t)f->parameters[0],
                                                .seed = random_next(&f->random)},
                       err);
}

const struct chaos_fault fault_kill_at_send = {
    .name = "kill-at-send",
    .family = "process",
    .summary = "SIGKILL in place of the n-th time it sends something",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = disk_possible,
    .inject = inject,
    .verify = disk_verify,
    .heal = disk_heal,
};
