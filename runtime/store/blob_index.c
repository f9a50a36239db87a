#include "runtime/store/blob_index.h"

#include "world/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum statement { FIND, PUT, DELETE, LIST, HAS_FILE, STATEMENT_COUNT };
static const char *const sql[STATEMENT_COUNT] = {
    [FIND] = "SELECT file, size, type, public FROM blobs WHERE ns = ?1 AND key = ?2",
    [PUT] = ("INSERT INTO blobs (ns, key, file, size, type, public, written) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
             " ON CONFLICT (ns, key) DO UPDATE SET file = ?3, size = ?4, type = ?5, public = ?6, written = ?7"),
    [DELETE] = "DELETE FROM blobs WHERE ns = ?1 AND key = ?2",
    [LIST] = "SELECT key FROM blobs WHERE ns = ?1 AND key >= ?2 AND key < ?3 ORDER BY key",
    [HAS_FILE] = "SELECT 1 FROM blobs WHERE file = ?1",
};

struct blob_index {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
};

int blob_index_new(sqlite3 *db, struct blob_index **out, struct error *err)
{
    struct blob_index *x = calloc(1, sizeof *x);
    if (!x)
        return error_set(err, ERROR_MEMORY, "out of memory");
    x->db = db;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &x->statements[i], NULL) != SQLITE_OK) {
            int rc = world_sqlite_error(db, err, "preparing a statement");
            blob_index_free(x);
            return rc;
        }
    *out = x;
    return 0;
}

void blob_index_free(struct blob_index *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(x->statements[i]);
    free(x);
}

static void done(sqlite3_stmt *s)
{
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

static sqlite3_stmt *keyed(struct blob_index *x, enum statement which, const char *ns, const char *key)
{
    sqlite3_stmt *s = x->statements[which];
    sqlite3_bind_text(s, 1, ns, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, key, -1, SQLITE_STATIC);
    return s;
}

static void copy_text(sqlite3_stmt *s, int at, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(s, at);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

static int find(struct blob_index *x, const char *ns, const char *key, struct store_blob *out, struct error *err)
{
    sqlite3_stmt *s = keyed(x, FIND, ns, key);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        copy_text(s, 0, out->file, sizeof out->file);
        out->size = (uint64_t)sqlite3_column_int64(s, 1);
        copy_text(s, 2, out->type, sizeof out->type);
        out->public = sqlite3_column_int(s, 3) != 0;
        rc = 0;
    } else {
        rc = rc == SQLITE_DONE ? ERROR_NOT_FOUND : world_sqlite_error(x->db, err, "looking a blob up");
    }
    done(s);
    return rc;
}

int blob_index_apply(struct blob_index *x, struct store_change *c, struct error *err)
{
    struct store_blob old = {0};
    int rc = find(x, c->database, c->key, &old, err);
    if (rc && rc != ERROR_NOT_FOUND)
        return rc;
    snprintf(c->old_file, sizeof c->old_file, "%s", old.file);
    sqlite3_stmt *s = keyed(x, c->remove ? DELETE : PUT, c->database, c->key);
    if (!c->remove) {
        sqlite3_bind_text(s, 3, c->blob->file, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 4, (sqlite3_int64)c->blob->size);
        sqlite3_bind_text(s, 5, c->blob->type, -1, SQLITE_STATIC);
        sqlite3_bind_int(s, 6, c->blob->public);
        sqlite3_bind_int64(s, 7, c->blob->written);
    }
    rc = sqlite3_step(s) == SQLITE_DONE ? 0 : world_sqlite_error(x->db, err, "writing down a blob");
    done(s);
    return rc;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

int store_blob_find(struct store_database *d, const char *ns, const char *key, struct store_blob *out,
                    struct error *err)
{
    return find(store_blob_index(d), ns, key, out, err);
}

int store_blob_list(struct store_database *d, const char *ns, const char *prefix,
                    bool (*each)(void *arg, struct bytes key), void *arg, struct error *err)
{
    struct blob_index *x = store_blob_index(d);
    struct store_query range = {0};
    store_query_prefix(&range, prefix);
    if (!text_ok(&range.from) || !text_ok(&range.to)) {
        store_query_deinit(&range);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    sqlite3_stmt *s = keyed(x, LIST, ns, text_string(&range.from));
    if (range.to.len)
        sqlite3_bind_text(s, 3, text_string(&range.to), (int)range.to.len, SQLITE_STATIC);
    else
        sqlite3_bind_blob(s, 3, "", 0, SQLITE_STATIC); /* blobs sort behind all text */
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(s, 0);
        if (!each(arg, BYTES(data, (size_t)sqlite3_column_bytes(s, 0)))) {
            rc = SQLITE_DONE;
            break;
        }
    }
    rc = rc == SQLITE_DONE ? 0 : world_sqlite_error(x->db, err, "listing blobs");
    done(s);
    store_query_deinit(&range);
    return rc;
}

int store_blob_has_file(struct store_database *d, const char *file, bool *out, struct error *err)
{
    struct blob_index *x = store_blob_index(d);
    sqlite3_stmt *s = x->statements[HAS_FILE];
    sqlite3_bind_text(s, 1, file, -1, SQLITE_STATIC);
    int rc = sqlite3_step(s);
    *out = rc == SQLITE_ROW;
    rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : world_sqlite_error(x->db, err, "looking a blob's file up");
    done(s);
    return rc;
}
