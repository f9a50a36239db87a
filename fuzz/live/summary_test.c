/* A campaign's figures there and back, and several put together. */
#include "base/test.h"

#include "fuzz/fuzz.h"
#include "wire/grpc.h"

#include <string.h>

static void make(struct fuzz_summary *s)
{
    *s =
        (struct fuzz_summary){.cases = 10, .inputs = 20, .answered = 19, .edges = 5, .edges_all = 9, .ended = "budget"};
    s->statuses[GRPC_OK] = 12;
    struct fuzz_method_figures m = {.path = strdup("a.B/C"),
                                    .component = strdup("a"),
                                    .calls = 20,
                                    .refusal = strdup("INVALID_ARGUMENT: \"x\" is missing"),
                                    .refusing_field = strdup("x")};
    m.statuses[GRPC_INVALID_ARGUMENT] = 20;
    assert_true(array_push(&s->method_figures, m));
    assert_true(array_push(&s->operators, ((struct fuzz_operator_figures){strdup("text-long"), strdup("text"), 7, 2})));
    assert_true(
        array_push(&s->points, ((struct fuzz_point){.at = 1500000000, .calls = 20, .lanes = {0.5F, 0.4F, 0.1F}})));
    assert_true(array_push(&s->finding_figures, ((struct fuzz_finding_figures){.title = strdup("a.B/C: internal"),
                                                                               .oracle = strdup("internal"),
                                                                               .confirmed = strdup("fresh system"),
                                                                               .count = 3})));
    assert_true(array_push(&s->components,
                           ((struct fuzz_component_figures){
                               .name = strdup("a"), .calls = 20, .resident_last = 4096, .bytes_per_call = 1.5})));
}

static void figures_come_back(void **state)
{
    struct fuzz_summary one, sum = {.edges = -1};
    (void)state;
    make(&one);
    json_t *json = fuzz_summary_json(&one);
    assert_non_null(json);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fuzz_summary_merge(&sum, json, NULL), 0);
    json_decref(json);
    assert_int_equal(sum.cases, 20);
    assert_int_equal(sum.inputs, 40);
    assert_int_equal(sum.statuses[GRPC_OK], 24);
    assert_int_equal(sum.edges, 5); /* not summed: they are the same program's */
    assert_int_equal(sum.methods, 1);
    const struct fuzz_method_figures *m = &sum.method_figures.items[0];
    assert_int_equal(m->calls, 40);
    assert_int_equal(m->statuses[GRPC_INVALID_ARGUMENT], 40);
    assert_string_equal(m->refusing_field, "x");
    assert_int_equal(sum.operators.items[0].cases, 14);
    assert_int_equal(sum.points.count, 1);
    assert_int_equal(sum.points.items[0].calls, 40);
    assert_true(sum.points.items[0].lanes[0] > 0.49F && sum.points.items[0].lanes[0] < 0.51F);
    assert_int_equal(sum.findings, 1); /* of the same title */
    assert_int_equal(sum.finding_figures.items[0].count, 6);
    assert_int_equal(sum.components.items[0].calls, 40);
    fuzz_summary_deinit(&one);
    fuzz_summary_deinit(&sum);
}

static void what_is_no_summary_is_refused(void **state)
{
    static const char *const texts[] = {"{}", "[]", "7", "{\"methods\":7}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fuzz_summary sum = {0};
        struct error err = ERROR_INIT;
        json_t *json = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        assert_int_equal(fuzz_summary_merge(&sum, json, &err), ERROR_INVALID);
        json_decref(json);
        error_clear(&err);
        fuzz_summary_deinit(&sum);
    }
    /* Members of another kind count as absent. */
    struct fuzz_summary sum = {0};
    json_t *json =
        json_loads("{\"methods\":[{\"path\":\"a/B\",\"component\":\"c\",\"calls\":\"x\"}],\"cases\":[]}", 0, NULL);
    assert_int_equal(fuzz_summary_merge(&sum, json, NULL), 0);
    assert_int_equal(sum.method_figures.items[0].calls, 0);
    json_decref(json);
    fuzz_summary_deinit(&sum);
}

static int keep(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    return 0;
}

static uint64_t zero(void *arg)
{
    (void)arg;
    return 0;
}

static void tables_and_cases_are_told(void **state)
{
    struct fuzz_summary s;
    struct text lines = TEXT_INIT;
    struct result_stream r = {.write = keep, .arg = &lines, .now = zero};
    (void)state;
    make(&s);
    fuzz_summary_cases(&s, &r, "harrow fuzz");
    assert_int_equal(r.passed, 1);
    assert_non_null(strstr(text_string(&lines), "never answered OK; the first refusal: INVALID_ARGUMENT"));
    assert_non_null(strstr(text_string(&lines), "(field x)"));
    text_clear(&lines);
    fuzz_summary_tables(&s, &r);
    size_t tables = 0;
    for (const char *p = text_string(&lines); (p = strstr(p, "\"type\":\"table\"")) != NULL; p++)
        tables++;
    assert_int_equal(tables, 5);
    assert_false(r.broken);
    fuzz_summary_deinit(&s);
    text_deinit(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_come_back),
                                       cmocka_unit_test(what_is_no_summary_is_refused),
                                       cmocka_unit_test(tables_and_cases_are_told)};
    return cmocka_run_group_tests_name("fuzz/summary", tests, NULL, NULL);
}
