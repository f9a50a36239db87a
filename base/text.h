/* Growable bytes that are also a C string: `data` always ends in a NUL that `len` does not count.
 *
 * Failure is sticky: when memory runs out `failed` is set, nothing more is added, and the caller checks once at the
 * end (text_ok). Works for binary data too. Zero-initialise with TEXT_INIT; text_deinit() frees. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/bytes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
    char *data; /* NULL until something was added; use text_string() for a C string that is never NULL */
    size_t len, capacity;
    bool failed;
};

#define TEXT_INIT ((struct text){0})

void text_deinit(struct text *t);
void text_clear(struct text *t); /* keeps the memory, forgets `failed` */
void text_truncate(struct text *t, size_t len);
bool text_reserve(struct text *t, size_t extra); /* room for `extra` more bytes without another allocation */
void text_add(struct text *t, const void *data, size_t len);
void text_puts(struct text *t, const char *string);
void text_char(struct text *t, char c);
void text_decimal(struct text *t, uint64_t n); /* decimal; what "%" PRIu64 prints, in a tenth of its time */
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *t, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
void text_consume(struct text *t, size_t len); /* drop the first `len` bytes */
bool text_ok(const struct text *t);            /* false when an addition failed */
const char *text_string(const struct text *t); /* never NULL */
char *text_take(struct text *t);               /* the caller owns the result; NULL when it failed; `t` is empty after */
struct bytes text_bytes(const struct text *t);

/* Escapes for output formats: JSON string body (no quotes), XML/HTML text. Invalid UTF-8 becomes U+FFFD. */
void text_json(struct text *t, const char *data, size_t len);
void text_xml(struct text *t, const char *data, size_t len);
/* Printable rendering of arbitrary bytes for a log line: \n, \t, \xHH; at most `max` bytes of input, then "...". */
void text_printable(struct text *t, const void *data, size_t len, size_t max);

#endif
