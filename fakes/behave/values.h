/* Values that fit a schema and look as their fields' names say: an e-mail address for `email`, a currency for
 * `currency`. Drawn from a number, so that the same number gives the same message. Enums are known members, of a oneof
 * one member is set, nesting ends at VALUES_DEPTH_MAX, lists have one to three items. */
#ifndef FAKES_BEHAVE_VALUES_H
#define FAKES_BEHAVE_VALUES_H

#include "base/random.h"
#include "base/text.h"
#include "wire/pb.h"

#define VALUES_DEPTH_MAX 4

uint64_t values_hash(uint64_t seed, const char *name, struct bytes data);
/* Appends a message's fields. `now`: ns since the epoch; times lie in the days before it. */
void values_message(struct random *r, const struct pb_type *type, uint64_t now, int depth, struct text *out);
/* Appends one field with its tag; a repeated one with several. */
void values_field(struct random *r, const struct pb_field *f, uint64_t now, int depth, struct text *out);
/* An identifier of 32 hexadecimal digits in groups, as UUIDs are written. */
void values_id(struct random *r, struct text *out);
void values_token(struct random *r, size_t letters, struct text *out);
void values_digits(struct random *r, size_t digits, struct text *out);

#endif
