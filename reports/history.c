#include "reports/history.h"

#include "base/units.h"
#include "reports/json_out.h"
#include "reports/model.h"
#include "reports/terminal.h"
#include "world/sqlite.h"

#include <stdio.h>
#include <stdlib.h>

struct report_history {
    sqlite3 *db;
};

/* ---- the file -------------------------------------------------------------------------------------------------- */

/* "HRW1" */
#define APPLICATION_ID 0x48525731

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

static int check_version(sqlite3 *db, const char *path, struct error *err)
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
        return make_tables(db, err);
    if (id != APPLICATION_ID)
        return error_set(err, ERROR_INVALID, "%s is an SQLite file, but no history of harrow's; name another", path);
    if (version != REPORT_HISTORY_VERSION)
        return error_set(err, ERROR_UNSUPPORTED, "%s has version %lld of the history, this harrow knows %d", path,
                         (long long)version, REPORT_HISTORY_VERSION);
    return 0;
}

int report_history_open(struct world *w, const char *path, struct report_history **out, struct error *err)
{
    struct report_history *h = calloc(1, sizeof *h);
    if (h == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = world_sqlite_open(w, path, &h->db, err);
    if (code == 0)
        code = check_version(h->db, path, err);
    if (code != 0) {
        report_history_close(h);
        return code;
    }
    *out = h;
    return 0;
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

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct error *err)
{
    return sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK ? 0
                                                                   : world_sqlite_error(db, err, "reading the history");
}

static int64_t whole(uint64_t n)
{
    return (int64_t)(n & INT64_MAX);
}

static int add_run(sqlite3 *db, const struct report *r, int64_t *id, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int code = prepare(db, "DELETE FROM runs WHERE run=? AND shard=?", &s, err);
    if (code == 0)
        code = put_row(db, s, err, "ti", r->id, whole(r->shard));
    sqlite3_finalize(s);
    s = NULL;
    if (code == 0)
        code = prepare(db, "INSERT INTO runs VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", &s, err);
    if (code == 0)
        code = put_row(db, s, err,
                       "tittttttt"
                       "iiiiiii",
                       r->id, whole(r->shard), r->system, r->driver, r->seed, r->started, r->version, r->command,
                       report_verdict_name(report_verdict(r)), whole(r->duration), (int64_t)r->counts[REPORT_PASSED],
                       (int64_t)r->counts[REPORT_FAILED], (int64_t)r->counts[REPORT_FLAKY],
                       (int64_t)r->counts[REPORT_SKIPPED], (int64_t)r->bugs, (int64_t)r->warnings);
    *id = sqlite3_last_insert_rowid(db);
    sqlite3_finalize(s);
    return code;
}

static int add_cases(sqlite3 *db, const struct report *r, int64_t id, struct error *err)
{
    sqlite3_stmt *name = NULL, *row = NULL;
    int code = prepare(db, "INSERT OR IGNORE INTO names(pillar,suite,name) VALUES(?,?,?)", &name, err);
    if (code == 0)
        code =
            prepare(db, "INSERT INTO cases SELECT ?1, id, ?5, ?6 FROM names WHERE pillar=?2 AND suite=?3 AND name=?4",
                    &row, err);
    for (size_t i = 0; code == 0 && i < r->cases.count; i++) {
        const struct report_case *c = &r->cases.items[i];
        code = put_row(db, name, err, "ttt", c->pillar, c->suite, c->name);
        if (code == 0)
            code = put_row(db, row, err, "itttti", id, c->pillar, c->suite, c->name, report_status_name(c->status),
                           whole(c->duration));
    }
    sqlite3_finalize(name);
    sqlite3_finalize(row);
    return code;
}

static int add_findings(sqlite3 *db, const struct report *r, int64_t id, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int code = prepare(db, "INSERT INTO findings VALUES(?,?,?,?,?,?,?,?)", &s, err);
    for (size_t i = 0; code == 0 && i < r->findings.count; i++) {
        const struct report_finding *f = &r->findings.items[i];
        char print[REPORT_PRINT_SIZE];
        report_finding_print(f, print);
        code = put_row(db, s, err,
                       "ittttt"
                       "ti",
                       id, print, f->pillar, f->title, f->oracle, f->target, f->warning ? "warning" : "bug",
                       whole(f->count));
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
    int code = prepare(db, "INSERT INTO figures VALUES(?,?,?,?,?,?)", &s, err);
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

/* ---- asking ---------------------------------------------------------------------------------------------------- */

/* The newest ?1 runs, of the system ?3 when that is given; each table has at most ?2 rows. */
#define LAST                                                                                                           \
    "WITH last AS (SELECT * FROM runs WHERE ?3 IS NULL OR system=?3 ORDER BY started DESC, id DESC LIMIT ?1), "        \
    "tried AS (SELECT n.pillar, n.suite, n.name, c.status, c.duration, r.started,"                                     \
    " lag(c.status) OVER (PARTITION BY n.id ORDER BY r.started, r.id) AS before"                                       \
    " FROM cases c JOIN last r ON r.id=c.run JOIN names n ON n.id=c.name WHERE c.status<>'skipped') "

enum column_kind { COLUMN_TEXT, COLUMN_COUNT, COLUMN_DURATION, COLUMN_REAL, COLUMN_SHARE };
struct column {
    const char *name, *title;
    enum column_kind kind;
};
#define COLUMNS_MAX 12
static const struct {
    const char *name, *title, *sql;
    struct column columns[COLUMNS_MAX];
} tables[] = {
    {"runs",
     "Runs, the newest first",
     LAST "SELECT started, run, system, verdict, passed, failed, flaky, bugs, warnings, duration FROM last LIMIT ?2",
     {{"started", "started", COLUMN_TEXT},
      {"run", "run", COLUMN_TEXT},
      {"system", "system", COLUMN_TEXT},
      {"verdict", "verdict", COLUMN_TEXT},
      {"passed", "passed", COLUMN_COUNT},
      {"failed", "failed", COLUMN_COUNT},
      {"flaky", "flaky", COLUMN_COUNT},
      {"bugs", "bugs", COLUMN_COUNT},
      {"warnings", "warnings", COLUMN_COUNT},
      {"duration", "took", COLUMN_DURATION}}},
    {"slowest",
     "Slowest cases, by their mean",
     LAST "SELECT pillar, suite, name, count(*), avg(duration), max(duration) FROM tried GROUP BY 1,2,3"
          " ORDER BY 5 DESC, 1,2,3 LIMIT ?2",
     {{"pillar", "pillar", COLUMN_TEXT},
      {"suite", "suite", COLUMN_TEXT},
      {"name", "case", COLUMN_TEXT},
      {"runs", "runs", COLUMN_COUNT},
      {"mean", "mean", COLUMN_DURATION},
      {"max", "max", COLUMN_DURATION}}},
    {"flakiest",
     "Flakiest cases: passed after they had failed, or another verdict than the run before",
     LAST "SELECT pillar, suite, name, count(*), sum(status='flaky'), sum(before IS NOT NULL AND before<>status) AS"
          " flips, sum(status='failed'),"
          " 1.0*sum(status='flaky' OR (before IS NOT NULL AND before<>status))/count(*) AS share"
          " FROM tried GROUP BY 1,2,3 HAVING share>0 ORDER BY share DESC, 1,2,3 LIMIT ?2",
     {{"pillar", "pillar", COLUMN_TEXT},
      {"suite", "suite", COLUMN_TEXT},
      {"name", "case", COLUMN_TEXT},
      {"runs", "runs", COLUMN_COUNT},
      {"flaky", "flaky", COLUMN_COUNT},
      {"flips", "flips", COLUMN_COUNT},
      {"failed", "failed", COLUMN_COUNT},
      {"share", "share", COLUMN_SHARE}}},
    {"findings",
     "Findings, those first seen last at the top",
     LAST "SELECT f.print, max(f.severity), f.pillar, f.target, f.title, count(DISTINCT f.run), sum(f.count),"
          " (SELECT min(r2.started) FROM findings f2 JOIN runs r2 ON r2.id=f2.run WHERE f2.print=f.print) AS first,"
          " max(r.started) FROM findings f JOIN last r ON r.id=f.run GROUP BY f.print ORDER BY first DESC, 1 LIMIT ?2",
     {{"print", "fingerprint", COLUMN_TEXT},
      {"severity", "severity", COLUMN_TEXT},
      {"pillar", "pillar", COLUMN_TEXT},
      {"target", "target", COLUMN_TEXT},
      {"title", "what", COLUMN_TEXT},
      {"runs", "runs", COLUMN_COUNT},
      {"met", "met", COLUMN_COUNT},
      {"first", "first seen", COLUMN_TEXT},
      {"last", "last seen", COLUMN_TEXT}}},
    {"trends",
     "Figures: the newest run against the mean of those before",
     LAST ", f AS (SELECT g.*, r.started, row_number() OVER (PARTITION BY g.name ORDER BY r.started DESC, r.id DESC) AS"
          " place FROM figures g JOIN last r ON r.id=g.run) "
          "SELECT name, count(*), max(CASE WHEN place=1 THEN p50 END), max(CASE WHEN place=1 THEN p99 END),"
          " avg(CASE WHEN place>1 THEN p50 END),"
          " max(CASE WHEN place=1 THEN p50 END)/nullif(avg(CASE WHEN place>1 THEN p50 END),0) AS ratio"
          " FROM f GROUP BY name ORDER BY ratio IS NULL, ratio DESC, name LIMIT ?2",
     {{"name", "figure", COLUMN_TEXT},
      {"runs", "runs", COLUMN_COUNT},
      {"p50", "p50", COLUMN_REAL},
      {"p99", "p99", COLUMN_REAL},
      {"before", "p50 before", COLUMN_REAL},
      {"ratio", "ratio", COLUMN_REAL}}},
};
#define TABLE_COUNT (sizeof tables / sizeof *tables)

/* Calls `row` for every row; its code ends it. */
static int each_row(struct report_history *h, const struct report_history_query *q, size_t table,
                    int (*row)(void *arg, sqlite3_stmt *s), void *arg, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int code = prepare(h->db, tables[table].sql, &s, err), rc = SQLITE_OK;
    if (code == 0)
        rc = sqlite3_bind_int64(s, 1, whole(q->last));
    if (code == 0 && rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 2, whole(q->rows));
    if (code == 0 && rc == SQLITE_OK && q->system != NULL)
        rc = sqlite3_bind_text(s, 3, q->system, -1, SQLITE_STATIC);
    while (code == 0 && rc == SQLITE_OK) {
        int step = sqlite3_step(s);
        if (step == SQLITE_DONE)
            break;
        code = step == SQLITE_ROW ? row(arg, s) : world_sqlite_error(h->db, err, "reading the history");
    }
    if (code == 0 && rc != SQLITE_OK)
        code = world_sqlite_error(h->db, err, "reading the history");
    sqlite3_finalize(s);
    return code;
}

static const char *text_of(sqlite3_stmt *s, int column)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    return text == NULL ? "" : (const char *)text;
}

struct json_rows {
    struct json_out *j;
    const struct column *columns;
};

static int json_row(void *arg, sqlite3_stmt *s)
{
    struct json_rows *rows = arg;
    json_out_open(rows->j, NULL, '{');
    for (int i = 0; i < COLUMNS_MAX && rows->columns[i].name != NULL; i++) {
        const struct column *c = &rows->columns[i];
        if (sqlite3_column_type(s, i) == SQLITE_NULL)
            continue;
        if (c->kind == COLUMN_TEXT)
            json_out_text(rows->j, c->name, text_of(s, i));
        else if (c->kind == COLUMN_REAL || c->kind == COLUMN_SHARE)
            json_out_real(rows->j, c->name, sqlite3_column_double(s, i));
        else
            json_out_integer(rows->j, c->name, sqlite3_column_int64(s, i));
    }
    json_out_close(rows->j, '}');
    return 0;
}

int report_history_json(struct report_history *h, const struct report_history_query *q, struct text *out,
                        struct error *err)
{
    struct json_out j = {.out = out};
    int code = 0;
    json_out_open(&j, NULL, '{');
    for (size_t i = 0; code == 0 && i < TABLE_COUNT; i++) {
        json_out_open(&j, tables[i].name, '[');
        code = each_row(h, q, i, json_row, &(struct json_rows){&j, tables[i].columns}, err);
        json_out_close(&j, ']');
    }
    json_out_close(&j, '}');
    return code == 0 && !text_ok(out) ? error_set(err, ERROR_MEMORY, "out of memory") : code;
}

/* A table as text: the cells first, since the widest decides a column's width. */
struct text_rows {
    const struct column *columns;
    struct text cells; /* each ended by a NUL */
    size_t widths[COLUMNS_MAX], count;
};

#define WIDTH_MAX 60

static void format_cell(const struct column *c, sqlite3_stmt *s, int i, char *out, size_t size)
{
    if (sqlite3_column_type(s, i) == SQLITE_NULL)
        (void)snprintf(out, size, "-");
    else if (c->kind == COLUMN_COUNT)
        (void)snprintf(out, size, "%lld", (long long)sqlite3_column_int64(s, i));
    else if (c->kind == COLUMN_DURATION)
        units_format_duration(sqlite3_column_int64(s, i), out, size);
    else if (c->kind == COLUMN_SHARE)
        (void)snprintf(out, size, "%.0f %%", 100 * sqlite3_column_double(s, i));
    else
        (void)snprintf(out, size, "%.4g", sqlite3_column_double(s, i));
}

static size_t columns_of(const char *s)
{
    size_t count = 0;
    for (; *s != 0; s++)
        count += ((unsigned char)*s & 0xC0) != 0x80;
    return count;
}

static int text_row(void *arg, sqlite3_stmt *s)
{
    struct text_rows *rows = arg;
    for (int i = 0; i < COLUMNS_MAX && rows->columns[i].name != NULL; i++) {
        size_t begin = rows->cells.len;
        if (rows->columns[i].kind == COLUMN_TEXT) {
            terminal_line(&rows->cells, text_of(s, i), WIDTH_MAX);
        } else {
            char cell[64];
            format_cell(&rows->columns[i], s, i, cell, sizeof cell);
            text_puts(&rows->cells, cell);
        }
        text_char(&rows->cells, 0);
        size_t width = rows->cells.failed ? 0 : columns_of(rows->cells.data + begin);
        rows->widths[i] = width > rows->widths[i] ? width : rows->widths[i];
    }
    rows->count++;
    return 0;
}

static void put_cell(struct text *out, const struct text_rows *rows, int i, const char *cell)
{
    size_t width = columns_of(cell), pad = rows->widths[i] > width ? rows->widths[i] - width : 0;
    bool right = rows->columns[i].kind != COLUMN_TEXT;
    bool last = i + 1 == COLUMNS_MAX || rows->columns[i + 1].name == NULL;
    text_puts(out, "  ");
    if (right)
        text_printf(out, "%*s", (int)pad, "");
    text_puts(out, cell);
    if (!right && !last)
        text_printf(out, "%*s", (int)pad, "");
    if (last)
        text_char(out, '\n');
}

static void put_table(struct text *out, struct text_rows *rows)
{
    const char *at = text_string(&rows->cells);
    for (int i = 0; i < COLUMNS_MAX && rows->columns[i].name != NULL; i++)
        put_cell(out, rows, i, rows->columns[i].title);
    for (size_t row = 0; row < rows->count; row++) {
        for (int i = 0; i < COLUMNS_MAX && rows->columns[i].name != NULL; i++) {
            put_cell(out, rows, i, at);
            at += strlen(at) + 1;
        }
    }
    text_char(out, '\n');
}

int report_history_text(struct report_history *h, const struct report_history_query *q, struct text *out,
                        struct error *err)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < TABLE_COUNT; i++) {
        struct text_rows rows = {.columns = tables[i].columns};
        for (int k = 0; k < COLUMNS_MAX && rows.columns[k].name != NULL; k++)
            rows.widths[k] = strlen(rows.columns[k].title);
        code = each_row(h, q, i, text_row, &rows, err);
        if (code == 0 && !text_ok(&rows.cells))
            out->failed = true;
        else if (code == 0 && rows.count != 0) {
            text_printf(out, "%s\n", tables[i].title);
            put_table(out, &rows);
        } else if (code == 0 && i == 0) {
            text_puts(out, "The history has no runs.\n");
        }
        text_deinit(&rows.cells);
    }
    return code == 0 && !text_ok(out) ? error_set(err, ERROR_MEMORY, "out of memory") : code;
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
    int code = prepare(h->db, sql, &s, err), step = SQLITE_ROW;
    if (code == 0 && (sqlite3_bind_text(s, 1, system, -1, SQLITE_STATIC) != SQLITE_OK ||
                      sqlite3_bind_int64(s, 2, whole(runs)) != SQLITE_OK ||
                      sqlite3_bind_text(s, 3, pillar, -1, SQLITE_STATIC) != SQLITE_OK))
        code = world_sqlite_error(h->db, err, "reading the history");
    while (code == 0 && (step = sqlite3_step(s)) == SQLITE_ROW) {
        double average = sqlite3_column_double(s, 2);
        if ((code = each(arg, text_of(s, 0), text_of(s, 1), average > 1 ? (uint64_t)average : 1)) != 0)
            error_set(err, code, "%s", error_code_name(code));
    }
    if (code == 0 && step != SQLITE_DONE)
        code = world_sqlite_error(h->db, err, "reading the history");
    sqlite3_finalize(s);
    return code;
}
