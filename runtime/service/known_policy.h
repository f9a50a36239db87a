/* What this service knows of auth's policy: signing keys by id, rules by namespace, revoked tokens.
 *
 * It follows auth.Policy/Watch (proto/auth/policy.proto): a snapshot, then every change. When the stream ends it is
 * opened again after a back-off; what is known stays in force until a new snapshot replaces it as a whole, so that auth
 * may restart without anybody noticing. `epoch` grows with every change: judgements kept in caches carry the epoch they
 * were made in and are made again when it has passed.
 *
 * A large snapshot comes in several messages, all but the last marked `more`. They are gathered aside and take the old
 * policy's place with the last of them; when the stream ends before that, they are dropped.
 *
 * Every key, rule and revocation is copied; at most POLICY_*_MAX of each are kept. A snapshot that is larger, or for
 * which memory does not suffice, is refused as a whole: the old policy stays, since a part of the new one could be a
 * policy nobody wrote. */
#ifndef RUNTIME_SERVICE_KNOWN_POLICY_H
#define RUNTIME_SERVICE_KNOWN_POLICY_H

#include "base/map.h"
#include "proto/auth/policy.pb-c.h"
#include "runtime/service/rules.h"

#define POLICY_KEYS_MAX        256
#define POLICY_NAMESPACES_MAX  100000
#define POLICY_RULES_MAX       10000 /* of one namespace */
#define POLICY_REVOCATIONS_MAX 1000000

struct known_key {
    char *public_key;
    int64_t expires; /* wall seconds; 0: no end */
};

struct known_rules {
    struct arena arena;
    struct rule *rules; /* sorted */
    size_t count;
    struct rule *own; /* those that can be about this very service, sorted */
    size_t own_count;
};

struct known_policy {
    char *service;               /* whose rules are gathered in `own` */
    bool synced;                 /* a whole snapshot was seen */
    uint64_t epoch;              /* 1 at first; never 0 */
    struct map keys;             /* id -> struct known_key */
    struct map namespaces;       /* name -> struct known_rules */
    struct map revocations;      /* "namespace\naccount\ngeneration" -> int64_t * (expires) */
    struct known_policy *coming; /* a snapshot whose last part is not there yet */
};

int known_policy_init(struct known_policy *p, const char *service);
void known_policy_deinit(struct known_policy *p);
/* One message of the stream at `now` (wall seconds). After an error a snapshot has changed nothing, a change may have
 * been taken in part: the stream is to be opened again, which brings a snapshot. */
int known_policy_apply(struct known_policy *p, const Auth__PolicyUpdate *update, int64_t now, struct error *err);
/* The stream ended: the parts of a snapshot that is not whole are worth nothing. */
void known_policy_cut(struct known_policy *p);
const struct known_key *known_policy_key(const struct known_policy *p, const char *id); /* NULL: unknown */
bool known_policy_revoked(const struct known_policy *p, const char *namespace, const char *account,
                          const char *generation);
/* By the namespace's rules; one that auth never spoke of has v3's default rule: everything is public. */
bool known_policy_grants(const struct known_policy *p, const char *namespace, const struct micro_account *a,
                         const struct rule_resource *resource);

#endif
