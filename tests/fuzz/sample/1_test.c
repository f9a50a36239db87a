/* notes.Notes/Delete: crash.
 *
 * Fails while a fresh system still answers the case so. Build it with the tree's headers and harrow_core:
 *   harrow_test(NAME SOURCES THIS_FILE LINK harrow_core) */
#include "base/test.h"

#include "harrow/fuzz/finding.h"

static const char script[] =
    "call /notes.Notes/Delete\n"
    "message 0 {\"id\":\"..\"}\n";

static void the_finding_is_gone(void **state)
{
    struct text why = TEXT_INIT;
    struct error err = ERROR_INIT;
    (void)state;
    int found = finding_replay("tests/fuzz/toy.yaml", "processes", UINT64_C(3), script, &why, &err);
    if (found < 0)
        print_error("it could not be run: %s\n", err.message);
    if (found > 0)
        print_error("%s\n", text_string(&why));
    text_deinit(&why);
    error_clear(&err);
    assert_int_equal(found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_finding_is_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
