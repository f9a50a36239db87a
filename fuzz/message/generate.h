/* Messages from their descriptor: always well formed, with the values that find bugs (boundaries, names that collide,
 * paths, quotes, formats) more often than chance would. Deterministic in the generator's state. */
#ifndef FUZZ_GENERATE_H
#define FUZZ_GENERATE_H

#include "base/random.h"
#include "base/text.h"
#include "fuzz/message/put.h"
#include "fuzz/message/values.h"
#include "wire/pb.h"

#define FUZZ_DEPTH_MAX    6                  /* nesting a generated message goes to */
#define FUZZ_GENERATE_MAX ((size_t)64 << 10) /* bytes of a generated message */

/* Appends the wire form of a random message. */
void fuzz_generate(struct random *r, const struct pb_type *type, struct text *out);
/* One of at most `max` bytes and `levels` levels of messages within it; most fields left out when `sparse`. */
void fuzz_generate_small(struct random *r, const struct pb_type *type, unsigned levels, size_t max, bool sparse,
                         struct text *out);
/* A field with its tag, once, or for packed and repeated ones a few times. Nothing when it does not fit into `max`. */
void fuzz_put_field(struct random *r, const struct pb_field *f, unsigned levels, size_t max, struct text *out);
/* One value without tag, a message's or text's length included. */
void fuzz_put_value(struct random *r, const struct pb_field *f, unsigned levels, size_t max, struct text *out);

#endif
