/* Wire bytes to JSON without a message in between.
 *
 * Each message is indexed first: one pass notes, per known field, the chain of its occurrences, by the rules of the
 * wire format (the last one of a singular field wins, sub-messages sent in pieces merge, packed and unpacked elements
 * mix, the last member of a oneof wins, a field with a foreign wire type is unknown, unknown fields are passed over).
 * Then the fields are written in number order from their chains. Merging needs no copy: a message's content is one run
 * of bytes or the chain of its pieces, one behind the other.
 *
 * Index and occurrences live in two stacks that grow; positions in them are numbers, not pointers.
 * pb_to_json.c does the index and messages, pb_to_json_list.c lists and maps, pb_to_json_scalar.c numbers, strings and
 * enums, pb_to_json_known.c the well-known types. Private to wire/pb_*.c. */
#ifndef WIRE_PB_TO_JSON_H
#define WIRE_PB_TO_JSON_H

#include "base/array.h"
#include "base/error.h"
#include "wire/pb_path.h"
#include "wire/pb_pool.h"
#include "wire/pb_wire.h"

#define PB_NONE UINT32_MAX

struct pb_occurrence {
    struct pb_item item;
    uint32_t next;
};

struct pb_slot {
    uint32_t first, last; /* occurrences, or PB_NONE; of a oneof: `first` is the index of the field that is set */
};

/* A message's content: the chain from `first`, or `run` when that is PB_NONE. */
struct pb_content {
    struct bytes run;
    uint32_t first;
};

struct pb_sort_key {
    uint64_t bits;
    struct bytes bytes;
    struct bytes entry;
    uint32_t order;
};

struct pb_to_json {
    struct text *out;
    int flags;
    unsigned depth;             /* open messages below the root */
    unsigned indent;            /* open brackets */
    const uint8_t *start, *end; /* the whole input, for offsets in errors */
    ARRAY(struct pb_occurrence) occurrences;
    ARRAY(struct pb_slot) slots;
    ARRAY(struct pb_sort_key) keys; /* of open maps */
    struct error *err;
};

/* An indexed message: where its slots begin, and how to give them back. */
struct pb_index {
    size_t slots, occurrences;
};

int pb_write_fail(struct pb_to_json *c, const struct pb_path *path, const uint8_t *at, int code, const char *format,
                  ...) __attribute__((format(printf, 5, 6)));
int pb_index_message(struct pb_to_json *c, const struct pb_type *t, struct pb_content content,
                     const struct pb_path *path, struct pb_index *index);
void pb_index_drop(struct pb_to_json *c, struct pb_index index);
/* The occurrence that counts for a singular field, or NULL. Good until the next message is indexed. */
const struct pb_occurrence *pb_index_last(const struct pb_to_json *c, struct pb_index index, size_t field);

int pb_write_message(struct pb_to_json *c, const struct pb_type *t, struct pb_content content,
                     const struct pb_path *path);
/* The members of an object already open; `first` says whether none stands before them. */
int pb_write_members(struct pb_to_json *c, const struct pb_type *t, struct pb_content content,
                     const struct pb_path *path, bool first);
int pb_write_known(struct pb_to_json *c, const struct pb_type *t, struct pb_content content,
                   const struct pb_path *path);
int pb_write_list(struct pb_to_json *c, const struct pb_field *f, uint32_t first, const struct pb_path *up);
int pb_write_map(struct pb_to_json *c, const struct pb_field *f, uint32_t first, const struct pb_path *up);
/* A singular message field of an indexed message. */
int pb_write_submessage(struct pb_to_json *c, const struct pb_field *f, uint32_t first, const struct pb_path *path);
int pb_write_scalar(struct pb_to_json *c, const struct pb_field *f, const struct pb_item *item,
                    const struct pb_path *path);
/* A number in quotes. */
void pb_write_quoted(struct pb_to_json *c, const char *number, size_t len);
int pb_write_string(struct pb_to_json *c, struct bytes s, const struct pb_path *path);
void pb_write_open(struct pb_to_json *c, char bracket);
void pb_write_next(struct pb_to_json *c, bool first); /* comma and line */
void pb_write_space(struct pb_to_json *c);            /* behind a colon */
void pb_write_close(struct pb_to_json *c, char bracket, bool empty);

#endif
