#include "base/test.h"

#include "base/units.h"

#include <string.h>

static void check_duration(const char *text, int64_t expected)
{
    int64_t value = -1;
    struct error e = ERROR_INIT;
    int code = units_parse_duration(text, &value, &e);
    if (code)
        print_error("%s: %s\n", text, e.message);
    assert_int_equal(code, 0);
    assert_true(value == expected);
}

static void refuse_duration(const char *text, int code, const char *message)
{
    int64_t value = 77;
    struct error e = ERROR_INIT;
    assert_int_equal(units_parse_duration(text, &value, &e), code);
    assert_string_equal(e.message, message);
    assert_true(value == 77);
    error_clear(&e);
}

static void test_durations(void **state)
{
    (void)state;
    check_duration("0", 0);
    check_duration("0s", 0);
    check_duration("250ms", 250 * MILLISECOND);
    check_duration("5s", 5 * SECOND);
    check_duration("1m30s", 90 * SECOND);
    check_duration("2h", 2 * HOUR);
    check_duration("1d", 24 * HOUR);
    check_duration("1.5s", 1500 * MILLISECOND);
    check_duration("0.000000001s", 1);
    check_duration("1d2h3m4s5ms6us7ns", 26 * HOUR + 3 * MINUTE + 4 * SECOND + 5 * MILLISECOND + 6 * MICROSECOND + 7);
    check_duration("9223372036854775807ns", INT64_MAX);
    refuse_duration("9223372036854775808ns", ERROR_LIMIT, "\"9223372036854775808ns\": longer than 292 years");
    refuse_duration("999999d", ERROR_LIMIT, "\"999999d\": longer than 292 years");
    refuse_duration("99999999999999999999s", ERROR_LIMIT, "\"99999999999999999999s\": number too large");
    refuse_duration("", ERROR_SYNTAX, "\"\": expected a number at its end");
    refuse_duration("-5s", ERROR_SYNTAX, "\"-5s\": expected a number at character 1");
    refuse_duration("5", ERROR_SYNTAX, "\"5\": expected a unit (ns, us, ms, s, m, h or d) at its end");
    refuse_duration("5 s", ERROR_SYNTAX, "\"5 s\": expected a unit (ns, us, ms, s, m, h or d) at character 2");
    refuse_duration("1.s", ERROR_SYNTAX, "\"1.s\": expected a digit at character 3");
    refuse_duration("30s1m", ERROR_SYNTAX, "\"30s1m\": expected a smaller unit than the one before at character 5");
    refuse_duration("1s\n", ERROR_SYNTAX, "\"1s\\n\": expected a number at character 3");
}

static void check_size(const char *text, uint64_t expected)
{
    uint64_t value = 1;
    assert_int_equal(units_parse_size(text, &value, NULL), 0);
    assert_true(value == expected);
}

static void refuse_size(const char *text, int code)
{
    uint64_t value = 77;
    assert_int_equal(units_parse_size(text, &value, NULL), code);
    assert_true(value == 77);
}

static void test_sizes(void **state)
{
    (void)state;
    check_size("512", 512);
    check_size("512B", 512);
    check_size("64KiB", 65536);
    check_size("10MB", 10000000);
    check_size("1kB", 1000);
    check_size("1GiB", UINT64_C(1) << 30);
    check_size("1.25KiB", 1280);
    check_size("1.5TiB", UINT64_C(3) << 39);
    check_size("18446744073709551615", UINT64_MAX);
    refuse_size("18446744073709551616", ERROR_LIMIT);
    refuse_size("18446744073709551615KiB", ERROR_LIMIT);
    refuse_size("1.5", ERROR_INVALID);
    refuse_size("1.0000000001GiB", ERROR_LIMIT);
    refuse_size("1kib", ERROR_SYNTAX);
    refuse_size("1KiB2", ERROR_SYNTAX);
    refuse_size("", ERROR_SYNTAX);
    refuse_size("-1", ERROR_SYNTAX);
}

static void test_integers(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_int_equal(units_parse_integer("-9223372036854775808", INT64_MIN, INT64_MAX, &value, NULL), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(units_parse_integer("9223372036854775807", INT64_MIN, INT64_MAX, &value, NULL), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(units_parse_integer("+7", 0, 10, &value, NULL), 0);
    assert_true(value == 7);
    assert_int_equal(units_parse_integer("-0", 0, 10, &value, NULL), 0);
    assert_true(value == 0);
    assert_int_equal(units_parse_integer("9223372036854775808", INT64_MIN, INT64_MAX, &value, NULL), ERROR_LIMIT);
    assert_int_equal(units_parse_integer("-9223372036854775809", INT64_MIN, INT64_MAX, &value, NULL), ERROR_LIMIT);
    assert_int_equal(units_parse_integer("11", 0, 10, &value, NULL), ERROR_LIMIT);
    assert_int_equal(units_parse_integer("", 0, 10, &value, NULL), ERROR_SYNTAX);
    assert_int_equal(units_parse_integer("-", 0, 10, &value, NULL), ERROR_SYNTAX);
    assert_int_equal(units_parse_integer("1x", 0, 10, &value, NULL), ERROR_SYNTAX);
    assert_int_equal(units_parse_integer("0x1", 0, 10, &value, NULL), ERROR_SYNTAX);
}

static void shows_duration(int64_t value, const char *expected)
{
    char out[40];
    units_format_duration(value, out, sizeof out);
    assert_string_equal(out, expected);
}

static void shows_size(uint64_t value, const char *expected)
{
    char out[40];
    units_format_size(value, out, sizeof out);
    assert_string_equal(out, expected);
}

static void shows_time(int64_t value, const char *expected)
{
    char out[32];
    units_format_time(value, out, sizeof out);
    assert_string_equal(out, expected);
}

static void test_formats(void **state)
{
    (void)state;
    shows_duration(0, "0 ns");
    shows_duration(340 * MICROSECOND, "340 us");
    shows_duration(1250 * MILLISECOND, "1.25 s");
    shows_duration(1205 * MILLISECOND, "1.21 s");
    shows_duration(1050 * MILLISECOND, "1.05 s");
    shows_duration(12345 * MICROSECOND, "12.3 ms");
    shows_duration(999999, "1 ms"); /* not 1000 us */
    shows_duration(9999 * MICROSECOND, "10 ms");
    shows_duration(-2 * SECOND, "-2 s");
    shows_duration(59999 * MILLISECOND, "60 s");
    shows_duration(90 * SECOND, "1m 30s");
    shows_duration(125 * MINUTE, "2h 5m");
    shows_duration(50 * HOUR, "2d 2h");
    shows_duration(INT64_MIN, "-106751d 23h");
    shows_size(0, "0 B");
    shows_size(1023, "1023 B");
    shows_size(1536, "1.5 KiB");
    shows_size(3250586, "3.1 MiB");
    shows_size(1048575, "1.0 MiB"); /* not 1024.0 KiB */
    shows_size(UINT64_MAX, "16.0 EiB");
    shows_time(0, "1970-01-01T00:00:00.000Z");
    shows_time(-1, "1969-12-31T23:59:59.999Z");
    shows_time(951782400 * SECOND, "2000-02-29T00:00:00.000Z");
    shows_time(INT64_MAX, "2262-04-11T23:47:16.854Z");
    shows_time(INT64_MIN, "1677-09-21T00:12:43.145Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
