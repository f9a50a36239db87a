/* A run judged by a policy (reports/policy.h): each thing asked is a check with its verdict and what was seen. */
#ifndef REPORTS_GATE_H
#define REPORTS_GATE_H

#include "reports/baseline.h"
#include "reports/policy.h"

struct gate_check {
    const char *name; /* "findings", "latency_ms", "coverage of fuzz" */
    bool passed;
    const char *said;  /* one line */
    const char **more; /* lines that show it: the findings, the methods; NULL-terminated */
    size_t more_count;
    int line; /* of the policy; 0: it is always asked */
};
struct gate_input {
    const struct gate_policy *policy;
    const struct report *run;
    const struct report *against; /* the run that regressions are measured from; NULL: none */
    struct baseline *baseline;    /* marks what it met; may be empty */
    const char *today;            /* "2026-11-22" */
    uint64_t seed;                /* of the bootstrap */
};
struct gate {
    struct arena arena;
    ARRAY(struct gate_check) checks;
    const struct gate_input *input;
    bool passed;
    ARRAY(const struct report_finding *) new_findings; /* bugs and limited warnings that the baseline has not */
    ARRAY(const struct report_case *) new_failures;
};

int gate_judge(const struct gate_input *input, struct gate *out, struct error *err);
void gate_deinit(struct gate *g);
void gate_text(const struct gate *g, struct text *out);
void gate_json(const struct gate *g, struct text *out);

/* Methods by pillar, as far as the stream tells them: cases of fuzzing are named by methods (skipped: no call reached
 * it), steps of flows name what they call, contract lines say what was played against a provider. */
enum gate_pillar { GATE_CONTRACT, GATE_E2E, GATE_FUZZ, GATE_PILLARS };
struct gate_method {
    const char *name;
    unsigned covered; /* bits by gate_pillar */
};
struct gate_methods {
    struct arena arena;
    struct map places; /* name -> its place + 1 */
    ARRAY(struct gate_method) items;
};
bool gate_methods_find(const struct report *r, struct gate_methods *out); /* false: out of memory */
void gate_methods_deinit(struct gate_methods *m);

#endif
