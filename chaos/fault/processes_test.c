/* Every fault on real processes: injected, its effect seen from inside the process or from the kernel, healed, and seen
 * to be gone; nothing of it is left in the journal or in the table of processes. What needs root, or what this machine
 * does not have, skips itself and says why. */
#include "chaos/fault/victims.h"

#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

#define TRIES 20

/* ---- what a call of the process is answered ---- */

static const struct probed {
    const char *fault;
    int64_t parameter;
    enum victim_probe probe; /* PROBE_COUNT: any */
    int code;
} probed[] = {
    {"descriptor-limit", 0, PROBE_OPEN, EMFILE},
    {"file-size-limit", 4096, PROBE_GROW, EFBIG},
    {"memory-limit", 0, PROBE_MAP, ENOMEM},
    {"process-limit", 0, PROBE_FORK, EAGAIN},
    {"disk-write-error", 1000000, PROBE_WRITE, EIO},
    {"disk-read-error", 1000000, PROBE_READ, EIO},
    {"disk-sync-error", 500000, PROBE_SYNC, EIO},
    {"disk-full", 0, PROBE_WRITE, ENOSPC},
    {"disk-read-only", 0, PROBE_WRITE, EROFS},
    {"disk-read-only", 0, PROBE_RENAME, EROFS},
    {"disk-nth-error", 3, PROBE_COUNT, EIO},
    {"disk-short-write", 1000000, PROBE_WRITE, VICTIM_SHORT},
    {"temp-full", 0, PROBE_TEMP, ENOSPC},
};
static const struct probed *asked;

static bool probe_shows(struct fixture *x)
{
    const int *codes = x->parts[0].worst.codes;
    if (asked->probe < PROBE_COUNT)
        return codes[asked->probe] == asked->code;
    for (size_t i = 0; i < PROBE_COUNT; i++)
        if (codes[i] == asked->code)
            return true;
    return false;
}

static size_t turns_enough;

static bool probe_shows_or_will_not(struct fixture *x)
{
    return probe_shows(x) || x->parts[0].reports >= turns_enough;
}

static void test_probed(void **state)
{
    struct fixture *x = *state;
    int in_vain = 0;
    victims_begin(x, "");
    for (size_t i = 0; i < sizeof probed / sizeof probed[0]; i++) {
        asked = &probed[i];
        int64_t id = victim_process(x, "a");
        if (!victims_inject(x, asked->fault, "a", asked->parameter, INT64_MIN))
            continue;
        turns_enough = x->parts[0].reports + 50;
        if (!within(x, probe_shows_or_will_not))
            fail_msg("%s does not show", asked->fault);
        victims_heal(x);
        if (!probe_shows(x)) { /* a limit of what it has: just then it had what it opens for a moment */
            if (++in_vain == TRIES)
                fail_msg("%s does not show", asked->fault);
            assert_true(within(x, well));
            i--;
            continue;
        }
        if (x->f.fault->verify != NULL && x->f.hits == 0)
            fail_msg("%s says that it acted on nothing", asked->fault);
        if (!within(x, well))
            fail_msg("%s goes on after the heal", asked->fault);
        /* It came through. */
        assert_int_equal(victim_process(x, "a"), id);
        assert_int_equal(x->parts[1].failures, 0);
    }
}

/* ---- time ---- */

static bool sync_slow(struct fixture *x)
{
    return x->parts[0].worst.sync_us >= 30000;
}

static bool turn_slow(struct fixture *x)
{
    return x->parts[0].worst.turn_us >= 30000;
}

/* Three such calls a turn at least; that it was slow may be the machine's doing. */
static bool calls_slow(struct fixture *x)
{
    return turn_slow(x) && x->f.fault->verify(&x->f, NULL) == 0 && x->f.hits > 2;
}

static void test_slow(void **state)
{
    struct fixture *x = *state;
    victims_begin(x, "");
    if (victims_inject(x, "disk-slow-sync", "a", 30 * MILLISECOND, INT64_MIN)) {
        assert_true(within(x, sync_slow));
        victims_heal(x);
        assert_true(x->f.hits > 0);
    }
    assert_true(within(x, well));
    if (victims_inject(x, "disk-slow", "a", 10 * MILLISECOND, INT64_MIN)) {
        assert_true(within(x, calls_slow));
        victims_heal(x);
    }
    assert_true(within(x, well));
    assert_true(victims_inject(x, "stutter", "a", 4, 40 * MILLISECOND));
    victims_heal(x);
    assert_true(within(x, turn_slow));
    assert_true(within(x, well));
}

/* ---- life and death ---- */

static size_t other_reports; /* of the part that nothing is done to */

static bool other_goes_on(struct fixture *x)
{
    return x->parts[1].reports >= other_reports;
}

static void test_stop(void **state)
{
    struct fixture *x = *state;
    struct world_foreign p;
    victims_begin(x, "");
    assert_int_equal(world_foreign_by_id(x->world, victim_process(x, "a"), &p, NULL), 0);
    assert_true(victims_inject(x, "stop", "a", INT64_MIN, INT64_MIN));
    assert_int_equal(world_foreign_state(x->world, &p), 'T');
    assert_int_equal(undo_journal_open_steps(x->target.journal), 1);
    victims_heal(x);
    assert_int_not_equal(world_foreign_state(x->world, &p), 'T');
    assert_true(victims_inject(x, "stop-all", NULL, INT64_MIN, INT64_MIN));
    assert_int_equal(undo_journal_open_steps(x->target.journal), PARTS);
    assert_int_equal(world_foreign_state(x->world, &p), 'T');
    victims_heal(x);
    assert_true(within(x, well));
    if (victims_inject(x, "freeze", "a", INT64_MIN, INT64_MIN)) {
        other_reports = x->parts[1].reports + 3;
        assert_true(within(x, other_goes_on)); /* and with that, what was in the pipes is read */
        size_t before = x->parts[0].reports;
        other_reports += 30;
        assert_true(within(x, other_goes_on));
        assert_int_equal(x->parts[0].reports, before);
        victims_heal(x);
        assert_true(within(x, well));
    }
}

static bool a_died(struct fixture *x)
{
    return x->parts[0].exited;
}

static void test_kill(void **state)
{
    static const struct {
        const char *fault;
        int64_t first, second;
        bool lives; /* when the injection is over: it was started again, or is not dead yet */
    } cases[] = {
        {"kill", INT64_MIN, INT64_MIN, false},
        {"restart", INT64_MIN, INT64_MIN, false},
        {"crash-loop", 3, INT64_MIN, false},
        {"late-start", INT64_MIN, INT64_MIN, false},
        {"slow-start", 100 * MILLISECOND, 300000, true},
        {"power-cut", 50 * MILLISECOND, INT64_MIN, false},
        {"lost-writes", 500 * MILLISECOND, INT64_MIN, false},
        {"torn-writes", 500 * MILLISECOND, INT64_MIN, false},
        {"kill-at-write", 5, INT64_MIN, true},
        {"kill-at-sync", 3, INT64_MIN, true},
        {"kill-at-rename", 2, INT64_MIN, true},
        {"kill-at-send", 4, INT64_MIN, true},
    };
    struct fixture *x = *state;
    int idle = 0;
    victims_begin(x, "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t before = victim_process(x, "a"), other = victim_process(x, "b");
        if (!victims_inject(x, cases[i].fault, "a", cases[i].first, cases[i].second))
            continue;
        bool at_call = strncmp(cases[i].fault, "kill-at", 7) == 0;
        if (at_call && !within(x, a_died))
            fail_msg("%s: it lives", cases[i].fault);
        if (!at_call)
            assert_int_equal(victim_alive(x, "a"), cases[i].lives);
        assert_int_equal(x->held, strcmp(cases[i].fault, "late-start") == 0);
        if (!victim_alive(x, "a")) {
            assert_true(x->parts[0].status.signalled);
            assert_int_equal(x->parts[0].status.code, strcmp(cases[i].fault, "restart") == 0 ? SIGTERM : SIGKILL);
        }
        victims_heal(x);
        if (at_call)
            assert_int_equal(x->f.hits, 1);
        assert_false(x->held);
        assert_true(within(x, well));
        assert_int_not_equal(victim_process(x, "a"), before);
        assert_int_equal(victim_process(x, "b"), other);
        /* It always has writes that it has not synced, if only it was let run before the power went. */
        bool loses = strcmp(cases[i].fault, "lost-writes") == 0 || strcmp(cases[i].fault, "torn-writes") == 0;
        if (loses && x->f.hits <= 1) {
            assert_true(++idle < TRIES);
            i--;
        }
    }
}

static void test_system(void **state)
{
    static const char *const all[] = {"kill-all", "shuffled-start", "power-cut-all"};
    struct fixture *x = *state;
    victims_begin(x, "");
    for (size_t i = 0; i < 3; i++) {
        if (!victims_inject(x, all[i], NULL, i == 2 ? 30 * MILLISECOND : 0, INT64_MIN))
            continue;
        assert_false(victim_alive(x, "a"));
        assert_false(victim_alive(x, "b"));
        victims_heal(x);
        assert_true(within(x, well));
        assert_true(victim_alive(x, "b"));
    }
    assert_true(victims_inject(x, "kill-dependency", NULL, INT64_MIN, INT64_MIN));
    assert_true(victim_alive(x, "a"));
    assert_false(victim_alive(x, "b"));
    victims_heal(x);
    assert_true(victim_alive(x, "b"));
    struct error err = ERROR_INIT;
    assert_int_equal(fault_possible(fault_find("kill-supervisor"), &x->target, &err), ERROR_UNSUPPORTED);
    error_clear(&err);
    victims_supervised(x, true);
    assert_int_equal(fault_possible(fault_find("shuffled-start"), &x->target, &err), ERROR_UNSUPPORTED);
    error_clear(&err);
    assert_true(victims_inject(x, "kill-supervisor", NULL, INT64_MIN, INT64_MIN));
    assert_true(within(x, a_died));
    victims_heal(x);
    assert_true(within(x, well));
}

static bool a_caught(struct fixture *x)
{
    return x->parts[0].report.caught > 0;
}

static void test_signals(void **state)
{
    struct fixture *x = *state;
    victims_begin(x, "");
    int64_t id = victim_process(x, "a");
    assert_true(victims_inject(x, "signal-storm", "a", 300, 0));
    victims_heal(x);
    assert_true(within(x, well));
    assert_int_equal(victim_process(x, "a"), id);
    assert_true(within(x, a_caught)); /* SIGUSR1, which it says it catches */
}

/* ---- processors and memory ---- */

/* The share of one processor the first part uses over a while. */
static double share(struct fixture *x)
{
    struct world_foreign p;
    uint64_t resident, before, after, began = world_now(x->world);
    assert_int_equal(world_foreign_by_id(x->world, victim_process(x, "a"), &p, NULL), 0);
    assert_int_equal(world_foreign_usage(x->world, &p, &resident, &before), 0);
    assert_int_equal(world_sleep(x->world, 400 * MILLISECOND), 0);
    assert_int_equal(world_foreign_usage(x->world, &p, &resident, &after), 0);
    return (double)(after - before) / (double)(world_now(x->world) - began);
}

static void test_processors(void **state)
{
    struct fixture *x = *state;
    struct machine_schedule before, during, after;
    struct world_foreign p;
    victims_begin(x, VICTIM_BUSY);
    assert_int_equal(world_foreign_by_id(x->world, victim_process(x, "a"), &p, NULL), 0);
    assert_int_equal(machine_schedule(x->world, &p, &before, NULL), 0);
    static const char *const faults[] = {"one-core", "cpu-hog", "idle-class"};
    for (size_t i = 0; i < 3; i++) {
        if (!victims_inject(x, faults[i], "a", 8, INT64_MIN))
            continue;
        assert_int_equal(machine_schedule(x->world, &p, &during, NULL), 0);
        if (i == 2)
            assert_true(during.idle && during.nice == 19);
        else
            assert_int_equal(machine_cpus_count(&during.cpus), 1);
        if (i == 1)
            assert_true(share(x) < 0.45); /* an eighth and a bit would be fair */
        victims_heal(x);
        assert_true(x->f.fault->verify == NULL || x->f.hits == 1);
        assert_int_equal(machine_schedule(x->world, &p, &after, NULL), 0);
        assert_memory_equal(&before, &after, sizeof before);
    }
    if (victims_inject(x, "cpu-quota", "a", 20000, INT64_MIN)) {
        assert_true(share(x) < 0.2);
        victims_heal(x);
    }
    assert_true(within(x, well));
}

static void test_memory(void **state)
{
    struct fixture *x = *state;
    victims_begin(x, VICTIM_GROW);
    if (victims_inject(x, "out-of-memory", "a", 8 << 20, INT64_MIN)) {
        assert_true(within(x, a_died));
        assert_true(x->parts[0].status.signalled && x->parts[0].status.code == SIGKILL);
        victims_heal(x);
        assert_true(within(x, well));
    }
    assert_true(victims_inject(x, "memory-hog", NULL, 32 << 20, INT64_MIN));
    victims_heal(x);
    assert_int_equal(x->f.hits, 1);
    struct statfs disk;
    assert_int_equal(statfs(x->folder, &disk), 0);
    if (disk.f_type == TMPFS_MAGIC) {
        print_message("             cold-cache is not possible here: %s has no disk\n", x->folder);
        return;
    }
    assert_true(victims_inject(x, "cold-cache", "a", INT64_MIN, INT64_MIN)); /* seen to have got colder */
    victims_heal(x);
}

/* ---- clocks ---- */

static int64_t wanted_us; /* how far ahead */

static bool ahead(struct fixture *x)
{
    return x->parts[0].reports > 0 && clock_ahead(&x->parts[0].report, wanted_us);
}

static bool clock_wrong(struct fixture *x, const char *name, int64_t parameter, int64_t second, int64_t by)
{
    if (!victims_inject(x, name, "a", parameter, second))
        return false;
    assert_int_equal(undo_journal_open_steps(x->target.journal), 1);
    wanted_us = by / 1000;
    if (!within(x, ahead))
        fail_msg("%s: the clock is not wrong", name);
    return true;
}

static void clock_right(struct fixture *x)
{
    victims_heal(x);
    assert_true(x->f.hits > 0);
    wanted_us = 0;
    assert_true(within(x, ahead));
    assert_true(within(x, well));
    assert_int_equal(x->parts[1].failures, 0);
}

static long long from_us;

/* What it reports was read after that time. */
static bool reported(struct fixture *x)
{
    return x->parts[0].report.monotonic_us > from_us;
}

static struct report report_from(struct fixture *x, long long delay_us)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    from_us = (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000 + delay_us;
    assert_true(within(x, reported));
    return x->parts[0].report;
}

/* The wall clock's progress as a share of the monotonic one's. */
static double pace(struct fixture *x)
{
    const struct report before = report_from(x, 0), after = report_from(x, 300000);
    return (double)(after.wall_us[0] - before.wall_us[0]) / (double)(after.monotonic_us - before.monotonic_us);
}

static bool strobe_back(struct fixture *x)
{
    wanted_us = 0;
    return ahead(x);
}

static bool strobe_ahead(struct fixture *x)
{
    wanted_us = HOUR / 1000;
    return ahead(x);
}

static void test_clocks(void **state)
{
    struct fixture *x = *state;
    struct timespec t;
    victims_begin(x, "");
    int64_t id = victim_process(x, "a");
    if (!clock_wrong(x, "clock-forward", HOUR, 0, HOUR))
        return;
    clock_gettime(CLOCK_MONOTONIC, &t);
    assert_true(llabs(x->parts[0].report.monotonic_us / 1000000 - t.tv_sec) < 100); /* the other clock is right */
    clock_right(x);
    assert_true(clock_wrong(x, "clock-forward", HOUR, 1, HOUR));
    clock_gettime(CLOCK_MONOTONIC, &t);
    assert_true(llabs(x->parts[0].report.monotonic_us / 1000000 - t.tv_sec - 3600) < 100);
    clock_right(x);
    assert_true(clock_wrong(x, "clock-back", 2 * HOUR, INT64_MIN, -2 * HOUR));
    clock_right(x);
    assert_true(clock_wrong(x, "clock-skew", 500000, INT64_MIN, 0));
    double skewed = pace(x);
    assert_true((skewed > 1.4 && skewed < 1.6) || (skewed > 0.4 && skewed < 0.6));
    clock_right(x);
    assert_true(clock_wrong(x, "clock-freeze", INT64_MIN, INT64_MIN, 0));
    assert_true(pace(x) == 0);
    clock_right(x);
    assert_true(victims_inject(x, "clock-strobe", "a", HOUR, MILLISECOND));
    assert_true(within(x, strobe_ahead));
    assert_true(within(x, strobe_back));
    assert_true(within(x, strobe_ahead));
    clock_right(x);
    assert_int_equal(victim_process(x, "a"), id); /* it came through */
}

/* ---- files ---- */

static void read_files(struct fixture *x, struct text *out)
{
    static const char *const names[] = {"data", "growing"};
    char path[128];
    text_clear(out);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/a/%s", x->folder, names[i]);
        assert_int_equal(world_read_file(x->world, path, 1 << 20, out, NULL), 0);
    }
}

static void test_bit_flip(void **state)
{
    struct fixture *x = *state;
    struct text before = TEXT_INIT, after = TEXT_INIT;
    struct world_foreign p;
    victims_begin(x, "");
    assert_int_equal(world_foreign_by_id(x->world, victim_process(x, "a"), &p, NULL), 0);
    assert_int_equal(world_foreign_signal(x->world, &p, SIGSTOP), 0);
    while (world_foreign_state(x->world, &p) != 'T')
        assert_int_equal(world_sleep(x->world, MILLISECOND), 0);
    read_files(x, &before);
    assert_true(victims_inject(x, "bit-flip", "a", 1, INT64_MIN));
    read_files(x, &after);
    assert_int_equal(before.len, after.len);
    int flipped = 0;
    for (size_t i = 0; i < before.len; i++)
        flipped += __builtin_popcount((unsigned)(uint8_t)(before.data[i] ^ after.data[i]));
    assert_int_equal(flipped, 1);
    victims_heal(x);
    assert_int_equal(world_foreign_signal(x->world, &p, SIGCONT), 0);
    assert_true(within(x, well));
    text_deinit(&before);
    text_deinit(&after);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "victim") == 0)
        return victim_main(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, victims_setup, victims_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_probed),  TEST(test_slow),       TEST(test_stop),   TEST(test_kill),   TEST(test_system),
        TEST(test_signals), TEST(test_processors), TEST(test_memory), TEST(test_clocks), TEST(test_bit_flip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
