#include "base/test.h"

#include "e2e/internal.h"

static void finds(void **state)
{
    (void)state;
    json_t *root =
        json_loads("{\"a\":{\"b-c\":[10,{\"d\":\"x\"},null]},\"\\u00e9\":1,\"a b\":{\"]\":2},\"*\":3}", 0, NULL);
    static const struct {
        const char *path, *found; /* NULL: nothing there */
    } table[] = {
        {"$.a.b-c[0]", "10"}, {"$.a.b-c[1].d", "\"x\""}, {"$.a.b-c[-2].d", "\"x\""},   {"$.a.b-c[2]", "null"},
        {"$.a.b-c[3]", NULL}, {"$.a.b-c[-4]", NULL},     {"$.a.b-c[-3]", "10"},        {"$['a'][\"b-c\"][0]", "10"},
        {"$.\xc3\xa9", "1"},  {"$['a b'][']']", "2"},    {"$.x.y[0].z", NULL},         {"$.a[0]", NULL},
        {"$.a.b-c.d", NULL},  {"$['*']", "3"},           {"$.a.b-c[999999999]", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int code;
        const json_t *v = json_path(root, table[i].path, &code);
        char *text = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        assert_int_equal(code, 0);
        if (table[i].found == NULL)
            assert_null(text);
        else
            assert_string_equal(text, table[i].found);
        free(text);
    }
    int code;
    assert_ptr_equal(json_path(root, "$", &code), root);
    assert_int_equal(code, 0);
    json_decref(root);
}

static void refuses(void **state)
{
    static const char *const table[] = {
        "",      "a",      "$a",    "$.",     "$..a",    "$.a.",    "$[",
        "$[]",   "$[a]",   "$['a'", "$['a]",  "$['']",   "$.*",     "$[*]",
        "$[1",   "$[-]",   "$[+1]", "$[ 1]",  "$[1 ]",   "$.a b",   "$ .a",
        "$[0]x", "$[0:1]", "$[?a]", "$[1,2]", "$['a'x]", "$.a[\"]", "$[12345678901]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (json_path_valid(table[i]))
            fail_msg("\"%s\" was taken for a path", table[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
