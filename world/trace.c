#include "world/trace.h"
#include "world/worker.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_WITHIN  UINT64_C(3000000000) /* ns until a thread has stopped */
#define LOOK_EVERY   UINT64_C(30000)
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define ALL_SIGNALS  (~UINT64_C(0))

static bool held(const struct trace *t, pid_t id)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->tasks[i] == id)
            return true;
    return false;
}

bool trace_ended(pid_t process, pid_t id)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)process, (int)id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end == NULL || name_end[1] != ' ' || name_end[2] == 'Z' || name_end[2] == 'X';
}

/* The thread's next stop; ESRCH: it has ended. */
static int next_stop(pid_t id, int *status)
{
    uint64_t end = world_worker_now() + STOP_WITHIN;
    for (;;) {
        pid_t got = waitpid(id, status, __WALL | WNOHANG);
        if (got == id)
            return WIFSTOPPED(*status) ? 0 : ESRCH;
        if (got < 0 && errno != EINTR)
            return ESRCH;
        if (world_worker_now() > end)
            return ETIMEDOUT;
        world_worker_pause(LOOK_EVERY);
    }
}

/* Until it stands because it was interrupted; signals on the way to it reach it first. */
static int interrupted(pid_t id)
{
    int status;
    for (;;) {
        int why = next_stop(id, &status);
        if (why != 0)
            return why;
        if (status >> 16 == PTRACE_EVENT_STOP)
            return 0;
        ptrace(PTRACE_CONT, id, NULL, (void *)(intptr_t)(status >> 16 == 0 ? WSTOPSIG(status) : 0));
    }
}

static int hold_one(struct trace *t, pid_t id)
{
    if (t->count == TRACE_TASKS_MAX)
        return EAGAIN;
    if (ptrace(PTRACE_SEIZE, id, NULL, (void *)PTRACE_O_TRACESYSGOOD) != 0) {
        int why = errno;
        return why == ESRCH || trace_ended(t->process, id) ? 0 : why;
    }
    ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
    int why = interrupted(id);
    if (why == 0)
        t->tasks[t->count++] = id;
    else if (why != ESRCH)
        ptrace(PTRACE_DETACH, id, NULL, NULL);
    return why == ESRCH ? 0 : why;
}

int trace_hold(struct trace *t, pid_t process)
{
    char folder[64];
    int why = 0;
    *t = (struct trace){.process = process};
    snprintf(folder, sizeof folder, "/proc/%d/task", (int)process);
    /* Until none is new: one that did not stand yet may have started another. */
    for (bool more = true; more && why == 0;) {
        DIR *d = opendir(folder);
        size_t before = t->count;
        if (d == NULL)
            why = ESRCH;
        for (const struct dirent *e; why == 0 && (e = readdir(d)) != NULL;) {
            pid_t id = (pid_t)strtol(e->d_name, NULL, 10);
            if (id > 0 && !held(t, id))
                why = hold_one(t, id);
        }
        if (d != NULL)
            closedir(d);
        more = t->count > before;
    }
    if (why == 0 && t->count == 0)
        why = ESRCH;
    if (why != 0)
        trace_release(t);
    return why;
}

void trace_release(struct trace *t)
{
    for (size_t i = 0; i < t->count; i++)
        ptrace(PTRACE_DETACH, t->tasks[i], NULL, NULL);
    t->count = 0;
}

bool trace_outlive_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, 0);
    return getppid() == parent;
}

/* ---- system calls in its name ---- */

#if defined(__x86_64__)

struct trace_call {
    pid_t task;
    uint64_t instruction, signals; /* its mask */
    struct user_regs_struct before;
};

static bool registers(pid_t id, bool set, struct user_regs_struct *r)
{
    struct iovec v = {.iov_base = r, .iov_len = sizeof *r};
    return ptrace(set ? PTRACE_SETREGSET : PTRACE_GETREGSET, id, (void *)NT_PRSTATUS, &v) == 0;
}

uint64_t trace_position(pid_t task)
{
    struct user_regs_struct r;
    return registers(task, false, &r) ? r.rip : 0;
}

/* A thread that stands in a system call is in nobody's critical section; the call is done again afterwards. */
static bool choose(const struct trace *t, struct trace_call *c)
{
    for (size_t i = t->count; i-- > 0;) {
        if (!registers(t->tasks[i], false, &c->before))
            continue;
        c->task = t->tasks[i];
        if ((int64_t)c->before.orig_rax >= 0)
            return true;
    }
    return c->task != 0 && registers(c->task, false, &c->before);
}

int trace_call_begin(struct trace *t, uint64_t instruction)
{
    struct trace_call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ENOMEM;
    c->instruction = instruction;
    if (!choose(t, c) ||
        ptrace((enum __ptrace_request)PTRACE_GETSIGMASK, c->task, (void *)sizeof c->signals, &c->signals) != 0) {
        free(c);
        return ESRCH;
    }
    /* No signal may be handled on registers that are not its own. */
    uint64_t none = ALL_SIGNALS;
    ptrace((enum __ptrace_request)PTRACE_SETSIGMASK, c->task, (void *)sizeof none, &none);
    t->call = c;
    return 0;
}

/* To the entry of the call, and to its exit. */
static int pass(pid_t id)
{
    for (int stops = 0; stops < 2;) {
        int status;
        if (ptrace(PTRACE_SYSCALL, id, NULL, NULL) != 0)
            return ESRCH;
        int why = next_stop(id, &status);
        if (why != 0)
            return why;
        stops += WSTOPSIG(status) == SYSCALL_STOP ? 1 : 0;
    }
    return 0;
}

int trace_call(struct trace *t, long number, const uint64_t arguments[6], int64_t *result)
{
    struct trace_call *c = t->call;
    struct user_regs_struct r = c->before;
    r.rip = c->instruction;
    r.rax = (unsigned long long)number;
    r.orig_rax = ~0ULL; /* the call it stands in is not begun again now */
    r.rdi = arguments[0];
    r.rsi = arguments[1];
    r.rdx = arguments[2];
    r.r10 = arguments[3];
    r.r8 = arguments[4];
    r.r9 = arguments[5];
    int why = registers(c->task, true, &r) ? pass(c->task) : ESRCH;
    if (why == 0 && !registers(c->task, false, &r))
        why = ESRCH;
    *result = why == 0 ? (int64_t)r.rax : -why;
    return why;
}

int trace_call_end(struct trace *t)
{
    struct trace_call *c = t->call;
    /* It has to stand where signals are looked at: there a call that was interrupted is begun again. */
    ptrace(PTRACE_INTERRUPT, c->task, NULL, NULL);
    ptrace(PTRACE_CONT, c->task, NULL, NULL);
    int why = interrupted(c->task);
    if (why == 0 && !registers(c->task, true, &c->before))
        why = ESRCH;
    ptrace((enum __ptrace_request)PTRACE_SETSIGMASK, c->task, (void *)sizeof c->signals, &c->signals);
    free(c);
    t->call = NULL;
    return why;
}

#else

uint64_t trace_position(pid_t task)
{
    (void)task;
    return 0;
}

int trace_call_begin(struct trace *t, uint64_t instruction)
{
    (void)t, (void)instruction;
    return ENOSYS;
}

int trace_call(struct trace *t, long number, const uint64_t arguments[6], int64_t *result)
{
    (void)t, (void)number, (void)arguments, (void)result;
    return ENOSYS;
}

int trace_call_end(struct trace *t)
{
    (void)t;
    return ENOSYS;
}

#endif

/* ---- memory ---- */

int trace_memory_open(pid_t process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)process);
    return open(path, O_RDWR | O_CLOEXEC);
}

bool trace_memory_read(int memory, uint64_t address, void *out, size_t size)
{
    return pread(memory, out, size, (off_t)address) == (ssize_t)size;
}

bool trace_memory_write(int memory, uint64_t address, const void *data, size_t size)
{
    return pwrite(memory, data, size, (off_t)address) == (ssize_t)size;
}
