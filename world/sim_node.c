/* Nodes: making them, and the one way in which what runs on them ends. */
#include "world/sim_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_FREE_PORT 40000

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void wake_run(struct sim_event *e, bool dropped)
{
    /* sim_step() fires the timers itself; the event only holds their place in the queue. */
    (void)e;
    (void)dropped;
}

/* Each incarnation has random numbers of its own, as each process has. */
static void node_seed(struct sim_node *n)
{
    struct text purpose = TEXT_INIT;
    text_printf(&purpose, "node %s %llu", n->name, (unsigned long long)n->incarnation);
    random_fork(&n->sim->random, text_string(&purpose), &n->base.random);
    n->base.seed = random_next(&n->base.random);
    text_puts(&purpose, " entropy");
    random_fork(&n->sim->random, text_string(&purpose), &n->entropy);
    if (!text_ok(&purpose))
        n->sim->broken = ERROR_MEMORY;
    text_deinit(&purpose);
}

static bool nodes_grow(struct sim *s)
{
    if (s->nodes_count < s->nodes_capacity)
        return true;
    size_t capacity = s->nodes_capacity ? 2 * s->nodes_capacity : 16;
    struct sim_node **nodes = realloc(s->nodes, capacity * sizeof(struct sim_node *));
    if (!nodes)
        return false;
    s->nodes = nodes;
    s->nodes_capacity = capacity;
    return true;
}

struct sim_node *sim_node_new(struct sim *s, const char *name)
{
    if (!nodes_grow(s))
        return NULL;
    struct sim_node *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    world_init(&n->base, &sim_operations, 0);
    n->sim = s;
    n->index = s->nodes_count;
    n->next_port = FIRST_FREE_PORT;
    n->aside_end = &n->aside;
    n->wake = n->busy = (struct sim_event){.node = n, .run = wake_run};
    n->name = strdup(name);
    n->disk = n->name ? sim_disk_new(n) : NULL;
    if (!n->disk || !map_put(&s->names, name, n)) {
        sim_disk_free(n->disk);
        free(n->name);
        world_deinit(&n->base);
        free(n);
        return NULL;
    }
    s->nodes[s->nodes_count++] = n;
    node_seed(n);
    sim_rules_apply(n);
    return n;
}

static void argv_free(struct sim_node *n)
{
    for (int i = 0; i < n->argc; i++)
        free(n->argv[i]);
    free(n->argv);
    n->argv = NULL;
    n->argc = 0;
    sim_environment_free(n->environment);
    n->environment = NULL;
}

static void aside_drop(struct sim_node *n)
{
    while (n->aside) {
        struct sim_event *e = n->aside;
        n->aside = e->next;
        sim_event_drop(n->sim, e);
    }
    n->aside_end = &n->aside;
}

void sim_node_free(struct sim_node *n)
{
    argv_free(n);
    sim_net_free(n);
    sim_files_free(n);
    sim_processes_free(n);
    world_deinit(&n->base); /* before the disk: SQLite's VFS of this world goes here */
    sim_disk_free(n->disk);
    free(n->links);
    free(n->name);
    free(n);
}

/* ---- entering and ending ----------------------------------------------------------------------------------------- */

/* A node without a program is somebody's (a test, the harness), who still owns the timers. */
static void timers_release(struct sim_node *n, bool owned_by_program)
{
    struct world *w = &n->base;
    while (!owned_by_program && world_timer_earliest(w))
        world_timer_stop(world_timer_earliest(w));
    while (!owned_by_program && w->tasks)
        world_task_cancel(w->tasks);
    world_timers_forget(w);
    world_tasks_forget(w);
    sim_queue_remove(n->sim, &n->wake);
}

static const char *end_words(enum sim_end how)
{
    return how == END_CRASH ? "crash" : how == END_KILL ? "kill" : "stop";
}

static void node_teardown(struct sim_node *n)
{
    enum sim_end how = n->ending;
    const struct sim_program *program = n->program;
    sim_trace_line(n, "node %s", end_words(how));
    n->ending = END_NONE;
    n->paused = false;
    n->busy_until = 0;
    sim_queue_remove(n->sim, &n->busy);
    n->entered++; /* stop() may ask for its own end once more */
    if (how != END_STOP)
        sim_net_sever(n, how == END_CRASH);
    if (program && !n->starting)
        program->stop(n->state);
    if (how == END_STOP)
        sim_net_sever(n, false);
    n->entered--;
    n->base.dead = true;
    sim_processes_kill(n);
    if (how == END_CRASH)
        sim_disk_crash(n);
    timers_release(n, program != NULL);
    if (program) {
        sim_net_free(n);
        sim_files_free(n);
        sim_processes_free(n);
    }
    argv_free(n);
    n->program = NULL;
    n->state = NULL;
    n->starting = false;
    n->base.signal_handler = NULL;
    n->base.stopped = false;
    n->ending = END_NONE;
    n->incarnation++;
    aside_drop(n);
    node_seed(n);
    n->base.dead = false;
    struct sim_process *watcher = n->watcher;
    n->watcher = NULL;
    if (watcher)
        sim_process_exited(watcher, n->exit);
}

void sim_enter(struct sim_node *n)
{
    n->entered++;
}

void sim_leave(struct sim_node *n)
{
    if (--n->entered == 0 && n->ending != END_NONE)
        node_teardown(n);
}

void sim_end(struct sim_node *n, enum sim_end how, struct world_exit status)
{
    /* A crash overrules an orderly stop that was asked for and did not begin. */
    if (how <= n->ending)
        return;
    n->ending = how;
    n->exit = status;
    if (how != END_STOP)
        n->base.dead = true;
    if (n->entered == 0)
        node_teardown(n);
}

static void signal_run(struct sim_event *e, bool dropped)
{
    struct sim_node *n = e->node;
    int number = (int)e->number;
    if (dropped)
        return;
    sim_trace_line(n, "signal %d", number);
    if (n->base.signal_handler && (number == SIGTERM || number == SIGINT))
        n->base.signal_handler(n->base.signal_arg, number);
    else if (n->program)
        sim_end(n, END_KILL, (struct world_exit){.signalled = true, .code = number});
}

void sim_signal(struct sim_node *n, int number)
{
    sim_schedule(n, n->sim->now, signal_run, NULL, (uint64_t)number);
}

/* ---- from outside, by name --------------------------------------------------------------------------------------- */

bool sim_running(struct sim *s, const char *node)
{
    const struct sim_node *n = sim_find(s, node);
    return n && n->program && n->ending == END_NONE;
}

int sim_terminate(struct sim *s, const char *node)
{
    struct sim_node *n = sim_find(s, node);
    if (!n || (!n->program && !n->base.signal_handler))
        return ERROR_NOT_FOUND;
    sim_signal(n, SIGTERM);
    return 0;
}

int sim_crash(struct sim *s, const char *node)
{
    return sim_crash_with(s, node, SIM_CRASH_LOTS);
}

int sim_crash_with(struct sim *s, const char *node, enum sim_crash_keeps keeps)
{
    struct sim_node *n = sim_find(s, node);
    if (!n)
        return ERROR_NOT_FOUND;
    sim_disk_crash_keeps(n, keeps);
    sim_end(n, END_CRASH, (struct world_exit){.signalled = true, .code = SIGKILL});
    return 0;
}

int sim_kill(struct sim *s, const char *node)
{
    struct sim_node *n = sim_find(s, node);
    if (!n || !n->program)
        return ERROR_NOT_FOUND;
    sim_end(n, END_KILL, (struct world_exit){.signalled = true, .code = SIGKILL});
    return 0;
}

int sim_pause(struct sim *s, const char *node)
{
    struct sim_node *n = sim_find(s, node);
    if (!n)
        return ERROR_NOT_FOUND;
    if (!n->paused)
        sim_trace_line(n, "node pause");
    n->paused = true;
    return 0;
}

int sim_resume(struct sim *s, const char *node)
{
    struct sim_node *n = sim_find(s, node);
    if (!n)
        return ERROR_NOT_FOUND;
    if (!n->paused)
        return 0;
    sim_trace_line(n, "node resume");
    n->paused = false;
    sim_node_go_on(n);
    return 0;
}

/* ---- halting
 * --------------------------------------------------------------------------------------------------------- */

void sim_node_busy(struct sim_node *n, uint64_t duration)
{
    if (duration == 0 || n->base.dead)
        return;
    n->busy_until = sim_node_now(n) + duration;
    sim_queue_remove(n->sim, &n->busy);
    sim_queue_add(n->sim, &n->busy, n->busy_until);
}

void sim_node_go_on(struct sim_node *n)
{
    struct sim *s = n->sim;
    if (sim_node_halted(n))
        return;
    /* What waited happens now, in its order. */
    struct sim_event *e = n->aside;
    n->aside = NULL;
    n->aside_end = &n->aside;
    while (e) {
        struct sim_event *next = e->next;
        sim_queue_add(s, e, s->now);
        e = next;
    }
    const struct world_timer *t = world_timer_earliest(&n->base);
    if (t && n->wake.slot == 0)
        sim_queue_add(s, &n->wake, t->at > s->now ? t->at : s->now);
    if (n->base.tasks)
        sim_node_ready(n);
}
