/* System calls of a traced process in the terms of shadow.h: what each is about to do to files, and what it did. Used
 * by power.c only. */
#ifndef WORLD_POWER_CALLS_H
#define WORLD_POWER_CALLS_H

#include "world/shadow.h"

#include <sys/types.h>

enum power_kind {
    POWER_NOTHING, /* nothing that is recorded */
    POWER_WRITE,
    POWER_TRUNCATE,
    POWER_SYNC,
    POWER_SYNC_ALL,
    POWER_OPEN,
    POWER_MAKE, /* a folder */
    POWER_RENAME,
    POWER_REMOVE,
    POWER_REFUSED, /* it cannot be recorded */
};
struct power_call {
    enum power_kind kind;
    pid_t task;
    bool sync;            /* a write that is durable when it returns */
    bool at_end;          /* a write whose place is told by where the descriptor stands afterwards */
    bool directory;       /* of a sync or removal */
    bool made, truncated; /* of an open */
    int descriptor;
    uint64_t file, offset, len;
    char path[SHADOW_PATH_MAX], to[SHADOW_PATH_MAX];
};

/* Whether a call of that number may be one that is recorded. */
bool power_call_matters(uint64_t number);
/* At the entry: what is about to be changed is known to the shadow afterwards. */
void power_call_begin(struct shadow *s, pid_t task, uint64_t number, const uint64_t arguments[6],
                      struct power_call *out);
/* At the exit, with its result. */
void power_call_done(struct shadow *s, const struct power_call *c, int64_t result);
/* Leaves alone the files that the process has mapped writable and shared. */
void power_mapped_files(struct shadow *s, pid_t process);

#endif
