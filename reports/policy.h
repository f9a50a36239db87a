/* What a gate asks of a run: a YAML (or JSON) file a person writes and reviews. docs/gate.md has its members,
 * reports/gate.schema.json the same for editors. */
#ifndef REPORTS_POLICY_H
#define REPORTS_POLICY_H

#include "base/array.h"
#include "base/document.h"
#include "reports/report.h"

#define GATE_VERSION 1
#define GATE_ANY     UINT64_MAX /* a number that is not limited */

/* A curve, or a figure of recoveries, that must not have become greater than `ratio` times what it was. */
struct gate_regression {
    const char *series;         /* NULL: it is about recoveries */
    enum report_figure figure;  /* of recoveries */
    const char *target, *fault; /* only of these; NULL: all together */
    double quantile, ratio, confidence;
    uint64_t samples; /* fewest on each side */
    int line, column;
};
struct gate_coverage {
    const char *pillar; /* "contract", "e2e", "fuzz" */
    double share;
    int line, column;
};
enum gate_minimum { GATE_CASES, GATE_INPUTS, GATE_FAULTS, GATE_OPERATIONS, GATE_MINIMUM_COUNT };
struct gate_policy {
    struct document *document; /* owned; all texts are in it */
    bool complete;             /* the run must have come to its end */
    uint64_t failures, findings, warnings;
    uint64_t flaky;     /* GATE_ANY when flaky_share says it */
    double flaky_share; /* of the cases; negative: not given */
    bool contracts;
    uint64_t broken, unverified; /* calls of a consumer to a provider */
    uint64_t minimum[GATE_MINIMUM_COUNT];
    int64_t duration;           /* ns the run must have taken at least */
    const struct node *pillars; /* that must have run; NULL: none */
    ARRAY(struct gate_regression) regressions;
    ARRAY(struct gate_coverage) coverage;
};

const char *gate_policy_minimum_name(enum gate_minimum m);
/* Takes the document, also on failure. Errors carry their place. */
int gate_policy_read(struct document *document, struct gate_policy *out, struct error *err);
void gate_policy_deinit(struct gate_policy *p);

#endif
