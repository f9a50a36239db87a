/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * A bad sequence is skipped by its longest well-formed beginning (the Unicode Standard, section 3.9, "substitution of
 * maximal subparts"), so that every reader here replaces the same bytes by the same number of U+FFFD. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/bytes.h"

#define UTF8_REPLACEMENT 0xFFFDU
#define UTF8_MAX         4 /* bytes of the longest sequence */

bool utf8_valid(struct bytes b);
size_t utf8_bad_offset(struct bytes b); /* offset of the first bad byte; b.len when there is none */

/* Reads the code point at *at (which must be below b.len) and moves *at behind it. False for a bad sequence: then
 * *code_point is UTF8_REPLACEMENT and *at has moved by at least one byte. */
bool utf8_next(struct bytes b, size_t *at, uint32_t *code_point);

/* Writes 1 to 4 bytes and returns their number. What is no code point is written as UTF8_REPLACEMENT. */
size_t utf8_write(uint32_t code_point, char out[UTF8_MAX]);

#endif
