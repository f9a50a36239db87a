/* Which calls are counted, and a campaign's durations there and back, as of several workers. */
#include "base/failing_walk.h"

#include "fuzz/fuzz.h"
#include "fuzz/live/latency.h"
#include "wire/grpc.h"

#include <string.h>

static void make(struct fuzz_summary *s, uint64_t longest)
{
    *s = (struct fuzz_summary){.virtual_time = true};
    struct fuzz_method_figures m = {.path = strdup("a.B/C"), .component = strdup("a")};
    static const struct trace_call left[] = {{.status = TRACE_NO_STATUS, .duration = 1},
                                             {.status = GRPC_CANCELLED, .ended_by_us = true, .duration = 1}};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        fuzz_latency_call(&m.latency, &left[i]);
    assert_null(m.latency);
    for (uint64_t ns = 1000; ns <= longest; ns *= 2)
        fuzz_latency_call(&m.latency, &(struct trace_call){.status = GRPC_OK, .duration = ns});
    fuzz_latency_call(&m.latency, &(struct trace_call){.status = GRPC_NOT_FOUND, .duration = 7});
    assert_true(array_push(&s->method_figures, m));
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

static void test_workers_add_up(void **state)
{
    (void)state;
    struct fuzz_summary sum = {.edges = -1};
    struct text lines = TEXT_INIT;
    struct result_stream r = {.write = keep, .arg = &lines, .now = zero};
    for (uint64_t worker = 0; worker < 2; worker++) {
        struct fuzz_summary s;
        make(&s, worker == 0 ? 4000 : 16000);
        json_t *json = fuzz_summary_json(&s);
        assert_int_equal(fuzz_summary_merge(&sum, json, NULL), 0);
        json_decref(json);
        fuzz_summary_deinit(&s);
    }
    assert_true(sum.virtual_time);
    const struct fuzz_latency *l = sum.method_figures.items[0].latency;
    assert_true(l->ok.count == 3 + 5 && l->ok.min == 1000 && l->ok.max == 16000 && l->ok.sum == 7000 + 31000);
    assert_true(l->ok.buckets[histogram_bucket(2000)] == 2 && l->other.count == 2);
    fuzz_summary_latency(&sum, &r);
    assert_false(r.broken);
    assert_non_null(strstr(text_string(&lines),
                           "{\"type\":\"latency\",\"t\":0,\"pillar\":\"fuzz\",\"method\":\"a.B/C\","
                           "\"outcome\":\"ok\",\"virtual\":true,\"scale\":16,\"count\":8,"));
    assert_non_null(strstr(text_string(&lines), "\"outcome\":\"other\",\"virtual\":true,\"scale\":16,\"count\":2,"));
    fuzz_summary_deinit(&sum);
    text_deinit(&lines);
}

/* Of an older worker, or of one that counts otherwise: what else it says is taken. */
static void test_what_is_none_is_left_out(void **state)
{
    static const char *const texts[] = {"{}", "{\"latency\":7}", "{\"latency\":{\"ok\":{\"scale\":99}}}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fuzz_latency *l = NULL;
        json_t *json = json_loads(texts[i], 0, NULL);
        assert_int_equal(fuzz_latency_merge(&l, json_object_get(json, "latency")), 0);
        assert_true(l == NULL || l->ok.count + l->other.count == 0);
        json_decref(json);
        free(l);
    }
}

static int there_and_back(void)
{
    struct fuzz_latency *from = NULL, *to = NULL;
    fuzz_latency_call(&from, &(struct trace_call){.status = GRPC_OK, .duration = 5});
    if (from == NULL)
        return ERROR_MEMORY;
    json_t *json = fuzz_latency_json(from);
    int rc = json != NULL ? fuzz_latency_merge(&to, json) : ERROR_MEMORY;
    if (rc == 0)
        assert_memory_equal(from, to, sizeof *to);
    json_decref(json);
    free(from);
    free(to);
    return rc;
}

static void test_memory(void **state)
{
    (void)state;
    json_set_alloc_funcs(malloc, free); /* jansson's own are not wrapped */
    assert_true(failing_walk(there_and_back, FAILING_IS_TOLD) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_workers_add_up),
                                       cmocka_unit_test(test_what_is_none_is_left_out), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests_name("fuzz/latency", tests, NULL, NULL);
}
