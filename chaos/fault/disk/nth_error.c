#include "chaos/fault/disk/disk.h"

#include <errno.h>

static const struct fault_parameter parameters[] = {
    {"nth", "which one from then on", FAULT_COUNT, 1, 1000000, 1, 40},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    return disk_inject(f, &(struct sim_disk_faults){.fail_nth = (uint64_t)f->parameters[0]},
                       &(struct intercept_rule){.calls = INTERCEPT_WRITE | INTERCEPT_SYNC,
                                                .action = INTERCEPT_FAIL,
                                                .error = EIO,
                                                .nth = (uint64_t)f->parameters[0],
                                                .seed = random_next(&f->random)},
                       err);
}

const struct chaos_fault fault_disk_nth_error = {
    DISK_FAULT,
    .name = "disk-nth-error",
    .family = "disk",
    .summary = "one write or sync, the n-th, fails with EIO",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .asked_only = true,
    .inject = inject,
};
