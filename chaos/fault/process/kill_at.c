/* SIGKILL in place of the n-th operation of a kind: crash points, not crash times. */
#include "chaos/fault/disk/disk.h"

/* How many of them there are in a moment differs much. */
static const struct fault_parameter many[] = {
    {"nth", "which one from then on", FAULT_COUNT, 1, 1000000, 1, 200},
    {0},
};
static const struct fault_parameter some[] = {
    {"nth", "which one from then on", FAULT_COUNT, 1, 1000000, 1, 100},
    {0},
};
static const struct fault_parameter few[] = {
    {"nth", "which one from then on", FAULT_COUNT, 1, 1000000, 1, 3},
    {0},
};

static int kill_at(struct fault_injection *f, unsigned calls, struct sim_disk_faults sim, struct error *err)
{
    const struct intercept_rule rule = {
        .calls = calls, .action = INTERCEPT_KILL, .nth = (uint64_t)f->parameters[0], .seed = random_next(&f->random)};
    sim.kill_nth = (uint64_t)f->parameters[0];
    return disk_inject(f, &sim, &rule, err);
}

static int at_write(struct fault_injection *f, struct error *err)
{
    return kill_at(f, INTERCEPT_WRITE, (struct sim_disk_faults){.kill_at = SIM_DISK_WRITE}, err);
}

static int at_sync(struct fault_injection *f, struct error *err)
{
    return kill_at(f, INTERCEPT_SYNC, (struct sim_disk_faults){.kill_at = SIM_DISK_SYNC}, err);
}

static int at_rename(struct fault_injection *f, struct error *err)
{
    return kill_at(f, INTERCEPT_RENAME, (struct sim_disk_faults){.kill_at = SIM_DISK_RENAME}, err);
}

static int at_send(struct fault_injection *f, struct error *err)
{
    return kill_at(f, INTERCEPT_SEND, (struct sim_disk_faults){0}, err);
}

const struct chaos_fault fault_kill_at_write = {
    DISK_FAULT,          .name = "kill-at-write",
    .family = "process", .summary = "SIGKILL in place of the n-th write to a file: crash points, not crash times",
    .parameters = many,  .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .inject = at_write,
};

const struct chaos_fault fault_kill_at_sync = {
    DISK_FAULT,          .name = "kill-at-sync",
    .family = "process", .summary = "SIGKILL in place of the n-th fsync: crash points, not crash times",
    .parameters = some,  .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .inject = at_sync,
};

const struct chaos_fault fault_kill_at_rename = {
    DISK_FAULT,          .name = "kill-at-rename",
    .family = "process", .summary = "SIGKILL in place of the n-th rename of a file: crash points, not crash times",
    .parameters = few,   .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .inject = at_rename,
};

const struct chaos_fault fault_kill_at_send = {
    DISK_FAULT,          .name = "kill-at-send",
    .family = "process", .summary = "SIGKILL in place of the n-th time it sends something",
    .parameters = many,  .drivers = FAULT_ON_PROCESSES,
    .inject = at_send,
};
