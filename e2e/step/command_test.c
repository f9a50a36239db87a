/* Commands in flows: on real processes, and what a simulation says of them. */
#include "e2e/test_system.h"

#include <string.h>

static void passes(struct test_system *s, const char *yaml)
{
    if (!test_run(s, yaml)) {
        struct text report = TEXT_INIT;
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
}

static void fails(struct test_system *s, const char *yaml, const char *message)
{
    const char *got;
    assert_false(test_run(s, yaml));
    got = json_string_value(json_object_get(test_last(s, "case"), "message"));
    if (strstr(got, message) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", message, got);
}

static void commands(void **state)
{
    struct test_system *s = *state;
    passes(s, "flow: test\n"
              "environment: {GREETING: Hello}\n"
              "steps:\n"
              "  - run: [sh, -c, 'echo \"$GREETING $NAME\"; echo two; echo bad >&2']\n"
              "    environment: {NAME: Mary}\n"
              "    expect: {stdout: \"Hello Mary\\ntwo\", stderr: bad, exit: 0, duration: {$max: 10}, body: null}\n"
              "  - run: [sh, -c, 'echo \"$GREETING\"']\n"
              "    environment: {GREETING: Good morning}\n"
              "    expect: {stdout: Good morning}\n"
              "  - run: [sh, -c, 'exit 3']\n"
              "    expect: {exit: 3}\n"
              "  - run: [sh, -c, 'kill -9 $$']\n"
              "    expect: {exit: 137}\n"
              "  - run: [echo, '{\"a\": [1, 2]}']\n"
              "    expect: {body: {a: [1, 2]}}\n"
              "    capture: {two: '$.body.a[1]'}\n"
              "  - run: [echo, \"${two}\", 'a b']\n"
              "    expect: {stdout: 2 a b}\n"
              "  - run: [pwd]\n"
              "    directory: /\n"
              "    expect: {stdout: /}\n");
    assert_string_equal(json_string_value(json_object_get(test_last(s, "step"), "name")), "7 run pwd");
}

static void commands_fail(void **state)
{
    struct test_system *s = *state;
    fails(s, "flow: test\nsteps:\n  - run: [sh, -c, 'echo oops >&2; exit 4']\n", "expected exit code 0, got 4: oops");
    fails(s, "flow: test\nsteps:\n  - run: [no-such-program]\n", "cannot run no-such-program");
    fails(s, "flow: test\nsteps:\n  - run: [sh, -c, 'sleep 60 & wait']\n    timeout: 50ms\n",
          "the command did not end within 50 ms and was killed");
    /* Nothing is waited for that comes too late: a try ends with the time of all, and none is made in vain. */
    uint64_t start = world_now(s->world);
    fails(s, "flow: test\nsteps:\n  - run: [sh, -c, 'sleep 3600 & wait']\n    timeout: 1h\n    within: 50ms\n",
          "and was killed");
    fails(s, "flow: test\nsteps:\n  - run: [no-such-program]\n    within: 1h\n", "cannot run no-such-program");
    assert_true(world_now(s->world) - start < UINT64_C(1800) * 1000000000);
}

/* Tried again like any other step, and what it made is gone with the flow. */
static void scratch(void **state)
{
    struct test_system *s = *state;
    struct world_stat stat;
    const char *base = "build/e2e_command_test";
    s->options.scratch = base;
    passes(s, "flow: test\n"
              "steps:\n"
              "  - run: [sh, -c, 'echo x >> n; test $(wc -l < n) -eq 3']\n"
              "    directory: \"${scratch}\"\n"
              "    within: 30s\n");
    assert_int_equal(world_stat(s->world, "build/e2e_command_test/1test", &stat), 0);
    assert_false(stat.exists);
    assert_int_equal(world_remove_tree(s->world, base), 0);
}

static void refused(void **state)
{
    struct test_system *s = *state;
    static const char *const bad[] = {"run: git init", "run: []", "run: [{a: b}]", "run: [a]\n    environment: 3",
                                      "run: [a]\n    expect: {status: 0}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct flow_list flows = {0};
        struct text yaml = TEXT_INIT;
        struct error err = ERROR_INIT;
        text_printf(&yaml, "flow: test\nsteps:\n  - %s\n", bad[i]);
        assert_int_not_equal(flow_parse(text_bytes(&yaml), "x.yaml", &flows, &err), 0);
        assert_non_null(err.message);
        error_clear(&err);
        flow_list_free(&flows);
        text_deinit(&yaml);
    }
    (void)s;
}

static void not_in_simulation(void **state)
{
    struct test_system *s = *state;
    assert_true(test_run(s, "flow: test\nsteps:\n  - run: [echo]\n"));
    const json_t *c = test_last(s, "case");
    assert_string_equal(json_string_value(json_object_get(c, "status")), "skipped");
    assert_string_equal(json_string_value(json_object_get(c, "why")),
                        "it runs commands or opens a database, which a simulation does not have");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commands, test_system_setup_real, test_system_teardown),
        cmocka_unit_test_setup_teardown(commands_fail, test_system_setup_real, test_system_teardown),
        cmocka_unit_test_setup_teardown(scratch, test_system_setup_real, test_system_teardown),
        cmocka_unit_test_setup_teardown(refused, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(not_in_simulation, test_system_setup_sim, test_system_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
