#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/api/path.h"

#include <stdio.h>
#include <string.h>

static void test_table(void **state)
{
    static const struct {
        const char *path, *service, *endpoint, *grpc;
    } rows[] = {
        {"/foo", "foo", "Foo.Call", "/foo.Foo/Call"},
        {"/foo/bar", "foo", "Foo.Bar", "/foo.Foo/Bar"},
        {"/foo/bar/baz", "foo", "Bar.Baz", "/foo.Bar/Baz"},
        {"/a/b/c/d", "a.b", "C.D", "/a.b.C/D"},
        {"/v1/foo/bar", "v1.foo", "Foo.Bar", "/v1.foo.Foo/Bar"},
        {"/v1/foo/bar/baz", "v1.foo", "Bar.Baz", "/v1.foo.Bar/Baz"},
        {"/v1/foo/bar/baz/cat", "v1.foo.bar", "Baz.Cat", "/v1.foo.bar.Baz/Cat"},
        {"/v1/foo", "v1", "V1.Foo", "/v1.V1/Foo"},
        {"/v12/foo/bar", "v12.foo", "Foo.Bar", "/v12.foo.Foo/Bar"},
        {"/vx/foo/bar", "vx", "Foo.Bar", "/vx.Foo/Bar"},
        {"/foo/bar/baz-xyz", "foo", "Bar.BazXyz", "/foo.Bar/BazXyz"},
        {"/foo/fooBar/bazCat", "foo", "FooBar.BazCat", "/foo.FooBar/BazCat"},
        {"/foo-bar/baz-qux", "foo-bar", "FooBar.BazQux", "/foo-bar.FooBar/BazQux"},
        {"//foo///bar//", "foo", "Foo.Bar", "/foo.Foo/Bar"},
        {"/./foo/../baz/bar", "baz", "Baz.Bar", "/baz.Baz/Bar"},
        {"/../../foo", "foo", "Foo.Call", "/foo.Foo/Call"},
        {"/a.b/c", "a.b", "B.C", "/a.b.B/C"},
        {"/Foo/Bar", "Foo", "Foo.Bar", "/Foo.Foo/Bar"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct api_target target;
        struct error err = ERROR_INIT;
        char grpc[API_GRPC_MAX];
        if (api_path_parse(rows[i].path, &target, &err) < 0)
            fail_msg("%s: %s", rows[i].path, err.message);
        api_path_grpc(&target, grpc);
        assert_string_equal(target.service, rows[i].service);
        assert_string_equal(target.endpoint, rows[i].endpoint);
        assert_string_equal(grpc, rows[i].grpc);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *path, *words;
        int code;
    } rows[] = {
        {"/", "names no service", ERROR_NOT_FOUND},
        {"/..", "names no service", ERROR_NOT_FOUND},
        {"/foo bar", "character 5", ERROR_INVALID},
        {"/foo/b\xc3\xa4r", "character 7", ERROR_INVALID},
        {"/-foo", "character 2", ERROR_INVALID},
        {"/foo/1bar", "no endpoint", ERROR_INVALID},
        {"/foo/bar.", "no endpoint", ERROR_INVALID},
        {"/foo./bar", "ends in a dot", ERROR_INVALID},
        {"/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", "more than 32 parts", ERROR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct api_target target;
        struct error err = ERROR_INIT;
        assert_int_equal(api_path_parse(rows[i].path, &target, &err), rows[i].code);
        if (!strstr(err.message, rows[i].words))
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].path, err.message, rows[i].words);
        error_clear(&err);
    }
}

/* The rule of the web handler: the service alone. */
static void test_web(void **state)
{
    static const struct {
        const char *path, *service; /* NULL: refused */
    } rows[] = {
        {"/foo", "foo"},       {"/foo/a/b/c.html", "foo"},
        {"/v1/foo", "v1.foo"}, {"/v1/foo/x", "v1.foo"},
        {"/v1", "v1"},         {"/foo-bar/x y", "foo-bar"},
        {"//foo//x", "foo"},   {"/", NULL},
        {"/-foo", NULL},       {"/foo-", NULL},
        {"/a--b", NULL},       {"/foo.bar", NULL},
        {"/v1/foo.bar", NULL}, {"/../foo", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct api_target target;
        int rc = api_path_web(rows[i].path, &target, NULL);
        if ((rc == 0) != (rows[i].service != NULL) || (rc == 0 && strcmp(target.service, rows[i].service) != 0))
            fail_msg("%s: %d, \"%s\"", rows[i].path, rc, target.service);
    }
}

static void test_too_long(void **state)
{
    char path[API_GRPC_MAX];
    struct api_target target;
    struct error err = ERROR_INIT;
    (void)state;
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[API_NAME_MAX - 4] = '\0'; /* with ".Call" behind it, one character fits no more */
    assert_int_equal(api_path_parse(path, &target, NULL), ERROR_INVALID);
    path[API_NAME_MAX - 5] = '\0';
    assert_int_equal(api_path_parse(path, &target, &err), 0);
    assert_int_equal(strlen(target.endpoint), API_NAME_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_web),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
