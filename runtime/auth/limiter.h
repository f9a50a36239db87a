/* Failed logins make the next ones wait: the first AUTH_LIMIT_FREE failures of an account cost nothing, each further
 * one doubles a delay, from AUTH_LIMIT_FIRST to AUTH_LIMIT_MAX, in which no login of that account is tried. Attempts
 * during the delay are refused and do not prolong it, so that whoever knows the secret gets in at the latest after
 * AUTH_LIMIT_MAX, however hard somebody else tries. A login that succeeds clears the account; so does a quiet while.
 *
 * Kept in memory only, in monotonic time: a restart forgets it. At most AUTH_LIMIT_ENTRIES accounts are remembered, of
 * which the one that failed first is forgotten for a new one. */
#ifndef RUNTIME_AUTH_LIMITER_H
#define RUNTIME_AUTH_LIMITER_H

#include "base/map.h"

#include <stdint.h>

#define AUTH_LIMIT_FREE    5
#define AUTH_LIMIT_FIRST   UINT64_C(1000000000)         /* ns */
#define AUTH_LIMIT_MAX     (32 * AUTH_LIMIT_FIRST)      /* ns */
#define AUTH_LIMIT_FORGET  (15 * 60 * AUTH_LIMIT_FIRST) /* ns without a failure */
#define AUTH_LIMIT_ENTRIES 10000

struct auth_limiter {
    struct map entries;
};
void auth_limiter_deinit(struct auth_limiter *l);
/* How long the account has to wait, in ns; 0: it may try. */
uint64_t auth_limiter_wait(struct auth_limiter *l, const char *account, uint64_t now);
void auth_limiter_failed(struct auth_limiter *l, const char *account, uint64_t now);
void auth_limiter_succeeded(struct auth_limiter *l, const char *account);

#endif
