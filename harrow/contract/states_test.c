/* Files of provider states: what is wrong has a place, ${names} are replaced, and memory may run out anywhere. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "harrow/contract/states_internal.h"

#include <string.h>

#define GOOD                                                                                                           \
    "url: http://127.0.0.1:9/states\n"                                                                                 \
    "states:\n"                                                                                                        \
    "  a note: {setup: [{call: n.N/C, request: {t: \"${t}\", l: [1, \"x${n}\"]}, values: {id: $.id}}, {flow: f}]}\n"   \
    "  nothing:\n"

static void test_wrong(void **state)
{
    static const struct {
        const char *text, *message;
        int line;
    } rows[] = {
        {"states: 7", "states", 1},
        {"- a", "expected \"states\"", 1},
        {"states:\n  x: {setup: [{cal: y}]}", "\"call\", \"url\", \"command\" or \"flow\"", 2},
        {"states:\n  x: {setup: [{call: a/b, url: c}]}", "not both", 2},
        {"states:\n  x: {setup: [{call: a}]}", "expected a method", 2},
        {"states:\n  x: {setup: [{call: a/b, values: {id: id}}]}", "a path in the answer", 2},
        {"states:\n  x: {setup: [{command: ls}]}", "is a list", 2},
        {"states:\n  x: {set: []}", "set", 2},
        {"sttes: {}", "sttes", 1},
        {"states: {", "", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct contract_states *s = NULL;
        struct error err = ERROR_INIT;
        assert_int_not_equal(contract_states_parse(bytes_of(rows[i].text), "s.yaml", NULL, &s, &err), 0);
        if (err.file == NULL || err.line < rows[i].line || strstr(err.message, rows[i].message) == NULL)
            fail_msg("row %zu: %d: %s", i, err.line, err.message);
        error_clear(&err);
    }
}

static void test_names(void **state)
{
    struct contract_states *s;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(contract_states_parse(bytes_of(GOOD), "s.yaml", NULL, &s, &err), 0);
    s->known = json_pack("{s:i, s:s}", "t", 5, "n", "y");
    const struct node *step = &node_get(node_get(s->states, "a note"), "setup")->list.items[0];
    json_t *filled = contract_states_fill(s, node_get(step, "request"), &err);
    assert_int_equal(json_integer_value(json_object_get(filled, "t")), 5);
    assert_string_equal(json_string_value(json_array_get(json_object_get(filled, "l"), 1)), "xy");
    json_decref(filled);
    json_object_del(s->known, "n");
    assert_null(contract_states_fill(s, node_get(step, "request"), &err));
    assert_non_null(strstr(err.message, "${n} is neither"));
    assert_int_equal(err.line, 3);
    error_clear(&err);
    contract_states_free(s);
}

static int walk_scenario(void)
{
    struct contract_states *s = NULL;
    int code = contract_states_parse(bytes_of(GOOD), "s.yaml", "http://127.0.0.1:1/", &s, NULL);
    if (code != 0)
        return code;
    s->known = json_pack("{s:i, s:s}", "t", 5, "n", "y");
    const struct node *step = &node_get(node_get(s->states, "a note"), "setup")->list.items[0];
    json_t *filled = contract_states_fill(s, node_get(step, "request"), NULL);
    code = filled != NULL ? 0 : ERROR_MEMORY;
    json_decref(filled);
    contract_states_free(s);
    return code;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(walk_scenario, FAILING_MAY_BE_BORNE) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("provider states", tests, NULL, NULL);
}
