/* The leaves of a message type: its scalar fields and those of the messages in it, each with the path that leads there,
 * and the values found at such a path in wire bytes. The ends of what the graph's edges join.
 *
 * A type is not entered again below itself, nor deeper than SEQUENCE_DEPTH_MAX; maps are left out. Nearer leaves come
 * first, so that what is over the limit is what matters least. */
#ifndef FUZZ_SEQUENCE_SHAPE_H
#define FUZZ_SEQUENCE_SHAPE_H

#include "fuzz/sequence/words.h"
#include "wire/pb.h"

#define SEQUENCE_DEPTH_MAX  5  /* fields of a path */
#define SEQUENCE_LEAVES_MAX 48 /* of a type; more are left out */

struct sequence_leaf {
    const struct pb_field *fields[SEQUENCE_DEPTH_MAX]; /* from the top; the last one is the leaf's own */
    size_t depth;
    bool repeated;      /* it, or a message on the way to it */
    uint32_t last_word; /* a hash of the last word of its name */
    enum sequence_class class;
};

struct sequence_shape {
    const struct pb_type *type;
    struct sequence_leaf *leaves; /* owned by whoever made it, sequence_shape_deinit() */
    size_t count;
};

int sequence_shape_of(const struct pb_type *type, struct sequence_shape *out); /* ERROR_MEMORY */
void sequence_shape_deinit(struct sequence_shape *s);

static inline const struct pb_field *sequence_leaf_field(const struct sequence_leaf *l)
{
    return l->fields[l->depth - 1];
}

uint32_t sequence_hash_words(const struct sequence_words *w, size_t from); /* of the words from that one on */

/* "record.key", "notes[].id". */
void sequence_leaf_print(const struct sequence_leaf *l, struct text *out);

/* `each` gets every value at the leaf's path, until it returns true. Whether it did. */
bool sequence_leaf_each(const struct sequence_leaf *l, struct bytes message,
                        bool (*each)(void *arg, struct bytes value), void *arg);
/* The first value at the leaf's path that is not the default, as it stands on the wire (without tag and length). False:
 * there is none, or the bytes are broken before it. */
bool sequence_leaf_get(const struct sequence_leaf *l, struct bytes message, struct bytes *out);
/* How many values at the path equal `value`; broken bytes end the count. */
size_t sequence_leaf_count(const struct sequence_leaf *l, struct bytes message, struct bytes value);

/* Any string or bytes field, at any depth the types know, that equals the value. */
bool sequence_value_in(const struct pb_type *type, struct bytes message, struct bytes value);

#endif
