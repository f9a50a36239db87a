/* SQLite: a file, opened for the one step. SQLite works in our own thread, so every so many of its instructions the
 * rest of the harness gets a turn. A database that somebody else has locked is closed and tried again as a whole, until
 * the step's time is over: nothing of the try before is left, and SQLite's own waiting would stop everything else. */
#include "base/units.h"
#include "e2e/sql/sql.h"

#include <sqlite3.h>
#include <string.h>

#define TURN_INSTRUCTIONS 100000                        /* of SQLite's machine: some milliseconds */
#define LOCKED_FIRST      ((uint64_t)(2 * MILLISECOND)) /* before the next try; doubles */
#define LOCKED_MAX        ((uint64_t)(100 * MILLISECOND))

struct session {
    struct flow_context *x;
    const struct sql_query *query;
    sqlite3 *db;
};

/* What SQLite calls in the middle of its work: not 0 interrupts it. */
static int on_progress(void *arg)
{
    const struct session *s = arg;
    return sql_turn(s->x, s->query) != 0;
}

/* What came of a call that was not SQLITE_OK. ERROR_IN_USE, without a text: try it all again. */
static int refused(const struct session *s, struct sql_outcome *out, int rc)
{
    if ((rc & 0xff) == SQLITE_BUSY)
        return ERROR_IN_USE;
    if ((rc & 0xff) == SQLITE_NOMEM)
        return flow_memory(s->x);
    if ((rc & 0xff) == SQLITE_INTERRUPT && s->x->error.code != 0)
        return s->x->error.code; /* sql_turn() said why */
    text_puts(&out->error, sqlite3_errmsg(s->db));
    out->offset = sqlite3_error_offset(s->db);
    out->code = json_integer(sqlite3_extended_errcode(s->db));
    return out->code != NULL && text_ok(&out->error) ? 0 : flow_memory(s->x);
}

static int bind_value(struct session *s, sqlite3_stmt *stmt, int place, const json_t *value)
{
    struct text text = TEXT_INIT;
    int rc;
    if (json_is_null(value))
        rc = sqlite3_bind_null(stmt, place);
    else if (json_is_boolean(value))
        rc = sqlite3_bind_int64(stmt, place, json_is_true(value));
    else if (json_is_integer(value))
        rc = sqlite3_bind_int64(stmt, place, json_integer_value(value));
    else if (json_is_real(value))
        rc = sqlite3_bind_double(stmt, place, json_real_value(value));
    else if (!sql_is_bytes(value)) {
        value_text(value, &text);
        rc = text_ok(&text)
                 ? sqlite3_bind_text64(stmt, place, text_string(&text), text.len, SQLITE_TRANSIENT, SQLITE_UTF8)
                 : SQLITE_NOMEM;
    } else if (sql_bytes_of(value, &text)) {
        rc = sqlite3_bind_blob64(stmt, place, text_string(&text), text.len, SQLITE_TRANSIENT);
    } else {
        rc = SQLITE_NOMEM;
    }
    text_deinit(&text);
    return rc == SQLITE_OK ? 0 : flow_memory(s->x); /* places were counted: what else fails is memory */
}

static int bind_all(struct session *s, sqlite3_stmt *stmt)
{
    size_t places = (size_t)sqlite3_bind_parameter_count(stmt);
    if (places != json_array_size(s->query->params))
        return sql_wrong_count(s->x, s->query, places);
    int code = 0;
    for (size_t i = 0; i < places && code == 0; i++)
        code = bind_value(s, stmt, (int)i + 1, json_array_get(s->query->params, i));
    return code;
}

static json_t *value_of(sqlite3_stmt *stmt, int column, size_t *bytes)
{
    int type = sqlite3_column_type(stmt, column);
    if (type == SQLITE_NULL)
        return json_null();
    if (type == SQLITE_INTEGER)
        return json_integer(sqlite3_column_int64(stmt, column));
    if (type == SQLITE_FLOAT)
        return sql_real(sqlite3_column_double(stmt, column));
    const void *data = type == SQLITE_BLOB ? sqlite3_column_blob(stmt, column) : sqlite3_column_text(stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(stmt, column);
    *bytes += len;
    if (data == NULL && len > 0)
        return NULL;
    struct bytes value = BYTES(data != NULL ? data : "", len);
    return type == SQLITE_BLOB ? sql_base64(value) : value_of_bytes(value);
}

static int take_row(struct session *s, sqlite3_stmt *stmt, struct sql_outcome *out)
{
    json_t *row = json_object();
    size_t bytes = 0;
    int code = row != NULL ? 0 : flow_memory(s->x);
    for (int i = 0; i < sqlite3_column_count(stmt) && code == 0; i++) {
        const char *name = sqlite3_column_name(stmt, i);
        bytes += (name != NULL ? strlen(name) : 0) + sizeof(json_t *);
        code = name != NULL ? sql_add_value(s->x, s->query, row, name, value_of(stmt, i, &bytes)) : flow_memory(s->x);
    }
    if (code == 0)
        return sql_add_row(s->x, s->query, out, row, bytes);
    json_decref(row);
    return code;
}

/* Behind a statement stands another one: not blanks and comments only. */
static bool more_behind(const struct session *s, const char *rest)
{
    sqlite3_stmt *stmt = NULL;
    bool more = sqlite3_prepare_v2(s->db, rest, -1, &stmt, NULL) != SQLITE_OK || stmt != NULL;
    sqlite3_finalize(stmt);
    return more;
}

static int run_statement(struct session *s, size_t i, struct sql_outcome *out)
{
    const struct node *place = sql_statement(s->query, i);
    sqlite3_stmt *stmt = NULL;
    const char *rest = "";
    out->statement = i;
    int64_t before = sqlite3_total_changes(s->db);
    int rc = sqlite3_prepare_v2(s->db, s->query->statements[i], -1, &stmt, &rest), code = 0;
    if (rc != SQLITE_OK)
        return refused(s, out, rc);
    if (stmt == NULL)
        return flow_wrong(s->x, place, ERROR_INVALID, "there is no statement in this text");
    if (more_behind(s, rest))
        code = flow_wrong(s->x, place, ERROR_INVALID, "more than one statement: write them as a list, [first, second]");
    if (code == 0)
        code = bind_all(s, stmt);
    json_array_clear(out->rows);
    out->bytes = 0;
    while (code == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        code = take_row(s, stmt, out);
    if (code == 0 && rc != SQLITE_DONE)
        code = refused(s, out, rc);
    else if (code == 0 && !sqlite3_stmt_readonly(stmt) && sqlite3_total_changes(s->db) != before) {
        out->changed += sqlite3_changes(s->db);
        out->inserted = sqlite3_last_insert_rowid(s->db);
    }
    sqlite3_finalize(stmt);
    return code;
}

static int run_plain(struct session *s, const char *sql, struct sql_outcome *out)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : refused(s, out, rc);
}

static int run_statements(struct session *s, struct sql_outcome *out)
{
    bool many = s->query->count > 1;
    int code = many ? run_plain(s, s->query->read_only ? "BEGIN" : "BEGIN IMMEDIATE", out) : 0;
    for (size_t i = 0; i < s->query->count && code == 0 && out->error.len == 0; i++)
        code = run_statement(s, i, out);
    if (code != 0 || out->error.len > 0)
        return code;
    if (many)
        return run_plain(s, "COMMIT", out);
    return sqlite3_get_autocommit(s->db) ? 0 : sql_left_open(s->x, s->query);
}

static int open_database(struct session *s)
{
    const struct sql_query *q = s->query;
    int flags = q->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(q->where, &s->db, flags | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (s->db == NULL || (rc & 0xff) == SQLITE_NOMEM)
        return flow_memory(s->x);
    if (rc != SQLITE_OK)
        return node_error(q->place, &s->x->error, ERROR_IO, "SQLite cannot open %s: %s", q->where,
                          sqlite3_errmsg(s->db));
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_progress_handler(s->db, TURN_INSTRUCTIONS, on_progress, s);
    return 0;
}

static int try_once(struct flow_context *x, const struct sql_query *q, struct sql_outcome *out)
{
    struct session s = {.x = x, .query = q};
    int code = open_database(&s);
    if (code == 0)
        code = run_statements(&s, out);
    sqlite3_close_v2(s.db); /* with a transaction that is open: it never was */
    return code;
}

int sql_by_sqlite(struct flow_context *x, const struct sql_query *q, struct sql_outcome *out)
{
    uint64_t pause = LOCKED_FIRST;
    char time[32];
    int code;
    while ((code = try_once(x, q, out)) == ERROR_IN_USE) {
        uint64_t now = world_now(x->target->world);
        if (now >= q->end) {
            units_format_duration((int64_t)q->timeout, time, sizeof time);
            return node_error(q->place, &x->error, ERROR_TIMEOUT, "%s was locked by another connection for %s",
                              q->where, time);
        }
        if ((code = flow_sleep(x, pause < q->end - now ? pause : q->end - now)) != 0)
            return error_set(&x->error, code, "%s", code == ERROR_CANCELLED ? "interrupted" : error_code_name(code));
        pause = pause * 2 < LOCKED_MAX ? pause * 2 : LOCKED_MAX;
        out->changed = 0;
    }
    return code;
}
