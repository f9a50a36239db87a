#include "proto/lint/lint.h"
#include "proto/lint/testdata.h"

#include "base/test.h"

#include <stdio.h>
#include <string.h>

/* The tree keeps its conventions; what it does not keep is listed with a reason. */
static void the_tree_keeps_them(void **state)
{
    (void)state;
    struct lint l = LINT_INIT;
    struct error err = ERROR_INIT;
    if (lint_run(&l, lint_tree_set(), lint_tree_allowed(), "proto/lint/allowed.txt", &err) != 0)
        fail_msg("%s", err.message);
    struct text out = TEXT_INIT;
    lint_print(&l, "proto/", &out);
    fputs(text_string(&out), stderr); /* cmocka cuts long messages */
    assert_int_equal(l.findings.count, 0);
    text_deinit(&out);
    lint_deinit(&l);
}

/* Bad contracts give just the findings that are written down, places included, and every rule is among them. */
static void every_rule_fires(void **state)
{
    (void)state;
    struct lint l = LINT_INIT;
    struct error err = ERROR_INIT;
    if (lint_run(&l, lint_bad_set(), lint_bad_allowed(), "allowed.txt", &err) != 0)
        fail_msg("%s", err.message);
    struct text out = TEXT_INIT;
    lint_print(&l, "", &out);
    assert_true(text_ok(&out));
    if (!bytes_equal(text_bytes(&out), lint_bad_findings())) {
        fputs(text_string(&out), stderr);
        fail_msg("these are not the findings of tests/contract/lint_bad/findings.txt");
    }
    for (int rule = 0; rule < LINT_RULES; rule++) {
        size_t hits = 0;
        for (size_t i = 0; i < l.findings.count; i++)
            hits += (int)l.findings.items[i].rule == rule;
        if (hits == 0)
            fail_msg("nothing shows that the rule %s fires", lint_rule_name((enum lint_rule)rule));
    }
    text_deinit(&out);
    lint_deinit(&l);
}

static void refuses(struct bytes set, const char *allowed, const char *message)
{
    struct lint l = LINT_INIT;
    struct error err = ERROR_INIT;
    assert_true(lint_run(&l, set, bytes_of(allowed), "allowed.txt", &err) < 0);
    struct text out = TEXT_INIT;
    error_format(&err, &out);
    assert_non_null(strstr(text_string(&out), message));
    text_deinit(&out);
    error_clear(&err);
    lint_deinit(&l);
}

static void bad_input_is_told(void **state)
{
    (void)state;
    refuses(lint_bad_set(), "fields x.y reason\n", "allowed.txt:1:1: \"fields\" is no rule");
    refuses(lint_bad_set(), "# fine\nfield x.y\n", "allowed.txt:2:1: an exception is a rule, a symbol, and the reason");
    refuses(lint_bad_set(), "field", "allowed.txt:1:1: an exception is");
    refuses(bytes_of("\xff\xff"), "", "descriptor set");
    refuses(BYTES_NONE, "", "no files");
    struct bytes cut = lint_tree_set();
    cut.len /= 2;
    refuses(cut, "", "descriptor set");
    /* Nobody checks the names in a file of proto2: here a field has none. */
    static const char old[] = "\x0a\x0a\x0a\x01"
                              "a"
                              "\x22\x05\x0a\x01M\x12\x00";
    refuses(BYTES(old, sizeof old - 1), "", "a: the conventions are for proto3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_keeps_them),
        cmocka_unit_test(every_rule_fires),
        cmocka_unit_test(bad_input_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
