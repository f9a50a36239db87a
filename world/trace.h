/* A foreign process held still by ptrace, for the moment that it takes to change something in it: all of its threads
 * stopped, its registers and its memory read and written, system calls done in its name.
 *
 * For workers (world/worker.h) on Linux: it waits for children by number and owns them meanwhile. When the worker ends
 * while it holds the process, the kernel lets go of it; only between trace_call_begin() and trace_call_end() would that
 * be the end of the process, so who calls that does not die with its parent (trace_outlive_parent()).
 *
 * Functions return 0 or a positive errno. */
#ifndef WORLD_TRACE_H
#define WORLD_TRACE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACE_TASKS_MAX 1024

#if defined(__x86_64__)
#define TRACE_CAN_CALL true
#else
#define TRACE_CAN_CALL false
#endif

struct trace {
    pid_t process;
    pid_t tasks[TRACE_TASKS_MAX]; /* threads held */
    size_t count;
    struct trace_call *call;
};

/* Stops all threads. EPERM: not ours to trace, or traced already; ETIMEDOUT: one could not be stopped; EAGAIN: too
 * many. Then none is held. */
int trace_hold(struct trace *t, pid_t process);
void trace_release(struct trace *t);
/* From here on our parent's end is not ours. False: it has ended already. */
bool trace_outlive_parent(pid_t parent);

/* A thread that has ended though its number is still there: its process's first one's is until the last has, and that
 * one's until it is waited for. */
bool trace_ended(pid_t process, pid_t id);
/* Where a thread goes on; 0: not to be told. */
uint64_t trace_position(pid_t task);
/* System calls in the process's name, by one of its threads, between _begin and _end. `instruction`: the address of a
 * system call instruction in it. *result is negative errno, or the call's. */
int trace_call_begin(struct trace *t, uint64_t instruction);
int trace_call(struct trace *t, long number, const uint64_t arguments[6], int64_t *result);
int trace_call_end(struct trace *t);

/* /proc/ID/mem; reading and writing need no hold. */
int trace_memory_open(pid_t process);
bool trace_memory_read(int memory, uint64_t address, void *out, size_t size);
bool trace_memory_write(int memory, uint64_t address, const void *data, size_t size);

#endif
