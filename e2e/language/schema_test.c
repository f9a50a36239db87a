/* flow.schema.json is what the loader's tables say. After a change that is meant, `e2e_schema_test --update` writes it
 * anew. */
#include "base/failing_walk.h"

#include "e2e/kind.h"
#include "world/real.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA "e2e/flow.schema.json"

static struct world *files;
static bool update;

static void in_the_tree(void **state)
{
    struct text made = TEXT_INIT, kept = TEXT_INIT;
    struct error err = ERROR_INIT;
    (void)state;
    assert_true(flow_schema(&made));
    if (update)
        assert_int_equal(world_write_file(files, SCHEMA, text_bytes(&made), false, NULL), 0);
    if (world_read_file(files, SCHEMA, (size_t)1 << 20, &kept, &err) != 0)
        fail_msg("%s", err.message);
    assert_string_equal(text_string(&made), text_string(&kept));
    text_deinit(&made);
    text_deinit(&kept);
}

/* Every kind, key and matcher is in it: nothing is there that editors do not know. */
static void whole(void **state)
{
    struct text made = TEXT_INIT;
    (void)state;
    assert_true(flow_schema(&made));
    json_t *schema = json_loads(text_string(&made), JSON_REJECT_DUPLICATES, NULL);
    const json_t *definitions = json_object_get(schema, "definitions");
    for (size_t i = 0; step_kinds[i] != NULL; i++) {
        char name[64];
        snprintf(name, sizeof name, "step_%s", step_kinds[i]->name);
        const json_t *properties = json_object_get(json_object_get(definitions, name), "properties");
        for (const struct step_key *key = step_kinds[i]->keys; key->name != NULL; key++)
            assert_non_null(json_object_get(properties, key->name));
        assert_non_null(json_object_get(properties, step_kinds[i]->name));
    }
    const json_t *any = json_object_get(json_object_get(definitions, "expected"), "anyOf");
    const json_t *matching = json_object_get(json_array_get(any, 3), "properties");
    for (const struct matcher *m = matchers; m->name != NULL; m++)
        assert_non_null(json_object_get(matching, m->name));
    json_decref(schema);
    text_deinit(&made);
}

static int make(void)
{
    static size_t whole_len;
    struct text made = TEXT_INIT;
    int code = !flow_schema(&made) ? ERROR_MEMORY : whole_len != 0 && made.len != whole_len ? ERROR_INVALID : 0;
    if (whole_len == 0)
        whole_len = made.len;
    text_deinit(&made);
    return code;
}

/* All of it, or nothing. */
static void without_memory(void **state)
{
    (void)state;
    json_set_alloc_funcs(malloc, free); /* jansson's own, as they are wrapped here */
    assert_int_equal(make(), 0);
    assert_in_range(failing_walk(make, FAILING_IS_TOLD), 1000, 100000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_the_tree), cmocka_unit_test(whole),
                                       cmocka_unit_test(without_memory)};
    update = argc > 1 && strcmp(argv[1], "--update") == 0;
    if (world_real_new(1, &files, NULL) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_real_free(files);
    return failed;
}
