/* Consent to what is known and would fail a run, as files that people review have it: a reason, and the day from which
 * on it does not hold any more.
 *
 *     reason: nobody has read it since March
 *     expires: 2027-03-01 */
#ifndef BASE_CONSENT_H
#define BASE_CONSENT_H

#include "base/document.h"

struct consent {
    const char *reason, *expires; /* of the document; `expires` "" for never */
};

/* "2027-03-01": what sorts as text as it does as days. */
bool consent_is_day(const char *s);
/* The list that a document consists of: {KEY: [...]}. NULL: it is empty. */
int consent_list(const struct node *root, const char *key, const struct node **list, struct error *err);
/* The keys `reason` and `expires` of a map. */
int consent_read(const struct node *n, bool must_expire, struct consent *out, struct error *err);
bool consent_holds(const struct consent *c, const char *today);

#endif
