/* Many flows: fixtures, workers, order, retries, what is picked. */
#include "e2e/test_system.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GREET "call: helloworld.Helloworld/Call, request: "

static struct e2e_summary run(struct test_system *s, const char *yaml)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    if (flow_parse(bytes_of(yaml), "flows/x.yaml", &flows, &err) != 0)
        fail_msg("%s", err.message);
    if (e2e_run(&s->target, &flows, &s->options, &summary, &err) != 0)
        fail_msg("%s", err.message);
    flow_list_free(&flows);
    return summary;
}

/* "name status; " of all cases from line `from` on. */
static void cases_of(const struct test_system *s, size_t from, struct text *out)
{
    for (size_t i = from; i < json_array_size(s->lines); i++) {
        const json_t *line = json_array_get(s->lines, i);
        if (strcmp(json_string_value(json_object_get(line, "type")), "case") == 0)
            text_printf(out, "%s %s; ", json_string_value(json_object_get(line, "name")),
                        json_string_value(json_object_get(line, "status")));
    }
}

static void says(struct test_system *s, const char *yaml, const char *expected)
{
    struct text cases = TEXT_INIT;
    size_t from = json_array_size(s->lines);
    run(s, yaml);
    cases_of(s, from, &cases);
    assert_string_equal(text_string(&cases), expected);
    text_deinit(&cases);
}

/* Once before, once after; what the setup captured is there in each flow; before and after around each. */
static void fixtures(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] = "setup: [{" GREET "{name: setup}, capture: {made: $.body.msg}}]\n"
                               "before: [{fault: helloworld, action: stop}]\n"
                               "after: [{fault: helloworld, action: continue}]\n"
                               "teardown: [{fault: helloworld, action: kill}]\n"
                               "flows:\n"
                               "  - {flow: a, steps: [{" GREET "{name: '${made}'}, expect: {body: {msg: Hello Hello "
                               "setup}}}]}\n"
                               "  - {flow: b, steps: [{" GREET "{name: nobody}}]}\n";
    says(s, yaml, "setup passed; a passed; b failed; teardown passed; ");
    assert_string_equal(text_string(&s->acts), "stop helloworld\ncontinue helloworld\nstop helloworld\n"
                                               "continue helloworld\nkill helloworld\n");
    s->options.filter = "a";
    says(s, yaml, "setup passed; a passed; teardown passed; ");
    s->options.filter = NULL;
    s->options.jobs = 8;
    says(s, yaml, "setup passed; a passed; b failed; teardown passed; ");
    /* A setup that fails: the flows do not run, and say why; the teardown does. */
    s->later = 100;
    says(s,
         "setup: [{" GREET "{name: later}}]\nteardown: [{wait: 1s}]\n"
         "flows: [{flow: a, steps: [{wait: 1h}]}, {flow: b, steps: [{wait: 1h}]}]\n",
         "setup failed; a skipped; b skipped; teardown passed; ");
}

static void tags(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] = "flows:\n"
                               "  - {flow: a, tags: [smoke], steps: [{wait: 1s}]}\n"
                               "  - {flow: b, tags: [smoke, slow], steps: [{wait: 1s}]}\n"
                               "  - {flow: c, steps: [{wait: 1s}]}\n";
    s->options.tags = "smoke";
    says(s, yaml, "a passed; b passed; ");
    s->options.tags = "smoke,!slow";
    says(s, yaml, "a passed; ");
    s->options.tags = "!slow";
    says(s, yaml, "a passed; c passed; ");
    s->options.tags = "slow,smoke";
    says(s, yaml, "a passed; b passed; ");
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    struct text list = TEXT_INIT;
    assert_int_equal(flow_parse(bytes_of(yaml), "flows/x.yaml", &flows, &err), 0);
    assert_int_equal(e2e_list(&s->target, &flows, &s->options, &list, &err), 0);
    assert_string_equal(text_string(&list), "flows/x.yaml:2: a #smoke\nflows/x.yaml:3: b #smoke #slow\n");
    s->options.tags = "none";
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), ERROR_INVALID);
    assert_string_equal(err.message, "no flow has the tags \"none\"");
    error_clear(&err);
    text_deinit(&list);
    flow_list_free(&flows);
}

/* What failed first is told, also when a later try passed. */
static void retries(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] = "flow: a\nsteps: [{" GREET "{name: later}}]\n";
    s->options.retries = 2;
    s->later = 1;
    struct e2e_summary summary = run(s, yaml);
    assert_int_equal(summary.passed, 1);
    assert_int_equal(summary.flaky, 1);
    const json_t *c = test_last(s, "case");
    assert_string_equal(json_string_value(json_object_get(c, "status")), "flaky");
    assert_string_equal(json_string_value(json_object_get(c, "message")),
                        "step 1 call helloworld.Helloworld/Call: expected OK, got UNAVAILABLE: not yet");
    assert_non_null(json_object_get(c, "detail"));
    assert_null(json_object_get(c, "later")); /* the try that passed says nothing */
    s->later = 3;
    s->calls = 0;
    summary = run(s, yaml);
    assert_int_equal(summary.failed, 1);
    assert_int_equal(s->calls, 3);
    assert_int_equal(json_integer_value(json_object_get(test_last(s, "case"), "tries")), 3);
}

static int64_t last_try(const struct test_system *s)
{
    return json_integer_value(json_object_get(test_last(s, "step"), "try"));
}

/* Each step says of which try it is, also where lines wait for those before them. */
static void tells_tries(void **state)
{
    struct test_system *s = *state;
    for (int jobs = 1; jobs <= 4; jobs += 3) {
        s->options.jobs = jobs;
        s->options.retries = 0;
        s->later = 1;
        (void)run(s, "flow: a\nsteps: [{" GREET "{name: later}}]\n");
        assert_null(json_object_get(test_last(s, "step"), "try"));
        assert_null(json_object_get(test_last(s, "case"), "tries"));
        s->options.retries = 2;
        s->later = 1;
        (void)run(s, "flow: a\nsteps: [{" GREET "{name: later}}]\n");
        assert_int_equal(last_try(s), 2);
        assert_int_equal(json_integer_value(json_object_get(test_last(s, "case"), "tries")), 2);
        s->later = 3;
        (void)run(s, "flow: a\nsteps: [{" GREET "{name: later}}]\n");
        assert_int_equal(last_try(s), 3);
    }
}

/* Whatever a later try does, the first failure is what is told: its words, its place, what came back then. */
static void never_hidden(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] = "flow: a\nsteps:\n  - {" GREET "{name: later}}\n  - {" GREET "{name: nobody}}\n";
    static const char first[] = "step 1 call helloworld.Helloworld/Call: expected OK, got UNAVAILABLE: not yet";
    s->options.retries = 3;
    for (int jobs = 1; jobs <= 4; jobs += 3) {
        s->options.jobs = jobs;
        s->later = 1;
        struct e2e_summary summary = run(s, yaml); /* then another step fails, three times */
        assert_int_equal(summary.failed, 1);
        const json_t *c = test_last(s, "case");
        assert_string_equal(json_string_value(json_object_get(c, "message")), first);
        assert_int_equal(json_integer_value(json_object_get(c, "line")), 3);
        /* The tries behind it are told as well, the last one in full. */
        const char *later = json_string_value(json_object_get(c, "later"));
        static const char both[] = "tries 2 to 3: step 2 call helloworld.Helloworld/Call: expected OK, got NOT_FOUND";
        assert_non_null(later);
        if (strncmp(later, both, strlen(both)) != 0 || strstr(later, "\ntry 4: step 2 call helloworld") == NULL)
            fail_msg("%s", later);
    }
    /* A setup that needed two tries is flaky as well, and what it left is there once. */
    s->later = 1;
    says(s,
         "setup: [{" GREET "{name: later}, capture: {made: $.body.msg}}]\n"
         "flows: [{flow: a, steps: [{" GREET "{name: '${made}'}}]}]\n",
         "setup flaky; a passed; ");
    /* Until a flow fails: one that then passed did fail. */
    s->later = 1;
    s->options.until_fail = true;
    says(s, "flow: a\nsteps: [{" GREET "{name: later}}]\n", "a flaky; ");
    /* A step's own time to become true is no retry of a flow: nothing failed. */
    s->later = 2;
    s->options.until_fail = false;
    says(s, "flow: a\nsteps: [{" GREET "{name: later}, within: 5s}]\n", "a passed; ");
    assert_int_equal(json_integer_value(json_object_get(test_last(s, "step"), "attempts")), 3);
}

static void repeated(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] = "flows: [{flow: a, steps: [{" GREET "{name: later}, expect: {status: UNAVAILABLE}}]},"
                               " {flow: b, steps: [{wait: 1s}]}]\n";
    s->later = 3;
    s->options.repeat = 2;
    says(s, yaml, "a passed; b passed; a (run 2) passed; b (run 2) passed; ");
    s->options.repeat = 0;
    s->options.until_fail = true;
    says(s, yaml, "a passed; b passed; a (run 2) failed; ");
    s->later = 100;
    s->options.repeat = 2;
    says(s, yaml, "a passed; b passed; a (run 2) passed; b (run 2) passed; ");
}

/* ---- what the flows of a folder share ---- */

static void put_file(struct test_system *s, const char *folder, const char *name, const char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(world_make_directory(s->disk, folder), 0);
    assert_int_equal(world_write_file(s->disk, path, bytes_of(content), false, NULL), 0);
}

/* "suite name status; " of what the files of a path come to. */
static void tree_says(struct test_system *s, const char *path, const char *expected)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    struct text cases = TEXT_INIT;
    size_t from = json_array_size(s->lines);
    if (flow_load_tree(s->disk, path, &flows, &err) != 0 ||
        e2e_run(&s->target, &flows, &s->options, &summary, &err) != 0)
        fail_msg("%s", err.message);
    flow_list_free(&flows);
    for (; from < json_array_size(s->lines); from++) {
        const json_t *line = json_array_get(s->lines, from);
        if (strcmp(json_string_value(json_object_get(line, "type")), "case") == 0)
            text_printf(&cases, "%s %s %s; ", json_string_value(json_object_get(line, "suite")),
                        json_string_value(json_object_get(line, "name")),
                        json_string_value(json_object_get(line, "status")));
    }
    assert_string_equal(text_string(&cases), expected);
    text_deinit(&cases);
}

static void put_tree(struct test_system *s)
{
    put_file(s, "t/shop", "fixtures.yaml",
             "setup: [{" GREET "{name: outer}, capture: {outer: $.body.msg}}]\n"
             "before: [{fault: helloworld, action: stop}]\nafter: [{fault: helloworld, action: continue}]\n"
             "teardown: [{" GREET "{name: '${outer}'}, expect: {body: {msg: Hello Hello outer}}}]\n");
    put_file(s, "t/shop", "a.yaml",
             "flow: a\nsteps: [{" GREET "{name: '${outer}'}, expect: {body: {msg: Hello Hello outer}}}]\n");
    put_file(s, "t/shop/cart", "fixtures.yaml",
             "setup: [{set: {inner: '${outer} inner'}}]\nbefore: [{fault: helloworld, action: kill}]\n"
             "after: [{fault: helloworld, action: start}]\nteardown: [{wait: 1s}]\n");
    put_file(s, "t/shop/cart", "b.yaml",
             "setup: [{set: {file: '${inner} file'}}]\nbefore: [{fault: helloworld, action: terminate}]\nflows:\n"
             "  - {flow: b, steps: [{" GREET
             "{name: '${file}'}, expect: {body: {msg: Hello Hello outer inner file}}}]}\n");
    put_file(s, "t/shop", "z.yaml", "flow: z\nsteps: [{wait: 1s}]\n");
    put_file(s, "t/other", "c.yaml", "flow: c\nsteps: [{wait: 1s}]\n");
}

/* Around all below, the outer ones first and last; from the folder itself, from above and from one file alike. */
static void folders(void **state)
{
    struct test_system *s = *state;
    static const char whole[] =
        "t/shop/fixtures.yaml setup passed; t/shop/a.yaml a passed; t/shop/cart/fixtures.yaml setup passed; "
        "t/shop/cart/b.yaml setup passed; t/shop/cart/b.yaml b passed; t/shop/cart/fixtures.yaml teardown passed; "
        "t/shop/z.yaml z passed; t/shop/fixtures.yaml teardown passed; ";
    put_tree(s);
    s->options.files = s->disk;
    tree_says(s, "t/shop", whole);
    assert_string_equal(text_string(&s->acts),
                        "stop helloworld\ncontinue helloworld\n"
                        "stop helloworld\nkill helloworld\nterminate helloworld\nstart helloworld\n"
                        "continue helloworld\nstop helloworld\ncontinue helloworld\n");
    tree_says(s, "t/shop/cart/b.yaml",
              "t/shop/fixtures.yaml setup passed; t/shop/cart/fixtures.yaml setup passed; t/shop/cart/b.yaml setup "
              "passed; t/shop/cart/b.yaml b passed; t/shop/cart/fixtures.yaml teardown passed; t/shop/fixtures.yaml "
              "teardown passed; ");
    s->options.jobs = 8;
    tree_says(s, "t/shop", whole);
    s->options.jobs = 1;
    tree_says(s, "t/other", "t/other/c.yaml c passed; "); /* nothing is shared there, nor above */
    /* The outer setup fails: nothing inside runs, not even other setups; what cleans up after it does. */
    put_file(s, "t/shop", "fixtures.yaml", "setup: [{" GREET "{name: nobody}}]\nteardown: [{wait: 1s}]\n");
    tree_says(s, "t/shop",
              "t/shop/fixtures.yaml setup failed; t/shop/a.yaml a skipped; t/shop/cart/fixtures.yaml setup skipped; "
              "t/shop/cart/b.yaml setup skipped; t/shop/cart/b.yaml b skipped; t/shop/cart/fixtures.yaml teardown "
              "skipped; t/shop/z.yaml z skipped; t/shop/fixtures.yaml teardown passed; ");
}

static void folders_wrong(void **state)
{
    struct test_system *s = *state;
    static const struct {
        const char *content, *says;
    } wrongs[] = {
        {"flows: []\n", "flows"},
        {"- a\n", "what a folder's flows share is a map"},
        {"before: [{wiat: 1s}]\n", "did you mean \"wait\"?"},
        {"before: [{flow: nowhere.yaml}]\n", "nowhere.yaml"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct flow_list flows = {0};
        struct error err = ERROR_INIT;
        put_file(s, "w", "fixtures.yaml", wrongs[i].content);
        put_file(s, "w", "a.yaml", "flow: a\nsteps: [{wait: 1s}]\n");
        assert_int_not_equal(flow_load_tree(s->disk, "w", &flows, &err), 0);
        if (strstr(err.message, "w/fixtures.yaml:") == NULL || strstr(err.message, wrongs[i].says) == NULL)
            fail_msg("%s: %s", wrongs[i].content, err.message);
        error_clear(&err);
        flow_list_free(&flows);
    }
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    assert_int_not_equal(flow_load_tree(s->disk, "w/fixtures.yaml", &flows, &err), 0);
    assert_non_null(strstr(err.message, "name the folder, or one of them"));
    error_clear(&err);
    flow_list_free(&flows);
}

/* ---- a run that goes on where another was cut short ---- */

static json_t *earlier_lines(void *arg, const char *suite, const char *name)
{
    struct text key = TEXT_INIT;
    text_printf(&key, "%s %s", suite, name);
    json_t *found = json_object_get(arg, text_string(&key));
    text_deinit(&key);
    return found;
}

/* What has a verdict does not run again; its lines stand in its place. A setup runs again when something inside does.
 */
static void resumed(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] = "setup: [{" GREET "{name: setup}}]\nteardown: [{" GREET "{name: teardown}}]\nflows:\n"
                               "  - {flow: a, steps: [{" GREET "{name: a}}]}\n"
                               "  - {flow: b, steps: [{" GREET "{name: b}}]}\n"
                               "  - {flow: c, steps: [{" GREET "{name: c}}]}\n";
#define CASE(name, status) "type", "case", "pillar", "e2e", "suite", "flows/x.yaml", "name", name, "status", status
    json_t *known =
        json_pack("{s:[{s:s,s:s,s:s},{s:s,s:s,s:s,s:s,s:s,s:s}], s:[{s:s,s:s,s:s,s:s,s:s}],"
                  " s:[{s:s,s:s,s:s,s:s,s:s}]}",
                  "flows/x.yaml a", "type", "step", "case", "a", "resumed", "r1", CASE("a", "failed"), "message",
                  "it did", "flows/x.yaml setup", CASE("setup", "passed"), "flows/x.yaml c", CASE("c", "flaky"));
    assert_non_null(known);
    const struct e2e_past past = {.arg = known, .lines = earlier_lines};
    s->options.past = &past;
    for (int jobs = 1; jobs <= 4; jobs += 3) {
        s->options.jobs = jobs;
        s->calls = 0;
        says(s, yaml, "setup passed; a failed; b passed; c flaky; teardown passed; ");
        assert_int_equal(s->calls, 3); /* setup, b and teardown */
    }
    assert_int_equal(s->results.failed, 2);
    /* Nothing inside runs: neither does the setup, and its verdict is the one it had. */
    json_t *b = json_pack("[{s:s,s:s,s:s,s:s,s:s}]", CASE("b", "skipped"));
    json_t *teardown = json_pack("[{s:s,s:s,s:s,s:s,s:s}]", CASE("teardown", "passed"));
    json_object_set_new(known, "flows/x.yaml b", b);
    json_object_set_new(known, "flows/x.yaml teardown", teardown);
    s->calls = 0;
    says(s, yaml, "setup passed; a failed; b skipped; c flaky; teardown passed; ");
    assert_int_equal(s->calls, 0);
    json_decref(known);
}

/* ---- workers ---- */

/* Ten flows in three files' worth of shapes: drawn values, waits, failures, branches, retries in time. */
static void many(struct text *out)
{
    text_puts(out, "setup: [{wait: 1s}, {set: {made: '${unique}'}}]\nteardown: [{wait: 1s}]\nflows:\n");
    for (int i = 0; i < 10; i++)
        text_printf(out,
                    "  - flow: f%d\n    steps:\n"
                    "      - {wait: %dms}\n"
                    "      - {" GREET "{name: '${unique} ${fake.email} ${made}'}, capture: {said: $.body.msg}}\n"
                    "      - parallel:\n"
                    "          a: [{wait: %ds}, {set: {x: '${unique}'}}]\n"
                    "          b: [{http: 'GET /echo?${unique}'}]\n"
                    "      - {" GREET "{name: %s}, expect: {body: {msg: {$contains: Hello}}}}\n"
                    "      - {set: {y: '${said} ${x}'}}\n",
                    i, (i * 7) % 5, i % 3, i % 4 == 3 ? "nobody" : "'${x}'");
}

/* The stream without what time alone decides. */
static char *stream_of(const struct test_system *s, size_t from)
{
    json_t *all = json_array();
    for (size_t i = from; i < json_array_size(s->lines); i++) {
        json_t *line = json_copy(json_array_get(s->lines, i));
        json_object_del(line, "t");
        json_object_del(line, "duration");
        json_array_append_new(all, line);
    }
    char *text = json_dumps(all, JSON_INDENT(1) | JSON_SORT_KEYS);
    for (char *date = text; (date = strstr(date, "GMT")) != NULL; date++) /* "Thu, 01 Jan 1970 00:00:12 GMT" */
        memset(date - 9, '0', 8);
    json_decref(all);
    return text;
}

static void same_for_all_workers(struct test_system *s, int rounds)
{
    struct text yaml = TEXT_INIT;
    many(&yaml);
    s->options.shuffle = true;
    for (int seed = 1; seed <= rounds; seed++) {
        char *first = NULL;
        s->target.seed = (uint64_t)seed;
        for (int jobs = 1; jobs <= 16; jobs *= 4) {
            size_t from = json_array_size(s->lines);
            s->options.jobs = jobs;
            struct e2e_summary summary = run(s, text_string(&yaml));
            assert_int_equal(summary.passed, 10);
            assert_int_equal(summary.failed, 2);
            char *stream = stream_of(s, from);
            if (first != NULL && strcmp(stream, first) != 0) {
                size_t at = 0;
                while (stream[at] == first[at])
                    at++;
                fail_msg("seed %d, %d workers:\n%.*s\nexpected:\n%.*s", seed, jobs, 300, stream + at, 300, first + at);
            }
            if (first == NULL)
                first = strdup(stream);
            free(stream);
        }
        free(first);
    }
    text_deinit(&yaml);
}

/* What disturbs others runs alone: what others do in an hour is done before it, or after it. */
static void alone(void **state)
{
    struct test_system *s = *state;
    s->options.jobs = 8;
    struct e2e_summary summary =
        run(s, "flows:\n"
               "  - {flow: a, steps: [{wait: 1h}, {set: {a: '${now}'}}]}\n"
               "  - {flow: b, steps: [{for: i, in: [1], steps: [{flow: '#lever', with: {who: helloworld}}]}]}\n"
               "  - {flow: c, steps: [{" GREET "{name: '${now}'}}, {wait: 1h}]}\n"
               "  - {flow: d, alone: true, steps: [{" GREET "{name: '${now}'}}]}\n"
               "  - flow: lever\n    params: [who]\n    steps:\n"
               "      - {" GREET "{name: '${now}'}}\n"
               "      - {fault: '${who}', action: stop}\n"
               "      - {wait: 1h}\n");
    assert_int_equal(summary.passed, 4);
    struct text said = TEXT_INIT;
    for (size_t i = 0; i < json_array_size(s->lines); i++) {
        const char *sent = json_string_value(json_object_get(json_array_get(s->lines, i), "sent"));
        const char *time = sent != NULL ? strchr(sent, 'T') : NULL;
        if (strstr(sent != NULL ? sent : "", "Call") != NULL && time != NULL)
            text_printf(&said, "%.2s ", time + 1);
    }
    assert_string_equal(text_string(&said), "01 02 03 "); /* hours */
    text_deinit(&said);
}

static void workers(void **state)
{
    same_for_all_workers(*state, 8);
}

static void workers_really(void **state)
{
    struct test_system *s = *state;
    uint64_t start = world_now(s->world);
    s->options.jobs = 4;
    struct e2e_summary summary = run(s, "flows:\n"
                                        "  - {flow: a, steps: [{wait: 20ms}, {http: GET /text}]}\n"
                                        "  - {flow: b, steps: [{wait: 20ms}, {" GREET "{name: b}}]}\n"
                                        "  - {flow: c, steps: [{http: GET /text}, {http: GET /text}]}\n"
                                        "  - {flow: d, steps: [{run: [sh, -c, 'sleep 0.02']}]}\n");
    assert_int_equal(summary.passed, 4);
    assert_true(world_now(s->world) > start);
}

static void order(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] = "flows: [{flow: a, steps: [{wait: 1s}]}, {flow: b, steps: [{wait: 1s}]},"
                               " {flow: c, steps: [{wait: 1s}]}, {flow: d, steps: [{wait: 1s}]}]\n";
    struct text orders = TEXT_INIT;
    int different = 0;
    s->options.shuffle = true;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct text first = TEXT_INIT, second = TEXT_INIT;
        size_t from = json_array_size(s->lines);
        s->target.seed = seed;
        run(s, yaml);
        cases_of(s, from, &first);
        from = json_array_size(s->lines);
        run(s, yaml);
        cases_of(s, from, &second);
        assert_string_equal(text_string(&first), text_string(&second));
        different += strstr(text_string(&orders), text_string(&first)) == NULL;
        text_printf(&orders, "%s\n", text_string(&first));
        text_deinit(&first);
        text_deinit(&second);
    }
    assert_true(different >= 5);
    text_deinit(&orders);
}

/* An interrupt ends all workers, and the flows under way leave no case. */
static void interrupt(void *arg)
{
    struct test_system *s = arg;
    s->target.interrupted = true;
    world_stop(s->world);
}

static void interrupted(void **state)
{
    struct test_system *s = *state;
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    struct world_timer timer;
    s->options.jobs = 4;
    assert_int_equal(flow_parse(bytes_of("flows: [{flow: a, steps: [{wait: 1h}]}, {flow: b, steps: [{wait: 1h}]},"
                                         " {flow: c, steps: [{parallel: {x: [{wait: 1h}], y: [{wait: 2h}]}}]}]\n"),
                                "x.yaml", &flows, &err),
                     0);
    world_timer_init(&timer, s->world, interrupt, s);
    world_timer_start(&timer, (uint64_t)MINUTE);
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), ERROR_CANCELLED);
    assert_int_equal(test_count(s, "case"), 0);
    error_clear(&err);
    flow_list_free(&flows);
}

int main(void)
{
#define TEST(f)   cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)
#define REALLY(f) cmocka_unit_test_setup_teardown(f, test_system_setup_real, test_system_teardown)
    const struct CMUnitTest tests[] = {
        TEST(fixtures), TEST(folders), TEST(folders_wrong), TEST(resumed),          TEST(never_hidden),
        TEST(tags),     TEST(retries), TEST(tells_tries),   TEST(repeated),         TEST(workers),
        TEST(order),    TEST(alone),   TEST(interrupted),   REALLY(workers_really),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
