/* Patterns of dates and times, and moves in time. */
#include "base/test.h"

#include "fakes/pact/datetime.h"

#include <string.h>

#define NOW UINT64_C(946720800123456789) /* 2000-01-01T10:00:00.123456789Z, a Saturday */

static void fits(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } ROWS[] = {
        {"yyyy-MM-dd", "2024-02-29", true},
        {"yyyy-MM-dd", "2023-02-29", false},
        {"yyyy-MM-dd", "2023-2-09", false},
        {"yyyy-MM-dd", "2023-02-09x", false},
        {"yyyyMMdd", "20230209", true},
        {"d/M/yy", "9/12/23", true},
        {"d/M/yy", "9/13/23", false},
        {"HH:mm:ss", "23:59:60", true},
        {"HH:mm:ss", "24:00:00", false},
        {"hh:mm a", "12:30 pm", true},
        {"hh:mm a", "13:30 pm", false},
        {"kk", "24", true},
        {"KK", "12", false},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2020-01-01T00:00:00.123Z", true},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2020-01-01T00:00:00.1+02:00", true},
        {"yyyy-MM-dd'T'HH:mm:ssXXX", "2020-01-01T00:00:00+0200", false},
        {"yyyy-MM-dd'T'HH:mm:ssxx", "2020-01-01T00:00:00Z", false},
        {"yyyy-MM-dd'T'HH:mm:ssZ", "2020-01-01T00:00:00-0330", true},
        {"yyyy-MM-dd'T'HH:mm:ssZZ", "2020-01-01T00:00:00-03:30", true},
        {"X", "+01", true},
        {"X", "+0130", true},
        {"XXXXX", "-01:30:15", true},
        {"EEE, d MMM yyyy HH:mm:ss z", "Sat, 1 Jan 2000 10:00:00 GMT", true},
        {"EEEE d MMMM", "Saturday 30 February", false},
        {"EEEE d MMMM", "Monday 29 February", true},
        {"VV", "Europe/Berlin", true},
        {"OOOO", "GMT+08:00", true},
        {"O", "UTC-8", true},
        {"zzzz", "Pacific Standard Time", true},
        {"G yyyy", "AD 2020", true},
        {"QQQ yyyy", "Q3 2020", true},
        {"qqqq", "4th quarter", true},
        {"D", "366", true},
        {"D", "367", false},
        {"'it''s' yyyy", "it's 2020", true},
        {"w W F e", "53 5 5 7", true},
        {"A n", "86399999 123456789", true},
        {"yyyy[-MM[-dd]]", "2020", true},
        {"yyyy[-MM[-dd]]", "2020-02", true},
        {"yyyy[-MM[-dd]]", "2020-02-29", true},
        {"yyyy[-MM[-dd]]", "2021-02-29", false},
        {"yyyy[-MM[-dd]]", "2020-02-", false},
        {"yyyy-MM-dd['T'HH:mm[:ss[.SSS]]][xx]", "2020-02-01T10:11+0000", true},
        {"yyyy-MM-dd['T'HH:mm[:ss[.SSS]]][xx]", "2020-02-01+0100", true},
        {"yyyy-MM-dd['T'HH:mm[:ss[.SSS]]][xx]", "2020-02-01T10", false},
        {"[yyyy", "2020", true},
        {"['[' yyyy ']']", "[ 2020 ]", true},
        {"ppH:mm", " 7:05", true},
        {"ppH:mm", "17:05", true},
        {"ppH:mm", "7:05", false},
        {"pppd", " 12", true},
        {"pppd", "   ", false},
        {"pppd", " 12 ", false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        size_t at;
        assert_null(datetime_bad(ROWS[i].pattern, &at));
        const char *why = datetime_unfit(ROWS[i].pattern, bytes_of(ROWS[i].text));
        if ((why == NULL) != ROWS[i].fits)
            fail_msg("%s of %s: %s", ROWS[i].text, ROWS[i].pattern, why != NULL ? why : "fits");
    }
}

static void bad(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *said;
    } ROWS[] = {{"yyyy-bb", "no such letter"},
                {"yyyy'T", "the quote has no end"},
                {"yyyy]", "a ] without its ["},
                {"[[[[[[[[[[[[[[[[[", "too deep"},
                {"HHH", "stands here too often"},
                {"pp-H", "padding (p) needs a letter"},
                {"pp", "padding (p) needs a letter"},
                {"ppHHH", "stands here too often"},
                {"yyyy#", "reserved"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        size_t at;
        const char *why = datetime_bad(ROWS[i].pattern, &at);
        assert_non_null(why);
        assert_non_null(strstr(why, ROWS[i].said));
    }
}

static void prints(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
    } ROWS[] = {
        {"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2000-01-01T10:00:00.123Z"},
        {"EEE, d MMM yy h:mm a z", "Sat, 1 Jan 00 10:00 AM UTC"},
        {"EEEE MMMM DDD YYYY-ww e Q QQQ QQQQ", "Saturday January 001 1999-52 6 1 Q1 1st quarter"},
        {"GGGG kk A n x xx KKxxx Z O W F", "Anno Domini 10 36000123 123456789 +00 +0000 10+00:00 +0000 GMT 1 1"},
        {"''''", "''"},
        {"yyyy[-MM][-dd", "2000-01-01"},
        {"pppd ppH pA", "  1 10 36000123"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct text out = TEXT_INIT;
        datetime_print(ROWS[i].pattern, moment_of(NOW), &out);
        if (strcmp(text_string(&out), ROWS[i].text) != 0)
            fail_msg("%s: %s, not %s", ROWS[i].pattern, text_string(&out), ROWS[i].text);
        text_deinit(&out);
    }
}

/* The examples of the reference implementation's documentation. */
static void moves(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *text;
    } ROWS[] = {
        {"", "2000-01-01T10:00:00.123"},
        {"now", "2000-01-01T10:00:00.123"},
        {"yesterday", "1999-12-31T10:00:00.123"},
        {"+ 1 day", "2000-01-02T10:00:00.123"},
        {"+1 day", "2000-01-02T10:00:00.123"},
        {"- 2 weeks", "1999-12-18T10:00:00.123"},
        {"tomorrow+ 4 years", "2004-01-02T10:00:00.123"},
        {"next week", "2000-01-08T10:00:00.123"},
        {"last month", "1999-12-01T10:00:00.123"},
        {"next fortnight", "2000-01-15T10:00:00.123"},
        {"next monday", "2000-01-03T10:00:00.123"},
        {"last wednesday", "1999-12-29T10:00:00.123"},
        {"next mon", "2000-01-03T10:00:00.123"},
        {"next saturday", "2000-01-08T10:00:00.123"},
        {"last december", "1999-12-01T10:00:00.123"},
        {"next jan", "2001-01-01T10:00:00.123"},
        {"next june + 2 weeks", "2000-06-15T10:00:00.123"},
        {"last december + 2 weeks + 4 days", "1999-12-19T10:00:00.123"},
        {"@ midnight", "2000-01-01T00:00:00.000"},
        {"@ 2 o'clock", "2000-01-01T14:00:00.000"},
        {"@ 12 o'clock am", "2000-01-01T00:00:00.000"},
        {"@ 12 o'clock pm", "2000-01-01T12:00:00.000"},
        {"@ 1 o'clock pm", "2000-01-01T13:00:00.000"},
        {"@ + 4 milliseconds", "2000-01-01T10:00:00.127"},
        {"@ next hour", "2000-01-01T11:00:00.123"},
        {"@ now + 2 hours - 4 minutes", "2000-01-01T11:56:00.123"},
        {"yesterday @ midnight - 1 hour", "1999-12-30T23:00:00.000"},
        {"- 31 days @ - 1000000 hours", "1885-11-01T18:00:00.123"},
        {"+ 2 months - 1 month + 30 days", "2000-03-02T10:00:00.123"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct moment m = moment_of(NOW);
        struct text out = TEXT_INIT;
        struct error err = ERROR_INIT;
        if (datetime_move(ROWS[i].expression, true, true, &m, &err) != 0)
            fail_msg("%s", err.message);
        datetime_print("yyyy-MM-dd'T'HH:mm:ss.SSS", m, &out);
        if (strcmp(text_string(&out), ROWS[i].text) != 0)
            fail_msg("%s: %s, not %s", ROWS[i].expression, text_string(&out), ROWS[i].text);
        text_deinit(&out);
    }
}

static void no_moves(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *said;
    } ROWS[] = {{"soon", "no + or - at byte 1"}, {"+ day", "no amount up to 1000000 at byte 3"},
                {"+ 1 hour", "no day, week"},    {"@ 13 o'clock", "no hour from 1 to 12"},
                {"@ 3", "no o'clock"},           {"next", "no day, week, fortnight, month, year, or name"},
                {"+ 99999999 days", "no amount"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct moment m = moment_of(NOW);
        struct error err = ERROR_INIT;
        assert_int_equal(datetime_move(ROWS[i].expression, true, true, &m, &err), ERROR_INVALID);
        if (strstr(err.message, ROWS[i].said) == NULL)
            fail_msg("%s", err.message);
        error_clear(&err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits),  cmocka_unit_test(bad),      cmocka_unit_test(prints),
        cmocka_unit_test(moves), cmocka_unit_test(no_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
