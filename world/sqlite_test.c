/* SQLite in both worlds, and under crashes: what was committed stays, whatever else is lost. */
#include "world/test_worlds.h"

#include "world/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static int64_t query_integer(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int64_t value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

static void check_pragma(sqlite3 *db, const char *sql, const char *expected)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), expected);
    sqlite3_finalize(s);
}

static sqlite3 *open_database(struct world *w, const char *path)
{
    sqlite3 *db;
    struct error err = ERROR_INIT;
    if (world_sqlite_open(w, path, &db, &err) < 0)
        fail_msg("%s", err.message);
    return db;
}

static void test_basics(void **state)
{
    const struct fixture *f = *state;
    const char *path = fixture_path(f, "db");
    struct error err = ERROR_INIT;
    sqlite3 *second;
    sqlite3 *db = open_database(f->world, path);
    check_pragma(db, "PRAGMA journal_mode", "wal");
    check_pragma(db, "PRAGMA synchronous", "2");
    check_pragma(db, "PRAGMA locking_mode", "exclusive");
    check_pragma(db, "PRAGMA foreign_keys", "1");
    run_sql(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE)");
    run_sql(db, "BEGIN; INSERT INTO t(b) VALUES('one'),('two'); COMMIT");
    assert_int_equal(world_sqlite_open(f->world, path, &second, &err), ERROR_IN_USE);
    assert_non_null(strstr(err.message, "in use"));
    assert_null(second);
    error_clear(&err);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO t(b) VALUES('one')", NULL, NULL, NULL), SQLITE_CONSTRAINT_UNIQUE);
    assert_int_equal(world_sqlite_error(db, &err, "adding a row"), ERROR_EXISTS);
    assert_string_equal(err.message, "adding a row: UNIQUE constraint failed: t.b");
    error_clear(&err);
    sqlite3_stmt *forgotten;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT 1", -1, &forgotten, NULL), SQLITE_OK);
    world_sqlite_close(db);
    world_sqlite_close(NULL);
    db = open_database(f->world, path);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM t"), 2);
    int64_t now = query_integer(db, "SELECT CAST(strftime('%s','now') AS INTEGER)");
    int64_t difference = now - world_wall(f->world) / SECOND;
    assert_true(difference >= -2 && difference <= 2);
    world_sqlite_close(db);
    assert_int_equal(world_sqlite_open(f->world, fixture_path(f, "no/such/db"), &db, &err), ERROR_IO);
    assert_non_null(err.message);
    error_clear(&err);
    assert_int_equal(
        world_write_file(f->world, path, bytes_of("this is no database, whatever its name says"), true, NULL), 0);
    assert_int_equal(world_sqlite_open(f->world, path, &db, &err), ERROR_INVALID);
    error_clear(&err);
}

/* ---- crashes ----------------------------------------------------------------------------------------------------- */

#define ROWS_A_RUN 40
#define CRASH_RUNS 60

/* Writes rows one transaction after another until something fails; the last acknowledged row in *acknowledged. */
struct writer {
    struct world *w;
    sqlite3 *db;
    int64_t next, *acknowledged;
    struct world_timer timer;
};

static void writer_turn(void *arg)
{
    struct writer *wr = arg;
    char sql[160];
    /* A row's value can be checked on its own, and is long enough to be torn. */
    snprintf(sql, sizeof(sql), "BEGIN; INSERT INTO t VALUES(%lld, zeroblob(2000)); UPDATE total SET n = n + 1; COMMIT",
             (long long)wr->next);
    if (sqlite3_exec(wr->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return;
    *wr->acknowledged = wr->next++;
    world_timer_start(&wr->timer, MILLISECOND);
}

static int64_t acknowledged;

static int writer_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    (void)argc;
    (void)argv;
    struct writer *wr = calloc(1, sizeof(*wr));
    assert_non_null(wr);
    wr->w = w;
    wr->acknowledged = &acknowledged;
    int code = world_sqlite_open(w, "/db", &wr->db, err);
    if (code == 0 && sqlite3_exec(wr->db,
                                  "CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b);"
                                  "CREATE TABLE IF NOT EXISTS total(id INTEGER PRIMARY KEY, n);"
                                  "INSERT OR IGNORE INTO total VALUES(1, 0)",
                                  NULL, NULL, NULL) != SQLITE_OK)
        code = world_sqlite_error(wr->db, err, "making the tables");
    if (code < 0) {
        world_sqlite_close(wr->db);
        free(wr);
        return code;
    }
    /* Nothing acknowledged may be missing; one more may be there, whose answer the crash swallowed. */
    check_pragma(wr->db, "PRAGMA integrity_check", "ok");
    int64_t rows = query_integer(wr->db, "SELECT count(*) FROM t");
    int64_t last = query_integer(wr->db, "SELECT coalesce(max(a), 0) FROM t");
    if (rows != last || rows < acknowledged || rows > acknowledged + 1)
        fail_msg("%lld rows up to %lld, acknowledged %lld", (long long)rows, (long long)last, (long long)acknowledged);
    assert_int_equal(query_integer(wr->db, "SELECT n FROM total"), rows);
    acknowledged = rows;
    wr->next = rows + 1;
    world_timer_init(&wr->timer, w, writer_turn, wr);
    world_timer_start(&wr->timer, MILLISECOND);
    *state = wr;
    return 0;
}

static void writer_stop(void *state)
{
    struct writer *wr = state;
    world_timer_stop(&wr->timer);
    world_sqlite_close(wr->db);
    free(wr);
}

static const struct sim_program writer_program = {.name = "writer", .start = writer_start, .stop = writer_stop};

static void crash_runs(uint64_t seed, size_t *crashes, size_t *failed_starts)
{
    struct sim *s = sim_new(&(struct sim_options){.seed = seed});
    assert_non_null(s);
    struct random r;
    random_seed(&r, seed);
    acknowledged = 0;
    assert_int_equal(sim_register(s, &writer_program), 0);
    for (int run = 0; run < 8; run++) {
        /* In a third of the lives some write, sync or create fails as well, which SQLite has to survive. */
        struct error err = ERROR_INIT;
        struct sim_disk_faults faults = {.fail_nth = random_below(&r, 3) == 0 ? 1 + random_below(&r, 60) : 0};
        sim_disk(s, "db", &faults);
        if (sim_start(s, "db", "writer", 0, NULL, &err) < 0)
            (*failed_starts)++;
        error_clear(&err);
        assert_int_equal(sim_run_for(s, random_below(&r, 12) * (uint64_t)MILLISECOND), 0);
        sim_disk(s, "db", NULL);
        if (random_below(&r, 4) == 0)
            sim_kill(s, "db");
        else
            assert_int_equal(sim_crash(s, "db"), 0);
        (*crashes)++;
    }
    assert_int_equal(sim_start(s, "db", "writer", 0, NULL, NULL), 0); /* the disk is well: it must come up */
    sim_free(s);
}

static void test_crashes(void **state)
{
    (void)state;
    size_t crashes = 0, failed_starts = 0;
    for (uint64_t seed = 1; seed <= CRASH_RUNS; seed++)
        crash_runs(seed, &crashes, &failed_starts);
    assert_int_equal(crashes, CRASH_RUNS * 8);
    assert_true(failed_starts > 0 && failed_starts < crashes / 2);
}

/* A crash inside a transaction, at every single disk operation of it in turn. */
static int step_limit;
static int64_t steps_seen;

static int count_progress(void *arg)
{
    struct world *w = arg;
    /* Called by SQLite every few instructions of its virtual machine: the power goes in the middle of a statement. */
    if (++steps_seen == step_limit)
        sim_crash(sim_of(w), sim_node_name(w));
    return 0;
}

static int middle_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    int code = writer_start(w, argc, argv, state, err);
    if (code == 0)
        sqlite3_progress_handler(((struct writer *)*state)->db, 1, count_progress, w);
    return code;
}

static const struct sim_program middle_program = {.name = "middle", .start = middle_start, .stop = writer_stop};

static void test_crash_in_the_middle(void **state)
{
    (void)state;
    int limit = 1, dead = 0;
    for (; limit < 400; limit += 7) {
        struct sim *s = sim_new(&(struct sim_options){.seed = (uint64_t)limit});
        assert_non_null(s);
        acknowledged = 0;
        steps_seen = 0;
        step_limit = limit;
        assert_int_equal(sim_register(s, &middle_program), 0);
        assert_int_equal(sim_register(s, &writer_program), 0);
        assert_int_equal(sim_start(s, "db", "middle", 0, NULL, NULL), 0);
        assert_int_equal(sim_run_for(s, 20 * MILLISECOND), 0);
        dead += sim_running(s, "db") ? 0 : 1;
        sim_crash(s, "db");
        assert_int_equal(sim_start(s, "db", "writer", 0, NULL, NULL), 0);
        sim_free(s);
    }
    assert_true(dead > 40); /* the crash did come, in nearly every run */
}

/* The same check must be able to fail: with synchronous off, acknowledged rows do get lost. */
static void test_unsynced_loses(void **state)
{
    (void)state;
    size_t lost = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim *s = sim_new(&(struct sim_options){.seed = seed});
        struct world *w = sim_node(s, "db");
        sqlite3 *db = open_database(w, "/db");
        run_sql(db, "CREATE TABLE t(a); PRAGMA synchronous=OFF");
        for (int i = 0; i < 10; i++)
            run_sql(db, "INSERT INTO t VALUES(1)");
        assert_int_equal(sim_crash(s, "db"), 0);
        world_sqlite_close(db); /* on a dead world: only memory */
        struct error err = ERROR_INIT;
        sqlite3 *again;
        if (world_sqlite_open(w, "/db", &again, &err) == 0) {
            sqlite3_stmt *st = NULL;
            int64_t rows = -1;
            if (sqlite3_prepare_v2(again, "SELECT count(*) FROM t", -1, &st, NULL) == SQLITE_OK &&
                sqlite3_step(st) == SQLITE_ROW)
                rows = sqlite3_column_int64(st, 0);
            sqlite3_finalize(st);
            lost += rows < 10 ? 1 : 0;
            world_sqlite_close(again);
        } else {
            lost++;
        }
        error_clear(&err);
        sim_free(s);
    }
    assert_true(lost > 0);
}

/* One seed, one result: SQLite's own random numbers included. */
static void test_deterministic(void **state)
{
    (void)state;
    int64_t first = 0;
    for (int run = 0; run < 2; run++) {
        struct sim *s = sim_new(&(struct sim_options){.seed = 5});
        sqlite3 *db = open_database(sim_node(s, "db"), "/db");
        int64_t value = query_integer(db, "SELECT random()");
        if (run == 1)
            assert_int_equal(value, first);
        first = value;
        world_sqlite_close(db);
        sim_free(s);
    }
    assert_true(first != 0);
}

#define BOTH(test)                                                                                                     \
    {#test ", real", test, fixture_real, fixture_end, NULL},                                                           \
    {                                                                                                                  \
#test ", sim", test, fixture_sim, fixture_end, NULL                                                            \
    }

static void test_pages_and_log(void **state)
{
    const struct fixture *f = *state;
    const char *path = fixture_path(f, "paged"), *log = fixture_path(f, "paged-wal");
    const char *pages = world_is_simulated(f->world) ? "256" : "16384"; /* of the log */
    struct world_stat stat;
    sqlite3 *db;
    assert_int_equal(world_sqlite_open_paged(f->world, path, 1024, &db, NULL), 0);
    check_pragma(db, "PRAGMA page_size", "1024");
    check_pragma(db, "PRAGMA wal_autocheckpoint", pages);
    run_sql(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
    run_sql(db, "INSERT INTO t VALUES (1, zeroblob(100000))");
    assert_int_equal(world_stat(f->world, log, &stat), 0);
    assert_true(stat.size > 100000);
    world_sqlite_shrink(db);
    assert_int_equal(world_stat(f->world, log, &stat), 0);
    assert_int_equal(stat.size, 0);
    world_sqlite_close(db);
    db = open_database(f->world, path); /* one that is there keeps its size */
    check_pragma(db, "PRAGMA page_size", "1024");
    check_pragma(db, "PRAGMA wal_autocheckpoint", pages);
    check_pragma(db, "SELECT length(b) FROM t", "100000");
    world_sqlite_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_basics),
        BOTH(test_pages_and_log),
        {"test_crashes", test_crashes, NULL, NULL, NULL},
        {"test_crash_in_the_middle", test_crash_in_the_middle, NULL, NULL, NULL},
        {"test_unsynced_loses", test_unsynced_loses, NULL, NULL, NULL},
        {"test_deterministic", test_deterministic, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
