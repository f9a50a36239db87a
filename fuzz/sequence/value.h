/* Values for request fields: fresh ones nobody used before, and words that systems understand ("asc" for an order, JSON
 * where data is wanted), by the sort and the name of the field. Private to fuzz/sequence. */
#ifndef FUZZ_SEQUENCE_VALUE_H
#define FUZZ_SEQUENCE_VALUE_H

#include "base/random.h"
#include "fuzz/sequence/graph.h"

#define SEQUENCE_VALUE_MAX 96 /* bytes of a value drawn here, as it stands on the wire */

struct sequence_value {
    uint8_t data[SEQUENCE_VALUE_MAX];
    size_t len;
};

/* How many words there are for the field; SOURCE_WORD + n for n below it. */
size_t sequence_word_count(const struct sequence_leaf *l, const struct sequence_slot *slot);
/* The value, in the form it has on the wire behind its tag (and length). `n` is below sequence_word_count(). */
void sequence_word(const struct sequence_graph *g, const struct sequence_leaf *l, const struct sequence_slot *slot,
                   size_t n, struct random *r, struct sequence_value *out);
void sequence_fresh(const struct sequence_leaf *l, struct random *r, struct sequence_value *out);

#endif
