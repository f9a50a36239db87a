#include "base/test.h"

#include "fuzz/frames/memory.h"
#include "fuzz/frames/mutate.h"
#include "fuzz/frames/target.h"

#include <stdlib.h>

#define ROUNDS 5000

/* Long chains of changes: each differs, stays within the limits, keeps no operator's name, and the server keeps to the
 * rules (the target aborts if it does not). */
static void chains(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT, next = FUZZ_CASE_INIT, other = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct mutated did;
    const struct pb_pool *pool;
    void *target = NULL;
    size_t differ = 0, kinds = 0;
    const char *names[32];
    random_seed(&r, 11);
    assert_int_equal(frames_target.setup(&target, &pool, NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 15 == 0)
            assert_int_equal(frames_seed((size_t)random_below(&r, frame_operator_count + 1), &c), 0);
        if (i % 5 == 0)
            assert_int_equal(frames_seed((size_t)random_below(&r, frame_operator_count + 1), &other), 0);
        fuzz_case_clear(&next);
        int rc = frames_mutator.mutate(NULL, &r, &c, &other, LANE_NEAR_VALID, 200000, &next, &did);
        if (rc == ERROR_NOT_FOUND)
            continue;
        assert_int_equal(rc, 0);
        assert_true(next.events.count <= FUZZ_CASE_EVENTS_MAX);
        differ += !fuzz_case_equal(&next, &c);
        for (size_t n = 0; n < next.events.count; n++)
            assert_null(frame_operator_find(fuzz_case_bytes(&next, next.events.items[n].name)));
        size_t k = 0;
        while (k < kinds && names[k] != did.what)
            k++;
        if (k == kinds)
            names[kinds++] = did.what;
        frames_target.run(target, &next, &t);
        assert_int_equal(fuzz_case_copy(&c, &next), 0);
    }
    assert_true(differ > ROUNDS * 9 / 10);
    assert_true(kinds >= 15);
    frames_target.teardown(target);
    fuzz_trace_deinit(&t);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&next);
    fuzz_case_deinit(&other);
}

static void same_seed_same_trace(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT, again = FUZZ_CASE_INIT, seed = FUZZ_CASE_INIT;
    struct frames_memory *m = NULL;
    assert_int_equal(frames_memory_new(NULL, &m), 0);
    for (uint64_t n = 0; n < 1000; n++) {
        struct random r;
        struct mutated did;
        assert_int_equal(frames_seed(n % (frame_operator_count + 1), &seed), 0);
        random_seed(&r, n);
        fuzz_case_clear(&c);
        if (frames_mutator.mutate(NULL, &r, &seed, NULL, LANE_NEAR_VALID, 100000, &c, &did) != 0)
            continue;
        random_seed(&r, n);
        fuzz_case_clear(&again);
        assert_int_equal(frames_mutator.mutate(NULL, &r, &seed, NULL, LANE_NEAR_VALID, 100000, &again, &did), 0);
        assert_true(fuzz_case_equal(&c, &again));
        assert_int_equal(frames_memory_run(m, &c), 0);
        struct frames_cost first = *frames_memory_cost(m);
        struct text a = TEXT_INIT, b = TEXT_INIT;
        exchange_print(frames_memory_exchange(m), &a);
        assert_int_equal(frames_memory_run(m, &c), 0);
        exchange_print(frames_memory_exchange(m), &b);
        assert_string_equal(text_string(&a), text_string(&b));
        assert_memory_equal(&first, frames_memory_cost(m), sizeof first);
        text_deinit(&a);
        text_deinit(&b);
    }
    frames_memory_free(m);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&again);
    fuzz_case_deinit(&seed);
}

static void nothing_to_change(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    random_seed(&r, 1);
    assert_false(frames_mutable(&c));
    assert_non_null(frames_mutate(&r, &c, NULL, NULL)); /* then a frame is put in */
    assert_true(frames_mutable(&c));
    assert_int_equal(c.events.count, 1);
    /* Full of events that are not ours: one makes room. */
    struct fuzz_event message = {.kind = EVENT_MESSAGE};
    fuzz_case_clear(&c);
    while (c.events.count < FUZZ_CASE_EVENTS_MAX)
        assert_true(fuzz_case_add(&c, &message, BYTES_NONE, BYTES_NONE) >= 0);
    for (int i = 0; i < 300; i++)
        assert_non_null(frames_mutate(&r, &c, NULL, NULL));
    fuzz_case_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains),
        cmocka_unit_test(same_seed_same_trace),
        cmocka_unit_test(nothing_to_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
