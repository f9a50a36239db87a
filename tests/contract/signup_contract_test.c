/* What the signup service asks of the others. */
#include "tests/contract/backend_kit.h"

#include "proto/auth/auth.pb-c.h"
#include "proto/customers/customers.pb-c.h"
#include "proto/emails/emails.pb-c.h"
#include "proto/namespaces/namespaces.pb-c.h"
#include "proto/signup/signup.pb-c.h"
#include "proto/subscriptions/subscriptions.pb-c.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static char sue[] = "sue@example.com", secret[] = "correct horse", card[] = "pm_1", nothing[] = "";

static int setup(void **state)
{
    int rc = kit_setup(state, &backend_signup, "signup.Signup");
    struct kit *k = *state;
    if (rc)
        return rc;
    kit_returns(k, INVITE, "Validate", "{\"namespaces\":[\"big-red-dog\"]}");
    kit_returns(k, CUSTOMERS, "Create", "{\"customer\":{\"id\":\"c1\",\"status\":\"unverified\"}}");
    kit_returns(k, NAMESPACES, "Create", "{\"namespace\":{\"id\":\"tall-blue-cow\",\"owners\":[\"c1\"]}}");
    kit_returns(k, NAMESPACES, "Read", "{\"namespace\":{\"id\":\"big-red-dog\",\"owners\":[\"jane\"]}}");
    kit_returns(k, SUBSCRIPTIONS, "Create", "{\"subscription\":{\"id\":\"s1\"}}");
    kit_returns(k, AUTH, "Generate", "{\"account\":{\"id\":\"c1\"}}");
    kit_returns(k, AUTH, "Token", "{\"token\":{\"access_token\":\"a\",\"refresh_token\":\"r\",\"expiry\":\"77\"}}");
    return 0;
}

static int send(struct kit *k)
{
    Signup__SendVerificationEmailRequest r = SIGNUP__SEND_VERIFICATION_EMAIL_REQUEST__INIT;
    r.email = sue;
    kit_call(k, NOBODY, "SendVerificationEmail", &r.base, &signup__send_verification_email_response__descriptor);
    return kit_code(k);
}

/* The token of the mail that was sent last. */
static char *mailed_token(struct kit *k)
{
    const Emails__SendRequest *r =
        kit_asked(k, EMAILS, "Send", kit_count(k, EMAILS, "Send") - 1, &emails__send_request__descriptor);
    assert_string_equal(r->to, "sue@example.com");
    assert_string_equal(r->template_id, "signup");
    json_t *data = json_loadb((const char *)r->template_data.data, r->template_data.len, 0, NULL);
    const char *token = json_string_value(json_object_get(data, "token"));
    char *copy = arena_string(&k->arena, token);
    json_decref(data);
    assert_non_null(copy);
    return copy;
}

static const Signup__VerifyResponse *verify(struct kit *k, char *token)
{
    Signup__VerifyRequest r = SIGNUP__VERIFY_REQUEST__INIT;
    r.email = sue;
    r.token = token;
    return kit_call(k, NOBODY, "Verify", &r.base, &signup__verify_response__descriptor);
}

/* Verified and ready to complete; the token. */
static char *verified(struct kit *k)
{
    assert_int_equal(send(k), 0);
    char *token = mailed_token(k);
    assert_non_null(verify(k, token));
    return token;
}

static const Signup__CompleteSignupResponse *complete(struct kit *k, char *token, char *namespace, char *payment)
{
    Signup__CompleteSignupRequest r = SIGNUP__COMPLETE_SIGNUP_REQUEST__INIT;
    r.email = sue;
    r.token = token;
    r.secret = secret;
    r.namespace_ = namespace;
    r.paymentmethodid = payment;
    return kit_call(k, NOBODY, "CompleteSignup", &r.base, &signup__complete_signup_response__descriptor);
}

static int code_of(struct kit *k, const void *reply)
{
    assert_true((reply == NULL) == (kit_code(k) != 0));
    return kit_code(k);
}

static void the_mail_has_a_token_of_eight(void **state)
{
    struct kit *k = *state;
    assert_int_equal(send(k), 0);
    assert_int_equal(kit_count(k, INVITE, "Validate"), 1);
    assert_int_equal(kit_count(k, CUSTOMERS, "Create"), 1);
    assert_int_equal(kit_count(k, EMAILS, "Send"), 1);
    kit_expect(k, 3);
    assert_int_equal(strlen(mailed_token(k)), 8);
    const Customers__CreateRequest *c = kit_asked(k, CUSTOMERS, "Create", 0, &customers__create_request__descriptor);
    assert_string_equal(c->email, "sue@example.com");
    /* Each mail has a token of its own. */
    char *first = mailed_token(k);
    assert_int_equal(send(k), 0);
    assert_string_not_equal(first, mailed_token(k));
    assert_int_equal(code_of(k, verify(k, first)), 403);
}

static void who_was_not_invited_gets_no_mail(void **state)
{
    struct kit *k = *state;
    kit_fails(k, INVITE, "Validate", 404);
    assert_int_equal(send(k), 403);
    kit_expect(k, 1);
    assert_int_equal(kit_records(k), 0);
    kit_fails(k, INVITE, "Validate", 503);
    assert_int_equal(send(k), 503);
    assert_int_equal(kit_count(k, EMAILS, "Send"), 0);
}

static void the_banned_get_no_mail(void **state)
{
    struct kit *k = *state;
    kit_returns(k, CUSTOMERS, "Create", "{\"customer\":{\"id\":\"c1\",\"status\":\"banned\"}}");
    assert_int_equal(send(k), 403);
    assert_int_equal(kit_count(k, EMAILS, "Send"), 0);
}

static void a_mail_service_that_is_down(void **state)
{
    struct kit *k = *state;
    kit_fails(k, EMAILS, "Send", 500);
    assert_int_equal(send(k), 502);
    kit_fails(k, EMAILS, "Send", 503);
    assert_int_equal(send(k), 503);
    kit_heals(k, EMAILS, "Send");
    assert_int_equal(send(k), 0);
    assert_non_null(verify(k, mailed_token(k)));
    assert_int_equal(kit_count(k, EMAILS, "Send"), 3);
}

static void verify_marks_once(void **state)
{
    struct kit *k = *state;
    assert_int_equal(send(k), 0);
    const Signup__VerifyResponse *v = verify(k, mailed_token(k));
    assert_non_null(v);
    if (!v)
        return; /* the assertion has left; the compiler does not know */
    assert_int_equal(kit_count(k, CUSTOMERS, "MarkVerified"), 1);
    const Customers__MarkVerifiedRequest *m =
        kit_asked(k, CUSTOMERS, "MarkVerified", 0, &customers__mark_verified_request__descriptor);
    assert_string_equal(m->id, "c1");
    assert_string_equal(v->customerid, "c1");
    assert_true(v->payment_required);
    assert_int_equal(v->n_namespaces, 1);
    assert_string_equal(v->namespaces[0], "big-red-dog");
    kit_event(k, 0, "signup", "signup.verified");
    kit_expect(k, 3 + 3);
}

static void five_wrong_tokens_end_it(void **state)
{
    static char wrong[] = "AAAAAAAA", empty[] = "", short_one[] = "AAA";
    struct kit *k = *state;
    assert_int_equal(send(k), 0);
    char *token = mailed_token(k);
    assert_int_equal(code_of(k, verify(k, empty)), 400);
    for (int i = 0; i < 5; i++)
        assert_int_equal(code_of(k, verify(k, i % 2 ? wrong : short_one)), 403);
    assert_int_equal(code_of(k, verify(k, token)), 403); /* the right one comes too late */
    assert_int_equal(kit_count(k, CUSTOMERS, "MarkVerified"), 0);
    assert_int_equal(send(k), 0);
    assert_non_null(verify(k, mailed_token(k)));
}

static void a_token_is_good_for_an_hour(void **state)
{
    struct kit *k = *state;
    assert_int_equal(send(k), 0);
    char *token = mailed_token(k);
    sim_run_for(k->sim, (uint64_t)61 * 60 * (uint64_t)SECOND);
    assert_int_equal(code_of(k, verify(k, token)), 403);
    assert_int_equal(kit_count(k, CUSTOMERS, "MarkVerified"), 0);
}

static void a_new_customer_gets_a_namespace(void **state)
{
    struct kit *k = *state;
    char *token = verified(k);
    const Signup__CompleteSignupResponse *r = complete(k, token, nothing, card);
    assert_non_null(r);
    if (!r)
        return;
    assert_string_equal(r->namespace_, "tall-blue-cow");
    assert_string_equal(r->authtoken->access_token, "a");
    assert_int_equal(kit_count(k, NAMESPACES, "AddUser"), 0);
    assert_int_equal(kit_count(k, NAMESPACES, "Create"), 1);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "Create"), 1);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "AddUser"), 0);
    assert_int_equal(kit_count(k, AUTH, "Generate"), 1);
    const Namespaces__CreateRequest *n = kit_asked(k, NAMESPACES, "Create", 0, &namespaces__create_request__descriptor);
    assert_int_equal(n->n_owners, 1);
    assert_string_equal(n->owners[0], "c1");
    const Subscriptions__CreateRequest *s =
        kit_asked(k, SUBSCRIPTIONS, "Create", 0, &subscriptions__create_request__descriptor);
    assert_string_equal(s->customerid, "c1");
    assert_string_equal(s->paymentmethodid, "pm_1");
    assert_string_equal(s->type, "developer");
    const Auth__GenerateRequest *g = kit_asked(k, AUTH, "Generate", 0, &auth__generate_request__descriptor);
    assert_string_equal(g->id, "c1");
    assert_string_equal(g->name, "sue@example.com");
    assert_string_equal(g->secret, "correct horse");
    assert_string_equal(g->options->namespace_, "tall-blue-cow");
    const char *event = kit_event(k, 1, "signup", "signup.completed");
    assert_non_null(strstr(event, "\"type\":\"EventTypeCompleted\""));
    assert_non_null(strstr(event, "\"namespace\":\"tall-blue-cow\""));
    assert_null(strstr(event, "correct horse"));
    const Customers__UpdateRequest *u = kit_asked(k, CUSTOMERS, "Update", 0, &customers__update_request__descriptor);
    assert_string_equal(u->customer->id, "c1");
    assert_string_equal(u->customer->meta[0]->key, "namespace");
    assert_string_equal(u->customer->meta[0]->value, "tall-blue-cow");
    kit_expect(k, 6 + 7);
    assert_int_equal(kit_records(k), 0);
    assert_int_equal(code_of(k, complete(k, token, nothing, card)), 403); /* the token was used */
}

static void who_joins_makes_no_namespace(void **state)
{
    static char theirs[] = "big-red-dog";
    struct kit *k = *state;
    char *token = verified(k);
    const Signup__CompleteSignupResponse *r = complete(k, token, theirs, nothing);
    assert_non_null(r);
    if (!r)
        return;
    assert_string_equal(r->namespace_, "big-red-dog");
    assert_int_equal(kit_count(k, NAMESPACES, "AddUser"), 1);
    assert_int_equal(kit_count(k, NAMESPACES, "Create"), 0);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "AddUser"), 1);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "Create"), 0);
    const Subscriptions__AddUserRequest *s =
        kit_asked(k, SUBSCRIPTIONS, "AddUser", 0, &subscriptions__add_user_request__descriptor);
    assert_string_equal(s->ownerid, "jane");
    assert_string_equal(s->newuserid, "c1");
    const Namespaces__AddUserRequest *n =
        kit_asked(k, NAMESPACES, "AddUser", 0, &namespaces__add_user_request__descriptor);
    assert_string_equal(n->user, "c1");
    assert_string_equal(n->namespace_, "big-red-dog");
    assert_non_null(strstr(kit_event(k, 1, "signup", "signup.completed"), "\"joined\":true"));
}

static void one_joins_where_one_was_invited(void **state)
{
    static char theirs[] = "small-green-cat";
    struct kit *k = *state;
    char *token = verified(k);
    assert_int_equal(code_of(k, complete(k, token, theirs, card)), 403);
    assert_int_equal(kit_count(k, NAMESPACES, "AddUser"), 0);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "AddUser"), 0);
    kit_fails(k, INVITE, "Validate", 404); /* taken back meanwhile */
    assert_int_equal(code_of(k, complete(k, token, nothing, card)), 403);
    assert_int_equal(kit_count(k, NAMESPACES, "Create"), 0);
}

static void nothing_is_made_before_it_can_be_paid(void **state)
{
    struct kit *k = *state;
    char *token = verified(k);
    assert_int_equal(code_of(k, complete(k, token, nothing, nothing)), 400);
    assert_int_equal(kit_count(k, NAMESPACES, "Create"), 0);
    Signup__SetPaymentMethodRequest r = SIGNUP__SET_PAYMENT_METHOD_REQUEST__INIT;
    Signup__HasPaymentMethodRequest has = SIGNUP__HAS_PAYMENT_METHOD_REQUEST__INIT;
    has.token = token;
    const Signup__HasPaymentMethodResponse *answer =
        kit_call(k, NOBODY, "HasPaymentMethod", &has.base, &signup__has_payment_method_response__descriptor);
    assert_non_null(answer);
    assert_false(answer->has);
    r.email = sue;
    r.payment_method = card;
    assert_non_null(kit_call(k, NOBODY, "SetPaymentMethod", &r.base, &signup__set_payment_method_response__descriptor));
    answer = kit_call(k, NOBODY, "HasPaymentMethod", &has.base, &signup__has_payment_method_response__descriptor);
    assert_non_null(answer);
    assert_true(answer->has);
    assert_non_null(complete(k, token, nothing, nothing));
    const Subscriptions__CreateRequest *s =
        kit_asked(k, SUBSCRIPTIONS, "Create", 0, &subscriptions__create_request__descriptor);
    assert_string_equal(s->paymentmethodid, "pm_1");
}

static void verify_comes_first(void **state)
{
    struct kit *k = *state;
    assert_int_equal(send(k), 0);
    assert_int_equal(code_of(k, complete(k, mailed_token(k), nothing, card)), 403);
    kit_expect(k, 3);
}

/* Wherever it stopped, it goes on there: one namespace, one subscription, one account, one event. */
static void a_signup_goes_on_where_it_stopped(void **state)
{
    static const struct {
        enum kit_double d;
        const char *method;
        int told, code;
    } stops[] = {{NAMESPACES, "Create", 503, 503},    {SUBSCRIPTIONS, "Create", 412, 412},
                 {SUBSCRIPTIONS, "Create", 503, 503}, {AUTH, "Generate", 503, 503},
                 {AUTH, "Token", 500, 500},           {EVENTS, "Publish", 503, 503}};
    static const char *const heals[] = {"{\"namespace\":{\"id\":\"tall-blue-cow\"}}", "{}", "{}", "{}",
                                        "{\"token\":{\"access_token\":\"a\"}}",       "{}"};
    struct kit *k = *state;
    char *token = verified(k);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        kit_fails(k, stops[i].d, stops[i].method, stops[i].told);
        assert_int_equal(code_of(k, complete(k, token, nothing, card)), stops[i].code);
        kit_returns(k, stops[i].d, stops[i].method, heals[i]);
    }
    const Signup__CompleteSignupResponse *r = complete(k, token, nothing, card);
    assert_non_null(r);
    if (r)
        assert_string_equal(r->namespace_, "tall-blue-cow");
    assert_int_equal(kit_count(k, NAMESPACES, "Create"), 2);    /* one of them failed */
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "Create"), 3); /* two of them failed */
    assert_int_equal(kit_count(k, AUTH, "Generate"), 2);        /* one of them failed */
    assert_int_equal(kit_records(k), 0);
}

/* Who has begun with a namespace of one's own does not get another one for nothing. */
static void no_change_of_mind_half_way(void **state)
{
    static char theirs[] = "big-red-dog";
    struct kit *k = *state;
    char *token = verified(k);
    kit_fails(k, SUBSCRIPTIONS, "Create", 412);
    assert_int_equal(code_of(k, complete(k, token, nothing, card)), 412);
    assert_int_equal(code_of(k, complete(k, token, theirs, nothing)), 409);
    assert_int_equal(kit_count(k, NAMESPACES, "AddUser"), 0);
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "AddUser"), 0);
}

/* ... nor does who was paid for as a user of somebody else's namespace. */
static void joining_does_not_pay_for_ones_own(void **state)
{
    static char theirs[] = "big-red-dog";
    struct kit *k = *state;
    char *token = verified(k);
    kit_fails(k, NAMESPACES, "AddUser", 503);
    assert_int_equal(code_of(k, complete(k, token, theirs, nothing)), 503);
    assert_non_null(complete(k, token, nothing, card));
    assert_int_equal(kit_count(k, SUBSCRIPTIONS, "Create"), 1);
}

static void a_short_secret(void **state)
{
    static char seven[] = "1234567";
    struct kit *k = *state;
    Signup__CompleteSignupRequest r = SIGNUP__COMPLETE_SIGNUP_REQUEST__INIT;
    r.email = sue;
    r.token = verified(k);
    r.secret = seven;
    assert_null(kit_call(k, NOBODY, "CompleteSignup", &r.base, &signup__complete_signup_response__descriptor));
    assert_int_equal(kit_code(k), 400);
    kit_expect(k, 6);
}

static void recover_tells_nobody_who_is_known(void **state)
{
    struct kit *k = *state;
    Signup__RecoverRequest r = SIGNUP__RECOVER_REQUEST__INIT;
    r.email = sue;
    kit_fails(k, CUSTOMERS, "Read", 404);
    assert_non_null(kit_call(k, NOBODY, "Recover", &r.base, &signup__recover_response__descriptor));
    assert_int_equal(kit_count(k, EMAILS, "Send"), 0);
    kit_returns(k, CUSTOMERS, "Read", "{\"customer\":{\"id\":\"c1\"}}");
    kit_returns(k, NAMESPACES, "List", "{\"namespaces\":[{\"id\":\"a-b-c\"},{\"id\":\"d-e-f\"}]}");
    assert_non_null(kit_call(k, NOBODY, "Recover", &r.base, &signup__recover_response__descriptor));
    assert_int_equal(kit_count(k, EMAILS, "Send"), 1);
    const Emails__SendRequest *m = kit_asked(k, EMAILS, "Send", 0, &emails__send_request__descriptor);
    assert_string_equal(m->template_id, "recover");
    assert_non_null(memmem(m->template_data.data, m->template_data.len, "a-b-c, d-e-f", 12));
    Signup__EmailToNamespaceRequest e = SIGNUP__EMAIL_TO_NAMESPACE_REQUEST__INIT;
    e.email = sue;
    assert_null(kit_call(k, NOBODY, "EmailToNamespace", &e.base, &signup__email_to_namespace_response__descriptor));
    assert_int_equal(kit_code(k), 401);
    const Signup__EmailToNamespaceResponse *n =
        kit_call(k, ADMIN, "EmailToNamespace", &e.base, &signup__email_to_namespace_response__descriptor);
    assert_non_null(n);
    assert_string_equal(n->namespace_, "a-b-c");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_mail_has_a_token_of_eight),
        TEST(who_was_not_invited_gets_no_mail),
        TEST(the_banned_get_no_mail),
        TEST(a_mail_service_that_is_down),
        TEST(verify_marks_once),
        TEST(five_wrong_tokens_end_it),
        TEST(a_token_is_good_for_an_hour),
        TEST(a_new_customer_gets_a_namespace),
        TEST(who_joins_makes_no_namespace),
        TEST(one_joins_where_one_was_invited),
        TEST(nothing_is_made_before_it_can_be_paid),
        TEST(verify_comes_first),
        TEST(a_signup_goes_on_where_it_stopped),
        TEST(no_change_of_mind_half_way),
        TEST(joining_does_not_pay_for_ones_own),
        TEST(a_short_secret),
        TEST(recover_tells_nobody_who_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
