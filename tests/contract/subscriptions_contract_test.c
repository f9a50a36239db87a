/* What the subscriptions service asks of the payment provider, and that nothing is paid twice. */
#include "tests/contract/backend_kit.h"

#include "proto/payments/payments.pb-c.h"
#include "proto/subscriptions/subscriptions.pb-c.h"

#include <string.h>

static char jane[] = "jane", email[] = "jane@example.com", card[] = "pm_1", developer[] = "developer", nothing[] = "";

static int setup(void **state)
{
    int rc = kit_setup(state, &backend_subscriptions, "subscriptions.Subscriptions");
    if (rc == 0)
        kit_returns(*state, PROVIDER, "CreateSubscription", "{\"subscription\":{\"id\":\"sub_1\",\"quantity\":\"1\"}}");
    return rc;
}

static const Subscriptions__Subscription *create_as(struct kit *k, enum kit_caller who, char *type, char *method)
{
    Subscriptions__CreateRequest r = SUBSCRIPTIONS__CREATE_REQUEST__INIT;
    r.customerid = jane;
    r.type = type;
    r.paymentmethodid = method;
    r.email = email;
    const Subscriptions__CreateResponse *reply =
        kit_call(k, who, "Create", &r.base, &subscriptions__create_response__descriptor);
    return reply ? reply->subscription : NULL;
}

static const Subscriptions__Subscription *create(struct kit *k)
{
    return create_as(k, SERVICE, developer, card);
}

static int add_user(struct kit *k, char *user)
{
    Subscriptions__AddUserRequest r = SUBSCRIPTIONS__ADD_USER_REQUEST__INIT;
    r.ownerid = jane;
    r.newuserid = user;
    kit_call(k, SERVICE, "AddUser", &r.base, &subscriptions__add_user_response__descriptor);
    return kit_code(k);
}

static int update(struct kit *k, char *price, int64_t quantity)
{
    Subscriptions__UpdateRequest r = SUBSCRIPTIONS__UPDATE_REQUEST__INIT;
    r.ownerid = jane;
    r.priceid = price;
    r.quantity = quantity;
    kit_call(k, SERVICE, "Update", &r.base, &subscriptions__update_response__descriptor);
    return kit_code(k);
}

static int cancel(struct kit *k, char *id)
{
    Subscriptions__CancelRequest r = SUBSCRIPTIONS__CANCEL_REQUEST__INIT;
    r.customerid = jane;
    r.subscriptionid = id;
    kit_call(k, SERVICE, "Cancel", &r.base, &subscriptions__cancel_response__descriptor);
    return kit_code(k);
}

static int64_t charged(struct kit *k)
{
    return kit_count(k, PROVIDER, "CreateSubscription");
}

static void create_asks_for_each_thing_once(void **state)
{
    struct kit *k = *state;
    const Subscriptions__Subscription *s = create(k);
    assert_non_null(s);
    if (!s)
        return; /* the assertion has left; the compiler does not know */
    assert_string_equal(s->customerid, "jane");
    assert_string_equal(s->type, "developer");
    assert_int_equal(kit_count(k, PROVIDER, "CreateCustomer"), 1);
    assert_int_equal(kit_count(k, PROVIDER, "CreatePaymentMethod"), 1);
    assert_int_equal(kit_count(k, PROVIDER, "SetDefaultPaymentMethod"), 1);
    assert_int_equal(charged(k), 1);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1);
    kit_expect(k, 5);
    const Payments__CreateCustomerRequest *c =
        kit_asked(k, PROVIDER, "CreateCustomer", 0, &payments__create_customer_request__descriptor);
    assert_string_equal(c->customer->id, "jane");
    assert_string_equal(c->customer->type, "user");
    assert_string_equal(c->customer->metadata[0]->value, "jane@example.com");
    const Payments__CreateSubscriptionRequest *q =
        kit_asked(k, PROVIDER, "CreateSubscription", 0, &payments__create_subscription_request__descriptor);
    assert_string_equal(q->plan_id, "developer");
    assert_int_equal(q->quantity, 1);
    kit_event(k, 0, "subscriptions", "subscriptions.created");
}

static void create_twice_pays_once(void **state)
{
    struct kit *k = *state;
    const Subscriptions__Subscription *first = create(k), *again = create(k);
    assert_non_null(first);
    assert_non_null(again);
    if (first && again)
        assert_string_equal(first->id, again->id);
    assert_int_equal(charged(k), 1);
    kit_expect(k, 5);
}

static void a_refused_card_may_be_replaced(void **state)
{
    static char other[] = "pm_2";
    struct kit *k = *state;
    kit_fails(k, PROVIDER, "CreateSubscription", 412);
    assert_null(create(k));
    assert_int_equal(kit_code(k), 412);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 0);
    kit_returns(k, PROVIDER, "CreateSubscription", "{\"subscription\":{\"id\":\"sub_1\"}}");
    assert_non_null(create_as(k, SERVICE, developer, other));
    assert_int_equal(charged(k), 2);
    assert_int_equal(kit_count(k, PROVIDER, "ListSubscriptions"), 1); /* to be sure */
    const Payments__SetDefaultPaymentMethodRequest *q =
        kit_asked(k, PROVIDER, "SetDefaultPaymentMethod", 1, &payments__set_default_payment_method_request__descriptor);
    assert_string_equal(q->payment_method_id, "pm_2");
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1);
}

/* The provider has done it, and its answer was lost: who asks again waits, and gets what is there. */
static void no_double_charge_when_the_answer_is_lost(void **state)
{
    struct kit *k = *state;
    assert_int_equal(fake_never_answers(k->doubles[PROVIDER], "CreateSubscription", true), 0);
    assert_null(create(k));
    assert_int_equal(kit_code(k), 503);
    assert_null(create(k));
    assert_int_equal(kit_code(k), 409); /* it may still be under way */
    assert_int_equal(charged(k), 1);
    sim_run_for(k->sim, (uint64_t)(61 * SECOND));
    kit_returns(k, PROVIDER, "ListSubscriptions", "{\"subscriptions\":[{\"id\":\"sub_lost\",\"quantity\":\"1\"}]}");
    assert_non_null(create(k));
    assert_int_equal(charged(k), 1);
    assert_int_equal(kit_count(k, PROVIDER, "ListSubscriptions"), 1);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1);
}

/* An accident of the provider's is no refusal: it may have taken the money before. */
static void an_accident_is_no_refusal(void **state)
{
    struct kit *k = *state;
    kit_fails(k, PROVIDER, "CreateSubscription", 500);
    assert_null(create(k));
    assert_int_equal(kit_code(k), 503);
    assert_null(create(k));
    assert_int_equal(kit_code(k), 409); /* nobody knows yet */
    assert_int_equal(charged(k), 1);
}

/* The provider never got it: then it is asked again. */
static void charged_once_when_the_request_is_lost(void **state)
{
    struct kit *k = *state;
    kit_fails(k, PROVIDER, "CreateSubscription", 503);
    assert_null(create(k));
    assert_int_equal(kit_code(k), 503);
    sim_run_for(k->sim, (uint64_t)(61 * SECOND));
    kit_returns(k, PROVIDER, "CreateSubscription", "{\"subscription\":{\"id\":\"sub_1\"}}");
    assert_non_null(create(k));
    assert_int_equal(charged(k), 2); /* the first of them did nothing */
    assert_int_equal(kit_count(k, PROVIDER, "ListSubscriptions"), 1);
}

/* What was paid and could not be written down, or told, is found again. */
static void no_double_charge_when_the_store_fails(void **state)
{
    struct kit *k = *state;
    kit_fails(k, EVENTS, "Publish", 503);
    assert_null(create(k));
    assert_int_equal(kit_code(k), 503);
    kit_heals(k, EVENTS, "Publish");
    assert_non_null(create(k));
    assert_int_equal(charged(k), 1);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 2);
    kit_event(k, 1, "subscriptions", "subscriptions.created");
}

static void bad_requests_ask_nothing(void **state)
{
    static char other[] = "platinum";
    struct kit *k = *state;
    assert_null(create_as(k, NOBODY, developer, card));
    assert_int_equal(kit_code(k), 401);
    assert_null(create_as(k, JANE, developer, card));
    assert_int_equal(kit_code(k), 403);
    assert_null(create_as(k, SERVICE, other, card));
    assert_int_equal(kit_code(k), 400);
    assert_null(create_as(k, SERVICE, developer, nothing));
    assert_int_equal(kit_code(k), 400);
    kit_expect(k, 0);
    assert_int_equal(fake_total(k->doubles[STORE]), 0);
}

static void users_are_added_to_one_subscription(void **state)
{
    static char sue[] = "sue", tom[] = "tom";
    struct kit *k = *state;
    assert_int_equal(add_user(k, sue), 404); /* to no subscription */
    assert_non_null(create(k));
    assert_int_equal(add_user(k, sue), 0);
    assert_int_equal(charged(k), 2);
    const Payments__CreateSubscriptionRequest *q =
        kit_asked(k, PROVIDER, "CreateSubscription", 1, &payments__create_subscription_request__descriptor);
    assert_string_equal(q->price_id, "additional");
    assert_int_equal(q->quantity, 1);
    kit_returns(k, PROVIDER, "ListSubscriptions", "{\"subscriptions\":[{\"id\":\"sub_2\",\"quantity\":\"1\"}]}");
    assert_int_equal(add_user(k, tom), 0);
    assert_int_equal(add_user(k, tom), 0); /* fine when he is there */
    assert_int_equal(charged(k), 2);
    assert_int_equal(kit_count(k, PROVIDER, "UpdateSubscription"), 1);
    const Payments__UpdateSubscriptionRequest *u =
        kit_asked(k, PROVIDER, "UpdateSubscription", 0, &payments__update_subscription_request__descriptor);
    assert_string_equal(u->subscription_id, "sub_2");
    assert_int_equal(u->quantity, 2);
    assert_int_equal(cancel(k, nothing), 0);
    assert_int_equal(kit_count(k, PROVIDER, "DeleteCustomer"), 1);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 6);
    assert_non_null(strstr(kit_event(k, 3, "subscriptions", "subscriptions.updated"), "\"quantity_to\":\"2\""));
    assert_non_null(strstr(kit_event(k, 4, "subscriptions", "subscriptions.user_added"), "\"user_id\":\"tom\""));
    kit_event(k, 5, "subscriptions", "subscriptions.cancelled");
}

/* The provider has counted the user already when the first try was cut: it is not asked again. */
static void a_user_is_paid_once(void **state)
{
    static char sue[] = "sue";
    struct kit *k = *state;
    assert_non_null(create(k));
    kit_fails(k, PROVIDER, "CreateSubscription", 503);
    assert_int_equal(add_user(k, sue), 503);
    kit_returns(k, PROVIDER, "ListSubscriptions", "{\"subscriptions\":[{\"id\":\"sub_2\",\"quantity\":\"1\"}]}");
    assert_int_equal(add_user(k, sue), 0);
    assert_int_equal(charged(k), 2);
    assert_int_equal(kit_count(k, PROVIDER, "UpdateSubscription"), 0);
}

static void cancelled_is_over(void **state)
{
    static char sue[] = "sue", other[] = "another";
    struct kit *k = *state;
    assert_int_equal(cancel(k, nothing), 404);
    const Subscriptions__Subscription *first = create(k);
    assert_non_null(first);
    assert_int_equal(cancel(k, other), 404);
    kit_fails(k, PROVIDER, "DeleteCustomer", 503);
    assert_int_equal(cancel(k, nothing), 503);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1); /* it is not over */
    kit_fails(k, PROVIDER, "DeleteCustomer", 404);        /* they know her no more: fine */
    assert_int_equal(cancel(k, nothing), 0);
    assert_int_equal(cancel(k, nothing), 0);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 2);
    assert_int_equal(kit_count(k, PROVIDER, "DeleteCustomer"), 2);
    assert_int_equal(add_user(k, sue), 404);
    assert_int_equal(update(k, other, 3), 404);
    const Subscriptions__Subscription *second = create(k); /* a new one, which is paid */
    assert_non_null(second);
    if (first && second)
        assert_string_not_equal(first->id, second->id);
    assert_int_equal(charged(k), 2);
}

static void update_sets_a_quantity(void **state)
{
    static char services[] = "services";
    struct kit *k = *state;
    assert_non_null(create(k));
    assert_int_equal(update(k, services, -1), 400);
    assert_int_equal(update(k, nothing, 1), 400);
    assert_int_equal(update(k, services, 3), 0);
    assert_int_equal(charged(k), 2);
    kit_returns(k, PROVIDER, "ListSubscriptions", "{\"subscriptions\":[{\"id\":\"sub_3\",\"quantity\":\"3\"}]}");
    assert_int_equal(update(k, services, 5), 0);
    assert_int_equal(kit_count(k, PROVIDER, "UpdateSubscription"), 1);
    assert_int_equal(update(k, services, 3), 0); /* it is so: nothing to change */
    assert_int_equal(kit_count(k, PROVIDER, "UpdateSubscription"), 1);
    assert_int_equal(update(k, services, 0), 0);
    assert_int_equal(kit_count(k, PROVIDER, "CancelSubscription"), 1);
    const Payments__CancelSubscriptionRequest *c =
        kit_asked(k, PROVIDER, "CancelSubscription", 0, &payments__cancel_subscription_request__descriptor);
    assert_string_equal(c->subscription_id, "sub_3");
    assert_int_equal(charged(k), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(create_asks_for_each_thing_once),
        TEST(create_twice_pays_once),
        TEST(a_refused_card_may_be_replaced),
        TEST(no_double_charge_when_the_answer_is_lost),
        TEST(an_accident_is_no_refusal),
        TEST(charged_once_when_the_request_is_lost),
        TEST(no_double_charge_when_the_store_fails),
        TEST(bad_requests_ask_nothing),
        TEST(users_are_added_to_one_subscription),
        TEST(a_user_is_paid_once),
        TEST(cancelled_is_over),
        TEST(update_sets_a_quantity),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
