#include "reports/history_internal.h"

#include "base/units.h"
#include "reports/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the file -------------------------------------------------------------------------------------------------- */

/* "HRW1" */
#define APPLICATION_ID 0x48525731
#define TURN_MAX       ((uint64_t)(10 * SECOND)) /* for a file that another process has */
#define TURN_PAUSE     ((uint64_t)(20 * MILLISECOND))

static const char schema[] =
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, run TEXT NOT NULL, shard INTEGER NOT NULL, system TEXT, driver TEXT,"
    " seed TEXT, started TEXT, version TEXT, command TEXT, verdict TEXT, duration INTEGER, passed INTEGER,"
    " failed INTEGER, flaky INTEGER, skipped INTEGER, bugs INTEGER, warnings INTEGER, UNIQUE(run, shard));"
    "CREATE INDEX runs_by_time ON runs(started);"
    "CREATE TABLE names(id INTEGER PRIMARY KEY, pillar TEXT NOT NULL, suite TEXT NOT NULL, name TEXT NOT NULL,"
    " UNIQUE(pillar, suite, name));"
    "CREATE TABLE cases(run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,"
    " name INTEGER NOT NULL REFERENCES names(id), status TEXT NOT NULL, duration INTEGER NOT NULL);"
    "CREATE INDEX cases_by_run ON cases(run);"
    "CREATE INDEX cases_by_name ON cases(name, run);"
    "CREATE TABLE findings(run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE, print TEXT NOT NULL,"
    " pillar TEXT, title TEXT, oracle TEXT, target TEXT, severity TEXT, count INTEGER);"
    "CREATE INDEX findings_by_run ON findings(run);"
    "CREATE INDEX findings_by_print ON findings(print);"
    "CREATE TABLE figures(run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE, name TEXT NOT NULL,"
    " count INTEGER, p50 REAL, p99 REAL, max REAL);"
    "CREATE INDEX figures_by_run ON figures(run);";

static int execute(sqlite3 *db, const char *sql, const char *doing, struct error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : world_sqlite_error(db, err, doing);
}

static int make_tables(sqlite3 *db, struct error *err)
{
    char mark[96];
    (void)snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", APPLICATION_ID,
                   REPORT_HISTORY_VERSION);
    int code = execute(db, "BEGIN IMMEDIATE", "making the history", err);
    if (code == 0)
        code = execute(db, schema, "making the history's tables", err);
    return code != 0 ? code : execute(db, mark, "making the history", err);
}

static int is_empty(const char *path, struct error *err)
{
    return error_set_at(err, ERROR_INVALID, path, 0, 0,
                        "the file is empty: no history is in it; harrow report RUN --history FILE makes one");
}

static int check_version(sqlite3 *db, const char *path, bool make, struct error *err)
{
    int64_t id = 0, version = 0, tables = 0;
    int code = world_sqlite_number(db, "PRAGMA application_id", &id, "reading the history", err);
    if (code == 0)
        code = world_sqlite_number(db, "PRAGMA user_version", &version, "reading the history", err);
    if (code == 0)
        code = world_sqlite_number(db, "SELECT count(*) FROM sqlite_master", &tables, "reading the history", err);
    if (code != 0)
        return code;
    if (tables == 0)
        return make ? make_tables(db, err) : is_empty(path, err);
    if (id != APPLICATION_ID)
        return error_set(err, ERROR_INVALID, "%s is an SQLite file, but no history of harrow's; name another", path);
    if (version != REPORT_HISTORY_VERSION)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s has version %lld of the history, this harrow knows %d; use the harrow that wrote it, or "
                         "name another file",
                         path, (long long)version, REPORT_HISTORY_VERSION);
    return 0;
}

/* A folder or a file of somebody else's is told in words that say what it is. */
static int check_file(struct world *w, const char *path, struct error *err)
{
    struct world_stat stat = {0};
    if (world_stat(w, path, &stat) == 0 && stat.exists && stat.directory)
        return error_set(err, ERROR_INVALID, "%s is a folder; name the history's file", path);
    return 0;
}

/* Runs that end together keep themselves one after the other: each has the file for some milliseconds. */
static int open_in_turn(struct world *w, const char *path, uint64_t wait, sqlite3 **out, struct error *err)
{
    uint64_t begin = world_now(w);
    int code = 0;
    while ((code = world_sqlite_open(w, path, out, err)) == ERROR_IN_USE && world_now(w) - begin < wait) {
        error_clear(err);
        if (world_sleep(w, TURN_PAUSE) != 0)
            return error_set(err, ERROR_CANCELLED, "stopped while %s was in use by another process", path);
    }
    if (code == ERROR_IN_USE)
        error_wrap(err, "the history was waited for %d s", (int)(wait / SECOND));
    else if (code == ERROR_IO || code == ERROR_DENIED)
        error_wrap(err, "the history's file and its folder must be there and writable, also to be read");
    return code;
}

int history_open_within(struct world *w, const char *path, uint64_t wait, bool make, struct report_history **out,
                        struct error *err)
{
    struct report_history *h = calloc(1, sizeof *h);
    if (h == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = check_file(w, path, err);
    if (code == 0)
        code = open_in_turn(w, path, wait, &h->db, err);
    if (code == 0)
        code = check_version(h->db, path, make, err);
    if (code != 0) {
        report_history_close(h);
        return code;
    }
    *out = h;
    return 0;
}

int report_history_open(struct world *w, const char *path, struct report_history **out, struct error *err)
{
    return history_open_within(w, path, TURN_MAX, true, out, err);
}

/* SQLite makes what is not there, and writes into what is empty: both are told before it is asked. */
int report_history_look(struct world *w, const char *path, struct report_history **out, struct error *err)
{
    struct world_stat stat = {0};
    int code = world_stat(w, path, &stat);
    if (code != 0 || !stat.exists)
        return error_set_at(err, ERROR_NOT_FOUND, path, 0, 0,
                            "there is no such history; harrow report RUN --history FILE makes one");
    if (stat.size == 0 && !stat.directory)
        return is_empty(path, err);
    return history_open_within(w, path, TURN_MAX, false, out, err);
}

void report_history_close(struct report_history *h)
{
    if (h == NULL)
        return;
    if (h->db != NULL)
        world_sqlite_close(h->db);
    free(h);
}

/* ---- adding ---------------------------------------------------------------------------------------------------- */

/* Binds by the letters of `kinds`: t text, i int64_t, d double. */
static int bind_all(sqlite3_stmt *s, const char *kinds, va_list args)
{
    int rc = SQLITE_OK;
    for (int i = 1; *kinds != 0 && rc == SQLITE_OK; i++, kinds++) {
        if (*kinds == 't')
            rc = sqlite3_bind_text(s, i, va_arg(args, const char *), -1, SQLITE_STATIC);
        else if (*kinds == 'i')
            rc = sqlite3_bind_int64(s, i, va_arg(args, int64_t));
        else
            rc = sqlite3_bind_double(s, i, va_arg(args, double));
    }
    return rc;
}

/* One row in, or out: the statement is ready for the next afterwards. */
static int put_row(sqlite3 *db, sqlite3_stmt *s, struct error *err, const char *kinds, ...)
{
    va_list args;
    va_start(args, kinds);
    int rc = bind_all(s, kinds, args);
    va_end(args);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    int code = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : world_sqlite_error(db, err, "writing to the history");
    sqlite3_reset(s);
    return code;
}

int history_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct error *err)
{
    return sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK ? 0
                                                                   : world_sqlite_error(db, err, "reading the history");
}

int64_t history_whole(uint64_t n)
{
    return (int64_t)(n & INT64_MAX);
}

const char *history_text_of(sqlite3_stmt *s, int column)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    return text == NULL ? "" : (const char *)text;
}

static int add_run(sqlite3 *db, const struct report *r, int64_t *id, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int code = history_prepare(db, "DELETE FROM runs WHERE run=? AND shard=?", &s, err);
    if (code == 0)
        code = put_row(db, s, err, "ti", r->id, history_whole(r->shard));
    sqlite3_finalize(s);
    s = NULL;
    if (code == 0)
        code = history_prepare(db, "INSERT INTO runs VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", &s, err);
    if (code == 0)
        code = put_row(db, s, err,
                       "tittttttt"
                       "iiiiiii",
                       r->id, history_whole(r->shard), r->system, r->driver, r->seed, r->started, r->version,
                       r->command, report_verdict_name(report_verdict(r)), history_whole(r->duration),
                       (int64_t)r->counts[REPORT_PASSED], (int64_t)r->counts[REPORT_FAILED],
                       (int64_t)r->counts[REPORT_FLAKY], (int64_t)r->counts[REPORT_SKIPPED], (int64_t)r->bugs,
                       (int64_t)r->warnings);
    *id = sqlite3_last_insert_rowid(db);
    sqlite3_finalize(s);
    return code;
}

static int add_cases(sqlite3 *db, const struct report *r, int64_t id, struct error *err)
{
    sqlite3_stmt *name = NULL, *row = NULL;
    int code = history_prepare(db, "INSERT OR IGNORE INTO names(pillar,suite,name) VALUES(?,?,?)", &name, err);
    if (code == 0)
        code = history_prepare(
            db, "INSERT INTO cases SELECT ?1, id, ?5, ?6 FROM names WHERE pillar=?2 AND suite=?3 AND name=?4", &row,
            err);
    for (size_t i = 0; code == 0 && i < r->cases.count; i++) {
        const struct report_case *c = &r->cases.items[i];
        code = put_row(db, name, err, "ttt", c->pillar, c->suite, c->name);
        if (code == 0)
            code = put_row(db, row, err, "itttti", id, c->pillar, c->suite, c->name, report_status_name(c->status),
                           history_whole(c->duration));
    }
    sqlite3_finalize(name);
    sqlite3_finalize(row);
    return code;
}

static int add_findings(sqlite3 *db, const struct report *r, int64_t id, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int code = history_prepare(db, "INSERT INTO findings VALUES(?,?,?,?,?,?,?,?)", &s, err);
    for (size_t i = 0; code == 0 && i < r->findings.count; i++) {
        const struct report_finding *f = &r->findings.items[i];
        char print[REPORT_PRINT_SIZE];
        report_finding_print(f, print);
        code = put_row(db, s, err,
                       "ittttt"
                       "ti",
                       id, print, f->pillar, f->title, f->oracle, f->target, f->warning ? "warning" : "bug",
                       history_whole(f->count));
        sqlite3_clear_bindings(s);
    }
    sqlite3_finalize(s);
    return code;
}

static int add_figures(sqlite3 *db, const struct report *r, int64_t id, struct error *err)
{
    struct report_recovery_row *rows = NULL;
    sqlite3_stmt *s = NULL;
    size_t count = 0;
    int code = history_prepare(db, "INSERT INTO figures VALUES(?,?,?,?,?,?)", &s, err);
    for (size_t i = 0; code == 0 && i < r->series.count; i++) {
        const struct report_series *series = &r->series.items[i];
        double *sorted = report_series_sorted(series);
        if (sorted == NULL)
            code = error_set(err, ERROR_MEMORY, "out of memory");
        if (code == 0)
            code = put_row(db, s, err, "itiddd", id, series->name, (int64_t)series->count,
                           report_quantile(sorted, series->count, 0.5), report_quantile(sorted, series->count, 0.99),
                           sorted[series->count - 1]);
        free(sorted);
    }
    if (code == 0 && report_recovery_rows(r, &rows, &count) != 0)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; code == 0 && i < count * REPORT_FIGURE_COUNT; i++) {
        const struct report_recovery_row *row = &rows[i / REPORT_FIGURE_COUNT];
        enum report_figure f = (enum report_figure)(i % REPORT_FIGURE_COUNT);
        const struct report_spread *v = &row->figures[f];
        struct text name = TEXT_INIT;
        text_printf(&name, "%s after %s of %s, ms", report_figure_name(f), row->fault, row->target);
        if (!text_ok(&name))
            code = error_set(err, ERROR_MEMORY, "out of memory");
        else if (v->count != 0)
            code = put_row(db, s, err, "itiddd", id, text_string(&name), (int64_t)v->count, (double)v->p50 / 1e6,
                           (double)v->p99 / 1e6, (double)v->max / 1e6);
        sqlite3_clear_bindings(s);
        text_deinit(&name);
    }
    free(rows);
    sqlite3_finalize(s);
    return code;
}

static int add_one(sqlite3 *db, const struct report *r, struct error *err)
{
    int64_t id = 0;
    if (r->id[0] == 0)
        return error_set(err, ERROR_INVALID, "%s: a run without an id cannot be kept in a history", r->source);
    int code = add_run(db, r, &id, err);
    if (code == 0)
        code = add_cases(db, r, id, err);
    if (code == 0)
        code = add_findings(db, r, id, err);
    return code != 0 ? code : add_figures(db, r, id, err);
}

int report_history_add(struct report_history *h, const struct report *r, struct error *err)
{
    int code = execute(h->db, "BEGIN IMMEDIATE", "writing to the history", err);
    if (code != 0)
        return code;
    for (size_t i = 0; code == 0 && i < r->part_count; i++)
        code = add_one(h->db, r->parts[i], err);
    if (code == 0 && r->part_count == 0)
        code = add_one(h->db, r, err);
    if (code == 0)
        code = execute(h->db, "COMMIT", "writing to the history", err);
    if (code != 0)
        (void)sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

/* ---- durations ------------------------------------------------------------------------------------------------- */

int report_history_durations(struct report_history *h, const char *pillar, const char *system, uint64_t runs,
                             int (*each)(void *arg, const char *suite, const char *name, uint64_t duration), void *arg,
                             struct error *err)
{
    static const char sql[] =
        "WITH last AS (SELECT id FROM runs WHERE system=?1 ORDER BY started DESC, id DESC LIMIT ?2) "
        "SELECT n.suite, n.name, avg(c.duration) FROM cases c JOIN last r ON r.id=c.run"
        " JOIN names n ON n.id=c.name WHERE n.pillar=?3 AND c.status<>'skipped' GROUP BY n.id";
    sqlite3_stmt *s = NULL;
    int code = history_prepare(h->db, sql, &s, err), step = SQLITE_ROW;
    if (code == 0 && (sqlite3_bind_text(s, 1, system, -1, SQLITE_STATIC) != SQLITE_OK ||
                      sqlite3_bind_int64(s, 2, history_whole(runs)) != SQLITE_OK ||
                      sqlite3_bind_text(s, 3, pillar, -1, SQLITE_STATIC) != SQLITE_OK))
        code = world_sqlite_error(h->db, err, "reading the history");
    while (code == 0 && (step = sqlite3_step(s)) == SQLITE_ROW) {
        double average = fmin(sqlite3_column_double(s, 2), 9e18);
        if ((code = each(arg, history_text_of(s, 0), history_text_of(s, 1), average > 1 ? (uint64_t)average : 1)) != 0)
            error_set(err, code, "%s", error_code_name(code));
    }
    if (code == 0 && step != SQLITE_DONE)
        code = world_sqlite_error(h->db, err, "reading the history");
    sqlite3_finalize(s);
    return code;
}
