/* Values for request fields: fresh ones nobody used before, and words that systems understand ("asc" for an order, JSON
 * where data is wanted), by the sort and the name of the field. Private to fuzz/sequence. */
#ifndef FUZZ_SEQUENCE_VALUE_H
#define FUZZ_SEQUENCE_VALUE_H

#include "base/random.h"
#include "fuzz/sequence/graph.h"

#define SEQUENCE_VALUE_MAX 480 /* bytes of a value drawn here, as it stands on the wire */

struct sequence_value {
    uint8_t data[SEQUENCE_VALUE_MAX];
    size_t len;
};

/* How many words there are for the field; SOURCE_WORD + n for n below it. */
size_t sequence_word_count(const struct sequence_leaf *l, const struct sequence_slot *slot);
/* The value, in the form it has on the wire behind its tag (and length). `n` is below sequence_word_count(). */
void sequence_word(const struct sequence_graph *g, const struct sequence_leaf *l, const struct sequence_slot *slot,
                   size_t n, struct random *r, struct sequence_value *out);
/* Words the program under test holds among its constants; borrowed. Some of them mean more to it than to us: a name it
 * reserves, the mark of a stored form. */
struct sequence_known {
    const char *const *words; /* without quotes and backslashes */
    size_t count;
    const char *const *stored; /* likewise; of what it stored */
    size_t stored_count;
};
static inline bool sequence_known_any(const struct sequence_known *k)
{
    return k->count + k->stored_count > 0;
}
/* A name of such words in place of the one in `out`, or behind it, as a path or the like. `k` has some. */
void sequence_known_name(const struct sequence_known *k, struct random *r, struct sequence_value *out);
/* A JSON object with such words for the names of its members. */
void sequence_known_object(const struct sequence_known *k, struct random *r, struct sequence_value *out);
void sequence_fresh(const struct sequence_leaf *l, struct random *r, struct sequence_value *out);

#endif
