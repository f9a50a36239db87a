/* The locations ask nobody but the store: one entity and one cell for each, and a search reads what is near alone. */
#include "tests/contract/backend_kit.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
