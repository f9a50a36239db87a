/* What the renderers share besides the report itself. */
#ifndef REPORTS_MODEL_H
#define REPORTS_MODEL_H

#include "reports/report.h"

#include <jansson.h>

/* Steps waiting for their case; kept in report.open_steps by the case's name. */
struct report_steps {
    struct report_step *first, *last;
};

/* A "table" line. */
int report_table_read(struct report *r, const json_t *line, struct error *err);

/* Cases of one pillar and suite put together, in order of first appearance; the cases themselves in the stream's. */
struct report_suite {
    const char *pillar, *name;
    size_t *cases; /* places in report.cases */
    size_t count, placed, counts[REPORT_STATUS_COUNT];
    uint64_t duration;
};
int report_suites(const struct report *r, struct report_suite **out, size_t *count);
void report_suites_free(struct report_suite *suites, size_t count);

/* Said to have been injected, but its hit counter is 0 and nobody saw it take effect. */
static inline bool report_fault_missed(const struct report_fault *f)
{
    return f->counted && f->hits == 0 && !f->verified;
}
uint64_t report_fault_end(const struct report *r, const struct report_fault *f);
/* "file:line:column", as much of it as is known. */
void report_place(const struct report_case *c, struct text *out);

#endif
