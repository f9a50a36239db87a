/* JSON text to jansson's trees and back, where there is much of it: lines of the result stream, bodies of answers.
 * jansson reads and writes character by character through callbacks; this goes by runs of characters, and is several
 * times as fast. Trees and texts are the same as jansson's: what is out of the ordinary is left to it. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include "base/bytes.h"
#include "base/text.h"

#include <jansson.h>

/* Appends the value, as json_dumps() writes it with JSON_ENCODE_ANY and JSON_COMPACT, or with JSON_INDENT(indent) where
 * `indent` is not 0. `digits` of real numbers: as JSON_REAL_PRECISION() has them; 0: all. Without memory the text has
 * failed; NULL is no value, and fails as well. */
void json_text_add(struct text *out, const json_t *value, unsigned indent, unsigned digits);

/* The same as a text that the caller frees. NULL: no memory, or `value` is NULL. (json_dumps() may leave out keys when
 * memory runs out, and return the rest.) */
char *json_text_of(const json_t *value, unsigned indent);

/* The same in another form of jansson's: `flags` as json_dumps() takes them (JSON_SORT_KEYS, JSON_ENSURE_ASCII). */
char *json_text_by(const json_t *value, size_t flags);

/* The value that `text` is, as json_loadb() reads it with these flags; `why` may be NULL. Without memory
 * json_error_code() of it is json_error_out_of_memory. */
json_t *json_text_read(struct bytes text, size_t flags, json_error_t *why);

/* A string of any bytes: what a system under test wrote need not be UTF-8, JSON must be. Bad sequences become U+FFFD.
 * NULL: no memory. */
json_t *json_text_string(const char *string);

#endif
