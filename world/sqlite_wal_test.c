/* The gathered log: what was committed is in the files at that moment, as SQLite's own VFS reads them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "world/real.h"
#include "world/sqlite.h"
#include "world/sqlite_wal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world *w;
static char directory[64];

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(world_real_new(7, &w, NULL), 0);
    snprintf(directory, sizeof directory, "/tmp/harrow-wal-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int rc = world_remove_tree(w, directory);
    world_real_free(w);
    return rc;
}

static void path_of(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", directory, name);
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static void copy(const char *from, const char *to)
{
    char source[128], target[128];
    struct text content = TEXT_INIT;
    path_of(from, source);
    path_of(to, target);
    assert_int_equal(world_read_file(w, source, (size_t)64 << 20, &content, NULL), 0);
    assert_int_equal(world_write_file(w, target, text_bytes(&content), false, NULL), 0);
    text_deinit(&content);
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return out;
}

/* As after a kill -9 now: the files as they are, opened by SQLite as it comes. */
static void expect_on_disk(int64_t rows, int64_t sum)
{
    char path[128];
    sqlite3 *db = NULL;
    copy("a.db", "b.db");
    copy("a.db-wal", "b.db-wal");
    path_of("b.db", path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), rows);
    assert_int_equal(number(db, "SELECT ifnull(sum(length(v)), 0) FROM t"), sum);
    sqlite3_close(db);
}

/* Transactions from one page to more than the gatherer holds, some rolled back, with checkpoints in between. */
static void commits_are_in_the_files(void **state)
{
    (void)state;
    static const int sizes[] = {1, 100, 5000, 60000, (int)WAL_GATHER_MAX, 400000, 10};
    char path[128];
    sqlite3 *db;
    int64_t rows = 0, sum = 0;
    path_of("a.db", path);
    assert_int_equal(world_sqlite_open(w, path, &db, NULL), 0);
    run(db, "CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)");
    expect_on_disk(0, 0);
    for (int round = 0; round < 40; round++) {
        char sql[160];
        int64_t size = sizes[round % 7], count = 1 + round % 5;
        bool kept = round % 6 != 5;
        run(db, "BEGIN IMMEDIATE");
        for (int64_t i = 0; i < count; i++) {
            snprintf(sql, sizeof sql, "INSERT INTO t (v) VALUES (randomblob(%lld))", (long long)size);
            run(db, sql);
        }
        if (round % 3 == 0) { /* read back what may still be gathered, and change it again */
            assert_int_equal(number(db, "SELECT count(*) FROM t"), rows + count);
            run(db, "UPDATE t SET v = zeroblob(length(v)) WHERE k % 3 = 0");
        }
        run(db, kept ? "COMMIT" : "ROLLBACK");
        rows += kept ? count : 0;
        sum += kept ? count * size : 0;
        expect_on_disk(rows, sum);
        if (round % 9 == 8)
            run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    }
    world_sqlite_close(db);
    assert_int_equal(world_sqlite_open(w, path, &db, NULL), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), rows);
    world_sqlite_close(db);
}

/* More than SQLite's page cache holds: pages go to the log before the commit, and are read from it. */
static void large_transaction(void **state)
{
    (void)state;
    char path[128];
    sqlite3 *db;
    path_of("large.db", path);
    assert_int_equal(world_sqlite_open(w, path, &db, NULL), 0);
    run(db, "PRAGMA cache_size = 20");
    run(db, "CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)");
    run(db, "BEGIN IMMEDIATE");
    for (int i = 0; i < 2000; i++)
        run(db, "INSERT INTO t (v) VALUES (randomblob(1500))");
    run(db, "UPDATE t SET v = zeroblob(1500) WHERE k % 2 = 0");
    assert_int_equal(number(db, "SELECT count(*) FROM t WHERE v = zeroblob(1500)"), 1000);
    run(db, "COMMIT");
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    world_sqlite_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_are_in_the_files),
        cmocka_unit_test(large_transaction),
    };
    return cmocka_run_group_tests_name("sqlite log", tests, set_up, tear_down);
}
