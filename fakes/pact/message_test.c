/* Protobuf messages matched as JSON: every kind of field, map keys, presence, and back to the wire. */
#include "fakes/pact/test_pact.h"

#include "base/failing_walk.h"
#include "fakes/stub/testdata/set.h"
#include "wire/pb.h"

#include <string.h>

static struct pb_pool *pool;

static int make_pool(void **state)
{
    (void)state;
    return pb_pool_new(shop_set(), "shop", &pool, NULL);
}

static int free_pool(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static const struct pb_type *query(void)
{
    return pb_find_type(pool, "shop.Query");
}

static struct text wire_of(const char *json)
{
    struct text wire = TEXT_INIT;
    struct error err = ERROR_INIT;
    if (pb_json_to_wire(query(), bytes_of(json), 0, &wire, &err) != 0)
        fail_msg("%s: %s", json, err.message);
    return wire;
}

/* An answer whose body is the message, with rules on it. */
static struct pact *message_pact(struct bytes wire, const char *rules)
{
    struct text text = TEXT_INIT;
    text_printf(&text, "\"matchingRules\": {\"body\": {%s}}", rules);
    struct pact *p = test_pact("", text_string(&text));
    struct pact_content *c = &p->interactions.items[0].responses.items[0].content;
    *c = (struct pact_content){.presence = PACT_THERE, .type = "application/protobuf;message=shop.Query"};
    c->bytes = BYTES(arena_copy(&p->arena, wire.len > 0 ? wire.data : (const uint8_t *)"", wire.len), wire.len);
    text_deinit(&text);
    return p;
}

struct row {
    const char *rules, *expected, *actual, *said;
};

static void check(const struct row *row, bool request)
{
    struct text e = wire_of(row->expected), a = wire_of(row->actual);
    struct pact *p = message_pact(text_bytes(&e), row->rules);
    struct pact_part *expected = &p->interactions.items[0].responses.items[0];
    struct pact_part actual = {.content = {.presence = PACT_THERE, .bytes = text_bytes(&a)}};
    struct pact_result result;
    pact_result_init(&result);
    assert_int_equal(pact_content_decode(&expected->content, query(), request, NULL), 0);
    assert_int_equal(pact_content_decode(&actual.content, query(), true, NULL), 0);
    int rc = request ? pact_match_request(expected, &actual, &result, NULL)
                     : pact_match_response(expected, &actual, &result, NULL);
    assert_int_equal(rc, 0);
    const char *text = result.mismatches.count > 0 ? result.mismatches.items[0].text : "";
    if (row->said == NULL ? text[0] != '\0' : strstr(text, row->said) == NULL)
        fail_msg("%s against %s: '%s', not '%s'", row->actual, row->expected, text, row->said != NULL ? row->said : "");
    pact_result_deinit(&result);
    json_decref(actual.content.json);
    pact_free(p);
    text_deinit(&e);
    text_deinit(&a);
}

#define RULE(path, name) "\"" path "\": {\"matchers\": [{\"match\": \"" name "\"}]}"

static const struct row RESPONSES[] = {
    {"", "{\"id\": \"a\"}", "{\"id\": \"a\", \"count\": \"5\"}", NULL},
    {"", "{\"id\": \"a\", \"count\": \"5\"}", "{\"id\": \"a\"}",
     "body $.count: expected 5 (an integer), but was 0 (an integer)"},
    {RULE("$.count", "integer"), "{\"count\": \"5\"}", "{\"count\": \"-7\"}", NULL},
    {RULE("$.number", "integer"), "{\"number\": \"5\"}", "{\"number\": \"18446744073709551615\"}", NULL},
    {RULE("$.number", "type"), "{\"number\": \"18446744073709551615\"}", "{\"number\": \"5\"}", NULL},
    {"", "{\"number\": \"18446744073709551615\"}", "{\"number\": \"18446744073709551614\"}",
     "body $.number: expected \"18446744073709551615\""},
    {RULE("$.id", "type"), "{\"id\": \"18446744073709551615\"}", "{\"id\": \"x\"}", NULL},
    {RULE("$.id", "integer"), "{\"id\": \"a\"}", "{\"id\": \"7\"}", "body $.id: expected an integer"},
    {RULE("$.weight", "type"), "{\"weight\": 1.5}", "{\"weight\": \"NaN\"}", NULL},
    {RULE("$.weight", "decimal"), "{\"weight\": 1.5}", "{\"weight\": \"-Infinity\"}", NULL},
    {RULE("$.weight", "decimal"), "{\"weight\": 1.5}", "{\"weight\": 2}", NULL},
    {RULE("$.price", "decimal"), "{\"price\": 1}", "{\"price\": 2.5}", NULL},
    {RULE("$.colour", "type"), "{\"colour\": \"RED\"}", "{\"colour\": \"GREEN\"}", NULL},
    {"", "{\"colour\": \"RED\"}", "{\"colour\": \"GREEN\"}", "expected \"RED\" (text), but was \"GREEN\""},
    {RULE("$.tags", "type"), "{\"tags\": [\"a\"]}", "{\"tags\": [\"b\", \"c\"]}", NULL},
    {RULE("$.sizes[0]", "number"), "{\"sizes\": [1]}", "{\"sizes\": [9]}", NULL},
    {RULE("$.items[*].id", "type") ", " RULE("$.items", "type"), "{\"items\": [{\"id\": \"x\"}]}",
     "{\"items\": [{\"id\": \"y\"}, {\"id\": \"z\"}]}", NULL},
    {RULE("$.labels.a", "type"), "{\"labels\": {\"a\": \"x\"}}", "{\"labels\": {\"a\": \"y\", \"b\": \"z\"}}", NULL},
    {RULE("$.labels", "values") ", " RULE("$.labels.*", "type"), "{\"labels\": {\"a\": \"x\"}}",
     "{\"labels\": {\"c\": \"y\"}}", NULL},
    {RULE("$.shelves.7.id", "type"), "{\"shelves\": {\"7\": {\"id\": \"x\"}}}",
     "{\"shelves\": {\"7\": {\"id\": \"y\"}}}", NULL},
    {RULE("$.shelves['7'].id", "type"), "{\"shelves\": {\"7\": {\"id\": \"x\"}}}",
     "{\"shelves\": {\"8\": {\"id\": \"y\"}}}", "body $.shelves.7: expected {\"id\": \"x\"} (a map), but was missing"},
    /* Presence: an optional field that holds its default is there, one that is not there is not. */
    {"", "{\"limit\": 0}", "{\"limit\": 0}", NULL},
    {"", "{\"limit\": 0}", "{}", "body $.limit: expected 0 (an integer), but was missing"},
    {"", "{\"name\": \"\"}", "{\"number\": \"1\"}", "body $.name: expected \"\" (text), but was missing"},
    {"", "{\"options\": {}}", "{}", "body $.options: expected {} (a map), but was missing"},
    {RULE("$.since", "datetime"), "{\"since\": \"2020-01-01T00:00:00Z\"}", "{\"since\": \"2021-01-01T00:00:00Z\"}",
     NULL},
    {RULE("$.note", "type"), "{\"note\": \"a\"}", "{\"note\": \"b\"}", NULL},
    {RULE("$.raw", "type"), "{\"raw\": \"AAE=\"}", "{\"raw\": \"AAEC\"}", NULL},
    {RULE("$.extra.n", "number"), "{\"extra\": {\"n\": 1}}", "{\"extra\": {\"n\": 2.5}}", NULL},
};

static const struct row REQUESTS[] = {
    {"", "{\"id\": \"a\"}", "{\"id\": \"a\"}", NULL},
    {"", "{\"id\": \"a\"}", "{\"id\": \"a\", \"count\": \"5\"}",
     "body $.count: expected 0 (an integer), but was 5 (an integer)"},
    {"", "{\"id\": \"a\"}", "{\"id\": \"a\", \"limit\": 0}", "body $.limit: expected nothing here"},
    {"", "{}", "{\"tags\": [\"x\"]}", "body $.tags: expected a list with 0 items, but there were 1"},
};

static void responses(void **state)
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

/* The wire's bytes come back from the JSON. */
static void back(void **state)
{
    (void)state;
    struct text wire = wire_of("{\"id\": \"a\", \"count\": \"5\", \"weight\": 2, \"colour\": \"RED\", \"raw\": "
                               "\"AAE=\", \"tags\": [\"x\"], "
                               "\"shelves\": {\"7\": {\"id\": \"x\"}}, \"limit\": 0, \"number\": "
                               "\"18446744073709551615\", \"big\": \"3\", "
                               "\"since\": \"2020-01-01T00:00:00Z\", \"stock\": 4}"),
                out = TEXT_INIT;
    struct pact_content c = {.presence = PACT_THERE, .bytes = text_bytes(&wire)};
    assert_int_equal(pact_content_decode(&c, query(), false, NULL), 0);
    assert_int_equal(json_integer_value(json_object_get(c.json, "count")), 5);
    assert_true(json_is_real(json_object_get(c.json, "weight")));
    assert_int_equal(pact_content_encode(&c, query(), &out, NULL), 0);
    struct pact_content again = {.presence = PACT_THERE, .bytes = text_bytes(&out)};
    assert_int_equal(pact_content_decode(&again, query(), false, NULL), 0);
    assert_true(json_equal(c.json, again.json));
    json_decref(again.json);
    json_decref(c.json);
    text_deinit(&wire);
    text_deinit(&out);
}

static void empty_and_bad(void **state)
{
    (void)state;
    struct pact_content c = {.presence = PACT_EMPTY};
    struct error err = ERROR_INIT;
    assert_int_equal(pact_content_decode(&c, query(), false, &err), 0);
    assert_int_equal(c.presence, PACT_THERE);
    assert_int_equal(json_object_size(c.json), 0);
    json_decref(c.json);
    c = (struct pact_content){.presence = PACT_THERE,
                              .bytes = bytes_of("\x0a\x05"
                                                "a")};
    assert_int_not_equal(pact_content_decode(&c, query(), false, &err), 0);
    assert_non_null(strstr(err.message, "not a shop.Query"));
    assert_null(c.json);
    error_clear(&err);
}

static struct text ready;

static int decode(void)
{
    struct pact_content c = {.presence = PACT_THERE, .bytes = text_bytes(&ready)};
    struct error err = ERROR_INIT;
    int rc = pact_content_decode(&c, query(), true, &err);
    error_clear(&err);
    json_decref(c.json);
    return rc;
}

static void memory(void **state)
{
    (void)state;
    json_malloc_t usual_malloc;
    json_free_t usual_free;
    json_get_alloc_funcs(&usual_malloc, &usual_free);
    ready = wire_of("{\"count\": \"5\", \"weight\": 2, \"shelves\": {\"7\": {\"id\": \"x\"}}}");
    json_set_alloc_funcs(failing_malloc, failing_free);
    assert_true(failing_walk(decode, FAILING_IS_TOLD) > 10);
    json_set_alloc_funcs(usual_malloc, usual_free);
    text_deinit(&ready);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses),     cmocka_unit_test(requests), cmocka_unit_test(back),
        cmocka_unit_test(empty_and_bad), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, make_pool, free_pool);
}
