#include "chaos/fault/disk/disk.h"

#include "base/units.h"

#include <errno.h>

static const struct fault_parameter parameters[] = {
    {"share", "of such operations", FAULT_SHARE, 1, 1000000, 10000, 500000},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    return disk_inject(f, &(struct sim_disk_faults){.sync_error = (uint32_t)f->parameters[0]},
                       &(struct intercept_rule){.calls = INTERCEPT_SYNC,
                                                .action = INTERCEPT_FAIL,
                                                .error = EIO,
                                                .share = (uint32_t)f->parameters[0],
                                                .seed = random_next(&f->random)},
                       err);
}

const struct chaos_fault fault_disk_sync_error = {
    .name = "disk-sync-error",
    .family = "disk",
    .summary = "a share of the fsyncs fails with EIO; what was written before may or may not be on disk",
    .parameters = parameters,
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
