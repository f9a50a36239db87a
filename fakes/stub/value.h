/* Scalars of messages in one form, whatever wire type or spelling they came in.
 *
 * A value has 64 bits, or bytes for `string` and `bytes`. Signed integers and enums are sign-extended, bool is 0 or 1,
 * float and double are the bits of a double (-0 is 0, every NaN is one), so that equal values have equal bits. The
 * field says how the bits are to be read; one without presence that holds its default is the same as an absent one. */
#ifndef FAKES_STUB_VALUE_H
#define FAKES_STUB_VALUE_H

#include "base/arena.h"
#include "base/document.h"
#include "base/text.h"
#include "wire/pb_wire.h"

struct value {
    uint64_t bits;
    struct bytes bytes;
};

static inline bool value_is_text(const struct pb_field *f)
{
    return f->kind == PB_STRING || f->kind == PB_BYTES;
}

/* Can the field be told to be absent even when its value is the default? */
static inline bool value_has_presence(const struct pb_field *f)
{
    return f->optional || f->oneof >= 0 || (f->kind == PB_MESSAGE && !f->repeated);
}

/* The bits of one number as the wire gave them. */
uint64_t value_bits(enum pb_kind kind, uint64_t raw);
/* False: the item's wire type is not the field's, which makes it an unknown field. */
bool value_of_item(const struct pb_field *f, const struct pb_item *item, struct value *out);
bool value_is_default(const struct pb_field *f, struct value v);
bool value_equal(const struct pb_field *f, struct value a, struct value b);
int value_compare(const struct pb_field *f, struct value a, struct value b); /* numbers: -1, 0, 1; NaN is below all */
/* Of the first `cut` bytes of a text only, when `cut` is not 0. */
uint64_t value_hash(const struct pb_field *f, struct value v, size_t cut);

/* A node of a file as a value of the field's kind; the bytes are copied. Errors have the node's place. */
int value_of_node(const struct pb_field *f, const struct node *n, struct arena *arena, struct value *out,
                  struct error *err);
/* Any 64-bit integer, float or text of digits, as a number of the field's kind. False: it is none. */
bool value_of_integer(const struct pb_field *f, int64_t integer, struct value *out);
bool value_of_text(const struct pb_field *f, struct bytes text, struct value *out);
bool value_of_real(const struct pb_field *f, double real, struct value *out);

void value_write(struct text *out, const struct pb_field *f, struct value v, bool tagged); /* wire bytes */
void value_print(const struct pb_field *f, struct value v, struct text *out);              /* bare: red, 3, true, RED */
void value_show(const struct pb_field *f, struct value v, struct text *out); /* for people: texts in quotes, cut */
const char *value_kind_words(const struct pb_field *f);                      /* "text", "a whole number" */

#endif
