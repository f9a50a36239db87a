/* Talking about a ticket: both sides see what the other writes, once and in its order, whatever breaks in between. */
#include "tests/contract/stream_kit.h"

#include "proto/support/support.pb-c.h"

#include <string.h>

static char subject[] = "No sound", question[] = "My radio is silent.", email[] = "jane@example.com";

static int setup(void **state)
{
    return kit_setup(state, &backend_support, "support.Support");
}

static char *open_one(struct kit *k)
{
    Support__OpenRequest r = SUPPORT__OPEN_REQUEST__INIT;
    r.subject = subject;
    r.text = question;
    r.email = email;
    const Support__OpenResponse *reply =
        kit_there(kit_call(k, JANE, "Open", &r.base, &support__open_response__descriptor));
    return reply->ticket->id;
}

static int solve(struct kit *k, char *id)
{
    Support__SolveRequest r = SUPPORT__SOLVE_REQUEST__INIT;
    r.id = id;
    kit_call(k, ADMIN, "Solve", &r.base, &support__solve_response__descriptor);
    return kit_code(k);
}

static int reply_as(struct kit *k, enum kit_caller who, char *id, Support__Author author, const char *text)
{
    Support__ReplyRequest r = SUPPORT__REPLY_REQUEST__INIT;
    r.id = id;
    r.author = author;
    r.author_id = arena_string(&k->arena, who == JANE ? "jane" : "admin");
    r.text = arena_string(&k->arena, text);
    kit_call(k, who, "Reply", &r.base, &support__reply_response__descriptor);
    return kit_code(k);
}

static void say(struct kit_stream *s, const char *text)
{
    Support__ChatRequest r = SUPPORT__CHAT_REQUEST__INIT;
    r.text = arena_string(&s->kit->arena, text);
    kit_send(s, &r.base);
}

static void join(struct kit *k, struct kit_stream *s, enum kit_caller who, const char *ticket, Support__Author author,
                 const char *text)
{
    Support__ChatRequest r = SUPPORT__CHAT_REQUEST__INIT;
    r.ticket_id = arena_string(&k->arena, ticket);
    r.author = author;
    r.text = arena_string(&k->arena, text);
    kit_open(k, s, who, "Chat", &support__chat_response__descriptor);
    kit_send(s, &r.base);
}

static void jane_joins(struct kit *k, struct kit_stream *s, const char *ticket, const char *text)
{
    join(k, s, JANE, ticket, SUPPORT__AUTHOR__AUTHOR_CUSTOMER, text);
}

static void agent_joins(struct kit *k, struct kit_stream *s, const char *ticket, const char *text)
{
    join(k, s, ADMIN, ticket, SUPPORT__AUTHOR__AUTHOR_AGENT, text);
}

/* "customer: My radio is silent. | agent: ..." */
static const char *seen(const struct kit_stream *s)
{
    static const char *const authors[] = {"nobody", "customer", "agent", "note"};
    struct arena *a = &s->kit->arena;
    const char *all = "";
    for (size_t i = 0; i < s->count; i++) {
        const Support__Entry *e = ((const Support__ChatResponse *)s->messages[i])->entry;
        all = arena_printf(a, "%s%s%s: %s", all, i ? " | " : "", authors[e->author], e->text);
    }
    return all;
}

static void both_see_what_the_other_writes(void **state)
{
    struct kit *k = *state;
    struct kit_stream jane, agent;
    char *id = open_one(k);
    int64_t mails = kit_count(k, EMAIL, "Send");
    jane_joins(k, &jane, id, "");
    agent_joins(k, &agent, id, "Is it on?");
    kit_has(&jane, 2);
    say(&jane, "It is.");
    say(&jane, "And silent.");
    kit_wait(k, 1); /* not at the next look, at once */
    assert_int_equal(agent.count, 4);
    kit_has(&agent, 4);
    assert_int_equal(reply_as(k, ADMIN, id, SUPPORT__AUTHOR__AUTHOR_NOTE, "has asked before"), 0);
    say(&agent, "Turn it up.");
    kit_has(&agent, 6);
    kit_has(&jane, 5);
    kit_no_more(&jane); /* she still listens */
    say(&agent, "Well?");
    kit_has(&jane, 6);
    assert_string_equal(seen(&jane), "customer: My radio is silent. | agent: Is it on? | customer: It is. | customer: "
                                     "And silent. | agent: Turn it up. | agent: Well?");
    assert_string_equal(seen(&agent), "customer: My radio is silent. | agent: Is it on? | customer: It is. | customer: "
                                      "And silent. | note: has asked before | agent: Turn it up. | agent: Well?");
    assert_string_equal(((const Support__ChatResponse *)agent.messages[2])->entry->author_id, "jane");
    assert_int_equal(kit_count(k, EMAIL, "Send"), mails); /* who is there needs no mail */
    assert_int_equal(solve(k, id), 0);
    assert_int_equal(kit_ends(&jane), 0);
    assert_int_equal(kit_ends(&agent), 0);
    assert_int_equal(kit_count(k, EMAIL, "Send"), mails + 1); /* that it is solved */
    kit_close(&jane);
    kit_close(&agent);
    jane_joins(k, &jane, id, ""); /* what was said is there, and there is nothing to wait for */
    assert_int_equal(kit_ends(&jane), 0);
    assert_int_equal(jane.count, 6);
    kit_close(&jane);
    jane_joins(k, &jane, id, "Silent again."); /* she may open it again */
    kit_has(&jane, 7);
    assert_false(jane.ended);
    kit_close(&jane);
}

static void nobody_listens_in(void **state)
{
    struct kit *k = *state;
    struct kit_stream s;
    char *id = open_one(k);
    join(k, &s, JOE, id, SUPPORT__AUTHOR__AUTHOR_CUSTOMER, "");
    assert_int_equal(kit_ends(&s), 404);
    assert_int_equal(s.count, 0);
    kit_close(&s);
    join(k, &s, JOE, id, SUPPORT__AUTHOR__AUTHOR_CUSTOMER, "me too");
    assert_int_equal(kit_ends(&s), 404);
    kit_close(&s);
    join(k, &s, JANE, id, SUPPORT__AUTHOR__AUTHOR_AGENT, "I am an agent");
    assert_int_equal(kit_ends(&s), 403);
    kit_close(&s);
    join(k, &s, NOBODY, id, SUPPORT__AUTHOR__AUTHOR_CUSTOMER, "");
    assert_int_equal(kit_ends(&s), 401);
    kit_close(&s);
    join(k, &s, JANE, "", SUPPORT__AUTHOR__AUTHOR_CUSTOMER, "");
    assert_int_equal(kit_ends(&s), 400);
    kit_close(&s);
    join(k, &s, JANE, id, SUPPORT__AUTHOR__AUTHOR_UNKNOWN, "");
    assert_int_equal(kit_ends(&s), 400);
    kit_close(&s);
    kit_open(k, &s, JANE, "Chat", &support__chat_response__descriptor);
    kit_no_more(&s);
    assert_int_equal(kit_ends(&s), 400);
    kit_close(&s);
    jane_joins(k, &s, id, "");
    say(&s, "");
    assert_int_equal(kit_ends(&s), 400);
    kit_close(&s);
}

/* The service is killed in the middle: nothing that was shown is lost, and nothing is there twice. */
static void a_talk_goes_on_after_a_crash(void **state)
{
    struct kit *k = *state;
    struct kit_stream jane, agent;
    char *id = open_one(k);
    jane_joins(k, &jane, id, "Hello?");
    kit_has(&jane, 2);
    agent_joins(k, &agent, id, "Hello.");
    kit_has(&agent, 3);
    kit_restart(k);
    assert_int_not_equal(kit_ends(&jane), 0);
    assert_int_not_equal(kit_ends(&agent), 0);
    kit_close(&jane);
    kit_close(&agent);
    agent_joins(k, &agent, id, "Still there?");
    jane_joins(k, &jane, id, "Yes.");
    kit_has(&jane, 5);
    kit_has(&agent, 5);
    assert_string_equal(seen(&jane), seen(&agent));
    assert_non_null(strstr(seen(&jane), "customer: My radio is silent. | customer: Hello? | agent: Hello. |"));
    kit_fails(k, STORE, "Read", 503); /* the store away for a while ends no talk in which nobody speaks */
    kit_wait(k, 60);
    assert_false(jane.ended);
    kit_heals(k, STORE, "Read");
    say(&agent, "Good.");
    kit_has(&jane, 6);
    kit_close(&jane);
    kit_close(&agent);
}

/* Whichever of the store's writes fails: who is not told that it failed is shown what they said, and it is there. */
static void what_cannot_be_written_is_told(void **state)
{
    struct kit *k = *state;
    char *id = open_one(k);
    int failed = 0;
    for (int64_t n = 0; n < 4; n++) {
        struct kit_stream jane, agent;
        const char *words = arena_printf(&k->arena, "words %lld", (long long)n);
        kit_wait(k, 1);
        agent_joins(k, &agent, id, "");
        kit_wait(k, 1);
        size_t before = agent.count;
        kit_fails_after(k, n);
        jane_joins(k, &jane, id, words);
        kit_wait(k, 30);
        if (jane.ended) {
            assert_int_equal(jane.error.code, 503);
            kit_has(&agent, before);
            failed++;
        } else {
            kit_has(&agent, before + 1);
            assert_non_null(strstr(seen(&jane), words));
        }
        assert_string_equal(jane.ended ? seen(&agent) : seen(&jane), seen(&agent));
        kit_fails_after(k, -1);
        kit_close(&jane);
        kit_close(&agent);
    }
    assert_int_equal(failed, 1); /* the entry; what is told of it is told later */
}

static void what_others_write_is_seen(void **state)
{
    struct kit *k = *state;
    struct kit_stream jane;
    char *id = open_one(k), *key = arena_printf(&k->arena, "support/ticket:%s", id);
    jane_joins(k, &jane, id, "");
    kit_has(&jane, 1);
    assert_int_equal(kit_change(k, key, "],\"due\"", ",\"e2\",\"2\",\"admin\",\"Hello.\",\"1\",\"\"],\"due\""), 1);
    kit_has(&jane, 2);
    assert_non_null(strstr(seen(&jane), "agent: Hello."));
    kit_close(&jane);
}

static void a_full_ticket_ends_the_talk(void **state)
{
    struct kit *k = *state;
    struct kit_stream jane;
    char *id = open_one(k);
    jane_joins(k, &jane, id, "");
    for (int i = 0; i < 100; i++)
        say(&jane, "and");
    assert_int_equal(kit_ends(&jane), 412);
    kit_close(&jane);
    jane_joins(k, &jane, id, "");
    kit_has(&jane, 100);
    kit_close(&jane);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_see_what_the_other_writes), TEST(nobody_listens_in),         TEST(a_talk_goes_on_after_a_crash),
        TEST(what_cannot_be_written_is_told), TEST(what_others_write_is_seen), TEST(a_full_ticket_ends_the_talk),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
