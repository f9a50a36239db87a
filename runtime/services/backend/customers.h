/* Customers of the platform (proto/customers/customers.proto).
 *
 * Table "customers": "customer:<id>" is the customer, "email:<address>" whose it is. An address is claimed first, on
 * the condition that nobody has, and then the customer is written: two calls at once make one customer. Beside the
 * contract's fields a record keeps `announced`, the status that was last told as an event: a change whose event could
 * not be told is told when the call is made again.
 *
 * customers.c makes and reads customers, customers_change.c changes and deletes them, customers_login.c lets them in;
 * customers_record.c is what they share. */
#ifndef RUNTIME_SERVICES_BACKEND_CUSTOMERS_H
#define RUNTIME_SERVICES_BACKEND_CUSTOMERS_H

#include "runtime/services/backend/backend.h"

#include "proto/customers/customers.pb-c.h"
#include "proto/events/customers/events.pb-c.h"

#define CUSTOMERS_TABLE    "customers"
#define CUSTOMERS_NAME_MAX 100 /* bytes */
#define CUSTOMERS_TRIES    3   /* when somebody else changed the record meanwhile */

struct customers_record {
    char *id, *status, *email, *name, *announced;
    int64_t created, updated;
    struct backend_list meta;
};
/* What an address belongs to. */
struct customers_owner {
    char *id;
};
#define CUSTOMERS_FIELDS 8
extern const struct backend_field customers_fields[CUSTOMERS_FIELDS], customers_owner_fields[1];
extern char customers_namespace[]; /* the platform's own */

/* Which change a call makes. */
enum customers_change { CHANGE_VERIFY, CHANGE_BAN, CHANGE_UNBAN, CHANGE_DELETE, CHANGE_UPDATE, CHANGE_NAME };

struct customers_work {
    struct task task;
    struct customers_record record;
    uint64_t revision;
    bool found;
    int tries;
    char *email; /* Create: what is claimed; else what was asked for */
    char *key;
    backend_step *found_next; /* after customers_find() */
    enum customers_change change;
    bool force;
    const char *status_after, *word;
    Customersevents__EventType type;
    const Customers__Customer *wanted; /* CHANGE_UPDATE */
    const char *new_name;
    const char *secret, *refresh_token;
    char *access, *refresh;
    int64_t expiry;
};

struct arena *customers_memory(struct customers_work *w);
/* In the call's memory; NULL: none. */
Customers__Customer *customers_message(struct customers_work *w, const struct customers_record *r);
/* `word` is the event's, "customers.created"; the customer is w->record. */
void customers_publish(struct customers_work *w, Customersevents__EventType type, const char *word, backend_step *next);
char *customers_key(struct customers_work *w, const char *id);
void customers_write(struct customers_work *w, uint64_t revision, backend_step *next);
/* The record of an answer into w->record. False: the call was failed. */
bool customers_take(struct customers_work *w, const struct backend_answer *a);
/* Finds a customer by id, else by address, into w->record, and goes on with `next`. 404 when there is none, or it was
 * deleted. */
void customers_find(struct customers_work *w, const char *id, const char *email, backend_step *next);
/* Operators everybody, an account itself. False: the call was failed. */
bool customers_may_touch(struct customers_work *w);
bool customers_operator_only(struct rpc_call *call, const char *id);
/* Any of the answers without members. */
void customers_reply_empty(struct customers_work *w);
struct customers_work *customers_change_new(struct rpc_call *call, void *context, const char *id,
                                            enum customers_change change);

/* The handlers. */
void customers_create(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_mark_verified(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_ban(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_unban(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_delete(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_update(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_update_name(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_read(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_list(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_login(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void customers_logout(struct rpc_call *call, const ProtobufCMessage *message, void *context);

#endif
