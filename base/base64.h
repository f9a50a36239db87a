/* Base64 (RFC 4648), all of the tree's: standard or for URLs, padded or not. Both directions append to a text, whose
 * failure tells that memory ran out. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/bytes.h"
#include "base/text.h"

void base64_encode(struct text *out, struct bytes data);      /* "+/", padded: JSON, HTTP's credentials */
void base64_encode_bare(struct text *out, struct bytes data); /* "+/", not padded: gRPC's metadata */
void base64_encode_url(struct text *out, struct bytes data);  /* "-_", not padded: tokens */

enum {
    BASE64_URL = 1,     /* '-' and '_' are taken for '+' and '/' */
    BASE64_BLANKS = 2,  /* white space is skipped */
    BASE64_NO_REST = 4, /* the bits that the last letter has too many must be 0 */
};
/* Padded to a multiple of four, or not at all. False: it is not Base64, and nothing was appended. `in` may lie in
 * `out` when in.len + 3 bytes are reserved there. */
bool base64_read(struct text *out, struct bytes in, unsigned taken);
/* With all three. */
bool base64_decode(struct text *out, struct bytes in);

#endif
