#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "runtime/web/form.h"

#include <string.h>

static void test_cookies(void **state)
{
    static const struct {
        const char *cookies, *value;
    } rows[] = {
        {NULL, NULL},
        {"", NULL},
        {"a=1; micro-token=abc.d-e_f~; b=2", "abc.d-e_f~"},
        {"micro-token=x", "x"},
        {";; micro-token=x", "x"},
        {"xmicro-token=x", NULL},
        {"micro-token=", NULL},
        {"micro-token=a b", NULL},
        {"micro-token=\"a\"", NULL},
        {"micro-token=a\xc3", NULL},
        {"micro-token=bad value; micro-token=good", "good"},
        {"micro-token=0123456789012345678901234567890123456789", NULL}, /* longer than is asked for */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = ARENA_INIT;
        const char *got = web_cookie(rows[i].cookies, "micro-token", 32, &arena);
        if (rows[i].value ? !got || strcmp(got, rows[i].value) != 0 : got != NULL)
            fail_msg("row %zu: %s", i, got ? got : "none");
        arena_deinit(&arena);
    }
}

static void test_paths(void **state)
{
    static const struct {
        const char *path;
        int count;
        const char *last;
    } rows[] = {
        {"/", 0, NULL},         {"/a", 1, "a"},        {"/a/b/c", 3, "c"},        {"/a/b/", 2, "b"}, {"//a//b", 2, "b"},
        {"/a/b/c/d", -1, NULL}, {"/../a", -1, NULL},   {"/a/..", -1, NULL},       {"/.a", -1, NULL}, {"/a b", -1, NULL},
        {"/a<b", -1, NULL},     {"/v1.foo/x", 2, "x"}, {"/a/\xc3\xa4", -1, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = ARENA_INIT;
        const char *parts[3];
        int count = web_path_parts(rows[i].path, parts, 3, &arena);
        if (count != rows[i].count || (rows[i].last && strcmp(parts[count - 1], rows[i].last) != 0))
            fail_msg("%s: %d", rows[i].path, count);
        arena_deinit(&arena);
    }
}

static void form(const char *body, int rc, bool bad, const char *fields, const char *json, const char *csrf)
{
    struct web_form f;
    int got = web_form_read(bytes_of(body), &f);
    if (got != rc)
        fail_msg("%s: %d", body, got);
    if (rc == 0) {
        assert_int_equal(f.bad, bad);
        assert_string_equal(text_string(&f.fields), fields);
        assert_string_equal(text_string(&f.json), json);
        assert_string_equal(text_string(&f.csrf), csrf);
    }
    web_form_deinit(&f);
}

static void test_forms(void **state)
{
    struct text many = TEXT_INIT;
    (void)state;
    form("", 0, false, "", "", "");
    form("csrf=abc&f%3Aname=Joe+Doe&f%3Auser.age=5", 0, false, "name=Joe%20Doe&user.age=5", "", "abc");
    form("f:a=&f:b=x%26y%3D1", 0, false, "b=x%26y%3D1", "", "");
    form("l:tags=a%0D%0Ab%0A%0Ac", 0, false, "tags=a&tags=b&tags=c", "", "");
    form("m:labels=k%3Dv%0Aq%3Da%3Db", 0, false, "labels.k=v&labels.q=a%3Db", "", "");
    form("m:labels=novalue", 0, true, "", "", "");
    form("m:labels=%3Dx", 0, true, "", "", "");
    form("json=%7B%22a%22%3A1%7D&other=1", 0, false, "", "{\"a\":1}", "");
    form("&&f:a=1&&", 0, false, "a=1", "", "");
    form("f:a=%zz", ERROR_SYNTAX, false, "", "", "");
    form("f:a=%00", ERROR_SYNTAX, false, "", "", "");
    for (int i = 0; i <= WEB_PAIRS_MAX; i++)
        text_puts(&many, "a=1&");
    form(text_string(&many), ERROR_LIMIT, false, "", "", "");
    text_deinit(&many);
}

/* Every allocation failing in turn. */
static void test_memory(void **state)
{
    static const char body[] = "csrf=a&json=%7B%7D&f:a=b&l:c=d%0Ae&m:f=g%3Dh";
    (void)state;
    for (size_t n = 1;; n++) {
        struct arena arena = ARENA_INIT;
        struct web_form f;
        const char *parts[3];
        failing_arm(n);
        int rc = web_form_read(bytes_of(body), &f);
        int count = web_path_parts("/a/b", parts, 3, &arena);
        const char *cookie = web_cookie("a=b", "a", 9, &arena);
        bool hit = failing_hit();
        failing_disarm();
        assert_true(rc == 0 || (hit && rc == ERROR_MEMORY));
        assert_true(count == 2 || (hit && count == -1));
        assert_true(cookie || hit);
        assert_true(rc != 0 || strcmp(text_string(&f.fields), "a=b&c=d&c=e&f.g=h") == 0);
        web_form_deinit(&f);
        arena_deinit(&arena);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cookies), cmocka_unit_test(test_paths),
                                       cmocka_unit_test(test_forms), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
