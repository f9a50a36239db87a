#include "base/test.h"

#include "base/text.h"

#include <stdlib.h>

static void test_add_and_print(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    assert_string_equal(text_string(&t), "");
    text_puts(&t, "one");
    text_char(&t, ',');
    text_printf(&t, "%d %s", 2, "three");
    assert_string_equal(text_string(&t), "one,2 three");
    assert_int_equal(t.len, 11);
    text_printf(&t, "%*d", 500, 7); /* longer than what was reserved */
    assert_int_equal(t.len, 511);
    assert_int_equal(t.data[510], '7');
    assert_int_equal(t.data[511], '\0');
    text_truncate(&t, 3);
    text_truncate(&t, 100);
    assert_string_equal(text_string(&t), "one");
    text_clear(&t);
    assert_string_equal(text_string(&t), "");
    text_add(&t, "a\0b", 3);
    assert_true(bytes_equal(text_bytes(&t), BYTES("a\0b", 3)));
    text_deinit(&t);
}

static void test_consume_and_take(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    text_consume(&t, 5);
    text_puts(&t, "abcdef");
    text_consume(&t, 2);
    assert_string_equal(text_string(&t), "cdef");
    text_consume(&t, 99);
    assert_int_equal(t.len, 0);
    text_puts(&t, "x");
    char *taken = text_take(&t);
    assert_string_equal(taken, "x");
    assert_null(t.data);
    free(taken);
    taken = text_take(&t); /* of an empty text: still a string */
    assert_string_equal(taken, "");
    free(taken);
}

static void test_failure_is_sticky(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    text_puts(&t, "kept");
    assert_false(text_reserve(&t, SIZE_MAX - 2));
    text_puts(&t, "lost");
    assert_false(text_ok(&t));
    assert_string_equal(text_string(&t), "kept");
    assert_null(text_take(&t));
    assert_true(text_ok(&t)); /* empty again */
}

static void check(void (*escape)(struct text *, const char *, size_t), const char *in, size_t len, const char *expected)
{
    struct text t = TEXT_INIT;
    escape(&t, in, len);
    assert_string_equal(text_string(&t), expected);
    text_deinit(&t);
}

static void test_json(void **state)
{
    (void)state;
    check(text_json, "plain \xC3\xA9", 8, "plain \xC3\xA9");
    check(text_json, "\"\\\n\r\t\b\f\x01\0z", 10, "\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u0000z");
    check(text_json, "a\xFF\xE2\x82z", 5, "a\xEF\xBF\xBD\xEF\xBF\xBDz");
}

static void test_xml(void **state)
{
    (void)state;
    check(text_xml, "<a b='c'>&\"\n\t\r\x02\xFF", 16,
          "&lt;a b=&#39;c&#39;&gt;&amp;&quot;\n\t&#13;\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void test_printable(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    text_printable(&t, "a\n\t\r\\\x1b\xC3\xA9\xFF", 9, 100);
    assert_string_equal(text_string(&t), "a\\n\\t\\r\\\\\\x1b\xC3\xA9\\xff");
    text_clear(&t);
    text_printable(&t, "abcdef", 6, 3);
    assert_string_equal(text_string(&t), "abc...");
    text_clear(&t);
    text_printable(&t, "ab\xC3\xA9", 4, 3); /* no half characters */
    assert_string_equal(text_string(&t), "ab...");
    text_clear(&t);
    text_printable(&t, "\xE2\x80\xAE", 3, 10); /* right-to-left override */
    assert_string_equal(text_string(&t), "\\xe2\\x80\\xae");
    text_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_print),
        cmocka_unit_test(test_consume_and_take),
        cmocka_unit_test(test_failure_is_sticky),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_xml),
        cmocka_unit_test(test_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
