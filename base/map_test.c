#include "base/test.h"

#include "base/map.h"

#include <stdio.h>

static void test_put_get_remove(void **state)
{
    (void)state;
    struct map m = MAP_INIT;
    int one = 1, two = 2;
    assert_null(map_get(&m, "a"));
    assert_null(map_remove(&m, "a"));
    assert_int_equal(map_count(&m), 0);
    assert_true(map_put(&m, "a", &one));
    assert_true(map_put(&m, "", &two));
    assert_ptr_equal(map_get(&m, "a"), &one);
    assert_ptr_equal(map_get(&m, ""), &two);
    assert_true(map_put(&m, "a", &two)); /* replaces */
    assert_ptr_equal(map_get(&m, "a"), &two);
    assert_int_equal(map_count(&m), 2);
    assert_true(map_put_n(&m, "a\0b", 3, &one));
    assert_ptr_equal(map_get_n(&m, "a\0b", 3), &one);
    assert_ptr_equal(map_get(&m, "a"), &two);
    assert_ptr_equal(map_remove_n(&m, "a\0b", 3), &one);
    assert_null(map_get_n(&m, "a\0b", 3));
    assert_ptr_equal(map_remove(&m, "a"), &two);
    assert_int_equal(map_count(&m), 1);
    map_deinit(&m);
    assert_int_equal(map_count(&m), 0);
}

static void test_many_in_order(void **state)
{
    (void)state;
    struct map m = MAP_INIT;
    static char values[20000]; /* told apart by their addresses */
    char key[32];
    for (size_t i = 0; i < 20000; i++) {
        (void)snprintf(key, sizeof key, "key number %zu", i * 7919 % 20000);
        assert_true(map_put(&m, key, &values[i]));
    }
    assert_int_equal(map_count(&m), 20000);
    size_t expected = 1;
    for (struct map_entry *e = map_first(&m), *next; e; e = next) {
        next = map_next(e);
        assert_ptr_equal(map_value(e), &values[expected - 1]);
        (void)snprintf(key, sizeof key, "key number %zu", (expected - 1) * 7919 % 20000);
        assert_string_equal(map_key(e), key);
        if (expected % 3 == 0)
            assert_non_null(map_remove(&m, key)); /* while walking */
        expected++;
    }
    assert_int_equal(expected, 20001);
    assert_int_equal(map_count(&m), 20000 - 6666);
    map_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_remove),
        cmocka_unit_test(test_many_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
