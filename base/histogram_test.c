/* Buckets against what they stand for, quantiles against sorted values, and JSON there and back. */
#include "base/failing_walk.h"

#include "base/histogram.h"
#include "base/random.h"
#include "base/result.h"

#include <stdlib.h>
#include <string.h>

static void every_duration_has_its_bucket(void **state)
{
    (void)state;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t first = histogram_bucket_first(i), last = histogram_bucket_last(i);
        assert_true(first <= last);
        assert_int_equal(histogram_bucket(first), i);
        assert_int_equal(histogram_bucket(last), i);
        assert_true(last - first <= first / HISTOGRAM_SCALE);
        if (i + 1 < HISTOGRAM_BUCKETS)
            assert_true(histogram_bucket_first(i + 1) == last + 1);
    }
    assert_true(histogram_bucket_first(0) == 0);
    assert_true(histogram_bucket_last(HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

#define VALUES 2000

static void quantiles_are_at_most_a_sixteenth_too_great(void **state)
{
    static const double quantiles[] = {0.001, 0.5, 0.9, 0.99, 0.999, 1};
    struct histogram one = {0}, other = {0};
    uint64_t values[VALUES], sum = 0;
    struct random r;
    (void)state;
    random_seed(&r, 7);
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = random_below(&r, UINT64_C(1) << (1 + random_below(&r, 40)));
        histogram_add(i % 3 == 0 ? &one : &other, values[i]);
        sum += values[i];
    }
    histogram_merge(&one, &other);
    qsort(values, VALUES, sizeof *values, by_value);
    assert_int_equal(one.count, VALUES);
    assert_true(one.sum == sum && one.min == values[0] && one.max == values[VALUES - 1]);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        double rank = quantiles[i] * VALUES;
        size_t at = (size_t)rank + ((double)(size_t)rank < rank);
        uint64_t exact = values[at == 0 ? 0 : at - 1], told = histogram_quantile(&one, quantiles[i]);
        assert_true(told >= exact && told - exact <= exact / HISTOGRAM_SCALE);
    }
    assert_true(histogram_quantile(&one, 1) == values[VALUES - 1]);
}

static void none_and_the_greatest(void **state)
{
    struct histogram empty = {0}, h = {0};
    (void)state;
    assert_true(histogram_quantile(&empty, 0.5) == 0);
    histogram_add(&h, UINT64_MAX);
    histogram_add(&h, 3);
    assert_true(h.max == INT64_MAX && h.min == 3);
    assert_true(h.sum == (uint64_t)INT64_MAX + 3);
    histogram_merge(&h, &empty);
    assert_true(h.count == 2 && h.min == 3);
    h.count = h.buckets[3] = h.sum = UINT64_MAX;
    histogram_add(&h, 3); /* stays where it is */
    histogram_merge(&h, &h);
    assert_true(h.count == UINT64_MAX && h.buckets[3] == UINT64_MAX && h.sum == UINT64_MAX);
}

static void it_comes_back_from_json(void **state)
{
    static const uint64_t values[] = {0, 15, 16, 17, 999, 1000000, 1000001, 2000000000, INT64_MAX};
    struct histogram from = {0}, to = {0};
    const char *why = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        histogram_add(&from, values[i]);
    from.sum = 5; /* the true one is beyond JSON's integers */
    json_t *json = json_object();
    assert_true(histogram_put(&from, json));
    assert_int_equal(histogram_read(json, &to, &why), 0);
    assert_memory_equal(&from, &to, sizeof to);
    assert_int_equal(histogram_read(json, &to, &why), 0); /* added */
    assert_true(to.count == 2 * from.count && to.sum == 10 && to.buckets[0] == 2);
    char *text = json_dumps(json_object_get(json, "buckets"), JSON_COMPACT);
    assert_non_null(strstr(text, "[[0,1],[15,1],[16,1],[17,1],[992,1],[983040,2],"));
    free(text);
    json_decref(json);
}

static void what_is_none_is_refused(void **state)
{
#define HEAD "\"scale\":16,\"count\":2,\"sum\":9,\"min\":4,\"max\":5"
    static const struct {
        const char *json, *why; /* NULL: of another scale */
    } cases[] = {
        {"{}", "must be whole numbers"},
        {"{\"scale\":16,\"count\":-1,\"sum\":9,\"min\":4,\"max\":5,\"buckets\":[]}", "must be whole numbers"},
        {"{\"scale\":16,\"count\":2,\"sum\":9,\"min\":4,\"max\":5.5,\"buckets\":[]}", "must be whole numbers"},
        {"{\"scale\":32,\"count\":2,\"sum\":9,\"min\":4,\"max\":5,\"buckets\":7}", NULL},
        {"{" HEAD "}", "must be a list of pairs"},
        {"{" HEAD ",\"buckets\":{}}", "must be a list of pairs"},
        {"{" HEAD ",\"buckets\":[[4,1],5]}", "must be a list of pairs"},
        {"{" HEAD ",\"buckets\":[[4,1],[5]]}", "must be a list of pairs"},
        {"{" HEAD ",\"buckets\":[[4,1],[-5,1]]}", "must be a list of pairs"},
        {"{" HEAD ",\"buckets\":[[4,1],[5,2]]}", "must be the sum"},
        {"{" HEAD ",\"buckets\":[[5,1],[6,1]]}", "must lie in"},
        {"{" HEAD ",\"buckets\":[[5,2]]}", "must lie in"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct histogram h = {0}, empty = {0};
        const char *why = NULL;
        json_t *json = json_loads(cases[i].json, 0, NULL);
        assert_non_null(json);
        assert_int_equal(histogram_read(json, &h, &why), cases[i].why == NULL ? ERROR_UNSUPPORTED : ERROR_INVALID);
        if (cases[i].why != NULL && strstr(why, cases[i].why) == NULL)
            fail_msg("%s: %s", cases[i].json, why);
        assert_memory_equal(&h, &empty, sizeof h);
        json_decref(json);
    }
}

static int count_lines(void *arg, const char *line, size_t len)
{
    assert_non_null(strstr(line, "\"outcome\":\"ok\",\"virtual\":true,\"scale\":16,\"count\":13,"));
    assert_true(len > 100);
    ++*(int *)arg;
    return 0;
}

static uint64_t zero(void *arg)
{
    (void)arg;
    return 0;
}

static int tell(void)
{
    struct histogram h = {0};
    int lines = 0;
    struct result_stream r = {.write = count_lines, .arg = &lines, .now = zero};
    struct result_latency latency = {
        .pillar = "fuzz", .method = "a.B/C", .ok = true, .virtual_time = true, .durations = &h};
    result_latency(&r, &latency); /* nothing is in it: no line */
    assert_int_equal(lines, 0);
    for (uint64_t ns = 1; ns < 1000000; ns *= 3)
        histogram_add(&h, ns);
    result_latency(&r, &latency);
    if (r.broken != (lines == 0)) /* all of it or nothing */
        fail_msg("%d lines, %s", lines, r.broken ? "broken" : "whole");
    return r.broken ? ERROR_MEMORY : 0;
}

static void memory_runs_out(void **state)
{
    (void)state;
    json_set_alloc_funcs(malloc, free); /* jansson's own are not wrapped */
    assert_true(failing_walk(tell, FAILING_IS_TOLD) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_duration_has_its_bucket), cmocka_unit_test(quantiles_are_at_most_a_sixteenth_too_great),
        cmocka_unit_test(none_and_the_greatest),         cmocka_unit_test(it_comes_back_from_json),
        cmocka_unit_test(what_is_none_is_refused),       cmocka_unit_test(memory_runs_out)};
    return cmocka_run_group_tests_name("base/histogram", tests, NULL, NULL);
}
