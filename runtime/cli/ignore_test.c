/* Patterns of files to leave out, by table; expectations are gitignore(5)'s. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/cli/ignore.h"

#include <stdio.h>
#include <string.h>

static void test_patterns(void **state)
{
    static const struct {
        const char *lines, *path;
        bool folder, ignored;
    } rows[] = {
        {"", "a", false, false},
        {"a", "a", false, true},
        {"a", "b/a", false, true},
        {"a", "b/c/a", true, true},
        {"a", "ab", false, false},
        {"a", "ba", false, false},
        {"/a", "a", false, true},
        {"/a", "b/a", false, false},
        {"a/b", "a/b", false, true},
        {"a/b", "c/a/b", false, false},
        {"a/", "a", true, true},
        {"a/", "a", false, false},
        {"a/", "b/a", true, true},
        {"*.o", "x.o", false, true},
        {"*.o", "d/x.o", false, true},
        {"*.o", ".o", false, true},
        {"*.o", "x.oo", false, false},
        {"/*.o", "d/x.o", false, false},
        {"d/*", "d/x", false, true},
        {"d/*", "d/e/x", false, false},
        {"?", "a", false, true},
        {"?", "ab", false, false},
        {"a?b", "a/b", false, false},
        {"[abc]x", "bx", false, true},
        {"[a-c]x", "bx", false, true},
        {"[a-c]x", "dx", false, false},
        {"[!a-c]x", "dx", false, true},
        {"[^a-c]x", "ax", false, false},
        {"a[!b]c", "a/c", false, false},
        {"[]]x", "]x", false, true},
        {"[ab", "[ab", false, true},
        {"**/foo", "foo", false, true},
        {"**/foo", "a/b/foo", false, true},
        {"**/foo", "afoo", false, false},
        {"a/**", "a/b/c", false, true},
        {"a/**", "a", true, false},
        {"a/**/b", "a/b", false, true},
        {"a/**/b", "a/x/b", false, true},
        {"a/**/b", "a/x/y/b", false, true},
        {"a/**/b", "a/xb", false, false},
        {"a**b", "axyb", false, true},
        {"a**b", "ax/yb", false, false},
        {"**", "a/b/c", false, true},
        {"# a", "# a", false, false},
        {"\\#a", "#a", false, true},
        {"\\!a", "!a", false, true},
        {"a\r\nb", "a", false, true},
        {"a  ", "a", false, true},
        {"*.c\n!main.c", "main.c", false, false},
        {"*.c\n!main.c", "x.c", false, true},
        {"!main.c\n*.c", "main.c", false, true},
        {"/", "a", true, false},
        {"!", "a", true, false},
        {"*", "a", false, true},
        {"\xc3\xa4*", "\xc3\xa4x", false, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ignore list = {0};
        assert_int_equal(ignore_add(&list, bytes_of(rows[i].lines), "x", NULL), 0);
        if (ignore_match(&list, rows[i].path, rows[i].folder) != rows[i].ignored)
            fail_msg("row %zu: \"%s\" and %s", i, rows[i].lines, rows[i].path);
        ignore_deinit(&list);
    }
}

static void test_limits(void **state)
{
    char line[IGNORE_TOKENS_MAX + 2];
    struct ignore list = {0};
    struct error err = ERROR_INIT;
    (void)state;
    memset(line, 'a', sizeof line);
    assert_int_equal(ignore_add(&list, BYTES("x\n", 2), "f", &err), 0);
    assert_int_equal(ignore_add(&list, BYTES(line, sizeof line), "f", &err), ERROR_LIMIT);
    assert_int_equal(err.line, 1);
    assert_string_equal(err.file, "f");
    error_clear(&err);
    for (size_t i = 1; i < IGNORE_PATTERNS_MAX; i++)
        assert_int_equal(ignore_add(&list, BYTES("x\n", 2), "f", &err), 0);
    assert_int_equal(ignore_add(&list, BYTES("x\n", 2), "f", &err), ERROR_LIMIT);
    error_clear(&err);
    ignore_deinit(&list);
}

/* What takes a backtracking matcher for ever. */
static void test_no_blow_up(void **state)
{
    char pattern[201], path[2001];
    struct ignore list = {0};
    (void)state;
    for (size_t i = 0; i < 200; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[199] = 'b';
    pattern[200] = '\0';
    memset(path, 'a', 2000);
    path[2000] = '\0';
    assert_int_equal(ignore_add(&list, bytes_of(pattern), "f", NULL), 0);
    assert_false(ignore_match(&list, path, false));
    ignore_deinit(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_blow_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
