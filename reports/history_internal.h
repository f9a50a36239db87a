/* What reading a history and showing it share. */
#ifndef REPORTS_HISTORY_INTERNAL_H
#define REPORTS_HISTORY_INTERNAL_H

#include "reports/history.h"
#include "world/sqlite.h"

struct report_history {
    sqlite3 *db;
};

/* report_history_open() with another bound of the time that it waits for who has the file, ns. `make`: an empty one
 * gets its tables. */
int history_open_within(struct world *w, const char *path, uint64_t wait, bool make, struct report_history **out,
                        struct error *err);
int history_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct error *err);
int64_t history_whole(uint64_t n);                        /* as SQLite has numbers */
const char *history_text_of(sqlite3_stmt *s, int column); /* NULL is "" */

#endif
