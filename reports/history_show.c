/* What a history tells: its tables as text for a terminal, or as JSON. */
#include "reports/history_internal.h"

#include "base/units.h"
#include "reports/json_out.h"
#include "reports/terminal.h"

#include <stdio.h>
#include <string.h>

/* ---- the questions -------------------------------------------------------------------------------------------------
 */

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
    int code = history_prepare(h->db, tables[table].sql, &s, err), rc = SQLITE_OK;
    if (code == 0)
        rc = sqlite3_bind_int64(s, 1, history_whole(q->last));
    if (code == 0 && rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 2, history_whole(q->rows));
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
            json_out_text(rows->j, c->name, history_text_of(s, i));
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
            terminal_line(&rows->cells, history_text_of(s, i), WIDTH_MAX);
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

/* A name that was mistyped is seen beside those there are. */
static int put_no_runs(struct report_history *h, const struct report_history_query *q, struct text *out,
                       struct error *err)
{
    sqlite3_stmt *s = NULL;
    int step = SQLITE_DONE, count = 0, code = 0;
    text_puts(out, "The history has no runs");
    if (q->system != NULL) {
        text_puts(out, " of ");
        terminal_line(out, q->system, WIDTH_MAX);
        code = history_prepare(h->db, "SELECT DISTINCT system FROM runs ORDER BY 1 LIMIT 20", &s, err);
        while (code == 0 && (step = sqlite3_step(s)) == SQLITE_ROW) {
            text_puts(out, count++ == 0 ? "; it has those of " : ", ");
            terminal_line(out, history_text_of(s, 0), WIDTH_MAX);
        }
        if (code == 0 && step != SQLITE_DONE)
            code = world_sqlite_error(h->db, err, "reading the history");
        sqlite3_finalize(s);
    }
    text_puts(out, ".\n");
    return code;
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
            code = put_no_runs(h, q, out, err);
        }
        text_deinit(&rows.cells);
    }
    return code == 0 && !text_ok(out) ? error_set(err, ERROR_MEMORY, "out of memory") : code;
}
