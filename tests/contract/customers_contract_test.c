/* What the customers service asks of the others. */
#include "tests/contract/backend_kit.h"

#include "proto/auth/auth.pb-c.h"
#include "proto/balance/balance.pb-c.h"
#include "proto/customers/customers.pb-c.h"
#include "proto/mailchimp/mailchimp.pb-c.h"

#include <string.h>

static int setup(void **state)
{
    return kit_setup(state, &backend_customers, "customers.Customers");
}

static const Customers__Customer *create_as(struct kit *k, enum kit_caller who, char *email, char *id)
{
    Customers__CreateRequest r = CUSTOMERS__CREATE_REQUEST__INIT;
    r.email = email;
    r.id = id;
    const Customers__CreateResponse *reply =
        kit_call(k, who, "Create", &r.base, &customers__create_response__descriptor);
    return reply ? reply->customer : NULL;
}

static const Customers__Customer *create(struct kit *k)
{
    static char email[] = "jane@example.com", id[] = "jane";
    return create_as(k, SERVICE, email, id);
}

static const Customers__Customer *read_as(struct kit *k, enum kit_caller who, char *id, char *email)
{
    Customers__ReadRequest r = CUSTOMERS__READ_REQUEST__INIT;
    r.id = id;
    r.email = email;
    const Customers__ReadResponse *reply = kit_call(k, who, "Read", &r.base, &customers__read_response__descriptor);
    return reply ? reply->customer : NULL;
}

static int mark_verified(struct kit *k, char *id)
{
    Customers__MarkVerifiedRequest r = CUSTOMERS__MARK_VERIFIED_REQUEST__INIT;
    r.id = id;
    kit_call(k, SERVICE, "MarkVerified", &r.base, &customers__mark_verified_response__descriptor);
    return kit_code(k);
}

static int delete_as(struct kit *k, enum kit_caller who, char *id, bool force)
{
    Customers__DeleteRequest r = CUSTOMERS__DELETE_REQUEST__INIT;
    r.id = id;
    r.force = force;
    kit_call(k, who, "Delete", &r.base, &customers__delete_response__descriptor);
    return kit_code(k);
}

static char nothing[] = "", jane[] = "jane", joe[] = "joe", jane_email[] = "jane@example.com";

static void create_tells_once(void **state)
{
    struct kit *k = *state;
    const Customers__Customer *c = create(k);
    assert_non_null(c);
    if (!c)
        return; /* the assertion has left; the compiler does not know */
    assert_string_equal(c->id, "jane");
    assert_string_equal(c->status, "unverified");
    assert_string_equal(c->email, "jane@example.com");
    assert_true(c->created > 0);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1);
    const char *event = kit_event(k, 0, "customers", "customers.created");
    assert_non_null(strstr(event, "\"type\":\"EventTypeCreated\""));
    assert_non_null(strstr(event, "\"email\":\"jane@example.com\""));
    assert_non_null(strstr(event, "\"created\":{}"));
    assert_non_null(strstr(event, "\"caller_id\":\"signup-latest\""));
    kit_expect(k, 1);
}

static void create_twice_is_one_customer(void **state)
{
    static char written_otherwise[] = "  Jane@Example.COM ";
    struct kit *k = *state;
    const Customers__Customer *first = create_as(k, SERVICE, jane_email, nothing);
    const Customers__Customer *again = create_as(k, SERVICE, written_otherwise, nothing);
    assert_non_null(first);
    assert_non_null(again);
    if (!first || !again)
        return;
    assert_int_equal(strlen(first->id), 36);
    assert_string_equal(first->id, again->id);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1);
    assert_int_equal(kit_records(k), 2);
    /* Another id for the same address is somebody else's. */
    assert_null(create_as(k, SERVICE, jane_email, joe));
    assert_int_equal(kit_code(k), 409);
    kit_expect(k, 1);
}

static void an_id_is_one_customers(void **state)
{
    static char other[] = "other@example.com";
    struct kit *k = *state;
    assert_non_null(create(k));
    assert_null(create_as(k, SERVICE, other, jane));
    assert_int_equal(kit_code(k), 409);
    kit_expect(k, 1);
}

static void create_refuses_what_is_no_address(void **state)
{
    static char bad[][40] = {"",
                             "   ",
                             "jane",
                             "jane@",
                             "@example.com",
                             "jane@example",
                             "ja ne@example.com",
                             "jane@@example.com",
                             "jane@exa_mple.com",
                             ".jane@example.com",
                             "jane@-example.com"};
    struct kit *k = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(create_as(k, SERVICE, bad[i], nothing));
        assert_int_equal(kit_code(k), 400);
    }
    kit_expect(k, 0);
    assert_int_equal(kit_records(k), 0);
    assert_int_equal(fake_total(k->doubles[STORE]), 0);
}

static void only_operators_create(void **state)
{
    struct kit *k = *state;
    assert_null(create_as(k, NOBODY, jane_email, nothing));
    assert_int_equal(kit_code(k), 401);
    assert_null(create_as(k, JANE, jane_email, nothing));
    assert_int_equal(kit_code(k), 403);
    assert_null(create_as(k, JOE, jane_email, nothing));
    assert_int_equal(kit_code(k), 403);
    assert_int_equal(fake_total(k->doubles[STORE]), 0);
    assert_non_null(create_as(k, ADMIN, jane_email, nothing));
}

/* An event that could not be told is told when the call is made again, and only then. */
static void an_event_is_not_lost(void **state)
{
    struct kit *k = *state;
    kit_fails(k, EVENTS, "Publish", 503);
    assert_null(create(k));
    assert_int_equal(kit_code(k), 503);
    kit_heals(k, EVENTS, "Publish");
    assert_non_null(create(k));
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 2);
    kit_event(k, 1, "customers", "customers.created");
    assert_non_null(create(k));
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 2);
}

static void mark_verified_tells_once(void **state)
{
    struct kit *k = *state;
    assert_non_null(create(k));
    assert_int_equal(mark_verified(k, jane), 0);
    assert_int_equal(mark_verified(k, jane), 0);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 2);
    kit_event(k, 1, "customers", "customers.verified");
    const Customers__Customer *c = read_as(k, SERVICE, jane, nothing);
    assert_non_null(c);
    if (c)
        assert_string_equal(c->status, "verified");
    assert_int_equal(mark_verified(k, joe), 404);
    assert_int_equal(mark_verified(k, nothing), 400);
    kit_expect(k, 2);
}

static void customers_read_themselves(void **state)
{
    static char joes[] = "joe@example.com";
    struct kit *k = *state;
    assert_non_null(create(k));
    assert_non_null(create_as(k, SERVICE, joes, joe));
    assert_non_null(read_as(k, JANE, jane, nothing));
    assert_non_null(read_as(k, JANE, nothing, jane_email));
    assert_null(read_as(k, JANE, joe, nothing));
    assert_int_equal(kit_code(k), 403);
    assert_null(read_as(k, NOBODY, jane, nothing));
    assert_int_equal(kit_code(k), 401);
    assert_non_null(read_as(k, ADMIN, joe, nothing));
    assert_null(read_as(k, ADMIN, nothing, nothing));
    assert_int_equal(kit_code(k), 400);
    Customers__ListRequest list = CUSTOMERS__LIST_REQUEST__INIT;
    const Customers__ListResponse *all = kit_call(k, ADMIN, "List", &list.base, &customers__list_response__descriptor);
    assert_non_null(all);
    assert_int_equal(all->n_customers, 2);
    assert_null(kit_call(k, JANE, "List", &list.base, &customers__list_response__descriptor));
    assert_int_equal(kit_code(k), 403);
    kit_expect(k, 2);
}

static void delete_takes_the_account(void **state)
{
    struct kit *k = *state;
    assert_non_null(create(k));
    assert_int_equal(delete_as(k, JANE, jane, false), 0);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 2);
    assert_int_equal(kit_count(k, ACCOUNTS, "Delete"), 1);
    kit_event(k, 1, "customers", "customers.deleted");
    const Auth__DeleteAccountRequest *r =
        kit_asked(k, ACCOUNTS, "Delete", 0, &auth__delete_account_request__descriptor);
    assert_string_equal(r->id, "jane");
    assert_string_equal(r->options->namespace_, "micro");
    kit_expect(k, 3);
    assert_null(read_as(k, ADMIN, jane, nothing));
    assert_int_equal(kit_code(k), 404);
    /* Whoever signs up with the address again is another customer. */
    const Customers__Customer *next = create_as(k, SERVICE, jane_email, nothing);
    assert_non_null(next);
    if (next)
        assert_string_not_equal(next->id, "jane");
    /* ... and deleting the first one again does not touch the second. */
    assert_int_equal(delete_as(k, ADMIN, jane, false), 0);
    assert_non_null(read_as(k, ADMIN, nothing, jane_email));
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 3);
}

static void delete_by_force_leaves_nothing(void **state)
{
    struct kit *k = *state;
    assert_non_null(create(k));
    assert_int_equal(delete_as(k, ADMIN, jane, true), 0);
    assert_int_equal(kit_count(k, ACCOUNTS, "Delete"), 1);
    assert_int_equal(kit_count(k, BALANCE, "DeleteCustomer"), 1);
    assert_int_equal(kit_count(k, KEYS, "DeleteCustomer"), 1);
    assert_int_equal(kit_count(k, MAILCHIMP, "DeleteCustomer"), 1);
    const Mailchimp__DeleteCustomerRequest *m =
        kit_asked(k, MAILCHIMP, "DeleteCustomer", 0, &mailchimp__delete_customer_request__descriptor);
    assert_string_equal(m->email, "jane@example.com");
    const Balance__DeleteCustomerRequest *b =
        kit_asked(k, BALANCE, "DeleteCustomer", 0, &balance__delete_customer_request__descriptor);
    assert_string_equal(b->user_id, "jane");
    kit_expect(k, 6);
    assert_int_equal(kit_records(k), 0);
}

/* A deletion that stopped half way goes on when it is asked for again, and is told once. */
static void delete_goes_on(void **state)
{
    struct kit *k = *state;
    assert_non_null(create(k));
    kit_fails(k, KEYS, "DeleteCustomer", 503);
    assert_int_equal(delete_as(k, ADMIN, jane, true), 503);
    assert_true(kit_has_record(k, "customers/customer:jane"));
    assert_int_equal(kit_count(k, MAILCHIMP, "DeleteCustomer"), 0);
    kit_heals(k, KEYS, "DeleteCustomer");
    kit_fails(k, ACCOUNTS, "Delete", 400); /* "no such account": it is gone by now */
    kit_fails(k, BALANCE, "DeleteCustomer", 404);
    assert_int_equal(delete_as(k, ADMIN, jane, true), 0);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 2);
    assert_int_equal(kit_count(k, KEYS, "DeleteCustomer"), 2);
    assert_int_equal(kit_count(k, MAILCHIMP, "DeleteCustomer"), 1);
    assert_int_equal(kit_records(k), 0);
}

static void others_do_not_delete(void **state)
{
    struct kit *k = *state;
    assert_non_null(create(k));
    assert_int_equal(delete_as(k, JOE, jane, false), 403);
    assert_int_equal(delete_as(k, NOBODY, jane, false), 401);
    assert_int_equal(delete_as(k, JANE, nothing, false), 400);
    assert_non_null(read_as(k, ADMIN, jane, nothing));
    kit_expect(k, 1);
}

static int ban(struct kit *k, enum kit_caller who, const char *method)
{
    Customers__BanRequest r = CUSTOMERS__BAN_REQUEST__INIT;
    r.email = jane_email;
    kit_call(k, who, method, &r.base, &customers__ban_response__descriptor);
    return kit_code(k);
}

static int login(struct kit *k, char *password, char *refresh)
{
    Customers__LoginRequest r = CUSTOMERS__LOGIN_REQUEST__INIT;
    r.email = *refresh ? nothing : jane_email;
    r.password = password;
    r.refresh_token = refresh;
    kit_call(k, NOBODY, "Login", &r.base, &customers__login_response__descriptor);
    return kit_code(k);
}

static void login_asks_auth_once(void **state)
{
    static char password[] = "correct horse", refresh[] = "again";
    struct kit *k = *state;
    kit_returns(k, AUTH, "Token", "{\"token\":{\"access_token\":\"a\",\"refresh_token\":\"r\",\"expiry\":\"77\"}}");
    assert_int_equal(login(k, password, nothing), 404);
    assert_non_null(create(k));
    assert_int_equal(login(k, password, nothing), 403); /* not verified */
    assert_int_equal(mark_verified(k, jane), 0);
    assert_int_equal(kit_count(k, AUTH, "Token"), 0);
    assert_int_equal(login(k, password, nothing), 0);
    assert_int_equal(kit_count(k, AUTH, "Token"), 1);
    const Auth__TokenRequest *r = kit_asked(k, AUTH, "Token", 0, &auth__token_request__descriptor);
    assert_string_equal(r->id, "jane");
    assert_string_equal(r->secret, "correct horse");
    kit_event(k, 2, "customers", "customers.login");
    assert_int_equal(login(k, nothing, refresh), 0);
    r = kit_asked(k, AUTH, "Token", 1, &auth__token_request__descriptor);
    assert_string_equal(r->refresh_token, "again");
    assert_string_equal(r->secret, "");
    kit_fails(k, AUTH, "Token", 400);
    assert_int_equal(login(k, password, nothing), 401);
    kit_fails(k, AUTH, "Token", 503);
    assert_int_equal(login(k, password, nothing), 503);
    assert_int_equal(login(k, nothing, nothing), 400);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 3);
}

static void the_banned_stay_out(void **state)
{
    static char password[] = "correct horse";
    struct kit *k = *state;
    kit_returns(k, AUTH, "Token", "{\"token\":{\"access_token\":\"a\"}}");
    assert_non_null(create(k));
    assert_int_equal(mark_verified(k, jane), 0);
    assert_int_equal(ban(k, JANE, "Ban"), 403);
    assert_int_equal(ban(k, ADMIN, "Ban"), 0);
    assert_int_equal(login(k, password, nothing), 403);
    assert_int_equal(kit_count(k, AUTH, "Token"), 0);
    assert_int_equal(ban(k, ADMIN, "Unban"), 0);
    assert_int_equal(ban(k, ADMIN, "Unban"), 0);
    assert_int_equal(login(k, password, nothing), 0);
    kit_event(k, 2, "customers", "customers.banned");
    kit_event(k, 3, "customers", "customers.unbanned");
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 5);
}

static void update_keeps_what_is_not_asked_for(void **state)
{
    static char name[] = "Jane Doe", status[] = "active", key[] = "plan", value[] = "blue";
    struct kit *k = *state;
    Customers__UpdateRequest r = CUSTOMERS__UPDATE_REQUEST__INIT;
    Customers__Customer c = CUSTOMERS__CUSTOMER__INIT;
    Customers__Customer__MetaEntry meta = CUSTOMERS__CUSTOMER__META_ENTRY__INIT, *metas[] = {&meta};
    assert_non_null(create(k));
    meta.key = key;
    meta.value = value;
    c.id = jane;
    c.name = name;
    c.status = status; /* not for callers to say */
    c.meta = metas;
    c.n_meta = 1;
    r.customer = &c;
    kit_call(k, JANE, "Update", &r.base, &customers__update_response__descriptor);
    assert_int_equal(kit_code(k), 0);
    const Customers__Customer *now = read_as(k, JANE, jane, nothing);
    assert_non_null(now);
    if (!now)
        return;
    assert_string_equal(now->name, "Jane Doe");
    assert_string_equal(now->status, "unverified");
    assert_string_equal(now->email, "jane@example.com");
    assert_int_equal(now->n_meta, 1);
    assert_string_equal(now->meta[0]->value, "blue");
    kit_event(k, 1, "customers", "customers.updated");
    kit_expect(k, 2);
    kit_call(k, JOE, "Update", &r.base, &customers__update_response__descriptor);
    assert_int_equal(kit_code(k), 403);
    r.customer = NULL;
    kit_call(k, JANE, "Update", &r.base, &customers__update_response__descriptor);
    assert_int_equal(kit_code(k), 400);
    kit_expect(k, 2);
}

/* A store that is away, and one that refuses. */
static void without_a_store(void **state)
{
    static const struct {
        int told, code;
    } table[] = {{503, 503}, {408, 503}, {500, 500}, {507, 507}};
    struct kit *k = *state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        kit_fails(k, STORE, "Write", table[i].told);
        assert_null(create(k));
        assert_int_equal(kit_code(k), table[i].code);
        kit_fails(k, STORE, "Read", table[i].told);
        assert_null(create(k));
        assert_int_equal(kit_code(k), table[i].code);
        kit_heals(k, STORE, "");
    }
    kit_expect(k, 0);
    assert_non_null(create(k));
    kit_expect(k, 1);
}

static void logout_is_told(void **state)
{
    struct kit *k = *state;
    Customers__LogoutRequest r = CUSTOMERS__LOGOUT_REQUEST__INIT;
    kit_call(k, JANE, "Logout", &r.base, &customers__logout_response__descriptor);
    assert_int_equal(kit_code(k), 0);
    kit_event(k, 0, "customers", "customers.logout");
    kit_call(k, NOBODY, "Logout", &r.base, &customers__logout_response__descriptor);
    assert_int_equal(kit_code(k), 401);
    kit_expect(k, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(create_tells_once),
        TEST(create_twice_is_one_customer),
        TEST(an_id_is_one_customers),
        TEST(create_refuses_what_is_no_address),
        TEST(only_operators_create),
        TEST(an_event_is_not_lost),
        TEST(mark_verified_tells_once),
        TEST(customers_read_themselves),
        TEST(delete_takes_the_account),
        TEST(delete_by_force_leaves_nothing),
        TEST(delete_goes_on),
        TEST(others_do_not_delete),
        TEST(login_asks_auth_once),
        TEST(the_banned_stay_out),
        TEST(update_keeps_what_is_not_asked_for),
        TEST(without_a_store),
        TEST(logout_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
