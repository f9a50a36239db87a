/* Lines "latency": what is taken, what is refused, and how several streams add up. */
#include "base/failing_walk.h"

#include "reports/model.h"

#include <string.h>

#define TAIL                                                                                                           \
    ",\"scale\":16,\"count\":3,\"sum\":4000000,\"min\":1000000,\"max\":2000000,\"buckets\":[[983040,2],[1966080,1]]}"
#define LINE(members) "{\"type\":\"latency\",\"t\":1,\"pillar\":\"chaos\",\"method\":\"a.B/C\"," members TAIL
#define DURING        LINE("\"phase\":\"during\",\"outcome\":\"ok\"")

static int take(struct report *r, const char *line, struct error *err)
{
    return report_add_line(r, bytes_of(line), err);
}

static struct report *report_of(const char *const *lines, size_t count)
{
    struct report *r = NULL;
    assert_int_equal(report_new("s", &r, NULL), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(take(r, lines[i], NULL), 0);
    return r;
}

static void test_lines_add_up(void **state)
{
    (void)state;
    static const char *const lines[] = {
        DURING,
        LINE("\"phase\":\"before\",\"outcome\":\"ok\""),
        DURING,
        LINE("\"phase\":\"during\",\"outcome\":\"other\""),
        LINE("\"phase\":\"during\",\"outcome\":\"ok\",\"virtual\":true"), /* by another clock */
        LINE("\"phase\":\"at dawn\",\"outcome\":\"ok\""),                 /* of later versions: counted, not taken */
        LINE("\"outcome\":\"so so\""),
        "{\"type\":\"latency\",\"t\":1,\"outcome\":\"ok\",\"scale\":32,\"count\":1,\"sum\":1,\"min\":1,\"max\":1}",
    };
    struct report *parts[2], *merged = NULL;
    for (size_t i = 0; i < 2; i++) {
        parts[i] = report_of(lines, sizeof lines / sizeof *lines);
        assert_int_equal(parts[i]->unknown, 3);
        assert_int_equal(parts[i]->latencies.count, 2);
        assert_true(parts[i]->latencies.items[1].simulated);
        const struct histogram *during = parts[i]->latencies.items[0].durations[REPORT_DURING][1];
        assert_true(during->count == 6 && during->sum == 8000000 && during->max == 2000000);
        assert_null(parts[i]->latencies.items[0].durations[REPORT_AFTER][1]);
    }
    assert_int_equal(report_merge(parts, 2, &merged, NULL), 0);
    assert_int_equal(merged->latencies.count, 2);
    assert_true(merged->latencies.items[0].durations[REPORT_DURING][1]->count == 12);
    assert_true(merged->latencies.items[0].durations[REPORT_DURING][0]->count == 6);
    assert_true(histogram_quantile(merged->latencies.items[0].durations[REPORT_DURING][1], 0.5) == 1015807);
    report_free(merged);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {LINE("\"phase\":7,\"outcome\":\"ok\""), "\"phase\" must be text, not a number"},
        {LINE("\"virtual\":\"yes\",\"outcome\":\"ok\""), "\"virtual\" must be a boolean, not text"},
        {"{\"type\":\"latency\",\"t\":1,\"outcome\":\"ok\"}", "must be whole numbers of 0 and more"},
        {"{\"type\":\"latency\",\"t\":1,\"outcome\":\"ok\",\"scale\":16,\"count\":9,\"sum\":1,\"min\":1,\"max\":1,"
         "\"buckets\":[[1,1]]}",
         "\"count\" must be the sum of what \"buckets\" says"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report *r = NULL;
        struct error err = ERROR_INIT;
        assert_int_equal(report_new("s", &r, NULL), 0);
        assert_int_equal(take(r, cases[i].line, &err), ERROR_INVALID);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("%s", err.message);
        error_clear(&err);
        report_free(r);
    }
}

static void test_more_methods_than_are_kept(void **state)
{
    (void)state;
    struct report *parts[2] = {NULL}, *merged = NULL;
    struct text line = TEXT_INIT, page = TEXT_INIT;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(report_new("s", &parts[i], NULL), 0);
        for (size_t k = 0; k < REPORT_LATENCIES_MAX + 2; k++) {
            text_clear(&line);
            text_printf(
                &line,
                "{\"type\":\"latency\",\"t\":1,\"pillar\":\"fuzz\",\"method\":\"a.B/C%zu\",\"outcome\":\"ok\"" TAIL, k);
            assert_int_equal(take(parts[i], text_string(&line), NULL), 0);
        }
        assert_int_equal(parts[i]->latencies.count, REPORT_LATENCIES_MAX);
        assert_int_equal(parts[i]->unmeasured, 2);
    }
    assert_int_equal(report_merge(parts, 2, &merged, NULL), 0);
    assert_int_equal(merged->latencies.count, REPORT_LATENCIES_MAX);
    assert_true(merged->latencies.items[REPORT_LATENCIES_MAX - 1].durations[REPORT_NO_PHASE][1]->count == 6);
    report_html(merged, &page);
    assert_true(text_ok(&page));
    assert_non_null(strstr(text_string(&page), "<summary>and 460 methods more</summary>"));
    assert_non_null(strstr(text_string(&page), "of methods beyond the first 500, 4 lines were left out"));
    size_t spreads = 0;
    for (const char *at = text_string(&page); (at = strstr(at, "class=\"spread\"")) != NULL; at++)
        spreads++;
    assert_int_equal(spreads, 40);
    assert_true(page.len < ((size_t)256 << 10));
    text_deinit(&line);
    text_deinit(&page);
    report_free(merged);
}

static int read_and_merge(void)
{
    struct report *parts[2] = {NULL}, *merged = NULL;
    struct text page = TEXT_INIT;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < 2; i++) {
        rc = report_new("s", &parts[i], NULL);
        if (rc == 0)
            rc = take(parts[i], DURING, NULL);
    }
    if (rc == 0) {
        rc = report_merge(parts, 2, &merged, NULL);
        parts[0] = parts[1] = NULL;
    }
    void (*const renderers[])(const struct report *, struct text *) = {report_html, report_openmetrics,
                                                                       report_markdown};
    for (size_t i = 0; rc == 0 && i < sizeof renderers / sizeof *renderers; i++) {
        text_clear(&page);
        renderers[i](merged, &page);
        rc = text_ok(&page) ? 0 : ERROR_MEMORY;
    }
    text_deinit(&page);
    report_free(parts[0]);
    report_free(parts[1]);
    report_free(merged);
    return rc;
}

static void test_memory(void **state)
{
    (void)state;
    json_set_alloc_funcs(malloc, free); /* jansson's own are not wrapped */
    assert_true(failing_walk(read_and_merge, FAILING_IS_TOLD) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines_add_up), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_more_methods_than_are_kept),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests_name("reports/latency", tests, NULL, NULL);
}
