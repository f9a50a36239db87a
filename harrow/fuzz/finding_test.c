/* A finding's test is the same to the byte as the one that tests/fuzz builds and runs. */
#include "base/test.h"

#include "base/failing.h"
#include "harrow/fuzz/run.h"
#include "world/real.h"

#include <string.h>

static void the_source_is_the_one_that_is_built(void **state)
{
    struct world *w = NULL;
    struct text script = TEXT_INIT, kept = TEXT_INIT, made = TEXT_INIT;
    (void)state;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_read_file(w, "tests/fuzz/sample/1.case", 1 << 16, &script, NULL), 0);
    assert_int_equal(world_read_file(w, "tests/fuzz/sample/1_test.c", 1 << 16, &kept, NULL), 0);
    finding_test_source("tests/fuzz/toy.yaml", "processes", 3, "notes.Notes/Delete: crash", text_bytes(&script), &made);
    assert_string_equal(text_string(&made), text_string(&kept));
    world_real_free(w);
    text_deinit(&script);
    text_deinit(&kept);
    text_deinit(&made);
}

/* Whatever stands in a script and a title, it stays one string and one comment. */
static void odd_texts_stay_texts(void **state)
{
    static const char odd[] = "call \"a\\b\"?\?=\n\x01\xff*/";
    struct text made = TEXT_INIT;
    (void)state;
    finding_test_source("a \"b\".yaml", "sim", 1, "x", BYTES(odd, sizeof odd - 1), &made);
    assert_true(text_ok(&made));
    assert_non_null(strstr(text_string(&made), "    \"call \\\"a\\\\b\\\"\\?\\?=\\n\"\n    \"\\001\\377*/\";"));
    assert_non_null(strstr(text_string(&made), "finding_replay(\"a \\\"b\\\".yaml\", \"sim\", UINT64_C(1), script"));
    text_deinit(&made);
}

/* Without memory it says so, and is never half a source that looks whole. */
static void no_memory_is_told(void **state)
{
    static const char script[] = "# seed: 1\ncall /a.B/C\nmessage 0 {}\n";
    bool hit = true;
    (void)state;
    for (size_t n = 1; hit; n++) {
        struct text made = TEXT_INIT;
        failing_arm(n);
        finding_test_source("systems/micro.yaml", "sim", 1, "a.B/C: crash", bytes_of(script), &made);
        hit = failing_hit();
        failing_disarm();
        assert_int_equal(text_ok(&made), !hit);
        text_deinit(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_source_is_the_one_that_is_built),
                                       cmocka_unit_test(odd_texts_stay_texts), cmocka_unit_test(no_memory_is_told)};
    return cmocka_run_group_tests_name("harrow/finding", tests, NULL, NULL);
}
