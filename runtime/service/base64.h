/* Base64 (RFC 4648): the standard alphabet with padding, and the one for URLs without. */
#ifndef RUNTIME_SERVICE_BASE64_H
#define RUNTIME_SERVICE_BASE64_H

#include "base/bytes.h"
#include "base/text.h"

#include <stdbool.h>

void base64_encode(struct text *out, struct bytes data);     /* "+/", padded */
void base64_encode_url(struct text *out, struct bytes data); /* "-_", not padded */
/* Both alphabets, padded or not; white space is skipped. False on anything else, or on bits left over. */
bool base64_decode(struct text *out, struct bytes text);

#endif
