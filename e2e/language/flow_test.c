/* What the loader takes, and what it says of what it does not take. */
#include "base/test.h"

#include "base/failing.h"
#include "e2e/internal.h"
#include "world/real.h"
#include "world/sim.h"

#include <string.h>

#define STEP(text)   "flow: f\nsteps:\n  - " text "\n"
#define EXPECT(text) STEP("call: a.A/B\n    expect: " text)
#define HTTP(text)   STEP("http: GET /\n    " text)
#define TAKEN        ": letters, digits and _, and unique, fake, env and now are taken"
#define KINDS                                                                                                          \
    "x.yaml:3:5: a step has one of call, http, run, double, verify, publish, sql, consume, websocket, stream, fault, " \
    "wait, set, flow, for, "                                                                                           \
    "if, parallel and browser"
#define CONTRACT(text) "contract: c\nprovider: p\ndoubles: {s: a.S}\nsteps:\n  - " text "\n"

/* The message, "" when it is taken. */
static void load(const char *yaml, struct text *message)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    text_clear(message);
    int code = flow_parse(bytes_of(yaml), "x.yaml", &flows, &err);
    assert_int_equal(code, err.code);
    if (code != 0) {
        assert_int_equal(flows.count, 0);
        error_format(&err, message);
    }
    error_clear(&err);
    flow_list_free(&flows);
}

static void errors(void **state)
{
    static const char *const table[][2] = {
        /* the file */
        {"", "x.yaml:1:1: a flow is a map that begins with \"flow: NAME\", and this is nothing"},
        {"- flow", "x.yaml:1:1: a flow is a map that begins with \"flow: NAME\", and this is a list"},
        {"flows: []", "x.yaml:1:8: there are no flows in this file"},
        {"flows: 3", "x.yaml:1:8: flows: expected a list, found an integer"},
        {"flows: [{flow: a, steps: [{wait: 1s}]}]\nflow: a",
         "x.yaml:2:1: unknown key \"flow\"; did you mean \"flows\"?"},
        {"flows: [7]", "x.yaml:1:9: a flow is a map that begins with \"flow: NAME\", and this is an integer"},
        {"flows:\n  - {flow: a, steps: [{wait: 1s}]}\n  - {flow: a, steps: [{wait: 1s}]}",
         "x.yaml:3:5: there is a flow \"a\" in line 2 already"},
        /* the flow */
        {"steps: []", "x.yaml:1:1: \"flow\" is missing"},
        {"flow: 7", "x.yaml:1:7: flow: expected text, found an integer (write it in quotes if text is meant)"},
        {"flow: ''\nsteps: [{wait: 1s}]", "x.yaml:1:7: a flow's name is one line without quotation marks"},
        {"flow: 'a \"b\"'\nsteps: [{wait: 1s}]", "x.yaml:1:7: a flow's name is one line without quotation marks"},
        {"flow: f", "x.yaml:1:1: flow \"f\" has no steps"},
        {"flow: f\nsteps: []", "x.yaml:1:1: flow \"f\" has no steps"},
        {"flow: f\nstep: []", "x.yaml:2:1: unknown key \"step\"; did you mean \"steps\"?"},
        {"flow: f\nsteps: {}", "x.yaml:2:8: steps: expected a list, found a map"},
        {"flow: f\nvars: []\nsteps: [{wait: 1s}]", "x.yaml:2:7: vars: expected a map, found a list"},
        {"flow: f\nvars: {unique: 1}\nsteps: [{wait: 1s}]", "x.yaml:2:16: \"unique\" is no name for a variable" TAKEN},
        {"flow: f\nvars: {a.b: 1}\nsteps: [{wait: 1s}]", "x.yaml:2:13: \"a.b\" is no name for a variable" TAKEN},
        {"flow: f\nprovider: p\nsteps: [{wait: 1s}]",
         "x.yaml:2:1: unknown key \"provider\"; known are: flow, about, "
         "tags, alone, isolate, params, vars, secrets, cases, environment, doubles, "
         "timeout, steps, finally"},
        {"flow: f\nsteps: [{wait: 1s}]\nfinally: [{wiat: 1s}]",
         "x.yaml:3:11: no step is called \"wiat\": did you mean \"wait\"?"},
        {"contract: c\nsteps: [{wait: 1s}]", "x.yaml:1:1: contract \"c\" names no \"provider\""},
        {"contract: c\nprovider: p\ndoubles: {s: 1}\nsteps: [{wait: 1s}]",
         "x.yaml:3:14: a double is NAME: SERVICE, as in \"store: store.Store\""},
        /* a step */
        {STEP("7"), "x.yaml:3:5: a step is a map, and this is an integer"},
        {STEP("{}"), KINDS},
        {STEP("name: x"), KINDS},
        {STEP("cal: a.A/B"), "x.yaml:3:5: no step is called \"cal\": did you mean \"call\"?"},
        {STEP("call: a.A/B\n    wait: 1s"), "x.yaml:4:11: one step does one thing: \"call\" or \"wait\""},
        {STEP("call: a.A/B\n    expct: {}"), "x.yaml:4:5: unknown key \"expct\"; did you mean \"expect\"?"},
        {STEP("call: a.A.B"), "x.yaml:3:11: \"call\" is Service/Method: \"store.Store/Read\""},
        {STEP("call: [a]"), "x.yaml:3:11: \"call\" is Service/Method: \"store.Store/Read\""},
        {STEP("call: a.A/B\n    name: 7"),
         "x.yaml:4:11: name: expected text, found an integer (write it in quotes if text "
         "is meant)"},
        {STEP("call: a.A/B\n    metadata: [x]"), "x.yaml:4:15: metadata: expected a map, found a list"},
        {STEP("call: a.A/B\n    within: 5"), "x.yaml:4:13: within: a duration needs a unit (250ms, 5s, 1m30s)"},
        {STEP("wait: soon"), "x.yaml:3:11: wait: \"soon\": expected a number at character 1"},
        {STEP("set: [a]"), "x.yaml:3:10: set: expected a map, found a list"},
        {STEP("set: {'': a}"), "x.yaml:3:15: \"\" is no name for a variable" TAKEN},
        {STEP("fault: store"), "x.yaml:3:5: \"action\" is missing"},
        {STEP("{fault: store, action: kil}"), "x.yaml:3:28: no action is called \"kil\": did you mean \"kill\"?"},
        /* http */
        {STEP("http: /path"), "x.yaml:3:11: \"http\" is a method and a path: \"GET /helloworld\""},
        {STEP("http: GET"), "x.yaml:3:11: \"http\" is a method and a path: \"GET /helloworld\""},
        {STEP("http: GET /a b"), "x.yaml:3:11: \"http\" is a method and a path: \"GET /helloworld\""},
        {HTTP("json: {}\n    form: {}"),
         "x.yaml:5:11: a request has one of json, form, body, base64, multipart and file"},
        {HTTP("multipart: {a: {name: x}}"), "x.yaml:4:20: a part is a text, or {file: PATH, name: NAME, type: TYPE}"},
        {HTTP("multipart: {a: {file: x, tpye: y}}"), "x.yaml:4:30: unknown key \"tpye\"; did you mean \"type\"?"},
        {HTTP("redirects: 1001"), "x.yaml:4:16: \"redirects\" is a number from 0 to 1000, -1 for 1000, or true for 50"},
        {HTTP("tls: {insecure: 1}"), "x.yaml:4:21: \"insecure\" is true or false"},
        {HTTP("form: [a]"), "x.yaml:4:12: a list has items {name: NAME, value: VALUE}"},
        {HTTP("expect: {status: OK}"), "x.yaml:4:22: an HTTP status is a number from 100 to 599"},
        {HTTP("expect: {status: 99}"), "x.yaml:4:22: an HTTP status is a number from 100 to 599"},
        {HTTP("expect: {trailers: {}}"),
         "x.yaml:4:14: unknown key \"trailers\"; known are: status, headers, body, cookies, redirects, url, exactly, "
         "duration"},
        /* captures and expectations */
        {STEP("call: a.A/B\n    capture: {x: body.id}"), "x.yaml:4:18: character 5: expected a filter (count, nth, "
                                                         "split, ...) or a predicate (==, contains, exists, ...)"},
        {STEP("call: a.A/B\n    capture: {x: {path: $.a, regex: '('}}"),
         "x.yaml:4:37: not a regular expression: Unmatched ( or \\("},
        {STEP("call: a.A/B\n    capture: {x: {path: $.a, decode: hex}}"),
         "x.yaml:4:38: \"decode\" is base64: there is no other way"},
        {STEP("browser: {open: a, click: b}"),
         "x.yaml:3:14: \"browser\" does one thing: open, click, fill, see, gone or screenshot"},
        {STEP("browser: {fill: a}"),
         "x.yaml:3:21: \"fill\" is a map: selectors of fields, and what is typed into them"},
        {STEP("browser: {see: {a: b}}"), "x.yaml:3:20: \"see\" takes a text"},
        {STEP("call: a.A/B\n    capture: {x: {regex: a}}"),
         "x.yaml:4:18: a capture is a path like $.body.note.id or $.headers.location, or a query like 'jsonpath "
         "\"$.id\" toInt'"},
        {STEP("call: a.A/B\n    capture: {x: '$.a[b]'}"),
         "x.yaml:4:18: a capture is a path like $.body.note.id or $.headers.location, or a query like 'jsonpath "
         "\"$.id\" toInt'"},
        {EXPECT("[]"), "x.yaml:4:13: expect: expected a map, found a list"},
        {EXPECT("{bdoy: {}}"), "x.yaml:4:14: unknown key \"bdoy\"; did you mean \"body\"?"},
        {EXPECT("{status: 5}"), "x.yaml:4:22: a gRPC status is a name: OK, NOT_FOUND, ..."},
        {EXPECT("{status: FINE}"), "x.yaml:4:22: \"FINE\" is no gRPC status: expected OK, NOT_FOUND, ..."},
        {EXPECT("{body: {$regex: '('}}"), "x.yaml:4:29: not a regular expression: Unmatched ( or \\("},
        {EXPECT("{body: {$regex: 7}}"), "x.yaml:4:29: $regex takes a text"},
        {EXPECT("{body: {$type: string}}"), "x.yaml:4:28: $type is map, list, text, number, bool or null"},
        {EXPECT("{body: {$absent: 1}}"), "x.yaml:4:30: $absent takes true or false"},
        {EXPECT("{body: {$any: x}}"), "x.yaml:4:27: $any takes true or false"},
        {EXPECT("{body: {$min: x}}"), "x.yaml:4:27: $min takes a number"},
        {EXPECT("{body: {$one_of: []}}"), "x.yaml:4:30: $one_of takes a list of 1 to 256"},
        {EXPECT("{body: {$unordered: [{$regx: a}]}}"), "x.yaml:4:35: unknown key \"$regx\"; did you mean \"$regex\"?"},
        {EXPECT("{body: {$schema: {id: string}}}"),
         "x.yaml:4:35: a shape is map, list, text, number, bool, null or any, a map of shapes, or a list of one shape"},
        {EXPECT("{body: {$size: -1}}"), "x.yaml:4:28: $size takes a count"},
        {EXPECT("{body: {$not: {$contains: [{$regx: x}]}}}"),
         "x.yaml:4:41: unknown key \"$regx\"; did you mean \"$regex\"?"},
        {EXPECT("{body: {$min: 1, a: 2}}"), "x.yaml:4:30: unknown key \"a\"; known are: $type, $regex, $min, $max, "
                                            "$contains, $absent, $size, $any, $near, $one_of, $all_of, $each, "
                                            "$unordered, $begins, $exactly, $sorted, $schema, $not"},
        {EXPECT("{body: {a: 2, $min: 1}}"), "x.yaml:4:33: $min stands beside ordinary keys: matchers stand alone"},
        /* steps with steps inside */
        {STEP("{for: a.b, in: [], steps: [{wait: 1s}]}"), "x.yaml:3:11: \"a.b\" is no name for a variable"},
        {STEP("{for: a, steps: [{wait: 1s}]}"),
         "x.yaml:3:5: \"for\" goes over \"in: [...]\" or \"range: [first, last]\""},
        {"flow: a\nsteps:\n  - {for: i, in: [1], steps: [{wait: 1s}], until: i == 1}\n",
         "x.yaml:3:51: \"until\" is an expression: \"= count > 3\""},
        {"flow: a\nsteps:\n  - {for: i, in: [1], steps: [{wait: 1s}], until: '= i =='}\n",
         "x.yaml:3:51: the expression \" i ==\" ends too early"},
        {STEP("{for: a, in: b, steps: [{wait: 1s}]}"),
         "x.yaml:3:18: \"in\" is a list, or a variable that is one: \"${names}\""},
        {STEP("{for: a, range: [1], steps: [{wait: 1s}]}"),
         "x.yaml:3:21: \"range\" is the first and the last number: [1, 5]"},
        {STEP("{for: a, in: []}"), "x.yaml:3:5: \"for\" has no \"steps\""},
        {STEP("{for: a, in: [1], steps: [{wiat: 1s}]}"),
         "x.yaml:3:31: no step is called \"wiat\": did you mean \"wait\"?"},
        {STEP("{if: {a: 1}}"), "x.yaml:3:5: \"if\" goes with \"then\" or \"else\""},
        {STEP("{if: {}, then: [{wait: 1s}]}"),
         "x.yaml:3:10: a condition names variables and what they are: {count: {$min: 1}}"},
        {STEP("{if: {a: {$mni: 1}}, then: [{wait: 1s}]}"), "x.yaml:3:15: unknown key \"$mni\"; did you mean \"$min\"?"},
        {STEP("{parallel: {}}"), "x.yaml:3:16: there are no branches"},
        {STEP("{parallel: {a: {}}}"), "x.yaml:3:20: branch \"a\" is a list of steps, and this is a map"},
        {STEP("{parallel: {a: [{wait: soon}]}}"), "x.yaml:3:28: wait: \"soon\": expected a number at character 1"},
        /* flows that include flows */
        {STEP("flow: '#'"), "x.yaml:3:11: \"flow\" is a file, FILE#NAME, or \"#NAME\" for one of this file"},
        {STEP("flow: '#g'"), "x.yaml:3:11: there is no flow \"g\" in that file"},
        {STEP("flow: '#f'"), "x.yaml:3:11: flows include each other in a circle: this one is inside \"f\" already"},
        {STEP("flow: other.yaml"), "x.yaml:3:11: no files can be included here"},
        {STEP("flow: x.yaml"), "x.yaml:3:11: files include each other in a circle: x.yaml is being loaded already"},
        {"flows: [{flow: a, steps: [{flow: '#b'}]}, {flow: b, params: [p], steps: [{wait: 1s}]}]",
         "x.yaml:1:27: flow \"b\" wants \"p\": with: {p: ...}"},
        {"flows: [{flow: a, steps: [{flow: '#b', with: {q: 1}}]}, {flow: b, vars: {p: 1}, steps: [{wait: 1s}]}]",
         "x.yaml:1:50: flow \"b\" takes no \"q\": it names what it takes in \"params\" and \"vars\""},
        {"flows: [{flow: a, steps: [{flow: '#b'}]}, {flow: b, steps: [{if: {x: 1}, then: [{flow: '#a'}]}]}]",
         "x.yaml:1:88: flows include each other in a circle: this one is inside \"a\" already"},
        /* heads */
        {"flow: f\ntags: smoke\nsteps: [{wait: 1s}]", "x.yaml:2:7: tags: expected a list, found text"},
        {"flow: f\nalone: 1\nsteps: [{wait: 1s}]", "x.yaml:2:8: alone: expected true or false, found an integer"},
        {"flow: f\ntags: [a b]\nsteps: [{wait: 1s}]",
         "x.yaml:2:8: a tag is one word, without blanks, commas and \"!\""},
        {"flow: f\nparams: [a]\nvars: {a: 1}\nsteps: [{wait: 1s}]",
         "x.yaml:2:10: \"a\" is given, or it stands in \"vars\" with a default"},
        {"flow: f\nsecrets: [1]\nsteps: [{wait: 1s}]", "x.yaml:2:11: secrets: expected text, found an integer"},
        {"flow: f\ncases: []\nsteps: [{wait: 1s}]", "x.yaml:2:8: there are no cases"},
        {"flow: f\ncases: 7\nsteps: [{wait: 1s}]",
         "x.yaml:2:8: \"cases\" is a list of maps, or the name of a .csv or .json file"},
        {"flow: f\ncases: [7]\nsteps: [{wait: 1s}]",
         "x.yaml:2:9: a case is a map of variables, and this is an integer"},
        {"flow: f\ncases: [{a.b: 7}]\nsteps: [{wait: 1s}]", "x.yaml:2:15: \"a.b\" is no name for a variable"},
        {"flow: f\ncases: rows.txt\nsteps: [{wait: 1s}]", "x.yaml:2:8: rows are in a .csv or a .json file"},
        {"flow: f\ncases: rows.csv\nsteps: [{wait: 1s}]", "x.yaml:2:8: no files can be read here"},
        {"flows: [{flow: a, steps: [{wait: 1s}]}]\nsetup: [{wiat: 1s}]",
         "x.yaml:2:9: no step is called \"wiat\": did you mean \"wait\"?"},
        /* doubles */
        {STEP("{double: s, reset: true}"), "x.yaml:3:14: there is no double \"s\": the flow's \"doubles\" name them"},
        {CONTRACT("{double: t, reset: true}"),
         "x.yaml:5:14: there is no double \"t\": the contract's \"doubles\" name them"},
        {CONTRACT("{double: s}"), "x.yaml:5:5: \"double\" goes with \"answer\", \"stubs\" or \"reset: true\""},
        {CONTRACT("{double: s, answer: {}}"), "x.yaml:5:25: \"method\" is missing"},
        {CONTRACT("{double: s, answer: {method: M, status: NO}}"), "x.yaml:5:45: \"NO\" is no gRPC status"},
        {CONTRACT("{double: s, answer: {method: M, status: ABORTED, reply: {}}}"),
         "x.yaml:5:61: a double answers with a reply or with a status, not with both"},
        {CONTRACT("{double: s, answer: {method: M, message: m}}"),
         "x.yaml:5:46: a message goes with a status other than OK"},
        {CONTRACT("{verify: s, method: M}"), "x.yaml:5:5: \"verify\" checks a \"count\" or the \"requests\""},
        {CONTRACT("{double: s, stubs: {}}"),
         "x.yaml:5:24: \"stubs\" is a list of stubs, or the name of a file of them"},
        {CONTRACT("{verify: s, order: [], count: 1}"), "x.yaml:5:35: \"order\" is about all methods: it stands alone"},
        {CONTRACT("{verify: s, count: 1}"), "x.yaml:5:5: \"method\" is missing"},
        {CONTRACT("{verify: s, method: M, count: many}"),
         "x.yaml:5:35: \"count\" is a number, or a matcher like {$min: 1}"},
    };
    struct text message = TEXT_INIT;
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        load(table[i][0], &message);
        if (strcmp(text_string(&message), table[i][1]) == 0)
            continue;
        wrong++;
        print_error("of:\n%s\nexpected: %s\ngot:      %s\n", table[i][0], table[i][1], text_string(&message));
    }
    text_deinit(&message);
    assert_int_equal(wrong, 0);
}

static void not_yaml(void **state)
{
    struct text message = TEXT_INIT;
    (void)state;
    load("flow: [a\nsteps: }", &message);
    assert_non_null(strstr(text_string(&message), "x.yaml:2:"));
    load("flow: &a x\nsteps: *a", &message);
    assert_non_null(strstr(text_string(&message), "x.yaml:1:7: "));
    text_deinit(&message);
}

static void taken(void **state)
{
    static const char *const table[] = {
        STEP("{wait: 1s}"),
        EXPECT("{status: '${s}', body: {$regex: '(${x}', $size: '${n}', $min: '${n}'}}"),
        EXPECT("{status: {$not: OK}}"),
        HTTP("expect: {status: {$min: 200, $max: 299}}"),
        CONTRACT("{verify: s, method: M, count: {$min: 1}}"),
        STEP("{for: a, in: '${list}', steps: [{for: b, range: [1, '${n}'], steps: [{wait: 1s}]}]}"),
        STEP("{if: {a: {$min: 1}, b: [x]}, then: [{wait: 1s}], else: [{parallel: {x: [{wait: 1s}], y: []}}]}"),
        "flows: [{flow: a, steps: [{flow: '#b', with: {p: 1, q: 2}, expect: {q: 2}, capture: {x: $.q}}]},"
        " {flow: b, params: [p], vars: {q: 1}, steps: [{flow: '#c'}]}, {flow: c, steps: [{wait: 1s}]}]\n"
        "setup: [{wait: 1s}]\nbefore: [{flow: '#c'}]\nafter: []\nteardown: [{wait: 1s}]",
        "flow: f\ntags: [smoke, slow]\nsecrets: [a]\ncases: [{case: one, a: 1}, {a: 2}]\nsteps: [{wait: 1s}]",
        "flow: f\nabout: what it is for\nvars: {a_1: 7}\nsteps: [{set: {b: [1, {c: null}]}}]\nfinally: [{wait: 1ms}]",
    };
    struct text message = TEXT_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        load(table[i], &message);
        assert_string_equal(text_string(&message), "");
    }
    text_deinit(&message);
}

/* Whichever allocation fails, it is said, and nothing is left behind. */
static void memory_runs_out(void **state)
{
    static const char yaml[] =
        "flows:\n  - {flow: a, steps: [{wait: 1s}]}\n  - {contract: b, provider: p, doubles: {s: a.S},"
        " steps: [{double: s, answer: {method: M}}]}\n  - {flow: c, params: [p], steps: [{if: {p: 1}, then: [{wait: "
        "1s}]}]}\n"
        "  - {flow: d, cases: [{x: 1}], steps: [{flow: '#c', with: {p: 1}, capture: {y: {path: $.p, regex: '^a'}}},"
        " {for: i, in: [1], steps: [{parallel: {a: [{wait: 1s}]}}]}]}\nsetup: [{flow: '#c', with: {p: 2}}]\n";
    size_t n = 1;
    (void)state;
    for (bool hit = true; hit; n++) {
        struct flow_list flows = {0};
        struct error err = ERROR_INIT;
        failing_arm(n);
        int code = flow_parse(bytes_of(yaml), "x.yaml", &flows, &err);
        hit = failing_hit();
        failing_disarm();
        assert_int_equal(code, hit ? ERROR_MEMORY : 0);
        assert_int_equal(flows.count, hit ? 0 : 4);
        error_clear(&err);
        flow_list_free(&flows);
    }
    assert_true(n > 10);
}

static void calls_are_known(void **state)
{
    static const struct {
        const char *yaml, *calls; /* NULL: not all of them are known */
    } table[] = {
        {STEP("http: GET /"), ""},
        {STEP("for: i\n    in: [1]\n    steps: [{wait: 1s}, {run: ['true']}, {websocket: /ws}]"), ""},
        {STEP("call: a.A/B\n  - call: c.C/D\n  - call: a.A/B"), "a.A/B c.C/D "},
        {STEP("for: i\n    in: [1]\n    steps: [{parallel: {x: [{if: {i: 1}, then: [{call: a.A/B}]}]}}]"), "a.A/B "},
        {"flow: f\nsteps: [{wait: 1s}]\nfinally: [{call: a.A/B}]\n", "a.A/B "},
        {"flows:\n  - {flow: a, steps: [{flow: '#b'}]}\n  - {flow: b, steps: [{call: a.A/B}]}\n"
         "setup: [{call: s.S/T}]\nbefore: [{call: b.B/C}]\nafter: [{call: c.C/D}]\nteardown: [{call: t.T/U}]\n",
         "s.S/T b.B/C c.C/D t.T/U a.A/B "},
        {STEP("stream: GET /c/d\n    as: b\n  - stream: b"), ""},
        {STEP("stream: a.A/B\n    as: b\n  - stream: b\n  - stream: GET /c/d"), NULL},
        {STEP("stream: '${m}'"), NULL},
        {STEP("call: a.A/${m}"), NULL},
        {"flow: f\nsteps: [{call: a.A/B}]\nfinally: [{call: '${m}/B'}]\n", NULL},
        {STEP("publish: topic"), NULL},
        {STEP("fault: store\n    action: kill"), NULL},
        {"flow: f\ndoubles: {s: a.S}\nsteps: [{wait: 1s}]\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct flow_list flows = {0};
        struct map calls = MAP_INIT;
        struct text told = TEXT_INIT;
        struct error err = ERROR_INIT;
        if (flow_parse(bytes_of(table[i].yaml), "x.yaml", &flows, &err) != 0)
            fail_msg("%s: %s", table[i].yaml, err.message);
        assert_int_equal(flow_list_calls(&flows, &calls), table[i].calls != NULL);
        for (const struct map_entry *e = map_first(&calls); e != NULL; e = map_next(e))
            text_printf(&told, "%s ", map_key(e));
        if (table[i].calls != NULL)
            assert_string_equal(text_string(&told), table[i].calls);
        text_deinit(&told);
        map_deinit(&calls);
        flow_list_free(&flows);
    }
}

/* Of files that are included, and of the fixtures of folders. */
static void calls_of_other_files(void **state)
{
    static const char *const files[][2] = {
        {"f/a.yaml", "flow: a\nsteps: [{flow: ../g/b.yaml}, {flow: ../g/b.yaml}]\n"},
        {"f/fixtures.yaml", "setup: [{call: f.F/Set}]\n"},
        {"fixtures.yaml", "setup: [{flow: up.yaml}]\n"},
        {"up.yaml", "flow: up\nsteps: [{call: u.U/Up}]\n"},
        {"g/b.yaml", "flow: b\nsteps: [{call: b.B/C}, {flow: c.yaml}]\n"},
        {"g/c.yaml", "flow: c\nsteps: [{call: c.C/D}]\n"},
    };
    const struct sim_options options = {.seed = 1};
    struct sim *sim = sim_new(&options);
    struct world *w = sim_node(sim, "a");
    struct flow_list flows = {0};
    struct map calls = MAP_INIT;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(world_make_directory(w, "f"), 0);
    assert_int_equal(world_make_directory(w, "g"), 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(world_write_file(w, files[i][0], bytes_of(files[i][1]), false, NULL), 0);
    if (flow_load(w, "f/a.yaml", &flows, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(flow_list_calls(&flows, &calls), 1);
    assert_int_equal(map_count(&calls), 4);
    static const char *const expected[] = {"f.F/Set", "u.U/Up", "b.B/C", "c.C/D"};
    for (size_t i = 0; i < 4; i++)
        assert_non_null(map_get(&calls, expected[i]));
    map_deinit(&calls);
    /* Without memory it says so. */
    size_t n = 1;
    for (bool hit = true; hit; n++) {
        failing_arm(n);
        int code = flow_list_calls(&flows, &calls);
        hit = failing_hit();
        failing_disarm();
        assert_int_equal(code, hit ? ERROR_MEMORY : 1);
        map_deinit(&calls);
    }
    assert_true(n > 4);
    flow_list_free(&flows);
    sim_free(sim);
}

static void accessors(void **state)
{
    struct flow_list flows = {0}, more = {0};
    const char *name, *service;
    (void)state;
    assert_int_equal(flow_parse(bytes_of(CONTRACT("wait: 1s")), "c.yaml", &flows, NULL), 0);
    assert_int_equal(flow_parse(bytes_of(STEP("wait: 1s")), "f.yaml", &more, NULL), 0);
    assert_true(flow_list_append(&flows, &more));
    assert_int_equal(more.count, 0);
    assert_int_equal(flows.count, 2);
    assert_string_equal(flow_name(flows.items[0]), "c");
    assert_string_equal(flow_file(flows.items[0]), "c.yaml");
    assert_string_equal(flow_provider(flows.items[0]), "p");
    assert_int_equal(flow_double_count(flows.items[0]), 1);
    flow_double(flows.items[0], 0, &name, &service);
    assert_string_equal(name, "s");
    assert_string_equal(service, "a.S");
    assert_null(flow_provider(flows.items[1]));
    assert_int_equal(flow_double_count(flows.items[1]), 0);
    flow_list_free(&flows);
}

static void put(struct world *w, const char *path, const char *content)
{
    assert_int_equal(world_write_file(w, path, bytes_of(content), false, NULL), 0);
}

static void folders(void **state)
{
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct world *w = sim_node(sim, "disk");
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(world_make_directory(w, "flows/deep"), 0);
    put(w, "flows/b.yaml", STEP("wait: 1s"));
    put(w, "flows/a.yml", "flows: [{flow: one, steps: [{wait: 1s}]}, {flow: two, steps: [{wait: 1s}]}]");
    put(w, "flows/deep/c.yaml", STEP("wait: 1s"));
    put(w, "flows/readme.txt", "not a flow");
    assert_int_equal(flow_load_tree(w, "flows/", &flows, &err), 0);
    assert_int_equal(flows.count, 4);
    assert_string_equal(flow_file(flows.items[0]), "flows/a.yml");
    assert_string_equal(flow_name(flows.items[1]), "two");
    assert_string_equal(flow_file(flows.items[3]), "flows/deep/c.yaml");
    flow_list_free(&flows);
    assert_int_equal(flow_load_tree(w, "flows/b.yaml", &flows, &err), 0);
    assert_int_equal(flows.count, 1);
    flow_list_free(&flows);

    /* All errors of all files. */
    put(w, "flows/b.yaml", "flow: f");
    put(w, "flows/deep/c.yaml", "steps: []");
    assert_int_equal(flow_load_tree(w, "flows", &flows, &err), ERROR_INVALID);
    assert_string_equal(err.message, "flows/b.yaml:1:1: flow \"f\" has no steps\n"
                                     "flows/deep/c.yaml:1:1: \"flow\" is missing");
    flow_list_free(&flows);
    assert_int_equal(flow_load_tree(w, "nowhere", &flows, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.file, "nowhere");
    assert_string_equal(err.message, "there is no such file or folder");
    assert_int_equal(flow_load(w, "nowhere.yaml", &flows, &err), ERROR_NOT_FOUND);
    error_clear(&err);
    sim_free(sim);
}

/* The flows of this tree load, and so does every example of the manual. */
static void shipped(void **state)
{
    static const char *const folders[] = {"e2e/flows", "fakes/contracts"};
    struct world *w;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct flow_list flows = {0};
        if (flow_load_tree(w, folders[i], &flows, &err) != 0)
            fail_msg("%s", err.message);
        assert_true(flows.count > 4);
        flow_list_free(&flows);
    }
    world_real_free(w);
}

static void examples(void **state)
{
    static const char *const pages[] = {"docs/flows.md",         "docs/flows-blocks.md",   "docs/flows-values.md",
                                        "docs/flows-http.md",    "docs/flows-matchers.md", "docs/flows-doubles.md",
                                        "docs/flows-events.md",  "docs/flows-streams.md",  "docs/flows-snapshots.md",
                                        "docs/flows-browser.md", "docs/flows-queries.md",  "docs/flows-sql.md",
                                        "docs/fakes.md"};
    struct world *w;
    struct error err = ERROR_INIT;
    size_t found = 0;
    (void)state;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct text page = TEXT_INIT;
        assert_int_equal(world_read_file(w, pages[i], (size_t)1 << 20, &page, &err), 0);
        for (const char *p = text_string(&page); (p = strstr(p, "```yaml\n")) != NULL; found++) {
            p += strlen("```yaml\n");
            const char *end = strstr(p, "```");
            struct flow_list flows = {0};
            struct text message = TEXT_INIT;
            assert_non_null(end);
            if (flow_parse(BYTES(p, (size_t)(end - p)), pages[i], &flows, &err) != 0) {
                error_format(&err, &message);
                fail_msg("%s\nin:\n%.*s", text_string(&message), (int)(end - p), p);
            }
            flow_list_free(&flows);
            p = end;
        }
        text_deinit(&page);
    }
    assert_true(found >= 5);
    world_real_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors),          cmocka_unit_test(not_yaml),        cmocka_unit_test(taken),
        cmocka_unit_test(accessors),       cmocka_unit_test(calls_are_known), cmocka_unit_test(calls_of_other_files),
        cmocka_unit_test(folders),         cmocka_unit_test(shipped),         cmocka_unit_test(examples),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
