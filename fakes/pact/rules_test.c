/* Every rule on JSON bodies: what it lets pass, and what is said of what it does not. */
#include "fakes/pact/test_pact.h"

#include <string.h>

/* `said`: NULL, it fits; else a part of the first mismatch's text. */
struct row {
    const char *rules, *expected, *actual, *said;
};

static struct pact *body_pact(const char *rules, const char *body, bool request)
{
    struct text text = TEXT_INIT;
    text_printf(
        &text,
        "\"body\": {\"contentType\": \"application/json\", \"content\": %s}, \"matchingRules\": {\"body\": {%s}}", body,
        rules);
    struct pact *p = request ? test_pact(text_string(&text), "") : test_pact("", text_string(&text));
    text_deinit(&text);
    return p;
}

static void check(const struct row *row, bool request)
{
    struct pact *p = body_pact(row->rules, row->expected, request);
    struct pact_interaction *i = &p->interactions.items[0];
    struct pact_part actual = {.content = {.presence = PACT_THERE, .type = "application/json"}};
    struct pact_result result;
    struct error err = ERROR_INIT;
    actual.content.json = json_loads(row->actual, JSON_DECODE_ANY, NULL);
    assert_non_null(actual.content.json);
    pact_result_init(&result);
    int rc = request ? pact_match_request(&i->request, &actual, &result, &err)
                     : pact_match_response(&i->responses.items[0], &actual, &result, &err);
    if (rc != 0)
        fail_msg("%s: %s", row->rules, err.message);
    const char *text = result.mismatches.count > 0 ? result.mismatches.items[0].text : "";
    if (row->said == NULL ? text[0] != '\0' : strstr(text, row->said) == NULL || text[0] == '\0')
        fail_msg("{%s} %s against %s: '%s', not '%s'", row->rules, row->actual, row->expected, text,
                 row->said != NULL ? row->said : "");
    for (size_t n = 0; n < result.mismatches.count; n++)
        assert_non_null(result.mismatches.items[n].help);
    pact_result_deinit(&result);
    json_decref(actual.content.json);
    pact_free(p);
}

#define RULE(path, matchers) "\"" path "\": {\"matchers\": [" matchers "]}"
#define ANY(path, matchers)  "\"" path "\": {\"combine\": \"OR\", \"matchers\": [" matchers "]}"
#define M(name)              "{\"match\": \"" name "\"}"

static const struct row RESPONSES[] = {
    /* Without rules: equal, and more keys may be there. */
    {"", "{\"a\": 1}", "{\"a\": 1, \"b\": 2}", NULL},
    {"", "{\"a\": 1}", "{\"a\": 2}", "body $.a: expected 1 (an integer), but was 2 (an integer)"},
    {"", "{\"a\": 1}", "{}", "body $.a: expected 1 (an integer), but was missing"},
    {"", "{\"a\": 1}", "[]", "body $: expected a map, like {\"a\": 1}, but was [] (a list of 0)"},
    {"", "[1, 2]", "[1]", "expected a list with 2 items, but there were 1"},
    {"", "[1, 2]", "[1, 3]", "body $[1]: expected 2 (an integer), but was 3 (an integer)"},
    {"", "[]", "[1]", "expected a list with 0 items"},
    {"", "{\"a b\": null}", "{\"a b\": 0}", "body $['a b']: expected null, but was 0 (an integer)"},
    {"", "\"x\"", "\"y\"", "expected \"x\" (text), but was \"y\" (text)"},
    {"", "1.0", "1", "expected 1.0 (a decimal), but was 1 (an integer)"},
    /* equality sets back what a rule above says, and is strict about keys. */
    {RULE("$", M("type")) ", " RULE("$.a", M("equality")), "{\"a\": 1, \"b\": 1}", "{\"a\": 2, \"b\": 2}",
     "body $.a: expected 1 (an integer) (matcher equality), but was 2"},
    {RULE("$", M("type")) ", " RULE("$.a", M("equality")), "{\"a\": 1, \"b\": 1}", "{\"a\": 1, \"b\": 2}", NULL},
    {RULE("$", M("equality")), "{\"a\": 1}", "{\"a\": 1, \"b\": 1}", "body $.b: expected nothing here"},
    /* type, its sizes, its cascading. */
    {RULE("$.a", M("type")), "{\"a\": 1}", "{\"a\": 2.5}", NULL},
    {RULE("$.a", M("type")), "{\"a\": 1}", "{\"a\": \"x\"}",
     "body $.a: expected an integer (matcher type), like 1, but was \"x\" (text)"},
    {RULE("$", M("type")), "{\"a\": {\"b\": [1]}}", "{\"a\": {\"b\": [7, 8, 9]}}", NULL},
    {RULE("$", M("type")), "{\"a\": {\"b\": [1]}}", "{\"a\": {\"b\": [7, \"x\"]}}", "body $.a.b[1]"},
    {RULE("$.a", M("type")), "{\"a\": true}", "{\"a\": null}",
     "expected a boolean (matcher type), like true, but was null"},
    {RULE("$", "{\"match\": \"type\", \"min\": 2}"), "[1]", "[1]",
     "expected a list with at least 2 items (matcher type, min), but there were 1"},
    {RULE("$", "{\"match\": \"type\", \"min\": 2, \"max\": 3}"), "[1]", "[5, 6, 7]", NULL},
    {RULE("$", "{\"match\": \"type\", \"max\": 3}"), "[1]", "[5, 6, 7, 8]", "at most 3 items (matcher type, max)"},
    {RULE("$", "{\"match\": \"type\", \"min\": 1}"), "[{\"t\": [1]}]", "[{\"t\": []}]", NULL},
    {RULE("$", "{\"min\": \"2\"}"), "[1]", "[1]", "at least 2"},
    {RULE("$", "{\"match\": \"type\", \"min\": 2}"), "{\"a\": 1}", "{\"a\": 1}", "a map with at least 2 keys"},
    /* Weights: the exact path before the wildcard, then the longest. */
    {RULE("$.*", M("type")) ", " RULE("$.a", M("integer")), "{\"a\": 1}", "{\"a\": 1.5}", "matcher integer"},
    {RULE("$[*].a", M("type")) ", " RULE("$[1].a", M("null")) ", " RULE("$", "{\"min\": 1}"), "[{\"a\": 1}]",
     "[{\"a\": 2}, {\"a\": null}]", NULL},
    {RULE("$.a", M("type")) ", " RULE("$.a.b.c", M("boolean")), "{\"a\": {\"b\": {\"c\": true}}}",
     "{\"a\": {\"b\": {\"c\": 1}}}", "body $.a.b.c: expected true or false (matcher boolean)"},
    {RULE("$['a.b']['it\\\\'s']", M("integer")), "{\"a.b\": {\"it's\": 1}}", "{\"a.b\": {\"it's\": 2}}", NULL},
    {RULE("a", M("integer")), "{\"a\": 1}", "{\"a\": 2}", NULL},
    {RULE("$.m.7", M("integer")), "{\"m\": {\"7\": 1}}", "{\"m\": {\"7\": 2}}", NULL},
    {RULE("$.m[7]", M("integer")), "{\"m\": {\"7\": 1}}", "{\"m\": {\"7\": 2}}", NULL},
    /* Values. */
    {RULE("$.a", "{\"match\": \"regex\", \"regex\": \"^\\\\d{2}$\"}"), "{\"a\": \"12\"}", "{\"a\": \"34\"}", NULL},
    {RULE("$.a", "{\"match\": \"regex\", \"regex\": \"^\\\\d{2}$\"}"), "{\"a\": \"12\"}", "{\"a\": \"345\"}",
     "body $.a: expected text that fits ^\\d{2}$ (matcher regex), like \"12\", but was \"345\" (text)"},
    {RULE("$.a", "{\"regex\": \"b+?\"}"), "{\"a\": \"abbc\"}", "{\"a\": \"xb\"}", NULL},
    {RULE("$.a", "{\"match\": \"regex\", \"regex\": \"^4\"}"), "{\"a\": 4}", "{\"a\": 42}", NULL},
    {RULE("$.a", "{\"match\": \"include\", \"value\": \"ell\"}"), "{\"a\": \"hello\"}", "{\"a\": \"bell\"}", NULL},
    {RULE("$.a", "{\"match\": \"include\", \"value\": \"ell\"}"), "{\"a\": \"hello\"}", "{\"a\": \"hullo\"}",
     "expected text with 'ell' in it (matcher include)"},
    {RULE("$.a", M("number")), "{\"a\": 1}", "{\"a\": 1.5}", NULL},
    {RULE("$.a", M("number")), "{\"a\": 1}", "{\"a\": \"1\"}",
     "expected a number (matcher number), like 1, but was \"1\""},
    {RULE("$.a", M("integer")), "{\"a\": 1}", "{\"a\": 2}", NULL},
    {RULE("$.a", M("integer")), "{\"a\": 7}", "{\"a\": 7.0}",
     "expected an integer (matcher integer), like 7, but was 7.0 (a decimal)"},
    {RULE("$.a", M("decimal")), "{\"a\": 1.5}", "{\"a\": 2.0}", NULL},
    {RULE("$.a", M("real")), "{\"a\": 1.5}", "{\"a\": 2}", "expected a decimal number (matcher decimal)"},
    {RULE("$.a", M("decimal")), "{\"a\": [1.5]}", "{\"a\": [2.5, 3]}", "body $.a[1]: expected a decimal number"},
    {RULE("$.a", M("boolean")), "{\"a\": true}", "{\"a\": \"false\"}", NULL},
    {RULE("$.a", M("boolean")), "{\"a\": true}", "{\"a\": 0}", "expected true or false (matcher boolean)"},
    {RULE("$.a", M("null")), "{\"a\": null}", "{\"a\": null}", NULL},
    {RULE("$.a", M("null")), "{\"a\": null}", "{\"a\": 0}", "expected null (matcher null), but was 0"},
    {RULE("$.a", M("notEmpty")), "{\"a\": \"x\"}", "{\"a\": \"y\"}", NULL},
    {RULE("$.a", M("notEmpty")), "{\"a\": \"x\"}", "{\"a\": \"\"}", "something that is not empty (matcher notEmpty)"},
    {RULE("$.a", M("notEmpty")), "{\"a\": [1]}", "{\"a\": []}", "something that is not empty"},
    {RULE("$.a", M("semver")), "{\"a\": \"1.0.0\"}", "{\"a\": \"2.1.3-rc.1+build.5\"}", NULL},
    {RULE("$.a", M("semver")), "{\"a\": \"1.0.0\"}", "{\"a\": \"01.2.3\"}", "a semantic version"},
    {RULE("$.a", M("semver")), "{\"a\": \"1.0.0\"}", "{\"a\": \"1.2.3-01\"}", "a semantic version"},
    {RULE("$.a", M("date")), "{\"a\": \"2020-01-31\"}", "{\"a\": \"2024-02-29\"}", NULL},
    {RULE("$.a", M("date")), "{\"a\": \"2020-01-31\"}", "{\"a\": \"2023-02-29\"}", "a date of the form of ISO 8601"},
    {RULE("$.a", "{\"match\": \"date\", \"format\": \"dd/MM/yyyy\"}"), "{\"a\": \"31/01/2020\"}",
     "{\"a\": \"1/01/2020\"}",
     "a date of the form dd/MM/yyyy (matcher date), like \"31/01/2020\", but was \"1/01/2020\""},
    {RULE("$.a", "{\"time\": \"HH:mm\"}"), "{\"a\": \"10:00\"}", "{\"a\": \"24:00\"}", "a time of the form HH:mm"},
    {RULE("$.a", "{\"match\": \"timestamp\", \"timestamp\": \"yyyy-MM-dd'T'HH:mm:ss.SSSXXX\"}"),
     "{\"a\": \"2020-01-01T00:00:00.000Z\"}", "{\"a\": \"2020-01-01T00:00:00.123+02:00\"}", NULL},
    {RULE("$.a", "{\"match\": \"contentType\", \"value\": \"image/png\"}"), "{\"a\": \"\"}",
     "{\"a\": \"iVBORw0KGgoAAAANSUhEUg==\"}", NULL},
    {RULE("$.a", "{\"match\": \"contentType\", \"value\": \"image/png\"}"), "{\"a\": \"\"}", "{\"a\": \"GIF89a\"}",
     "content of the type image/png"},
    /* Maps by values and keys. */
    {RULE("$.m", M("values")) ", " RULE("$.m.*", M("integer")), "{\"m\": {\"a\": 1}}", "{\"m\": {\"x\": 2, \"y\": 3}}",
     NULL},
    {RULE("$.m", M("values")) ", " RULE("$.m.*", M("integer")), "{\"m\": {\"a\": 1}}", "{\"m\": {\"x\": \"2\"}}",
     "body $.m.x: expected an integer"},
    {RULE("$.m", M("values")), "{\"m\": {\"a\": 1}}", "{\"m\": {\"b\": 2}}", "body $.m.b: expected 1"},
    {RULE("$.m", "{\"match\": \"eachKey\", \"rules\": [{\"match\": \"regex\", \"regex\": \"^k\\\\d$\"}]}"),
     "{\"m\": {\"k1\": \"x\"}}", "{\"m\": {\"k2\": \"y\"}}", NULL},
    {RULE("$.m", "{\"match\": \"eachKey\", \"rules\": [{\"match\": \"regex\", \"regex\": \"^k\\\\d$\"}]}"),
     "{\"m\": {\"k1\": \"x\"}}", "{\"m\": {\"z\": \"y\"}}", "body $.m.z: expected text that fits ^k\\d$"},
    {RULE(
         "$.m",
         "{\"match\": \"eachKey\", \"rules\": [{\"match\": \"regex\", \"regex\": \"^k\"}]}, {\"match\": \"eachValue\", "
         "\"rules\": [{\"match\": \"type\"}]}"),
     "{\"m\": {\"k1\": \"x\"}}", "{\"m\": {\"k2\": 5}}", "body $.m.k2: expected text (matcher type)"},
    {RULE("$.m", "{\"match\": \"eachValue\", \"rules\": [{\"match\": \"integer\"}]}"), "{\"m\": {\"a\": 1}}",
     "{\"m\": {\"b\": 2, \"c\": 3}}", NULL},
    {RULE("$.m", "{\"match\": \"eachValue\", \"rules\": [{\"match\": \"integer\"}]}"), "{\"m\": {\"a\": 1}}",
     "{\"m\": {\"b\": 2.5}}", "body $.m.b: expected an integer"},
    {RULE("$.l", "{\"match\": \"eachValue\", \"rules\": [{\"match\": \"regex\", \"regex\": \"^x\"}]}"), "{\"l\": []}",
     "{\"l\": [\"x1\", \"y\"]}", "body $.l[1]"},
    {RULE("$.l", "{\"match\": \"eachValue\", \"rules\": [{\"match\": \"type\"}]}") ", " RULE("$.l[*].id",
                                                                                             M("equality")),
     "{\"l\": [{\"id\": 1, \"n\": \"a\"}]}", "{\"l\": [{\"id\": 1, \"n\": \"b\"}, {\"id\": 2, \"n\": \"c\"}]}",
     "body $.l[1].id"},
    /* Lists that contain. */
    {RULE("$.l", "{\"match\": \"arrayContains\", \"variants\": [{\"index\": 0, \"rules\": {\"$.id\": {\"matchers\": "
                 "[{\"match\": "
                 "\"integer\"}]}}}]}"),
     "{\"l\": [{\"id\": 1, \"n\": \"a\"}]}", "{\"l\": [{\"id\": 9, \"n\": \"z\"}, {\"id\": 7, \"n\": \"a\"}]}", NULL},
    {RULE("$.l", "{\"match\": \"arrayContains\", \"variants\": [{\"index\": 0, \"rules\": {\"$.id\": {\"matchers\": "
                 "[{\"match\": "
                 "\"integer\"}]}}}]}"),
     "{\"l\": [{\"id\": 1, \"n\": \"a\"}]}", "{\"l\": [{\"id\": 9, \"n\": \"z\"}, {\"n\": 3}]}",
     "body $.l: expected an item like variant 0, {\"id\": 1, \"n\": \"a\"} (matcher arrayContains), but none was (the "
     "nearest "
     "is [0]: at $.n expected \"a\" (text), but was \"z\" (text))"},
    {RULE("$.l", "{\"match\": \"arrayContains\", \"variants\": []}"), "{\"l\": [1, 2]}", "{\"l\": [3, 2, 1]}", NULL},
    {RULE("$.l", "{\"match\": \"arrayContains\", \"variants\": []}"), "{\"l\": [1, 2]}", "{\"l\": []}", "but none was"},
    /* Together, or one of them. */
    {RULE("$.a", "{\"match\": \"include\", \"value\": \"x\"}, {\"match\": \"include\", \"value\": \"y\"}"),
     "{\"a\": \"xy\"}", "{\"a\": \"yx\"}", NULL},
    {RULE("$.a", "{\"match\": \"include\", \"value\": \"x\"}, {\"match\": \"include\", \"value\": \"y\"}"),
     "{\"a\": \"xy\"}", "{\"a\": \"x\"}", "with 'y' in it"},
    {ANY("$.a", "{\"match\": \"integer\"}, {\"match\": \"null\"}"), "{\"a\": 1}", "{\"a\": null}", NULL},
    {ANY("$.a", "{\"match\": \"integer\"}, {\"match\": \"null\"}"), "{\"a\": 1}", "{\"a\": \"x\"}",
     "expected one of these: an integer (matcher integer), like 1; or null (matcher null), but was \"x\" (text)"},
    {ANY("$.a", "{\"match\": \"type\"}, {\"match\": \"null\"}"), "{\"a\": {\"b\": 1}}", "{\"a\": null}", NULL},
    {ANY("$.a", "{\"match\": \"type\"}, {\"match\": \"null\"}"), "{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 5}}", NULL},
    {ANY("$.a", "{\"match\": \"type\"}, {\"match\": \"null\"}"), "{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": \"x\"}}",
     "one of these: a map (matcher type)"},
};

static const struct row REQUESTS[] = {
    {"", "{\"a\": 1}", "{\"a\": 1}", NULL},
    {"", "{\"a\": 1}", "{\"a\": 1, \"b\": 2}", "body $.b: expected nothing here, but there was 2 (an integer)"},
    {"", "{}", "{\"b\": 2}", "body $.b"},
    {RULE("$", M("type")), "{\"a\": {}}", "{\"a\": {\"b\": 1}}", "body $.a.b"},
    {RULE("$", M("values")), "{\"a\": 1}", "{\"b\": 1}", NULL},
    {"", "{\"a\": 1}", "{}", "was missing"},
};

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof RESPONSES / sizeof *RESPONSES; i++)
        check(&RESPONSES[i], false);
}

static void requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS; i++)
        check(&REQUESTS[i], true);
}

/* The rule's place goes with the mismatch. */
static void places(void **state)
{
    (void)state;
    struct pact *p = test_pact("", "\"body\": {\"content\": {\"a\": 1}},\n \"matchingRules\": {\"body\": {\n  \"$.a\": "
                                   "{\"matchers\": [{\"match\": \"integer\"}]}}}");
    struct pact_part actual = {.content = {.presence = PACT_THERE, .json = json_pack("{s:s}", "a", "x")}};
    struct pact_result result;
    pact_result_init(&result);
    assert_int_equal(pact_match_response(&p->interactions.items[0].responses.items[0], &actual, &result, NULL), 0);
    assert_int_equal(result.mismatches.count, 1);
    assert_int_equal(result.mismatches.items[0].line, 3);
    assert_int_equal(result.mismatches.items[0].column, 3);
    assert_string_equal(result.mismatches.items[0].path, "$.a");
    assert_string_equal(result.mismatches.items[0].expected, "an integer (matcher integer), like 1");
    assert_string_equal(result.mismatches.items[0].actual, "was \"x\" (text)");
    pact_result_deinit(&result);
    json_decref(actual.content.json);
    pact_free(p);
}

/* An expression that would take for ever is an error, not a hang. */
static void hanging_expressions(void **state)
{
    (void)state;
    struct pact *p =
        body_pact(RULE("$.a", "{\"match\": \"regex\", \"regex\": \"^(a+)+(b+)+$\"}"), "{\"a\": \"a\"}", false);
    struct pact_part actual = {.content = {.presence = PACT_THERE}};
    struct pact_result result;
    struct error err = ERROR_INIT;
    actual.content.json =
        json_pack("{s:s}", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbc!");
    pact_result_init(&result);
    assert_int_equal(pact_match_response(&p->interactions.items[0].responses.items[0], &actual, &result, &err),
                     ERROR_LIMIT);
    assert_non_null(strstr(err.message, "more than 1000000 steps"));
    error_clear(&err);
    pact_result_deinit(&result);
    json_decref(actual.content.json);
    pact_free(p);
}

static void too_deep(void **state)
{
    (void)state;
    struct pact *p = body_pact("", "1", false);
    struct pact_part *expected = &p->interactions.items[0].responses.items[0];
    struct pact_result result;
    struct error err = ERROR_INIT;
    for (int i = 0; i < 200; i++) {
        json_t *up = json_array();
        assert_int_equal(json_array_append_new(up, expected->content.json), 0);
        expected->content.json = up;
    }
    pact_result_init(&result);
    assert_int_equal(pact_match_response(expected, expected, &result, &err), ERROR_LIMIT);
    error_clear(&err);
    pact_result_deinit(&result);
    pact_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),  cmocka_unit_test(requests),
        cmocka_unit_test(places),   cmocka_unit_test(hanging_expressions),
        cmocka_unit_test(too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
