#include "chaos/fault/disk/disk.h"

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
    DISK_FAULT,
    .name = "disk-full",
    .family = "disk",
    .summary = "ENOSPC: files can grow by so much and no more (on processes no write succeeds)",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .asked_only = true,
    .inject = inject,
};
