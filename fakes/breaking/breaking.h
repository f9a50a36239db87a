/* Breaking changes between two versions of a schema: what a program built with the old one would stumble over.
 *
 * A pure function of two schemas (fakes/breaking/schema.h). The rules stand in rules.h; which of them count is a
 * category, from the strictest: FILE, PACKAGE, WIRE_JSON, WIRE. A finding may be approved by a file that people review
 * (approvals.h). */
#ifndef FAKES_BREAKING_BREAKING_H
#define FAKES_BREAKING_BREAKING_H

#include "fakes/breaking/rules.h"
#include "fakes/breaking/schema.h"

struct breaking_rule {
    const char *id;
    unsigned categories; /* enum breaking_category */
    const char *purpose, *fix;
};
extern const struct breaking_rule breaking_rules[BREAKING_RULE_COUNT];
int breaking_rule_by_name(const char *id);            /* enum breaking_rule_id, or -1 */
unsigned breaking_category_by_name(const char *name); /* "file", "WIRE_JSON", "wire-json"; 0: unknown */

struct breaking_finding {
    enum breaking_rule_id rule;
    struct schema_place place;  /* in the new schema; file "" when nothing of it is left */
    struct schema_place before; /* in the old one; file "" when there was nothing */
    const char *element;        /* full name of what broke: "shop.Item.price", "shop.Shop.Buy", or a file's path */
    const char *message;        /* one sentence */
    const char *reason;         /* why it is approved, or NULL */
};

struct breaking {
    struct arena arena; /* owns the texts */
    ARRAY(struct breaking_finding) findings;
};

/* Bits of `rules` are those to check, BREAKING_RULE_COUNT of them. Findings come sorted by file, line, column, rule.
 * Both schemas must outlive the result. The schemas' places are looked up, so they are not shared between threads. */
struct breaking_rules_set {
    bool on[BREAKING_RULE_COUNT];
};
struct breaking_rules_set breaking_rules_of(unsigned category);
int breaking_check(const struct schema *before, const struct schema *now, const struct breaking_rules_set *rules,
                   struct breaking *out, struct error *err);
void breaking_deinit(struct breaking *b);

#endif
