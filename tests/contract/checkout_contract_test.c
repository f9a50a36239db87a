/* What the checkout asks of others: the stock before the judgement, that before the money, and the money once. */
#include "tests/contract/backend_kit.h"

#include "proto/checkout/checkout.pb-c.h"
#include "proto/email/email.pb-c.h"
#include "proto/fraud/fraud.pb-c.h"
#include "proto/item/item.pb-c.h"
#include "proto/payment/payment.pb-c.h"
#include "proto/reward/reward.pb-c.h"

#include <string.h>

static char basket[] = "basket_1", card[] = "card_1", email[] = "Jane@Example.com", nothing[] = "",
            key_one[] = "6b7c7a5e-0000-4000-8000-000000000001", key_two[] = "6b7c7a5e-0000-4000-8000-000000000002";

#define PAID "{\"payment\":{\"id\":\"pay_1\",\"state\":\"STATE_CAPTURED\"}}"

static int setup(void **state)
{
    int rc = kit_setup(state, &backend_checkout, "checkout.Checkout");
    if (rc == 0) {
        kit_returns(*state, BASKET, "Read",
                    "{\"basket\":{\"id\":\"basket_1\",\"shop_id\":\"s1\",\"customer_id\":\"jane\",\"currency\":\"EUR\","
                    "\"subtotal\":\"2600\",\"discount\":\"101\",\"total\":\"2499\","
                    "\"lines\":[{\"sku\":\"mug\",\"title\":\"A mug\",\"quantity\":2,\"price\":\"1300\"}]}}");
        kit_returns(*state, ITEM, "Reserve", "{\"reservation\":{\"id\":\"res_1\"}}");
        kit_returns(*state, FRAUD, "Check", "{\"judgement\":{\"verdict\":\"VERDICT_ALLOW\"}}");
        kit_returns(*state, PAYMENT, "Authorise", PAID);
    }
    return rc;
}

static char *begin_as(struct kit *k, enum kit_caller who)
{
    Checkout__BeginRequest r = CHECKOUT__BEGIN_REQUEST__INIT;
    r.basket_id = basket;
    const Checkout__BeginResponse *reply = kit_call(k, who, "Begin", &r.base, &checkout__begin_response__descriptor);
    return reply ? reply->session->id : NULL;
}

static char *begin(struct kit *k)
{
    char *id = begin_as(k, JANE);
    assert_non_null(id);
    return id;
}

static const Checkout__Order *place_with(struct kit *k, enum kit_caller who, char *session, char *key)
{
    Checkout__PlaceRequest r = CHECKOUT__PLACE_REQUEST__INIT;
    r.session_id = session;
    r.idempotency_key = key;
    r.payment_case = CHECKOUT__PLACE_REQUEST__PAYMENT_CARD_ID;
    r.card_id = card;
    r.email = email;
    r.terms_accepted = true;
    const Checkout__PlaceResponse *reply = kit_call(k, who, "Place", &r.base, &checkout__place_response__descriptor);
    return reply ? reply->order : NULL;
}

static const Checkout__Order *place(struct kit *k, char *session)
{
    return place_with(k, JANE, session, key_one);
}

static int abandon(struct kit *k, char *session)
{
    Checkout__AbandonRequest r = CHECKOUT__ABANDON_REQUEST__INIT;
    r.session_id = session;
    kit_call(k, JANE, "Abandon", &r.base, &checkout__abandon_response__descriptor);
    return kit_code(k);
}

static int64_t charges(struct kit *k)
{
    return kit_count(k, PAYMENT, "Authorise");
}

static const Payment__AuthoriseRequest *charge(struct kit *k, int64_t i)
{
    return kit_asked(k, PAYMENT, "Authorise", i, &payment__authorise_request__descriptor);
}

static void bought(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    kit_expect(k, 2); /* the basket, the stock: it is reserved before anything else */
    const Item__ReserveRequest *q = kit_asked(k, ITEM, "Reserve", 0, &item__reserve_request__descriptor);
    assert_string_equal(q->lines[0]->sku, "mug");
    assert_int_equal(q->lines[0]->quantity, 2);
    assert_string_equal(q->idempotency_key, session);
    const Checkout__Order *o = place(k, session);
    assert_non_null(o);
    if (!o)
        return; /* the assertion has left; the compiler does not know */
    assert_string_equal(o->id, session);
    assert_string_equal(o->payment_id, "pay_1");
    assert_int_equal(o->state, CHECKOUT__STATE__STATE_PAID);
    assert_int_equal(o->totals->total, 2499);
    assert_int_equal(o->n_pending, 0);
    assert_int_equal(kit_count(k, FRAUD, "Check"), 1);
    assert_int_equal(charges(k), 1);
    assert_int_equal(kit_count(k, ITEM, "Commit"), 1);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1);
    assert_int_equal(kit_count(k, EMAIL, "Send"), 1);
    assert_int_equal(kit_count(k, REWARD, "Earn"), 1);
    kit_expect(k, 8);
    assert_int_equal(charge(k, 0)->amount, 2499);
    assert_true(charge(k, 0)->capture);
    assert_string_equal(charge(k, 0)->reference, session);
    assert_string_not_equal(charge(k, 0)->idempotency_key, key_one); /* a caller's might have been used before */
    const Email__SendRequest *m = kit_asked(k, EMAIL, "Send", 0, &email__send_request__descriptor);
    assert_string_equal(m->to, "jane@example.com");
    assert_non_null(strstr(m->text_body, "24.99 EUR"));
    const Reward__EarnRequest *e = kit_asked(k, REWARD, "Earn", 0, &reward__earn_request__descriptor);
    assert_string_equal(e->user_id, "jane");
    assert_true(e->amount > 2498.5 && e->amount < 2499.5);
    assert_non_null(strstr(kit_event(k, 0, "orders", "orders.placed"), "\"mug\""));
    const Checkout__Order *again = place(k, session);
    assert_non_null(again);
    kit_expect(k, 8); /* told already */
    assert_null(place_with(k, JANE, session, key_two));
    assert_int_equal(kit_code(k), 412);
    assert_int_equal(abandon(k, session), 412);
    kit_expect(k, 8);
}

static void fraud_is_not_charged(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    kit_returns(k, FRAUD, "Check", "{\"judgement\":{\"verdict\":\"VERDICT_REVIEW\"}}");
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 412);
    kit_fails(k, FRAUD, "Check", 503);
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 503);
    assert_int_equal(kit_count(k, ITEM, "Release"), 0);
    kit_returns(k, FRAUD, "Check", "{\"judgement\":{\"verdict\":\"VERDICT_BLOCK\"}}");
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 403);
    assert_int_equal(kit_count(k, ITEM, "Release"), 1);
    assert_null(place(k, session)); /* it stays so, and nobody is asked */
    assert_int_equal(kit_code(k), 403);
    assert_int_equal(kit_count(k, FRAUD, "Check"), 3);
    assert_int_equal(charges(k), 0);
    kit_expect(k, 6);
}

static void a_refused_payment_gives_the_stock_back(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    kit_fails(k, PAYMENT, "Authorise", 409);
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 409);
    assert_int_equal(kit_count(k, ITEM, "Release"), 1);
    assert_int_equal(kit_count(k, ITEM, "Commit"), 0);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 0);
    assert_null(place_with(k, JANE, session, key_two));
    assert_int_equal(kit_code(k), 409);
    assert_int_equal(charges(k), 1);
    char *second = begin(k); /* another card */
    kit_returns(k, PAYMENT, "Authorise", "{\"payment\":{\"state\":\"STATE_REFUSED\",\"refusal\":\"no money\"}}");
    assert_null(place(k, second));
    assert_int_equal(kit_code(k), 409);
    assert_non_null(strstr(k->error.detail, "no money"));
    assert_int_equal(kit_count(k, ITEM, "Release"), 2);
    assert_int_equal(charges(k), 2);
}

static void a_lost_answer_is_asked_for_with_the_same_key(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    kit_fails(k, PAYMENT, "Authorise", 503);
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 503);
    assert_null(place_with(k, JANE, session, key_two)); /* by no other one */
    assert_int_equal(kit_code(k), 412);
    assert_int_equal(charges(k), 1);
    assert_int_equal(kit_count(k, ITEM, "Release"), 0);
    kit_returns(k, PAYMENT, "Authorise", PAID);
    assert_non_null(place(k, session));
    assert_int_equal(charges(k), 2);
    assert_string_equal(charge(k, 0)->idempotency_key, charge(k, 1)->idempotency_key);
    assert_int_equal(kit_count(k, FRAUD, "Check"), 1);
    assert_int_equal(kit_count(k, ITEM, "Commit"), 1);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1);
}

/* The stock was taken and the answer lost: it is not paid back because the reservation is not there any more. */
static void stock_that_was_taken_is_not_gone(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    kit_fails(k, PAYMENT, "Authorise", 503);
    assert_null(place(k, session));
    kit_returns(k, PAYMENT, "Authorise", PAID);
    assert_int_equal(fake_never_answers(k->doubles[ITEM], "Commit", true), 0);
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 503);
    assert_int_equal(fake_never_answers(k->doubles[ITEM], "Commit", false), 0);
    kit_fails(k, ITEM, "Commit", 404); /* taken by the call whose answer was lost */
    const Checkout__Order *o = place(k, session);
    assert_non_null(o);
    assert_int_equal(charges(k), 2);
    assert_string_equal(charge(k, 0)->idempotency_key, charge(k, 1)->idempotency_key);
    assert_int_equal(kit_count(k, ITEM, "Commit"), 2);
    assert_int_equal(kit_count(k, PAYMENT, "Refund"), 0);
}

/* What cannot be written down is not charged. */
static void the_key_is_kept_before_the_charge(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    kit_fails(k, STORE, "Write", 503); /* the claim is lost: nobody was asked for money */
    assert_null(place(k, session));
    assert_int_equal(charges(k), 0);
    kit_heals(k, STORE, "Write");
    assert_non_null(place(k, session));
    assert_int_equal(charges(k), 1);
}

static void stock_that_is_gone_is_paid_back_once(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    kit_fails(k, ITEM, "Commit", 404);
    kit_fails(k, PAYMENT, "Refund", 503);
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 503);
    kit_heals(k, PAYMENT, "Refund");
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 412);
    assert_int_equal(charges(k), 1);
    assert_int_equal(kit_count(k, ITEM, "Commit"), 1);
    assert_int_equal(kit_count(k, PAYMENT, "Refund"), 2);
    const Payment__RefundRequest *one = kit_asked(k, PAYMENT, "Refund", 0, &payment__refund_request__descriptor),
                                 *two = kit_asked(k, PAYMENT, "Refund", 1, &payment__refund_request__descriptor);
    assert_string_equal(one->id, "pay_1");
    assert_string_equal(one->idempotency_key, two->idempotency_key);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 0);
    kit_fails(k, ITEM, "Reserve", 412);
    assert_null(begin_as(k, JANE));
    assert_int_equal(kit_code(k), 412);
    assert_int_equal(charges(k), 1);
}

static void mail_and_points_may_be_late(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    kit_fails(k, EMAIL, "Send", 503);
    kit_fails(k, REWARD, "Earn", 500);
    const Checkout__Order *o = place(k, session);
    assert_non_null(o);
    if (!o)
        return; /* the assertion has left; the compiler does not know */
    assert_int_equal(o->n_pending, 2);
    assert_string_equal(o->pending[0], "email");
    assert_string_equal(o->pending[1], "points");
    kit_heals(k, EMAIL, "Send");
    o = place(k, session);
    assert_int_equal(o ? o->n_pending : 0, 1);
    kit_heals(k, REWARD, "Earn");
    o = place(k, session);
    assert_int_equal(o ? o->n_pending : 9, 0);
    assert_int_equal(kit_count(k, EMAIL, "Send"), 2);
    assert_int_equal(kit_count(k, REWARD, "Earn"), 3);
    assert_int_equal(charges(k), 1);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1);
}

static void an_event_is_told_again_when_it_was_not(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    kit_fails(k, EVENTS, "Publish", 503);
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 503);
    assert_int_equal(kit_count(k, EMAIL, "Send"), 0);
    kit_heals(k, EVENTS, "Publish");
    assert_non_null(place(k, session));
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 2);
    assert_int_equal(charges(k), 1);
    assert_int_equal(kit_count(k, EMAIL, "Send"), 1);
}

static void too_late(void **state)
{
    struct kit *k = *state;
    char *session = begin(k);
    sim_run_for(k->sim, (uint64_t)(901 * SECOND));
    assert_null(place(k, session));
    assert_int_equal(kit_code(k), 412);
    char *second = begin(k);
    assert_int_equal(abandon(k, second), 0);
    assert_int_equal(abandon(k, second), 0);
    assert_null(place(k, second));
    assert_int_equal(kit_code(k), 412);
    assert_int_equal(kit_count(k, ITEM, "Release"), 2);
    assert_int_equal(kit_count(k, FRAUD, "Check"), 0);
    assert_int_equal(charges(k), 0);
}

static void bad_requests_ask_nothing(void **state)
{
    struct kit *k = *state;
    assert_null(begin_as(k, NOBODY));
    assert_int_equal(kit_code(k), 401);
    assert_null(begin_as(k, JOE));
    assert_int_equal(kit_code(k), 404); /* it is Jane's */
    assert_int_equal(kit_count(k, ITEM, "Reserve"), 0);
    char *session = begin(k);
    assert_null(place_with(k, JOE, session, key_one));
    assert_int_equal(kit_code(k), 404);
    assert_null(place_with(k, JANE, session, nothing));
    assert_int_equal(kit_code(k), 400);
    assert_null(place(k, nothing));
    assert_int_equal(kit_code(k), 400);
    kit_expect(k, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bought),
        TEST(fraud_is_not_charged),
        TEST(a_refused_payment_gives_the_stock_back),
        TEST(a_lost_answer_is_asked_for_with_the_same_key),
        TEST(stock_that_was_taken_is_not_gone),
        TEST(the_key_is_kept_before_the_charge),
        TEST(stock_that_is_gone_is_paid_back_once),
        TEST(mail_and_points_may_be_late),
        TEST(an_event_is_told_again_when_it_was_not),
        TEST(too_late),
        TEST(bad_requests_ask_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
