/* Breaking changes that somebody has agreed to, each with a reason and a day on which the consent ends.
 *
 *     approvals:
 *       - rule: FIELD_NO_DELETE          # a rule's name, or a category: wire
 *         element: shop.Item.price       # a full name or a file's path; * stands for any characters
 *         reason: nobody has read it since March
 *         expires: 2027-03-01            # the first day on which it does not hold any more; optional
 *
 * Expired ones approve nothing, and are said; so are those that approve nothing because there is nothing left. */
#ifndef FAKES_BREAKING_APPROVALS_H
#define FAKES_BREAKING_APPROVALS_H

#include "base/consent.h"
#include "fakes/breaking/breaking.h"

struct approval {
    int rule;            /* enum breaking_rule_id, or -1: by category */
    unsigned category;   /* enum breaking_category */
    const char *element; /* of the document */
    struct consent consent;
    int line, column;
    size_t used;  /* findings it approved */
    bool expired; /* and would have approved some */
};

struct approvals {
    struct document *document; /* owned */
    ARRAY(struct approval) list;
};

/* Takes the document, also when it fails. */
int approvals_read(struct document *document, struct approvals *out, struct error *err);
void approvals_deinit(struct approvals *a);

/* Gives findings their reason; `today` as 2026-11-22. Returns how many findings nobody has approved. */
size_t approvals_apply(struct approvals *a, struct breaking *b, const char *today);

#endif
