/* The locations ask nobody but the store: one entity and one cell for each, and a search reads what is near alone. */
#include "tests/contract/stream_kit.h"

#include "proto/location/location.pb-c.h"

#include <math.h>
#include <string.h>

static char taxi[] = "taxi", bike[] = "bike";

static int setup(void **state)
{
    return kit_setup(state, &backend_location, "location.Location");
}

static int save_as(struct kit *k, enum kit_caller who, const char *id, char *type, double latitude, double longitude)
{
    Location__SaveRequest r = LOCATION__SAVE_REQUEST__INIT;
    Location__Entity e = LOCATION__ENTITY__INIT;
    Location__Point p = LOCATION__POINT__INIT;
    e.id = arena_string(&k->arena, id);
    e.type = type;
    e.location = &p;
    p.latitude = latitude;
    p.longitude = longitude;
    r.entity = &e;
    kit_call(k, who, "Save", &r.base, &location__save_response__descriptor);
    return kit_code(k);
}

static const Location__Entity *read_as(struct kit *k, enum kit_caller who, const char *id)
{
    Location__ReadRequest r = LOCATION__READ_REQUEST__INIT;
    r.id = arena_string(&k->arena, id);
    const Location__ReadResponse *reply = kit_call(k, who, "Read", &r.base, &location__read_response__descriptor);
    return reply ? reply->entity : NULL;
}

/* The ids around a place in London, with blanks between; "" too when it failed. */
static const char *near_as(struct kit *k, enum kit_caller who, double radius, int64_t limit)
{
    Location__SearchRequest r = LOCATION__SEARCH_REQUEST__INIT;
    Location__Point p = LOCATION__POINT__INIT;
    p.latitude = 51.5;
    p.longitude = -0.12;
    r.center = &p;
    r.radius = radius;
    r.type = taxi;
    r.limit = limit;
    const Location__SearchResponse *reply = kit_call(k, who, "Search", &r.base, &location__search_response__descriptor);
    const char *ids = "";
    for (size_t i = 0; reply && i < reply->n_entities; i++)
        ids = arena_printf(&k->arena, "%s%s%s", ids, i ? " " : "", reply->entities[i]->id);
    return ids;
}

static void nearest_first(void **state)
{
    struct kit *k = *state;
    assert_int_equal(save_as(k, JANE, "c", taxi, 51.5090, -0.12), 0); /* 1001 m to the north */
    assert_int_equal(kit_count(k, STORE, "Write"), 2);                /* the cell and the entity */
    assert_int_equal(save_as(k, JANE, "a", taxi, 51.5010, -0.12), 0); /* 111 m */
    assert_int_equal(save_as(k, JANE, "b", taxi, 51.5, -0.1272), 0);  /* 498 m to the west */
    assert_int_equal(save_as(k, JANE, "x", bike, 51.5, -0.12), 0);
    assert_int_equal(save_as(k, JANE, "far", taxi, 48.85, 2.29), 0);
    assert_string_equal(near_as(k, JANE, 2000, 10), "a b c");
    assert_string_equal(near_as(k, JANE, 1000, 10), "a b");
    assert_string_equal(near_as(k, JANE, 2000, 1), "a");
    assert_string_equal(near_as(k, JANE, 0, 10), "");
    int64_t reads = kit_count(k, STORE, "Read");
    assert_string_equal(near_as(k, JANE, 1000, 10), "a b");
    assert_int_equal(kit_count(k, STORE, "Read") - reads, 9 + 2); /* the cells around, and the two */
    assert_string_equal(near_as(k, JANE, 4e5, 10), "a b c far");
    assert_string_equal(near_as(k, JANE, 2e7, 10), "a b c far");
    kit_expect(k, 0);
}

static void it_moves(void **state)
{
    struct kit *k = *state;
    assert_int_equal(save_as(k, JANE, "a", taxi, 51.5010, -0.12), 0);
    size_t records = kit_records(k);
    assert_int_equal(save_as(k, JANE, "a", taxi, 48.85, 2.29), 0);
    assert_int_equal(kit_count(k, STORE, "Delete"), 1); /* the cell it was in */
    assert_int_equal(kit_records(k), records);
    assert_string_equal(near_as(k, JANE, 2000, 10), "");
    assert_int_equal(save_as(k, JANE, "a", taxi, 51.5020, -0.12), 0);
    assert_string_equal(near_as(k, JANE, 2000, 10), "a");
    const Location__Entity *e = kit_there(read_as(k, JANE, "a"));
    assert_string_equal(e->type, "taxi");
    assert_true(fabs(e->location->latitude - 51.5020) < 1e-12 && fabs(e->location->longitude + 0.12) < 1e-12);
    assert_true(e->location->timestamp > 0);
    assert_int_equal(save_as(k, JANE, "a", bike, 51.5020, -0.12), 0); /* it is something else now */
    assert_string_equal(near_as(k, JANE, 2000, 10), "");
    assert_int_equal(kit_records(k), records);
}

/* Where it cannot be taken away from it is not found any more all the same. */
static void what_is_left_behind_is_not_believed(void **state)
{
    struct kit *k = *state;
    assert_int_equal(save_as(k, JANE, "a", taxi, 51.5010, -0.12), 0);
    assert_int_equal(save_as(k, JANE, "b", taxi, 51.5020, -0.12), 0);
    kit_fails(k, STORE, "Delete", 503);
    assert_int_equal(save_as(k, JANE, "a", taxi, 48.85, 2.29), 0);
    assert_string_equal(near_as(k, JANE, 2000, 1), "b"); /* though what is nearest leads nowhere */
    assert_int_equal(save_as(k, JANE, "a", taxi, 51.5030, -0.12), 0);
    assert_string_equal(near_as(k, JANE, 2000, 10), "b a");
    kit_fails(k, STORE, "Write", 503);
    assert_int_equal(save_as(k, JANE, "b", taxi, 48.85, 2.29), 503);
    assert_string_equal(near_as(k, JANE, 2000, 10), "b a");
}

/* Whichever of its writes fails: it is found where it was, until the whole call goes through. */
static void a_write_that_fails_moves_nothing(void **state)
{
    struct kit *k = *state;
    int64_t failed = 0;
    assert_int_equal(save_as(k, JANE, "a", taxi, 48.85, 2.29), 0);
    for (;; failed++) {
        kit_fails_after(k, failed);
        if (save_as(k, JANE, "a", taxi, 51.5010, -0.12) == 0)
            break;
        assert_int_equal(kit_code(k), 503);
        const Location__Entity *e = kit_there(read_as(k, JANE, "a"));
        assert_true(e->location->latitude < 49);
        assert_string_equal(near_as(k, JANE, 2000, 10), "");
        assert_string_equal(near_as(k, JANE, 4e5, 10), "a");
    }
    assert_int_equal(failed, 2); /* the cell and the entity */
    assert_string_equal(near_as(k, JANE, 2000, 10), "a");
}

static void everybody_has_their_own(void **state)
{
    struct kit *k = *state;
    assert_int_equal(save_as(k, JANE, "a", taxi, 51.5010, -0.12), 0);
    assert_null(read_as(k, JOE, "a"));
    assert_int_equal(kit_code(k), 404);
    assert_string_equal(near_as(k, JOE, 2000, 10), "");
    assert_int_equal(kit_code(k), 0);
    assert_null(read_as(k, NOBODY, "a"));
    assert_int_equal(kit_code(k), 401);
}

static void bad_requests_ask_nothing(void **state)
{
    struct kit *k = *state;
    Location__SaveRequest none = LOCATION__SAVE_REQUEST__INIT;
    kit_call(k, JANE, "Save", &none.base, &location__save_response__descriptor);
    assert_int_equal(kit_code(k), 400);
    assert_int_equal(save_as(k, JANE, "", taxi, 0, 0), 400);
    assert_int_equal(save_as(k, JANE, "a", taxi, 90.5, 0), 400);
    assert_int_equal(save_as(k, JANE, "a", taxi, 0, -180.5), 400);
    assert_int_equal(save_as(k, JANE, "a", taxi, (double)NAN, 0), 400);
    static const struct {
        double radius;
        int64_t limit;
    } cases[] = {{-1, 10}, {(double)NAN, 10}, {(double)INFINITY, 10}, {10, 0}, {10, 1001}, {10, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        near_as(k, JANE, cases[i].radius, cases[i].limit);
        assert_int_equal(kit_code(k), 400);
    }
    assert_int_equal(kit_count(k, STORE, "Read"), 0);
    assert_int_equal(kit_count(k, STORE, "Write"), 0);
}

/* ---- Track ------------------------------------------------------------------------------------------------------- */

static void track(struct kit_stream *s, const char *id, double latitude, double longitude, int64_t timestamp)
{
    Location__TrackRequest r = LOCATION__TRACK_REQUEST__INIT;
    Location__Point p = LOCATION__POINT__INIT;
    r.id = arena_string(&s->kit->arena, id);
    r.type = taxi;
    p.latitude = latitude;
    p.longitude = longitude;
    p.timestamp = timestamp;
    r.location = &p;
    kit_send(s, &r.base);
}

static void a_way_is_summed_up(void **state)
{
    struct kit *k = *state;
    struct kit_stream s;
    kit_open(k, &s, JANE, "Track", &location__track_response__descriptor);
    for (int i = 0; i < 50; i++)
        track(&s, i ? "" : "a", 51.5 + i * 0.001, -0.12, 1000 + i);
    kit_no_more(&s);
    assert_int_equal(kit_ends(&s), 0);
    assert_int_equal(s.count, 1);
    const Location__TrackResponse *r = s.messages[0];
    assert_int_equal(r->points, 50);
    assert_int_equal(r->seconds, 49);
    assert_true(fabs(r->distance - 49 * 111.19) < 10);
    const Location__Entity *e = kit_there(read_as(k, JANE, "a"));
    assert_true(fabs(e->location->latitude - 51.549) < 1e-9);
    assert_int_equal(e->location->timestamp, 1049);
    assert_string_equal(near_as(k, JANE, 1000, 10), ""); /* it is not where it was */
    assert_int_equal(kit_records(k), 2);                 /* nor is anything left of it there */
    assert_null(read_as(k, JOE, "a"));
    kit_close(&s);
}

/* What was counted is saved, and what was not is told. */
static void a_way_that_cannot_be_saved_ends(void **state)
{
    struct kit *k = *state;
    for (int64_t n = 0; n < 7; n++) { /* two writes a point */
        struct kit_stream s;
        kit_fails_after(k, n);
        kit_open(k, &s, JANE, "Track", &location__track_response__descriptor);
        track(&s, "a", 51.5010, -0.12, 100 * n + 1);
        track(&s, "", 51.5020, -0.12, 100 * n + 2);
        track(&s, "", 51.5030, -0.12, 100 * n + 3);
        kit_no_more(&s);
        if (n == 6) {
            assert_int_equal(kit_ends(&s), 0);
        } else {
            assert_int_equal(kit_ends(&s), 503);
            assert_int_equal(s.count, 0);
        }
        if (n >= 2)
            assert_int_equal(((const Location__Entity *)kit_there(read_as(k, JANE, "a")))->location->timestamp,
                             100 * n + n / 2);
        kit_close(&s);
    }
    assert_string_equal(near_as(k, JANE, 2000, 10), "a");
}

static void a_way_that_is_none(void **state)
{
    struct kit *k = *state;
    struct kit_stream s;
    kit_open(k, &s, JANE, "Track", &location__track_response__descriptor);
    kit_no_more(&s);
    assert_int_equal(kit_ends(&s), 400);
    kit_close(&s);
    kit_open(k, &s, JANE, "Track", &location__track_response__descriptor);
    track(&s, "", 51.5, 0, 0);
    assert_int_equal(kit_ends(&s), 400);
    kit_close(&s);
    kit_open(k, &s, JANE, "Track", &location__track_response__descriptor);
    track(&s, "a", 91, 0, 0);
    assert_int_equal(kit_ends(&s), 400);
    kit_close(&s);
    kit_open(k, &s, NOBODY, "Track", &location__track_response__descriptor);
    assert_int_equal(kit_ends(&s), 401);
    kit_close(&s);
    assert_int_equal(kit_count(k, STORE, "Write"), 0);
}

/* ---- Follow ------------------------------------------------------------------------------------------------------ */

static void follow(struct kit *k, struct kit_stream *s, enum kit_caller who, const char *id)
{
    Location__FollowRequest r = LOCATION__FOLLOW_REQUEST__INIT;
    r.id = arena_string(&k->arena, id);
    kit_open(k, s, who, "Follow", &location__follow_response__descriptor);
    kit_send(s, &r.base);
    kit_no_more(s);
}

static double at(const struct kit_stream *s, size_t i)
{
    return ((const Location__FollowResponse *)s->messages[i])->entity->location->latitude;
}

static void whoever_moves_is_followed(void **state)
{
    struct kit *k = *state;
    struct kit_stream s, other;
    assert_int_equal(save_as(k, JANE, "a", taxi, 51, 0), 0);
    assert_int_equal(save_as(k, JANE, "b", taxi, 41, 0), 0);
    follow(k, &s, JANE, "a");
    follow(k, &other, JANE, "b");
    kit_has(&s, 1); /* where it is */
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(save_as(k, JANE, "a", taxi, 51 + i, 0), 0);
        kit_has(&s, (size_t)i + 1);
        assert_true(fabs(at(&s, (size_t)i) - (51 + i)) < 1e-9);
    }
    kit_has(&other, 1);
    kit_close(&s); /* who goes is forgotten */
    assert_int_equal(save_as(k, JANE, "a", taxi, 60, 0), 0);
    kit_close(&other);
    int64_t reads = kit_count(k, STORE, "Read");
    kit_wait(k, 600);
    assert_int_equal(kit_count(k, STORE, "Read"), reads);
}

static void nobody_follows_what_is_not_theirs(void **state)
{
    struct kit *k = *state;
    struct kit_stream s;
    assert_int_equal(save_as(k, JANE, "a", taxi, 51, 0), 0);
    follow(k, &s, JOE, "a");
    assert_int_equal(kit_ends(&s), 404);
    kit_close(&s);
    follow(k, &s, JANE, "never-seen");
    assert_int_equal(kit_ends(&s), 404);
    kit_close(&s);
    follow(k, &s, JANE, "");
    assert_int_equal(kit_ends(&s), 400);
    kit_close(&s);
    follow(k, &s, NOBODY, "a");
    assert_int_equal(kit_ends(&s), 401);
    kit_close(&s);
}

/* The stream breaks; the next one begins with where it is by now. */
static void following_goes_on_after_a_crash(void **state)
{
    struct kit *k = *state;
    struct kit_stream s;
    assert_int_equal(save_as(k, JANE, "a", taxi, 51, 0), 0);
    follow(k, &s, JANE, "a");
    kit_has(&s, 1);
    kit_restart(k);
    assert_int_not_equal(kit_ends(&s), 0);
    kit_close(&s);
    assert_int_equal(save_as(k, JANE, "a", taxi, 52, 0), 0);
    follow(k, &s, JANE, "a");
    kit_has(&s, 1);
    assert_true(fabs(at(&s, 0) - 52) < 1e-9);
    kit_fails(k, STORE, "Read", 503); /* the store away for a while ends nothing */
    kit_wait(k, 60);
    assert_false(s.ended);
    kit_heals(k, STORE, "Read");
    assert_int_equal(save_as(k, JANE, "a", taxi, 53, 0), 0);
    kit_has(&s, 2);
    kit_close(&s);
}

/* Saved by another process, of which this one hears nothing: it looks. */
static void what_others_save_is_seen(void **state)
{
    struct kit *k = *state;
    struct kit_stream s;
    assert_int_equal(save_as(k, JANE, "a", taxi, 51, 0), 0);
    follow(k, &s, JANE, "a");
    kit_has(&s, 1);
    assert_int_equal(kit_change(k, "location/at:big-red-dog/jane/a", "\"latitude\":\"51", "\"latitude\":\"57"), 1);
    assert_int_equal(kit_change(k, "location/at:big-red-dog/jane/a", "\"version\":\"", "\"version\":\"x"), 1);
    kit_has(&s, 2);
    assert_true(fabs(at(&s, 1) - 57) < 1e-9);
    kit_close(&s);
}

/* Of two that stop reading, one goes on soon. */
static void a_slow_reader_gets_the_newest(void **state)
{
    struct kit *k = *state;
    struct kit_stream slow, dead;
    char large[4 * 250 + 1] = "";
    for (size_t i = 0; i < 250; i++)
        memcpy(large + 4 * i, "\xf0\x9f\x9a\x95", 5);
    assert_int_equal(save_as(k, JANE, "a", large, 51, 0), 0);
    follow(k, &slow, JANE, "a");
    follow(k, &dead, JANE, "a");
    kit_has(&slow, 1);
    kit_has(&dead, 1);
    rpc_stream_pause(slow.stream);
    rpc_stream_pause(dead.stream);
    for (int i = 1; i <= 1500; i++)
        assert_int_equal(save_as(k, JANE, "a", large, 51 + i * 0.001, 0), 0);
    rpc_stream_resume(slow.stream);
    kit_wait(k, 10);
    assert_false(slow.ended);
    assert_true(slow.count > 1 && slow.count < 1400);
    assert_true(fabs(at(&slow, slow.count - 1) - 52.5) < 1e-9);
    kit_wait(k, 120);
    assert_false(slow.ended);
    rpc_stream_resume(dead.stream);
    assert_int_equal(kit_ends(&dead), 503);
    assert_int_equal(save_as(k, JANE, "a", taxi, 50, 0), 0);
    kit_wait(k, 5);
    assert_true(fabs(at(&slow, slow.count - 1) - 50) < 1e-9);
    kit_close(&slow);
    kit_close(&dead);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nearest_first),
        TEST(it_moves),
        TEST(what_is_left_behind_is_not_believed),
        TEST(a_write_that_fails_moves_nothing),
        TEST(everybody_has_their_own),
        TEST(bad_requests_ask_nothing),
        TEST(a_way_is_summed_up),
        TEST(a_way_that_cannot_be_saved_ends),
        TEST(a_way_that_is_none),
        TEST(whoever_moves_is_followed),
        TEST(nobody_follows_what_is_not_theirs),
        TEST(following_goes_on_after_a_crash),
        TEST(what_others_save_is_seen),
        TEST(a_slow_reader_gets_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
