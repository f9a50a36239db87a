/* The history on a disk: what comes out after many runs, what is refused, what changed
 * between two runs, memory that runs out. */
#include "reports/history_internal.h"
#include "base/failing_walk.h"
#include "base/test.h"
#include "reports/diff.h"
#include "world/real.h"
#include "world/sqlite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct world *world;
static char folder[] = "/tmp/harrow-history-XXXXXX";
static char path[64];

static struct report *report_of(const char *id, int day, const char *lines)
{
    struct report *r = NULL;
    struct text text = TEXT_INIT;
    struct error err = ERROR_INIT;
    text_printf(
        &text,
        "{\"type\":\"run\",\"t\":0,\"id\":\"%s\",\"system\":\"%s\",\"started\":\"2026-11-%02dT09:00:00.000Z\"}\n", id,
        day > 20 ? "other" : "micro", day);
    text_printf(&text, "%s{\"type\":\"end\",\"t\":5,\"exit\":0}\n", lines);
    assert_int_equal(report_new("made", &r, &err), 0);
    for (const char *at = text_string(&text); *at != 0;) {
        size_t len = strcspn(at, "\n");
        if (report_add_line(r, BYTES(at, len), &err) != 0)
            fail_msg("%s", err.message);
        at += len + 1;
    }
    text_deinit(&text);
    return r;
}

#define CASE(name, status, duration)                                                                                   \
    "{\"type\":\"case\",\"t\":1,\"pillar\":\"e2e\",\"suite\":\"s\",\"name\":\"" name "\",\"status\":\"" status         \
    "\",\"duration\":" duration "}\n"
#define FINDING(title)                                                                                                 \
    "{\"type\":\"finding\",\"t\":1,\"pillar\":\"fuzz\",\"oracle\":\"crash\",\"target\":\"a.B/C\",\"title\":\"" title   \
    "\",\"severity\":\"bug\"}\n"
#define SAMPLE(value) "{\"type\":\"sample\",\"t\":1,\"series\":\"latency_ms\",\"value\":" value "}\n"

static void add(struct report_history *h, const char *id, int day, const char *lines)
{
    struct error err = ERROR_INIT;
    struct report *r = report_of(id, day, lines);
    if (report_history_add(h, r, &err) != 0)
        fail_msg("%s", err.message);
    report_free(r);
}

static json_t *ask(struct report_history *h, const struct report_history_query *q)
{
    struct text out = TEXT_INIT;
    struct error err = ERROR_INIT;
    json_error_t why;
    if (report_history_json(h, q, &out, &err) != 0)
        fail_msg("%s", err.message);
    json_t *json = json_loadb(text_string(&out), out.len, JSON_REJECT_DUPLICATES, &why);
    if (json == NULL)
        fail_msg("%s", why.text);
    text_deinit(&out);
    return json;
}

static const char *text_at(json_t *json, const char *table, size_t row, const char *key)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(json, table), row), key));
}

static int64_t number_at(json_t *json, const char *table, size_t row, const char *key)
{
    return (int64_t)json_number_value(json_object_get(json_array_get(json_object_get(json, table), row), key));
}

static struct report_history *fresh(void)
{
    struct report_history *h = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(world_remove_tree(world, folder), 0);
    assert_int_equal(world_make_directory(world, folder), 0);
    if (report_history_open(world, path, &h, &err) != 0)
        fail_msg("%s", err.message);
    return h;
}

static void test_many(void **state)
{
    (void)state;
    struct report_history *h = fresh();
    struct error err = ERROR_INIT;
    for (int again = 0; again < 2; again++) { /* the same runs once more are the same runs */
        add(h, "one", 1, CASE("slow", "passed", "900") CASE("flips", "failed", "10") SAMPLE("2") SAMPLE("4"));
        add(h, "two", 2, CASE("slow", "passed", "1100") CASE("flips", "passed", "10") FINDING("key of 7") SAMPLE("4"));
        add(h, "three", 3, CASE("slow", "passed", "1000") CASE("flips", "flaky", "10") FINDING("key of 9") SAMPLE("6"));
        add(h, "four", 4, CASE("slow", "skipped", "9000") CASE("calm", "passed", "1") FINDING("new") SAMPLE("8"));
        add(h, "else", 21, CASE("slow", "passed", "99000"));
        report_history_close(h);
        if (report_history_open(world, path, &h, &err) != 0)
            fail_msg("%s", err.message);
    }
    json_t *json = ask(h, &(struct report_history_query){50, 10, "micro"});
    assert_int_equal(json_array_size(json_object_get(json, "runs")), 4);
    assert_string_equal(text_at(json, "runs", 0, "run"), "four");
    assert_string_equal(text_at(json, "slowest", 0, "name"), "slow");
    assert_int_equal(number_at(json, "slowest", 0, "mean"), 1000);
    assert_int_equal(number_at(json, "slowest", 0, "runs"), 3);
    assert_int_equal(json_array_size(json_object_get(json, "flakiest")), 1);
    assert_string_equal(text_at(json, "flakiest", 0, "name"), "flips");
    assert_int_equal(number_at(json, "flakiest", 0, "flips"), 2);
    assert_int_equal(number_at(json, "flakiest", 0, "flaky"), 1);
    assert_string_equal(text_at(json, "findings", 0, "title"), "new");
    assert_int_equal(number_at(json, "findings", 1, "runs"), 2);
    assert_string_equal(text_at(json, "findings", 1, "first"), "2026-11-02T09:00:00.000Z");
    assert_string_equal(text_at(json, "findings", 1, "last"), "2026-11-03T09:00:00.000Z");
    assert_string_equal(text_at(json, "trends", 0, "name"), "latency_ms");
    assert_int_equal(number_at(json, "trends", 0, "p50"), 8);
    assert_int_equal(number_at(json, "trends", 0, "before"), 4); /* of 2, 4 and 6 */
    assert_int_equal(number_at(json, "trends", 0, "ratio"), 2);
    json_decref(json);
    json = ask(h, &(struct report_history_query){1, 1, NULL});
    assert_int_equal(json_array_size(json_object_get(json, "runs")), 1);
    assert_string_equal(text_at(json, "runs", 0, "run"), "else");
    json_decref(json);
    struct text out = TEXT_INIT;
    assert_int_equal(report_history_text(h, &(struct report_history_query){50, 10, "micro"}, &out, &err), 0);
    assert_non_null(strstr(text_string(&out), "\n  e2e     s      flips     3      1      2       1   67 %\n"));
    text_deinit(&out);
    report_history_close(h);
}

static int note_duration(void *arg, const char *suite, const char *name, uint64_t duration)
{
    text_printf(arg, "%s %s %llu; ", suite, name, (unsigned long long)duration);
    return strcmp(name, "stop") == 0 ? ERROR_CANCELLED : 0;
}

/* The mean of the newest runs of one system; what was skipped says nothing of how long it takes. */
static void test_durations(void **state)
{
    struct report_history *h = fresh();
    struct text said = TEXT_INIT;
    (void)state;
    add(h, "r1", 1, CASE("a", "passed", "1000"));
    add(h, "r2", 2, CASE("a", "passed", "10") CASE("b", "failed", "7"));
    add(h, "r3", 3, CASE("a", "flaky", "30") CASE("b", "skipped", "0") CASE("c", "skipped", "0"));
    add(h, "r4", 21, CASE("a", "passed", "5000"));
    assert_int_equal(report_history_durations(h, "e2e", "micro", 2, note_duration, &said, NULL), 0);
    assert_string_equal(text_string(&said), "s a 20; s b 7; ");
    text_clear(&said);
    assert_int_equal(report_history_durations(h, "fuzz", "micro", 9, note_duration, &said, NULL), 0);
    assert_string_equal(text_string(&said), "");
    add(h, "r5", 22, CASE("stop", "passed", "1") CASE("zz", "passed", "1"));
    assert_int_equal(report_history_durations(h, "e2e", "other", 1, note_duration, &said, NULL), ERROR_CANCELLED);
    assert_string_equal(text_string(&said), "s stop 1; ");
    text_deinit(&said);
    report_history_close(h);
}

static void test_refused(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct report_history *h = fresh(), *second = NULL;
    struct report *nameless = report_of("", 1, "");
    assert_int_equal(report_history_add(h, nameless, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "without an id"));
    error_clear(&err);
    report_free(nameless);
    assert_int_equal(history_open_within(world, path, 0, true, &second, &err),
                     ERROR_IN_USE); /* one process at a time */
    error_clear(&err);
    report_history_close(h);

    sqlite3 *db = NULL;
    assert_int_equal(world_sqlite_open(world, path, &db, &err), 0);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=7", NULL, NULL, NULL), SQLITE_OK);
    world_sqlite_close(db);
    assert_int_equal(report_history_open(world, path, &h, &err), ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "has version 7 of the history, this harrow knows 1"));
    error_clear(&err);

    char other[80];
    (void)snprintf(other, sizeof other, "%s/other.db", folder);
    assert_int_equal(world_sqlite_open(world, other, &db, &err), 0);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE x(y)", NULL, NULL, NULL), SQLITE_OK);
    world_sqlite_close(db);
    assert_int_equal(report_history_open(world, other, &h, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "no history of harrow's"));
    error_clear(&err);
    assert_int_equal(report_history_look(world, other, &h, &err), ERROR_INVALID);
    error_clear(&err);
    /* To look makes nothing, neither what is not there nor something of what is empty. */
    struct world_stat stat = {0};
    (void)snprintf(other, sizeof other, "%s/none.db", folder);
    assert_int_equal(report_history_look(world, other, &h, &err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "there is no such history"));
    error_clear(&err);
    assert_int_equal(world_stat(world, other, &stat), 0);
    assert_false(stat.exists);
    assert_int_equal(world_write_file(world, other, BYTES("", 0), false, &err), 0);
    assert_int_equal(report_history_look(world, other, &h, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "the file is empty"));
    error_clear(&err);
    assert_int_equal(world_stat(world, other, &stat), 0);
    assert_int_equal(stat.size, 0);
    assert_int_equal(world_sqlite_open(world, other, &db, &err), 0); /* SQLite's, with no tables */
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE x(y); DROP TABLE x", NULL, NULL, NULL), SQLITE_OK);
    world_sqlite_close(db);
    assert_int_equal(report_history_look(world, other, &h, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "the file is empty"));
    error_clear(&err);
    assert_int_equal(report_history_open(world, other, &h, &err), 0); /* asked for, it is made there */
    report_history_close(h);
    assert_int_equal(report_history_look(world, other, &h, &err), 0);
    report_history_close(h);
    (void)snprintf(other, sizeof other, "%s/text.db", folder);
    assert_int_equal(world_write_file(world, other, BYTES("not a database, and long enough", 31), false, &err), 0);
    assert_int_not_equal(report_history_open(world, other, &h, &err), 0);
    error_clear(&err);
}

/* ---- two runs -------------------------------------------------------------------------------------------------- */

static const char before_lines[] = CASE("breaks", "passed", "1") CASE("mended", "failed", "1")
    CASE("same", "failed", "1") CASE("gone", "passed", "1") CASE("slower", "passed", "30000000")
        CASE("noise", "passed", "30000000") CASE("shakes", "passed", "1") FINDING("old 1") FINDING("left") SAMPLE("2");
static const char after_lines[] = CASE("breaks", "failed", "1") CASE("mended", "passed", "1")
    CASE("same", "failed", "1") CASE("new", "passed", "1") CASE("slower", "passed", "90000000")
        CASE("noise", "passed", "31000000") CASE("shakes", "flaky", "1") FINDING("old 2") FINDING("fresh") SAMPLE("3");

static void test_diff(void **state)
{
    (void)state;
    struct report *a = report_of("a", 1, before_lines), *b = report_of("b", 2, after_lines);
    struct text out = TEXT_INIT;
    assert_true(report_diff_text(a, b, &out));
    assert_string_equal(text_string(&out), "  broken          e2e / s / breaks\n"
                                           "  fixed           e2e / s / mended\n"
                                           "  flaky           e2e / s / shakes\n"
                                           "  found           fuzz / a.B/C / fresh: crash\n"
                                           "  not found again fuzz / a.B/C / left: crash\n"
                                           "  new             e2e / s / new\n"
                                           "  gone            e2e / s / gone\n"
                                           "  slower          e2e / s / slower: 30 ms -> 90 ms\n"
                                           "  figure          latency_ms p50: 2 -> 3 (x1.50)\n"
                                           "worse: 5 passed, 2 failed, 0 flaky, 0 skipped, 2 found -> 4 passed, 2 "
                                           "failed, 1 flaky, 0 skipped, 2 found\n");
    text_clear(&out);
    assert_false(report_diff_text(a, a, &out));
    text_clear(&out);
    json_error_t why;
    assert_true(report_diff_json(a, b, &out));
    json_t *json = json_loadb(text_string(&out), out.len, JSON_REJECT_DUPLICATES, &why);
    assert_int_equal(json_array_size(json_object_get(json, "changes")), 9);
    assert_true(json_is_true(json_object_get(json, "worse")));
    json_decref(json);
    text_deinit(&out);
    report_free(a);
    report_free(b);
}

static struct report *walked[2];

static int diff_once(void)
{
    struct text out = TEXT_INIT;
    (void)report_diff_text(walked[0], walked[1], &out);
    (void)report_diff_json(walked[0], walked[1], &out);
    int rc = text_ok(&out) ? 0 : ERROR_MEMORY;
    text_deinit(&out);
    return rc;
}

static int history_once(void)
{
    struct report_history *h = NULL;
    struct text out = TEXT_INIT;
    int rc = report_history_open(world, path, &h, NULL);
    if (rc == 0)
        rc = report_history_add(h, walked[1], NULL);
    if (rc == 0)
        rc = report_history_text(h, &(struct report_history_query){9, 9, NULL}, &out, NULL);
    if (rc == 0)
        rc = report_history_json(h, &(struct report_history_query){9, 9, NULL}, &out, NULL);
    report_history_close(h);
    text_deinit(&out);
    return rc;
}

static void test_memory(void **state)
{
    (void)state;
    report_history_close(fresh());
    walked[0] = report_of("a", 1, before_lines);
    walked[1] = report_of("b", 2, after_lines);
    assert_true(failing_walk(diff_once, FAILING_IS_TOLD) > 10);
    assert_true(failing_walk(history_once, FAILING_MAY_BE_BORNE) > 10);
    report_free(walked[0]);
    report_free(walked[1]);
}

static void let_go(void *arg)
{
    struct report_history **h = arg;
    report_history_close(*h);
    *h = NULL;
}

/* Who has the file lets it go while another waits for it: nothing is lost. A folder, and what nobody may write, are
 * told as what they are. */
static void test_in_turn(void **state)
{
    (void)state;
    struct report_history *first = NULL, *second = NULL;
    struct error err = ERROR_INIT;
    struct world_timer timer;
    struct text out = TEXT_INIT;
    assert_int_equal(report_history_open(world, path, &first, &err), 0);
    add(first, "a", 1, CASE("x", "passed", "1"));
    world_timer_init(&timer, world, let_go, &first);
    world_timer_start(&timer, 1000000);
    if (report_history_open(world, path, &second, &err) != 0)
        fail_msg("%s", err.message);
    assert_null(first);
    add(second, "b", 2, CASE("x", "passed", "1"));
    const struct report_history_query none = {10, 10, "nope"};
    assert_int_equal(report_history_text(second, &none, &out, &err), 0);
    assert_string_equal(text_string(&out), "The history has no runs of nope; it has those of micro.\n");
    text_deinit(&out);
    report_history_close(second);
    assert_int_equal(report_history_open(world, folder, &second, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "is a folder"));
    error_clear(&err);
    assert_int_equal(world_remove(world, path), 0);
}

static int open_world(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/runs.db", folder);
    return world_real_new(1, &world, NULL);
}

static int close_world(void **state)
{
    (void)state;
    int rc = world_remove_tree(world, folder);
    world_real_free(world);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many), cmocka_unit_test(test_durations), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_diff), cmocka_unit_test(test_memory),    cmocka_unit_test(test_in_turn),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
