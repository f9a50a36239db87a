/* Contexts that run beside each other on one thread. A context waits in few places only, all by flow_wait(); one with
 * a fiber then leaves its stack to whoever waits for the whole group, which looks who can go on, lets them, and waits
 * itself when nobody can: in the world's loop, or (groups inside groups) as a fiber of the next group. Who can go on
 * is asked in the order of the jobs, so that a simulated run is the same each time.
 *
 * Sanitizers keep books about stacks and are told of each change. */
#include "e2e/internal.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_SIZE ((size_t)1 << 20) /* bytes of address space; pages are taken as they are touched */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#endif

#ifdef FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

struct fiber_group {
    struct world *world;
    struct fiber *fibers;
    size_t count;
    ucontext_t context; /* of the one who waits for the group */
#ifdef FIBER_ASAN
    const void *bottom;
    size_t size;
#endif
#ifdef FIBER_TSAN
    void *tsan;
#endif
};

struct fiber {
    struct fiber_group *group;
    struct fiber_job job;
    ucontext_t context;
    void *stack;
    bool (*done)(void *arg); /* what it waits for; NULL: it was not started, or has ended */
    void *arg;
    int result;
    bool late; /* its time is over */
    bool ended;
#ifdef FIBER_ASAN
    void *fake;
#endif
#ifdef FIBER_TSAN
    void *tsan;
#endif
};

/* ---- changing stacks ---- */

static void resume(struct fiber_group *g, struct fiber *f)
{
#ifdef FIBER_ASAN
    void *fake = NULL;
    __sanitizer_start_switch_fiber(&fake, f->stack, STACK_SIZE);
#endif
#ifdef FIBER_TSAN
    g->tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f->tsan, 0);
#endif
    swapcontext(&g->context, &f->context);
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}

static void leave(struct fiber *f)
{
    struct fiber_group *g = f->group;
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(f->ended ? NULL : &f->fake, g->bottom, g->size);
#endif
#ifdef FIBER_TSAN
    __tsan_switch_to_fiber(g->tsan, 0);
#endif
    swapcontext(&f->context, &g->context);
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(f->fake, &g->bottom, &g->size);
#endif
}

/* makecontext() passes ints: a pointer comes in two halves. */
static void begin(unsigned high, unsigned low)
{
    struct fiber *f = (struct fiber *)(((uintptr_t)high << 32) | (uintptr_t)low); /* NOLINT */
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(NULL, &f->group->bottom, &f->group->size);
#endif
    f->job.run(f, f->job.arg);
    f->ended = true;
    leave(f);
}

static bool open_fiber(struct fiber_group *g, struct fiber *f, const struct fiber_job *job)
{
    *f = (struct fiber){.group = g, .job = *job};
    void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED || getcontext(&f->context) != 0) {
        if (stack != MAP_FAILED)
            munmap(stack, STACK_SIZE);
        return false;
    }
    f->stack = stack;
    f->context.uc_stack.ss_sp = stack;
    f->context.uc_stack.ss_size = STACK_SIZE;
    f->context.uc_link = NULL;
    makecontext(&f->context, (void (*)(void))begin, 2, (unsigned)((uintptr_t)f >> 32), (unsigned)(uintptr_t)f);
#ifdef FIBER_TSAN
    f->tsan = __tsan_create_fiber(0);
#endif
    return true;
}

static void close_fiber(struct fiber *f)
{
#ifdef FIBER_TSAN
    if (f->tsan != NULL)
        __tsan_destroy_fiber(f->tsan);
#endif
    if (f->stack != NULL)
        munmap(f->stack, STACK_SIZE);
}

/* ---- who can go on ---- */

static bool ready(const struct fiber *f)
{
    if (f->ended)
        return false;
    return f->done == NULL || f->late || f->done(f->arg);
}

static bool any_ready(void *arg)
{
    const struct fiber_group *g = arg;
    for (size_t i = 0; i < g->count; i++)
        if (ready(&g->fibers[i]))
            return true;
    return false;
}

static void go_on(struct fiber_group *g, struct fiber *f)
{
    f->result = f->done == NULL || f->done(f->arg) ? 0 : ERROR_TIMEOUT;
    f->done = NULL;
    resume(g, f);
}

/* The wait of all of them ended: interrupted, or nothing is left to happen. Each is told, in its order. */
static void end_waits(struct fiber_group *g, int code)
{
    for (size_t i = 0; i < g->count; i++) {
        struct fiber *f = &g->fibers[i];
        if (f->ended)
            continue;
        f->result = f->done(f->arg) ? 0 : code;
        f->done = NULL;
        resume(g, f);
    }
}

static void run_all(struct flow_context *x, struct fiber_group *g)
{
    for (size_t left = g->count; left > 0;) {
        for (size_t i = 0; i < g->count; i++)
            if (ready(&g->fibers[i]))
                go_on(g, &g->fibers[i]);
        left = 0;
        for (size_t i = 0; i < g->count; i++)
            left += !g->fibers[i].ended;
        if (left == 0)
            return;
        int code = x != NULL ? flow_wait(x, any_ready, g, 0) : world_run_until(g->world, any_ready, g, 0);
        if (code != 0)
            end_waits(g, code);
    }
}

int fibers_run(struct flow_context *x, struct world *w, const struct fiber_job *jobs, size_t count)
{
    struct fiber_group g = {.world = w, .fibers = calloc(count, sizeof *g.fibers), .count = count};
    bool ok = g.fibers != NULL;
    for (size_t i = 0; i < count && ok; i++)
        ok = open_fiber(&g, &g.fibers[i], &jobs[i]);
    if (ok)
        run_all(x, &g);
    for (size_t i = 0; g.fibers != NULL && i < count; i++)
        close_fiber(&g.fibers[i]);
    free(g.fibers);
    return ok ? 0 : ERROR_MEMORY;
}

/* ---- waiting ---- */

static void out_of_time(void *arg)
{
    *(bool *)arg = true;
}

int flow_wait(struct flow_context *x, bool (*done)(void *arg), void *arg, uint64_t timeout)
{
    struct fiber *f = x->fiber;
    struct world_timer timer;
    if (f == NULL) { /* a simulation in which nothing more happens does not wait for the end of the time */
        int ended = world_run_until(x->target->world, done, arg, timeout);
        return ended == ERROR_CLOSED && timeout != 0 ? ERROR_TIMEOUT : ended;
    }
    f->done = done;
    f->arg = arg;
    f->late = false;
    world_timer_init(&timer, x->target->world, out_of_time, &f->late);
    int code = timeout != 0 ? world_timer_start(&timer, timeout) : 0;
    if (code != 0)
        return code;
    leave(f);
    world_timer_stop(&timer);
    return f->result;
}

void flow_cancel(struct flow_context *x, struct rpc_stream *stream, bool (*done)(void *arg), void *arg)
{
    int code = 0;
    rpc_stream_cancel(stream);
    while (!done(arg) && (code == 0 || code == ERROR_CANCELLED))
        code = flow_wait(x, done, arg, 0);
    if (!done(arg))
        target_close_channels(x->target); /* tells it at once, and needs no memory */
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

int flow_sleep(struct flow_context *x, uint64_t duration)
{
    if (x->fiber == NULL)
        return world_sleep(x->target->world, duration);
    int code = flow_wait(x, never, NULL, duration > 0 ? duration : 1);
    return code == ERROR_TIMEOUT ? 0 : code;
}
