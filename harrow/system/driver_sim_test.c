/* The real runtime under the simulation driver: every lever is pulled and its effect seen from outside. */
#include "harrow/system/test_run.h"

#include "base/units.h"
#include "runtime/service/service.h"

#include <stdio.h>
#include <string.h>

#define ANSWERS_WITHIN ((uint64_t)(5 * SECOND))
#define SILENT_FOR     ((uint64_t)(2 * SECOND))

/* Whether the component says SERVING within `patience` of virtual time, over a channel of its own. */
static bool answers(struct target *t, const char *component, uint64_t patience)
{
    struct rpc_channel *channel = NULL;
    target_close_channels(t);
    assert_int_equal(target_channel(t, target_find(t, component), &channel, NULL), 0);
    return rpc_wait_ready(t->world, channel, "", patience, NULL) == 0;
}

static void act(struct target *t, const char *component, enum target_action action)
{
    struct error err = ERROR_INIT;
    if (t->operations->act(t, component, action, &err) != 0)
        fail_msg("%s %s: %s", target_action_name(action), component, err.message);
}

static void refused(struct target *t, const char *component, enum target_action action, int code, const char *message)
{
    struct error err = ERROR_INIT;
    assert_int_equal(t->operations->act(t, component, action, &err), code);
    assert_string_equal(err.message, message);
    error_clear(&err);
}

static bool alive(struct target *t, const char *component)
{
    return t->operations->alive(t, component);
}

static void everything_is_up_under_the_names_of_nodes(void **state)
{
    (void)state;
    struct run *r = test_run_begin(1);
    struct system *s = test_system_start(r);
    struct target *t = system_target(s);
    assert_string_equal(t->driver, "sim");
    assert_int_equal(t->component_count, 12);
    assert_string_equal(target_find(t, "store")->address, "store:8002");
    assert_string_equal(t->gateway, "http://api:8080");
    assert_non_null(t->token);
    for (size_t i = 0; i < t->component_count; i++)
        assert_true(alive(t, t->components[i].name));
    assert_false(alive(t, "nobody"));
    assert_int_equal(t->operations->process(t, "store"), 0);
    uint64_t resident = 0, cpu = 0;
    assert_int_equal(t->operations->usage(t, "store", &resident, &cpu), ERROR_UNSUPPORTED);
    struct text line = TEXT_INIT;
    system_describe(s, &line);
    assert_string_equal(text_string(&line), "micro is up (sim): 12 components, gateway http://api:8080");
    text_deinit(&line);
    system_stop(s);
    assert_null(r->target);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
}

/* What ends a component: it is gone at once, and its supervisor starts it again. */
static void what_is_ended_comes_back(void **state)
{
    static const enum target_action actions[] = {TARGET_KILL, TARGET_TERMINATE, TARGET_POWER_CUT};
    (void)state;
    struct run *r = test_run_begin(2);
    struct system *s = test_system_start(r);
    struct target *t = system_target(s);
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        assert_true(answers(t, "store", ANSWERS_WITHIN));
        act(t, "store", actions[i]);
        assert_false(alive(t, "store"));
        assert_true(alive(t, "auth"));
        assert_int_equal(world_sleep(t->world, SECOND), 0);
        assert_true(alive(t, "store"));
        assert_true(answers(t, "store", ANSWERS_WITHIN));
    }
    system_stop(s);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
}

static void what_is_down_can_be_started_by_hand_once(void **state)
{
    (void)state;
    struct run *r = test_run_begin(3);
    struct system *s = test_system_start(r);
    struct target *t = system_target(s);
    refused(t, "notes", TARGET_START, ERROR_EXISTS, "notes is running");
    act(t, "notes", TARGET_KILL);
    refused(t, "notes", TARGET_KILL, ERROR_NOT_FOUND, "cannot kill notes: not found");
    refused(t, "notes", TARGET_POWER_CUT, ERROR_NOT_FOUND, "cannot power-cut notes: not found");
    act(t, "notes", TARGET_START);
    assert_true(alive(t, "notes"));
    /* The supervisor's turn finds it running. */
    assert_int_equal(world_sleep(t->world, SECOND), 0);
    assert_true(answers(t, "notes", ANSWERS_WITHIN));
    system_stop(s);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
}

static void what_is_stopped_is_silent_until_continued(void **state)
{
    (void)state;
    struct run *r = test_run_begin(4);
    struct system *s = test_system_start(r);
    struct target *t = system_target(s);
    act(t, "config", TARGET_STOP);
    assert_true(alive(t, "config"));
    assert_false(answers(t, "config", SILENT_FOR));
    assert_true(answers(t, "store", ANSWERS_WITHIN));
    act(t, "config", TARGET_CONTINUE);
    assert_true(answers(t, "config", ANSWERS_WITHIN));
    /* What is still stopped when the system stops does not hold it up. */
    act(t, "config", TARGET_STOP);
    system_stop(s);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
}

static void what_is_cut_off_is_silent_until_healed(void **state)
{
    (void)state;
    struct run *r = test_run_begin(5);
    struct system *s = test_system_start(r);
    struct target *t = system_target(s);
    act(t, "store", TARGET_PARTITION);
    assert_true(alive(t, "store"));
    assert_false(answers(t, "store", SILENT_FOR));
    /* Healing one of two leaves the other cut off, from the healed one as well. */
    act(t, "notes", TARGET_PARTITION);
    act(t, "notes", TARGET_HEAL);
    assert_true(answers(t, "notes", ANSWERS_WITHIN));
    assert_int_not_equal(test_call(s, "notes.Notes", "Create", "{\"title\": \"milk\"}"), GRPC_OK);
    assert_false(answers(t, "store", SILENT_FOR));
    act(t, "store", TARGET_HEAL);
    assert_true(answers(t, "store", ANSWERS_WITHIN));
    assert_int_equal(world_sleep(t->world, MINUTE), 0); /* until those who backed off try again */
    assert_int_equal(test_call(s, "notes.Notes", "Create", "{\"title\": \"milk\"}"), GRPC_OK);
    system_stop(s);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
}

/* Whatever state its parts were in, nothing of what was kept is there any more, and it is let in as at first. */
static void a_system_started_anew_is_empty(void **state)
{
    static const char record[] = "{\"record\": {\"key\": \"milk\", \"value\": \"MQ==\"}}",
                      *reading = "{\"key\": \"milk\"}";
    (void)state;
    struct run *r = test_run_begin(9);
    struct system *s = test_system_start(r);
    struct target *t = system_target(s);
    struct error err = ERROR_INIT;
    const struct target_component *parts = t->components;
    assert_int_equal(test_call(s, "store.Store", "Write", record), GRPC_OK);
    assert_int_equal(test_call(s, "store.Store", "Read", reading), GRPC_OK);
    act(t, "config", TARGET_STOP);
    act(t, "broker", TARGET_PARTITION);
    act(t, "notes", TARGET_KILL);
    if (system_start_anew(s, &err) != 0)
        fail_msg("not started anew: %s", err.message);
    assert_ptr_equal(t->components, parts);
    assert_non_null(t->token);
    for (size_t i = 0; i < t->component_count; i++)
        assert_true(answers(t, t->components[i].name, ANSWERS_WITHIN));
    assert_int_equal(world_sleep(t->world, MINUTE), 0); /* until all have heard of the rules */
    assert_int_equal(test_call(s, "store.Store", "Read", reading), GRPC_NOT_FOUND);
    assert_int_equal(test_call(s, "store.Store", "Write", record), GRPC_OK);
    act(t, "store", TARGET_KILL);
    assert_true(answers(t, "store", ANSWERS_WITHIN)); /* it is looked after as before */
    system_stop(s);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
}

static void unknown_components_and_levers_are_refused(void **state)
{
    (void)state;
    struct run *r = test_run_begin(6);
    struct system *s = test_system_start(r);
    struct target *t = system_target(s);
    for (int action = 0; action < TARGET_ACTION_COUNT; action++)
        refused(t, "nobody", (enum target_action)action, ERROR_NOT_FOUND, "no component nobody");
    refused(t, "store", TARGET_ACTION_COUNT, ERROR_UNSUPPORTED, "the sim driver has no such lever");
    system_stop(s);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
}

/* An answer to login, the token, and the time it took: one seed gives one of each. */
static void one_seed_gives_one_start(void **state)
{
    uint64_t took[3];
    char secret[3][64];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct run *r = test_run_begin(i == 2 ? 8 : 7);
        struct system *s = test_system_start(r);
        took[i] = world_now(system_world(s));
        assert_non_null(system_variables(s)[0]);
        assert_true(strlen(system_variables(s)[0]) < sizeof secret[i]);
        snprintf(secret[i], sizeof secret[i], "%s", system_variables(s)[0]);
        system_stop(s);
        assert_int_equal(test_run_end(r), HARROW_PASSED);
    }
    assert_int_equal(took[0], took[1]);
    assert_int_not_equal(took[0], took[2]);
    assert_string_equal(secret[0], secret[1]);
    assert_string_not_equal(secret[0], secret[2]);
}

static int free_pool(void **state)
{
    (void)state;
    micro_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_up_under_the_names_of_nodes),
        cmocka_unit_test(what_is_ended_comes_back),
        cmocka_unit_test(what_is_down_can_be_started_by_hand_once),
        cmocka_unit_test(what_is_stopped_is_silent_until_continued),
        cmocka_unit_test(what_is_cut_off_is_silent_until_healed),
        cmocka_unit_test(a_system_started_anew_is_empty),
        cmocka_unit_test(unknown_components_and_levers_are_refused),
        cmocka_unit_test(one_seed_gives_one_start),
    };
    return cmocka_run_group_tests(tests, NULL, free_pool);
}
