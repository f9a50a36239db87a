#include "world/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct world_worker {
    pid_t pid;
    int watch;  /* pidfd */
    int errors; /* memory file the worker's standard error goes to */
    bool ended;
    struct world_exit status;
    uint64_t cpu; /* known after the end */
};

static void child(int (*run)(void *arg), void *arg, bool quiet, int errors, pid_t parent)
{
    static const struct rlimit no_core = {0, 0};
    /* What asks the whole group to end is the parent's to judge; everything else does what it does by default. Faults
     * are left to whoever watches them, a sanitizer perhaps. */
    for (int i = 1; i < NSIG; i++)
        if (i != SIGKILL && i != SIGSTOP && i != SIGSEGV && i != SIGBUS && i != SIGFPE && i != SIGILL && i != SIGABRT &&
            i != SIGTRAP)
            signal(i, i == SIGINT || i == SIGTERM || i == SIGHUP || i == SIGPIPE ? SIG_IGN : SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(255);
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(errors, STDERR_FILENO);
    if (quiet) {
        int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nothing >= 0)
            dup2(nothing, STDOUT_FILENO);
    }
    int rc = run(arg);
    fflush(NULL);
    _exit(rc);
}

int world_worker_start(int (*run)(void *arg), void *arg, bool quiet, struct world_worker **out, struct error *err)
{
    struct world_worker *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return error_set(err, ERROR_MEMORY, "no memory for a worker");
    /* Appending, so that what the worker and its own children write does not overwrite each other. */
    p->errors = memfd_create("worker errors", MFD_CLOEXEC);
    if (p->errors >= 0)
        fcntl(p->errors, F_SETFL, O_APPEND);
    pid_t parent = getpid();
    fflush(NULL); /* what is buffered would come out twice */
    p->pid = p->errors < 0 ? -1 : fork();
    if (p->pid == 0)
        child(run, arg, quiet, p->errors, parent);
    if (p->pid > 0)
        p->watch = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (p->pid < 0 || p->watch < 0) {
        int code = error_set(err, error_from_errno(errno), "cannot start a worker: %s", strerror(errno));
        if (p->pid > 0) {
            kill(p->pid, SIGKILL);
            waitpid(p->pid, NULL, 0);
        }
        if (p->errors >= 0)
            close(p->errors);
        free(p);
        return code;
    }
    *out = p;
    return 0;
}

bool world_worker_ended(struct world_worker *p, struct world_exit *status)
{
    int how;
    struct rusage used;
    if (!p->ended) {
        if (wait4(p->pid, &how, WNOHANG, &used) != p->pid)
            return false;
        p->ended = true;
        p->status.signalled = WIFSIGNALED(how);
        p->status.code = p->status.signalled ? WTERMSIG(how) : WEXITSTATUS(how);
        p->cpu = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000 +
                 (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
    }
    *status = p->status;
    return true;
}

bool world_worker_wait(struct world_worker *p, uint64_t timeout, struct world_exit *status)
{
    uint64_t end = world_worker_now() + timeout;
    /* First the pause, then the question: so it takes one of each, however long the worker takes, and who counts edges
     * sees the same each time. */
    for (;;) {
        uint64_t now = world_worker_now();
        struct pollfd watch = {.fd = p->watch, .events = POLLIN};
        uint64_t ms = now < end ? (end - now + 999999) / 1000000 : 0;
        poll(&watch, 1, ms > 1000000 ? 1000000 : (int)ms);
        if (world_worker_ended(p, status))
            return true;
        if (now >= end)
            return false;
    }
}

void world_worker_kill(struct world_worker *p)
{
    if (!p->ended)
        kill(p->pid, SIGKILL); /* not reaped yet: the number is still its own */
}

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t) < 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int world_worker_usage(struct world_worker *p, uint64_t *cpu, uint64_t *resident)
{
    clockid_t id;
    char path[64], line[128];
    *resident = 0;
    *cpu = p->cpu;
    if (p->ended)
        return 0;
    if (clock_getcpuclockid(p->pid, &id) == 0)
        *cpu = read_clock(id);
    snprintf(path, sizeof path, "/proc/%d/statm", (int)p->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_from_errno(errno);
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n <= 0)
        return ERROR_IO;
    line[n] = 0;
    char *second = strchr(line, ' ');
    *resident = second ? strtoull(second, NULL, 10) * 4096 : 0;
    return 0;
}

int world_worker_errors(struct world_worker *p, size_t max, struct text *out)
{
    off_t size = lseek(p->errors, 0, SEEK_END), at = size > (off_t)max ? size - (off_t)max : 0;
    char piece[4096];
    while (at < size) {
        ssize_t n = pread(p->errors, piece, sizeof piece, at);
        if (n <= 0)
            return n < 0 ? error_from_errno(errno) : 0;
        text_add(out, piece, (size_t)n);
        at += n;
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

void world_worker_close(struct world_worker *p)
{
    if (!p)
        return;
    if (!p->ended) {
        kill(p->pid, SIGKILL);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    close(p->watch);
    close(p->errors);
    free(p);
}

uint64_t world_worker_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t world_worker_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t world_worker_peak(void)
{
    struct rusage used;
    return getrusage(RUSAGE_SELF, &used) == 0 ? (uint64_t)used.ru_maxrss * 1024 : 0;
}

void world_worker_pause(uint64_t duration)
{
    struct timespec t = {.tv_sec = (time_t)(duration / 1000000000), .tv_nsec = (long)(duration % 1000000000)};
    nanosleep(&t, NULL);
}
