#include "base/test.h"

#include "base/utf8.h"

static void test_valid_and_bad_offsets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len, bad;
    } cases[] = {
        {"", 0, 0},
        {"plain ascii, longer than a word", 31, 31},
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, 9},
        {"abcdefgh\xFFz", 10, 8},
        {"\xC0\xAF", 2, 0},         /* overlong */
        {"a\xE0\x80\xAF", 4, 1},    /* overlong */
        {"\xED\xA0\x80", 3, 0},     /* surrogate */
        {"\xF4\x90\x80\x80", 4, 0}, /* above U+10FFFF */
        {"\xF4\x8F\xBF\xBF", 4, 4}, /* U+10FFFF */
        {"ok\xE2\x82", 4, 2},       /* cut short */
        {"\x80", 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes b = BYTES(cases[i].text, cases[i].len);
        assert_int_equal(utf8_bad_offset(b), cases[i].bad);
        assert_int_equal(utf8_valid(b), cases[i].bad == cases[i].len);
    }
}

/* The Unicode Standard's own example (table 3-8): 61 F1 80 80 E1 80 C2 62 80 63 80 BF 64. */
static void test_maximal_subparts(void **state)
{
    (void)state;
    struct bytes b = BYTES("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64", 13);
    static const uint32_t expected[] = {0x61, 0xFFFD, 0xFFFD, 0xFFFD, 0x62, 0xFFFD, 0x63, 0xFFFD, 0xFFFD, 0x64};
    size_t at = 0, count = 0;
    while (at < b.len) {
        uint32_t c;
        bool good = utf8_next(b, &at, &c);
        assert_int_equal(c, expected[count]);
        assert_int_equal(good, c != 0xFFFD);
        count++;
    }
    assert_int_equal(count, sizeof expected / sizeof *expected);
}

static void test_every_code_point_round_trips(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c++) {
        char out[UTF8_MAX];
        size_t len = utf8_write(c, out), at = 0;
        uint32_t back;
        assert_true(utf8_next(BYTES(out, len), &at, &back));
        assert_int_equal(at, len);
        bool real = c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
        assert_int_equal(back, real ? c : UTF8_REPLACEMENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_and_bad_offsets),
        cmocka_unit_test(test_maximal_subparts),
        cmocka_unit_test(test_every_code_point_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
