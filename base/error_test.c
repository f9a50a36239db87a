#include "base/test.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

static void check(const struct error *e, const char *expected)
{
    struct text t = TEXT_INIT;
    error_format(e, &t);
    assert_string_equal(text_string(&t), expected);
    text_deinit(&t);
}

static void test_set_wrap_format(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    assert_int_equal(error_set_at(&e, ERROR_SYNTAX, "a.yaml", 3, 7, "expected %s", "a map"), ERROR_SYNTAX);
    check(&e, "a.yaml:3:7: expected a map");
    assert_int_equal(error_wrap(&e, "reading %s", "the manifest"), ERROR_SYNTAX);
    assert_int_equal(error_wrap(&e, "starting"), ERROR_SYNTAX);
    check(&e, "starting: reading the manifest: a.yaml:3:7: expected a map");
    /* The old message as an argument of the new one. */
    assert_int_equal(error_set(&e, ERROR_IO, "<%s>", e.message), ERROR_IO);
    check(&e, "<starting>");
    assert_null(e.cause);
    assert_int_equal(error_set_at(&e, ERROR_IO, "f", 0, 0, "m"), ERROR_IO);
    check(&e, "f: m");
    assert_int_equal(error_set_at(&e, ERROR_IO, "f", 2, 0, "m"), ERROR_IO);
    check(&e, "f:2: m");
    error_clear(&e);
    assert_int_equal(e.code, 0);
    error_clear(NULL);
}

static void test_null_and_nothing(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    assert_int_equal(error_set(NULL, ERROR_LIMIT, "x"), ERROR_LIMIT);
    assert_int_equal(error_set_at(NULL, ERROR_LIMIT, "f", 1, 1, "x"), ERROR_LIMIT);
    assert_int_equal(error_wrap(NULL, "x"), ERROR_INVALID);
    assert_int_equal(error_wrap(&e, "alone"), ERROR_INVALID);
    check(&e, "alone");
    error_clear(&e);
    e.code = ERROR_TIMEOUT;
    check(&e, "timed out");
}

static void test_move(void **state)
{
    (void)state;
    struct error from = ERROR_INIT, to = ERROR_INIT;
    (void)error_set(&to, ERROR_IO, "old");
    (void)error_set(&from, ERROR_DENIED, "new");
    (void)error_wrap(&from, "outer");
    assert_int_equal(error_move(&to, &from), ERROR_DENIED);
    check(&to, "outer: new");
    assert_null(from.message);
    assert_int_equal(error_move(&to, &to), ERROR_DENIED);
    assert_int_equal(error_move(NULL, &to), ERROR_DENIED);
    assert_null(to.message);
}

static void test_names_and_errno(void **state)
{
    (void)state;
    for (int code = ERROR_NONE; code >= ERROR_INJECTED; code--) {
        assert_string_not_equal(error_code_name(code), "unknown error");
        for (int other = code + 1; other <= 0; other++)
            assert_string_not_equal(error_code_name(code), error_code_name(other));
    }
    assert_string_equal(error_code_name(-1000), "unknown error");
    assert_int_equal(error_from_errno(0), ERROR_NONE);
    assert_int_equal(error_from_errno(ENOENT), ERROR_NOT_FOUND);
    assert_int_equal(error_from_errno(EACCES), ERROR_DENIED);
    assert_int_equal(error_from_errno(EADDRINUSE), ERROR_IN_USE);
    assert_int_equal(error_from_errno(ECONNREFUSED), ERROR_REFUSED);
    assert_int_equal(error_from_errno(ECONNRESET), ERROR_RESET);
    assert_int_equal(error_from_errno(ENOSPC), ERROR_NO_SPACE);
    for (int value = 1; value < 200; value++)
        assert_true(error_from_errno(value) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_wrap_format),
        cmocka_unit_test(test_null_and_nothing),
        cmocka_unit_test(test_move),
        cmocka_unit_test(test_names_and_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
