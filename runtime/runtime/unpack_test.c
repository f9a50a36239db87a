/* Unpacking: what is taken, what is refused, and that nothing ever lands outside. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "base/text.h"
#include "runtime/runtime/tree.h"
#include "runtime/runtime/unpack.h"
#include "world/sim.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    const char *name, *content; /* content: of a file; the target of a link */
    mode_t type;
    bool hard;
    mode_t perm;
};

static la_ssize_t take(struct archive *a, void *arg, const void *data, size_t len)
{
    (void)a;
    text_add(arg, data, len);
    return (la_ssize_t)len;
}

static void pack(struct text *out, const struct item *items, size_t count)
{
    struct archive *a = archive_write_new();
    assert_non_null(a);
    archive_write_add_filter_gzip(a);
    archive_write_set_format_gnutar(a);
    archive_write_open(a, out, NULL, take, NULL);
    for (size_t i = 0; i < count; i++) {
        struct archive_entry *e = archive_entry_new();
        mode_t type = items[i].type ? items[i].type : AE_IFREG;
        const char *content = items[i].content ? items[i].content : "";
        archive_entry_set_pathname(e, items[i].name);
        archive_entry_set_filetype(e, type);
        archive_entry_set_perm(e, items[i].perm ? items[i].perm : 0644);
        if (items[i].hard)
            archive_entry_set_hardlink(e, content);
        else if (type == AE_IFLNK)
            archive_entry_set_symlink(e, content);
        archive_entry_set_size(e, type == AE_IFREG && !items[i].hard ? (la_int64_t)strlen(content) : 0);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        if (type == AE_IFREG && !items[i].hard)
            archive_write_data(a, content, strlen(content));
        archive_entry_free(e);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

static int unpack(struct world *w, const struct text *data, struct error *err)
{
    struct unpack *u = NULL;
    (void)world_remove_tree(w, "in");
    assert_int_equal(world_make_directory(w, "in"), 0);
    int rc = unpack_new(w, text_bytes(data), "in", &u, err);
    while (rc == 0 && (rc = unpack_step(u, err)) == 1)
        rc = 0;
    unpack_free(u);
    return rc;
}

static void expect_file(struct world *w, const char *path, const char *content)
{
    struct text got = TEXT_INIT;
    assert_int_equal(world_read_file(w, path, 1 << 20, &got, NULL), 0);
    assert_string_equal(text_string(&got), content);
    text_deinit(&got);
}

static struct sim *new_sim(void)
{
    const struct sim_options options = {.seed = 1};
    struct sim *sim = sim_new(&options);
    assert_non_null(sim);
    return sim;
}

static void takes(void **state)
{
    (void)state;
    static const struct item items[] = {
        {.name = "./"},
        {.name = "./a.txt", .content = "A"},
        {.name = "deep/er/b", .content = "B", .perm = 0755},
        {.name = "folder", .type = AE_IFDIR},
        {.name = "deep/link", .content = "../a.txt", .type = AE_IFLNK},
        {.name = "chain", .content = "deep/link", .type = AE_IFLNK},
        {.name = "hard", .content = "./deep/er/b", .hard = true},
        {.name = "dangling", .content = "nowhere", .type = AE_IFLNK},
        {.name = "loop", .content = "loop", .type = AE_IFLNK},
        {.name = "a.txt", .content = "AA"}, /* replaces */
    };
    struct sim *sim = new_sim();
    struct world *w = sim_node(sim, "n");
    struct text data = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct world_stat stat;
    struct item copy[sizeof items / sizeof items[0]];
    memcpy(copy, items, sizeof items);
    copy[0].type = AE_IFDIR;
    pack(&data, copy, sizeof items / sizeof items[0]);
    if (unpack(w, &data, &err) < 0)
        fail_msg("%s", err.message);
    expect_file(w, "in/a.txt", "AA");
    expect_file(w, "in/deep/er/b", "B");
    expect_file(w, "in/deep/link", "AA");
    expect_file(w, "in/chain", "AA");
    expect_file(w, "in/hard", "B");
    assert_int_equal(world_stat(w, "in/deep/er/b", &stat), 0);
    assert_true(stat.executable);
    assert_int_equal(world_stat(w, "in/a.txt", &stat), 0);
    assert_false(stat.executable);
    assert_int_equal(world_stat(w, "in/dangling", &stat), 0);
    assert_false(stat.exists);
    struct tree tree;
    assert_int_equal(tree_read(w, "in", &tree, NULL), 0);
    assert_int_equal(tree.entries.count, 8);
    assert_string_equal(tree.entries.items[0].name, "a.txt");
    assert_int_equal(tree.size, 8);
    tree_deinit(&tree);
    text_deinit(&data);
    sim_free(sim);
}

static void refuses(void **state)
{
    (void)state;
    static const struct item bad[] = {
        {.name = "/etc/passwd", .content = "x"},
        {.name = "../out", .content = "x"},
        {.name = "a/../../out", .content = "x"},
        {.name = "a//b", .content = "x"},
        {.name = "a\nb", .content = "x"},
        {.name = "bad\xff", .content = "x"},
        {.name = "link", .content = "/etc/passwd", .type = AE_IFLNK},
        {.name = "link", .content = "../out", .type = AE_IFLNK},
        {.name = "a/link", .content = "../../out", .type = AE_IFLNK},
        {.name = "hard", .content = "/etc/passwd", .hard = true},
        {.name = "hard", .content = "../out", .hard = true},
        {.name = "pipe", .type = AE_IFIFO},
        {.name = "device", .type = AE_IFCHR},
        {.name = "device", .type = AE_IFBLK},
    };
    struct sim *sim = new_sim();
    struct world *w = sim_node(sim, "n");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct text data = TEXT_INIT;
        struct error err = ERROR_INIT;
        struct world_stat stat;
        pack(&data, &bad[i], 1);
        if (unpack(w, &data, &err) >= 0)
            fail_msg("%s was taken", bad[i].name);
        assert_non_null(err.message);
        error_clear(&err);
        assert_int_equal(world_stat(w, "out", &stat), 0);
        assert_false(stat.exists);
        text_deinit(&data);
    }
    struct text data = TEXT_INIT;
    struct error err = ERROR_INIT;
    assert_int_equal(unpack(w, &data, &err), ERROR_SYNTAX);
    text_puts(&data, "not a tar");
    error_clear(&err);
    assert_int_equal(unpack(w, &data, &err), ERROR_SYNTAX);
    error_clear(&err);
    /* cut off in the middle */
    char content[4000];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof content - 1; i++) /* hardly to be packed */
        content[i] = (char)(33 + (seed = seed * 1664525 + 1013904223) % 90);
    content[sizeof content - 1] = '\0';
    const struct item one = {.name = "a", .content = content};
    text_clear(&data);
    pack(&data, &one, 1);
    text_truncate(&data, 2000);
    assert_true(unpack(w, &data, &err) < 0);
    error_clear(&err);
    text_deinit(&data);
    sim_free(sim);
}

static void bombs(void **state)
{
    (void)state;
    struct sim *sim = new_sim();
    struct world *w = sim_node(sim, "n");
    struct text data = TEXT_INIT;
    struct error err = ERROR_INIT;
    /* 64 MiB of zeros in a few KiB */
    size_t size = (size_t)64 << 20;
    char *zeros = malloc(size + 1);
    assert_non_null(zeros);
    memset(zeros, '0', size);
    zeros[size] = '\0';
    const struct item bomb = {.name = "bomb", .content = zeros};
    pack(&data, &bomb, 1);
    free(zeros);
    assert_int_equal(unpack(w, &data, &err), ERROR_LIMIT);
    assert_non_null(strstr(err.message, "swells"));
    error_clear(&err);
    text_clear(&data);
    /* too many entries */
    struct item *many = calloc(UNPACK_ENTRIES_MAX + 1, sizeof *many);
    char *names = malloc((UNPACK_ENTRIES_MAX + 1) * (size_t)16);
    assert_non_null(many);
    assert_non_null(names);
    for (size_t i = 0; i <= UNPACK_ENTRIES_MAX; i++) {
        snprintf(names + 16 * i, 16, "f%zu", i);
        many[i].name = names + 16 * i;
    }
    pack(&data, many, UNPACK_ENTRIES_MAX + 1);
    assert_int_equal(unpack(w, &data, &err), ERROR_LIMIT);
    assert_non_null(strstr(err.message, "one too many"));
    error_clear(&err);
    free(many);
    free(names);
    text_deinit(&data);
    sim_free(sim);
}

/* Whatever write fails, it is an error and no crash. */
static void disk_errors(void **state)
{
    (void)state;
    static const struct item items[] = {{.name = "d/a", .content = "A"}, {.name = "d/b", .content = "B"}};
    struct text data = TEXT_INIT;
    pack(&data, items, 2);
    bool done = false;
    for (uint64_t nth = 1; !done && nth < 40; nth++) {
        struct sim *sim = new_sim();
        struct world *w = sim_node(sim, "n");
        struct error err = ERROR_INIT;
        struct unpack *u = NULL;
        assert_int_equal(world_make_directory(w, "in"), 0);
        const struct sim_disk_faults faults = {.fail_nth = nth};
        sim_disk(sim, "n", &faults);
        assert_int_equal(unpack_new(w, text_bytes(&data), "in", &u, &err), 0);
        int rc;
        while ((rc = unpack_step(u, &err)) == 1) {
        }
        done = rc == 0;
        assert_true(done || err.message);
        unpack_free(u);
        error_clear(&err);
        sim_free(sim);
    }
    assert_true(done);
    text_deinit(&data);
}

static void no_memory(void **state)
{
    (void)state;
    static const struct item items[] = {{.name = "d/a", .content = "A"},
                                        {.name = "d/l", .content = "a", .type = AE_IFLNK},
                                        {.name = "h", .content = "d/a", .hard = true}};
    struct text data = TEXT_INIT;
    pack(&data, items, 3);
    for (size_t n = 1, done = 0; !done; n++) {
        struct sim *sim = new_sim();
        struct world *w = sim_node(sim, "n");
        struct unpack *u = NULL;
        assert_int_equal(world_make_directory(w, "in"), 0);
        failing_arm(n);
        int rc = unpack_new(w, text_bytes(&data), "in", &u, NULL);
        while (rc == 0 && (rc = unpack_step(u, NULL)) == 1)
            rc = 0;
        done = !failing_hit();
        failing_disarm();
        assert_true(done ? rc == 0 : rc <= 0);
        unpack_free(u);
        sim_free(sim);
        assert_true(n < 1000);
    }
    text_deinit(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes),       cmocka_unit_test(refuses),   cmocka_unit_test(bombs),
        cmocka_unit_test(disk_errors), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
