/* gripmock's stub files, written for these tests, and what they answer here. */
#include "fakes/stub/test_kit.h"

#include "fakes/stub/gripmock.h"

static void add(struct kit *k, const char *text, const char *name)
{
    struct error err = ERROR_INIT;
    if (stub_set_add_gripmock(k->set, bytes_of(text), name, NULL, &err) < 0)
        fail_msg("%d:%d: %s\n%s", err.line, err.column, err.message, text);
}

static void expect(struct kit *k, const char *request, const char *answer)
{
    const char *got = kit_find(k, request);
    if (strcmp(got, answer) != 0)
        fail_msg("%s: expected %s, got %s", request, answer, got);
}

/* One stub of Find with this input: what it takes, and what not. */
static void inputs_match_as_there(void **state)
{
    static const char *const rows[][3] = {
        {"equals: {id: a, count: 3}", "{\"id\":\"a\",\"count\":3,\"weight\":1}", "{\"id\":\"a\"}"},
        {"equals: {options: {table: t}}", "{\"options\":{\"table\":\"t\"}}",
         "{\"options\":{\"table\":\"t\",\"depth\":1}}"},
        {"equals: {tags: [a, b]}", "{\"tags\":[\"a\",\"b\"]}", "{\"tags\":[\"b\",\"a\"]}"},
        {"{ignoreArrayOrder: true, equals: {tags: [a, b, a]}}", "{\"tags\":[\"b\",\"a\",\"a\"]}",
         "{\"tags\":[\"b\",\"a\",\"b\"]}"},
        {"contains: {options: {table: t}, tags: [b]}",
         "{\"options\":{\"table\":\"t\",\"depth\":1},\"tags\":[\"a\",\"b\"]}",
         "{\"options\":{\"table\":\"t\"},\"tags\":[\"a\"]}"},
        {"contains: {id: ab}", "{\"id\":\"ab\"}", "{\"id\":\"abc\"}"},
        {"contains:", "{\"id\":\"ab\"}", NULL},
        {"matches: {id: '^\\d+(\\.\\d+)?$'}", "{\"id\":\"12.5\"}", "{\"id\":\"12.\"}"},
        {"matches: {id: '(?i)^(?:ab|cd)[\\w-]+$'}", "{\"id\":\"CDx-1\"}", "{\"id\":\"CD \"}"},
        {"matches: {tags: ['^a', '^b'], options: {table: '^t'}}",
         "{\"tags\":[\"ax\",\"bx\"],\"options\":{\"table\":\"tx\"}}",
         "{\"tags\":[\"ax\"],\"options\":{\"table\":\"tx\"}}"},
        {"matches: {id: '^la+?z$'}", "{\"id\":\"laaz\"}", "{\"id\":\"lz\"}"},
        {"matches: {id: '^dot.x$'}", "{\"id\":\"dotax\"}", "{\"id\":\"dot\\nx\"}"},
        {"matches: {id: '^uni\\p{Lu}$'}", "{\"id\":\"uni\\u00c4\"}", "{\"id\":\"unix\"}"},
        {"matches: {id: '(?m)^line2$'}", "{\"id\":\"x\\nline2\\ny\"}", "{\"id\":\"x\\nline22\\ny\"}"},
        {"matches: {id: '^(?=.*[0-9])[a-z0-9]+$'}", "{\"id\":\"ab1\"}", "{\"id\":\"abc\"}"},
        {"{ignoreArrayOrder: true, equals: {mask: {paths: [id, count]}}}", "{\"mask\":\"count,id\"}",
         "{\"mask\":\"count,id,tags\"}"},
        {"contains: {mask: {paths: [id]}}", "{\"mask\":\"count,id\"}", "{\"mask\":\"count\"}"},
        {"equals: {any: {type_url: type.googleapis.com/shop.Item, value: CgFh}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\",\"id\":\"a\"}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\",\"id\":\"b\"}}"},
        {"matches: {any: {type_url: 'Item$'}}", "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\"}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Options\"}}"},
        {"glob: {id: 'user_*'}", "{\"id\":\"user_1\"}", "{\"id\":\"user_1/2\"}"},
        {"{equals: {count: 1}, matches: {id: ^a}, glob: {id: '*z'}}", "{\"id\":\"abz\",\"count\":1}",
         "{\"id\":\"ab\",\"count\":1}"},
        {"{equals: {count: 1}, anyOf: [{equals: {id: a}}, {matches: {id: ^b}}]}", "{\"id\":\"bc\",\"count\":1}",
         "{\"id\":\"c\",\"count\":1}"},
    };
    struct kit k;
    (void)state;
    kit_init(&k);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text yaml = TEXT_INIT;
        text_printf(&yaml, "- service: Shop\n  method: Find\n  input:%s%s\n  output: {data: {id: yes}}\n",
                    rows[i][0][0] == '{' ? " " : "\n    ", rows[i][0]);
        add(&k, text_string(&yaml), "g.yaml");
        expect(&k, rows[i][1], "{\"id\":\"yes\"}");
        if (rows[i][2] != NULL)
            expect(&k, rows[i][2], "passed");
        stub_set_clear(k.set);
        text_deinit(&yaml);
    }
    kit_deinit(&k);
}

static void choice_output_and_counts_are_as_there(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    add(&k,
        "[{\"id\": \"11111111-1111-1111-1111-111111111111\", \"service\": \"shop.Shop\", \"method\": \"Find\","
        "  \"priority\": 1000, \"input\": {\"contains\": {\"tags\": [\"a\"]}}, \"output\": {\"data\": {\"id\": "
        "\"some\"}}},"
        " {\"service\": \"shop.Shop\", \"method\": \"Find\", \"input\": {\"equals\": {\"id\": \"a\"}},"
        "  \"output\": {\"data\": {\"id\": \"{{.Request.id}}!\", \"amount\": \"{{add .Request.count 2}}\"},"
        "   \"delay\": \"1.5s\", \"headers\": {\"x-a\": \"{{index .Headers \\\"x-user\\\"}}\"}, \"trailers\": "
        "{\"x-t\": \"t\"}}},"
        " {\"service\": \"shop.Shop\", \"method\": \"Find\", \"input\": {\"equals\": {\"id\": \"e\"}},"
        "  \"output\": {\"error\": \"no {{.Request.id | upper}}\", \"code\": 5, \"details\": [{\"type\": "
        "\"type.googleapis.com/shop.Item\", \"id\": \"d\"}]}},"
        " {\"service\": \"shop.Shop\", \"method\": \"Find\", \"input\": {\"equals\": {\"id\": \"plain\"}},"
        "  \"output\": {\"error\": \"broken\"}, \"options\": {\"times\": 1}},"
        " {\"service\": \"shop.Shop\", \"method\": \"Find\", \"headers\": {\"equals\": {\"x-user\": \"Mary\"}, "
        "\"matches\": "
        "{\"x-user\": \"^M\"}, \"anyOf\": [{\"equals\": {\"x-b\": \"1\"}}, {\"glob\": {\"x-b\": \"2*\"}}]}, \"input\": "
        "{\"equals\": {\"id\": \"h\"}}, \"output\": {\"data\": {\"id\": \"header\"}}}]",
        "g.json");
    k.headers[0] = (struct grpc_header){bytes_of("x-user"), bytes_of("Mary")};
    k.header_count = 1;
    /* How narrowly a stub matches comes before its priority. */
    expect(&k, "{\"id\":\"a\",\"count\":1,\"tags\":[\"a\"]}", "{\"id\":\"a!\",\"amount\":3}");
    assert_int_equal(k.answer.delay, UINT64_C(1500000000));
    assert_true(bytes_is(k.answer.headers.items[0].value, "Mary") && k.answer.headers.items[1].trailer);
    expect(&k, "{\"tags\":[\"a\"]}", "{\"id\":\"some\"}");
    expect(&k, "{\"id\":\"e\"}", "NOT_FOUND no E");
    assert_true(k.answer.details.len > 0);
    expect(&k, "{\"id\":\"plain\"}", "ABORTED broken");
    expect(&k, "{\"id\":\"plain\"}", "passed");
    expect(&k, "{\"id\":\"h\"}", "passed");
    k.headers[1] = (struct grpc_header){bytes_of("x-b"), bytes_of("23")};
    k.header_count = 2;
    expect(&k, "{\"id\":\"h\"}", "{\"id\":\"header\"}");
    assert_int_equal(stub_set_remove_named(k.set, "11111111-1111-1111-1111-111111111111"), 1);
    kit_deinit(&k);
}

static void streams_and_effects_are_as_there(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    add(&k,
        "- {service: Shop, method: Watch, input: {equals: {id: w}}, output: {delay: 10ms, stream: [{id: a}, {id: b, "
        "_gripmock: {delay: 50ms}}]}}\n"
        "- {service: Shop, method: Watch, input: {equals: {id: f}}, output: {stream: [{id: a}, {_gripmock: {error: "
        "over, code: "
        "8}}, {id: never}]}}\n"
        "- {service: Shop, method: Watch, input: {equals: {id: e}}, output: {stream: [{id: a}], error: late, code: "
        "10}}\n"
        "- {service: Shop, method: Upload, inputs: [{equals: {id: x}}, {equals: {id: y}}], output: {data: {text: 'xy "
        "{{len "
        ".Requests}} {{(index .Requests 0).id}}'}}}\n"
        "- {service: Shop, method: Upload, inputs: [{matches: {id: '^z'}}], output: {data: {text: all z}}}\n"
        "- {service: Shop, method: Chat, inputs: [{equals: {id: '1'}}, {equals: {id: '2'}}], output: {stream: [{title: "
        "one}, "
        "{title: two}]}}\n"
        "- {service: Shop, method: Find, input: {equals: {id: r}}, output: {data: {id: ok}}, effects: [{action: "
        "upsert, stub: "
        "{id: s, service: Shop, method: Find, input: {equals: {id: '{{.Request.name}}'}}, output: {data: {id: logged "
        "in}}, "
        "effects: [{action: delete, id: s}]}}]}\n",
        "g.yaml");
    kit_call(&k, "Watch", "{\"id\":\"w\"}");
    assert_string_equal(kit_replies(&k, "Watch"), "{\"id\":\"a\"} {\"id\":\"b\"}");
    assert_int_equal(k.answer.marks.items[0].delay, 10000000);
    assert_int_equal(k.answer.marks.items[1].delay, 50000000);
    kit_call(&k, "Watch", "{\"id\":\"f\"}");
    assert_string_equal(kit_replies(&k, "Watch"), "{\"id\":\"a\"}");
    assert_int_equal(k.answer.status, GRPC_RESOURCE_EXHAUSTED);
    kit_call(&k, "Watch", "{\"id\":\"e\"}");
    assert_string_equal(kit_replies(&k, "Watch"), "{\"id\":\"a\"}");
    assert_int_equal(k.answer.status, GRPC_ABORTED);
    kit_call_many(&k, "Upload", (const char *const[]){"{\"id\":\"x\"}", "{\"id\":\"y\"}", NULL});
    assert_string_equal(kit_replies(&k, "Upload"), "{\"text\":\"xy 2 x\"}");
    kit_call_many(&k, "Upload", (const char *const[]){"{\"id\":\"z1\"}", "{\"id\":\"z2\"}", NULL});
    assert_string_equal(kit_replies(&k, "Upload"), "{\"text\":\"all z\"}");
    k.open = true;
    kit_call(&k, "Chat", "{\"id\":\"1\"}");
    assert_string_equal(kit_replies(&k, "Chat"), "{\"title\":\"one\"}");
    kit_call_many(&k, "Chat", (const char *const[]){"{\"id\":\"1\"}", "{\"id\":\"2\"}", NULL});
    assert_string_equal(kit_replies(&k, "Chat"), "{\"title\":\"two\"}");
    k.open = false;
    expect(&k, "{\"id\":\"Mary\"}", "passed");
    expect(&k, "{\"id\":\"r\",\"name\":\"Mary\"}", "{\"id\":\"ok\"}");
    expect(&k, "{\"id\":\"Mary\"}", "{\"id\":\"logged in\"}");
    expect(&k, "{\"id\":\"Mary\"}", "passed");
    kit_deinit(&k);
}

static void what_has_no_counterpart_is_told_with_its_place(void **state)
{
    static const struct {
        const char *yaml;
        int line, column;
        const char *part;
    } rows[] = {
        {"- {service: Shop, method: Find, output: {data: {id: '{{faker.Person.Nme}}'}}}", 1, 53,
         "there is no \"faker.Person.Nme\""},
        {"- {service: Shop, method: Find, output: {data: {id: '{{sha256 .Request.id}}'}}}", 1, 53, "of plugins"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{.Stat.x}}'}}}", 1, 53, "no such name"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{.Request.idd}}'}}}", 1, 53, "did you mean \"id\"?"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{if .Request.id}}x'}}}", 1, 53, "has no {{end}}"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{end}}'}}}", 1, 53, "belongs to nothing"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{else}}'}}}", 1, 53, "belongs to nothing"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{break}}'}}}", 1, 53, "stand in an ${each}"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{$x}}'}}}", 1, 53, "was not made before"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{split .Request.id}}'}}}", 1, 53,
         "an argument is missing"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{upper 1 2}}'}}}", 1, 53, "too many arguments"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{}}'}}}", 1, 53, "a part is missing"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{faker}}'}}}", 1, 53, "no value by itself"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{\"a}}'}}}", 1, 53, "has no }}"},
        {"- {service: Shop, method: Find, input: {equals: {id: '{{.Request.id}}'}}, output: {data: {}}}", 1, 54,
         "a matcher does not look at the call"},
        {"- {service: Shop, method: Find, input: {equals: {id: '{{uuid}}'}}, output: {data: {}}}", 1, 54,
         "draw nothing"},
        {"- {service: Shop, method: Find, input: {equals: {id: '{{uuid2base64 \"x\"}}'}}, output: {data: {}}}", 1, 54,
         "no UUID"},
        {"- {service: Shop, method: Find, output: {data: {}}}\n- *a", 2, 3, "no anchor &a"},
        {"- {service: Shop, method: Find, output: {data: {id: '{{.Request.id'}}}", 1, 53, "has no }}"},
        {"- {service: Shop, method: Find, output: {delay: '{{jitter}}', data: {}}}", 1, 49, "an argument is missing"},
        {"- {service: Shop, method: Find, input: {matches: {id: '(a'}}, output: {data: {}}}", 1, 55,
         "not a regular expression"},
        {"- {service: Shop, method: Find, input: {equals: {idd: a}}, output: {data: {}}}", 1, 50,
         "did you mean \"id\"?"},
        {"- {service: Shop, method: Find, input: {equals: {count: x}}, output: {data: {}}}", 1, 57, "whole number"},
        {"- {service: Shop, method: Find, output: {data: {idd: a}}}", 1, 49, "did you mean \"id\"?"},
        {"- {service: Shp, method: Find, output: {data: {}}}", 1, 13, "no service \"Shp\""},
        {"- {service: Shop, method: Fnd, output: {data: {}}}", 1, 27, "no such method"},
        {"- {service: Shop, method: Find}", 1, 3, "output"},
        {"- {service: Shop, method: Find, outptu: {}}", 1, 33, "did you mean \"output\""},
        {"- {service: Shop, method: Find, effects: [{action: drop}], output: {}}", 1, 43, "an effect is"},
        {"- 3", 1, 3, "a map is expected"},
    };
    struct kit k;
    (void)state;
    kit_init(&k);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        if (stub_set_add_gripmock(k.set, bytes_of(rows[i].yaml), "g.yaml", NULL, &err) >= 0)
            fail_msg("taken: %s", rows[i].yaml);
        if (err.line != rows[i].line || err.column != rows[i].column || strstr(err.message, rows[i].part) == NULL)
            fail_msg("%s\n%d:%d: %s, expected %d:%d: %s", rows[i].yaml, err.line, err.column, err.message, rows[i].line,
                     rows[i].column, rows[i].part);
        error_clear(&err);
        assert_int_equal(stub_set_count(k.set), 0);
    }
    kit_deinit(&k);
}

static void expressions_and_templates_are_translated(void **state)
{
    static const char *const regexes[][2] = {
        {"\\d+", "[0-9]+"},         {"[\\d.]", "[0-9.]"},     {"(?P<n>a)", "(a)"},  {"\\Aab\\z", "^ab$"},
        {"[^\\s]", "[^[:space:]]"}, {"[a\\-z]", "[az-]"},     {"\\.\\+", "\\.\\+"}, {"[[:alpha:]]", "[[:alpha:]]"},
        {"[a\\]b]", "[ab[.].]]"},   {"a{2,3}|b", "a{2,3}|b"}, {"a.b", "a[^\n]b"},   {"a+?", "a+"},
        {"(?=a)", "(*UTF)(?=a)"},   {"\\pL", "(*UTF)\\pL"},
    };
    static const char *const templates[][2] = {
        {"a {{.Request.b.c}} d", "a ${print(request.b.c)} d"},
        {"{{.Request.x | upper}}", "${print(upper(request.x))}"},
        {"{{upper .Request.x}}", "${print(upper(request.x))}"},
        {"{{mul (len .Request.items) 25.50}}", "${print(mul(len(request.items), float('25.5')))}"},
        {"{{(index .Request.items 0).id}}", "${print(index(request.items, 0).id)}"},
        {"{{sum 1 2 3}}", "${print(sum(1, 2, 3))}"},
        {"{{now | unix}}", "${print(unix(now))}"},
        {"${x}", "$${x}"},
        {"{{range $i, $x := .Requests}}{{$i}}{{$x.id}}{{end}}",
         "${each v1, dot3 in messages}${let v2 = dot3}${print(v1)}${print(v2.id)}${end}"},
        {"{{with .Request.x}}{{.}}{{else}}-{{end}}", "${let dot1 = request.x}${if dot1}${print(dot1)}${else}-${end}"},
        {"{{$f := faker}}{{$f.Person.Name}}", "${print(faker.Person.Name)}"},
        {"a {{- 1 -}} b", "a${print(1)}b"},
        {"{{/* no */}}a", "a"},
        {"{{.MessageIndex}}", "${print((messages.count - 1))}"},
    };
    const struct gripmock_place place = {.index = -1};
    (void)state;
    for (size_t i = 0; i < sizeof regexes / sizeof regexes[0]; i++) {
        struct text out = TEXT_INIT;
        gripmock_regex(bytes_of(regexes[i][0]), &out);
        assert_string_equal(text_string(&out), regexes[i][1]);
        text_deinit(&out);
    }
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        struct text out = TEXT_INIT;
        const char *why;
        gripmock_template(bytes_of(templates[i][0]), &place, &out, &why);
        if (why != NULL)
            fail_msg("%s: %s", templates[i][0], why);
        assert_string_equal(text_string(&out), templates[i][1]);
        text_deinit(&out);
    }
}

/* What is translated into a file of ours can be added from there. */
static void a_translation_is_a_file_of_ours(void **state)
{
    struct kit k;
    struct text out = TEXT_INIT;
    struct error err = ERROR_INIT;
    static const char gripmock[] =
        "- {service: Shop, method: Find, priority: 3, input: {equals: {id: a}, matches: {id: ^a}}, "
        "output: {data: {id: '{{.Request.id}}'}}}";
    (void)state;
    kit_init(&k);
    assert_int_equal(stub_gripmock_translate(k.pool, bytes_of(gripmock), "g.yaml", &out, &err), 0);
    kit_add(&k, text_string(&out));
    expect(&k, "{\"id\":\"a\"}", "{\"id\":\"a\"}");
    text_deinit(&out);
    kit_deinit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_match_as_there),
        cmocka_unit_test(choice_output_and_counts_are_as_there),
        cmocka_unit_test(streams_and_effects_are_as_there),
        cmocka_unit_test(what_has_no_counterpart_is_told_with_its_place),
        cmocka_unit_test(expressions_and_templates_are_translated),
        cmocka_unit_test(a_translation_is_a_file_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
