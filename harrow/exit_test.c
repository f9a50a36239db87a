/* What is printed as JSON while memory runs out: all of it, or the exit code says that something is missing. */
#include "harrow/run/run.h"

#include "base/failing_walk.h"
#include "base/json_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/harrow-test-XXXXXX";
static int ours; /* the real standard output */

static int print_some(void)
{
    json_t *all = json_array();
    for (int i = 0; i < 3; i++)
        json_build_add(&all, json_pack("{s:s, s:i}", "name", "one of them", "number", i));
    harrow_json_print(all, 2);
    harrow_json_print(json_pack("{s:s}", "state", "ready"), 0);
    switch (harrow_leave(HARROW_PASSED)) {
    case HARROW_PASSED:
        return 0;
    case HARROW_ENVIRONMENT:
        return ERROR_MEMORY;
    default:
        return ERROR_INVALID;
    }
}

static void said(struct text *out)
{
    char buffer[4096];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text_add(out, buffer, fread(buffer, 1, sizeof buffer, f));
    fclose(f);
}

static void walked(void **state)
{
    struct text got = TEXT_INIT;
    (void)state;
    json_set_alloc_funcs(failing_malloc, failing_free);
    size_t failed = failing_walk(print_some, FAILING_MAY_BE_BORNE);
    json_set_alloc_funcs(malloc, free);
    assert_true(failed > 10);
    assert_int_equal(ftruncate(STDOUT_FILENO, 0), 0);
    assert_int_equal(lseek(STDOUT_FILENO, 0, SEEK_SET), 0);
    assert_int_equal(print_some(), 0);
    said(&got);
    assert_non_null(strstr(text_string(&got), "\"number\": 2\n  }\n]\n{\"state\":\"ready\"}\n"));
    text_deinit(&got);
}

/* A failure that is known already is not made smaller by it. */
static void worse(void **state)
{
    (void)state;
    harrow_json_print(NULL, 0);
    assert_int_equal(harrow_leave(HARROW_FAILED), HARROW_FAILED);
    harrow_json_print(NULL, 0);
    assert_int_equal(harrow_leave(HARROW_PASSED), HARROW_ENVIRONMENT);
    assert_int_equal(harrow_leave(HARROW_PASSED), HARROW_PASSED);
}

static int setup(void **state)
{
    (void)state;
    int file = mkstemp(path);
    fflush(stdout);
    ours = dup(STDOUT_FILENO);
    return file < 0 || ours < 0 || dup2(file, STDOUT_FILENO) < 0 ? -1 : close(file);
}

static int teardown(void **state)
{
    (void)state;
    fflush(stdout);
    (void)dup2(ours, STDOUT_FILENO);
    (void)close(ours);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(walked, setup, teardown),
                                       cmocka_unit_test(worse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
