#include "base/yaml_quoted.h"

#include "base/document.h"
#include "base/failing_walk.h"

#include <stdlib.h>

/* The text is behind the document's only quote; `len`: there are NUL bytes in it. */
struct row {
    const char *yaml, *text;
    size_t len;
};

static void holds(const struct row *row, const char *text, size_t len)
{
    size_t expected = row->len > 0 ? row->len : strlen(row->text);
    if (len != expected || memcmp(text, row->text, len) != 0)
        print_error("for %s: %.*s\n", row->yaml, (int)len, text);
    assert_int_equal(len, expected);
    assert_memory_equal(text, row->text, len);
}

/* As a document, in a list and a map, and as a key: what a user gets. */
static void reads(const struct row *row)
{
    static const char *const around[][2] = {{"", ""}, {"k: ", "\n"}, {"[", ", 1]"}, {"? ", "\n: v\n"}};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        struct text yaml = TEXT_INIT;
        struct error e = ERROR_INIT;
        struct document *d = NULL;
        if (i == 3 && row->len > 0)
            continue; /* a key holds no NUL */
        text_printf(&yaml, "%s%s%s", around[i][0], row->yaml, around[i][1]);
        if (document_parse_yaml(text_bytes(&yaml), "f", &d, &e) != 0)
            print_error("%s: %d:%d: %s\n", text_string(&yaml), e.line, e.column, e.message);
        assert_non_null(d);
        const struct node *n = document_root(d);
        if (i == 1)
            n = &n->map.pairs[0].value;
        if (i == 2)
            n = &n->list.items[0];
        if (i == 3) {
            holds(row, n->map.pairs[0].key, strlen(n->map.pairs[0].key));
        } else {
            assert_int_equal(n->kind, NODE_TEXT);
            holds(row, (const char *)n->text.data, n->text.len);
        }
        document_free(d);
        text_deinit(&yaml);
    }
}

static void test_single(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"''", "", 0},
        {"''''", "'", 0},
        {"''''''", "''", 0},
        {"'a '' b'", "a ' b", 0},
        {"'a '''' b'", "a '' b", 0},
        {"'''''x'''''", "''x''", 0},
        {"'''''\xC3\xA9'", "''\xC3\xA9", 0},
        {"'\\n \" # : '", "\\n \" # : ", 0},
        /* folding: 7.3.2 and 6.5 */
        {"' 1st\n\n 2nd \n \t3rd '", " 1st\n2nd 3rd ", 0},
        {"'a\n ''''b'''''", "a ''b''", 0},
        {"'a ''\r\n '", "a ' ", 0},
        {"'\r\n  '", " ", 0},
        {"'a  \n\n\n  \n b'", "a\n\n\nb", 0},
        {"' \n a'", " a", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        reads(&rows[i]);
}

/* The table of 5.7, and escaped line ends (7.3.1, 6.5). */
static void test_double(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"\"\"", "", 0},
        {"\"\\0\"", "\0", 1},
        {"\"a\\0b\"", "a\0b", 3},
        {"\"\\a\\b\\t\\\t\\n\\v\\f\\r\\e\"", "\a\b\t\t\n\v\f\r\x1B", 0},
        {"\"\\ \\\"\\/\\\\\"", " \"/\\", 0},
        {"\"\\N\\_\\L\\P\"", "\xC2\x85\xC2\xA0\xE2\x80\xA8\xE2\x80\xA9", 0},
        {"\"\\x41\\xe9\\xFf\"", "A\xC3\xA9\xC3\xBF", 0},
        {"\"\\u0041\\u00E9\\u20ac\"", "A\xC3\xA9\xE2\x82\xAC", 0},
        {"\"\\U00000041\\U0001F600\\U0010ffff\"", "A\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF", 0},
        {"\"it''s '\"", "it''s '", 0},
        {"\"folded \n to a space,\t\n \n to a line feed, or \t\\\n \\ \tnon-content\"",
         "folded to a space,\nto a line feed, or \t \tnon-content", 0},
        {"\"a\\\n \n \n  \\a\"", "a\n\n\a", 0},
        {"\"\\u20ac\\\n   \n \n   \xC3\xA9\"", "\xE2\x82\xAC\n\n\xC3\xA9", 0},
        {"\"a\\\r\n  b\"", "ab", 0},
        {"\"a\\t \n b\"", "a\t b", 0},
        {"\"a\\  \n b\"", "a  b", 0},
        {"\"\n \\ \n  \"", "   ", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        reads(&rows[i]);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } rows[] = {
        {"a: \"\\ud83d\"", "double-quoted scalar has invalid UTF8 escape"},
        {"a: \"\\q\"", NULL},
        {"a: \"\\u12\"", NULL},
        {"a: \"x", NULL},
        {"a: 'x''", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct document *d = NULL;
        struct error e = ERROR_INIT;
        assert_int_equal(document_parse_yaml(bytes_of(rows[i].yaml), "f", &d, &e), ERROR_SYNTAX);
        assert_int_equal(e.line, 1);
        assert_true(e.column >= 4);
        if (rows[i].message)
            assert_string_equal(e.message, rows[i].message);
        error_clear(&e);
    }
}

/* By itself, without a parser that refused it before. */
static void test_no_end(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",     "a",       "'",     "'a",       "'a''",        "\"",           "\"a",   "\"\\\"",
        "\"\\", "\"\\q\"", "\"\\x", "\"\\x4\"", "\"\\u004g\"", "\"\\U0000004", "\"a\n", "\"a\\\n"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text out = TEXT_INIT;
        assert_int_equal(yaml_quoted(bytes_of(rows[i]), 0, &out), 0);
        text_deinit(&out);
    }
    struct text out = TEXT_INIT;
    assert_int_equal(yaml_quoted(bytes_of("- 'a' b"), 2, &out), 4);
    assert_string_equal(text_string(&out), "a");
    assert_int_equal(yaml_quoted(bytes_of("\"\\uD800\\U00110000\""), 0, &out), 17);
    assert_string_equal(text_string(&out), "a\xFF\xFF");
    text_deinit(&out);
}

static int read_some(void)
{
    struct document *d = NULL;
    int code = document_parse_yaml(bytes_of("'k''''': ['a '''' b', \"x\\u20ac\\\n y\"]\n"), "f", &d, NULL);
    if (code)
        return code;
    const struct node_pair *p = &document_root(d)->map.pairs[0];
    assert_string_equal(p->key, "k''");
    assert_string_equal((const char *)p->value.list.items[0].text.data, "a '' b");
    assert_string_equal((const char *)p->value.list.items[1].text.data, "x\xE2\x82\xACy");
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
        cmocka_unit_test(test_single), cmocka_unit_test(test_double),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_end), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
