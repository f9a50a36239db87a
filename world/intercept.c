#include "world/intercept.h"
#include "world/machine.h"
#include "world/mapping.h"
#include "world/sim.h"
#include "world/tracee.h"
#include "world/tracer.h"
#include "world/worker.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#define START_WITHIN UINT64_C(5000000000) /* ns */
#define STOP_WITHIN  UINT64_C(5000000000)
#define LOOK_EVERY   UINT64_C(200000)
#define IDLE_WAIT    UINT64_C(5000000)
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

struct rules {
    struct intercept *i;
    const struct intercept_rule *rule;
    char below[TRACEE_PATH_MAX]; /* "": everywhere; "/" is "", too */
    struct random random;
    bool fired; /* the n-th was met */
};

static bool below(const struct rules *r, const char *path)
{
    size_t len = strlen(r->below);
    return len == 0 || (strncmp(path, r->below, len) == 0 && path[len] == '/');
}

/* Whether the descriptor is of a regular file where the rule holds. */
static bool regular(const struct rules *r, pid_t task, uint64_t descriptor)
{
    char opener[64], path[TRACEE_PATH_MAX];
    struct stat st;
    snprintf(opener, sizeof opener, "/proc/%d/fd/%d", (int)task, (int)descriptor);
    if (stat(opener, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    ssize_t n = r->below[0] != '\0' ? readlink(opener, path, sizeof path - 1) : 0;
    path[n > 0 ? n : 0] = '\0';
    return below(r, path);
}

/* An open, of what is there or not, where the rule holds. */
static unsigned open_class(const struct rules *r, pid_t task, int64_t folder, uint64_t name, uint64_t flags)
{
    unsigned changes = (flags & O_ACCMODE) != O_RDONLY ? INTERCEPT_OPEN : 0;
    char path[TRACEE_PATH_MAX];
    struct stat st;
    if (((flags & O_CREAT) == 0 || (r->rule->calls & INTERCEPT_NAMES) == 0) && r->below[0] == '\0')
        return changes;
    if (!tracee_path_followed(task, folder, name, path) || !below(r, path))
        return 0;
    bool made = (flags & O_TMPFILE) == O_TMPFILE || ((flags & O_CREAT) != 0 && stat(path, &st) != 0);
    return changes | (made ? INTERCEPT_NAMES : 0);
}

/* A call on a name, where the rule holds. */
static unsigned name_class(const struct rules *r, pid_t task, int64_t folder, uint64_t name, unsigned class)
{
    char path[TRACEE_PATH_MAX];
    return r->below[0] == '\0' || (tracee_path(task, folder, name, path) && below(r, path)) ? class : 0;
}

/* What the call is, in the terms of the rule. */
static unsigned class_of(const struct rules *r, pid_t task, uint64_t number, const uint64_t *a)
{
    switch (number) {
    case SYS_read:
    case SYS_pread64:
    case SYS_readv:
    case SYS_preadv:
    case SYS_preadv2:
        return (r->rule->calls & INTERCEPT_READ) != 0 && regular(r, task, a[0]) ? INTERCEPT_READ : 0;
    case SYS_write:
    case SYS_writev:
        if ((r->rule->calls & (INTERCEPT_WRITE | INTERCEPT_SEND)) == 0)
            return 0;
        return regular(r, task, a[0]) ? INTERCEPT_WRITE : INTERCEPT_SEND;
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2:
    case SYS_ftruncate:
    case SYS_fallocate:
        return r->below[0] == '\0' || regular(r, task, a[0]) ? INTERCEPT_WRITE : 0;
    case SYS_truncate:
        return name_class(r, task, AT_FDCWD, a[0], INTERCEPT_WRITE);
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_sync_file_range:
        return INTERCEPT_SYNC;
#ifdef SYS_rename
    case SYS_rename:
        return INTERCEPT_RENAME;
    case SYS_unlink:
    case SYS_rmdir:
        return name_class(r, task, AT_FDCWD, a[0], INTERCEPT_REMOVE);
    case SYS_mkdir:
        return name_class(r, task, AT_FDCWD, a[0], INTERCEPT_NAMES);
    case SYS_link:
    case SYS_symlink:
        return name_class(r, task, AT_FDCWD, a[1], INTERCEPT_NAMES);
    case SYS_creat:
        return open_class(r, task, AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC);
    case SYS_open:
        return open_class(r, task, AT_FDCWD, a[0], a[1]);
#endif
    case SYS_renameat:
    case SYS_renameat2:
        return INTERCEPT_RENAME;
    case SYS_unlinkat:
        return name_class(r, task, (int64_t)a[0], a[1], INTERCEPT_REMOVE);
    case SYS_mkdirat:
        return name_class(r, task, (int64_t)a[0], a[1], INTERCEPT_NAMES);
    case SYS_linkat:
        return name_class(r, task, (int64_t)a[2], a[3], INTERCEPT_NAMES);
    case SYS_symlinkat:
        return name_class(r, task, (int64_t)a[1], a[2], INTERCEPT_NAMES);
    case SYS_openat:
        return open_class(r, task, (int64_t)a[0], a[1], a[2]);
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

static bool falls_on(struct rules *rules)
{
    const struct intercept_rule *r = &rules->i->rule;
    uint64_t seen = atomic_fetch_add(&rules->i->shared->seen, 1) + 1;
    if (r->nth > 0) {
        bool hit = !rules->fired && seen == r->nth;
        rules->fired |= hit;
        return hit;
    }
    return random_below(&rules->random, MILLION) < r->share;
}

/* False: it stands until it is due. */
static bool act(const struct rules *rules, struct tracer_task *k, const uint64_t *arguments)
{
    const struct intercept_rule *r = &rules->i->rule;
    bool done = true;
    switch (r->action) {
    case INTERCEPT_COUNT:
        break;
    case INTERCEPT_FAIL:
        done = change(k->id, true, NULL, NULL);
        k->result = done ? -r->error : 0;
        k->wants = done;
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
        done = kill((pid_t)rules->i->process.id, SIGKILL) == 0;
        break;
    }
    if (done)
        atomic_fetch_add(&rules->i->shared->hits, 1);
    return k->due == 0;
}

static bool call_entered(struct tracer *t, struct tracer_task *k, uint64_t number, const uint64_t arguments[6])
{
    struct rules *r = t->arg;
    if ((class_of(r, k->id, number, arguments) & r->rule->calls) == 0 || !falls_on(r))
        return true;
    return act(r, k, arguments);
}

static void call_left(struct tracer *t, struct tracer_task *k, int64_t result)
{
    (void)t, (void)result;
    if (k->result != 0)
        (void)change(k->id, false, NULL, &k->result);
    k->result = 0;
}

/* Lets those go on whose time has come; how long until the next. */
static uint64_t release_due(struct tracer *t)
{
    uint64_t now = world_worker_now(), wait = IDLE_WAIT;
    for (size_t i = 0; i < t->count; i++) {
        struct tracer_task *k = &t->tasks[i];
        if (k->due == 0)
            continue;
        if (k->due <= now) {
            k->due = 0;
            tracer_go(k);
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
    static const struct tracer_handler handler = {.entry = call_entered, .exit = call_left};
    static struct tracer t;
    static struct rules rules;
    struct intercept *i = arg;
    rules.i = i;
    rules.rule = &i->rule;
    if (i->rule.below != NULL && realpath(i->rule.below, rules.below) == NULL) {
        atomic_store(&i->shared->failure, errno);
        atomic_store(&i->shared->state, STATE_FAILED);
        return 1;
    }
    if (strcmp(rules.below, "/") == 0)
        rules.below[0] = '\0';
    random_seed(&rules.random, i->rule.seed);
    t.handler = &handler;
    t.arg = &rules;
    tracer_prepare();
    int why = tracer_seize(&t, (pid_t)i->process.id);
    if (why != 0) {
        atomic_store(&i->shared->failure, why);
        atomic_store(&i->shared->state, STATE_FAILED);
        return 1;
    }
    /* In force once every thread was stopped and goes on from call to call. */
    atomic_store(&i->shared->state, STATE_READY);
    while (t.count > 0 && !(atomic_load(&i->shared->stop) && at_rest(&t)))
        tracer_run(&t, release_due(&t));
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
