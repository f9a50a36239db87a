/* What changes a customer: each change is written, told, and written as told. */
#include "runtime/services/backend/customers.h"

#include "proto/auth/auth.pb-c.h"
#include "proto/balance/balance.pb-c.h"
#include "proto/mailchimp/mailchimp.pb-c.h"
#include "proto/store/store.pb-c.h"
#include "proto/v1/v1.pb-c.h"

#include <string.h>

static void change_begin(struct task *t, const struct backend_answer *a);

void customers_reply_empty(struct customers_work *w)
{
    static const Customers__DeleteResponse empty = CUSTOMERS__DELETE_RESPONSE__INIT; /* as all of them on the wire */
    rpc_call_reply(w->task.call, &empty.base);
}

/* What a deletion has to do elsewhere, one after the other. */
enum { AT_ACCOUNT, AT_BALANCE, AT_KEYS, AT_MAILCHIMP, AT_ADDRESS, AT_RECORD, AT_END };

static void delete_step(struct customers_work *w, int at);

static void delete_stepped(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    /* Who does not know the customer has nothing to take away; auth says 400 for an unknown account. */
    bool nothing_there = a->status == GRPC_NOT_FOUND || (w->tries == AT_ACCOUNT && a->status == GRPC_INVALID_ARGUMENT);
    if (nothing_there || !task_failed(t, a, 500))
        delete_step(w, w->tries + 1);
}

static void delete_owner_read(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (task_failed(t, a, 500))
        return;
    const Store__ReadResponse *r = (const Store__ReadResponse *)(const void *)a->reply;
    struct customers_owner owner = {0};
    /* Whoever has signed up with the address since then keeps it. */
    if (r->n_records == 1 &&
        backend_decode(customers_memory(w), customers_owner_fields, 1,
                       BYTES(r->records[0]->value.data, r->records[0]->value.len), &owner) &&
        strcmp(owner.id, w->record.id) == 0)
        task_delete(t, CUSTOMERS_TABLE, w->key, delete_stepped);
    else
        delete_step(w, AT_ADDRESS + 1);
}

static void delete_step(struct customers_work *w, int at)
{
    struct task *t = &w->task;
    if (!w->force && at > AT_ACCOUNT && at < AT_ADDRESS)
        at = AT_ADDRESS;
    if (!w->force && at == AT_RECORD)
        at = AT_END;
    w->tries = at;
    if (at == AT_ACCOUNT) {
        Auth__DeleteAccountRequest r = AUTH__DELETE_ACCOUNT_REQUEST__INIT;
        Auth__Options options = AUTH__OPTIONS__INIT;
        options.namespace_ = customers_namespace;
        for (size_t i = 0; i + 1 < w->record.meta.count; i += 2)
            if (strcmp(w->record.meta.items[i], "namespace") == 0)
                options.namespace_ = w->record.meta.items[i + 1]; /* where signup made it */
        r.id = w->record.id;
        r.options = &options;
        task_ask(t, "auth", "auth", "Accounts.Delete", &r.base, &auth__delete_account_response__descriptor,
                 delete_stepped);
    } else if (at == AT_BALANCE) {
        Balance__DeleteCustomerRequest r = BALANCE__DELETE_CUSTOMER_REQUEST__INIT;
        r.user_id = w->record.id;
        task_ask(t, "the balance", "balance", "Balance.DeleteCustomer", &r.base,
                 &balance__delete_customer_response__descriptor, delete_stepped);
    } else if (at == AT_KEYS) {
        V1__DeleteCustomerRequest r = V1__DELETE_CUSTOMER_REQUEST__INIT;
        r.id = w->record.id;
        task_ask(t, "the public API", "v1", "V1.DeleteCustomer", &r.base, &v1__delete_customer_response__descriptor,
                 delete_stepped);
    } else if (at == AT_MAILCHIMP) {
        Mailchimp__DeleteCustomerRequest r = MAILCHIMP__DELETE_CUSTOMER_REQUEST__INIT;
        r.email = w->record.email;
        task_ask(t, "the mailing list", "mailchimp", "Mailchimp.DeleteCustomer", &r.base,
                 &mailchimp__delete_customer_response__descriptor, delete_stepped);
    } else if (at == AT_ADDRESS || at == AT_RECORD) {
        w->key = at == AT_ADDRESS ? arena_printf(customers_memory(w), "email:%s", w->record.email)
                                  : customers_key(w, w->record.id);
        if (!w->key)
            task_no_memory(t);
        else if (at == AT_ADDRESS)
            task_read(t, CUSTOMERS_TABLE, w->key, false, delete_owner_read);
        else
            task_delete(t, CUSTOMERS_TABLE, w->key, delete_stepped);
    } else {
        customers_reply_empty(w);
    }
}

static void change_finished(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (task_failed(t, a, 500))
        return;
    if (w->change == CHANGE_DELETE)
        delete_step(w, AT_ACCOUNT);
    else
        customers_reply_empty(w);
}

static void change_announced(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (task_failed(t, a, 500))
        return;
    w->record.announced = w->record.status;
    customers_write(w, BACKEND_ALWAYS, change_finished);
}

static void change_written(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < CUSTOMERS_TRIES)
            customers_find(w, w->record.id, "", change_begin); /* on what somebody else made of it */
        else
            micro_fail(t->call, 409, t->id, "the customer is being changed; try again");
    } else if (!task_failed(t, a, 500)) {
        customers_publish(w, w->type, w->word, change_announced);
    }
}

static bool take_wanted(struct customers_work *w)
{
    char *name = arena_string(customers_memory(w), w->change == CHANGE_NAME ? w->new_name : w->wanted->name);
    w->record.name = name;
    if (!name)
        return false;
    if (w->change == CHANGE_NAME)
        return true;
    w->record.meta = (struct backend_list){0};
    for (size_t i = 0; i < w->wanted->n_meta; i++)
        if (!backend_list_add(customers_memory(w), &w->record.meta, w->wanted->meta[i]->key) ||
            !backend_list_add(customers_memory(w), &w->record.meta, w->wanted->meta[i]->value))
            return false;
    return true;
}

static void change_begin(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    (void)a;
    if (!customers_may_touch(w))
        return;
    bool is_status = w->status_after != NULL;
    if (is_status && strcmp(w->record.status, w->status_after) == 0) {
        /* It is so already; what may be missing is that it was told, and of a deletion what follows. */
        if (strcmp(w->record.announced, w->status_after) != 0)
            customers_publish(w, w->type, w->word, change_announced);
        else if (w->change == CHANGE_DELETE)
            delete_step(w, AT_ACCOUNT);
        else
            customers_reply_empty(w);
        return;
    }
    if (w->change == CHANGE_UNBAN && strcmp(w->record.status, "banned") != 0) {
        customers_reply_empty(w);
        return;
    }
    if (is_status)
        w->record.status = arena_string(customers_memory(w), w->status_after);
    if (!w->record.status || (!is_status && !take_wanted(w))) {
        task_no_memory(t);
        return;
    }
    w->record.updated = backend_now(t->backend);
    customers_write(w, w->revision, change_written);
}

struct customers_work *customers_change_new(struct rpc_call *call, void *context, const char *id,
                                            enum customers_change change)
{
    static const struct {
        const char *status, *word;
        Customersevents__EventType type;
    } changes[] = {
        [CHANGE_VERIFY] = {"verified", "customers.verified", CUSTOMERSEVENTS__EVENT_TYPE__EventTypeVerified},
        [CHANGE_BAN] = {"banned", "customers.banned", CUSTOMERSEVENTS__EVENT_TYPE__EventTypeBanned},
        [CHANGE_UNBAN] = {"verified", "customers.unbanned", CUSTOMERSEVENTS__EVENT_TYPE__EventTypeUnbanned},
        [CHANGE_DELETE] = {"deleted", "customers.deleted", CUSTOMERSEVENTS__EVENT_TYPE__EventTypeDeleted},
        [CHANGE_UPDATE] = {NULL, "customers.updated", CUSTOMERSEVENTS__EVENT_TYPE__EventTypeUpdated},
        [CHANGE_NAME] = {NULL, "customers.updated", CUSTOMERSEVENTS__EVENT_TYPE__EventTypeUpdated},
    };
    struct customers_work *w = task_new(sizeof *w, context, call, id);
    if (w) {
        w->change = change;
        w->status_after = changes[change].status;
        w->word = changes[change].word;
        w->type = changes[change].type;
    }
    return w;
}

void customers_mark_verified(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.MarkVerified";
    const Customers__MarkVerifiedRequest *r = (const Customers__MarkVerifiedRequest *)(const void *)message;
    struct customers_work *w =
        customers_operator_only(call, id) ? customers_change_new(call, context, id, CHANGE_VERIFY) : NULL;
    if (w)
        customers_find(w, r->id, r->email, change_begin);
}

void customers_ban(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.Ban";
    const Customers__BanRequest *r = (const Customers__BanRequest *)(const void *)message;
    struct customers_work *w =
        customers_operator_only(call, id) ? customers_change_new(call, context, id, CHANGE_BAN) : NULL;
    if (w)
        customers_find(w, r->id, r->email, change_begin);
}

void customers_unban(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.Unban";
    const Customers__UnbanRequest *r = (const Customers__UnbanRequest *)(const void *)message;
    struct customers_work *w =
        customers_operator_only(call, id) ? customers_change_new(call, context, id, CHANGE_UNBAN) : NULL;
    if (w)
        customers_find(w, r->id, r->email, change_begin);
}

void customers_delete(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.Delete";
    const Customers__DeleteRequest *r = (const Customers__DeleteRequest *)(const void *)message;
    struct customers_work *w = backend_caller(call, id) ? customers_change_new(call, context, id, CHANGE_DELETE) : NULL;
    if (w) {
        w->force = r->force;
        customers_find(w, r->id, r->email, change_begin);
    }
}

void customers_update(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.Update";
    const Customers__UpdateRequest *r = (const Customers__UpdateRequest *)(const void *)message;
    if (!backend_caller(call, id))
        return;
    if (!r->customer || !r->customer->id[0] || strlen(r->customer->name) > CUSTOMERS_NAME_MAX) {
        micro_fail(call, 400, id, "a customer with an id and a name of at most %d bytes is required",
                   CUSTOMERS_NAME_MAX);
        return;
    }
    struct customers_work *w = customers_change_new(call, context, id, CHANGE_UPDATE);
    if (w) {
        w->wanted = r->customer;
        customers_find(w, r->customer->id, "", change_begin);
    }
}

void customers_update_name(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.UpdateName";
    const Customers__UpdateNameRequest *r = (const Customers__UpdateNameRequest *)(const void *)message;
    if (!backend_caller(call, id))
        return;
    if (!r->id[0] || !r->name[0] || strlen(r->name) > CUSTOMERS_NAME_MAX) {
        micro_fail(call, 400, id, "an id and a name of 1 to %d bytes are required", CUSTOMERS_NAME_MAX);
        return;
    }
    struct customers_work *w = customers_change_new(call, context, id, CHANGE_NAME);
    if (w) {
        w->new_name = r->name;
        customers_find(w, r->id, "", change_begin);
    }
}
