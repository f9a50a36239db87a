/* The system calls of a running process seen and changed from outside: counted, delayed, failed, shortened, or the
 * process killed at one of them. Any binary, no preparation, no root (only the same user; where the Yama module lets
 * nobody but a parent trace, it needs root).
 *
 * A forked worker traces all threads of the process by ptrace (PTRACE_SEIZE, PTRACE_GET_SYSCALL_INFO: ptrace(2)). When
 * it ends, however it ends, and it ends with us, the kernel lets go of the process, which goes on as if nothing had
 * been: there is nothing to undo. Meanwhile every system call of the process costs two stops.
 *
 * Calls on descriptors count only when these are regular files. Writes through shared mappings are no system calls. */
#ifndef WORLD_INTERCEPT_H
#define WORLD_INTERCEPT_H

#include "world/foreign.h"

enum intercept_calls {
    INTERCEPT_READ = 1,     /* read, pread64, readv, preadv, of a regular file */
    INTERCEPT_WRITE = 2,    /* write, pwrite64, writev, pwritev, truncate, fallocate, of a regular file */
    INTERCEPT_SYNC = 4,     /* fsync, fdatasync, sync_file_range */
    INTERCEPT_RENAME = 8,   /* rename, renameat, renameat2 */
    INTERCEPT_NAMES = 16,   /* mkdir, link and their kin, open that creates */
    INTERCEPT_OPEN = 32,    /* open for writing, of what is there */
    INTERCEPT_REMOVE = 128, /* unlink, rmdir */
    INTERCEPT_SEND = 64,    /* sendto, sendmsg, and write and writev to what is no regular file */
};
enum intercept_action {
    INTERCEPT_COUNT, /* only counted */
    INTERCEPT_FAIL,  /* not done; returns `error` */
    INTERCEPT_DELAY, /* done `delay` later */
    INTERCEPT_SHORT, /* a write of half the bytes (at least one) */
    INTERCEPT_KILL,  /* SIGKILL in place of the call */
};
struct intercept_rule {
    unsigned calls; /* INTERCEPT_READ | ... */
    enum intercept_action action;
    int error;      /* positive errno */
    uint64_t delay; /* ns */
    uint32_t share; /* out of 1,000,000 such calls */
    uint64_t nth;   /* only this one (1: the next); 0: all, by share */
    uint64_t seed;
    const char *below; /* only writes, names and opens in this folder and below it; NULL: everywhere. Borrowed */
};

struct intercept;
/* 0 when every thread is held and the rule in force. ERROR_UNSUPPORTED, ERROR_DENIED with the reason. */
int intercept_start(struct world *w, const struct world_foreign *p, const struct intercept_rule *rule,
                    struct intercept **out, struct error *err);
/* Whether it could be done: 0, or why not. */
int intercept_possible(struct world *w, struct error *err);
uint64_t intercept_seen(const struct intercept *i); /* calls of the kind */
uint64_t intercept_hits(const struct intercept *i); /* calls acted on */
/* The process is let go (a call that is being held is done first) and goes on. NULL is fine. */
void intercept_stop(struct intercept *i);

#endif
