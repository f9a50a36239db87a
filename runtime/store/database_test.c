/* The store's file by itself: preconditions inside a transaction, what a rolled back one leaves, files of older and
 * newer versions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "runtime/store/database.h"
#include "world/sim.h"
#include "world/sqlite.h"

#include <string.h>

#define PATH "store.db"

struct fixture {
    struct sim *sim;
    struct world *world;
    struct store_database *db;
};

static void begin(struct fixture *f)
{
    f->sim = sim_new(&(struct sim_options){.seed = 1});
    f->world = sim_node(f->sim, "store");
    f->db = NULL;
}

static void open_store(struct fixture *f)
{
    struct error err = ERROR_INIT;
    if (store_open(f->world, PATH, &f->db, &err) != 0)
        fail_msg("%s", err.message);
}

static void end(struct fixture *f)
{
    store_close(f->db);
    sim_free(f->sim);
}

static struct store_change change(const char *key, uint64_t if_revision, bool if_absent)
{
    return (struct store_change){.database = "d",
                                 .table = "t",
                                 .key = key,
                                 .value = bytes_of("v"),
                                 .if_revision = if_revision,
                                 .if_absent = if_absent,
                                 .now = 100 * SECOND};
}

/* Applies one in the transaction that is open: its revision, or 0 when it was refused. */
static uint64_t apply(struct fixture *f, struct store_change c)
{
    assert_int_equal(store_apply(f->db, &c, NULL), 0);
    return c.refused ? 0 : c.revision;
}

static uint64_t apply_alone(struct fixture *f, struct store_change c)
{
    assert_int_equal(store_begin(f->db, NULL), 0);
    uint64_t revision = apply(f, c);
    assert_int_equal(store_commit(f->db, NULL), 0);
    return revision;
}

static struct store_change removal(const char *key, uint64_t if_revision, bool if_absent)
{
    struct store_change c = change(key, if_revision, if_absent);
    c.remove = true;
    return c;
}

static bool on_row(void *arg, const struct store_row *row)
{
    uint64_t *revision = arg;
    *revision = row->revision;
    return true;
}

/* As a reader sees it; 0: not there. */
static uint64_t revision_of(struct fixture *f, const char *key, int64_t now)
{
    uint64_t revision = 0;
    struct store_query q = {.database = "d", .table = "t", .now = now};
    store_query_exact(&q, key);
    assert_int_equal(store_read(f->db, &q, on_row, &revision, NULL), 0);
    store_query_deinit(&q);
    return revision;
}

/* Of two in one transaction the second sees the first. */
static void in_one_transaction(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    open_store(&f);
    assert_int_equal(store_begin(f.db, NULL), 0);
    uint64_t first = apply(&f, change("k", 0, true));
    assert_true(first > 0);
    assert_int_equal(apply(&f, change("k", 0, true)), 0);
    assert_int_equal(apply(&f, change("k", first + 1, false)), 0);
    uint64_t second = apply(&f, change("k", first, false));
    assert_int_equal(second, first + 1); /* those refused have no revision */
    assert_int_equal(apply(&f, change("k", first, false)), 0);
    assert_int_equal(apply(&f, removal("k", first, false)), 0);
    assert_int_equal(apply(&f, removal("k", second, false)), second + 1);
    assert_int_equal(apply(&f, change("k", second, true)), 0); /* it went away after that */
    uint64_t last = apply(&f, change("k", second + 1, true));
    assert_int_equal(last, second + 2);
    assert_int_equal(store_commit(f.db, NULL), 0);
    assert_int_equal(revision_of(&f, "k", 0), last);
    end(&f);
}

/* A roll back takes revisions back: what was noted with them must not refuse what comes then. */
static void rolled_back(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    open_store(&f);
    uint64_t first = apply_alone(&f, change("k", 0, false));
    assert_int_equal(store_begin(f.db, NULL), 0);
    assert_int_equal(apply(&f, removal("k", first, false)), first + 1);
    assert_int_equal(apply(&f, removal("other", 0, false)), first + 2);
    store_rollback(f.db);
    assert_int_equal(revision_of(&f, "k", 0), first);
    assert_int_equal(store_revision(f.db), first);
    assert_int_equal(apply_alone(&f, change("other", store_revision(f.db), true)), first + 1);
    assert_int_equal(apply_alone(&f, change("k", first, false)), first + 2);
    end(&f);
}

/* What expired is not there, before and after it was removed; a write that rests on what was before it is refused. */
static void expiry(void **state)
{
    (void)state;
    for (int removed = 0; removed < 2; removed++) {
        struct fixture f;
        size_t count = 0;
        begin(&f);
        open_store(&f);
        uint64_t before = store_revision(f.db);
        struct store_change c = change("k", 0, false);
        c.expires = 200 * SECOND;
        uint64_t first = apply_alone(&f, c);
        if (removed) {
            assert_int_equal(store_expire(f.db, 300 * SECOND, 10, &count, NULL), 0);
            assert_int_equal(count, 1);
        }
        c = change("k", first, false);
        c.now = 300 * SECOND;
        assert_int_equal(apply_alone(&f, c), 0);
        c.if_absent = true;
        c.if_revision = before;
        assert_int_equal(apply_alone(&f, c), 0);
        c.if_revision = first;
        assert_true(apply_alone(&f, c) > first);
        end(&f);
    }
}

/* What was read in another life of the store counts no more for keys that were not there. */
static void opened_again(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    open_store(&f);
    uint64_t empty = store_revision(f.db);
    assert_true(empty > 0); /* 0 is no precondition */
    uint64_t kept = apply_alone(&f, change("kept", 0, false));
    uint64_t first = apply_alone(&f, change("k", 0, true));
    uint64_t gone = apply_alone(&f, removal("k", first, false));
    store_close(f.db);
    open_store(&f);
    assert_int_equal(store_revision(f.db), gone);
    assert_int_equal(apply_alone(&f, change("k", empty, true)), 0);
    assert_int_equal(apply_alone(&f, change("never", empty, true)), 0); /* nobody knows: read again */
    assert_int_equal(apply_alone(&f, change("never", gone + 1000, true)), 0);
    assert_true(apply_alone(&f, change("never", store_revision(f.db), true)) > gone);
    assert_true(apply_alone(&f, change("kept", kept, false)) > gone);
    end(&f);
}

#define RECORDS_1                                                                                                      \
    "CREATE TABLE records (db TEXT NOT NULL, tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"               \
    " metadata BLOB NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (db, tbl, key)) WITHOUT ROWID;"                    \
    "CREATE INDEX expiring ON records (expires) WHERE expires > 0;"                                                    \
    "CREATE TABLE tables (db TEXT NOT NULL, tbl TEXT NOT NULL, PRIMARY KEY (db, tbl)) WITHOUT ROWID;"                  \
    "CREATE TABLE counter (revision INTEGER NOT NULL);"                                                                \
    "INSERT INTO counter VALUES (7);"                                                                                  \
    "INSERT INTO tables VALUES ('d', 't');"                                                                            \
    "INSERT INTO records VALUES ('d', 't', 'old', 'x', '', 0);"
#define BLOBS_2                                                                                                        \
    "CREATE TABLE blobs (ns TEXT NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,"       \
    " type TEXT NOT NULL, public INTEGER NOT NULL, written INTEGER NOT NULL, PRIMARY KEY (ns, key)) WITHOUT ROWID;"    \
    "INSERT INTO blobs VALUES ('n', 'b', 'f', 3, '', 0, 1);"

/* Files as the versions before wrote them are upgraded, once; one of a newer version is refused and stays as it is. */
static void other_versions(void **state)
{
    (void)state;
    static const char *const written[] = {RECORDS_1 "PRAGMA user_version = 1",
                                          RECORDS_1 BLOBS_2 "PRAGMA user_version = 2", "PRAGMA user_version = 4"};
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        sqlite3 *raw = NULL;
        struct error err = ERROR_INIT;
        struct store_blob blob;
        begin(&f);
        assert_int_equal(world_sqlite_open(f.world, PATH, &raw, NULL), 0);
        assert_int_equal(sqlite3_exec(raw, written[i], NULL, NULL, NULL), SQLITE_OK);
        world_sqlite_close(raw);
        for (int life = 0; life < 2; life++) {
            if (i == 2) {
                assert_int_equal(store_open(f.world, PATH, &f.db, &err), ERROR_UNSUPPORTED);
                struct text told = TEXT_INIT;
                error_format(&err, &told);
                assert_non_null(strstr(text_string(&told), "newer version"));
                text_deinit(&told);
                error_clear(&err);
                continue;
            }
            open_store(&f);
            uint64_t old = revision_of(&f, "old", 0);
            assert_true(old > 0 && old <= store_revision(f.db));
            assert_int_equal(apply_alone(&f, change("old", old + 100000, false)), 0);
            uint64_t now = apply_alone(&f, change("old", old, false));
            assert_true(now > 7);
            assert_int_equal(revision_of(&f, "old", 0), now);
            if (i == 1)
                assert_int_equal(store_blob_find(f.db, "n", "b", &blob, NULL), 0);
            store_close(f.db);
            f.db = NULL;
        }
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_one_transaction), cmocka_unit_test(rolled_back),    cmocka_unit_test(expiry),
        cmocka_unit_test(opened_again),       cmocka_unit_test(other_versions),
    };
    return cmocka_run_group_tests_name("store database", tests, NULL, NULL);
}
