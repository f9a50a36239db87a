/* Runs given on a command line, as one report: what report, gate and diff begin with. */
#ifndef HARROW_REPORTS_READ_H
#define HARROW_REPORTS_READ_H

#include "reports/report.h"

/* Each of `paths` is a run's folder or its results.jsonl; many are merged. Pictures are read from each run's folder. */
int report_read_runs(struct world *w, const char *const *paths, size_t count, struct report **out, struct error *err);

#endif
