/* Which stub answers, and what it says. */
#include "fakes/stub/test_kit.h"

#include <math.h>
#include <stdio.h>

#define FIND "call: shop.Shop/Find"

static void expect(struct kit *k, const char *request, const char *answer)
{
    const char *got = kit_find(k, request);
    if (strcmp(got, answer) != 0)
        fail_msg("%s: expected %s, got %s", request, answer, got);
}

static void the_choice_has_an_order(void **state)
{
    static const struct {
        const char *stubs, *request, *id;
    } rows[] = {
        /* priority before everything */
        {"[{" FIND ", when: {id: a, count: 1}, answer: {id: exact}}, {" FIND ", priority: 1, answer: {id: prior}}]",
         "{\"id\":\"a\",\"count\":1}", "prior"},
        {"[{" FIND ", priority: -1, answer: {id: low}}, {" FIND ", priority: -2, when: {id: a}, answer: {id: lower}}]",
         "{\"id\":\"a\"}", "low"},
        /* more exact values, in whichever order they are written */
        {"[{" FIND ", when: {id: a, count: 1}, answer: {id: two}}, {" FIND ", when: {id: a}, answer: {id: one}}]",
         "{\"id\":\"a\",\"count\":1}", "two"},
        {"[{" FIND ", when: {id: a}, answer: {id: one}}, {" FIND ", when: {id: a, count: 1}, answer: {id: two}}]",
         "{\"id\":\"a\",\"count\":1}", "two"},
        {"[{" FIND ", when: {id: a}, answer: {id: exact}}, {" FIND
         ", when: {id: {$regex: a}, count: {$min: 0}}, answer: {id: patterns}}]",
         "{\"id\":\"a\"}", "exact"},
        /* more other conditions */
        {"[{" FIND ", when: {id: {$regex: a}, count: {$min: 0}}, answer: {id: two}}, {" FIND
         ", when: {id: {$regex: a}}, answer: {id: one}}]",
         "{\"id\":\"a\"}", "two"},
        {"[{" FIND ", prefer: 1, answer: {id: preferred}}, {" FIND ", answer: {id: other}}]", "{}", "preferred"},
        /* one that runs out before one that would hide it */
        {"[{" FIND ", times: 1, answer: {id: once}}, {" FIND ", answer: {id: ever}}]", "{}", "once"},
        /* the last one */
        {"[{" FIND ", answer: {id: first}}, {" FIND ", answer: {id: last}}]", "{}", "last"},
        {"[{" FIND ", when: {id: {$regex: ^abcd}}, answer: {id: long}}, {" FIND
         ", when: {id: {$regex: ^ab}}, answer: {id: short}}]",
         "{\"id\":\"abcde\"}", "short"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        char wanted[64];
        kit_init(&k);
        kit_add(&k, rows[i].stubs);
        snprintf(wanted, sizeof wanted, "{\"id\":\"%s\"}", rows[i].id);
        expect(&k, rows[i].request, wanted);
        kit_deinit(&k);
    }
}

/* Many random stubs: what the index finds is what trying all of them would. */
static void the_index_finds_what_a_search_would(void **state)
{
    static const char *const conditions[] = {
        "",
        "id: a",
        "id: b",
        "count: 1",
        "count: 2",
        "colour: RED",
        "exact: true",
        "id: {$regex: ^a}",
        "id: {$glob: 'b*'}",
        "limit: 1",
        "tags: {$size: 1}",
        "options: {table: t}",
    };
    static const char *const fields[] = {
        "\"id\":\"a\"",   "\"id\":\"b\"", "\"count\":1",      "\"colour\":\"RED\"",
        "\"exact\":true", "\"limit\":1",  "\"tags\":[\"x\"]", "\"options\":{\"table\":\"t\"}"};
    struct kit indexed, searched;
    uint64_t seed = 1;
    (void)state;
    kit_init(&indexed);
    kit_init(&searched);
    for (int i = 0; i < 300; i++) {
        struct text when = TEXT_INIT, yaml = TEXT_INIT;
        int used = 0;
        for (size_t c = 1; c < sizeof conditions / sizeof conditions[0] && used < 3; c++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
            if ((seed >> 40) % 4 != 0 || (c == 2 && strstr(text_string(&when), "id: a") != NULL) ||
                ((c == 7 || c == 8) && strstr(text_string(&when), "id:") != NULL) ||
                (c == 4 && strstr(text_string(&when), "count") != NULL))
                continue;
            text_printf(&when, "%s%s", used++ > 0 ? ", " : "", conditions[c]);
        }
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        int priority = (int)((seed >> 40) % 3);
        text_printf(&yaml, "{" FIND ", priority: %d, when: {%s}, answer: {amount: %d}}", priority, text_string(&when),
                    i);
        kit_add(&indexed, text_string(&yaml));
        kit_add(&searched, text_string(&yaml));
        text_deinit(&when);
        text_deinit(&yaml);
        /* Some go again. */
        if (i % 3 == 2) {
            uint64_t id = (seed >> 20) % (uint64_t)i + 1;
            assert_int_equal(stub_set_remove(indexed.set, id), stub_set_remove(searched.set, id));
        }
    }
    for (unsigned bits = 0; bits < 256; bits++) {
        struct text request = TEXT_INIT;
        for (unsigned f = 0; f < 8; f++)
            if ((bits >> f & 1) != 0 && !(f == 1 && (bits & 1) != 0))
                text_printf(&request, "%s%s", request.len > 0 ? "," : "{", fields[f]);
        text_puts(&request, request.len > 0 ? "}" : "{}");
        size_t ends[1];
        struct fake_asked asked;
        struct stub_nearest near;
        /* Weighing goes through all of them: weight 0 and the highest rank is the one that must answer. */
        kit_asked(&searched, "Find", (const char *const[]){text_string(&request), NULL}, ends, &asked);
        assert_int_equal(stub_set_nearest(searched.set, &asked, 1000, &near), 0);
        kit_find(&indexed, text_string(&request));
        if (indexed.verdict == FAKE_PASSED) {
            assert_true(near.count == 0 || near.near[0].distance > 0);
        } else {
            struct stub_info info;
            assert_true(near.near[0].distance == 0);
            assert_int_equal(stub_set_find(indexed.set, near.near[0].id, &info), 0);
            if (info.used == 0)
                fail_msg("%s: stub %d answered, stub %d should have: %s", text_string(&request), 0,
                         (int)near.near[0].id, text_string(&indexed.json));
            stub_set_reset(indexed.set, "");
        }
        stub_nearest_deinit(&near);
        text_deinit(&request);
    }
    kit_deinit(&indexed);
    kit_deinit(&searched);
}

/* Each of these would be a group of its own: the last ones are tried one by one, and found all the same. */
static void more_groups_than_there_are_still_answer(void **state)
{
    struct kit k;
    char name[16], yaml[160], wanted[32];
    (void)state;
    kit_init(&k);
    for (int i = 0; i < 100; i++) {
        snprintf(yaml, sizeof yaml, "{" FIND ", metadata: {x-%d: '%d'}, answer: {amount: %d}}", i, i, i + 1);
        kit_add(&k, yaml);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "x-%d", i);
        k.headers[0] = (struct grpc_header){bytes_of(name), bytes_of(name + 2)};
        k.header_count = 1;
        snprintf(wanted, sizeof wanted, "{\"amount\":%d}", i + 1);
        expect(&k, "{}", wanted);
        k.headers[0].value = bytes_of("no");
        expect(&k, "{}", "passed");
    }
    for (uint64_t id = 1; id <= 100; id++)
        assert_int_equal(stub_set_remove(k.set, id), 0);
    assert_int_equal(stub_set_count(k.set), 0);
    /* More exact values than a group has places for. */
    struct text many = TEXT_INIT;
    text_puts(&many, "{" FIND ", answer: {id: all}, metadata: {");
    for (int i = 0; i < 20; i++)
        text_printf(&many, "y-%d: a, ", i);
    text_puts(&many, "}}");
    kit_add(&k, text_string(&many));
    char names[20][8];
    struct grpc_header all[20];
    struct fake_asked asked;
    size_t ends[1];
    kit_asked(&k, "Find", (const char *const[]){"{}", NULL}, ends, &asked);
    asked.metadata = (struct grpc_metadata){all, 20};
    for (int i = 0; i < 20; i++) {
        snprintf(names[i], sizeof names[i], "y-%d", i);
        all[i] = (struct grpc_header){bytes_of(names[i]), bytes_of("a")};
    }
    assert_int_equal(kit_ask(&k, &asked), FAKE_ANSWERED);
    for (int i = 0; i < 20; i++) {
        all[i].value = bytes_of("b");
        assert_int_equal(kit_ask(&k, &asked), FAKE_PASSED);
        all[i].value = bytes_of("a");
    }
    text_deinit(&many);
    kit_deinit(&k);
}

static void times_sequences_and_states_count(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    kit_add(&k,
            "[{" FIND ", when: {id: t}, times: 2, answer: {id: x}},"
            " {" FIND ", when: {id: s}, sequence: [{answer: {id: a}}, {status: ABORTED, turns: 2}, {answer: {id: b}}]},"
            " {" FIND ", when: {id: c}, then: cycle, sequence: [{answer: {id: a}}, {answer: {id: b}}]},"
            " {" FIND ", when: {id: p}, then: pass, sequence: [{answer: {id: a}}, {answer: {id: b}}]}]");
    const char *const ts[] = {"{\"id\":\"x\"}", "{\"id\":\"x\"}", "passed", "passed"};
    const char *const ss[] = {"{\"id\":\"a\"}", "ABORTED ", "ABORTED ", "{\"id\":\"b\"}", "{\"id\":\"b\"}"};
    const char *const cs[] = {"{\"id\":\"a\"}", "{\"id\":\"b\"}", "{\"id\":\"a\"}", "{\"id\":\"b\"}"};
    const char *const ps[] = {"{\"id\":\"a\"}", "{\"id\":\"b\"}", "passed"};
    for (int round = 0; round < 3; round++) { /* each session counts for itself, and a reset begins anew */
        k.session = round == 1 ? "other" : "";
        for (size_t i = 0; i < 4; i++)
            expect(&k, "{\"id\":\"t\"}", ts[i]);
        for (size_t i = 0; i < 5; i++)
            expect(&k, "{\"id\":\"s\"}", ss[i]);
        for (size_t i = 0; i < 4; i++)
            expect(&k, "{\"id\":\"c\"}", cs[i]);
        for (size_t i = 0; i < 3; i++)
            expect(&k, "{\"id\":\"p\"}", ps[i]);
        k.responder.reset(k.responder.arg, "");
    }
    stub_set_clear(k.set);
    kit_add(&k,
            "[{" FIND ", when: {name: pay}, state: {machine: 'order ${request.id}', is: start, becomes: paid}, "
            "answer: {title: paid}},"
            " {" FIND ", when: {name: ship}, state: {machine: 'order ${request.id}', is: [paid, packed], becomes: "
            "'to ${request.note.value}'}, answer: {title: shipped}},"
            " {" FIND ", when: {name: look}, state: {machine: 'order ${request.id}', is: to Rome}, answer: {title: on "
            "its way}}]");
    k.session = "";
    expect(&k, "{\"id\":\"1\",\"name\":\"ship\"}", "passed");
    expect(&k, "{\"id\":\"1\",\"name\":\"pay\"}", "{\"title\":\"paid\"}");
    expect(&k, "{\"id\":\"1\",\"name\":\"pay\"}", "passed");
    expect(&k, "{\"id\":\"2\",\"name\":\"ship\"}", "passed");
    expect(&k, "{\"id\":\"1\",\"name\":\"ship\",\"note\":\"Rome\"}", "{\"title\":\"shipped\"}");
    expect(&k, "{\"id\":\"1\",\"name\":\"look\"}", "{\"title\":\"on its way\"}");
    k.session = "b";
    expect(&k, "{\"id\":\"1\",\"name\":\"look\"}", "passed");
    expect(&k, "{\"id\":\"1\",\"name\":\"pay\"}", "{\"title\":\"paid\"}");
    k.responder.reset(k.responder.arg, "b");
    expect(&k, "{\"id\":\"1\",\"name\":\"pay\"}", "{\"title\":\"paid\"}");
    k.session = "";
    expect(&k, "{\"id\":\"1\",\"name\":\"look\"}", "{\"title\":\"on its way\"}");
    kit_deinit(&k);
}

static void probabilities_and_delays_follow_their_laws(void **state)
{
    struct kit k;
    int hits = 0;
    double sum[5] = {0}, squares[5] = {0}, below = 0;
    (void)state;
    kit_init(&k);
    kit_add(&k,
            "[{" FIND ", when: {id: p}, probability: 0.25, answer: {}},"
            " {" FIND ", when: {count: 0}, delay: 20ms}, {" FIND ", when: {count: 1}, delay: {uniform: [10ms, 30ms]}},"
            " {" FIND ", when: {count: 2}, delay: {normal: {mean: 100ms, deviation: 10ms}}},"
            " {" FIND ", when: {count: 3}, delay: {lognormal: {median: 20ms, sigma: 0.5}, max: 10s}},"
            " {" FIND ", when: {count: 4}, delay: {exponential: {mean: 20ms}}}]");
    for (int i = 0; i < 4000; i++)
        hits += kit_call(&k, "Find", "{\"id\":\"p\"}") == FAKE_ANSWERED && k.answer.by != NULL &&
                strstr(k.answer.by, "stubs.yaml:1") != NULL && k.answer.delay == 0;
    assert_in_range(hits, 850, 1150);
    for (int law = 0; law < 5; law++)
        for (int i = 0; i < 4000; i++) {
            char request[32];
            snprintf(request, sizeof request, "{\"count\":%d}", law);
            assert_int_equal(kit_call(&k, "Find", request), FAKE_ANSWERED);
            double ms = (double)k.answer.delay / 1e6;
            sum[law] += ms / 4000;
            squares[law] += ms * ms / 4000;
            below += law == 3 && ms < 20;
            if (law == 1)
                assert_true(ms >= 10 && ms <= 30);
        }
    assert_true(fabs(sum[0] - 20) < 1e-6);
    assert_true(fabs(sum[1] - 20) < 0.5);
    assert_true(fabs(sum[2] - 100) < 1 && fabs(sqrt(squares[2] - sum[2] * sum[2]) - 10) < 1);
    assert_true(fabs(below / 4000 - 0.5) < 0.03 && fabs(sum[3] - 20 * exp(0.125)) < 1);
    assert_true(fabs(sum[4] - 20) < 1.5);
    kit_deinit(&k);
    /* The same seed gives the same draws. */
    uint64_t first[2][20];
    for (int run = 0; run < 2; run++) {
        kit_init(&k);
        kit_add(&k, "{" FIND ", delay: {uniform: [0, 1h]}}");
        for (int i = 0; i < 20; i++) {
            kit_call(&k, "Find", "{}");
            first[run][i] = k.answer.delay;
            assert_true(i == 0 || first[run][i] != first[run][i - 1]);
        }
        kit_deinit(&k);
    }
    assert_memory_equal(first[0], first[1], sizeof first[0]);
}

static void templates_are_filled_in(void **state)
{
    static const struct {
        const char *answer, *request, *reply;
    } rows[] = {
        {"{id: '${request.id}'}", "{\"id\":\"a\"}", "{\"id\":\"a\"}"},
        {"{id: 'x-${request.id}-${request.count}'}", "{\"id\":\"a\",\"count\":3}", "{\"id\":\"x-a-3\"}"},
        {"{amount: '${request.count}'}", "{\"count\":3}", "{\"amount\":3}"},
        {"{amount: '${request.id}'}", "{\"id\":\"12\"}", "{\"amount\":12}"},
        {"{amount: '${request.count + 2 * 3}'}", "{\"count\":1}", "{\"amount\":7}"},
        {"{amount: '${(request.count + 2) * 3 % 4}'}", "{\"count\":1}", "{\"amount\":1}"},
        {"{amount: '${-request.count - 1}'}", "{\"count\":4}", "{\"amount\":-5}"},
        {"{weight: '${request.weight / 2}'}", "{\"weight\":3}", "{\"weight\":1.5}"},
        {"{big: '${request.number}'}", "{\"number\":\"18446744073709551615\"}", "{\"big\":\"18446744073709551615\"}"},
        {"{good: '${request.exact}'}", "{\"exact\":true}", "{\"good\":true}"},
        {"{colour: '${request.colour}', title: '${request.colour}'}", "{\"colour\":\"RED\"}",
         "{\"title\":\"RED\",\"colour\":\"RED\"}"},
        {"{raw: '${request.raw}'}", "{\"raw\":\"AP8=\"}", "{\"raw\":\"AP8=\"}"},
        {"{raw: 'hi'}", "{}", NULL},
        {"{tags: ['${request.id}', b, '${upper(request.id)}']}", "{\"id\":\"a\"}", "{\"tags\":[\"a\",\"b\",\"A\"]}"},
        {"{tags: '${request.tags}'}", "{\"tags\":[\"x\",\"y\"]}", "{\"tags\":[\"x\",\"y\"]}"},
        {"{sizes: '${request.sizes}'}", "{\"sizes\":[1,2]}", "{\"sizes\":[1,2]}"},
        {"{id: '${request.tags[1]}', title: '${request.tags[-1]}'}", "{\"tags\":[\"x\",\"y\",\"z\"]}",
         "{\"id\":\"y\",\"title\":\"z\"}"},
        {"{id: 'got ${request.tags[7]}.'}", "{}", "{\"id\":\"got .\"}"},
        {"{id: '${request.items[0].parts[1].title}'}", "{\"items\":[{\"parts\":[{},{\"title\":\"deep\"}]}]}",
         "{\"id\":\"deep\"}"},
        {"{id: '${request.labels[\"a\"]}'}", "{\"labels\":{\"a\":\"x\"}}", "{\"id\":\"x\"}"},
        {"{id: '${request.shelves[3].id}'}", "{\"shelves\":{\"3\":{\"id\":\"s\"}}}", "{\"id\":\"s\"}"},
        {"{amount: '${size(request.items)}', title: '${size(request.id)}'}", "{\"items\":[{},{}],\"id\":\"abc\"}",
         "{\"title\":\"3\",\"amount\":2}"},
        {"{options: '${request.options}'}", "{\"options\":{\"table\":\"t\"}}", "{\"options\":{\"table\":\"t\"}}"},
        {"{parts: '${request.items}'}", "{\"items\":[{\"id\":\"a\"},{}]}", "{\"parts\":[{\"id\":\"a\"},{}]}"},
        {"'${request.items[0]}'", "{\"items\":[{\"id\":\"a\"}]}", "{\"id\":\"a\"}"},
        {"{options: {table: '${request.id}', inner: {depth: '${request.count}'}}, parts: [{id: k}, {id: "
         "'${request.id}'}]}",
         "{\"id\":\"a\",\"count\":3}",
         "{\"options\":{\"table\":\"a\",\"inner\":{\"depth\":3}},\"parts\":[{\"id\":\"k\"},{\"id\":\"a\"}]}"},
        {"{labels: {k: v, '${request.id}': '${request.count}'}}", "{\"id\":\"a\",\"count\":3}",
         "{\"labels\":{\"a\":\"3\",\"k\":\"v\"}}"},
        {"{made: '${request.since}'}", "{\"since\":\"2024-01-01T00:00:00Z\"}", "{\"made\":\"2024-01-01T00:00:00Z\"}"},
        {"{made: '${now}', title: '${now.seconds}'}", "{}",
         "{\"title\":\"1700000000\",\"made\":\"2023-11-14T22:13:20.123Z\"}"},
        {"{note: 'hi ${request.id}'}", "{\"id\":\"a\"}", "{\"note\":\"hi a\"}"},
        {"{id: '${metadata.x-user}', title: '${metadata.x-none}'}", "{}", "{\"id\":\"Mary\"}"},
        {"{id: '${caller}', title: '${service}/${method}'}", "{}",
         "{\"id\":\"10.0.0.7:1234\",\"title\":\"shop.Shop/Find\"}"},
        {"{id: '$${x} ${default(request.id, ''none'')}'}", "{}", "{\"id\":\"${x} none\"}"},
        {"{id: '${lower(''ABC'')}}'}", "{}", "{\"id\":\"abc}\"}"},
        {"{id: '${request}'}", "{\"count\":3}", "{\"id\":\"{\\\"count\\\":\\\"3\\\"}\"}"},
        {"{amount: '${random(3, 3)}'}", "{}", "{\"amount\":3}"},
        {"{amount: '${messages.count}'}", "{}", "{\"amount\":1}"},
    };
    struct kit k;
    (void)state;
    kit_init(&k);
    k.headers[k.header_count++] = (struct grpc_header){bytes_of("x-user"), bytes_of("Mary")};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text yaml = TEXT_INIT;
        if (rows[i].reply == NULL)
            continue;
        text_printf(&yaml, "{" FIND ", answer: %s}", rows[i].answer);
        kit_add(&k, text_string(&yaml));
        const char *got = kit_find(&k, rows[i].request);
        if (strcmp(got, rows[i].reply) != 0)
            fail_msg("%s on %s: expected %s, got %s", rows[i].answer, rows[i].request, rows[i].reply, got);
        stub_set_clear(k.set);
        text_deinit(&yaml);
    }
    kit_add(&k, "[{" FIND ", when: {id: {$regex: '^u-([0-9]+)-(.*)$', $capture: u}}, "
                "answer: {amount: '${captured.u}', title: '${captured.u.2}', id: '${captured.u.0}'}},"
                " {" FIND ", when: {id: n}, answer: {title: '${stub.count} ${counter.c} ${counter.c}'}},"
                " {" FIND ", when: {id: u}, answer: {id: '${uuid}', title: '${hex(4)}'}}]");
    expect(&k, "{\"id\":\"u-12-x y\"}", "{\"id\":\"u-12-x y\",\"title\":\"x y\",\"amount\":12}");
    expect(&k, "{\"id\":\"n\"}", "{\"title\":\"1 1 2\"}");
    expect(&k, "{\"id\":\"n\"}", "{\"title\":\"2 3 4\"}");
    kit_find(&k, "{\"id\":\"u\"}");
    char *before = strdup(text_string(&k.json));
    kit_find(&k, "{\"id\":\"u\"}");
    assert_string_not_equal(before, text_string(&k.json));
    assert_int_equal(k.json.len, strlen("{\"id\":\"\",\"title\":\"\"}") + 36 + 8);
    free(before);
    kit_deinit(&k);
}

static void a_template_that_cannot_be_filled_in_says_why(void **state)
{
    static const char *const rows[][3] = {
        {"{amount: '${request.id}'}", "{\"id\":\"x\"}", "amount takes a whole number, and ${...} came to x"},
        {"{amount: '${1 / request.count}'}", "{}", "divides by zero"},
        {"{amount: '${request.count + 1}'}", "{\"count\":\"9223372036854775807\"}", "more than 64 bits"},
        {"{amount: '${request.count}'}", "{\"count\":\"3000000000\"}", "amount takes a whole number"},
        {"{made: '${request.id}'}", "{\"id\":\"soon\"}", "is no google.protobuf.Timestamp"},
        {"{id: '${random(2, 1)}'}", "{}", "begins above its end"},
    };
    struct kit k;
    (void)state;
    kit_init(&k);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text yaml = TEXT_INIT;
        text_printf(&yaml, "{" FIND ", answer: %s}", rows[i][0]);
        kit_add(&k, text_string(&yaml));
        const char *got = kit_find(&k, rows[i][1]);
        if (strncmp(got, "INTERNAL stub stubs.yaml:1", 26) != 0 || strstr(got, rows[i][2]) == NULL)
            fail_msg("%s: %s", rows[i][0], got);
        assert_int_equal(k.answer.replies.len, 0);
        stub_set_clear(k.set);
        text_deinit(&yaml);
    }
    kit_deinit(&k);
}

static void statuses_headers_and_faults_are_said(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    kit_add(&k, "[{" FIND ", when: {id: e}, status: NOT_FOUND, message: 'no ${request.id}', "
                "headers: {x-a: '${request.id}', x-b-bin: \"\\x01\"}, trailers: {x-t: t}},"
                " {" FIND
                ", when: {id: d}, status: 3, message: bad, details: [{'@type': type.googleapis.com/shop.Item, id: a}]},"
                " {" FIND ", when: {id: never}, fault: never}, {" FIND ", when: {id: reset}, fault: reset},"
                " {" FIND ", when: {id: cut}, answer: {id: x}, fault: disconnect}, {" FIND
                ", when: {id: junk}, fault: garbage},"
                " {" FIND ", when: {id: bad}, headers: {x-a: '${request.name}'}}]");
    expect(&k, "{\"id\":\"e\"}", "NOT_FOUND no e");
    assert_int_equal(k.answer.headers.count, 3);
    assert_string_equal(k.answer.headers.items[0].name, "x-a");
    assert_true(bytes_is(k.answer.headers.items[0].value, "e"));
    assert_int_equal(k.answer.headers.items[1].value.data[0], 1);
    assert_true(k.answer.headers.items[2].trailer && !k.answer.headers.items[1].trailer);
    expect(&k, "{\"id\":\"d\"}", "INVALID_ARGUMENT bad");
    static const uint8_t details[] = {0x08, 3, 0x12, 3, 'b', 'a', 'd', 0x1A};
    assert_true(k.answer.details.len > sizeof details);
    assert_memory_equal(k.answer.details.data, details, sizeof details);
    kit_find(&k, "{\"id\":\"never\"}");
    assert_int_equal(k.answer.ending, FAKE_NEVER);
    kit_find(&k, "{\"id\":\"reset\"}");
    assert_int_equal(k.answer.ending, FAKE_RESETS);
    expect(&k, "{\"id\":\"cut\"}", "{\"id\":\"x\"}");
    assert_int_equal(k.answer.ending, FAKE_DISCONNECTS);
    kit_call(&k, "Find", "{\"id\":\"junk\"}");
    assert_int_equal(k.answer.marks.count, 1);
    assert_true(pb_scan(NULL, text_bytes(&k.answer.replies), NULL) != 0);
    expect(&k, "{\"id\":\"bad\",\"name\":\"a\\nb\"}",
           "INTERNAL stub stubs.yaml:1: the value of the header x-a is not of printable ASCII");
    kit_deinit(&k);
}

static void streams_are_matched_and_answered(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    kit_add(&k,
            "[{call: shop.Shop/Watch, when: {id: w}, every: 5ms, delay: 1ms, status: ABORTED, "
            "replies: [{id: a}, {id: '${request.id}', $delay: 20ms, $repeat: 2}]},"
            " {call: shop.Shop/Watch, when: {id: open}, stays: true, answer: {id: x}},"
            " {call: shop.Shop/Upload, messages: [{id: a}, {id: {$any: true}}], answer: {items: '${messages.count}', "
            "text: '${messages[0].id}${messages[-1].id}'}},"
            " {call: shop.Shop/Upload, messages: {$each: {id: x}, $size: {$min: 3}}, answer: {text: all x}},"
            " {call: shop.Shop/Upload, when: {id: last}, answer: {text: last}},"
            " {call: shop.Shop/Chat, when: {id: hi}, answer: {title: 'hello ${messages.count}'}},"
            " {call: shop.Shop/Chat, when: {id: bye}, ends: true, answer: {title: bye}},"
            " {call: shop.Shop/Chat, when: {id: no}, status: ABORTED},"
            " {call: shop.Shop/Chat, at: end, messages: {$first: {id: sum}}, answer: {amount: '${messages.count}'}},"
            " {call: shop.Shop/Chat, when: {id: sum}, replies: []}]");
    kit_call(&k, "Watch", "{\"id\":\"w\"}");
    assert_string_equal(kit_replies(&k, "Watch"), "{\"id\":\"a\"} {\"id\":\"w\"} {\"id\":\"w\"}");
    assert_int_equal(k.answer.status, GRPC_ABORTED);
    assert_int_equal(k.answer.delay, 1000000);
    assert_int_equal(k.answer.marks.items[0].delay, 0);
    assert_int_equal(k.answer.marks.items[2].delay, 25000000);
    kit_call(&k, "Watch", "{\"id\":\"open\"}");
    assert_int_equal(k.answer.ending, FAKE_STAYS);

    kit_call_many(&k, "Upload", (const char *const[]){"{\"id\":\"a\"}", "{\"id\":\"b\"}", NULL});
    assert_string_equal(kit_replies(&k, "Upload"), "{\"items\":2,\"text\":\"ab\"}");
    assert_int_equal(kit_call(&k, "Upload", "{\"id\":\"a\"}"), FAKE_PASSED);
    kit_call_many(&k, "Upload", (const char *const[]){"{\"id\":\"x\"}", "{\"id\":\"x\"}", "{\"id\":\"x\"}", NULL});
    assert_string_equal(kit_replies(&k, "Upload"), "{\"text\":\"all x\"}");
    kit_call_many(&k, "Upload", (const char *const[]){"{\"id\":\"x\"}", "{\"id\":\"last\"}", NULL});
    assert_string_equal(kit_replies(&k, "Upload"), "{\"text\":\"last\"}");
    assert_int_equal(kit_call_many(&k, "Upload", (const char *const[]){NULL}), FAKE_PASSED);

    k.open = true;
    kit_call_many(&k, "Chat", (const char *const[]){"{}", "{\"id\":\"hi\"}", NULL});
    assert_string_equal(kit_replies(&k, "Chat"), "{\"title\":\"hello 2\"}");
    assert_int_equal(k.answer.ending, FAKE_STAYS);
    kit_call(&k, "Chat", "{\"id\":\"bye\"}");
    assert_int_equal(k.answer.ending, FAKE_ENDS);
    kit_call(&k, "Chat", "{\"id\":\"no\"}");
    assert_int_equal(k.answer.ending, FAKE_ENDS);
    assert_int_equal(k.answer.status, GRPC_ABORTED);
    k.open = false;
    kit_call_many(&k, "Chat", (const char *const[]){"{\"id\":\"sum\"}", "{}", NULL});
    assert_string_equal(kit_replies(&k, "Chat"), "{\"amount\":2}");
    kit_call(&k, "Chat", "{\"id\":\"hi\"}"); /* the stream was a stub's: it ends well, and nothing is said twice */
    assert_int_equal(k.verdict, FAKE_ANSWERED);
    assert_int_equal(k.answer.marks.count, 0);
    assert_int_equal(k.answer.ending, FAKE_ENDS);
    assert_int_equal(kit_call(&k, "Chat", "{\"id\":\"unheard of\"}"), FAKE_PASSED);
    kit_deinit(&k);
}

static void metadata_session_and_caller_decide(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    kit_add(&k, "[{" FIND ", metadata: {X-User: Mary}, answer: {id: mary}},"
                " {" FIND ", metadata: {x-user: {$regex: ^J}, x-role: {$absent: true}}, answer: {id: j}},"
                " {" FIND ", metadata: {$anyOf: [{x-a: '1'}, {x-b: {$min: 3}}]}, answer: {id: any}},"
                " {" FIND ", metadata: {x-bin: aGk=}, answer: {id: bin}},"
                " {" FIND ", metadata: {x-two: 'a, b'}, answer: {id: two}},"
                " {" FIND ", session: s, answer: {id: session}},"
                " {" FIND ", caller: {$glob: '192.168.*'}, answer: {id: caller}}]");
    static const char *const rows[][3] = {
        {"x-user", "Mary", "{\"id\":\"mary\"}"}, {"x-user", "John", "{\"id\":\"j\"}"}, {"x-user", "Bob", "passed"},
        {"x-a", "1", "{\"id\":\"any\"}"},        {"x-b", "12", "{\"id\":\"any\"}"},    {"x-b", "2", "passed"},
        {"x-bin", "hi", "{\"id\":\"bin\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        k.headers[0] = (struct grpc_header){bytes_of(rows[i][0]), bytes_of(rows[i][1])};
        k.header_count = 1;
        expect(&k, "{}", rows[i][2]);
    }
    k.headers[0] = (struct grpc_header){bytes_of("x-two"), bytes_of("a")};
    k.headers[1] = (struct grpc_header){bytes_of("x-two"), bytes_of("b")};
    k.header_count = 2;
    expect(&k, "{}", "{\"id\":\"two\"}");
    k.header_count = 0;
    k.session = "s";
    expect(&k, "{}", "{\"id\":\"session\"}");
    k.session = "";
    k.caller = "192.168.1.1:9";
    expect(&k, "{}", "{\"id\":\"caller\"}");
    kit_deinit(&k);
}

static void effects_add_and_remove(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    kit_add(&k,
            "[{" FIND ", when: {name: create}, answer: {id: '${request.id}'}, effects: [{add: {stub: 'item "
            "${request.id}', call: shop.Shop/Watch, when: {id: '${request.id}'}, answer: {id: '${request.id}', title: "
            "'$${metadata.x}', amount: '${request.count}'}}}]},"
            " {" FIND ", when: {name: delete}, effects: [{remove: 'item ${request.id}'}]},"
            " {" FIND ", when: {name: hide}, effects: [{remove: base}]},"
            " {" FIND ", when: {name: bad}, answer: {id: x}, effects: [{add: {call: shop.Shop/Watch}}, "
            "{add: {call: shop.Shop/Watch, when: {count: '${request.id}'}}}]},"
            " {stub: base, call: shop.Shop/Watch, answer: {id: base}}]");
    assert_int_equal(stub_set_count(k.set), 5);
    k.headers[k.header_count++] = (struct grpc_header){bytes_of("x"), bytes_of("later")};
    for (int i = 0; i < 2; i++) { /* the second takes the first one's place */
        expect(&k, i == 0 ? "{\"id\":\"1\",\"name\":\"create\",\"count\":5}" : "{\"id\":\"1\",\"name\":\"create\"}",
               "{\"id\":\"1\"}");
        assert_int_equal(stub_set_count(k.set), 6);
        kit_call(&k, "Watch", "{\"id\":\"1\"}");
        assert_string_equal(kit_replies(&k, "Watch"), i == 0 ? "{\"id\":\"1\",\"title\":\"later\",\"amount\":5}"
                                                             : "{\"id\":\"1\",\"title\":\"later\"}");
    }
    k.session = "other";
    kit_call(&k, "Watch", "{\"id\":\"1\"}");
    assert_string_equal(kit_replies(&k, "Watch"), "{\"id\":\"1\",\"title\":\"later\"}"); /* no session: everybody's */
    kit_find(&k, "{\"id\":\"2\",\"name\":\"create\"}");
    k.session = "";
    kit_call(&k, "Watch", "{\"id\":\"2\"}");
    assert_string_equal(kit_replies(&k, "Watch"), "{\"id\":\"base\"}");
    k.session = "other";
    kit_call(&k, "Watch", "{\"id\":\"2\"}");
    assert_string_equal(kit_replies(&k, "Watch"), "{\"id\":\"2\",\"title\":\"later\"}");
    kit_find(&k, "{\"name\":\"hide\"}");
    assert_int_equal(kit_call(&k, "Watch", "{\"id\":\"3\"}"), FAKE_PASSED);
    k.session = "";
    assert_int_equal(kit_call(&k, "Watch", "{\"id\":\"3\"}"), FAKE_ANSWERED);
    k.responder.reset(k.responder.arg, "other");
    assert_int_equal(stub_set_count(k.set), 6);
    kit_find(&k, "{\"id\":\"1\",\"name\":\"delete\"}");
    assert_int_equal(stub_set_count(k.set), 5);
    kit_find(&k, "{\"id\":\"zz\",\"name\":\"bad\"}");
    assert_int_equal(k.answer.status, GRPC_INTERNAL);
    assert_non_null(strstr(text_string(&k.answer.message), "an effect: count takes a whole number"));
    assert_int_equal(stub_set_count(k.set), 5); /* all or none */
    kit_find(&k, "{\"id\":\"1\",\"name\":\"create\"}");
    k.responder.reset(k.responder.arg, "");
    assert_int_equal(stub_set_count(k.set), 5);
    kit_deinit(&k);
}

static void what_is_wrong_has_its_place(void **state)
{
    static const struct {
        const char *yaml;
        int line, column;
        const char *part;
    } rows[] = {
        {"{call: shop.Shop/Find, wen: {id: a}}", 1, 24, "did you mean \"when\""},
        {"{call: shop.Shop/Fnd}", 1, 8, "shop.Shop has no method \"Fnd\": did you mean \"Find\"?"},
        {"{call: shop.Shp/Find}", 1, 8, "no service \"shop.Shp\" among the descriptors: did you mean \"shop.Shop\"?"},
        {"{call: Find}", 1, 8, "Service/Method"},
        {"{service: shop.Shop}", 1, 1, "method"},
        {"- 3", 1, 3, "a stub is a map"},
        {"{call: shop.Shop/Find, answer: {idd: a}}", 1, 33, "shop.Item has no field \"idd\": did you mean \"id\"?"},
        {"{call: shop.Shop/Find, answer: {id: 3}}", 1, 37, "id takes text"},
        {"{call: shop.Shop/Find,\n answer: {id: a,\n  parts: [{id: b}, {options: {depth: x}}]}}", 3, 38,
         "depth takes a whole number"},
        {"{call: shop.Shop/Find, answer: {labels: {a: 3}}}", 1, 45, "value takes text"},
        {"{call: shop.Shop/Find, answer: {tags: a}}", 1, 39, "tags is a list"},
        {"{call: shop.Shop/Find, answer: {colour: READ}}", 1, 41, "did you mean RED?"},
        {"{call: shop.Shop/Find, answer: {made: soon}}", 1, 39, "this is no google.protobuf.Timestamp"},
        {"{call: shop.Shop/Find, answer: {id: '${request.idd}'}}", 1, 37, "did you mean \"id\"?"},
        {"{call: shop.Shop/Find, answer: {id: '${reqest.id}'}}", 1, 37, "did you mean ${request}?"},
        {"{call: shop.Shop/Find, answer: {id: '${request.id'}}", 1, 37, "a ${ has no }"},
        {"{call: shop.Shop/Find, answer: {id: '${1 +}'}}", 1, 37, "something is missing"},
        {"{call: shop.Shop/Find, answer: {id: '${1 2}'}}", 1, 37, "should end before \"2\""},
        {"{call: shop.Shop/Find, answer: {id: '${request.tags}'}}", 1, 37, "tags is a list"},
        {"{call: shop.Shop/Find, answer: {tags: '${request.id}'}}", 1, 39, "tags is a list of its own type"},
        {"{call: shop.Shop/Find, answer: {options: '${request.items[0]}'}}", 1, 42, "options takes a shop.Options"},
        {"{call: shop.Shop/Find, answer: {id: '${captured.x}'}}", 1, 37, "no $capture has the name \"x\""},
        {"{call: shop.Shop/Find, answer: {idd: '${request.id}'}}", 1, 33, "did you mean \"id\"?"},
        {"{call: shop.Shop/Find, answer: {}, replies: []}", 1, 45, "one of them"},
        {"{call: shop.Shop/Find, replies: [{}, {}]}", 1, 33, "not with a stream"},
        {"{call: shop.Shop/Find, answer: {}, status: ABORTED}", 1, 44, "not with both"},
        {"{call: shop.Shop/Find, status: NOTFOUND}", 1, 32, "did you mean NOT_FOUND?"},
        {"{call: shop.Shop/Find, message: x}", 1, 33, "beside a \"status\""},
        {"{call: shop.Shop/Find, status: ABORTED, details: [{'@type': type.googleapis.com/shop.No}]}", 1, 51,
         "shop.No"},
        {"{call: shop.Shop/Find, delay: 3}", 1, 31, "a duration such as 20ms"},
        {"{call: shop.Shop/Find, delay: 20lightyears}", 1, 31, "20lightyears"},
        {"{call: shop.Shop/Find, delay: {unform: [1ms, 2ms]}}", 1, 32, "uniform"},
        {"{call: shop.Shop/Find, delay: {normal: {mean: 1ms}}}", 1, 40, "deviation is missing"},
        {"{call: shop.Shop/Find, delay: {uniform: [2ms, 1ms]}}", 1, 41, "longer than the second"},
        {"{call: shop.Shop/Find, fault: nevr}", 1, 31, "did you mean never?"},
        {"{call: shop.Shop/Find, times: 0}", 1, 31, "times"},
        {"{call: shop.Shop/Find, probability: 2}", 1, 37, "from 0 to 1"},
        {"{call: shop.Shop/Find, headers: {X: a}}", 1, 34, "lower-case"},
        {"{call: shop.Shop/Find, stays: true}", 1, 31, "no stream"},
        {"{call: shop.Shop/Find, at: end}", 1, 28, "streams of both sides"},
        {"{call: shop.Shop/Find, state: {is: a}}", 1, 31, "machine"},
        {"{call: shop.Shop/Find, sequence: [{answr: {}}]}", 1, 36, "did you mean \"answer\""},
        {"{call: shop.Shop/Find, sequence: [{}], answer: {}}", 1, 48, "not beside it"},
        {"{call: shop.Shop/Find, effects: [{add: {call: shop.Shop/Fnd}}]}", 1, 47, "did you mean \"Find\"?"},
        {"{call: shop.Shop/Find, effects: [{add: {call: shop.Shop/Find, when: {idd: a}}}]}", 1, 70, "did you mean"},
        {"{call: shop.Shop/Find, effects: [{}]}", 1, 34, "an effect is"},
        {"stubs:\n - call: shop.Shop/Find\n - call: shop.Shop/Find\n   when: {id: 3}", 4, 15, "id takes text"},
        {"call: shop.Shop/Find\nwhen: {id: 'a}", 2, 13, "quote"},
    };
    struct kit k;
    (void)state;
    kit_init(&k);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        kit_refused(&k, rows[i].yaml, rows[i].line, rows[i].column, rows[i].part);
    kit_deinit(&k);
}

static void what_almost_matched_is_told(void **state)
{
    struct kit k;
    size_t ends[1];
    struct fake_asked asked;
    struct stub_nearest near;
    struct text text = TEXT_INIT, json = TEXT_INIT;
    (void)state;
    kit_init(&k);
    kit_add(&k, "- {stub: far, " FIND ", when: {id: zzz, count: 9, exact: true, colour: RED}}\n"
                "- {" FIND ", when: {id: user-12, options: {table: t}, labels: {k: v}}}\n"
                "- {" FIND ", when: {id: user-77, count: {$min: 3}, items: [{id: a}], tags: {$size: 2}}}\n"
                "- {" FIND ", metadata: {x-user: Mary}, when: {$anyOf: [{id: a}, {count: 3}]}}\n");
    kit_asked(&k, "Find",
              (const char *const[]){
                  "{\"id\":\"user-78\",\"count\":2,\"items\":[{\"id\":\"b\"}],\"tags\":[\"x\",\"y\"]}", NULL},
              ends, &asked);
    assert_int_equal(kit_ask(&k, &asked), FAKE_PASSED);
    assert_int_equal(stub_set_nearest(k.set, &asked, 0, &near), 0);
    assert_int_equal(near.count, 3);
    assert_int_equal(near.total, 4);
    stub_nearest_text(&near, asked.method, &text);
    assert_string_equal(text_string(&text), "no stub of shop.Shop/Find matches; nearest of 4:\n"
                                            "  stubs.yaml:4: metadata.x-user: expected \"Mary\", got nothing\n"
                                            "  stubs.yaml:4: when.id: expected id: \"a\" or count: 3, got \"user-78\"\n"
                                            "  stubs.yaml:3: when.id: expected \"user-77\", got \"user-78\"\n"
                                            "  stubs.yaml:3: when.count: expected at least 3, got 2\n"
                                            "  stubs.yaml:3: when.items[0].id: expected \"a\", got \"b\"\n"
                                            "  stubs.yaml:2: when.id: expected \"user-12\", got \"user-78\"\n"
                                            "  stubs.yaml:2: when.options.table: expected \"t\", got \"\"\n"
                                            "  stubs.yaml:2: when.options: expected it to be set, got nothing\n"
                                            "  stubs.yaml:2: when.labels[\"k\"]: expected \"v\", got nothing");
    stub_nearest_json(&near, asked.method, &json);
    json_t *tree = json_loads(text_string(&json), 0, NULL);
    assert_non_null(tree);
    assert_int_equal(json_array_size(json_object_get(tree, "nearest")), 3);
    json_decref(tree);
    stub_nearest_deinit(&near);
    stub_set_clear(k.set);

    kit_add(&k, "- {" FIND ", when: {id: a}, times: 1}\n- {" FIND ", when: {id: b}, state: {machine: m, is: on}}\n");
    kit_find(&k, "{\"id\":\"a\"}");
    for (int i = 0; i < 2; i++) {
        kit_asked(&k, "Find", (const char *const[]){i == 0 ? "{\"id\":\"a\"}" : "{\"id\":\"b\"}", NULL}, ends, &asked);
        assert_int_equal(kit_ask(&k, &asked), FAKE_PASSED);
        text_clear(&text);
        assert_int_equal(stub_set_nearest(k.set, &asked, 0, &near), 0);
        stub_nearest_text(&near, asked.method, &text);
        assert_non_null(strstr(text_string(&text), i == 0 ? "stubs.yaml:1: times: expected at most 1, got call 2"
                                                          : "stubs.yaml:2: state of \"m\": expected on, got start"));
        stub_nearest_deinit(&near);
    }
    text_deinit(&text);
    text_deinit(&json);
    kit_deinit(&k);
}

static void note_used(void *arg, const struct stub_info *stub)
{
    text_printf(arg, "%s%s:%d/%d ", stub->name, stub->file, stub->line, (int)stub->used);
}

static void stubs_come_and_go(void **state)
{
    struct kit k;
    struct error err = ERROR_INIT;
    struct text list = TEXT_INIT;
    uint64_t first = 0;
    (void)state;
    kit_init(&k);
    assert_int_equal(stub_set_add_json(k.set,
                                       bytes_of("[{\"call\": \"Shop/Find\", \"stub\": \"n\", \"answer\": {\"id\": "
                                                "\"j\"}}, {\"call\": \"shop.Shop/Watch\"}]"),
                                       "a.json", &first, &err),
                     2);
    assert_int_equal(first, 1);
    assert_true(stub_set_has(k.set, kit_method(&k, "Find")) && !stub_set_has(k.set, kit_method(&k, "Chat")));
    expect(&k, "{}", "{\"id\":\"j\"}");
    assert_string_equal(k.answer.by, "stub a.json:1 n");
    stub_set_list(k.set, false, note_used, &list);
    stub_set_list(k.set, true, note_used, &list);
    assert_string_equal(text_string(&list), "na.json:1/1 a.json:1/0 a.json:1/0 ");
    struct stub_info info;
    assert_int_equal(stub_set_find(k.set, 1, &info), 0);
    assert_int_equal(info.last, KIT_NOW);
    assert_int_equal(stub_set_remove(k.set, 2), 0);
    assert_int_equal(stub_set_remove(k.set, 2), ERROR_NOT_FOUND);
    assert_int_equal(stub_set_remove_named(k.set, "n"), 1);
    assert_int_equal(stub_set_count(k.set), 0);
    expect(&k, "{}", "passed");
    text_deinit(&list);
    kit_deinit(&k);
}

static void blocks_choose_and_repeat(void **state)
{
    static const char *const rows[][2] = {
        {"${if request.count}some${else}none${end}", "some"},
        {"${if eq(request.count, 1)}one${else if eq(request.count, 3)}three${else}more${end}!", "three!"},
        {"${each x in request.tags}<${x}>${end}", "<a><b><c>"},
        {"${each i, x in request.tags}${if i}, ${end}${i}${upper(x)}${end}", "0A, 1B, 2C"},
        {"${each k, v in request.labels}${k}=${v};${end}", "a=1;k=v;"},
        {"${each x in request.sizes}${x}${else}no sizes${end}", "no sizes"},
        {"${each x in request.tags}${if eq(len(x), 1)}${break}${end}${x}${else}none${end}.", "."},
        {"${each i, x in request.tags}${if eq(i, 1)}${continue}${end}${x}${end}", "ac"},
        {"${each x in request.tags}${each y in 2}${x}${y}${end}${end}", "a0a1b0b1c0c1"},
        {"${let n = 0}${each x in 4}${set n = n + x}${end}${n}", "6"},
        {"${let t = request.tags}${t[1]}${t[-1]}${len(t)}", "bc3"},
        {"${each x in request.items}${x.title}:${x.tags[0]} ${end}", "pen:p ink:i "},
        {"${split('a-b', '-')[1]}", "b"},
        {"$${if}", "${if}"},
        {"${if request.id}${end}x", "x"},
    };
    static const char *const wrong[][2] = {
        {"${if request.id}x", "an ${if} has no ${end}"},
        {"${each x in request.tags}x", "an ${each} has no ${end}"},
        {"x${end}", "belongs to nothing"},
        {"${else}", "belongs to nothing"},
        {"${if 1}${else}${else}${end}", "belongs to nothing"},
        {"${break}", "stand in an ${each}"},
        {"${each x in 2}${else}${break}${end}", "stand in an ${each}"},
        {"${each request.tags}${end}", "\\\"in\\\" is missing"},
        {"${set n = 1}", "no ${let} made the name"},
        {"${each x in 2}${end}${x}", "there is no ${x}"},
        {"${uper(request.id)}", "did you mean ${upper}?"},
        {"${faker.Person.Nme}", "there is no"},
    };
    struct kit k;
    (void)state;
    kit_init(&k);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text stub = TEXT_INIT, expected = TEXT_INIT;
        text_printf(&stub, "{call: shop.Shop/Find, answer: {title: \"%s\"}}", rows[i][0]);
        text_printf(&expected, "{\"title\":\"%s\"}", rows[i][1]);
        kit_add(&k, text_string(&stub));
        assert_string_equal(kit_find(&k, "{\"id\":\"i\",\"count\":3,\"tags\":[\"a\",\"b\",\"c\"],\"labels\":{"
                                         "\"k\":\"v\",\"a\":\"1\"},\"items\":[{\"title\":\"pen\",\"tags\":["
                                         "\"p\"]},{\"title\":\"ink\",\"tags\":[\"i\"]}]}"),
                            text_string(&expected));
        stub_set_clear(k.set);
        text_deinit(&stub);
        text_deinit(&expected);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct text stub = TEXT_INIT, part = TEXT_INIT;
        text_printf(&stub, "{call: shop.Shop/Find, answer: {title: '%s'}}", wrong[i][0]);
        for (const char *at = wrong[i][1]; *at != '\0'; at++)
            if (*at != '\\')
                text_char(&part, *at);
        kit_refused(&k, text_string(&stub), 1, 40, text_string(&part));
        text_deinit(&stub);
        text_deinit(&part);
    }
    /* A text that would have no end has one. */
    kit_add(&k, "{call: shop.Shop/Find, answer: {title: '${each x in 9999}${each y in 9999}${end}${end}'}}");
    assert_non_null(strstr(kit_find(&k, "{}"), "made too much text"));
    kit_deinit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choice_has_an_order),
        cmocka_unit_test(blocks_choose_and_repeat),
        cmocka_unit_test(the_index_finds_what_a_search_would),
        cmocka_unit_test(more_groups_than_there_are_still_answer),
        cmocka_unit_test(times_sequences_and_states_count),
        cmocka_unit_test(probabilities_and_delays_follow_their_laws),
        cmocka_unit_test(templates_are_filled_in),
        cmocka_unit_test(a_template_that_cannot_be_filled_in_says_why),
        cmocka_unit_test(statuses_headers_and_faults_are_said),
        cmocka_unit_test(streams_are_matched_and_answered),
        cmocka_unit_test(metadata_session_and_caller_decide),
        cmocka_unit_test(effects_add_and_remove),
        cmocka_unit_test(what_is_wrong_has_its_place),
        cmocka_unit_test(what_almost_matched_is_told),
        cmocka_unit_test(stubs_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
