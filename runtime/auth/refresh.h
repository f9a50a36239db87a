/* Refresh tokens: their text, and the record of one login's (a family).
 *
 *     <base64url of the account's id>.<family: 128 random bits>.<256 bits>
 *
 * Every use gives a successor and ends the token used (RFC 9700, 4.14.2). The record, kept under the SHA-256 of the
 * family, knows the SHA-256 of the token that counts and of the one before it. When the answer was lost on its way, the
 * client asks again with the token before, and for REFRESH_GRACE it gets the very same successor: that one is not
 * stored but is HMAC-SHA256 of a random salt under the token before, so it can be worked out again from what the client
 * shows, and not from the record alone. Any other token of the family, or that one later, was copied: the login and
 * all tokens of the account are ended.
 *
 * A family ends REFRESH_IDLE after its last use, and REFRESH_LIFE after the login. It belongs to the account's
 * generation at the login; with that it ends too. */
#ifndef RUNTIME_AUTH_REFRESH_H
#define RUNTIME_AUTH_REFRESH_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "world/world.h"

#include <stdbool.h>
#include <stdint.h>

#define REFRESH_IDLE  (INT64_C(30) * 24 * 3600)  /* seconds */
#define REFRESH_LIFE  (INT64_C(180) * 24 * 3600) /* seconds */
#define REFRESH_GRACE INT64_C(10)                /* seconds */
#define REFRESH_MAX   ((size_t)512)              /* bytes of a token */

struct refresh_token {
    const char *text, *id, *family; /* in the arena; `family` is its SHA-256 */
    const char *head;               /* the text up to and with the second dot */
};
/* ERROR_INVALID: no refresh token of ours. */
int refresh_parse(const char *text, struct arena *arena, struct refresh_token *out);
/* The first token of a new family. */
int refresh_first(struct world *w, const char *account, struct arena *arena, struct refresh_token *out);
/* What follows `before`. */
int refresh_successor(const struct refresh_token *before, const char *salt, struct arena *arena,
                      struct refresh_token *out);

struct refresh_record {
    const char *generation, *current, *previous, *salt; /* "" when absent, never NULL; in the arena */
    int64_t rotated, born;                              /* wall seconds */
};
/* From a record's value; ERROR_SYNTAX. */
int refresh_record_parse(struct bytes value, struct arena *arena, struct refresh_record *out, struct error *err);

enum refresh_verdict { REFRESH_CURRENT, REFRESH_REPEATED, REFRESH_STOLEN, REFRESH_OVER };
enum refresh_verdict refresh_judge(const struct refresh_record *r, const char *digest, int64_t now);
/* Seconds the record has to live when used now. */
int64_t refresh_left(const struct refresh_record *r, int64_t now);

#endif
