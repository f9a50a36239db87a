/* Steps with steps inside, included flows, rows of data, fixtures, drawn values, secrets; in the simulated world. */
#include "e2e/test_system.h"

#include "base/units.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW  "flow: test\nsteps:\n"
#define GREET "call: helloworld.Helloworld/Call, request: "

static const char *last_case(const struct test_system *s, const char *member)
{
    return json_string_value(json_object_get(test_last(s, "case"), member));
}

static void fails(struct test_system *s, const char *yaml, const char *message)
{
    assert_false(test_run(s, yaml));
    assert_string_equal(last_case(s, "message"), message);
}

/* The names of steps, in order: "1.1 a; 1 b; ". */
static void steps_of(const struct test_system *s, size_t from, struct text *out)
{
    for (size_t i = from; i < json_array_size(s->lines); i++) {
        const json_t *line = json_array_get(s->lines, i);
        if (strcmp(json_string_value(json_object_get(line, "type")), "step") == 0)
            text_printf(out, "%s; ", json_string_value(json_object_get(line, "name")));
    }
}

static void says_steps(struct test_system *s, const char *yaml, const char *expected)
{
    struct text steps = TEXT_INIT;
    size_t from = json_array_size(s->lines);
    test_passes(s, yaml);
    steps_of(s, from, &steps);
    assert_string_equal(text_string(&steps), expected);
    text_deinit(&steps);
}

static void loops(void **state)
{
    struct test_system *s = *state;
    says_steps(s,
               "flow: test\nvars: {people: [Ann, Bob], who: nobody's}\nsteps:\n"
               "  - for: who\n    in: '${people}'\n    steps:\n"
               "      - {name: greet, " GREET "{name: '${who}'}, expect: {body: {msg: 'Hello ${who}'}}}\n"
               "  - for: i\n    range: [2, 3]\n    steps:\n"
               "      - {name: count, call: helloworld.Helloworld/Stream, request: {count: '${i}'},"
               " expect: {messages: {$size: '${i}'}}}\n"
               "  - {name: as before, " GREET "{name: '${who}'}, expect: {body: {msg: Hello nobody's}}}\n"
               "  - {for: none, in: [], steps: [{wait: 1h}]}\n"
               "  - {for: row, in: [{a: {b: ['7']}}], steps: [{name: member, " GREET "{name: '${row.a.b[0]}'},"
               " expect: {body: {msg: Hello 7}}}]}\n",
               "1[1].1 greet; 1[2].1 greet; 1 for who; 2[1].1 count; 2[2].1 count; 2 for i; 3 as before; 4 for none; "
               "5[1].1 member; 5 for row; ");
    fails(s,
          FLOW "  - for: who\n    in: [Ann, nobody]\n    steps:\n"
               "      - {name: greet, " GREET "{name: '${who}'}}\n",
          "step 1[2].1 greet: expected OK, got NOT_FOUND: nobody is here");
    assert_int_equal(json_integer_value(json_object_get(test_last(s, "case"), "line")), 6);
    assert_non_null(strstr(last_case(s, "detail"), "inside\n  flows/x.yaml:3:5: for who = \"nobody\"\n"));
    fails(s, "flow: test\nvars: {n: 3}\nsteps:\n  - {for: i, in: '${n}', steps: [{wait: 1s}]}\n",
          "step 1 for i: \"in\" must be a list of at most 100000, and this is a number");
    fails(s, "flow: test\nvars: {n: many}\nsteps:\n  - {for: i, range: [1, '${n}'], steps: [{wait: 1s}]}\n",
          "step 1 for i: a range has two numbers and at most 100000 rounds");
    fails(s, "flow: test\nvars: {n: -1.0e+300}\nsteps:\n  - {for: i, range: [1, '${n}'], steps: [{wait: 1s}]}\n",
          "step 1 for i: a range has two numbers and at most 100000 rounds");
    says_steps(
        s,
        "flow: test\nvars: {n: 1}\nsteps:\n"
        "  - {for: i, range: [1, 9], steps: [{name: double, set: {n: '${= n * 2}'}}], until: '= n > 3 && i > 1'}\n"
        "  - {name: end, set: {}, check: ['= n == 4']}\n",
        "1[1].1 double; 1[2].1 double; 1 for i; 2 end; ");
    fails(s,
          "flow: test\nvars: {n: 1}\nsteps:\n  - for: i\n    range: [1, 3]\n    steps: [{set: {n: '${i}'}}]\n"
          "    until: '= n > 3'\n",
          "step 1 for i: \"until\" does not hold after 3 rounds");
    assert_int_equal(json_integer_value(json_object_get(test_last(s, "case"), "line")), 7);
    fails(s, FLOW "  - {for: i, in: [], steps: [{wait: 1h}], until: '= true'}\n",
          "step 1 for i: \"until\" does not hold after 0 rounds");
    fails(s, FLOW "  - {for: i, in: [1], steps: [{set: {}}], until: '= i'}\n",
          "step 1 for i: \"until\" is true or false, and this is a number");
    fails(s, FLOW "  - {for: i, in: [1, 2], steps: [{" GREET "{name: nobody}}], until: '= i == 2'}\n",
          "step 1[1].1 call helloworld.Helloworld/Call: expected OK, got NOT_FOUND: nobody is here");
    fails(s, FLOW "  - {for: i, in: [{a: 1}], steps: [{set: {x: '${i.b}'}}]}\n",
          "step 1[1].1 set: ${i} has nothing at $.b");
}

static void conditions(void **state)
{
    struct test_system *s = *state;
    says_steps(s,
               "flow: test\nvars: {n: 3, list: [a]}\nsteps:\n"
               "  - {if: {n: {$min: 3}, list: {$contains: a}}, then: [{name: yes, set: {went: then}}],"
               " else: [{name: no, wait: 1s}]}\n"
               "  - {if: {n: 4}, then: [{name: no, wait: 1s}]}\n"
               "  - {if: {other: {$absent: true}}, else: [{name: no, wait: 1s}]}\n"
               "  - {if: {n: {$not: 3}}, then: [{name: no, wait: 1s}], else: [{name: else, wait: 1s}]}\n"
               "  - {name: end, " GREET "{name: '${went}'}, expect: {body: {msg: Hello then}}}\n",
               "1.1 yes; 1 if; 2 if; 3 if; 4.1 else; 4 if; 5 end; ");
    fails(s, FLOW "  - {if: {token: '${nowhere}'}, then: [{wait: 1s}]}\n",
          "step 1 if: there is no variable ${nowhere}");
}

/* Branches run beside each other: ten hours of waiting take one, and calls that do not come back block nobody. */
static void branches(void **state)
{
    struct test_system *s = *state;
    uint64_t start = world_now(s->world);
    says_steps(s,
               "flow: test\nvars: {x: 0}\nsteps:\n"
               "  - parallel:\n"
               "      slow: [{name: wait, wait: 1h}, {set: {x: slow, a: 1}}]\n"
               "      fast: [{name: wait, wait: 1m}, {set: {x: fast, b: 2}}]\n"
               "      silent: [{name: call, " GREET
               "{name: silence}, timeout: 1s, expect: {status: DEADLINE_EXCEEDED}}]\n"
               "      deep: [{name: more, parallel: {one: [{name: wait, wait: 59m}],"
               " two: [{name: http, http: GET /text}]}}]\n"
               "      none: []\n"
               "  - {name: end, " GREET "{name: '${x} ${a} ${b}'}, expect: {body: {msg: Hello fast 1 2}}}\n",
               "1.slow 1 wait; 1.slow 2 set; 1.fast 1 wait; 1.fast 2 set; 1.silent 1 call; 1.deep 1.one 1 wait; "
               "1.deep 1.two 1 http; 1.deep 1 more; 1 parallel; 2 end; ");
    uint64_t took = world_now(s->world) - start;
    assert_in_range(took, HOUR, HOUR + 5 * SECOND);
    /* The first branch that failed is told, though it failed last; the others run to their end. */
    start = world_now(s->world);
    fails(s,
          FLOW "  - parallel:\n"
               "      one: [{wait: 2s}, {name: late, " GREET "{name: nobody}, expect: {status: OK}}]\n"
               "      two: [{name: early, " GREET "{name: nobody}, expect: {status: ABORTED}}]\n"
               "      three: [{wait: 1m}]\n",
          "step 1.one 2 late: status: expected \"OK\", got \"NOT_FOUND\"");
    assert_in_range(world_now(s->world) - start, MINUTE, MINUTE + SECOND);
    assert_non_null(strstr(last_case(s, "detail"), "inside\n  flows/x.yaml:3:5: parallel one\n"));
}

static void unique_in_branches(void **state)
{
    struct test_system *s = *state;
    struct text first = TEXT_INIT, second = TEXT_INIT;
    static const char yaml[] = FLOW "  - parallel:\n"
                                    "      a: [{set: {x: '${unique}'}}, {wait: 1s}, {set: {y: '${unique}'}}]\n"
                                    "      b: [{wait: 500ms}, {set: {z: '${unique}'}}]\n"
                                    "  - {" GREET "{name: '${x} ${y} ${z}'}}\n";
    test_passes(s, yaml);
    text_puts(&first, json_string_value(json_object_get(test_last(s, "step"), "sent")));
    test_passes(s, yaml);
    text_puts(&second, json_string_value(json_object_get(test_last(s, "step"), "sent")));
    assert_string_equal(text_string(&first), text_string(&second));
    text_deinit(&first);
    text_deinit(&second);
}

static void included(void **state)
{
    struct test_system *s = *state;
    says_steps(s,
               "flows:\n"
               "  - flow: outer\n    vars: {who: Ann, mine: 1}\n    steps:\n"
               "      - {name: greet, flow: '#greet', with: {who: '${who} B'}, expect: {said: Hello Ann B, times: 1},"
               " capture: {heard: $.said}}\n"
               "      - {name: end, " GREET "{name: '${heard} ${mine}'}, expect: {body: {msg: Hello Hello Ann B 1}}}\n"
               "  - flow: greet\n    params: [who]\n    vars: {times: 1}\n    steps:\n"
               "      - {name: call, " GREET "{name: '${who}'}, capture: {said: $.body.msg}}\n"
               "    finally: [{name: wait, wait: 1s}]\n",
               "1.1 call; 1.finally 1 wait; 1 greet; 2 end; ");
    assert_int_equal(test_count(s, "case"), 1); /* one with params does not run by itself */
    /* What the including flow has is not the included flow's. */
    fails(s,
          "flows:\n"
          "  - {flow: outer, vars: {mine: 1}, steps: [{flow: '#inner'}]}\n"
          "  - flow: inner\n    params: []\n    steps:\n      - {name: use, set: {x: '${mine}'}}\n",
          "step 1.1 use: there is no variable ${mine}");
    assert_int_equal(json_integer_value(json_object_get(test_last(s, "case"), "line")), 6);
    assert_non_null(strstr(last_case(s, "detail"), "inside\n  flows/x.yaml:2:44: flow inner\n"));
}

static void rows(void **state)
{
    struct test_system *s = *state;
    test_passes(s, "flow: greets\n"
                   "cases:\n"
                   "  - {case: plain, who: Ann, heard: Hello Ann}\n"
                   "  - {who: '${fake.first_name}', heard: 'Hello ${who}', age: 7}\n"
                   "steps:\n"
                   "  - {" GREET "{name: '${who}'}, expect: {body: {msg: '${heard}'}}}\n"
                   "  - {if: {age: 7}, then: [{name: aged, wait: 1s}]}\n");
    assert_int_equal(test_count(s, "case"), 2);
    assert_string_equal(last_case(s, "name"), "greets [2]");
    assert_string_equal(last_case(s, "replay"), "harrow e2e shop.yaml --only \"greets [2]\"");
    assert_string_equal(json_string_value(json_object_get(test_last(s, "step"), "name")), "2 if");
}

static void put(struct world *w, const char *path, const char *content)
{
    assert_int_equal(world_write_file(w, path, bytes_of(content), false, NULL), 0);
}

static void runs_file(struct test_system *s, const char *path, bool passes_all)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    if (flow_load(s->world, path, &flows, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), 0);
    if (passes_all && summary.failed > 0) {
        struct text report = TEXT_INIT;
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
    assert_true(passes_all || summary.failed > 0);
    flow_list_free(&flows);
}

/* "file:line:column: message" */
static void refuses_file(struct test_system *s, const char *path, const char *expected)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct text message = TEXT_INIT;
    assert_int_not_equal(flow_load(s->world, path, &flows, &err), 0);
    error_format(&err, &message);
    assert_string_equal(text_string(&message), expected);
    text_deinit(&message);
    error_clear(&err);
}

static void rows_in_files(void **state)
{
    struct test_system *s = *state;
    world_make_directory(s->world, "flows");
    put(s->world, "flows/a.yaml",
        "flow: a\ncases: people.csv\nsteps: [{" GREET "{name: '${who}'}, expect: {body: {msg: '${heard}'}}}]\n");
    put(s->world, "flows/people.csv",
        "\xEF\xBB\xBF"
        "case,who,heard\r\nquoted,\"Ann, \"\"B\"\"\nC\",\"Hello Ann, \"\"B\"\"\nC\"\r\n,Bob,Hello Bob");
    runs_file(s, "flows/a.yaml", true);
    assert_int_equal(test_count(s, "case"), 2);
    put(s->world, "flows/b.yaml",
        "flow: b\ncases: people.json\nsteps: [{" GREET "{name: '${who.first}'}, expect: {body: {msg: Hello Ann}}}]\n");
    put(s->world, "flows/people.json", "[{\"case\": \"Ann\", \"who\": {\"first\": \"Ann\"}}]");
    runs_file(s, "flows/b.yaml", true);
    assert_string_equal(last_case(s, "name"), "b [Ann]");

    static const char *const wrong[][2] = {
        {"", "flows/people.csv:1:1: the first record names the columns, and there is none"},
        {"a,b", "flows/a.yaml:2:8: flows/people.csv has no rows"},
        {"a,a\n1,2", "flows/people.csv:1:1: there are two columns \"a\""},
        {"a b\n1", "flows/people.csv:1:1: column 1: \"a b\" is no name for a variable"},
        {"a,b\n1,2\n1", "flows/people.csv:3:1: there are 2 columns, and this record has 1 fields"},
        {"a,b\n1,\"2\n\n", "flows/people.csv:2:1: a field in quotes has no end"},
        {"a,b\n1,\"2\"3", "flows/people.csv:2:1: text behind a field in quotes"},
        {"a,b\n1,2\r3", "flows/people.csv:2:1: a lone carriage return"},
        {"a\n\xff", "flows/people.csv:1:1: a CSV file is text in UTF-8"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        put(s->world, "flows/people.csv", wrong[i][0]);
        refuses_file(s, "flows/a.yaml", wrong[i][1]);
    }
    put(s->world, "flows/people.json", "[{\"a b\": 1}]");
    refuses_file(s, "flows/b.yaml", "flows/people.json:1:10: \"a b\" is no name for a variable");
    put(s->world, "flows/people.json", "{}");
    refuses_file(s, "flows/b.yaml", "flows/people.json:1:1: rows are a list of maps, and this is a map");
}

static void included_files(void **state)
{
    struct test_system *s = *state;
    world_make_directory(s->world, "flows/parts");
    put(s->world, "flows/a.yaml",
        "flow: a\nsteps:\n  - {flow: parts/greet.yaml, with: {who: Ann}, capture: {heard: $.said}}\n"
        "  - {flow: 'parts/many.yaml#two'}\n");
    put(s->world, "flows/parts/greet.yaml",
        "flow: greet\nparams: [who]\nsteps:\n  - {" GREET "{name: '${who}'}, capture: {said: $.body.msg}}\n");
    put(s->world, "flows/parts/many.yaml",
        "flows:\n  - {flow: one, steps: [{wait: 1h}]}\n"
        "  - {flow: two, steps: [{" GREET "{name: nobody}}]}\n");
    runs_file(s, "flows/a.yaml", false);
    assert_string_equal(last_case(s, "file"), "flows/parts/many.yaml"); /* where it failed */
    assert_string_equal(last_case(s, "suite"), "flows/a.yaml");
    assert_non_null(strstr(last_case(s, "detail"), "inside\n  flows/a.yaml:4:5: flow two\n"));
    assert_non_null(strstr(last_case(s, "detail"), "    3 |   - {flow: two, steps: [{call: helloworld"));

    put(s->world, "flows/b.yaml", "flow: b\nsteps:\n  - {flow: parts/many.yaml}\n");
    refuses_file(s, "flows/b.yaml", "flows/b.yaml:3:12: there are several flows in that file: say which, as FILE#NAME");
    put(s->world, "flows/b.yaml", "flow: b\nsteps:\n  - {flow: 'parts/many.yaml#tow'}\n");
    refuses_file(s, "flows/b.yaml", "flows/b.yaml:3:12: there is no flow \"tow\" in that file: did you mean \"two\"?");
    put(s->world, "flows/b.yaml", "flow: b\nsteps:\n  - {flow: nowhere.yaml}\n");
    refuses_file(s, "flows/b.yaml", "flows/b.yaml:3:12: flows/nowhere.yaml: there is no such file");
    put(s->world, "flows/b.yaml", "flow: b\nsteps:\n  - {flow: parts/back.yaml}\n");
    put(s->world, "flows/parts/back.yaml", "flow: back\nsteps:\n  - {flow: /flows/parts/on.yaml}\n");
    put(s->world, "flows/parts/on.yaml", "flow: on\nsteps:\n  - {flow: back.yaml}\n");
    refuses_file(s, "flows/parts/on.yaml",
                 "/flows/parts/back.yaml:3:12: files include each other in a circle: "
                 "/flows/parts/on.yaml is being loaded already");
}

static void drawn(void **state)
{
    struct test_system *s = *state;
    setenv("HARROW_FLOW_TEST", "from outside", 1);
    test_passes(s, FLOW
                "  - set: {at: '${now}', later: '${now + 1h30m}', sooner: '${now.unix - 5m}', ms: '${now.unix_ms}',"
                " mail: '${fake.email}', other: '${fake.email}', id: '${fake.uuid}', number: '${fake.number}',"
                " from: '${env.HARROW_FLOW_TEST}', person: '${fake.name} ${fake.phone} ${fake.street} ${fake.city}"
                " ${fake.country} ${fake.company} ${fake.word} ${fake.sentence} ${fake.last_name}'}\n"
                "  - if:\n"
                "      at: {$regex: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z$'}\n"
                "      later: {$regex: 'T01:30:0'}\n"
                "      sooner: {$type: number}\n"
                "      ms: {$type: number}\n"
                "      mail: {$regex: '^[a-z.]+[.][0-9a-f]{8}@example.com$', $not: '${other}'}\n"
                "      id: {$regex: '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'}\n"
                "      number: {$min: 0, $max: 999999}\n"
                "      from: from outside\n"
                "    then: [{set: {right: yes}}]\n"
                "  - {" GREET "{name: '${right}'}}\n");
    fails(s, FLOW "  - {set: {x: '${fake.emial}'}}\n",
          "step 1 set: there is no ${fake.emial}: did you mean ${fake.email}?");
    fails(
        s, FLOW "  - {set: {x: '${now * 2}'}}\n",
        "step 1 set: ${now * 2}: a time is ${now}, ${now.unix} or ${now.unix_ms}, with \"+ 1h\" or \"- 5m\" behind it");
    fails(s, FLOW "  - {set: {x: '${now + soon}'}}\n",
          "step 1 set: \"soon\" is no duration: a time is ${now}, ${now.unix} or ${now.unix_ms}, with \"+ 1h\" or "
          "\"- 5m\" behind it");
    fails(s, FLOW "  - {set: {x: '${env.HARROW_NOT_SET}'}}\n",
          "step 1 set: the environment has no HARROW_NOT_SET: set it before the run");
    unsetenv("HARROW_FLOW_TEST");
}

/* Whatever way a secret takes, no line of the result stream has it. */
static void secrets(void **state)
{
    struct test_system *s = *state;
    static const char *const forms[] = {"hush \\\"1\\\"", "hush%20%221%22", "hush+%221%22", "aHVzaCAiMSI",
                                        "key-0815",       "tok-0123456789", "Hello sesame"};
    setenv("HARROW_FLOW_KEY", "key-0815", 1);
    assert_false(test_run(
        s, "flows:\n"
           "  - flow: a\n    vars: {code: 'hush \"1\"', plain: seen}\n    secrets: [code, said]\n    steps:\n"
           "      - {" GREET "{name: '${code}'}, metadata: {x-asked: '${code}'}}\n"
           "      - {" GREET "{name: sesame}, capture: {said: $.body.msg}}\n"
           "      - {flow: '#inner', with: {text: '${code} ${plain}'}}\n"
           "      - {http: 'GET /echo?q=${env.HARROW_FLOW_KEY}', form: {code: '${code}', said: '${said}'},"
           " headers: {x-asked: aHVzaCAiMSI=}}\n"
           "      - {http: POST /echo, body: 'hush%20%221%22 ${token}'}\n"
           "      - {for: c, in: ['${code}'], steps: [{parallel: {x: [{" GREET "{name: '${c}'}}]}}]}\n"
           "      - {name: fails, " GREET "{name: '${code}'}, expect: {body: {msg: 'Hello ${plain} ${said}'}}}\n"
           "  - {flow: inner, params: [text], steps: [{" GREET "{name: '${text}'}}]}\n"));
    char *all = json_dumps(s->lines, 0);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strstr(all, forms[i]) != NULL)
            fail_msg("\"%s\" stands in\n%s", forms[i], all);
    assert_non_null(strstr(all, "seen"));
    assert_non_null(strstr(all, "(hidden)"));
    free(all);
    unsetenv("HARROW_FLOW_KEY");
}

/* The pages' examples do what they say. */
static void pages(void **state)
{
    struct test_system *s = *state;
    static const char *const names[] = {"blocks", "values", "matchers", "http"};
    struct world *files;
    size_t found = 0;
    assert_int_equal(world_real_new(1, &files, NULL), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64];
        struct text page = TEXT_INIT;
        snprintf(path, sizeof path, "docs/flows-%s.md", names[i]);
        assert_int_equal(world_read_file(files, path, (size_t)1 << 20, &page, NULL), 0);
        for (char *p = page.data; (p = strstr(p, "```yaml\n")) != NULL; found++) {
            char *end = strstr(p += strlen("```yaml\n"), "```");
            *end = '\0';
            test_passes(s, p);
            p = end + 1;
        }
        text_deinit(&page);
    }
    assert_true(found >= 10);
    world_real_free(files);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)
    const struct CMUnitTest tests[] = {
        TEST(loops),    TEST(conditions), TEST(branches),      TEST(unique_in_branches),
        TEST(included), TEST(rows),       TEST(rows_in_files), TEST(included_files),
        TEST(drawn),    TEST(secrets),    TEST(pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
