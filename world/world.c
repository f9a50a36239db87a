#include "world/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- life -------------------------------------------------------------------------------------------------------- */

void world_init(struct world *w, const struct world_operations *operations, uint64_t seed)
{
    *w = (struct world){.operations = operations, .seed = seed};
    w->tasks_end = &w->tasks;
    random_seed(&w->random, seed);
}

void world_deinit(struct world *w)
{
    if (w->sqlite)
        w->sqlite_free(w->sqlite);
    w->sqlite = NULL;
    for (struct map_entry *e = map_first(&w->points); e; e = map_next(e))
        free(map_value(e));
    map_deinit(&w->points);
    free(w->timers);
    w->timers = NULL;
    w->timers_count = w->timers_capacity = 0;
}

/* ---- time and random numbers ------------------------------------------------------------------------------------- */

uint64_t world_now(struct world *w)
{
    return w->operations->now(w);
}

int64_t world_wall(struct world *w)
{
    return w->operations->wall(w);
}

struct random *world_random(struct world *w)
{
    return &w->random;
}

uint64_t world_seed(struct world *w)
{
    return w->seed;
}

int world_entropy(struct world *w, void *out, size_t len)
{
    if (w->dead)
        return ERROR_CLOSED;
    return w->operations->entropy(w, out, len);
}

const char *world_environment(struct world *w, const char *name)
{
    return w->operations->environment(w, name);
}

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

void world_task_init(struct world_task *t, struct world *w, void (*run)(void *arg), void *arg)
{
    *t = (struct world_task){.world = w, .run = run, .arg = arg};
}

void world_task_post(struct world_task *t)
{
    struct world *w = t->world;
    if (t->link || w->dead)
        return;
    bool first = w->tasks == NULL;
    t->next = NULL;
    t->link = w->tasks_end;
    *w->tasks_end = t;
    w->tasks_end = &t->next;
    if (first)
        w->operations->task_posted(w);
}

void world_task_cancel(struct world_task *t)
{
    if (!t->link)
        return;
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    else
        t->world->tasks_end = t->link;
    t->link = NULL;
    t->next = NULL;
}

void world_tasks_run(struct world *w)
{
    /* A marker closes the round: what is posted behind it waits. It is a task itself, so cancelling its neighbours
     * keeps the list whole. */
    struct world_task marker = {.world = w};
    if (!w->tasks)
        return;
    marker.link = w->tasks_end;
    *w->tasks_end = &marker;
    w->tasks_end = &marker.next;
    while (w->tasks != &marker && !w->dead) {
        struct world_task *t = w->tasks;
        world_task_cancel(t);
        t->run(t->arg);
    }
    world_task_cancel(&marker);
}

void world_tasks_forget(struct world *w)
{
    w->tasks = NULL;
    w->tasks_end = &w->tasks;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

int world_run(struct world *w)
{
    int code = w->operations->run(w, NULL, NULL, 0);
    return code == ERROR_CLOSED || code == ERROR_CANCELLED ? 0 : code;
}

void world_stop(struct world *w)
{
    if (!w->dead)
        w->operations->stop(w);
}

int world_run_until(struct world *w, bool (*done)(void *arg), void *arg, uint64_t timeout)
{
    return w->operations->run(w, done, arg, timeout);
}

static void sleep_fire(void *arg)
{
    *(bool *)arg = true;
}

static bool sleep_done(void *arg)
{
    return *(bool *)arg;
}

int world_sleep(struct world *w, uint64_t duration)
{
    bool awake = false;
    struct world_timer timer;
    world_timer_init(&timer, w, sleep_fire, &awake);
    int code = world_timer_start(&timer, duration);
    if (code < 0)
        return code;
    code = world_run_until(w, sleep_done, &awake, 0);
    world_timer_stop(&timer);
    return code;
}

void world_on_signal(struct world *w, void (*handler)(void *arg, int signal), void *arg)
{
    if (w->dead)
        return;
    w->signal_handler = handler;
    w->signal_arg = arg;
    w->operations->on_signal(w);
}

/* ---- network ----------------------------------------------------------------------------------------------------- */

int world_connect(struct world *w, const char *address, const struct world_stream_events *events, void *arg,
                  struct world_stream **out, struct error *err)
{
    *out = NULL;
    if (w->dead)
        return error_set(err, ERROR_CLOSED, "this node is down");
    return w->operations->connect(w, address, events, arg, out, err);
}

void world_stream_accept(struct world_stream *s, const struct world_stream_events *events, void *arg)
{
    s->events = *events;
    s->arg = arg;
    s->world->operations->stream_accept(s);
}

int world_stream_write(struct world_stream *s, struct bytes data)
{
    return s->world->operations->stream_write(s, data);
}

size_t world_stream_queued(const struct world_stream *s)
{
    return s->world->operations->stream_queued(s);
}

void world_stream_pause(struct world_stream *s)
{
    s->world->operations->stream_pause(s);
}

void world_stream_resume(struct world_stream *s)
{
    s->world->operations->stream_resume(s);
}

void world_stream_shutdown(struct world_stream *s)
{
    s->world->operations->stream_shutdown(s);
}

void world_stream_close(struct world_stream *s)
{
    if (s)
        s->world->operations->stream_close(s);
}

void world_stream_abort(struct world_stream *s)
{
    if (s)
        s->world->operations->stream_abort(s);
}

const char *world_stream_peer(const struct world_stream *s)
{
    return s->world->operations->stream_peer(s);
}

int world_listen(struct world *w, const char *address, void (*accept)(void *arg, struct world_stream *s), void *arg,
                 struct world_listener **out, struct error *err)
{
    *out = NULL;
    if (w->dead)
        return error_set(err, ERROR_CLOSED, "this node is down");
    return w->operations->listen(w, address, accept, arg, out, err);
}

const char *world_listener_address(const struct world_listener *l)
{
    return l->world->operations->listener_address(l);
}

int world_listener_port(const struct world_listener *l)
{
    return l->world->operations->listener_port(l);
}

void world_listener_close(struct world_listener *l)
{
    if (l)
        l->world->operations->listener_close(l);
}

/* ---- child processes --------------------------------------------------------------------------------------------- */

int world_process_spawn(struct world *w, const struct world_spawn *spawn, const struct world_process_events *events,
                        void *arg, struct world_process **out, struct error *err)
{
    *out = NULL;
    if (w->dead)
        return error_set(err, ERROR_CLOSED, "this node is down");
    if (!spawn->argv || !spawn->argv[0])
        return error_set(err, ERROR_INVALID, "no program to run");
    return w->operations->process_spawn(w, spawn, events, arg, out, err);
}

int world_process_signal(struct world_process *p, int signal)
{
    return p->world->operations->process_signal(p, signal);
}

int64_t world_process_id(const struct world_process *p)
{
    return p->world->operations->process_id(p);
}

bool world_process_running(const struct world_process *p)
{
    return p->world->operations->process_running(p);
}

int world_process_usage(const struct world_process *p, uint64_t *resident, uint64_t *cpu)
{
    return p->world->operations->process_usage(p, resident, cpu);
}

void world_process_close(struct world_process *p)
{
    if (p)
        p->world->operations->process_close(p);
}

void world_exit_format(struct world_exit status, struct text *out)
{
    if (!status.signalled) {
        text_printf(out, "exited with code %d", status.code);
        return;
    }
    const char *name = sigabbrev_np(status.code);
    if (name)
        text_printf(out, "killed by signal %d (SIG%s)", status.code, name);
    else
        text_printf(out, "killed by signal %d", status.code);
}
