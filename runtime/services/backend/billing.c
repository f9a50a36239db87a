/* What customers pay (proto/billing/billing.proto): tiers, and cards and payments, which the payment provider
 * (`stripe`) keeps; and the older way, subscriptions brought up to what is used.
 *
 * Table "billing": "account:<customer>" is who may use a billing account, its tier and its subscription. Every
 * customer has an account; it is written when first something is to be kept in it.
 *
 * The provider does not know whether it was asked to subscribe before. So the tier that is wanted is written down
 * first; when the provider's answer is lost it stays written, and nobody subscribes again until somebody has looked. */
#include "runtime/services/backend/backend.h"

#include "proto/billing/billing.pb-c.h"
#include "proto/customers/customers.pb-c.h"
#include "proto/events/customers/events.pb-c.h"
#include "proto/namespaces/namespaces.pb-c.h"
#include "proto/payments/payments.pb-c.h"
#include "proto/stripe/stripe.pb-c.h"
#include "proto/subscriptions/subscriptions.pb-c.h"

#include <string.h>

#define TABLE          "billing"
#define TOPIC          "customers"
#define NAMESPACES_MAX 1000 /* looked at by one Updates or Apply */
#define PAGE_DEFAULT   20
#define PAGE_MAX       1000

static char price_users[] = "additional", customer_type[] = "user", blank[] = "";

static const struct {
    const char *tier, *price;
} tiers[] = {{"free", ""}, {"pro", "price_pro"}, {"team", "price_team"}};

struct record {
    char *id, *tier, *subscription, *wanted;
    char *ending; /* a subscription that is still to be ended */
    struct backend_list admins, members;
};
static const struct backend_field fields[] = {
    BACKEND_FIELD(struct record, id, FIELD_TEXT),           BACKEND_FIELD(struct record, tier, FIELD_TEXT),
    BACKEND_FIELD(struct record, subscription, FIELD_TEXT), BACKEND_FIELD(struct record, wanted, FIELD_TEXT),
    BACKEND_FIELD(struct record, ending, FIELD_TEXT),       BACKEND_FIELD(struct record, admins, FIELD_LIST),
    BACKEND_FIELD(struct record, members, FIELD_LIST),
};
static const struct backend_shape shape = {TABLE, "what the store holds under this id is no billing account", fields,
                                           sizeof fields / sizeof *fields};

/* Who uses how much of what they pay for. */
struct due {
    char *customer, *namespace;
    int64_t paid, used;
};

struct work {
    struct task task;
    char *account, *key;
    struct record record;
    uint64_t revision; /* 0: not written yet */
    void (*found)(struct work *w);
    void (*ended)(struct work *w);
    const char *tier, *price;
    const Billing__SubscribeTierRequest *subscribe;
    struct backend_answer refusal;
    struct due *due;
    size_t due_count, at;
    bool applies;
    size_t offset, limit;
};

static struct arena *memory(struct work *w)
{
    return rpc_call_arena(w->task.call);
}

static void write_record(struct work *w, uint64_t revision, backend_step *next)
{
    task_save(&w->task, &shape, w->key, &w->record, revision, next);
}

static void on_customer(struct task *t, const struct backend_answer *a)
{
    static char free_tier[] = "free";
    struct work *w = (struct work *)t;
    if (a->status == GRPC_NOT_FOUND) {
        micro_fail(t->call, w->subscribe ? 500 : 404, t->id, "there is no billing account");
        return;
    }
    if (task_failed(t, a, 500))
        return;
    w->record =
        (struct record){.id = w->account, .tier = free_tier, .subscription = blank, .wanted = blank, .ending = blank};
    if (backend_list_add(memory(w), &w->record.admins, w->account))
        w->found(w);
    else
        task_no_memory(t);
}

static void on_account(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!task_take(t, &shape, a, &w->record, &w->revision))
        return;
    if (w->revision == 0) {
        Customers__ReadRequest q = CUSTOMERS__READ_REQUEST__INIT;
        q.id = w->account;
        task_ask(t, "the customers", "customers", "Customers.Read", &q.base, &customers__read_response__descriptor,
                 on_customer);
        return;
    }
    w->found(w);
}

/* The account of a customer into w->record, then `found`. */
static void look_up(struct work *w, const char *customer, void (*found)(struct work *w))
{
    w->found = found;
    w->account = arena_string(memory(w), customer);
    w->key = arena_printf(memory(w), "account:%s", customer);
    if (w->account && w->key)
        task_read(&w->task, TABLE, w->key, false, on_account);
    else
        task_no_memory(&w->task);
}

/* ---- SubscribeTier ----------------------------------------------------------------------------------------------- */

static void subscribe_told(struct task *t, const struct backend_answer *a)
{
    static const Billing__SubscribeTierResponse empty = BILLING__SUBSCRIBE_TIER_RESPONSE__INIT;
    if (!task_failed(t, a, 500))
        rpc_call_reply(t->call, &empty.base);
}

static void subscribe_tell(struct work *w)
{
    Customersevents__Event event = CUSTOMERSEVENTS__EVENT__INIT;
    Customersevents__Customer who = CUSTOMERSEVENTS__CUSTOMER__INIT;
    Customersevents__SubscriptionChanged changed = CUSTOMERSEVENTS__SUBSCRIPTION_CHANGED__INIT;
    who.id = event.caller_id = w->record.id;
    changed.tier = w->record.tier;
    event.type = CUSTOMERSEVENTS__EVENT_TYPE__EventTypeSubscriptionChanged;
    event.customer = &who;
    event.subscription_changed = &changed;
    task_publish(&w->task, TOPIC, "customers.subscription_changed", &event.base, subscribe_told);
}

static void subscribe_end_written(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!task_failed(t, a, 500))
        w->ended(w);
}

static void subscribe_old_ended(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status != GRPC_NOT_FOUND && task_failed(t, a, 500))
        return;
    w->record.ending = blank;
    write_record(w, BACKEND_ALWAYS, subscribe_end_written);
}

/* Ends the subscription that is to be ended, if any, and goes on. */
static void subscribe_end_old(struct work *w, void (*ended)(struct work *w))
{
    w->ended = ended;
    if (!w->record.ending[0]) {
        ended(w);
        return;
    }
    Stripe__UnsubscribeRequest r = STRIPE__UNSUBSCRIBE_REQUEST__INIT;
    r.subscription_id = w->record.ending;
    task_ask_as_caller(&w->task, "the payment provider", "stripe", "Stripe.Unsubscribe", &r.base,
                       &stripe__unsubscribe_response__descriptor, subscribe_old_ended);
}

static void busy(struct task *t)
{
    micro_fail(t->call, 409, t->id, "the billing account is being changed; try again");
}

static void subscribe_written(struct task *t, const struct backend_answer *a)
{
    if (a->status == GRPC_FAILED_PRECONDITION)
        busy(t);
    else if (!task_failed(t, a, 500))
        subscribe_end_old((struct work *)t, subscribe_tell);
}

static void subscribe_set(struct work *w, const char *subscription, uint64_t revision)
{
    w->record.ending = w->record.subscription;
    w->record.tier = arena_string(memory(w), w->tier);
    w->record.subscription = arena_string(memory(w), subscription);
    w->record.wanted = blank;
    if (w->record.tier && w->record.subscription)
        write_record(w, revision, subscribe_written);
    else
        task_no_memory(&w->task);
}

static void subscribe_released(struct task *t, const struct backend_answer *a)
{
    (void)a;
    t->asked = "the payment provider";
    (void)task_failed(t, &((struct work *)t)->refusal, 412);
}

static void subscribe_answered(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (backend_unheard(a)) {
        (void)task_failed(t, a, 503);
    } else if (a->status != GRPC_OK) {
        w->refusal = *a;
        w->record.wanted = blank;
        write_record(w, BACKEND_ALWAYS, subscribe_released);
    } else {
        subscribe_set(w, ((const Stripe__SubscribeResponse *)(const void *)a->reply)->subscription_id, BACKEND_ALWAYS);
    }
}

static void subscribe_begun(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        busy(t);
        return;
    }
    if (task_failed(t, a, 500))
        return;
    Stripe__SubscribeRequest r = STRIPE__SUBSCRIBE_REQUEST__INIT;
    r.price_id = arena_string(memory(w), w->price);
    r.card_id = w->subscribe->card_id;
    if (r.price_id)
        task_ask_as_caller(t, "the payment provider", "stripe", "Stripe.Subscribe", &r.base,
                           &stripe__subscribe_response__descriptor, subscribe_answered);
    else
        task_no_memory(t);
}

static void subscribe_go(struct work *w)
{
    struct task *t = &w->task;
    if (strcmp(w->record.tier, w->tier) == 0) {
        subscribe_tell(w);
        return;
    }
    if (!w->price[0]) {
        subscribe_set(w, "", w->revision);
        return;
    }
    if (!w->subscribe->card_id[0]) {
        micro_fail(t->call, 400, t->id, "a card is required for the tier \"%s\"", w->tier);
        return;
    }
    w->record.wanted = arena_string(memory(w), w->tier);
    if (w->record.wanted)
        write_record(w, w->revision, subscribe_begun);
    else
        task_no_memory(t);
}

static void subscribe_again(struct work *w)
{
    look_up(w, w->account, subscribe_go); /* as it is now that it was written */
}

static void subscribe_found(struct work *w)
{
    struct task *t = &w->task;
    if (w->record.wanted[0])
        micro_fail(t->call, 409, t->id, "it is not known whether the tier \"%s\" was paid for; ask the support",
                   w->record.wanted);
    else if (w->record.ending[0])
        subscribe_end_old(w, subscribe_again);
    else
        subscribe_go(w);
}

static void subscribe_tier(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "billing.Billing.SubscribeTier";
    const Billing__SubscribeTierRequest *r = (const Billing__SubscribeTierRequest *)(const void *)message;
    const struct micro_account *a = backend_caller(call, id);
    struct work *w = a ? task_new(sizeof *w, context, call, id) : NULL;
    if (!w)
        return;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++)
        if (strcmp(r->id, tiers[i].tier) == 0) {
            w->tier = tiers[i].tier;
            w->price = tiers[i].price;
        }
    if (!w->tier) {
        micro_fail(call, 400, id, "a tier is one of free, pro, team");
        return;
    }
    w->subscribe = r;
    look_up(w, a->id, subscribe_found);
}

/* ---- ReadAccount ------------------------------------------------------------------------------------------------- */

static void account_found(struct work *w)
{
    Billing__ReadAccountResponse reply = BILLING__READ_ACCOUNT_RESPONSE__INIT;
    Billing__BillingAccount account = BILLING__BILLING_ACCOUNT__INIT;
    Billing__Subscription subscription = BILLING__SUBSCRIPTION__INIT, *subscriptions[] = {&subscription};
    subscription.id = w->record.subscription;
    account.id = w->record.id;
    account.admins = w->record.admins.items;
    account.n_admins = w->record.admins.count;
    account.members = w->record.members.items;
    account.n_members = w->record.members.count;
    account.subscriptions = subscriptions;
    account.n_subscriptions = w->record.subscription[0] ? 1 : 0;
    reply.billing_account = &account;
    rpc_call_reply(w->task.call, &reply.base);
}

static void read_account(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "billing.Billing.ReadAccount";
    const Billing__ReadAccountRequest *r = (const Billing__ReadAccountRequest *)(const void *)message;
    const char *wanted = r->id[0] ? r->id : r->admin_id; /* an account is called as who it was made for */
    const struct micro_account *a = backend_caller(call, id);
    if (!a)
        return;
    if (!*wanted || strlen(wanted) > BACKEND_ID_MAX) {
        micro_fail(call, 400, id, "the account's id or its administrator's is required");
        return;
    }
    if (!backend_is_operator(a) && strcmp(a->id, wanted) != 0) {
        micro_fail(call, 403, id, "this is somebody else's billing account");
        return;
    }
    struct work *w = task_new(sizeof *w, context, call, id);
    if (w)
        look_up(w, wanted, account_found);
}

/* ---- cards and payments: the provider's, whose messages are these ------------------------------------------------ */

static const struct forward {
    const char *id, *method;
    const ProtobufCMessageDescriptor *reply;
} forwards[] = {
    {"billing.Billing.CreateCheckoutSession", "Stripe.CreateCheckoutSession",
     &billing__create_checkout_session_response__descriptor},
    {"billing.Billing.ListCards", "Stripe.ListCards", &billing__list_cards_response__descriptor},
    {"billing.Billing.ChargeCard", "Stripe.ChargeCard", &billing__charge_card_response__descriptor},
    {"billing.Billing.DeleteCard", "Stripe.DeleteCard", &billing__delete_card_response__descriptor},
    {"billing.Billing.ListPayments", "Stripe.ListPayments", &billing__list_payments_response__descriptor},
    {"billing.Billing.GetPayment", "Stripe.GetPayment", &billing__get_payment_response__descriptor},
    {"billing.Billing.SetupCard", "Stripe.SetupCard", &billing__setup_card_response__descriptor},
};
enum { CHECKOUT, LIST_CARDS, CHARGE_CARD, DELETE_CARD, LIST_PAYMENTS, GET_PAYMENT, SETUP_CARD };
#define AMOUNT_MIN 100 /* minor units */

static void forward_answered(struct task *t, const struct backend_answer *a)
{
    bool definite = a->status != GRPC_UNAVAILABLE && a->status != GRPC_DEADLINE_EXCEEDED && a->status != GRPC_CANCELLED;
    if (a->status == GRPC_OK)
        rpc_call_reply(t->call, a->reply);
    else if (definite)
        micro_fail(t->call, a->error.code, t->id, "%s", a->error.detail);
    else
        (void)task_failed(t, a, 503);
}

static void forward(struct rpc_call *call, const ProtobufCMessage *message, void *context, int which)
{
    const struct forward *f = &forwards[which];
    struct work *w = backend_caller(call, f->id) ? task_new(sizeof *w, context, call, f->id) : NULL;
    if (w)
        task_ask_as_caller(&w->task, "the payment provider", "stripe", f->method, message, f->reply, forward_answered);
}

static void forward_with(struct rpc_call *call, const ProtobufCMessage *message, void *context, int which,
                         const char *id, const int64_t *amount)
{
    if (id && !*id)
        micro_fail(call, 400, forwards[which].id, "an id is required");
    else if (amount && *amount < AMOUNT_MIN)
        micro_fail(call, 400, forwards[which].id, "an amount is at least %d minor units", AMOUNT_MIN);
    else
        forward(call, message, context, which);
}

static void checkout(struct rpc_call *call, const ProtobufCMessage *m, void *context)
{
    forward_with(call, m, context, CHECKOUT, NULL,
                 &((const Billing__CreateCheckoutSessionRequest *)(const void *)m)->amount);
}

static void list_cards(struct rpc_call *call, const ProtobufCMessage *m, void *context)
{
    forward(call, m, context, LIST_CARDS);
}

static void charge_card(struct rpc_call *call, const ProtobufCMessage *m, void *context)
{
    const Billing__ChargeCardRequest *r = (const Billing__ChargeCardRequest *)(const void *)m;
    forward_with(call, m, context, CHARGE_CARD, r->id, &r->amount);
}

static void delete_card(struct rpc_call *call, const ProtobufCMessage *m, void *context)
{
    forward_with(call, m, context, DELETE_CARD, ((const Billing__DeleteCardRequest *)(const void *)m)->id, NULL);
}

static void list_payments(struct rpc_call *call, const ProtobufCMessage *m, void *context)
{
    forward(call, m, context, LIST_PAYMENTS);
}

static void get_payment(struct rpc_call *call, const ProtobufCMessage *m, void *context)
{
    forward_with(call, m, context, GET_PAYMENT, ((const Billing__GetPaymentRequest *)(const void *)m)->id, NULL);
}

static void setup_card(struct rpc_call *call, const ProtobufCMessage *m, void *context)
{
    forward(call, m, context, SETUP_CARD);
}

/* ---- Updates, Apply: what is used, against what is paid ---------------------------------------------------------- */

static void due_next(struct work *w);

static void applied(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    w->at++;
    due_next(w);
}

static void reply_updates(struct work *w)
{
    Billing__UpdatesResponse reply = BILLING__UPDATES_RESPONSE__INIT;
    reply.updates = ARENA_NEW_N(memory(w), Billing__Update *, w->due_count + 1);
    size_t seen = 0;
    for (size_t i = 0; reply.updates && i < w->due_count && reply.n_updates < w->limit; i++) {
        const struct due *d = &w->due[i];
        if (d->paid == d->used || seen++ < w->offset)
            continue;
        Billing__Update *u = ARENA_NEW(memory(w), Billing__Update);
        if (!u) {
            reply.updates = NULL;
            break;
        }
        billing__update__init(u);
        u->id = u->customerid = d->customer;
        u->namespace_ = d->namespace;
        u->priceid = price_users;
        u->quantityfrom = d->paid;
        u->quantityto = d->used;
        u->created = backend_now(w->task.backend);
        reply.updates[reply.n_updates++] = u;
    }
    if (reply.updates)
        rpc_call_reply(w->task.call, &reply.base);
    else
        task_no_memory(&w->task);
}

/* The customers from w->at on: first what each pays is asked, then, of Apply, what differs is changed. */
static void due_paid(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    const Payments__ListSubscriptionsResponse *r = (const Payments__ListSubscriptionsResponse *)(const void *)a->reply;
    struct due *d = &w->due[w->at];
    for (size_t i = 0; i < r->n_subscriptions; i++)
        d->paid += r->subscriptions[i]->quantity;
    if (!w->applies || d->paid == d->used) {
        w->at++;
        due_next(w);
        return;
    }
    Subscriptions__UpdateRequest q = SUBSCRIPTIONS__UPDATE_REQUEST__INIT;
    q.priceid = price_users;
    q.quantity = d->used;
    q.ownerid = d->customer;
    task_ask(t, "the subscriptions", "subscriptions", "Subscriptions.Update", &q.base,
             &subscriptions__update_response__descriptor, applied);
}

static void due_next(struct work *w)
{
    static const Billing__ApplyResponse empty = BILLING__APPLY_RESPONSE__INIT;
    if (w->at < w->due_count) {
        Payments__ListSubscriptionsRequest r = PAYMENTS__LIST_SUBSCRIPTIONS_REQUEST__INIT;
        r.customer_id = w->due[w->at].customer;
        r.customer_type = customer_type;
        r.price_id = price_users;
        task_ask(&w->task, "the payment provider", "payments", "Provider.ListSubscriptions", &r.base,
                 &payments__list_subscriptions_response__descriptor, due_paid);
    } else if (w->applies) {
        rpc_call_reply(w->task.call, &empty.base);
    } else {
        reply_updates(w);
    }
}

/* Each user of a namespace beside its owners is paid for by its first owner. */
static bool count_users(struct work *w, const Namespaces__Namespace *n)
{
    if (n->n_owners == 0)
        return true;
    int64_t users = 0;
    for (size_t u = 0; u < n->n_users; u++) {
        bool owns = false;
        for (size_t o = 0; o < n->n_owners; o++)
            owns = owns || strcmp(n->owners[o], n->users[u]) == 0;
        users += !owns;
    }
    for (size_t i = 0; i < w->due_count; i++)
        if (strcmp(w->due[i].customer, n->owners[0]) == 0) {
            w->due[i].used += users;
            return true;
        }
    struct due *d = &w->due[w->due_count++];
    d->customer = arena_string(memory(w), n->owners[0]);
    d->namespace = arena_string(memory(w), n->id);
    d->used = users;
    return d->customer && d->namespace;
}

static void due_namespaces(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    const Namespaces__ListResponse *r = (const Namespaces__ListResponse *)(const void *)a->reply;
    w->due = ARENA_NEW_N(memory(w), struct due, r->n_namespaces + 1);
    bool ok = w->due != NULL;
    for (size_t i = 0; ok && i < r->n_namespaces; i++)
        ok = count_users(w, r->namespaces[i]);
    if (ok)
        due_next(w);
    else
        task_no_memory(t);
}

static void due_namespace(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    const Namespaces__ReadResponse *r = (const Namespaces__ReadResponse *)(const void *)a->reply;
    w->due = ARENA_NEW_N(memory(w), struct due, 1);
    if (w->due && (!r->namespace_ || count_users(w, r->namespace_)))
        due_next(w);
    else
        task_no_memory(t);
}

static struct work *due_new(struct rpc_call *call, void *context, const char *id)
{
    const struct micro_account *a = backend_caller(call, id);
    if (a && !backend_is_operator(a)) {
        micro_fail(call, 403, id, "only the platform's administrators and services may do this");
        return NULL;
    }
    return a ? task_new(sizeof(struct work), context, call, id) : NULL;
}

static void due_list(struct work *w, const char *owner)
{
    Namespaces__ListRequest r = NAMESPACES__LIST_REQUEST__INIT;
    r.owner = arena_string(memory(w), owner);
    r.limit = NAMESPACES_MAX;
    if (r.owner)
        task_ask(&w->task, "the namespaces", "namespaces", "Namespaces.List", &r.base,
                 &namespaces__list_response__descriptor, due_namespaces);
    else
        task_no_memory(&w->task);
}

static void updates(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "billing.Billing.Updates";
    const Billing__UpdatesRequest *r = (const Billing__UpdatesRequest *)(const void *)message;
    struct work *w = due_new(call, context, id);
    if (!w)
        return;
    if (r->offset < 0 || r->limit < 0 || r->limit > PAGE_MAX) {
        micro_fail(call, 400, id, "an offset of at least 0 and a limit of at most %d are expected", PAGE_MAX);
        return;
    }
    w->offset = (size_t)r->offset;
    w->limit = r->limit ? (size_t)r->limit : PAGE_DEFAULT;
    Namespaces__ReadRequest q = NAMESPACES__READ_REQUEST__INIT;
    q.id = r->namespace_;
    if (r->namespace_[0])
        task_ask(&w->task, "the namespaces", "namespaces", "Namespaces.Read", &q.base,
                 &namespaces__read_response__descriptor, due_namespace);
    else
        due_list(w, "");
}

static void apply(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "billing.Billing.Apply";
    const Billing__ApplyRequest *r = (const Billing__ApplyRequest *)(const void *)message;
    struct work *w = due_new(call, context, id);
    if (!w)
        return;
    if (!r->customerid[0] && !r->all) {
        micro_fail(call, 400, id, "a customer, or all, is required");
        return;
    }
    w->applies = true;
    due_list(w, r->all ? "" : r->customerid);
}

static void portal(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)message;
    (void)context;
    micro_fail(call, 501, "billing.Billing.Portal", "not implemented: the payment provider has no page for that");
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &billing__##stem##_request__descriptor,                                               \
        .output = &billing__##stem##_response__descriptor, .unary = handler                                            \
    }
static const struct rpc_method methods[] = {
    METHOD("SubscribeTier", subscribe_tier, subscribe_tier),
    METHOD("ReadAccount", read_account, read_account),
    METHOD("CreateCheckoutSession", create_checkout_session, checkout),
    METHOD("ListCards", list_cards, list_cards),
    METHOD("ChargeCard", charge_card, charge_card),
    METHOD("DeleteCard", delete_card, delete_card),
    METHOD("ListPayments", list_payments, list_payments),
    METHOD("GetPayment", get_payment, get_payment),
    METHOD("SetupCard", setup_card, setup_card),
    METHOD("Portal", portal, portal),
    METHOD("Updates", updates, updates),
    METHOD("Apply", apply, apply),
};
static const struct rpc_service served = {"billing.Billing", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_billing = {.name = "billing", .setup = setup, .stop = backend_stop};
