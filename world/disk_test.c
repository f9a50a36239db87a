/* The simulated disk: what a crash keeps, drops and tears; faults; and what stays true in each case. */
#include "world/test_worlds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 300

static struct sim *disk_new(uint64_t seed, struct world **w)
{
    struct sim *s = sim_new(&(struct sim_options){.seed = seed});
    assert_non_null(s);
    *w = sim_node(s, "disk");
    assert_non_null(*w);
    return s;
}

static struct world_file *open_new(struct world *w, const char *path)
{
    struct world_file *f;
    assert_int_equal(world_file_open(w, path, WORLD_READ | WORLD_WRITE | WORLD_CREATE, &f, NULL), 0);
    return f;
}

/* What a whole file holds; fails the test when it is not there. */
static void content_of(struct world *w, const char *path, struct text *out)
{
    text_clear(out);
    assert_int_equal(world_read_file(w, path, 1 << 20, out, NULL), 0);
}

static bool exists(struct world *w, const char *path)
{
    struct world_stat stat;
    assert_int_equal(world_stat(w, path, &stat), 0);
    return stat.exists;
}

/* A synced file overwritten without a sync: all new, all old, or a mixture of whole sectors; each comes up. */
static void test_write_lots(void **state)
{
    enum { SIZE = 4096, SECTOR = 512 };
    (void)state;
    size_t kept = 0, dropped = 0, torn = 0;
    struct text content = TEXT_INIT;
    uint8_t old[SIZE], new[SIZE];
    memset(old, 'o', sizeof(old));
    memset(new, 'n', sizeof(new));
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world *w;
        struct sim *s = disk_new(seed, &w);
        struct world_file *f = open_new(w, "/file");
        assert_int_equal(world_file_pwrite(f, old, SIZE, 0), SIZE);
        assert_int_equal(world_file_sync(f), 0);
        assert_int_equal(world_file_pwrite(f, new, SIZE, 0), SIZE);
        assert_int_equal(sim_crash(s, "disk"), 0);
        assert_int_equal(world_file_size(f), ERROR_CLOSED);
        world_file_close(f);
        content_of(w, "/file", &content);
        assert_int_equal(content.len, SIZE);
        size_t fresh = 0;
        for (size_t i = 0; i < SIZE; i += SECTOR) {
            for (size_t j = 1; j < SECTOR; j++)
                assert_int_equal(content.data[i + j], content.data[i]);
            fresh += content.data[i] == 'n' ? 1 : 0;
        }
        kept += fresh == SIZE / SECTOR ? 1 : 0;
        dropped += fresh == 0 ? 1 : 0;
        torn += fresh > 0 && fresh < SIZE / SECTOR ? 1 : 0;
        sim_free(s);
    }
    assert_true(kept > SEEDS / 10);
    assert_true(dropped > SEEDS / 10);
    assert_true(torn > SEEDS / 10);
    text_deinit(&content);
}

/* A new file: synced, it is there with its directories; not synced, it may be missing, empty, or whole. */
static void test_create_lots(void **state)
{
    (void)state;
    size_t missing = 0, empty = 0, whole = 0;
    struct text content = TEXT_INIT;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world *w;
        struct sim *s = disk_new(seed, &w);
        assert_int_equal(world_make_directory(w, "/a/b"), 0);
        struct world_file *f = open_new(w, "/a/b/synced");
        assert_int_equal(world_file_append(f, "data", 4), 4);
        assert_int_equal(world_file_sync(f), 0);
        world_file_close(f);
        f = open_new(w, "/a/b/loose");
        assert_int_equal(world_file_append(f, "data", 4), 4);
        world_file_close(f);
        assert_int_equal(sim_crash(s, "disk"), 0);
        content_of(w, "/a/b/synced", &content);
        assert_string_equal(content.data, "data");
        if (!exists(w, "/a/b/loose")) {
            missing++;
        } else {
            content_of(w, "/a/b/loose", &content);
            empty += content.len == 0 ? 1 : 0;
            whole += content.len == 4 ? 1 : 0;
        }
        sim_free(s);
    }
    assert_int_equal(missing + empty + whole, SEEDS);
    assert_true(missing > SEEDS / 10 && empty > SEEDS / 20 && whole > SEEDS / 10);
    text_deinit(&content);
}

/* Names of one directory are kept as a prefix of what was done; those of two directories go their own ways. */
static void test_name_order(void **state)
{
    (void)state;
    size_t lengths[6] = {0};
    size_t apart = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world *w;
        struct sim *s = disk_new(seed, &w);
        assert_int_equal(world_make_directory(w, "/one"), 0);
        assert_int_equal(world_make_directory(w, "/two"), 0);
        assert_int_equal(world_sync_directory(w, "/"), 0);
        for (int i = 0; i < 5; i++) {
            char path[32];
            snprintf(path, sizeof(path), "/one/%d", i);
            world_file_close(open_new(w, path));
            snprintf(path, sizeof(path), "/two/%d", i);
            world_file_close(open_new(w, path));
        }
        assert_int_equal(sim_crash(s, "disk"), 0);
        size_t one = 0, two = 0;
        for (int i = 0; i < 5; i++) {
            char path[32];
            snprintf(path, sizeof(path), "/one/%d", i);
            if (exists(w, path)) {
                assert_int_equal(one, i); /* none missing before it */
                one++;
            }
            snprintf(path, sizeof(path), "/two/%d", i);
            if (exists(w, path)) {
                assert_int_equal(two, i);
                two++;
            }
        }
        lengths[one]++;
        apart += one != two ? 1 : 0;
        sim_free(s);
    }
    for (size_t i = 0; i < 6; i++)
        assert_true(lengths[i] > 0);
    assert_true(apart > SEEDS / 10);
}

/* The way world_write_file() replaces a file: after a crash the old content or the new, nothing else; once it has
 * returned, the new. */
static void test_replace(void **state)
{
    (void)state;
    size_t old = 0, new = 0;
    struct text content = TEXT_INIT;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world *w;
        struct sim *s = disk_new(seed, &w);
        assert_int_equal(world_write_file(w, "/file", bytes_of("old"), false, NULL), 0);
        struct world_file *f = open_new(w, "/file.new");
        assert_int_equal(world_file_append(f, "new", 3), 3);
        assert_int_equal(world_file_sync(f), 0);
        world_file_close(f);
        assert_int_equal(world_rename(w, "/file.new", "/file"), 0);
        assert_int_equal(sim_crash(s, "disk"), 0);
        content_of(w, "/file", &content);
        if (strcmp(content.data, "old") == 0) {
            old++;
            assert_true(exists(w, "/file.new")); /* its creation was made durable by its sync */
        } else {
            new ++;
            assert_string_equal(content.data, "new");
            assert_false(exists(w, "/file.new"));
        }
        assert_int_equal(world_write_file(w, "/file", bytes_of("last"), false, NULL), 0);
        assert_int_equal(sim_crash(s, "disk"), 0);
        content_of(w, "/file", &content);
        assert_string_equal(content.data, "last");
        sim_free(s);
    }
    assert_true(old > SEEDS / 10 && new > SEEDS / 10);
    text_deinit(&content);
}

/* Whole directories moved and removed, with and without a sync. */
static void test_directories(void **state)
{
    (void)state;
    size_t moved = 0, removed = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world *w;
        struct sim *s = disk_new(seed, &w);
        assert_int_equal(world_make_directory(w, "/from/deep"), 0);
        assert_int_equal(world_write_file(w, "/from/deep/file", bytes_of("x"), false, NULL), 0);
        assert_int_equal(world_rename(w, "/from", "/to"), 0);
        assert_true(exists(w, "/to/deep/file"));
        assert_false(exists(w, "/from"));
        assert_int_equal(sim_crash(s, "disk"), 0);
        assert_true(exists(w, "/from/deep/file") != exists(w, "/to/deep/file")); /* whole in one place */
        bool there = exists(w, "/to/deep/file");
        moved += there ? 1 : 0;
        assert_int_equal(world_remove_tree(w, there ? "/to" : "/from"), 0);
        assert_int_equal(sim_crash(s, "disk"), 0);
        removed += exists(w, there ? "/to" : "/from") ? 0 : 1;
        assert_int_equal(world_remove_tree(w, "/"), 0);
        assert_int_equal(world_sync_directory(w, "/"), 0);
        assert_int_equal(sim_crash(s, "disk"), 0);
        assert_false(exists(w, "/to") || exists(w, "/from"));
        sim_free(s);
    }
    assert_true(moved > SEEDS / 10 && moved < SEEDS);
    assert_true(removed > 0 && removed < SEEDS);
}

static void test_paths(void **state)
{
    (void)state;
    struct world *w;
    struct sim *s = disk_new(1, &w);
    assert_int_equal(world_make_directory(w, "data//x/./y/../z/"), 0);
    assert_true(exists(w, "/data/x/z"));
    assert_true(exists(w, "/data/x/y")); /* a parent on the way, as with mkdir -p */
    assert_true(exists(w, "/../.."));
    assert_int_equal(world_rename(w, "/data", "/data/x/in"), ERROR_INVALID);
    assert_int_equal(world_remove(w, "/"), ERROR_INVALID);
    char *lengthy = malloc(6000);
    assert_non_null(lengthy);
    memset(lengthy, 'a', 5999);
    lengthy[5999] = '\0';
    struct world_file *f;
    assert_int_equal(world_file_open(w, lengthy, WORLD_WRITE | WORLD_CREATE, &f, NULL), ERROR_INVALID);
    free(lengthy);
    sim_free(s);
}

static void test_unlinked_file(void **state)
{
    (void)state;
    struct world *w;
    struct sim *s = disk_new(1, &w);
    struct world_file *f = open_new(w, "/file");
    char buffer[4];
    assert_int_equal(world_file_append(f, "data", 4), 4);
    assert_int_equal(world_remove(w, "/file"), 0);
    assert_int_equal(world_file_pread(f, buffer, 4, 0), 4); /* still there for who has it open */
    assert_int_equal(world_file_sync(f), 0);
    world_file_close(f);
    sim_free(s);
}

/* ---- faults ------------------------------------------------------------------------------------------------------ */

/* One file replaced while the n-th operation fails, for every n: an error is told, and the content is old or new. */
static void test_fail_nth(void **state)
{
    (void)state;
    struct text content = TEXT_INIT;
    uint64_t nth = 1;
    for (;; nth++) {
        struct world *w;
        struct sim *s = disk_new(nth, &w);
        assert_int_equal(world_write_file(w, "/file", bytes_of("old"), false, NULL), 0);
        sim_disk(s, "disk", &(struct sim_disk_faults){.fail_nth = nth});
        struct error err = ERROR_INIT;
        int code = world_write_file(w, "/file", bytes_of("new"), false, &err);
        sim_disk(s, "disk", NULL);
        content_of(w, "/file", &content);
        if (code < 0) {
            assert_int_equal(code, ERROR_IO);
            assert_non_null(err.message);
        } else {
            assert_string_equal(content.data, "new");
        }
        error_clear(&err);
        assert_int_equal(sim_crash(s, "disk"), 0);
        content_of(w, "/file", &content);
        if (code == 0)
            assert_string_equal(content.data, "new");
        else
            assert_true(strcmp(content.data, "old") == 0 || strcmp(content.data, "new") == 0);
        sim_free(s);
        if (code == 0)
            break;
    }
    assert_int_equal(nth, 5); /* create, write, sync, sync of the directory can fail; the fifth does not come */
    text_deinit(&content);
}

static void test_chances(void **state)
{
    (void)state;
    struct world *w;
    struct sim *s = disk_new(2, &w);
    struct world_file *f = open_new(w, "/file");
    size_t writes = 0, syncs = 0, reads = 0;
    char byte = 'x';
    sim_disk(s, "disk", &(struct sim_disk_faults){.write_error = 100000, .sync_error = 300000, .read_error = 500000});
    for (int i = 0; i < 2000; i++) {
        writes += world_file_pwrite(f, &byte, 1, 0) == ERROR_IO ? 1 : 0;
        syncs += world_file_sync(f) == ERROR_IO ? 1 : 0;
        reads += world_file_pread(f, &byte, 1, 0) == ERROR_IO ? 1 : 0;
    }
    assert_in_range(writes, 150, 250);
    assert_in_range(syncs, 500, 700);
    assert_in_range(reads, 900, 1100);
    world_file_close(f);
    sim_free(s);
}

static void test_space(void **state)
{
    (void)state;
    struct world *w;
    struct sim *s = disk_new(3, &w);
    static uint8_t block[1000];
    struct world_file *f = open_new(w, "/a"), *g = open_new(w, "/b");
    sim_disk(s, "disk", &(struct sim_disk_faults){.space = 2500});
    assert_int_equal(world_file_append(f, block, 1000), 1000);
    assert_int_equal(world_file_append(g, block, 1000), 1000);
    assert_int_equal(world_file_append(g, block, 1000), ERROR_NO_SPACE);
    assert_int_equal(world_file_size(g), 1000);
    assert_int_equal(world_file_pwrite(g, block, 1000, 0), 1000); /* overwriting needs none */
    assert_int_equal(world_file_truncate(g, 1600), ERROR_NO_SPACE);
    assert_int_equal(world_file_truncate(f, 0), 0);
    assert_int_equal(world_file_append(g, block, 1000), 1000);
    world_file_close(g);
    assert_int_equal(world_remove(w, "/b"), 0);
    assert_int_equal(world_sync_directory(w, "/"), 0);
    assert_int_equal(world_file_append(f, block, 1000), 1000);
    assert_int_equal(world_file_append(f, block, 1000), 1000);
    world_file_close(f);
    sim_free(s);
}

#define PLAIN(test)                                                                                                    \
    {                                                                                                                  \
#test, test, NULL, NULL, NULL                                                                                  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(test_write_lots),  PLAIN(test_create_lots), PLAIN(test_name_order),    PLAIN(test_replace),
        PLAIN(test_directories), PLAIN(test_paths),       PLAIN(test_unlinked_file), PLAIN(test_fail_nth),
        PLAIN(test_chances),     PLAIN(test_space),
    };
    return cmocka_run_group_tests_name("simulated disk", tests, NULL, NULL);
}
