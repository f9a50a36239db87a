/* A power cut for a running process, of any program, without root: what it and the processes below it write to files is
 * recorded for a while; then they are stopped in one moment, the files are put back to a state that a real disk could
 * be in after a loss of power at that moment, and they are killed.
 *
 * What was fsynced is kept. Of each write, truncation, new, moved and removed file that was not, the lot decides: kept,
 * dropped, or torn at sectors of 512 bytes, by the rules of the simulated disk (sim_disk.h), of which shadow.h keeps a
 * copy in step with the real one. What had been written before the recording began counts as kept.
 *
 * A tracer (tracer.h) stops the processes at their system calls, which it costs two stops each; those that change files
 * go one after another meanwhile. Recorded: write, pwrite and their kin, sendfile, copy_file_range, truncation,
 * fallocate, open that creates or truncates, rename, unlink, mkdir, rmdir; fsync, fdatasync, sync, syncfs, O_SYNC,
 * O_DSYNC. Files that are mapped writable and shared, or that somebody else has open for writing, are left as they are,
 * and told. Hard and symbolic links that are made are kept. Who writes by io_uring or io_submit is refused.
 *
 * x86-64. A process with a mount namespace of its own is refused. */
#ifndef WORLD_POWER_H
#define WORLD_POWER_H

#include "world/foreign.h"
#include "world/sim.h"

struct power;
struct power_loss {
    uint64_t recorded;            /* calls that changed files */
    uint64_t kept, dropped, torn; /* of what was not synced */
    uint64_t left;                /* files left as they are */
};

int power_possible(struct world *w, struct error *err);
/* 0: every call is recorded from here on. */
int power_record(struct world *w, const struct world_foreign *p, uint64_t seed, struct power **out, struct error *err);
/* For several at once: the cut begins, power_cut() waits for its end. */
void power_cut_begin(struct power *p, enum sim_crash_keeps keeps);
/* 0: they are dead, and the files are as the power cut left them. An error: they live and go on, unless it says so. */
int power_cut(struct power *p, enum sim_crash_keeps keeps, struct power_loss *loss, struct error *err);
/* Those that were not cut go on. NULL is fine. */
void power_free(struct power *p);

#endif
