#include "base/test.h"

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"

static void keep(void *arg, enum log_level level, const char *line, size_t len)
{
    struct text *t = arg;
    text_printf(t, "%d|", (int)level);
    text_add(t, line, len);
    text_char(t, '\n');
}

static int64_t fixed_clock(void *arg)
{
    (void)arg;
    return INT64_C(1795243611) * SECOND + 123 * MILLISECOND;
}

static void test_text_and_levels(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    log_set_sink(keep, &t);
    log_set_level(LOG_INFO);
    log_debug("a", "hidden");
    log_info("store", "on %s:%d", "127.0.0.1", 8002);
    log_set_component("main");
    log_warn(NULL, "two\nlines \x1b[31m");
    log_set_clock(fixed_clock, NULL);
    log_error("x", "late");
    log_set_level(LOG_OFF);
    log_error("x", "hidden");
    assert_string_equal(text_string(&t), "1|info  store: on 127.0.0.1:8002\n"
                                         "2|warn  main: two\\nlines \\x1b[31m\n"
                                         "3|2026-11-21T06:46:51.123Z error x: late\n");
    assert_false(log_enabled(LOG_OFF));
    log_set_clock(NULL, NULL);
    log_set_component(NULL);
    log_set_level(LOG_INFO);
    log_set_sink(NULL, NULL);
    text_deinit(&t);
}

static void test_json(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    log_set_sink(keep, &t);
    log_set_format(LOG_JSON);
    log_info(NULL, "a \"b\"\n\xFF");
    log_set_clock(fixed_clock, NULL);
    log_info("c\"", "d");
    assert_string_equal(text_string(&t),
                        "1|{\"level\":\"info\",\"message\":\"a \\\"b\\\"\\n\xEF\xBF\xBD\"}\n"
                        "1|{\"time\":\"2026-11-21T06:46:51.123Z\",\"level\":\"info\",\"component\":\"c\\\"\","
                        "\"message\":\"d\"}\n");
    log_set_clock(NULL, NULL);
    log_set_format(LOG_TEXT);
    log_set_sink(NULL, NULL);
    text_deinit(&t);
}

static void test_parse_level(void **state)
{
    (void)state;
    enum log_level level = LOG_OFF;
    assert_true(log_parse_level("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_parse_level("off", &level));
    assert_int_equal(level, LOG_OFF);
    assert_false(log_parse_level("loud", &level));
    assert_int_equal(level, LOG_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_levels),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_parse_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
