/* Runs kept in an SQLite file, for what only many of them tell: trends, what is slow, what flips, when something was
 * first seen. Durations in nanoseconds. The file belongs to one process at a time: a second one waits for it up to 10
 * s, then it is told ERROR_IN_USE.
 */
#ifndef REPORTS_HISTORY_H
#define REPORTS_HISTORY_H

#include "reports/report.h"

#define REPORT_HISTORY_VERSION 1 /* of the tables; kept in the file's user_version */

struct report_history;
/* Makes the file when it is not there, its tables when it is empty. ERROR_UNSUPPORTED: a newer harrow wrote it;
 * ERROR_INVALID: it is no history. */
int report_history_open(struct world *w, const char *path, struct report_history **out, struct error *err);
/* The same to look at one: nothing is made. ERROR_NOT_FOUND: there is no such file; ERROR_INVALID: it is empty. */
int report_history_look(struct world *w, const char *path, struct report_history **out, struct error *err);
void report_history_close(struct report_history *h);
/* A run (or one shard of it) with its cases, findings and figures; one that is there already is replaced. It needs an
 * id. A merged report is kept part by part. */
int report_history_add(struct report_history *h, const struct report *r, struct error *err);

struct report_history_query {
    uint64_t last;      /* runs that are looked at, the newest */
    uint64_t rows;      /* of each table */
    const char *system; /* only runs of this one; NULL: all */
};
/* Tables: runs, slowest, flakiest, findings with first and last seen, figures. As text for a terminal, or JSON. */
int report_history_text(struct report_history *h, const struct report_history_query *q, struct text *out,
                        struct error *err);
int report_history_json(struct report_history *h, const struct report_history_query *q, struct text *out,
                        struct error *err);

/* How long each case of the pillar took on average in the newest `runs` runs of `system` that ran it to a verdict, ns.
 * What `each` returns, when it is not 0, ends it. */
int report_history_durations(struct report_history *h, const char *pillar, const char *system, uint64_t runs,
                             int (*each)(void *arg, const char *suite, const char *name, uint64_t duration), void *arg,
                             struct error *err);

#endif
