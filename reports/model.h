/* What the renderers share besides the report itself. */
#ifndef REPORTS_MODEL_H
#define REPORTS_MODEL_H

#include "reports/report.h"

#include <jansson.h>

/* Steps waiting for their case; kept in report.open_steps by the case's name. */
struct report_steps {
    struct report_step *first, *last;
    size_t count, left_out;
    struct report_picture *pictures;
    struct report_trace *trace;
    struct map names; /* of those kept, without their numbers; filled when the first may be left out */
};
void report_steps_end(struct report_steps *s); /* what is in no arena */

bool report_picture_is_png(struct bytes b);

/* The text, which may have NUL characters: they become U+FFFD. NULL: out of memory. */
const char *report_copy(struct arena *a, const json_t *text);

/* A "table" line. */
int report_table_read(struct report *r, const json_t *line, struct error *err);

/* Of "latency" lines; a method's in the order in which it is shown: by pillar, the slowest first. The caller frees
 * *out, which has report.latencies.count rows. */
struct report_latency_row {
    const struct report_latency *latency;
    uint64_t worst[2]; /* p99 of its worst phase, ns; [1]: of those that ended ok */
};
int report_latency_rows(const struct report *r, struct report_latency_row **out);
bool report_latency_merge(struct report *to, const struct report *from); /* false: out of memory */
void report_latencies_free(struct report *r);

/* A "spans" line. */
int report_trace_read(struct report *r, const json_t *line, struct report_trace **out, struct error *err);

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
/* What nobody healed is over with its pillar. */
uint64_t report_fault_end(const struct report *r, const struct report_fault *f);
/* `c` was tried again, with the outcome `last`: the tries so far are kept, and passed after failed is flaky. Counts are
 * the caller's. False: out of memory. */
bool report_case_again(struct arena *a, struct report_case *c, const struct report_case *last);
/* Somebody ended the run before it was done, and it says so (exit code 130). */
bool report_interrupted(const struct report *r);
/* And how far it had come, as a sentence. */
void report_interrupted_at(const struct report *r, struct text *out);
/* Why what is here is not the whole run, in words; NULL: it is. */
const char *report_cut(const struct report *r);
/* Wall time of the run's begin, ns since 1970; 0 when the stream does not say. */
int64_t report_epoch(const struct report *r);
/* The first word of a text that is a method, "notes.Notes/Create" in "call notes.Notes/Create"; NULL: there is none. */
const char *report_method_in(const char *text, size_t *len);
/* FNV-1a, for what is the same from run to run; `hash` 0 begins. */
uint64_t report_hash(uint64_t hash, const char *s);
/* Sorted copies of a curve's values, for quantiles by nearest rank; the caller frees. NULL: no values or no memory. */
double *report_series_sorted(const struct report_series *s);
double report_quantile(const double *sorted, size_t count, double q); /* count not 0 */
/* "file:line:column", as much of it as is known. */
void report_place(const struct report_case *c, struct text *out);

#endif
