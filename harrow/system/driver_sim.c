/* The sim driver: the same components as nodes of one simulation in this process, in virtual time, from one seed. The
 * harness is a node as well, and plays the supervisor (sim_micro.h): what dies is started again after a moment, as
 * `micro server` does. */
#include "base/log.h"
#include "base/units.h"
#include "harrow/system/links.h"
#include "harrow/system/log_ring.h"
#include "harrow/system/sim_programs.h"
#include "harrow/system/system.h"
#include "runtime/component.h"
#include "runtime/server/sim_keys.h"
#include "runtime/server/sim_micro.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define HARNESS_NODE  "harrow"
#define RESTART_AFTER (100 * MILLISECOND)
#define POLL_EVERY    (100 * MILLISECOND) /* virtual */
#define STOPS_WITHIN  (10 * SECOND)

struct part {
    struct simulated *owner;
    const char *name;
    bool paused, cut;
};

struct simulated {
    struct system *system;
    struct sim *sim;
    struct world_timer poll; /* looks at the real world now and then, for Ctrl-C */
    struct part *nodes;
    size_t node_count;
    struct sim_micro *micro;
    struct log_ring log;
};

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static void keep_log(void *arg, enum log_level level, const char *line, size_t len)
{
    struct simulated *p = arg;
    (void)level;
    log_ring_add(&p->log, BYTES(line, len));
}

static int64_t virtual_wall(void *arg)
{
    return world_wall(arg);
}

static uint64_t virtual_now(void *arg)
{
    return world_now(arg);
}

static void poll_real_world(void *arg)
{
    struct simulated *p = arg;
    /* A sleep of no length: without a timer the real loop has nothing to wait for and would not look at its signals. */
    world_sleep(p->system->run->world, 0);
    if (run_stops(p->system->run))
        world_stop(p->system->target.world);
    else
        world_timer_start(&p->poll, POLL_EVERY);
}

static int sim_prepare(struct system *s, struct error *err)
{
    struct simulated *p = calloc(1, sizeof *p);
    if (p == NULL)
        return out_of_memory(err);
    component_use_all();
    p->system = s;
    s->state = p;
    s->values.port = MICRO_BASE_PORT;
    p->sim = sim_new(&(struct sim_options){.seed = s->run->seed});
    struct world *w = p->sim != NULL ? sim_node(p->sim, HARNESS_NODE) : NULL;
    if (w == NULL || sim_programs_register(p->sim) != 0)
        return out_of_memory(err);
    s->target.world = w;
    world_timer_init(&p->poll, w, poll_real_world, p);
    world_timer_start(&p->poll, POLL_EVERY);
    /* The stream tells virtual time from here on: it is what a replay repeats. */
    s->run->results.now = virtual_now;
    s->run->results.now_arg = w;
    s->run->results.started = world_now(w);
    log_set_clock(virtual_wall, w);
    log_set_sink(keep_log, p);
    const char *log = arena_printf(&s->arena, "%s/system.log", s->folder);
    if (log == NULL)
        return out_of_memory(err);
    return world_file_open(s->run->world, log, WORLD_WRITE | WORLD_CREATE, &p->log.file, err);
}

/* In simulation a component's host is its node: "127.0.0.1" in an address of the manifest becomes the node's name. */
static int address_by_node(struct system *s, struct error *err)
{
    for (size_t i = 0; i < s->target.component_count; i++) {
        struct target_component *c = &s->components[i];
        const struct manifest_component *from = manifest_find(s->manifest, c->name);
        if (from->program == NULL)
            return error_set_at(err, ERROR_UNSUPPORTED, s->manifest->path, from->line, from->column,
                                "component %s names no \"program\": it cannot be simulated", c->name);
        const struct component *component = component_find(from->program);
        if (component == NULL)
            return error_set_at(err, ERROR_INVALID, s->manifest->path, from->line, from->column,
                                "component %s: there is no program \"%s\" to simulate", c->name, from->program);
        int port = MICRO_BASE_PORT + component->port_offset;
        if (c->address != NULL)
            c->address = arena_printf(&s->arena, "%s:%d", c->name, sim_micro_port(component));
        if (c->http != NULL) {
            c->http = arena_printf(&s->arena, "http://%s:%d", c->name, port);
            s->target.gateway = c->http;
        }
        if (c->address == NULL && c->http == NULL)
            return error_set_at(err, ERROR_INVALID, s->manifest->path, from->line, from->column,
                                "component %s has neither \"address\" nor \"http\"", c->name);
    }
    return 0;
}

/* The node's name and what the manifest adds to its command line. */
static int arguments_of(struct system *s, const struct manifest_component *c, const char *const **out,
                        struct error *err)
{
    const char *const *given = NULL;
    size_t count = 0;
    int code = manifest_expand_list(c->arguments, &s->values, &s->arena, &given, err);
    if (code != 0)
        return code;
    while (given[count] != NULL)
        count++;
    const char **list = ARENA_NEW_N(&s->arena, const char *, count + 2);
    if (list == NULL)
        return out_of_memory(err);
    list[0] = c->name;
    memcpy(list + 1, given, count * sizeof *given);
    *out = list;
    return 0;
}

static int start_nodes(struct system *s, const char *peers, struct error *err)
{
    struct simulated *p = s->state;
    int code = system_expand(s, err);
    if (code == 0)
        code = address_by_node(s, err);
    if (code == 0 && common.links)
        code = links_start(s, HARNESS_NODE, MANIFEST_LINKS_ALL, false, err);
    if (code != 0)
        return code;
    size_t count = s->target.component_count;
    const char **names = ARENA_NEW_N(&s->arena, const char *, count + 1);
    const char **programs = ARENA_NEW_N(&s->arena, const char *, count + 1);
    const char *const **arguments = ARENA_NEW_N(&s->arena, const char *const *, count + 1);
    const char **own_peers = ARENA_NEW_N(&s->arena, const char *, count + 1);
    p->nodes = calloc(count + 1, sizeof *p->nodes);
    if (names == NULL || programs == NULL || arguments == NULL || own_peers == NULL || p->nodes == NULL)
        return out_of_memory(err);
    for (; p->node_count < count; p->node_count++) {
        size_t i = p->node_count;
        const struct manifest_component *c = manifest_find(s->manifest, s->components[i].name);
        p->nodes[i] = (struct part){.owner = p, .name = c->name};
        names[i] = c->name;
        programs[i] = c->program;
        if ((own_peers[i] = links_peers(s, c->name)) == NULL)
            return out_of_memory(err);
        if ((code = arguments_of(s, c, &arguments[i], err)) != 0)
            return error_wrap(err, "component %s", c->name);
    }
    const struct sim_micro_options options = {.private_key = sim_private_key,
                                              .public_key = sim_public_key,
                                              .admin_secret = s->values.secret,
                                              .components = programs,
                                              .nodes = names,
                                              .arguments = arguments,
                                              .peers = peers,
                                              .own_peers = own_peers,
                                              .restart_after = RESTART_AFTER};
    code = sim_micro_new(p->sim, HARNESS_NODE, &options, &p->micro, err);
    return code == 0 ? sim_micro_start_all(p->micro, err) : code;
}

static void part_cut(struct part *n, bool cut);

/* The machines stay, with nothing on their disks. */
static int sim_driver_start_anew(struct system *s, struct error *err)
{
    struct simulated *p = s->state;
    int code = 0;
    sim_micro_set_restart(p->micro, 0);
    for (size_t i = 0; i < p->node_count; i++) {
        struct part *n = &p->nodes[i];
        if (n->paused)
            sim_resume(p->sim, n->name);
        if (n->cut)
            part_cut(n, false);
        n->paused = false;
        if (sim_running(p->sim, n->name))
            (void)sim_kill(p->sim, n->name);
    }
    for (size_t i = 0; code == 0 && i < p->node_count; i++)
        code = world_remove_tree(sim_node(p->sim, p->nodes[i].name), SIM_MICRO_DATA);
    if (code != 0)
        return error_set(err, code, "the disks cannot be cleared: %s", error_code_name(code));
    code = sim_micro_start_all(p->micro, err);
    sim_micro_set_restart(p->micro, RESTART_AFTER);
    return code;
}

static int sim_driver_start(struct system *s, struct error *err)
{
    return start_nodes(s, NULL, err);
}

static int sim_start_alone(struct system *s, const struct manifest_component *c, const char *peers, struct error *err)
{
    (void)c;
    return start_nodes(s, peers, err);
}

static bool sim_gone(struct system *s)
{
    (void)s;
    return false; /* what dies is started again */
}

static uint64_t real_now(void *arg)
{
    return world_now(arg);
}

static void sim_stop(struct system *s)
{
    struct simulated *p = s->state;
    sim_micro_free(p->micro);
    if (p->sim != NULL) {
        world_timer_stop(&p->poll);
        for (size_t i = 0; i < p->node_count; i++)
            if (p->nodes[i].paused)
                sim_resume(p->sim, p->nodes[i].name);
        /* The stream's clock goes on in real time, from where virtual time stopped. */
        uint64_t at = world_now(s->target.world) - s->run->results.started;
        s->run->results.now = real_now;
        s->run->results.now_arg = s->run->world;
        s->run->results.started = world_now(s->run->world) - at;
        log_set_clock(NULL, NULL);
        sim_free(p->sim);
    }
    log_set_sink(NULL, NULL);
    log_ring_deinit(&p->log);
    free(p->nodes);
    free(p);
    s->state = NULL;
    s->target.world = s->run->world;
}

/* ---- levers ---- */

static struct part *part_find(struct target *t, const char *component)
{
    struct simulated *p = system_of(t)->state;
    for (size_t i = 0; i < p->node_count; i++)
        if (strcmp(p->nodes[i].name, component) == 0)
            return &p->nodes[i];
    return NULL;
}

static void cut_link(struct part *n, const char *other, bool cut)
{
    if (cut)
        sim_cut(n->owner->sim, n->name, other, false);
    else
        sim_heal(n->owner->sim, n->name, other);
}

/* From every other part and from the harness. A link to a part that is itself cut off stays cut when this one heals. */
static void part_cut(struct part *n, bool cut)
{
    struct simulated *p = n->owner;
    n->cut = cut;
    for (size_t i = 0; i < p->node_count; i++)
        if (&p->nodes[i] != n && !p->nodes[i].cut)
            cut_link(n, p->nodes[i].name, cut);
    cut_link(n, HARNESS_NODE, cut);
}

static bool part_ended(void *arg)
{
    const struct part *n = arg;
    return !sim_running(n->owner->sim, n->name);
}

/* Waits for the orderly end, so that what drains long is seen to end and is started again. */
static int part_terminate(struct part *n)
{
    int code = sim_terminate(n->owner->sim, n->name);
    if (code == 0)
        code = world_run_until(n->owner->system->target.world, part_ended, n, STOPS_WITHIN);
    return code;
}

static int sim_act(struct target *t, const char *component, enum target_action action, struct error *err)
{
    struct part *n = part_find(t, component);
    if (n == NULL)
        return error_set(err, ERROR_NOT_FOUND, "no component %s", component);
    struct sim *sim = n->owner->sim;
    int code = 0;
    switch (action) {
    case TARGET_KILL:
        code = sim_kill(sim, n->name);
        break;
    case TARGET_POWER_CUT:
        code = sim_running(sim, n->name) ? sim_crash(sim, n->name) : ERROR_NOT_FOUND;
        break;
    case TARGET_TERMINATE:
        code = part_terminate(n);
        break;
    case TARGET_STOP:
        code = sim_pause(sim, n->name);
        n->paused = code == 0;
        return code;
    case TARGET_CONTINUE:
        code = sim_resume(sim, n->name);
        n->paused = false;
        return code;
    case TARGET_START:
        return sim_running(sim, n->name) ? error_set(err, ERROR_EXISTS, "%s is running", component)
                                         : sim_micro_start_one(n->owner->micro, n->name, err);
    case TARGET_PARTITION:
    case TARGET_HEAL:
        part_cut(n, action == TARGET_PARTITION);
        return 0;
    case TARGET_ACTION_COUNT:
        return error_set(err, ERROR_UNSUPPORTED, "the sim driver has no such lever");
    }
    return code == 0
               ? 0
               : error_set(err, code, "cannot %s %s: %s", target_action_name(action), component, error_code_name(code));
}

static bool sim_alive(struct target *t, const char *component)
{
    struct part *n = part_find(t, component);
    return n != NULL && sim_running(n->owner->sim, n->name);
}

static int64_t sim_process(struct target *t, const char *component)
{
    (void)t;
    (void)component;
    return 0;
}

static int sim_usage(struct target *t, const char *component, uint64_t *resident, uint64_t *cpu)
{
    (void)t;
    (void)component;
    (void)resident;
    (void)cpu;
    return ERROR_UNSUPPORTED;
}

static int sim_logs(struct target *t, const char *component, size_t lines, struct text *out)
{
    struct simulated *p = system_of(t)->state;
    log_ring_tail(&p->log, component, lines, out);
    return 0;
}

static uint64_t sim_logged(struct target *t)
{
    const struct simulated *p = system_of(t)->state;
    return p->log.next;
}

static void sim_logs_since(struct target *t, uint64_t since, size_t lines, struct text *out)
{
    const struct simulated *p = system_of(t)->state;
    log_ring_since(&p->log, since, lines, out);
}

static struct sim *sim_of_target(struct target *t)
{
    struct simulated *p = system_of(t)->state;
    return p->sim;
}

static int sim_hold(struct target *t, bool hold, struct error *err)
{
    struct simulated *p = system_of(t)->state;
    (void)err;
    sim_micro_set_restart(p->micro, hold ? 0 : RESTART_AFTER);
    return 0;
}

static const struct target_operations operations = {.act = sim_act,
                                                    .alive = sim_alive,
                                                    .process = sim_process,
                                                    .usage = sim_usage,
                                                    .logs = sim_logs,
                                                    .logged = sim_logged,
                                                    .logs_since = sim_logs_since,
                                                    .hold = sim_hold,
                                                    .sim = sim_of_target};

const struct driver driver_sim = {
    .name = "sim",
    .operations = &operations,
    .prepare = sim_prepare,
    .start = sim_driver_start,
    .start_alone = sim_start_alone,
    .start_anew = sim_driver_start_anew,
    .gone = sim_gone,
    .stop = sim_stop,
};
