/* Reads the members of one line of the result stream. What is not there is "", 0 or false. */
#ifndef REPORTS_READER_H
#define REPORTS_READER_H

#include "reports/model.h"

/* What every reader of a line needs; the first failure is kept and makes the rest a no-op. */
struct reader {
    struct report *report;
    const json_t *object;
    struct error *err;
    int failed;
    uint64_t t;
};

int reader_no_memory(struct reader *in); /* the failure */
void reader_wrong_kind(struct reader *in, const char *key, const char *wanted, const json_t *value);
const json_t *reader_member(struct reader *in, const char *key); /* NULL for absent and null */
const char *reader_text(struct reader *in, const char *key);     /* in the report's arena */
/* To look for what is known under this name already: copied only where the copy differs. NULL: it is no text. */
const char *reader_name(struct reader *in, const json_t *value);
int64_t reader_integer(struct reader *in, const char *key, int64_t min, int64_t max, int64_t fallback);
uint64_t reader_count(struct reader *in, const char *key, uint64_t fallback);
bool reader_bool(struct reader *in, const char *key);
void report_latency_read(struct reader *in);                       /* a "latency" line: reports/latency.c */
const char *reader_scalar(struct reader *in, const json_t *value); /* as people write it; "" for what is none */

/* What was sent or received: text as it is, anything else as JSON. */
const char *reader_payload(struct reader *in, const char *key);
enum report_status reader_status(struct reader *in);
struct report_steps *reader_steps(struct reader *in); /* those of the line's "case"; NULL: failed */

/* ---- steps.c ---- */
void report_step_read(struct reader *in);
/* Is the line a step that passed, exactly as base/result.c writes it, and one that its case leaves out? It is counted
 * then: a loop's rounds are most lines of a long stream, and are not worth a tree each. */
bool report_step_left_out(struct report *r, struct bytes line);

#endif
