/* Plans: what a file says is what is run; what is wrong in it is said with its place. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/experiment/plan.h"
#include "chaos/workload/workload.h"

#include <string.h>

static int read_text(const char *yaml, struct chaos_plan *out, struct error *err)
{
    struct document *d = NULL;
    assert_int_equal(document_parse_yaml(BYTES(yaml, strlen(yaml)), "e.yaml", &d, err), 0);
    assert_true(plan_is(d) || strstr(yaml, "experiment") == NULL);
    return plan_read(d, out, err);
}

static void test_whole(void **state)
{
    (void)state;
    static const char yaml[] = "experiment: the store is killed\n"
                               "about: what was acknowledged survives\n"
                               "system: ../../systems/micro.yaml\n"
                               "network: namespaces\ndisk: shared\n"
                               "workloads: [store-register]\n"
                               "faults: [kill, stop]\n"
                               "targets: store\n"
                               "clients: 3\nkeys: 4\nrate: 500\nduration: 20s\nsettle: 3s\nrepeat: 7\n"
                               "guards: {errors: 50%, throughput: 10%, p99: 2s, lasting: 500ms}\n"
                               "recovery_within: 1500ms\n";
    struct chaos_plan p;
    assert_int_equal(read_text(yaml, &p, NULL), 0);
    assert_string_equal(p.name, "the store is killed");
    assert_string_equal(p.system, "../../systems/micro.yaml");
    assert_string_equal(p.network, "namespaces");
    assert_string_equal(p.disk, "shared");
    assert_string_equal(p.options.workloads[0]->name, "store-register");
    assert_null(p.options.workloads[1]);
    assert_string_equal(p.options.faults[1], "stop");
    assert_string_equal(p.options.targets[0], "store");
    assert_null(p.options.targets[1]);
    assert_int_equal(p.options.clients, 3);
    assert_int_equal(p.options.keys, 4);
    assert_int_equal(p.options.rate, 500);
    assert_true(p.options.duration == (uint64_t)(20 * SECOND) && p.options.settle == (uint64_t)(3 * SECOND));
    assert_int_equal(p.repeat, 7);
    assert_true(p.options.guards == &p.guards && p.guards.errors_max == 0.5 && p.guards.throughput_min == 0.1);
    assert_true(p.guards.p99_max == (uint64_t)(2 * SECOND) && p.guards.lasting == (uint64_t)(500 * MILLISECOND));
    assert_true(p.options.recovery_within == (uint64_t)(1500 * MILLISECOND));
    plan_deinit(&p);
}

static void test_defaults(void **state)
{
    (void)state;
    struct chaos_plan p;
    assert_int_equal(read_text("experiment: e\nschedule: []\n", &p, NULL), 0);
    assert_non_null(p.schedule);
    assert_null(p.options.guards);
    assert_null(p.options.workloads);
    assert_int_equal(p.repeat, 1);
    assert_false(p.options.violated);
    assert_null(p.network);
    assert_null(p.disk);
    plan_deinit(&p);
    assert_int_equal(read_text("experiment: e\nexpect: violated\n", &p, NULL), 0);
    assert_true(p.options.violated);
    plan_deinit(&p);
    assert_int_equal(read_text("experiment: e\nexpect: kept\n", &p, NULL), 0);
    assert_false(p.options.violated);
    plan_deinit(&p);
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"about: e\n", "e.yaml:1:1: \"experiment\" is missing"},
        {"experiment: e\nfault: kill\n", "e.yaml:2:1: unknown key \"fault\"; did you mean \"faults\"?"},
        {"experiment: e\nfaults: [kill, boil]\n",
         "e.yaml:2:16: there is no fault \"boil\": harrow chaos faults shows all"},
        {"experiment: e\nfaults: [kil]\n", "e.yaml:2:10: there is no fault \"kil\": did you mean \"kill\"?"},
        {"experiment: e\nworkloads: [nothing]\n",
         "e.yaml:2:13: there is no workload \"nothing\": harrow chaos workloads shows all"},
        {"experiment: e\nguards: {errors: 2}\n",
         "e.yaml:2:18: \"errors\" is a share above 0% and up to 100%, such as 50%"},
        {"experiment: e\ndisk: imgae\n", "e.yaml:2:7: \"disk\" is \"shared\" (what is not said) or \"image\""},
        {"experiment: e\nduration: 0\n", "e.yaml:2:11: \"duration\" is a duration above 0, such as 20s"},
        {"experiment: e\nfaults: [kill]\nschedule: []\n",
         "e.yaml:3:11: a schedule says which faults hit whom: \"faults\" and \"targets\" do not go with it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chaos_plan p;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT;
        assert_true(read_text(cases[i].yaml, &p, &err) < 0);
        error_format(&err, &text);
        assert_string_equal(text_string(&text), cases[i].message);
        text_deinit(&text);
        error_clear(&err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
