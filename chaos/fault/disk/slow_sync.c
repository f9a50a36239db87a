#include "chaos/fault/disk/disk.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"delay", "of each", FAULT_DURATION, MICROSECOND, MINUTE, 2 * MILLISECOND, 200 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    return disk_inject(f, &(struct sim_disk_faults){.sync_delay = (uint64_t)f->parameters[0]},
                       &(struct intercept_rule){.calls = INTERCEPT_SYNC,
                                                .action = INTERCEPT_DELAY,
                                                .delay = (uint64_t)f->parameters[0],
                                                .share = 1000000,
                                                .seed = random_next(&f->random)},
                       err);
}

const struct chaos_fault fault_disk_slow_sync = {
    DISK_FAULT,
    .name = "disk-slow-sync",
    .family = "disk",
    .summary = "every fsync takes longer, and the process waits for it",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .inject = inject,
};
