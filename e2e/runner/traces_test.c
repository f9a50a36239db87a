/* The id of a case's trace: where it is sent, when what was kept is asked for, and where it stands in the stream. Who
 * keeps it is made up here; tests of harrow/ have a real one. */
#include "e2e/test_system.h"

#include <string.h>

struct e2e_asked {
    bool never;
};

struct keeper {
    struct e2e_traces operations;
    struct e2e_asked asked;
    char ids[8][33];
    int count;
    bool no_memory, none;
};
static struct keeper keeper;

static struct e2e_asked *ask(void *arg, struct target *t, const char *id, int64_t began)
{
    struct keeper *k = arg;
    assert_true(began <= world_wall(t->world));
    assert_true(k->count < 8);
    strcpy(k->ids[k->count++], id);
    return &k->asked;
}

static bool answered(void *asked)
{
    return asked == &keeper.asked;
}

static json_t *take(struct e2e_asked *asked)
{
    assert_ptr_equal(asked, &keeper.asked);
    if (keeper.no_memory)
        return NULL;
    return keeper.none ? json_pack("{s:[]}", "spans") : json_pack("{s:[{s:s}]}", "spans", "component", "store");
}

static struct test_system *with_keeper(void **state)
{
    struct test_system *s = *state;
    memset(&keeper, 0, sizeof keeper);
    keeper.operations =
        (struct e2e_traces){.arg = &keeper, .key = "x-trace", .ask = ask, .answered = answered, .take = take};
    s->options.traces = &keeper.operations;
    return s;
}

static const char *trace_of(const json_t *line)
{
    return json_string_value(json_object_get(line, "trace"));
}

#define PASSES "{call: helloworld.Helloworld/Call, request: {name: a}}"
#define FAILS  "{call: helloworld.Helloworld/Call, request: {name: a}, expect: {body: {msg: no}}}"

static void test_of_what_failed(void **state)
{
    struct test_system *s = with_keeper(state);
    assert_true(test_run(s, "flow: a\nsteps: [" PASSES "]\n"));
    assert_int_equal(keeper.count, 0);
    assert_int_equal(strlen(trace_of(test_last(s, "case"))), 32);
    assert_false(test_run(s, "flow: b\nsteps: [" FAILS "]\n"));
    assert_int_equal(keeper.count, 1);
    const json_t *spans = test_last(s, "spans"), *c = test_last(s, "case");
    assert_string_equal(trace_of(spans), keeper.ids[0]);
    assert_string_equal(trace_of(c), keeper.ids[0]);
    assert_string_equal(json_string_value(json_object_get(spans, "case")), "b");
    size_t last = json_array_size(s->lines) - 1;
    assert_ptr_equal(json_array_get(s->lines, last), c);
    assert_ptr_equal(json_array_get(s->lines, last - 1), spans);
    /* The same case has the same id, another has another. */
    assert_false(test_run(s, "flow: b\nsteps: [" FAILS "]\n"));
    assert_string_equal(keeper.ids[1], keeper.ids[0]);
    assert_false(test_run(s, "flow: c\nsteps: [" FAILS "]\n"));
    assert_string_not_equal(keeper.ids[2], keeper.ids[0]);
}

/* Tries are one trace, asked for once. */
static void test_tries(void **state)
{
    struct test_system *s = with_keeper(state);
    s->options.retries = 2;
    assert_false(test_run(s, "flow: a\nsteps: [" FAILS "]\n"));
    assert_int_equal(keeper.count, 1);
    assert_int_equal(test_count(s, "spans"), 1);
    assert_string_equal(trace_of(test_last(s, "case")), keeper.ids[0]);
}

static void test_of_everything(void **state)
{
    struct test_system *s = with_keeper(state);
    s->options.trace_all = true;
    s->options.jobs = 2;
    assert_true(test_run(s, "flows:\n  - {flow: a, steps: [" PASSES "]}\n  - {flow: b, steps: [" PASSES "]}\n"));
    assert_int_equal(keeper.count, 2);
    assert_int_equal(test_count(s, "spans"), 2);
    keeper.none = true; /* nobody kept any: there is nothing to tell */
    assert_true(test_run(s, "flow: c\nsteps: [" PASSES "]\n"));
    assert_int_equal(keeper.count, 3);
    assert_int_equal(test_count(s, "spans"), 2);
    /* A flow that calls nobody is not asked for. */
    assert_true(test_run(s, "flow: d\nsteps: [{set: {a: 1}}]\n"));
    assert_int_equal(keeper.count, 3);
    assert_null(trace_of(test_last(s, "case")));
    keeper.no_memory = true;
    assert_true(test_run(s, "flow: e\nsteps: [" PASSES "]\n"));
    assert_true(s->results.broken);
    s->results.broken = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_of_what_failed, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(test_tries, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(test_of_everything, test_system_setup_sim, test_system_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
