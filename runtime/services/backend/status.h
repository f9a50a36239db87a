/* What the status's files share: its records and the service itself (status.c tells of both). */
#ifndef RUNTIME_SERVICES_BACKEND_STATUS_H
#define RUNTIME_SERVICES_BACKEND_STATUS_H

#include "base/map.h"
#include "runtime/services/backend/backend.h"

#include "proto/status/status.pb-c.h"

#define STATUS_TABLE "status"
#define STATUS_TRIES 5 /* when somebody else changes a record meanwhile */
#define STATUS_POST  3 /* texts of a post: phase, text, when */

struct status_component {
    char *name, *description, *group, *service;
    int64_t interval, failures;
    bool gone; /* it is taken away when its outage has ended */
    /* what was found out, and who knows of it already */
    char *why, *incident /* of the outage; "": none, or it has ended */;
    int64_t health, updated;
    int64_t told_health, told_updated; /* of the last event */
    bool noted, raised;                /* the incident is opened, the alert raised */
};
extern const struct backend_shape status_component_shape;

struct status_incident {
    char *id, *title;
    int64_t phase, opened, resolved;
    struct backend_list components /* a map of names and numbers */, posts /* newest first */;
};
extern const struct backend_shape status_incident_shape;

struct status {
    struct backend backend; /* first: it is the handlers' context */
    struct world_timer timer;
    struct arena memory;  /* of one round of checks */
    struct map checks;    /* what a component's service answered in a row: struct status_check */
    bool checking, again; /* a round runs; another is wanted after it */
};

/* Looks at the components, soon. */
void status_wake(struct status *s);
void status_check_init(struct status *s);
void status_check_stop(struct status *s);

char *status_component_key(struct arena *m, const char *name); /* NULL: no memory */
char *status_incident_key(struct arena *m, const char *id);
/* A service is asked how the component is, and it does not work. */
bool status_is_out(const struct status_component *c);
/* False: no memory. */
bool status_post(struct task *t, struct status_incident *i, Status__Phase phase, const char *text);

/* The platform's administrators and services alone. False: the call was failed. */
bool status_check_caller(struct rpc_call *call, const char *id);
Status__Incident *status_incident_message(struct arena *m, const struct status_incident *i); /* NULL: no memory */
void status_open_incident(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void status_update_incident(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void status_read_incident(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void status_list_incidents(struct rpc_call *call, const ProtobufCMessage *message, void *context);

struct status_incidents { /* gathered by task_scan() */
    struct status_incident *items;
    size_t count, room;
};
/* False: the call was failed. */
bool status_gather(struct task *t, struct status_incidents *all, const struct backend_found *f, bool open_only);

#endif
