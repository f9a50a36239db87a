/* What every service needs to judge tokens and calls, in memory, and the stream it follows it by (auth.Policy/Watch,
 * proto/auth/policy.proto): signing keys, the rules of all namespaces, revocations.
 *
 * The truth is in the store and in the key ring; this is its copy, changed after each durable change, in the same turn
 * of the loop in which that is acknowledged. Each change becomes one update, packed once, whoever watches, and is put
 * into a log of the last POLICY_LOG_MAX updates. A watcher is a place in that log: it gets the snapshot of one moment,
 * in one message unless it is larger than POLICY_CHUNK (then all but the last say that more follows), then every update
 * since that moment, each as soon as it has room. So nothing is missed or told twice, memory does not grow with the
 * number of watchers, and one that falls out of the log, or takes nothing for POLICY_STALL, is let go with 503: it
 * watches again and starts from a snapshot.
 *
 * Revisions grow with every change, by POLICY_STEP, so that the pieces of a snapshot have revisions of their own: the
 * last one has the revision of the moment. They start from the wall clock, so that they grow over restarts too.
 *
 * Components (type service, scope service, of namespace "micro") see everything. Services of another namespace see
 * the rules of theirs and of "micro", all keys and all revocations (their callers may come from anywhere). A namespace
 * whose rules were never touched is not named: v3's default rule, everything is public, holds there.
 *
 * A new watcher of a policy not read from the store yet waits for it. */
#ifndef RUNTIME_AUTH_POLICY_H
#define RUNTIME_AUTH_POLICY_H

#include "base/array.h"
#include "base/map.h"
#include "proto/auth/policy.pb-c.h"
#include "rpc/rpc.h"

#include <stdbool.h>
#include <stdint.h>

#define POLICY_LOG_MAX             1024              /* updates */
#define POLICY_CHUNK               ((size_t)8 << 20) /* bytes of a snapshot's piece */
#define POLICY_WATCHERS_MAX        20000
#define POLICY_NAMESPACE_RULES_MAX 2000                  /* they travel in one message */
#define POLICY_STALL               UINT64_C(30000000000) /* ns a watcher may take nothing */
#define POLICY_STEP                UINT64_C(65536)       /* between two revisions */

struct policy_update; /* packed, counted by reference */
struct policy_watcher;

struct policy_item { /* a packed message and when it ends */
    size_t len;
    int64_t expires; /* wall seconds; 0: never */
    uint8_t data[];
};

struct policy {
    struct world *world;
    bool loaded, closed;
    uint64_t revision;
    struct map keys;       /* id -> item: auth.SigningKey */
    struct map namespaces; /* namespace -> struct map of rule id -> item: auth.Rule */
    struct map revoked;    /* "namespace/account/generation" -> item: auth.Revocation */
    struct policy_update *log[POLICY_LOG_MAX];
    uint64_t log_first, log_next; /* places; place n is log[n % POLICY_LOG_MAX] */
    struct policy_watcher *watchers;
    size_t watcher_count;
    struct policy_snapshot *cached; /* the newest snapshot for components, while nothing changed */
    struct world_timer sweep;       /* forgets what expired, lets go who is stuck */
};

void policy_init(struct policy *p, struct world *w);
void policy_deinit(struct policy *p); /* after the server is gone */
/* Lets every watcher go with 503 and takes no new ones. */
void policy_close(struct policy *p);

/* Changes. They return ERROR_MEMORY when the copy could not follow: read the whole policy again then. */
int policy_key(struct policy *p, const char *id, const char *public_pem, int64_t expires);
int policy_key_gone(struct policy *p, const char *id);
int policy_rule(struct policy *p, const char *namespace, const Auth__Rule *rule);
int policy_rule_gone(struct policy *p, const char *namespace, const char *rule);
size_t policy_rule_count(const struct policy *p, const char *namespace);
int policy_revoke(struct policy *p, const char *namespace, const char *account, const char *generation,
                  int64_t expires);
bool policy_revoked(const struct policy *p, const char *namespace, const char *account, const char *generation);
/* A change that is in no update; the new revision. */
uint64_t policy_step(struct policy *p);

/* The rules and revocations read from the store take the place of those known; what differs is told as an update.
 * Watchers that waited get their snapshot. Takes what `fresh` holds. */
struct policy_content {
    struct map namespaces, revoked; /* as in struct policy */
};
int policy_content_namespace(struct policy_content *c, const char *namespace);
int policy_content_rule(struct policy_content *c, const char *namespace, const Auth__Rule *rule);
int policy_content_revoke(struct policy_content *c, const char *namespace, const char *account, const char *generation,
                          int64_t expires);
void policy_content_deinit(struct policy_content *c);
int policy_load(struct policy *p, struct policy_content *fresh);

/* Whether every watcher has been sent everything up to now. */
bool policy_all_told(const struct policy *p);

/* The service auth.Policy; its context is the struct policy. */
extern const struct rpc_service policy_service;

#endif
