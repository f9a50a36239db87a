#include "world/intercept.h"
#include "world/machine.h"
#include "world/mapping.h"
#include "world/sim.h"
#include "world/worker.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TASKS_MAX    1024
#define START_WITHIN UINT64_C(5000000000) /* ns */
#define STOP_WITHIN  UINT64_C(5000000000)
#define LOOK_EVERY   UINT64_C(200000)
#define IDLE_WAIT    UINT64_C(5000000)
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define MILLION      1000000

enum state { STATE_STARTING, STATE_READY, STATE_FAILED };

/* What the worker and we both see. */
struct shared {
    _Atomic int state;
    _Atomic int failure; /* errno, with STATE_FAILED */
    _Atomic int stop;
    _Atomic uint64_t seen, hits;
};

struct intercept {
    struct world_mapping mapping;
    struct shared *shared;
    struct world_worker *worker;
    struct world_foreign process;
    struct intercept_rule rule;
};

/* ---- in the worker ---- */

struct task {
    pid_t id;
    int result;   /* what the call under way is made to return (negative errno); 0: its own */
    uint64_t due; /* it is held until then; 0: it runs */
};
struct tracer {
    struct intercept *i;
    struct random random;
    struct task tasks[TASKS_MAX];
    size_t count;
    bool fired; /* the n-th was met */
};

static struct task *task_find(struct tracer *t, pid_t id)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->tasks[i].id == id)
            return &t->tasks[i];
    return NULL;
}

static struct task *task_add(struct tracer *t, pid_t id)
{
    struct task *known = task_find(t, id);
    if (known != NULL || t->count == TASKS_MAX)
        return known;
    t->tasks[t->count] = (struct task){.id = id};
    return &t->tasks[t->count++];
}

static void task_remove(struct tracer *t, pid_t id)
{
    struct task *k = task_find(t, id);
    if (k != NULL)
        *k = t->tasks[--t->count];
}

static bool regular(const struct tracer *t, uint64_t descriptor)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)t->i->process.id, (int)descriptor);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static unsigned open_class(uint64_t flags)
{
    unsigned out = (flags & O_CREAT) != 0 ? INTERCEPT_NAMES : 0;
    return out | ((flags & O_ACCMODE) != O_RDONLY ? INTERCEPT_OPEN : 0);
}

/* What the call is, in the terms of the rule. */
static unsigned class_of(const struct tracer *t, uint64_t number, const uint64_t *arguments)
{
    switch (number) {
    case SYS_read:
    case SYS_pread64:
    case SYS_readv:
    case SYS_preadv:
    case SYS_preadv2:
        return (t->i->rule.calls & INTERCEPT_READ) != 0 && regular(t, arguments[0]) ? INTERCEPT_READ : 0;
    case SYS_write:
    case SYS_writev:
        return regular(t, arguments[0]) ? INTERCEPT_WRITE : INTERCEPT_SEND;
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_truncate:
        return INTERCEPT_WRITE;
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_sync_file_range:
        return INTERCEPT_SYNC;
#ifdef SYS_rename
    case SYS_rename:
    case SYS_unlink:
    case SYS_rmdir:
    case SYS_mkdir:
    case SYS_link:
    case SYS_symlink:
    case SYS_creat:
        return number == SYS_rename ? INTERCEPT_RENAME : INTERCEPT_NAMES;
    case SYS_open:
        return open_class(arguments[1]);
#endif
    case SYS_renameat:
    case SYS_renameat2:
        return INTERCEPT_RENAME;
    case SYS_unlinkat:
    case SYS_mkdirat:
    case SYS_linkat:
    case SYS_symlinkat:
        return INTERCEPT_NAMES;
    case SYS_openat:
        return open_class(arguments[2]);
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
        return INTERCEPT_SEND;
    default:
        return 0;
    }
}

/* Only here the machine's kind matters. The call that stands at its entry is made none, its third argument or its
 * result is set. */
#if defined(__x86_64__)
static bool change(pid_t id, bool skip, const uint64_t *third, const int64_t *result)
{
    struct user_regs_struct r;
    struct iovec v = {.iov_base = &r, .iov_len = sizeof r};
    if (ptrace(PTRACE_GETREGSET, id, (void *)NT_PRSTATUS, &v) != 0)
        return false;
    if (skip)
        r.orig_rax = ~0ULL;
    if (third != NULL)
        r.rdx = *third;
    if (result != NULL)
        r.rax = (unsigned long long)*result;
    return ptrace(PTRACE_SETREGSET, id, (void *)NT_PRSTATUS, &v) == 0;
}
#define CAN_CHANGE true
#else
static bool change(pid_t id, bool skip, const uint64_t *third, const int64_t *result)
{
    (void)id, (void)skip, (void)third, (void)result;
    return false;
}
#define CAN_CHANGE false
#endif

static bool falls_on(struct tracer *t)
{
    const struct intercept_rule *r = &t->i->rule;
    uint64_t seen = atomic_fetch_add(&t->i->shared->seen, 1) + 1;
    if (r->nth > 0) {
        bool hit = !t->fired && seen == r->nth;
        t->fired |= hit;
        return hit;
    }
    return random_below(&t->random, MILLION) < r->share;
}

static void act(struct tracer *t, struct task *k, const uint64_t *arguments)
{
    const struct intercept_rule *r = &t->i->rule;
    bool done = true;
    switch (r->action) {
    case INTERCEPT_COUNT:
        break;
    case INTERCEPT_FAIL:
        done = change(k->id, true, NULL, NULL);
        k->result = done ? -r->error : 0;
        break;
    case INTERCEPT_DELAY:
        k->due = world_worker_now() + r->delay;
        break;
    case INTERCEPT_SHORT: {
        uint64_t half = arguments[2] / 2;
        done = half > 0 && change(k->id, false, &half, NULL);
        break;
    }
    case INTERCEPT_KILL:
        done = kill((pid_t)t->i->process.id, SIGKILL) == 0;
        break;
    }
    if (done)
        atomic_fetch_add(&t->i->shared->hits, 1);
}

/* At the entry or the exit of a call. */
static void on_syscall(struct tracer *t, struct task *k)
{
    struct ptrace_syscall_info info = {0};
    if (ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, k->id, (void *)sizeof info, &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && k->result != 0) {
        const int64_t result = k->result;
        (void)change(k->id, false, NULL, &result);
        k->result = 0;
    } else if (info.op == PTRACE_SYSCALL_INFO_ENTRY &&
               (class_of(t, info.entry.nr, (const uint64_t *)info.entry.args) & t->i->rule.calls) != 0 && falls_on(t)) {
        act(t, k, (const uint64_t *)info.entry.args);
    }
}

static void go_on(pid_t id, int signal_number)
{
    ptrace(PTRACE_SYSCALL, id, NULL, (void *)(intptr_t)signal_number);
}

static void on_stop(struct tracer *t, pid_t id, int status)
{
    struct task *k = task_add(t, id);
    int number = WSTOPSIG(status), event = status >> 16;
    if (k == NULL) {
        ptrace(PTRACE_DETACH, id, NULL, NULL); /* more threads than we can follow */
    } else if (number == SYSCALL_STOP) {
        on_syscall(t, k);
        if (k->due == 0)
            go_on(id, 0);
    } else if (event == PTRACE_EVENT_STOP && number != SIGTRAP) {
        ptrace(PTRACE_LISTEN, id, NULL, NULL); /* stopped by a signal: it stays so until it is continued */
    } else {
        go_on(id, event != 0 ? 0 : number);
    }
}

/* All threads; again, until none is new, since one that is not yet held may start another. */
static int seize(struct tracer *t)
{
    char folder[64];
    snprintf(folder, sizeof folder, "/proc/%lld/task", (long long)t->i->process.id);
    for (bool more = true; more;) {
        more = false;
        DIR *d = opendir(folder);
        if (d == NULL)
            return ESRCH;
        for (const struct dirent *e; (e = readdir(d)) != NULL;) {
            pid_t id = (pid_t)strtol(e->d_name, NULL, 10);
            if (id <= 0 || task_find(t, id) != NULL)
                continue;
            if (ptrace(PTRACE_SEIZE, id, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE)) != 0) {
                int why = errno;
                /* A thread that a held one has just started is held already. */
                if (why == ESRCH || (why == EPERM && t->count > 0))
                    continue;
                closedir(d);
                return why;
            }
            ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
            if (task_add(t, id) == NULL) {
                closedir(d);
                return EAGAIN;
            }
            more = true;
        }
        closedir(d);
    }
    return t->count > 0 ? 0 : ESRCH;
}

static void reap(struct tracer *t)
{
    int status;
    pid_t id;
    while ((id = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
        if (WIFSTOPPED(status))
            on_stop(t, id, status);
        else
            task_remove(t, id);
    }
}

/* Lets those go on whose time has come; how long until the next. */
static uint64_t release_due(struct tracer *t)
{
    uint64_t now = world_worker_now(), wait = IDLE_WAIT;
    for (size_t i = 0; i < t->count; i++) {
        struct task *k = &t->tasks[i];
        if (k->due == 0)
            continue;
        if (k->due <= now) {
            k->due = 0;
            go_on(k->id, 0);
        } else if (k->due - now < wait) {
            wait = k->due - now;
        }
    }
    return wait;
}

/* None stands between a changed entry and its exit. */
static bool at_rest(const struct tracer *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->tasks[i].result != 0)
            return false;
    return true;
}

static int tracer_main(void *arg)
{
    static struct tracer t;
    struct intercept *i = arg;
    sigset_t wake;
    t.i = i;
    random_seed(&t.random, i->rule.seed);
    /* Nothing of our parent's may be held open by us. */
    syscall(SYS_close_range, 3, ~0U, 0);
    sigemptyset(&wake);
    sigaddset(&wake, SIGCHLD);
    sigaddset(&wake, SIGUSR1);
    sigprocmask(SIG_BLOCK, &wake, NULL);
    int why = seize(&t);
    if (why != 0) {
        atomic_store(&i->shared->failure, why);
        atomic_store(&i->shared->state, STATE_FAILED);
        return 1;
    }
    /* In force once every thread was stopped and goes on from call to call. */
    atomic_store(&i->shared->state, STATE_READY);
    while (t.count > 0) {
        reap(&t);
        if (atomic_load(&i->shared->stop) && at_rest(&t))
            break;
        uint64_t wait = release_due(&t);
        const struct timespec limit = {.tv_sec = (time_t)(wait / 1000000000), .tv_nsec = (long)(wait % 1000000000)};
        (void)sigtimedwait(&wake, NULL, &limit);
    }
    return 0;
}

/* ---- outside ---- */

int intercept_possible(struct world *w, struct error *err)
{
    if (world_is_simulated(w))
        return error_set(err, ERROR_UNSUPPORTED, "there are no system calls in simulation");
    struct text scope = TEXT_INIT;
    int code = world_read_file(w, "/proc/sys/kernel/yama/ptrace_scope", 16, &scope, NULL);
    char level = code == 0 ? text_string(&scope)[0] : '0';
    text_deinit(&scope);
    if (level == '3' || (level != '0' && !machine_is_root()))
        return error_set(err, ERROR_DENIED, "tracing is forbidden here: kernel.yama.ptrace_scope is %c", level);
    return 0;
}

static void intercept_free(struct intercept *i)
{
    world_worker_close(i->worker);
    world_mapping_close(&i->mapping);
    free(i);
}

int intercept_start(struct world *w, const struct world_foreign *p, const struct intercept_rule *rule,
                    struct intercept **out, struct error *err)
{
    int code = intercept_possible(w, err);
    if (code != 0)
        return code;
    if (!CAN_CHANGE && (rule->action == INTERCEPT_FAIL || rule->action == INTERCEPT_SHORT))
        return error_set(err, ERROR_UNSUPPORTED, "changing system calls is not implemented for this processor");
    struct intercept *i = calloc(1, sizeof *i);
    if (i == NULL || (code = world_mapping_anonymous(sizeof *i->shared, &i->mapping)) != 0) {
        free(i);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    i->shared = i->mapping.data;
    i->process = *p;
    i->rule = *rule;
    if (world_foreign_state(w, p) == 0)
        code = error_set(err, ERROR_NOT_FOUND, "process %lld is gone", (long long)p->id);
    if (code == 0)
        code = world_worker_start(tracer_main, i, true, &i->worker, err);
    uint64_t end = world_worker_now() + START_WITHIN;
    while (code == 0 && atomic_load(&i->shared->state) == STATE_STARTING) {
        struct world_exit status;
        if (world_worker_ended(i->worker, &status) || world_worker_now() > end)
            code = error_set(err, ERROR_TIMEOUT, "process %lld could not be held", (long long)p->id);
        else
            world_worker_pause(LOOK_EVERY);
    }
    if (code == 0 && atomic_load(&i->shared->state) == STATE_FAILED) {
        int why = atomic_load(&i->shared->failure);
        code = error_set(err, error_from_errno(why), "process %lld cannot be traced: %s%s", (long long)p->id,
                         strerror(why), why == EPERM ? " (is it traced already?)" : "");
    }
    if (code != 0) {
        intercept_free(i);
        return code;
    }
    *out = i;
    return 0;
}

uint64_t intercept_seen(const struct intercept *i)
{
    return atomic_load(&i->shared->seen);
}

uint64_t intercept_hits(const struct intercept *i)
{
    return atomic_load(&i->shared->hits);
}

void intercept_stop(struct intercept *i)
{
    struct world_exit status;
    if (i == NULL)
        return;
    atomic_store(&i->shared->stop, 1);
    /* It looks at least every IDLE_WAIT; what does not end then is killed, which lets go as well. */
    (void)world_worker_wait(i->worker, STOP_WITHIN, &status);
    intercept_free(i);
}
