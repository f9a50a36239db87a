/* What the invite service asks of the others. */
#include "tests/contract/backend_kit.h"

#include "proto/emails/emails.pb-c.h"
#include "proto/invite/invite.pb-c.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state)
{
    return kit_setup(state, &backend_invite, "invite.Invite");
}

static char sue[] = "sue@example.com";

static int ask(struct kit *k, enum kit_caller who, const char *method, const char *email, const char *namespace,
               bool resend)
{
    char address[64], name[64];
    Invite__CreateRequest r = INVITE__CREATE_REQUEST__INIT;
    snprintf(address, sizeof address, "%s", email);
    snprintf(name, sizeof name, "%s", namespace);
    r.email = address;
    r.namespace_ = name;
    r.resend = resend;
    kit_call(k, who, method, &r.base, &invite__create_response__descriptor);
    return kit_code(k);
}

static int invite(struct kit *k, enum kit_caller who, const char *email)
{
    return ask(k, who, "User", email, "", false);
}

static const Invite__ValidateResponse *validate(struct kit *k, enum kit_caller who)
{
    Invite__ValidateRequest r = INVITE__VALIDATE_REQUEST__INIT;
    r.email = sue;
    return kit_call(k, who, "Validate", &r.base, &invite__validate_response__descriptor);
}

static int64_t mails(struct kit *k)
{
    return kit_count(k, EMAILS, "Send");
}

static void the_first_invitation_is_mailed(void **state)
{
    struct kit *k = *state;
    assert_int_equal(invite(k, ADMIN, "Sue@example.com"), 0);
    assert_int_equal(mails(k), 1);
    const Emails__SendRequest *r = kit_asked(k, EMAILS, "Send", 0, &emails__send_request__descriptor);
    assert_string_equal(r->to, "sue@example.com");
    assert_string_equal(r->template_id, "invite");
    const char *data = arena_string_n(&k->arena, (const char *)r->template_data.data, r->template_data.len);
    assert_non_null(strstr(data, "\"namespace\":\"\""));
    assert_non_null(strstr(data, "\"invitedBy\":\"admin\""));
    kit_expect(k, 1);
    const Invite__ValidateResponse *v = validate(k, SERVICE);
    assert_non_null(v);
    assert_int_equal(v->n_namespaces, 0);
}

static void a_duplicate_is_not_mailed(void **state)
{
    struct kit *k = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(invite(k, JANE, sue), 0);
    assert_int_equal(mails(k), 1);
    assert_int_equal(ask(k, JANE, "User", sue, "", true), 0);
    assert_int_equal(mails(k), 2);
    kit_expect(k, 2);
}

static void a_user_invites_five(void **state)
{
    char address[32];
    struct kit *k = *state;
    for (int i = 0; i < 5; i++) {
        snprintf(address, sizeof address, "friend%d@example.com", i);
        assert_int_equal(invite(k, JANE, address), 0);
    }
    assert_int_equal(invite(k, JANE, "friend5@example.com"), 429);
    assert_int_equal(mails(k), 5);
    /* Those that were invited may be invited again. */
    assert_int_equal(ask(k, JANE, "User", "friend0@example.com", "", true), 0);
    assert_int_equal(mails(k), 6);
    assert_false(kit_has_record(k, "invites/invite:friend5@example.com"));
    kit_expect(k, 6);
}

static void administrators_have_no_limit(void **state)
{
    char address[32];
    struct kit *k = *state;
    for (int i = 0; i < 10; i++) {
        snprintf(address, sizeof address, "friend%d@example.com", i);
        assert_int_equal(invite(k, ADMIN, address), 0);
    }
    assert_int_equal(mails(k), 10);
    kit_expect(k, 10);
}

static void users_invite_to_their_own_namespace(void **state)
{
    struct kit *k = *state;
    assert_int_equal(ask(k, JANE, "User", sue, "small-green-cat", false), 403);
    assert_int_equal(ask(k, JANE, "User", sue, "micro", false), 403);
    assert_int_equal(invite(k, JOE, sue), 403); /* of the platform, but no administrator */
    assert_int_equal(invite(k, NOBODY, sue), 401);
    assert_int_equal(mails(k), 0);
    assert_int_equal(fake_total(k->doubles[STORE]), 0);
    assert_int_equal(ask(k, JANE, "User", sue, "big-red-dog", false), 0);
    const Invite__ValidateResponse *v = validate(k, SERVICE);
    assert_non_null(v);
    assert_int_equal(v->n_namespaces, 1);
    assert_string_equal(v->namespaces[0], "big-red-dog");
}

static void nobody_lands_in_the_platforms_namespace(void **state)
{
    struct kit *k = *state;
    assert_int_equal(ask(k, ADMIN, "User", sue, "micro", false), 400);
    assert_int_equal(mails(k), 0);
    kit_expect(k, 0);
}

static void one_may_be_invited_to_several(void **state)
{
    struct kit *k = *state;
    assert_int_equal(invite(k, JANE, sue), 0);
    assert_int_equal(ask(k, ADMIN, "User", sue, "small-green-cat", false), 0);
    assert_int_equal(invite(k, ADMIN, sue), 0);
    assert_int_equal(mails(k), 3); /* each is something new to her */
    const Invite__ValidateResponse *v = validate(k, SERVICE);
    assert_non_null(v);
    assert_int_equal(v->n_namespaces, 2);
    assert_int_equal(ask(k, ADMIN, "User", sue, "small-green-cat", false), 0);
    assert_int_equal(mails(k), 3);
}

static void no_address_no_invitation(void **state)
{
    struct kit *k = *state;
    assert_int_equal(invite(k, ADMIN, "not an address"), 400);
    assert_int_equal(invite(k, ADMIN, ""), 400);
    assert_int_equal(fake_total(k->doubles[STORE]), 0);
    kit_expect(k, 0);
}

/* A mail that could not be sent is sent when the same is asked again; it costs the user one of five, not two. */
static void a_mail_service_that_is_down(void **state)
{
    static const struct {
        int told, code;
    } table[] = {{503, 503}, {408, 503}, {500, 502}, {400, 502}};
    struct kit *k = *state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        kit_fails(k, EMAILS, "Send", table[i].told);
        assert_int_equal(invite(k, JANE, sue), table[i].code);
        assert_non_null(strstr(k->error.detail, "the mail service"));
        assert_int_equal(mails(k), i + 1);
    }
    kit_heals(k, EMAILS, "Send");
    assert_int_equal(invite(k, JANE, sue), 0);
    assert_int_equal(invite(k, JANE, sue), 0);
    assert_int_equal(mails(k), 5);
    for (int i = 0; i < 4; i++) {
        char address[32];
        snprintf(address, sizeof address, "friend%d@example.com", i);
        assert_int_equal(invite(k, JANE, address), 0);
    }
    assert_int_equal(invite(k, JANE, "friend4@example.com"), 429);
}

static void a_silent_mail_service(void **state)
{
    struct kit *k = *state;
    assert_int_equal(fake_never_answers(k->doubles[EMAILS], "Send", true), 0);
    assert_int_equal(invite(k, JANE, sue), 503);
    assert_int_equal(mails(k), 1); /* what it may have done is not asked for again */
    assert_int_equal(fake_never_answers(k->doubles[EMAILS], "Send", false), 0);
    assert_int_equal(invite(k, JANE, sue), 0);
    assert_int_equal(mails(k), 2);
}

static void taken_back(void **state)
{
    struct kit *k = *state;
    assert_int_equal(invite(k, JANE, sue), 0);
    assert_int_equal(ask(k, ADMIN, "User", sue, "small-green-cat", false), 0);
    assert_int_equal(ask(k, JANE, "Delete", sue, "small-green-cat", false), 403);
    assert_int_equal(ask(k, JANE, "Delete", sue, "", false), 0);
    const Invite__ValidateResponse *v = validate(k, SERVICE);
    assert_non_null(v);
    assert_int_equal(v->n_namespaces, 1);
    assert_string_equal(v->namespaces[0], "small-green-cat");
    assert_int_equal(ask(k, JANE, "Delete", sue, "", false), 0); /* fine when there is none */
    assert_int_equal(ask(k, ADMIN, "Delete", sue, "", false), 0);
    assert_null(validate(k, SERVICE));
    assert_int_equal(kit_code(k), 404);
    assert_int_equal(ask(k, ADMIN, "Delete", sue, "", false), 0);
    assert_int_equal(mails(k), 2);
    kit_expect(k, 2);
}

static void who_was_invited_is_not_for_all(void **state)
{
    struct kit *k = *state;
    assert_null(validate(k, NOBODY));
    assert_int_equal(kit_code(k), 401);
    assert_null(validate(k, JANE));
    assert_int_equal(kit_code(k), 403);
    assert_null(validate(k, ADMIN));
    assert_int_equal(kit_code(k), 404);
    kit_expect(k, 0);
}

static void without_a_store(void **state)
{
    struct kit *k = *state;
    kit_fails(k, STORE, "Write", 503);
    assert_int_equal(invite(k, JANE, sue), 503);
    kit_fails(k, STORE, "Read", 500);
    assert_int_equal(invite(k, ADMIN, sue), 500);
    assert_null(validate(k, SERVICE));
    assert_int_equal(kit_code(k), 500);
    kit_heals(k, STORE, "");
    assert_int_equal(mails(k), 0);     /* nobody gets a mail that leads nowhere */
    kit_fails(k, STORE, "Write", 412); /* somebody is always faster */
    assert_int_equal(invite(k, JANE, sue), 409);
    assert_int_equal(kit_count(k, STORE, "Write"), 1 + 3);
    assert_int_equal(mails(k), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_invitation_is_mailed),
        TEST(a_duplicate_is_not_mailed),
        TEST(a_user_invites_five),
        TEST(administrators_have_no_limit),
        TEST(users_invite_to_their_own_namespace),
        TEST(nobody_lands_in_the_platforms_namespace),
        TEST(one_may_be_invited_to_several),
        TEST(no_address_no_invitation),
        TEST(a_mail_service_that_is_down),
        TEST(a_silent_mail_service),
        TEST(taken_back),
        TEST(who_was_invited_is_not_for_all),
        TEST(without_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
