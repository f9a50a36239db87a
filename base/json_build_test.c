#include "base/json_build.h"

#include "base/failing_walk.h"

#include <stdlib.h>

static void test_what_cannot_go_in(void **state)
{
    json_t *list = json_array(), *object = json_object();
    (void)state;
    json_build_add(&list, json_string("a"));
    json_build_set(&object, "list", json_incref(list));
    assert_int_equal(json_array_size(json_object_get(object, "list")), 1);
    json_build_add(&list, json_string("\xff"));
    assert_null(list);
    json_build_add(&list, json_string("b"));
    assert_null(list);
    json_build_set(&object, "no list", list);
    assert_null(object);
    json_build_set(&object, "list", json_true());
    assert_null(object);
    assert_null(json_pack("{s:o}", "object", object));
}

static int build(void)
{
    json_t *list = json_array(), *object = json_object();
    for (int i = 0; i < 20; i++)
        json_build_add(&list, json_pack("{s:i}", "i", i));
    json_build_set(&object, "list", list);
    json_build_set(&object, "text", json_string("t"));
    int code = object == NULL ? ERROR_MEMORY
               : json_object_size(object) == 2 && json_array_size(json_object_get(object, "list")) == 20
                   ? 0
                   : ERROR_INVALID;
    json_decref(object);
    return code;
}

static void test_memory(void **state)
{
    (void)state;
    json_set_alloc_funcs(malloc, free); /* jansson's own, as they are wrapped here */
    assert_in_range(failing_walk(build, FAILING_IS_TOLD), 20, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_go_in),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
