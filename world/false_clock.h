/* The clock of a running process set wrong from outside: any binary that reads its clock through the vDSO (vdso(7)),
 * which the C library, Go and most others do, linked dynamically or not; no preparation, no root (only the same user).
 *
 * The process gets two pages more. One holds code in place of the vDSO's clock_gettime, gettimeofday and time, to which
 * their first instructions are changed into a jump: it does the real system call and adds
 * offset + (time - base) * rate. The other holds those numbers and counts the readings. Nothing is traced meanwhile, so
 * that it costs a reading a system call and nothing else does cost anything; what is set may be changed at any time.
 *
 * It stays when the harness dies: false_clock_remove() needs to know nothing but the process, for the vDSO's own bytes
 * are those in every process's. Processes that it forks have the same false clock, and are set right with it; those
 * that execute a program have a right one.
 *
 * Not false are: system calls made without the vDSO, time stamps of files, and timers, which the kernel keeps: who
 * waits until a time of the wall clock, told to the kernel as such, waits until the true one.
 *
 * x86-64, 64-bit programs. A process that a tracer holds cannot be changed. */
#ifndef WORLD_FALSE_CLOCK_H
#define WORLD_FALSE_CLOCK_H

#include "world/foreign.h"

struct false_clock {
    int64_t offset; /* ns that are added */
    int64_t rate;   /* parts per million that it goes faster from now on; -1,000,000: it stands still */
    bool monotonic; /* the monotonic clocks too, by the offset: as after a machine was held */
};

/* Whether it could be done: 0, or why not. */
int false_clock_possible(struct world *w, struct error *err);
/* In force when it returns 0, in place of what was set before. */
int false_clock_set(struct world *w, const struct world_foreign *p, const struct false_clock *to, struct error *err);
/* Times that were read wrong since the process's clock was first set. ERROR_NOT_FOUND: its clock is right. */
int false_clock_reads(struct world *w, const struct world_foreign *p, uint64_t *reads, struct error *err);
/* Its clock is right again, and that of all it forked; fine when it was. The process may be gone. */
int false_clock_remove(struct world *w, const struct world_foreign *p, struct error *err);

#endif
