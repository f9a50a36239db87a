/* Secrets at rest: scrypt (RFC 7914) with a random salt, written as text that carries its own parameters:
 *     scrypt$14$8$1$<salt, base64>$<hash, base64>          log2 N, r, p
 * One check with the default cost takes about 40 ms of CPU and 16 MB, which is what makes guessing from a stolen
 * record slow. Records of PBKDF2-HMAC-SHA256 (RFC 8018), "pbkdf2-sha256$100000$<salt>$<hash>", are still understood and
 * called outdated, as are those of another cost: whoever holds the secret in the clear hashes it anew. Parameters of a
 * record are honoured within the limits below only, so that a forged record cannot occupy the processor or the memory.
 * Comparing takes the same time whatever differs. */
#ifndef RUNTIME_AUTH_SECRET_H
#define RUNTIME_AUTH_SECRET_H

#include "base/error.h"
#include "base/text.h"
#include "world/world.h"

#include <stdbool.h>

#define SECRET_COST_DEFAULT   14 /* log2 of scrypt's N: 16 MB */
#define SECRET_COST_SIMULATED 4  /* where nobody guesses and every login would cost the test run 40 ms */
#define SECRET_COST_MIN       1
#define SECRET_COST_MAX       15      /* 32 MB */
#define SECRET_BLOCKS         8       /* scrypt's r */
#define SECRET_LANES          1       /* scrypt's p */
#define SECRET_ITERATIONS_MAX 1000000 /* of an old PBKDF2 record */
#define SECRET_SALT_BYTES     16
#define SECRET_HASH_BYTES     32

int secret_hash(struct world *w, int cost, const char *secret, struct text *out, struct error *err);
/* True when `secret` is the one behind `stored`; false also when `stored` is not of a known form. */
bool secret_matches(const char *secret, const char *stored);
/* Whether a record that matched should be hashed anew with this cost. */
bool secret_outdated(const char *stored, int cost);
/* Takes as long as a check of this cost and is never true: for accounts that do not exist. */
void secret_waste(const char *secret, int cost);

/* A random version 4 UUID (RFC 9562). */
int secret_uuid(struct world *w, struct text *out, struct error *err);
/* `bytes` (at most 64) random bytes as base64url without padding (RFC 4648), beginning with a letter. */
int secret_random(struct world *w, size_t bytes, struct text *out, struct error *err);
/* Lower-case hex of SHA-256. */
int secret_digest(const char *value, struct text *out, struct error *err);
/* HMAC-SHA256 (RFC 2104) of `data` as base64url without padding. */
int secret_mac(const char *key, const char *data, struct text *out, struct error *err);
/* Both texts are compared whole whatever differs; their lengths are no secret. */
bool secret_equal(const char *a, const char *b);

#endif
