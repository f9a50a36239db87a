/* Base64 of RFC 4648 as proto3 JSON wants it: written in the standard alphabet with padding; read in the standard or
 * the URL-safe alphabet, padded or not. Private to wire/pb_*.c. */
#ifndef WIRE_PB_BASE64_H
#define WIRE_PB_BASE64_H

#include "base/bytes.h"
#include "base/text.h"

void pb_base64_encode(struct text *out, struct bytes data);
/* Appends the decoded bytes; false: not Base64 (what was appended by then is to be dropped). */
bool pb_base64_decode(struct text *out, struct bytes in);

#endif
