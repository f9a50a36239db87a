/* Place: the fraud check, the money, the stock, and then everybody is told.
 *
 * Before the provider is asked for the money, it is written down that it will be, and with which idempotency key: a key
 * of our own, since a caller's might be one that was used for something cheaper. Who calls again after an error or a
 * crash goes on with that key, and nothing is paid twice. One Place at a time holds the session (`claimed`), for LEASE
 * when it never comes to an end.
 *
 * When the stock turns out to be gone after the payment, it is paid back. A reservation that is not there any more is
 * no proof of that when another Place may have taken the stock and died: as long as it cannot have run out, it was
 * taken. */
#include "runtime/services/backend/checkout.h"

#include "proto/email/email.pb-c.h"
#include "proto/events/orders/events.pb-c.h"
#include "proto/fraud/fraud.pb-c.h"
#include "proto/item/item.pb-c.h"
#include "proto/payment/payment.pb-c.h"
#include "proto/reward/reward.pb-c.h"

#include <string.h>

#define TOPIC "orders"
#define LEASE 60 /* seconds: longer than all that is asked while a session is held takes together */

static struct checkout_work *work_of(struct task *t)
{
    return (struct checkout_work *)t;
}

static bool is(const struct checkout_work *w, const char *state)
{
    return strcmp(w->record.state, state) == 0;
}

/* ---- ends without an order --------------------------------------------------------------------------------------- */

static void over_released(struct task *t, const struct backend_answer *a)
{
    (void)a; /* what could not be given back is free again when the reservation runs out */
    micro_fail(t->call, (int)work_of(t)->record.over_code, t->id, "%s", work_of(t)->record.why);
}

static void over_written(struct task *t, const struct backend_answer *a)
{
    if (checkout_saved(work_of(t), a))
        checkout_release(work_of(t), over_released);
}

static void end(struct checkout_work *w, uint64_t revision, int code, char *why)
{
    static char over[] = CHECKOUT_OVER;
    if (!why) {
        task_no_memory(&w->task);
        return;
    }
    w->record.state = over;
    w->record.over_code = code;
    w->record.why = why;
    w->record.claimed = 0;
    checkout_save(w, revision, over_written);
}

static void let_go(struct task *t, const struct backend_answer *a)
{
    (void)a; /* when it could not be written the next one waits for LEASE */
    const struct backend_answer *u = &work_of(t)->unheard;
    micro_fail(t->call, 503, t->id, "nobody knows what came of it, call again: %s", u->error.detail);
}

/* The next call may go on at once. */
static void not_heard(struct checkout_work *w, const struct backend_answer *a)
{
    w->unheard = *a;
    w->record.claimed = 0;
    checkout_save(w, BACKEND_ALWAYS, let_go);
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void answer(struct task *t, const struct backend_answer *a)
{
    Checkout__PlaceResponse reply = CHECKOUT__PLACE_RESPONSE__INIT;
    if (!checkout_saved(work_of(t), a))
        return;
    reply.order = checkout_order(work_of(t));
    if (reply.order)
        rpc_call_reply(t->call, &reply.base);
}

static void points_given(struct task *t, const struct backend_answer *a)
{
    work_of(t)->record.rewarded = a->status == GRPC_OK;
    checkout_save(work_of(t), BACKEND_ALWAYS, answer);
}

/* The order is there whether its customer gets points and mail now or with the next call. */
static void give_points(struct checkout_work *w)
{
    static char rule[] = "purchase";
    Reward__EarnRequest r = REWARD__EARN_REQUEST__INIT;
    if (w->record.rewarded) {
        checkout_save(w, BACKEND_ALWAYS, answer);
        return;
    }
    r.user_id = w->record.customer_id;
    r.rule = rule;
    r.amount = (double)w->record.total;
    r.reference = r.idempotency_key = w->record.id;
    task_ask(&w->task, "the rewards", "reward", "Reward.Earn", &r.base, &reward__earn_response__descriptor,
             points_given);
}

static void mailed(struct task *t, const struct backend_answer *a)
{
    work_of(t)->record.mailed = a->status == GRPC_OK;
    give_points(work_of(t));
}

static void told(struct task *t, const struct backend_answer *a)
{
    static char from[] = "Orders";
    struct checkout_work *w = work_of(t);
    Email__SendRequest r = EMAIL__SEND_REQUEST__INIT;
    if (task_failed(t, a, 500))
        return;
    w->record.told = true;
    if (w->record.mailed) {
        give_points(w);
        return;
    }
    r.from = from;
    r.to = w->record.email;
    r.subject = arena_printf(checkout_memory(w), "Your order %s", w->record.number);
    r.text_body = arena_printf(checkout_memory(w), "Thank you. You paid %lld.%02d %s for order %s.\n",
                               (long long)(w->record.total / 100), (int)(w->record.total % 100), w->record.currency,
                               w->record.number);
    if (r.subject && r.text_body)
        task_ask(t, "the mail", "email", "Email.Send", &r.base, &email__send_response__descriptor, mailed);
    else
        task_no_memory(t);
}

static void tell(struct checkout_work *w)
{
    static const struct backend_answer fine = {.status = GRPC_OK};
    Ordersevents__Event event = ORDERSEVENTS__EVENT__INIT;
    Ordersevents__Order o = ORDERSEVENTS__ORDER__INIT;
    Ordersevents__Placed placed = ORDERSEVENTS__PLACED__INIT;
    const struct backend_list *l = &w->record.lines;
    if (w->record.told) {
        told(&w->task, &fine);
        return;
    }
    o.id = w->record.id;
    o.number = w->record.number;
    o.shop_id = w->record.shop_id;
    o.customer_id = w->record.customer_id;
    o.currency = w->record.currency;
    o.total = w->record.total;
    placed.skus = ARENA_NEW_N(checkout_memory(w), char *, l->count / CHECKOUT_LINE + 1);
    if (!placed.skus) {
        task_no_memory(&w->task);
        return;
    }
    for (size_t i = 0; i < l->count / CHECKOUT_LINE; i++)
        placed.skus[placed.n_skus++] = l->items[i * CHECKOUT_LINE];
    event.type = ORDERSEVENTS__EVENT_TYPE__EventTypePlaced;
    event.order = &o;
    event.placed = &placed;
    task_publish(&w->task, TOPIC, "orders.placed", &event.base, told);
}

/* ---- the stock --------------------------------------------------------------------------------------------------- */

static void placed_written(struct task *t, const struct backend_answer *a)
{
    if (checkout_saved(work_of(t), a))
        tell(work_of(t));
}

static void paid_back(struct task *t, const struct backend_answer *a)
{
    static char why[] = "the stock was gone before it could be taken; what was paid is paid back";
    if (backend_unheard(a))
        not_heard(work_of(t), a);
    else if (!task_failed(t, a, 500))
        end(work_of(t), BACKEND_ALWAYS, 412, why);
}

static void pay_back(struct task *t, const struct backend_answer *a)
{
    static char reason[] = "sold out";
    struct checkout_work *w = work_of(t);
    Payment__RefundRequest r = PAYMENT__REFUND_REQUEST__INIT;
    if (!checkout_saved(w, a))
        return;
    r.id = w->record.payment_id;
    r.reason = reason;
    r.idempotency_key = w->record.id;
    task_ask(t, "the payments", "payment", "Payment.Refund", &r.base, &payment__refund_response__descriptor, paid_back);
}

static void stock_taken(struct task *t, const struct backend_answer *a)
{
    static char placed[] = CHECKOUT_PLACED, back[] = CHECKOUT_BACK;
    struct checkout_work *w = work_of(t);
    int64_t now = backend_now(t->backend);
    if (a->status == GRPC_OK || (a->status == GRPC_NOT_FOUND && w->was_paid && now < w->record.expires)) {
        w->record.state = placed;
        w->record.placed = now;
        w->record.claimed = 0;
        checkout_save(w, BACKEND_ALWAYS, placed_written);
    } else if (a->status == GRPC_NOT_FOUND || a->status == GRPC_FAILED_PRECONDITION) {
        w->record.state = back;
        checkout_save(w, BACKEND_ALWAYS, pay_back);
    } else {
        not_heard(w, a);
    }
}

static void take_stock(struct task *t, const struct backend_answer *a)
{
    struct checkout_work *w = work_of(t);
    Item__CommitRequest r = ITEM__COMMIT_REQUEST__INIT;
    if (!checkout_saved(w, a))
        return;
    r.id = w->record.reservation;
    task_ask(t, "the items", "item", "Item.Commit", &r.base, &item__commit_response__descriptor, stock_taken);
}

/* ---- the money --------------------------------------------------------------------------------------------------- */

static void charged(struct task *t, const struct backend_answer *a)
{
    static char paid[] = CHECKOUT_PAID;
    struct checkout_work *w = work_of(t);
    if (backend_unheard(a) || a->error.code == 507) {
        not_heard(w, a);
        return;
    }
    const Payment__Transaction *p =
        a->status == GRPC_OK ? ((const Payment__AuthoriseResponse *)(const void *)a->reply)->payment : NULL;
    if (a->status != GRPC_OK || (p && p->state == PAYMENT__STATE__STATE_REFUSED)) {
        end(w, BACKEND_ALWAYS, 409,
            arena_printf(checkout_memory(w), "the payment was refused: %.300s", p ? p->refusal : a->error.detail));
        return;
    }
    if (!p || !p->id[0] || p->state != PAYMENT__STATE__STATE_CAPTURED) {
        struct backend_answer odd = {.status = GRPC_INTERNAL, .error.detail = "the payments took no money"};
        not_heard(w, &odd);
        return;
    }
    w->record.state = paid;
    w->record.payment_id = arena_string(checkout_memory(w), p->id);
    if (w->record.payment_id)
        checkout_save(w, BACKEND_ALWAYS, take_stock);
    else
        task_no_memory(t);
}

static void charge(struct task *t, const struct backend_answer *a)
{
    struct checkout_work *w = work_of(t);
    Payment__AuthoriseRequest r = PAYMENT__AUTHORISE_REQUEST__INIT;
    if (!checkout_saved(w, a))
        return;
    r.customer_id = w->record.customer_id;
    r.method_id = w->record.card;
    r.amount = w->record.total;
    r.currency = w->record.currency;
    r.reference = w->record.id;
    r.idempotency_key = w->record.payment_key;
    r.capture = true;
    task_ask(t, "the payments", "payment", "Payment.Authorise", &r.base, &payment__authorise_response__descriptor,
             charged);
}

static void judged(struct task *t, const struct backend_answer *a)
{
    static char paying[] = CHECKOUT_PAYING, why[] = "the fraud check refuses this order";
    struct checkout_work *w = work_of(t);
    char uuid[37];
    if (task_failed(t, a, 503))
        return;
    const Fraud__Judgement *j = ((const Fraud__CheckResponse *)(const void *)a->reply)->judgement;
    if (j && j->verdict == FRAUD__VERDICT__VERDICT_BLOCK) {
        end(w, w->revision, 403, why);
    } else if (!j || j->verdict != FRAUD__VERDICT__VERDICT_ALLOW) {
        micro_fail(t->call, 412, t->id, "somebody has to look at this order first; try again later");
    } else if (micro_uuid(t->backend->world, uuid) != 0) {
        task_no_memory(t);
    } else {
        w->record.payment_key = arena_string(checkout_memory(w), uuid);
        w->record.key = w->place->idempotency_key;
        w->record.card = w->place->card_id;
        w->record.state = paying;
        w->record.claimed = backend_now(t->backend);
        if (w->record.payment_key)
            checkout_save(w, w->revision, charge);
        else
            task_no_memory(t);
    }
}

static void ask_fraud(struct checkout_work *w)
{
    Fraud__CheckRequest r = FRAUD__CHECK_REQUEST__INIT;
    Fraud__Transaction x = FRAUD__TRANSACTION__INIT;
    x.transaction_id = w->record.id;
    x.user_id = w->record.customer_id;
    x.amount = w->record.total;
    x.currency = w->record.currency;
    x.email = w->record.email;
    r.transaction = &x;
    task_ask(&w->task, "the fraud check", "fraud", "Fraud.Check", &r.base, &fraud__check_response__descriptor, judged);
}

/* ------------------------------------------------------------------------------------------------------------------ */

/* Somebody was here before: on from where they stopped. */
static void go_on(struct checkout_work *w)
{
    int64_t now = backend_now(w->task.backend);
    if (w->record.claimed && now < w->record.claimed + LEASE) {
        micro_fail(w->task.call, 409, w->task.id, "the order is being placed; try again");
        return;
    }
    w->record.claimed = now;
    w->was_paid = is(w, CHECKOUT_PAID);
    checkout_save(w, w->revision, is(w, CHECKOUT_PAYING) ? charge : w->was_paid ? take_stock : pay_back);
}

static void found(struct checkout_work *w)
{
    struct rpc_call *call = w->task.call;
    const char *id = w->task.id;
    if (is(w, CHECKOUT_OVER)) {
        micro_fail(call, (int)w->record.over_code, id, "%s", w->record.why);
    } else if (is(w, CHECKOUT_OPEN) && backend_now(w->task.backend) >= w->record.expires) {
        micro_fail(call, 412, id, "the stock is no longer kept for this checkout: begin again");
    } else if (is(w, CHECKOUT_OPEN)) {
        w->record.email = backend_email(call, id, w->place->email);
        if (w->record.email)
            ask_fraud(w);
    } else if (strcmp(w->record.key, w->place->idempotency_key) != 0) {
        micro_fail(call, 412, id, "this checkout is placed with another idempotency key");
    } else if (is(w, CHECKOUT_PLACED)) {
        tell(w);
    } else {
        go_on(w);
    }
}

void checkout_place(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "checkout.Checkout.Place";
    const Checkout__PlaceRequest *r = (const Checkout__PlaceRequest *)(const void *)message;
    size_t key = strlen(r->idempotency_key);
    const char *wrong = key == 0 || key > BACKEND_ID_MAX ? "an idempotency key is required"
                        : !r->terms_accepted             ? "the terms have to be accepted"
                        : r->payment_case != CHECKOUT__PLACE_REQUEST__PAYMENT_CARD_ID || !r->card_id[0]
                            ? "a card is required: wallets and vouchers are not implemented"
                            : NULL;
    if (wrong) {
        micro_fail(call, 400, id, "%s", wrong);
        return;
    }
    struct checkout_work *w = checkout_with(call, context, id, r->session_id, found);
    if (w)
        w->place = r;
}
