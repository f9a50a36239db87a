/* Every allocation of a run over bad contracts fails once: it is told, and nothing leaks. */
#include "base/failing_walk.h"

#include "proto/lint/lint.h"
#include "proto/lint/testdata.h"

static int scenario(void)
{
    struct lint l = LINT_INIT;
    struct error err = ERROR_INIT;
    int rc = lint_run(&l, lint_bad_set(), lint_bad_allowed(), "allowed.txt", &err);
    error_clear(&err);
    lint_deinit(&l);
    return rc;
}

static void every_allocation(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_IS_TOLD) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
