/* Answers as values: what JSON of them holds that is out of the ordinary. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "base/json_text.h"
#include "e2e/internal.h"

#include <stdlib.h>

static void reads(const char *body, const char *expected)
{
    struct text shown = TEXT_INIT;
    json_t *value = value_of_body(bytes_of(body));
    assert_non_null(value);
    json_text_add(&shown, value, 0, 0);
    assert_string_equal(text_string(&shown), expected);
    text_deinit(&shown);
    json_decref(value);
}

static void large_integers(void **state)
{
    (void)state;
    reads("{\"a\": 7, \"big\": 9223372036854775808, \"b\": [-1, 9223372036854775807]}",
          "{\"a\":7,\"big\":9.2233720368547758e18,\"b\":[-1,9223372036854775807]}");
    reads("[-9223372036854775808, -9223372036854775809, 5]", "[-9223372036854775808,-9.2233720368547758e18,5]");
    reads("123456789012345678901234567890", "1.2345678901234568e29");
    /* in texts they are texts, behind whatever quotes; real numbers stay as they are */
    reads("{\"n \\\" 99999999999999999999\": \"\\\\99999999999999999999\", \"r\": 99999999999999999999.5e-3, "
          "\"i\": 99999999999999999999}",
          "{\"n \\\" 99999999999999999999\":\"\\\\99999999999999999999\",\"r\":1e17,\"i\":1e20}");
    /* no JSON */
    json_t *nothing = value_of_body(BYTES_NONE);
    assert_string_equal(json_string_value(nothing), "");
    json_decref(nothing);
    reads("99999999999999999999 bottles", "\"99999999999999999999 bottles\"");
    reads("[99999999999999999999, 1", "\"[99999999999999999999, 1\"");
    reads("[99999999999999999999, \"\\", "\"[99999999999999999999, \\\"\\\\\"");
    reads("[1e999, 99999999999999999999]", "\"[1e999, 99999999999999999999]\"");
}

static void zero_characters(void **state)
{
    json_t *text = value_of_body(bytes_of("\"a\\u0000b\""));
    (void)state;
    assert_int_equal(json_string_length(text), 3);
    assert_memory_equal(json_string_value(text), "a\0b", 3);
    assert_true(value_has_zero(text));
    json_t *shorter = json_stringn("a\0", 2), *plain = json_string("a"), *other = json_stringn("a\0c", 3);
    assert_true(value_text_order(shorter, text) < 0);
    assert_true(value_text_order(text, plain) > 0);
    assert_true(value_text_order(text, other) < 0);
    assert_int_equal(value_text_order(text, text), 0);
    assert_false(value_has_zero(plain));
    json_decref(text);
    json_decref(shorter);
    json_decref(plain);
    json_decref(other);
    reads("{\"t\":\"a\\u0000b\",\"big\":99999999999999999999,\"n\":1}", "{\"t\":\"a\\u0000b\",\"big\":1e20,\"n\":1}");
    reads("{\"a\\u0000\":1}", "\"{\\\"a\\\\u0000\\\":1}\""); /* no name can hold it: a text */
}

static int read_again(void)
{
    bool memory;
    json_t *value = value_read_json(bytes_of("[\"a\", 1, 99999999999999999999]"), &memory);
    bool right = json_integer_value(json_array_get(value, 1)) == 1;
    json_decref(value);
    return memory ? ERROR_MEMORY : right ? 0 : ERROR_INVALID;
}

static void memory(void **state)
{
    (void)state;
    json_set_alloc_funcs(failing_malloc, failing_free);
    assert_in_range(failing_walk(read_again, FAILING_MAY_BE_BORNE), 5, 100);
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_integers),
        cmocka_unit_test(zero_characters),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
