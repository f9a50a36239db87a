#include "base/test.h"

#include "base/failing_walk.h"
#include "base/json_text.h"

#include <stdlib.h>

static void test_reads_as_jansson(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        " [ ] ",
        "{\"a\":1}",
        "{\"a\" : [1, -2, 0, -0, true, false, null, \"x\"]}",
        "\"\\u00e9\\n\\/\\\"\\\\\"",
        "\"\\ud83d\\ude00\"",
        "\"\\u0000\"",
        "\"\xc3\xa9\"",
        "\"\xff\"",
        "\"a\tb\"",
        "01",
        "-",
        "1.",
        "1e",
        "1e5",
        "1.5e-3",
        "1e400",
        "123456789012345678",
        "1234567890123456789",
        "12345678901234567890",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\"}",
        "{a:1}",
        "tru",
        "nulll",
        "",
        " ",
        "\"open",
        "\"\\x\"",
        "[1 2]",
        "{} {}",
        "\"a\\",
        "\"\\u12\"",
        "{\"a very long key that does not fit into what is kept at hand, by far: sixty-four\":{\"b\":\"\\n\"}}",
        NULL};
    static const size_t flags[] = {0, JSON_DECODE_ANY, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES};
    for (size_t i = 0; texts[i] != NULL; i++)
        for (size_t f = 0; f < sizeof flags / sizeof flags[0]; f++) {
            json_error_t why = {0}, their_why = {0};
            json_t *mine = json_text_read(bytes_of(texts[i]), flags[f], &why);
            json_t *theirs = json_loadb(texts[i], strlen(texts[i]), flags[f], &their_why);
            if ((mine == NULL) != (theirs == NULL) || (mine != NULL && !json_equal(mine, theirs)))
                fail_msg("%s", texts[i]);
            assert_string_equal(why.text, their_why.text);
            json_decref(mine);
            json_decref(theirs);
        }
}

static void test_depth(void **state)
{
    (void)state;
    struct text deep = TEXT_INIT;
    for (int i = 0; i < 300; i++)
        text_char(&deep, '[');
    for (int i = 0; i < 300; i++)
        text_char(&deep, ']');
    json_t *v = json_text_read(text_bytes(&deep), 0, NULL); /* by jansson */
    struct text again = TEXT_INIT;
    assert_non_null(v);
    json_text_add(&again, v, 0, 0);
    assert_string_equal(text_string(&again), text_string(&deep));
    json_decref(v);
    text_deinit(&deep);
    text_deinit(&again);
}

static void check_written(const json_t *v, unsigned indent)
{
    struct text mine = TEXT_INIT;
    char *theirs = json_dumps(v, JSON_ENCODE_ANY | (indent == 0 ? JSON_COMPACT : JSON_INDENT(indent)));
    json_text_add(&mine, v, indent, 0);
    assert_true(text_ok(&mine));
    assert_string_equal(text_string(&mine), theirs);
    free(theirs);
    text_deinit(&mine);
}

static void test_writes_as_jansson(void **state)
{
    (void)state;
    json_t *v = json_pack("{s:[i,i,I,b,n,f,s], s:{}, s:[], s:{s:{s:s}}, s:I}", "list", 0, -7, (json_int_t)INT64_MIN, 1,
                          0.1, "quote \" back \\ line \n tab \t bell \x07 \xc3\xa9 / \x7f", "empty", "none", "deep",
                          "er", "est", "x", "most", (json_int_t)INT64_MAX);
    assert_non_null(v);
    for (unsigned indent = 0; indent < 5; indent++)
        check_written(v, indent);
    json_object_clear(v);
    check_written(v, 2);
    json_decref(v);
}

static void test_nothing(void **state)
{
    json_error_t why = {0};
    (void)state;
    assert_null(json_text_read(BYTES_NONE, JSON_DECODE_ANY, &why));
    assert_int_equal(json_error_code(&why), json_error_premature_end_of_input);
}

static void test_digits(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    json_t *v = json_real(0.1);
    json_text_add(&out, v, 0, 15);
    assert_string_equal(text_string(&out), "0.1");
    json_decref(v);
    text_clear(&out);
    json_t *o = json_pack("{s:i, s:s}", "b", 1, "a", "\u00e9");
    char *sorted = json_text_by(o, JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    assert_string_equal(sorted, "{\"a\": \"\\u00E9\", \"b\": 1}");
    free(sorted);
    json_decref(o);
    json_text_add(&out, NULL, 0, 0);
    assert_false(text_ok(&out));
    text_deinit(&out);
}

static int read_and_write(void)
{
    static const char text[] = "{\"a key that is too long for what is kept at hand, as it has more than 64 bytes\":1,"
                               "\"list\":[1.5,2,\"a\\nb\",true,null,{}],\"deep\":{\"er\":{\"est\":\"x\"}}}";
    json_error_t why = {0};
    struct text out = TEXT_INIT;
    json_t *v = json_text_read(bytes_of(text), 0, &why);
    if (v == NULL)
        return json_error_code(&why) == json_error_out_of_memory ? ERROR_MEMORY : ERROR_SYNTAX;
    json_text_add(&out, v, 2, 0);
    char *own = text_ok(&out) ? json_text_of(v, 2) : NULL;
    int code = own == NULL ? ERROR_MEMORY : strcmp(own, text_string(&out)) == 0 ? 0 : ERROR_INVALID;
    text_deinit(&out);
    free(own);
    json_decref(v);
    return code;
}

/* With one of these lengths the text grows at a key, which jansson would pass over. */
static size_t ahead;

static int write_sorted(void)
{
    static const char blanks[] = "                                                ";
    int code = 0;
    json_t *v = json_pack("{s:s#}", "!", blanks, (int)ahead);
    for (int i = 0; v != NULL && i < 30; i++) {
        char key[16];
        snprintf(key, sizeof key, "key %d", i);
        if (json_object_set_new(v, key, json_pack("[s, i]", "value", i)) != 0)
            code = ERROR_MEMORY;
    }
    char *own = code == 0 ? json_text_by(v, JSON_SORT_KEYS | JSON_INDENT(3)) : NULL;
    if (own == NULL)
        code = ERROR_MEMORY;
    else if (strlen(own) != 1344 + ahead)
        code = ERROR_INVALID;
    free(own);
    json_decref(v);
    return code;
}

static void test_memory(void **state)
{
    (void)state;
    json_set_alloc_funcs(malloc, free); /* jansson's own, as they are wrapped here */
    assert_in_range(failing_walk(read_and_write, FAILING_IS_TOLD), 20, 1000);
    for (ahead = 0; ahead < 48; ahead++)
        assert_in_range(failing_walk(write_sorted, FAILING_IS_TOLD), 20, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_as_jansson),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_writes_as_jansson),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
