/* Programs on nodes, and the handles of those who started them as child processes. */
#include "world/sim_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SPAWN_MIN UINT64_C(1000000) /* from spawning to the program's first instruction */
#define SPAWN_MAX UINT64_C(3000000)
#define EXIT_TELL UINT64_C(100000) /* from a child's end to its parent's knowing */

struct sim_process {
    struct world_process base; /* first */
    struct sim_node *parent;
    uint64_t incarnation;  /* of the parent */
    struct sim_node *node; /* where the program runs */
    const struct sim_program *program;
    char **argv;
    int argc;
    char **environment;
    int64_t id;
    struct world_exit exit;
    bool started, over;
    unsigned references; /* the handle's, and one for each event under way */
    bool released;
    struct sim_process *next, **link;
};

static struct sim_process *process_of(struct world_process *p)
{
    return (struct sim_process *)p;
}

static void argv_release(char **argv, int argc)
{
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    free(argv);
}

static char **argv_copy(int argc, const char *const *argv)
{
    char **copy = calloc((size_t)argc + 1, sizeof(*copy));
    if (!copy)
        return NULL;
    for (int i = 0; i < argc; i++) {
        copy[i] = strdup(argv[i]);
        if (!copy[i]) {
            argv_release(copy, i);
            return NULL;
        }
    }
    return copy;
}

void sim_environment_free(char **environment)
{
    for (size_t i = 0; environment && environment[i]; i++)
        free(environment[i]);
    free(environment);
}

/* The pairs added, and behind them, so that the first one found counts, what is inherited. */
static char **environment_copy(const char *const *added, char *const *inherited)
{
    size_t count = 0, first = 0;
    while (added && added[first])
        first++;
    while (inherited && inherited[count])
        count++;
    char **copy = calloc(first + count + 1, sizeof(*copy));
    for (size_t i = 0; copy && i < first + count; i++) {
        copy[i] = strdup(i < first ? added[i] : inherited[i - first]);
        if (!copy[i]) {
            sim_environment_free(copy);
            return NULL;
        }
    }
    return copy;
}

const char *sim_environment(struct world *w, const char *name)
{
    const struct sim_node *n = node_of(w);
    size_t len = strlen(name);
    for (size_t i = 0; n->environment && n->environment[i]; i++)
        if (strncmp(n->environment[i], name, len) == 0 && n->environment[i][len] == '=')
            return n->environment[i] + len + 1;
    return NULL;
}

int sim_program_start(struct sim_node *n, const struct sim_program *program, int argc, const char *const *argv,
                      struct error *err)
{
    if (n->program || n->ending != END_NONE)
        return error_set(err, ERROR_IN_USE, "node %s already runs %s", n->name,
                         n->program ? n->program->name : "something that is about to end");
    n->argv = argv_copy(argc, argv);
    if (!n->argv)
        return error_set(err, ERROR_MEMORY, "out of memory");
    n->argc = argc;
    n->program = program;
    n->starting = true;
    n->exit = (struct world_exit){0};
    sim_trace_line(n, "node start %s", program->name);
    sim_enter(n);
    /* The copies are never written; C has no conversion from char ** to const char *const *. */
    int code = program->start(&n->base, argc, (const char *const *)(void *)n->argv, &n->state, err);
    if (code == 0)
        n->starting = false; /* from here on stop() is due */
    else
        sim_end(n, END_KILL, (struct world_exit){.code = 1});
    sim_leave(n);
    return code;
}

int sim_start(struct sim *s, const char *node, const char *program, int argc, const char *const *argv,
              struct error *err)
{
    const struct sim_program *p = map_get(&s->programs, program);
    if (!p)
        return error_set(err, ERROR_NOT_FOUND, "cannot run %s: no program of that name is registered", program);
    struct world *w = sim_node(s, node);
    if (!w)
        return error_set(err, ERROR_MEMORY, "out of memory");
    return sim_program_start(node_of(w), p, argc, argv, err);
}

/* ---- child processes --------------------------------------------------------------------------------------------- */

static void process_unreference(struct sim_process *p)
{
    if (--p->references > 0)
        return;
    argv_release(p->argv, p->argc);
    sim_environment_free(p->environment);
    free(p);
}

static void exited_run(struct sim_event *e, bool dropped)
{
    struct sim_process *p = e->subject;
    if (!dropped && !p->released && p->base.events.exited)
        p->base.events.exited(p->base.arg, p->exit);
    process_unreference(p);
}

void sim_process_exited(struct sim_process *p, struct world_exit status)
{
    p->over = true;
    p->exit = status;
    if (p->released || p->incarnation != p->parent->incarnation)
        return;
    if (sim_schedule(p->parent, p->parent->sim->now + EXIT_TELL, exited_run, p, 0))
        p->references++;
}

static void start_run(struct sim_event *e, bool dropped)
{
    struct sim_process *p = e->subject;
    struct sim_node *n = e->node;
    if (!dropped && !p->over) {
        struct error err = ERROR_INIT;
        if (n->program || n->ending != END_NONE) {
            sim_process_exited(p, (struct world_exit){.code = 1});
        } else {
            p->started = true;
            n->watcher = p;
            sim_environment_free(n->environment);
            n->environment = p->environment;
            p->environment = NULL;
            sim_program_start(n, p->program, p->argc, (const char *const *)(void *)p->argv, &err);
            if (err.message)
                sim_trace_line(n, "node start failed: %s", err.message);
        }
        error_clear(&err);
    } else if (!p->over) {
        /* The machine lost power before the program began. */
        sim_process_exited(p, (struct world_exit){.signalled = true, .code = SIGKILL});
    }
    process_unreference(p);
}

int sim_process_spawn(struct world *w, const struct world_spawn *spawn, const struct world_process_events *events,
                      void *arg, struct world_process **out, struct error *err)
{
    struct sim_node *parent = node_of(w);
    struct sim *s = parent->sim;
    const struct sim_program *program = map_get(&s->programs, spawn->argv[0]);
    if (spawn->input.data)
        return error_set(err, ERROR_UNSUPPORTED, "cannot run %s: programs of a simulation have no standard input",
                         spawn->argv[0]);
    if (!program)
        return error_set(err, ERROR_NOT_FOUND, "cannot run %s: no program of that name is registered", spawn->argv[0]);
    struct world *target = sim_node(s, spawn->name ? spawn->name : spawn->argv[0]);
    struct sim_process *p = target ? calloc(1, sizeof(*p)) : NULL;
    if (!p)
        return error_set(err, ERROR_MEMORY, "out of memory");
    while (spawn->argv[p->argc])
        p->argc++;
    p->argv = argv_copy(p->argc, spawn->argv);
    p->environment = environment_copy(spawn->environment, spawn->clean_environment ? NULL : parent->environment);
    struct sim_node *n = node_of(target);
    if (!p->argv || !p->environment || n->program || n->ending != END_NONE) {
        bool taken = p->argv && p->environment;
        argv_release(p->argv, p->argv ? p->argc : 0);
        sim_environment_free(p->environment);
        free(p);
        return taken ? error_set(err, ERROR_IN_USE, "cannot run %s: node %s already runs a program", spawn->argv[0],
                                 n->name)
                     : error_set(err, ERROR_MEMORY, "out of memory");
    }
    p->base = (struct world_process){.world = w, .events = *events, .arg = arg};
    p->parent = parent;
    p->incarnation = parent->incarnation;
    p->node = n;
    p->program = program;
    p->id = ++s->processes_made;
    p->references = 2;
    p->next = parent->processes;
    p->link = &parent->processes;
    if (p->next)
        p->next->link = &p->next;
    parent->processes = p;
    uint64_t delay = SPAWN_MIN + random_below(&s->network, SPAWN_MAX - SPAWN_MIN);
    if (!sim_schedule(n, s->now + delay, start_run, p, 0)) {
        p->references--;
        p->over = true;
        sim_process_close(&p->base);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    *out = &p->base;
    return 0;
}

/* Whether the program this handle started still runs there. */
static bool process_alive(const struct sim_process *p)
{
    return p->started && !p->over && p->node->watcher == p;
}

int sim_process_signal(struct world_process *base, int number)
{
    struct sim_process *p = process_of(base);
    struct sim_node *n = p->node;
    struct sim *s = n->sim;
    if (p->over || p->incarnation != p->parent->incarnation || p->parent->base.dead)
        return ERROR_NOT_FOUND;
    struct world_exit status = {.signalled = true, .code = number};
    if (number == 0)
        return 0;
    if (!p->started) {
        /* Not begun yet: only what ends it matters. */
        if (number != SIGCONT && number != SIGSTOP)
            sim_process_exited(p, status);
        return 0;
    }
    if (number == SIGSTOP)
        return sim_pause(s, n->name);
    if (number == SIGCONT)
        return sim_resume(s, n->name);
    if (number == SIGTERM || number == SIGINT)
        sim_signal(n, number);
    else
        sim_end(n, END_KILL, status);
    return 0;
}

int64_t sim_process_id(const struct world_process *p)
{
    return ((const struct sim_process *)p)->id;
}

bool sim_process_running(const struct world_process *p)
{
    return !((const struct sim_process *)p)->over;
}

int sim_process_usage(const struct world_process *p, uint64_t *resident, uint64_t *cpu)
{
    (void)p;
    *resident = *cpu = 0;
    return ERROR_UNSUPPORTED;
}

static void process_stop(struct sim_process *p)
{
    if (p->over)
        return;
    if (process_alive(p)) {
        p->node->watcher = NULL;
        p->over = true;
        sim_end(p->node, END_KILL, (struct world_exit){.signalled = true, .code = SIGKILL});
    }
    p->over = true;
}

void sim_process_close(struct world_process *base)
{
    struct sim_process *p = process_of(base);
    if (p->released)
        return;
    p->released = true;
    process_stop(p);
    *p->link = p->next;
    if (p->next)
        p->next->link = p->link;
    process_unreference(p);
}

void sim_processes_kill(struct sim_node *n)
{
    for (struct sim_process *p = n->processes; p; p = p->next)
        if (p->incarnation == n->incarnation)
            process_stop(p);
}

void sim_processes_free(struct sim_node *n)
{
    for (struct sim_process *p; (p = n->processes) != NULL;) {
        n->processes = p->next;
        sim_process_close(&p->base);
    }
}
