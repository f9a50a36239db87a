#include "base/test.h"

#include "base/random.h"
#include "wire/pb_number.h"
#include "wire/pb_wire.h"

#include <math.h>
#include <stdlib.h>

static void test_span(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t span;
    } cases[] = {{"0", 1},    {"-0", 2},  {"12,", 2},  {"01", 1},    {"1.5e+3]", 6}, {"1.", 0},
                 {"1.e5", 0}, {"1e", 0},  {"1e+", 0},  {"-", 0},     {"", 0},        {".5", 0},
                 {"+1", 0},   {"1E9", 3}, {"-1.0", 4}, {"1.25x", 4}, {"NaN", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(pb_number_span(bytes_of(cases[i].text)), cases[i].span);
}

static void test_integer(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum pb_number_result result;
        bool negative;
        uint64_t magnitude;
    } cases[] = {
        {"0", PB_NUMBER_OK, false, 0},
        {"-0.000e5", PB_NUMBER_OK, true, 0},
        {"18446744073709551615", PB_NUMBER_OK, false, UINT64_MAX},
        {"18446744073709551616", PB_NUMBER_RANGE, false, 0},
        {"99999999999999999999", PB_NUMBER_RANGE, false, 0},
        {"1844674407370955161.5e1", PB_NUMBER_OK, false, UINT64_MAX},
        {"184467440737095516150e-1", PB_NUMBER_OK, false, UINT64_MAX},
        {"1e19", PB_NUMBER_OK, false, UINT64_C(10000000000000000000)},
        {"1e20", PB_NUMBER_RANGE, false, 0},
        {"1e999999999999999999999", PB_NUMBER_RANGE, false, 0},
        {"0e999999999999999999999", PB_NUMBER_OK, false, 0},
        {"1e-999999999999999999999", PB_NUMBER_FRACTION, false, 0},
        {"0.1e1", PB_NUMBER_OK, false, 1},
        {"0.1", PB_NUMBER_FRACTION, false, 0},
        {"10e-1", PB_NUMBER_OK, false, 1},
        {"15e-1", PB_NUMBER_FRACTION, false, 0},
        {"-123.4500e+2", PB_NUMBER_OK, true, 12345},
        {"1 ", PB_NUMBER_MALFORMED, false, 0},
        {"", PB_NUMBER_MALFORMED, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool negative = false;
        uint64_t magnitude = 0;
        enum pb_number_result result = pb_number_integer(bytes_of(cases[i].text), &negative, &magnitude);
        if (result != cases[i].result ||
            (!result && (negative != cases[i].negative || magnitude != cases[i].magnitude)))
            fail_msg("%s: %d %d %llu", cases[i].text, (int)result, negative, (unsigned long long)magnitude);
    }
}

static void test_floating(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } doubles[] = {{0, "0"},
                   {-0.0, "-0.0"},
                   {1, "1"},
                   {-1.5, "-1.5"},
                   {0.1, "0.1"},
                   {1e15, "1e+15"},
                   {123456789012345, "123456789012345"},
                   {1e300, "1e+300"},
                   {1 / 3.0, "0.3333333333333333"},
                   {5e-324, "4.94065645841247e-324"}};
    char out[PB_NUMBER_MAX];
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        size_t n = pb_number_print_double(doubles[i].value, out);
        assert_int_equal(n, strlen(out));
        assert_string_equal(out, doubles[i].text);
    }
    static const struct {
        float value;
        const char *text;
    } floats[] = {
        {0.1F, "0.1"}, {16777216.0F, "16777216"},  {-0.0F, "-0.0"}, {3.4028235e38F, "3.4028235e+38"}, {1e7F, "1e+07"},
        {1.5F, "1.5"}, {0.33333334F, "0.33333334"}};
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        size_t n = pb_number_print_float(floats[i].value, out);
        assert_int_equal(n, strlen(out));
        assert_string_equal(out, floats[i].text);
    }
    /* Whatever is printed reads back as the same bits. */
    struct random r;
    random_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_next(&r);
        double d, back;
        memcpy(&d, &bits, sizeof d);
        if (isfinite(d)) {
            size_t n = pb_number_print_double(d, out);
            assert_int_equal(pb_number_double(BYTES(out, n), &back), PB_NUMBER_OK);
            assert_memory_equal(&d, &back, sizeof d);
        }
        uint32_t low = (uint32_t)bits;
        float f, f_back;
        memcpy(&f, &low, sizeof f);
        if (isfinite(f)) {
            size_t n = pb_number_print_float(f, out);
            assert_int_equal(pb_number_float(BYTES(out, n), &f_back), PB_NUMBER_OK);
            assert_memory_equal(&f, &f_back, sizeof f);
        }
    }
    double d;
    float f;
    assert_int_equal(pb_number_double(bytes_of("1e309"), &d), PB_NUMBER_RANGE);
    assert_int_equal(pb_number_float(bytes_of("3.5e38"), &f), PB_NUMBER_RANGE);
    assert_int_equal(pb_number_double(bytes_of("inf"), &d), PB_NUMBER_MALFORMED);
    assert_int_equal(pb_number_double(bytes_of("0x10"), &d), PB_NUMBER_MALFORMED);
    /* A token longer than the stack's buffer. */
    char digits[400];
    memset(digits, '1', sizeof digits);
    memcpy(digits, "0.", 2);
    assert_int_equal(pb_number_double(BYTES(digits, sizeof digits), &d), PB_NUMBER_OK);
    assert_true(fabs(d - 1 / 9.0) < 1e-15);
}

static void test_varint(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint8_t out[10];
        uint64_t back;
        size_t n = pb_varint_write(out, values[i]);
        assert_int_equal(pb_varint_read(BYTES(out, n), &back), n);
        assert_true(back == values[i]);
        assert_int_equal(pb_varint_read(BYTES(out, n - 1), &back), 0);
        assert_true((uint64_t)pb_unzigzag64(values[i]) == (values[i] >> 1 ^ (0 - (values[i] & 1))));
        assert_true(pb_zigzag64(pb_unzigzag64(values[i])) == values[i]);
        assert_true(pb_zigzag32(pb_unzigzag32((uint32_t)values[i])) == (uint32_t)values[i]);
    }
    static const uint8_t eleven[11] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
    uint64_t v;
    assert_int_equal(pb_varint_read(BYTES(eleven, 11), &v), 0);
    assert_int_equal(pb_varint_read(BYTES_NONE, &v), 0);
}

static void test_text_fault(void **state)
{
    (void)state;
    assert_int_equal(pb_text_fault(BYTES_NONE, true), 0);
    for (size_t at = 0; at < 20; at++) {
        char s[21] = "aaaaaaaaaaaaaaaaaaaa";
        assert_int_equal(pb_text_fault(BYTES(s, 20), true), 0);
        s[at] = 0;
        assert_int_equal(pb_text_fault(BYTES(s, 20), true), at + 1);
        assert_int_equal(pb_text_fault(BYTES(s, 20), false), 0);
        s[at] = (char)0xff;
        assert_int_equal(pb_text_fault(BYTES(s, 20), true), at + 1);
        assert_int_equal(pb_text_fault(BYTES(s, 20), false), at + 1);
    }
    assert_int_equal(pb_text_fault(bytes_of("gr\xc3\xbc\xc3\x9f"), true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span),   cmocka_unit_test(test_integer),    cmocka_unit_test(test_floating),
        cmocka_unit_test(test_varint), cmocka_unit_test(test_text_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
