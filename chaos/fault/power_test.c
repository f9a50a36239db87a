/* Power loss of a real process: what it was told is on disk is there, what it never synced is gone; killed alone, it
 * loses nothing. Needs root; without, it says why it cannot. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "world/image.h"
#include "world/real.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_SIZE ((uint64_t)32 << 20)
#define WITHIN     ((uint64_t)(60 * SECOND)) /* of twenty syncs on a disk that others use as well */
#define PIECE      4096                      /* bytes added to the file that is never synced, each turn */
#define ROUNDS     3

/* ---- the process: it counts, and says so when the number is on disk ---- */

static int writer_main(const char *folder)
{
    static char piece[PIECE];
    long long number = 0;
    char line[32];
    memset(piece, 'x', sizeof piece);
    if (chdir(folder) != 0)
        return 3;
    int synced = open("synced", O_RDWR | O_CREAT, 0600), loose = open("loose", O_WRONLY | O_CREAT | O_APPEND, 0600);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    if (synced < 0 || loose < 0 || fsync(here) != 0 || (pread(synced, &number, sizeof number, 0)) < 0)
        return 3;
    for (;;) {
        number++;
        if (write(loose, piece, sizeof piece) != sizeof piece ||
            pwrite(synced, &number, sizeof number, 0) != sizeof number || fdatasync(synced) != 0)
            return 4;
        int len = snprintf(line, sizeof line, "%lld\n", number);
        if (write(STDOUT_FILENO, line, (size_t)len) < 0)
            return 0;
        usleep(500);
    }
}

/* ---- the target ---- */

struct fixture {
    struct world *world;
    struct target target;
    struct target_component component;
    struct world_image image;
    struct fault_injection f;
    struct world_process *process;
    bool exited, mounted;
    struct world_exit status;
    long long said;
    char folder[64], data[80], file[80], program[1024];
};

static struct fixture *fixture_of(struct target *t)
{
    return (struct fixture *)((char *)t - offsetof(struct fixture, target));
}

static void on_line(void *arg, int fd, struct bytes line)
{
    struct fixture *x = arg;
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.data);
    if (fd == 1)
        x->said = atoll(text);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct fixture *x = arg;
    x->exited = true;
    x->status = status;
}

static int start(struct fixture *x, struct error *err)
{
    static const struct world_process_events events = {.output = on_line, .exited = on_exited};
    const char *const argv[] = {x->program, "write", x->data, NULL};
    const struct world_spawn spawn = {.name = "writer", .argv = argv, .whole_group = true};
    world_process_close(x->process);
    x->process = NULL;
    x->exited = false;
    return world_process_spawn(x->world, &spawn, &events, x, &x->process, err);
}

static bool alive(struct target *t, const char *component)
{
    (void)component;
    return !fixture_of(t)->exited;
}

static int64_t process(struct target *t, const char *component)
{
    return alive(t, component) ? world_process_id(fixture_of(t)->process) : 0;
}

static int act(struct target *t, const char *component, enum target_action action, struct error *err)
{
    (void)component;
    assert_int_equal(action, TARGET_START);
    return fixture_of(t)->exited ? start(fixture_of(t), err) : error_set(err, ERROR_EXISTS, "it runs");
}

/* ---- the tests ---- */

struct waiting {
    struct fixture *x;
    long long number;
};

static bool has_said(void *arg)
{
    const struct waiting *w = arg;
    return w->x->said >= w->number;
}

static bool has_exited(void *arg)
{
    return ((struct fixture *)arg)->exited;
}

static void write_on(struct fixture *x, long long more)
{
    struct waiting w = {x, x->said + more};
    assert_int_equal(world_run_until(x->world, has_said, &w, WITHIN), 0);
}

static long long number_on_disk(struct fixture *x)
{
    char path[100];
    long long number = 0;
    snprintf(path, sizeof path, "%s/synced", x->data);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &number, sizeof number), sizeof number);
    close(fd);
    return number;
}

static long long loose_on_disk(struct fixture *x)
{
    char path[100];
    struct stat st = {0};
    snprintf(path, sizeof path, "%s/loose", x->data);
    return stat(path, &st) == 0 ? (long long)st.st_size / PIECE : 0;
}

static bool impossible(struct fixture *x)
{
    struct error err = ERROR_INIT;
    x->target.disk = &x->image;
    if (fault_possible(fault_find("power-loss"), &x->target, &err) == 0)
        return false;
    print_message("             not possible here: %s\n", err.message);
    error_clear(&err);
    return true;
}

static void begin(struct fixture *x)
{
    assert_int_equal(world_image_make(x->world, x->file, x->data, IMAGE_SIZE, &x->image, NULL), 0);
    assert_int_equal(world_image_mount(x->world, &x->image, NULL), 0);
    x->mounted = true;
    assert_int_equal(start(x, NULL), 0);
}

static void test_power(void **state)
{
    struct fixture *x = *state;
    if (impossible(x))
        return;
    begin(x);
    int lost = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct error err = ERROR_INIT;
        write_on(x, 20);
        long long loose = loose_on_disk(x); /* as everybody sees it while there is power */
        x->f = (struct fault_injection){.fault = fault_find("power-loss"), .target = &x->target};
        if (x->f.fault->inject(&x->f, &err) != 0)
            fail_msg("%s", err.message);
        assert_int_equal(world_run_until(x->world, has_exited, x, WITHIN), 0);
        assert_true(x->status.signalled && x->status.code == SIGKILL); /* and it has seen no EIO before */
        long long said = x->said;
        assert_true(number_on_disk(x) >= said);
        assert_true(loose >= 20);
        lost += loose_on_disk(x) <= loose - 10 ? 1 : 0;
        assert_int_equal(x->f.fault->heal(&x->f, &err), 0);
        write_on(x, 5);
        assert_true(x->said > said);
    }
    assert_true(lost > 0); /* others on this machine may call sync(), which is for all disks, but not each time */
}

static void test_kill(void **state)
{
    struct fixture *x = *state;
    if (impossible(x))
        return;
    begin(x);
    write_on(x, 20);
    assert_int_equal(world_process_signal(x->process, SIGKILL), 0);
    assert_int_equal(world_run_until(x->world, has_exited, x, WITHIN), 0);
    assert_true(number_on_disk(x) >= x->said);
    assert_true(loose_on_disk(x) >= x->said);
}

/* Nothing to lose power: told, not done. */
static void test_refused(void **state)
{
    struct fixture *x = *state;
    struct error err = ERROR_INIT;
    assert_int_not_equal(fault_possible(fault_find("power-loss"), &x->target, &err), 0);
    assert_true(strstr(err.message, "--disk image") != NULL || strstr(err.message, "root") != NULL || impossible(x));
    error_clear(&err);
}

static int setup(void **state)
{
    static const struct target_operations operations = {.alive = alive, .process = process, .act = act};
    struct fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    snprintf(x->folder, sizeof x->folder, "/tmp/harrow-power-XXXXXX");
    assert_non_null(mkdtemp(x->folder));
    snprintf(x->data, sizeof x->data, "%s/data", x->folder);
    snprintf(x->file, sizeof x->file, "%s/image", x->folder);
    assert_true(readlink("/proc/self/exe", x->program, sizeof x->program - 1) > 0);
    assert_int_equal(world_real_new(1, &x->world, NULL), 0);
    assert_int_equal(world_make_directory(x->world, x->data), 0);
    x->image.fd = -1;
    x->component = (struct target_component){.name = "writer", .stateful = true};
    x->target = (struct target){.operations = &operations,
                                .world = x->world,
                                .system = "the writer",
                                .driver = "processes",
                                .components = &x->component,
                                .component_count = 1};
    *state = x;
    return 0;
}

/* Nobody else ever saw the mount, and it goes. */
static int teardown(void **state)
{
    struct fixture *x = *state;
    if (x->process != NULL && !x->exited) {
        (void)world_process_signal(x->process, SIGKILL);
        assert_int_equal(world_run_until(x->world, has_exited, x, WITHIN), 0);
    }
    world_process_close(x->process);
    if (x->mounted) {
        assert_int_equal(world_image_unmount(x->world, &x->image, NULL), 0);
        world_image_close(&x->image);
    }
    assert_int_equal(world_remove_tree(x->world, x->folder), 0);
    world_real_free(x->world);
    free(x);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2)
        return writer_main(argv[2]);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_refused), TEST(test_power), TEST(test_kill)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
