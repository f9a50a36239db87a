/* What is kept of a text and of a sanitizer's report. */
#include "base/test.h"

#include "fuzz/live/engine.h"

#include <stdlib.h>
#include <string.h>

static void texts_lose_what_differs(void **state)
{
    static const struct {
        const char *text, *normal;
    } table[] = {{"index out of range", "index out of range"},
                 {"key \"a/b c\" of 17 keys", "key # of # keys"},
                 {"key 'unfinished", "key #"},
                 {"at 0x7ffe12 in  table_3", "at # in #"},
                 {"", ""},
                 {"na\xC3\xAFve text", "# text"}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text out = TEXT_INIT;
        finding_normalise(table[i].text, &out);
        assert_string_equal(text_string(&out), table[i].normal);
        text_deinit(&out);
    }
    /* However long it is. */
    struct text out = TEXT_INIT, in = TEXT_INIT;
    for (int i = 0; i < 1000; i++)
        text_puts(&in, "word ");
    finding_normalise(text_string(&in), &out);
    assert_in_range(out.len, 90, 110);
    text_deinit(&in);
    text_deinit(&out);
}

static void stacks_are_their_topmost_functions(void **state)
{
    static const char asan[] = "toy | ==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x60\n"
                               "toy |     #0 0x55d0 in __interceptor_memcpy (/bin/toy+0x1)\n"
                               "toy |     #1 0x55d1 in note_copy /src/note.c:12:3\n"
                               "toy |     #2 0x55d2 in note_update /src/note.c:80:9\n"
                               "toy |     #3 0x55d3 in on_message /src/toy.c:5:1\n"
                               "toy |     #4 0x55d4 in rpc_dispatch /src/rpc.c:9:1\n"
                               "toy | freed by thread T0 here:\n"
                               "toy |     #0 0x55d5 in free (/bin/toy+0x2)\n"
                               "toy |     #1 0x55d6 in note_drop /src/note.c:3:3\n";
    struct text out = TEXT_INIT;
    (void)state;
    assert_true(finding_stack(asan, &out));
    assert_string_equal(text_string(&out), "note_copy < note_update < on_message");
    text_clear(&out);
    assert_true(finding_stack("#0 0x1 in abort\n#1 0x2 in only_one(int)\n#0 0x3 in other\n", &out));
    assert_string_equal(text_string(&out), "only_one");
    text_clear(&out);
    assert_false(finding_stack("toy is gone; its last lines:\n# 3 of 4\n#x\n", &out));
    assert_int_equal(out.len, 0);
    text_deinit(&out);
}

static void families_end_at_the_dash(void **state)
{
    (void)state;
    assert_true(bytes_is(finding_family("utf8-overlong"), "utf8"));
    assert_true(bytes_is(finding_family("tag"), "tag"));
    assert_int_equal(finding_family(NULL).len, 0);
}

/* One cause: the same words from two methods of one component, or their silence. */
static void what_shows_everywhere(void **state)
{
    static const struct pb_method methods[2] = {{.name = "A"}, {.name = "B"}};
    static const struct target_component components[2] = {{.name = "a"}, {.name = "b"}};
    static const struct {
        const char *oracle, *one, *other;
        bool same;
    } rows[] = {
        {"internal", "answered UNKNOWN to x: etcdserver: corrupt cluster",
         "answered UNKNOWN to y: etcdserver: corrupt cluster", true},
        {"internal", "answered UNKNOWN to x: no leader for 17 s", "answered UNKNOWN to x: no leader for 4 s", true},
        {"internal", "answered UNKNOWN to x: etcdserver: corrupt cluster", "answered INTERNAL to x: panic in lease",
         false},
        {"internal", "answered INTERNAL to x: error", "answered INTERNAL to x: error", false},
        {"hang", "no answer within 5s", "no answer within 6s", true},
        {"schema", "a reply is no valid X", "a reply is no valid X", false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fuzz_finding a = {.method = &methods[0], .component = &components[0], .oracle = rows[i].oracle},
                            b = {.method = &methods[1], .component = &components[0], .oracle = rows[i].oracle};
        a.why = strdup(rows[i].one);
        b.why = strdup(rows[i].other);
        assert_true(a.why && b.why);
        if ((finding_same_words(&a, &b) || finding_both_silent(&a, &b)) != rows[i].same)
            fail_msg("row %zu", i);
        b.component = &components[1];
        assert_false(finding_same_words(&a, &b) || finding_both_silent(&a, &b));
        free(a.why);
        free(b.why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_lose_what_differs), cmocka_unit_test(stacks_are_their_topmost_functions),
        cmocka_unit_test(families_end_at_the_dash), cmocka_unit_test(what_shows_everywhere)};
    return cmocka_run_group_tests_name("fuzz/identity", tests, NULL, NULL);
}
