/* What reviews ask of others: the points of their author, once. */
#include "tests/contract/backend_kit.h"

#include "proto/review/review.pb-c.h"
#include "proto/reward/reward.pb-c.h"

#include <stdio.h>
#include <string.h>

static char pizza[] = "pizza", jane[] = "jane", joe[] = "joe", nothing[] = "", title[] = "Hot",
            text[] = "A bit too hot.", spam[] = "spam", rude[] = "rude";

static int setup(void **state)
{
    return kit_setup(state, &backend_review, "review.Review");
}

static const Review__Opinion *create_of(struct kit *k, enum kit_caller who, char *subject, char *author,
                                        uint32_t rating, bool ephemeral)
{
    Review__CreateRequest r = REVIEW__CREATE_REQUEST__INIT;
    Review__Point p = REVIEW__POINT__INIT;
    p.latitude = 51.5;
    r.subject_id = subject;
    r.author_id = author;
    r.rating = rating;
    r.title = title;
    r.text = text;
    r.ephemeral = ephemeral;
    r.location = ephemeral ? &p : NULL;
    const Review__CreateResponse *reply = kit_call(k, who, "Create", &r.base, &review__create_response__descriptor);
    return reply ? reply->review : NULL;
}

static char *create(struct kit *k, enum kit_caller who, char *author, uint32_t rating)
{
    const Review__Opinion *o = create_of(k, who, pizza, author, rating, false);
    assert_non_null(o);
    return o->id;
}

static const Review__Opinion *read_as(struct kit *k, enum kit_caller who, char *id)
{
    Review__ReadRequest r = REVIEW__READ_REQUEST__INIT;
    r.id = id;
    const Review__ReadResponse *reply = kit_call(k, who, "Read", &r.base, &review__read_response__descriptor);
    return reply ? reply->review : NULL;
}

static const Review__Opinion *update(struct kit *k, enum kit_caller who, char *id, char *author, uint32_t rating)
{
    Review__UpdateRequest r = REVIEW__UPDATE_REQUEST__INIT;
    r.id = id;
    r.author_id = author;
    r.rating = rating;
    const Review__UpdateResponse *reply = kit_call(k, who, "Update", &r.base, &review__update_response__descriptor);
    return reply ? reply->review : NULL;
}

static int take_away(struct kit *k, enum kit_caller who, char *id)
{
    Review__DeleteRequest r = REVIEW__DELETE_REQUEST__INIT;
    r.id = id;
    kit_call(k, who, "Delete", &r.base, &review__delete_response__descriptor);
    return kit_code(k);
}

static const Review__Opinion *vote(struct kit *k, enum kit_caller who, char *id, char *user, bool helped)
{
    Review__VoteRequest r = REVIEW__VOTE_REQUEST__INIT;
    r.id = id;
    r.user_id = user;
    r.helped = helped;
    const Review__VoteResponse *reply = kit_call(k, who, "Vote", &r.base, &review__vote_response__descriptor);
    return reply ? reply->review : NULL;
}

static int flag(struct kit *k, char *id, const char *user, char *reason)
{
    Review__FlagRequest r = REVIEW__FLAG_REQUEST__INIT;
    r.id = id;
    r.user_id = arena_string(&k->arena, user);
    r.reason = reason;
    kit_call(k, ADMIN, "Flag", &r.base, &review__flag_response__descriptor);
    return kit_code(k);
}

/* The authors of a page, with blanks between, and the cursor of the next one behind "|" when there is one. */
static const char *list(struct kit *k, char *subject, char *author, Review__Order order, uint32_t limit, char **cursor)
{
    Review__ListRequest r = REVIEW__LIST_REQUEST__INIT;
    r.subject_id = subject;
    r.author_id = author;
    r.order = order;
    r.limit = limit;
    r.cursor = *cursor;
    const Review__ListResponse *reply = kit_call(k, JOE, "List", &r.base, &review__list_response__descriptor);
    const char *all = reply ? "" : "failed";
    *cursor = reply ? reply->next_cursor : nothing;
    for (size_t i = 0; reply && i < reply->n_reviews; i++)
        all = arena_printf(&k->arena, "%s%s%s", all, i ? " " : "",
                           author[0] ? reply->reviews[i]->subject_id : reply->reviews[i]->author_id);
    return all;
}

static const char *all_of(struct kit *k, char *subject, char *author, Review__Order order)
{
    char *cursor = nothing;
    return list(k, subject, author, order, 0, &cursor);
}

static const Review__SummaryResponse *summary(struct kit *k)
{
    Review__SummaryRequest r = REVIEW__SUMMARY_REQUEST__INIT;
    r.subject_id = pizza;
    const Review__SummaryResponse *reply = kit_call(k, JOE, "Summary", &r.base, &review__summary_response__descriptor);
    assert_non_null(reply);
    return reply;
}

static int64_t points(struct kit *k)
{
    return kit_count(k, REWARD, "Earn");
}

static const char *points_key(struct kit *k, int64_t i)
{
    const Reward__EarnRequest *e = kit_asked(k, REWARD, "Earn", i, &reward__earn_request__descriptor);
    assert_string_equal(e->rule, "review");
    assert_string_equal(e->user_id, "jane");
    return e->idempotency_key;
}

static void once_and_rewarded_once(void **state)
{
    struct kit *k = *state;
    char *id = create(k, JANE, jane, 2);
    kit_expect(k, 1);
    assert_string_equal(points_key(k, 0), id);
    assert_null(create_of(k, JANE, pizza, jane, 5, false));
    assert_int_equal(kit_code(k), 409);
    const Review__Opinion *o = kit_there(read_as(k, JOE, id));
    assert_int_equal(o->rating, 2);
    o = kit_there(update(k, JANE, id, jane, 3));
    assert_int_equal(o->rating, 3);
    assert_string_equal(o->text, "A bit too hot.");
    assert_int_equal(take_away(k, JANE, id), 0);
    assert_int_equal(take_away(k, JANE, id), 0);
    assert_null(read_as(k, JOE, id));
    assert_int_equal(kit_code(k), 404);
    char *second = create(k, JANE, jane, 4);
    assert_string_not_equal(id, second);
    assert_null(read_as(k, JOE, id));
    assert_int_equal(kit_code(k), 404); /* it leads to no other one */
    assert_int_equal(take_away(k, JANE, id), 0);
    assert_non_null(read_as(k, JOE, second));
    kit_expect(k, 1); /* no more points for writing it again */
}

static void points_that_are_late(void **state)
{
    struct kit *k = *state;
    kit_fails(k, REWARD, "Earn", 503);
    char *id = create(k, JANE, jane, 2);
    assert_int_equal(points(k), 1);
    assert_int_equal(take_away(k, JANE, id), 0);
    char *second = create(k, JANE, jane, 2);
    kit_heals(k, REWARD, "Earn");
    assert_non_null(read_as(k, JOE, second));
    int64_t n = points(k);
    assert_string_equal(points_key(k, 0),
                        points_key(k, n - 1)); /* whichever of them is given, it is one and the same */
    assert_non_null(read_as(k, JOE, second));
    kit_expect(k, n);
}

static void voted_on(void **state)
{
    struct kit *k = *state;
    char *id = create(k, JANE, jane, 2);
    assert_non_null(vote(k, JOE, id, joe, true));
    const Review__Opinion *o = kit_there(vote(k, JOE, id, joe, false));
    assert_int_equal(o->helped, 0);
    assert_int_equal(o->not_helped, 1);
    o = kit_there(vote(k, JANE, id, jane, true));
    assert_int_equal(o->helped, 1);
    assert_null(vote(k, JOE, id, jane, true));
    assert_int_equal(kit_code(k), 403);
}

static void flagged_until_somebody_looks(void **state)
{
    struct kit *k = *state;
    char *id = create(k, JANE, jane, 2);
    assert_int_equal(flag(k, id, "a", spam), 0);
    assert_int_equal(flag(k, id, "a", spam), 0); /* the same person counts once */
    assert_int_equal(flag(k, id, "b", spam), 0);
    assert_string_equal(all_of(k, pizza, nothing, 0), "jane");
    assert_int_equal(flag(k, id, "c", spam), 0);
    assert_string_equal(all_of(k, pizza, nothing, 0), "");
    assert_int_equal(summary(k)->count, 0);
    assert_non_null(update(k, JANE, id, jane, 1)); /* its author is nobody who looks */
    assert_string_equal(all_of(k, pizza, nothing, 0), "");
    assert_non_null(update(k, ADMIN, id, jane, 0));
    assert_string_equal(all_of(k, pizza, nothing, 0), "jane");
    assert_int_equal(flag(k, id, "a", rude), 400);
}

static void in_order_and_in_pages(void **state)
{
    static const uint32_t ratings[] = {3, 5, 1, 5, 4};
    struct kit *k = *state;
    char author[] = "a", *ids[5], *cursor = nothing;
    for (int i = 0; i < 5; i++) {
        author[0] = (char)('a' + i);
        ids[i] = create(k, ADMIN, arena_string(&k->arena, author), ratings[i]);
        sim_run_for(k->sim, (uint64_t)(2 * SECOND));
    }
    assert_string_equal(all_of(k, pizza, nothing, REVIEW__ORDER__ORDER_UNKNOWN), "e d c b a");
    assert_string_equal(all_of(k, pizza, nothing, REVIEW__ORDER__ORDER_BEST), "d b e a c");
    assert_string_equal(all_of(k, pizza, nothing, REVIEW__ORDER__ORDER_WORST), "c a e d b");
    assert_non_null(vote(k, JOE, ids[2], joe, true));
    assert_string_equal(all_of(k, pizza, nothing, REVIEW__ORDER__ORDER_HELPFUL), "c e d b a");
    assert_string_equal(list(k, pizza, nothing, REVIEW__ORDER__ORDER_NEWEST, 2, &cursor), "e d");
    assert_int_equal(take_away(k, ADMIN, ids[3]), 0); /* where the page ended */
    create(k, JANE, jane, 2);                         /* before it */
    assert_string_equal(list(k, pizza, nothing, REVIEW__ORDER__ORDER_NEWEST, 2, &cursor), "c b");
    assert_string_equal(list(k, pizza, nothing, REVIEW__ORDER__ORDER_NEWEST, 2, &cursor), "a");
    assert_string_equal(cursor, "");
    const Review__SummaryResponse *s = summary(k); /* 3, 5, 1, 4, 2 */
    assert_int_equal(s->count, 5);
    assert_true(s->average > 2.99 && s->average < 3.01);
    assert_int_equal(s->n_counts, 5);
    assert_non_null(create_of(k, JANE, title, jane, 2, false));
    assert_string_equal(all_of(k, nothing, jane, 0), "Hot pizza");
    assert_string_equal(all_of(k, pizza, jane, 0), "pizza");
    cursor = rude;
    list(k, pizza, nothing, 0, 2, &cursor);
    assert_int_equal(kit_code(k), 400);
}

static void it_fades(void **state)
{
    struct kit *k = *state;
    const Review__Opinion *o = create_of(k, JANE, pizza, jane, 2, true);
    assert_non_null(o);
    assert_int_equal(o->fades - o->created, 86400);
    sim_clock_jump(k->sim, "review", 86400 * SECOND);
    assert_null(read_as(k, JOE, o->id));
    assert_int_equal(kit_code(k), 404);
    assert_string_equal(all_of(k, pizza, nothing, 0), "");
    assert_non_null(create_of(k, JANE, pizza, jane, 2, false));
}

/* Whichever of its writes fails: there is no review and nobody has points, until the whole call goes through; the last
 * write says that the points were given, and is made up for. */
static void a_write_that_fails(void **state)
{
    struct kit *k = *state;
    int64_t failed = 0;
    const Review__Opinion *o;
    for (;; failed++) {
        kit_fails_after(k, failed);
        o = create_of(k, JANE, pizza, jane, 2, false);
        if (o)
            break;
        assert_int_equal(kit_code(k), 503);
        assert_string_equal(all_of(k, pizza, nothing, 0), "");
        assert_string_equal(all_of(k, nothing, jane, 0), "");
        kit_expect(k, 0);
    }
    assert_int_equal(failed, 3); /* two that lead to it, and the review */
    assert_string_equal(all_of(k, nothing, jane, 0), "pizza");
    kit_expect(k, 1);
    assert_non_null(read_as(k, JOE, o->id)); /* the fourth write was the one that failed */
    kit_expect(k, 2);
    assert_string_equal(points_key(k, 0), points_key(k, 1));
    assert_non_null(read_as(k, JOE, o->id));
    kit_expect(k, 2);
}

static void bad_requests_ask_nothing(void **state)
{
    struct kit *k = *state;
    assert_null(create_of(k, NOBODY, pizza, jane, 2, false));
    assert_int_equal(kit_code(k), 401);
    assert_null(create_of(k, JOE, pizza, jane, 2, false));
    assert_int_equal(kit_code(k), 403);
    assert_null(create_of(k, JANE, pizza, jane, 0, false));
    assert_int_equal(kit_code(k), 400);
    assert_null(create_of(k, JANE, pizza, jane, 6, false));
    assert_int_equal(kit_code(k), 400);
    assert_null(create_of(k, JANE, nothing, jane, 2, false));
    assert_int_equal(kit_code(k), 400);
    assert_string_equal(all_of(k, nothing, nothing, 0), "failed");
    assert_int_equal(kit_code(k), 400);
    assert_int_equal(kit_records(k), 0);
    char *id = create(k, JANE, jane, 2);
    assert_null(update(k, JOE, id, jane, 3));
    assert_int_equal(kit_code(k), 403);
    assert_null(update(k, JOE, id, joe, 3));
    assert_int_equal(kit_code(k), 403);
    assert_int_equal(take_away(k, JOE, id), 403);
    kit_expect(k, 1);
}

/* `distance` metres north of 51.5, 0; by Joe. */
static const Review__Opinion *written_at(struct kit *k, const char *subject, double distance, bool ephemeral)
{
    Review__CreateRequest r = REVIEW__CREATE_REQUEST__INIT;
    Review__Point p = REVIEW__POINT__INIT;
    p.latitude = 51.5 + distance / 111195;
    r.subject_id = arena_string(&k->arena, subject);
    r.author_id = joe;
    r.rating = 3;
    r.location = &p;
    r.ephemeral = ephemeral;
    const Review__CreateResponse *reply = kit_call(k, JOE, "Create", &r.base, &review__create_response__descriptor);
    return reply ? reply->review : NULL;
}

/* Their subjects with blanks between; "" too when it failed. */
static const char *near(struct kit *k, uint32_t radius, uint32_t limit)
{
    Review__NearbyRequest r = REVIEW__NEARBY_REQUEST__INIT;
    Review__Point p = REVIEW__POINT__INIT;
    p.latitude = 51.5;
    r.center = &p;
    r.radius = radius;
    r.limit = limit;
    const Review__NearbyResponse *reply = kit_call(k, JANE, "Nearby", &r.base, &review__nearby_response__descriptor);
    const char *all = "";
    for (size_t i = 0; reply && i < reply->n_reviews; i++)
        all = arena_printf(&k->arena, "%s%s%s", all, i ? " " : "", reply->reviews[i]->subject_id);
    return all;
}

static void the_nearest_first(void **state)
{
    struct kit *k = *state;
    const Review__Opinion *cafe = kit_there(written_at(k, "cafe", 300, false));
    assert_non_null(written_at(k, "bar", 100, true));
    assert_non_null(written_at(k, "park", 900, false));
    assert_non_null(create(k, JOE, joe, 5)); /* nowhere */
    assert_string_equal(near(k, 0, 0), "bar cafe");
    assert_string_equal(near(k, 200, 0), "bar");
    assert_string_equal(near(k, 5000, 0), "bar cafe park");
    assert_string_equal(near(k, 5000, 2), "bar cafe");
    char *id = arena_string(&k->arena, cafe->id);
    assert_int_equal(flag(k, id, "user-0", spam), 0);
    assert_string_equal(near(k, 5000, 0), "bar cafe park");
    for (int i = 0; i < 3; i++)
        assert_int_equal(flag(k, id, arena_printf(&k->arena, "user-%d", i), spam), 0);
    assert_string_equal(near(k, 5000, 0), "bar park"); /* out of the lists */
    assert_string_equal(near(k, 5000, 1), "bar");
    size_t records = kit_records(k);
    assert_int_equal(take_away(k, JOE, id), 0);
    assert_int_equal(kit_records(k), records - 1);
    assert_non_null(written_at(k, "cafe", 200, false)); /* another one of the same */
    assert_string_equal(near(k, 5000, 0), "bar cafe park");
    kit_wait(k, 86400);
    assert_string_equal(near(k, 5000, 0), "cafe park"); /* it has faded */
}

/* Whichever of its writes fails, it is not there, or there once when who wrote it tries again. */
static void near_or_not_at_all(void **state)
{
    struct kit *k = *state;
    int64_t n = 0;
    for (;; n++) {
        kit_fails_after(k, n);
        if (written_at(k, "bar", 100, false))
            break;
        assert_int_equal(kit_code(k), 503);
        assert_string_equal(near(k, 0, 0), "");
    }
    assert_int_equal(n, 4); /* two that lead to it, its place, itself; the points may be written later */
    assert_string_equal(near(k, 0, 0), "bar");
}

static void near_what(void **state)
{
    struct kit *k = *state;
    Review__NearbyRequest r = REVIEW__NEARBY_REQUEST__INIT;
    kit_call(k, JANE, "Nearby", &r.base, &review__nearby_response__descriptor);
    assert_int_equal(kit_code(k), 400);
    near(k, 5001, 0);
    assert_int_equal(kit_code(k), 400);
    near(k, 0, 101);
    assert_int_equal(kit_code(k), 400);
    assert_int_equal(kit_count(k, STORE, "Read"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(once_and_rewarded_once),
        TEST(points_that_are_late),
        TEST(voted_on),
        TEST(flagged_until_somebody_looks),
        TEST(in_order_and_in_pages),
        TEST(it_fades),
        TEST(a_write_that_fails),
        TEST(bad_requests_ask_nothing),
        TEST(the_nearest_first),
        TEST(near_or_not_at_all),
        TEST(near_what),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
