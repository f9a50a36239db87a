/* Memory that goes back: the zone, static data, nested states, and the allocator itself. */
#include "base/test.h"

#include "base/random.h"
#include "world/saved.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS 2000

static int counter = 7;
static char *kept;

static void needs_memory(void)
{
    if (!saved_possible())
        skip();
}

static void the_allocator_gives_distinct_memory(void **state)
{
    struct random r;
    uint8_t *blocks[BLOCKS] = {NULL};
    size_t sizes[BLOCKS];
    (void)state;
    needs_memory();
    random_seed(&r, 1);
    saved_enter();
    size_t before = saved_in_use();
    for (size_t round = 0; round < 20 * BLOCKS; round++) {
        size_t i = (size_t)random_below(&r, BLOCKS), size = (size_t)random_below(&r, 5) ? 40 : 70000;
        size_t want = (size_t)random_below(&r, size) + 1;
        for (size_t k = 0; blocks[i] && k < sizes[i]; k += 1 + sizes[i] / 16)
            assert_int_equal(blocks[i][k], (uint8_t)i);
        if (random_below(&r, 3) == 0) {
            free(blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        blocks[i] = random_below(&r, 2) ? realloc(blocks[i], want) : (free(blocks[i]), aligned_alloc(64, want));
        assert_non_null(blocks[i]);
        sizes[i] = want;
        memset(blocks[i], (uint8_t)i, want);
    }
    uint8_t *zeros = calloc(100, 100);
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(zeros[i], 0);
    free(zeros);
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    assert_int_equal(saved_in_use(), before);
    saved_fail(2);
    void *volatile first = malloc(10), *volatile second = malloc(10), *volatile third = malloc(10);
    assert_true(first && !second && third);
    free(first);
    free(third);
    saved_leave();
}

static void memory_goes_back(void **state)
{
    (void)state;
    needs_memory();
    saved_enter();
    kept = malloc(100000);
    memset(kept, 'a', 100000);
    saved_leave();
    char *outside = malloc(100);
    strcpy(outside, "one");
    assert_int_equal(saved_take(1), ERROR_INVALID); /* not before level 0 */
    assert_int_equal(saved_take(0), 0);
    for (int round = 0; round < 50; round++) {
        saved_enter();
        counter++;
        memset(kept + 5000 * (round % 10), 'b', 5000);
        char *more = malloc(30000);
        memset(more, 'c', 30000);
        free(kept);
        kept = more;
        assert_int_equal(saved_take(1), 0);
        for (int suffix = 0; suffix < 3; suffix++) {
            counter += 100;
            memset(kept, 'd', 30000);
            void *volatile big = malloc(1 << 20);
            free(big);
            saved_back(1);
            assert_int_equal(counter, 8);
            assert_int_equal(kept[29999], 'c');
        }
        saved_back(0);
        saved_leave();
        assert_int_equal(counter, 7);
        for (size_t i = 0; i < 100000; i += 100)
            assert_int_equal(kept[i], 'a');
        assert_false(saved_has(1));
    }
    assert_string_equal(outside, "one");
    free(outside);
    assert_true(saved_pages() > 20 && saved_pages() < 400);
    saved_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_allocator_gives_distinct_memory),
                                       cmocka_unit_test(memory_goes_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
