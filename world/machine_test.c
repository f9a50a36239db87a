/* Levers on the real machine, pulled on a child of this program that sleeps or works on a file. */
#include "world/test_worlds.h"

#include "world/hog.h"
#include "world/intercept.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    pid_t id;
    int input; /* what it writes: the results of its calls */
    struct world_foreign process;
};

/* Writes a byte to its file again and again and tells us what came of it: 0, or errno. */
static void work(const char *path, int output)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    for (;;) {
        int32_t code = pwrite(fd, "x", 1, 0) == 1 ? 0 : errno;
        if (write(output, &code, sizeof code) != sizeof code)
            _exit(0);
        usleep(500);
    }
}

static struct child child_start(const struct fixture *f)
{
    struct child c;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    c.id = fork();
    if (c.id == 0) {
        close(ends[0]);
        signal(SIGUSR2, SIG_IGN);
        work(fixture_path(f, "work"), ends[1]);
    }
    close(ends[1]);
    c.input = ends[0];
    assert_int_equal(world_foreign_by_id(f->world, c.id, &c.process, NULL), 0);
    return c;
}

static void child_end(struct child *c)
{
    kill(c->id, SIGKILL);
    waitpid(c->id, NULL, 0);
    close(c->input);
}

/* Reads until that result comes; false when it does not, or the child has ended. */
static bool comes(const struct child *c, int code)
{
    for (int i = 0; i < 20000; i++) {
        int32_t got;
        if (read(c->input, &got, sizeof got) != sizeof got)
            return false;
        if (got == code)
            return true;
    }
    return false;
}

static void test_intercept(void **state)
{
    const struct fixture *f = *state;
    struct child c = child_start(f);
    struct intercept *i, *second;
    struct error err = ERROR_INIT;
    assert_true(comes(&c, 0));
    struct intercept_rule rule = {.calls = INTERCEPT_WRITE, .action = INTERCEPT_FAIL, .error = EIO, .share = 1000000};
    if (intercept_possible(f->world, &err) != 0) {
        print_message("             skipped: %s\n", err.message);
        error_clear(&err);
        child_end(&c);
        return;
    }
    assert_int_equal(intercept_start(f->world, &c.process, &rule, &i, NULL), 0);
    assert_true(comes(&c, EIO));
    assert_true(intercept_hits(i) > 0 && intercept_hits(i) <= intercept_seen(i));
    /* One tracer at a time; the second says so. */
    assert_int_not_equal(intercept_start(f->world, &c.process, &rule, &second, &err), 0);
    assert_non_null(strstr(err.message, "traced already"));
    error_clear(&err);
    intercept_stop(i);
    assert_true(comes(&c, 0));
    /* A stopped process stays stopped while it is traced, and goes on when it is continued. */
    rule = (struct intercept_rule){.calls = INTERCEPT_WRITE, .action = INTERCEPT_COUNT, .share = 1000000};
    assert_int_equal(kill(c.id, SIGSTOP), 0);
    while (world_foreign_state(f->world, &c.process) != 'T')
        usleep(1000);
    assert_int_equal(intercept_start(f->world, &c.process, &rule, &i, NULL), 0);
    usleep(20000);
    uint64_t seen = intercept_seen(i);
    usleep(20000);
    assert_int_equal(intercept_seen(i), seen);
    assert_int_equal(kill(c.id, SIGCONT), 0);
    while (intercept_seen(i) < seen + 3)
        usleep(1000);
    intercept_stop(i);
    assert_true(comes(&c, 0));
    /* At the n-th it is gone. */
    rule = (struct intercept_rule){.calls = INTERCEPT_WRITE, .action = INTERCEPT_KILL, .nth = 5};
    assert_int_equal(intercept_start(f->world, &c.process, &rule, &i, NULL), 0);
    int status;
    assert_int_equal(waitpid(c.id, &status, 0), c.id);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(intercept_seen(i), 5);
    assert_int_equal(intercept_hits(i), 1);
    intercept_stop(i);
    assert_int_equal(intercept_start(f->world, &c.process, &rule, &i, NULL), ERROR_NOT_FOUND);
    close(c.input);
}

static void test_process(void **state)
{
    const struct fixture *f = *state;
    struct child c = child_start(f);
    struct machine_status s;
    struct machine_bounds before, now, low = {.soft = 3, .hard = 0};
    struct machine_schedule schedule, one;
    assert_true(comes(&c, 0));
    assert_int_equal(machine_status(f->world, &c.process, &s, NULL), 0);
    assert_int_equal(s.parent, getpid());
    assert_int_equal(s.user, getuid());
    assert_true(s.threads == 1 && s.address_space > s.resident && s.resident > 0 && s.descriptors > 3);
    assert_true(s.ignored >> (SIGUSR2 - 1) & 1);
    assert_int_equal(machine_limit(f->world, &c.process, MACHINE_OPEN_FILES, NULL, &before, NULL), 0);
    low.hard = before.hard;
    assert_int_equal(machine_limit(f->world, &c.process, MACHINE_OPEN_FILES, &low, NULL, NULL), 0);
    assert_int_equal(machine_limit(f->world, &c.process, MACHINE_OPEN_FILES, &before, &now, NULL), 0);
    assert_int_equal(now.soft, 3);
    assert_int_equal(machine_schedule(f->world, &c.process, &schedule, NULL), 0);
    one = schedule;
    one.cpus = machine_cpus_one(machine_cpus_first(&schedule.cpus));
    assert_int_equal(machine_schedule_set(f->world, &c.process, &one, NULL), 0);
    assert_int_equal(machine_schedule(f->world, &c.process, &one, NULL), 0);
    assert_int_equal(machine_cpus_count(&one.cpus), 1);
    assert_int_equal(machine_schedule_set(f->world, &c.process, &schedule, NULL), 0);
    /* The number with another start time is another process. */
    struct world_foreign other = {.id = c.process.id, .started = c.process.started + 1};
    assert_int_equal(machine_limit(f->world, &other, MACHINE_OPEN_FILES, &low, NULL, NULL), ERROR_NOT_FOUND);
    assert_int_equal(machine_schedule_set(f->world, &other, &schedule, NULL), ERROR_NOT_FOUND);
    child_end(&c);
    assert_int_equal(machine_status(f->world, &c.process, &s, NULL), ERROR_NOT_FOUND);
}

static void count_file(void *arg, const char *path)
{
    size_t *count = arg, len = strlen(path);
    *count += len > 5 && strcmp(path + len - 5, "/work") == 0;
}

static void test_files(void **state)
{
    const struct fixture *f = *state;
    struct child c = child_start(f);
    struct text out = TEXT_INIT;
    const char *folder = fixture_path(f, "private"), *file = fixture_path(f, "private/file");
    size_t count = 0;
    uint64_t cached, pages;
    assert_true(comes(&c, 0));
    assert_int_equal(machine_open_files(f->world, &c.process, false, count_file, &count, NULL), 0);
    assert_int_equal(count, 1);
    child_end(&c);
    assert_int_equal(machine_private_folder(f->world, folder, NULL), 0);
    assert_int_equal(machine_private_folder(f->world, folder, NULL), 0);
    assert_int_equal(chmod(folder, 0750), 0);
    assert_int_equal(machine_private_folder(f->world, folder, NULL), ERROR_DENIED);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(world_write_file(f->world, file, BYTES("0123456789", 10), true, NULL), 0);
    assert_int_equal(machine_private_read(f->world, file, 10, &out, NULL), 0);
    assert_int_equal(out.len, 10);
    text_clear(&out);
    assert_int_equal(machine_private_read(f->world, file, 9, &out, NULL), ERROR_LIMIT);
    text_deinit(&out);
    assert_int_equal(machine_private_folder(f->world, file, NULL) != 0, 1);
    assert_int_equal(machine_file_cache(f->world, file, false, &cached, &pages, NULL), 0);
    assert_int_equal(pages, 1);
    assert_int_equal(cached, 1);
}

static void test_hogs(void **state)
{
    const struct fixture *f = *state;
    struct machine_schedule own;
    struct machine_hog *h;
    struct world_foreign self, p;
    uint64_t cpu = 0, resident = 0;
    assert_int_equal(machine_self(f->world, &self, NULL), 0);
    assert_int_equal(machine_schedule(f->world, &self, &own, NULL), 0);
    assert_int_equal(machine_hog_cpu(f->world, &own.cpus, 2, &h, NULL), 0);
    assert_int_equal(machine_hog_count(h), 2);
    while (cpu < (uint64_t)MILLISECOND) { /* whenever the machine lets them */
        usleep(1000);
        machine_hog_usage(h, &cpu, &resident);
    }
    assert_int_equal(machine_hog_process(f->world, h, 1, &p, NULL), 0);
    machine_hog_end(h);
    assert_int_equal(world_foreign_state(f->world, &p), 0);
    assert_int_equal(machine_hog_memory(f->world, 16 << 20, &h, NULL), 0);
    machine_hog_usage(h, &cpu, &resident);
    assert_true(resident >= 16 << 20);
    machine_hog_end(h);
}

/* None of it exists in simulation, and each says so. */
static void test_simulated(void **state)
{
    (void)state;
    struct sim *s = sim_new(&(struct sim_options){.seed = 1});
    struct world *w = sim_node(s, "n");
    struct world_foreign p = {.id = 1, .started = 1};
    struct machine_status status;
    struct machine_schedule schedule;
    struct machine_cgroup g;
    struct machine_hog *h;
    struct intercept *i;
    struct text out = TEXT_INIT;
    char boot[MACHINE_BOOT_ID_MAX];
    assert_int_equal(machine_self(w, &p, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(machine_boot_id(w, boot, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(machine_status(w, &p, &status, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(machine_variable(w, &p, "A", &out, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(machine_limit(w, &p, MACHINE_OPEN_FILES, NULL, NULL, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(machine_schedule(w, &p, &schedule, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(machine_cgroup_place(w, MACHINE_CPU, &p, "harrow-x", &g, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(machine_private_folder(w, "/x", NULL), ERROR_UNSUPPORTED);
    assert_int_equal(machine_mount_memory(w, "/x", "harrow-x", 1, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(machine_hog_memory(w, 1, &h, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(intercept_start(w, &p, &(struct intercept_rule){0}, &i, NULL), ERROR_UNSUPPORTED);
    sim_free(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_real, fixture_end)
    const struct CMUnitTest tests[] = {
        TEST(test_intercept), TEST(test_process), TEST(test_files), TEST(test_hogs), cmocka_unit_test(test_simulated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
