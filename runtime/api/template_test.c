#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "runtime/api/template.h"

#include <string.h>

static void test_table(void **state)
{
    static const struct {
        const char *template, *path, *values; /* values NULL: no match */
    } rows[] = {
        {"/users", "/users", ""},
        {"/users", "/users/", NULL},
        {"/users", "/Users", NULL},
        {"/v1/users/{id}", "/v1/users/7", "id=7;"},
        {"/v1/users/{id}", "/v1/users/", NULL},
        {"/v1/users/{id}", "/v1/users/7/x", NULL},
        {"/v1/users/{id}", "/v1/users/a%2Fb", "id=a/b;"},
        {"/v1/users/{id}", "/v1/users/a%20b", "id=a b;"},
        {"/v1/users/{user.id}/books/{book}", "/v1/users/1/books/2", "user.id=1;book=2;"},
        {"/v1/*/x", "/v1/anything/x", ""},
        {"/v1/**", "/v1/a/b/c", ""},
        {"/v1/**", "/v1", ""},
        {"/v1/**", "/v2/a", NULL},
        {"/v1/{name=messages/*}", "/v1/messages/5", "name=messages/5;"},
        {"/v1/{name=messages/*}", "/v1/letters/5", NULL},
        {"/v1/{path=files/**}", "/v1/files/a/b/c", "path=files/a/b/c;"},
        {"/v1/users/{id}:activate", "/v1/users/7:activate", "id=7;"},
        {"/v1/users/{id}:activate", "/v1/users/7", NULL},
        {"/v1/users/{id}:activate", "/v1/users/:activate", NULL},
        {"/v1/users:search", "/v1/users:search", ""},
        {"^/v1/users/[0-9]+$", "/v1/users/77", ""},
        {"^/v1/users/[0-9]+$", "/v1/users/x", NULL},
        {"^/v1/(a|b){1,3}$", "/v1/aba", ""},
        {"^/a b$", "/a%20b", ""},
        {"^/[]+{1(]+[[:digit:]+]$", "/]+{1(7", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct template *t = NULL;
        struct error err = ERROR_INIT;
        struct arena arena = ARENA_INIT;
        struct template_path path;
        struct template_value values[TEMPLATE_VARIABLES_MAX];
        struct text got = TEXT_INIT;
        size_t count = 0;
        if (template_new(rows[i].template, &t, &err) != 0)
            fail_msg("row %zu: %s", i, err.message);
        assert_int_equal(template_path_init(&path, rows[i].path, strlen(rows[i].path), &arena), 0);
        bool matched = template_match(t, &path, &arena, values, &count);
        for (size_t k = 0; k < count; k++)
            text_printf(&got, "%s=%s;", values[k].name, values[k].value);
        if (matched != (rows[i].values != NULL) || (matched && strcmp(text_string(&got), rows[i].values) != 0))
            fail_msg("row %zu: %s for %s: %s \"%s\"", i, rows[i].template, rows[i].path, matched ? "matched" : "not",
                     text_string(&got));
        text_deinit(&got);
        arena_deinit(&arena);
        template_free(t);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *template, *words;
    } rows[] = {
        {"users", "is no path"},
        {"/v1/{id", "expected \"}\""},
        {"/v1/{}", "variable's name"},
        {"/v1/{a{b}}", "expected \"}\""},
        {"/v1/**/x", "nothing may follow"},
        {"/v1/{a=**}/x", "nothing may follow"},
        {"/v1//{x}", "expected a segment"},
        {"/v1/{x}:", "expected a verb"},
        {"/v1/{x}?a", "character 8"},
        {"^/(a$", "nmatched"},
        {"^/a++$", "repetition of a repetition"},
        {"^/a{2}{2}$", "repetition of a repetition"},
        {"^/(((((a+)+)+)+)+)$", "deep"},
        {"^/[a$", "without its end"},
        {"^/a{2$", "without its end"},
        {"^/(a)\\1$", "back-references"},
        {"^/((a{100}){100}){100}$", "more than 256 repetitions"},
        {"^/a{99999999999999999999}$", "more than 256 repetitions"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct template *t = NULL;
        struct error err = ERROR_INIT;
        assert_true(template_new(rows[i].template, &t, &err) < 0);
        if (!strstr(err.message, rows[i].words))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.message, rows[i].words);
        error_clear(&err);
    }
    char longest[TEMPLATE_LENGTH_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    struct template *t = NULL;
    assert_int_equal(template_new(longest, &t, NULL), ERROR_LIMIT);
    struct arena arena = ARENA_INIT;
    struct template_path path;
    assert_int_equal(template_path_init(&path, "/%zz", 4, &arena), ERROR_SYNTAX);
    assert_int_equal(template_path_init(&path, "/%00", 4, &arena), ERROR_SYNTAX);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
