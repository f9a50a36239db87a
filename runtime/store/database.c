#include "runtime/store/database.h"

#include "runtime/store/blob_index.h"
#include "runtime/store/gone.h"
#include "world/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_VERSION  3
#define REVISIONS_AHEAD 1000  /* the counter is written once for so many */
#define CACHE_KIB       16384 /* pages SQLite keeps, as far as there are any */
#define PAGE_SIZE       1024  /* bytes: most records are small, and keys of one commit lie apart */

#define RANGE                                                                                                          \
    " FROM records WHERE db = ?1 AND tbl = ?2 AND key >= ?3 AND key < ?4 AND (expires = 0 OR expires > ?5)"            \
    " AND (length(?6) = 0 OR substr(CAST(key AS BLOB), -length(?6)) = ?6) ORDER BY key "

enum statement {
    READ_ASC,
    READ_DESC,
    KEYS_ASC,
    KEYS_DESC,
    STATE,
    WRITE,
    DELETE,
    ADD_TABLE,
    COUNT,
    BEGIN,
    COMMIT,
    ROLLBACK,
    DATABASES,
    TABLES,
    EXPIRE,
    NEXT_EXPIRY,
    STATEMENT_COUNT,
};
static const char *const sql[STATEMENT_COUNT] = {
    [READ_ASC] = "SELECT key, value, metadata, expires, revision" RANGE "ASC LIMIT ?7 OFFSET ?8",
    [READ_DESC] = "SELECT key, value, metadata, expires, revision" RANGE "DESC LIMIT ?7 OFFSET ?8",
    [KEYS_ASC] = "SELECT key, NULL, NULL, expires, revision" RANGE "ASC LIMIT ?7 OFFSET ?8",
    [KEYS_DESC] = "SELECT key, NULL, NULL, expires, revision" RANGE "DESC LIMIT ?7 OFFSET ?8",
    [STATE] = "SELECT revision, expires FROM records WHERE db = ?1 AND tbl = ?2 AND key = ?3",
    [WRITE] = ("INSERT INTO records (db, tbl, key, value, metadata, expires, revision)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
               " ON CONFLICT DO UPDATE SET value = ?4, metadata = ?5, expires = ?6, revision = ?7"),
    [DELETE] = "DELETE FROM records WHERE db = ?1 AND tbl = ?2 AND key = ?3",
    [ADD_TABLE] = "INSERT OR IGNORE INTO tables (db, tbl) VALUES (?1, ?2)",
    [COUNT] = "UPDATE counter SET revision = ?1",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [DATABASES] = "SELECT DISTINCT db FROM tables WHERE ?1 IS NULL ORDER BY db",
    [TABLES] = "SELECT tbl FROM tables WHERE db = ?1 ORDER BY tbl",
    [EXPIRE] = ("DELETE FROM records WHERE (db, tbl, key) IN (SELECT db, tbl, key FROM records"
                " WHERE expires > 0 AND expires <= ?1 ORDER BY expires LIMIT ?2) RETURNING db, tbl, key, revision"),
    [NEXT_EXPIRY] = "SELECT min(expires) FROM records WHERE expires > 0",
};

/* From each version to the next. */
static const char *const schema[SCHEMA_VERSION] = {
    "BEGIN IMMEDIATE;"
    "CREATE TABLE records (db TEXT NOT NULL, tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
    " metadata BLOB NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (db, tbl, key)) WITHOUT ROWID;"
    "CREATE INDEX expiring ON records (expires) WHERE expires > 0;"
    "CREATE TABLE tables (db TEXT NOT NULL, tbl TEXT NOT NULL, PRIMARY KEY (db, tbl)) WITHOUT ROWID;"
    "CREATE TABLE counter (revision INTEGER NOT NULL);"
    "INSERT INTO counter VALUES (0);"
    "PRAGMA user_version = 1;"
    "COMMIT",
    "BEGIN IMMEDIATE;" BLOB_TABLES "PRAGMA user_version = 2;"
    "COMMIT",
    /* Records of before have the first revision of all, below that of every change to come. No row is rewritten. */
    "BEGIN IMMEDIATE;"
    "ALTER TABLE records ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;"
    "PRAGMA user_version = 3;"
    "COMMIT",
};

struct store_database {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct blob_index *blobs;
    uint64_t revision;                /* with what the open transaction changed */
    uint64_t committed;               /* without */
    uint64_t reserved;                /* the file's counter: no revision above it was given out */
    char *last_database, *last_table; /* added to `tables` last */
    struct gone gone;
};

static const char reading[] = "reading the store's file";

static int set_up(struct store_database *d, const char *path, struct error *err)
{
    int64_t version = 0, revision = 0;
    int rc = world_sqlite_number(d->db, "PRAGMA user_version", &version, reading, err);
    if (rc)
        return rc;
    if (version > SCHEMA_VERSION)
        return error_set(err, ERROR_UNSUPPORTED, "%s was written by a newer version (schema %lld, this one knows %d)",
                         path, (long long)version, SCHEMA_VERSION);
    for (; version < SCHEMA_VERSION; version++)
        if (sqlite3_exec(d->db, schema[version], NULL, NULL, NULL) != SQLITE_OK)
            return world_sqlite_error(d->db, err, "making the store's tables");
    char cache[48];
    snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", CACHE_KIB);
    if (sqlite3_exec(d->db, cache, NULL, NULL, NULL) != SQLITE_OK)
        return world_sqlite_error(d->db, err, "setting the size of the cache");
    rc = world_sqlite_number(d->db, "SELECT revision FROM counter", &revision, reading, err);
    d->revision = d->committed = d->reserved = revision ? (uint64_t)revision : 1; /* 0 means "no precondition" */
    gone_init(&d->gone, d->revision);
    for (size_t i = 0; rc == 0 && i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(d->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &d->statements[i], NULL) != SQLITE_OK)
            rc = world_sqlite_error(d->db, err, "preparing a statement");
    return rc ? rc : blob_index_new(d->db, &d->blobs, err);
}

struct blob_index *store_blob_index(struct store_database *d)
{
    return d->blobs;
}

int store_open(struct world *w, const char *path, struct store_database **out, struct error *err)
{
    struct store_database *d = calloc(1, sizeof *d);
    if (!d)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = world_sqlite_open_paged(w, path, PAGE_SIZE, &d->db, err);
    if (rc == 0)
        rc = set_up(d, path, err);
    if (rc) {
        error_wrap(err, "the store's file %s cannot be used", path);
        store_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

/* Runs a statement that gives no rows. */
static int run(struct store_database *d, enum statement which, struct error *err, const char *doing)
{
    sqlite3_stmt *s = d->statements[which];
    int rc = sqlite3_step(s) == SQLITE_DONE ? 0 : world_sqlite_error(d->db, err, doing);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return rc;
}

static int count(struct store_database *d, uint64_t revision, struct error *err)
{
    sqlite3_bind_int64(d->statements[COUNT], 1, (sqlite3_int64)revision);
    return run(d, COUNT, err, "counting the revision");
}

void store_close(struct store_database *d)
{
    if (!d)
        return;
    if (d->reserved > d->committed && !store_in_transaction(d)) /* the next life goes on where this one ends */
        (void)count(d, d->committed, NULL);
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(d->statements[i]);
    blob_index_free(d->blobs);
    if (d->db)
        world_sqlite_close(d->db);
    free(d->last_database);
    free(d->last_table);
    free(d);
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *s, int at, const char *value)
{
    sqlite3_bind_text(s, at, value, -1, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *s, int at, struct bytes value)
{
    sqlite3_bind_blob64(s, at, value.len ? (const void *)value.data : "", value.len, SQLITE_STATIC);
}

bool store_in_transaction(const struct store_database *d)
{
    return !sqlite3_get_autocommit(d->db);
}

static void forget_table(struct store_database *d)
{
    free(d->last_database);
    free(d->last_table);
    d->last_database = d->last_table = NULL;
}

int store_begin(struct store_database *d, struct error *err)
{
    return run(d, BEGIN, err, "beginning a transaction");
}

/* The catalogue of tables; asked of SQLite only when the table is another one than the last. */
static int add_table(struct store_database *d, const struct store_change *c, struct error *err)
{
    if (d->last_database && strcmp(d->last_database, c->database) == 0 && strcmp(d->last_table, c->table) == 0)
        return 0;
    bind_text(d->statements[ADD_TABLE], 1, c->database);
    bind_text(d->statements[ADD_TABLE], 2, c->table);
    int rc = run(d, ADD_TABLE, err, "adding a table");
    if (rc)
        return rc;
    forget_table(d);
    d->last_database = strdup(c->database);
    d->last_table = strdup(c->table);
    if (!d->last_database || !d->last_table)
        forget_table(d);
    return 0;
}

static struct bytes column(sqlite3_stmt *s, int at)
{
    const void *data = sqlite3_column_blob(s, at);
    return BYTES(data, (size_t)sqlite3_column_bytes(s, at));
}

static uint64_t gone_since(const struct store_database *d, const struct store_change *c)
{
    return gone_last(&d->gone, bytes_of(c->database), bytes_of(c->table), bytes_of(c->key));
}

/* Whether the precondition holds, with what the open transaction changed already. What has expired is not there. */
static int check(struct store_database *d, struct store_change *c, struct error *err)
{
    sqlite3_stmt *s = d->statements[STATE];
    c->refused = false;
    if (!c->if_revision && !c->if_absent)
        return 0;
    bind_text(s, 1, c->database);
    bind_text(s, 2, c->table);
    bind_text(s, 3, c->key);
    int rc = sqlite3_step(s);
    uint64_t revision = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
    int64_t expires = rc == SQLITE_ROW ? sqlite3_column_int64(s, 1) : 0;
    bool there = rc == SQLITE_ROW && (expires == 0 || expires > c->now);
    rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : world_sqlite_error(d->db, err, "looking a record up");
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    if (rc)
        return rc;
    if (!c->if_absent)
        c->refused = !there || revision != c->if_revision;
    else if (there || !c->if_revision)
        c->refused = there;
    else /* a revision nobody has been given yet is from another life of this store */
        c->refused = revision > c->if_revision || gone_since(d, c) > c->if_revision || c->if_revision > d->revision;
    return 0;
}

static int apply_record(struct store_database *d, struct store_change *c, uint64_t revision, struct error *err)
{
    sqlite3_stmt *s = d->statements[c->remove ? DELETE : WRITE];
    int rc = c->remove ? 0 : add_table(d, c, err);
    if (rc)
        return rc;
    bind_text(s, 1, c->database);
    bind_text(s, 2, c->table);
    bind_text(s, 3, c->key);
    if (!c->remove) {
        bind_blob(s, 4, c->value);
        bind_blob(s, 5, c->metadata);
        sqlite3_bind_int64(s, 6, c->expires);
        sqlite3_bind_int64(s, 7, (sqlite3_int64)revision);
    }
    rc = run(d, c->remove ? DELETE : WRITE, err, c->remove ? "deleting a record" : "writing a record");
    if (rc == 0 && c->remove)
        gone_note(&d->gone, bytes_of(c->database), bytes_of(c->table), bytes_of(c->key), revision);
    return rc;
}

int store_apply(struct store_database *d, struct store_change *c, struct error *err)
{
    int rc = c->of_blob ? 0 : check(d, c, err);
    if (rc || c->refused)
        return rc;
    rc = c->of_blob ? blob_index_apply(d->blobs, c, err) : apply_record(d, c, d->revision + 1, err);
    if (rc == 0)
        c->revision = ++d->revision;
    return rc;
}

void store_rollback(struct store_database *d)
{
    if (store_in_transaction(d))
        (void)run(d, ROLLBACK, NULL, "rolling back");
    d->revision = d->committed;
    gone_lower(&d->gone, d->committed);
    forget_table(d);
}

/* Writing the counter with every commit would double the pages of a small one. */
int store_commit(struct store_database *d, struct error *err)
{
    uint64_t reserved = d->reserved;
    int rc = 0;
    if (d->revision > reserved) {
        reserved = d->revision + REVISIONS_AHEAD;
        rc = count(d, reserved, err);
    }
    if (rc == 0)
        rc = run(d, COMMIT, err, "committing");
    if (rc) {
        store_rollback(d);
        return rc;
    }
    d->committed = d->revision;
    d->reserved = reserved;
    return 0;
}

/* Another number each time: a transaction that changes nothing asks nothing of the disk. A disk may be full of our own
 * log. */
int store_probe(struct store_database *d, struct error *err)
{
    world_sqlite_shrink(d->db);
    int rc = store_begin(d, err);
    if (rc)
        return rc;
    rc = count(d, d->reserved + 1, err);
    if (rc == 0)
        rc = run(d, COMMIT, err, "committing");
    if (rc)
        store_rollback(d);
    else
        d->reserved++;
    return rc;
}

uint64_t store_revision(const struct store_database *d)
{
    return d->revision;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

void store_query_deinit(struct store_query *q)
{
    text_deinit(&q->from);
    text_deinit(&q->to);
}

void store_query_exact(struct store_query *q, const char *key)
{
    text_puts(&q->from, key);
    text_add(&q->to, key, strlen(key) + 1); /* no key lies between "k" and "k\0" */
}

void store_query_prefix(struct store_query *q, const char *prefix)
{
    text_puts(&q->from, prefix);
    size_t len = strlen(prefix);
    while (len > 0 && (uint8_t)prefix[len - 1] == 0xff)
        len--;
    if (len == 0)
        return;
    text_add(&q->to, prefix, len);
    if (text_ok(&q->to))
        q->to.data[len - 1] = (char)((uint8_t)prefix[len - 1] + 1);
}

void store_query_after(struct store_query *q, const char *key)
{
    struct text *bound = q->descending ? &q->to : &q->from;
    text_clear(bound);
    text_add(bound, key, strlen(key) + (q->descending ? 0 : 1));
}

static void bind_key(sqlite3_stmt *s, int at, const struct text *key)
{
    sqlite3_bind_text64(s, at, text_string(key), key->len, SQLITE_STATIC, SQLITE_UTF8);
}

int store_read(struct store_database *d, const struct store_query *q,
               bool (*each)(void *arg, const struct store_row *row), void *arg, struct error *err)
{
    if (!text_ok(&q->from) || !text_ok(&q->to))
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (q->offset > INT64_MAX)
        return 0;
    sqlite3_stmt *s =
        d->statements[q->keys_only ? (q->descending ? KEYS_DESC : KEYS_ASC) : (q->descending ? READ_DESC : READ_ASC)];
    bind_text(s, 1, q->database);
    bind_text(s, 2, q->table);
    bind_key(s, 3, &q->from);
    if (q->to.len)
        bind_key(s, 4, &q->to);
    else
        bind_blob(s, 4, BYTES_NONE); /* blobs sort behind all text */
    sqlite3_bind_int64(s, 5, q->now);
    bind_blob(s, 6, q->suffix ? bytes_of(q->suffix) : BYTES_NONE);
    sqlite3_bind_int64(s, 7, q->limit && q->limit <= INT64_MAX ? (sqlite3_int64)q->limit : -1);
    sqlite3_bind_int64(s, 8, (sqlite3_int64)q->offset);
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct store_row row = {.key = column(s, 0),
                                .value = column(s, 1),
                                .metadata = column(s, 2),
                                .expires = sqlite3_column_int64(s, 3),
                                .revision = (uint64_t)sqlite3_column_int64(s, 4)};
        if (!each(arg, &row)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    rc = rc == SQLITE_DONE ? 0 : world_sqlite_error(d->db, err, "reading records");
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return rc;
}

int store_names(struct store_database *d, const char *database, bool (*each)(void *arg, struct bytes name), void *arg,
                struct error *err)
{
    sqlite3_stmt *s = d->statements[database ? TABLES : DATABASES];
    if (database)
        bind_text(s, 1, database);
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        if (!each(arg, column(s, 0))) {
            rc = SQLITE_DONE;
            break;
        }
    rc = rc == SQLITE_DONE ? 0 : world_sqlite_error(d->db, err, "reading names");
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return rc;
}

/* ---- expiry ----------------------------------------------------------------------------------------------------- */

/* A key that went away by expiry is as of its last change: it has no revision of its own. */
int store_expire(struct store_database *d, int64_t now, size_t limit, size_t *count, struct error *err)
{
    sqlite3_stmt *s = d->statements[EXPIRE];
    int rc;
    *count = 0;
    sqlite3_bind_int64(s, 1, now);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)limit);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        gone_note(&d->gone, column(s, 0), column(s, 1), column(s, 2), (uint64_t)sqlite3_column_int64(s, 3));
        ++*count;
    }
    rc = rc == SQLITE_DONE ? 0 : world_sqlite_error(d->db, err, "removing expired records");
    sqlite3_reset(s);
    return rc;
}

int64_t store_next_expiry(struct store_database *d)
{
    sqlite3_stmt *s = d->statements[NEXT_EXPIRY];
    int64_t next = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_reset(s);
    return next;
}
