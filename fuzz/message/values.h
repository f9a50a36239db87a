/* Values of fields: new ones, with the values that find bugs more often than chance would bring them, and small changes
 * of those that are there.
 *
 * Numbers are 64 bits here, whatever their kind: two's complement for signed ones, IEEE 754 for real ones. Texts stay
 * UTF-8 without a NUL when the field is a string; a bytes field takes anything. */
#ifndef FUZZ_MESSAGE_VALUES_H
#define FUZZ_MESSAGE_VALUES_H

#include "base/random.h"
#include "base/text.h"
#include "wire/pb.h"

#define FUZZ_LENGTH_LONG 5000 /* bytes of the long strings that come now and then */

/* One value without its tag: how many bytes it took, 0 when it cannot be read. */
size_t value_read(enum pb_kind kind, struct bytes wire, uint64_t *number);
void value_put(struct text *out, enum pb_kind kind, uint64_t number);
/* As the kind holds it: cut to its width, sign-extended. */
uint64_t value_of_kind(enum pb_kind kind, uint64_t number);

uint64_t value_fresh(struct random *r, const struct pb_field *f);
/* Never `number` itself. `what` gets the operator's name. */
uint64_t value_change(struct random *r, const struct pb_field *f, uint64_t number, const char **what);

/* Appends at most `max` bytes. */
void value_text_fresh(struct random *r, const struct pb_field *f, size_t max, struct text *out);
void value_text_change(struct random *r, const struct pb_field *f, struct bytes old, size_t max, struct text *out,
                       const char **what);

/* The same, JSON mostly in its members and elements. */
void value_text_damage(struct random *r, const struct pb_field *f, struct bytes old, size_t max, struct text *out);

/* A token as in RFC 7519, often odd in one way. Appends some 700 bytes, now and then 4000 more. */
void value_token_fresh(struct random *r, struct text *out);

#endif
