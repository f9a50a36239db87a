/* Experiments of the Chaos Toolkit: what is refused and with which words, what tolerances hold, and whole runs against
 * a small server in simulation and against programs of this machine. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/toolkit/inside.h"
#include "chaos/workload/toy_store.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *environment(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "SET") == 0 ? "from outside" : NULL;
}

static int read_text(const char *text, struct toolkit **out, struct error *err)
{
    struct document *d = NULL;
    int code = document_parse_json(bytes_of(text), "x.json", &d, err);
    return code == 0 ? toolkit_read(d, environment, NULL, out, err) : code;
}

#define HEAD             "{\"title\": \"t\", \"description\": \"d\",\n"
#define ACTION(provider) HEAD "\"method\": [\n{\"type\": \"action\", \"name\": \"a\", \"provider\": " provider "}]}"
#define PROBE(tolerance)                                                                                               \
    HEAD "\"steady-state-hypothesis\": {\"title\": \"h\", \"probes\": [\n{\"type\": \"probe\", \"name\": \"p\", "      \
         "\"tolerance\": " tolerance ", \"provider\": {\"type\": \"process\", \"path\": \"true\"}}]}, \"method\": []}"

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *message;
    } table[] = {
        {"[]", "x.json:1:1", "an experiment is an object"},
        {HEAD "\"method\": [], \"metod\": 1}", "x.json:2:", "metod"},
        {"{\"title\": \"t\", \"method\": []}", "x.json:1:", "description"},
        {HEAD "\"method\": [{\"ref\": \"nobody\"}]}", "x.json:2:", "no activity is called \"nobody\""},
        {ACTION("{\"type\": \"go\"}"), "x.json:3:", "http, process or python, not \"go\""},
        {ACTION("{\"type\": \"http\", \"url\": \"ftp://x\"}"), "x.json:3:", "a url begins with http://"},
        {ACTION("{\"type\": \"process\"}"), "x.json:3:", "path"},
        {ACTION("{\"type\": \"python\", \"module\": \"chaosk8s.pod.actions\", \"func\": \"terminate_pods\"}"),
         "x.json:3:74", "chaosk8s.pod.actions.terminate_pods is Python, which is not run here. To harm a component"},
        {ACTION("{\"type\": \"python\", \"module\": \"harrow\", \"func\": \"earthquake\"}"),
         "x.json:3:", "there is no fault \"earthquake\""},
        {ACTION("{\"type\": \"python\", \"module\": \"harrow\", \"func\": \"kill\"}"),
         "x.json:3:", "its \"arguments\" lack \"component\""},
        {ACTION("{\"type\": \"python\", \"module\": \"harrow\", \"func\": \"kill\", \"arguments\": {\"component\": "
                "\"a\", \"delay\": 1}}"),
         "x.json:3:", "delay"},
        {ACTION("{\"type\": \"python\", \"module\": \"chaostoxi.toxic.actions\", \"func\": \"create_limiter_toxic\"}"),
         "x.json:3:", "no fault with the same meaning"},
        {ACTION("{\"type\": \"python\", \"module\": \"chaostoxi.toxic.actions\", \"func\": \"create_timeout_toxic\", "
                "\"arguments\": {\"for_proxy\": \"a\", \"toxic_name\": \"b\", \"timeout\": 5}}"),
         "x.json:3:", "only a timeout of 0"},
        {PROBE("null"), "x.json:3:", "a tolerance is a scalar, a list of scalars, or an object"},
        {PROBE("[]"), "x.json:3:", "a tolerance is a scalar"},
        {PROBE("{\"type\": \"probe\"}"), "x.json:3:", "say it as a regex, a jsonpath or a range"},
        {PROBE("{\"type\": \"regex\", \"pattern\": \"a(\"}"), "x.json:3:", "no POSIX extended regular expression"},
        {PROBE("{\"type\": \"jsonpath\", \"path\": \"$.a[?(@.b)]\"}"), "x.json:3:", "filters, slices and unions"},
        {PROBE("{\"type\": \"range\", \"range\": [1]}"), "x.json:3:", "a list of two numbers"},
        {HEAD "\"rollbacks\": [{\"type\": \"probe\", \"name\": \"p\", \"provider\": {\"type\": \"process\", \"path\": "
              "\"true\"}}], \"method\": []}",
         "x.json:2:", "rollbacks are actions"},
        {HEAD "\"steady-state-hypothesis\": {\"title\": \"h\", \"probes\": [{\"type\": \"probe\", \"name\": \"p\", "
              "\"provider\": {\"type\": \"process\", \"path\": \"true\"}}]}, \"method\": []}",
         "x.json:2:", "has a \"tolerance\""},
        {HEAD "\"configuration\": {\"a\": {\"type\": \"env\", \"key\": \"UNSET\"}}, \"method\": []}",
         "x.json:2:", "UNSET is not set in the environment, and there is no \"default\""},
        {HEAD "\"secrets\": {\"g\": {\"a\": {\"type\": \"vault\", \"path\": \"p\"}}}, \"method\": []}",
         "x.json:2:", "not from \"vault\""},
        {HEAD "\"contributions\": {\"a\": \"huge\"}, \"method\": []}", "x.json:2:", "\"high\", \"medium\", \"low\""},
        {HEAD "\"runtime\": {\"rollbacks\": {\"strategy\": \"maybe\"}}, \"method\": []}",
         "x.json:2:", "one of: default, always, never, deviated"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct toolkit *k = NULL;
        struct error err = ERROR_INIT;
        struct text message = TEXT_INIT;
        assert_int_not_equal(read_text(table[i].text, &k, &err), 0);
        assert_null(k);
        error_format(&err, &message);
        if (strncmp(text_string(&message), table[i].place, strlen(table[i].place)) != 0 ||
            strstr(text_string(&message), table[i].message) == NULL)
            fail_msg("%s\nwas refused with: %s", table[i].text, text_string(&message));
        text_deinit(&message);
        error_clear(&err);
    }
}

static void test_tolerances(void **state)
{
    (void)state;
    static const struct {
        const char *tolerance, *output;
        bool holds;
    } table[] = {
        {"true", "true", true},
        {"true", "false", false},
        {"8", "8", true},
        {"8", "8.0", true},
        {"8", "\"8\"", false},
        {"200", "{\"status\":200}", true},
        {"200", "{\"status\":404}", false},
        {"\"OK\"", "\"OK\"", true},
        {"\"OK\"", "{\"status\":\"OK\"}", false},
        {"[4, 9]", "6.5", true},
        {"[4, 9]", "9", true},
        {"[4, 9]", "10", false},
        {"[4, 9, 78]", "9", true},
        {"[4, 9, 78]", "10", false},
        {"[200, 404]", "{\"status\":300}", false}, /* of a status, one of them */
        {"[200, 404]", "{\"status\":404}", true},
        {"{\"type\":\"regex\",\"pattern\":\"[0-9]{3}\"}", "\"a123\"", true},
        {"{\"type\":\"regex\",\"pattern\":\"^[0-9]{3}\"}", "\"a123\"", false},
        {"{\"type\":\"regex\",\"target\":\"stdout\",\"pattern\":\"^a\"}", "{\"status\":0,\"stdout\":\"ab\"}", true},
        {"{\"type\":\"regex\",\"target\":\"stdout\",\"pattern\":\"${name}\"}", "{\"stdout\":\"from outside\"}", true},
        {"{\"type\":\"range\",\"range\":[4.6,8.9]}", "5", true},
        {"{\"type\":\"range\",\"range\":[4.6,8.9],\"target\":\"stdout\"}", "{\"stdout\":\"5.5\\n\"}", true},
        {"{\"type\":\"range\",\"range\":[4.6,8.9]}", "\"many\"", false},
        {"{\"type\":\"jsonpath\",\"path\":\"foo[*].baz\"}", "{\"foo\":[{\"baz\":1},{\"baz\":2}]}", true},
        {"{\"type\":\"jsonpath\",\"path\":\"$.foo[*].bar\"}", "{\"foo\":[{\"baz\":1},{\"baz\":2}]}", false},
        {"{\"type\":\"jsonpath\",\"path\":\"$.foo[*].baz\",\"expect\":[1,2]}", "{\"foo\":[{\"baz\":1},{\"baz\":2}]}",
         true},
        {"{\"type\":\"jsonpath\",\"path\":\"$.foo[-1].baz\",\"expect\":2}", "{\"foo\":[{\"baz\":1},{\"baz\":2}]}",
         true},
        {"{\"type\":\"jsonpath\",\"path\":\"$.foo[0]['baz']\",\"expect\":2}", "{\"foo\":[{\"baz\":1}]}", false},
        {"{\"type\":\"jsonpath\",\"path\":\"$..baz\",\"count\":3}", "{\"baz\":0,\"foo\":[{\"baz\":1},{\"baz\":2}]}",
         true},
        {"{\"type\":\"jsonpath\",\"path\":\"$.*\",\"count\":1}", "{\"a\":0,\"b\":1}", false},
        {"{\"type\":\"jsonpath\",\"path\":\"$.a\",\"target\":\"body\"}", "{\"status\":200,\"body\":\"{\\\"a\\\":1}\"}",
         true},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct toolkit *k = NULL;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT, why = TEXT_INIT;
        text_printf(&text,
                    HEAD "\"configuration\": {\"name\": {\"type\": \"env\", \"key\": \"SET\"}}, "
                         "\"steady-state-hypothesis\": {\"title\": \"h\", \"probes\": [{\"type\": \"probe\", \"name\": "
                         "\"p\", \"tolerance\": %s, \"provider\": {\"type\": \"process\", \"path\": \"true\"}}]}, "
                         "\"method\": []}",
                    table[i].tolerance);
        if (read_text(text_string(&text), &k, &err) != 0)
            fail_msg("%s: %s", table[i].tolerance, err.message);
        json_t *output = json_loads(table[i].output, JSON_DECODE_ANY, NULL);
        assert_non_null(output);
        if (tolerance_holds(k->probes.items[0].tolerance, output, k, &why) != table[i].holds)
            fail_msg("%s of %s: %s", table[i].tolerance, table[i].output, text_string(&why));
        assert_int_equal(why.len == 0, table[i].holds);
        json_decref(output);
        text_deinit(&text);
        text_deinit(&why);
        toolkit_free(k);
    }
}

static void test_substitution(void **state)
{
    (void)state;
    struct toolkit *k = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(read_text(HEAD
                               "\"configuration\": {\"n\": 7, \"both\": \"configuration\"}, \"secrets\": {\"g\": "
                               "{\"both\": \"secret\", \"own\": {\"type\": \"env\", \"key\": \"SET\"}}},\n\"method\": "
                               "[{\"type\": \"action\", \"name\": \"a\", \"provider\": {\"type\": \"process\", "
                               "\"path\": \"echo\", \"arguments\": [\"${n}\", \"${n} of ${both}\", \"${own}\", "
                               "\"${unknown} ${n\", {\"${n}\": \"${n}${n}\"}]}}]}",
                               &k, &err),
                     0);
    json_t *got = toolkit_substitute(k, k->method.items[0].arguments);
    json_t *expected =
        json_pack("[i, s, s, s, {s:s}]", 7, "7 of configuration", "from outside", "${unknown} ${n", "${n}", "77");
    assert_true(json_equal(got, expected) == 1);
    json_decref(got);
    json_decref(expected);
    toolkit_free(k);
}

/* ---- whole runs ---- */

static json_t *run_on(struct target *t, const char *text, struct toolkit_summary *s)
{
    struct toolkit *k = NULL;
    struct error err = ERROR_INIT;
    json_t *journal = NULL;
    if (read_text(text, &k, &err) != 0 || toolkit_run(k, t, 1, "again", s, &journal, &err) != 0)
        fail_msg("%s", err.message);
    toolkit_free(k);
    return journal;
}

static const char *text_at(json_t *journal, const char *list, size_t i, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(json_object_get(journal, list), i), key));
    return text != NULL ? text : "";
}

#define FAULT(name, function, more)                                                                                    \
    "{\"type\": \"action\", \"name\": \"" name "\", \"provider\": {\"type\": \"python\", \"module\": \"harrow\", "     \
    "\"func\": \"" function "\", \"arguments\": {\"component\": \"store\"" more "}}}"
#define SLEEP(seconds)                                                                                                 \
    "{\"type\": \"action\", \"name\": \"wait\", \"provider\": {\"type\": \"python\", \"module\": \"time\", \"func\": " \
    "\"sleep\", \"arguments\": {\"secs\": " seconds "}}}"

static void test_faults(void **state)
{
    (void)state;
    struct toy t;
    struct toolkit_summary s;
    toy_init(&t, TOY_CORRECT, 1);
    uint64_t began = world_now(t.target.world);
    json_t *journal = run_on(&t.target,
                             HEAD "\"method\": [" FAULT("stop for 2 s", "stop", ", \"hold\": \"2s\"") ", " SLEEP(
                                 "1.5") ", " FAULT("stop", "stop", "") ", " SLEEP("1") "],\n\"rollbacks\": ["
                                                                                       "{\"type\": \"action\", "
                                                                                       "\"name\": \"heal\", "
                                                                                       "\"provider\": {\"type\": "
                                                                                       "\"python\", \"module\": "
                                                                                       "\"harrow\", \"func\": "
                                                                                       "\"heal\"}}]}",
                             &s);
    uint64_t took = world_now(t.target.world) - began;
    if (took < (uint64_t)(4500 * MILLISECOND) || took > (uint64_t)(4600 * MILLISECOND))
        fail_msg("it took %.3f s\n%s", (double)took / (double)SECOND, text_string(&t.lines));
    assert_string_equal(s.status, "completed");
    assert_int_equal(s.faults, 2);
    assert_int_equal(s.activities, 5);
    assert_int_equal(s.failed, 0);
    assert_false(s.deviated);
    assert_int_equal(t.acts[TARGET_STOP], 2);
    assert_int_equal(t.acts[TARGET_CONTINUE], 2);
    assert_int_equal(json_array_size(json_object_get(journal, "run")), 4);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(json_object_get(journal, "rollbacks"), 0), "output")), 1);
    assert_true(json_real_value(json_object_get(json_array_get(json_object_get(journal, "run"), 0), "duration")) >= 2);
    json_decref(journal);
    toy_deinit(&t);
}

/* Never healed by the file: healed in the end; and what cannot be injected is a failed activity, no end. */
static void test_left_in_force(void **state)
{
    (void)state;
    struct toy t;
    struct toolkit_summary s;
    toy_init(&t, TOY_CORRECT, 1);
    json_t *journal = run_on(&t.target, HEAD "\"method\": [" FAULT("stop", "stop", "") "]}", &s);
    assert_int_equal(t.acts[TARGET_CONTINUE], 1);
    assert_int_equal(toy_count(&t, "\"state\":\"heal\""), 1);
    json_decref(journal);
    t.act_fails = true;
    journal = run_on(&t.target, HEAD "\"method\": [" FAULT("stop", "stop", "") "]}", &s);
    assert_string_equal(s.status, "completed");
    assert_int_equal(s.failed, 1);
    assert_string_equal(text_at(journal, "run", 0, "status"), "failed");
    assert_non_null(strstr(text_at(journal, "run", 0, "exception"), "no lever for"));
    json_decref(journal);
    toy_deinit(&t);
}

static void test_simulation_has_no_programs(void **state)
{
    (void)state;
    struct toy t;
    struct toolkit *k = NULL;
    struct toolkit_summary s;
    struct error err = ERROR_INIT;
    json_t *journal = NULL;
    toy_init(&t, TOY_CORRECT, 1);
    assert_int_equal(read_text(ACTION("{\"type\": \"process\", \"path\": \"true\"}"), &k, &err), 0);
    assert_int_equal(toolkit_run(k, &t.target, 1, "again", &s, &journal, &err), ERROR_INVALID);
    assert_string_equal(s.status, "aborted");
    assert_int_equal(err.line, 3);
    assert_non_null(strstr(err.message, "neither programs nor files"));
    json_decref(journal);
    error_clear(&err);
    toolkit_free(k);
    toy_deinit(&t);
}

/* ---- on this machine ---- */

static uint64_t now_of(void *arg)
{
    return world_now(arg);
}

static int keep_line(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    return 0;
}

static const struct target_operations no_operations = {0};

struct here {
    struct world *world;
    struct text lines;
    struct result_stream results;
    struct target target;
};

static void here_init(struct here *h)
{
    struct error err = ERROR_INIT;
    *h = (struct here){.lines = TEXT_INIT};
    assert_int_equal(world_real_new(1, &h->world, &err), 0);
    h->results = (struct result_stream){
        .write = keep_line, .arg = &h->lines, .now = now_of, .now_arg = h->world, .started = world_now(h->world)};
    h->target = (struct target){.operations = &no_operations,
                                .world = h->world,
                                .system = "none",
                                .driver = "processes",
                                .results = &h->results};
}

static void here_deinit(struct here *h)
{
    world_real_free(h->world);
    text_deinit(&h->lines);
}

#define PROCESS(type, name, more, path, arguments)                                                                     \
    "{\"type\": \"" type "\", \"name\": \"" name "\", " more "\"provider\": {\"type\": \"process\", \"path\": \"" path \
    "\", \"arguments\": " arguments "}}"
#define HYPOTHESIS(probes) "\"steady-state-hypothesis\": {\"title\": \"h\", \"probes\": [" probes "]},\n"

static void test_programs(void **state)
{
    (void)state;
    struct here h;
    struct toolkit_summary s;
    here_init(&h);
    json_t *journal = run_on(
        &h.target,
        HEAD HYPOTHESIS(PROCESS("probe", "p", "\"tolerance\": 0, ", "true", "[]")) "\"method\": [" PROCESS(
            "action", "in the shell", "", "echo",
            "\"a b | tr a-z A-Z; exit 3\"") ", " PROCESS("action", "apart", "\"background\": true, ", "echo",
                                                         "[\"x\", 7, \"\", \"y z\"]") ", " PROCESS("action", "none", "",
                                                                                                   "/no/such/"
                                                                                                   "program",
                                                                                                   "[]") "]}",
        &s);
    json_t *run = json_object_get(journal, "run");
    assert_string_equal(s.status, "completed");
    assert_int_equal(s.failed, 1);
    json_t *shell = json_object_get(json_array_get(run, 0), "output");
    assert_int_equal(json_integer_value(json_object_get(shell, "status")), 3);
    assert_string_equal(json_string_value(json_object_get(shell, "stdout")), "A B\n");
    json_t *apart = json_object_get(json_array_get(run, 1), "output");
    assert_string_equal(json_string_value(json_object_get(apart, "stdout")), "x 7 y z\n");
    assert_string_equal(text_at(journal, "run", 2, "status"), "failed");
    json_t *states = json_object_get(journal, "steady_states");
    assert_true(json_is_true(json_object_get(json_object_get(states, "before"), "steady_state_met")));
    assert_true(json_is_true(json_object_get(json_object_get(states, "after"), "steady_state_met")));
    json_decref(journal);
    here_deinit(&h);
}

#define LIMITED(seconds)                                                                                               \
    "{\"type\": \"action\", \"name\": \"long\", \"provider\": {\"type\": \"process\", \"path\": \"sleep\", "           \
    "\"arguments\": [\"60\"], \"timeout\": " seconds "}}"

/* The hypothesis before it does not hold: nothing is done. After it: deviated. Rollbacks by the strategy. */
static void test_deviation(void **state)
{
    (void)state;
    static const struct {
        const char *strategy, *before;
        bool deviates;
        const char *status;
        size_t ran, rolled_back;
    } table[] = {
        {"default", "false", false, "failed", 0, 0}, {"always", "false", false, "failed", 0, 1},
        {"default", "true", true, "failed", 1, 1},   {"deviated", "true", true, "failed", 1, 1},
        {"never", "true", true, "failed", 1, 0},     {"deviated", "true", false, "completed", 1, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct here h;
        struct toolkit_summary s;
        struct text text = TEXT_INIT;
        char file[] = "/tmp/harrow-toolkit-test-XXXXXX";
        here_init(&h);
        int fd = mkstemp(file);
        assert_true(fd >= 0);
        close(fd);
        text_printf(&text,
                    HEAD "\"runtime\": {\"rollbacks\": {\"strategy\": \"%s\"}},\n"
                         "\"steady-state-hypothesis\": {\"title\": \"h\", \"probes\": [{\"type\": \"probe\", \"name\": "
                         "\"there\", \"tolerance\": %s, \"provider\": {\"type\": \"python\", \"module\": \"os.path\", "
                         "\"func\": \"exists\", \"arguments\": {\"path\": \"%s\"}}}]},\n"
                         "\"method\": [{\"type\": \"action\", \"name\": \"remove\", \"provider\": {\"type\": "
                         "\"python\", \"module\": \"os\", \"func\": \"remove\", \"arguments\": {\"path\": \"%s\"}}}],\n"
                         "\"rollbacks\": [%s]}",
                    table[i].strategy, table[i].before, file, table[i].deviates ? file : "/none",
                    PROCESS("action", "back", "", "true", "[]"));
        json_t *journal = run_on(&h.target, text_string(&text), &s);
        assert_string_equal(s.status, table[i].status);
        assert_int_equal(s.deviated, table[i].deviates);
        assert_int_equal(json_is_true(json_object_get(journal, "deviated")), table[i].deviates);
        assert_int_equal(json_array_size(json_object_get(journal, "run")), table[i].ran);
        assert_int_equal(json_array_size(json_object_get(journal, "rollbacks")), table[i].rolled_back);
        assert_int_equal(h.results.failed, strcmp(table[i].status, "failed") == 0);
        (void)world_remove(h.world, file);
        json_decref(journal);
        text_deinit(&text);
        here_deinit(&h);
    }
}

static void test_timeout(void **state)
{
    (void)state;
    struct here h;
    struct toolkit_summary s;
    here_init(&h);
    uint64_t began = world_now(h.world);
    json_t *journal = run_on(&h.target, HEAD "\"method\": [" LIMITED("0.05") "]}", &s);
    assert_true(world_now(h.world) - began < (uint64_t)(20 * SECOND));
    assert_string_equal(text_at(journal, "run", 0, "status"), "failed");
    assert_string_equal(text_at(journal, "run", 0, "exception"), "it took too long");
    json_decref(journal);
    here_deinit(&h);
}

/* The hypothesis is looked at beside the method, which ends after the second look has begun, and what the first has
 * seen is a deviation. */
static void test_continuously(void **state)
{
    (void)state;
    struct here h;
    struct toolkit_summary s;
    struct text text = TEXT_INIT;
    char looks[] = "/tmp/harrow-looks-XXXXXX";
    int fd = mkstemp(looks);
    assert_true(fd >= 0);
    here_init(&h);
    text_printf(&text,
                HEAD "\"runtime\": {\"hypothesis\": {\"strategy\": \"during-method-only\"}},\n" HYPOTHESIS(PROCESS(
                    "probe", "p", "\"tolerance\": 0, ", "sh",
                    "[\"-c\", \"echo >> %s; exit 1\"]")) "\"method\": [" PROCESS("action", "wait", "", "sh",
                                                                                 "[\"-c\", \"until [ $(wc -l < %s) -ge "
                                                                                 "2 ]; do sleep 0.05; done\"]") "]}",
                looks, looks);
    json_t *journal = run_on(&h.target, text_string(&text), &s);
    text_deinit(&text);
    close(fd);
    assert_int_equal(unlink(looks), 0);
    json_t *states = json_object_get(journal, "steady_states");
    assert_true(s.deviated);
    assert_null(json_object_get(states, "before"));
    assert_null(json_object_get(states, "after"));
    assert_true(json_array_size(json_object_get(states, "during")) >= 1);
    assert_non_null(strstr(text_string(&h.lines), "steady state during the method"));
    json_decref(journal);
    here_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_tolerances),
        cmocka_unit_test(test_substitution),  cmocka_unit_test(test_faults),
        cmocka_unit_test(test_left_in_force), cmocka_unit_test(test_simulation_has_no_programs),
        cmocka_unit_test(test_programs),      cmocka_unit_test(test_deviation),
        cmocka_unit_test(test_timeout),       cmocka_unit_test(test_continuously),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
