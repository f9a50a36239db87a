/* Where a value is in a message, by field numbers, and reading and replacing what is there in the wire bytes
 * themselves: nothing is unpacked. What links (links.h) and the minimiser (shrink.h) go by.
 *
 * In bytes a path is a sequence of pairs of varints: a field's number, and 0 (no index) or 1 + the index among the
 * values of that field, elements of packed runs counted one by one. It names what a corpus keeps when fields are
 * renamed or moved between messages of the same shape. In text it is field names with dots between: "record.key",
 * "items[2].id"; "#17" is a number the type does not have, "labels[0].value" a map's entry.
 *
 * Without an index a field that is not repeated is its last occurrence, which is the one decoders keep; a repeated one
 * is all of its values when reading, and the first when writing. Writing behind the last value adds one; what is
 * missing on the way is made. A message that is broken somewhere is read up to that place, and what is added goes in
 * before it. The type may be NULL, or not know the fields: then numbers and wire types alone decide. */
#ifndef FUZZ_CASE_PATH_H
#define FUZZ_CASE_PATH_H

#include "base/text.h"
#include "wire/pb.h"

#define FUZZ_PATH_STEPS_MAX  24
#define FUZZ_PATH_BYTES_MAX  (10 * FUZZ_PATH_STEPS_MAX)
#define FUZZ_PATH_NO_INDEX   UINT32_MAX
#define FUZZ_PATH_INDEX_MAX  (UINT32_MAX - 2)
#define FUZZ_PATH_NUMBER_MAX 536870911U /* 2^29 - 1 */

struct fuzz_path_step {
    uint32_t number;
    uint32_t index; /* FUZZ_PATH_NO_INDEX: none was given */
};

struct fuzz_path {
    uint32_t count; /* 0: the message itself */
    struct fuzz_path_step steps[FUZZ_PATH_STEPS_MAX];
};

/* False when there is no room for another step. */
bool fuzz_path_push(struct fuzz_path *p, uint32_t number, uint32_t index);
bool fuzz_path_read(struct bytes encoded, struct fuzz_path *out); /* false: not a path */
size_t fuzz_path_write(const struct fuzz_path *p, uint8_t out[FUZZ_PATH_BYTES_MAX]);
/* The message itself is "." in text. */
void fuzz_path_print(const struct fuzz_path *p, const struct pb_type *type, struct text *out);
/* ERROR_SYNTAX, ERROR_NOT_FOUND (a name the type does not have), ERROR_LIMIT; *at is then the offset of what is wrong
 * and *expected says, in static words, what should stand there. */
int fuzz_path_parse(struct bytes text, const struct pb_type *type, struct fuzz_path *out, size_t *at,
                    const char **expected);

/* A value as it was found, or to be put somewhere. */
struct fuzz_value {
    enum pb_kind kind; /* 0: not known; `wire` says what it looks like */
    uint8_t wire;
    const struct pb_type *message; /* PB_MESSAGE */
    struct bytes bytes;            /* without tag and length; of numbers the bytes they take */
};

struct fuzz_value fuzz_value_text(struct bytes text); /* borrowed */

/* Values at the path, at most `max` of them, in the order of the bytes; the message itself for the empty path. Returns
 * how many were found. They borrow the message's bytes. */
size_t fuzz_path_get(const struct fuzz_path *p, const struct pb_type *type, struct bytes message,
                     struct fuzz_value *out, size_t max);
/* Appends the message with the value at the path, converted to the field's kind where that makes sense: numbers among
 * each other (cut to the width, real ones rounded towards zero and held to the range), numbers and decimal digits,
 * text and bytes (text must be UTF-8 without NUL), messages of the same type. ERROR_INVALID: it does not, or the path
 * goes through what is no message; nothing was appended. ERROR_LIMIT: longer than FUZZ_CASE_BYTES_MAX. ERROR_MEMORY. */
int fuzz_path_put(const struct fuzz_path *p, const struct pb_type *type, struct bytes message,
                  const struct fuzz_value *v, struct text *out);

/* Appends the value as the kind holds it, without tag and length: false when it cannot, and nothing was appended. */
bool fuzz_value_convert(const struct fuzz_value *v, enum pb_kind to, const struct pb_type *message, struct text *out);

#endif
