#include "base/yaml_block.h"

#include "base/document.h"
#include "base/failing_walk.h"

#include <stdlib.h>

/* As a document that is only the block, without what libfyaml would refuse before. */
static void test_texts(void **state)
{
    static const struct {
        const char *yaml;
        int parent;
        const char *text, *rest;
    } rows[] = {
        {"|", 0, "", ""},
        {"|\n", 0, "", ""},
        {"|\nb", 0, "", "b"},
        {"| \t# c\n x", 0, "x", ""},
        {"|\n x", 0, "x", ""},
        {"|\n x\n", 0, "x\n", ""},
        {"|-\n x\n\n", 0, "x", ""},
        {"|+\n x\n\n", 0, "x\n\n", ""},
        {"|+\n x\n \n\nb", 0, "x\n\n\n", "b"},
        {"|\n x\n  \n", 0, "x\n \n", ""},
        {"|\n x\n  ", 0, "x\n ", ""},
        {"|\n\n  x\n y", 0, "\nx\n", " y"},
        {"|\n  \n\n", 0, "", ""},
        {"|+\n  \n\n", 0, "\n\n", ""},
        {"|2+\n   x\n\n y", 0, " x\n\n", " y"},
        {"|+2\n   x\n", 0, " x\n", ""},
        {"|1\n   x\n", 2, "x\n", ""},
        {"|1\n  x\n", -1, " x\n", ""},
        {"|\nx\n--- y\n", -1, "x\n", "--- y\n"},
        {"|\nx\n...", -1, "x\n", "..."},
        {"|\nx\n---y\n--", -1, "x\n---y\n--", ""},
        {"|\r\n x\r\n\ty\r z\n", 0, "x\n", "\ty\r z\n"},
        {"|\r\n x\r\n  y\r z", 0, "x\n y\nz", ""},
        /* folded: 6.5 and 8.1.3 */
        {">\n x\n y\n", 0, "x y\n", ""},
        {">\n x\n\n y", 0, "x\ny", ""},
        {">\n x\n\n\n y\n", 0, "x\n\ny\n", ""},
        {">\n\n x\n y\n", 0, "\nx y\n", ""},
        {">\n x\n  y\n z\n", 0, "x\n y\nz\n", ""},
        {">\n x\n \n  y\n z\n", 0, "x\n\n y\nz\n", ""},
        {">\n x\n  \n y\n", 0, "x\n \ny\n", ""},
        {">\n x\n  \n", 0, "x\n \n", ""},
        {">\n x\n\ty\n", 0, "x\n", "\ty\n"},
        {">\n x\n \ty\n z\n", 0, "x\n\ty\nz\n", ""},
        {">+\n x\n \n\n", 0, "x\n\n\n", ""},
        {">-\n x\n y\n\n", 0, "x y", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text out = TEXT_INIT;
        size_t end = yaml_block(bytes_of(rows[i].yaml), 0, rows[i].parent, &out);
        if (strcmp(rows[i].yaml + end, rows[i].rest) != 0 || strcmp(text_string(&out), rows[i].text) != 0)
            fail_msg("%zu: %s: %zu \"%s\"", i, rows[i].yaml, end, text_string(&out));
        text_deinit(&out);
    }
}

static void test_no_block(void **state)
{
    static const char *const rows[] = {"", "x", "'|", "|x", "|12\n x", "|--\n x", "|0\n x", "|#\n x", ">-1+\n x"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text out = TEXT_INIT;
        assert_int_equal(yaml_block(bytes_of(rows[i]), 0, 0, &out), 0);
        assert_int_equal(yaml_block(bytes_of(rows[i]), 99, 0, &out), 0);
        text_deinit(&out);
    }
}

/* Where the block begins, and how deep it is in, by libfyaml's places: what a user gets, as JSON. */
static void test_documents(void **state)
{
    static const struct {
        const char *yaml, *json;
    } rows[] = {
        {"|\n  x", "\"x\""},
        {"--- >-\n  x\n  y\n...\n", "\"x y\""},
        {"!!str |1\n  x\n", "\" x\\n\""},
        {"a: |\n  x\n   y\n\n\n", "{\"a\":\"x\\n y\\n\"}"},
        {"a: |2- # | c\n   x\n", "{\"a\":\" x\"}"},
        {"a: |\n", "{\"a\":\"\"}"},
        {"a: |", "{\"a\":\"\"}"},
        {"a: |\n   \n", "{\"a\":\"\"}"},
        {"a: |2\n   \n\n", "{\"a\":\" \\n\"}"},
        {"a: |\n  x '''' \"\\n\"\n", "{\"a\":\"x '''' \\\"\\\\n\\\"\\n\"}"},
        {"a: >\n  x\n  \n   y\n  z\n", "{\"a\":\"x\\n\\n y\\nz\\n\"}"},
        {"a: >\n  x\n   \n", "{\"a\":\"x\\n \\n\"}"},
        {"\"a | b\": |+\n  x\n\n", "{\"a | b\":\"x\\n\\n\"}"},
        {"a|b>: >\n  x\n  y", "{\"a|b>\":\"x y\"}"},
        {"'a >': !!str |\n  x", "{\"a >\":\"x\"}"},
        {"? |\n  a\n: >-\n  b\n", "{\"a\\n\":\"b\"}"},
        {"- |2\n   x\n- >1-\n  x\n  y\n", "[\" x\\n\",\" x\\n y\"]"},
        {"- - |1\n    x\n  - a: |1\n      x\n", "[[\" x\\n\",{\"a\":\" x\\n\"}]]"},
        {"a:\n- |1\n x\n- y\n", "{\"a\":[\"x\\n\",\"y\"]}"},
        {"a:\n  b: |\n    x\n  c: |-\n    y\n# z\nd: 1\n", "{\"a\":{\"b\":\"x\\n\",\"c\":\"y\"},\"d\":1}"},
        {"\xC3\xA9: |\r\n x\r\n  y\r\n", "{\"\xC3\xA9\":\"x\\n y\\n\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct document *d = NULL;
        struct error e = ERROR_INIT;
        if (document_parse_yaml(bytes_of(rows[i].yaml), "f", &d, &e) != 0)
            fail_msg("%s: %d:%d: %s", rows[i].yaml, e.line, e.column, e.message);
        json_t *json = node_to_json(document_root(d));
        char *dumped = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        assert_string_equal(dumped, rows[i].json);
        free(dumped);
        json_decref(json);
        document_free(d);
    }
}

/* libfyaml 0.7.12 takes the key behind an empty block that is further in for its text. */
static void test_refused(void **state)
{
    struct document *d = NULL;
    struct error e = ERROR_INIT;
    (void)state;
    assert_int_equal(document_parse_yaml(bytes_of("m:\n  a: |\n  b: |\n    x\n"), "f", &d, &e), ERROR_SYNTAX);
    assert_string_equal(e.message, "where this text ends is not clear; use double quotes");
    assert_int_equal(e.line, 3);
    error_clear(&e);
}

static int read_some(void)
{
    struct document *d = NULL;
    int code = document_parse_yaml(bytes_of("k: |\n  x\n  y\nl:\n  - >\n    x\n    y"), "f", &d, NULL);
    if (code)
        return code;
    assert_string_equal((const char *)node_get(document_root(d), "k")->text.data, "x\ny\n");
    assert_string_equal((const char *)node_get(document_root(d), "l")->list.items[0].text.data, "x y");
    document_free(d);
    return 0;
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(read_some, FAILING_IS_TOLD) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),   cmocka_unit_test(test_no_block),  cmocka_unit_test(test_documents),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
