/* Functions of a library that opens with the first call: their arguments arrive, and a library that is missing is told
 * by name. */
#include "base/late.h"
#include "base/test.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void no_such_function(void);
void not_in_sqlite(void);

struct late_library there = {.file = "libsqlite3.so.0", .package = "libsqlite3-0"};
struct late_library missing = {.file = "libno-such-library.so.9", .package = "libno-such-library9"};

LATE_FUNCTION(there, sqlite3_free);
LATE_FUNCTION(there, sqlite3_libversion_number);
LATE_FUNCTION(there, sqlite3_mprintf);
LATE_FUNCTION(there, not_in_sqlite);
LATE_FUNCTION(missing, no_such_function);

#ifdef __x86_64__

/* More arguments than registers, of both kinds, and how many of one kind in a register of its own. */
static void arguments(void **state)
{
    static const char expected[] = "1 two 3 4 5 6 7 1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 9.5";
    (void)state;
    assert_null(there.handle);
    for (int i = 0; i < 2; i++) { /* the first call goes through late_resolve(), the second does not */
        char *text = sqlite3_mprintf("%d %s %d %d %d %d %d %g %g %g %g %g %g %g %g %g", 1, "two", 3, 4, 5, 6, 7, 1.5,
                                     2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5);
        assert_string_equal(text, expected);
        sqlite3_free(text);
    }
    assert_non_null(there.handle);
    assert_int_equal(sqlite3_libversion_number() / 1000000, 3);
}

static void errors(void **state)
{
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(late_open(&there, &err), 0);
    assert_int_equal(late_open(&missing, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message,
                        "cannot open the library libno-such-library.so.9 (Debian's package "
                        "libno-such-library9): libno-such-library.so.9: cannot open shared object file: No "
                        "such file or directory");
    assert_null(missing.handle);
    assert_int_equal(late_open_all(&err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "has no not_in_sqlite()"));
    error_clear(&err);
}

static void ends(void (*call)(void), const char *words)
{
    int ends[2], status;
    char said[512];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        call();
        _exit(0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], said, sizeof said - 1);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 127);
    assert_true(n > 0);
    said[n] = '\0';
    assert_non_null(strstr(said, words));
}

static void endings(void **state)
{
    (void)state;
    ends(no_such_function, "(Debian's package libno-such-library9)");
    ends(not_in_sqlite, "has no not_in_sqlite()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(arguments), cmocka_unit_test(errors),
                                       cmocka_unit_test(endings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* the libraries are linked */
}

#endif
