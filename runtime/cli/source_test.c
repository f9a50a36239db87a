/* Where a source is, from what people write; and a folder packed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/cli/source.h"
#include "world/real.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_repositories(void **state)
{
    static const struct {
        const char *text, *url, *name, *folder, *branch; /* url NULL: it is none */
    } rows[] = {
        {"github.com/joe/repo", "https://github.com/joe/repo", "repo", "", ""},
        {"github.com/joe/repo/", "https://github.com/joe/repo", "repo", "", ""},
        {"github.com/joe/repo@dev", "https://github.com/joe/repo", "repo", "", "dev"},
        {"github.com/joe/repo/a/b@v1.2", "https://github.com/joe/repo", "b", "a/b", "v1.2"},
        {"https://gitlab.com/joe/repo/a", "https://gitlab.com/joe/repo", "a", "a", ""},
        {"https://git.example.com:8443/x/y/repo.git/a@dev", "https://git.example.com:8443/x/y/repo.git", "a", "a",
         "dev"},
        {"file:///srv/repo.git", "file:///srv/repo.git", "repo", "", ""},
        {"file:///srv/repo.git/sub@dev", "file:///srv/repo.git", "sub", "sub", "dev"},
        {"https://joe@example.com/joe/repo", "https://joe@example.com/joe/repo", "repo", "", ""},
        {"github.com/joe", NULL, NULL, NULL, NULL},
        {"github.com/joe/", NULL, NULL, NULL, NULL},
        {"github.com//repo", NULL, NULL, NULL, NULL},
        {"github.com", NULL, NULL, NULL, NULL},
        {"helloworld", NULL, NULL, NULL, NULL},
        {"helloworld@latest", NULL, NULL, NULL, NULL},
        {"./nosuch", NULL, NULL, NULL, NULL},
        {"../a/b/c", NULL, NULL, NULL, NULL},
        {"/a/b/c", NULL, NULL, NULL, NULL},
        {"", NULL, NULL, NULL, NULL},
        {"@", NULL, NULL, NULL, NULL},
        {"-u.x/a/b", NULL, NULL, NULL, NULL},
        {"github.com/joe/repo/../..", NULL, NULL, NULL, NULL},
        {"github.com/joe/repo/-x", NULL, NULL, NULL, NULL},
        {"github.com/joe/repo@--upload-pack=x", NULL, NULL, NULL, NULL},
        {"-://x/repo.git", NULL, NULL, NULL, NULL},
        {"ext::sh -c id://x/repo.git", NULL, NULL, NULL, NULL},
        {"github.com/joe/repo@", NULL, NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct source_repository r;
        bool is = source_parse(rows[i].text, &r);
        if (is != (rows[i].url != NULL))
            fail_msg("\"%s\" is %sa repository", rows[i].text, is ? "" : "not ");
        if (!is)
            continue;
        assert_string_equal(r.url, rows[i].url);
        assert_string_equal(r.name, rows[i].name);
        assert_string_equal(r.folder, rows[i].folder);
        assert_string_equal(r.branch, rows[i].branch);
    }
}

/* ---- packing ---- */

static char folder[] = "/tmp/micro-source-test-XXXXXX";

static void put(const char *name, const char *content, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void make(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void link_to(const char *to, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(symlink(to, path), 0);
}

/* "name mode content|..." of every entry. */
static void list(const struct text *packed, struct text *out)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_filter_gzip(a);
    archive_read_support_format_tar(a);
    assert_int_equal(archive_read_open_memory(a, packed->data, packed->len), ARCHIVE_OK);
    while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
        char content[64] = "";
        la_ssize_t n = archive_read_data(a, content, sizeof content - 1);
        assert_true(n >= 0);
        text_printf(out, "%s %o %s|", archive_entry_pathname(entry), (unsigned)archive_entry_perm(entry), content);
        assert_int_equal(archive_entry_mtime(entry), 0);
        assert_int_equal(archive_entry_uid(entry), 0);
    }
    archive_read_free(a);
}

static void test_pack(void **state)
{
    struct cli c = {0};
    struct source s;
    struct text packed = TEXT_INIT, again = TEXT_INIT, listed = TEXT_INIT;
    uint64_t before, after;
    (void)state;
    assert_int_equal(world_real_new(1, &c.world, NULL), 0);
    assert_non_null(mkdtemp(folder));
    put("main.c", "int x;", 0644);
    put("run.sh", "#!/bin/sh", 0755);
    put("main.o", "binary", 0644);
    put("notes.tmp", "no", 0644);
    put(".microignore", "*.tmp\n", 0644);
    put(".gitignore", "main.c\n", 0644); /* not looked at: there is a .microignore */
    make(".git");
    put(".git/HEAD", "ref", 0644);
    make("build");
    put("build/x", "x", 0644);
    make("sub");
    make("sub/build");
    put("sub/build/y", "y", 0644);
    link_to("main.c", "inside");
    link_to("/etc/hostname", "outside");
    link_to("/etc", "folder");
    link_to("nowhere", "broken");
    assert_int_equal(source_open(&c, folder, &s), CLI_OK);
    assert_string_equal(s.version, "latest");
    assert_int_equal(source_pack(&c, &s, &packed), CLI_OK);
    list(&packed, &listed);
    assert_string_equal(text_string(&listed), ".gitignore 644 main.c\n|.microignore 644 *.tmp\n|inside 644 int x;|"
                                              "main.c 644 int x;|run.sh 755 #!/bin/sh|sub/build/y 644 y|");
    /* The same files, the same bytes. */
    assert_int_equal(source_pack(&c, &s, &again), CLI_OK);
    assert_true(bytes_equal(text_bytes(&packed), text_bytes(&again)));
    /* A file that is packed changes; one that is not does not count. */
    assert_int_equal(source_print(&c, &s, &before), CLI_OK);
    put("notes.tmp", "more", 0644);
    assert_int_equal(source_print(&c, &s, &after), CLI_OK);
    assert_true(before == after);
    put("main.c", "int xy;", 0644);
    assert_int_equal(source_print(&c, &s, &after), CLI_OK);
    assert_true(before != after);
    assert_int_equal(world_remove_tree(c.world, folder), 0);
    bool was = cli_quiet(true);
    text_clear(&again);
    assert_int_equal(source_pack(&c, &s, &again), CLI_MALFORMED);
    cli_quiet(was);
    text_deinit(&packed);
    text_deinit(&again);
    text_deinit(&listed);
    world_real_free(c.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repositories),
        cmocka_unit_test(test_pack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
