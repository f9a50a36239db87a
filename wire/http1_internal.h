/* What the parts of the HTTP/1.1 parser share: character classes, and how a head decides what body follows it. */
#ifndef WIRE_HTTP1_INTERNAL_H
#define WIRE_HTTP1_INTERNAL_H

#include "wire/http1.h"

/* RFC 9110, 5.6.2: what methods and header names are made of. */
bool http1_token_char(uint8_t c);
/* RFC 9110, 5.5: visible characters, bytes above 0x7f, space and tab; no other control character. */
static inline bool http1_value_char(uint8_t c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}
/* RFC 3986: visible ASCII without those no URI may hold. */
bool http1_target_char(uint8_t c);

enum http1_framing { HTTP1_NO_BODY, HTTP1_LENGTH, HTTP1_CHUNKED, HTTP1_UNTIL_END };

/* RFC 9112, 6.3: the body's framing from the headers; also sets length, keep_alive, upgrade and expects_continue.
 * `no_body`: the response answers HEAD. On a refusal: the code, the status to suggest and why, in words. */
int http1_frame(struct http1_head *head, bool no_body, size_t body_max, enum http1_framing *framing, int *status,
                const char **why);

#endif
