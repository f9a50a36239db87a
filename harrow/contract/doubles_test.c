/* Doubles in the simulation: a component stands on them alone, and they tell what they were asked. */
#include "harrow/system/test_run.h"

#include "e2e/e2e.h"
#include "harrow/run/pillars.h"
#include "runtime/service/service.h"

#include <string.h>

struct stage {
    struct run *run;
    struct system *system;
    struct doubles *doubles;
    const struct e2e_doubles *operations;
};

static void open_stage(struct stage *g)
{
    struct error err = ERROR_INIT;
    struct text peers = TEXT_INIT;
    g->run = test_run_begin(1);
    assert_int_equal(system_start_alone(g->run, "notes", &g->system, &err), 0);
    assert_int_equal(doubles_new(system_world(g->system), system_target(g->system)->pool, true, &g->doubles, &err), 0);
    assert_int_equal(doubles_add(g->doubles, "store", "store.Store", &peers, &err), 0);
    assert_memory_equal(text_string(&peers), "store=harrow:", 13);
    if (system_run_alone(g->system, text_string(&peers), &err) != 0)
        fail_msg("notes does not come up: %s", err.message);
    text_deinit(&peers);
    g->operations = doubles_operations(g->doubles);
}

static void close_stage(struct stage *g)
{
    doubles_free(g->doubles);
    system_stop(g->system);
    assert_int_equal(test_run_end(g->run), HARROW_PASSED);
}

static void a_component_stands_on_its_double(void **state)
{
    (void)state;
    struct stage g;
    struct error err = ERROR_INIT;
    struct text text = TEXT_INIT;
    open_stage(&g);
    const struct e2e_doubles *d = g.operations;
    assert_int_equal(system_target(g.system)->component_count, 1);
    assert_int_equal(d->count(d->arg, "store", "Write"), 0);
    assert_int_equal(test_call(g.system, "notes.Notes", "Create", "{\"title\": \"milk\", \"text\": \"two pints\"}"),
                     GRPC_OK);
    assert_int_equal(d->count(d->arg, "store", "Write"), 1);
    assert_int_equal(d->request(d->arg, "store", "Write", 0, &text, &err), 0);
    assert_non_null(strstr(text_string(&text), "\"table\":\"notes\""));
    text_clear(&text);
    d->journal(d->arg, "store", &text);
    assert_non_null(strstr(text_string(&text), "Write"));
    text_deinit(&text);
    struct contract_calls calls = {0}; /* over two contracts, as it were */
    assert_true(doubles_count(g.doubles, "notes", &calls) && doubles_count(g.doubles, "notes", &calls));
    assert_true(calls.rows.count > 1);
    for (size_t i = 0; i < calls.rows.count; i++)
        assert_int_equal(calls.rows.items[i].count,
                         strcmp(calls.rows.items[i].method, "store.Store/Write") == 0 ? 2 : 0);
    contract_calls_deinit(&calls);
    close_stage(&g);
}

static void answers_are_programmed_and_forgotten(void **state)
{
    (void)state;
    struct stage g;
    struct error err = ERROR_INIT;
    open_stage(&g);
    const struct e2e_doubles *d = g.operations;
    assert_int_equal(d->answer(d->arg, "store", "Read", -1, NULL, GRPC_NOT_FOUND, "no such key", &err), 0);
    assert_int_equal(test_call(g.system, "notes.Notes", "Read", "{\"id\": \"7\"}"), GRPC_NOT_FOUND);
    assert_int_equal(d->answer(d->arg, "store", "Read", 1,
                               "{\"records\": [{\"key\": \"k\", \"value\": \"eyJpZCI6IjcifQ==\"}]}", GRPC_OK, NULL,
                               &err),
                     0);
    assert_int_equal(test_call(g.system, "notes.Notes", "Read", "{\"id\": \"7\"}"), GRPC_OK);
    assert_int_equal(test_call(g.system, "notes.Notes", "Read", "{\"id\": \"7\"}"), GRPC_NOT_FOUND);
    assert_int_equal(d->count(d->arg, "store", "Read"), 3);
    assert_int_equal(d->reset(d->arg, "store"), 0);
    assert_int_equal(d->count(d->arg, "store", "Read"), 0);
    close_stage(&g);
}

static void stubs_answer_and_misses_are_told(void **state)
{
    (void)state;
    struct stage g;
    struct error err = ERROR_INIT;
    struct text text = TEXT_INIT;
    open_stage(&g);
    const struct e2e_doubles *d = g.operations;
    static const char stubs[] = "stubs:\n"
                                "  - call: store.Store/Read\n"
                                "    when: {key: {$regex: ':7$'}}\n"
                                "    answer: {records: [{key: k, value: eyJpZCI6IjcifQ==}]}\n";
    if (d->stubs(d->arg, "store", bytes_of(stubs), "stubs.yaml", &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(test_call(g.system, "notes.Notes", "Read", "{\"id\": \"7\"}"), GRPC_OK);
    d->journal(d->arg, "store", &text);
    assert_null(strstr(text_string(&text), "no stub"));
    test_call(g.system, "notes.Notes", "Read", "{\"id\": \"8\"}");
    text_clear(&text);
    d->journal(d->arg, "store", &text);
    assert_non_null(strstr(text_string(&text), "no stub of store.Store/Read matches"));
    assert_non_null(strstr(text_string(&text), "stubs.yaml:2: when.key: expected a match of :7$, got \""));
    text_clear(&text);
    d->order(d->arg, "store", &text);
    assert_string_equal(text_string(&text), "Read\nRead\n");
    assert_int_equal(d->stubs(d->arg, "store", bytes_of("stubs: [{call: store.Store/Raed}]"), "s.yaml", &err),
                     ERROR_NOT_FOUND);
    assert_int_equal(err.line, 1);
    error_clear(&err);
    assert_int_equal(d->stubs(d->arg, "stroe", bytes_of(stubs), "s.yaml", &err), ERROR_NOT_FOUND);
    error_clear(&err);
    assert_int_equal(d->reset(d->arg, "store"), 0);
    assert_int_equal(test_call(g.system, "notes.Notes", "Read", "{\"id\": \"7\"}"), GRPC_NOT_FOUND);
    text_deinit(&text);
    close_stage(&g);
}

static void wrong_names_are_refused(void **state)
{
    (void)state;
    struct stage g;
    struct error err = ERROR_INIT;
    struct text text = TEXT_INIT;
    open_stage(&g);
    const struct e2e_doubles *d = g.operations;
    assert_int_equal(d->answer(d->arg, "stroe", "Read", -1, "{}", GRPC_OK, NULL, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "there is no double \"stroe\": the flow's \"doubles\" name them");
    assert_int_equal(d->answer(d->arg, "store", "Raed", -1, "{}", GRPC_OK, NULL, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "double \"store\" has no method \"Raed\"");
    assert_true(d->answer(d->arg, "store", "Read", -1, "{\"recrods\": []}", GRPC_OK, NULL, &err) < 0);
    assert_non_null(strstr(err.message, "recrods"));
    assert_int_equal(d->count(d->arg, "stroe", "Read"), -1);
    assert_int_equal(d->count(d->arg, "store", "Raed"), -1);
    assert_int_equal(d->request(d->arg, "stroe", "Read", 0, &text, &err), ERROR_NOT_FOUND);
    assert_int_equal(d->request(d->arg, "store", "Read", 0, &text, &err), ERROR_NOT_FOUND);
    assert_int_equal(d->reset(d->arg, "stroe"), ERROR_NOT_FOUND);
    d->journal(d->arg, "stroe", &text);
    assert_int_equal(text.len, 0);
    assert_int_equal(doubles_add(g.doubles, "x", "no.Such", &text, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "double \"x\": no service \"no.Such\" in the descriptor set");
    error_clear(&err);
    text_deinit(&text);
    close_stage(&g);
}

static void a_component_that_is_not_there_cannot_stand_alone(void **state)
{
    (void)state;
    struct run *r = test_run_begin(2);
    struct system *s = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(system_start_alone(r, "ntoes", &s, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, TEST_MANIFEST " has no component \"ntoes\"");
    error_clear(&err);
    assert_int_equal(test_run_end(r), HARROW_PASSED);
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
        cmocka_unit_test(a_component_stands_on_its_double),
        cmocka_unit_test(answers_are_programmed_and_forgotten),
        cmocka_unit_test(stubs_answer_and_misses_are_told),
        cmocka_unit_test(wrong_names_are_refused),
        cmocka_unit_test(a_component_that_is_not_there_cannot_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, free_pool);
}
