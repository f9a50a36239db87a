#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/wrap/internal.h"

#include <string.h>

static void test_good(void **state)
{
    static const struct {
        const char *url;
        enum wrap_kind kind;
        const char *address, *path;
        bool tls;
    } rows[] = {
        {"http://localhost:9090", WRAP_HTTP, "localhost:9090", "", false},
        {"http://localhost:9090/", WRAP_HTTP, "localhost:9090", "", false},
        {"http://localhost/a/b//", WRAP_HTTP, "localhost:80", "/a/b", false},
        {"https://example.com/x", WRAP_HTTP, "example.com:443", "/x", true},
        {"http://[::1]:8080/x", WRAP_HTTP, "[::1]:8080", "/x", false},
        {"http://[::1]", WRAP_HTTP, "[::1]:80", "", false},
        {"grpc://127.0.0.1:50051", WRAP_GRPC, "127.0.0.1:50051", NULL, false},
        {"grpc://127.0.0.1:50051/", WRAP_GRPC, "127.0.0.1:50051", NULL, false},
        {"grpc://host:1/helloworld.v1", WRAP_GRPC, "host:1", "helloworld.v1", false},
        {"file:///srv/www", WRAP_FILE, NULL, "/srv/www", false},
        {"file://site", WRAP_FILE, NULL, "site", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = ARENA_INIT;
        struct wrap_endpoint e;
        struct error err = ERROR_INIT;
        if (wrap_endpoint_parse(rows[i].url, &arena, &e, &err) != 0)
            fail_msg("%s: %s", rows[i].url, err.message);
        assert_int_equal(e.kind, rows[i].kind);
        assert_int_equal(e.tls, rows[i].tls);
        assert_true(rows[i].address ? e.address && strcmp(e.address, rows[i].address) == 0 : !e.address);
        assert_true(rows[i].path ? e.path && strcmp(e.path, rows[i].path) == 0 : !e.path);
        arena_deinit(&arena);
    }
}

static void test_command(void **state)
{
    struct arena arena = ARENA_INIT;
    struct wrap_endpoint e;
    (void)state;
    assert_int_equal(wrap_endpoint_parse("exec://./run.sh -n \"a b\"", &arena, &e, NULL), 0);
    assert_int_equal(e.kind, WRAP_EXEC);
    assert_string_equal(e.argv[0], "./run.sh");
    assert_string_equal(e.argv[1], "-n");
    assert_string_equal(e.argv[2], "a b");
    assert_null(e.argv[3]);
    arena_deinit(&arena);
}

static void test_bad(void **state)
{
    static const char *const rows[] = {
        "",
        "localhost:9090",
        "ftp://x",
        "http://",
        "http://:80",
        "http://h:",
        "http://h:x",
        "http://h:0",
        "http://h:70000",
        "http://a@h:80",
        "http://a:b",
        "http://h:80/?q",
        "http://h:80/ a",
        "http://h:80/\xc3",
        "grpc://h",
        "grpc://h:1/a/b",
        "grpc://h:1/1a",
        "grpc://h:1/a.",
        "grpc://h:1/a..b",
        "file://",
        "exec://",
        "exec://   ",
        "exec://\"open",
        "exec://\"\" a",
        "http://a:1:2",
        "http://h:80999999999999999999999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = ARENA_INIT;
        struct wrap_endpoint e;
        struct error err = ERROR_INIT;
        if (wrap_endpoint_parse(rows[i], &arena, &e, &err) != ERROR_INVALID)
            fail_msg("\"%s\" is not refused", rows[i]);
        assert_true(err.message && err.message[0]);
        error_clear(&err);
        arena_deinit(&arena);
    }
}

static void test_names(void **state)
{
    static const char *const good[] = {"a", "a/b.c", "..a", "a..b/c", ".hidden", "a b", "\xc3\xa4"};
    static const char *const bad[] = {"",     "/a", "a/",  "..",   "a/..", "../a",  "a/../b",
                                      "a//b", ".",  "./a", "a\\b", "a\nb", "a/./b", "\x7f"};
    char deep[200] = "";
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (wrap_file_name(good[i]) != 0)
            fail_msg("\"%s\" is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (wrap_file_name(bad[i]) != ERROR_INVALID)
            fail_msg("\"%s\" is not refused", bad[i]);
    for (int i = 1; i < WRAP_PARTS_MAX; i++)
        strcat(deep, "a/");
    strcat(deep, "a");
    assert_int_equal(wrap_file_name(deep), 0);
    strcat(deep, "/a");
    assert_int_equal(wrap_file_name(deep), ERROR_LIMIT);
    char longest[WRAP_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[WRAP_NAME_MAX] = '\0';
    assert_int_equal(wrap_file_name(longest), 0);
    longest[WRAP_NAME_MAX] = 'a';
    longest[WRAP_NAME_MAX + 1] = '\0';
    assert_int_equal(wrap_file_name(longest), ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
