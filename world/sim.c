#include "world/sim_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MILLION    1000000
#define GATHER_MAX 64 /* events at one instant on one node that may go before its tasks */

/* ---- operations of a node's world -------------------------------------------------------------------------------- */

static uint64_t node_now(struct world *w)
{
    return sim_node_now(node_of(w));
}

/* How far the clock has drifted at its present rate; without overflow for centuries of either. */
static int64_t drift(const struct sim_node *n)
{
    int64_t since = (int64_t)(sim_node_now(n) - n->wall_since);
    return since / MILLION * n->wall_rate + since % MILLION * n->wall_rate / MILLION;
}

static int64_t node_wall(struct world *w)
{
    const struct sim_node *n = node_of(w);
    return n->sim->options.wall_start + (int64_t)(sim_node_now(n) - SIM_EPOCH) + n->wall_offset + drift(n);
}

static int node_entropy(struct world *w, void *out, size_t len)
{
    random_bytes(&node_of(w)->entropy, out, len);
    return 0;
}

static void node_timer_earlier(struct world *w)
{
    struct sim_node *n = node_of(w);
    sim_queue_remove(n->sim, &n->wake);
    sim_queue_add(n->sim, &n->wake, world_timer_earliest(w)->at);
}

static void node_task_posted(struct world *w)
{
    sim_node_ready(node_of(w));
}

static void node_stop(struct world *w)
{
    struct sim_node *n = node_of(w);
    if (n->program)
        sim_end(n, END_STOP, (struct world_exit){0});
    else
        w->stopped = true;
}

static void node_crash(struct world *w)
{
    struct sim_node *n = node_of(w);
    sim_trace_line(n, "point crash");
    sim_crash(n->sim, n->name);
}

static void node_on_signal(struct world *w)
{
    (void)w;
}

static int node_run(struct world *w, bool (*done)(void *arg), void *arg, uint64_t timeout);

const struct world_operations sim_operations = {
    .now = node_now,
    .wall = node_wall,
    .timer_earlier = node_timer_earlier,
    .task_posted = node_task_posted,
    .run = node_run,
    .stop = node_stop,
    .entropy = node_entropy,
    .crash = node_crash,
    .on_signal = node_on_signal,
    .connect = sim_connect,
    .stream_accept = sim_stream_accept,
    .stream_write = sim_stream_write,
    .stream_queued = sim_stream_queued,
    .stream_pause = sim_stream_pause,
    .stream_resume = sim_stream_resume,
    .stream_shutdown = sim_stream_shutdown,
    .stream_close = sim_stream_close,
    .stream_abort = sim_stream_abort,
    .stream_peer = sim_stream_peer,
    .listen = sim_listen,
    .listener_address = sim_listener_address,
    .listener_port = sim_listener_port,
    .listener_close = sim_listener_close,
    .file_open = sim_file_open,
    .file_pread = sim_file_pread,
    .file_pwrite = sim_file_pwrite,
    .file_truncate = sim_file_truncate,
    .file_sync = sim_file_sync,
    .file_size = sim_file_size,
    .file_close = sim_file_close,
    .stat = sim_stat,
    .rename = sim_rename,
    .remove = sim_remove,
    .remove_tree = sim_remove_tree,
    .make_one_directory = sim_make_one_directory,
    .sync_directory = sim_sync_directory,
    .list = sim_list,
    .process_spawn = sim_process_spawn,
    .process_signal = sim_process_signal,
    .process_id = sim_process_id,
    .process_running = sim_process_running,
    .process_usage = sim_process_usage,
    .process_close = sim_process_close,
    .environment = sim_environment,
};

bool world_is_simulated(struct world *w)
{
    return w->operations == &sim_operations;
}

/* ---- the trace --------------------------------------------------------------------------------------------------- */

void sim_trace(struct sim *s, void (*line)(void *arg, const char *text, size_t len), void *arg)
{
    s->trace = line;
    s->trace_arg = arg;
}

void sim_trace_line(struct sim_node *n, const char *format, ...)
{
    struct sim *s = n->sim;
    if (!s->trace)
        return;
    uint64_t micros = (s->now - SIM_EPOCH) / 1000;
    text_clear(&s->trace_line);
    text_printf(&s->trace_line, "%llu.%06llu %s ", (unsigned long long)(micros / 1000000),
                (unsigned long long)(micros % 1000000), n->name);
    va_list args;
    va_start(args, format);
    text_vprintf(&s->trace_line, format, args);
    va_end(args);
    if (text_ok(&s->trace_line))
        s->trace(s->trace_arg, s->trace_line.data, s->trace_line.len);
    else
        s->broken = ERROR_MEMORY;
}

/* ---- stepping ---------------------------------------------------------------------------------------------------- */

void sim_set_aside(struct sim_node *n, struct sim_event *e)
{
    e->next = NULL;
    *n->aside_end = e;
    n->aside_end = &e->next;
}

void sim_node_ready(struct sim_node *n)
{
    struct sim *s = n->sim;
    if (n->ready || sim_node_halted(n))
        return;
    n->ready = true;
    n->ready_next = NULL;
    *s->ready_end = n;
    s->ready_end = &n->ready_next;
}

static void ready_pop(struct sim *s)
{
    struct sim_node *n = s->ready;
    s->ready = n->ready_next;
    if (!s->ready)
        s->ready_end = &s->ready;
    n->ready = false;
    s->gathered = 0;
}

/* The next event that really is one: a wake whose timer was stopped or moved is put right on the way. */
static struct sim_event *queue_head(struct sim *s)
{
    while (s->queue_count > 0) {
        struct sim_event *e = s->queue[0];
        struct sim_node *n = e->node;
        if (e != &n->wake)
            return e;
        const struct world_timer *t = world_timer_earliest(&n->base);
        if (t && t->at <= e->at && !sim_node_halted(n))
            return e;
        sim_queue_remove(s, e);
        if (t && !sim_node_halted(n))
            sim_queue_add(s, e, t->at);
    }
    return NULL;
}

static void run_timer(struct sim_node *n)
{
    struct sim *s = n->sim;
    sim_queue_remove(s, &n->wake);
    sim_trace_line(n, "timer");
    sim_enter(n);
    world_timers_fire_one(&n->base, s->now);
    const struct world_timer *t = world_timer_earliest(&n->base);
    if (t && n->wake.slot == 0)
        sim_queue_add(s, &n->wake, t->at);
    sim_leave(n);
}

static void run_event(struct sim *s, struct sim_event *e)
{
    struct sim_node *n = e->node;
    sim_queue_remove(s, e);
    if (e->incarnation != n->incarnation || n->base.dead) {
        sim_event_drop(s, e);
        return;
    }
    if (sim_node_halted(n)) {
        sim_set_aside(n, e);
        return;
    }
    sim_enter(n);
    e->run(e, false);
    sim_leave(n);
    e->next = s->free_events;
    s->free_events = e;
}

static bool tasks_first(const struct sim *s, const struct sim_event *e)
{
    if (!s->ready)
        return false;
    return !(e && e->at <= s->now && e->node == s->ready && s->gathered < GATHER_MAX);
}

static void run_tasks(struct sim *s)
{
    struct sim_node *n = s->ready;
    ready_pop(s);
    if (sim_node_halted(n) || !n->base.tasks)
        return;
    sim_trace_line(n, "tasks");
    sim_enter(n);
    world_tasks_run(&n->base);
    sim_leave(n);
    if (n->base.tasks)
        sim_node_ready(n);
}

/* The time of the next step; UINT64_MAX: nothing is left. */
static uint64_t next_time(struct sim *s)
{
    const struct sim_event *e = queue_head(s);
    if (s->ready)
        return s->now;
    return e ? e->at : UINT64_MAX;
}

bool sim_step(struct sim *s)
{
    struct sim_event *e = queue_head(s);
    if (tasks_first(s, e)) {
        s->steps++;
        run_tasks(s);
        return true;
    }
    if (!e)
        return false;
    s->steps++;
    s->gathered += s->ready ? 1 : 0;
    if (e->at > s->now)
        s->now = e->at;
    if (e == &e->node->busy) {
        sim_queue_remove(s, e);
        sim_node_go_on(e->node);
    } else if (e == &e->node->wake)
        run_timer(e->node);
    else
        run_event(s, e);
    return true;
}

/* One step of a bounded run: 0, or why there was none. */
static int step_until(struct sim *s, uint64_t deadline)
{
    if (s->broken)
        return s->broken;
    if (s->options.steps_max && s->steps >= s->options.steps_max)
        return ERROR_LIMIT;
    uint64_t at = next_time(s);
    if (at == UINT64_MAX)
        return ERROR_CLOSED;
    if (at > deadline) {
        s->now = deadline;
        return ERROR_TIMEOUT;
    }
    sim_step(s);
    return 0;
}

static uint64_t deadline_of(const struct sim *s, uint64_t duration)
{
    return duration < UINT64_MAX - 1 - s->now ? s->now + duration : UINT64_MAX - 1;
}

static int node_run(struct world *w, bool (*done)(void *arg), void *arg, uint64_t timeout)
{
    struct sim *s = node_of(w)->sim;
    if (s->running)
        return ERROR_INVALID;
    uint64_t deadline = timeout ? deadline_of(s, timeout) : UINT64_MAX - 1;
    int code = 0;
    s->running = true;
    while (code == 0) {
        if (done && done(arg))
            break;
        if (w->stopped) {
            w->stopped = false;
            code = ERROR_CANCELLED;
            break;
        }
        code = step_until(s, deadline);
    }
    s->running = false;
    return code;
}

int sim_run_for(struct sim *s, uint64_t duration)
{
    if (s->running)
        return ERROR_INVALID;
    uint64_t deadline = deadline_of(s, duration);
    int code = 0;
    s->running = true;
    while (code == 0)
        code = step_until(s, deadline);
    s->running = false;
    if (code != ERROR_TIMEOUT && code != ERROR_CLOSED)
        return code;
    s->now = deadline;
    return 0;
}

uint64_t sim_now(struct sim *s)
{
    return s->now - SIM_EPOCH;
}

uint64_t sim_events(struct sim *s)
{
    return s->steps;
}

/* ---- nodes by name ----------------------------------------------------------------------------------------------- */

struct sim_node *sim_find(struct sim *s, const char *name)
{
    return map_get(&s->names, name);
}

struct world *sim_node(struct sim *s, const char *name)
{
    struct sim_node *n = sim_find(s, name);
    if (n)
        return &n->base;
    n = sim_node_new(s, name);
    return n ? &n->base : NULL;
}

const char *sim_node_name(struct world *w)
{
    return world_is_simulated(w) ? node_of(w)->name : NULL;
}

struct sim *sim_of(struct world *w)
{
    return world_is_simulated(w) ? node_of(w)->sim : NULL;
}

void sim_clock_jump(struct sim *s, const char *node, int64_t wall_delta)
{
    struct world *w = sim_node(s, node);
    if (!w) {
        s->broken = ERROR_MEMORY;
        return;
    }
    sim_trace_line(node_of(w), "clock jump %lld ns", (long long)wall_delta);
    node_of(w)->wall_offset += wall_delta;
}

void sim_clock_rate(struct sim *s, const char *node, int64_t parts_per_million)
{
    struct world *w = sim_node(s, node);
    if (!w) {
        s->broken = ERROR_MEMORY;
        return;
    }
    struct sim_node *n = node_of(w);
    sim_trace_line(n, "clock rate %lld ppm", (long long)parts_per_million);
    n->wall_offset += drift(n);
    n->wall_since = sim_node_now(n);
    n->wall_rate = parts_per_million;
}

int64_t sim_clock_offset(struct sim *s, const char *node)
{
    const struct sim_node *n = sim_find(s, node);
    return n ? n->wall_offset + drift(n) : 0;
}

int sim_register(struct sim *s, const struct sim_program *program)
{
    /* The map holds plain pointers; what they point to is never written. */
    void *value;
    memcpy(&value, &program, sizeof value);
    return map_put(&s->programs, program->name, value) ? 0 : ERROR_MEMORY;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct sim *sim_new(const struct sim_options *options)
{
    struct sim *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->options = *options;
    if (s->options.wall_start == 0)
        s->options.wall_start = SIM_WALL_START;
    if (s->options.latency_min == 0 && s->options.latency_max == 0) {
        s->options.latency_min = SIM_LATENCY_MIN;
        s->options.latency_max = SIM_LATENCY_MAX;
    }
    if (s->options.latency_max < s->options.latency_min)
        s->options.latency_max = s->options.latency_min;
    if (s->options.stream_buffer == 0)
        s->options.stream_buffer = SIM_STREAM_BUFFER;
    s->now = SIM_EPOCH;
    s->ready_end = &s->ready;
    s->connections_end = &s->connections;
    random_seed(&s->random, options->seed);
    random_fork(&s->random, "network", &s->network);
    random_fork(&s->random, "lots", &s->lots);
    return s;
}

void sim_free(struct sim *s)
{
    if (!s)
        return;
    for (size_t i = s->nodes_count; i-- > 0;)
        if (s->nodes[i]->program)
            sim_end(s->nodes[i], END_STOP, (struct world_exit){0});
    for (size_t i = 0; i < s->nodes_count; i++)
        s->nodes[i]->base.dead = true;
    for (size_t i = 0; i < s->nodes_count; i++)
        sim_net_sever(s->nodes[i], false);
    /* Events let go of connections, which still look at nodes. */
    for (size_t i = 0; i < s->nodes_count; i++)
        sim_queue_remove(s, &s->nodes[i]->wake);
    for (size_t i = 0; i < s->nodes_count; i++)
        sim_queue_remove(s, &s->nodes[i]->busy);
    sim_queue_deinit(s);
    for (size_t i = 0; i < s->nodes_count; i++)
        sim_node_free(s->nodes[i]);
    sim_net_deinit(s);
    sim_rules_free(s);
    map_deinit(&s->names);
    map_deinit(&s->programs);
    text_deinit(&s->trace_line);
    free(s->nodes);
    free(s->scratch);
    free(s);
}
