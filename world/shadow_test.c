/* What a power cut leaves on a real disk, step by step and without a process: what was synced stays, what was not goes
 * back, whatever was done to names and lengths; and every allocation of it fails once. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "world/shadow.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static struct shadow *shadow;

/* ---- done for real, and told ---- */

static const char *path_of(const char *name)
{
    static char paths[4][160];
    static size_t next;
    char *out = paths[next++ % 4];
    snprintf(out, sizeof paths[0], "%s/%s", folder, name);
    return out;
}

static void put(const char *name, const char *text)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0640), 0); /* whatever the umask is */
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void overwrite(const char *name, const char *text, off_t offset)
{
    const char *path = path_of(name);
    uint64_t file = shadow_file(shadow, path, path);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    shadow_will_change(shadow, file, path, (uint64_t)offset, (uint64_t)offset + strlen(text));
    assert_int_equal(pwrite(fd, text, strlen(text), offset), strlen(text));
    shadow_wrote(shadow, file, path, (uint64_t)offset, strlen(text));
    close(fd);
}

static void cut_short(const char *name, off_t size)
{
    const char *path = path_of(name);
    uint64_t file = shadow_file(shadow, path, path);
    shadow_will_change(shadow, file, path, (uint64_t)size, UINT64_MAX);
    assert_int_equal(truncate(path, size), 0);
    shadow_truncated(shadow, path, (uint64_t)size);
}

static void create(const char *name, const char *text)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    close(fd);
    shadow_made(shadow, path_of(name), false);
    overwrite(name, text, 0);
}

static void make(const char *name)
{
    assert_int_equal(mkdir(path_of(name), 0700), 0);
    shadow_made(shadow, path_of(name), true);
}

static void move(const char *from, const char *to)
{
    const char *a = path_of(from), *b = path_of(to);
    (void)shadow_file(shadow, a, a);
    (void)shadow_file(shadow, b, b);
    assert_int_equal(rename(a, b), 0);
    shadow_renamed(shadow, a, b);
}

static void take_away(const char *name)
{
    const char *path = path_of(name);
    (void)shadow_file(shadow, path, path);
    assert_int_equal(unlink(path), 0);
    shadow_removed(shadow, path);
}

static void sync_file(const char *name)
{
    shadow_synced(shadow, path_of(name), false);
}

static bool nobody_else(void *arg, int64_t process)
{
    (void)arg, (void)process;
    return true;
}

static struct shadow_crash crash_and_restore(enum sim_crash_keeps keeps)
{
    struct shadow_crash c;
    shadow_crash(shadow, keeps, nobody_else, NULL, &c);
    shadow_restore(shadow);
    return c;
}

static void is(const char *name, const char *text)
{
    char now[8192];
    int fd = open(path_of(name), O_RDONLY);
    if (text == NULL) {
        assert_true(fd < 0);
        return;
    }
    if (fd < 0)
        fail_msg("%s is not there", name);
    ssize_t n = read(fd, now, sizeof now - 1);
    close(fd);
    now[n > 0 ? n : 0] = '\0';
    assert_string_equal(now, text);
}

static void begin(void)
{
    shadow = shadow_new(7);
    assert_non_null(shadow);
}

static void end(void)
{
    if (shadow_failure(shadow) != NULL)
        fail_msg("%s", shadow_failure(shadow));
    shadow_free(shadow);
}

/* ---- tests ---- */

static void test_content(void **state)
{
    (void)state;
    put("a", "aaaaaaaaaa");
    put("b", "bbbbbbbbbb");
    put("c", "cccccccccc");
    begin();
    overwrite("a", "XX", 2);
    sync_file("a");
    overwrite("a", "YY", 6);
    overwrite("b", "longer than it was", 5);
    cut_short("c", 3);
    overwrite("c", "Z", 3);
    struct shadow_crash c = crash_and_restore(SIM_CRASH_NOTHING);
    assert_int_equal(c.dropped, 4);
    end();
    is("a", "aaXXaaaaaa");
    is("b", "bbbbbbbbbb");
    is("c", "cccccccccc");
}

/* A file that was removed or replaced comes back with all it had, also what nobody ever looked at. */
static void test_names(void **state)
{
    struct stat st;
    (void)state;
    char large[6000];
    memset(large, 'l', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    put("removed", large);
    put("replaced", "old");
    begin();
    create("fresh", "new");
    sync_file("fresh"); /* and with it what was done to names before */
    overwrite("removed", "M", 1);
    take_away("removed");
    move("fresh", "replaced");
    create("gone", "never synced");
    make("folder");
    create("folder/inside", "x");
    (void)crash_and_restore(SIM_CRASH_NOTHING);
    end();
    is("removed", large);
    assert_int_equal(stat(path_of("removed"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    is("replaced", "old");
    is("fresh", "new");
    is("gone", NULL);
    assert_int_not_equal(stat(path_of("folder"), &st), 0);
    /* The same once more, synced. */
    begin();
    take_away("removed");
    move("fresh", "replaced");
    make("folder");
    create("folder/inside", "x");
    sync_file("folder/inside");
    shadow_synced(shadow, folder, true);
    (void)crash_and_restore(SIM_CRASH_NOTHING);
    end();
    is("removed", NULL);
    is("replaced", "new");
    is("fresh", NULL);
    is("folder/inside", "x");
}

/* What somebody else changes, or what is mapped, is left as it is. */
static void test_left(void **state)
{
    struct stat st;
    (void)state;
    put("shared", "0123456789");
    put("mapped", "0123456789");
    begin();
    overwrite("shared", "X", 0);
    int fd = open(path_of("shared"), O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "+", 1), 1); /* not told */
    close(fd);
    overwrite("shared", "Y", 1);
    assert_int_equal(stat(path_of("mapped"), &st), 0);
    shadow_leave(shadow, &st);
    overwrite("mapped", "Z", 0);
    struct shadow_crash c = crash_and_restore(SIM_CRASH_NOTHING);
    assert_true(c.left >= 1);
    end();
    is("shared", "XY23456789+");
    is("mapped", "Z123456789");
}

/* Each write is in place, in its sectors or not at all; the same seed gives the same. */
static void test_lots(void **state)
{
    (void)state;
    char page[4097], before[4097], first[8192] = "";
    memset(before, 'o', 4096);
    memset(page, 'n', 4096);
    before[4096] = page[4096] = '\0';
    for (int turn = 0; turn < 2; turn++) {
        put("page", before);
        begin();
        overwrite("page", page, 0);
        (void)crash_and_restore(SIM_CRASH_TORN);
        end();
        char now[8192] = "";
        int fd = open(path_of("page"), O_RDONLY);
        assert_int_equal(read(fd, now, sizeof now - 1), 4096);
        close(fd);
        for (int i = 0; i < 4096; i++)
            assert_true(now[i] == now[i / 512 * 512] && (now[i] == 'o' || now[i] == 'n'));
        assert_true(strchr(now, 'o') != NULL && strchr(now, 'n') != NULL);
        if (turn > 0)
            assert_string_equal(now, first);
        memcpy(first, now, sizeof now);
    }
}

static int scenario(void)
{
    shadow = shadow_new(7);
    if (shadow == NULL)
        return ERROR_MEMORY;
    overwrite("a", "XX", 2);
    sync_file("a");
    cut_short("b", 3);
    take_away("b");
    struct shadow_crash c = crash_and_restore(SIM_CRASH_NOTHING);
    (void)c;
    const char *failure = shadow_failure(shadow);
    int code = failure == NULL ? 0 : strstr(failure, "memory") != NULL ? ERROR_MEMORY : ERROR_IO;
    if (code == ERROR_IO)
        print_error("%s\n", failure);
    shadow_free(shadow);
    return code;
}

static int scenario_anew(void)
{
    put("a", "aaaaaaaaaa");
    put("b", "bbbbbbbbbb");
    return scenario();
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario_anew, FAILING_IS_TOLD) > 20);
    is("a", "aaXXaaaaaa");
    is("b", "bbbbbbbbbb");
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/harrow-shadow-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command); // NOLINT
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_content), TEST(test_names), TEST(test_left), TEST(test_lots), TEST(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
