#include "world/power.h"
#include "world/intercept.h"
#include "world/mapping.h"
#include "world/power_calls.h"
#include "world/trace.h"
#include "world/tracer.h"
#include "world/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define START_WITHIN  UINT64_C(5000000000) /* ns */
#define CUT_WITHIN    UINT64_C(30000000000)
#define FREEZE_WITHIN UINT64_C(5000000000)
#define LOOK_EVERY    UINT64_C(200000)
#define IDLE_WAIT     UINT64_C(5000000)
#define REASON_MAX    (SHADOW_PATH_MAX + 256)

enum state { STATE_STARTING, STATE_RECORDS, STATE_CUT, STATE_FAILED };

/* What the worker and we both see. */
struct shared {
    _Atomic int state;
    _Atomic int wanted; /* 0: record; 1: cut; 2: let go */
    enum sim_crash_keeps keeps;
    struct power_loss loss;
    int code; /* with STATE_FAILED */
    char reason[REASON_MAX];
};
enum { WANTED_RECORD, WANTED_CUT, WANTED_END };

struct power {
    struct world_mapping mapping;
    struct shared *shared;
    struct world_worker *worker;
    struct world_foreign process;
    uint64_t seed;
    pid_t parent;
};

/* ---- in the worker ---- */

struct recorder {
    struct shared *shared;
    struct shadow *shadow;
    struct tracer tracer;
    struct power_call call; /* the one under way: others that change files wait for it */
    bool busy, refused;
    uint64_t recorded;
};

static int failed(struct recorder *r, int code, const char *reason)
{
    snprintf(r->shared->reason, sizeof r->shared->reason, "%s", reason);
    r->shared->code = code;
    atomic_store(&r->shared->state, STATE_FAILED);
    return 1;
}

/* The next that waits; its call may be one that nobody has to wait for after all. */
static void next(struct recorder *r)
{
    for (size_t i = 0; i < r->tracer.count && !r->busy && !r->tracer.freezing; i++) {
        struct tracer_task *k = &r->tracer.tasks[i];
        if (!k->stands || k->due == 0)
            continue;
        k->due = 0;
        tracer_again(&r->tracer, k);
    }
}

static bool call_entered(struct tracer *t, struct tracer_task *k, uint64_t number, const uint64_t arguments[6])
{
    struct recorder *r = t->arg;
    if (r->busy) {
        /* Whether it does change files takes a look at them: in turn as well. */
        k->due = power_call_matters(number) ? 1 : 0;
        return k->due == 0;
    }
    if (!power_call_matters(number))
        return true;
    power_call_begin(r->shadow, k->id, number, arguments, &r->call);
    r->refused |= r->call.kind == POWER_REFUSED;
    r->busy = k->wants = r->call.kind != POWER_NOTHING && r->call.kind != POWER_REFUSED;
    return true;
}

static void turn_over(struct recorder *r)
{
    r->busy = false;
    next(r);
}

static void call_left(struct tracer *t, struct tracer_task *k, int64_t result)
{
    struct recorder *r = t->arg;
    if (!r->busy || r->call.task != k->id)
        return;
    bool sync = r->call.kind == POWER_SYNC || r->call.kind == POWER_SYNC_ALL;
    /* A sync whose end the process does not see any more promises nothing. */
    if (!sync || !t->freezing)
        power_call_done(r->shadow, &r->call, result);
    r->recorded += sync ? 0 : 1;
    turn_over(r);
}

static void task_gone(struct tracer *t, struct tracer_task *k)
{
    struct recorder *r = t->arg;
    if (r->busy && r->call.task == k->id)
        r->busy = false; /* the next turn is given by the loop: the table is being changed */
}

static bool ours(void *arg, int64_t process)
{
    const struct recorder *r = arg;
    for (size_t i = 0; i < r->tracer.count; i++)
        if (r->tracer.tasks[i].id == process)
            return true;
    return false;
}

static void kill_all(const struct recorder *r)
{
    for (size_t i = 0; i < r->tracer.count; i++)
        kill(r->tracer.tasks[i].id, SIGKILL); /* a thread's number is as good as its process's */
}

static int cut(struct recorder *r)
{
    struct shadow_crash crash = {0};
    if (r->tracer.count == 0)
        return failed(r, ERROR_NOT_FOUND, "the process has ended");
    if (r->refused)
        return failed(r, ERROR_UNSUPPORTED,
                      "it writes in ways that are not recorded (io_uring, io_submit, ranges "
                      "collapsed or inserted, names exchanged)");
    if (tracer_freeze(&r->tracer, FREEZE_WITHIN) != 0)
        return failed(r, ERROR_TIMEOUT, "not all of its threads could be stopped");
    for (size_t i = 0; i < r->tracer.count; i++)
        power_mapped_files(r->shadow, r->tracer.tasks[i].id);
    if (shadow_failure(r->shadow) == NULL)
        shadow_crash(r->shadow, r->shared->keeps, ours, r, &crash);
    if (shadow_failure(r->shadow) != NULL)
        return failed(r, ERROR_IO, shadow_failure(r->shadow));
    shadow_restore(r->shadow);
    /* One that was just being forked shows itself only now. */
    for (kill_all(r); r->tracer.count > 0; kill_all(r))
        tracer_run(&r->tracer, IDLE_WAIT);
    r->shared->loss = (struct power_loss){
        .recorded = r->recorded, .kept = crash.kept, .dropped = crash.dropped, .torn = crash.torn, .left = crash.left};
    if (shadow_failure(r->shadow) != NULL) {
        char reason[REASON_MAX];
        snprintf(reason, sizeof reason, "it was killed, and its files are half put back: %s",
                 shadow_failure(r->shadow));
        return failed(r, ERROR_IO, reason);
    }
    atomic_store(&r->shared->state, STATE_CUT);
    return 0;
}

static void many_files(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return;
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_NOFILE, &l);
}

static int record(struct recorder *r, const struct power *p)
{
    static const struct tracer_handler handler = {.entry = call_entered, .exit = call_left, .gone = task_gone};
    r->tracer.handler = &handler;
    r->tracer.arg = r;
    r->tracer.follow = true;
    int why = tracer_seize(&r->tracer, (pid_t)p->process.id);
    if (why != 0)
        return failed(r, error_from_errno(why),
                      why == EPERM ? "it cannot be traced (is it traced already?)" : strerror(why));
    for (size_t i = 0; i < r->tracer.count; i++)
        power_mapped_files(r->shadow, r->tracer.tasks[i].id);
    atomic_store(&r->shared->state, STATE_RECORDS);
    while (r->tracer.count > 0 && atomic_load(&r->shared->wanted) == WANTED_RECORD) {
        tracer_run(&r->tracer, IDLE_WAIT);
        next(r);
    }
    if (atomic_load(&r->shared->wanted) == WANTED_END)
        return 0;
    /* Half a power cut is none: it is finished even when nobody waits for it any more. */
    if (r->tracer.count > 0 && !trace_outlive_parent(p->parent))
        return 0;
    while (atomic_load(&r->shared->wanted) == WANTED_RECORD)
        world_worker_pause(LOOK_EVERY); /* all have ended: that is told when it is asked */
    return atomic_load(&r->shared->wanted) == WANTED_CUT ? cut(r) : 0;
}

static int recorder_main(void *arg)
{
    static struct recorder r;
    const struct power *p = arg;
    tracer_prepare();
    many_files();
    r.shared = p->shared;
    r.shadow = shadow_new(p->seed);
    int rc = r.shadow != NULL ? record(&r, p) : failed(&r, ERROR_MEMORY, "out of memory");
    if (r.shadow != NULL)
        shadow_free(r.shadow);
    return rc;
}

/* ---- outside ---- */

int power_possible(struct world *w, struct error *err)
{
    int code = intercept_possible(w, err);
#if !defined(__x86_64__)
    if (code == 0)
        code = error_set(err, ERROR_UNSUPPORTED, "power cuts of processes are not implemented for this processor");
#endif
    return code;
}

/* Its paths have to mean to us what they mean to it. */
static bool same_mounts(const struct world_foreign *p)
{
    char path[64], own[64] = "", its[64] = "";
    snprintf(path, sizeof path, "/proc/%lld/ns/mnt", (long long)p->id);
    return readlink("/proc/self/ns/mnt", own, sizeof own - 1) > 0 && readlink(path, its, sizeof its - 1) > 0 &&
           strcmp(own, its) == 0;
}

static int told(const struct power *p, struct error *err)
{
    return error_set(err, p->shared->code, "process %lld: %s", (long long)p->process.id, p->shared->reason);
}

/* Until the worker has left the state. */
static int wait_for(struct power *p, enum state from, uint64_t within, struct error *err)
{
    uint64_t end = world_worker_now() + within;
    struct world_exit status;
    while (atomic_load(&p->shared->state) == (int)from) {
        if (world_worker_ended(p->worker, &status) && atomic_load(&p->shared->state) == (int)from)
            return error_set(err, ERROR_IO, "process %lld: what records it has died", (long long)p->process.id);
        if (world_worker_now() > end)
            return error_set(err, ERROR_TIMEOUT, "process %lld: it takes too long", (long long)p->process.id);
        world_worker_pause(LOOK_EVERY);
    }
    return atomic_load(&p->shared->state) == STATE_FAILED ? told(p, err) : 0;
}

int power_record(struct world *w, const struct world_foreign *p, uint64_t seed, struct power **out, struct error *err)
{
    int code = power_possible(w, err);
    if (code != 0)
        return code;
    if (world_foreign_state(w, p) == 0)
        return error_set(err, ERROR_NOT_FOUND, "process %lld is gone", (long long)p->id);
    if (!same_mounts(p))
        return error_set(err, ERROR_UNSUPPORTED, "process %lld has a mount namespace of its own", (long long)p->id);
    struct power *x = calloc(1, sizeof *x);
    if (x == NULL || world_mapping_anonymous(sizeof *x->shared, &x->mapping) != 0) {
        free(x);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    x->shared = x->mapping.data;
    x->process = *p;
    x->seed = seed;
    x->parent = getpid();
    code = world_worker_start(recorder_main, x, true, &x->worker, err);
    if (code == 0)
        code = wait_for(x, STATE_STARTING, START_WITHIN, err);
    if (code != 0) {
        power_free(x);
        return code;
    }
    *out = x;
    return 0;
}

void power_cut_begin(struct power *p, enum sim_crash_keeps keeps)
{
    p->shared->keeps = keeps;
    atomic_store(&p->shared->wanted, WANTED_CUT);
}

int power_cut(struct power *p, enum sim_crash_keeps keeps, struct power_loss *loss, struct error *err)
{
    if (atomic_load(&p->shared->wanted) == WANTED_RECORD)
        power_cut_begin(p, keeps);
    int code = wait_for(p, STATE_RECORDS, CUT_WITHIN, err);
    *loss = p->shared->loss;
    return code;
}

void power_free(struct power *p)
{
    struct world_exit status;
    if (p == NULL)
        return;
    if (p->worker != NULL) {
        int expected = WANTED_RECORD;
        (void)atomic_compare_exchange_strong(&p->shared->wanted, &expected, WANTED_END);
        (void)world_worker_wait(p->worker, CUT_WITHIN, &status);
        world_worker_close(p->worker);
    }
    world_mapping_close(&p->mapping);
    free(p);
}
