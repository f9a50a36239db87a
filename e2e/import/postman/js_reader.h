/* How scripts are read, by recursive descent: what the files js*.c share. What cannot be read sets `failed`, which
 * js_read_statement() takes back. NULL: failed, or no memory. */
#ifndef E2E_IMPORT_POSTMAN_JS_READER_H
#define E2E_IMPORT_POSTMAN_JS_READER_H

#include "e2e/import/postman/js.h"

struct js_reader {
    struct arena *arena;
    const char *s; /* ends with a zero character */
    size_t len, at;
    int depth;
    bool failed; /* what is read now is not understood */
    bool memory;
};

struct js_items {
    const struct js **list;
    size_t count, room;
};

/* ---- js_words.c ---- */
struct js *js_make(struct js_reader *r, enum js_kind kind, size_t at);
const struct js *js_fail(struct js_reader *r);
void js_add(struct js_reader *r, struct js_items *items, const struct js *one);
void js_set_items(struct js_reader *r, struct js *n, const struct js_items *from);
/* Blanks and comments. True: there was the end of a line among them. */
bool js_skip(struct js_reader *r);
bool js_take(struct js_reader *r, const char *what);
bool js_sees(struct js_reader *r, const char *what);
const char *js_read_word(struct js_reader *r);
const struct js *js_read_text(struct js_reader *r, char quote); /* behind the quote */
const struct js *js_read_parts(struct js_reader *r);            /* `a${b}c`, behind the first of its marks */
const struct js *js_read_regex(struct js_reader *r);
const struct js *js_read_number(struct js_reader *r);

/* ---- js_values.c ---- */
const struct js *js_read_value(struct js_reader *r);
const struct js *js_read_object(struct js_reader *r);
const struct js *js_read_word_value(struct js_reader *r); /* a name, a function, true, null */
void js_read_parameters(struct js_reader *r, struct js_items *out);

/* ---- js.c ---- */
const struct js *js_read_block(struct js_reader *r);
const struct js *js_read_statement(struct js_reader *r);

#endif
