/* Version 4 as it is written, read again, and merged; every allocation of all that fails once. */
#include "fakes/pact/test_pact.h"

#include "base/failing_walk.h"

#include <string.h>

#define SIDES "\"consumer\": {\"name\": \"c\"}, \"provider\": {\"name\": \"p\"}"

/* Of every version and kind, with every matcher. */
static const char *const PACTS[] = {
    "{" SIDES ", \"interactions\": [{\"description\": \"d\", \"providerState\": \"s\", \"request\": {\"method\": "
    "\"GET\", \"path\": \"/\", "
    "\"query\": \"a=1&b\", \"matchingRules\": {\"$.path\": {\"regex\": \"/\"}, \"$.query.a\": {\"match\": \"type\"}}}, "
    "\"response\": "
    "{\"status\": 200, \"headers\": {\"Content-Type\": \"text/plain\"}, \"body\": \"x\\u00e9\"}}]}",
    "{" SIDES ", \"messages\": [{\"description\": \"m\", \"contents\": \"\", \"metaData\": {\"contentType\": "
    "\"image/png\", \"n\": 1.5}}, "
    "{\"description\": \"n\", \"contents\": [0.1, 1e300, -0.0, 12345678901234]}]}",
    "{" SIDES
    ", \"metadata\": {\"pactSpecification\": {\"version\": \"4.0\"}, \"w\": {\"version\": \"1\"}}, \"extra\": null, "
    "\"interactions\": [{\"type\": \"Synchronous/Messages\", \"description\": \"s\", \"key\": \"k\", \"pending\": "
    "true, \"transport\": \"grpc\", "
    "\"comments\": {\"text\": [\"x\"]}, \"pluginConfiguration\": {\"protobuf\": {}}, \"references\": {\"a\": {}}, "
    "\"providerStates\": "
    "[{\"name\": \"s\", \"params\": {\"a\": 1}}, {\"name\": \"t\"}], \"request\": {\"contents\": {\"content\": "
    "\"CgFh\", \"contentType\": "
    "\"application/protobuf\", \"contentTypeHint\": \"BINARY\", \"encoded\": \"base64\"}, \"metadata\": {\"a\": "
    "\"b\"}, \"other\": 1}, "
    "\"response\": [{\"contents\": {\"content\": {\"a\": \"\"}, \"encoded\": false}, \"matchingRules\": {\"body\": {"
    "\"$.a\": {\"combine\": \"OR\", \"matchers\": [{\"match\": \"equality\"}, {\"match\": \"type\", \"min\": 1, "
    "\"max\": 2}]}, "
    "\"$.b\": {\"matchers\": [{\"match\": \"include\", \"value\": \"v\"}, {\"match\": \"number\"}, {\"match\": "
    "\"date\", \"format\": "
    "\"yyyy\"}, {\"match\": \"contentType\", \"value\": \"a/b\"}, {\"match\": \"values\"}, {\"match\": \"null\"}]}, "
    "\"$.c\": {\"matchers\": [{\"match\": \"arrayContains\", \"variants\": [{\"index\": 1, \"rules\": {\"$.x\": "
    "{\"matchers\": [{\"match\": "
    "\"semver\"}]}}, \"generators\": {\"$.x\": {\"type\": \"RandomBoolean\"}}}]}, {\"match\": \"eachKey\", \"rules\": "
    "[{\"match\": \"regex\", "
    "\"regex\": \"a\"}], \"value\": \"v\"}, {\"match\": \"eachValue\", \"rules\": [], \"generator\": {\"type\": "
    "\"Uuid\"}}]}}, \"status\": "
    "{\"matchers\": [{\"match\": \"statusCode\", \"status\": [200]}]}, \"metadata\": {\"a\": {\"matchers\": "
    "[{\"match\": \"notEmpty\"}]}}}, "
    "\"generators\": {\"body\": {\"$.a\": {\"type\": \"RandomString\", \"size\": 3}}, \"metadata\": {\"a\": {\"type\": "
    "\"Uuid\"}}}}]}, "
    "{\"type\": \"Synchronous/HTTP\", \"description\": \"h\", \"request\": {\"headers\": {\"A\": [\"1\", \"2\"]}, "
    "\"query\": {\"q\": [null, \"\"]}, "
    "\"body\": {\"content\": \"\\\"text\\\"\", \"contentType\": \"text/x\", \"encoded\": \"JSON\"}}, \"response\": "
    "{\"body\": {\"content\": null}, "
    "\"generators\": {\"status\": {\"type\": \"RandomInt\", \"min\": 200, \"max\": 299}, \"path\": {\"type\": "
    "\"Regex\", \"regex\": \"a\"}}}}, "
    "{\"type\": \"Asynchronous/Messages\", \"description\": \"e\", \"contents\": {\"content\": \"\", \"contentType\": "
    "\"application/json\", \"encoded\": \"JSON\"}, \"matchingRules\": {\"content\": {\"$\": {\"matchers\": "
    "[{\"match\": \"type\"}]}}}}]}",
};
#define PACT_COUNT (sizeof PACTS / sizeof *PACTS)

static struct pact *parse(struct bytes text)
{
    struct pact *p = NULL;
    struct error err = ERROR_INIT;
    if (pact_parse(text, "p.json", &p, &err) != 0)
        fail_msg("%d:%d: %s in %.*s", err.line, err.column, err.message, (int)text.len, (const char *)text.data);
    return p;
}

static void again(void **state)
{
    (void)state;
    for (size_t i = 0; i < PACT_COUNT; i++) {
        struct text first = TEXT_INIT, second = TEXT_INIT;
        struct pact *p = parse(bytes_of(PACTS[i]));
        assert_int_equal(pact_write(p, &first), 0);
        struct pact *q = parse(text_bytes(&first));
        assert_int_equal(q->version, 4);
        assert_int_equal(q->interactions.count, p->interactions.count);
        assert_int_equal(pact_write(q, &second), 0);
        assert_string_equal(text_string(&first), text_string(&second));
        pact_free(p);
        pact_free(q);
        text_deinit(&first);
        text_deinit(&second);
    }
}

/* What is written of one, letter by letter. */
static void letters(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    struct pact *p = parse(bytes_of(
        "{" SIDES ", \"interactions\": [{\"description\": \"b\", \"request\": {}, \"response\": {}}, "
        "{\"description\": \"a\", \"providerState\": \"s\", \"request\": {\"path\": \"/\"}, \"response\": "
        "{\"status\": 200, \"body\": {\"b\": 0.1, \"a\": [1.0]}, \"matchingRules\": {\"$.body.a\": {\"min\": 1}}}}]}"));
    assert_int_equal(pact_write(p, &out), 0);
    assert_string_equal(
        text_string(&out),
        "{\n"
        "  \"consumer\": {\n    \"name\": \"c\"\n  },\n"
        "  \"interactions\": [\n"
        "    {\n"
        "      \"description\": \"a\",\n"
        "      \"pending\": false,\n"
        "      \"providerStates\": [\n        {\n          \"name\": \"s\"\n        }\n      ],\n"
        "      \"request\": {\n        \"path\": \"/\"\n      },\n"
        "      \"response\": {\n"
        "        \"body\": {\n"
        "          \"content\": {\n            \"a\": [\n              1.0\n            ],\n            \"b\": 0.1\n   "
        "       },\n"
        "          \"contentType\": \"application/json\",\n"
        "          \"encoded\": false\n"
        "        },\n"
        "        \"matchingRules\": {\n"
        "          \"body\": {\n"
        "            \"$.a\": {\n"
        "              \"combine\": \"AND\",\n"
        "              \"matchers\": [\n"
        "                {\n                  \"match\": \"type\",\n                  \"min\": 1\n                }\n"
        "              ]\n"
        "            }\n"
        "          }\n"
        "        },\n"
        "        \"status\": 200\n"
        "      },\n"
        "      \"type\": \"Synchronous/HTTP\"\n"
        "    },\n"
        "    {\n"
        "      \"description\": \"b\",\n"
        "      \"pending\": false,\n"
        "      \"request\": {},\n"
        "      \"response\": {},\n"
        "      \"type\": \"Synchronous/HTTP\"\n"
        "    }\n"
        "  ],\n"
        "  \"metadata\": {\n    \"pactSpecification\": {\n      \"version\": \"4.0\"\n    }\n  },\n"
        "  \"provider\": {\n    \"name\": \"p\"\n  }\n"
        "}\n");
    text_deinit(&out);
    pact_free(p);
}

static void by_hand(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    struct pact *p;
    assert_int_equal(pact_new("web", "store", &p), 0);
    struct pact_interaction *i = pact_add(p, PACT_EVENT, "an event");
    assert_non_null(i);
    assert_true(array_push(&i->responses, ((struct pact_part){0})));
    i->responses.items[0].content =
        (struct pact_content){.presence = PACT_THERE, .type = "text/plain", .bytes = bytes_of("x")};
    assert_int_equal(pact_write(p, &out), 0);
    struct pact *q = parse(text_bytes(&out));
    assert_string_equal(q->consumer, "web");
    assert_true(bytes_is(q->interactions.items[0].responses.items[0].content.bytes, "x"));
    pact_free(p);
    pact_free(q);
    text_deinit(&out);
}

#define ONE(description, state, status)                                                                                \
    "{" SIDES ", \"interactions\": [{\"description\": \"" description "\", \"providerState\": \"" state                \
    "\", \"request\": {},\n \"response\": {\"status\": " status "}}]}"

static void merged(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct pact *p = parse(bytes_of(ONE("a", "s", "200"))), *same = parse(bytes_of(ONE("a", "s", "200"))),
                *other_state = parse(bytes_of(ONE("a", "t", "404"))), *against = parse(bytes_of(ONE("a", "s", "404"))),
                *all = parse(bytes_of(PACTS[2]));
    assert_int_equal(pact_merge(p, same, &err), 0);
    assert_int_equal(p->interactions.count, 1);
    assert_int_equal(pact_merge(p, other_state, &err), 0);
    assert_int_equal(p->interactions.count, 2);
    assert_int_equal(p->interactions.items[1].line, 1);
    assert_int_equal(pact_merge(p, all, &err), 0);
    assert_int_equal(p->interactions.count, 5);
    assert_int_equal(pact_merge(p, against, &err), ERROR_EXISTS);
    assert_int_equal(p->interactions.count, 5);
    assert_non_null(strstr(err.message, "'a' is in state 's' already"));
    assert_int_equal(err.line, 1);
    error_clear(&err);
    pact_free(all);
    pact_free(same);
    pact_free(other_state);
    pact_free(against);
    struct text out = TEXT_INIT;
    assert_int_equal(pact_write(p, &out), 0); /* nothing of the others is needed */
    text_deinit(&out);
    pact_free(p);
    assert_int_equal(pact_new("x", "p", &p), 0);
    same = parse(bytes_of(ONE("a", "s", "200")));
    assert_int_equal(pact_merge(p, same, &err), ERROR_INVALID);
    error_clear(&err);
    pact_free(p);
    pact_free(same);
}

/* ---- memory that runs out ------------------------------------------------------------------------------------------
 */

static size_t which;
static const struct pact *ready;

static int read_and_merge(void)
{
    struct pact *p = NULL, *q = NULL;
    struct error err = ERROR_INIT;
    int rc = pact_parse(bytes_of(PACTS[which]), "p.json", &p, &err);
    if (rc == 0)
        rc = pact_new("c", "p", &q);
    if (rc == 0)
        rc = pact_merge(q, p, &err);
    error_clear(&err);
    pact_free(p);
    pact_free(q);
    return rc;
}

static int write_ready(void)
{
    struct text out = TEXT_INIT;
    int rc = pact_write(ready, &out);
    text_deinit(&out);
    return rc;
}

/* jansson 2.14 reads beyond a text's end when its buffer cannot grow, so its own memory fails only where none is read.
 */
static void memory(void **state)
{
    (void)state;
    json_malloc_t usual_malloc;
    json_free_t usual_free;
    json_get_alloc_funcs(&usual_malloc, &usual_free);
    for (which = 0; which < PACT_COUNT; which++) {
        struct pact *p = parse(bytes_of(PACTS[which]));
        ready = p;
        assert_true(failing_walk(read_and_merge, FAILING_IS_TOLD) > 10);
        json_set_alloc_funcs(failing_malloc, failing_free);
        assert_true(failing_walk(write_ready, FAILING_IS_TOLD) > 10);
        json_set_alloc_funcs(usual_malloc, usual_free);
        pact_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory),  cmocka_unit_test(again),  cmocka_unit_test(letters),
        cmocka_unit_test(by_hand), cmocka_unit_test(merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
