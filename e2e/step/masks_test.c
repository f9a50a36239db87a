/* Field masks written as objects, wherever a request may hold one. */
#include "base/test.h"

#include "base/failing.h"
#include "base/failing_walk.h"
#include "e2e/step/masks.h"
#include "wire/proto/proto.h"

#include <string.h>

static const char contract[] = "syntax = \"proto3\";\n"
                               "package p;\n"
                               "import \"google/protobuf/field_mask.proto\";\n"
                               "message Part { google.protobuf.FieldMask mask = 1; repeated string paths = 2; }\n"
                               "message Whole {\n"
                               "  google.protobuf.FieldMask update_mask = 1;\n"
                               "  Part part = 2;\n"
                               "  repeated Part parts = 3;\n"
                               "  map<string, Part> by_name = 4;\n"
                               "  repeated google.protobuf.FieldMask masks = 5;\n"
                               "}\n";

static struct pb_pool *pool;
static const char *walked;

static int set_up(void **state)
{
    struct text set = TEXT_INIT;
    (void)state;
    int code = proto_compile_text("p.proto", bytes_of(contract), &set, NULL);
    if (code == 0)
        code = pb_pool_new(text_bytes(&set), "p", &pool, NULL);
    text_deinit(&set);
    return code;
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static int change(const char *json, bool *changed, json_t **out)
{
    *out = json_loads(json, 0, NULL);
    *changed = *out != NULL && masks_to_texts(pb_find_type(pool, "p.Whole"), *out);
    return 0;
}

static void texts(void **state)
{
    static const char *const cases[][2] = {
        /* what is written, what becomes of it; NULL: nothing */
        {"{\"updateMask\": {\"paths\": [\"name\", \"postal_address.zip_code\"]}}",
         "{\"updateMask\": \"name,postalAddress.zipCode\"}"},
        {"{\"update_mask\": {\"paths\": []}}", "{\"update_mask\": \"\"}"},
        {"{\"part\": {\"mask\": {\"paths\": [\"a\"]}, \"paths\": [\"b\"]}}",
         "{\"part\": {\"mask\": \"a\", \"paths\": [\"b\"]}}"},
        {"{\"parts\": [{}, {\"mask\": {\"paths\": [\"a\"]}}]}", "{\"parts\": [{}, {\"mask\": \"a\"}]}"},
        {"{\"updateMask\": \"name\"}", NULL},
        {"{\"updateMask\": {\"paths\": [1]}}", NULL},
        {"{\"updateMask\": {\"paths\": [\"a\"], \"more\": 1}}", NULL},
        {"{\"updateMask\": {\"path\": [\"a\"]}}", NULL},
        {"{\"part\": {\"paths\": [\"a\"]}, \"unknown\": {\"paths\": [\"a\"]}}", NULL},
        {"{\"part\": 3, \"parts\": {\"a\": 1}, \"byName\": {\"a\": {\"mask\": {\"paths\": [\"a\"]}}}}", NULL},
        {"[]", NULL},
        {"{}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *wanted = cases[i][1] != NULL ? cases[i][1] : cases[i][0];
        json_t *got, *expected = json_loads(wanted, 0, NULL);
        bool changed;
        change(cases[i][0], &changed, &got);
        assert_int_equal(changed, cases[i][1] != NULL);
        if (!json_equal(got, expected)) {
            char *text = json_dumps(got, 0);
            fail_msg("%s became %s", cases[i][0], text);
        }
        json_decref(got);
        json_decref(expected);
    }
}

static int scenario(void)
{
    json_t *got;
    bool changed;
    change(walked, &changed, &got);
    json_decref(got);
    return 0;
}

static void memory_runs_out(void **state)
{
    (void)state;
    walked = "{\"updateMask\": {\"paths\": [\"name\", \"a_b\"]}, \"parts\": [{\"mask\": {\"paths\": [\"a\"]}}]}";
    json_set_alloc_funcs(failing_malloc, failing_free);
    size_t failed = failing_walk(scenario, FAILING_MAY_BE_BORNE);
    json_set_alloc_funcs(malloc, free);
    assert_true(failed > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(memory_runs_out)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
