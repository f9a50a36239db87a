/* A watchdog for outermost programs: a process that uses so much processor time without a sign of life is replaced by
 * another program (execve), which can look into why. The time is the process's own (ITIMER_PROF), so that a machine
 * that is busy, or stopped, does not set it off. One per process; forked copies have none. Real only. */
#ifndef WORLD_WATCHDOG_H
#define WORLD_WATCHDOG_H

#include "base/error.h"

#include <stdint.h>

/* `argv` and `words`, which go to standard error first, are borrowed until world_watchdog_stop(). */
int world_watchdog_start(const char *const *argv, const char *words, uint64_t cpu, struct error *err);
/* A sign of life; nothing when it was not started. */
void world_watchdog_alive(void);
void world_watchdog_stop(void);

#endif
