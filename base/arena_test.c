#include "base/test.h"

#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

static bool all_zero(const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i])
            return false;
    return true;
}

static void test_zeroed_aligned_apart(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    unsigned char *blocks[2000];
    size_t sizes[2000];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 2000; i++) {
            sizes[i] = i % 7 == 0 ? i * 11 : i % 50;
            blocks[i] = arena_alloc(&a, sizes[i]);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
            assert_true(all_zero(blocks[i], sizes[i]));
            memset(blocks[i], (int)(i & 0xFF), sizes[i]);
        }
        for (size_t i = 0; i < 2000; i++)
            for (size_t j = 0; j < sizes[i]; j++)
                assert_int_equal(blocks[i][j], i & 0xFF);
        arena_reset(&a); /* the kept block must be zero again in round two */
        assert_int_equal(a.used, 0);
    }
    arena_deinit(&a);
    assert_null(a.blocks);
}

static void test_large_requests(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    char *small = arena_string(&a, "small");
    unsigned char *large = arena_alloc(&a, 3 * ARENA_BLOCK_MAX);
    char *after = arena_string(&a, "after");
    assert_non_null(large);
    large[3 * ARENA_BLOCK_MAX - 1] = 1;
    /* The large one did not waste the room left in the block before it. */
    assert_true(after - small > 0 && after - small < ARENA_BLOCK_MIN);
    arena_reset(&a);
    arena_deinit(&a);
    assert_non_null(arena_alloc(&a, 2 * ARENA_BLOCK_MAX)); /* first of all */
    arena_reset(&a);
    assert_null(a.blocks);
    arena_deinit(&a);
}

static void test_limit_and_overflow(void **state)
{
    (void)state;
    struct arena a = {.limit = 1000};
    assert_non_null(arena_alloc(&a, 900));
    assert_null(arena_alloc(&a, 200));
    assert_non_null(arena_alloc(&a, 50));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 7));
    assert_null(ARENA_NEW_N(&a, uint64_t, SIZE_MAX / 8 + 2));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 900));
    arena_deinit(&a);
}

static void test_strings(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    assert_null(arena_string(&a, NULL));
    assert_string_equal(arena_string(&a, "x"), "x");
    assert_string_equal(arena_string_n(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_string_n(&a, NULL, 0), "");
    assert_string_equal(arena_printf(&a, "%d-%s", 5, "y"), "5-y");
    int numbers[] = {1, 2, 3};
    int *copy = arena_copy(&a, numbers, sizeof numbers);
    assert_memory_equal(copy, numbers, sizeof numbers);
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_aligned_apart),
        cmocka_unit_test(test_large_requests),
        cmocka_unit_test(test_limit_and_overflow),
        cmocka_unit_test(test_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
