/* A pull reader for JSON (RFC 8259), strict: no comments, no trailing commas, valid UTF-8, no lone surrogates.
 *
 * It goes over borrowed text and hands out tokens; it builds no tree. A string without escapes is a slice of the
 * input; one with escapes is decoded into a buffer that the next such string reuses. Errors give line and column
 * (counted in code points, from 1) and the path the transcoder is at. Private to wire/pb_*.c. */
#ifndef WIRE_PB_JSON_READER_H
#define WIRE_PB_JSON_READER_H

#include "base/error.h"
#include "base/text.h"
#include "wire/pb_path.h"

enum pb_json_token {
    PB_JSON_END,
    PB_JSON_OBJECT,
    PB_JSON_LIST,
    PB_JSON_STRING,
    PB_JSON_NUMBER,
    PB_JSON_TRUE,
    PB_JSON_FALSE,
    PB_JSON_NULL,
    PB_JSON_OTHER, /* no value begins like this */
};

struct pb_json_reader {
    const uint8_t *start, *at, *end;
    struct text decoded;
    const struct pb_path *path; /* for errors */
    bool placeless;             /* the text was made from a tree: its lines and columns mean nothing */
    struct error *err;
};

void pb_json_reader_init(struct pb_json_reader *r, struct bytes text, struct error *err);
void pb_json_reader_deinit(struct pb_json_reader *r);
int pb_json_fail(struct pb_json_reader *r, const uint8_t *at, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int pb_json_no_memory(struct pb_json_reader *r);

/* What begins at the next byte that is not white space; moves there. */
enum pb_json_token pb_json_peek(struct pb_json_reader *r);
const char *pb_json_token_name(enum pb_json_token token); /* "a string" */

int pb_json_string(struct pb_json_reader *r, struct bytes *out);
int pb_json_number(struct pb_json_reader *r, struct bytes *out);
int pb_json_literal(struct pb_json_reader *r); /* true, false, null: after peek said which */
int pb_json_skip(struct pb_json_reader *r, unsigned depth_left);

/* Walking: open, then next until *more is false; each next stands before a value. */
void pb_json_open(struct pb_json_reader *r);
int pb_json_next_element(struct pb_json_reader *r, bool first, bool *more);
/* `raw` is the key as it is written, between its quotes. */
int pb_json_next_member(struct pb_json_reader *r, bool first, bool *more, struct bytes *key, struct bytes *raw);
int pb_json_finish(struct pb_json_reader *r); /* only white space is left */

#endif
