#include "base/test.h"

#include "base/array.h"

static void test_push_remove(void **state)
{
    (void)state;
    ARRAY(int) a = {0};
    for (int i = 0; i < 1000; i++)
        assert_true(array_push(&a, i));
    assert_int_equal(a.count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(a.items[i], i);
    array_remove(&a, 0);
    array_remove(&a, 500);
    assert_int_equal(a.items[0], 1);
    assert_int_equal(a.items[499], 500);
    assert_int_equal(a.items[500], 502);
    assert_int_equal(*array_last(&a), 999);
    assert_int_equal(array_pop(&a), 999);
    assert_int_equal(a.count, 997);
    array_clear(&a);
    assert_int_equal(a.count, 0);
    assert_true(a.capacity >= 1000);
    array_deinit(&a);
    assert_null(a.items);
    assert_int_equal(a.capacity, 0);
}

static void test_reserve_and_overflow(void **state)
{
    (void)state;
    ARRAY(uint64_t) a = {0};
    assert_true(array_reserve(&a, 100));
    uint64_t *before = a.items;
    for (uint64_t i = 0; i < 100; i++)
        assert_true(array_push(&a, i));
    assert_ptr_equal(a.items, before);
    assert_false(array_reserve(&a, SIZE_MAX / 4));
    assert_int_equal(a.count, 100);
    assert_int_equal(a.items[99], 99);
    array_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_remove),
        cmocka_unit_test(test_reserve_and_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
