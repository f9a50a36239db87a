/* What policy.c (content) and policy_watch.c (the stream) share; policy.h says what both are. */
#ifndef RUNTIME_AUTH_POLICY_INTERNAL_H
#define RUNTIME_AUTH_POLICY_INTERNAL_H

#include "runtime/auth/policy.h"

/* Field numbers of auth.PolicyUpdate. */
#define POLICY_FIELD_KEYS        3
#define POLICY_FIELD_RULES       4
#define POLICY_FIELD_REVOCATIONS 5
#define POLICY_FIELD_MORE        100

/* Packing, policy.c. */
void policy_put_head(struct text *out, uint64_t revision, bool snapshot, bool more);
void policy_put_item(struct text *out, unsigned field, const struct policy_item *item);
void policy_put_rules(struct text *out, const char *namespace, const struct map *rules);
void policy_watch_clock(struct policy *p); /* runs the timer while there is something to look after */

/* The stream, policy_watch.c. */
int policy_publish(struct policy *p, struct bytes packed, const char *about);
void policy_dismiss(struct policy *p, const char *why); /* every watcher, with 503 */
void policy_dismiss_stuck(struct policy *p);
void policy_begin_waiting(struct policy *p); /* those who came before the policy was loaded */
void policy_forget_snapshot(struct policy *p);
void policy_log_deinit(struct policy *p);

#endif
