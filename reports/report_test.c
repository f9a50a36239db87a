/* Reading the result stream: what the model holds afterwards, and what is said about a stream that is broken. */
#include "reports/report.h"
#include "base/failing.h"
#include "base/units.h"
#include "world/real.h"
#include "world/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define STREAMS "reports/testdata/streams/"

static struct report *read_stream(const char *name)
{
    struct world *w = NULL;
    struct report *r = NULL;
    struct error err = ERROR_INIT;
    char path[128];
    (void)snprintf(path, sizeof path, STREAMS "%s", name);
    assert_int_equal(world_real_new(1, &w, &err), 0);
    if (report_read(w, path, &r, &err) != 0)
        fail_msg("%s: %s", path, err.message);
    world_real_free(w);
    return r;
}

static void test_full(void **state)
{
    (void)state;
    struct report *r = read_stream("full.jsonl");
    assert_string_equal(r->system, "micro");
    assert_string_equal(r->seed, "18446744073709551557");
    assert_true(r->begun && r->ended && !r->truncated);
    assert_int_equal(r->exit, 1);
    assert_int_equal(r->counts[REPORT_PASSED], 11);
    assert_int_equal(r->counts[REPORT_FAILED], 2);
    assert_int_equal(r->counts[REPORT_SKIPPED], 1);
    assert_int_equal(r->counts[REPORT_FLAKY], 1);
    assert_int_equal(r->bugs, 1);
    assert_int_equal(r->warnings, 1);
    assert_int_equal(r->unknown, 1);
    assert_int_equal(r->pillars.count, 4);
    assert_true(r->pillars.items[3].ended);
    assert_string_equal(r->pillars.items[3].totals->name, "operations");
    assert_string_equal(r->pillars.items[3].totals->value, "11540");
    assert_int_equal(r->faults.count, 7);
    assert_true(r->faults.items[0].healed);
    assert_int_equal(r->faults.items[0].end, 6350 * (uint64_t)MILLISECOND);
    assert_int_equal(r->series.count, 3);
    assert_int_equal(r->recoveries.count, 6);
    assert_int_equal(report_verdict(r), REPORT_VERDICT_FAILED);

    size_t place = 0;
    while (place < r->cases.count && strcmp(r->cases.items[place].name, "create, edit, read") != 0)
        place++;
    assert_true(place < r->cases.count);
    const struct report_case *c = &r->cases.items[place];
    assert_int_equal(c->line, 14);
    assert_string_equal(c->steps->name, "call notes.Notes/Create");
    assert_non_null(strstr(c->steps->sent, "\"title\": \"<b>x</b>\""));
    assert_int_equal(c->steps->next->status, REPORT_FAILED);
    assert_null(c->steps->next->next);

    struct report_recovery_row *rows = NULL;
    size_t count = 0;
    assert_int_equal(report_recovery_rows(r, &rows, &count), 0);
    assert_int_equal(count, 5);
    assert_string_equal(rows[3].target, "store");
    assert_string_equal(rows[3].fault, "kill");
    assert_int_equal(rows[3].count, 2);
    for (int f = 0; f < REPORT_FIGURE_COUNT; f++) {
        const struct report_spread *s = &rows[3].figures[f];
        assert_true(s->count <= 2 && s->p50 <= s->p99 && s->p99 == s->max);
        assert_true(s->count == 0 || s->p50 == s->values[0]);
    }
    assert_int_equal(rows[3].figures[REPORT_ANSWERED].count, 2);
    assert_true(rows[3].figures[REPORT_DETECTED].max < rows[3].figures[REPORT_ANSWERED].p50);
    free(rows);
    report_free(r);
}

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum report_verdict verdict;
        bool ended, truncated;
    } table[] = {{"passed.jsonl", REPORT_VERDICT_PASSED, true, false},
                 {"killed.jsonl", REPORT_VERDICT_FAILED, false, true}, /* it had failures before it was killed */
                 {"full.jsonl", REPORT_VERDICT_FAILED, true, false},
                 {"interrupted.jsonl", REPORT_VERDICT_INTERRUPTED, true, false},
                 {"hostile.jsonl", REPORT_VERDICT_FAILED, true, false}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct report *r = read_stream(table[i].name);
        assert_int_equal(report_verdict(r), table[i].verdict);
        assert_int_equal(r->ended, table[i].ended);
        assert_int_equal(r->truncated, table[i].truncated);
        report_free(r);
    }
}

/* Lines fed one by one; the last without its newline when `cut`. Returns the code, and the message in `said`. */
static int feed(const char *lines, struct report **out, char *said, size_t size)
{
    struct error err = ERROR_INIT;
    struct text text = TEXT_INIT;
    int rc = report_new("stream", out, &err);
    while (rc == 0 && *lines != 0) {
        size_t len = strcspn(lines, "\n");
        rc = lines[len] == 0 ? report_add_last(*out, BYTES(lines, len), &err)
                             : report_add_line(*out, BYTES(lines, len), &err);
        lines += len + (lines[len] != 0);
    }
    error_format(&err, &text);
    (void)snprintf(said, size, "%s", rc == 0 ? "" : text_string(&text));
    text_deinit(&text);
    error_clear(&err);
    return rc;
}

static void test_broken(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        int code;
        const char *message;
    } table[] = {
        {"{\"type\":\"note\",\"text\":\"a\"}\n{oops\n", ERROR_SYNTAX, "stream:2:"},
        {"\n  \n[1]\n", ERROR_SYNTAX, NULL},
        {"{}\n", ERROR_INVALID, "stream:1:1: not a result"},
        {"[]\n", ERROR_INVALID, "stream:1:1: not a result"},
        {"{\"type\":5}\n", ERROR_INVALID, "stream:1:1"},
        {"{\"type\":\"note\",\"text\":5}\n", ERROR_INVALID, "stream:1: \"text\" must be text, not a number"},
        {"{\"type\":\"case\",\"name\":\"a\"}\n", ERROR_INVALID, "\"status\" must be"},
        {"{\"type\":\"case\",\"name\":\"a\",\"status\":\"great\"}\n", ERROR_INVALID, "\"status\" must be"},
        {"{\"type\":\"case\",\"name\":\"a\",\"status\":\"passed\",\"line\":\"x\"}\n", ERROR_INVALID, "whole number"},
        {"{\"type\":\"sample\",\"series\":\"a\",\"value\":\"x\"}\n", ERROR_INVALID, "\"value\" must be a number"},
        {"{\"type\":\"sample\",\"series\":[],\"value\":1}\n", ERROR_INVALID, "\"series\" must be text"},
        {"{\"type\":\"fault\",\"name\":\"a\",\"verified\":1}\n", ERROR_INVALID, "\"verified\" must be a boolean"},
        {"{\"type\":\"run\",\"seed\":{}}\n", ERROR_INVALID, "\"seed\""},
        {"{\"type\":\"note\",\"t\":\"x\"}\n", ERROR_INVALID, "\"t\" must be"},
        {"{\"type\":\"table\",\"rows\":[]}\n", ERROR_INVALID, "stream:1: a table's \"columns\" must be"},
        {"{\"type\":\"table\",\"columns\":[7],\"rows\":[]}\n", ERROR_INVALID, "column names must be text"},
        {"{\"type\":\"table\",\"columns\":[\"a\"]}\n", ERROR_INVALID, "\"rows\" must be a list"},
        {"{\"type\":\"table\",\"columns\":[\"a\"],\"rows\":[[1,2]]}\n", ERROR_INVALID, "a cell for each column"},
        {"{\"type\":\"table\",\"columns\":[\"a\"],\"rows\":[[true]]}\n", ERROR_INVALID, "a table's cells are"},
        {"{\"type\":\"table\",\"columns\":[\"a\"],\"rows\":[[{\"b\":-1}]]}\n", ERROR_INVALID, "shares must be"},
        {"{\"type\":\"note\",\"type\":\"note\"}\n", ERROR_SYNTAX, "stream:1:"},
        {"{\"type\":\"note\",\"text\":\"\xff\"}\n", ERROR_SYNTAX, "stream:1:"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct report *r = NULL;
        char said[512];
        int rc = feed(table[i].lines, &r, said, sizeof said);
        if (table[i].message == NULL) { /* "[1]" is JSON, but no result */
            assert_int_equal(rc, ERROR_INVALID);
        } else {
            assert_int_equal(rc, table[i].code);
            if (strstr(said, table[i].message) == NULL)
                fail_msg("'%s' does not say '%s'", said, table[i].message);
        }
        report_free(r);
    }
}

static void test_tolerant(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        bool truncated;
        size_t unknown;
    } table[] = {
        {"{\"type\":\"end\"}", false, 0},
        {"{\"type\":\"end\"}\n{\"type\":\"no", true, 0},
        {"{\"type\":\"end\"}\n{", true, 0},
        {"\n\r\n{\"type\":\"end\",\"exit\":null}\n", false, 0},
        {"{\"type\":\"future\",\"t\":1}\n{\"type\":\"end\",\"exit\":0.0,\"new\":[{}]}\n", false, 1},
        {"{\"type\":\"fault\",\"name\":\"a\",\"target\":\"b\",\"state\":\"heal\"}\n", false, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct report *r = NULL;
        char said[512];
        assert_int_equal(feed(table[i].lines, &r, said, sizeof said), 0);
        assert_int_equal(r->truncated, table[i].truncated);
        assert_int_equal(r->unknown, table[i].unknown);
        report_free(r);
    }
}

static void test_samples(void **state)
{
    (void)state;
    struct report *r = NULL;
    assert_int_equal(report_new("s", &r, NULL), 0);
    const uint64_t times[] = {5, 1, 9, 7, 7};
    char line[128];
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"sample\",\"t\":%llu,\"series\":\"a\",\"value\":%zu}",
                       (unsigned long long)times[i], i);
        assert_int_equal(report_add_line(r, bytes_of(line), NULL), 0);
    }
    const uint64_t sorted[] = {1, 5, 7, 7, 9};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(r->series.items[0].points[i].t, sorted[i]);
    for (size_t i = 0; i < REPORT_SERIES_MAX + 3; i++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"sample\",\"t\":1,\"series\":\"s%zu\",\"value\":0.5}", i);
        assert_int_equal(report_add_line(r, bytes_of(line), NULL), 0);
    }
    assert_int_equal(r->series.count, REPORT_SERIES_MAX);
    assert_int_equal(r->dropped, 4);
    report_free(r);
}

/* Files from a simulated disk: one that is not there, one that cannot be read, long ones. */
static void test_files(void **state)
{
    (void)state;
    struct sim *s = sim_new(&(struct sim_options){.seed = 1});
    assert_non_null(s);
    struct world *w = sim_node(s, "here");
    struct report *r = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(report_read(w, "absent.jsonl", &r, &err), ERROR_NOT_FOUND);
    assert_non_null(err.message);

    struct text lines = TEXT_INIT;
    for (size_t i = 0; i < 20000; i++)
        text_printf(&lines, "{\"type\":\"sample\",\"t\":%zu,\"series\":\"a\",\"value\":%zu}\n", i, i % 7);
    assert_int_equal(world_write_file(w, "long.jsonl", text_bytes(&lines), false, &err), 0);
    assert_int_equal(report_read(w, "long.jsonl", &r, &err), 0);
    assert_int_equal(r->lines, 20000);
    assert_int_equal(r->series.items[0].count, 20000);
    report_free(r);

    text_puts(&lines, "{\"type\":\"note\",\"text\":\"");
    for (size_t i = 0; i < 300000; i++) /* one line longer than a piece that is read at once */
        text_puts(&lines, "xy");
    text_puts(&lines, "\"}\nbroken\n");
    assert_int_equal(world_write_file(w, "broken.jsonl", text_bytes(&lines), false, &err), 0);
    assert_int_equal(report_read(w, "broken.jsonl", &r, &err), ERROR_SYNTAX);
    assert_int_equal(err.line, 20002);
    assert_string_equal(err.file, "broken.jsonl");

    sim_disk(s, "here", &(struct sim_disk_faults){.read_error = 1000000});
    assert_int_equal(report_read(w, "long.jsonl", &r, &err), ERROR_IO);
    error_clear(&err);
    text_deinit(&lines);
    sim_free(s);
}

/* Every allocation of ours; jansson keeps its own, since without memory it loses parts of a text unsaid. */
static void test_out_of_memory(void **state)
{
    (void)state;
    struct world *w = NULL;
    struct text stream = TEXT_INIT;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_read_file(w, STREAMS "full.jsonl", 1 << 20, &stream, NULL), 0);
    world_real_free(w);
    bool hit = true;
    for (size_t n = 1; hit; n += n < 250 ? 1 : 41) {
        struct report *r = NULL;
        struct text out = TEXT_INIT;
        failing_arm(n);
        int rc = report_new("s", &r, NULL);
        for (size_t at = 0; rc == 0 && at < stream.len;) {
            const char *end = memchr(stream.data + at, '\n', stream.len - at);
            size_t len = (size_t)(end - (stream.data + at));
            rc = report_add_line(r, BYTES(stream.data + at, len), NULL);
            at += len + 1;
        }
        bool reading_failed = rc != 0;
        if (rc == 0) {
            report_html(r, &out);
            report_junit(r, &out);
            report_terminal(r, &out, true, 80);
        }
        hit = failing_hit();
        failing_disarm();
        if (reading_failed)
            assert_int_equal(rc, ERROR_MEMORY);
        else
            assert_int_equal(hit, !text_ok(&out));
        text_deinit(&out);
        report_free(r);
    }
    text_deinit(&stream);
}

static void add_text_line(struct report *r, const char *line)
{
    assert_int_equal(report_add_line(r, bytes_of(line), NULL), 0);
}

/* A loop of very many steps: the first are kept, and what is new or failed behind them. */
static void test_many_steps(void **state)
{
    (void)state;
    struct report *r = NULL;
    char line[256];
    assert_int_equal(report_new("many", &r, NULL), 0);
    for (int i = 1; i <= 5000; i++) {
        const char *name = i == 4000 ? "call b.B/Once" : "call a.A/Read";
        (void)snprintf(line, sizeof line,
                       "{\"type\":\"step\",\"t\":%d,\"case\":\"loop\",\"name\":\"1[%d].1 %s\",\"status\":\"%s\"}", i, i,
                       name, i == 4500 ? "failed" : "passed");
        add_text_line(r, line);
    }
    add_text_line(r, "{\"type\":\"step\",\"t\":6000,\"case\":\"other\",\"name\":\"1 set\",\"status\":\"passed\"}");
    add_text_line(
        r, "{\"type\":\"case\",\"t\":5001,\"pillar\":\"e2e\",\"suite\":\"s\",\"name\":\"loop\",\"status\":\"passed\"}");
    size_t kept = 0;
    static const struct report_step none = {.name = ""};
    const struct report_step *last = &none, *before = &none;
    for (const struct report_step *s = r->cases.items[0].steps; s != NULL; s = s->next, kept++) {
        before = last;
        last = s;
    }
    assert_int_equal(kept, REPORT_STEPS_MAX + 2);
    assert_int_equal(r->cases.items[0].steps_left_out, 5000 - REPORT_STEPS_MAX - 2);
    assert_string_equal(before->name, "1[4000].1 call b.B/Once");
    assert_int_equal(last->status, REPORT_FAILED);
    struct text page = TEXT_INIT;
    report_html(r, &page);
    assert_non_null(strstr(text_string(&page), "<summary>5000 steps</summary>"));
    assert_non_null(strstr(text_string(&page), "3998 more that passed are in the result stream only."));
    text_deinit(&page);
    report_free(r); /* with a case that never came */
}

/* What is left out is counted without a tree where a line is as harrow writes it, and as any other where it is not. */
static void test_left_out_steps(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        size_t left_out;
        int rc;
    } behind[] = {
        {"{\"type\":\"step\",\"t\":7,\"case\":\"loop\",\"name\":\"9 set\",\"status\":\"passed\",\"duration\":1,"
         "\"attempts\":1}",
         1, 0},
        {"{\"type\":\"step\",\"t\":7,\"case\":\"loop\",\"name\":\"9 set\",\"status\":\"passed\",\"duration\":1,"
         "\"attempts\":1,\"sent\":\"x\"}",
         1, 0},
        {"{\"type\": \"step\",\"t\":7,\"case\":\"loop\",\"name\":\"9 set\",\"status\":\"passed\"}", 1, 0},
        {"{\"type\":\"step\",\"t\":7,\"case\":\"loop\",\"name\":\"9 s\\u0065t\",\"status\":\"passed\",\"duration\":1,"
         "\"attempts\":1}",
         1, 0},
        {"{\"type\":\"step\",\"t\":7,\"case\":\"loop\",\"name\":\"9 new\",\"status\":\"passed\",\"duration\":1,"
         "\"attempts\":1}",
         0, 0},
        {"{\"type\":\"step\",\"t\":7,\"case\":\"loop\",\"name\":\"9 set\",\"status\":\"failed\",\"duration\":1,"
         "\"attempts\":1}",
         0, 0},
        {"{\"type\":\"step\",\"t\":7,\"case\":\"loop\",\"name\":\"9 set\",\"status\":\"passed\",\"duration\":1,"
         "\"attempts\":1}x",
         0, ERROR_SYNTAX},
        {"{\"type\":\"step\",\"t\":07,\"case\":\"loop\",\"name\":\"9 set\",\"status\":\"passed\",\"duration\":1,"
         "\"attempts\":1}",
         0, ERROR_SYNTAX},
        {"{\"type\":\"step\",\"t\":7,\"case\":\"loop\",\"name\":\"9 set\",\"status\":\"passed\",\"duration\":,"
         "\"attempts\":1}",
         0, ERROR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        struct report *r = NULL;
        char line[256];
        assert_int_equal(report_new("many", &r, NULL), 0);
        for (int k = 0; k <= REPORT_STEPS_MAX; k++) {
            (void)snprintf(line, sizeof line,
                           "{\"type\":\"step\",\"t\":1,\"case\":\"loop\",\"name\":\"%d set\",\"status\":\"passed\"}",
                           k);
            add_text_line(r, line);
        }
        assert_int_equal(report_add_line(r, bytes_of(behind[i].line), NULL), behind[i].rc);
        if (behind[i].rc == 0)
            assert_int_equal(r->duration, 7);
        add_text_line(r,
                      "{\"type\":\"case\",\"pillar\":\"e2e\",\"suite\":\"s\",\"name\":\"loop\",\"status\":\"passed\"}");
        assert_int_equal(r->cases.items[0].steps_left_out, 1 + behind[i].left_out);
        report_free(r);
    }
}

/* A system may say NUL as well: it becomes what any other byte that is no text does, and names stay the same. */
static void test_nul(void **state)
{
    (void)state;
    struct report *r = NULL;
    char said[256] = "";
    static const char lines[] =
        "{\"type\":\"sample\",\"t\":1,\"series\":\"a\\u0000b\",\"value\":1}\n"
        "{\"type\":\"sample\",\"t\":2,\"series\":\"a\\u0000b\",\"value\":2}\n"
        "{\"type\":\"step\",\"t\":3,\"case\":\"c\\u0000\",\"name\":\"1\",\"status\":\"passed\"}\n"
        "{\"type\":\"case\",\"t\":3,\"name\":\"c\\u0000\",\"status\":\"failed\",\"message\":\"\\u0000\\u0000x\"}\n";
    if (feed(lines, &r, said, sizeof said) != 0)
        fail_msg("%s", said);
    assert_int_equal(r->series.count, 1);
    assert_int_equal(r->series.items[0].count, 2);
    assert_string_equal(r->series.items[0].name, "a\xef\xbf\xbd"
                                                 "b");
    assert_string_equal(r->cases.items[0].message, "\xef\xbf\xbd\xef\xbf\xbdx");
    assert_non_null(r->cases.items[0].steps);
    report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nul),           cmocka_unit_test(test_many_steps), cmocka_unit_test(test_left_out_steps),
        cmocka_unit_test(test_full),          cmocka_unit_test(test_verdicts),   cmocka_unit_test(test_broken),
        cmocka_unit_test(test_samples),       cmocka_unit_test(test_tolerant),   cmocka_unit_test(test_files),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
