#include "base/json_copy.h"

#include "base/failing_walk.h"

#include <stdlib.h>

static json_t *tree;

static json_t *make(void)
{
    json_t *v = json_pack("{s:[i,s,[],{s:n}], s:{s:{s:f, s:b}}, s:s, s:{}}", "list", 1, "a", "none", "deep", "er", "x",
                          0.5, "y", 1, "text", "b", "empty");
    assert_non_null(v);
    return v;
}

static int copy(json_t *(*how)(const json_t *))
{
    json_t *out = how(tree);
    if (out == NULL)
        return ERROR_MEMORY;
    int code = json_equal(out, tree) ? 0 : ERROR_INVALID; /* a part of it is worse than nothing */
    json_decref(out);
    return code;
}

static int copy_whole(void)
{
    return copy(json_copy_whole);
}

static int copy_map(void)
{
    return copy(json_copy_map);
}

static void test_whole_or_nothing(void **state)
{
    (void)state;
    tree = make();
    json_set_alloc_funcs(failing_malloc, failing_free);
    size_t whole = failing_walk(copy_whole, FAILING_IS_TOLD), map = failing_walk(copy_map, FAILING_IS_TOLD);
    json_set_alloc_funcs(malloc, free);
    assert_in_range(whole, 12, 100);
    assert_in_range(map, 5, 50);
    json_decref(tree);
}

static void test_of_its_own(void **state)
{
    (void)state;
    tree = make();
    json_t *out = json_copy_whole(tree), *map = json_copy_map(tree);
    json_array_append_new(json_object_get(out, "list"), json_null());
    json_object_set_new(json_object_get(json_object_get(out, "deep"), "er"), "z", json_null());
    json_object_set_new(map, "more", json_null());
    json_t *again = make();
    assert_true(json_equal(tree, again));
    assert_ptr_equal(json_object_get(map, "list"), json_object_get(tree, "list"));
    assert_null(json_copy_whole(NULL));
    assert_null(json_copy_map(json_object_get(tree, "list")));
    json_decref(out);
    json_decref(map);
    json_decref(again);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole_or_nothing), cmocka_unit_test(test_of_its_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
