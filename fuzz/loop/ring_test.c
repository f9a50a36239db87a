/* Records through shared memory: order, wrapping, a reader that is behind, broken memory; and records themselves. */
#include "base/test.h"

#include "base/random.h"
#include "fuzz/loop/record.h"
#include "fuzz/loop/ring.h"

#include <stdlib.h>
#include <string.h>

#define SIZE 4096

static struct ring *fresh(void)
{
    struct ring *r = aligned_alloc(16, SIZE);
    memset(r, 255, SIZE);
    ring_init(r, SIZE);
    return r;
}

/* A record's content follows from its number, so that the reader knows what to see. */
static size_t length_of(uint64_t number)
{
    return (size_t)(number * 2654435761U % 1500);
}

static void test_order(void **state)
{
    (void)state;
    struct ring *r = fresh();
    struct random random;
    uint64_t in = 0, out = 0;
    size_t full = 0;
    random_seed(&random, 3);
    while (out < 20000) {
        if (random_next(&random) & 1) {
            uint8_t *room = ring_reserve(r, length_of(in));
            if (room) {
                assert_int_equal((uintptr_t)room % 16, 0);
                memset(room, (int)(in & 255), length_of(in));
                ring_commit(r);
                in++;
            } else {
                full++;
                assert_true(in > out); /* an empty ring takes whatever fits */
            }
        } else {
            size_t len;
            const uint8_t *at = ring_peek(r, &len);
            assert_true((at != NULL) == (in > out));
            if (!at)
                continue;
            assert_int_equal(len, length_of(out));
            for (size_t i = 0; i < len; i++)
                assert_int_equal(at[i], out & 255);
            ring_consume(r);
            out++;
        }
    }
    assert_true(full > 100);
    assert_true(ring_fits(r, 1500));
    assert_false(ring_fits(r, SIZE / 2));
    assert_null(ring_reserve(r, SIZE / 2));
    free(r);
}

/* What was reserved and not committed is not there. */
static void test_uncommitted(void **state)
{
    (void)state;
    struct ring *r = fresh();
    size_t len;
    assert_non_null(ring_reserve(r, 10));
    assert_null(ring_peek(r, &len));
    memcpy(ring_reserve(r, 3), "abc", 3);
    ring_commit(r);
    assert_memory_equal(ring_peek(r, &len), "abc", 3);
    assert_int_equal(len, 3);
    free(r);
}

/* Whatever the writer left there, reading ends and stays within the memory. */
static void test_broken(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 9);
    for (int round = 0; round < 3000; round++) {
        struct ring *r = fresh();
        size_t len, records = 0;
        for (int i = 0; i < 5; i++) {
            memset(ring_reserve(r, 100), i, 100);
            ring_commit(r);
        }
        for (uint64_t n = 1 + random_below(&random, 3); n > 0; n--) {
            uint64_t value = random_below(&random, 2) ? random_next(&random) : random_below(&random, 200) * 16;
            switch (random_below(&random, 4)) {
            case 0:
                atomic_store(&r->written, value);
                break;
            case 1:
                atomic_store(&r->read, value);
                break;
            default:
                memcpy(r->data + random_below(&random, 40) * 16, &value, 8);
            }
        }
        const uint8_t *at;
        while ((at = ring_peek(r, &len))) {
            assert_true(at >= r->data && at + len <= (uint8_t *)r + SIZE);
            ring_consume(r);
            assert_true(++records <= SIZE);
        }
        free(r);
    }
}

static void test_record(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    uint64_t features[] = {7, 8};
    uint32_t edges[] = {1, 2, 3};
    uint8_t classes[] = {1, 2, 128};
    struct record r = {.head = {.hash = 5, .what = "word", .feature_count = 2, .edge_count = 3},
                       .features = features,
                       .edges = edges,
                       .classes = classes};
    struct record back;
    assert_true(fuzz_case_add(&c, &(struct fuzz_event){.kind = EVENT_BYTES}, BYTES_NONE, bytes_of("content")) == 0);
    record_set_case(&r, &c);
    size_t size = record_size(&r);
    uint8_t *memory = malloc(size);
    record_write(&r, memory);
    assert_true(record_read(memory, size, &back));
    struct fuzz_case view = record_case(&back);
    assert_true(fuzz_case_equal(&view, &c));
    assert_int_equal(back.head.hash, 5);
    assert_string_equal(back.head.what, "word");
    assert_memory_equal(back.features, features, sizeof features);
    assert_memory_equal(back.edges, edges, sizeof edges);
    assert_memory_equal(back.classes, classes, sizeof classes);
    assert_false(record_read(memory, size - 1, &back));
    assert_false(record_read(memory, 3, &back));
    for (size_t i = 0; i < size; i++) {
        memory[i] ^= 4;
        assert_false(record_read(memory, size, &back));
        memory[i] ^= 4;
    }
    assert_true(record_read(memory, size, &back));
    free(memory);
    fuzz_case_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_uncommitted),
                                       cmocka_unit_test(test_broken), cmocka_unit_test(test_record)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
