/* Memory and disks that fail once, anywhere in what a campaign keeps and tells: nothing crashes or leaks, what was
 * kept is whole, and no answer is another one than with enough of both. */
#include "base/failing_walk.h"

#include "fuzz/live/beneath.h"
#include "fuzz/live/judge.h"
#include "fuzz/live/stored.h"
#include "proto/set.h"
#include "wire/grpc.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define CASES 24 /* more than there are suspects */

static struct pb_pool *pool;
static struct sim *sim;
static struct world *world;
static struct fuzz_case call_case, other_case;

static void parse(const char *script, struct fuzz_case *out)
{
    assert_int_equal(fuzz_case_parse(bytes_of(script), "script", pool, out, NULL), 0);
}

static int set_up(void **state)
{
    (void)state;
    json_set_alloc_funcs(failing_malloc, failing_free);
    sim = sim_new(&(struct sim_options){.seed = 1});
    assert_int_equal(pb_pool_new(proto_set(), "set", &pool, NULL), 0);
    world = sim_node(sim, "a");
    parse("call /helloworld.Helloworld/Call\nmessage 0 near-valid defect=field-number-zero x\"020161\"\nhalf-close 0\n"
          "await 0\n",
          &call_case);
    parse("call /helloworld.Helloworld/Call\nmessage 0 {}\nhalf-close 0\nawait 0\n", &other_case);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fuzz_case_deinit(&call_case);
    fuzz_case_deinit(&other_case);
    sim_free(sim);
    pb_pool_free(pool);
    return 0;
}

static bool is_whole(const struct fuzz_case *c, const struct fuzz_case *as)
{
    return fuzz_case_hash(c) == fuzz_case_hash(as);
}

/* ---- cost ---- */

static int usage(struct target *t, const char *component, uint64_t *resident, uint64_t *cpu)
{
    (void)t;
    (void)component;
    *resident = *cpu = 1 << 20;
    return 0;
}

static int64_t process(struct target *t, const char *component)
{
    (void)t;
    (void)component;
    return 7;
}

static int weigh(void)
{
    static const struct target_operations operations = {.usage = usage, .process = process};
    struct target_component components[3] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
    struct target t = {.operations = &operations, .components = components, .component_count = 3};
    struct trace_call call = {.method = pb_find_method(pool, "/helloworld.Helloworld/Call", false)};
    struct fuzz_trace trace = {.calls = {.items = &call, .count = 1}};
    struct cost cost;
    int rc = cost_open(&cost, &t, NULL);
    for (uint64_t i = 1; rc == 0 && i <= CASES; i++) {
        call.duration = i * 1000;
        cost_call(&cost, &t, &components[i % 3]);
        cost_case(&cost, &call_case, &trace);
        cost_look(&cost, &t);
    }
    for (size_t i = 0; rc == 0 && i < cost.suspect_count; i++)
        assert_true(is_whole(&cost.suspects[i].c, &call_case));
    if (rc == 0)
        assert_in_range(cost.suspect_count, COST_SUSPECTS_MAX - 1, COST_SUSPECTS_MAX);
    cost_close(&cost);
    return rc;
}

static void test_cost(void **state)
{
    (void)state;
    assert_true(failing_walk(weigh, FAILING_MAY_BE_BORNE) > COST_SUSPECTS_MAX);
}

/* ---- journal ---- */

/* What was begun and could not be written is not there; the rest is whole. */
static int keep_journal(void)
{
    struct journal j;
    journal_cases cases = {0};
    int rc = journal_open(&j, world, "/journal", NULL);
    uint32_t first = rc == 0 ? journal_begin(&j, &call_case) : 0, second = rc == 0 ? journal_begin(&j, &other_case) : 0;
    if (rc == 0)
        journal_end(&j, first);
    journal_close(&j, false);
    rc = rc != 0 ? rc : journal_read(world, "/journal", &cases, NULL);
    for (size_t i = 0; rc == 0 && i < cases.count; i++)
        assert_true(is_whole(&cases.items[i], &other_case) || is_whole(&cases.items[i], &call_case));
    if (rc == 0)
        assert_true(cases.count <= 1 + (size_t)(second != 0));
    journal_cases_free(&cases);
    return rc;
}

static void test_journal(void **state)
{
    (void)state;
    assert_true(failing_walk(keep_journal, FAILING_MAY_BE_BORNE) > 5);
    for (uint64_t n = 1; n < 20; n++) {
        sim_disk(sim, "a", &(struct sim_disk_faults){.fail_nth = n});
        int rc = keep_journal();
        assert_true(rc == 0 || rc == ERROR_IO);
    }
    sim_disk(sim, "a", &(struct sim_disk_faults){0});
    assert_int_equal(keep_journal(), 0);
}

/* ---- judge ---- */

static int judge(void)
{
    struct trace_call call = {
        .method = pb_find_method(pool, "/helloworld.Helloworld/Call", false), .status = GRPC_OK, .sent = 1};
    struct fuzz_trace t = {.calls = {.items = &call, .count = 1}};
    struct fuzz_verdict v;
    struct text why = TEXT_INIT;
    fuzz_judge(&call_case, &t, false, &v, &why);
    assert_non_null(v.oracle);
    assert_string_equal(v.oracle, "accepted");
    fuzz_judge(&other_case, &t, false, &v, &why);
    assert_null(v.oracle);
    text_deinit(&why);
    return 0;
}

static void test_judge(void **state)
{
    (void)state;
    assert_true(failing_walk(judge, FAILING_MAY_BE_BORNE) > 0);
}

/* ---- identity ---- */

static struct fuzz_finding findings[3];

/* Two are one only when they are. */
static int compare(void)
{
    static const char said[] = "#0 0x1 in note_copy /a.c:1:1\n#1 0x2 in note_update /a.c:2:2\n";
    struct text stack = TEXT_INIT;
    (void)finding_stack(said, &stack);
    (void)finding_same_words(&findings[0], &findings[1]);
    assert_false(finding_same_words(&findings[0], &findings[2]));
    text_deinit(&stack);
    return 0;
}

static void test_identity(void **state)
{
    static const struct pb_method methods[3] = {{.name = "A"}, {.name = "B"}, {.name = "C"}};
    static const struct target_component component = {.name = "a"};
    static const char *const whys[] = {"answered UNKNOWN to x: etcdserver: corrupt cluster",
                                       "answered UNKNOWN to y: etcdserver: corrupt cluster",
                                       "answered UNKNOWN to x: etcdserver: no space is left"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        findings[i] = (struct fuzz_finding){.method = &methods[i], .component = &component, .oracle = "internal"};
        findings[i].why = strdup(whys[i]);
        assert_non_null(findings[i].why);
    }
    assert_true(finding_same_words(&findings[0], &findings[1]));
    assert_true(failing_walk(compare, FAILING_MAY_BE_BORNE) > 2);
    for (size_t i = 0; i < 3; i++)
        free(findings[i].why);
}

/* ---- summary ---- */

static json_t *told;

static int keep_line(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    return 0;
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static int merge(void)
{
    struct fuzz_summary sum = {.edges = -1};
    int rc = fuzz_summary_merge(&sum, told, NULL);
    rc = rc != 0 ? rc : fuzz_summary_merge(&sum, told, NULL);
    json_t *json = rc == 0 ? fuzz_summary_json(&sum) : NULL;
    rc = rc != 0 ? rc : json ? 0 : ERROR_MEMORY;
    json_decref(json);
    struct text lines = TEXT_INIT;
    struct result_stream r = {.write = keep_line, .arg = &lines, .now = no_time};
    if (rc == 0)
        fuzz_summary_tables(&sum, &r);
    rc = rc == 0 && (r.broken || !text_ok(&lines)) ? ERROR_MEMORY : rc;
    text_deinit(&lines);
    fuzz_summary_deinit(&sum);
    return rc;
}

static void test_summary(void **state)
{
    static const char text[] =
        "{\"cases\":1,\"methods\":[{\"path\":\"a.B/C\",\"component\":\"a\",\"calls\":2,\"refusal\":\"no\","
        "\"refusing_field\":\"x\"}],\"operators\":[{\"name\":\"n\",\"kind\":\"k\",\"cases\":1,\"novel\":1}],"
        "\"findings\":[{\"title\":\"t\",\"oracle\":\"o\",\"confirmed\":\"fresh system\",\"count\":1}],"
        "\"components\":[{\"name\":\"a\",\"calls\":2}],\"points\":[{\"at\":5,\"calls\":2}]}";
    (void)state;
    told = json_loads(text, 0, NULL);
    assert_non_null(told);
    assert_true(failing_walk(merge, FAILING_IS_TOLD) > 30);
    json_decref(told);
}

/* ---- beneath ---- */

static struct sequence_graph *graph;

static int read_beneath(void)
{
    static const struct beneath_place place = {.names = {"", "notes"}};
    struct beneath_store s;
    struct text message = TEXT_INIT;
    assert_true(beneath_find(graph, &s));
    int rc = beneath_read(graph, &s, &place, bytes_of("a"), &message) ? 0 : ERROR_MEMORY;
    if (rc == 0)
        assert_int_equal(pb_scan(graph->methods[s.read].method->input->descriptor, text_bytes(&message), NULL), 0);
    text_deinit(&message);
    return rc;
}

static void test_beneath(void **state)
{
    (void)state;
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){0}, &graph, NULL), 0);
    assert_true(failing_walk(read_beneath, FAILING_IS_TOLD) > 0);
    sequence_graph_free(graph);
}

/* ---- stored ---- */

static struct maker *maker;

static int store(void)
{
    const struct made made[2] = {{.c = call_case, .source = MAKER_DRAWN}, {.c = other_case, .source = MAKER_DRAWN}};
    struct stored s, next;
    int rc = stored_open(&s, world, "/corpus", 1, NULL);
    for (size_t i = 0; rc == 0 && i < 2; i++)
        rc = stored_keep(&s, &made[i], "new", 1, 5, NULL);
    stored_close(&s);
    int other = stored_open(&next, world, "/corpus", 2, NULL);
    other = other == 0 ? stored_import(&next, maker, NULL) : other;
    if (rc == 0 && other == 0)
        assert_int_equal(next.imported + next.left_out, 2);
    stored_close(&next);
    return rc != 0 ? rc : other;
}

static void new_maker(void)
{
    const struct pb_method *const methods[] = {pb_find_method(pool, "/helloworld.Helloworld/Call", false)};
    assert_int_equal(maker_new(&(struct maker_options){.pool = pool, .methods = methods, .method_count = 1, .seed = 1},
                               &maker, NULL),
                     0);
}

static void test_stored(void **state)
{
    (void)state;
    new_maker();
    assert_true(failing_walk(store, FAILING_MAY_BE_BORNE) > 10);
    for (uint64_t n = 1; n < 40; n++) {
        (void)world_remove_tree(world, "/corpus");
        (void)world_remove_tree(world, "/corpus.origin");
        sim_disk(sim, "a", &(struct sim_disk_faults){.fail_nth = n});
        int rc = store();
        assert_true(rc == 0 || rc == ERROR_IO);
    }
    sim_disk(sim, "a", &(struct sim_disk_faults){0});
    assert_int_equal(store(), 0);
    maker_free(maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cost),    cmocka_unit_test(test_journal),
                                       cmocka_unit_test(test_judge),   cmocka_unit_test(test_identity),
                                       cmocka_unit_test(test_summary), cmocka_unit_test(test_beneath),
                                       cmocka_unit_test(test_stored)};
    return cmocka_run_group_tests_name("fuzz/memory", tests, set_up, tear_down);
}
