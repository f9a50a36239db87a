/* Traces of flows through the whole runtime, in simulation: who keeps which spans, what they say of each other, whose
 * id it is, who is skipped, and that a seed gives the same lines. */
#include "harrow/system/test_run.h"

#include "e2e/e2e.h"
#include "harrow/flows/traces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage {
    struct run *run;
    struct system *system;
    struct result_stream results;
    json_t *lines;
};

static int keep_line(void *arg, const char *line, size_t len)
{
    struct stage *g = arg;
    return json_array_append_new(g->lines, json_loadb(line, len, 0, NULL));
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static int open_stage(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    if (g == NULL)
        return -1;
    g->run = test_run_begin(21);
    g->system = test_system_start(g->run);
    g->lines = json_array();
    g->results = (struct result_stream){.write = keep_line, .arg = g, .now = no_time};
    *state = g;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *g = *state;
    system_stop(g->system);
    int code = test_run_end(g->run);
    json_decref(g->lines);
    free(g);
    return code == HARROW_PASSED ? 0 : -1;
}

static int64_t run_file(struct stage *g, const char *path, bool all)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary = {0};
    struct target *t = system_target(g->system);
    struct result_stream *outer = t->results;
    if (flow_load(g->run->world, path, &flows, &err) != 0)
        fail_msg("%s", err.message);
    const struct e2e_options options = {.pillar = "e2e",
                                        .simulated = true,
                                        .traces = traces_operations(t),
                                        .trace_all = all,
                                        .files = g->run->world,
                                        .variables = system_variables(g->system)};
    assert_non_null(options.traces);
    t->results = &g->results;
    json_array_clear(g->lines);
    int code = e2e_run(t, &flows, &options, &summary, &err);
    t->results = outer;
    if (code != 0)
        fail_msg("%s", err.message);
    flow_list_free(&flows);
    return summary.failed;
}

static int64_t run_flows(struct stage *g, const char *yaml, bool all)
{
    struct text file = TEXT_INIT;
    text_printf(&file, "%s/traces.yaml", common.out);
    assert_int_equal(world_write_file(g->run->world, text_string(&file), bytes_of(yaml), false, NULL), 0);
    int64_t failed = run_file(g, text_string(&file), all);
    text_deinit(&file);
    return failed;
}

static const json_t *last(const struct stage *g, const char *type)
{
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(g->lines); i++) {
        const json_t *line = json_array_get(g->lines, i);
        if (strcmp(json_string_value(json_object_get(line, "type")), type) == 0)
            found = line;
    }
    return found;
}

static const char *text_of(const json_t *line, const char *member)
{
    const char *text = json_string_value(json_object_get(line, member));
    return text != NULL ? text : "";
}

/* The span of that component, name and kind; fails unless there is just one. */
static const json_t *span(const struct stage *g, const char *component, const char *name, const char *kind)
{
    const json_t *spans = json_object_get(last(g, "spans"), "spans"), *found = NULL;
    for (size_t i = 0; i < json_array_size(spans); i++) {
        const json_t *s = json_array_get(spans, i);
        if (strcmp(text_of(s, "component"), component) != 0 || strcmp(text_of(s, "name"), name) != 0 ||
            strcmp(text_of(s, "kind"), kind) != 0)
            continue;
        assert_null(found);
        found = s;
    }
    if (found == NULL) {
        char *all = json_dumps(last(g, "spans"), 0);
        print_error("%s\n", all != NULL ? all : "no line");
        free(all);
        fail_msg("%s has no %s span %s", component, kind, name);
    }
    return found;
}

static void below(const json_t *child, const json_t *parent)
{
    assert_string_equal(text_of(child, "parent"), text_of(parent, "id"));
    assert_true(json_integer_value(json_object_get(child, "start")) >=
                json_integer_value(json_object_get(parent, "start")));
    assert_true(json_integer_value(json_object_get(child, "duration")) <=
                json_integer_value(json_object_get(parent, "duration")));
}

#define FAILING                                                                                                        \
    "flow: f\nsteps:\n"                                                                                                \
    "  - {http: POST /notes/Notes/Create, json: {title: a}, headers: {authorization: 'Bearer ${token}'},"              \
    " within: 10s, expect: {status: 200}}\n"                                                                           \
    "  - {call: notes.Notes/Read, request: {id: none}}\n"

static void test_across_components(void **state)
{
    struct stage *g = *state;
    assert_int_equal(run_flows(g, FAILING, false), 1);
    const json_t *line = last(g, "spans"), *c = last(g, "case");
    assert_int_equal(strspn(text_of(c, "trace"), "0123456789abcdef"), 32);
    assert_string_equal(text_of(line, "trace"), text_of(c, "trace"));
    assert_string_equal(text_of(line, "case"), "f");
    assert_null(json_object_get(line, "skipped"));
    assert_null(json_object_get(line, "left_out"));
    /* By the gateway: the request, the service, its call, the store. */
    const json_t *api = span(g, "api", "notes.Notes.Create", "inbound");
    const json_t *notes = span(g, "notes", "notes.Notes.Create", "inbound");
    const json_t *write = span(g, "notes", "store.Store.Write", "outbound");
    assert_null(json_object_get(api, "parent"));
    assert_true(json_integer_value(json_object_get(api, "start")) >= 0);
    below(notes, api);
    below(write, notes);
    below(span(g, "store", "store.Store.Write", "inbound"), write);
    /* By the flow itself: nobody kept who called. */
    const json_t *read = span(g, "notes", "notes.Notes.Read", "inbound");
    assert_null(json_object_get(read, "parent"));
    assert_string_equal(text_of(read, "status"), "NOT_FOUND");
    below(span(g, "store", "store.Store.Read", "inbound"), span(g, "notes", "store.Store.Read", "outbound"));
}

static void test_through_the_proxy(void **state)
{
    struct stage *g = *state;
    assert_int_equal(run_flows(g,
                               "flow: f\nsteps:\n"
                               "  - {call: client.Client/Call, request: {service: notes, endpoint: Notes.List,"
                               " content_type: application/json, body: e30=}}\n",
                               true),
                     0);
    const json_t *proxy = span(g, "proxy", "client.Client.Call", "inbound");
    const json_t *relayed = span(g, "proxy", "notes.Notes.List", "inbound");
    const json_t *notes = span(g, "notes", "notes.Notes.List", "inbound");
    assert_null(json_object_get(proxy, "parent"));
    below(relayed, proxy);
    below(notes, relayed);
    assert_string_equal(text_of(last(g, "case"), "trace"), text_of(last(g, "spans"), "trace"));
}

/* What passes is told when that is asked; what sends no id has no trace. */
static void test_when_it_is_told(void **state)
{
    struct stage *g = *state;
#define PASSING "flow: f\nsteps: [{call: helloworld.Helloworld/Call, request: {name: a}%s}]\n"
    char yaml[200];
    (void)snprintf(yaml, sizeof yaml, PASSING, "");
    assert_int_equal(run_flows(g, yaml, false), 0);
    assert_null(last(g, "spans"));
    assert_int_equal(strlen(text_of(last(g, "case"), "trace")), 32);
    assert_int_equal(run_flows(g, yaml, true), 0);
    (void)span(g, "helloworld", "helloworld.Helloworld.Call", "inbound");
    /* An id of the flow's own is the flow's own, under whatever case; "" is none. */
    (void)snprintf(yaml, sizeof yaml, PASSING, ", metadata: {Micro-Trace-Id: mine}");
    assert_int_equal(run_flows(g, yaml, true), 0);
    assert_null(last(g, "spans"));
    assert_null(json_object_get(last(g, "case"), "trace"));
    (void)snprintf(yaml, sizeof yaml, PASSING, ", metadata: {micro-trace-id: ''}");
    assert_int_equal(run_flows(g, yaml, true), 0);
    assert_null(last(g, "spans"));
    assert_int_equal(run_flows(g,
                               "flow: f\nsteps: [{http: GET /helloworld?name=a, headers: {Micro-Trace-Id: mine},"
                               " within: 10s, expect: {status: 200, headers: {micro-trace-id: mine}}}]\n",
                               true),
                     0);
    assert_null(json_object_get(last(g, "case"), "trace"));
    assert_int_equal(run_flows(g, "flow: f\nsteps: [{set: {a: 1}}]\n", true), 0);
    assert_null(json_object_get(last(g, "case"), "trace"));
}

/* A component that does not answer is named, the others are told, and the case is no longer for it. */
static void test_who_is_down(void **state)
{
    struct stage *g = *state;
    struct target *t = system_target(g->system);
    assert_int_equal(t->operations->act(t, "config", TARGET_STOP, NULL), 0);
    assert_int_equal(run_flows(g, FAILING, false), 1);
    assert_int_equal(t->operations->act(t, "config", TARGET_CONTINUE, NULL), 0);
    const json_t *skipped = json_object_get(last(g, "spans"), "skipped");
    assert_int_equal(json_array_size(skipped), 1);
    assert_string_equal(text_of(json_array_get(skipped, 0), "component"), "config");
    assert_int_equal(strncmp(text_of(json_array_get(skipped, 0), "why"), "DEADLINE_EXCEEDED", 17), 0);
    (void)span(g, "store", "store.Store.Write", "inbound");
    assert_true(json_integer_value(json_object_get(last(g, "case"), "duration")) < 1000000000);
}

static void test_same_seed_same_lines(void **state)
{
    (void)state;
    char *lines[2] = {NULL, NULL};
    for (size_t i = 0; i < 2; i++) {
        void *own = NULL;
        assert_int_equal(open_stage(&own), 0);
        struct stage *g = own;
        assert_int_equal(run_file(g, "e2e/flows/micro/notes.yaml", true), 0);
        lines[i] = json_dumps(g->lines, JSON_COMPACT);
        assert_int_equal(close_stage(&own), 0);
    }
    assert_non_null(strstr(lines[0], "\"parent\""));
    assert_string_equal(lines[0], lines[1]);
    free(lines[0]);
    free(lines[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_across_components),
        cmocka_unit_test(test_through_the_proxy),
        cmocka_unit_test(test_when_it_is_told),
        cmocka_unit_test(test_who_is_down),
    };
    const struct CMUnitTest apart[] = {cmocka_unit_test(test_same_seed_same_lines)};
    int failed = cmocka_run_group_tests_name("traces", tests, open_stage, close_stage);
    return failed + cmocka_run_group_tests_name("seeds", apart, NULL, NULL);
}
