/* The formats for machines against golden files (HARROW_GOLDEN=update writes them anew), the list that names them,
 * GitHub's limits, and memory that runs out in every one of them. What each file must be by its own schema was checked
 * with the schemas themselves; here stand the rules that break first. */
#include "base/failing_walk.h"
#include "base/test.h"
#include "base/utf8.h"
#include "reports/model.h"
#include "world/real.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define TESTDATA "reports/testdata/"

static const char *const streams[] = {"full", "passed", "killed", "hostile", "retried", "interrupted", "measured"};
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

static void check_golden(const char *name, const struct report_format *f, const struct text *got)
{
    struct text expected = TEXT_INIT;
    struct error err = ERROR_INIT;
    char path[128];
    const char *mode = getenv("HARROW_GOLDEN");
    (void)snprintf(path, sizeof path, TESTDATA "%s.%s", name, f->name);
    assert_true(text_ok(got));
    if (mode != NULL && strcmp(mode, "update") == 0)
        assert_int_equal(world_write_file(world, path, text_bytes(got), false, &err), 0);
    if (world_read_file(world, path, 1 << 20, &expected, &err) != 0)
        fail_msg("%s", err.message);
    size_t at = 0, line = 1;
    while (at < expected.len && at < got->len && expected.data[at] == got->data[at])
        line += got->data[at++] == '\n';
    if (at < expected.len || at < got->len)
        fail_msg("%s:%zu: '%.60s' was rendered as '%.60s'", path, line, text_string(&expected) + at,
                 text_string(got) + at);
    text_deinit(&expected);
}

static const struct report_format *format(const char *name)
{
    const struct report_format *rows[REPORT_FORMATS_MAX];
    size_t count = 0;
    assert_int_equal(report_formats_read(name, rows, &count, NULL), 0);
    assert_int_equal(count, 1);
    return rows[0];
}

/* HTML, the summary, JUnit and JSON have their golden files in render_test.c. */
static void test_golden(void **state)
{
    (void)state;
    static const char *const names[] = {"tap", "ctrf", "sarif", "markdown", "github", "openmetrics"};
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        struct report *r = read_stream(streams[i]);
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            const struct report_format *f = format(names[k]);
            struct text out = TEXT_INIT;
            f->render(r, &out);
            check_golden(streams[i], f, &out);
            for (size_t c = 0; c < out.len; c++)
                if ((unsigned char)out.data[c] < 0x20 && out.data[c] != '\n' && out.data[c] != '\t')
                    fail_msg("%s of %s holds byte %d", f->name, streams[i], out.data[c]);
            text_deinit(&out);
        }
        report_free(r);
    }
}

static void test_names(void **state)
{
    (void)state;
    const struct report_format *rows[REPORT_FORMATS_MAX];
    struct error err = ERROR_INIT;
    size_t count = 0;
    assert_int_equal(report_formats_read("junit,html,junit", rows, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0]->file, "junit.xml");
    assert_string_equal(rows[1]->file, "report.html");
    static const struct {
        const char *list, *said;
    } wrong[] = {
        {"junti", "no format is called \"junti\"; did you mean \"junit\"?"},
        {"html,", "expected some of terminal, html, junit, tap"},
        {"", "expected some of"},
        {"html,,tap", "expected some of"},
        {"a name that is longer than any format has", "no format is called \"a name that is longer than any \""}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(report_formats_read(wrong[i].list, rows, &count, &err), ERROR_INVALID);
        if (strstr(err.message, wrong[i].said) == NULL)
            fail_msg("%s: %s", wrong[i].list, err.message);
        error_clear(&err);
    }
    for (const struct report_format *f = report_formats; f->name != NULL; f++) /* files beside each other */
        for (const struct report_format *other = report_formats; other != f; other++)
            assert_string_not_equal(f->file, other->file);
}

static struct report *made_of(const char *lines)
{
    struct report *r = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(report_new("made", &r, &err), 0);
    while (*lines != 0) {
        size_t len = strcspn(lines, "\n");
        if (report_add_line(r, BYTES(lines, len), &err) != 0)
            fail_msg("%s", err.message);
        lines += len + (lines[len] != 0);
    }
    return r;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* Never more than ten of a kind; with more, the tenth has the names of all the others. */
static void test_annotations(void **state)
{
    (void)state;
    static const size_t table[] = {0, 1, 9, 10, 11, 50, 3000};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        struct text lines = TEXT_INIT, out = TEXT_INIT;
        for (size_t i = 0; i < table[t]; i++)
            text_printf(&lines,
                        "{\"type\":\"case\",\"t\":1,\"pillar\":\"e2e\",\"name\":\"case %zu of a name as long as they "
                        "are\",\"status\":\"failed\",\"file\":\"a,b.yaml\",\"line\":3}\n"
                        "{\"type\":\"finding\",\"t\":1,\"title\":\"odd %zu\",\"severity\":\"warning\"}\n",
                        i, i);
        text_puts(&lines, "{\"type\":\"end\",\"t\":2,\"exit\":1}");
        struct report *r = made_of(text_string(&lines));
        report_github(r, &out);
        const char *said = text_string(&out);
        size_t shown = table[t] > 10 ? 10 : table[t];
        assert_int_equal(count_of(said, "::error "), shown);
        assert_int_equal(count_of(said, "::warning "), shown);
        assert_int_equal(count_of(said, "::notice "), 1);
        assert_int_equal(count_of(said, "and 41 more"), table[t] == 50 ? 2 : 0);
        for (size_t i = 0; i < table[t] && table[t] <= 50; i++) {
            char name[64];
            (void)snprintf(name, sizeof name, "case %zu of a name", i);
            assert_int_equal(count_of(said, name), 1);
        }
        if (table[t] == 3000) { /* too many for one annotation: then it says how many are not named */
            const char *rest = strstr(said, "%0Aand ");
            assert_non_null(rest);
            size_t unnamed = strtoul(rest + strlen("%0Aand "), NULL, 10);
            assert_int_equal(count_of(said, " of a name as long") + unnamed, 3000);
        }
        if (table[t] != 0)
            assert_non_null(strstr(said, "file=a%2Cb.yaml,line=3,"));
        report_free(r);
        text_deinit(&lines);
        text_deinit(&out);
    }
}

/* What later tries said stands behind the first one's words, for a failure and for what is flaky. */
static void test_later(void **state)
{
    static const char *const shown[] = {"terminal", "html",  "junit",  "tap", "markdown",
                                        "ctrf",     "sarif", "github", "json"};
    static const char lines[] =
        "{\"type\":\"run\",\"t\":0}\n"
        "{\"type\":\"case\",\"t\":1,\"name\":\"a\",\"status\":\"failed\",\"message\":\"one\",\"tries\":4,"
        "\"later\":\"tries 2 to 3: two-of-a\\ntry 4: three-of-a\"}\n"
        "{\"type\":\"case\",\"t\":2,\"name\":\"b\",\"status\":\"flaky\",\"message\":\"one\",\"tries\":3,"
        "\"later\":\"try 2: two-of-b\"}\n"
        "{\"type\":\"end\",\"t\":3,\"passed\":false}\n";
    (void)state;
    char folder[] = "/tmp/harrow-test-XXXXXX", path[64];
    struct report *r = NULL;
    struct error err = ERROR_INIT;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/results.jsonl", folder);
    assert_int_equal(world_write_file(world, path, bytes_of(lines), false, &err), 0);
    if (report_read(world, path, &r, &err) != 0)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        static const char *const words[] = {"tries 2 to 3: two-of-a", "try 4: three-of-a", "try 2: two-of-b"};
        struct text out = TEXT_INIT;
        if (strcmp(shown[i], "terminal") == 0)
            report_terminal(r, &out, false, 100);
        else
            format(shown[i])->render(r, &out);
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            if (strstr(text_string(&out), words[k]) == NULL)
                fail_msg("%s has no \"%s\": %s", shown[i], words[k], text_string(&out));
        text_deinit(&out);
    }
    report_free(r);
    assert_int_equal(world_remove_tree(world, folder), 0);
}

/* CTRF has what each try said in an entry of its own, and nothing of it is lost where a line is none of the known. */
static void test_tries(void **state)
{
    (void)state;
    static const char *const said[] = {"one", "two", "two", NULL, "five"}; /* of try 4 nothing is told */
    struct report *r = made_of("{\"type\":\"case\",\"t\":1,\"name\":\"a\",\"status\":\"flaky\",\"message\":\"one\","
                               "\"detail\":\"more of one\",\"tries\":6,\"later\":"
                               "\"tries 2 to 3: two\\ntry 4 says nothing\\nand 1 more\\ntry 5: five\\nmore of "
                               "five\\ntry 9: is a part of it\"}\n"
                               "{\"type\":\"case\",\"t\":1,\"name\":\"b\",\"status\":\"failed\",\"message\":\"x\","
                               "\"tries\":9000000000000000000,\"later\":\"try 1: tries to 2: try 7\"}\n"
                               "{\"type\":\"end\",\"t\":2,\"exit\":1}");
    struct text out = TEXT_INIT;
    report_ctrf(r, &out);
    json_t *ctrf = json_loadb(text_string(&out), out.len, 0, NULL);
    json_t *tests = json_object_get(json_object_get(ctrf, "results"), "tests"), *tries, *try;
    json_t *first = json_array_get(tests, 0), *second = json_array_get(tests, 1);
    size_t i;
    tries = json_object_get(first, "retryAttempts");
    assert_int_equal(json_array_size(tries), 5);
    assert_int_equal(json_integer_value(json_object_get(first, "retries")), 5);
    json_array_foreach(tries, i, try)
    {
        const char *message = json_string_value(json_object_get(try, "message"));
        assert_int_equal(json_integer_value(json_object_get(try, "attempt")), i + 1);
        assert_string_equal(json_string_value(json_object_get(try, "status")), "failed");
        if (said[i] == NULL)
            assert_null(message);
        else
            assert_string_equal(i == 4 ? "five\nmore of five\ntry 9: is a part of it" : said[i], message);
    }
    assert_string_equal(json_string_value(json_object_get(json_array_get(tries, 0), "trace")), "more of one");
    const char *trace = json_string_value(json_object_get(first, "trace"));
    assert_int_equal(strncmp(trace, "more of one\ntries 2 to 3: two\ntry 4 says nothing\n", 40), 0);
    assert_int_equal(json_array_size(json_object_get(second, "retryAttempts")), 100); /* of however many */
    assert_string_equal(json_string_value(json_object_get(second, "trace")), "try 1: tries to 2: try 7");
    json_decref(ctrf);
    text_deinit(&out);
    report_free(r);
}

/* GitHub's runner cuts a message behind 4,096 characters: what is written is shorter, and the command to repeat it is
 * whole. */
static void test_annotation_size(void **state)
{
    (void)state;
    struct text lines = TEXT_INIT, out = TEXT_INIT;
    for (size_t i = 0; i < 30; i++) {
        text_printf(&lines, "{\"type\":\"case\",\"t\":1,\"name\":\"%zu", i);
        for (size_t k = 0; k < 300; k++)
            text_puts(&lines, "\xC3\xBC");
        text_puts(&lines, "\",\"status\":\"flaky\",\"message\":\"the first\",\"replay\":\"harrow e2e %\",\"later\":\"");
        for (size_t k = 0; k < 400 + i; k++)
            text_puts(&lines, "later: \xE2\x82\xAC 100%\\n");
        text_puts(&lines, "\"}\n");
    }
    struct report *r = made_of(text_string(&lines));
    report_github(r, &out);
    size_t told = 0;
    for (char *line = out.data, *end; *line != 0; line = end + 1) {
        struct text message = TEXT_INIT;
        end = strchr(line, '\n');
        *end = 0;
        char *from = strstr(line + 2, "::") + 2, *title = strstr(line, "title=") + strlen("title=");
        for (const char *at = from; *at != 0; at++) { /* as the runner reads it */
            unsigned code = 0;
            bool escaped = *at == '%' && sscanf(at + 1, "%2X", &code) == 1;
            text_char(&message, escaped ? (char)code : *at);
            at += escaped ? 2 : 0;
        }
        assert_in_range(message.len, 1, 4096);
        assert_in_range(from - 2 - title, 1, 255 + strlen("%3A"));
        assert_true(utf8_valid(text_bytes(&message)) && utf8_valid(BYTES(title, (size_t)(from - 2 - title))));
        if (strstr(title, "flaky") == title) {
            told++;
            assert_true(message.len > 4000);
            assert_non_null(strstr(text_string(&message), "\n… more in the report\nreplay: harrow e2e %"));
        }
        text_deinit(&message);
    }
    assert_int_equal(told, 9);
    text_deinit(&lines);
    text_deinit(&out);
    report_free(r);
}

/* Every allocation of every renderer fails once: the text says so, and nothing leaks. */
static const struct report_format *walked;
static struct report *walked_report;

static int render_once(void)
{
    struct text out = TEXT_INIT;
    walked->render(walked_report, &out);
    int rc = text_ok(&out) ? 0 : ERROR_MEMORY;
    text_deinit(&out);
    return rc;
}

/* The summary says why what was skipped was: each by name, or of many how often each reason was given. */
static void test_skipped(void **state)
{
    (void)state;
    static const struct {
        size_t cases, reasons;
        const char *said[3], *never;
    } table[] = {{0, 1, {NULL}, "Skipped"},
                 {1, 1, {"\nSkipped\n  - e2e / case 0  because 0\n"}, "cases"},
                 {10, 3, {"\n  - e2e / case 0  because 0\n", "\n  - e2e / case 9  because 0\n"}, "cases"},
                 {11, 2, {"\nSkipped\n  - 6 cases  because 0\n  - 5 cases  because 1\n"}, "case 0"},
                 {30,
                  29,
                  {"\n  - 2 cases  because 0\n  - 1 case  because 1\n", "\n  and 19 more reasons, in the report\n"},
                  "case 3"}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        struct text lines = TEXT_INIT, out = TEXT_INIT;
        for (size_t i = 0; i < table[t].cases; i++)
            text_printf(&lines,
                        "{\"type\":\"case\",\"t\":1,\"pillar\":\"e2e\",\"name\":\"case %zu\",\"status\":\"skipped\","
                        "\"why\":\"because %zu\"}\n",
                        i, i % table[t].reasons);
        text_puts(&lines, "{\"type\":\"end\",\"t\":2,\"exit\":0}");
        struct report *r = made_of(text_string(&lines));
        report_terminal(r, &out, false, 100);
        for (size_t i = 0; i < 3 && table[t].said[i] != NULL; i++)
            if (strstr(text_string(&out), table[t].said[i]) == NULL)
                fail_msg("no \"%s\" in: %s", table[t].said[i], text_string(&out));
        if (strstr(text_string(&out), table[t].never) != NULL)
            fail_msg("\"%s\" in: %s", table[t].never, text_string(&out));
        walked = format("terminal");
        walked_report = r;
        assert_true(failing_walk(render_once, FAILING_IS_TOLD) > 0);
        text_deinit(&lines);
        text_deinit(&out);
        report_free(r);
    }
}

/* CTRF: passed after failed is flaky, with all tries; failed after failed is not. */
static void test_retries(void **state)
{
    (void)state;
    struct report *r = read_stream("retried");
    struct text out = TEXT_INIT;
    json_error_t why;
    report_ctrf(r, &out);
    json_t *ctrf = json_loadb(text_string(&out), out.len, JSON_REJECT_DUPLICATES, &why);
    if (ctrf == NULL)
        fail_msg("%s", why.text);
    json_t *results = json_object_get(ctrf, "results"), *tests = json_object_get(results, "tests"), *test;
    size_t i, flaky = 0, counts[2] = {0};
    json_array_foreach(tests, i, test)
    {
        const char *status = json_string_value(json_object_get(test, "status"));
        counts[0] += strcmp(status, "passed") == 0;
        counts[1] += strcmp(status, "failed") == 0;
        if (json_is_true(json_object_get(test, "flaky"))) {
            flaky++;
            assert_string_equal(status, "passed");
            json_t *first = json_array_get(json_object_get(test, "retryAttempts"), 0);
            assert_string_equal(json_string_value(json_object_get(first, "status")), "failed");
            assert_int_equal(json_integer_value(json_object_get(first, "attempt")), 1);
        }
    }
    json_t *summary = json_object_get(results, "summary");
    assert_int_equal(flaky, 1);
    assert_int_equal(json_integer_value(json_object_get(summary, "flaky")), flaky);
    assert_int_equal(json_integer_value(json_object_get(summary, "passed")), counts[0]);
    assert_int_equal(json_integer_value(json_object_get(summary, "failed")), counts[1]);
    assert_int_equal(json_integer_value(json_object_get(summary, "tests")), json_array_size(tests));
    json_decref(ctrf);
    text_deinit(&out);
    report_free(r);
}

/* SARIF: results refer to rules that are there, and fingerprints do not depend on numbers in titles. */
static void test_sarif(void **state)
{
    (void)state;
    for (size_t s = 0; s < STREAM_COUNT; s++) {
        struct report *r = read_stream(streams[s]);
        struct text out = TEXT_INIT;
        json_error_t why;
        report_sarif(r, &out);
        json_t *sarif = json_loadb(text_string(&out), out.len, JSON_REJECT_DUPLICATES, &why);
        if (sarif == NULL)
            fail_msg("%s: %s", streams[s], why.text);
        json_t *run = json_array_get(json_object_get(sarif, "runs"), 0), *result;
        json_t *rules = json_object_get(json_object_get(json_object_get(run, "tool"), "driver"), "rules");
        size_t i;
        json_array_foreach(json_object_get(run, "results"), i, result)
        {
            json_t *rule = json_array_get(rules, (size_t)json_integer_value(json_object_get(result, "ruleIndex")));
            assert_string_equal(json_string_value(json_object_get(rule, "id")),
                                json_string_value(json_object_get(result, "ruleId")));
        }
        assert_int_equal(i, r->findings.count + r->counts[REPORT_FAILED] + r->counts[REPORT_FLAKY]);
        json_decref(sarif);
        text_deinit(&out);
        report_free(r);
    }
}

static void test_fingerprint(void **state)
{
    (void)state;
    struct report_finding a = {
        .pillar = "fuzz", .oracle = "crash", .target = "a.B/C", .title = "a key of 65,536 bytes"};
    struct report_finding b = a;
    char x[REPORT_PRINT_SIZE], y[REPORT_PRINT_SIZE];
    b.title = "a key of 7 bytes";
    report_finding_print(&a, x);
    report_finding_print(&b, y);
    assert_string_equal(x, y);
    assert_int_equal(strlen(x), 16);
    const char **const fields[] = {&b.pillar, &b.oracle, &b.target, &b.title};
    for (size_t i = 0; i < 4; i++) {
        const char *was = *fields[i];
        *fields[i] = "another";
        report_finding_print(&b, y);
        assert_string_not_equal(x, y);
        *fields[i] = was;
    }
}

static void test_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"junit",  "tap",         "ctrf", "sarif", "markdown",
                                        "github", "openmetrics", "html", "json"};
    for (size_t s = 0; s < STREAM_COUNT; s++) {
        walked_report = read_stream(streams[s]);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            walked = format(names[i]);
            assert_true(failing_walk(render_once, FAILING_IS_TOLD) > 0);
        }
        report_free(walked_report);
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
        cmocka_unit_test(test_golden),          cmocka_unit_test(test_names),   cmocka_unit_test(test_annotations),
        cmocka_unit_test(test_later),           cmocka_unit_test(test_retries), cmocka_unit_test(test_sarif),
        cmocka_unit_test(test_fingerprint),     cmocka_unit_test(test_memory),  cmocka_unit_test(test_tries),
        cmocka_unit_test(test_annotation_size), cmocka_unit_test(test_skipped),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
