/* The matrix of contracts: which consumer calls which method of which provider, how often, and whether the provider was
 * seen to keep it; and the methods that nobody calls. From the stream's "contract" lines (docs/results.md), of which a
 * later one for the same consumer, provider and method takes the place of an earlier one. */
#ifndef REPORTS_MATRIX_H
#define REPORTS_MATRIX_H

#include "reports/json_out.h"
#include "reports/terminal.h"

enum matrix_state { MATRIX_VERIFIED, MATRIX_FAILED, MATRIX_UNPLAYED, MATRIX_STATES };
enum matrix_state matrix_state(const struct report_contract *c);
const char *matrix_state_name(enum matrix_state s); /* "verified", "failed", "not verified" */

/* Lines of one method side by side, sorted by consumer; none of a method that nobody calls. */
struct matrix_method {
    const char *name;
    const struct report_contract **calls;
    size_t count;
    uint64_t interactions;
};
struct matrix_provider {
    const char *name;
    struct matrix_method *methods; /* sorted */
    const char **consumers;        /* sorted, each once */
    size_t method_count, consumer_count, uncalled;
    uint64_t interactions, states[MATRIX_STATES]; /* interactions, by what is known of them */
};
struct matrix {
    struct arena arena;
    struct matrix_provider *providers; /* sorted */
    size_t count;
};

/* Texts stay the report's. False: out of memory; matrix_deinit all the same. */
bool matrix_build(const struct report *r, struct matrix *m);
void matrix_deinit(struct matrix *m);

/* A "contract" line. */
int report_contract_read(struct report *r, const json_t *line, struct error *err);

/* Sections of the page and of the summary; nothing when the stream has no contracts. */
void matrix_html(const struct report *r, struct text *out);
void matrix_terminal(const struct report *r, struct terminal *t);
void matrix_json(const struct report *r, struct json_out *j); /* "contracts", a list of all lines that hold */

#endif
