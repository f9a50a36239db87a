#include "chaos/fault/victims.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WITHIN ((uint64_t)(60 * SECOND)) /* of anything to be seen: the machine may be busy */

static struct fixture *fixture_of(struct target *t)
{
    return (struct fixture *)((char *)t - offsetof(struct fixture, target));
}

/* ---- the target: two victims ---- */

static void on_line(void *arg, int fd, struct bytes line)
{
    struct part *p = arg;
    struct report r;
    char text[512];
    int *c = r.codes;
    if (fd != 1 || line.len >= sizeof text)
        return;
    memcpy(text, line.data, line.len);
    text[line.len] = '\0';
    if (sscanf(text, "%d %d %d %d %d %d %d %d %d %d %lld %lld %d %lld %lld %lld %lld", &c[0], &c[1], &c[2], &c[3],
               &c[4], &c[5], &c[6], &c[7], &c[8], &c[9], &r.sync_us, &r.turn_us, &r.caught, &r.wall_us[0],
               &r.wall_us[1], &r.wall_us[2], &r.monotonic_us) != 17)
        return;
    r.read_at = world_wall(p->fixture->world) / 1000;
    bool failed = false;
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        failed |= c[i] != 0;
        if (c[i] != 0)
            p->worst.codes[i] = c[i];
    }
    p->failures += failed ? 1 : 0;
    if (r.sync_us > p->worst.sync_us)
        p->worst.sync_us = r.sync_us;
    if (r.turn_us > p->worst.turn_us)
        p->worst.turn_us = r.turn_us;
    p->report = r;
    p->reports++;
}

static void on_exited(void *arg, struct world_exit status)
{
    struct part *p = arg;
    p->exited = true;
    p->status = status;
}

static struct part *part_of(struct target *t, const char *component)
{
    struct fixture *x = fixture_of(t);
    struct part *found = &x->parts[0]; /* the first plays the supervisor, which has no name */
    for (size_t i = 0; i < PARTS; i++)
        if (component != NULL && strcmp(x->parts[i].name, component) == 0)
            found = &x->parts[i];
    return found;
}

int victim_start(struct part *p, struct error *err)
{
    static const struct world_process_events events = {.output = on_line, .exited = on_exited};
    struct fixture *x = p->fixture;
    char folder[128], temp[160], variable[200];
    snprintf(folder, sizeof folder, "%s/%s", x->folder, p->name);
    snprintf(temp, sizeof temp, "%s/temp", folder);
    snprintf(variable, sizeof variable, "TMPDIR=%s", temp);
    assert_int_equal(world_make_directory(x->world, temp), 0);
    const char *const argv[] = {x->program, "victim", folder, p->kind, NULL};
    const char *const environment[] = {variable, "ASAN_OPTIONS=detect_leaks=0", NULL};
    world_process_close(p->process);
    p->process = NULL;
    p->exited = false;
    p->reports = p->failures = 0;
    struct world_spawn spawn = {.name = p->name, .argv = argv, .environment = environment, .whole_group = true};
    return world_process_spawn(x->world, &spawn, &events, p, &p->process, err);
}

static bool alive(struct target *t, const char *component)
{
    const struct part *p = part_of(t, component);
    if (p->foreign.id != 0)
        return world_foreign_state(t->world, &p->foreign) != 0;
    return p->process != NULL && !p->exited;
}

static int64_t process_id(const struct part *p)
{
    return p->foreign.id != 0 ? p->foreign.id : world_process_id(p->process);
}

static int64_t process(struct target *t, const char *component)
{
    return alive(t, component) ? process_id(part_of(t, component)) : 0;
}

static int act(struct target *t, const char *component, enum target_action action, struct error *err)
{
    static const int signals[TARGET_ACTION_COUNT] = {
        [TARGET_KILL] = SIGKILL, [TARGET_TERMINATE] = SIGTERM, [TARGET_STOP] = SIGSTOP, [TARGET_CONTINUE] = SIGCONT};
    struct part *p = part_of(t, component);
    struct world_foreign process;
    if (action == TARGET_START)
        return alive(t, p->name) ? error_set(err, ERROR_EXISTS, "it runs") : victim_start(p, err);
    int code = world_foreign_by_id(t->world, process_id(p), &process, err);
    if (code == 0 && (code = world_foreign_signal(t->world, &process, signals[action])) != 0)
        error_set(err, code, "no signal");
    for (uint64_t end = world_now(t->world) + WITHIN; code == 0 && world_now(t->world) < end;) {
        char state = world_foreign_state(t->world, &process);
        if (action == TARGET_STOP       ? state == 'T'
            : action == TARGET_CONTINUE ? state != 'T'
                                        : state == 0 && (p->exited || p->foreign.id != 0))
            return 0;
        assert_int_equal(world_sleep(t->world, MILLISECOND), 0);
    }
    return code;
}

static int hold(struct target *t, bool held, struct error *err)
{
    (void)err;
    fixture_of(t)->held = held;
    return 0;
}

/* The first part plays it in one test. */
static int64_t supervisor(struct target *t)
{
    return process(t, NULL);
}

static const struct target_operations operations = {.act = act, .alive = alive, .process = process, .hold = hold};
static const struct target_operations supervised = {
    .act = act, .alive = alive, .process = process, .hold = hold, .supervisor = supervisor};

struct fixture *victims_new(const char *folder)
{
    static const char *const names[PARTS] = {"a", "b"};
    static const char *const a_needs[] = {"b", NULL};
    struct fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    snprintf(x->folder, sizeof x->folder, "%s", folder != NULL ? folder : "/tmp/harrow-faults-XXXXXX");
    assert_true(folder != NULL || mkdtemp(x->folder) != NULL);
    assert_true(readlink("/proc/self/exe", x->program, sizeof x->program - 1) > 0);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", x->folder, 1), 0);
    assert_int_equal(world_real_new(1, &x->world, NULL), 0);
    for (size_t i = 0; i < PARTS; i++) {
        x->parts[i] = (struct part){.fixture = x, .name = names[i], .kind = ""};
        x->components[i] = (struct target_component){.name = names[i], .needs = i == 0 ? a_needs : NULL};
    }
    x->target = (struct target){.operations = &operations,
                                .world = x->world,
                                .system = "victims",
                                .driver = "processes",
                                .components = x->components,
                                .component_count = PARTS};
    return x;
}

void victims_free(struct fixture *x, bool remove)
{
    undo_journal_close(x->target.journal);
    for (size_t i = 0; i < PARTS; i++)
        world_process_close(x->parts[i].process);
    if (remove)
        world_remove_tree(x->world, x->folder);
    world_real_free(x->world);
    free(x);
}

void victims_supervised(struct fixture *x, bool yes)
{
    x->target.operations = yes ? &supervised : &operations;
}

bool victim_alive(struct fixture *x, const char *component)
{
    return alive(&x->target, component);
}

int64_t victim_process(struct fixture *x, const char *component)
{
    return process(&x->target, component);
}

int victims_setup(void **state)
{
    *state = victims_new(NULL);
    return 0;
}

/* How many processes have us for a parent. */
static bool children_gone(int expected)
{
    int count = 0;
    DIR *d = opendir("/proc");
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[300], line[512] = "";
        int parent = 0;
        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        FILE *f = e->d_name[0] >= '0' && e->d_name[0] <= '9' ? fopen(path, "r") : NULL;
        if (f == NULL)
            continue;
        if (fgets(line, sizeof line, f) != NULL && strrchr(line, ')') != NULL)
            (void)sscanf(strrchr(line, ')'), ") %*c %d", &parent);
        fclose(f);
        count += parent == getpid() ? 1 : 0;
    }
    closedir(d);
    return count == expected;
}

int victims_teardown(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(undo_journal_open_steps(x->target.journal), 0);
    victims_free(x, true);
    /* Nothing runs on: neither victims nor hogs nor tracers. */
    assert_true(children_gone(0));
    return 0;
}

/* ---- waiting ---- */

struct waiting {
    struct fixture *x;
    bool (*holds)(struct fixture *x);
};

static bool holds(void *arg)
{
    const struct waiting *w = arg;
    return w->holds(w->x);
}

bool within(struct fixture *x, bool (*what)(struct fixture *x))
{
    struct waiting w = {x, what};
    uint64_t limit = world_now(x->world) + WITHIN;
    bool yes;
    /* What was seen once counts, though it may pass. */
    while (!(yes = what(x)) && world_now(x->world) < limit)
        if (world_run_until(x->world, holds, &w, (uint64_t)(20 * MILLISECOND)) == 0)
            return true;
    return yes;
}

#define CLOCK_NEAR 100000000 /* us: a line may come late, and time() counts seconds */

bool clock_ahead(const struct report *r, int64_t by)
{
    for (size_t i = 0; i < 3; i++)
        if (llabs(r->wall_us[i] - r->read_at - by) > CLOCK_NEAR)
            return false;
    return true;
}

/* Three turns in which everything went well. */
bool well(struct fixture *x)
{
    static size_t since, failures;
    const struct part *p = &x->parts[0];
    if (p->failures != failures || p->reports < since) {
        failures = p->failures;
        since = p->reports;
    }
    for (size_t i = 0; i < PROBE_COUNT; i++)
        if (p->report.codes[i] != 0)
            since = p->reports;
    if (!clock_ahead(&p->report, 0))
        since = p->reports;
    return p->reports >= since + 3;
}

void victims_begin(struct fixture *x, const char *kind)
{
    for (size_t i = 0; i < PARTS; i++) {
        x->parts[i].kind = kind;
        assert_int_equal(victim_start(&x->parts[i], NULL), 0);
    }
    assert_true(within(x, well));
}

/* False: not on this machine; says why. */
bool victims_inject(struct fixture *x, const char *name, const char *component, int64_t first, int64_t second)
{
    struct error err = ERROR_INIT;
    struct text why = TEXT_INIT;
    x->f = (struct fault_injection){.fault = fault_find(name), .target = &x->target, .component = component};
    assert_non_null(x->f.fault);
    random_seed(&x->f.random, 7);
    for (size_t i = 0; i < FAULT_PARAMETERS_MAX; i++)
        x->f.parameters[i] = INT64_MIN;
    x->f.parameters[0] = first;
    x->f.parameters[1] = second;
    fault_draw(&x->f);
    x->parts[0].worst = (struct report){0};
    bool possible = fault_possible(x->f.fault, &x->target, &err) == 0;
    if (possible && x->f.fault->inject(&x->f, &err) != 0) {
        error_format(&err, &why);
        fail_msg("%s: %s", name, text_string(&why));
    }
    if (!possible) {
        error_format(&err, &why);
        print_message("             %s is not possible here: %s\n", name, text_string(&why));
    }
    text_deinit(&why);
    error_clear(&err);
    return possible;
}

void victims_heal(struct fixture *x)
{
    struct error err = ERROR_INIT;
    if (x->f.fault->verify != NULL)
        assert_int_equal(x->f.fault->verify(&x->f, NULL), 0);
    int code = x->f.fault->heal(&x->f, &err);
    if (code != 0)
        print_error("%s cannot be healed: %s\n", x->f.fault->name, err.message);
    error_clear(&err);
    assert_int_equal(code, 0);
    assert_int_equal(undo_journal_open_steps(x->target.journal), 0);
}
