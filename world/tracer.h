/* The system calls of running processes, followed by ptrace (PTRACE_SEIZE, PTRACE_GET_SYSCALL_INFO: ptrace(2)): each
 * stops at its entry and at its exit, and a handler says whether it goes on from there. What intercept.h and power.h
 * are made of.
 *
 * For workers (world/worker.h): when the worker ends, however it ends, the kernel lets go of all that it traces. */
#ifndef WORLD_TRACER_H
#define WORLD_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACER_TASKS_MAX 1024

/* A thread. */
struct tracer_task {
    pid_t id;
    bool stands; /* stopped, until tracer_go() */
    bool inside; /* between the entry of a call and its exit */
    bool wants;  /* set by the handler at an entry: to be told of the exit */
    /* The handler's own, zeros at first. */
    int64_t result;
    uint64_t due;
    void *call;
};
struct tracer;
struct tracer_handler {
    /* At the entry of a call; false: it stands. */
    bool (*entry)(struct tracer *t, struct tracer_task *k, uint64_t number, const uint64_t arguments[6]);
    /* At its exit, when that was wanted. */
    void (*exit)(struct tracer *t, struct tracer_task *k, int64_t result);
    void (*gone)(struct tracer *t, struct tracer_task *k); /* NULL is fine */
};
struct tracer {
    const struct tracer_handler *handler;
    void *arg;
    bool follow;   /* what they fork, too */
    bool freezing; /* whoever stops stands */
    struct tracer_task tasks[TRACER_TASKS_MAX];
    size_t count;
};

/* All threads of the process, and with `follow` those of the processes below it. 0 or errno; they go on meanwhile. */
int tracer_seize(struct tracer *t, pid_t process);
void tracer_go(struct tracer_task *k);
/* The handler is asked again about the call at whose entry it stands; it goes on if it may. */
void tracer_again(struct tracer *t, struct tracer_task *k);
/* What has stopped is dealt with; when nothing had, waits for it at most about that long (ns). */
void tracer_run(struct tracer *t, uint64_t wait);
/* Until every thread stands. 0, or ETIMEDOUT. */
int tracer_freeze(struct tracer *t, uint64_t within);
/* To be called once, before the first. */
void tracer_prepare(void);

#endif
