/* The renderers against golden files (HARROW_GOLDEN=update writes them anew), JUnit against a schema by xmllint, the
 * HTML page against what it must never hold: references to anywhere else, and markup that came from the stream. */
#include "reports/html.h"
#include "world/real.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define TESTDATA "reports/testdata/"

static const char *const streams[] = {"full", "passed", "killed", "hostile", "interrupted", "measured"};
#define STREAM_COUNT (sizeof streams / sizeof *streams)

static struct world *world;

static struct report *read_stream(const char *name)
{
    struct report *r = NULL;
    struct error err = ERROR_INIT;
    char path[128];
    (void)snprintf(path, sizeof path, TESTDATA "streams/%s.jsonl", name);
    if (report_read(world, path, &r, &err) != 0)
        fail_msg("%s: %s", path, err.message);
    return r;
}

static void check_golden(const char *name, const char *kind, const struct text *got)
{
    struct text expected = TEXT_INIT;
    struct error err = ERROR_INIT;
    char path[128];
    const char *mode = getenv("HARROW_GOLDEN");
    (void)snprintf(path, sizeof path, TESTDATA "%s.%s", name, kind);
    assert_true(text_ok(got));
    if (mode != NULL && strcmp(mode, "update") == 0)
        assert_int_equal(world_write_file(world, path, text_bytes(got), false, &err), 0);
    if (world_read_file(world, path, 1 << 20, &expected, &err) != 0)
        fail_msg("%s", err.message);
    if (!bytes_equal(text_bytes(&expected), text_bytes(got))) {
        size_t at = 0, line = 1;
        while (at < expected.len && at < got->len && expected.data[at] == got->data[at])
            line += got->data[at++] == '\n';
        fail_msg("%s:%zu: '%.60s' was rendered as '%.60s'", path, line, text_string(&expected) + at,
                 text_string(got) + at);
    }
    text_deinit(&expected);
}

static void test_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        struct report *r = read_stream(streams[i]);
        struct text out = TEXT_INIT, coloured = TEXT_INIT, plain = TEXT_INIT;
        report_terminal(r, &out, false, 100);
        check_golden(streams[i], "txt", &out);
        for (size_t k = 0; k < out.len; k++)
            assert_true((unsigned char)out.data[k] >= 0x20 || out.data[k] == '\n');
        report_terminal(r, &coloured, true, 100); /* the same, but for the colours */
        for (size_t k = 0; k < coloured.len; k++) {
            if (coloured.data[k] == '\x1b')
                k += strcspn(coloured.data + k, "m");
            else
                text_char(&plain, coloured.data[k]);
        }
        assert_string_equal(text_string(&plain), text_string(&out));
        text_deinit(&out);
        text_deinit(&coloured);
        text_deinit(&plain);
        report_free(r);
    }
}

struct xmllint {
    struct text said;
    struct world_exit status;
    bool over;
};

static void lint_said(void *arg, int fd, struct bytes line)
{
    struct xmllint *x = arg;
    (void)fd;
    text_add(&x->said, line.data, line.len);
    text_char(&x->said, '\n');
}

static void lint_exited(void *arg, struct world_exit status)
{
    struct xmllint *x = arg;
    x->status = status;
    x->over = true;
}

static bool lint_over(void *arg)
{
    return ((struct xmllint *)arg)->over;
}

static int xmllint(const char *path, struct text *said)
{
    static const struct world_process_events events = {lint_said, lint_exited};
    const char *const schema = TESTDATA "junit.xsd";
    const char *const argv[] = {"xmllint", "--nonet", "--noout", "--schema", schema, path, NULL};
    struct xmllint x = {0};
    struct world_process *p = NULL;
    struct error err = ERROR_INIT;
    if (world_process_spawn(world, &(struct world_spawn){.name = "xmllint", .argv = argv}, &events, &x, &p, &err) != 0)
        fail_msg("xmllint (package libxml2-utils) is needed: %s", err.message);
    assert_int_equal(world_run_until(world, lint_over, &x, UINT64_C(30000000000)), 0);
    world_process_close(p);
    text_add(said, x.said.data, x.said.len);
    text_deinit(&x.said);
    return x.status.signalled ? -1 : x.status.code;
}

static void test_junit(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        struct report *r = read_stream(streams[i]);
        struct text out = TEXT_INIT, said = TEXT_INIT;
        char path[128];
        report_junit(r, &out);
        check_golden(streams[i], "xml", &out); /* so the golden file is what is rendered, and can be validated */
        (void)snprintf(path, sizeof path, TESTDATA "%s.xml", streams[i]);
        if (xmllint(path, &said) != 0)
            fail_msg("%s", text_string(&said));
        text_deinit(&out);
        text_deinit(&said);
        report_free(r);
    }
    struct text said = TEXT_INIT; /* the schema does refuse */
    assert_int_not_equal(xmllint(TESTDATA "refused.xml", &said), 0);
    text_deinit(&said);
}

static void test_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        struct report *r = read_stream(streams[i]);
        struct text out = TEXT_INIT;
        json_error_t error;
        report_json(r, &out);
        check_golden(streams[i], "json", &out);
        json_t *parsed = json_loadb(text_string(&out), out.len, JSON_REJECT_DUPLICATES, &error);
        assert_non_null(parsed);
        assert_string_equal(json_string_value(json_object_get(parsed, "verdict")),
                            report_verdict_name(report_verdict(r)));
        json_decref(parsed);
        text_deinit(&out);
        report_free(r);
    }
}

/* ---- HTML ------------------------------------------------------------------------------------------------------ */

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* Every tag that is opened is closed, in order; what stands in <style> and <script> is not markup. */
static void check_balance(const char *html)
{
    static const char *const empty[] = {"meta", "link", "!DOCTYPE", "line", "rect", "path", "br", "circle", "img"};
    char open[64][16];
    size_t depth = 0;
    for (const char *at = strchr(html, '<'); at != NULL; at = strchr(at + 1, '<')) {
        bool closing = at[1] == '/';
        const char *name = at + 1 + closing;
        size_t len = strcspn(name, " >/\n");
        const char *end = at;
        bool quoted = false, is_empty = false;
        for (; *end != 0 && (*end != '>' || quoted); end++)
            quoted ^= *end == '"';
        assert_true(*end == '>' && len != 0 && len < 16);
        for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
            is_empty = is_empty || (strlen(empty[i]) == len && strncmp(empty[i], name, len) == 0);
        if (closing) {
            assert_true(depth != 0);
            if (strlen(open[--depth]) != len || strncmp(open[depth], name, len) != 0)
                fail_msg("<%s> is closed by </%.*s>", open[depth], (int)len, name);
        } else if (!is_empty) {
            assert_true(depth < 64);
            (void)snprintf(open[depth++], sizeof open[0], "%.*s", (int)len, name);
            if (strcmp(open[depth - 1], "script") == 0)
                end = strstr(end, "</script>") - 1;
            else if (strcmp(open[depth - 1], "style") == 0)
                end = strstr(end, "</style>") - 1;
        }
        at = end;
    }
    assert_int_equal(depth, 0);
}

static void check_references(const char *html)
{
    for (const char *at = strstr(html, " src=\""); at != NULL; at = strstr(at + 1, " src=\""))
        assert_ptr_equal(strstr(at, " src=\"data:image/svg+xml;base64,"), at);
    assert_null(strstr(html, "@import"));
    assert_null(strstr(html, "url("));
    for (const char *at = strstr(html, " href=\""); at != NULL; at = strstr(at + 1, " href=\"")) {
        const char *target = at + strlen(" href=\"");
        if (target[0] != '#' && strncmp(target, "data:,\"", 7) != 0)
            fail_msg("the page refers to %.60s", target);
        if (target[0] == '#') { /* and to something that is there */
            char id[64];
            (void)snprintf(id, sizeof id, " id=\"%.*s\"", (int)strcspn(target + 1, "\""), target + 1);
            assert_non_null(strstr(html, id));
        }
    }
}

static void check_holds(const char *html, const char *text)
{
    struct text escaped = TEXT_INIT;
    text_xml(&escaped, text, strlen(text));
    if (strstr(html, text_string(&escaped)) == NULL)
        fail_msg("the page does not hold '%s'", text);
    text_deinit(&escaped);
}

static void test_html(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        struct report *r = read_stream(streams[i]);
        struct text out = TEXT_INIT;
        report_html(r, &out);
        assert_true(text_ok(&out));
        const char *html = text_string(&out);
        check_references(html);
        check_balance(html);
        /* For who reads it without seeing it, or without a mouse. */
        assert_int_equal(count_of(html, "<main "), 1);
        assert_int_equal(count_of(html, "<nav "), 1);
        assert_int_equal(count_of(html, "<h1>"), 1);
        assert_int_equal(count_of(html, "<html lang="), 1);
        assert_int_equal(count_of(html, "<th "), count_of(html, "<th scope="));
        assert_int_equal(count_of(html, "<th>"), 0);
        assert_int_equal(count_of(html, "<section id=\"latency\">"), latency_needed(r));
        assert_int_equal(count_of(html, "<a class=\"skip\" href=\"#content\">"), 1);
        if (strcmp(streams[i], "hostile") != 0) {
            assert_null(strstr(html, "http://"));
            assert_null(strstr(html, "https://"));
        }
        /* Ours and nobody else's: the data, when there is a timeline, and the page's own. */
        assert_int_equal(count_of(html, "<script"), timeline_needed(r) ? 2 : 1);
        assert_int_equal(count_of(html, "</script"), timeline_needed(r) ? 2 : 1);
        assert_null(strstr(html, "<img"));
        assert_null(strstr(html, "<!--"));
        for (size_t k = 0; k < r->findings.count; k++) {
            check_holds(html, r->findings.items[k].title);
            check_holds(html, r->findings.items[k].replay);
            check_holds(html, r->findings.items[k].detail);
        }
        for (size_t k = 0; k < r->cases.count; k++) {
            const struct report_case *c = &r->cases.items[k];
            struct text place = TEXT_INIT;
            report_place(c, &place);
            check_holds(html, c->name);
            check_holds(html, text_string(&place));
            if (c->status == REPORT_FAILED || c->status == REPORT_FLAKY)
                check_holds(html, c->replay);
            if (c->status == REPORT_FAILED)
                check_holds(html, c->detail);
            text_deinit(&place);
        }
        for (size_t k = 0; k < r->tables.count; k++) {
            const struct report_table *t = &r->tables.items[k];
            check_holds(html, t->title);
            for (size_t cell = 0; cell < t->rows * t->columns; cell++)
                check_holds(html, t->cells[cell].text);
        }
        assert_int_equal(count_of(html, "<article class=\"problem"), problems_count(r));
        assert_int_equal(count_of(html, "<ol class=\"index\">"), problems_count(r) > 1);
        assert_int_equal(count_of(html, ">Faults</span>"), r->faults.count != 0);
        assert_int_equal(count_of(html, " long\">"), 0); /* what scrolls can be scrolled by keyboard */
        check_holds(html, r->command);
        check_holds(html, r->seed);
        assert_int_equal(strstr(html, "class=\"banner\">The result stream stops") != NULL, !r->ended);
        assert_int_equal(strstr(html, "class=\"banner\">The run was interrupted when 2 of 40 planned cases") != NULL,
                         report_interrupted(r));
        /* Steps of several tries stand by try; those of one have nobody to tell them from. */
        assert_int_equal(count_of(html, "<li class=\"try\">"), report_interrupted(r) ? 3 : 0);
        assert_int_equal(count_of(html, "<li class=\"try\">try 3 of 3</li>"), report_interrupted(r));
        text_deinit(&out);
        report_free(r);
    }
}

/* Pictures are put in as images, from below the folder and nowhere else. */
static void test_pictures(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct report *r = read_stream("full");
    assert_int_equal(report_attach(r, world, "reports/testdata", &err), 0);
    report_html(r, &out);
    assert_int_equal(count_of(text_string(&out), "<img"), 1);
    assert_non_null(strstr(text_string(&out), "<figcaption>pictures/history-register.svg</figcaption>"));
    check_references(text_string(&out));
    check_balance(text_string(&out));
    report_free(r);
    r = read_stream("full"); /* it is not where it should be */
    assert_int_equal(report_attach(r, world, "reports", &err), 0);
    text_clear(&out);
    report_html(r, &out);
    assert_int_equal(count_of(text_string(&out), "<img"), 0);
    assert_non_null(strstr(text_string(&out), "pictures/history-register.svg: not found"));
    report_free(r);
    r = read_stream("hostile");
    assert_int_equal(report_attach(r, world, "reports/testdata", &err), 0);
    text_clear(&out);
    report_html(r, &out);
    assert_int_equal(count_of(text_string(&out), "<img"), 0);
    assert_non_null(
        strstr(text_string(&out), "not put in: a picture is an .svg or .png file below the run&#39;s folder"));
    assert_null(strstr(text_string(&out), "<script>alert"));
    text_deinit(&out);
    report_free(r);
}

/* A screenshot stands with its case, under its own name. */
static void test_screenshots(void **state)
{
    static const char *const lines[] = {
        "{\"type\":\"pillar\",\"t\":0,\"name\":\"e2e\",\"state\":\"start\"}",
        "{\"type\":\"picture\",\"t\":1,\"case\":\"a page\",\"name\":\"the <page>\",\"picture\":\"parts/pixel.png\"}",
        "{\"type\":\"picture\",\"t\":1,\"case\":\"a page\",\"name\":\"lost\",\"picture\":\"parts/none.png\"}",
        "{\"type\":\"case\",\"t\":2,\"pillar\":\"e2e\",\"suite\":\"s\",\"name\":\"a page\",\"status\":\"passed\"}"};
    struct error err = ERROR_INIT;
    struct text out = TEXT_INIT;
    struct report *r = NULL;
    (void)state;
    assert_int_equal(report_new("made", &r, &err), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(report_add_line(r, bytes_of(lines[i]), &err), 0);
    assert_int_equal(report_attach(r, world, "e2e/flows/product", &err), 0);
    report_html(r, &out);
    assert_int_equal(count_of(text_string(&out), "<img"), 1);
    assert_non_null(
        strstr(text_string(&out),
               "<img class=\"screenshot\" alt=\"the &lt;page&gt;\" src=\"data:image/png;base64,iVBORw0KGgo"));
    assert_non_null(strstr(text_string(&out), "parts/none.png: not found"));
    text_deinit(&out);
    report_free(r);
}

static void test_picture_limits(void **state)
{
    (void)state;
    static const struct {
        const char *path, *problem;
    } table[] = {{"pictures/history-register.svg", ""},
                 {"pictures/none.svg", "not found"},
                 {"/etc/hosts.svg", "below the run's folder"},
                 {"pictures/../pictures/history-register.svg", "below the run's folder"},
                 {"pictures//history-register.svg", "below the run's folder"},
                 {".hidden.svg", "below the run's folder"},
                 {"pictures", "below the run's folder"},
                 {"pictures/no-svg.svg", "it is no SVG and no PNG"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct report *r = NULL;
        struct error err = ERROR_INIT;
        char line[256];
        assert_int_equal(report_new("made", &r, &err), 0);
        int len = snprintf(line, sizeof line, "{\"type\":\"finding\",\"t\":0,\"title\":\"x\",\"picture\":\"%s\"}",
                           table[i].path);
        assert_int_equal(report_add_line(r, BYTES(line, (size_t)len), &err), 0);
        assert_int_equal(report_attach(r, world, "reports/testdata", &err), 0);
        const struct report_picture *p = &r->findings.items[0].picture;
        if (strstr(p->problem, table[i].problem) == NULL || (p->data.len != 0) != (table[i].problem[0] == 0))
            fail_msg("%s: '%s'", table[i].path, p->problem);
        report_free(r);
    }
}

/* Every row of the figures is in the page: in the table, and as dots in the plot. */
static void test_recovery(void **state)
{
    (void)state;
    struct report *r = read_stream("full");
    struct report_recovery_row *rows = NULL;
    struct text out = TEXT_INIT;
    size_t count = 0, values = 0, lines = 0;
    assert_int_equal(report_recovery_rows(r, &rows, &count), 0);
    for (size_t i = 0; i < count; i++) {
        for (int f = 0; f < REPORT_FIGURE_COUNT; f++) {
            values += rows[i].figures[f].count;
            lines += rows[i].figures[f].count != 0;
        }
    }
    recovery_html(r, &out);
    assert_int_equal(count_of(text_string(&out), "<tr class=\"few\">"), lines); /* none has five */
    assert_int_equal(count_of(text_string(&out), "r=\"2.6\""), values);
    assert_int_equal(count_of(text_string(&out), "<td>converged</td>"), 2);
    assert_null(strstr(text_string(&out), "nobody"));
    check_balance(text_string(&out));
    free(rows);
    text_deinit(&out);
    report_free(r);
}

/* 200 recoveries of one kind: percentiles by nearest rank, dots no more than are seen. */
static void test_many_recoveries(void **state)
{
    (void)state;
    struct report *r = NULL;
    struct report_recovery_row *rows = NULL;
    struct text out = TEXT_INIT;
    struct error err = ERROR_INIT;
    size_t count = 0;
    assert_int_equal(report_new("made", &r, &err), 0);
    for (int i = 0; i < 200; i++) {
        char line[160];
        int len = snprintf(line, sizeof line,
                           "{\"type\":\"recovery\",\"t\":%d,\"target\":\"store\",\"fault\":\"kill\",\"duration\":%d}",
                           i, (i * 77 % 200 + 1) * 1000000);
        assert_int_equal(report_add_line(r, BYTES(line, (size_t)len), &err), 0);
    }
    assert_int_equal(report_recovery_rows(r, &rows, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].figures[REPORT_ANSWERED].count, 200);
    assert_int_equal(rows[0].figures[REPORT_ANSWERED].p50, 100000000);
    assert_int_equal(rows[0].figures[REPORT_ANSWERED].p99, 198000000);
    assert_int_equal(rows[0].figures[REPORT_ANSWERED].max, 200000000);
    assert_int_equal(rows[0].figures[REPORT_CONVERGED].count, 0);
    recovery_html(r, &out);
    assert_int_equal(count_of(text_string(&out), "r=\"2.6\""), 60);
    assert_int_equal(count_of(text_string(&out), "class=\"few\""), 0);
    free(rows);
    text_deinit(&out);
    report_free(r);
}

/* Shares become parts of a bar with their names; where there are none, the cell is empty. */
static void test_shares(void **state)
{
    (void)state;
    struct report *r = read_stream("full");
    struct text out = TEXT_INIT;
    report_html(r, &out);
    assert_int_equal(r->tables.count, 1);
    check_holds(text_string(&out), "NOT_FOUND");
    assert_non_null(strstr(text_string(&out), "flex-grow:0.7500"));
    assert_non_null(strstr(text_string(&out), "<b>75&#160;%</b>"));
    assert_int_equal(count_of(text_string(&out), "class=\"shares\""), 2);
    text_deinit(&out);
    report_free(r);
}

static void test_timeline(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        struct report *r = read_stream(streams[i]);
        struct text svg = TEXT_INIT, data = TEXT_INIT;
        struct timeline_curve curves[8] = {0};
        for (size_t k = 0; k < r->series.count; k++)
            assert_int_equal(timeline_curve_make(&r->series.items[k], r->duration, &curves[k]), 0);
        timeline_svg(r, curves, &svg);
        check_golden(streams[i], "svg", &svg);
        assert_null(strstr(text_string(&svg), "nan"));
        assert_null(strstr(text_string(&svg), "inf\""));
        timeline_json(r, curves, &data);
        assert_null(strchr(text_string(&data), '<'));
        json_error_t why;
        json_t *json = json_loads(text_string(&data), 0, &why);
        if (json == NULL)
            fail_msg("%s", why.text);
        assert_int_equal(json_array_size(json_object_get(json, "series")), r->series.count);
        assert_int_equal(json_array_size(json_object_get(json, "faults")), r->faults.count);
        for (size_t k = 0; k < r->faults.count; k++) /* escaped on the way there, the same when read */
            assert_string_equal(
                json_string_value(json_object_get(json_array_get(json_object_get(json, "faults"), k), "name")),
                r->faults.items[k].name);
        json_decref(json);
        for (size_t k = 0; k < r->series.count; k++)
            timeline_curve_free(&curves[k]);
        text_deinit(&svg);
        text_deinit(&data);
        report_free(r);
    }
}

/* Many samples become few columns that still know the extremes. */
static void test_curve(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct report_series s = {.name = "a", .count = COUNT, .points = calloc(COUNT, sizeof *s.points)};
    struct timeline_curve curve;
    assert_non_null(s.points);
    for (size_t i = 0; i < COUNT; i++)
        s.points[i] = (struct report_point){(uint64_t)i * 10, i == 54321   ? 1000
                                                              : i == 23456 ? -1000
                                                                           : (double)(i % 10)};
    assert_int_equal(timeline_curve_make(&s, (uint64_t)COUNT * 10, &curve), 0);
    assert_true(curve.count <= TIMELINE_COLUMNS && curve.count > TIMELINE_COLUMNS - 5);
    double min = 0, max = 0;
    for (size_t i = 0; i < curve.count; i++) {
        assert_true(i == 0 || curve.columns[i].t > curve.columns[i - 1].t);
        assert_true(curve.columns[i].min <= curve.columns[i].mean && curve.columns[i].mean <= curve.columns[i].max);
        min = curve.columns[i].min < min ? curve.columns[i].min : min;
        max = curve.columns[i].max > max ? curve.columns[i].max : max;
    }
    assert_true(min <= -1000 && max >= 1000);
    assert_true(curve.gap > COUNT * 10 / TIMELINE_COLUMNS && curve.gap < COUNT);
    timeline_curve_free(&curve);
    /* of a file that says nothing of how long the run was, and has its first sample last */
    for (size_t i = 0; i < COUNT; i++)
        s.points[i].t = i + 1 == COUNT ? 1 : INT64_MAX - (uint64_t)i;
    assert_int_equal(timeline_curve_make(&s, 0, &curve), 0);
    assert_true(curve.count >= 1 && curve.count <= TIMELINE_COLUMNS);
    for (size_t i = 1; i < curve.count; i++)
        assert_true(curve.columns[i].t >= curve.columns[i - 1].t);
    timeline_curve_free(&curve);
    free(s.points);
}

/* ---- live progress --------------------------------------------------------------------------------------------- */

static void play(const char *name, bool terminal, struct text *out)
{
    struct report_live *live = NULL;
    struct text stream = TEXT_INIT;
    char path[128];
    (void)snprintf(path, sizeof path, TESTDATA "streams/%s.jsonl", name);
    assert_int_equal(world_read_file(world, path, 1 << 20, &stream, NULL), 0);
    assert_int_equal(report_live_new(terminal, false, 80, &live), 0);
    for (size_t at = 0; at < stream.len;) {
        const char *end = memchr(stream.data + at, '\n', stream.len - at);
        size_t len = end == NULL ? stream.len - at : (size_t)(end - (stream.data + at)) + 1;
        report_live_line(live, BYTES(stream.data + at, len), out);
        at += len;
    }
    report_live_end(live, out);
    assert_true(text_ok(out));
    report_live_free(live);
    text_deinit(&stream);
}

static void test_live(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        struct text plain = TEXT_INIT, terminal = TEXT_INIT, screen = TEXT_INIT;
        char name[32];
        play(streams[i], false, &plain);
        (void)snprintf(name, sizeof name, "%s-live", streams[i]);
        check_golden(name, "txt", &plain);
        play(streams[i], true, &terminal);
        size_t line = 0, drawn = 0;
        for (size_t k = 0; k < terminal.len; k++) { /* what the terminal shows at the end */
            if (terminal.data[k] == '\r') {
                assert_memory_equal(terminal.data + k, "\r\x1b[K", 4);
                text_truncate(&screen, line);
                k += 3;
                drawn++;
                continue;
            }
            text_char(&screen, terminal.data[k]);
            if (terminal.data[k] == '\n')
                line = screen.len;
        }
        assert_string_equal(text_string(&screen), text_string(&plain));
        assert_true(drawn >= 2);
        text_deinit(&plain);
        text_deinit(&terminal);
        text_deinit(&screen);
    }
}

static int open_world(void **state)
{
    (void)state;
    return world_real_new(1, &world, NULL);
}

static int close_world(void **state)
{
    (void)state;
    world_real_free(world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminal),       cmocka_unit_test(test_junit),    cmocka_unit_test(test_json),
        cmocka_unit_test(test_html),           cmocka_unit_test(test_timeline), cmocka_unit_test(test_curve),
        cmocka_unit_test(test_live),           cmocka_unit_test(test_pictures), cmocka_unit_test(test_screenshots),
        cmocka_unit_test(test_picture_limits), cmocka_unit_test(test_recovery), cmocka_unit_test(test_many_recoveries),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
