#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "e2e/step/details.h"

#include <string.h>

#define CALL "flow: f\nsteps:\n  - {call: helloworld.Helloworld/Call, name: r, request: {name: detailed}, expect: "

static void reported(struct test_system *s, const char *yaml)
{
    struct text report = TEXT_INIT;
    test_report(s, &report);
    print_error("%s\nof\n%s\n", text_string(&report), yaml);
    text_deinit(&report);
}

static void matched(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] =
        CALL "{status: INVALID_ARGUMENT, details: [{'@type': google.rpc.BadRequest, field_violations: [{field: name, "
             "description: too long}]}, {'@type': errors.Error, id: ''}, {'@type': y.Nobody, value: aGk=}]}}\n"
             "  - call: helloworld.Helloworld/Call\n"
             "    request: {name: detailed}\n"
             "    expect: {status: INVALID_ARGUMENT, details: {$contains: {field_violations: {$size: 1}}}}\n"
             "    capture: {field: '$.details[0].field_violations[0].field'}\n"
             "  - {if: {field: name}, else: [{call: helloworld.Helloworld/Never}]}\n"
             "  - {call: helloworld.Helloworld/Call, request: {name: Ann}, expect: {details: {$absent: true}}}\n";
    bool passed = test_run(s, yaml);
    if (!passed)
        reported(s, yaml);
    assert_true(passed);
}

static void not_matched(void **state)
{
    struct test_system *s = *state;
    assert_false(test_run(s, CALL "{status: INVALID_ARGUMENT, details: [{'@type': google.rpc.BadRequest, "
                                  "field_violations: [{field: title}]}, {}, {}]}}\n"));
    assert_string_equal(json_string_value(json_object_get(test_last(s, "case"), "message")),
                        "step 1 r: details[0].field_violations[0].field: expected \"title\", got \"name\"");
    /* One that says nothing of the status shows what travelled with it. */
    assert_false(test_run(s, CALL "{body: {msg: hello}}}\n"));
    const char *message = json_string_value(json_object_get(test_last(s, "case"), "message"));
    assert_non_null(strstr(message, "expected OK, got INVALID_ARGUMENT: bad, with details [{"));
    assert_non_null(strstr(message, "\"description\":\"too long\""));
}

/* Cut anywhere, it is a list. */
static void broken(void **state)
{
    static const char whole[] = "\x08\x03\x1a\x34\x0a\x28type.googleapis.com/google.rpc.RetryInfo"
                                "\x12\x08\x0a\x06\x08\x01\x10\x80\x94\x00";
    struct test_system *s = *state;
    bool unknown;
    for (size_t n = 0; n < sizeof whole; n++) {
        json_t *list = details_value(n % 2 == 0 ? s->pool : NULL, BYTES(whole, n), &unknown);
        assert_true(json_is_array(list));
        json_decref(list);
    }
    json_t *list = details_value(NULL, BYTES("\x1a\x0a\x12\x0cgoogle", 10), &unknown);
    assert_non_null(json_object_get(json_array_get(list, 0), "wrong"));
    json_decref(list);
    /* A known type whose bytes are none of it. */
    list = details_value(NULL, BYTES("\x1a\x1c\x0a\x16x/google.rpc.ErrorInfo\x12\x02\x0a\x09", 30), &unknown);
    assert_non_null(json_object_get(json_array_get(list, 0), "wrong"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "@type")), "google.rpc.ErrorInfo");
    json_decref(list);
    assert_false(unknown);
    /* What JSON has a form of its own for is a value. */
    list =
        details_value(NULL, BYTES("\x1a\x22\x0a\x1cx/google.protobuf.Duration\x00\x00\x12\x02\x08\x05", 36), &unknown);
    json_decref(list);
    list = details_value(NULL, BYTES("\x1a\x0a\x0a\x08x/shop.A", 12), &unknown);
    assert_true(unknown);
    json_decref(list);
}

static int read_once(void)
{
    static const char bytes[] = "\x1a\x1d\x0a\x16x/google.rpc.ErrorInfo\x12\x03\x0a\x01w";
    bool unknown;
    json_t *list = details_value(NULL, BYTES(bytes, sizeof bytes - 1), &unknown);
    const char *reason = json_string_value(json_object_get(json_array_get(list, 0), "reason"));
    bool done = reason != NULL && strcmp(reason, "w") == 0;
    json_decref(list);
    return done ? 0 : ERROR_MEMORY;
}

static void memory_runs_out(void **state)
{
    (void)state;
    assert_true(failing_walk(read_once, FAILING_MAY_BE_BORNE) > 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)
    const struct CMUnitTest tests[] = {TEST(matched), TEST(not_matched), TEST(broken),
                                       cmocka_unit_test(memory_runs_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
