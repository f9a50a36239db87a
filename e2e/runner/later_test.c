#include "e2e/runner/later.h"

#include "base/failing_walk.h"

#include <stdlib.h>
#include <string.h>

static struct flow_case run;

static void add(struct later_tries *l, int number, const char *message, const char *detail)
{
    struct flow_context x = {.run = &run};
    struct flow_failure f = {0};
    text_puts(&f.message, message);
    text_puts(&f.detail, detail);
    later_add(&x, l, number, &f);
    text_deinit(&f.message);
    text_deinit(&f.detail);
}

static void says(struct later_tries *l, const char *expected)
{
    struct text out = TEXT_INIT;
    later_text(l, &out);
    assert_true(text_ok(&out));
    assert_string_equal(text_string(&out), expected);
    text_deinit(&out);
    later_deinit(l);
}

static void told(void **state)
{
    struct later_tries l = {0};
    (void)state;
    says(&l, "");
    l = (struct later_tries){0};
    add(&l, 2, "a\nb", "c\nd");
    says(&l, "try 2: a\nb\nc\nd");
    l = (struct later_tries){0};
    for (int i = 2; i <= 7; i++)
        add(&l, i, i == 4 ? "other" : "a\nb", "detail");
    says(&l, "tries 2 to 3: a\ntry 4: other\ntries 5 to 6: a\ntry 7: a\nb\ndetail");
}

static void bounded(void **state)
{
    struct later_tries l = {0};
    struct text out = TEXT_INIT, big = TEXT_INIT;
    char line[16];
    (void)state;
    for (int i = 2; i <= 1000; i++) {
        snprintf(line, sizeof line, "number %d", i);
        add(&l, i, line, "");
    }
    later_text(&l, &out);
    assert_non_null(strstr(text_string(&out), "try 11: number 11\nand 988 more\ntry 1000: number 1000"));
    later_deinit(&l);
    l = (struct later_tries){0};
    text_char(&big, 'x');
    while (big.len < 4000)
        text_puts(&big, "\xC3\xA9");
    add(&l, 2, text_string(&big), "");
    add(&l, 3, "end", "");
    text_clear(&out);
    later_text(&l, &out);
    assert_int_equal(out.len, strlen("try 2: ") + 299 + strlen("...\ntry 3: end")); /* no character is cut in two */
    later_deinit(&l);
    text_deinit(&out);
    text_deinit(&big);
}

/* Also one that a line's end would cut in two. */
static void hides(void **state)
{
    struct later_tries l = {0};
    struct text big = TEXT_INIT;
    (void)state;
    for (int i = 0; i < 295; i++)
        text_char(&big, '.');
    text_puts(&big, "open-sesame");
    json_array_append_new(run.secrets, json_string("open-sesame"));
    add(&l, 2, text_string(&big), "open-sesame");
    add(&l, 3, "open-sesame", "open-sesame");
    struct text out = TEXT_INIT;
    later_text(&l, &out);
    assert_null(strstr(text_string(&out), "open"));
    assert_non_null(strstr(text_string(&out), "try 3: (hidden)\n(hidden)"));
    json_array_clear(run.secrets);
    later_deinit(&l);
    text_deinit(&out);
    text_deinit(&big);
}

static int scenario(void)
{
    struct later_tries l = {0};
    struct text out = TEXT_INIT;
    for (int i = 2; i <= 20; i++)
        add(&l, i, i % 3 == 0 ? "one" : "two\nlines", "detail");
    later_text(&l, &out);
    int code = text_ok(&out) ? 0 : ERROR_MEMORY;
    later_deinit(&l);
    text_deinit(&out);
    return code;
}

static void memory(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 20);
}

static int setup(void **state)
{
    (void)state;
    run.secrets = json_array();
    return run.secrets != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(run.secrets);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(told), cmocka_unit_test(bounded), cmocka_unit_test(hides),
                                       cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
