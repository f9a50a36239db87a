/* The harness dies by SIGKILL at a random moment while faults are in force, again and again. Afterwards what the
 * journal says is undone, and nothing may be left: no process of the harness, and a foreign process that it had its
 * faults on, and that outlives it, is as it was: it runs, with its limits, processors and control groups, traced by
 * nobody.
 *
 *     chaos_killed_test [ROUNDS [SEED]]
 */
#include "chaos/fault/victims.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_DEFAULT 12
#define MARK           "HARROW_KILLED_TEST"
#define READY_WITHIN   ((uint64_t)(30 * SECOND))
#define LIVES_MAX      ((uint64_t)(250 * MILLISECOND)) /* of the harness once it is ready */
#define HOLD_MAX       ((uint64_t)(25 * MILLISECOND))
#define HOG_SIZE       (8 << 20)

static int rounds = ROUNDS_DEFAULT;
static uint64_t seed = 1;

/* ---- the harness that is killed ---- */

/* On the foreign process, which has to live. */
static const char *const harmless[] = {
    "stop",         "stutter",          "freeze",         "signal-storm",   "descriptor-limit", "file-size-limit",
    "memory-limit", "process-limit",    "one-core",       "cpu-hog",        "cpu-quota",        "idle-class",
    "temp-full",    "disk-write-error", "disk-read-only", "disk-slow-sync", "disk-slow",        "disk-short-write",
    "memory-hog",   "cold-cache"};
/* On a child of the harness. */
static const char *const deadly[] = {"kill", "restart", "crash-loop", "late-start", "kill-at-write", "out-of-memory"};

static int harness_main(char **argv)
{
    struct fixture *x = victims_new(argv[2]);
    struct random lots;
    random_seed(&lots, strtoull(argv[4], NULL, 10));
    x->parts[0].foreign.id = strtoll(argv[3], NULL, 10);
    if (world_foreign_by_id(x->world, x->parts[0].foreign.id, &x->parts[0].foreign, NULL) != 0 ||
        victim_start(&x->parts[1], NULL) != 0)
        return 1;
    (void)!write(STDOUT_FILENO, "ready\n", 6);
    for (;;) {
        bool kill = random_below(&lots, 6) == 0;
        const char *name = kill ? deadly[random_below(&lots, sizeof deadly / sizeof deadly[0])]
                                : harmless[random_below(&lots, sizeof harmless / sizeof harmless[0])];
        struct fault_injection f = {
            .fault = fault_find(name), .target = &x->target, .component = kill ? "b" : "a", .random = lots};
        for (size_t i = 0; i < FAULT_PARAMETERS_MAX; i++)
            f.parameters[i] = INT64_MIN;
        if (strcmp(name, "memory-hog") == 0)
            f.parameters[0] = HOG_SIZE;
        fault_draw(&f);
        if (fault_possible(f.fault, &x->target, NULL) != 0)
            continue;
        (void)f.fault->inject(&f, NULL);
        (void)world_sleep(x->world, random_below(&lots, HOLD_MAX));
        (void)f.fault->heal(&f, NULL);
        if (!victim_alive(x, "b"))
            (void)victim_start(&x->parts[1], NULL);
    }
}

/* ---- what it must not leave ---- */

static void read_file(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "r");
    size_t n = f != NULL ? fread(out, 1, size - 1, f) : 0;
    out[n] = '\0';
    if (f != NULL)
        fclose(f);
}

static int64_t parent_of(int64_t id)
{
    char path[64], line[1024];
    long long parent = 0;
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)id);
    read_file(path, line, sizeof line);
    if (strrchr(line, ')') != NULL)
        (void)sscanf(strrchr(line, ')'), ") %*c %lld", &parent);
    return parent;
}

/* Running processes with our mark in their environment, one and its children excepted; the last one's number. */
static size_t marked(int64_t but, int64_t *which)
{
    static char environment[65536];
    char path[300];
    size_t count = 0;
    DIR *d = opendir("/proc");
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] < '0' || e->d_name[0] > '9' || strtoll(e->d_name, NULL, 10) == but)
            continue;
        snprintf(path, sizeof path, "/proc/%s/environ", e->d_name);
        FILE *f = fopen(path, "r");
        size_t n = f != NULL ? fread(environment, 1, sizeof environment, f) : 0;
        if (f != NULL)
            fclose(f);
        if (memmem(environment, n, getenv(MARK), strlen(getenv(MARK))) != NULL) {
            int64_t id = strtoll(e->d_name, NULL, 10);
            count += parent_of(id) != but ? 1 : 0;
            *which = id;
        }
    }
    closedir(d);
    return count;
}

static bool nobody(struct fixture *x)
{
    int64_t which;
    return marked(victim_process(x, "a"), &which) == 0;
}

struct condition {
    struct machine_bounds bounds[MACHINE_LIMIT_COUNT];
    struct machine_schedule schedule;
    char groups[8192];
};

static void look(struct fixture *x, const struct world_foreign *p, struct condition *out)
{
    char path[64];
    memset(out, 0, sizeof *out);
    for (int i = 0; i < MACHINE_LIMIT_COUNT; i++)
        assert_int_equal(machine_limit(x->world, p, (enum machine_limit)i, NULL, &out->bounds[i], NULL), 0);
    assert_int_equal(machine_schedule(x->world, p, &out->schedule, NULL), 0);
    snprintf(path, sizeof path, "/proc/%lld/cgroup", (long long)p->id);
    read_file(path, out->groups, sizeof out->groups);
}

/* The kernel lets go of it a moment after the tracer's memory has gone. */
static bool untraced(struct fixture *x)
{
    char path[64], status[8192];
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)victim_process(x, "a"));
    read_file(path, status, sizeof status);
    return strstr(status, "\nTracerPid:\t0\n") != NULL;
}

static void nothing_left(struct fixture *x, const struct world_foreign *a, const struct condition *before, int64_t dead)
{
    static char table[1 << 20];
    struct condition now;
    char word[64], path[64];
    int64_t which = 0;
    if (!within(x, nobody)) {
        size_t left = marked(victim_process(x, "a"), &which);
        fail_msg("%zu processes are left, one is %lld", left, (long long)which);
    }
    look(x, a, &now);
    assert_memory_equal(before->bounds, now.bounds, sizeof now.bounds);
    assert_memory_equal(&before->schedule, &now.schedule, sizeof now.schedule);
    assert_string_equal(before->groups, now.groups);
    assert_true(within(x, untraced));
    read_file("/proc/self/mounts", table, sizeof table);
    snprintf(word, sizeof word, UNDO_PREFIX "%lld-", (long long)dead);
    assert_null(strstr(table, word));
    /* Below each of the process's own groups. */
    snprintf(path, sizeof path, "find /sys/fs/cgroup -name '" UNDO_PREFIX "%lld-*'", (long long)dead);
    FILE *found = popen(path, "r");
    assert_non_null(found);
    assert_null(fgets(table, sizeof table, found));
    pclose(found);
    if (!within(x, well))
        fail_msg("the foreign process (state %c) is not well", world_foreign_state(x->world, a));
}

/* ---- round by round ---- */

struct child {
    bool ready, exited;
};

static void on_output(void *arg, int fd, struct bytes line)
{
    struct child *c = arg;
    c->ready |= fd == 1 && line.len == 5;
}

static void on_exited(void *arg, struct world_exit status)
{
    struct child *c = arg;
    (void)status;
    c->exited = true;
}

static bool is_ready(void *arg)
{
    const struct child *c = arg;
    return c->ready || c->exited;
}

static bool has_exited(void *arg)
{
    const struct child *c = arg;
    return c->exited;
}

/* Its number, now that it is dead. */
static int64_t run_and_kill(struct fixture *x, struct random *lots, const char *folder)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct child c = {0};
    struct world_process *process;
    struct world_foreign harness;
    char id[24], number[24];
    snprintf(id, sizeof id, "%lld", (long long)victim_process(x, "a"));
    snprintf(number, sizeof number, "%llu", (unsigned long long)random_next(lots));
    const char *const argv[] = {x->program, "harness", folder, id, number, NULL};
    struct world_spawn spawn = {.name = "harness", .argv = argv};
    assert_int_equal(world_process_spawn(x->world, &spawn, &events, &c, &process, NULL), 0);
    assert_int_equal(world_run_until(x->world, is_ready, &c, READY_WITHIN), 0);
    assert_true(c.ready);
    (void)world_run_until(x->world, has_exited, &c, 1 + random_below(lots, LIVES_MAX));
    assert_false(c.exited); /* it works until it is killed */
    assert_int_equal(world_foreign_by_id(x->world, world_process_id(process), &harness, NULL), 0);
    /* It alone: its group would take the hogs along. */
    assert_int_equal(world_foreign_signal(x->world, &harness, SIGKILL), 0);
    assert_int_equal(world_run_until(x->world, has_exited, &c, READY_WITHIN), 0);
    world_process_close(process);
    return harness.id;
}

static void on_heal(void *arg, const struct heal_event *e)
{
    (void)arg;
    if (e->state == HEAL_FAILED || e->state == HEAL_REFUSED)
        print_error("%s: %s\n", e->file, e->reason);
}

static void test_killed(void **state)
{
    struct fixture *x = *state;
    struct world_foreign a;
    struct condition before;
    struct random lots;
    size_t undone = 0, used = 0;
    random_seed(&lots, seed);
    assert_int_equal(setenv(MARK, x->folder, 1), 0);
    assert_int_equal(victim_start(&x->parts[0], NULL), 0);
    assert_true(within(x, well));
    assert_int_equal(world_foreign_by_id(x->world, victim_process(x, "a"), &a, NULL), 0);
    look(x, &a, &before);
    for (int i = 0; i < rounds; i++) {
        struct heal_summary s;
        int64_t dead = run_and_kill(x, &lots, x->folder);
        assert_int_equal(undo_journal_heal(x->world, false, on_heal, NULL, &s, NULL), 0);
        assert_int_equal(s.failed + s.refused + s.alive, 0);
        undone += s.undone;
        used += s.undone > 0;
        nothing_left(x, &a, &before, dead);
        assert_int_equal(undo_journal_heal(x->world, false, on_heal, NULL, &s, NULL), 0);
        assert_int_equal(s.journals, 0);
    }
    print_message("             %d kills, %zu with something to undo, %zu steps undone, nothing left\n", rounds, used,
                  undone);
    assert_true(rounds < 10 || undone > 0);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "victim") == 0)
        return victim_main(argc, argv);
    if (argc > 4 && strcmp(argv[1], "harness") == 0)
        return harness_main(argv);
    if (argc > 1)
        rounds = atoi(argv[1]);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed, victims_setup, victims_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
