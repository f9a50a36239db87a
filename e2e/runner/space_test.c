/* A namespace for every flow: the section that says how, what flows see of it, and that it is taken away whatever
 * happens. */
#include "e2e/test_walk.h"

#include "base/failing_walk.h"
#include "e2e/language/isolation.h"

#define WORKERS 16

/* What it says of itself comes back: calls are answered with x-asked, HTTP requests too. `make` and `remove` leave
 * their marks with the system's levers. */
static const char section[] =
    "system: shop\n"
    "isolation:\n"
    "  metadata: {x-asked: \"in ${namespace}\"}\n"
    "  headers: {x-asked: \"${made}\"}\n"
    "  environment: {WHERE: \"${namespace}\"}\n"
    "  make:\n"
    "    - {fault: helloworld, action: stop}\n"
    "    - call: helloworld.Helloworld/Call\n"
    "      request: {name: \"${namespace}\"}\n"
    "      expect: {headers: {x-answers: nothing}}\n"
    "      capture: {made: $.body.msg, token: $.body.msg}\n"
    "  remove:\n"
    "    - {if: {made: {$contains: \"${namespace}\"}}, else: [{call: helloworld.Helloworld/Never}]}\n"
    "    - {fault: helloworld, action: continue}\n";

/* What is remembered: a line "+number name variables" or "-number" each. */
static struct text remembered;
static uint64_t numbers;

static uint64_t note_space(void *arg, const char *name, const json_t *variables)
{
    char *text = variables != NULL ? json_dumps(variables, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    (void)arg;
    text_printf(&remembered, "+%d %s %s\n", (int)++numbers, name, text != NULL ? text : "-");
    free(text);
    return numbers;
}

static void strike_space(void *arg, uint64_t number)
{
    (void)arg;
    if (number != 0)
        text_printf(&remembered, "-%d\n", (int)number);
}

static const struct e2e_spaces memory = {.note = note_space, .strike = strike_space};

/* How many of those lines begin so. */
static size_t lines_with(char first)
{
    size_t found = 0;
    for (const char *at = text_string(&remembered); *at != '\0'; at = strchr(at, '\n') + 1)
        found += *at == first;
    return found;
}

static bool all_struck(void)
{
    return lines_with('+') == lines_with('-');
}

struct spaces {
    struct test_system *system;
    struct e2e_isolation *isolation;
    struct target views[WORKERS + 1];
    struct e2e_place places[WORKERS];
};

static struct spaces *begin(struct test_system *s, const char *manifest, size_t workers)
{
    static struct spaces all;
    struct error err = ERROR_INIT;
    all = (struct spaces){.system = s};
    if (e2e_isolation_parse(s->world, bytes_of(manifest), "shop.yaml", &all.isolation, &err) != 0)
        fail_msg("%s", err.message);
    for (size_t i = 0; i <= workers; i++) {
        all.views[i] = s->target;
        all.views[i].channels = NULL;
        if (i < workers)
            all.places[i].target = &all.views[i];
    }
    text_deinit(&remembered);
    numbers = 0;
    s->options.spaces = &memory;
    s->options.isolation = all.isolation;
    s->options.system = &s->target;
    s->options.keeper = &all.views[workers];
    s->options.systems = all.places;
    s->options.system_count = workers;
    return &all;
}

static void end(struct spaces *all)
{
    for (size_t i = 0; i <= WORKERS; i++)
        if (all->views[i].world != NULL)
            target_close_channels(&all->views[i]);
    e2e_isolation_free(all->isolation);
    text_deinit(&remembered);
    all->system->options = (struct e2e_options){.pillar = "e2e", .replay = "harrow e2e shop.yaml", .simulated = true};
}

static void passes(struct test_system *s, const char *yaml)
{
    struct text report = TEXT_INIT;
    if (!test_run(s, yaml)) {
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
}

static void acts_are(struct test_system *s, const char *expected)
{
    assert_string_equal(text_string(&s->acts), expected);
    text_clear(&s->acts);
}

#define STOP     "stop helloworld\n"
#define CONTINUE "continue helloworld\n"

static void what_flows_see(void **state)
{
    struct test_system *s = *state;
    struct spaces *all = begin(s, section, 1);
    passes(s,
           "flow: a\n"
           "vars: {own: \"${namespace}\"}\n"
           "steps:\n"
           "  - if: {namespace: {$regex: '^harrow-[0-9a-f]{12}$'}, made: \"Hello ${own}\", token: \"Hello ${own}\"}\n"
           "    else: [{call: helloworld.Helloworld/Never}]\n"
           "  - {call: helloworld.Helloworld/Call, request: {name: x}, expect: {headers: {x-answers: \"in ${own}\"}}}\n"
           "  - {http: GET /x, expect: {body: {asked: \"Hello ${own}\"}}}\n"
           "  - {http: GET /x, headers: {X-Asked: mine}, expect: {body: {asked: mine}}}\n");
    acts_are(s, STOP CONTINUE);
    /* The view is what it was, and steps around a flow that passed are not told. */
    assert_string_equal(all->views[0].token, "tok-0123456789");
    assert_string_equal(all->views[0].namespace, "main");
    assert_int_equal(test_count(s, "step"), 4);
    assert_int_equal(test_count(s, "fault"), 2);
    /* Remembered before it is made; then with what was captured, but for the token; and forgotten. */
    char name[32], expected[200];
    assert_int_equal(sscanf(text_string(&remembered), "+1 %31s -\n", name), 1);
    (void)snprintf(expected, sizeof expected, "+1 %s -\n+2 %s {\"made\":\"Hello %s\"}\n-1\n-2\n", name, name, name);
    assert_string_equal(text_string(&remembered), expected);
    end(all);
}

/* What another run left: with what was remembered of it, or by its name alone. */
static void of_another_run(void **state)
{
    struct test_system *s = *state;
    struct spaces *all = begin(s, section, 1);
    struct error err = ERROR_INIT;
    json_t *variables = json_pack("{s:s}", "made", "Hello harrow-0123456789ab");
    assert_int_equal(e2e_space_remove(&s->options, "harrow-0123456789ab", variables, &err), 0);
    acts_are(s, CONTINUE);
    assert_int_equal(json_object_size(variables), 1);
    json_object_clear(variables);
    assert_int_equal(e2e_space_remove(&s->options, "harrow-0123456789ab", variables, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "Never"));
    acts_are(s, CONTINUE); /* the other steps are done */
    error_clear(&err);
    json_decref(variables);
    end(all);
}

/* ${namespace} of every case, as its first step told it. */
static const char *space_of(const struct test_system *s, const char *name)
{
    json_t *line;
    size_t i;
    json_array_foreach(s->lines, i, line)
    {
        const char *of = json_string_value(json_object_get(line, "case"));
        if (of != NULL && strcmp(of, name) == 0)
            return json_string_value(json_object_get(line, "received"));
    }
    fail_msg("%s told nothing", name);
    return "";
}

#define TELL "{call: helloworld.Helloworld/Call, request: {name: '${namespace}'}}"

/* Flows of their own, rows, rounds and tries have one each, those that share a setup have one together. */
static void which_share(void **state)
{
    struct test_system *s = *state;
    struct spaces *all = begin(s, section, 1);
    s->options.repeat = 2;
    passes(s, "flows:\n"
              "  - {flow: a, steps: [" TELL "]}\n"
              "  - {flow: b, cases: [{n: 1}, {n: 2}], steps: [" TELL "]}\n");
    const char *const names[] = {"a", "b [1]", "b [2]", "a (run 2)", "b [1] (run 2)", "b [2] (run 2)"};
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(space_of(s, names[i]), space_of(s, names[k]));
    text_clear(&s->acts);
    s->options.repeat = 1;
    passes(s, "setup: [" TELL "]\n"
              "teardown: [" TELL "]\n"
              "flows: [{flow: c, steps: [" TELL "]}, {flow: d, steps: [" TELL "]}]\n");
    assert_string_equal(space_of(s, "c"), space_of(s, "d"));
    assert_string_equal(space_of(s, "c"), space_of(s, "setup"));
    assert_string_equal(space_of(s, "c"), space_of(s, "teardown"));
    assert_string_not_equal(space_of(s, "c"), space_of(s, "a"));
    acts_are(s, STOP CONTINUE);
    passes(s,
           "flow: e\nisolate: false\nsteps: [{if: {namespace: main}, else: [{call: helloworld.Helloworld/Never}]}]\n");
    acts_are(s, "");
    /* A flow of a file that has a setup: nothing in it has a namespace. */
    passes(s,
           "setup: [" TELL "]\nflows: [{flow: f, steps: [" TELL "]}, {flow: g, isolate: false, steps: [" TELL "]}]\n");
    assert_string_equal(space_of(s, "f"), space_of(s, "g"));
    acts_are(s, "");
    end(all);
}

static void tries(void **state)
{
    struct test_system *s = *state;
    struct spaces *all = begin(s, section, 1);
    s->options.retries = 1;
    s->later = 1;
    passes(s, "flow: a\nsteps: [" TELL ", {call: helloworld.Helloworld/Call, request: {name: later}}]\n");
    const json_t *first = NULL, *line;
    size_t i;
    json_array_foreach(s->lines, i, line)
    {
        const char *sent = json_string_value(json_object_get(line, "sent"));
        if (sent == NULL || strstr(sent, "harrow-") == NULL)
            continue;
        if (first != NULL)
            assert_string_not_equal(json_string_value(json_object_get(first, "sent")), sent);
        first = line;
    }
    acts_are(s, STOP CONTINUE STOP CONTINUE);
    end(all);
}

static void told(struct test_system *s, const char *status, const char *message, int line)
{
    const json_t *c = test_last(s, "case");
    assert_string_equal(json_string_value(json_object_get(c, "status")), status);
    assert_string_equal(json_string_value(json_object_get(c, "message")), message);
    assert_string_equal(json_string_value(json_object_get(c, "file")), "shop.yaml");
    assert_int_equal(json_integer_value(json_object_get(c, "line")), line);
}

/* Nothing of the flow runs; what there is of the namespace is taken away. */
static void cannot_be_made(void **state)
{
    struct test_system *s = *state;
    struct spaces *all = begin(s,
                               "isolation:\n"
                               "  make:\n"
                               "    - {call: helloworld.Helloworld/Call, request: {name: nobody}}\n"
                               "  remove: [{fault: helloworld, action: continue}]\n",
                               1);
    assert_false(test_run(s, "flow: a\nsteps: [{fault: helloworld, action: kill}]\n"));
    told(s, "failed", "step isolation 1 call helloworld.Helloworld/Call: expected OK, got NOT_FOUND: nobody is here",
         3);
    assert_int_equal(test_count(s, "step"), 1);
    acts_are(s, CONTINUE);
    assert_true(numbers == 1 && all_struck());
    assert_false(test_run(s, "setup: [{wait: 1s}]\nflows: [{flow: a, steps: [{wait: 1h}]}]\n"));
    assert_string_equal(json_string_value(json_object_get(test_last(s, "case"), "status")), "skipped");
    end(all);
    all = begin(s, "isolation: {make: [{set: {namespace: [1]}}]}\n", 1);
    assert_false(test_run(s, "flow: a\nsteps: [{wait: 1s}]\n"));
    told(s, "failed", "isolation: what \"make\" captured as \"namespace\" is no text", 1);
    end(all);
}

static void cannot_be_removed(void **state)
{
    struct test_system *s = *state;
    struct spaces *all = begin(s,
                               "isolation:\n"
                               "  make: [{set: {x: 1}}]\n"
                               "  remove:\n"
                               "    - {call: helloworld.Helloworld/Call, request: {name: nobody}}\n"
                               "    - {fault: helloworld, action: continue}\n",
                               1);
    assert_false(test_run(s, "flow: a\nsteps: [{wait: 1s}]\n"));
    told(s, "failed", "step isolation 1 call helloworld.Helloworld/Call: expected OK, got NOT_FOUND: nobody is here",
         4);
    acts_are(s, CONTINUE);
    assert_true(lines_with('+') == 2 && lines_with('-') == 1); /* the next run may have more luck */
    end(all);
}

static void interrupt(void *arg)
{
    struct spaces *all = arg;
    for (size_t i = 0; i < all->system->options.system_count; i++)
        all->views[i].interrupted = true;
    all->system->target.interrupted = true;
    world_stop(all->system->world);
}

/* The user wants to stop: what runs is taken away, and what a setup left for flows that never ran. */
static void interrupted(void **state)
{
    struct test_system *s = *state;
    for (size_t workers = 1; workers <= 4; workers += 3) {
        struct spaces *all = begin(s, section, workers);
        struct flow_list flows = {0};
        struct error err = ERROR_INIT;
        struct e2e_summary summary;
        struct world_timer timer;
        assert_int_equal(
            flow_parse(bytes_of("flows: [{flow: a, steps: [{wait: 1h}]}, {flow: b, steps: [{wait: 1h}]}]\n"),
                       "flows/x.yaml", &flows, &err),
            0);
        assert_int_equal(flow_parse(bytes_of("setup: [{wait: 1s}]\nflows: [{flow: c, steps: [{wait: 1h}]}]\n"),
                                    "flows/y.yaml", &flows, &err),
                         0);
        world_timer_init(&timer, s->world, interrupt, all);
        assert_int_equal(world_timer_start(&timer, 10 * SECOND), 0);
        assert_int_equal(e2e_run(&all->views[0], &flows, &s->options, &summary, &err), ERROR_CANCELLED);
        acts_are(s, workers == 1 ? STOP CONTINUE : STOP STOP STOP CONTINUE CONTINUE CONTINUE);
        assert_true(all_struck());
        world_timer_stop(&timer);
        error_clear(&err);
        flow_list_free(&flows);
        end(all);
        s->target.interrupted = false;
    }
}

/* Everything a reader sees, but how long it took. */
static void run_all(struct test_system *s, size_t workers, uint64_t seed, struct text *out)
{
    static const char yaml[] = "flows:\n"
                               "  - {flow: a, cases: [{n: 1}, {n: 2}, {n: 3}], steps: [" TELL ", {wait: \"${n}s\"}]}\n"
                               "  - {flow: b, steps: [{wait: 5s}, " TELL "]}\n"
                               "  - {flow: c, steps: [" TELL ", {call: helloworld.Helloworld/Call, request: {name: "
                               "nobody}}]}\n"
                               "  - {flow: d, alone: true, steps: [" TELL "]}\n"
                               "  - {flow: e, steps: [{set: {x: \"${unique}\"}}, " TELL "]}\n";
    static const char suite[] =
        "setup: [" TELL "]\nflows: [{flow: f, steps: [" TELL "]}, {flow: g, steps: [{wait: 1s}, " TELL "]}]\n";
    struct spaces *all;
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    json_t *line;
    size_t i;
    s->target.seed = seed;
    all = begin(s, section, workers);
    s->options.shuffle = true;
    s->options.repeat = 2;
    json_array_clear(s->lines);
    assert_int_equal(flow_parse(bytes_of(yaml), "flows/x.yaml", &flows, &err), 0);
    assert_int_equal(flow_parse(bytes_of(suite), "flows/y.yaml", &flows, &err), 0);
    assert_int_equal(e2e_run(&all->views[0], &flows, &s->options, &summary, &err), 0);
    json_array_foreach(s->lines, i, line)
    {
        json_object_del(line, "t");
        json_object_del(line, "duration");
        char *text = json_dumps(line, JSON_SORT_KEYS);
        if (strcmp(json_string_value(json_object_get(line, "type")), "fault") != 0)
            text_printf(out, "%s\n", text);
        free(text);
    }
    flow_list_free(&flows);
    end(all);
}

static void one_and_sixteen_workers(void **state)
{
    struct test_system *s = *state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct text one = TEXT_INIT, many = TEXT_INIT;
        run_all(s, 1, seed, &one);
        run_all(s, WORKERS, seed, &many);
        assert_true(one.len > 1000);
        assert_string_equal(text_string(&one), text_string(&many));
        text_deinit(&one);
        text_deinit(&many);
    }
}

/* ---- the section ---- */

static void mistakes(void **state)
{
    struct test_system *s = *state;
    static const char *const table[][2] = {
        {"isolation: 3\n", "m.yaml:1:12: isolation: expected a map, found an integer"},
        {"isolation: {mak: []}\n", "m.yaml:1:13: unknown key \"mak\"; did you mean \"make\"?"},
        {"isolation: {remove: []}\n",
         "m.yaml:1:12: \"isolation\" needs \"make\": the steps that make the namespace ${namespace}"},
        {"isolation:\n  make: [{cal: a.B/C}]\n", "m.yaml:2:10: "},
        {"isolation:\n  make: [{wait: 1s}]\n  remove: [{wait: x}]\n", "m.yaml:3:19: "},
        {"isolation:\n  metadata: {A b: c}\n  make: [{wait: 1s}]\n", "m.yaml:2:19: \"A b\" is no name for what calls"},
        {"isolation:\n  headers: {a: [b]}\n  make: [{wait: 1s}]\n",
         "m.yaml:2:16: \"headers\" is a map of texts, and this is a list"},
        {"isolation:\n  environment: {A: 1}\n  make: [{wait: 1s}]\n",
         "m.yaml:2:20: \"environment\" is a map of texts, and this is an integer"},
        {"isolation:\n  make: [{flow: none.yaml}]\n", "m.yaml:2:17: "},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct e2e_isolation *out = NULL;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT;
        assert_int_not_equal(e2e_isolation_parse(s->disk, bytes_of(table[i][0]), "m.yaml", &out, &err), 0);
        error_format(&err, &text);
        if (strncmp(text_string(&text), table[i][1], strlen(table[i][1])) != 0)
            fail_msg("%s\nis no\n%s", text_string(&text), table[i][1]);
        assert_null(out);
        text_deinit(&text);
        error_clear(&err);
    }
    struct e2e_isolation *none = NULL;
    assert_int_equal(e2e_isolation_parse(s->disk, bytes_of("system: a\n"), "m.yaml", &none, NULL), 0);
    assert_null(none);
}

static int load(void)
{
    struct e2e_isolation *out = NULL;
    int code = e2e_isolation_parse(NULL, bytes_of(section), "m.yaml", &out, NULL);
    e2e_isolation_free(out);
    return code;
}

/* One run with the n-th allocation failing. The views write where the system does. */
static bool run_once(struct spaces *all, const struct flow_list *flows, size_t n)
{
    struct test_system *s = all->system;
    struct test_walk_case last = {.len = 0};
    struct result_stream silent = {
        .write = test_keep_case, .arg = &last, .now = s->results.now, .now_arg = s->results.now_arg};
    struct e2e_summary summary;
    struct error err = ERROR_INIT;
    s->target.results = all->views[0].results = all->views[1].results = &silent;
    failing_arm(n);
    int code = e2e_run(&s->target, flows, &s->options, &summary, &err);
    bool hit = failing_hit();
    failing_disarm();
    s->target.results = &s->results;
    if (getenv("HARROW_WALK") != NULL)
        printf("%zu %s %.*s\n", n, error_code_name(code), (int)last.len, last.line);
    error_clear(&err);
    assert_true(code == 0 || code == ERROR_MEMORY);
    assert_int_equal(summary.passed, 0);
    if (!silent.broken && code == 0)
        assert_true(silent.failed == 1 && memmem(last.line, last.len, "\"message\":\"", 11) != NULL);
    return hit;
}

/* Each allocation fails once: of reading the section, and of a run. No flow passes that did not, and all is told. */
static void without_memory(void **state)
{
    struct test_system *s = *state;
    struct flow_list flows = {0};
    size_t n = 1;
    assert_true(failing_walk(load, FAILING_IS_TOLD) > 10);
    struct target_operations quiet = *s->target.operations;
    quiet.logged = NULL; /* nobody waits for what it logs */
    quiet.logs_since = NULL;
    s->target.operations = &quiet;
    s->options.step_timeout = 5 * MILLISECOND; /* a server without memory may never answer */
    struct spaces *all = begin(s, section, 1);
    test_walk_load("flow: a\nsteps: [" TELL ", {call: helloworld.Helloworld/Never}]\n", &flows);
    json_set_alloc_funcs(failing_malloc, failing_free);
    while (run_once(all, &flows, n))
        n++;
    json_set_alloc_funcs(malloc, free);
    assert_true(n > 100);
    flow_list_free(&flows);
    end(all);
}

#define IN_SIM(f)  cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)
#define IN_REAL(f) cmocka_unit_test_setup_teardown(f, test_system_setup_real, test_system_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SIM(what_flows_see), IN_SIM(of_another_run),    IN_SIM(which_share), IN_SIM(tries),
        IN_SIM(cannot_be_made), IN_SIM(cannot_be_removed), IN_SIM(interrupted), IN_SIM(one_and_sixteen_workers),
        IN_SIM(mistakes),       IN_REAL(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
