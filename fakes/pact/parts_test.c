/* Methods, paths, statuses, queries, headers, metadata, and bodies that are not JSON: each side from a pact's text. */
#include "fakes/pact/test_pact.h"

#include <string.h>

struct row {
    const char *expected, *actual; /* members of a request or response */
    const char *said;              /* NULL: it fits; else a part of the mismatches' texts */
};

static void check(const struct row *row, bool request, int code)
{
    struct pact *e = request ? test_pact(row->expected, "") : test_pact("", row->expected);
    struct pact *a = request ? test_pact(row->actual, "") : test_pact("", row->actual);
    struct pact_interaction *x = &e->interactions.items[0], *y = &a->interactions.items[0];
    struct pact_result result;
    struct error err = ERROR_INIT;
    struct text all = TEXT_INIT;
    pact_result_init(&result);
    int rc = request ? pact_match_request(&x->request, &y->request, &result, &err)
                     : pact_match_response(&x->responses.items[0], &y->responses.items[0], &result, &err);
    if (rc != code)
        fail_msg("%s: %d, %s", row->expected, rc, err.message);
    for (size_t i = 0; i < result.mismatches.count; i++)
        text_printf(&all, "%s\n", result.mismatches.items[i].text);
    if (rc != 0)
        text_puts(&all, err.message);
    if (row->said == NULL ? all.len > 0 : strstr(text_string(&all), row->said) == NULL)
        fail_msg("%s against %s: '%s', not '%s'", row->actual, row->expected, text_string(&all),
                 row->said != NULL ? row->said : "");
    text_deinit(&all);
    error_clear(&err);
    pact_result_deinit(&result);
    pact_free(e);
    pact_free(a);
}

#define REGEX(text)         "{\"matchers\": [{\"match\": \"regex\", \"regex\": \"" text "\"}]}"
#define RULES(rules)        "\"matchingRules\": {" rules "}"
#define BODY(type, content) "\"body\": {\"contentType\": \"" type "\", \"content\": \"" content "\"}"
#define XML(content)        BODY("application/xml", content)

static const struct row REQUESTS[] = {
    {"\"method\": \"GET\"", "\"method\": \"get\"", NULL},
    {"\"method\": \"GET\"", "\"method\": \"PUT\"", "method: expected \"GET\" (text), but was \"PUT\" (text)"},
    {"\"path\": \"/a\"", "\"path\": \"/a/\"", "path: expected \"/a\" (text), but was \"/a/\" (text)"},
    {"\"path\": \"/a/1\", " RULES("\"path\": " REGEX("^/a/\\\\d+$")), "\"path\": \"/a/22\"", NULL},
    {"\"path\": \"/a/1\", " RULES("\"path\": {\"\": " REGEX("^/a/\\\\d+$") "}"), "\"path\": \"/a/b\"",
     "path: expected text that fits ^/a/\\d+$ (matcher regex), like \"/a/1\", but was \"/a/b\" (text)"},
    {"\"query\": {\"a\": [\"1\", \"2\"], \"b\": [\"x\"]}", "\"query\": {\"b\": [\"x\"], \"a\": [\"1\", \"2\"]}", NULL},
    {"\"query\": {\"a\": [\"1\", \"2\"]}", "\"query\": {\"a\": [\"2\", \"1\"]}", "query a[0]: expected \"1\" (text)"},
    {"\"query\": {\"a\": [\"1\"]}", "\"query\": {}", "query a: expected \"1\" (text), but was missing"},
    {"\"query\": {\"a\": [\"1\"]}", "\"query\": {\"a\": [\"1\"], \"b\": [\"2\"]}",
     "query b: expected nothing of that name, but there was \"2\" (text)"},
    {"", "\"query\": {\"b\": [\"2\"]}", "query b: expected nothing of that name"},
    {"\"query\": {\"a\": [\"1\"]}", "\"query\": {\"a\": [\"1\", \"2\"]}", "a list with 1 item, but there were 2"},
    {"\"query\": {\"n\": [\"1\"]}, " RULES("\"query\": {\"n\": {\"matchers\": [{\"match\": \"integer\"}]}}"),
     "\"query\": {\"n\": [\"7\", \"8\"]}", NULL},
    {"\"query\": {\"n\": [\"1\"]}, " RULES("\"query\": {\"n\": {\"matchers\": [{\"match\": \"integer\"}]}}"),
     "\"query\": {\"n\": [\"7\", \"x\"]}", "query n[1]: expected an integer"},
    {"\"query\": {\"n\": [\"1\"]}, " RULES("\"query\": {\"n\": {\"matchers\": [{\"match\": \"type\", \"min\": 2}]}}"),
     "\"query\": {\"n\": [\"7\"]}", "query n: expected a list with at least 2 items"},
    {"\"query\": {\"n\": [\"1\"]}, " RULES("\"query\": {\"$.n[*]\": {\"matchers\": [{\"match\": \"decimal\"}]}}"),
     "\"query\": {\"n\": [\"1.5e3\"]}", NULL},
    {BODY("application/x-www-form-urlencoded", "a=1&b=x%20y"), BODY("application/x-www-form-urlencoded", "b=x+y&a=1"),
     NULL},
    {BODY("application/x-www-form-urlencoded",
          "a=1") ", " RULES("\"body\": {\"$.a\": {\"matchers\": [{\"match\": \"integer\"}]}}"),
     BODY("application/x-www-form-urlencoded", "a=x"), "body $.a[0]: expected an integer"},
    {BODY("application/x-www-form-urlencoded", "a=1"), BODY("application/x-www-form-urlencoded", "a=1&b=2"),
     "body $.b: expected nothing of that name"},
    {XML("<a x='1'><b>t</b></a>"), XML("<a x='1'><b>t</b><c/></a>"),
     "body $.a.c: expected no such child, but there was <c>"},
    {XML("<a/>"), XML("<a x='1'/>"), "body $.a.@x: expected no such attribute"},
    {XML("<a><b/></a>"), XML("<a><b/><b/></a>"), "one more"},
};

static const struct row RESPONSES[] = {
    {"\"status\": 200", "\"status\": 201", "status: expected 200 (an integer), but was 201 (an integer)"},
    {"\"status\": 200, " RULES("\"status\": {\"matchers\": [{\"match\": \"statusCode\", \"status\": \"success\"}]}"),
     "\"status\": 204", NULL},
    {"\"status\": 200, " RULES("\"status\": {\"matchers\": [{\"match\": \"statusCode\", \"status\": \"nonError\"}]}"),
     "\"status\": 400", "status: expected a status of the class nonError (matcher statusCode), like 200, but was 400"},
    {"\"status\": 200, " RULES("\"status\": {\"matchers\": [{\"match\": \"statusCode\", \"status\": [200, 404]}]}"),
     "\"status\": 404", NULL},
    {"\"status\": 200, " RULES("\"status\": {\"matchers\": [{\"match\": \"statusCode\", \"status\": [200, 404]}]}"),
     "\"status\": 500", "one of [200, 404] (matcher statusCode)"},
    /* Headers. */
    {"\"headers\": {\"X-A\": \"1\"}", "\"headers\": {\"x-a\": [\"1\"], \"X-B\": \"2\"}", NULL},
    {"\"headers\": {\"X-A\": \"1\"}", "\"headers\": {\"x-a\": \"2\"}",
     "header x-a: expected \"1\" (text), but was \"2\" (text)"},
    {"\"headers\": {\"X-A\": \"1\"}", "", "header x-a: expected \"1\" (text), but was missing"},
    {"\"headers\": {\"X-A\": \"1,2\"}", "\"headers\": {\"X-A\": \"1 , 2\"}", NULL},
    {"\"headers\": {\"X-A\": [\"1\", \"2\"]}", "\"headers\": {\"X-A\": \"1, 2\"}", NULL},
    {"\"headers\": {\"X-A\": [\"1\", \"2\"]}", "\"headers\": {\"X-A\": [\"1\", \"3\"]}",
     "header x-a[1]: expected \"2\""},
    {"\"headers\": {\"Content-Type\": \"application/json\"}",
     "\"headers\": {\"Content-Type\": \"application/json; charset=UTF-8\"}", NULL},
    {"\"headers\": {\"Content-Type\": \"application/json;charset=utf-8\"}",
     "\"headers\": {\"Content-Type\": \"application/json; charset = UTF-8; q=1\"}", NULL},
    {"\"headers\": {\"Content-Type\": \"application/json;charset=utf-8\"}",
     "\"headers\": {\"Content-Type\": \"application/json\"}", "header content-type"},
    {"\"headers\": {\"Accept\": \"text/a;q=1, text/b\"}", "\"headers\": {\"Accept\": \"text/a; q=1,text/b\"}", NULL},
    {"\"headers\": {\"X-A\": \"1\"}, " RULES("\"header\": {\"x-a\": " REGEX("^\\\\d$") "}"),
     "\"headers\": {\"X-A\": \"7\"}", NULL},
    {"\"headers\": {\"X-A\": \"1\"}, " RULES("\"headers\": {\"X-A\": " REGEX("^\\\\d$") "}"),
     "\"headers\": {\"X-A\": \"x\"}", "header x-a: expected text that fits"},
    {"\"headers\": {\"Date\": \"Mon, 1\"}", "\"headers\": {\"Date\": \"Mon, 1\"}", NULL},
    /* Bodies that are there, or not. */
    {"", BODY("text/plain", "x"), NULL},
    {"\"body\": null", BODY("text/plain", "x"), "body $: expected no body, but it was \"x\" (1 bytes)"},
    {"\"body\": null", "", NULL},
    {BODY("text/plain", ""), BODY("text/plain", "x"), "expected no body"},
    {BODY("text/plain", ""), "", NULL},
    {BODY("text/plain", "x"), "", "body $: expected the body \"x\" (1 bytes), but it was missing"},
    {BODY("text/plain", "x"), BODY("text/plain", ""), "but it was empty"},
    {BODY("text/plain", "x"), BODY("text/html", "x"),
     "body $: expected a body of the type text/plain, but it was of the type text/html"},
    {"\"headers\": {\"Content-Type\": \"text/a\"}, \"body\": {\"content\": \"x\"}, " RULES(
         "\"header\": {\"Content-Type\": " REGEX("^text/") "}"),
     "\"headers\": {\"Content-Type\": \"text/b\"}, \"body\": {\"content\": \"x\"}", NULL},
    {BODY("text/plain", "one"), BODY("text/plain", "two"),
     "body $: expected \"one\" (3 bytes), but was \"two\" (3 bytes)"},
    {BODY("text/plain", "one") ", " RULES("\"body\": {\"$\": " REGEX("o.e") "}"), BODY("text/plain", "ode"), NULL},
    {BODY("text/plain", "one") ", " RULES("\"body\": {\"$\": " REGEX("o.e") "}"), BODY("text/plain", "odes"),
     "fits o.e"},
    {"\"body\": {\"contentType\": \"image/png\", \"content\": \"AAEC\", \"encoded\": \"base64\"}",
     "\"body\": {\"contentType\": \"image/png\", \"content\": \"AAED\", \"encoded\": \"base64\"}",
     "body $: expected \"\\x00\\x01\\x02\""},
    {"\"body\": {\"contentType\": \"image/png\", \"content\": \"AAEC\", \"encoded\": \"base64\"}, " RULES(
         "\"body\": {\"$\": {\"matchers\": [{\"match\": \"contentType\", \"value\": \"image/png\"}]}}"),
     "\"body\": {\"contentType\": \"image/png\", \"content\": \"iVBORw0KGgoAAAANSUhEUg==\", \"encoded\": \"base64\"}",
     NULL},
    {"\"body\": {\"contentType\": \"application/json\", \"content\": {\"a\": 1}}", BODY("application/hal+json", "x"),
     "body $: expected a map"},
    /* XML. */
    {XML("<a x='1' y='2'><b>t</b></a>"), XML("<?xml version='1.0'?><!-- c --><a y='2' x='1' z='3'><b> t </b><c/></a>"),
     NULL},
    {XML("<a>1</a>"), XML("<b>1</b>"), "body $.a: expected <a>, but was <b>"},
    {XML("<a>1</a>"), XML("<a>2</a>"), "body $.a.#text: expected \"1\" (text), but was \"2\" (text)"},
    {XML("<a x='1'/>"), XML("<a/>"), "body $.a.@x: expected 1, but the attribute was missing"},
    {XML("<a><b/></a>"), XML("<a/>"), "body $.a.b: expected <b>, but was missing"},
    {XML("<a xmlns='u:1'/>"), XML("<p:a xmlns:p='u:1'/>"), NULL},
    {XML("<a xmlns='u:1'/>"), XML("<a xmlns='u:2'/>"), "expected <u:1:a>, but was <u:2:a>"},
    {XML("<a><![CDATA[<x>]]>&amp;&#65;</a>"), XML("<a>&lt;x&gt;&#x26;A</a>"), NULL},
    {XML("<l><i n='1'>a</i></l>") ", " RULES("\"body\": {\"$.l.i\": {\"matchers\": [{\"match\": \"type\"}]}, "
                                             "\"$.l.i['@n']\": {\"matchers\": [{\"match\": \"integer\"}]}}"),
     XML("<l><i n='2'>b</i><i n='3'>c</i></l>"), NULL},
    {XML("<l><i n='1'>a</i></l>") ", " RULES("\"body\": {\"$.l.i\": {\"matchers\": [{\"match\": \"type\"}]}, "
                                             "\"$.l.i['@n']\": {\"matchers\": [{\"match\": \"integer\"}]}}"),
     XML("<l><i n='2'>b</i><i n='x'>c</i></l>"), "body $.l.i.@n: expected an integer"},
    {XML("<l><i/></l>") ", " RULES("\"body\": {\"$.l\": {\"matchers\": [{\"match\": \"type\", \"min\": 2}]}}"),
     XML("<l><i/></l>"), "at least 2 children (matcher type, min), but there were 1"},
    {XML("<a/>"), XML("<a>"),
     "expected an XML document, but it is none (line 1, column 4: the element has no end tag)"},
    {XML("<a/>"), XML("<a></b>"), "the end tag is not the element's"},
    {XML("<a/>"), XML("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"), "not implemented: document type declarations"},
};

static void requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS; i++)
        check(&REQUESTS[i], true, 0);
}

static void responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof RESPONSES / sizeof *RESPONSES; i++)
        check(&RESPONSES[i], false, 0);
}

/* Bodies of several parts: by name, by place, by the type of each. */
#define FORM(parts)                                                                                                    \
    "\"headers\": {\"Content-Type\": [\"multipart/form-data; boundary=x\"]}, " PARTS("form-data", parts "--x--\\r\\n")
#define PARTS(kind, text) "\"body\": {\"contentType\": \"multipart/" kind "\", \"content\": \"" text "\"}"
#define HEAD(head, text)  "--x\\r\\n" head "\\r\\n\\r\\n" text "\\r\\n"
#define VALUE(name, text) HEAD("Content-Disposition: form-data; name=" name, text)
#define FILE_OF(name, type, text)                                                                                      \
    HEAD("Content-Disposition: form-data; name=" name "; filename=f\\r\\nContent-Type: " type, text)
#define MIXED(parts) PARTS("mixed", parts "--x--")
#define CONTENT(path, type)                                                                                            \
    ", " RULES("\"body\": {\"" path "\": {\"matchers\": [{\"match\": \"contentType\", \"value\": \"" type "\"}]}}")
#define BODY_RULE(path, matcher) ", " RULES("\"body\": {\"" path "\": {\"matchers\": [" matcher "]}}")
#define INTEGER                  "{\"match\": \"integer\"}"

static const struct row FORMS[] = {
    {FORM(VALUE("a", "1") VALUE("b", "2")), FORM(VALUE("b", "2") VALUE("a", "1")), NULL},
    {FORM(VALUE("a", "1")), FORM(VALUE("a", "2")), "body $.a: expected \"1\" (text), but was \"2\" (text)"},
    {FORM(VALUE("a", "1")), FORM(VALUE("b", "1")), "body $.a: expected a part, but was missing"},
    {FORM(VALUE("a", "1")), FORM(VALUE("a", "1") VALUE("b", "1")), "body $.b: expected no such part"},
    {FORM(VALUE("a", "1") VALUE("a", "2")), FORM(VALUE("a", "1") VALUE("a", "3")), "body $.a: expected \"2\""},
    {FORM(VALUE("a", "1")) BODY_RULE("$.a", INTEGER), FORM(VALUE("a", "27")), NULL},
    {FORM(VALUE("a", "1")) BODY_RULE("$.a", INTEGER), FORM(VALUE("a", "x")), "body $.a: expected an integer"},
    {FORM(VALUE("a", "1")), FORM(FILE_OF("a", "text/plain", "1")), "expected a plain value, but it was a file"},
    {FORM(FILE_OF("a", "text/plain", "1")), FORM(VALUE("a", "1")), "expected a file, but it was a plain value"},
    {FORM(FILE_OF("j", "application/json", "{}")), FORM(FILE_OF("j", "application/json", " { } ")), NULL},
    {FORM(FILE_OF("j", "application/json", "[1]")) BODY_RULE("$.j[*]", INTEGER),
     FORM(FILE_OF("j", "application/json", "[7]")), NULL},
    {FORM(FILE_OF("j", "application/json", "[1]")) BODY_RULE("$.j[*]", INTEGER),
     FORM(FILE_OF("j", "application/json", "[true]")), "body $.j[0]: expected an integer"},
    {FORM(FILE_OF("j", "application/json", "{}")), FORM(FILE_OF("j", "application/json", "{")), "it is no JSON"},
    {FORM(FILE_OF("m", "application/xml", "<a b='1'/>")), FORM(FILE_OF("m", "application/xml", "<a b='2'/>")),
     "body $.m.a.@b: expected \"1\""},
    {FORM(FILE_OF("j", "application/json", "1")), FORM(FILE_OF("j", "text/plain", "1")),
     "body $.j.content-type: expected application/json, but was \"text/plain\""},
    {FORM(FILE_OF("p", "image/gif", "GIF89a a")) CONTENT("$.p", "image/gif"),
     FORM(FILE_OF("p", "image/gif", "GIF87a b")), NULL},
    {FORM(FILE_OF("p", "image/gif", "GIF89a a")) CONTENT("$.p", "image/gif"), FORM(FILE_OF("p", "image/gif", "%PDF-1")),
     "body $.p: expected content of the type image/gif"},
    {FORM(HEAD("Content-Disposition: form-data; name=a\\r\\nX-Id: 1", "1"))
         BODY_RULE("$.a['x-id']", "{\"match\": \"regex\", \"regex\": \"^[0-9]$\"}"),
     FORM(HEAD("Content-Disposition: form-data; name=a\\r\\nx-id: 7", "1")), NULL},
    {FORM(HEAD("Content-Disposition: form-data; name=a\\r\\nX-Id: 1", "1")), FORM(VALUE("a", "1")),
     "body $.a.x-id: expected 1, but the part's header was missing"},
    {FORM(HEAD("Content-Disposition: form-data; name=a\\r\\nContent-Transfer-Encoding: base64", "MQ==")),
     FORM(VALUE("a", "1")), NULL},
    {MIXED(HEAD("Content-Type: text/plain", "a") HEAD("Content-Type: application/json", "[1]")),
     MIXED(HEAD("Content-Type: text/plain", "a") HEAD("Content-Type: application/json", "[ 1 ]")), NULL},
    {MIXED(HEAD("Content-Type: text/plain", "a") HEAD("Content-Type: application/json", "[1]"))
         BODY_RULE("$[1][0]", INTEGER),
     MIXED(HEAD("Content-Type: text/plain", "a") HEAD("Content-Type: application/json", "[\\\"x\\\"]")),
     "body $[1][0]: expected an integer"},
    {MIXED(HEAD("Content-Type: text/plain", "a")), MIXED(HEAD("Content-Type: text/plain", "b")),
     "body $[0]: expected \"a\""},
    {FORM(VALUE("a", "1")), FORM("no parts"), "expected a body of several parts, but it is none"},
    {FORM("--y"), FORM(VALUE("a", "1")), "but the pact's is none (multipart body, byte 1: it does not begin with"},
};

static void forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++)
        check(&FORMS[i], true, 0);
    /* An answer may have more parts than are expected. */
    check(&(struct row){FORM(VALUE("a", "1")), FORM(VALUE("b", "1") VALUE("a", "1")), NULL}, false, 0);
}

/* Metadata of messages: sent as text or as JSON, matched without looking at the case of names. */
static void metadata(void **state)
{
    (void)state;
    static const struct {
        const char *expected, *actual, *said;
    } ROWS[] = {
        {"{\"a\": \"1\", \"n\": 7}", "{\"A\": \"1\", \"n\": \"7\", \"b\": 2}", NULL},
        {"{\"a\": \"1\"}", "{\"a\": \"2\"}", "metadata a: expected \"1\" (text), but was \"2\" (text)"},
        {"{\"a\": \"1\"}", "{}", "metadata a: expected \"1\" (text), but was missing"},
        {"{\"contentType\": \"application/json\"}", "{\"contentType\": \"application/json;charset=utf-8\"}", NULL},
        {"{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 2}}", "metadata a.b: expected 1"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct pact_part e = {0}, a = {0};
        struct pact_result result;
        e.metadata = json_loads(ROWS[i].expected, 0, NULL);
        a.metadata = json_loads(ROWS[i].actual, 0, NULL);
        pact_result_init(&result);
        assert_int_equal(pact_match_response(&e, &a, &result, NULL), 0);
        const char *text = result.mismatches.count > 0 ? result.mismatches.items[0].text : "";
        if (ROWS[i].said == NULL ? text[0] != '\0' : strstr(text, ROWS[i].said) == NULL)
            fail_msg("%s against %s: %s", ROWS[i].actual, ROWS[i].expected, text);
        pact_result_deinit(&result);
        pact_part_deinit(&e);
        pact_part_deinit(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(responses),
        cmocka_unit_test(forms),
        cmocka_unit_test(metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
