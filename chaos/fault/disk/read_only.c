#include "chaos/fault/disk/disk.h"

#include "base/units.h"

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
    .name = "disk-read-only",
    .family = "disk",
    .summary = "EROFS: nothing can be written, made, renamed or removed any more",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .asked_only = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = disk_possible,
    .inject = inject,
    .verify = disk_verify,
    .heal = disk_heal,
};
