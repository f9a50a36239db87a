/* What the billing service asks of the payment provider and of the subscriptions. */
#include "tests/contract/backend_kit.h"

#include "proto/billing/billing.pb-c.h"
#include "proto/stripe/stripe.pb-c.h"
#include "proto/subscriptions/subscriptions.pb-c.h"

#include <stdio.h>
#include <string.h>

static char card[] = "card_1", nothing[] = "";

static int setup(void **state)
{
    int rc = kit_setup(state, &backend_billing, "billing.Billing");
    struct kit *k = *state;
    if (rc)
        return rc;
    kit_returns(k, CUSTOMERS, "Read", "{\"customer\":{\"id\":\"jane\",\"status\":\"verified\"}}");
    kit_returns(k, STRIPE, "Subscribe", "{\"subscription_id\":\"sub_pro\"}");
    return 0;
}

static int tier_as(struct kit *k, enum kit_caller who, const char *tier, char *card_id)
{
    char id[16];
    Billing__SubscribeTierRequest r = BILLING__SUBSCRIBE_TIER_REQUEST__INIT;
    snprintf(id, sizeof id, "%s", tier);
    r.id = id;
    r.card_id = card_id;
    kit_call(k, who, "SubscribeTier", &r.base, &billing__subscribe_tier_response__descriptor);
    return kit_code(k);
}

static int tier(struct kit *k, const char *name)
{
    return tier_as(k, JANE, name, card);
}

static void asked(struct kit *k, int64_t subscribed, int64_t unsubscribed)
{
    assert_int_equal(kit_count(k, STRIPE, "Subscribe"), subscribed);
    assert_int_equal(kit_count(k, STRIPE, "Unsubscribe"), unsubscribed);
}

static void up_down_and_across(void **state)
{
    struct kit *k = *state;
    assert_int_equal(tier(k, "pro"), 0);
    asked(k, 1, 0);
    const Stripe__SubscribeRequest *s = kit_asked(k, STRIPE, "Subscribe", 0, &stripe__subscribe_request__descriptor);
    assert_string_equal(s->price_id, "price_pro");
    assert_string_equal(s->card_id, "card_1");
    kit_returns(k, STRIPE, "Subscribe", "{\"subscription_id\":\"sub_team\"}");
    assert_int_equal(tier(k, "team"), 0);
    asked(k, 2, 1);
    const Stripe__UnsubscribeRequest *u =
        kit_asked(k, STRIPE, "Unsubscribe", 0, &stripe__unsubscribe_request__descriptor);
    assert_string_equal(u->subscription_id, "sub_pro");
    assert_int_equal(tier(k, "free"), 0);
    asked(k, 2, 2);
    u = kit_asked(k, STRIPE, "Unsubscribe", 1, &stripe__unsubscribe_request__descriptor);
    assert_string_equal(u->subscription_id, "sub_team");
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 3);
    assert_non_null(strstr(kit_event(k, 0, "customers", "customers.subscription_changed"), "\"tier\":\"pro\""));
    assert_non_null(strstr(kit_event(k, 1, "customers", "customers.subscription_changed"), "\"tier\":\"team\""));
    assert_non_null(strstr(kit_event(k, 2, "customers", "customers.subscription_changed"), "\"tier\":\"free\""));
}

/* Answers, and keeps whose token it saw. */
static int who_asks(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct bytes *seen = arg;
    struct bytes token = grpc_metadata_get(asked->metadata, "authorization");
    (void)answer;
    assert_true(token.len < 2048);
    memcpy((uint8_t *)(uintptr_t)seen->data, token.data, token.len);
    seen->len = token.len;
    return GRPC_OK;
}

/* The provider sees the customer, not this service. */
static void the_provider_is_asked_as_the_caller(void **state)
{
    uint8_t memory[2048];
    struct bytes seen = {memory, 0};
    struct kit *k = *state;
    assert_int_equal(fake_stub(k->doubles[STRIPE], "Subscribe", who_asks, &seen), 0);
    assert_int_equal(tier(k, "pro"), 0);
    assert_int_equal(seen.len, strlen("Bearer ") + strlen(k->tokens[JANE]));
    assert_memory_equal(seen.data + strlen("Bearer "), k->tokens[JANE], strlen(k->tokens[JANE]));
    assert_int_equal(tier_as(k, NOBODY, "pro", card), 401);
    asked(k, 1, 0);
}

static void no_account(void **state)
{
    struct kit *k = *state;
    kit_fails(k, CUSTOMERS, "Read", 404);
    assert_int_equal(tier(k, "pro"), 500);
    asked(k, 0, 0);
    Billing__ReadAccountRequest r = BILLING__READ_ACCOUNT_REQUEST__INIT;
    char jane[] = "jane";
    r.id = jane;
    assert_null(kit_call(k, JANE, "ReadAccount", &r.base, &billing__read_account_response__descriptor));
    assert_int_equal(kit_code(k), 404);
}

static void what_is_asked_for_has_to_make_sense(void **state)
{
    struct kit *k = *state;
    assert_int_equal(tier(k, "platinum"), 400);
    assert_int_equal(tier(k, ""), 400);
    assert_int_equal(tier_as(k, JANE, "pro", nothing), 400);
    asked(k, 0, 0);
    assert_int_equal(kit_records(k), 0);
}

static void the_same_tier_costs_nothing(void **state)
{
    struct kit *k = *state;
    assert_int_equal(tier(k, "free"), 0);
    asked(k, 0, 0);
    assert_int_equal(tier(k, "pro"), 0);
    assert_int_equal(tier(k, "pro"), 0);
    asked(k, 1, 0);
}

static void a_refused_card(void **state)
{
    struct kit *k = *state;
    kit_fails(k, STRIPE, "Subscribe", 412);
    assert_int_equal(tier(k, "pro"), 412);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 0);
    kit_returns(k, STRIPE, "Subscribe", "{\"subscription_id\":\"sub_pro\"}");
    assert_int_equal(tier(k, "pro"), 0);
    asked(k, 2, 0);
}

/* Nobody knows whether it was paid: then it is not paid again, whatever is asked for. */
static void no_double_charge_when_the_answer_is_lost(void **state)
{
    struct kit *k = *state;
    assert_int_equal(fake_never_answers(k->doubles[STRIPE], "Subscribe", true), 0);
    assert_int_equal(tier(k, "pro"), 503);
    assert_int_equal(fake_never_answers(k->doubles[STRIPE], "Subscribe", false), 0);
    assert_int_equal(tier(k, "pro"), 409);
    assert_int_equal(tier(k, "team"), 409);
    assert_int_equal(tier(k, "free"), 409);
    asked(k, 1, 0);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 0);
}

/* An event that could not be told is told by the same call made again, which pays nothing. */
static void an_event_is_not_lost(void **state)
{
    struct kit *k = *state;
    kit_fails(k, EVENTS, "Publish", 503);
    assert_int_equal(tier(k, "pro"), 503);
    kit_heals(k, EVENTS, "Publish");
    assert_int_equal(tier(k, "pro"), 0);
    asked(k, 1, 0);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 2);
}

/* The old subscription is ended for sure, whatever comes in between. */
static void the_old_subscription_is_not_forgotten(void **state)
{
    struct kit *k = *state;
    assert_int_equal(tier(k, "pro"), 0);
    kit_fails(k, STRIPE, "Unsubscribe", 503);
    assert_int_equal(tier(k, "free"), 503);
    asked(k, 1, 1);
    kit_heals(k, STRIPE, "Unsubscribe");
    kit_returns(k, STRIPE, "Subscribe", "{\"subscription_id\":\"sub_team\"}");
    assert_int_equal(tier(k, "team"), 0); /* changed her mind */
    asked(k, 2, 2);
    const Stripe__UnsubscribeRequest *u =
        kit_asked(k, STRIPE, "Unsubscribe", 1, &stripe__unsubscribe_request__descriptor);
    assert_string_equal(u->subscription_id, "sub_pro");
    kit_fails(k, STRIPE, "Unsubscribe", 404); /* it has ended by itself: fine */
    assert_int_equal(tier(k, "free"), 0);
    asked(k, 2, 3);
}

static void two_at_once_pay_once(void **state)
{
    struct kit *k = *state;
    kit_fails(k, STORE, "Write", 412); /* somebody else was faster */
    assert_int_equal(tier(k, "pro"), 409);
    asked(k, 0, 0);
    kit_heals(k, STORE, "");
    assert_int_equal(tier(k, "pro"), 0);
    asked(k, 1, 0);
}

static void accounts_are_ones_own(void **state)
{
    static char jane[] = "jane";
    struct kit *k = *state;
    Billing__ReadAccountRequest r = BILLING__READ_ACCOUNT_REQUEST__INIT;
    r.id = jane;
    assert_int_equal(tier(k, "pro"), 0);
    const Billing__ReadAccountResponse *a =
        kit_call(k, JANE, "ReadAccount", &r.base, &billing__read_account_response__descriptor);
    assert_non_null(a);
    assert_string_equal(a->billing_account->id, "jane");
    assert_int_equal(a->billing_account->n_admins, 1);
    assert_int_equal(a->billing_account->n_subscriptions, 1);
    assert_string_equal(a->billing_account->subscriptions[0]->id, "sub_pro");
    assert_null(kit_call(k, JOE, "ReadAccount", &r.base, &billing__read_account_response__descriptor));
    assert_int_equal(kit_code(k), 403);
    assert_non_null(kit_call(k, ADMIN, "ReadAccount", &r.base, &billing__read_account_response__descriptor));
    r.id = nothing;
    assert_null(kit_call(k, JANE, "ReadAccount", &r.base, &billing__read_account_response__descriptor));
    assert_int_equal(kit_code(k), 400);
}

static void cards_are_the_providers(void **state)
{
    struct kit *k = *state;
    kit_returns(k, STRIPE, "ListCards",
                "{\"cards\":[{\"id\":\"card_1\",\"last_four\":\"4242\",\"expires\":\"12/2030\"}]}");
    Billing__ListCardsRequest list = BILLING__LIST_CARDS_REQUEST__INIT;
    const Billing__ListCardsResponse *cards =
        kit_call(k, JANE, "ListCards", &list.base, &billing__list_cards_response__descriptor);
    assert_non_null(cards);
    assert_int_equal(cards->n_cards, 1);
    assert_string_equal(cards->cards[0]->last_four, "4242");
    Billing__ChargeCardRequest charge = BILLING__CHARGE_CARD_REQUEST__INIT;
    charge.id = card;
    charge.amount = 99;
    assert_null(kit_call(k, JANE, "ChargeCard", &charge.base, &billing__charge_card_response__descriptor));
    assert_int_equal(kit_code(k), 400);
    charge.amount = 500;
    assert_non_null(kit_call(k, JANE, "ChargeCard", &charge.base, &billing__charge_card_response__descriptor));
    const Stripe__ChargeCardRequest *c =
        kit_asked(k, STRIPE, "ChargeCard", 0, &stripe__charge_card_request__descriptor);
    assert_string_equal(c->id, "card_1");
    assert_int_equal(c->amount, 500);
    kit_fails(k, STRIPE, "ChargeCard", 404);
    assert_null(kit_call(k, JANE, "ChargeCard", &charge.base, &billing__charge_card_response__descriptor));
    assert_int_equal(kit_code(k), 404);
    assert_int_equal(fake_never_answers(k->doubles[STRIPE], "ChargeCard", true), 0);
    assert_null(kit_call(k, JANE, "ChargeCard", &charge.base, &billing__charge_card_response__descriptor));
    assert_int_equal(kit_code(k), 503);
    assert_int_equal(kit_count(k, STRIPE, "ChargeCard"), 3); /* never again by itself */
    Billing__GetPaymentRequest get = BILLING__GET_PAYMENT_REQUEST__INIT;
    assert_null(kit_call(k, JANE, "GetPayment", &get.base, &billing__get_payment_response__descriptor));
    assert_int_equal(kit_code(k), 400);
    assert_null(kit_call(k, NOBODY, "ListCards", &list.base, &billing__list_cards_response__descriptor));
    assert_int_equal(kit_code(k), 401);
    kit_expect(k, 4);
}

static int apply(struct kit *k, enum kit_caller who)
{
    static char jane[] = "jane";
    Billing__ApplyRequest r = BILLING__APPLY_REQUEST__INIT;
    r.customerid = jane;
    kit_call(k, who, "Apply", &r.base, &billing__apply_response__descriptor);
    return kit_code(k);
}

static const Subscriptions__UpdateRequest *updated(struct kit *k, int64_t i)
{
    return kit_asked(k, SUBSCRIPTIONS, "Update", i, &subscriptions__update_request__descriptor);
}

static void apply_pays_for_what_is_used(void **state)
{
    struct kit *k = *state;
    kit_returns(k, NAMESPACES, "List",
                "{\"namespaces\":[{\"id\":\"a-b-c\",\"owners\":[\"jane\"],\"users\":[\"jane\",\"sue\"]}]}");
    assert_int_equal(apply(k, ADMIN), 0);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "Update"), 1);
    assert_string_equal(updated(k, 0)->priceid, "additional");
    assert_int_equal(updated(k, 0)->quantity, 1);
    assert_string_equal(updated(k, 0)->ownerid, "jane");
    kit_returns(k, PROVIDER, "ListSubscriptions", "{\"subscriptions\":[{\"id\":\"sub_2\",\"quantity\":\"1\"}]}");
    assert_int_equal(apply(k, ADMIN), 0); /* paid by now */
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "Update"), 1);
    kit_returns(k, NAMESPACES, "List",
                "{\"namespaces\":[{\"id\":\"a-b-c\",\"owners\":[\"jane\"],\"users\":[\"sue\"]},"
                "{\"id\":\"d-e-f\",\"owners\":[\"jane\"],\"users\":[\"tom\"]},{\"id\":\"x-y-z\"}]}");
    assert_int_equal(apply(k, ADMIN), 0);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "Update"), 2);
    assert_string_equal(updated(k, 1)->priceid, "additional");
    assert_int_equal(updated(k, 1)->quantity, 2);
    assert_int_equal(apply(k, JANE), 403);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "Update"), 2);
}

static void updates_charge_nobody(void **state)
{
    struct kit *k = *state;
    kit_returns(k, NAMESPACES, "List",
                "{\"namespaces\":[{\"id\":\"a-b-c\",\"owners\":[\"jane\"],\"users\":[\"sue\"]},"
                "{\"id\":\"d-e-f\",\"owners\":[\"joe\"],\"users\":[\"tom\",\"ann\"]}]}");
    Billing__UpdatesRequest r = BILLING__UPDATES_REQUEST__INIT;
    const Billing__UpdatesResponse *u = kit_call(k, ADMIN, "Updates", &r.base, &billing__updates_response__descriptor);
    assert_non_null(u);
    assert_int_equal(u->n_updates, 2);
    assert_string_equal(u->updates[1]->customerid, "joe");
    assert_int_equal(u->updates[1]->quantityfrom, 0);
    assert_int_equal(u->updates[1]->quantityto, 2);
    r.offset = 1;
    r.limit = 5;
    u = kit_call(k, ADMIN, "Updates", &r.base, &billing__updates_response__descriptor);
    assert_non_null(u);
    assert_int_equal(u->n_updates, 1);
    assert_string_equal(u->updates[0]->customerid, "joe");
    r.limit = 1001;
    assert_null(kit_call(k, ADMIN, "Updates", &r.base, &billing__updates_response__descriptor));
    assert_int_equal(kit_code(k), 400);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "Update"), 0);
    Billing__PortalRequest p = BILLING__PORTAL_REQUEST__INIT;
    assert_null(kit_call(k, JANE, "Portal", &p.base, &billing__portal_response__descriptor));
    assert_int_equal(kit_code(k), 501);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(up_down_and_across),
        TEST(the_provider_is_asked_as_the_caller),
        TEST(no_account),
        TEST(what_is_asked_for_has_to_make_sense),
        TEST(the_same_tier_costs_nothing),
        TEST(a_refused_card),
        TEST(no_double_charge_when_the_answer_is_lost),
        TEST(an_event_is_not_lost),
        TEST(the_old_subscription_is_not_forgotten),
        TEST(two_at_once_pay_once),
        TEST(accounts_are_ones_own),
        TEST(cards_are_the_providers),
        TEST(apply_pays_for_what_is_used),
        TEST(updates_charge_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
