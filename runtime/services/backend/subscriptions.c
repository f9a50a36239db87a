/* What customers pay for (proto/subscriptions/subscriptions.proto), on a payment provider (proto/payments/).
 *
 * Table "subscriptions": "customer:<id>" is a customer's subscription, and how many others use what it pays for. The
 * provider does not know whether it was asked the same before, so a subscription is written down as begun before the
 * provider is asked for it: who calls again after that looks first whether the provider has it, and nothing is paid
 * twice. While it is not known what became of the provider's answer nobody else may begin, for LEASE; a refusal ends
 * that at once. A subscription that has ended stays, and the customer may begin another. */
#include "runtime/services/backend/backend.h"

#include "proto/events/subscriptions/events.pb-c.h"
#include "proto/payments/payments.pb-c.h"
#include "proto/subscriptions/subscriptions.pb-c.h"

#include <string.h>

#define TABLE         "subscriptions"
#define TOPIC         "subscriptions"
#define PLAN          "developer"  /* of one's own namespace, at the provider */
#define PRICE_USERS   "additional" /* of each one more who uses it */
#define CUSTOMER_TYPE "user"       /* what kind of id the provider is told */
#define TRIES         3
#define LEASE         60 /* seconds: longer than all that is asked takes together */

static char customer_type[] = CUSTOMER_TYPE, plan_id[] = PLAN, price_users[] = PRICE_USERS, blank[] = "";

/* state: "begun": somebody asks the provider now, or did and never heard; "refused"; "active"; "ended". */
struct record {
    char *id, *customer_id, *type, *state, *payment_method, *email, *provider_id, *users_id, *announced;
    int64_t created, expires, begun;
    struct backend_list users;
};
static const struct backend_field fields[] = {
    BACKEND_FIELD(struct record, id, FIELD_TEXT),          BACKEND_FIELD(struct record, customer_id, FIELD_TEXT),
    BACKEND_FIELD(struct record, type, FIELD_TEXT),        BACKEND_FIELD(struct record, state, FIELD_TEXT),
    BACKEND_FIELD(struct record, email, FIELD_TEXT),       BACKEND_FIELD(struct record, payment_method, FIELD_TEXT),
    BACKEND_FIELD(struct record, provider_id, FIELD_TEXT), BACKEND_FIELD(struct record, users_id, FIELD_TEXT),
    BACKEND_FIELD(struct record, announced, FIELD_TEXT),   BACKEND_FIELD(struct record, created, FIELD_INT),
    BACKEND_FIELD(struct record, expires, FIELD_INT),      BACKEND_FIELD(struct record, users, FIELD_LIST),
    BACKEND_FIELD(struct record, begun, FIELD_INT),
};
static const struct backend_shape shape = {TABLE, "what the store holds under this customer is no subscription", fields,
                                           sizeof fields / sizeof *fields};

struct work {
    struct task task;
    char *key;
    struct record record;
    uint64_t revision;
    int tries;
    const Subscriptions__CreateRequest *create;
    const Subscriptions__CancelRequest *cancel;
    const Subscriptions__AddUserRequest *add;
    const Subscriptions__UpdateRequest *update;
    bool once_more; /* the provider may have been asked before */
    int64_t quantity_before;
    backend_step *after_update;
    struct backend_answer refusal;
};

static struct arena *memory(struct work *w)
{
    return rpc_call_arena(w->task.call);
}

static Subscriptions__Subscription *as_subscription(struct work *w)
{
    Subscriptions__Subscription *s = ARENA_NEW(memory(w), Subscriptions__Subscription);
    if (!s) {
        task_no_memory(&w->task);
        return NULL;
    }
    subscriptions__subscription__init(s);
    s->id = w->record.id;
    s->customerid = w->record.customer_id;
    s->type = w->record.type;
    s->created = w->record.created;
    s->expires = w->record.expires;
    return s;
}

static void write_record(struct work *w, uint64_t revision, backend_step *next)
{
    task_save(&w->task, &shape, w->key, &w->record, revision, next);
}

static bool take_record(struct work *w, const struct backend_answer *a)
{
    return task_take(&w->task, &shape, a, &w->record, &w->revision);
}

static void busy(struct task *t)
{
    micro_fail(t->call, 409, t->id, "the subscription is being changed; try again");
}

/* Another price, quantity or user is told in the member of its type. */
static void publish(struct work *w, Subscriptionsevents__EventType type, const char *word, const char *price,
                    int64_t from, int64_t to, const char *user, backend_step *next)
{
    Subscriptionsevents__Event event = SUBSCRIPTIONSEVENTS__EVENT__INIT;
    Subscriptionsevents__Subscription s = SUBSCRIPTIONSEVENTS__SUBSCRIPTION__INIT;
    Subscriptionsevents__Created created = SUBSCRIPTIONSEVENTS__CREATED__INIT;
    Subscriptionsevents__Cancelled cancelled = SUBSCRIPTIONSEVENTS__CANCELLED__INIT;
    Subscriptionsevents__Updated updated = SUBSCRIPTIONSEVENTS__UPDATED__INIT;
    Subscriptionsevents__UserAdded added = SUBSCRIPTIONSEVENTS__USER_ADDED__INIT;
    s.id = w->record.id;
    s.customer_id = w->record.customer_id;
    s.type = w->record.type;
    s.created = w->record.created;
    s.expires = w->record.expires;
    updated.price_id = arena_string(memory(w), price ? price : "");
    updated.quantity_from = from;
    updated.quantity_to = to;
    added.user_id = arena_string(memory(w), user ? user : "");
    event.type = type;
    event.subscription = &s;
    event.created = type == SUBSCRIPTIONSEVENTS__EVENT_TYPE__EventTypeCreated ? &created : NULL;
    event.cancelled = type == SUBSCRIPTIONSEVENTS__EVENT_TYPE__EventTypeCancelled ? &cancelled : NULL;
    event.updated = type == SUBSCRIPTIONSEVENTS__EVENT_TYPE__EventTypeUpdated ? &updated : NULL;
    event.user_added = type == SUBSCRIPTIONSEVENTS__EVENT_TYPE__EventTypeUserAdded ? &added : NULL;
    if (updated.price_id && added.user_id)
        task_publish(&w->task, TOPIC, word, &event.base, next);
    else
        task_no_memory(&w->task);
}

/* Subscriptions are the backend's own business: its services and the platform's administrators. */
static struct work *work_new(struct rpc_call *call, void *context, const char *id, const char *customer)
{
    const struct micro_account *a = backend_caller(call, id);
    if (!a)
        return NULL;
    if (!backend_is_operator(a)) {
        micro_fail(call, 403, id, "only the platform's administrators and services may do this");
        return NULL;
    }
    if (!*customer || strlen(customer) > BACKEND_ID_MAX) {
        micro_fail(call, 400, id, "a customer's id of 1 to %d bytes is required", BACKEND_ID_MAX);
        return NULL;
    }
    struct work *w = task_new(sizeof *w, context, call, id);
    if (!w)
        return NULL;
    w->key = arena_printf(memory(w), "customer:%s", customer);
    if (w->key)
        return w;
    task_no_memory(&w->task);
    return NULL;
}

/* ---- Create ------------------------------------------------------------------------------------------------------ */

static void create_done(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    Subscriptions__CreateResponse reply = SUBSCRIPTIONS__CREATE_RESPONSE__INIT;
    reply.subscription = as_subscription(w);
    if (reply.subscription)
        rpc_call_reply(t->call, &reply.base);
}

static void create_told(struct task *t, const struct backend_answer *a)
{
    static char created[] = "created";
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    w->record.announced = created;
    write_record(w, BACKEND_ALWAYS, create_done);
}

static void create_active(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        publish((struct work *)t, SUBSCRIPTIONSEVENTS__EVENT_TYPE__EventTypeCreated, "subscriptions.created", NULL, 0,
                0, NULL, create_told);
}

static void create_take(struct work *w, const Payments__Subscription *s)
{
    static char active[] = "active";
    w->record.provider_id = arena_string(memory(w), s->id);
    w->record.state = active;
    if (w->record.provider_id)
        write_record(w, BACKEND_ALWAYS, create_active);
    else
        task_no_memory(&w->task);
}

static void create_released(struct task *t, const struct backend_answer *a)
{
    (void)a; /* when it could not be written the next one waits for LEASE */
    t->asked = "the payment provider";
    (void)task_failed(t, &((struct work *)t)->refusal, 412);
}

/* True when the provider did not do it; then others may begin, and the call will be failed. */
static bool create_refused(struct work *w, const struct backend_answer *a)
{
    static char refused[] = "refused";
    if (a->status == GRPC_OK)
        return false;
    w->refusal = *a;
    w->record.state = refused;
    write_record(w, BACKEND_ALWAYS, create_released);
    return true;
}

static void create_subscribed(struct task *t, const struct backend_answer *a)
{
    bool not_known = backend_unheard(a);
    if (not_known ? task_failed(t, a, 503) : create_refused((struct work *)t, a))
        return;
    const Payments__CreateSubscriptionResponse *r =
        (const Payments__CreateSubscriptionResponse *)(const void *)a->reply;
    if (r->subscription && r->subscription->id[0])
        create_take((struct work *)t, r->subscription);
    else
        micro_fail(t->call, 500, t->id, "the payment provider gave no subscription");
}

static void create_subscribe(struct work *w)
{
    Payments__CreateSubscriptionRequest r = PAYMENTS__CREATE_SUBSCRIPTION_REQUEST__INIT;
    r.customer_id = w->record.customer_id;
    r.customer_type = customer_type;
    r.plan_id = plan_id;
    r.quantity = 1;
    task_ask(&w->task, "the payment provider", "payments", "Provider.CreateSubscription", &r.base,
             &payments__create_subscription_response__descriptor, create_subscribed);
}

static void create_listed(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (create_refused(w, a))
        return;
    const Payments__ListSubscriptionsResponse *r = (const Payments__ListSubscriptionsResponse *)(const void *)a->reply;
    if (r->n_subscriptions > 0)
        create_take(w, r->subscriptions[0]);
    else
        create_subscribe(w);
}

static void create_method_set(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (create_refused(w, a))
        return;
    if (!w->once_more) {
        create_subscribe(w);
        return;
    }
    Payments__ListSubscriptionsRequest r = PAYMENTS__LIST_SUBSCRIPTIONS_REQUEST__INIT;
    r.customer_id = w->record.customer_id;
    r.customer_type = customer_type;
    r.plan_id = plan_id;
    task_ask(t, "the payment provider", "payments", "Provider.ListSubscriptions", &r.base,
             &payments__list_subscriptions_response__descriptor, create_listed);
}

static void create_method_made(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status != GRPC_ALREADY_EXISTS && create_refused(w, a))
        return;
    Payments__SetDefaultPaymentMethodRequest r = PAYMENTS__SET_DEFAULT_PAYMENT_METHOD_REQUEST__INIT;
    r.customer_id = w->record.customer_id;
    r.customer_type = customer_type;
    r.payment_method_id = w->record.payment_method;
    task_ask(t, "the payment provider", "payments", "Provider.SetDefaultPaymentMethod", &r.base,
             &payments__set_default_payment_method_response__descriptor, create_method_set);
}

static void create_customer_made(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status != GRPC_ALREADY_EXISTS && create_refused(w, a))
        return;
    Payments__CreatePaymentMethodRequest r = PAYMENTS__CREATE_PAYMENT_METHOD_REQUEST__INIT;
    r.id = w->record.payment_method;
    r.customer_id = w->record.customer_id;
    r.customer_type = customer_type;
    task_ask(t, "the payment provider", "payments", "Provider.CreatePaymentMethod", &r.base,
             &payments__create_payment_method_response__descriptor, create_method_made);
}

static void create_customer(struct work *w)
{
    static char email_name[] = "email";
    Payments__CreateCustomerRequest r = PAYMENTS__CREATE_CUSTOMER_REQUEST__INIT;
    Payments__Customer c = PAYMENTS__CUSTOMER__INIT;
    Payments__Customer__MetadataEntry email = PAYMENTS__CUSTOMER__METADATA_ENTRY__INIT, *entries[] = {&email};
    email.key = email_name;
    email.value = w->record.email;
    c.id = w->record.customer_id;
    c.type = customer_type;
    c.metadata = entries;
    c.n_metadata = 1;
    r.customer = &c;
    task_ask(&w->task, "the payment provider", "payments", "Provider.CreateCustomer", &r.base,
             &payments__create_customer_response__descriptor, create_customer_made);
}

static void create_read(struct task *t, const struct backend_answer *a);

static void create_begun(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < TRIES)
            task_read(t, TABLE, w->key, false, create_read);
        else
            busy(t);
    } else if (!task_failed(t, a, 500)) {
        create_customer(w);
    }
}

static void create_read(struct task *t, const struct backend_answer *a)
{
    static char begun[] = "begun";
    struct work *w = (struct work *)t;
    char id[37];
    if (!take_record(w, a))
        return;
    bool is_there = w->revision != 0 && strcmp(w->record.state, "ended") != 0;
    if (is_there && strcmp(w->record.state, "active") == 0) {
        static const struct backend_answer fine = {.status = GRPC_OK};
        if (w->record.announced[0])
            create_done(t, &fine);
        else
            create_active(t, &fine);
        return;
    }
    if (is_there && strcmp(w->record.state, "begun") == 0 && backend_now(t->backend) - w->record.begun < LEASE) {
        micro_fail(t->call, 409, t->id, "the subscription is being made; ask again in %d s", LEASE);
        return;
    }
    w->once_more = is_there;
    if (is_there) {
        w->record.state = begun;
        w->record.begun = backend_now(t->backend);
        w->record.payment_method = w->create->paymentmethodid; /* the first one may have been refused */
        write_record(w, w->revision, create_begun);
        return;
    }
    if (micro_uuid(t->backend->world, id) != 0) {
        micro_fail(t->call, 500, t->id, "no random numbers can be had for an id");
        return;
    }
    w->record = (struct record){.id = arena_string(memory(w), id),
                                .customer_id = w->create->customerid,
                                .type = w->create->type,
                                .state = begun,
                                .payment_method = w->create->paymentmethodid,
                                .email = arena_string(memory(w), w->create->email),
                                .provider_id = blank,
                                .users_id = blank,
                                .announced = blank,
                                .created = backend_now(t->backend),
                                .begun = backend_now(t->backend)};
    if (w->record.id && w->record.email)
        write_record(w, w->revision, create_begun);
    else
        task_no_memory(t);
}

static void create(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "subscriptions.Subscriptions.Create";
    const Subscriptions__CreateRequest *r = (const Subscriptions__CreateRequest *)(const void *)message;
    struct work *w = work_new(call, context, id, r->customerid);
    if (!w || !backend_email(call, id, r->email))
        return;
    if (strcmp(r->type, "developer") != 0 && strcmp(r->type, "additional") != 0) {
        micro_fail(call, 400, id, "the type is \"developer\" or \"additional\"");
        return;
    }
    if (!r->paymentmethodid[0] || strlen(r->paymentmethodid) > BACKEND_ID_MAX) {
        micro_fail(call, 400, id, "a payment method is required");
        return;
    }
    w->create = r;
    task_read(&w->task, TABLE, w->key, false, create_read);
}

/* ---- AddUser, Update: so many of a price ------------------------------------------------------------------------- */

/* The provider's subscription of that price is what it answers: changed, made, or cancelled at 0. */
static void change_done(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!task_failed(t, a, 412))
        w->after_update(t, a);
}

static void change_listed(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    const Payments__ListSubscriptionsResponse *r = (const Payments__ListSubscriptionsResponse *)(const void *)a->reply;
    const Payments__Subscription *s = r->n_subscriptions ? r->subscriptions[0] : NULL;
    int64_t quantity = w->update ? w->update->quantity : (int64_t)w->record.users.count + 1;
    char *price = w->update ? w->update->priceid : price_users;
    w->quantity_before = s ? s->quantity : 0;
    if (w->quantity_before == quantity) {
        static const struct backend_answer fine = {.status = GRPC_OK};
        w->after_update(t, &fine);
    } else if (quantity == 0) {
        Payments__CancelSubscriptionRequest q = PAYMENTS__CANCEL_SUBSCRIPTION_REQUEST__INIT;
        q.subscription_id = s ? s->id : blank;
        task_ask(t, "the payment provider", "payments", "Provider.CancelSubscription", &q.base,
                 &payments__cancel_subscription_response__descriptor, change_done);
    } else if (s) {
        Payments__UpdateSubscriptionRequest q = PAYMENTS__UPDATE_SUBSCRIPTION_REQUEST__INIT;
        q.subscription_id = s->id;
        q.customer_id = w->record.customer_id;
        q.customer_type = customer_type;
        q.price_id = price;
        q.quantity = quantity;
        task_ask(t, "the payment provider", "payments", "Provider.UpdateSubscription", &q.base,
                 &payments__update_subscription_response__descriptor, change_done);
    } else {
        Payments__CreateSubscriptionRequest q = PAYMENTS__CREATE_SUBSCRIPTION_REQUEST__INIT;
        q.customer_id = w->record.customer_id;
        q.customer_type = customer_type;
        q.price_id = price;
        q.quantity = quantity;
        task_ask(t, "the payment provider", "payments", "Provider.CreateSubscription", &q.base,
                 &payments__create_subscription_response__descriptor, change_done);
    }
}

static void change_read(struct task *t, const struct backend_answer *a);

static void change_begin(struct work *w)
{
    Payments__ListSubscriptionsRequest r = PAYMENTS__LIST_SUBSCRIPTIONS_REQUEST__INIT;
    r.customer_id = w->record.customer_id;
    r.customer_type = customer_type;
    r.price_id = w->update ? w->update->priceid : price_users;
    task_ask(&w->task, "the payment provider", "payments", "Provider.ListSubscriptions", &r.base,
             &payments__list_subscriptions_response__descriptor, change_listed);
}

static void change_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!take_record(w, a))
        return;
    if (w->revision == 0 || strcmp(w->record.state, "active") != 0) {
        micro_fail(t->call, 404, t->id, "the customer has no subscription");
        return;
    }
    if (w->add && backend_list_has(&w->record.users, w->add->newuserid)) {
        static const Subscriptions__AddUserResponse empty = SUBSCRIPTIONS__ADD_USER_RESPONSE__INIT;
        rpc_call_reply(t->call, &empty.base);
        return;
    }
    change_begin(w);
}

static void add_told(struct task *t, const struct backend_answer *a)
{
    static const Subscriptions__AddUserResponse empty = SUBSCRIPTIONS__ADD_USER_RESPONSE__INIT;
    if (!task_failed(t, a, 500))
        rpc_call_reply(t->call, &empty.base);
}

static void add_told_quantity(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!task_failed(t, a, 500))
        publish(w, SUBSCRIPTIONSEVENTS__EVENT_TYPE__EventTypeUserAdded, "subscriptions.user_added", NULL, 0, 0,
                w->add->newuserid, add_told);
}

static void add_written(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < TRIES)
            task_read(t, TABLE, w->key, false, change_read); /* with whom somebody else added meanwhile */
        else
            busy(t);
    } else if (!task_failed(t, a, 500)) {
        publish(w, SUBSCRIPTIONSEVENTS__EVENT_TYPE__EventTypeUpdated, "subscriptions.updated", PRICE_USERS,
                w->quantity_before, (int64_t)w->record.users.count, NULL, add_told_quantity);
    }
}

static void add_paid(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    (void)a;
    if (backend_list_add(memory(w), &w->record.users, w->add->newuserid))
        write_record(w, w->revision, add_written);
    else
        task_no_memory(t);
}

static void add_user(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "subscriptions.Subscriptions.AddUser";
    const Subscriptions__AddUserRequest *r = (const Subscriptions__AddUserRequest *)(const void *)message;
    struct work *w = work_new(call, context, id, r->ownerid);
    if (!w)
        return;
    if (!r->newuserid[0] || strlen(r->newuserid) > BACKEND_ID_MAX) {
        micro_fail(call, 400, id, "who is new has to be told");
        return;
    }
    w->add = r;
    w->after_update = add_paid;
    task_read(&w->task, TABLE, w->key, false, change_read);
}

static void update_told(struct task *t, const struct backend_answer *a)
{
    static const Subscriptions__UpdateResponse empty = SUBSCRIPTIONS__UPDATE_RESPONSE__INIT;
    if (!task_failed(t, a, 500))
        rpc_call_reply(t->call, &empty.base);
}

static void updated(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    (void)a;
    publish(w, SUBSCRIPTIONSEVENTS__EVENT_TYPE__EventTypeUpdated, "subscriptions.updated", w->update->priceid,
            w->quantity_before, w->update->quantity, NULL, update_told);
}

static void update(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "subscriptions.Subscriptions.Update";
    const Subscriptions__UpdateRequest *r = (const Subscriptions__UpdateRequest *)(const void *)message;
    struct work *w = work_new(call, context, id, r->ownerid);
    if (!w)
        return;
    if (!r->priceid[0] || r->quantity < 0) {
        micro_fail(call, 400, id, "a price and a quantity of at least 0 are required");
        return;
    }
    w->update = r;
    w->after_update = updated;
    task_read(&w->task, TABLE, w->key, false, change_read);
}

/* ---- Cancel ------------------------------------------------------------------------------------------------------ */

static void cancel_reply(struct work *w)
{
    Subscriptions__CancelResponse reply = SUBSCRIPTIONS__CANCEL_RESPONSE__INIT;
    reply.subscription = as_subscription(w);
    if (reply.subscription)
        rpc_call_reply(w->task.call, &reply.base);
}

static void cancel_done(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        cancel_reply((struct work *)t);
}

static void cancel_told(struct task *t, const struct backend_answer *a)
{
    static char cancelled[] = "cancelled";
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    w->record.announced = cancelled;
    write_record(w, BACKEND_ALWAYS, cancel_done);
}

static void cancel_tell(struct work *w)
{
    publish(w, SUBSCRIPTIONSEVENTS__EVENT_TYPE__EventTypeCancelled, "subscriptions.cancelled", NULL, 0, 0, NULL,
            cancel_told);
}

static void cancel_written(struct task *t, const struct backend_answer *a)
{
    if (a->status == GRPC_FAILED_PRECONDITION)
        busy(t);
    else if (!task_failed(t, a, 500))
        cancel_tell((struct work *)t);
}

static void cancel_forgotten(struct task *t, const struct backend_answer *a)
{
    static char ended[] = "ended";
    struct work *w = (struct work *)t;
    if (a->status != GRPC_NOT_FOUND && task_failed(t, a, 412))
        return;
    w->record.state = ended;
    w->record.expires = backend_now(t->backend);
    w->record.users = (struct backend_list){0};
    write_record(w, w->revision, cancel_written);
}

static void cancel_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!take_record(w, a))
        return;
    if (w->revision == 0 || (w->cancel->subscriptionid[0] && strcmp(w->cancel->subscriptionid, w->record.id) != 0)) {
        micro_fail(t->call, 404, t->id, "the customer has no such subscription");
        return;
    }
    if (strcmp(w->record.state, "ended") == 0) {
        if (strcmp(w->record.announced, "cancelled") == 0)
            cancel_reply(w);
        else
            cancel_tell(w);
        return;
    }
    Payments__DeleteCustomerRequest r = PAYMENTS__DELETE_CUSTOMER_REQUEST__INIT;
    r.customer_id = w->record.customer_id;
    r.customer_type = customer_type;
    task_ask(t, "the payment provider", "payments", "Provider.DeleteCustomer", &r.base,
             &payments__delete_customer_response__descriptor, cancel_forgotten);
}

static void cancel(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Subscriptions__CancelRequest *r = (const Subscriptions__CancelRequest *)(const void *)message;
    struct work *w = work_new(call, context, "subscriptions.Subscriptions.Cancel", r->customerid);
    if (!w)
        return;
    w->cancel = r;
    task_read(&w->task, TABLE, w->key, false, cancel_read);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &subscriptions__##stem##_request__descriptor,                                         \
        .output = &subscriptions__##stem##_response__descriptor, .unary = handler                                      \
    }
static const struct rpc_method methods[] = {
    METHOD("Create", create, create),
    METHOD("Cancel", cancel, cancel),
    METHOD("AddUser", add_user, add_user),
    METHOD("Update", update, update),
};
static const struct rpc_service served = {"subscriptions.Subscriptions", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_subscriptions = {.name = "subscriptions", .setup = setup, .stop = backend_stop};
