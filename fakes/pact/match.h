/* Matching, inside: what the parts of a request, answer or message have in common.
 *
 * Every place that is looked at is a path of steps; the rule that applies is the one of the greatest weight
 * (fakes/pact/path.h). Mismatches are only counted while `quiet` is set: alternatives (OR) and the items of a list that
 * must contain something are tried that way. Failures other than mismatches are sticky in `rc`.
 *
 * match.c does requests, answers and messages, match_pairs.c headers, queries and metadata, match_body.c bodies by
 * their kind, match_multipart.c those of several parts, match_json.c and match_xml.c trees, match_value.c single
 * values, report.c the texts. Private to fakes/pact. */
#ifndef FAKES_PACT_MATCH_H
#define FAKES_PACT_MATCH_H

#include "fakes/pact/internal.h"
#include "fakes/pact/path.h"
#include "fakes/pact/regex.h"

struct match_rule {
    const struct pact_rule *rule;
    struct pact_path path;
};

struct match_regex {
    const struct pact_matcher *of;
    struct regex *regex;
};

struct match {
    struct pact_result *out;
    struct error *err;
    int rc;
    struct arena scratch;
    bool request; /* nothing may be there that is not expected */
    bool textual; /* the values come from text (a header, a query, a form, XML), so that "7" is a number */
    bool whole;   /* a regular expression must fit all of a text */
    bool message; /* protobuf's: numbers that JSON has none for are text (beyond 63 bits, NaN, Infinity) */
    enum pact_category category;
    const struct match_rule *rules;
    size_t rule_count;
    struct path_step steps[PACT_DEPTH_MAX];
    size_t depth;
    size_t failures;
    unsigned quiet;
    ARRAY(struct match_regex) regexes;
};

/* What a rule's matchers are asked about one value. */
struct match_ask {
    const struct pact_rule *rule;
    bool cascaded; /* the rule stands above this place */
};

/* ---- match.c ---- */
int match_out_of_memory(struct match *m);
/* Takes a category's rules. `lower`: their names are compared without case. 0 or m->rc. */
int match_use(struct match *m, enum pact_category category, const struct pact_rules *rules, bool lower);
/* The rule at the present place, or NULL. */
const struct pact_rule *match_select(const struct match *m, bool *cascaded);
bool match_cascades(enum pact_matcher_kind kind);
bool match_has(const struct pact_rule *rule, enum pact_matcher_kind kind);
/* A step down; false when it is too deep, then m->rc is set. */
bool match_down(struct match *m, const char *key, size_t index);
void match_up(struct match *m);

/* ---- match_value.c ---- */
/* By the rule, or equality when it is NULL. */
void match_values(struct match *m, const struct match_ask *ask, const json_t *expected, const json_t *actual);
/* Does one matcher hold? Reports when not. */
bool pact_match_value(struct match *m, const struct match_ask *ask, const struct pact_matcher *k,
                      const json_t *expected, const json_t *actual);
/* Two texts, NULL for an empty one. */
void match_texts(struct match *m, const char *expected, const char *actual);
void match_bytes(struct match *m, struct bytes expected, struct bytes actual);
bool match_is_semver(const char *text);

/* ---- match_pairs.c ---- */
/* Parameters of a query or a form: every name with its values, and no others. */
void match_pairs(struct match *m, const struct pact_headers *expected, const struct pact_headers *actual);
void match_headers(struct match *m, const struct pact_headers *expected, const struct pact_headers *actual);
void match_metadata(struct match *m, const struct pact_part *expected, const struct pact_part *actual);
/* Content types and Accept: parameters in any order, more of them allowed. */
bool match_parameters(const char *expected, const char *actual);

/* ---- match_body.c, match_json.c, match_xml.c, match_multipart.c ---- */
void match_body(struct match *m, const struct pact_part *expected, const struct pact_part *actual);
/* Content that is there, of a type, both sides; at the present place. */
void match_by_type(struct match *m, const char *type, const struct pact_content *e, const struct pact_content *a);
/* The same type, or one that is based on it: application/hal+json is application/json too. */
bool match_same_type(const char *expected, const char *actual);
/* The types say the boundaries. */
void match_multipart(struct match *m, const struct pact_content *expected, const struct pact_content *actual);
void match_json(struct match *m, json_t *expected, json_t *actual);
void match_xml(struct match *m, struct bytes expected, struct bytes actual);

/* ---- report.c ---- */
enum match_help { HELP_VALUE, HELP_MISSING, HELP_UNEXPECTED, HELP_SIZE, HELP_TYPE };
/* Counts a mismatch at the present place, and keeps it unless quiet. The texts are copied; NULL rule: none. */
void match_report(struct match *m, const struct pact_rule *rule, enum match_help help, const char *expected,
                  const char *actual);
/* "7 (an integer)", "a list of 3". */
void match_describe(const json_t *value, struct text *out);
/* What a matcher expects: "text that fits \d+ (matcher regex), like "12"". */
void match_describe_matcher(const struct pact_matcher *k, const json_t *example, struct text *out);
const char *match_kind_name(const json_t *value);

#endif
