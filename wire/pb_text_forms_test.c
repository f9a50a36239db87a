/* The small textual forms: Base64, timestamps, durations. */
#include "base/test.h"

#include "base/random.h"
#include "wire/pb_time.h"

static void test_timestamp(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } known[] = {{PB_TIMESTAMP_MIN, "0001-01-01T00:00:00Z"},
                 {PB_TIMESTAMP_MAX, "9999-12-31T23:59:59Z"},
                 {0, "1970-01-01T00:00:00Z"},
                 {-1, "1969-12-31T23:59:59Z"},
                 {951782400, "2000-02-29T00:00:00Z"},
                 {951868800, "2000-03-01T00:00:00Z"},
                 {1136214245, "2006-01-02T15:04:05Z"},
                 {-2208988800, "1900-01-01T00:00:00Z"},
                 {4107542400, "2100-03-01T00:00:00Z"}};
    char out[PB_TIME_MAX];
    struct pb_time back;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(pb_timestamp_print((struct pb_time){known[i].seconds, 0}, out), strlen(known[i].text));
        assert_string_equal(out, known[i].text);
        assert_true(pb_timestamp_parse(bytes_of(known[i].text), &back));
        assert_true(back.seconds == known[i].seconds && back.nanos == 0);
    }
    struct random r;
    random_seed(&r, 2);
    for (int i = 0; i < 20000; i++) {
        struct pb_time t = {random_range(&r, PB_TIMESTAMP_MIN, PB_TIMESTAMP_MAX),
                            (int32_t)random_range(&r, 0, PB_NANOS_MAX)};
        if (i % 3 == 0)
            t.nanos -= t.nanos % (i % 2 ? 1000 : 1000000);
        size_t n = pb_timestamp_print(t, out);
        assert_true(n > 0 && pb_timestamp_parse(BYTES(out, n), &back));
        assert_true(back.seconds == t.seconds && back.nanos == t.nanos);
    }
    assert_int_equal(pb_timestamp_print((struct pb_time){PB_TIMESTAMP_MAX + 1, 0}, out), 0);
    assert_int_equal(pb_timestamp_print((struct pb_time){INT64_MIN, INT32_MIN}, out), 0);
    assert_int_equal(pb_timestamp_print((struct pb_time){0, -1}, out), 0);
}

static void test_duration(void **state)
{
    (void)state;
    static const struct {
        struct pb_time t;
        const char *text;
    } known[] = {{{0, 0}, "0s"},
                 {{1, 500000000}, "1.500s"},
                 {{-1, -500000000}, "-1.500s"},
                 {{0, -1}, "-0.000000001s"},
                 {{0, 1000}, "0.000001s"},
                 {{PB_DURATION_MAX, 999999999}, "315576000000.999999999s"},
                 {{-PB_DURATION_MAX, 0}, "-315576000000s"}};
    char out[PB_TIME_MAX];
    struct pb_time back;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(pb_duration_print(known[i].t, out), strlen(known[i].text));
        assert_string_equal(out, known[i].text);
        assert_true(pb_duration_parse(bytes_of(known[i].text), &back));
        assert_true(back.seconds == known[i].t.seconds && back.nanos == known[i].t.nanos);
    }
    assert_int_equal(pb_duration_print((struct pb_time){1, -1}, out), 0);
    assert_int_equal(pb_duration_print((struct pb_time){-1, 1}, out), 0);
    assert_int_equal(pb_duration_print((struct pb_time){INT64_MIN, INT32_MIN}, out), 0);
    static const char *const bad[] = {"",    "-",   "s",   "1",    "1.s", ".5s", "1.0000000001s",
                                      "+1s", " 1s", "1s ", "--1s", "1e3s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (pb_duration_parse(bytes_of(bad[i]), &back))
            fail_msg("%s was taken for a duration", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_timestamp), cmocka_unit_test(test_duration)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
