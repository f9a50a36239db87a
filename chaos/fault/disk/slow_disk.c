#include "chaos/fault/disk/disk.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"delay", "of each", FAULT_DURATION, MICROSECOND, MINUTE, 500 * MICROSECOND, 20 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    return disk_inject(f, &(struct sim_disk_faults){.sync_delay = (uint64_t)f->parameters[0]},
                       &(struct intercept_rule){.calls = INTERCEPT_READ | INTERCEPT_WRITE | INTERCEPT_SYNC,
                                                .action = INTERCEPT_DELAY,
                                                .delay = (uint64_t)f->parameters[0],
                                                .share = 1000000,
                                                .seed = random_next(&f->random)},
                       err);
}

const struct chaos_fault fault_disk_slow = {
    DISK_FAULT,
    .name = "disk-slow",
    .family = "disk",
    .summary = "every read, write and sync of files takes longer",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .inject = inject,
};
