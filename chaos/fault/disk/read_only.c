#include "chaos/fault/disk/disk.h"

#include <errno.h>

static int inject(struct fault_injection *f, struct error *err)
{
    return disk_inject(f, &(struct sim_disk_faults){.read_only = true},
                       &(struct intercept_rule){.calls = INTERCEPT_WRITE | INTERCEPT_NAMES | INTERCEPT_REMOVE |
                                                         INTERCEPT_RENAME | INTERCEPT_OPEN,
                                                .action = INTERCEPT_FAIL,
                                                .error = EROFS,
                                                .share = 1000000,
                                                .seed = random_next(&f->random)},
                       err);
}

const struct chaos_fault fault_disk_read_only = {
    DISK_FAULT,
    .name = "disk-read-only",
    .family = "disk",
    .summary = "EROFS: nothing can be written, made, renamed or removed any more",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .asked_only = true,
    .inject = inject,
};
