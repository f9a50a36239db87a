#include "base/test.h"

#include "base/result.h"
#include "base/text.h"

#include <math.h>

static int keep(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    return 0;
}

static int refuse(void *arg, const char *line, size_t len)
{
    (void)arg;
    (void)line;
    (void)len;
    return -1;
}

static uint64_t clock_of(void *arg)
{
    return *(uint64_t *)arg;
}

static void test_lines(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    uint64_t now = 1500;
    struct result_stream r = {.write = keep, .arg = &t, .now = clock_of, .now_arg = &now, .started = 1000};
    result_emit(&r, "note", json_pack("{s:s}", "text", "hi"));
    result_case(&r, &(struct result_case){.pillar = "e2e",
                                          .suite = "s",
                                          .name = "n",
                                          .status = "failed",
                                          .duration = 7,
                                          .message = "bad \xFF byte",
                                          .file = "a.yaml",
                                          .line = 3,
                                          .column = 4,
                                          .replay = "harrow e2e a"});
    result_case(&r, &(struct result_case){
                        .pillar = "e2e", .suite = "s", .name = "m", .status = "skipped", .message = "no etcd"});
    result_finding(&r, &(struct result_finding){.pillar = "fuzz",
                                                .title = "crash",
                                                .severity = "bug",
                                                .oracle = "crash",
                                                .target = "store",
                                                .seed = UINT64_MAX});
    now = 900; /* a clock before the start counts as the start */
    result_sample(&r, "latency_ms", 0.1);
    result_sample(&r, "latency_ms", (double)NAN);
    assert_string_equal(
        text_string(&t),
        "{\"type\":\"note\",\"t\":500,\"text\":\"hi\"}\n"
        "{\"type\":\"case\",\"t\":500,\"pillar\":\"e2e\",\"suite\":\"s\",\"name\":\"n\",\"status\":\"failed\","
        "\"duration\":7,\"message\":\"bad \xEF\xBF\xBD byte\",\"file\":\"a.yaml\",\"line\":3,\"column\":4,"
        "\"replay\":\"harrow e2e a\"}\n"
        "{\"type\":\"case\",\"t\":500,\"pillar\":\"e2e\",\"suite\":\"s\",\"name\":\"m\",\"status\":\"skipped\","
        "\"duration\":0,\"why\":\"no etcd\"}\n"
        "{\"type\":\"finding\",\"t\":500,\"pillar\":\"fuzz\",\"title\":\"crash\",\"severity\":\"bug\","
        "\"oracle\":\"crash\",\"target\":\"store\",\"seed\":\"18446744073709551615\"}\n"
        "{\"type\":\"sample\",\"t\":0,\"series\":\"latency_ms\",\"value\":0.1}\n"
        "{\"type\":\"sample\",\"t\":0,\"series\":\"latency_ms\",\"value\":null}\n");
    assert_false(r.broken);
    text_deinit(&t);
}

static void test_counts(void **state)
{
    (void)state;
    static const char *const statuses[] = {"passed", "passed", "passed", "failed", "skipped", "skipped", "flaky"};
    struct text t = TEXT_INIT;
    struct result_stream r = {.write = keep, .arg = &t};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        result_case(&r, &(struct result_case){.status = statuses[i]});
    result_finding(&r, &(struct result_finding){.title = "x"});
    result_emit(&r, "note", json_object());
    assert_int_equal(r.passed, 4);
    assert_int_equal(r.failed, 1);
    assert_int_equal(r.skipped, 2);
    assert_int_equal(r.findings, 1);
    assert_false(r.broken);
    text_deinit(&t);
}

static void test_broken(void **state)
{
    (void)state;
    struct result_stream r = {.write = refuse};
    result_emit(&r, "note", json_object());
    assert_true(r.broken);
    struct text t = TEXT_INIT;
    r = (struct result_stream){.write = keep, .arg = &t};
    result_emit(&r, "note", NULL); /* json_pack found no memory */
    assert_true(r.broken);
    assert_int_equal(t.len, 0);
    text_deinit(&t);
}

static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum json_error_code code;
    } bad[] = {
        {"{\"type\":", json_error_premature_end_of_input},
        {"{\"a\":1,\"a\":2}", json_error_duplicate_key},
        {"{\"a\\u0000\":1}", json_error_null_byte_in_key},
    };
    json_error_t why;
    json_t *line = result_read(bytes_of("{\"type\":\"step\",\"answer\":\"a\\u0000b\"}\n"), &why);
    assert_int_equal(json_string_length(json_object_get(line, "answer")), 3);
    json_decref(line);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(result_read(bytes_of(bad[i].line), &why));
        assert_int_equal(json_error_code(&why), bad[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
