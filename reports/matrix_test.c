/* The matrix against golden sections of the page, the summary and the JSON (HARROW_GOLDEN=update writes them anew),
 * what it makes of lines, and what it says to bad ones. */
#include "base/failing_walk.h"

#include "reports/html.h"
#include "reports/matrix.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>

#define TESTDATA "reports/testdata/"

static struct world *world;
static struct text stream;

static struct report *read_text(struct bytes text, struct error *err)
{
    struct report *r = NULL;
    int rc = report_new("contracts.jsonl", &r, err);
    for (size_t at = 0, len; rc == 0 && at < text.len; at += len + 1) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        len = end == NULL ? text.len - at : (size_t)(end - (text.data + at));
        rc = report_add_line(r, BYTES(text.data + at, len), err);
    }
    if (rc != 0) {
        report_free(r);
        return NULL;
    }
    return r;
}

static void check_golden(const char *path, const struct text *got)
{
    struct text expected = TEXT_INIT;
    const char *mode = getenv("HARROW_GOLDEN");
    assert_true(text_ok(got));
    if (mode != NULL && strcmp(mode, "update") == 0)
        assert_int_equal(world_write_file(world, path, text_bytes(got), false, NULL), 0);
    assert_int_equal(world_read_file(world, path, 1 << 20, &expected, NULL), 0);
    assert_string_equal(text_string(got), text_string(&expected));
    text_deinit(&expected);
}

static void test_golden(void **state)
{
    (void)state;
    struct report *r = read_text(text_bytes(&stream), NULL);
    struct text out = TEXT_INIT;
    assert_non_null(r);
    matrix_html(r, &out);
    assert_null(strstr(text_string(&out), "<b>m")); /* no markup that came from the stream */
    assert_null(strstr(text_string(&out), "/<id>"));
    check_golden(TESTDATA "contracts.html", &out);
    text_clear(&out);
    struct terminal t = {.out = &out, .width = 100};
    matrix_terminal(r, &t);
    assert_null(strchr(text_string(&out), '\x1b'));
    check_golden(TESTDATA "contracts.txt", &out);
    text_clear(&out);
    struct json_out j = {.out = &out};
    json_out_open(&j, NULL, '{');
    matrix_json(r, &j);
    json_out_close(&j, '}');
    check_golden(TESTDATA "contracts.json", &out);
    text_clear(&out);
    report_html(r, &out);
    assert_non_null(strstr(text_string(&out), "<section id=\"contracts\">"));
    text_clear(&out);
    report_json(r, &out);
    assert_non_null(strstr(text_string(&out), "\"contracts\": ["));
    text_deinit(&out);
    report_free(r);
}

static void test_matrix(void **state)
{
    (void)state;
    struct report *r = read_text(text_bytes(&stream), NULL);
    struct matrix m;
    assert_non_null(r);
    assert_true(matrix_build(r, &m));
    assert_int_equal(m.count, 4);
    const struct matrix_provider *notes = &m.providers[2];
    assert_string_equal(notes->name, "notes");
    assert_int_equal(notes->consumer_count, 2);
    assert_int_equal(notes->method_count, 4);
    assert_int_equal(notes->uncalled, 1); /* Update is called after all, whichever line came first */
    assert_int_equal(notes->interactions, 1 + 12 + 3 + 1);
    assert_int_equal(notes->states[MATRIX_VERIFIED], 13);
    assert_int_equal(notes->states[MATRIX_FAILED], 3);
    assert_int_equal(notes->states[MATRIX_UNPLAYED], 1);
    assert_int_equal(notes->methods[0].count, 2);
    assert_int_equal(notes->methods[0].calls[1]->interactions, 12); /* the later line of two */
    assert_int_equal(notes->methods[0].calls[1]->reads.count, 2);
    assert_string_equal(notes->methods[0].calls[0]->consumer_version, "1.2");
    matrix_deinit(&m);
    report_free(r);
}

static void test_merged(void **state)
{
    (void)state;
    struct report *parts[] = {read_text(text_bytes(&stream), NULL), NULL}, *both = NULL;
    parts[1] = read_text(bytes_of("{\"type\":\"contract\",\"consumer\":\"web\",\"provider\":\"notes\","
                                  "\"method\":\"notes.Notes/Events\",\"interactions\":2}"),
                         NULL);
    assert_int_equal(report_merge(parts, 2, &both, NULL), 0);
    struct matrix m;
    assert_true(matrix_build(both, &m));
    assert_int_equal(m.providers[2].uncalled, 0);
    matrix_deinit(&m);
    report_free(both);
}

static void refuses(const char *line, const char *message)
{
    struct error err = ERROR_INIT;
    assert_null(read_text(bytes_of(line), &err));
    assert_non_null(err.message);
    assert_string_equal(err.message, message);
    assert_int_equal(err.line, 1);
    error_clear(&err);
}

static void test_bad_lines(void **state)
{
    (void)state;
#define LINE(rest) "{\"type\":\"contract\"" rest "}"
    refuses(LINE(), "a contract's \"provider\" must be there");
    refuses(LINE(",\"provider\":\"\""), "a contract's \"provider\" must be there");
    refuses(LINE(",\"provider\":7"), "a contract's \"provider\" must be text");
    refuses(LINE(",\"provider\":\"p\""), "a contract's \"method\" must be there");
    refuses(LINE(",\"provider\":\"p\",\"method\":\"m\""), "a contract's \"interactions\" must be there");
    refuses(LINE(",\"provider\":\"p\",\"method\":\"m\",\"interactions\":-1"),
            "a contract's \"interactions\" must be a whole number of at least 0");
    refuses(LINE(",\"provider\":\"p\",\"method\":\"m\",\"interactions\":1,\"pending\":\"x\""),
            "a contract's \"pending\" must be a whole number of at least 0");
    refuses(LINE(",\"provider\":\"p\",\"method\":\"m\",\"interactions\":1,\"verified\":1"),
            "a contract's \"verified\" must be true or false, or left out");
    refuses(LINE(",\"provider\":\"p\",\"method\":\"m\",\"interactions\":1,\"reads\":\"x\""),
            "a contract's \"reads\" must be a list of texts");
    refuses(LINE(",\"provider\":\"p\",\"method\":\"m\",\"interactions\":1,\"sends\":[1]"),
            "a contract's \"sends\" must be a list of texts");
}

static int scenario(void)
{
    struct error err = ERROR_INIT;
    struct text out = TEXT_INIT;
    struct report *r = read_text(text_bytes(&stream), &err);
    int rc = r == NULL ? err.code : 0;
    if (r != NULL) {
        struct terminal t = {.out = &out, .width = 100};
        matrix_html(r, &out);
        matrix_terminal(r, &t);
        matrix_json(r, &(struct json_out){.out = &out});
        rc = text_ok(&out) ? 0 : ERROR_MEMORY;
    }
    text_deinit(&out);
    report_free(r);
    error_clear(&err);
    return rc;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_IS_TOLD) > 10);
}

static int set_up(void **state)
{
    (void)state;
    return world_real_new(1, &world, NULL) == 0 &&
                   world_read_file(world, TESTDATA "streams/contracts.jsonl", 1 << 20, &stream, NULL) == 0
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    text_deinit(&stream);
    world_real_free(world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),    cmocka_unit_test(test_matrix), cmocka_unit_test(test_merged),
        cmocka_unit_test(test_bad_lines), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
