/* The harness dies by SIGKILL at a random moment while faults are in force, again and again. Afterwards what the
 * journal says is undone, and nothing may be left: no process of the harness, and a foreign process that it had its
 * faults on, and that outlives it, is as it was: it runs, with its limits, processors and control groups, traced by
 * nobody. As root the harness also has networks and a file system of its own, and tables in the kernel's filter.
 *
 *     chaos_killed_test [ROUNDS [SEED]]
 */
#include "chaos/fault/victims.h"
#include "chaos/packet/networks.h"
#include "world/false_clock.h"
#include "world/image.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_DEFAULT 12
#define TRIES          100
#define MARK           "HARROW_KILLED_TEST"
#define READY_WITHIN   ((uint64_t)(30 * SECOND))
#define LIVES_MAX      ((uint64_t)(250 * MILLISECOND)) /* of the harness once it is ready */
#define HOLD_MAX       ((uint64_t)(25 * MILLISECOND))
#define HOG_SIZE       (8 << 20)
#define IMAGE_SIZE     ((uint64_t)8 << 20)
#define TABLE_MAX      (1 << 20)

static int rounds = ROUNDS_DEFAULT;
static bool apart; /* in a network of our own */
static uint64_t seed = 1;

/* ---- the harness that is killed ---- */

/* On the foreign process, which has to live. */
static const char *const harmless[] = {
    "stop",          "stutter",          "freeze",         "signal-storm",   "descriptor-limit", "file-size-limit",
    "memory-limit",  "process-limit",    "one-core",       "cpu-hog",        "cpu-quota",        "idle-class",
    "temp-full",     "disk-write-error", "disk-read-only", "disk-slow-sync", "disk-slow",        "disk-short-write",
    "memory-hog",    "cold-cache",       "clock-forward",  "clock-skew",     "clock-strobe",     "filter-drop",
    "filter-reject", "filter-limit"};
/* On the networks it has made, which nobody talks over here (packets_test.c has who does). */
static const char *const packets[] = {"packet-loss", "packet-delay", "packet-rate", "packet-cut"};
/* On a child of the harness. */
static const char *const deadly[] = {"kill",          "restart",       "crash-loop",  "late-start",
                                     "kill-at-write", "out-of-memory", "lost-writes", "torn-writes"};

/* A file system in a file comes and goes, and loses its power now and then. */
static void use_image(struct fixture *x, struct random *lots, bool first)
{
    char data[128];
    struct world_image i;
    snprintf(data, sizeof data, "%s/image", x->folder);
    if (world_make_directory(x->world, data) != 0 || world_image_make(x->world, NULL, data, IMAGE_SIZE, &i, NULL) != 0)
        return;
    if (world_image_mount(x->world, &i, NULL) == 0 && !first) {
        if (random_below(lots, 2) == 0)
            (void)world_image_cut(x->world, &i, NULL);
        (void)world_image_unmount(x->world, &i, NULL);
    }
    world_image_close(&i);
}

/* Makes them again and again as well. */
static void use_networks(struct fixture *x, struct packet_networks **n)
{
    packet_networks_free(*n);
    *n = NULL;
    if (packet_networks_new(x->world, n, NULL) == 0)
        for (size_t i = 0; i < PARTS; i++)
            if (packet_networks_add(*n, x->parts[i].name, NULL) == 0)
                (void)packet_networks_door(*n, x->parts[i].name, (uint16_t)(20001 + i), NULL);
    x->target.packets = *n;
}

static int harness_main(char **argv)
{
    struct packet_networks *networks = NULL;
    struct fixture *x = victims_new(argv[2]);
    struct random lots;
    random_seed(&lots, strtoull(argv[4], NULL, 10));
    x->parts[0].foreign.id = strtoll(argv[3], NULL, 10);
    if (world_foreign_by_id(x->world, x->parts[0].foreign.id, &x->parts[0].foreign, NULL) != 0 ||
        victim_start(&x->parts[1], NULL) != 0)
        return 1;
    x->components[0].address = "127.0.0.1:9"; /* a port for the filter */
    if (machine_is_root()) {
        use_networks(x, &networks);
        use_image(x, &lots, true);
    }
    (void)!write(STDOUT_FILENO, "ready\n", 6);
    for (;;) {
        if (networks != NULL && random_below(&lots, 12) == 0)
            use_networks(x, &networks);
        if (networks != NULL && random_below(&lots, 12) == 0)
            use_image(x, &lots, false);
        bool kill = random_below(&lots, 6) == 0;
        const char *name = kill ? deadly[random_below(&lots, sizeof deadly / sizeof deadly[0])]
                                : harmless[random_below(&lots, sizeof harmless / sizeof harmless[0])];
        if (networks != NULL && random_below(&lots, 6) == 0)
            name = packets[random_below(&lots, sizeof packets / sizeof packets[0])];
        /* The filter is that of the machine's network or of the part's. */
        x->target.packets = strncmp(name, "packet", 6) == 0 || random_below(&lots, 2) == 0 ? networks : NULL;
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

/* Whether what the command prints has the word. */
static bool prints(const char *command, const char *word)
{
    char line[1024];
    bool has = false;
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        has = has || strstr(line, word) != NULL;
    pclose(f);
    return has;
}

/* Devices of networks, and images, which the kernel takes away itself, a moment later. Nobody else's are meant: the
 * test is in a network of its own. */
static bool no_device(struct fixture *x)
{
    (void)x;
    return !prints("ip -oneline link", " " UNDO_PREFIX) && !prints("cat /proc/self/mounts", "/image ");
}

static void nothing_left(struct fixture *x, const struct world_foreign *a, const struct condition *before, int64_t dead)
{
    static char table[TABLE_MAX];
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
    /* Its clock is its own, and no code was left in it. */
    uint64_t reads;
    if (false_clock_possible(x->world, NULL) == 0)
        assert_int_equal(false_clock_reads(x->world, a, &reads, NULL), ERROR_NOT_FOUND);
    snprintf(path, sizeof path, "/proc/%lld/maps", (long long)a->id);
    read_file(path, table, sizeof table);
    assert_null(strstr(table, "r-xp 00000000 00:00 0 \n"));
    if (apart) {
        assert_true(within(x, no_device));
        assert_false(prints("nft list tables 2>/dev/null", UNDO_PREFIX));
    }
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
    /* That nothing was in force at any kill is possible, but not for ever. */
    for (int i = 0; i < rounds || (undone == 0 && rounds >= ROUNDS_DEFAULT && i < TRIES); i++) {
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
    print_message("             %zu kills with something to undo, %zu steps undone, nothing left\n", used, undone);
    assert_true(rounds < ROUNDS_DEFAULT || undone > 0);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "victim") == 0)
        return victim_main(argc, argv);
    if (argc > 4 && strcmp(argv[1], "harness") == 0)
        return harness_main(argv);
    apart = machine_is_root() && unshare(CLONE_NEWNET) == 0;
    if (argc > 1)
        rounds = atoi(argv[1]);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed, victims_setup, victims_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
