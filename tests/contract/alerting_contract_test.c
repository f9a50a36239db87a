/* What the alerting asks of others: one mail for everybody who is to be told, one when it is over, one event a change.
 */
#include "tests/contract/backend_kit.h"

#include "proto/alerting/alerting.pb-c.h"
#include "proto/email/email.pb-c.h"

#include <string.h>

static char key[] = "disk/db1", summary[] = "the disk of db1 is full", ann[] = "ann@example.com",
            bob[] = "bob@example.com", team[] = "team", db[] = "db", web[] = "web", note[] = "on it";

static int setup(void **state)
{
    return kit_setup(state, &backend_alerting, "alerting.Alerting");
}

static const Alerting__RaiseResponse *raise_as(struct kit *k, enum kit_caller who, char *label)
{
    Alerting__RaiseRequest r = ALERTING__RAISE_REQUEST__INIT;
    Alerting__RaiseRequest__LabelsEntry entry = ALERTING__RAISE_REQUEST__LABELS_ENTRY__INIT, *entries[] = {&entry};
    entry.key = team;
    entry.value = label;
    r.key = key;
    r.summary = summary;
    r.severity = ALERTING__SEVERITY__SEVERITY_CRITICAL;
    r.labels = entries;
    r.n_labels = 1;
    return kit_call(k, who, "Raise", &r.base, &alerting__raise_response__descriptor);
}

static const Alerting__RaiseResponse *raise_it(struct kit *k)
{
    return raise_as(k, SERVICE, db);
}

static int resolve(struct kit *k)
{
    Alerting__ResolveRequest r = ALERTING__RESOLVE_REQUEST__INIT;
    r.which_case = ALERTING__RESOLVE_REQUEST__WHICH_KEY;
    r.key = key;
    kit_call(k, SERVICE, "Resolve", &r.base, &alerting__resolve_response__descriptor);
    return kit_code(k);
}

static int acknowledge(struct kit *k, const char *id)
{
    Alerting__AcknowledgeRequest r = ALERTING__ACKNOWLEDGE_REQUEST__INIT;
    r.id = arena_string(&k->arena, id);
    r.note = note;
    kit_call(k, ADMIN, "Acknowledge", &r.base, &alerting__acknowledge_response__descriptor);
    return kit_code(k);
}

static const Alerting__Alert *read_it(struct kit *k, const char *id)
{
    Alerting__ReadRequest r = ALERTING__READ_REQUEST__INIT;
    r.id = arena_string(&k->arena, id);
    const Alerting__ReadResponse *reply =
        kit_there(kit_call(k, ADMIN, "Read", &r.base, &alerting__read_response__descriptor));
    return kit_there(reply->alert);
}

/* Ann at once, Bob after five minutes; `repeat` times more. */
static int policy_as(struct kit *k, enum kit_caller who, const char *name, char *label, uint32_t repeat)
{
    Alerting__SetPolicyRequest r = ALERTING__SET_POLICY_REQUEST__INIT;
    Alerting__Policy p = ALERTING__POLICY__INIT;
    Alerting__Policy__MatchEntry match = ALERTING__POLICY__MATCH_ENTRY__INIT, *matches[] = {&match};
    Alerting__Target target[2] = {ALERTING__TARGET__INIT, ALERTING__TARGET__INIT}, *first[] = {&target[0]},
                     *second[] = {&target[1]};
    Alerting__Step step[2] = {ALERTING__STEP__INIT, ALERTING__STEP__INIT}, *steps[] = {&step[0], &step[1]};
    Google__Protobuf__Duration after = GOOGLE__PROTOBUF__DURATION__INIT;
    match.key = team;
    match.value = label;
    target[0].how_case = target[1].how_case = ALERTING__TARGET__HOW_EMAIL;
    target[0].email = ann;
    target[1].email = bob;
    after.seconds = 300;
    step[0].targets = first;
    step[1].targets = second;
    step[0].n_targets = step[1].n_targets = 1;
    step[1].after = &after;
    p.name = arena_string(&k->arena, name);
    p.match = matches;
    p.n_match = 1;
    p.steps = steps;
    p.n_steps = 2;
    p.repeat = repeat;
    r.policy = &p;
    kit_call(k, who, "SetPolicy", &r.base, &alerting__set_policy_response__descriptor);
    return kit_code(k);
}

static void with_policy(struct kit *k)
{
    assert_int_equal(policy_as(k, ADMIN, "databases", db, 0), 0);
}

static int64_t mails(struct kit *k)
{
    return kit_count(k, EMAIL, "Send");
}

static const Email__SendRequest *mail(struct kit *k, int64_t i)
{
    return kit_asked(k, EMAIL, "Send", i, &email__send_request__descriptor);
}

/* "raised told ..." */
static const char *history(struct kit *k, const char *id)
{
    const Alerting__Alert *a = read_it(k, id);
    const char *all = "";
    for (size_t i = 0; i < a->n_entries; i++)
        all = arena_printf(&k->arena, "%s%s%s", all, i ? " " : "", a->entries[i]->what);
    return all;
}

static void one_mail_for_one_alert(void **state)
{
    struct kit *k = *state;
    with_policy(k);
    const Alerting__RaiseResponse *r = kit_there(raise_it(k));
    assert_true(r->is_new);
    assert_string_equal(r->alert->policy, "databases");
    for (int i = 0; i < 5; i++)
        assert_false(((const Alerting__RaiseResponse *)kit_there(raise_it(k)))->is_new);
    kit_wait(k, 60);
    assert_int_equal(mails(k), 1);
    assert_string_equal(mail(k, 0)->to, ann);
    assert_non_null(strstr(mail(k, 0)->subject, summary));
    assert_int_equal(read_it(k, r->alert->id)->count, 6);
    assert_non_null(strstr(kit_event(k, 0, "alerts", "alerts.raised"), key));
    assert_int_equal(resolve(k), 0);
    assert_int_equal(resolve(k), 0);
    kit_wait(k, 60);
    assert_int_equal(mails(k), 2);
    assert_string_equal(mail(k, 1)->to, ann); /* Bob was never told */
    assert_non_null(strstr(mail(k, 1)->subject, "[resolved]"));
    assert_non_null(strstr(kit_event(k, 1, "alerts", "alerts.resolved"), key));
    kit_expect(k, 4);
    assert_string_equal(history(k, r->alert->id), "raised told resolved told");
    assert_int_equal(resolve(k), 0); /* long after */
    kit_wait(k, 600);
    kit_expect(k, 4);
}

static void the_next_outage_is_another_alert(void **state)
{
    struct kit *k = *state;
    with_policy(k);
    const Alerting__RaiseResponse *first = kit_there(raise_it(k));
    assert_int_equal(resolve(k), 0);
    const Alerting__RaiseResponse *second = kit_there(raise_it(k));
    assert_true(second->is_new);
    assert_string_not_equal(first->alert->id, second->alert->id);
    kit_wait(k, 60);
    assert_int_equal(read_it(k, first->alert->id)->state, ALERTING__STATE__STATE_RESOLVED);
    assert_int_equal(read_it(k, second->alert->id)->state, ALERTING__STATE__STATE_OPEN);
    assert_int_equal(resolve(k), 0);
    kit_wait(k, 120);
    assert_int_equal(read_it(k, second->alert->id)->state, ALERTING__STATE__STATE_RESOLVED);
}

static void who_does_not_answer_is_not_the_last_one(void **state)
{
    struct kit *k = *state;
    assert_int_equal(policy_as(k, ADMIN, "databases", db, 1), 0);
    const Alerting__RaiseResponse *r = kit_there(raise_it(k));
    kit_wait(k, 290);
    assert_int_equal(mails(k), 1);
    kit_wait(k, 20);
    assert_int_equal(mails(k), 2);
    assert_string_equal(mail(k, 1)->to, bob);
    assert_non_null(strstr(kit_event(k, 1, "alerts", "alerts.escalated"), "\"step\":2"));
    kit_wait(k, 3600); /* once more from the first one, and no more */
    assert_int_equal(mails(k), 4);
    assert_int_equal(resolve(k), 0);
    kit_wait(k, 60);
    assert_int_equal(mails(k), 6); /* both hear of its end, once */
    assert_string_equal(history(k, r->alert->id),
                        "raised told escalated told escalated told escalated told resolved told told");
}

static void who_sees_to_it_is_left_alone(void **state)
{
    struct kit *k = *state;
    with_policy(k);
    const Alerting__RaiseResponse *r = kit_there(raise_it(k));
    kit_wait(k, 60);
    assert_int_equal(acknowledge(k, r->alert->id), 0);
    assert_int_equal(acknowledge(k, r->alert->id), 0);
    kit_wait(k, 3600);
    assert_int_equal(mails(k), 1);
    assert_string_equal(read_it(k, r->alert->id)->assignee, "admin");
    assert_int_equal(resolve(k), 0);
    assert_int_equal(acknowledge(k, r->alert->id), 412);
    kit_wait(k, 60);
    assert_int_equal(mails(k), 2);
    kit_expect(k, 2 + 3); /* raised, acknowledged, resolved */
}

static void a_provider_that_is_down_is_tried_again(void **state)
{
    struct kit *k = *state;
    with_policy(k);
    kit_fails(k, EMAIL, "Send", 503);
    const Alerting__RaiseResponse *r = kit_there(raise_it(k));
    kit_wait(k, 100);
    int64_t tries = mails(k);
    assert_in_range(tries, 4, 8); /* later and later: 0, 1, 3, 7, 15, ... s */
    kit_heals(k, EMAIL, "Send");
    kit_wait(k, 140);
    assert_int_equal(mails(k), tries + 1);
    assert_string_equal(history(k, r->alert->id), "raised told");
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1); /* did not wait for the mail, and came once */
}

/* Killed before it has told anybody, and again when it has: what is due is told by the next one, and once. */
static void a_new_process_goes_on(void **state)
{
    struct kit *k = *state;
    with_policy(k);
    const Alerting__RaiseResponse *r = kit_there(raise_it(k));
    kit_restart(k);
    kit_wait(k, 120);
    assert_int_equal(mails(k), 1);
    kit_restart(k);
    assert_false(((const Alerting__RaiseResponse *)kit_there(raise_it(k)))->is_new);
    kit_wait(k, 120);
    assert_int_equal(mails(k), 1);
    assert_int_equal(resolve(k), 0);
    kit_restart(k);
    kit_wait(k, 120);
    assert_int_equal(mails(k), 2);
    assert_string_equal(history(k, r->alert->id), "raised told resolved told");
}

/* It was right again before anybody could be told that it was wrong. */
static void what_is_over_is_told_to_nobody(void **state)
{
    struct kit *k = *state;
    with_policy(k);
    kit_fails(k, EMAIL, "Send", 503);
    const Alerting__RaiseResponse *r = kit_there(raise_it(k));
    kit_wait(k, 30);
    assert_int_equal(resolve(k), 0);
    int64_t tries = mails(k);
    kit_heals(k, EMAIL, "Send");
    kit_wait(k, 3600);
    assert_int_equal(mails(k), tries);
    assert_string_equal(history(k, r->alert->id), "raised resolved");
}

static void an_address_that_is_none_is_given_up(void **state)
{
    struct kit *k = *state;
    with_policy(k);
    kit_fails(k, EMAIL, "Send", 400);
    const Alerting__RaiseResponse *r = kit_there(raise_it(k));
    kit_wait(k, 200);
    assert_int_equal(mails(k), 1);
    assert_string_equal(history(k, r->alert->id), "raised refused");
}

static void the_first_policy_that_wants_it(void **state)
{
    struct kit *k = *state;
    assert_int_equal(policy_as(k, ADMIN, "z-webs", web, 0), 0);
    assert_int_equal(policy_as(k, ADMIN, "b-databases", db, 0), 0);
    assert_int_equal(policy_as(k, ADMIN, "a-databases", db, 2), 0);
    Alerting__ListPoliciesRequest all = ALERTING__LIST_POLICIES_REQUEST__INIT;
    const Alerting__ListPoliciesResponse *l =
        kit_there(kit_call(k, ADMIN, "ListPolicies", &all.base, &alerting__list_policies_response__descriptor));
    assert_int_equal(l->n_policies, 3);
    assert_string_equal(l->policies[0]->name, "a-databases");
    assert_int_equal(l->policies[0]->n_steps, 2);
    assert_int_equal(l->policies[0]->steps[1]->after->seconds, 300);
    assert_string_equal(l->policies[0]->steps[1]->targets[0]->email, bob);
    assert_string_equal(((const Alerting__RaiseResponse *)kit_there(raise_it(k)))->alert->policy, "a-databases");
}

static void nobody_is_told_without_a_policy(void **state)
{
    struct kit *k = *state;
    const Alerting__RaiseResponse *r = kit_there(raise_it(k));
    kit_wait(k, 400);
    assert_int_equal(mails(k), 0);
    Alerting__ListRequest list = ALERTING__LIST_REQUEST__INIT;
    list.state = ALERTING__STATE__STATE_OPEN;
    const Alerting__ListResponse *l =
        kit_there(kit_call(k, ADMIN, "List", &list.base, &alerting__list_response__descriptor));
    assert_int_equal(l->n_alerts, 1);
    assert_string_equal(l->alerts[0]->id, r->alert->id);
    list.state = ALERTING__STATE__STATE_RESOLVED;
    l = kit_there(kit_call(k, ADMIN, "List", &list.base, &alerting__list_response__descriptor));
    assert_int_equal(l->n_alerts, 0);
}

/* ---- several at once --------------------------------------------------------------------------------------------- */

struct raised {
    int64_t answered, fresh, failed;
};

static void on_raised(void *arg, const struct rpc_reply *reply)
{
    struct raised *r = arg;
    struct arena a = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    r->answered++;
    if (reply->status != GRPC_OK) {
        r->failed++;
    } else {
        assert_int_equal(pb_unpack(&alerting__raise_response__descriptor, reply->body, &a, &m, NULL), 0);
        r->fresh += ((const Alerting__RaiseResponse *)(const void *)m)->is_new;
    }
    arena_deinit(&a);
}

static struct raised raise_at_once(struct kit *k, int64_t times)
{
    Alerting__RaiseRequest r = ALERTING__RAISE_REQUEST__INIT;
    struct text wire = TEXT_INIT, bearer = TEXT_INIT;
    struct raised out = {0};
    r.key = key;
    r.summary = summary;
    r.severity = ALERTING__SEVERITY__SEVERITY_CRITICAL;
    assert_int_equal(pb_pack(&r.base, &wire), 0);
    text_printf(&bearer, "Bearer %s", k->tokens[SERVICE]);
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_request q = {.path = "/alerting.Alerting/Raise",
                                  .metadata = {.items = &header, .count = 1},
                                  .timeout = KIT_CALL_TIMEOUT,
                                  .message = text_bytes(&wire),
                                  .has_message = true};
    for (int64_t i = 0; i < times; i++)
        assert_int_equal(rpc_unary(k->channel, &q, on_raised, &out, NULL, NULL), 0);
    kit_wait(k, 30);
    assert_int_equal(out.answered, times);
    text_deinit(&wire);
    text_deinit(&bearer);
    return out;
}

static size_t alerts(struct kit *k, Alerting__State state)
{
    Alerting__ListRequest r = ALERTING__LIST_REQUEST__INIT;
    r.state = state;
    const Alerting__ListResponse *l =
        kit_there(kit_call(k, ADMIN, "List", &r.base, &alerting__list_response__descriptor));
    return l->n_alerts;
}

static void two_at_once_are_one_alert(void **state)
{
    struct kit *k = *state;
    struct raised r = raise_at_once(k, 2);
    assert_int_equal(r.failed, 0);
    assert_int_equal(r.fresh, 1);
    r = raise_at_once(k, 12); /* of many some may be told to try again */
    assert_int_equal(r.fresh, 0);
    assert_int_equal(alerts(k, ALERTING__STATE__STATE_OPEN), 1);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 1);
    assert_int_equal(resolve(k), 0);
    r = raise_at_once(k, 2); /* after another one */
    assert_int_equal(r.fresh, 1);
    assert_int_equal(alerts(k, ALERTING__STATE__STATE_OPEN), 1);
}

/* Its id was decided, and who did so died before the alert was written. */
static void two_at_once_take_up_what_broke_off(void **state)
{
    struct kit *k = *state;
    kit_fails_after(k, 1);
    assert_null(raise_it(k));
    assert_int_equal(alerts(k, ALERTING__STATE__STATE_UNKNOWN), 0);
    struct raised r = raise_at_once(k, 2);
    assert_int_equal(r.failed, 0);
    assert_int_equal(r.fresh, 1);
    assert_int_equal(alerts(k, ALERTING__STATE__STATE_OPEN), 1);
}

/* Whichever of the store's writes fails or is not heard of, from the raising to the end: who calls again gets there,
 * there is one alert, and each mail is sent. A mail comes twice only when it could not be written down that it was
 * sent. */
static void whichever_write_fails(struct kit *k, bool lost, int64_t *failed)
{
    int64_t writes = 0, again = 0;
    with_policy(k);
    for (int64_t n = 0;; n++) {
        int64_t before = kit_count(k, STORE, "Write"), told = mails(k);
        (lost ? kit_loses_after : kit_fails_after)(k, n);
        while (!raise_it(k))
            assert_int_equal(kit_code(k), 503);
        kit_wait(k, 120);
        while (resolve(k) != 0)
            assert_int_equal(kit_code(k), 503);
        kit_wait(k, 240);
        again += mails(k) - told - 2;
        assert_in_range(mails(k) - told, 2, 3);
        Alerting__ListRequest open = ALERTING__LIST_REQUEST__INIT;
        open.state = ALERTING__STATE__STATE_OPEN;
        const Alerting__ListResponse *l =
            kit_there(kit_call(k, ADMIN, "List", &open.base, &alerting__list_response__descriptor));
        assert_int_equal(l->n_alerts, 0);
        open.state = ALERTING__STATE__STATE_RESOLVED;
        open.limit = 100;
        l = kit_there(kit_call(k, ADMIN, "List", &open.base, &alerting__list_response__descriptor));
        assert_int_equal(l->n_alerts, n + 1);
        writes = kit_count(k, STORE, "Write") - before;
        *failed = n;
        if (n >= writes)
            break;
    }
    assert_in_range(again, 0, 2); /* of the two mails each, when the write behind it fails */
}

static void a_write_that_fails_hides_no_alert(void **state)
{
    int64_t failed = 0;
    whichever_write_fails(*state, false, &failed);
    assert_true(failed >= 10);
}

static void a_write_that_is_lost_hides_no_alert(void **state)
{
    int64_t failed = 0;
    whichever_write_fails(*state, true, &failed);
    assert_true(failed >= 10);
}

static void only_the_platform(void **state)
{
    struct kit *k = *state;
    assert_null(raise_as(k, JANE, db));
    assert_int_equal(kit_code(k), 403);
    assert_null(raise_as(k, JOE, db));
    assert_int_equal(kit_code(k), 403);
    assert_null(raise_as(k, NOBODY, db));
    assert_int_equal(kit_code(k), 401);
    assert_int_equal(policy_as(k, JOE, "mine", db, 0), 403);
    assert_int_equal(kit_count(k, STORE, "Write"), 0);
}

static void bad_requests_ask_nothing(void **state)
{
    struct kit *k = *state;
    Alerting__RaiseRequest none = ALERTING__RAISE_REQUEST__INIT;
    kit_call(k, ADMIN, "Raise", &none.base, &alerting__raise_response__descriptor);
    assert_int_equal(kit_code(k), 400);
    none.key = key;
    none.summary = summary;
    kit_call(k, ADMIN, "Raise", &none.base, &alerting__raise_response__descriptor);
    assert_int_equal(kit_code(k), 400); /* without a severity */
    assert_int_equal(policy_as(k, ADMIN, "", db, 0), 400);
    assert_int_equal(policy_as(k, ADMIN, "often", db, 11), 400);
    Alerting__SetPolicyRequest empty = ALERTING__SET_POLICY_REQUEST__INIT;
    kit_call(k, ADMIN, "SetPolicy", &empty.base, &alerting__set_policy_response__descriptor);
    assert_int_equal(kit_code(k), 400);
    Alerting__ResolveRequest which = ALERTING__RESOLVE_REQUEST__INIT;
    kit_call(k, ADMIN, "Resolve", &which.base, &alerting__resolve_response__descriptor);
    assert_int_equal(kit_code(k), 400);
    assert_int_equal(acknowledge(k, "nobody's"), 404);
    assert_int_equal(kit_count(k, STORE, "Write"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_mail_for_one_alert),
        TEST(the_next_outage_is_another_alert),
        TEST(who_does_not_answer_is_not_the_last_one),
        TEST(who_sees_to_it_is_left_alone),
        TEST(a_provider_that_is_down_is_tried_again),
        TEST(a_new_process_goes_on),
        TEST(what_is_over_is_told_to_nobody),
        TEST(an_address_that_is_none_is_given_up),
        TEST(the_first_policy_that_wants_it),
        TEST(nobody_is_told_without_a_policy),
        TEST(two_at_once_are_one_alert),
        TEST(two_at_once_take_up_what_broke_off),
        TEST(a_write_that_fails_hides_no_alert),
        TEST(a_write_that_is_lost_hides_no_alert),
        TEST(only_the_platform),
        TEST(bad_requests_ask_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
