/* Fields of messages by number, on wire bytes that passed pb_scan(): looking, copying under another number, writing.
 * Nothing is unpacked. Of a singular field that stands there more than once the last one counts. */
#ifndef FAKES_BEHAVE_FIELDS_H
#define FAKES_BEHAVE_FIELDS_H

#include "base/text.h"
#include "wire/pb_wire.h"

static inline struct pb_reader reader_of(struct bytes b)
{
    return b.len > 0 ? (struct pb_reader){b.data, b.data + b.len} : (struct pb_reader){NULL, NULL};
}

/* False: not there. */
bool field_get(struct bytes message, uint32_t number, struct pb_item *out);
bool field_there(struct bytes message, uint32_t number); /* and not its kind's zero */
/* All occurrences, as field `to`. */
void field_copy(struct text *out, struct bytes message, uint32_t from, uint32_t to);
void field_drop(struct text *out, struct bytes message, uint32_t number); /* the message without it */

/* The values of a repeated field, packed or not, one by one. */
struct field_walk {
    struct pb_reader message, packed;
    uint32_t number;
    enum pb_kind kind;
};
void field_walk(struct field_walk *w, struct bytes message, const struct pb_field *f, uint32_t number);
bool field_next(struct field_walk *w, struct pb_item *out);

bool item_is_zero(const struct pb_item *v);
bool item_equal(const struct pb_item *a, const struct pb_item *b);
/* Numbers by their value, text by its bytes: below 0, 0, above 0. */
int item_compare(const struct pb_item *a, const struct pb_item *b, enum pb_kind kind);
/* A number as 64 bits with sign; text that is a number as that; a fraction is cut. */
int64_t item_integer(const struct pb_item *v, enum pb_kind kind);
bool item_true(const struct pb_item *v);
/* Text as it is, numbers in decimal: what keys and cursors are made of. */
void item_text(const struct pb_item *v, enum pb_kind kind, struct text *out);

void put_item(struct text *out, uint32_t number, const struct pb_item *v);
/* Converted to the field's kind where need be; what cannot be converted is left out. Zeroes are left out as well. */
void put_text(struct text *out, const struct pb_field *f, uint32_t number, struct bytes text);
void put_integer(struct text *out, const struct pb_field *f, uint32_t number, int64_t value);
void put_bool(struct text *out, uint32_t number, bool value);
/* A time as the field says times: RFC 3339 text, seconds as an integer, or a google.protobuf.Timestamp. */
void put_time(struct text *out, const struct pb_field *f, uint32_t number, uint64_t nanoseconds);

#endif
