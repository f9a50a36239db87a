/* What the tries of a case say that fail behind the first (--retries): a text for people, bounded. */
#ifndef E2E_LATER_H
#define E2E_LATER_H

#include "e2e/internal.h"

/* Zero-initialised it is empty. */
struct later_tries {
    struct text told; /* of all before the last: the first line of each, equal ones that follow each other once */
    struct text line; /* the one that is next in it, of the tries `from` to `to` */
    int from, to;
    size_t lines, left_out;
    struct text message, detail; /* of the last */
    int last;
};

/* Try `number` (2 and up) failed by this. Secrets are hidden at once: half a secret is found by nobody. */
void later_add(struct flow_context *x, struct later_tries *l, int number, const struct flow_failure *f);
/* Adds all of it, the last try in full; nothing when there is none. A failed text: no memory. */
void later_text(struct later_tries *l, struct text *out);
void later_deinit(struct later_tries *l);

#endif
