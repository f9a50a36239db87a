/* Commands in flows: on real processes, and what a simulation says of them. */
#include "e2e/test_system.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fails(struct test_system *s, const char *yaml, const char *message)
{
    const char *got;
    assert_false(test_run(s, yaml));
    got = json_string_value(json_object_get(test_last(s, "case"), "message"));
    if (strstr(got, message) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", message, got);
}

/* Returns when the process has ended, which one that got SIGKILL does when it is next looked at; a dead one that nobody
 * asked for has. */
static void await_end(pid_t id)
{
    struct text path = TEXT_INIT;
    char line[256] = "";
    text_printf(&path, "/proc/%d/stat", (int)id);
    for (;; (void)poll(NULL, 0, 1)) {
        FILE *f = fopen(text_string(&path), "r");
        const char *name = f != NULL && fgets(line, sizeof line, f) != NULL ? strrchr(line, ')') : NULL;
        if (f != NULL)
            fclose(f);
        if (name == NULL || name[2] == 'Z' || name[2] == 'X')
            break;
    }
    text_deinit(&path);
}

static void commands(void **state)
{
    struct test_system *s = *state;
    test_passes(s,
                "flow: test\n"
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

/* Nobody waits for it, and it ends with its flow, and so does what it started. */
static void background(void **state)
{
    struct test_system *s = *state;
    char folder[] = "/tmp/harrow-test-XXXXXX";
    struct text yaml = TEXT_INIT, ids = TEXT_INIT;
    assert_non_null(mkdtemp(folder));
    text_printf(&yaml,
                "flow: test\nsteps:\n"
                "  - run: [sh, -c, 'sleep 3600 & echo $! > child; echo $$ > own; wait']\n"
                "    directory: %s\n    background: true\n"
                "    expect: {exit: null, stdout: null}\n"
                "  - run: [sh, -c, 'test -s child && test -s own && cat child own']\n    directory: %s\n"
                "    within: 1h\n    check: ['= len(split(answer.stdout, \"\\n\")) == 2']\n"
                "  - run: ['true']\n    background: true\n",
                folder, folder);
    test_passes(s, text_string(&yaml));
    for (int i = 0; i < 2; i++) {
        struct text path = TEXT_INIT;
        text_printf(&path, "%s/%s", folder, i == 0 ? "child" : "own");
        assert_int_equal(world_read_file(s->world, text_string(&path), 100, &ids, NULL), 0);
        text_deinit(&path);
        await_end((pid_t)strtol(text_string(&ids), NULL, 10));
        text_clear(&ids);
    }
    fails(s, "flow: test\nsteps:\n  - run: [no-such-program]\n    background: true\n", "cannot run no-such-program");
    assert_int_equal(world_remove_tree(s->world, folder), 0);
    text_deinit(&yaml);
    text_deinit(&ids);
}

/* Tried again like any other step, and what it made is gone with the flow. */
static void scratch(void **state)
{
    struct test_system *s = *state;
    struct world_stat stat;
    char base[] = "/tmp/harrow-scratch-XXXXXX", made[64];
    assert_non_null(mkdtemp(base));
    snprintf(made, sizeof made, "%s/1test", base);
    s->options.scratch = base;
    test_passes(s, "flow: test\n"
                   "steps:\n"
                   "  - run: [sh, -c, 'echo x >> n; test $(wc -l < n) -eq 3']\n"
                   "    directory: \"${scratch}\"\n"
                   "    within: 30s\n");
    assert_int_equal(world_stat(s->world, made, &stat), 0);
    assert_false(stat.exists);
    assert_int_equal(world_remove_tree(s->world, base), 0);
}

static void refused(void **state)
{
    struct test_system *s = *state;
    static const char *const bad[] = {"run: git init",
                                      "run: []",
                                      "run: [{a: b}]",
                                      "run: [a]\n    environment: 3",
                                      "run: [a]\n    expect: {status: 0}",
                                      "run: [a]\n    background: true\n    within: 1s",
                                      "run: [a]\n    background: 3"};
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
        cmocka_unit_test_setup_teardown(background, test_system_setup_real, test_system_teardown),
        cmocka_unit_test_setup_teardown(scratch, test_system_setup_real, test_system_teardown),
        cmocka_unit_test_setup_teardown(refused, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(not_in_simulation, test_system_setup_sim, test_system_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
