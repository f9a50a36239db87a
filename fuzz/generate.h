/* Messages from their descriptor: always well formed, with the values that find bugs (boundaries, names that collide,
 * paths, quotes, formats) more often than chance would. Deterministic in the generator's state. */
#ifndef FUZZ_GENERATE_H
#define FUZZ_GENERATE_H

#include "base/random.h"
#include "base/text.h"
#include "wire/pb.h"

#define FUZZ_DEPTH_MAX   6    /* nesting a generated message goes to */
#define FUZZ_LENGTH_LONG 5000 /* bytes of the long strings that come now and then */

/* Appends the wire form of a random message. */
void fuzz_generate(struct random *r, const struct pb_type *type, struct text *out);

/* Shared with the defects: a tag, and a length-delimited field. Wire types: 0 varint, 1 64-bit, 2 length, 5 32-bit. */
void fuzz_put_varint(struct text *out, uint64_t value);
void fuzz_put_tag(struct text *out, uint32_t number, unsigned wire_type);
void fuzz_put_bytes(struct text *out, uint32_t number, struct bytes value);
unsigned fuzz_wire_type(const struct pb_field *f); /* of one value, unpacked */
void fuzz_put_value(struct random *r, const struct pb_field *f, unsigned depth, struct text *out); /* without tag */

#endif
