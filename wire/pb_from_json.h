/* JSON to wire bytes, in one pass: what the reader hands out is written to the wire at once, and a length in front of a
 * message is filled in when its end is reached. pb_from_json.c does messages, lists and maps; pb_from_json_scalar.c
 * numbers, strings and enums; pb_from_json_known.c the well-known types. Private to wire/pb_*.c. */
#ifndef WIRE_PB_FROM_JSON_H
#define WIRE_PB_FROM_JSON_H

#include "base/array.h"
#include "wire/pb_json_reader.h"
#include "wire/pb_pool.h"
#include "wire/pb_wire.h"

/* The key of a map entry already written, kept until the map ends and its keys are compared. */
struct pb_written_key {
    size_t at, len;         /* in the wire bytes */
    const uint8_t *json_at; /* for the error */
};

struct pb_from_json {
    struct pb_json_reader in;
    struct text *wire;
    int flags;
    unsigned depth;                    /* open messages below the root, map entries included */
    ARRAY(struct pb_written_key) keys; /* a stack: those of the open maps */
    struct text scratch;               /* decoded Base64 */
};

/* Numbers as the bits of their kind: 32-bit ones sign-extended, float in the low half. */
struct pb_scalar {
    uint64_t bits;
    struct bytes bytes; /* string, bytes; good until the next string is read */
    bool ignored;       /* an unknown enum name, with PB_JSON_IGNORE_UNKNOWN */
};

int pb_scalar_read(struct pb_from_json *c, enum pb_kind kind, const struct pb_enum *e, struct pb_scalar *out);
/* A map key: any kind, written as a string. `at` is its place, for errors. */
int pb_scalar_key(struct pb_from_json *c, enum pb_kind kind, struct bytes key, const uint8_t *at,
                  struct pb_scalar *out);
bool pb_scalar_is_default(enum pb_kind kind, const struct pb_scalar *s);
void pb_scalar_write(struct text *wire, uint32_t number, enum pb_kind kind, const struct pb_scalar *s);
void pb_scalar_write_bare(struct text *wire, enum pb_kind kind, const struct pb_scalar *s); /* packed: no tag */

/* The content of a message of this type, at the reader's next value. */
int pb_read_message(struct pb_from_json *c, const struct pb_type *t);
/* The members of an object after its brace; one called "@type" is passed over when `in_any`. */
int pb_read_members(struct pb_from_json *c, const struct pb_type *t, bool in_any);
int pb_read_known(struct pb_from_json *c, const struct pb_type *t);
/* A whole map or list, tags included. */
int pb_read_map(struct pb_from_json *c, const struct pb_field *f, const struct pb_path *up);
int pb_read_list(struct pb_from_json *c, const struct pb_field *f, const struct pb_path *up);
/* A message as a field: tag, length, content; counts the depth. */
int pb_read_nested(struct pb_from_json *c, uint32_t number, const struct pb_type *t);
int pb_expect(struct pb_from_json *c, enum pb_json_token wanted);

#endif
