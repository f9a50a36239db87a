/* What changed from one run to another: verdicts, findings, how long cases take, figures. */
#ifndef REPORTS_DIFF_H
#define REPORTS_DIFF_H

#include "reports/report.h"

#define REPORT_DIFF_RATIO 1.5                          /* a case that takes this much longer or shorter is told, */
#define REPORT_DIFF_LEAST ((uint64_t)20 * 1000 * 1000) /* when the longer of both has at least so many ns */

/* As text for a terminal, or as one JSON object. True: something is worse (a case fails that did not, or a bug is
 * found that was not). */
bool report_diff_text(const struct report *before, const struct report *after, struct text *out);
bool report_diff_json(const struct report *before, const struct report *after, struct text *out);

#endif
