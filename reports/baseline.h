/* What is known and bears with: findings and failing cases that a gate lets pass, each with a reason and a last day.
 * A file that people review:
 *
 *   baseline:
 *     - finding: "0f3c9a4d11e2b870"        a fingerprint (report_finding_print)
 *       title: "internal error for a key of 65,536 bytes"
 *       reason: "issue 12"
 *       expires: "2027-03-01"              from that day on it counts again
 *     - case: "create, edit, read"
 *       pillar: "e2e"
 *       suite: "notes"
 *       reason: "the mail double is late"
 *       expires: "2027-03-01"                                                                                       */
#ifndef REPORTS_BASELINE_H
#define REPORTS_BASELINE_H

#include "base/array.h"
#include "base/consent.h"
#include "reports/report.h"

struct baseline_entry {
    const char *finding;               /* a fingerprint; NULL: it is a case */
    const char *name, *pillar, *suite; /* of a case */
    struct consent consent;
    int line, column;
    bool used, expired; /* met by the run; met, but too late */
};
struct baseline {
    struct document *document; /* owned; NULL: there is no file yet */
    ARRAY(struct baseline_entry) entries;
};

/* Takes the document, also on failure. */
int baseline_read(struct document *document, struct baseline *out, struct error *err);
void baseline_deinit(struct baseline *b);
/* Whether it is known, and not past its day; `today` as "2026-11-22". */
bool baseline_has_finding(struct baseline *b, const struct report_finding *f, const char *today);
bool baseline_has_case(struct baseline *b, const struct report_case *c, const char *today);

/* Lines for the file: its head when there is none yet, and an entry. */
void baseline_write_head(struct text *out);
void baseline_write_finding(struct text *out, const struct report_finding *f, const char *reason, const char *expires);
void baseline_write_case(struct text *out, const struct report_case *c, const char *reason, const char *expires);

#endif
