/* Forked workers: what they leave in shared memory, how their end is told, what they wrote, what they used. */
#include "base/test.h"

#include "world/mapping.h"
#include "world/real.h"
#include "world/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG ((uint64_t)100000000000)

static struct world_mapping shared;

static int leave_a_word(void *arg)
{
    strcpy(shared.data, arg);
    fprintf(stderr, "first\nlast line");
    return 7;
}

static void test_ends(void **state)
{
    (void)state;
    struct world_worker *p;
    struct world_exit how;
    struct text errors = TEXT_INIT;
    char word[] = "word";
    uint64_t cpu, resident;
    assert_int_equal(world_worker_start(leave_a_word, word, true, &p, NULL), 0);
    assert_true(world_worker_wait(p, LONG, &how));
    assert_false(how.signalled);
    assert_int_equal(how.code, 7);
    assert_string_equal(shared.data, "word");
    assert_int_equal(world_worker_errors(p, 9, &errors), 0);
    assert_string_equal(text_string(&errors), "last line");
    assert_true(world_worker_ended(p, &how)); /* as often as one likes */
    assert_int_equal(world_worker_usage(p, &cpu, &resident), 0);
    assert_int_equal(resident, 0);
    text_deinit(&errors);
    world_worker_close(p);
}

static int fall(void *arg)
{
    raise(*(int *)arg);
    return 0;
}

static void test_dies(void **state)
{
    (void)state;
    struct world_worker *p;
    struct world_exit how;
    int signals[] = {SIGKILL, SIGUSR1};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(world_worker_start(fall, &signals[i], false, &p, NULL), 0);
        assert_true(world_worker_wait(p, LONG, &how));
        assert_true(how.signalled);
        assert_int_equal(how.code, signals[i]);
        world_worker_close(p);
    }
}

static int turn(void *arg)
{
    volatile uint64_t *count = arg;
    while (*count != UINT64_MAX)
        ++*count;
    return 0;
}

static void test_killed(void **state)
{
    (void)state;
    struct world_worker *p;
    struct world_exit how;
    uint64_t cpu = 0, resident = 0;
    volatile uint64_t *count = shared.data;
    *count = 0;
    assert_int_equal(world_worker_start(turn, shared.data, false, &p, NULL), 0);
    while (*count < 1000)
        world_worker_pause(1000);
    assert_false(world_worker_ended(p, &how));
    while (cpu == 0)
        assert_int_equal(world_worker_usage(p, &cpu, &resident), 0);
    assert_true(resident > 4096);
    world_worker_kill(p);
    assert_true(world_worker_wait(p, LONG, &how));
    assert_true(how.signalled && how.code == SIGKILL);
    world_worker_close(p);
    assert_int_equal(world_worker_start(turn, shared.data, false, &p, NULL), 0);
    world_worker_close(p); /* one that runs is ended */
}

static void count_signal(void *arg, int number)
{
    (void)number;
    ++*(int *)arg;
}

static int turn_the_loop(void *arg)
{
    volatile uint64_t *count = shared.data;
    while (*count < UINT64_MAX) {  /* until it is ended */
        (void)world_sleep(arg, 0); /* its parent's, which it shall leave alone */
        ++*count;
    }
    return 0;
}

/* A signal that comes while a copy is at work is the parent's: it is told of it, and its world comes to its end. */
static void test_leaves_the_loop(void **state)
{
    (void)state;
    struct world *w;
    struct world_worker *p;
    struct world_exit how;
    int signals = 0;
    volatile uint64_t *count = shared.data;
    *count = 0;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    world_on_signal(w, count_signal, &signals);
    assert_int_equal(world_sleep(w, 0), 0);
    assert_int_equal(world_worker_start(turn_the_loop, w, false, &p, NULL), 0);
    while (*count < 10)
        world_worker_pause(1000);
    assert_int_equal(raise(SIGTERM), 0);
    for (uint64_t then = *count; *count < then + 1000;)
        world_worker_pause(1000);
    world_worker_kill(p);
    assert_true(world_worker_wait(p, LONG, &how));
    world_worker_close(p);
    assert_int_equal(world_sleep(w, 0), 0);
    assert_int_equal(signals, 1);
    world_real_free(w);
}

/* A page in the middle of this program's data moves into a file, and stays what it was. */
static struct {
    char before[4096], moved[10000], behind[4096];
} data = {.before = "before", .moved = "moved", .behind = "behind"};

static void test_move(void **state)
{
    (void)state;
    char folder[] = "/tmp/harrow-mapping-XXXXXX", path[64];
    uint64_t offset = 0;
    struct world_mapping m;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    assert_int_equal(world_mapping_open(path, false, &m), ERROR_NOT_FOUND);
    assert_int_equal(world_mapping_move(path, bytes_of("head"), data.moved, data.moved + sizeof data.moved, &offset),
                     0);
    assert_int_equal(offset, world_mapping_offset(data.moved));
    assert_int_equal(world_mapping_open(path, true, &m), 0);
    char *seen = (char *)m.data + offset;
    assert_string_equal(m.data, "head");
    assert_string_equal(seen, "moved");
    strcpy(data.moved + 9000, "written here");
    assert_string_equal(seen + 9000, "written here");
    strcpy(seen, "written there");
    assert_string_equal(data.moved, "written there");
    assert_string_equal(data.before, "before");
    assert_string_equal(data.behind, "behind");
    world_mapping_close(&m);
    assert_int_equal(world_mapping_move(path, BYTES_NONE, data.moved, data.moved + 1, &offset), ERROR_EXISTS);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(world_mapping_move("/nowhere/at/all", BYTES_NONE, data.moved, data.moved + 1, &offset),
                     ERROR_NOT_FOUND);
    assert_string_equal(data.moved, "written there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends), cmocka_unit_test(test_dies),
                                       cmocka_unit_test(test_killed), cmocka_unit_test(test_leaves_the_loop),
                                       cmocka_unit_test(test_move)};
    if (world_mapping_anonymous(4096, &shared))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_mapping_close(&shared);
    return failed;
}
