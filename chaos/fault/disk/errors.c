/* EIO for a share of the writes, of the reads, of the syncs. */
#include "chaos/fault/disk/disk.h"

#include <errno.h>

static const struct fault_parameter parameters[] = {
    {"share", "of such operations", FAULT_SHARE, 1, 1000000, 10000, 500000},
    {0},
};

static uint32_t share_of(const struct fault_injection *f)
{
    return (uint32_t)f->parameters[0];
}

static int fail(struct fault_injection *f, unsigned calls, struct sim_disk_faults sim, struct error *err)
{
    const struct intercept_rule rule = {
        .calls = calls, .action = INTERCEPT_FAIL, .error = EIO, .share = share_of(f), .seed = random_next(&f->random)};
    return disk_inject(f, &sim, &rule, err);
}

static int fail_writes(struct fault_injection *f, struct error *err)
{
    return fail(f, INTERCEPT_WRITE, (struct sim_disk_faults){.write_error = share_of(f)}, err);
}

static int fail_reads(struct fault_injection *f, struct error *err)
{
    return fail(f, INTERCEPT_READ, (struct sim_disk_faults){.read_error = share_of(f)}, err);
}

static int fail_syncs(struct fault_injection *f, struct error *err)
{
    return fail(f, INTERCEPT_SYNC, (struct sim_disk_faults){.sync_error = share_of(f)}, err);
}

#define ERROR_FAULT                                                                                                    \
    DISK_FAULT, .family = "disk", .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM, .parameters = parameters,              \
                .asked_only = true

const struct chaos_fault fault_disk_write_error = {
    ERROR_FAULT,
    .name = "disk-write-error",
    .summary = "a share of the writes fails with EIO",
    .inject = fail_writes,
};

const struct chaos_fault fault_disk_read_error = {
    ERROR_FAULT,
    .name = "disk-read-error",
    .summary = "a share of the reads fails with EIO",
    .inject = fail_reads,
};

const struct chaos_fault fault_disk_sync_error = {
    ERROR_FAULT,
    .name = "disk-sync-error",
    .summary = "a share of the fsyncs fails with EIO; what was written before may or may not be on disk",
    .inject = fail_syncs,
};
