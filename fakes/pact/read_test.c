/* Pact files of every version: what is read, and the places of what is refused. */
#include "fakes/pact/test_pact.h"

#include <string.h>

static struct pact *parse(const char *text)
{
    struct pact *p = NULL;
    struct error err = ERROR_INIT;
    if (pact_parse(bytes_of(text), "p.json", &p, &err) != 0)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    return p;
}

#define SIDES "\"consumer\": {\"name\": \"c\"}, \"provider\": {\"name\": \"p\"}"

static void version_1(void **state)
{
    (void)state;
    struct pact *p =
        parse("{" SIDES ", \"interactions\": [{\"description\": \"d\", \"provider_state\": \"s\",\n"
              " \"request\": {\"method\": \"get\", \"path\": \"/a\", \"query\": \"b=1&a=x+y%21&flag\"},\n"
              " \"response\": {\"status\": 200, \"headers\": {\"X\": \"1\"}, \"body\": [1, {\"a\": null}]}}]}");
    const struct pact_interaction *i = &p->interactions.items[0];
    assert_int_equal(p->version, 1);
    assert_string_equal(p->consumer, "c");
    assert_string_equal(p->provider, "p");
    assert_int_equal(i->kind, PACT_HTTP);
    assert_string_equal(i->description, "d");
    assert_string_equal(i->states.items[0].name, "s");
    assert_int_equal(i->line, 1);
    assert_int_equal(i->request.query.count, 3);
    assert_string_equal(i->request.query.items[1].name, "a");
    assert_string_equal(i->request.query.items[1].value, "x y!");
    assert_null(i->request.query.items[2].value);
    assert_int_equal(i->responses.items[0].status, 200);
    assert_int_equal(json_array_size(i->responses.items[0].content.json), 2);
    assert_int_equal(i->request.content.presence, PACT_MISSING);
    pact_free(p);
}

static void version_2(void **state)
{
    (void)state;
    struct pact *p = parse(
        "{" SIDES ", \"interactions\": [{\"description\": \"d\", \"request\": {\"path\": \"/\", \"matchingRules\": {\n"
        "\"$.path\": {\"match\": \"regex\", \"regex\": \".*\"}, \"$.headers.Accept\": {\"regex\": \"a\"},\n"
        "\"$.query.q[0]\": {\"match\": \"type\"}, \"$.header['X-A']\": {\"match\": \"type\"}}},\n"
        "\"response\": {\"body\": \"text\", \"headers\": {\"Content-Type\": \"text/plain\"}, \"matchingRules\": {\n"
        "\"$.body\": {\"min\": 1}, \"$.body.a[*].b\": {\"match\": \"type\", \"max\": 3}, \"$['body']['x']\": "
        "{\"match\": "
        "\"type\"}}}}],\n \"metadata\": {\"pactSpecificationVersion\": \"2.0.0\"}}");
    const struct pact_rules *r = &p->interactions.items[0].request.rules;
    static const struct {
        enum pact_category category;
        const char *path;
        enum pact_matcher_kind kind;
    } REQUEST[] = {{PACT_PATH, "", PACT_REGEX},
                   {PACT_HEADER, "Accept", PACT_REGEX},
                   {PACT_QUERY, "q", PACT_TYPE},
                   {PACT_HEADER, "X-A", PACT_TYPE}},
      RESPONSE[] = {{PACT_BODY, "$", PACT_TYPE}, {PACT_BODY, "$.a[*].b", PACT_TYPE}, {PACT_BODY, "$['x']", PACT_TYPE}};
    assert_int_equal(p->version, 2);
    assert_int_equal(r->items.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(r->items.items[i].category, REQUEST[i].category);
        assert_string_equal(r->items.items[i].path, REQUEST[i].path);
        assert_int_equal(r->items.items[i].matchers[0].kind, REQUEST[i].kind);
    }
    assert_int_equal(r->items.items[1].line, 2);
    assert_int_equal(r->items.items[1].column, 46);
    r = &p->interactions.items[0].responses.items[0].rules;
    assert_int_equal(r->items.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(r->items.items[i].path, RESPONSE[i].path);
    assert_int_equal(r->items.items[0].matchers[0].min, 1);
    assert_int_equal(r->items.items[0].matchers[0].max, -1);
    assert_int_equal(r->items.items[1].matchers[0].max, 3);
    const struct pact_content *c = &p->interactions.items[0].responses.items[0].content;
    assert_true(bytes_is(c->bytes, "text"));
    assert_null(c->json);
    pact_free(p);
}

static void version_3(void **state)
{
    (void)state;
    struct pact *p = parse(
        "{" SIDES
        ", \"messages\": [{\"description\": \"m\", \"providerStates\": [{\"name\": \"s\", \"params\": {\"n\": 1}}],\n"
        "\"contents\": {\"a\": 1}, \"metaData\": {\"contentType\": \"application/json\", \"n\": 3},\n"
        "\"matchingRules\": {\"body\": {\"$.a\": {\"combine\": \"or\", \"matchers\": [{\"match\": \"integer\"}, "
        "{\"match\": "
        "\"null\"}]}}},\n\"generators\": {\"body\": {\"$.a\": {\"type\": \"RandomInt\", \"min\": 1, \"max\": 5}}}}],\n"
        "\"metadata\": {\"pactSpecification\": {\"version\": \"3.0.0\"}}}");
    const struct pact_interaction *i = &p->interactions.items[0];
    const struct pact_part *m = &i->responses.items[0];
    assert_int_equal(p->version, 3);
    assert_int_equal(i->kind, PACT_EVENT);
    assert_int_equal(json_integer_value(json_object_get(i->states.items[0].parameters, "n")), 1);
    assert_int_equal(i->responses.count, 1);
    assert_int_equal(json_integer_value(json_object_get(m->content.json, "a")), 1);
    assert_int_equal(m->headers.count, 1);
    assert_int_equal(json_object_size(m->metadata), 2);
    assert_true(m->rules.items.items[0].any);
    assert_int_equal(m->rules.items.items[0].count, 2);
    assert_string_equal(m->generators.items[0].type, "RandomInt");
    assert_int_equal(json_integer_value(json_object_get(m->generators.items[0].options, "max")), 5);
    pact_free(p);
}

static void version_4(void **state)
{
    (void)state;
    struct pact *p = parse("{" SIDES ", \"interactions\": [{\"type\": \"Synchronous/Messages\", \"description\": "
                           "\"d\", \"key\": \"k\", \"pending\": true,\n"
                           "\"transport\": \"grpc\", \"comments\": {\"text\": [\"x\"]}, \"pluginConfiguration\": "
                           "{\"protobuf\": {\"service\": \"S/M\"}},\n"
                           "\"interactionMarkup\": {\"markup\": \"\"}, \"references\": {\"a\": 1},\n"
                           "\"request\": {\"contents\": {\"content\": \"CgFh\", \"contentType\": "
                           "\"application/protobuf;message=A\", \"contentTypeHint\": "
                           "\"BINARY\", \"encoded\": \"base64\"}, \"metadata\": {\"k\": \"v\"}},\n"
                           "\"response\": [{\"contents\": {\"content\": \"{}\", \"encoded\": \"JSON\"}}, "
                           "{\"contents\": {\"content\": \"\"}}]}],\n"
                           "\"metadata\": {\"pactSpecification\": {\"version\": \"4.0\"}}, \"other\": [1]}");
    const struct pact_interaction *i = &p->interactions.items[0];
    assert_int_equal(p->version, 4);
    assert_int_equal(i->kind, PACT_MESSAGE);
    assert_true(i->pending);
    assert_string_equal(i->key, "k");
    assert_string_equal(i->transport, "grpc");
    assert_non_null(json_object_get(i->comments, "text"));
    assert_non_null(json_object_get(i->plugin, "protobuf"));
    assert_int_equal(json_object_size(i->extra), 2);
    assert_true(bytes_is(i->request.content.bytes, "\n\001a"));
    assert_string_equal(i->request.content.hint, "BINARY");
    assert_string_equal(i->request.headers.items[0].value, "v");
    assert_int_equal(i->responses.count, 2);
    assert_true(json_is_object(i->responses.items[0].content.json));
    assert_int_equal(i->responses.items[1].content.presence, PACT_EMPTY);
    assert_int_equal(json_object_size(p->extra), 1);
    pact_free(p);
}

/* What text and what JSON a body is, by version and content type. */
static void bodies(void **state)
{
    (void)state;
    static const struct {
        const char *body, *type; /* version 3 */
        const char *text, *json; /* NULL: not that */
    } ROWS[] = {
        {"\"{\\\"a\\\": 1}\"", "application/json", NULL, "{\"a\": 1}"},
        {"\"abc\"", "application/json", NULL, "\"abc\""},
        {"\"123\"", "application/json", NULL, "\"123\""},
        {"{\"a\": 1}", "text/plain", NULL, "{\"a\": 1}"},
        {"\"abc\"", "text/plain", "abc", NULL},
        {"\"YWJj\"", "image/png", "abc", NULL},
        {"\"no base64!\"", "image/png", "no base64!", NULL},
        {"false", "application/json", NULL, "false"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct text text = TEXT_INIT;
        text_printf(&text,
                    "{" SIDES
                    ", \"interactions\": [{\"description\": \"d\", \"request\": {}, \"response\": {\"headers\": "
                    "{\"content-type\": \"%s\"}, \"body\": %s}}]}",
                    ROWS[i].type, ROWS[i].body);
        struct pact *p = parse(text_string(&text));
        const struct pact_content *c = &p->interactions.items[0].responses.items[0].content;
        assert_int_equal(c->presence, PACT_THERE);
        if (ROWS[i].text != NULL) {
            assert_null(c->json);
            assert_true(bytes_is(c->bytes, ROWS[i].text));
        } else {
            json_t *json = json_loads(ROWS[i].json, JSON_DECODE_ANY, NULL);
            assert_true(json_equal(c->json, json));
            json_decref(json);
        }
        text_deinit(&text);
        pact_free(p);
    }
}

#define IN(members)                                                                                                    \
    "{" SIDES ", \"interactions\": [{\"description\": \"d\", \"request\": {},\n \"response\": {" members "}}]}"
#define V4(members)                                                                                                    \
    "{" SIDES ", \"metadata\": {\"pactSpecification\": {\"version\": \"4.0\"}},\n \"interactions\": [" members "]}"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        const char *said;
    } ROWS[] = {
        {"[]", 1, 1, "a pact: expected a map, found a list"},
        {"{\"a\": }", 1, 7, ""},
        {"{\"provider\": {\"name\": \"p\"}}", 1, 1, "no \"consumer\""},
        {"{\"consumer\": {}, \"provider\": {\"name\": \"p\"}}", 1, 14, "consumer: no \"name\""},
        {"{" SIDES "}", 1, 1, "no \"interactions\""},
        {"{" SIDES ", \"interactions\": {}}", 1, 72, "interactions: expected a list"},
        {"{" SIDES ", \"interactions\": [], \"metadata\": {\"pactSpecification\": {\"version\": \"5.0\"}}}", 1, 122,
         "version '5.0' of the Pact specification is not implemented"},
        {V4("{\"description\": \"d\"}"), 2, 19, "an interaction without its \"type\": write \"Synchronous/HTTP\""},
        {V4("{\"type\": \"Other\", \"description\": \"d\"}"), 2, 28, "no such type of interaction: 'Other'"},
        {V4("{\"type\": \"Synchronous/HTTP\"}"), 2, 19, "without its \"description\""},
        {V4("{\"type\": \"Synchronous/HTTP\", \"description\": \"d\", \"request\": {}}"), 2, 19,
         "without its \"response\""},
        {V4("{\"type\": \"Synchronous/HTTP\", \"description\": \"d\", \"request\": {\"body\": {\"content\": \"!\", "
            "\"encoded\": "
            "\"base64\"}}, \"response\": {}}"),
         2, 100, "content: not Base64"},
        {V4("{\"type\": \"Synchronous/HTTP\", \"description\": \"d\", \"request\": {\"body\": {\"content\": \"!\", "
            "\"encoded\": "
            "\"gzip\"}}, \"response\": {}}"),
         2, 116, "no such encoding: 'gzip'"},
        {IN("\"status\": \"200\""), 2, 25, "status"},
        {IN("\"matchingRules\": {\"$.body.a\": {\"match\": \"typo\"}}"), 2, 55,
         "no such matcher: 'typo' (did you mean 'type'?)"},
        {IN("\"matchingRules\": {\"$.body.a\": {\"match\": \"type\", \"mim\": 1}}"), 2, 63, "mim"},
        {IN("\"matchingRules\": {\"$.body.a\": {}}"), 2, 45, "a matcher without its \"match\""},
        {IN("\"matchingRules\": {\"$.body..a\": {\"match\": \"type\"}}"), 2, 46,
         "the path '$.body..a': a name or * is missing"},
        {IN("\"matchingRules\": {\"$.body[x]\": {\"match\": \"type\"}}"), 2, 46, "an index, * or a name in quotes"},
        {IN("\"matchingRules\": {\"$.cookie.a\": {\"match\": \"type\"}}"), 2, 47, "no such category: 'cookie'"},
        {IN("\"matchingRules\": {\"body\": {\"$.a\": {\"match\": \"type\"}}}"), 2, 50, ""},
        {IN("\"matchingRules\": {\"body\": {\"$.a\": {\"combine\": \"XOR\", \"matchers\": []}}}"), 2, 61,
         "expected \"AND\" or \"OR\""},
        {IN("\"matchingRules\": {\"body\": {\"$.a\": {\"matchers\": [{\"match\": \"regex\"}]}}}"), 2, 63,
         "needs a \"regex\""},
        {IN("\"matchingRules\": {\"body\": {\"$.a\": {\"matchers\": [{\"match\": \"regex\", \"regex\": \"a(\"}]}}}"), 2,
         91, "not a regular expression: missing closing parenthesis, at byte 3"},
        {IN("\"matchingRules\": {\"body\": {\"$.a\": {\"matchers\": [{\"match\": \"date\", \"format\": "
            "\"yyyy-bb\"}]}}}"),
         2, 91, "the format 'yyyy-bb': no such letter"},
        {IN("\"matchingRules\": {\"body\": {\"$.a\": {\"matchers\": [{\"match\": \"type\", \"min\": -1}]}}}"), 2, 88,
         "min: expected a number"},
        {IN("\"matchingRules\": {\"body\": {\"$.a\": {\"matchers\": [{\"match\": \"arrayContains\"}]}}}"), 2, 63,
         "needs \"variants\""},
        {IN("\"matchingRules\": {\"status\": {\"matchers\": [{\"match\": \"statusCode\", \"status\": \"fine\"}]}}"), 2,
         91, "no such class: 'fine'"},
        {IN("\"generators\": {\"body\": {\"$.a\": {\"type\": \"RandomInteger\"}}}"), 2, 55,
         "no such generator: 'RandomInteger'"},
        {IN("\"generators\": {\"body\": {\"$.a\": {\"type\": \"RandomInt\", \"min\": 3, \"max\": 1}}}"), 2, 46,
         "min is larger than max"},
        {IN("\"generators\": {\"body\": {\"$.a\": {\"type\": \"Regex\", \"regex\": \"(?=a)\"}}}"), 2, 73,
         "not implemented: look-around"},
        {IN("\"generators\": {\"body\": {\"$.a\": {\"type\": \"Date\", \"expression\": \"next year of\"}}}"), 2, 77,
         "the expression 'next year of' has no + or - at byte 11"},
        {IN("\"generators\": {\"body\": {\"$.a\": {\"type\": \"Uuid\", \"format\": \"long\"}}}"), 2, 73,
         "no such format of a UUID"},
        {IN("\"generators\": {\"body\": {\"$.a\": {\"type\": \"ProviderState\"}}}"), 2, 46, "needs its \"expression\""},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct pact *p = NULL;
        struct error err = ERROR_INIT;
        assert_int_not_equal(pact_parse(bytes_of(ROWS[i].text), "p.json", &p, &err), 0);
        assert_null(p);
        assert_string_equal(err.file, "p.json");
        if (err.line != ROWS[i].line || err.column != ROWS[i].column || strstr(err.message, ROWS[i].said) == NULL)
            fail_msg("%s: %d:%d: %s, not %d:%d: %s", ROWS[i].text, err.line, err.column, err.message, ROWS[i].line,
                     ROWS[i].column, ROWS[i].said);
        error_clear(&err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1), cmocka_unit_test(version_2), cmocka_unit_test(version_3),
        cmocka_unit_test(version_4), cmocka_unit_test(bodies),    cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
