#include "chaos/fault/disk/disk.h"

static const struct fault_parameter parameters[] = {
    {"share", "of such operations", FAULT_SHARE, 1, 1000000, 10000, 500000},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    return disk_inject(f, &(struct sim_disk_faults){0},
                       &(struct intercept_rule){.calls = INTERCEPT_WRITE,
                                                .action = INTERCEPT_SHORT,
                                                .share = (uint32_t)f->parameters[0],
                                                .seed = random_next(&f->random)},
                       err);
}

const struct chaos_fault fault_disk_short_write = {
    DISK_FAULT,
    .name = "disk-short-write",
    .family = "disk",
    .summary = "a share of the writes takes only half of the bytes, and says so",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .inject = inject,
};
