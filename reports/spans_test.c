/* Traces of cases: the order of a waterfall whatever a system says of itself, the page, bad lines, failing memory. */
#include "base/failing_walk.h"

#include "reports/html.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>

#define STREAM "reports/testdata/streams/traced.jsonl"

static struct world *world;
static struct text stream;

static int read_into(struct report *r, struct bytes text, struct error *err)
{
    int rc = 0;
    for (size_t at = 0, len; rc == 0 && at < text.len; at += len + 1) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        len = end == NULL ? text.len - at : (size_t)(end - (text.data + at));
        rc = report_add_line(r, BYTES(text.data + at, len), err);
    }
    return rc;
}

static struct report *read_whole(struct bytes text)
{
    struct report *r = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(report_new("stream", &r, &err), 0);
    if (read_into(r, text, &err) != 0)
        fail_msg("%s", err.message);
    return r;
}

/* "0 api notes.Notes.Create, 1 notes ..." */
static void expect_order(const struct report_trace *t, const char *expected)
{
    struct text got = TEXT_INIT;
    assert_non_null(t);
    for (size_t i = 0; i < t->count; i++)
        text_printf(&got, "%s%zu %s %s", i > 0 ? ", " : "", t->spans[i].depth, t->spans[i].component, t->spans[i].name);
    assert_string_equal(text_string(&got), expected);
    text_deinit(&got);
}

static void test_order(void **state)
{
    (void)state;
    struct report *r = read_whole(text_bytes(&stream));
    assert_int_equal(r->cases.count, 4);
    const struct report_trace *t = r->cases.items[0].trace;
    expect_order(t, "0 api notes.Notes.Create, 1 notes notes.Notes.Create, 2 notes store.Store.Write, "
                    "3 store store.Store.Write");
    assert_string_equal(t->id, "8791e16b7d8e75968d8ade6473a75a77");
    assert_true(t->spans[2].outbound);
    assert_false(t->spans[3].outbound);
    assert_int_equal(t->spans[3].start, 5876287);
    assert_int_equal(t->spans[3].duration, 400000);
    assert_string_equal(t->spans[3].status, "NOT_FOUND");
    assert_int_equal(t->skip_count, 1);
    assert_string_equal(t->skips[0].component, "<auth>");
    assert_int_equal(t->left_out, 2);
    /* Who is nobody's comes by its time; circles are begun with the earliest; all are there, each once. */
    expect_order(r->cases.items[1].trace, "0 b twin, 1 b own, 0  , 0  , 0 </div> <b>, 1 b two");
    assert_int_equal(r->cases.items[2].trace->count, 0);
    assert_null(r->cases.items[3].trace);
    assert_int_equal(r->unknown, 0);
    report_free(r);
}

static void test_many(void **state)
{
    (void)state;
    struct report *r = NULL;
    struct text line = TEXT_INIT;
    struct error err = ERROR_INIT;
    text_puts(&line, "{\"type\":\"spans\",\"t\":1,\"case\":\"a\",\"left_out\":3,\"spans\":[");
    for (int i = 0; i < REPORT_SPANS_MAX + 20; i++) /* each the next one's parent: a tree as deep as can be */
        text_printf(&line, "%s{\"component\":\"c%d\",\"id\":\"%d\",\"parent\":\"%d\",\"start\":%d}", i > 0 ? "," : "",
                    i, i, i - 1, i);
    text_puts(&line, "]}");
    assert_int_equal(report_new("stream", &r, &err), 0);
    assert_int_equal(report_add_line(r, text_bytes(&line), &err), 0);
    assert_int_equal(
        report_add_line(r, bytes_of("{\"type\":\"case\",\"t\":2,\"name\":\"a\",\"status\":\"passed\"}"), &err), 0);
    const struct report_trace *t = r->cases.items[0].trace;
    assert_int_equal(t->count, REPORT_SPANS_MAX);
    assert_int_equal(t->left_out, 23);
    assert_int_equal(t->spans[REPORT_SPANS_MAX - 1].depth, REPORT_SPANS_MAX - 1);
    text_deinit(&line);
    report_free(r);
}

static void test_bad_lines(void **state)
{
    (void)state;
    static const struct {
        const char *members, *message;
    } table[] = {
        {"\"spans\":7", "stream:1: \"spans\" of a trace must be a list of objects"},
        {"\"spans\":{}", "stream:1: \"spans\" of a trace must be a list of objects"},
        {"\"spans\":[null]", "stream:1: \"spans\" of a trace must be a list of objects"},
        {"\"spans\":[{},[]]", "stream:1: \"spans\" of a trace must be a list of objects"},
        {"\"spans\":[{\"name\":7}]", "stream:1: \"name\" of a trace must be text"},
        {"\"spans\":[{\"component\":[]}]", "stream:1: \"component\" of a trace must be text"},
        {"\"spans\":[{\"parent\":{}}]", "stream:1: \"parent\" of a trace must be text"},
        {"\"spans\":[{\"start\":\"now\"}]", "stream:1: \"start\" of a trace must be a whole number"},
        {"\"spans\":[{\"duration\":0.5}]", "stream:1: \"duration\" of a trace must be a whole number"},
        {"\"skipped\":[\"store\"]", "stream:1: \"skipped\" of a trace must be a list of objects"},
        {"\"skipped\":[{\"why\":1}]", "stream:1: \"why\" of a trace must be text"},
        {"\"left_out\":true", "stream:1: \"left_out\" of a trace must be a whole number"},
        {"\"trace\":1", "stream:1: \"trace\" of a trace must be text"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct report *r = NULL;
        struct error err = ERROR_INIT;
        struct text line = TEXT_INIT, said = TEXT_INIT;
        text_printf(&line, "{\"type\":\"spans\",\"t\":0,\"case\":\"a\",%s}", table[i].members);
        assert_int_equal(report_new("stream", &r, &err), 0);
        assert_int_equal(report_add_line(r, text_bytes(&line), &err), ERROR_INVALID);
        text_printf(&said, "%s:%d: %s", err.file, err.line, err.message);
        assert_string_equal(text_string(&said), table[i].message);
        error_clear(&err);
        text_deinit(&line);
        text_deinit(&said);
        report_free(r);
    }
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

static void test_page(void **state)
{
    (void)state;
    struct report *r = read_whole(text_bytes(&stream));
    struct text out = TEXT_INIT;
    assert_true(spans_needed(r));
    spans_html(&r->cases.items[0], &out);
    const char *html = text_string(&out);
    assert_ptr_equal(strstr(html, "<details class=\"spans\" open><summary>4 spans of 3 components</summary>"), html);
    /* A bar and a row for each, by depth and component; a call has its colour by who made it. */
    assert_int_equal(count_of(html, "<s class=\""), 4);
    assert_int_equal(count_of(html, "<tr><td>"), 4);
    assert_int_equal(count_of(html, "padding-left:3em"), 1);
    assert_int_equal(count_of(html, "<s class=\"part0\" style=\"margin-left:0%;width:100%\">"), 1);
    assert_int_equal(count_of(html, "<s class=\"calls part1\""), 1);
    assert_int_equal(count_of(html, "<s class=\"part2\""), 1);
    assert_non_null(strstr(html, "<tr><td>store</td><td>store.Store.Write</td><td>4</td><td>answers</td>"
                                 "<td class=\"number\">5.88 ms</td><td class=\"number\">400 us</td>"
                                 "<td>NOT_FOUND</td></tr>"));
    assert_non_null(strstr(html, "<b class=\"failed\">NOT_FOUND</b>"));
    assert_non_null(strstr(html, "<b>&lt;auth&gt;</b> DEADLINE_EXCEEDED"));
    assert_non_null(strstr(html, "2 more were left out"));
    assert_int_equal(count_of(html, "role=\"group\""), count_of(html, "tabindex=\"0\""));
    text_clear(&out);
    spans_html(&r->cases.items[1], &out);
    html = text_string(&out);
    assert_null(strstr(html, "<script>"));
    assert_null(strstr(html, "</div> <b>"));
    assert_null(strstr(html, "nan"));
    assert_null(strstr(html, "inf%"));
    text_clear(&out);
    spans_html(&r->cases.items[2], &out);
    assert_null(strstr(text_string(&out), "<table"));
    assert_non_null(strstr(text_string(&out), "<b>store</b> UNAVAILABLE"));
    text_clear(&out);
    spans_html(&r->cases.items[3], &out);
    assert_int_equal(out.len, 0);
    text_deinit(&out);
    report_free(r);
}

/* A page without spans is as long as if there were no such thing. */
static void test_no_bigger_page(void **state)
{
    (void)state;
    struct report *r = read_whole(text_bytes(&stream));
    struct text with = TEXT_INIT, without = TEXT_INIT;
    report_html(r, &with);
    assert_non_null(strstr(text_string(&with), ".waterfall"));
    for (size_t i = 0; i < r->cases.count; i++)
        r->cases.items[i].trace = NULL;
    report_html(r, &without);
    assert_null(strstr(text_string(&without), "waterfall"));
    assert_null(strstr(text_string(&without), "spans"));
    text_deinit(&with);
    text_deinit(&without);
    report_free(r);
}

static int scenario(void)
{
    struct report *r = NULL;
    struct error err = ERROR_INIT;
    int rc = report_new("stream", &r, &err);
    if (rc == 0)
        rc = read_into(r, text_bytes(&stream), &err);
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
    return world_real_new(1, &world, NULL) == 0 && world_read_file(world, STREAM, 1 << 20, &stream, NULL) == 0 ? 0 : -1;
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
        cmocka_unit_test(test_order), cmocka_unit_test(test_many),           cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_page),  cmocka_unit_test(test_no_bigger_page), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
