#include "e2e/test_system.h"

#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

/* The time that passed. */
static uint64_t fails(struct test_system *s, const char *yaml, const char *message)
{
    uint64_t start = world_now(s->world);
    assert_false(test_run(s, yaml));
    const char *got = json_string_value(json_object_get(test_last(s, "case"), "message"));
    if (strcmp(got, message) != 0)
        fail_msg("expected: %s\ngot:      %s", message, got);
    return world_now(s->world) - start;
}

static void ends_waits(void **state)
{
    struct test_system *s = *state;
    static const char *const steps[][2] = {
        {"{name: r, wait: 1h}", "step 1 r: the flow's time of 2 s is over"},
        {"{name: r, call: helloworld.Helloworld/Call, request: {name: silence}, timeout: 1h}",
         "step 1 r: expected OK, got DEADLINE_EXCEEDED: deadline exceeded; the flow's time of 2 s is over"},
        {"{name: r, http: GET /silence, timeout: 1h}", NULL},
        {"{name: r, for: i, range: [1, 100000], steps: [{name: in, wait: 300ms}]}",
         "step 1[7].1 in: the flow's time of 2 s is over"},
        {"{name: r, parallel: {a: [{name: x, wait: 1h}], b: [{wait: 1s}]}}",
         "step 1.a 1 x: the flow's time of 2 s is over"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char yaml[300];
        snprintf(yaml, sizeof yaml, "flow: f\ntimeout: 2s\nsteps:\n  - %s\n", steps[i][0]);
        uint64_t start = world_now(s->world);
        if (steps[i][1] != NULL)
            (void)fails(s, yaml, steps[i][1]);
        else
            assert_false(test_run(s, yaml));
        assert_true(world_now(s->world) - start < 3 * SECOND_NS);
        assert_non_null(strstr(json_string_value(json_object_get(test_last(s, "case"), "message")),
                               "the flow's time of 2 s is over"));
    }
}

static void bounds_retries(void **state)
{
    struct test_system *s = *state;
    uint64_t took = fails(s,
                          "flow: f\ntimeout: 2s\nsteps:\n  - name: r\n    call: helloworld.Helloworld/Call\n"
                          "    request: {name: nobody}\n    within: 1h\n    expect: {status: OK}\n",
                          "step 1 r: status: expected \"OK\", got \"NOT_FOUND\" (9 attempts within 1h)");
    assert_true(took <= 2 * SECOND_NS);
}

/* What cleans up has its own time, but no more. */
static void leaves_time_to_clean_up(void **state)
{
    struct test_system *s = *state;
    uint64_t took = fails(s,
                          "flow: f\ntimeout: 2s\nsteps: [{name: r, wait: 1h}]\n"
                          "finally: [{call: helloworld.Helloworld/Call, request: {name: x}}, {wait: 1h}]\n",
                          "step 1 r: the flow's time of 2 s is over");
    assert_int_equal(s->calls, 1);
    assert_true(took < 5 * SECOND_NS);
}

static void of_the_run(void **state)
{
    struct test_system *s = *state;
    s->options.flow_timeout = 3 * SECOND_NS;
    (void)fails(s, "flow: f\nsteps: [{name: r, wait: 4s}]\n", "step 1 r: the flow's time of 3 s is over");
    assert_true(test_run(s, "flow: f\ntimeout: 5s\nsteps: [{name: r, wait: 4s}]\n"));
}

static void of_included_flows(void **state)
{
    struct test_system *s = *state;
#define FLOWS                                                                                                          \
    "flows:\n  - {flow: a, timeout: 10s, steps: [{name: o, flow: '#b', with: {time: %s}}, {wait: 4s}]}\n"              \
    "  - {flow: b, params: [time], timeout: %s, steps: [{name: i, wait: 5s}]}\n"
    char yaml[400];
    snprintf(yaml, sizeof yaml, FLOWS, "1", "1s");
    (void)fails(s, yaml, "step 1.1 i: the flow's time of 1 s is over");
    snprintf(yaml, sizeof yaml, FLOWS, "1", "6s");
    assert_true(test_run(s, yaml)); /* 5 + 4 of 10 seconds */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)
    const struct CMUnitTest tests[] = {TEST(ends_waits), TEST(bounds_retries), TEST(leaves_time_to_clean_up),
                                       TEST(of_the_run), TEST(of_included_flows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
