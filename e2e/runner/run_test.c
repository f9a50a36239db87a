/* What flows can say, run in the simulated world. */
#include "e2e/test_system.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW "flow: test\nsteps:\n"

static void calls(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW "  - call: helloworld.Helloworld/Call\n"
                        "    request: {name: Mary}\n"
                        "    metadata: {X-Asked: politely}\n"
                        "    expect:\n"
                        "      status: OK\n"
                        "      body: {msg: Hello Mary}\n"
                        "      exactly: {msg: Hello Mary}\n"
                        "      headers: {x-answers: politely}\n"
                        "      trailers: {x-calls: many}\n"
                        "      duration: {$max: 1}\n"
                        "  - call: helloworld.Helloworld/Call\n"
                        "    request: {name: nobody}\n"
                        "    expect: {status: NOT_FOUND, error: {code: 404, detail: {$contains: nobody}}}\n");
    const json_t *c = test_last(s, "case"), *step = test_last(s, "step");
    assert_string_equal(json_string_value(json_object_get(c, "status")), "passed");
    assert_string_equal(json_string_value(json_object_get(c, "replay")), "harrow e2e shop.yaml --only test");
    assert_string_equal(json_string_value(json_object_get(step, "name")), "2 call helloworld.Helloworld/Call");
    assert_string_equal(json_string_value(json_object_get(step, "sent")),
                        "helloworld.Helloworld/Call {\"name\":\"nobody\"}");
    assert_int_equal(test_count(s, "step"), 2);
}

static void streams(void **state)
{
    struct test_system *s = *state;
    test_passes(s,
                FLOW "  - call: helloworld.Helloworld/Stream\n"
                     "    request: {count: 3}\n"
                     "    expect: {messages: [{count: 0}, {count: '1'}, {count: 2}], body: {$absent: true}}\n"
                     "  - call: helloworld.Helloworld/PingPong\n"
                     "    request: [{stroke: 7}, {stroke: 8}]\n"
                     "    expect: {messages: [{stroke: 7}, {stroke: 8}]}\n"
                     "  - call: helloworld.Helloworld/PingPong\n"
                     "    request: {stroke: 9}\n"
                     "    expect: {messages: {$size: 1}}\n"
                     "  - call: helloworld.Helloworld/PingPong\n"
                     "    request: []\n"
                     "    expect: {messages: []}\n"
                     "  - call: helloworld.Helloworld/PingPong\n"
                     "    request: [{stroke: 1}, {$receive: 1}, {stroke: 2}, {stroke: 3}, {$receive: 2}, {stroke: 4}]\n"
                     "    expect: {messages: [{stroke: 1}, {stroke: 2}, {stroke: 3}, {stroke: 4}]}\n");
    /* What does not come is waited for as long as the call may take. */
    test_fails(s,
               FLOW "  - call: helloworld.Helloworld/PingPong\n"
                    "    request: [{stroke: 1}, {$receive: 2}, {stroke: 2}]\n    timeout: 1m\n"
                    "    expect: {messages: {$size: 2}}\n",
               "step 1 call helloworld.Helloworld/PingPong: expected OK, got DEADLINE_EXCEEDED: deadline exceeded");
    test_fails(
        s,
        FLOW "  - call: helloworld.Helloworld/PingPong\n"
             "    request: [{stroke: 1}, {$receive: no}]\n",
        "step 1 call helloworld.Helloworld/PingPong: \"$receive\" is how many answers are waited for, 1 to 10000, of "
        "a method that streams both ways");
    test_fails(s,
               FLOW "  - call: helloworld.Helloworld/PingPong\n"
                    "    request: [{stroke: 7}, {stroke: x}]\n",
               "step 1 call helloworld.Helloworld/PingPong: helloworld.Ping.stroke: \"x\" is no int64");
}

static void deadlines(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW "  - call: helloworld.Helloworld/Call\n"
                        "    request: {name: silence}\n"
                        "    timeout: 300ms\n"
                        "    expect: {status: DEADLINE_EXCEEDED, duration: {$min: 0.3, $max: 0.4}}\n");
}

static void undecodable(void **state)
{
    struct test_system *s = *state;
    assert_false(test_run(s, FLOW "  - {call: helloworld.Helloworld/Call, request: {name: junk}}\n"));
    const char *message = json_string_value(json_object_get(test_last(s, "case"), "message"));
    assert_non_null(strstr(message, "what was answered is no helloworld.Response: "));
}

static void matchers(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW "  - call: store.Store/Read\n"
                        "    request: {key: k7}\n"
                        "    expect:\n"
                        "      body:\n"
                        "        records:\n"
                        "          - key: {$regex: '^k[0-9]$', $type: text, $size: 2, $contains: '7', $not: k8}\n"
                        "            value: AQI=\n"
                        "            expiry: 9007199254740993\n"
                        "            metadata: {$type: map, $size: 0}\n"
                        "            nothing: {$absent: true}\n"
                        "  - call: store.Store/Read\n"
                        "    request: {key: k7}\n"
                        "    expect:\n"
                        "      body:\n"
                        "        records: {$type: list, $size: 1, $contains: {key: k7}, $not: {$contains: {key: k8}}}\n"
                        "      headers: {x-none: {$absent: true}}\n");
}

static void list_matchers(void **state)
{
    struct test_system *s = *state;
    static const char head[] =
        "flow: test\nvars: {list: [3, 1, 2], people: [{n: a, age: 9}, {n: b, age: 10}, {n: b, age: 10}],"
        " up: [a, b, b], d: 0.2}\nsteps:\n  - {name: r, if: ";
    static const char *const table[][2] = {
        {"{list: {$unordered: [1, 2, 3]}}", "then"},
        {"{list: {$unordered: [{$min: 1}, {$min: 2}, {$min: 3}]}}", "then"}, /* 3 must be left for the last */
        {"{list: {$unordered: [1, 2, 2]}}", "else"},
        {"{list: {$unordered: [1, 2]}}", "else"},
        {"{list: {$each: {$min: 1}}}", "then"},
        {"{list: {$each: {$min: 2}}}", "else"},
        {"{list: {$sorted: up}}", "else"},
        {"{up: {$sorted: up}}", "then"},
        {"{up: {$sorted: down}}", "else"},
        {"{people: {$sorted: up $.age}}", "then"},
        {"{people: {$sorted: down $.age}}", "else"},
        {"{people: {$size: {$min: 3, $max: 3}}}", "then"},
        {"{people: {$schema: [{n: text, age: number, nick?: text}]}}", "then"},
        {"{people: {$schema: [{n: text, age: number, nick: any}]}}", "else"},
        {"{people: {$schema: [{n: number}]}}", "else"},
        {"{people: {$one_of: [3, {$contains: {n: b}}]}}", "then"},
        {"{list: {$all_of: [{$contains: 1}, {$contains: 3}]}}", "then"},
        {"{d: {$near: [0.1, 0.11]}}", "then"},
        {"{d: {$near: [0.1, 0.09]}}", "else"},
        {"{d: {$max: 200ms, $min: 199ms}}", "then"},
        {"{d: {$max: 199ms}}", "else"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char yaml[512];
        snprintf(yaml, sizeof yaml,
                 "%s%s, then: [{set: {went: then}}], else: [{set: {went: else}}]}\n"
                 "  - {if: {went: %s}, else: [{name: '%zu', call: helloworld.Helloworld/Nowhere}]}\n",
                 head, table[i][0], table[i][1], i);
        test_passes(s, yaml);
    }
    test_fails(s, FLOW "  - {name: r, if: {token: {$sorted: by}}, then: [{wait: 1s}]}\n",
               "step 1 r: $sorted is up or down, or by a member: \"up $.age\"");
    test_fails(s, FLOW "  - {name: r, if: {token: {$near: 1}}, then: [{wait: 1s}]}\n",
               "step 1 r: $near is a number and how far from it: [10, 0.5]");
}

/* A matcher that would let everything through is worth nothing: each must refuse. */
static void matchers_refuse(void **state)
{
    struct test_system *s = *state;
    static const char *const table[][2] = {
        {"{$one_of: [a, {$regex: '^b'}]}", "one of [\"a\",{\"$regex\":\"^b\"}], got \"k7\""},
        {"{$all_of: [k7, {$regex: '^b'}]}", "all of [\"k7\",{\"$regex\":\"^b\"}], got \"k7\""},
        {"{$each: k7}", "each item to be \"k7\", got \"k7\""},
        {"{$unordered: [k7]}", "in any order [\"k7\"], got \"k7\""},
        {"{$sorted: up}", "a list sorted \"up\", got \"k7\""},
        {"{$schema: number}", "the shape \"number\", got \"k7\""},
        {"{$schema: {id: any}}", "the shape {\"id\":\"any\"}, got \"k7\""},
        {"{$near: [1, 1]}", "a number near [1,1], got \"k7\""},
        {"{$size: {$min: 3}}", "a size of {\"$min\":3}, got \"k7\""},
        {"{$max: 1s}", "at most \"1s\", got \"k7\""},
        {"{$regex: '^x'}", "a match of \"^x\", got \"k7\""},
        {"{$type: number}", "a value of type \"number\", got \"k7\""},
        {"{$size: 3}", "a size of 3, got \"k7\""},
        {"{$contains: '8'}", "it to contain \"8\", got \"k7\""},
        {"{$not: k7}", "anything but \"k7\", got \"k7\""},
        {"{$not: {$contains: k}}", "anything but {\"$contains\":\"k\"}, got \"k7\""},
        {"{$absent: true}", "nothing there, got \"k7\""},
        {"{$any: false}", "nothing there, got \"k7\""},
        {"{$min: 1}", "at least 1, got \"k7\""},
        {"[k7]", "a list, got \"k7\""},
        {"{k: 7}", "a map, got \"k7\""},
        {"7", "7, got \"k7\""},
        {"K7", "\"K7\", got \"k7\""},
        {"null", "null, got \"k7\""},
    };
    static const char *const numbers[][2] = {
        {"9007199254740992", "9007199254740992"},
        {"{$min: 9007199254740994}", "at least 9007199254740994"},
        {"{$max: 9007199254740992}", "at most 9007199254740992"},
        {"{$max: 1.5}", "at most 1.5"},
    };
    char yaml[512], expected[512];
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        snprintf(yaml, sizeof yaml,
                 FLOW "  - call: store.Store/Read\n    name: r\n    request: {key: k7}\n"
                      "    expect: {body: {records: [{key: %s}]}}\n",
                 table[i][0]);
        snprintf(expected, sizeof expected, "step 1 r: body.records[0].key: expected %s", table[i][1]);
        test_fails(s, yaml, expected);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        snprintf(yaml, sizeof yaml,
                 FLOW "  - call: store.Store/Read\n    name: r\n    request: {key: k7}\n"
                      "    expect: {body: {records: [{expiry: %s}]}}\n",
                 numbers[i][0]);
        snprintf(expected, sizeof expected, "step 1 r: body.records[0].expiry: expected %s, got \"9007199254740993\"",
                 numbers[i][1]);
        test_fails(s, yaml, expected);
    }
    test_fails(s, FLOW "  - {call: store.Store/Read, name: r, request: {key: a}, expect: {body: {records: []}}}\n",
               "step 1 r: body.records: expected a list of 0, got [{\"key\":\"a\",\"value\":\"AQI=\",\"expiry\":"
               "\"9007199254740993\",\"metadata\":{},\"revision\":\"0\"}]");
    test_fails(s,
               FLOW "  - {call: store.Store/Read, name: r, request: {key: a}, expect: {body: {other: {$any: true}}}}\n",
               "step 1 r: body.other: expected any value, got nothing");
    test_fails(s, FLOW "  - {call: helloworld.Helloworld/Call, name: r, request: {name: a}, expect: {exactly: {}}}\n",
               "step 1 r: body.msg: expected nothing there, got \"Hello a\"");
    test_fails(
        s, FLOW "  - {call: helloworld.Helloworld/Call, name: r, request: {name: nobody}, expect: {status: ABORTED}}\n",
        "step 1 r: status: expected \"ABORTED\", got \"NOT_FOUND\"");
}

static void variables(void **state)
{
    struct test_system *s = *state;
    static const char *const given[] = {"who=Ann", "empty", NULL};
    s->options.variables = given;
    test_passes(s, "flow: test\n"
                   "vars: {greeting: 'Hello ${who}', twice: '${greeting}, ${greeting}', number: 7, id: '${unique}'}\n"
                   "steps:\n"
                   "  - call: helloworld.Helloworld/Call\n"
                   "    request: {name: '${who}'}\n"
                   "    expect: {body: {msg: '${greeting}'}}\n"
                   "    capture: {said: $.body.msg, all: $, header: $.headers.x-answers}\n"
                   "  - set: {list: ['${said}', '${number}', '${all}'], text: 'n${number} $${who} ${empty}.'}\n"
                   "  - call: helloworld.Helloworld/Call\n"
                   "    request: {name: '${text} ${twice}'}\n"
                   "    expect: {body: {msg: 'Hello n7 $${who} . Hello Ann, Hello Ann'}}\n"
                   "  - call: helloworld.Helloworld/Stream\n"
                   "    request: {count: '${number}'}\n"
                   "    expect: {messages: {$size: '${number}'}}\n"
                   "  - call: helloworld.Helloworld/Call\n"
                   "    request: {name: '${namespace} ${gateway}'}\n"
                   "    expect: {body: {msg: {$regex: '^Hello main http://shop:[0-9]+$'}}}\n");
    test_fails(s, FLOW "  - {call: helloworld.Helloworld/Call, name: r, request: {name: '${whom}'}}\n",
               "step 1 r: there is no variable ${whom}: did you mean ${who}?");
    test_fails(s, FLOW "  - {call: helloworld.Helloworld/Call, name: r, within: 1h, expect: {body: '${nonsense}'}}\n",
               "step 1 r: there is no variable ${nonsense}");
    assert_int_equal(json_integer_value(json_object_get(test_last(s, "step"), "attempts")), 1);
    test_fails(s, "flow: test\nvars: {a: '${b}'}\nsteps: [{wait: 1s}]\n", "there is no variable ${b}");
    assert_int_equal(json_integer_value(json_object_get(test_last(s, "case"), "line")), 2);
}

/* ${unique} differs at each use and in each flow, and not from run to run. */
static void unique(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] =
        "flows:\n"
        "  - {flow: one, steps: [{call: helloworld.Helloworld/Call, request: {name: '${unique}'}},"
        " {call: helloworld.Helloworld/Call, request: {name: '${unique}'}}]}\n"
        "  - {flow: two, steps: [{call: helloworld.Helloworld/Call, request: {name: '${unique}'}}]}\n";
    const char *sent[6] = {NULL};
    size_t count = 0, i;
    json_t *line;
    test_passes(s, yaml);
    test_passes(s, yaml);
    json_array_foreach(s->lines, i, line)
    {
        if (strcmp(json_string_value(json_object_get(line, "type")), "step") == 0)
            sent[count++ % 6] = json_string_value(json_object_get(line, "sent"));
    }
    assert_int_equal(count, 6);
    for (size_t a = 0; a < 3; a++) {
        assert_string_equal(sent[a], sent[a + 3]);
        for (size_t b = 0; b < a; b++)
            assert_string_not_equal(sent[a], sent[b]);
    }
}

static void captures(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW "  - call: store.Store/Read\n"
                        "    request: {key: 'a.b'}\n"
                        "    capture: {record: '$.body.records[-1]', key: '$.body[\"records\"][0].key'}\n"
                        "  - call: store.Store/Read\n"
                        "    request: {key: '${key}'}\n"
                        "    expect: {body: {records: ['${record}']}}\n");
    test_fails(s, FLOW "  - {call: store.Store/Read, name: r, capture: {x: '$.body.records[1].key'}}\n",
               "step 1 r: nothing to capture at $.body.records[1].key");
}

static void retried(void **state)
{
    struct test_system *s = *state;
    s->later = 4;
    test_passes(s, FLOW "  - call: helloworld.Helloworld/Call\n"
                        "    request: {name: later}\n"
                        "    within: 2s\n"
                        "    expect: {body: {msg: Hello later}}\n"
                        "    capture: {said: $.body.msg}\n"
                        "  - call: helloworld.Helloworld/Call\n"
                        "    request: {name: '${said}'}\n");
    size_t i;
    json_t *line, *first = NULL;
    json_array_foreach(s->lines, i, line)
    {
        if (first == NULL && strcmp(json_string_value(json_object_get(line, "type")), "step") == 0)
            first = line;
    }
    assert_int_equal(json_integer_value(json_object_get(first, "attempts")), 5);
    /* 10 + 20 + 40 + 80 ms of pauses, in virtual time. */
    assert_in_range(json_integer_value(json_object_get(first, "duration")), 150 * MILLISECOND, 170 * MILLISECOND);

    s->later = 1000;
    uint64_t start = world_now(s->world);
    test_fails(s, FLOW "  - {call: helloworld.Helloworld/Call, name: r, request: {name: later}, within: 2s}\n",
               "step 1 r: expected OK, got UNAVAILABLE: not yet (10 attempts within 2s)");
    assert_in_range(world_now(s->world) - start, 2000 * MILLISECOND, 2100 * MILLISECOND);

    /* One that nobody answers has no longer than the step, or a second. */
    start = world_now(s->world);
    assert_false(
        test_run(s, FLOW "  - {call: helloworld.Helloworld/Call, name: r, request: {name: silence}, within: 3s}\n"));
    assert_in_range(world_now(s->world) - start, 3000 * MILLISECOND, 4100 * MILLISECOND);

    /* What is wrong with the flow itself is not tried again. */
    start = world_now(s->world);
    test_fails(s, FLOW "  - {call: helloworld.Helloworld/Call, name: r, request: {nam: x}, within: 1h}\n",
               "step 1 r: unknown key \"nam\"; did you mean \"name\"?");
    test_fails(s, FLOW "  - {call: helloworld.Helloworld/Cal, name: r, within: 1h}\n",
               "step 1 r: there is no method helloworld.Helloworld/Cal in shop: did you mean "
               "\"helloworld.Helloworld/Call\"?");
    test_fails(s, FLOW "  - {call: notes.Notes/List, name: r, within: 1h}\n",
               "step 1 r: no component of shop serves notes.Notes");
    assert_in_range(world_now(s->world) - start, 0, SECOND);
}

static void cleans_up(void **state)
{
    struct test_system *s = *state;
    s->calls = 0;
    assert_false(test_run(s, "flow: test\n"
                             "steps:\n"
                             "  - {call: helloworld.Helloworld/Call, request: {name: nobody}}\n"
                             "  - {call: helloworld.Helloworld/Call}\n"
                             "finally:\n"
                             "  - {call: helloworld.Helloworld/Call, request: {name: nobody}}\n"
                             "  - {call: helloworld.Helloworld/Call, name: last}\n"));
    /* The second step was not run, both of the end were, and the first failure is the one told. */
    assert_int_equal(s->calls, 3);
    assert_string_equal(json_string_value(json_object_get(test_last(s, "step"), "name")), "finally 2 last");
    const char *message = json_string_value(json_object_get(test_last(s, "case"), "message"));
    assert_memory_equal(message, "step 1 ", 7);
    test_fails(
        s, FLOW "  - wait: 1s\nfinally:\n  - {call: helloworld.Helloworld/Call, name: r, request: {name: nobody}}\n",
        "step finally 1 r: expected OK, got NOT_FOUND: nobody is here");
}

static void waits(void **state)
{
    struct test_system *s = *state;
    uint64_t start = world_now(s->world);
    test_passes(s, FLOW "  - wait: 1h\n");
    assert_int_equal(world_now(s->world) - start, HOUR);
}

static void faults(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW "  - {fault: helloworld, action: kill}\n"
                        "  - {fault: helloworld, action: start}\n");
    assert_string_equal(text_string(&s->acts), "kill helloworld\nstart helloworld\n");
    assert_string_equal(json_string_value(json_object_get(test_last(s, "fault"), "state")), "heal");
    assert_int_equal(test_count(s, "fault"), 2);
    test_fails(s, FLOW "  - {fault: helloword, action: kill}\n",
               "step 1 fault helloword: shop has no component \"helloword\"");
    test_fails(s, FLOW "  - {fault: helloworld, action: partition}\n",
               "step 1 fault helloworld: driver test cannot partition");
    assert_int_equal(json_integer_value(json_object_get(test_last(s, "fault"), "hits")), 0);
}

#define CONTRACT "contract: test\nprovider: notes\ndoubles: {store: store.Store}\nsteps:\n"

static void doubles(void **state)
{
    struct test_system *s = *state;
    s->options.doubles = &s->doubles;
    s->requests[0] = "{\"record\":{\"key\":\"a\"}}";
    s->requests[1] = "{\"record\":{\"key\":\"b\\u0000c\"}}";
    test_passes(
        s, CONTRACT
        "  - {double: store, reset: true}\n"
        "  - set: {k: key}\n"
        "  - {double: store, answer: {method: Write, reply: {'name': '${k}'}}}\n"
        "  - {double: store, answer: {method: Write, call: 2, status: UNAVAILABLE, message: away}}\n"
        "  - {verify: store, method: Write, count: 2, requests: [{record: {key: a}}, {record: {key: \"b\\0c\"}}],"
        " capture: {key: '$.requests[1].record.key'}}\n"
        "  - {verify: store, method: Write, count: {$min: 1}, requests: {$contains: {record: {key: '${key}'}}}}\n");
    assert_string_equal(text_string(&s->told), "reset store\n"
                                               "store Write -1 {\"name\":\"key\"} OK \n"
                                               "store Write 2 {} UNAVAILABLE away\n");
    test_fails(s, CONTRACT "  - {verify: store, method: Write, count: 3}\n",
               "step 1 verify store: count: expected 3, got 2");
    test_fails(s, CONTRACT "  - {verify: store, method: Wriet, count: 3, within: 1h}\n",
               "step 1 verify store: there is no double \"store\" with a method \"Wriet\"");
    test_fails(s, CONTRACT "  - {double: store, answer: {method: Wriet}}\n",
               "step 1 double store: double \"store\" has no method \"Wriet\"");
    s->options.doubles = NULL;
    test_fails(s, CONTRACT "  - {verify: store, method: Write, count: 3}\n",
               "step 1 verify store: there are no doubles here: contracts run by \"harrow contract\"");
}

/* What a variable hides is hidden wherever it turns up. */
static void secrets(void **state)
{
    struct test_system *s = *state;
    static const char *const given[] = {"admin_secret=s3cr3t-value", "shop_ApiKey=k3y-value", NULL};
    s->options.variables = given;
    assert_false(test_run(s, FLOW "  - call: helloworld.Helloworld/Call\n"
                                  "    request: {name: 'x ${admin_secret} ${token} ${shop_ApiKey}'}\n"
                                  "    expect: {body: {msg: 'no ${admin_secret}'}}\n"));
    char *all = json_dumps(s->lines, 0);
    assert_null(strstr(all, "s3cr3t"));
    assert_null(strstr(all, "tok-0123"));
    assert_null(strstr(all, "k3y"));
    assert_non_null(strstr(all, "Hello x (hidden) (hidden) (hidden)"));
    free(all);
}

static bool stop(void *arg)
{
    struct test_system *s = arg;
    s->target.interrupted = true;
    world_stop(s->world);
    return false;
}

static void stop_soon(void *arg)
{
    stop(arg);
}

static void interrupted(void **state)
{
    struct test_system *s = *state;
    struct flow_list flows = {0};
    struct e2e_summary summary;
    struct world_timer timer;
    struct error err = ERROR_INIT;
    static const char *const endless[] = {
        FLOW "  - wait: 10h\n",
        FLOW "  - {call: helloworld.Helloworld/Call, request: {name: silence}, timeout: 10h}\n",
        FLOW "  - {call: helloworld.Helloworld/Call, request: {name: nobody}, within: 10h}\n",
    };
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        uint64_t start = world_now(s->world);
        s->target.interrupted = false;
        world_timer_init(&timer, s->world, stop_soon, s);
        world_timer_start(&timer, (uint64_t)SECOND);
        assert_int_equal(flow_parse(bytes_of(endless[i]), "x.yaml", &flows, NULL), 0);
        assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), ERROR_CANCELLED);
        assert_in_range(world_now(s->world) - start, SECOND, 2 * SECOND);
        assert_int_equal(test_count(s, "case"), 0);
        flow_list_free(&flows);
    }
    error_clear(&err);
}

static size_t steps_named(struct test_system *s, const char *name, const char *status)
{
    size_t found = 0, i;
    json_t *line;
    json_array_foreach(s->lines, i, line)
    {
        const char *called = json_string_value(json_object_get(line, "name"));
        found += called != NULL && strstr(called, name) != NULL &&
                 strcmp(json_string_value(json_object_get(line, "status")), status) == 0;
    }
    return found;
}

/* Whoever stops the run still has everything cleaned up, of included flows and files too, and does not wait long. */
static void interrupted_cleans_up(void **state)
{
    struct test_system *s = *state;
    static const char yaml[] =
        "setup: [{wait: 1ms}]\n"
        "after: [{name: after, call: helloworld.Helloworld/Call, request: {name: c}}]\n"
        "teardown: [{name: torn down, call: helloworld.Helloworld/Call, request: {name: d}}]\n"
        "flows:\n"
        "  - flow: f\n"
        "    steps: [{flow: '#inner'}, {name: never, wait: 1s}]\n"
        "    finally: [{name: cleaned, call: helloworld.Helloworld/Call, request: {name: later}, within: 1h},"
        " {name: too long, wait: 1h}, {name: no more, wait: 1s}]\n"
        "  - {flow: g, steps: [{name: never, wait: 1s}]}\n"
        "  - flow: inner\n"
        "    steps: [{wait: 10h}]\n"
        "    finally: [{name: inside, call: helloworld.Helloworld/Call, request: {name: a}}]\n";
    for (int jobs = 1; jobs <= 2; jobs++) {
        struct flow_list flows = {0};
        struct e2e_summary summary;
        struct world_timer timer;
        struct error err = ERROR_INIT;
        uint64_t start = world_now(s->world);
        s->options.jobs = jobs;
        s->options.filter = "f";
        s->target.interrupted = false;
        s->later = 3;
        json_array_clear(s->lines);
        world_timer_init(&timer, s->world, stop_soon, s);
        world_timer_start(&timer, (uint64_t)SECOND);
        assert_int_equal(flow_parse(bytes_of(yaml), "x.yaml", &flows, NULL), 0);
        assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), ERROR_CANCELLED);
        assert_in_range(world_now(s->world) - start, 5 * SECOND, 7 * SECOND);
        assert_int_equal(steps_named(s, "inside", "passed"), 1);
        assert_int_equal(steps_named(s, "cleaned", "passed"), 1);
        assert_int_equal(steps_named(s, "too long", "failed"), 1);
        assert_int_equal(steps_named(s, "torn down", "passed"), 1);
        assert_int_equal(steps_named(s, "never", "passed") + steps_named(s, "never", "failed"), 0);
        flow_list_free(&flows);
        error_clear(&err);
    }
}

/* What an included flow cleans up it cleans up also when the time of all is over. */
static void time_to_clean_up_inside(void **state)
{
    struct test_system *s = *state;
    assert_false(test_run(s, "flows:\n"
                             "  - {flow: f, timeout: 2s, steps: [{flow: '#inner', with: {x: 1}}]}\n"
                             "  - flow: inner\n"
                             "    params: [x]\n"
                             "    steps: [{wait: 10h}]\n"
                             "    finally: [{name: inside, call: helloworld.Helloworld/Call, request: {name: a}}]\n"));
    assert_int_equal(steps_named(s, "inside", "passed"), 1);
}

static void filtered(void **state)
{
    struct test_system *s = *state;
    struct flow_list flows = {0};
    struct e2e_summary summary;
    struct error err = ERROR_INIT;
    assert_int_equal(
        flow_parse(bytes_of("flows:\n  - {flow: one, steps: [{wait: 1s}]}\n  - {flow: two, steps: [{wait: 1s}]}\n"),
                   "x.yaml", &flows, NULL),
        0);
    s->options.filter = "tw";
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), 0);
    assert_int_equal(summary.passed, 1);
    assert_string_equal(json_string_value(json_object_get(test_last(s, "case"), "name")), "two");
    s->options.filter = "three";
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), ERROR_INVALID);
    assert_string_equal(err.message, "no flow's name contains \"three\"");
    error_clear(&err);
    flow_list_free(&flows);
}

/* A value cannot be nested deeper and deeper until a walk over it runs out of stack. */
static void depth(void **state)
{
    struct test_system *s = *state;
    struct text yaml = TEXT_INIT;
    text_puts(&yaml, "flow: test\nvars: {a: 1}\nsteps:\n");
    for (int i = 0; i < 600; i++)
        text_puts(&yaml, "  - {set: {a: ['${a}']}}\n");
    test_fails(s, text_string(&yaml), "step 500 set: the value of ${a} has more than 500 levels");
    text_deinit(&yaml);
}

/* A flow that waits for hours costs a simulation what happens meanwhile, not the hours. */
static void hours(void **state)
{
    struct test_system *s = *state;
    uint64_t start = world_now(s->world), before = sim_events(s->sim);
    s->later = 20; /* refusals, each tried again half a second later at most */
    test_passes(s, FLOW "  - wait: 1h\n"
                        "  - call: helloworld.Helloworld/Call\n"
                        "    request: {name: later}\n"
                        "    within: 10m\n"
                        "    expect: {body: {msg: Hello later}}\n"
                        "  - wait: 23h\n");
    assert_true(world_now(s->world) - start >= (uint64_t)(24 * 3600 * SECOND));
    assert_in_range(sim_events(s->sim) - before, 1, 5000);
}

/* Of a long loop only the first exchanges are told, and of what is behind it again what is new or did not pass; with a
 * secret in the flow, when lines are made another way, as without. */
static void many_exchanges(void **state)
{
    struct test_system *s = *state;
    static const char *const secrets[] = {"", "secrets: [given]\nvars: {given: hidden-text}\n"};
    for (size_t i = 0; i < 2; i++) {
        struct text flow = TEXT_INIT;
        size_t exchanges = 0, steps = 0, at = json_array_size(s->lines);
        text_printf(
            &flow,
            "flow: test\n%ssteps:\n"
            "  - for: n\n    range: [1, 1200]\n    steps: [{call: helloworld.Helloworld/Call, request: {name: Mary}}]\n"
            "  - {call: helloworld.Helloworld/Call, request: {name: Mary}}\n"
            "  - {call: store.Store/Read, request: {key: a}}\n"
            "  - {call: helloworld.Helloworld/Call, request: {name: Mary}, expect: {body: {msg: no}}}\n",
            secrets[i]);
        assert_false(test_run(s, text_string(&flow)));
        text_deinit(&flow);
        for (; at < json_array_size(s->lines); at++) {
            const json_t *line = json_array_get(s->lines, at);
            if (strcmp(json_string_value(json_object_get(line, "type")), "step") != 0)
                continue;
            const char *name = json_string_value(json_object_get(line, "name"));
            bool told = json_object_get(line, "sent") != NULL;
            assert_int_equal(told, json_object_get(line, "received") != NULL);
            if (strncmp(name, "2 ", 2) == 0)
                assert_false(told);
            if (strncmp(name, "1 ", 2) == 0 || strncmp(name, "3 ", 2) == 0 || strncmp(name, "4 ", 2) == 0)
                assert_true(told);
            steps++;
            exchanges += told;
        }
        assert_int_equal(steps, 1204);
        assert_int_equal(exchanges, 1000 + 3); /* the loop's own line, what is new, and what failed */
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls),
        TEST(streams),
        TEST(deadlines),
        TEST(undecodable),
        TEST(matchers),
        TEST(unique),
        TEST(list_matchers),
        TEST(matchers_refuse),
        TEST(variables),
        TEST(captures),
        TEST(retried),
        TEST(waits),
        TEST(cleans_up),
        TEST(faults),
        TEST(doubles),
        TEST(secrets),
        TEST(filtered),
        TEST(interrupted),
        TEST(interrupted_cleans_up),
        TEST(time_to_clean_up_inside),
        TEST(depth),
        TEST(hours),
        TEST(many_exchanges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
