/* Secrets at rest: PBKDF2-HMAC-SHA256 (RFC 8018) with a random salt, written as text that carries its own parameters:
 *     pbkdf2-sha256$100000$<salt, base64>$<hash, base64>
 * Checking costs about 20 to 50 ms of CPU, which is what makes guessing from a stolen record slow; the iteration count
 * of a record is honoured up to SECRET_ITERATIONS_MAX, so that it can be raised later without touching old records. */
#ifndef RUNTIME_AUTH_SECRET_H
#define RUNTIME_AUTH_SECRET_H

#include "base/error.h"
#include "base/text.h"
#include "world/world.h"

#include <stdbool.h>

#define SECRET_ITERATIONS     100000
#define SECRET_ITERATIONS_MAX 10000000
#define SECRET_SALT_BYTES     16
#define SECRET_HASH_BYTES     32

int secret_hash(struct world *w, const char *secret, struct text *out, struct error *err);
/* True when `secret` is the one behind `stored`; false also when `stored` is not of this form. */
bool secret_matches(const char *secret, const char *stored);

/* A random version 4 UUID (RFC 9562). */
int secret_uuid(struct world *w, struct text *out, struct error *err);
/* `bytes` (at most 64) random bytes as base64url without padding (RFC 4648). */
int secret_random(struct world *w, size_t bytes, struct text *out, struct error *err);
/* Lower-case hex of SHA-256. */
int secret_digest(const char *value, struct text *out, struct error *err);

#endif
