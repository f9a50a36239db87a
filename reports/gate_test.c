/* The gate: policies and baselines that are wrong, what each check passes and what it does not, how often the
 * statistics are mistaken, the schema for editors, and memory that runs out. */
#include "reports/gate.h"
#include "base/failing_walk.h"
#include "base/test.h"
#include "reports/regress.h"
#include "world/real.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TODAY "2026-11-22"

static int parse(const char *yaml, struct document **out, struct error *err)
{
    return document_parse_yaml(BYTES(yaml, strlen(yaml)), "gate.yaml", out, err);
}

static void test_policy_errors(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *said;
    } table[] = {
        {"[]", "gate.yaml:1:1: expected a map with \"gate: 1\""},
        {"failures: 0", "\"gate\" is missing"},
        {"gate: 2", "gate.yaml:1:7: this harrow reads version 1"},
        {"gate: 1\nfailure: 3", "gate.yaml:2:1: "},
        {"gate: 1\nfailures: -1", "gate.yaml:2:11: "},
        {"gate: 1\nfailures: many", "gate.yaml:2:11: "},
        {"gate: 1\nflaky: many", "gate.yaml:2:8: \"flaky\" must be a share as \"80%\""},
        {"gate: 1\nflaky: 120%", "gate.yaml:2:8: \"flaky\" must be a share"},
        {"gate: 1\nregressions: 3", "gate.yaml:2:14: "},
        {"gate: 1\nregressions: [a]", "gate.yaml:2:15: expected a map with series or recovery, and ratio"},
        {"gate: 1\nregressions:\n  - series: x", "gate.yaml:3:5: \"ratio\" is missing"},
        {"gate: 1\nregressions:\n  - ratio: 2", "is about one of \"series\" and \"recovery\""},
        {"gate: 1\nregressions:\n  - {series: x, recovery: answered, ratio: 2}", "is about one of"},
        {"gate: 1\nregressions:\n  - {recovery: answerd, ratio: 2}",
         "gate.yaml:3:16: \"answerd\" is no figure of recoveries: expected detected, answered, baseline or converged; "
         "did "
         "you mean answered?"},
        {"gate: 1\nregressions:\n  - {series: x, ratio: 0}", "gate.yaml:3:24: \"ratio\" must be a number from 0.01"},
        {"gate: 1\nregressions:\n  - {series: x, ratio: 2, fault: kill}", "\"fault\" goes with \"recovery\""},
        {"gate: 1\nregressions:\n  - {series: x, ratio: 2, confidence: 20%}", "\"confidence\" is from 50%"},
        {"gate: 1\nregressions:\n  - {series: x, ratio: 2, quantile: 99}", "\"quantile\" must be a number from 0 to 1"},
        {"gate: 1\ncoverage: {chaos: 1%}", "gate.yaml:2:12: "},
        {"gate: 1\ncoverage: {fuzz: 0.5}", "gate.yaml:2:18: \"fuzz\" must be a share"},
        {"gate: 1\ncontracts: {broke: 1}", "did you mean \"broken\""},
        {"gate: 1\nminimum: {duration: soon}", "gate.yaml:2:21: "},
        {"gate: 1\nminimum: {pillars: [1]}", "gate.yaml:2:21: expected a pillar: contract, e2e, fuzz or chaos"},
        {"gate: 1\nminimum: {pillars: [fuz]}", "fuzz or chaos; did you mean fuzz?"},
        {"gate: 1\nflaky: 0.05", "write \"5%\""},
        {"gate: 1\nregressions:\n  - {series: x, ratio: 2, confidence: 0.9}", "write \"90%\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct document *d = NULL;
        struct gate_policy p;
        struct error err = ERROR_INIT;
        struct text said = TEXT_INIT;
        assert_int_equal(parse(table[i].yaml, &d, &err), 0);
        assert_int_not_equal(gate_policy_read(d, &p, &err), 0);
        error_format(&err, &said);
        if (strstr(text_string(&said), table[i].said) == NULL)
            fail_msg("%s\nsaid: %s", table[i].yaml, text_string(&said));
        text_deinit(&said);
        error_clear(&err);
    }
}

static void test_baseline_errors(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *said;
    } table[] = {
        {"3", "expected a map with the key \"baseline\""},
        {"baseline: 3", "gate.yaml:1:11: "},
        {"baseline: [x]", "gate.yaml:1:12: expected a map with finding or case"},
        {"baseline:\n  - {reason: a, expires: \"2027-01-01\"}", "gate.yaml:2:5: an entry is one of"},
        {"baseline:\n  - {finding: \"12\", reason: a, expires: \"2027-01-01\"}",
         "gate.yaml:2:15: expected a fingerprint"},
        {"baseline:\n  - {case: x, expires: \"2027-01-01\"}", "reason"},
        {"baseline:\n  - {case: x, reason: \"\", expires: \"2027-01-01\"}", "needs a reason"},
        {"baseline:\n  - {case: x, reason: a}", "expires"},
        {"baseline:\n  - {case: x, reason: a, expires: \"2027-13-01\"}",
         "gate.yaml:2:35: expected a day as 2027-03-01"},
        {"baseline:\n  - {case: x, reason: a, expires: soon}", "got \"soon\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct document *d = NULL;
        struct baseline b;
        struct error err = ERROR_INIT;
        struct text said = TEXT_INIT;
        assert_int_equal(parse(table[i].yaml, &d, &err), 0);
        assert_int_not_equal(baseline_read(d, &b, &err), 0);
        error_format(&err, &said);
        if (strstr(text_string(&said), table[i].said) == NULL)
            fail_msg("%s\nsaid: %s", table[i].yaml, text_string(&said));
        text_deinit(&said);
        error_clear(&err);
    }
}

/* ---- verdicts -------------------------------------------------------------------------------------------------- */

static int read_run(const char *lines, struct report **out, struct error *err)
{
    int rc = report_new("run", out, err);
    while (rc == 0 && *lines != 0) {
        size_t len = strcspn(lines, "\n");
        rc = report_add_line(*out, BYTES(lines, len), err);
        lines += len + (lines[len] != 0);
    }
    return rc;
}

static struct report *made_of(const char *lines)
{
    struct report *r = NULL;
    struct error err = ERROR_INIT;
    if (read_run(lines, &r, &err) != 0)
        fail_msg("%s", err.message);
    return r;
}

/* What the gate says of a run; true: it passes. */
static bool judged(const char *policy_yaml, const char *baseline_yaml, const char *lines, const char *against,
                   struct text *out)
{
    struct document *d = NULL;
    struct gate_policy policy;
    struct baseline baseline = {0};
    struct gate gate;
    struct error err = ERROR_INIT;
    if (parse(policy_yaml, &d, &err) != 0 || gate_policy_read(d, &policy, &err) != 0)
        fail_msg("%s", err.message);
    if (baseline_yaml != NULL && (parse(baseline_yaml, &d, &err) != 0 || baseline_read(d, &baseline, &err) != 0))
        fail_msg("%s", err.message);
    struct report *run = made_of(lines), *before = against != NULL ? made_of(against) : NULL;
    const struct gate_input input = {&policy, run, before, &baseline, TODAY, 7};
    assert_int_equal(gate_judge(&input, &gate, &err), 0);
    bool passed = gate.passed;
    text_clear(out);
    gate_text(&gate, out);
    struct text again = TEXT_INIT;
    json_error_t why;
    gate_json(&gate, &again);
    json_t *json = json_loadb(text_string(&again), again.len, JSON_REJECT_DUPLICATES, &why);
    if (json == NULL)
        fail_msg("%s", why.text);
    assert_int_equal(json_is_true(json_object_get(json, "passed")), passed);
    assert_int_equal(json_array_size(json_object_get(json, "checks")), gate.checks.count);
    json_decref(json);
    text_deinit(&again);
    gate_deinit(&gate);
    report_free(run);
    report_free(before);
    baseline_deinit(&baseline);
    gate_policy_deinit(&policy);
    return passed;
}

#define END "{\"type\":\"end\",\"t\":9000000000,\"exit\":0}\n"
#define CASE(pillar, name, status)                                                                                     \
    "{\"type\":\"case\",\"t\":1,\"pillar\":\"" pillar "\",\"suite\":\"s\",\"name\":\"" name "\",\"status\":\"" status  \
    "\"}\n"
#define FINDING(severity)                                                                                              \
    "{\"type\":\"finding\",\"t\":1,\"pillar\":\"fuzz\",\"oracle\":\"crash\",\"target\":\"a.B/C\",\"title\":\"a key "   \
    "of "                                                                                                              \
    "9\",\"severity\":\"" severity "\",\"replay\":\"harrow replay 1\"}\n"
#define STEP(case, name)                                                                                               \
    "{\"type\":\"step\",\"t\":1,\"case\":\"" case "\",\"name\":\"" name "\",\"status\":\"passed\"}\n"
#define CONTRACT(method, played)                                                                                       \
    "{\"type\":\"contract\",\"t\":1,\"consumer\":\"web\",\"provider\":\"p\",\"method\":\"" method                      \
    "\",\"interactions\":1" played "}\n"
#define FAULT(hits)                                                                                                    \
    "{\"type\":\"fault\",\"t\":1,\"name\":\"kill\",\"target\":\"s\",\"state\":\"inject\",\"hits\":" hits "}\n"

static void test_verdicts(void **state)
{
    (void)state;
    static const char finding_known[] =
        "baseline:\n  - {finding: \"625a436dd421dd84\", reason: r, expires: \"2026-11-23\"}";
    static const struct {
        const char *policy, *baseline, *run;
        bool passed;
        const char *said;
    } table[] = {
        {"gate: 1", NULL, END, true, "ok    complete: the run came to its end\n"},
        {"gate: 1", NULL, "", false, "FAIL  complete: the results stop before the run's end\n"},
        {"gate: 1\ncomplete: false", NULL, "", true, "gate: passed\n"},
        {"gate: 1", NULL, "{\"type\":\"end\",\"t\":1,\"exit\":3}\n", false, "could not do its work"},
        {"gate: 1", NULL, "{\"type\":\"end\",\"t\":1,\"exit\":130}\n", false, "interrupted before its end"},
        {"gate: 1", NULL, "{\"type\":\"end\",\"t\":1,\"exit\":1}\n", true, "passed"},
        {"gate: 1", NULL, CASE("e2e", "x", "failed") END, false, "FAIL  failures: 1 fail; 0 are allowed"},
        {"gate: 1\nfailures: 1", NULL, CASE("e2e", "x", "failed") END, true, "e2e / s / x"},
        {"gate: 1", "baseline:\n  - {case: x, pillar: e2e, suite: s, reason: r, expires: \"2026-11-23\"}",
         CASE("e2e", "x", "failed") END, true, "1 more are in the baseline"},
        {"gate: 1", "baseline:\n  - {case: x, pillar: e2e, suite: s, reason: r, expires: \"2026-11-22\"}",
         CASE("e2e", "x", "failed") END, false, "line 2: past its day, 2026-11-22: r"},
        {"gate: 1", "baseline:\n  - {case: x, pillar: e2e, suite: t, reason: r, expires: \"2026-11-23\"}",
         CASE("e2e", "x", "failed") END, false, "1 entries, 1 of them of no use"},
        {"gate: 1", NULL, FINDING("bug") END, false, "fuzz: a key of 9, a.B/C\n          replay: harrow replay 1"},
        {"gate: 1\nfindings: 1", NULL, FINDING("bug") END, true, "1 new; 1 are allowed"},
        {"gate: 1", NULL, FINDING("warning") END, true, "gate: passed"},
        {"gate: 1\nwarnings: 0", NULL, FINDING("warning") END, false, "FAIL  warnings: 1 new; 0 are allowed"},
        {"gate: 1", finding_known, FINDING("bug") END, true, "0 new; 0 are allowed, 1 are in the baseline"},
        {"gate: 1\nflaky: 0", NULL, CASE("e2e", "x", "flaky") END, false,
         "FAIL  flaky: 1 cases; 0 are allowed (gate.yaml:2)"},
        {"gate: 1\nflaky: \"50%\"", NULL, CASE("e2e", "x", "flaky") CASE("e2e", "y", "passed") END, true,
         "1 of 2 cases, 50.00 %"},
        {"gate: 1\nflaky: \"49%\"", NULL, CASE("e2e", "x", "flaky") CASE("e2e", "y", "passed") END, false, "49.00 %"},
        {"gate: 1\ncoverage: {fuzz: \"50%\"}", NULL,
         CASE("fuzz", "a.B/C", "passed") CASE("fuzz", "a.B/D", "skipped") END, true, "1 of 2 methods, 50.0 %"},
        {"gate: 1\ncoverage: {fuzz: \"51%\"}", NULL,
         CASE("fuzz", "a.B/C", "passed") CASE("fuzz", "a.B/D", "skipped") END, false, "not called: a.B/D"},
        {"gate: 1\ncoverage: {e2e: \"100%\"}", NULL,
         STEP("x", "step 1: call a.B/C") CASE("e2e", "x", "passed") CASE("fuzz", "/a.B/C", "passed") END, true,
         "1 of 1 methods"},
        {"gate: 1\ncoverage: {e2e: \"100%\"}", NULL,
         STEP("x", "GET /v1.2/path http://h.x/y/z") CASE("e2e", "x", "passed") CASE("fuzz", "a.B/C", "passed") END,
         false, "0 of 1 methods"},
        {"gate: 1\ncoverage: {fuzz: \"1%\"}", NULL, END, false, "names no method at all"},
        {"gate: 1\ncoverage: {contract: \"100%\"}", NULL, CONTRACT("a.B/C", ",\"verified\":true") END, true, "1 of 1"},
        {"gate: 1\ncoverage: {contract: \"100%\"}", NULL, CONTRACT("a.B/C", "") END, false, "0 of 1"},
        {"gate: 1\ncontracts: {}", NULL, CONTRACT("a.B/C", ",\"verified\":true") CONTRACT("a.B/D", "") END, true,
         "1 kept, 0 broken (0 allowed), 1 never played"},
        {"gate: 1\ncontracts: {unverified: 0}", NULL, CONTRACT("a.B/D", "") END, false, "web calls a.B/D of p"},
        {"gate: 1\ncontracts: {}", NULL, CONTRACT("a.B/C", ",\"verified\":false") END, false,
         "failed: web calls a.B/C"},
        {"gate: 1\nminimum: {cases: 2}", NULL, CASE("e2e", "x", "passed") CASE("e2e", "y", "skipped") END, false,
         "FAIL  minimum of cases: 1; 2 are asked for (gate.yaml:2)\n        test more"},
        {"gate: 1\nminimum: {inputs: 10, operations: 5}", NULL,
         "{\"type\":\"pillar\",\"t\":1,\"name\":\"fuzz\",\"state\":\"end\",\"inputs\":12}\n"
         "{\"type\":\"pillar\",\"t\":1,\"name\":\"chaos\",\"state\":\"end\",\"operations\":5}\n" END,
         true, "minimum of inputs: 12; 10"},
        {"gate: 1\nminimum: {inputs: 10}", NULL,
         "{\"type\":\"pillar\",\"t\":1,\"name\":\"chaos\",\"state\":\"end\",\"inputs\":12}\n" END, false,
         "0; 10 are asked"},
        {"gate: 1\nminimum: {faults: 2}", NULL, FAULT("1") FAULT("0") FAULT("3") END, true, "minimum of faults: 2"},
        {"gate: 1\nminimum: {faults: 2}", NULL, FAULT("1") FAULT("0") END, false, "minimum of faults: 1"},
        {"gate: 1\nminimum: {duration: 9s}", NULL, END, true, "9 s; 9 s"},
        {"gate: 1\nminimum: {duration: 10s}", NULL, END, false, "9 s; 10 s"},
        {"gate: 1\nminimum: {pillars: [e2e]}", NULL, CASE("e2e", "x", "skipped") END, false, "e2e: was not run"},
        {"gate: 1\nminimum: {pillars: [e2e]}", NULL, CASE("e2e", "x", "passed") END, true, "e2e: was run"},
    };
    struct text out = TEXT_INIT;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        bool passed = judged(table[i].policy, table[i].baseline, table[i].run, NULL, &out);
        if (passed != table[i].passed || strstr(text_string(&out), table[i].said) == NULL)
            fail_msg("%zu: %s\n%s\nsaid:\n%s", i, table[i].policy, table[i].run, text_string(&out));
    }
    text_deinit(&out);
}

/* ---- regressions ----------------------------------------------------------------------------------------------- */

static void samples(struct text *lines, struct random *r, size_t count, double scale)
{
    for (size_t i = 0; i < count; i++)
        text_printf(lines, "{\"type\":\"sample\",\"t\":%zu,\"series\":\"latency_ms\",\"value\":%.6f}\n", i,
                    scale * (1 + random_unit(r)));
    text_puts(lines, END);
}

static void test_regressions(void **state)
{
    (void)state;
    static const struct {
        double scale;
        size_t count;
        bool passed;
        const char *said;
    } table[] = {{1.0, 400, true, "x1.2"},
                 {1.1, 400, true, "x1."},
                 {2.0, 400, false, "FAIL  latency_ms p99: x"},
                 {0.5, 400, true, "x0."},
                 {1.0, 10, false, "too little"}};
    static const char policy[] = "gate: 1\nregressions:\n  - {series: latency_ms, quantile: 0.99, ratio: 1.2}";
    struct text out = TEXT_INIT;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct text before = TEXT_INIT, after = TEXT_INIT;
        struct random r;
        random_seed(&r, i + 1);
        samples(&before, &r, 400, 1);
        samples(&after, &r, table[i].count, table[i].scale);
        if (i == 0) { /* not one of so few is to be expected beyond this quantile */
            assert_false(judged("gate: 1\nregressions:\n  - {series: latency_ms, quantile: 0.999, ratio: 1.2}", NULL,
                                text_string(&after), text_string(&before), &out));
            assert_non_null(strstr(text_string(&out), "independent ones; 1000 are needed on each side"));
            assert_false(judged("gate: 1\nregressions:\n  - {series: latency, ratio: 1.2}", NULL, text_string(&after),
                                text_string(&before), &out));
            assert_non_null(strstr(text_string(&out), "no curve of this name; it has latency_ms"));
        }
        bool passed = judged(policy, NULL, text_string(&after), text_string(&before), &out);
        if (passed != table[i].passed || strstr(text_string(&out), table[i].said) == NULL)
            fail_msg("x%g of %zu:\n%s", table[i].scale, table[i].count, text_string(&out));
        assert_false(judged(policy, NULL, text_string(&after), NULL, &out));
        assert_non_null(strstr(text_string(&out), "name one with --against RUN"));
        text_deinit(&before);
        text_deinit(&after);
    }
    static const char recovery[] =
        "gate: 1\nregressions:\n  - {recovery: answered, fault: kill, ratio: 1.5, samples: 3}";
#define BACK(fault, ms)                                                                                                \
    "{\"type\":\"recovery\",\"t\":1,\"target\":\"s\",\"fault\":\"" fault "\",\"duration\":" ms "000000}\n"
    static const char fast[] = BACK("kill", "10") BACK("kill", "11") BACK("kill", "12") BACK("stop", "900") END;
    static const char slow[] = BACK("kill", "40") BACK("kill", "41") BACK("kill", "42") BACK("stop", "1") END;
    assert_true(judged(recovery, NULL, fast, fast, &out));
    assert_false(judged(recovery, NULL, slow, fast, &out));
    assert_non_null(strstr(text_string(&out), "FAIL  recovery (answered after kill) p50: x3.73 (11 -> 41)"));
    text_deinit(&out);
}

static double noise(struct random *r)
{
    return sqrt(-2 * log(1 - random_unit(r))) * cos(6.283185307179586 * random_unit(r));
}

/* A series whose neighbours are alike (rho), about the same level; its exponential as latencies are. */
static void series(struct random *r, double *out, size_t count, double rho, double level)
{
    double x = noise(r);
    for (size_t i = 0; i < count; i++) {
        x = rho * x + sqrt(1 - rho * rho) * noise(r);
        out[i] = level * exp(0.5 * x);
    }
}

/* Where nothing changed it is mistaken about as rarely as it says (5 %), also when samples hang together; where the
 * level is half as high again it is seen. */
static void test_confidence(void **state)
{
    (void)state;
    enum { PAIRS = 100, COUNT = 400 };
    static const struct {
        double rho, quantile, level, least, most;
    } table[] = {{0, 0.5, 1, 0, 0.10},   {0, 0.9, 1, 0, 0.10},   {0.8, 0.5, 1, 0, 0.13},
                 {0.8, 0.9, 1, 0, 0.13}, {0, 0.5, 1.5, 0.99, 1}, {0.8, 0.5, 1.5, 0.80, 1}};
    static double a[COUNT], b[COUNT];
    struct random r, random;
    random_seed(&r, 5);
    random_seed(&random, 6);
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        int told = 0;
        for (int i = 0; i < PAIRS; i++) {
            struct regress_result result;
            series(&r, a, COUNT, table[t].rho, 1);
            series(&r, b, COUNT, table[t].rho, table[t].level);
            assert_true(regress_compare(&(struct regress_sample){a, COUNT}, &(struct regress_sample){b, COUNT},
                                        table[t].quantile, 0.95, &random, &result));
            assert_true(result.low <= result.ratio * 1.2 && result.high >= result.ratio / 1.2);
            told += result.low > 1;
        }
        double share = (double)told / PAIRS;
        if (share < table[t].least || share > table[t].most)
            fail_msg("rho %g, quantile %g, level %g: told in %g of all", table[t].rho, table[t].quantile,
                     table[t].level, share);
    }
    double zero[3] = {0, 0, 0}, one[1] = {1};
    struct regress_result result;
    assert_true(regress_compare(&(struct regress_sample){zero, 3}, &(struct regress_sample){zero, 3}, 1, 0.95, &random,
                                &result));
    assert_true(result.ratio == 1 && result.low == 1);
    assert_true(regress_compare(&(struct regress_sample){zero, 3}, &(struct regress_sample){one, 1}, 0, 0.95, &random,
                                &result));
    assert_true(isinf(result.ratio) && isinf(result.low));
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

/* What --accept writes is read again, whatever a title holds. */
static void test_accept(void **state)
{
    (void)state;
    struct report_finding f = {.pillar = "fuzz", .oracle = "a: b", .target = "x # y", .title = "\"quoted\"\n- new: {"};
    struct report_case c = {.pillar = "e2e", .suite = "", .name = "\\ {[ \t \xe2\x80\xa8 ends"};
    struct text out = TEXT_INIT;
    struct document *d = NULL;
    struct baseline b;
    struct error err = ERROR_INIT;
    baseline_write_head(&out);
    baseline_write_finding(&out, &f, "why: \"so\"", "2027-03-01");
    baseline_write_case(&out, &c, "because", "2027-03-01");
    assert_true(text_ok(&out));
    if (parse(text_string(&out), &d, &err) != 0 || baseline_read(d, &b, &err) != 0)
        fail_msg("%s\n%s", err.message, text_string(&out));
    assert_int_equal(b.entries.count, 2);
    assert_true(baseline_has_finding(&b, &f, TODAY));
    assert_true(baseline_has_case(&b, &c, TODAY));
    assert_false(baseline_has_case(&b, &c, "2027-03-01"));
    assert_string_equal(b.entries.items[0].consent.reason, "why: \"so\"");
    baseline_deinit(&b);
    text_deinit(&out);
}

/* The schema for editors and the reader know the same members. */
static void check_known(json_t *properties, const char *before, const char *after)
{
    const char *key;
    json_t *value;
    json_object_foreach(properties, key, value)
    {
        if (strcmp(key, "gate") == 0)
            continue; /* it is there already */
        struct text yaml = TEXT_INIT;
        struct document *d = NULL;
        struct gate_policy p;
        struct error err = ERROR_INIT;
        text_printf(&yaml, "%s%s: null%s", before, key, after);
        assert_int_equal(parse(text_string(&yaml), &d, &err), 0);
        if (gate_policy_read(d, &p, &err) == 0)
            gate_policy_deinit(&p);
        else if (strstr(err.message, "unknown") != NULL)
            fail_msg("%s: %s", text_string(&yaml), err.message);
        error_clear(&err);
        text_deinit(&yaml);
    }
}

static void check_listed(const struct node *map, json_t *properties)
{
    for (size_t i = 0; i < map->map.count; i++)
        if (json_object_get(properties, map->map.pairs[i].key) == NULL)
            fail_msg("the schema does not have \"%s\"", map->map.pairs[i].key);
}

static void test_schema(void **state)
{
    (void)state;
    json_error_t why;
    struct world *w = NULL;
    struct text yaml = TEXT_INIT;
    struct document *d = NULL;
    struct gate_policy p;
    json_t *schema = json_load_file("reports/gate.schema.json", JSON_REJECT_DUPLICATES, &why);
    assert_non_null(schema);
    json_t *root = json_object_get(schema, "properties");
    json_t *regression =
        json_object_get(json_object_get(json_object_get(schema, "definitions"), "regression"), "properties");
    json_t *minimum = json_object_get(json_object_get(root, "minimum"), "properties");
    check_known(root, "gate: 1\n", "");
    check_known(regression, "gate: 1\nregressions:\n  - {", "}");
    check_known(minimum, "gate: 1\nminimum: {", "}");
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_read_file(w, "reports/testdata/gate/whole.yaml", 1 << 20, &yaml, NULL), 0);
    assert_int_equal(parse(text_string(&yaml), &d, NULL), 0);
    assert_int_equal(gate_policy_read(d, &p, NULL), 0);
    check_listed(document_root(d), root);
    check_listed(node_get(document_root(d), "minimum"), minimum);
    const struct node *list = node_get(document_root(d), "regressions");
    for (size_t i = 0; i < list->list.count; i++)
        check_listed(&list->list.items[i], regression);
    assert_int_equal(p.regressions.count, 2);
    assert_int_equal(p.coverage.count, 3);
    assert_int_equal(p.minimum[GATE_INPUTS], 1000);
    gate_policy_deinit(&p);
    text_deinit(&yaml);
    world_real_free(w);
    json_decref(schema);
}

/* The documents are read outside the walk: their parser has one of its own. */
static struct report *walked;
static struct gate_policy walked_policy;
static struct baseline walked_baseline;

static int judge_once(void)
{
    struct gate gate;
    struct text out = TEXT_INIT;
    const struct gate_input input = {&walked_policy, walked, walked, &walked_baseline, TODAY, 1};
    int rc = gate_judge(&input, &gate, NULL);
    if (rc != 0)
        return rc;
    gate_text(&gate, &out);
    gate_json(&gate, &out);
    rc = text_ok(&out) ? 0 : ERROR_MEMORY;
    text_deinit(&out);
    gate_deinit(&gate);
    return rc;
}

static int read_once(void)
{
    struct document *d = NULL;
    struct gate_policy p;
    struct baseline b;
    int rc = parse("gate: 1\nregressions:\n  - {series: x, ratio: 2}\ncoverage: {fuzz: \"1%\"}", &d, NULL);
    if (rc == 0 && (rc = gate_policy_read(d, &p, NULL)) == 0)
        gate_policy_deinit(&p);
    if (rc == 0 && (rc = parse("baseline:\n  - {case: y, reason: r, expires: \"2027-01-01\"}", &d, NULL)) == 0 &&
        (rc = baseline_read(d, &b, NULL)) == 0)
        baseline_deinit(&b);
    return rc;
}

static void test_memory(void **state)
{
    (void)state;
    struct document *d = NULL;
    assert_true(failing_walk(read_once, FAILING_IS_TOLD) > 5);
    assert_int_equal(parse("gate: 1\nflaky: 0\ncoverage: {fuzz: \"90%\", e2e: \"10%\"}\ncontracts: {unverified: 0}\n"
                           "minimum: {cases: 1, pillars: [e2e]}\n"
                           "regressions:\n  - {series: x_ms, ratio: 2, samples: 1}\n",
                           &d, NULL),
                     0);
    assert_int_equal(gate_policy_read(d, &walked_policy, NULL), 0);
    assert_int_equal(
        parse("baseline:\n  - {case: y, pillar: e2e, suite: s, reason: r, expires: \"2020-01-01\"}", &d, NULL), 0);
    assert_int_equal(baseline_read(d, &walked_baseline, NULL), 0);
    walked = made_of(CASE("e2e", "y", "failed") CASE("e2e", "z", "flaky") CASE("fuzz", "a.B/C", "skipped") FINDING(
        "bug") CONTRACT("a.B/C", "") "{\"type\":\"sample\",\"t\":1,\"series\":\"x_ms\",\"value\":1}\n" END);
    assert_true(failing_walk(judge_once, FAILING_IS_TOLD) > 20);
    report_free(walked);
    gate_policy_deinit(&walked_policy);
    baseline_deinit(&walked_baseline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_errors), cmocka_unit_test(test_baseline_errors), cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_regressions),   cmocka_unit_test(test_confidence),      cmocka_unit_test(test_accept),
        cmocka_unit_test(test_schema),        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
