/* What the alerting's files share: the record of an alert and the service itself (alerting.c tells of both). */
#ifndef RUNTIME_SERVICES_BACKEND_ALERTING_H
#define RUNTIME_SERVICES_BACKEND_ALERTING_H

#include "runtime/services/backend/backend.h"

#include "proto/alerting/alerting.pb-c.h"
#include "proto/events/alerts/events.pb-c.h"

#define ALERTING_TABLE "alerting"
#define ALERTING_TRIES 5 /* when somebody else changes a record meanwhile */

#define ALERTING_ENTRY 4 /* texts of an entry: when, what, who, note */
#define ALERTING_STEP  3 /* texts of who is to be told: number of the step from 1, seconds after, address */
#define ALERTING_DUE   4 /* texts of what is to be told: id, "event" or "mail", type or address, argument or "r" */

struct alerting_alert {
    char *id, *key, *summary, *assignee, *policy, *claim;
    int64_t severity, state, count, raised, updated, repeat;
    int64_t stepped;            /* steps that were told of, rounds before included */
    int64_t failed, retry_at;   /* in a row; not before then */
    int64_t claimed_until;      /* somebody tells what is due */
    struct backend_list labels; /* a map */
    struct backend_list entries, steps, due, heard /* addresses that know that it is wrong */;
};
extern const struct backend_shape alerting_shape;

/* Under "open:<key>": the alert that is open with that key. */
struct alerting_open {
    char *id;
    bool over; /* resolved, and everybody has heard: it is gone a minute later */
};
extern const struct backend_shape alerting_open_shape;

struct alerting {
    struct backend backend; /* first: it is the handlers' context */
    struct world_timer timer;
    struct arena memory; /* of one round of telling */
    char token[37];      /* whose claims are ours */
    bool telling, again; /* a round runs; another is wanted after it */
};

/* Looks for what is to be told, soon. */
void alerting_wake(struct alerting *a);
int alerting_tell_init(struct alerting *a);

/* False: no memory. */
bool alerting_add(struct arena *m, struct backend_list *l, const char *const *texts, size_t n);
bool alerting_note(struct task *t, struct alerting_alert *alert, const char *what, const char *who, const char *note);
bool alerting_add_event(struct task *t, struct alerting_alert *alert, Alertsevents__EventType type,
                        const char *argument);
bool alerting_add_mail(struct task *t, struct alerting_alert *alert, const char *address, bool resolved);
/* As a message; NULL: no memory. */
Alerting__Alert *alerting_message(struct arena *m, const struct alerting_alert *alert, bool entries);

extern const struct backend_shape alerting_policy_shape;
struct alerting_policy {
    char *name;
    int64_t severity_min, repeat;
    struct backend_list match /* a map */, steps;
};
bool alerting_labels_match(const struct backend_list *wanted, const struct backend_list *labels);
void alerting_set_policy(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void alerting_list_policies(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void alerting_list(struct rpc_call *call, const ProtobufCMessage *message, void *context);
/* The platform's administrators and services alone. NULL: the call was failed. */
const struct micro_account *alerting_caller(struct rpc_call *call, const char *id);

#endif
