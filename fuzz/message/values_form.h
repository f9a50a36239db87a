/* Texts that have a form of their own: parts between separators, JSON, tokens. Systems take such texts apart, so a new
 * one is right but for one thing, or has one more of something than a table has room for; and one that is there is
 * changed where it would be taken apart. Private to fuzz/message, but for value_token_fresh() in values.h.
 *
 * All of them append at most `max` bytes, keep UTF-8 without a NUL what was so, and allocate nothing once `out` has
 * grown. */
#ifndef FUZZ_MESSAGE_VALUES_FORM_H
#define FUZZ_MESSAGE_VALUES_FORM_H

#include "fuzz/message/values.h"

/* A change under way. What an edit appends is the whole new text. */
struct text_edit {
    struct random *r;
    const struct pb_field *field;
    struct bytes old;
    size_t max;
    struct text *out;
};
/* The old text with [from, to) replaced. False: it would be too long. */
bool text_edit_replace(const struct text_edit *e, size_t from, size_t to, struct bytes with);

/* values_parts.c. "a.b.c", "///", "k=v,k=v": few parts or one more than tables of the usual sizes hold, also empty
 * ones; and pieces of patterns, quotes and brackets again and again. With the separator that `like` has, if any. */
void value_parts_fresh(struct random *r, const char *like, size_t max, struct text *out);
/* A part goes, becomes empty, comes again, or is the last one. False: there is no separator. */
bool value_parts_change(const struct text_edit *e);
/* One more than a table has room for, mostly: tables have a power of two or of ten. */
size_t value_count_over(struct random *r);

/* values_json.c. Objects and lists, deep, long, or of members nobody expects. */
void value_json_fresh(struct random *r, size_t max, struct text *out);
/* A member or element goes, comes twice, gets another name or a value of another kind. False: no JSON that has any. */
bool value_json_change(const struct text_edit *e);
/* A value of some kind: "[]", "null", "1e400" ... */
const char *value_json_any(struct random *r);

/* values_token.c. The JSON in a token's parts is changed as above. False: no token. */
bool value_token_change(const struct text_edit *e);

#endif
