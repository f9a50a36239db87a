/* Values that were seen or named, for fields to be given: what replies held, what the target compared a field with, and
 * what the user says.
 *
 * A value is kept once and found in three ways: by the field itself (its message's full name and number, so that it
 * survives a schema that changes), by fields of the same name and class anywhere (what a reply calls "id" another
 * request calls "id" too), and by class alone. Classes are text (strings and bytes), integers (enums and bools
 * included) and real numbers.
 *
 * Everything is bounded and allocated once. A new value takes the place of an old one, the hand of a clock going round:
 * a value that led to something new is passed over as often as it did, half as often each time; the user's stay. Of two
 * values drawn the one with the better record is given out.
 *
 * The user's file is YAML or JSON, a map from fields to lists of values:
 *
 *     store.ReadRequest.key: [key-1, "../key"]     a field of a message
 *     "*.namespace": [micro, other]                any field of that name
 *     integer: [42, 65537]                         any field of a class: text, integer, real
 */
#ifndef FUZZ_MESSAGE_DICTIONARY_H
#define FUZZ_MESSAGE_DICTIONARY_H

#include "base/error.h"
#include "fuzz/message/mutate.h"

#define DICTIONARY_VALUES    4096
#define DICTIONARY_USER_MAX  1024 /* values of the user's: the rest is left for what is learnt */
#define DICTIONARY_TEXT_MAX  128  /* bytes; longer texts are not kept */
#define DICTIONARY_KEYS      4096 /* fields, names and classes */
#define DICTIONARY_PER_KEY   16   /* values found by one of them */
#define DICTIONARY_REPLY_MAX 64   /* values taken from one reply */

struct dictionary_value {
    uint64_t number;   /* as in fuzz/message/values.h; real numbers: the bits of a double */
    struct bytes text; /* text only: borrowed, until the dictionary is added to */
    uint32_t ticket;   /* for dictionary_credit() */
};

struct dictionary *dictionary_new(void); /* NULL: out of memory */
void dictionary_free(struct dictionary *d);
/* For one in memory that is shared: so many zeros are an empty dictionary. */
size_t dictionary_bytes(void);

/* What came back: every text and number of the message. What cannot be read is left out. */
void dictionary_learn(struct dictionary *d, const struct pb_type *type, struct bytes reply);
/* The target compared something with these bytes. `field` is what it was, as far as is known, else NULL: then it is
 * kept for its class. For numbers the bytes are little-endian, 8 at the most. */
void dictionary_compared(struct dictionary *d, const struct pb_field *field, struct bytes wanted);
/* The user's file, by fields of this pool. Errors say line:column. */
int dictionary_read(struct dictionary *d, struct bytes file, const char *name, const struct pb_pool *pool,
                    struct error *err);

/* A value for the field, from that source. False: there is none. A text for a string is one that strings may hold. */
bool dictionary_draw(const struct dictionary *d, struct random *r, const struct pb_field *f, enum value_source source,
                     struct dictionary_value *out);
/* What came of giving out a value. */
void dictionary_credit(struct dictionary *d, uint32_t ticket, bool novel);
size_t dictionary_count(const struct dictionary *d, enum value_source source);

#endif
