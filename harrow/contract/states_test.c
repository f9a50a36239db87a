/* Files of provider states: what is wrong has a place, ${names} are replaced, an interrupt leaves nothing set up for
 * want of time, and memory may run out anywhere. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "base/units.h"
#include "harrow/contract/states_internal.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOOD                                                                                                           \
    "url: http://127.0.0.1:9/states\n"                                                                                 \
    "states:\n"                                                                                                        \
    "  a note: {setup: [{call: n.N/C, request: {t: \"${t}\", l: [1, \"x${n}\"]}, values: {id: $.id}}, {flow: f}]}\n"   \
    "  nothing:\n"

static void test_wrong(void **state)
{
    static const struct {
        const char *text, *message;
        int line;
    } rows[] = {
        {"states: 7", "states", 1},
        {"- a", "expected \"states\"", 1},
        {"states:\n  x: {setup: [{cal: y}]}", "\"call\", \"url\", \"command\" or \"flow\"", 2},
        {"states:\n  x: {setup: [{call: a/b, url: c}]}", "not both", 2},
        {"states:\n  x: {setup: [{call: a}]}", "expected a method", 2},
        {"states:\n  x: {setup: [{call: a/b, values: {id: id}}]}", "a path in the answer", 2},
        {"states:\n  x: {setup: [{command: ls}]}", "is a list", 2},
        {"states:\n  x: {set: []}", "set", 2},
        {"sttes: {}", "sttes", 1},
        {"states: {", "", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct contract_states *s = NULL;
        struct error err = ERROR_INIT;
        assert_int_not_equal(contract_states_parse(bytes_of(rows[i].text), "s.yaml", NULL, &s, &err), 0);
        if (err.file == NULL || err.line < rows[i].line || strstr(err.message, rows[i].message) == NULL)
            fail_msg("row %zu: %d: %s", i, err.line, err.message);
        error_clear(&err);
    }
}

static void test_names(void **state)
{
    struct contract_states *s;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(contract_states_parse(bytes_of(GOOD), "s.yaml", NULL, &s, &err), 0);
    s->known = json_pack("{s:i, s:s}", "t", 5, "n", "y");
    const struct node *step = &node_get(node_get(s->states, "a note"), "setup")->list.items[0];
    json_t *filled = contract_states_fill(s, node_get(step, "request"), &err);
    assert_int_equal(json_integer_value(json_object_get(filled, "t")), 5);
    assert_string_equal(json_string_value(json_array_get(json_object_get(filled, "l"), 1)), "xy");
    json_decref(filled);
    json_object_del(s->known, "n");
    assert_null(contract_states_fill(s, node_get(step, "request"), &err));
    assert_non_null(strstr(err.message, "${n} is neither"));
    assert_int_equal(err.line, 3);
    error_clear(&err);
    contract_states_free(s);
}

/* ---- the user wants to stop -------------------------------------------------------------------------------------- */

static int begun, under_way; /* commands */

static void end(void *world)
{
    world_stop(world);
}

/* `lasting` takes 20 s, `brief` no time. */
static int command_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    struct world_timer *t = calloc(1, sizeof *t);
    (void)argc, (void)err;
    assert_non_null(t);
    world_timer_init(t, w, end, w);
    assert_int_equal(world_timer_start(t, strcmp(argv[0], "brief") == 0 ? 0 : 20 * SECOND), 0);
    *state = t;
    begun++;
    under_way++;
    return 0;
}

static void command_stop(void *state)
{
    world_timer_stop(state);
    free(state);
    under_way--;
}

static const struct sim_program commands[] = {
    {.name = "lasting", .start = command_start, .stop = command_stop},
    {.name = "brief", .start = command_start, .stop = command_stop},
};

static int count_line(void *arg, const char *line, size_t len)
{
    (void)line, (void)len;
    ++*(int *)arg;
    return 0;
}

static uint64_t now_in(void *arg)
{
    return world_now(arg);
}

static void interrupt(void *arg)
{
    run_interrupt(arg);
}

/* Sets a state up and tears it down, with interrupts at these times (ns; 0: none); how long it took. */
static uint64_t set_up_and_tear_down(const char *name, uint64_t first, uint64_t second, int commands_begun,
                                     bool to_the_end)
{
    static const char text[] =
        "states:\n"
        "  slow: {setup: [{command: [lasting]}, {command: [brief]}], teardown: [{command: [brief]}]}\n"
        "  held:\n"
        "    setup: [{command: [brief]}]\n"
        "    teardown: [{command: [lasting]}, {command: [lasting]}, {command: [brief]}]\n";
    struct sim *sim = sim_new(&(struct sim_options){.seed = 3});
    struct world *w = sim_node(sim, "test");
    struct contract_states *s;
    struct world_timer timers[2];
    int notes = 0;
    struct run r = {.world = w, .results = {.write = count_line, .arg = &notes, .now = now_in, .now_arg = w}};
    struct contract_provider provider = {.run = &r, .world = w};
    char called[16];
    struct pact_state state = {.name = called};
    const uint64_t at[] = {first, second}, start = world_now(w);
    struct error err = ERROR_INIT;
    json_t *values = NULL;
    (void)snprintf(called, sizeof called, "%s", name);
    begun = under_way = 0;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sim_register(sim, &commands[i]), 0);
        world_timer_init(&timers[i], w, interrupt, &r);
        assert_int_equal(at[i] != 0 ? world_timer_start(&timers[i], at[i]) : 0, 0);
    }
    assert_int_equal(contract_states_parse(bytes_of(text), "s.yaml", NULL, &s, NULL), 0);
    contract_states_bind(s, &provider);
    bool cut = strcmp(name, "slow") == 0;
    assert_int_equal(contract_states_change(s, &state, false, &values, &err), cut ? ERROR_CANCELLED : 0);
    assert_int_equal(begun, 1);
    assert_int_equal(under_way, 0);
    json_decref(values);
    error_clear(&err);
    int code = contract_states_change(s, &state, true, &values, &err);
    assert_int_equal(code == 0, to_the_end);
    assert_int_equal(notes, to_the_end ? 0 : 1);
    assert_int_equal(begun, commands_begun);
    assert_int_equal(under_way, 0);
    json_decref(values);
    error_clear(&err);
    uint64_t took = world_now(w) - start;
    for (size_t i = 0; i < 2; i++)
        world_timer_stop(&timers[i]);
    world_timer_stop(&r.hurry);
    contract_states_free(s);
    arena_deinit(&r.arena);
    sim_free(sim);
    return took;
}

static void test_interrupted(void **state)
{
    (void)state;
    /* In a set-up: its command is ended, and the state torn down all the same. */
    assert_in_range(set_up_and_tear_down("slow", SECOND, 0, 2, true), SECOND, SECOND + 100 * MILLISECOND);
    /* In a tear-down: that goes on for a while, or until the second. */
    assert_in_range(set_up_and_tear_down("held", SECOND, 0, 3, false), SECOND + RUN_TIDY_TIME,
                    SECOND + RUN_TIDY_TIME + 100 * MILLISECOND);
    assert_in_range(set_up_and_tear_down("held", SECOND, 2 * SECOND, 2, false), 2 * SECOND,
                    2 * SECOND + 100 * MILLISECOND);
    assert_in_range(set_up_and_tear_down("held", 0, 0, 4, true), 40 * SECOND, 41 * SECOND);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int walk_scenario(void)
{
    struct contract_states *s = NULL;
    int code = contract_states_parse(bytes_of(GOOD), "s.yaml", "http://127.0.0.1:1/", &s, NULL);
    if (code != 0)
        return code;
    s->known = json_pack("{s:i, s:s}", "t", 5, "n", "y");
    const struct node *step = &node_get(node_get(s->states, "a note"), "setup")->list.items[0];
    json_t *filled = contract_states_fill(s, node_get(step, "request"), NULL);
    code = filled != NULL ? 0 : ERROR_MEMORY;
    json_decref(filled);
    contract_states_free(s);
    return code;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(walk_scenario, FAILING_MAY_BE_BORNE) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("provider states", tests, NULL, NULL);
}
