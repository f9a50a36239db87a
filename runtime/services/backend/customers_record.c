/* What the parts of the customers service share. */
#include "runtime/services/backend/customers.h"

#include "proto/store/store.pb-c.h"

#include <string.h>

#define TOPIC "customers"

char customers_namespace[] = MICRO_NAMESPACE;

const struct backend_field customers_fields[CUSTOMERS_FIELDS] = {
    BACKEND_FIELD(struct customers_record, id, FIELD_TEXT),
    BACKEND_FIELD(struct customers_record, status, FIELD_TEXT),
    BACKEND_FIELD(struct customers_record, email, FIELD_TEXT),
    BACKEND_FIELD(struct customers_record, name, FIELD_TEXT),
    BACKEND_FIELD(struct customers_record, announced, FIELD_TEXT),
    BACKEND_FIELD(struct customers_record, created, FIELD_INT),
    BACKEND_FIELD(struct customers_record, updated, FIELD_INT),
    BACKEND_FIELD(struct customers_record, meta, FIELD_MAP),
};
static const struct backend_shape shape = {CUSTOMERS_TABLE, "what the store holds under this id is not a customer",
                                           customers_fields, CUSTOMERS_FIELDS};
const struct backend_field customers_owner_fields[1] = {BACKEND_FIELD(struct customers_owner, id, FIELD_TEXT)};

struct arena *customers_memory(struct customers_work *w)
{
    return rpc_call_arena(w->task.call);
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

Customers__Customer *customers_message(struct customers_work *w, const struct customers_record *r)
{
    Customers__Customer *c = ARENA_NEW(customers_memory(w), Customers__Customer);
    if (!c)
        return NULL;
    customers__customer__init(c);
    c->id = r->id;
    c->status = r->status;
    c->email = r->email;
    c->name = r->name;
    c->created = r->created;
    c->updated = r->updated;
    c->meta = ARENA_NEW_N(customers_memory(w), Customers__Customer__MetaEntry *, r->meta.count / 2 + 1);
    for (size_t i = 0; c->meta && i + 1 < r->meta.count; i += 2) {
        Customers__Customer__MetaEntry *e = ARENA_NEW(customers_memory(w), Customers__Customer__MetaEntry);
        if (!e)
            return NULL;
        customers__customer__meta_entry__init(e);
        e->key = r->meta.items[i];
        e->value = r->meta.items[i + 1];
        c->meta[c->n_meta++] = e;
    }
    return c->meta ? c : NULL;
}

void customers_publish(struct customers_work *w, Customersevents__EventType type, const char *word, backend_step *next)
{
    Customersevents__Event event = CUSTOMERSEVENTS__EVENT__INIT;
    Customersevents__Customer who = CUSTOMERSEVENTS__CUSTOMER__INIT;
    const struct micro_account *a = micro_caller(w->task.call);
    who.id = w->record.id;
    who.status = w->record.status;
    who.email = w->record.email;
    who.name = w->record.name;
    who.created = w->record.created;
    who.updated = w->record.updated;
    event.type = type;
    event.customer = &who;
    event.caller_id = arena_string(customers_memory(w), a ? a->id : "");
    Customersevents__Created created = CUSTOMERSEVENTS__CREATED__INIT;
    Customersevents__Updated updated = CUSTOMERSEVENTS__UPDATED__INIT;
    Customersevents__Deleted deleted = CUSTOMERSEVENTS__DELETED__INIT;
    Customersevents__Verified verified = CUSTOMERSEVENTS__VERIFIED__INIT;
    Customersevents__Banned banned = CUSTOMERSEVENTS__BANNED__INIT;
    Customersevents__Unbanned unbanned = CUSTOMERSEVENTS__UNBANNED__INIT;
    Customersevents__Login login = CUSTOMERSEVENTS__LOGIN__INIT;
    Customersevents__Logout logout = CUSTOMERSEVENTS__LOGOUT__INIT;
    char by_email[] = "email";
    login.method = by_email;
    event.created = strcmp(word, "customers.created") == 0 ? &created : NULL;
    event.updated = strcmp(word, "customers.updated") == 0 ? &updated : NULL;
    event.deleted = strcmp(word, "customers.deleted") == 0 ? &deleted : NULL;
    event.verified = strcmp(word, "customers.verified") == 0 ? &verified : NULL;
    event.banned = strcmp(word, "customers.banned") == 0 ? &banned : NULL;
    event.unbanned = strcmp(word, "customers.unbanned") == 0 ? &unbanned : NULL;
    event.login = strcmp(word, "customers.login") == 0 ? &login : NULL;
    event.logout = strcmp(word, "customers.logout") == 0 ? &logout : NULL;
    if (!event.caller_id)
        task_no_memory(&w->task);
    else
        task_publish(&w->task, TOPIC, word, &event.base, next);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

char *customers_key(struct customers_work *w, const char *id)
{
    return arena_printf(customers_memory(w), "customer:%s", id);
}

void customers_write(struct customers_work *w, uint64_t revision, backend_step *next)
{
    task_save(&w->task, &shape, customers_key(w, w->record.id), &w->record, revision, next);
}

/* The record of an answer into w->record. False: the call was failed. */
bool customers_take(struct customers_work *w, const struct backend_answer *a)
{
    if (!task_take(&w->task, &shape, a, &w->record, &w->revision))
        return false;
    w->found = w->revision != 0;
    if (!w->found || w->record.id[0])
        return true;
    micro_fail(w->task.call, 500, w->task.id, "%s", shape.damaged);
    return false;
}

static void on_found(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (!customers_take(w, a))
        return;
    if (!w->found || (strcmp(w->record.status, "deleted") == 0 && w->change != CHANGE_DELETE))
        micro_fail(t->call, 404, t->id, "customer not found");
    else
        w->found_next(t, a);
}

static void read_by_id(struct customers_work *w, const char *id)
{
    char *key = customers_key(w, id);
    if (!key)
        task_no_memory(&w->task);
    else
        task_read(&w->task, CUSTOMERS_TABLE, key, false, on_found);
}

static void on_owner(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (task_failed(t, a, 500))
        return;
    const Store__ReadResponse *r = (const Store__ReadResponse *)(const void *)a->reply;
    struct customers_owner owner = {0};
    if (r->n_records == 0)
        micro_fail(t->call, 404, t->id, "customer not found");
    else if (!backend_decode(customers_memory(w), customers_owner_fields, 1,
                             BYTES(r->records[0]->value.data, r->records[0]->value.len), &owner))
        micro_fail(t->call, 500, t->id, "what the store holds under this address is damaged");
    else
        read_by_id(w, owner.id);
}

/* Finds a customer by id, else by address, into w->record, and goes on with `next`. 404 when there is none, or it was
 * deleted. */
void customers_find(struct customers_work *w, const char *id, const char *email, backend_step *next)
{
    w->found_next = next;
    if (strlen(id) > BACKEND_ID_MAX) {
        micro_fail(w->task.call, 400, w->task.id, "an id has at most %d bytes", BACKEND_ID_MAX);
    } else if (*id) {
        read_by_id(w, id);
    } else if (*email) {
        char *address = backend_email(w->task.call, w->task.id, email);
        char *key = address ? arena_printf(customers_memory(w), "email:%s", address) : NULL;
        if (key)
            task_read(&w->task, CUSTOMERS_TABLE, key, false, on_owner);
        else if (address)
            task_no_memory(&w->task);
    } else {
        micro_fail(w->task.call, 400, w->task.id, "an id or an e-mail address is required");
    }
}

/* Operators everybody, an account itself. False: the call was failed. */
bool customers_may_touch(struct customers_work *w)
{
    const struct micro_account *a = micro_caller(w->task.call);
    if (backend_is_operator(a) || strcmp(a->id, w->record.id) == 0)
        return true;
    micro_fail(w->task.call, 403, w->task.id, "this is another customer");
    return false;
}

bool customers_operator_only(struct rpc_call *call, const char *id)
{
    const struct micro_account *a = backend_caller(call, id);
    if (a && !backend_is_operator(a))
        micro_fail(call, 403, id, "only the platform's administrators and services may do this");
    return a && backend_is_operator(a);
}
