/* From a basket to a paid order (proto/checkout/checkout.proto): Begin, Place, Abandon, Read. Delivery, and what
 * becomes of an order later, is not implemented.
 *
 * Table "checkout": "session:<id>" is a session and, when it was placed, the order of the same id. Stock is reserved
 * when a session begins, for LIFE; the reservation's idempotency key is the session's id. A session that is not placed
 * within a day is forgotten, its reservation ended long before by itself. */
#include "runtime/services/backend/checkout.h"

#include "proto/basket/basket.pb-c.h"
#include "proto/item/item.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define LIFE   900   /* seconds that stock is kept */
#define KEPT   86400 /* seconds that a session is remembered */
#define NUMBER 10    /* characters of an order's number */

#define FIELD(member, kind) BACKEND_FIELD(struct checkout_record, member, kind)
static const struct backend_field fields[] = {
    FIELD(id, FIELD_TEXT),         FIELD(number, FIELD_TEXT),      FIELD(basket_id, FIELD_TEXT),
    FIELD(shop_id, FIELD_TEXT),    FIELD(customer_id, FIELD_TEXT), FIELD(currency, FIELD_TEXT),
    FIELD(state, FIELD_TEXT),      FIELD(reservation, FIELD_TEXT), FIELD(email, FIELD_TEXT),
    FIELD(why, FIELD_TEXT),        FIELD(key, FIELD_TEXT),         FIELD(payment_key, FIELD_TEXT),
    FIELD(payment_id, FIELD_TEXT), FIELD(card, FIELD_TEXT),        FIELD(items, FIELD_INT),
    FIELD(discount, FIELD_INT),    FIELD(total, FIELD_INT),        FIELD(expires, FIELD_INT),
    FIELD(placed, FIELD_INT),      FIELD(over_code, FIELD_INT),    FIELD(claimed, FIELD_INT),
    FIELD(told, FIELD_BOOL),       FIELD(mailed, FIELD_BOOL),      FIELD(rewarded, FIELD_BOOL),
    FIELD(lines, FIELD_LIST),
};
static const struct backend_shape shape = {"checkout", "what the store holds under this id is no session", fields,
                                           sizeof fields / sizeof *fields};

struct arena *checkout_memory(struct checkout_work *w)
{
    return rpc_call_arena(w->task.call);
}

void checkout_save(struct checkout_work *w, uint64_t revision, backend_step *next)
{
    task_save(&w->task, &shape, w->key, &w->record, revision, next);
}

bool checkout_saved(struct checkout_work *w, const struct backend_answer *a)
{
    if (a->status != GRPC_FAILED_PRECONDITION)
        return !task_failed(&w->task, a, 500);
    micro_fail(w->task.call, 409, w->task.id, "the checkout is being changed; try again");
    return false;
}

static struct checkout_work *work_new(struct rpc_call *call, void *context, const char *id, const char *session)
{
    if (!backend_caller(call, id))
        return NULL;
    if (!*session || strlen(session) > BACKEND_ID_MAX) {
        micro_fail(call, 400, id, "an id of 1 to %d bytes is required", BACKEND_ID_MAX);
        return NULL;
    }
    struct checkout_work *w = task_new(sizeof *w, context, call, id);
    if (!w)
        return NULL;
    w->key = arena_printf(checkout_memory(w), "session:%s", session);
    if (w->key)
        return w;
    task_no_memory(&w->task);
    return NULL;
}

/* Customers have what is their own. */
static bool is_theirs(struct checkout_work *w, const char *customer)
{
    const struct micro_account *a = micro_caller(w->task.call);
    return a && (backend_is_operator(a) || (*customer && strcmp(a->id, customer) == 0));
}

static void on_read(struct task *t, const struct backend_answer *a)
{
    struct checkout_work *w = (struct checkout_work *)t;
    if (!task_take(t, &shape, a, &w->record, &w->revision))
        return;
    if (w->revision == 0 || !is_theirs(w, w->record.customer_id))
        micro_fail(t->call, 404, t->id, "there is no such checkout");
    else
        w->found(w);
}

struct checkout_work *checkout_with(struct rpc_call *call, void *context, const char *id, const char *session,
                                    void (*found)(struct checkout_work *w))
{
    struct checkout_work *w = work_new(call, context, id, session);
    if (!w)
        return NULL;
    w->found = found;
    task_read(&w->task, shape.table, w->key, false, on_read);
    return w;
}

void checkout_release(struct checkout_work *w, backend_step *next)
{
    Item__ReleaseRequest r = ITEM__RELEASE_REQUEST__INIT;
    r.id = w->record.reservation;
    task_ask(&w->task, "the items", "item", "Item.Release", &r.base, &item__release_response__descriptor, next);
}

/* ---- as messages ------------------------------------------------------------------------------------------------- */

static bool put_lines(struct checkout_work *w, Checkout__Line ***out, size_t *n)
{
    const struct backend_list *l = &w->record.lines;
    *n = l->count / CHECKOUT_LINE;
    Checkout__Line *lines = ARENA_NEW_N(checkout_memory(w), Checkout__Line, *n + 1);
    *out = ARENA_NEW_N(checkout_memory(w), Checkout__Line *, *n + 1);
    for (size_t i = 0; lines && *out && i < *n; i++) {
        char *const *text = l->items + i * CHECKOUT_LINE;
        checkout__line__init(&lines[i]);
        lines[i].sku = text[0];
        lines[i].title = text[1];
        lines[i].quantity = (uint32_t)strtoul(text[2], NULL, 10);
        lines[i].price = strtoll(text[3], NULL, 10);
        (*out)[i] = &lines[i];
    }
    return lines && *out;
}

static Checkout__Totals *totals(struct checkout_work *w)
{
    Checkout__Totals *t = ARENA_NEW(checkout_memory(w), Checkout__Totals);
    if (!t)
        return NULL;
    checkout__totals__init(t);
    t->currency = w->record.currency;
    t->items = w->record.items;
    t->discount = w->record.discount;
    t->total = w->record.total;
    return t;
}

static Google__Protobuf__Timestamp *when(struct checkout_work *w, int64_t seconds)
{
    Google__Protobuf__Timestamp *t = ARENA_NEW(checkout_memory(w), Google__Protobuf__Timestamp);
    if (!t)
        return NULL;
    google__protobuf__timestamp__init(t);
    t->seconds = seconds;
    return t;
}

Checkout__Order *checkout_order(struct checkout_work *w)
{
    static char email[] = "email", points[] = "points";
    struct checkout_record *r = &w->record;
    Checkout__Order *o = ARENA_NEW(checkout_memory(w), Checkout__Order);
    char **pending = ARENA_NEW_N(checkout_memory(w), char *, 2);
    if (o && pending) {
        checkout__order__init(o);
        o->id = r->id;
        o->number = r->number;
        o->shop_id = r->shop_id;
        o->customer_id = r->customer_id;
        o->state = CHECKOUT__STATE__STATE_PAID;
        o->payment_id = r->payment_id;
        o->totals = totals(w);
        o->placed = o->updated = when(w, r->placed);
        o->pending = pending;
        if (!r->mailed)
            pending[o->n_pending++] = email;
        if (!r->rewarded)
            pending[o->n_pending++] = points;
        if (o->totals && o->placed && put_lines(w, &o->lines, &o->n_lines))
            return o;
    }
    task_no_memory(&w->task);
    return NULL;
}

/* ---- Begin ------------------------------------------------------------------------------------------------------- */

static void begin_written(struct task *t, const struct backend_answer *a)
{
    struct checkout_work *w = (struct checkout_work *)t;
    Checkout__BeginResponse reply = CHECKOUT__BEGIN_RESPONSE__INIT;
    Checkout__Session s = CHECKOUT__SESSION__INIT;
    if (!checkout_saved(w, a))
        return;
    s.id = w->record.id;
    s.basket_id = w->record.basket_id;
    s.customer_id = w->record.customer_id;
    s.totals = totals(w);
    s.expires = when(w, w->record.expires);
    reply.session = &s;
    if (s.totals && s.expires && put_lines(w, &s.lines, &s.n_lines))
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

static void begin_reserved(struct task *t, const struct backend_answer *a)
{
    static char open[] = CHECKOUT_OPEN;
    struct checkout_work *w = (struct checkout_work *)t;
    if (task_failed(t, a, 412))
        return;
    const Item__ReserveResponse *r = (const Item__ReserveResponse *)(const void *)a->reply;
    if (!r->reservation || !r->reservation->id[0]) {
        micro_fail(t->call, 503, t->id, "the items reserved nothing");
        return;
    }
    w->record.reservation = arena_string(checkout_memory(w), r->reservation->id);
    w->record.state = open;
    t->expiry = KEPT;
    if (w->record.reservation)
        checkout_save(w, 0, begin_written);
    else
        task_no_memory(t);
}

static bool take_basket(struct checkout_work *w, const Basket__Contents *b)
{
    struct checkout_record *r = &w->record;
    struct arena *m = checkout_memory(w);
    char uuid[37];
    if (micro_uuid(w->task.backend->world, uuid) != 0)
        return false;
    *r = (struct checkout_record){.id = arena_string(m, uuid),
                                  .number = backend_token(w->task.backend, m, NUMBER),
                                  .basket_id = arena_string(m, b->id),
                                  .shop_id = arena_string(m, b->shop_id),
                                  .customer_id = arena_string(m, b->customer_id),
                                  .currency = arena_string(m, b->currency),
                                  .items = b->subtotal,
                                  .discount = b->discount,
                                  .total = b->total,
                                  .expires = backend_now(w->task.backend) + LIFE};
    r->email = r->why = r->key = r->payment_key = r->payment_id = r->card = arena_string(m, "");
    r->lines.items = ARENA_NEW_N(m, char *, b->n_lines *CHECKOUT_LINE);
    w->key = arena_printf(m, "session:%s", uuid);
    if (!r->id || !r->number || !r->basket_id || !r->shop_id || !r->customer_id || !r->currency || !r->email ||
        !r->lines.items || !w->key)
        return false;
    for (size_t i = 0; i < b->n_lines; i++) {
        const Basket__Line *l = b->lines[i];
        char *texts[CHECKOUT_LINE] = {arena_string(m, l->sku), arena_string(m, l->title),
                                      arena_printf(m, "%u", l->quantity), arena_printf(m, "%lld", (long long)l->price)};
        for (size_t k = 0; k < CHECKOUT_LINE; k++) {
            if (!texts[k])
                return false;
            r->lines.items[r->lines.count++] = texts[k];
        }
    }
    return true;
}

static void begin_basket(struct task *t, const struct backend_answer *a)
{
    struct checkout_work *w = (struct checkout_work *)t;
    if (task_failed(t, a, a->error.code == 404 ? 404 : 500))
        return;
    const Basket__Contents *b = ((const Basket__ReadResponse *)(const void *)a->reply)->basket;
    if (!b || !is_theirs(w, b->customer_id)) {
        micro_fail(t->call, 404, t->id, "there is no such basket");
        return;
    }
    if (b->n_lines == 0 || b->total < 1 || !b->customer_id[0]) {
        micro_fail(t->call, 412, t->id, "%s",
                   b->customer_id[0] ? "the basket has nothing that costs anything"
                                     : "the basket is nobody's: log in first");
        return;
    }
    Item__ReserveRequest r = ITEM__RESERVE_REQUEST__INIT;
    Item__Line *lines = ARENA_NEW_N(checkout_memory(w), Item__Line, b->n_lines);
    r.lines = ARENA_NEW_N(checkout_memory(w), Item__Line *, b->n_lines);
    if (!lines || !r.lines || !take_basket(w, b)) {
        task_no_memory(t);
        return;
    }
    for (size_t i = 0; i < b->n_lines; i++) {
        item__line__init(&lines[i]);
        lines[i].sku = b->lines[i]->sku;
        lines[i].quantity = b->lines[i]->quantity;
        r.lines[r.n_lines++] = &lines[i];
    }
    r.seconds = LIFE;
    r.idempotency_key = w->record.id;
    task_ask(t, "the items", "item", "Item.Reserve", &r.base, &item__reserve_response__descriptor, begin_reserved);
}

static void begin(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "checkout.Checkout.Begin";
    const Checkout__BeginRequest *r = (const Checkout__BeginRequest *)(const void *)message;
    struct checkout_work *w = work_new(call, context, id, r->basket_id);
    if (!w)
        return;
    Basket__ReadRequest q = BASKET__READ_REQUEST__INIT;
    q.which_case = BASKET__READ_REQUEST__WHICH_ID;
    q.id = r->basket_id;
    task_ask(&w->task, "the baskets", "basket", "Basket.Read", &q.base, &basket__read_response__descriptor,
             begin_basket);
}

/* ---- Abandon, Read ----------------------------------------------------------------------------------------------- */

static void abandon_released(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500)) {
        static const Checkout__AbandonResponse reply = CHECKOUT__ABANDON_RESPONSE__INIT;
        rpc_call_reply(t->call, &reply.base);
    }
}

static void abandon_over(struct task *t, const struct backend_answer *a)
{
    if (checkout_saved((struct checkout_work *)t, a))
        checkout_release((struct checkout_work *)t, abandon_released);
}

/* It is over before its stock is given back: nobody may pay for what others can buy. */
static void abandon_found(struct checkout_work *w)
{
    static char over[] = CHECKOUT_OVER, why[] = "it was abandoned";
    if (strcmp(w->record.state, CHECKOUT_OVER) == 0) {
        checkout_release(w, abandon_released);
    } else if (strcmp(w->record.state, CHECKOUT_OPEN) == 0) {
        w->record.state = over;
        w->record.why = why;
        w->record.over_code = 412;
        checkout_save(w, w->revision, abandon_over);
    } else {
        micro_fail(w->task.call, 412, w->task.id, "it is paid, or about to be");
    }
}

static void abandon(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Checkout__AbandonRequest *r = (const Checkout__AbandonRequest *)(const void *)message;
    (void)checkout_with(call, context, "checkout.Checkout.Abandon", r->session_id, abandon_found);
}

static void read_found(struct checkout_work *w)
{
    Checkout__ReadResponse reply = CHECKOUT__READ_RESPONSE__INIT;
    if (strcmp(w->record.state, CHECKOUT_PLACED) != 0) {
        micro_fail(w->task.call, 404, w->task.id, "there is no such order");
        return;
    }
    reply.order = checkout_order(w);
    if (reply.order)
        rpc_call_reply(w->task.call, &reply.base);
}

static void read_order(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Checkout__ReadRequest *r = (const Checkout__ReadRequest *)(const void *)message;
    (void)checkout_with(call, context, "checkout.Checkout.Read", r->id, read_found);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &checkout__##stem##_request__descriptor,                                              \
        .output = &checkout__##stem##_response__descriptor, .unary = handler                                           \
    }
static const struct rpc_method methods[] = {
    METHOD("Begin", begin, begin),
    METHOD("Place", place, checkout_place),
    METHOD("Abandon", abandon, abandon),
    METHOD("Read", read, read_order),
};
static const struct rpc_service served = {"checkout.Checkout", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_checkout = {.name = "checkout", .setup = setup, .stop = backend_stop};
