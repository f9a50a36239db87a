/* The processes driver: the system runs as its manifest says, as processes on this machine, on a free block of loopback
 * ports, with its data in the run's folder. Either one command starts everything and supervises it (the parts are then
 * found by the pid files it writes), or each component has a command of its own and is our child. */
#include "base/array.h"
#include "base/log.h"
#include "base/units.h"
#include "chaos/journal/journal.h"
#include "fuzz/cover/cover_hooks.h"
#include "harrow/system/driver_disk.h"
#include "harrow/system/driver_network.h"
#include "harrow/system/links.h"
#include "harrow/system/log_ring.h"
#include "harrow/system/system.h"
#include "world/foreign.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PORT_FIRST    20000
#define PORT_LAST     29000
#define PORT_TRIES    200
#define STOP_WITHIN   (6 * SECOND)
#define VERIFY_WITHIN (5 * SECOND)
#define VERIFY_EVERY  (2 * MILLISECOND)

struct child {
    struct processes *owner;
    const char *name; /* component, or the system's name for the supervisor */
    const char *const *argv;
    const char *directory; /* NULL: ours */
    const char *package;   /* Debian's, that the program is in; NULL: not known */
    struct world_process *process;
    bool exited;
    struct world_exit status;
};

struct processes {
    struct system *system;
    struct log_ring log;
    struct world_listener *block; /* its ports are ours while we listen here */
    const char *environment[2];   /* added for all */
    struct child supervisor;
    struct child *children; /* one per component, when started one by one */
    size_t child_count;
    struct world_foreign *stopped; /* what we stopped and have to continue */
    size_t stopped_count;
};

static struct processes *processes_of(struct target *t)
{
    return system_of(t)->state;
}

static void child_output(void *arg, int fd, struct bytes line)
{
    struct child *c = arg;
    (void)fd;
    log_ring_add(&c->owner->log, line);
}

static void child_exited(void *arg, struct world_exit status)
{
    struct child *c = arg;
    struct text line = TEXT_INIT;
    c->exited = true;
    c->status = status;
    text_printf(&line, "harrow: %s ", c->name);
    world_exit_format(status, &line);
    log_ring_add(&c->owner->log, text_bytes(&line));
    text_deinit(&line);
}

static int child_start(struct child *c, struct error *err)
{
    static const struct world_process_events events = {.output = child_output, .exited = child_exited};
    world_process_close(c->process);
    c->process = NULL;
    c->exited = false;
    /* In groups that end with us: what a system of somebody else's starts by itself need not. */
    struct world_spawn spawn = {.name = c->name,
                                .argv = c->argv,
                                .environment = c->owner->environment,
                                .directory = c->directory,
                                .whole_group = true,
                                .network = driver_network_of(c->owner->system, c->name)};
    int code = world_process_spawn(c->owner->system->run->world, &spawn, &events, c, &c->process, err);
    if (code == ERROR_NOT_FOUND && c->package != NULL)
        error_wrap(err, "%s is not installed: it is in Debian's package %s (apt-get install %s)", c->argv[0],
                   c->package, c->package);
    return code;
}

/* ---- ports ---- */

static void refuse(void *arg, struct world_stream *s)
{
    (void)arg;
    world_stream_close(s);
}

static bool port_free(struct world *w, int port)
{
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    struct world_listener *l;
    if (world_listen(w, address, refuse, NULL, &l, NULL) != 0)
        return false;
    world_listener_close(l);
    return true;
}

/* Blocks stand side by side, as large as the manifest's last port wants, and one more: who listens on that one has the
 * block. So two that look at the same moment never take the same ports. */
static int find_ports(struct system *s, struct processes *p, struct error *err)
{
    const struct manifest *m = s->manifest;
    int64_t last = 0;
    for (size_t i = 0; i < m->port_count; i++)
        last = m->ports[i] > last ? m->ports[i] : last;
    uint64_t size = (uint64_t)last + 2, blocks = (PORT_LAST - PORT_FIRST) / size;
    /* Not from the run's seed: two runs of one seed must be able to stand side by side. */
    for (int i = 0; i < PORT_TRIES && blocks > 0; i++) {
        uint64_t lot = 0;
        if (world_entropy(s->run->world, &lot, sizeof lot) != 0)
            break;
        int base = PORT_FIRST + (int)(lot % blocks * size);
        char address[32];
        snprintf(address, sizeof address, "127.0.0.1:%d", base + (int)size - 1);
        if (world_listen(s->run->world, address, refuse, NULL, &p->block, NULL) != 0)
            continue;
        bool all = true;
        for (size_t n = 0; n < m->port_count && all; n++)
            all = port_free(s->run->world, base + (int)m->ports[n]);
        if (all) {
            s->values.port = base;
            return 0;
        }
        world_listener_close(p->block);
        p->block = NULL;
    }
    return error_set(err, ERROR_IN_USE, "no free block of ports between %d and %d", PORT_FIRST, PORT_LAST);
}

/* ---- start and stop ---- */

static void say_healed(void *arg, const struct heal_event *e)
{
    struct text what = TEXT_INIT;
    if (e->step != NULL)
        undo_describe(e->step, &what);
    if (e->state == HEAL_UNDONE && e->step != NULL)
        run_say(arg, "healed after a run that died: %s", text_string(&what));
    else if (e->state == HEAL_FAILED || e->state == HEAL_REFUSED)
        run_say(arg, "not healed (%s): %s: see harrow heal", e->file, e->reason);
    text_deinit(&what);
}

/* What runs left that were killed: a system started into their faults would be judged for them. */
static void heal_before(struct run *r)
{
    struct heal_summary summary;
    struct error err = ERROR_INIT;
    struct text why = TEXT_INIT;
    if (undo_journal_heal(r->world, false, say_healed, r, &summary, &err) != 0) {
        error_format(&err, &why);
        run_say(r, "what earlier runs may have left was not looked for: %s", text_string(&why));
    }
    text_deinit(&why);
    error_clear(&err);
}

static int processes_prepare(struct system *s, struct error *err)
{
    struct processes *p = calloc(1, sizeof *p);
    if (p == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    p->system = s;
    s->state = p;
    int code = world_make_directory(s->run->world, s->values.data);
    if (code != 0)
        return error_set(err, code, "cannot make %s: %s", s->values.data, error_code_name(code));
    heal_before(s->run);
    if (driver_disk_asked() && (code = driver_disk_start(s, err)) != 0)
        return code;
    const char *log = arena_printf(&s->arena, "%s/system.log", s->folder);
    s->values.bin = world_program_folder(s->run->world);
    /* Programs built to count their coverage share it there; others do not know the variable. */
    s->cover = arena_printf(&s->arena, "%s/cover", system_absolute(s, s->folder));
    p->environment[0] = s->cover != NULL ? arena_printf(&s->arena, COVER_VARIABLE "=%s", s->cover) : NULL;
    if (log == NULL || s->values.bin == NULL || p->environment[0] == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    if ((code = world_make_directory(s->run->world, s->cover)) != 0)
        return error_set(err, code, "cannot make %s: %s", s->cover, error_code_name(code));
    code = world_file_open(s->run->world, log, WORLD_WRITE | WORLD_CREATE, &p->log.file, err);
    return code != 0 ? code : find_ports(s, p, err);
}

/* A folder with a file for each component: none of them when there are no links. */
static int write_peers(struct system *s, struct error *err)
{
    for (size_t i = 0; s->target.proxy != NULL && i < s->target.component_count; i++) {
        const char *name = s->components[i].name, *peers = links_peers(s, name);
        const char *path = arena_printf(&s->arena, "%s/%s", s->values.peers, name);
        if (peers == NULL || path == NULL)
            return error_set(err, ERROR_MEMORY, "out of memory");
        int code = peers[0] != '\0' ? world_write_file(s->run->world, path, bytes_of(peers), true, err) : 0;
        if (code != 0)
            return code;
    }
    return 0;
}

static int make_peers(struct system *s, struct error *err)
{
    s->values.peers = arena_printf(&s->arena, "%s/peers", s->folder);
    if (s->values.peers == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = world_make_directory(s->run->world, s->values.peers);
    return code != 0 ? error_set(err, code, "cannot make %s: %s", s->values.peers, error_code_name(code)) : 0;
}

/* Folders to start the components in, and the sockets of each one's peers there. */
static int make_sockets(struct system *s, struct error *err)
{
    for (size_t i = 0; i < s->manifest->component_count; i++) {
        const char *folder = links_folder(s, s->manifest->components[i].name);
        if (folder == NULL)
            return error_set(err, ERROR_MEMORY, "out of memory");
        int code = world_make_directory(s->run->world, folder);
        if (code != 0)
            return error_set(err, code, "cannot make %s: %s", folder, error_code_name(code));
    }
    return links_start_sockets(s, err);
}

static int make_links(struct system *s, struct error *err)
{
    enum manifest_links kind = manifest_links(s->manifest);
    int code = kind == MANIFEST_LINKS_ALL ? make_peers(s, err) : 0;
    if (code == 0 && manifest_has_sockets(s->manifest))
        code = make_sockets(s, err);
    if (code == 0 && common.links)
        code = links_start(s, "127.0.0.1", kind, true, err);
    return code == 0 && kind == MANIFEST_LINKS_ALL ? write_peers(s, err) : code;
}

static int expand_start(struct system *s, const struct manifest_component *c, const char *peers,
                        const char *const **out, struct error *err)
{
    struct links_self self = {s, c->name, peers};
    struct manifest_values values = s->values;
    values.via = links_via;
    values.via_arg = &self;
    if (manifest_has_sockets(s->manifest)) { /* it is started in another folder than ours */
        values.data = system_absolute(s, values.data);
        values.here = system_absolute(s, values.here);
        values.peers = values.peers != NULL ? system_absolute(s, values.peers) : NULL;
        if (values.data == NULL || values.here == NULL)
            return error_set(err, ERROR_MEMORY, "out of memory");
    }
    return manifest_expand_list(c->start, &values, &s->arena, out, err);
}

static int start_one_by_one(struct system *s, struct processes *p, struct error *err)
{
    p->children = calloc(s->manifest->component_count, sizeof *p->children);
    if (p->children == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < s->manifest->component_count; i++) {
        const struct manifest_component *c = &s->manifest->components[i];
        struct child *child = &p->children[p->child_count++];
        child->owner = p;
        child->name = c->name;
        child->package = c->package;
        if (manifest_has_sockets(s->manifest) && (child->directory = links_folder(s, c->name)) == NULL)
            return error_set(err, ERROR_MEMORY, "out of memory");
        if (c->start == NULL)
            return error_set_at(err, ERROR_INVALID, s->manifest->path, c->line, c->column,
                                "component %s has no \"start\", and neither has the system", c->name);
        int code = expand_start(s, c, NULL, &child->argv, err);
        if (code == 0)
            code = child_start(child, err);
        if (code != 0)
            return error_wrap(err, "%s:%d:%d: component %s", s->manifest->path, c->line, c->column, c->name);
    }
    return 0;
}

static int processes_start(struct system *s, struct error *err)
{
    struct processes *p = s->state;
    int code = system_expand(s, err);
    if (code == 0 && driver_network_asked())
        code = driver_network_start(s, err);
    if (code == 0)
        code = make_links(s, err);
    if (code != 0)
        return code;
    if (s->manifest->start == NULL)
        return start_one_by_one(s, p, err);
    p->supervisor.owner = p;
    p->supervisor.name = s->manifest->name;
    code = manifest_expand_list(s->manifest->start, &s->values, &s->arena, &p->supervisor.argv, err);
    if (code != 0) {
        error_wrap(err, "%s: start", s->manifest->path);
        return code;
    }
    return child_start(&p->supervisor, err);
}

static int processes_start_alone(struct system *s, const struct manifest_component *c, const char *peers,
                                 struct error *err)
{
    struct processes *p = s->state;
    if (c->start == NULL)
        return error_set_at(err, ERROR_UNSUPPORTED, s->manifest->path, c->line, c->column,
                            "component %s has no \"start\", so it cannot be run alone", c->name);
    int code = system_expand(s, err);
    if (code == 0 && manifest_links(s->manifest) == MANIFEST_LINKS_ALL)
        code = make_peers(s, err);
    const char *const *start = NULL;
    if (code == 0)
        code = expand_start(s, c, peers, &start, err);
    if (code != 0)
        return code;
    size_t count = 0;
    while (start[count] != NULL)
        count++;
    const char **argv = ARENA_NEW_N(&s->arena, const char *, count + 5);
    p->children = calloc(1, sizeof *p->children);
    if (argv == NULL || p->children == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    memcpy(argv, start, count * sizeof *argv);
    argv[count++] = "--peers";
    argv[count++] = peers;
    argv[count++] = "--address";
    argv[count++] = s->components[0].address;
    p->child_count = 1;
    p->children[0] = (struct child){.owner = p, .name = c->name, .argv = argv};
    return child_start(&p->children[0], err);
}

static bool all_exited(void *arg)
{
    const struct processes *p = arg;
    if (p->supervisor.process != NULL && !p->supervisor.exited)
        return false;
    for (size_t i = 0; i < p->child_count; i++)
        if (p->children[i].process != NULL && !p->children[i].exited)
            return false;
    return true;
}

static bool processes_gone(struct system *s)
{
    const struct processes *p = s->state;
    bool gone = p->supervisor.process != NULL && p->supervisor.exited;
    for (size_t i = 0; i < p->child_count; i++)
        gone = gone || (p->children[i].process != NULL && p->children[i].exited);
    return gone;
}

static void continue_stopped(struct processes *p)
{
    for (size_t i = 0; i < p->stopped_count; i++)
        world_foreign_signal(p->system->run->world, &p->stopped[i], SIGCONT);
    p->stopped_count = 0;
}

/* In good order, or by force. */
static void end_all(struct processes *p)
{
    continue_stopped(p);
    if (p->supervisor.process != NULL && !p->supervisor.exited)
        world_process_signal(p->supervisor.process, SIGTERM);
    for (size_t i = 0; i < p->child_count; i++)
        if (p->children[i].process != NULL && !p->children[i].exited)
            world_process_signal(p->children[i].process, SIGTERM);
    world_run_until(p->system->run->world, all_exited, p, STOP_WITHIN);
    /* Closing kills what did not go. */
    world_process_close(p->supervisor.process);
    p->supervisor.process = NULL;
    for (size_t i = 0; i < p->child_count; i++) {
        world_process_close(p->children[i].process);
        p->children[i].process = NULL;
    }
}

/* On the ports it had. */
static int processes_start_anew(struct system *s, struct error *err)
{
    struct processes *p = s->state;
    end_all(p);
    world_remove_tree(s->run->world, s->values.data);
    int code = world_make_directory(s->run->world, s->values.data);
    if (code != 0)
        return error_set(err, code, "cannot make %s: %s", s->values.data, error_code_name(code));
    if (p->supervisor.argv != NULL)
        code = child_start(&p->supervisor, err);
    for (size_t i = 0; code == 0 && i < p->child_count; i++)
        code = child_start(&p->children[i], err);
    return code;
}

static void processes_stop(struct system *s)
{
    struct processes *p = s->state;
    /* Before the processes go that steps may be about. */
    undo_journal_close(s->target.journal);
    s->target.journal = NULL;
    end_all(p);
    driver_network_stop(s);
    driver_disk_stop(s);
    if (p->block != NULL)
        world_listener_close(p->block);
    log_ring_deinit(&p->log);
    free(p->children);
    free(p->stopped);
    free(p);
    s->state = NULL;
    if (s->cover != NULL)
        world_remove_tree(s->run->world, s->cover);
    const char *folders = arena_printf(&s->arena, "%s/peers", s->folder);
    if (folders != NULL) /* where there is one; processes that were killed leave their sockets there */
        world_remove_tree(s->run->world, folders);
    if (!common.keep)
        world_remove_tree(s->run->world, s->values.data);
}

/* ---- levers ---- */

static struct child *child_find(struct processes *p, const char *component)
{
    for (size_t i = 0; i < p->child_count; i++)
        if (strcmp(p->children[i].name, component) == 0)
            return &p->children[i];
    return NULL;
}

static int find_process(struct target *t, const char *component, struct world_foreign *out, struct error *err)
{
    struct system *s = system_of(t);
    const struct manifest_component *c = manifest_find(s->manifest, component);
    struct child *child = child_find(s->state, component);
    if (child != NULL && child->process != NULL) {
        *out = (struct world_foreign){.id = world_process_id(child->process)};
        return world_foreign_by_id(s->run->world, out->id, out, err);
    }
    if (c == NULL || c->pid_file == NULL)
        return error_set(err, ERROR_UNSUPPORTED, "component %s has no \"pid_file\", so its process is not known",
                         component);
    const char *path;
    int code = manifest_expand(c->pid_file, &s->values, &s->arena, &path, err);
    return code != 0 ? code : world_foreign_open(s->run->world, path, out, err);
}

struct expectation {
    struct world *world;
    struct world_foreign process;
    const struct child *child; /* NULL: not ours */
    enum target_action action;
};

static bool has_happened(void *arg)
{
    const struct expectation *e = arg;
    char state = world_foreign_state(e->world, &e->process);
    switch (e->action) {
    case TARGET_KILL:
    case TARGET_TERMINATE: /* its first thread may be gone while others still wait for the disk */
        return state == 0 && (e->child == NULL || e->child->exited);
    case TARGET_STOP:
        return state == 'T';
    case TARGET_CONTINUE:
        return state != 0 && state != 'T';
    case TARGET_START:
    case TARGET_POWER_CUT:
    case TARGET_PARTITION:
    case TARGET_HEAL:
    case TARGET_ACTION_COUNT:
        break;
    }
    return true;
}

static int wait_happened(struct target *t, struct expectation *e, struct error *err)
{
    uint64_t end = world_now(t->world) + VERIFY_WITHIN;
    while (!has_happened(e)) {
        if (world_now(t->world) > end)
            return error_set(err, ERROR_TIMEOUT, "process %lld was sent %s and did not follow within 5 s",
                             (long long)e->process.id, target_action_name(e->action));
        int code = world_sleep(t->world, VERIFY_EVERY);
        if (code != 0)
            return error_set(err, code, "interrupted");
    }
    return 0;
}

static int start_child(struct target *t, const char *component, struct error *err)
{
    struct processes *p = processes_of(t);
    struct child *child = component == NULL && p->supervisor.argv != NULL ? &p->supervisor
                          : component != NULL                             ? child_find(p, component)
                                                                          : NULL;
    if (component == NULL)
        component = "the supervisor";
    if (child == NULL)
        return error_set(err, ERROR_UNSUPPORTED, "%s is started again by its own supervisor", component);
    if (child->process != NULL && !child->exited) {
        struct expectation e = {.world = t->world, .child = child, .action = TARGET_KILL};
        e.process.id = world_process_id(child->process);
        if (world_foreign_by_id(t->world, e.process.id, &e.process, NULL) == 0)
            return error_set(err, ERROR_EXISTS, "%s is running", component);
        int code = wait_happened(t, &e, err); /* it is ending */
        if (code != 0)
            return code;
    }
    return child_start(child, err);
}

static int processes_act(struct target *t, const char *component, enum target_action action, struct error *err)
{
    static const int signals[TARGET_ACTION_COUNT] = {
        [TARGET_KILL] = SIGKILL, [TARGET_TERMINATE] = SIGTERM, [TARGET_STOP] = SIGSTOP, [TARGET_CONTINUE] = SIGCONT};
    if (action == TARGET_START)
        return start_child(t, component, err);
    if (signals[action] == 0)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the processes driver cannot %s at a moment's notice: what it takes has to be around the "
                         "process before (harrow chaos --fault %s); --driver sim can",
                         target_action_name(action), action == TARGET_POWER_CUT ? "power-cut" : "partition");
    struct processes *p = processes_of(t);
    struct expectation e = {.world = t->world, .child = child_find(p, component), .action = action};
    int code = find_process(t, component, &e.process, err);
    if (code != 0)
        return code;
    if (action == TARGET_STOP) {
        /* Remembered before it is done, so that whatever happens it is undone. */
        struct world_foreign *more = realloc(p->stopped, (p->stopped_count + 1) * sizeof *more);
        if (more == NULL)
            return error_set(err, ERROR_MEMORY, "out of memory");
        p->stopped = more;
        p->stopped[p->stopped_count++] = e.process;
    }
    if ((code = world_foreign_signal(t->world, &e.process, signals[action])) != 0)
        return error_set(err, code, "cannot %s process %lld: %s", target_action_name(action), (long long)e.process.id,
                         error_code_name(code));
    return wait_happened(t, &e, err);
}

static bool processes_alive(struct target *t, const char *component)
{
    struct world_foreign process;
    return find_process(t, component, &process, NULL) == 0 && world_foreign_state(t->world, &process) != 0;
}

static int64_t processes_process(struct target *t, const char *component)
{
    struct world_foreign process = {0};
    return find_process(t, component, &process, NULL) == 0 ? process.id : 0;
}

static int processes_usage(struct target *t, const char *component, uint64_t *resident, uint64_t *cpu)
{
    struct world_foreign process;
    int code = find_process(t, component, &process, NULL);
    return code != 0 ? code : world_foreign_usage(t->world, &process, resident, cpu);
}

static int processes_logs(struct target *t, const char *component, size_t lines, struct text *out)
{
    struct processes *p = processes_of(t);
    if (component == NULL && p->supervisor.exited) {
        text_printf(out, "%s ", p->supervisor.argv[0]);
        world_exit_format(p->supervisor.status, out);
        text_char(out, '\n');
    }
    log_ring_tail(&p->log, component, lines, out);
    return 0;
}

static uint64_t processes_logged(struct target *t)
{
    return processes_of(t)->log.next;
}

static void processes_logs_since(struct target *t, uint64_t since, size_t lines, struct text *out)
{
    log_ring_since(&processes_of(t)->log, since, lines, out);
}

static int64_t processes_supervisor(struct target *t)
{
    const struct processes *p = processes_of(t);
    return p->supervisor.process != NULL && !p->supervisor.exited ? world_process_id(p->supervisor.process) : 0;
}

/* What we start ourselves is started again only when somebody asks for it. */
static int processes_hold(struct target *t, bool hold, struct error *err)
{
    int64_t id = processes_supervisor(t);
    struct expectation e = {.world = t->world, .action = hold ? TARGET_STOP : TARGET_CONTINUE};
    if (id == 0)
        return 0;
    int code = world_foreign_by_id(t->world, id, &e.process, err);
    if (code == 0 && (code = world_foreign_signal(t->world, &e.process, hold ? SIGSTOP : SIGCONT)) != 0)
        error_set(err, code, "the supervisor cannot be %s: %s", hold ? "stopped" : "continued", error_code_name(code));
    return code != 0 ? code : wait_happened(t, &e, err);
}

static const struct target_operations operations = {
    .act = processes_act,
    .hold = processes_hold,
    .supervisor = processes_supervisor,
    .alive = processes_alive,
    .process = processes_process,
    .usage = processes_usage,
    .logs = processes_logs,
    .logged = processes_logged,
    .logs_since = processes_logs_since,
};

const struct driver driver_processes = {
    .name = "processes",
    .operations = &operations,
    .prepare = processes_prepare,
    .start = processes_start,
    .start_alone = processes_start_alone,
    .start_anew = processes_start_anew,
    .gone = processes_gone,
    .stop = processes_stop,
};
