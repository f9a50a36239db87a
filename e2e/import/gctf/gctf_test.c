/* .gctf files as flows: what they say is what runs, and what cannot be said is told with its place. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "e2e/import/import.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE "docs/flows-gctf.md"

static int import(const char *text, struct text *yaml, struct text *told, struct error *err)
{
    struct document *d = NULL;
    int code = import_format_of("a.gctf")->parse_told(bytes_of(text), "a.gctf", told, &d, err);
    if (code == 0 && !import_yaml(document_root(d), yaml))
        code = ERROR_MEMORY;
    document_free(d);
    return code;
}

static bool run_text(struct test_system *s, struct bytes text)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary = {0};
    if (flow_parse(text, "flows/x.gctf", &flows, &err) != 0)
        fail_msg("flows/x.gctf:%d:%d: %s", err.line, err.column, err.message);
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), 0);
    flow_list_free(&flows);
    return summary.failed == 0;
}

static void passes(struct test_system *s, const char *text)
{
    if (!run_text(s, bytes_of(text))) {
        struct text report = TEXT_INIT;
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
}

static void fails(struct test_system *s, const char *text, const char *message)
{
    struct text report = TEXT_INIT;
    if (run_text(s, bytes_of(text)))
        fail_msg("passed: %s", text);
    test_report(s, &report);
    if (strstr(text_string(&report), message) == NULL)
        fail_msg("expected %s in\n%s", message, text_string(&report));
    text_deinit(&report);
}

/* ---- calls ---- */

#define CALL   "--- ENDPOINT ---\nhelloworld.Helloworld/Call\n"
#define STREAM "--- ENDPOINT ---\nhelloworld.Helloworld/Stream\n"
#define MARY   "--- REQUEST ---\n{\"name\": \"Mary\"}\n"

static void calls(void **state)
{
    struct test_system *s = *state;
    passes(s, "// a comment\n# another\n--- META ---\nname: hello\nsummary: what it is\ntags: [a, b]\n\n"
              "--- ADDRESS ---\nlocalhost:4770\n" CALL "--- REQUEST_HEADERS ---\nx-a: \"b\"\n"
              "--- REQUEST ---\n{ // JSON with more\n  name: 'Mary', /* a\n comment */\n}\n"
              "--- RESPONSE with_asserts ---\n{\"msg\": \"Hello Mary\"}\n"
              "--- ASSERTS ---\n.msg == \"Hello Mary\" and .msg != null # behind\n.msg | startswith(\"Hello\")\n"
              ".msg matches /^hello \\w+$/i\n!.msg contains \"Bob\"\n.msg | test(\"^H\") // x\n.nothing == null\n"
              "@len(.msg) == 10\n.msg | length > 3\n.msg | type == \"string\"\n@elapsed_ms() < 60000\n"
              "@scope.message_count() == 1\n@scope.index() == 1\n@scope.index() != 2\n!@scope.index() > "
              "1\n@has_value(.msg)\n!@has_header(\"x-none\")\n"
              "--- EXTRACT ---\nsaid = .msg\n"
              "--- ENDPOINT ---\nhelloworld.Helloworld/Call\n--- REQUEST ---\n{\"name\": \"{{ said }}\"}\n"
              "--- RESPONSE partial ---\n{\"msg\": \"Hello {{said}}\"}\n"
              "--- ASSERTS ---\n.msg == \"Hello Hello Mary\"\n.msg endsWith \"Mary\"\n$said == \"Hello Mary\"\n");
    passes(s, CALL MARY "--- RESPONSE ---\n{\"msg\": \"*\", \"other\": 0}\n");
    passes(s, CALL MARY "--- RESPONSE redact=[\"msg\"] ---\n{}\n");
    passes(s, CALL MARY "--- ASSERTS ---\n.msg == \"Hello Mary\"\n");
    passes(s, "#[skip]\n" CALL MARY "--- RESPONSE ---\n{}\n" CALL MARY "--- RESPONSE ---\n{\"msg\": \"Hello Mary\"}\n");
    passes(s, CALL "--- DATASET ---\n- who: Ann\n- who: Bob\n--- REQUEST ---\n{\"name\": \"{{dataset.who}}\"}\n"
                   "--- RESPONSE ---\n{\"msg\": \"Hello {{dataset.who}}\"}\n");
    fails(s, CALL MARY "--- RESPONSE ---\n{}\n", "x.gctf:6:1: failed: step 1");
    fails(s, CALL MARY "--- RESPONSE ---\n{\"msg\":\n  \"Hello Bob\"}\n", "x.gctf:7:3: failed: step 1");
    fails(s,
          CALL MARY "--- ASSERTS ---\n.msg == \"Hello Mary\"\n.msg == \"Hello Bob\"\n"
                    "",
          "x.gctf:7:1: failed: step 1");
    fails(s, CALL "--- REQUEST ---\n{\"name\": \"nobody\"}\n--- RESPONSE ---\n{}\n", "NOT_FOUND");
}

static void streams(void **state)
{
    struct test_system *s = *state;
    passes(s, STREAM "--- REQUEST ---\n{\"count\": 3}\n--- RESPONSE with_asserts ---\n{}\n{\"count\": 1}\n"
                     "--- ASSERTS ---\n@scope.message_count() == 2\n@total_elapsed_ms() >= 0\n"
                     "--- RESPONSE with_asserts ---\n{\"count\": 2}\n--- ASSERTS ---\n.count:number == 2\n"
                     "@scope.index() == 2\n");
    passes(s, STREAM "--- REQUEST ---\n{\"count\": 3}\n--- RESPONSE ---\n{\"count\": 0}\n--- ASSERTS ---\n"
                     ".count:number > 0\n");
    passes(
        s,
        "--- ENDPOINT ---\nhelloworld.Helloworld/PingPong\n--- REQUEST ---\n{\"stroke\": 1}\n--- REQUEST ---\n"
        "{\"stroke\": 2}\n--- RESPONSE ---\n{\"stroke\": \"1\"}\n--- RESPONSE tolerance=0.5 ---\n{\"stroke\": 2.4}\n");
    fails(s, STREAM "--- REQUEST ---\n{\"count\": 1}\n--- RESPONSE ---\n{}\n{\"count\": 1}\n", "a list of at least 2");
}

static void statuses(void **state)
{
    struct test_system *s = *state;
    passes(s, CALL "--- REQUEST ---\n{\"name\": \"nobody\"}\n--- ERROR partial ---\n{\"code\": 5}\n"
                   "--- ASSERTS ---\n.code == 5\n.message | contains(\"nobody is here\")\n.code != 3\n");
    passes(s, CALL "--- REQUEST ---\n{\"name\": \"nobody\"}\n--- ERROR partial ---\n{}\n");
    passes(s,
           CALL "--- REQUEST ---\n{\"name\": \"turned away\"}\n--- ERROR ---\n\"no\"\n--- ASSERTS ---\n"
                "@trailer(\"X-Reason\") == \"late\"\n@has_trailer(\"x-reason\")\n!@has_trailer(\"x-none\")\n"
                "@trailer(\"x-none\") == null\n@trailer(\"x-reason\") != null\n@trailer(\"x-reason\") | length == 4\n");
    fails(s, CALL "--- REQUEST ---\n{\"name\": \"turned away\"}\n--- ERROR ---\n\"n\"\n", "step 1");
    fails(s,
          CALL "--- REQUEST ---\n{\"name\": \"detailed\"}\n--- ERROR ---\n{\"code\": 3, \"message\": \"m\", "
               "\"details\": [{\"fieldViolations\": []}]}\n",
          "step 1");
    passes(s, CALL "--- REQUEST ---\n{\"name\": \"detailed\"}\n--- ERROR partial ---\n{\"code\": 3, \"details\": [\n"
                   "{\"@type\": \"type.googleapis.com/google.rpc.BadRequest\", \"fieldViolations\": [{\"field\": "
                   "\"name\"}]}]}\n--- ASSERTS ---\n@len(.details) > 0\n"
                   "");
    fails(s, CALL "--- REQUEST ---\n{\"name\": \"nobody\"}\n--- ERROR partial ---\n{\"code\": 6}\n",
          "x.gctf:6:10: failed: step 1");
    fails(s, CALL MARY "--- ERROR ---\n", "OK");
}

/* ---- errors ---- */

static void errors(void **state)
{
    static const char *const table[][2] = {
        {"", "1:1: there is no call in this file: --- ENDPOINT --- is missing"},
        {"hello", "1:1: expected a section's header: --- ENDPOINT ---"},
        {"--- REQEST ---\n{}", "1:5: there is no section REQEST: did you mean REQUEST?"},
        {"--- REQUEST ---\n{}", "1:1: this section belongs to a call: --- ENDPOINT --- stands before it"},
        {"--- ENDPOINT ---\nabc\n", "2:1: expected package.Service/Method"},
        {CALL MARY, "2:1: nothing is expected of this call: RESPONSE, ERROR or ASSERTS is missing"},
        {CALL "--- RESPONSE partail ---\n", "3:14: RESPONSE has no option \"partail\""},
        {CALL "--- ERROR tolerance=1 ---\n", "3:11: ERROR has no option \"tolerance\""},
        {CALL "--- RESPONSE tolerance=x ---\n", "3:24: expected a number: tolerance=0.01"},
        {CALL "--- RESPONSE with_asserts ---\n{}\n", "3:1: with_asserts wants ASSERTS right behind this section"},
        {CALL "--- RESPONSE redact=[\"a\"] ---\n{\"a\": \"b\"}",
         "4:7: \"a\" is redacted: no value of it is compared, so none can be named"},
        {CALL "--- REQUEST ---\n{\"a\": }", "4:7: expected a value"},
        {CALL "--- REQUEST ---\n{\"a\": 1", "4:8: expected \",\" or \"}\""},
        {CALL "--- REQUEST ---\n{\"a\": 1, \"a\": 2}", "4:10: \"a\" stands here a second time"},
        {CALL "--- REQUEST ---\n{\"a\": \"b\n}", "4:7: this text has no end on its line"},
        {CALL "--- REQUEST ---\n{\"a\": /* b\n}", "4:7: this /* has no end"},
        {CALL "--- ERROR ---\n{\"code\": 17}", "4:10: a status' code is a number from 0 to 16"},
        {CALL "--- ERROR ---\n{\"code\": 5}", "4:1: without partial no error is like this: \"message\" is missing"},
        {CALL "--- ERROR ---\n{\"message\": \"a\"}", "4:1: without partial no error is like this: \"code\" is missing"},
        {CALL "--- ERROR ---\n{\"message\": 5}", "4:13: \"message\" is a text"},
        {CALL "--- ERROR partial ---\n\"a\"", "4:1: with partial an error is {\"message\": \"...\"}"},
        {CALL "--- ERROR ---\n{\"status\": 1}",
         "4:2: an error has \"code\", \"message\" and \"details\", and no \"status\""},
        {CALL "--- ASSERTS ---\n.a | map(.x) == 3",
         "4:6: the expression \"map(.x) == 3\" of jq cannot be said in a flow"},
        {CALL "--- ASSERTS ---\n.a == 1 or .b == 2",
         "4:9: the expression \".a == 1 or .b == 2\" of jq cannot be said in a flow: a comparison ends here"},
        {CALL "--- ASSERTS ---\n@jwt(.a)", "4:1: the expression \"@jwt(.a)\" of jq cannot be said in a flow"},
        {CALL "--- ASSERTS ---\n@scope.index() == 2", "4:19: this never holds: it is scope 1 here"},
        {CALL "--- ASSERTS ---\n@scope.index() < 1", "4:18: this never holds: it is scope 1 here"},
        {CALL "--- ASSERTS ---\n!@scope.index() >= 1", "4:20: this never holds: it is scope 1 here"},
        {CALL "--- EXTRACT ---\na .b", "4:3: expected \"name = .path\""},
        {CALL "--- EXTRACT ---\na = .b\na = .c", "5:1: \"a\" stands here a second time"},
        {CALL "--- OPTIONS ---\ncompression: gzip", "4:1: the option \"compression: gzip\" cannot be said in a flow"},
        {CALL "--- REQUEST_HEADERS ---\nabc", "4:1: expected \"name: value\""},
        {"#[often]\n" CALL, "1:1: #[often] cannot be said in a flow"},
        {"--- META ---\nname: [\n" CALL, "3:1: "},
        {"--- META ---\nnam: x\n" CALL, "2:6: META has no \"nam\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text yaml = TEXT_INIT, got = TEXT_INIT;
        struct error err = ERROR_INIT;
        if (import(table[i][0], &yaml, NULL, &err) == 0)
            fail_msg("taken: %s\n%s", table[i][0], text_string(&yaml));
        text_printf(&got, "%d:%d: %s", err.line, err.column, err.message);
        if (strlen(table[i][1]) > 5)
            assert_string_equal(text_string(&got), table[i][1]);
        error_clear(&err);
        text_deinit(&got);
        text_deinit(&yaml);
    }
}

/* ---- the page ---- */

/* The next block of the page that begins with ```WORD; NULL: none. */
static const char *next_block(const char *at, const char *word, struct bytes *block)
{
    const char *found = strstr(at, word);
    if (found == NULL)
        return NULL;
    found = strchr(found + 1, '\n') + 1;
    const char *end = strstr(found, "\n```\n");
    assert_non_null(end);
    *block = BYTES(found, (size_t)(end + 1 - found));
    return end + 1;
}

static void page(void **state)
{
    struct test_system *s = *state;
    struct world *w = NULL;
    struct text content = TEXT_INIT;
    struct bytes block, wanted;
    size_t count = 0;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_read_file(w, PAGE, 1 << 20, &content, NULL), 0);
    for (const char *at = text_string(&content); (at = next_block(at, "\n```gctf", &block)) != NULL; count++) {
        struct text own = TEXT_INIT, yaml = TEXT_INIT, report = TEXT_INIT;
        text_add(&own, block.data, block.len);
        if (!run_text(s, block)) {
            test_report(s, &report);
            fail_msg("%s", text_string(&report));
        }
        assert_int_equal(import(text_string(&own), &yaml, NULL, NULL), 0);
        at = next_block(at, "\n```yaml", &wanted);
        assert_non_null(at);
        if (!bytes_equal(text_bytes(&yaml), wanted)) {
            fprintf(stderr, "ERROR: it is\n%s\n[  ERROR\n", text_string(&yaml)); /* cmocka cuts long texts */
            fail_msg("%s has another block", PAGE);
        }
        text_deinit(&own);
        text_deinit(&yaml);
    }
    assert_int_equal(count, 1);
    text_deinit(&content);
    world_real_free(w);
}

/* ---- memory ---- */

static const char *walked;

static int scenario(void)
{
    struct text yaml = TEXT_INIT, told = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = import(walked, &yaml, &told, &err);
    text_deinit(&yaml);
    text_deinit(&told);
    error_clear(&err);
    return code;
}

static void walks(void **state)
{
    static const char *const table[] = {
        ("--- META ---\nname: n\nsummary: s\ntags: [a]\nowner: o\nlinks: [x]\n--- ADDRESS ---\na:1\n#[retry(2)]\n" CALL
         "--- HEADERS ---\na: {{b}}\n--- DATASET ---\n- b: 1\n  c: [x, 1.5, null, true]\n--- OPTIONS ---\ntimeout: "
         "3\n" MARY
         "--- RESPONSE tolerance=0.1 unordered_arrays redact=[\"x\"] with_asserts ---\n{\"a\": [1, \"*\", 0.5, {}]}\n"
         "--- ASSERTS ---\n.a[0] == 1 and @len(.a) > 2\n.b[\"x y\"] | test(\"a/b\")\n@header(\"x\") != \"${y}\"\n"
         "--- EXTRACT ---\nx:number = .a[1]\n"),
        (CALL MARY
         "--- ERROR partial ---\n{\"code\": 3, \"message\": \"m\", \"details\": [{\"@type\": \"a/b\", \"aB\": 1}]}\n"
         "--- ASSERTS ---\n.code == 3\n"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        walked = table[i];
        assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 20);
    }
}

int main(void)
{
#define SIM(test) cmocka_unit_test_setup_teardown(test, test_system_setup_sim, test_system_teardown)
    const struct CMUnitTest tests[] = {
        SIM(calls), SIM(streams), SIM(statuses), cmocka_unit_test(errors), SIM(page), cmocka_unit_test(walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
