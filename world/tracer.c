#include "world/tracer.h"
#include "world/trace.h"
#include "world/worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYSCALL_STOP    (SIGTRAP | 0x80)
#define ALARM_EVERY     5000             /* us */
#define FROZEN_LOOK     UINT64_C(200000) /* ns */
#define GENERATIONS_MAX 16               /* of processes below the one that is seized */

static struct tracer_task *find(struct tracer *t, pid_t id)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->tasks[i].id == id)
            return &t->tasks[i];
    return NULL;
}

static struct tracer_task *add(struct tracer *t, pid_t id)
{
    struct tracer_task *known = find(t, id);
    if (known != NULL || t->count == TRACER_TASKS_MAX)
        return known;
    t->tasks[t->count] = (struct tracer_task){.id = id};
    return &t->tasks[t->count++];
}

static void gone(struct tracer *t, pid_t id)
{
    struct tracer_task *k = find(t, id);
    if (k == NULL)
        return;
    if (t->handler->gone != NULL)
        t->handler->gone(t, k);
    *k = t->tasks[--t->count];
}

static void go_on(pid_t id, int signal_number)
{
    ptrace(PTRACE_SYSCALL, id, NULL, (void *)(intptr_t)signal_number);
}

void tracer_go(struct tracer_task *k)
{
    k->stands = false;
    go_on(k->id, 0);
}

/* At the entry or the exit of a call; whether it goes on. An exit that nobody wants to know of is not looked at:
 * entries and exits take turns. */
static bool on_call(struct tracer *t, struct tracer_task *k)
{
    struct ptrace_syscall_info info = {0};
    bool leaves = k->inside, wants = k->wants;
    k->inside = k->wants = false;
    if ((leaves && !wants) ||
        ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, k->id, (void *)sizeof info, &info) <= 0)
        return true;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && wants)
        t->handler->exit(t, k, info.exit.rval);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return true;
    k->inside = true;
    return t->handler->entry(t, k, info.entry.nr, (const uint64_t *)info.entry.args);
}

void tracer_again(struct tracer *t, struct tracer_task *k)
{
    k->stands = k->inside = false;
    if (on_call(t, k))
        go_on(k->id, 0);
    else
        k->stands = true;
}

/* A thread that executes another program takes the number of the first, and its own is gone without a word; it is still
 * inside the call. */
static void on_execute(struct tracer *t, struct tracer_task *k)
{
    unsigned long before = 0;
    pid_t id = k->id;
    k->inside = true;
    k->wants = false;
    if (ptrace(PTRACE_GETEVENTMSG, id, NULL, &before) == 0 && (pid_t)before != id)
        gone(t, (pid_t)before);
}

static void on_stop(struct tracer *t, pid_t id, int status)
{
    struct tracer_task *k = add(t, id);
    int number = WSTOPSIG(status), event = status >> 16;
    if (k == NULL) {
        ptrace(PTRACE_DETACH, id, NULL, NULL); /* more threads than we can follow */
        return;
    }
    if (event == PTRACE_EVENT_EXEC) {
        on_execute(t, k);
        k = find(t, id); /* it may stand elsewhere in the table now */
    }
    bool call = number == SYSCALL_STOP, asleep = event == PTRACE_EVENT_STOP && number != SIGTRAP;
    bool goes = !call || on_call(t, k);
    if (t->freezing && !(event == 0 && !call)) {
        k->stands = true;
    } else if (!goes) {
        k->stands = true;
    } else if (asleep) {
        ptrace(PTRACE_LISTEN, id, NULL, NULL); /* stopped by a signal: it stays so until it is continued */
    } else {
        go_on(id, event != 0 || call ? 0 : number);
    }
}

static int seize_one(struct tracer *t, pid_t id)
{
    const int options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                        (t->follow ? PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC : 0);
    if (ptrace(PTRACE_SEIZE, id, NULL, (void *)(intptr_t)options) != 0)
        return errno;
    ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
    return add(t, id) != NULL ? 0 : EAGAIN;
}

/* All threads of one process; again, until none is new, since one that is not yet held may start another. */
static int seize_threads(struct tracer *t, pid_t process)
{
    char folder[64];
    size_t first = t->count;
    int why = 0;
    snprintf(folder, sizeof folder, "/proc/%d/task", (int)process);
    for (bool more = true; more && why == 0;) {
        DIR *d = opendir(folder);
        more = false;
        if (d == NULL)
            return ESRCH;
        for (const struct dirent *e; why == 0 && (e = readdir(d)) != NULL;) {
            pid_t id = (pid_t)strtol(e->d_name, NULL, 10);
            if (id <= 0 || find(t, id) != NULL)
                continue;
            why = seize_one(t, id);
            /* A thread that a held one has just started is held already; and one may have ended. */
            bool passes = why == ESRCH || (why == EPERM && (t->count > first || trace_ended(process, id)));
            more |= why == 0;
            why = passes ? 0 : why;
        }
        closedir(d);
    }
    return why != 0 ? why : t->count > first ? 0 : ESRCH;
}

static int seize_below(struct tracer *t, pid_t process, int generation);

static int seize_children(struct tracer *t, pid_t process, pid_t task, int generation)
{
    char path[96], text[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)process, (int)task);
    int fd = open(path, O_RDONLY | O_CLOEXEC), why = 0;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word != NULL && why == 0; word = strtok_r(NULL, " ", &save)) {
        why = seize_below(t, (pid_t)strtol(word, NULL, 10), generation + 1);
        why = why == ESRCH ? 0 : why;
    }
    return why;
}

static int seize_below(struct tracer *t, pid_t process, int generation)
{
    int why = find(t, process) != NULL ? 0 : seize_threads(t, process);
    size_t count = t->count;
    for (size_t i = 0; why == 0 && t->follow && generation < GENERATIONS_MAX && i < count; i++)
        why = seize_children(t, process, t->tasks[i].id, generation);
    return why;
}

int tracer_seize(struct tracer *t, pid_t process)
{
    return seize_below(t, process, 0);
}

static void on_status(struct tracer *t, pid_t id, int status)
{
    if (WIFSTOPPED(status))
        on_stop(t, id, status);
    else
        gone(t, id);
}

static sigset_t wakes(void)
{
    sigset_t wake;
    sigemptyset(&wake);
    sigaddset(&wake, SIGCHLD);
    return wake;
}

static void on_alarm(int number)
{
    (void)number;
}

void tracer_prepare(void)
{
    /* Nothing of our parent's may be held open by us. */
    syscall(SYS_close_range, 3, ~0U, 0);
    const sigset_t wake = wakes();
    sigprocmask(SIG_BLOCK, &wake, NULL);
    /* What interrupts the long wait; again and again, so that none is missed that came just before it. */
    const struct sigaction alarm = {.sa_handler = on_alarm};
    const struct itimerval often = {.it_interval = {.tv_usec = ALARM_EVERY}, .it_value = {.tv_usec = ALARM_EVERY}};
    sigaction(SIGALRM, &alarm, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

/* The long wait is the cheap one: one system call for each stop. */
void tracer_run(struct tracer *t, uint64_t wait)
{
    int status;
    pid_t id = waitpid(-1, &status, __WALL | (wait < UINT64_C(1000) * ALARM_EVERY ? WNOHANG : 0));
    if (id > 0) {
        on_status(t, id, status);
    } else if (id == 0) {
        const struct timespec limit = {.tv_sec = (time_t)(wait / 1000000000), .tv_nsec = (long)(wait % 1000000000)};
        const sigset_t wake = wakes();
        /* A stop that came since then has raised its signal already. */
        (void)sigtimedwait(&wake, NULL, &limit);
    }
}

static bool all_stand(const struct tracer *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (!t->tasks[i].stands)
            return false;
    return true;
}

int tracer_freeze(struct tracer *t, uint64_t within)
{
    uint64_t end = world_worker_now() + within;
    t->freezing = true;
    for (size_t i = 0; i < t->count; i++)
        if (!t->tasks[i].stands)
            ptrace(PTRACE_INTERRUPT, t->tasks[i].id, NULL, NULL);
    while (!all_stand(t)) {
        if (world_worker_now() > end)
            return ETIMEDOUT;
        tracer_run(t, FROZEN_LOOK);
    }
    return 0;
}
