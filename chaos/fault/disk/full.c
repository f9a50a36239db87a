#include "chaos/fault/disk/disk.h"

#include "base/units.h"

#include <errno.h>

static const struct fault_parameter parameters[] = {
    {"room", "what may still be written; in simulation only", FAULT_SIZE, 0, INT64_MAX, 0, 65536},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    uint64_t used = fault_sim(f) != NULL ? sim_disk_used(fault_sim(f), f->component) : 0;
    return disk_inject(f, &(struct sim_disk_faults){.space = used + (uint64_t)f->parameters[0] + 1},
                       &(struct intercept_rule){.calls = INTERCEPT_WRITE | INTERCEPT_NAMES,
                                                .action = INTERCEPT_FAIL,
                                                .error = ENOSPC,
                                                .share = 1000000,
                                                .seed = random_next(&f->random)},
                       err);
}

const struct chaos_fault fault_disk_full = {
    .name = "disk-full",
    .family = "disk",
    .summary = "ENOSPC: files can grow by so much and no more (on processes no write succeeds)",
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
