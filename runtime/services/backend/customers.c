#include "runtime/services/backend/customers.h"

#include "proto/store/store.pb-c.h"

#include "base/log.h"

#include <string.h>

/* ---- Create ------------------------------------------------------------------------------------------------------ */

static void create_reply(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (task_failed(t, a, 500))
        return;
    Customers__CreateResponse reply = CUSTOMERS__CREATE_RESPONSE__INIT;
    reply.customer = customers_message(w, &w->record);
    if (reply.customer)
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

static void create_announced(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (task_failed(t, a, 500))
        return;
    w->record.announced = w->record.status;
    customers_write(w, BACKEND_ALWAYS, create_reply);
}

static void create_written(struct task *t, const struct backend_answer *a);

static void create_write(struct customers_work *w, const char *id)
{
    char *copy = arena_string(customers_memory(w), id);
    static char unverified[] = "unverified", nothing[] = "";
    int64_t now = backend_now(w->task.backend);
    if (!copy) {
        task_no_memory(&w->task);
        return;
    }
    w->record = (struct customers_record){.id = copy,
                                          .status = unverified,
                                          .email = w->email,
                                          .name = nothing,
                                          .announced = nothing,
                                          .created = now,
                                          .updated = now};
    customers_write(w, 0, create_written);
}

/* The record is there: made now, by another call at once, or by one that was not finished. */
static void create_there(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (!customers_take(w, a))
        return;
    if (!w->found || strcmp(w->record.email, w->email) != 0) {
        micro_fail(t->call, 409, t->id, "the id belongs to another customer");
        return;
    }
    if (w->record.announced[0])
        create_reply(t, a);
    else
        customers_publish(w, CUSTOMERSEVENTS__EVENT_TYPE__EventTypeCreated, "customers.created", create_announced);
}

static void create_written(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        char *key = customers_key(w, w->record.id);
        if (key)
            task_read(t, CUSTOMERS_TABLE, key, false, create_there);
        else
            task_no_memory(t);
    } else if (!task_failed(t, a, 500)) {
        customers_publish(w, CUSTOMERSEVENTS__EVENT_TYPE__EventTypeCreated, "customers.created", create_announced);
    }
}

static void create_owner_read(struct task *t, const struct backend_answer *a);

static void create_claimed(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION)
        task_read(t, CUSTOMERS_TABLE, w->key, false, create_owner_read); /* somebody else was first */
    else if (!task_failed(t, a, 500))
        create_write(w, w->record.id);
}

static void create_claim(struct customers_work *w)
{
    char id[37];
    if (!w->record.id[0]) {
        if (micro_uuid(w->task.backend->world, id) != 0) {
            micro_fail(w->task.call, 500, w->task.id, "no random numbers can be had for an id");
            return;
        }
        w->record.id = arena_string(customers_memory(w), id);
    }
    const struct customers_owner owner = {.id = w->record.id};
    char *json = w->record.id ? backend_encode(customers_memory(w), customers_owner_fields, 1, &owner) : NULL;
    if (json)
        task_write(&w->task, CUSTOMERS_TABLE, w->key, json, 0, create_claimed);
    else
        task_no_memory(&w->task);
}

static void create_owner_read(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (task_failed(t, a, 500))
        return;
    const Store__ReadResponse *r = (const Store__ReadResponse *)(const void *)a->reply;
    struct customers_owner owner = {0};
    if (r->n_records == 0) {
        if (++w->tries < CUSTOMERS_TRIES)
            create_claim(w);
        else
            micro_fail(t->call, 409, t->id, "the customer is being changed; try again");
    } else if (!backend_decode(customers_memory(w), customers_owner_fields, 1,
                               BYTES(r->records[0]->value.data, r->records[0]->value.len), &owner)) {
        micro_fail(t->call, 500, t->id, "what the store holds under this address is damaged");
    } else if (w->record.id[0] && strcmp(w->record.id, owner.id) != 0 && w->tries == 0) {
        micro_fail(t->call, 409, t->id, "the address belongs to another customer");
    } else {
        create_write(w, owner.id); /* it may be that only the address was written: this writes the rest, or finds it */
    }
}

void customers_create(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.Create";
    const Customers__CreateRequest *r = (const Customers__CreateRequest *)(const void *)message;
    char *email = customers_operator_only(call, id) ? backend_email(call, id, r->email) : NULL;
    if (!email)
        return;
    if (strlen(r->id) > BACKEND_ID_MAX) {
        micro_fail(call, 400, id, "an id has at most %d bytes", BACKEND_ID_MAX);
        return;
    }
    struct customers_work *w = task_new(sizeof *w, context, call, id);
    if (!w)
        return;
    w->email = email;
    w->record.id = r->id;
    w->key = arena_printf(customers_memory(w), "email:%s", email);
    if (w->key)
        task_read(&w->task, CUSTOMERS_TABLE, w->key, false, create_owner_read);
    else
        task_no_memory(&w->task);
}

/* ---- Read, List -------------------------------------------------------------------------------------------------- */

static void on_read(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    (void)a;
    if (!customers_may_touch(w))
        return;
    Customers__ReadResponse reply = CUSTOMERS__READ_RESPONSE__INIT;
    reply.customer = customers_message(w, &w->record);
    if (reply.customer)
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

void customers_read(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.Read";
    const Customers__ReadRequest *r = (const Customers__ReadRequest *)(const void *)message;
    struct customers_work *w = backend_caller(call, id) ? customers_change_new(call, context, id, CHANGE_UPDATE) : NULL;
    if (w)
        customers_find(w, r->id, r->email, on_read);
}

static void on_listed(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (task_failed(t, a, 500))
        return;
    const Store__ReadResponse *r = (const Store__ReadResponse *)(const void *)a->reply;
    Customers__ListResponse reply = CUSTOMERS__LIST_RESPONSE__INIT;
    reply.customers = ARENA_NEW_N(customers_memory(w), Customers__Customer *, r->n_records + 1);
    bool ok = reply.customers != NULL;
    for (size_t i = 0; ok && i < r->n_records; i++) {
        struct customers_record record = {0};
        if (!backend_decode(customers_memory(w), customers_fields, CUSTOMERS_FIELDS,
                            BYTES(r->records[i]->value.data, r->records[i]->value.len), &record)) {
            log_warn("customers", "the record %.300s is no customer and left out of the list", r->records[i]->key);
            continue;
        }
        if (strcmp(record.status, "deleted") != 0)
            ok = (reply.customers[reply.n_customers++] = customers_message(w, &record)) != NULL;
    }
    if (ok)
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

void customers_list(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.List";
    (void)message;
    struct customers_work *w = customers_operator_only(call, id) ? task_new(sizeof *w, context, call, id) : NULL;
    if (w)
        task_read(&w->task, CUSTOMERS_TABLE, "customer:", true, on_listed);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &customers__##stem##_request__descriptor,                                             \
        .output = &customers__##stem##_response__descriptor, .unary = handler                                          \
    }
static const struct rpc_method methods[] = {
    METHOD("Create", create, customers_create),
    METHOD("MarkVerified", mark_verified, customers_mark_verified),
    METHOD("Read", read, customers_read),
    METHOD("Delete", delete, customers_delete),
    METHOD("List", list, customers_list),
    METHOD("Update", update, customers_update),
    METHOD("Ban", ban, customers_ban),
    METHOD("Unban", unban, customers_unban),
    METHOD("Login", login, customers_login),
    METHOD("Logout", logout, customers_logout),
    METHOD("UpdateName", update_name, customers_update_name),
};
static const struct rpc_service served = {"customers.Customers", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_customers = {.name = "customers", .setup = setup, .stop = backend_stop};
