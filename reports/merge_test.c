/* Many streams as one report: shards, later tries, findings that several have, and memory that runs out. */
#include "base/failing_walk.h"
#include "base/test.h"
#include "base/units.h"
#include "reports/model.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>

static int read_lines(const char *lines, struct report **out, struct error *err)
{
    int rc = report_new("made", out, err);
    while (rc == 0 && *lines != 0) {
        size_t len = strcspn(lines, "\n");
        rc = report_add_line(*out, BYTES(lines, len), err);
        lines += len + (lines[len] != 0);
    }
    return rc;
}

static struct report *merged(const char *const *streams, size_t count)
{
    struct report *parts[8], *r = NULL;
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < count; i++)
        if (read_lines(streams[i], &parts[i], &err) != 0)
            fail_msg("%s", err.message);
    assert_int_equal(report_merge(parts, count, &r, &err), 0);
    return r;
}

#define RUN(id, started, rest) "{\"type\":\"run\",\"t\":0,\"id\":\"" id "\",\"started\":\"" started "\"" rest "}\n"
#define CASE(name, status)                                                                                             \
    "{\"type\":\"case\",\"t\":1000,\"pillar\":\"e2e\",\"suite\":\"s\",\"name\":\"" name "\",\"status\":\"" status      \
    "\",\"duration\":10,\"message\":\"\"}\n"
#define END(exit) "{\"type\":\"end\",\"t\":2000,\"exit\":" exit "}"
#define EARLY     "2026-11-21T09:00:00.000Z"
#define LATE      "2026-11-21T09:00:05.500Z"

/* Every pair of verdicts, given in the wrong order: a first failure is never hidden. */
static void test_tries(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        enum report_status now;
    } table[] = {{"failed", "passed", REPORT_FLAKY},    {"failed", "failed", REPORT_FAILED},
                 {"failed", "skipped", REPORT_FAILED},  {"failed", "flaky", REPORT_FLAKY},
                 {"passed", "passed", REPORT_PASSED},   {"passed", "failed", REPORT_FAILED},
                 {"passed", "skipped", REPORT_SKIPPED}, {"flaky", "passed", REPORT_FLAKY},
                 {"flaky", "failed", REPORT_FAILED},    {"skipped", "passed", REPORT_PASSED},
                 {"skipped", "failed", REPORT_FAILED}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char early[512], late[512];
        const char *const streams[] = {late, early};
        (void)snprintf(early, sizeof early,
                       RUN("a", EARLY, "") "{\"type\":\"case\",\"t\":1,\"name\":\"x\",\"status\":\"%s\"}\n" END("1"),
                       table[i].first);
        (void)snprintf(late, sizeof late,
                       RUN("b", LATE, "") "{\"type\":\"case\",\"t\":1,\"name\":\"x\",\"status\":\"%s\"}\n" END("0"),
                       table[i].second);
        struct report *r = merged(streams, 2);
        assert_int_equal(r->cases.count, 1);
        if (r->cases.items[0].status != table[i].now || r->counts[table[i].now] != 1)
            fail_msg("%s then %s: %s", table[i].first, table[i].second, report_status_name(r->cases.items[0].status));
        assert_int_equal(report_verdict(r),
                         table[i].now == REPORT_FAILED ? REPORT_VERDICT_FAILED : REPORT_VERDICT_PASSED);
        assert_string_equal(report_status_name(r->cases.items[0].attempts->status), table[i].first);
        assert_null(r->cases.items[0].attempts->next);
        assert_string_equal(r->id, "a, b");
        report_free(r);
    }
}

static void test_shards(void **state)
{
    (void)state;
    const char *const streams[] = {RUN("r", EARLY, ",\"shard\":1,\"shards\":3") CASE("a", "passed") CASE("a", "failed")
                                       END("1"),
                                   RUN("r", EARLY, ",\"shard\":3,\"shards\":3") CASE("c", "passed") END("0"),
                                   RUN("r", EARLY, ",\"shard\":2,\"shards\":3") CASE("b", "passed") CASE("a", "passed")
                                       CASE("a", "passed") END("0")};
    struct report *r = merged(streams, 3);
    assert_string_equal(r->missing, "");
    assert_string_equal(r->id, "r");
    assert_int_equal(r->cases.count, 4); /* both called a, each with two tries */
    assert_int_equal(r->counts[REPORT_FLAKY], 1);
    assert_int_equal(r->counts[REPORT_PASSED], 3);
    assert_int_equal(r->pillars.items[0].counts[REPORT_PASSED], 3);
    assert_int_equal(report_verdict(r), REPORT_VERDICT_PASSED);
    report_free(r);
    r = merged(streams + 1, 1); /* one shard alone is not the run */
    assert_string_equal(r->missing, "1, 2 of 3");
    assert_int_equal(report_verdict(r), REPORT_VERDICT_INCOMPLETE);
    report_free(r);
}

static void test_times(void **state)
{
    (void)state;
    const char *const streams[] = {
        RUN("b", LATE, "") CASE(
            "late",
            "passed") "{\"type\":\"sample\",\"t\":100,\"series\":\"x_ms\",\"value\":2}\n"
                      "{\"type\":\"fault\",\"t\":7,\"name\":\"kill\",\"target\":\"store\",\"state\":\"inject\"}\n" END(
                          "3"),
        RUN("a", EARLY, "") "{\"type\":\"sample\",\"t\":50,\"series\":\"x_ms\",\"value\":1}\n" END("0")};
    struct report *r = merged(streams, 2);
    uint64_t shift = (uint64_t)(5500 * MILLISECOND);
    assert_int_equal(r->cases.items[0].t, shift + 1000);
    assert_int_equal(r->duration, shift + 2000);
    assert_int_equal(r->series.count, 1);
    assert_int_equal(r->series.items[0].points[0].t, 50);
    assert_int_equal(r->series.items[0].points[1].t, shift + 100);
    assert_int_equal(r->faults.items[0].start, shift + 7);
    assert_string_equal(r->started, EARLY);
    assert_int_equal(r->exit, 3); /* an environment that failed does not pass by another run's success */
    assert_int_equal(report_verdict(r), REPORT_VERDICT_FAILED);
    report_free(r);
}

#define FINDING(title, severity)                                                                                       \
    "{\"type\":\"finding\",\"t\":1,\"pillar\":\"fuzz\",\"oracle\":\"crash\",\"target\":\"a.B/C\",\"title\":\"" title   \
    "\",\"severity\":\"" severity "\",\"count\":2}\n"

static void test_findings(void **state)
{
    (void)state;
    const char *const streams[] = {RUN("a", EARLY, "") FINDING("9 bytes", "warning") END("0"),
                                   RUN("b", LATE, "") FINDING("12 bytes", "bug") FINDING("other", "bug") END("1")};
    struct report *r = merged(streams, 2);
    assert_int_equal(r->findings.count, 2);
    assert_int_equal(r->findings.items[0].count, 4);
    assert_false(r->findings.items[0].warning);
    assert_int_equal(r->bugs, 2);
    assert_int_equal(r->warnings, 0);
    assert_int_equal(r->pillars.items[0].findings, 2);
    report_free(r);
}

/* One that is no shard is given back as it is. */
static void test_one(void **state)
{
    (void)state;
    struct report *part = NULL, *r = NULL;
    assert_int_equal(read_lines(RUN("a", EARLY, "") END("0"), &part, NULL), 0);
    assert_int_equal(report_merge(&part, 1, &r, NULL), 0);
    assert_ptr_equal(part, r);
    report_free(r);
}

static int merge_once(void)
{
    static const char *const streams[] = {
        RUN("a", EARLY, ",\"seed\":\"1\",\"shard\":1,\"shards\":3") CASE("a", "failed")
            FINDING("x", "bug") "{\"type\":\"pillar\",\"t\":1,\"name\":\"e2e\",\"state\":\"end\",\"calls\":2}\n"
                                "{\"type\":\"sample\",\"t\":100,\"series\":\"x_ms\",\"value\":2}\n" END("1"),
        RUN("b", LATE, ",\"seed\":\"2\"") CASE("a", "passed") CASE("b", "passed") FINDING(
            "x",
            "bug") "{\"type\":\"note\",\"t\":1,\"text\":\"n\"}\n{\"type\":\"recovery\",\"t\":1,\"target\":\"s\"}\n"
                   "{\"type\":\"fault\",\"t\":7,\"name\":\"kill\",\"target\":\"store\",\"state\":\"inject\"}\n" END(
                       "0")};
    struct report *parts[2] = {NULL, NULL}, *r = NULL;
    int rc = read_lines(streams[0], &parts[0], NULL);
    if (rc == 0)
        rc = read_lines(streams[1], &parts[1], NULL);
    if (rc != 0) {
        report_free(parts[0]);
        report_free(parts[1]);
        return rc;
    }
    rc = report_merge(parts, 2, &r, NULL);
    if (rc == 0)
        report_free(r);
    return rc;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(merge_once, FAILING_IS_TOLD) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tries),    cmocka_unit_test(test_shards), cmocka_unit_test(test_times),
        cmocka_unit_test(test_findings), cmocka_unit_test(test_one),    cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
