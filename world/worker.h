/* A worker: a forked copy of this process that runs one function, and may die of it. What it should leave behind it
 * writes into memory shared beforehand (world/mapping.h); the rest of its memory is its own and goes with it.
 *
 * For outermost programs that run code which may crash. The copy has the parent's memory but none of its threads, and
 * must not touch the parent's world: its loop, its files and its children stay the parent's, and a real world runs in
 * the process that made it only (ERROR_UNSUPPORTED). It leads no group of its own and is killed when the parent ends.
 * Real only. */
#ifndef WORLD_WORKER_H
#define WORLD_WORKER_H

#include "world/world.h"

struct world_worker;

/* `run`'s result (0 to 255) is the exit code. Standard error is kept, see world_worker_errors(); `quiet`: standard
 * output goes nowhere. */
int world_worker_start(int (*run)(void *arg), void *arg, bool quiet, struct world_worker **out, struct error *err);
/* True when it has ended; asks the system, does not wait. */
bool world_worker_ended(struct world_worker *p, struct world_exit *status);
/* Waits until it has ended or `timeout` ns passed. */
bool world_worker_wait(struct world_worker *p, uint64_t timeout, struct world_exit *status);
/* SIGKILL: it is still to be waited for. */
void world_worker_kill(struct world_worker *p);
/* Nanoseconds of processor time used and bytes resident; after the end the time is the whole. */
int world_worker_usage(struct world_worker *p, uint64_t *cpu, uint64_t *resident);
/* Appends the last `max` bytes it wrote to standard error. */
int world_worker_errors(struct world_worker *p, size_t max, struct text *out);
void world_worker_close(struct world_worker *p); /* kills it if it still runs, frees */

/* For the worker itself, which has no world. Nanoseconds, monotonic; and of processor time of this process. */
uint64_t world_worker_now(void);
uint64_t world_worker_cpu(void);
uint64_t world_worker_peak(void); /* bytes that were resident at most so far */
void world_worker_pause(uint64_t duration);

#endif
