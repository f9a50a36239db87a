/* What the checkout's two files share: the record of a session and the task around it (checkout.c tells of both). */
#ifndef RUNTIME_SERVICES_BACKEND_CHECKOUT_H
#define RUNTIME_SERVICES_BACKEND_CHECKOUT_H

#include "runtime/services/backend/backend.h"

#include "proto/checkout/checkout.pb-c.h"

#define CHECKOUT_LINE 4 /* texts in the record of a line: sku, title, quantity, price */

/* `state` is one of these; "over" ends what was not bought. */
#define CHECKOUT_OPEN   "open"
#define CHECKOUT_PAYING "paying" /* the provider is asked for the money now, or was and nobody heard */
#define CHECKOUT_PAID   "paid"
#define CHECKOUT_BACK   "paying back" /* the stock was gone */
#define CHECKOUT_PLACED "placed"      /* the stock is taken */
#define CHECKOUT_OVER   "over"

struct checkout_record {
    char *id, *number, *basket_id, *shop_id, *customer_id, *currency, *state, *reservation, *email;
    char *why;         /* it is over */
    char *key;         /* the caller's */
    char *payment_key; /* ours, at the provider */
    char *payment_id, *card;
    int64_t items, discount, total, expires, placed, over_code;
    int64_t claimed;             /* when a Place began that nobody saw the end of; 0: none */
    bool told, mailed, rewarded; /* the event, the mail, the points */
    struct backend_list lines;
};

struct checkout_work {
    struct task task;
    char *key;
    struct checkout_record record;
    uint64_t revision;
    void (*found)(struct checkout_work *w);
    const Checkout__PlaceRequest *place;
    bool was_paid; /* another Place has paid, and may have taken the stock as well */
    struct backend_answer unheard;
};

struct arena *checkout_memory(struct checkout_work *w);
/* As task_write(). */
void checkout_save(struct checkout_work *w, uint64_t revision, backend_step *next);
/* After a checkout_save(): false when it failed (the call was failed; 409 when somebody else was first). */
bool checkout_saved(struct checkout_work *w, const struct backend_answer *a);
/* Reads the session or order `session`; `found` goes on when it is there and the caller's. NULL: the call was failed.
 */
struct checkout_work *checkout_with(struct rpc_call *call, void *context, const char *id, const char *session,
                                    void (*found)(struct checkout_work *w));
/* NULL: no memory, and the call was failed. */
Checkout__Order *checkout_order(struct checkout_work *w);
void checkout_release(struct checkout_work *w, backend_step *next);
void checkout_place(struct rpc_call *call, const ProtobufCMessage *message, void *context);

#endif
