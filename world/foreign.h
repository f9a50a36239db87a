/* Processes that are not our children, by their number: the system under test has a supervisor of its own, and the
 * harness only knows the pid file it wrote. Real world only; in simulation all of these answer ERROR_UNSUPPORTED.
 *
 * A number alone is a weak name (it may be used again), so a process is held by a pidfd and its start time. */
#ifndef WORLD_FOREIGN_H
#define WORLD_FOREIGN_H

#include "world/world.h"

struct world_foreign {
    int64_t id;       /* process id; 0: none */
    uint64_t started; /* clock ticks since boot, from /proc: tells a reused number from the same process */
};

/* Reads the pid file and looks the process up. ERROR_NOT_FOUND when the file or the process is not there. */
int world_foreign_open(struct world *w, const char *pid_file, struct world_foreign *out, struct error *err);
int world_foreign_by_id(struct world *w, int64_t id, struct world_foreign *out, struct error *err);
/* To the process itself, not its group; ERROR_NOT_FOUND when it is gone or the number is somebody else's now. */
int world_foreign_signal(struct world *w, const struct world_foreign *p, int signal);
/* The kernel's state letter ('R', 'S', 'T', 'Z', ...), or 0 when that process is gone. */
char world_foreign_state(struct world *w, const struct world_foreign *p);
/* Resident bytes and CPU nanoseconds used so far. */
int world_foreign_usage(struct world *w, const struct world_foreign *p, uint64_t *resident, uint64_t *cpu);

/* The folder this program's executable stands in; NULL when it cannot be told. Static storage. */
const char *world_program_folder(struct world *w);
/* The folder this process works in; NULL in simulation, which has one alone, and when it cannot be told, for it was
 * removed. Static storage. What PWD says need not be so: who starts a program elsewhere may leave it as it was. */
const char *world_working_folder(struct world *w);
/* This program again with other arguments, in place of this process. Returns only on failure, with a negative code. */
int world_become_self(char *const *arguments);
/* At a program's beginning: a standard stream that is closed leads nowhere, lest a file of ours takes its number; and a
 * reader of ours that has gone, as `| head` does, is an error of the write and not the end of the process. */
void world_take_streams(void);
/* Makes the folder the one that this process works in, and what it becomes. */
int world_enter_folder(const char *folder);
bool world_works_in(const char *folder); /* it is that one already */

#endif
