/* What the support asks of others: one event for what happened, one mail for what the customer should hear. */
#include "tests/contract/backend_kit.h"

#include "proto/email/email.pb-c.h"
#include "proto/support/support.pb-c.h"

#include <string.h>

static char email[] = "Jane@Example.com", agent[] = "agent-7", jane[] = "jane", subject[] = "No sound",
            question[] = "My radio is silent.", reply_text[] = "Is it on?", nothing[] = "";

static int setup(void **state)
{
    return kit_setup(state, &backend_support, "support.Support");
}

static const Support__Ticket *open_as(struct kit *k, enum kit_caller who, char *customer, char *address,
                                      Support__Priority priority)
{
    Support__OpenRequest r = SUPPORT__OPEN_REQUEST__INIT;
    r.customer_id = customer;
    r.email = address;
    r.subject = subject;
    r.text = question;
    r.priority = priority;
    const Support__OpenResponse *reply = kit_call(k, who, "Open", &r.base, &support__open_response__descriptor);
    return reply ? reply->ticket : NULL;
}

static char *open_one(struct kit *k)
{
    const Support__Ticket *t = kit_there(open_as(k, JANE, nothing, email, SUPPORT__PRIORITY__PRIORITY_UNKNOWN));
    return t->id;
}

static const Support__Ticket *read_as(struct kit *k, enum kit_caller who, char *id)
{
    Support__ReadRequest r = SUPPORT__READ_REQUEST__INIT;
    r.which_case = SUPPORT__READ_REQUEST__WHICH_ID;
    r.id = id;
    const Support__ReadResponse *reply = kit_call(k, who, "Read", &r.base, &support__read_response__descriptor);
    return reply ? reply->ticket : NULL;
}

static const Support__Ticket *write_as(struct kit *k, enum kit_caller who, char *id, Support__Author author,
                                       char *author_id)
{
    Support__ReplyRequest r = SUPPORT__REPLY_REQUEST__INIT;
    r.id = id;
    r.author = author;
    r.author_id = author_id;
    r.text = reply_text;
    const Support__ReplyResponse *reply = kit_call(k, who, "Reply", &r.base, &support__reply_response__descriptor);
    return reply ? reply->ticket : NULL;
}

static const Support__Ticket *assign(struct kit *k, enum kit_caller who, char *id, char *whom)
{
    Support__AssignRequest r = SUPPORT__ASSIGN_REQUEST__INIT;
    r.id = id;
    r.agent_id = whom;
    const Support__AssignResponse *reply = kit_call(k, who, "Assign", &r.base, &support__assign_response__descriptor);
    return reply ? reply->ticket : NULL;
}

static const Support__Ticket *solve(struct kit *k, enum kit_caller who, char *id)
{
    Support__SolveRequest r = SUPPORT__SOLVE_REQUEST__INIT;
    r.id = id;
    const Support__SolveResponse *reply = kit_call(k, who, "Solve", &r.base, &support__solve_response__descriptor);
    return reply ? reply->ticket : NULL;
}

static int rate(struct kit *k, char *id, uint32_t rating)
{
    Support__RateRequest r = SUPPORT__RATE_REQUEST__INIT;
    r.id = id;
    r.rating = rating;
    kit_call(k, JANE, "Rate", &r.base, &support__rate_response__descriptor);
    return kit_code(k);
}

static const Support__Ticket *merge(struct kit *k, char *from, char *to)
{
    Support__MergeRequest r = SUPPORT__MERGE_REQUEST__INIT;
    r.from_id = from;
    r.to_id = to;
    const Support__MergeResponse *reply = kit_call(k, ADMIN, "Merge", &r.base, &support__merge_response__descriptor);
    return reply ? reply->ticket : NULL;
}

static const Support__ListResponse *list(struct kit *k, enum kit_caller who, uint32_t offset, uint32_t limit)
{
    Support__ListRequest r = SUPPORT__LIST_REQUEST__INIT;
    r.offset = offset;
    r.limit = limit;
    return kit_call(k, who, "List", &r.base, &support__list_response__descriptor);
}

static int64_t mails(struct kit *k)
{
    return kit_count(k, EMAIL, "Send");
}

static const Email__SendRequest *mail(struct kit *k, int64_t i)
{
    return kit_asked(k, EMAIL, "Send", i, &email__send_request__descriptor);
}

static void a_ticket_lives(void **state)
{
    struct kit *k = *state;
    char *id = open_one(k);
    const Support__Ticket *t = kit_there(read_as(k, JANE, id));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_NEW);
    assert_int_equal(t->number, 1);
    assert_int_equal(t->priority, SUPPORT__PRIORITY__PRIORITY_NORMAL);
    assert_string_equal(t->customer_id, "jane");
    assert_int_equal(t->due - t->created, 24 * 3600);
    assert_int_equal(t->n_entries, 1);
    kit_expect(k, 2); /* told, and one mail */
    assert_string_equal(mail(k, 0)->to, "jane@example.com");
    assert_non_null(strstr(mail(k, 0)->subject, "#1"));
    assert_non_null(strstr(kit_event(k, 0, "support", "support.opened"), "No sound"));

    t = kit_there(assign(k, ADMIN, id, agent));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_OPEN);
    assert_non_null(strstr(kit_event(k, 1, "support", "support.assigned"), "agent-7"));
    assert_non_null(assign(k, ADMIN, id, agent));
    kit_expect(k, 3); /* told twice is done once */

    t = kit_there(write_as(k, SERVICE, id, SUPPORT__AUTHOR__AUTHOR_NOTE, agent));
    assert_int_equal(t->n_entries, 2);
    kit_expect(k, 3); /* of a note nobody hears */
    t = kit_there(write_as(k, ADMIN, id, SUPPORT__AUTHOR__AUTHOR_AGENT, agent));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_PENDING);
    assert_int_equal(t->due, 0);
    kit_expect(k, 5);
    assert_string_equal(mail(k, 1)->text_body, "Is it on?");
    t = kit_there(write_as(k, JANE, id, SUPPORT__AUTHOR__AUTHOR_CUSTOMER, jane));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_OPEN);
    assert_int_equal(t->n_entries, 3); /* without the note */
    kit_expect(k, 6);

    assert_int_equal(rate(k, id, 5), 412);
    t = kit_there(solve(k, JANE, id));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_SOLVED);
    assert_non_null(solve(k, JANE, id));
    assert_int_equal(mails(k), 3);
    kit_expect(k, 8);
    t = kit_there(write_as(k, JANE, id, SUPPORT__AUTHOR__AUTHOR_CUSTOMER, jane)); /* it is not, after all */
    assert_int_equal(t->state, SUPPORT__STATE__STATE_OPEN);
    assert_non_null(solve(k, ADMIN, id));
    assert_int_equal(rate(k, id, 4), 0);
    t = kit_there(read_as(k, ADMIN, id));
    assert_int_equal(t->rating, 4);
    assert_int_equal(t->n_entries, 5);
    assert_int_equal(mails(k), 4);
    assert_int_equal(kit_count(k, EVENTS, "Publish"), 8);
    kit_expect(k, 12);
}

static void it_closes_after_a_week(void **state)
{
    struct kit *k = *state;
    char *id = open_one(k);
    assert_non_null(solve(k, ADMIN, id));
    sim_clock_jump(k->sim, "support", (7 * 24 * 3600 - 600) * SECOND);
    const Support__Ticket *t = kit_there(read_as(k, JANE, id));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_SOLVED);
    sim_clock_jump(k->sim, "support", 601 * SECOND);
    t = kit_there(read_as(k, JANE, id));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_CLOSED);
    kit_expect(k, 4);
    assert_null(write_as(k, JANE, id, SUPPORT__AUTHOR__AUTHOR_CUSTOMER, jane));
    assert_int_equal(kit_code(k), 412);
    assert_null(solve(k, ADMIN, id));
    assert_int_equal(kit_code(k), 412);
    kit_expect(k, 4);
}

/* What cannot be told is told with the next call, and each of it until it was. */
static void what_is_due_is_told_later(void **state)
{
    struct kit *k = *state;
    kit_fails(k, EVENTS, "Publish", 503);
    kit_fails(k, EMAIL, "Send", 503);
    char *id = open_one(k);
    kit_expect(k, 2);
    assert_non_null(read_as(k, JANE, id));
    kit_expect(k, 4); /* still away */
    kit_heals(k, EMAIL, "Send");
    assert_non_null(read_as(k, JANE, id));
    kit_expect(k, 6);
    kit_heals(k, EVENTS, "Publish");
    assert_non_null(read_as(k, JANE, id));
    kit_expect(k, 7); /* the event alone */
    assert_non_null(read_as(k, JANE, id));
    kit_expect(k, 7);
    kit_event(k, 3, "support", "support.opened");
    assert_int_equal(mails(k), 3);
    kit_fails(k, EMAIL, "Send", 400); /* an address that is refused */
    assert_non_null(solve(k, ADMIN, id));
    assert_non_null(read_as(k, JANE, id));
    assert_int_equal(mails(k), 4);
}

static void two_about_the_same(void **state)
{
    struct kit *k = *state;
    char *one = open_one(k), *two = open_one(k);
    assert_string_not_equal(one, two);
    const Support__Ticket *t = kit_there(merge(k, one, two));
    assert_int_equal(t->n_entries, 2);
    assert_string_equal(t->id, two);
    assert_int_equal(t->number, 2);
    t = kit_there(read_as(k, JANE, one));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_CLOSED);
    kit_expect(k, 5);
    assert_non_null(strstr(kit_event(k, 2, "support", "support.merged"), two));
    t = kit_there(merge(k, one, two));
    assert_int_equal(t->n_entries, 2);
    kit_expect(k, 5);
    assert_null(merge(k, two, one));
    assert_int_equal(kit_code(k), 412);
    assert_null(merge(k, two, two));
    assert_int_equal(kit_code(k), 400);
}

/* Whichever of its writes fails, nobody was told of a ticket that is not there. */
static void a_write_that_fails(void **state)
{
    struct kit *k = *state;
    int64_t failed = 0;
    for (;; failed++) {
        kit_fails_after(k, failed);
        if (open_as(k, JANE, nothing, email, 0))
            break;
        assert_int_equal(kit_code(k), 503);
        const Support__ListResponse *l = kit_there(list(k, JANE, 0, 0));
        assert_int_equal(l->total, 0);
        kit_expect(k, 0);
    }
    assert_int_equal(failed, 3); /* the counter, the number, the ticket; what it was told of may be told again */
    kit_expect(k, 2);
    const Support__ListResponse *l = kit_there(list(k, JANE, 0, 0));
    assert_int_equal(l->total, 1);
    assert_int_equal(l->tickets[0]->number, 3); /* numbers may be left out, and are nobody else's */
    assert_non_null(read_as(k, JANE, l->tickets[0]->id));
    kit_expect(k, 4); /* the write that failed was the one that says that it was told */
    assert_non_null(read_as(k, JANE, l->tickets[0]->id));
    kit_expect(k, 4);
}

/* It broke between the two: nothing is there twice when it is made again. */
static void a_merge_that_broke_goes_on(void **state)
{
    struct kit *k = *state;
    char *one = open_one(k), *two = open_one(k);
    kit_fails_after(k, 1);
    assert_null(merge(k, one, two));
    assert_int_equal(kit_code(k), 503);
    const Support__Ticket *t = kit_there(read_as(k, ADMIN, one));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_NEW);
    t = kit_there(merge(k, one, two));
    assert_int_equal(t->n_entries, 2);
    t = kit_there(read_as(k, ADMIN, one));
    assert_int_equal(t->state, SUPPORT__STATE__STATE_CLOSED);
}

static void the_most_urgent_first(void **state)
{
    struct kit *k = *state;
    const Support__Ticket *low = kit_there(open_as(k, ADMIN, jane, nothing, SUPPORT__PRIORITY__PRIORITY_LOW)),
                          *high = kit_there(open_as(k, ADMIN, jane, nothing, SUPPORT__PRIORITY__PRIORITY_HIGH));
    char *own = open_one(k);
    assert_non_null(low);
    assert_non_null(high);
    assert_int_equal(mails(k), 1); /* there was one address */
    const Support__ListResponse *l = kit_there(list(k, ADMIN, 0, 2));
    assert_int_equal(l->total, 3);
    assert_int_equal(l->n_tickets, 2);
    assert_string_equal(l->tickets[0]->id, high->id);
    assert_string_equal(l->tickets[1]->id, own);
    assert_int_equal(l->tickets[1]->n_entries, 0);
    l = kit_there(list(k, ADMIN, 2, 2));
    assert_int_equal(l->n_tickets, 1);
    assert_string_equal(l->tickets[0]->id, low->id);
    l = kit_there(list(k, JANE, 0, 0));
    assert_int_equal(l->total, 1); /* her own */
    l = kit_there(list(k, JOE, 0, 0));
    assert_int_equal(l->total, 0);
    assert_null(list(k, ADMIN, 0, 101));
    assert_int_equal(kit_code(k), 400);
}

static void bad_requests_tell_nobody(void **state)
{
    struct kit *k = *state;
    assert_null(open_as(k, NOBODY, nothing, email, 0));
    assert_int_equal(kit_code(k), 401);
    assert_null(open_as(k, JOE, jane, email, 0));
    assert_int_equal(kit_code(k), 403);
    assert_null(open_as(k, ADMIN, nothing, nothing, 0));
    assert_int_equal(kit_code(k), 400);
    assert_null(open_as(k, JANE, nothing, agent, 0)); /* no address */
    assert_int_equal(kit_code(k), 400);
    assert_null(open_as(k, JANE, nothing, email, (Support__Priority)5));
    assert_int_equal(kit_code(k), 400);
    kit_expect(k, 0);
    char *id = open_one(k);
    kit_expect(k, 2);
    assert_null(read_as(k, JOE, id));
    assert_int_equal(kit_code(k), 404);
    assert_null(assign(k, JANE, id, agent));
    assert_int_equal(kit_code(k), 403);
    assert_null(write_as(k, JANE, id, SUPPORT__AUTHOR__AUTHOR_AGENT, agent));
    assert_int_equal(kit_code(k), 403);
    assert_null(write_as(k, JANE, id, SUPPORT__AUTHOR__AUTHOR_CUSTOMER, agent));
    assert_int_equal(kit_code(k), 403);
    assert_null(write_as(k, ADMIN, id, SUPPORT__AUTHOR__AUTHOR_UNKNOWN, agent));
    assert_int_equal(kit_code(k), 400);
    assert_int_equal(rate(k, id, 6), 400);
    assert_null(read_as(k, ADMIN, agent));
    assert_int_equal(kit_code(k), 404);
    kit_expect(k, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ticket_lives),        TEST(it_closes_after_a_week),     TEST(what_is_due_is_told_later),
        TEST(two_about_the_same),    TEST(a_merge_that_broke_goes_on), TEST(a_write_that_fails),
        TEST(the_most_urgent_first), TEST(bad_requests_tell_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
