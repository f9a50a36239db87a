/* Hurl files as flows: the same steps, the same answers, errors with the file's own places. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "e2e/import/import.h"
#include "world/real.h"

#include <stdlib.h>
#include <string.h>

/* Runs a Hurl text; `got` gets the message of the case when it fails. */
static bool run_text(struct test_system *s, const char *text)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    if (flow_parse(bytes_of(text), "flows/x.hurl", &flows, &err) != 0) {
        struct text why = TEXT_INIT;
        error_format(&err, &why);
        fail_msg("%s", text_string(&why));
    }
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), 0);
    flow_list_free(&flows);
    return summary.failed == 0;
}

static void passes(struct test_system *s, const char *text)
{
    if (!run_text(s, text)) {
        struct text report = TEXT_INIT;
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
}

static void fails(struct test_system *s, const char *text, const char *message)
{
    assert_false(run_text(s, text));
    struct text report = TEXT_INIT;
    test_report(s, &report);
    if (strstr(text_string(&report), message) == NULL)
        fail_msg("expected %s in\n%s", message, text_string(&report));
    text_deinit(&report);
}

static void requests(void **state)
{
    struct test_system *s = *state;
    passes(s, "# all that an entry may have\n"
              "POST {{gateway}}/echo?a=1 # behind\n"
              "X-Asked: politely\n"
              "[Query]\n"
              "b: d&e\n"
              "[Form]\n"
              "name: Mary Ann\n"
              "twice: 1\n"
              "twice: 2\n"
              "HTTP 200\n"
              "Content-Type: application/json\n"
              "[Captures]\n"
              "who: jsonpath \"$.method\"\n"
              "[Asserts]\n"
              "jsonpath \"$.query\" == \"a=1&b=d%26e\"\n"
              "jsonpath \"$.body\" == \"name=Mary%20Ann&twice=1&twice=2\"\n"
              "jsonpath \"$.asked\" == \"politely\"\n"
              "variable \"who\" == \"POST\"\n"
              "duration < 60000\n"
              "\n"
              "PUT {{gateway}}/echo\n"
              "{ \"a\": [1, \"{{who}}\"],\n  \"b\": {} }\n"
              "HTTP 200\n"
              "[Asserts]\n"
              "jsonpath \"$.type\" == \"application/json\"\n"
              "jsonpath \"$.body\" == \"{ \\\"a\\\": [1, \\\"POST\\\"],\\n  \\\"b\\\": {} }\"\n"
              "\n"
              "POST {{gateway}}/echo\n"
              "```graphql\n"
              "query Q($id: ID!) {\n  one(id: $id)\n}\n"
              "variables { \"id\" : 7 }\n"
              "```\n"
              "HTTP 200\n"
              "[Asserts]\n"
              "jsonpath \"$.body\" == `{\"query\":\"query Q($id: ID!) {\\\\n  one(id: "
              "$id)\\\\n}\",\"variables\":{\"id\":7}}`\n"
              "POST {{gateway}}/echo\n"
              "hex,48 49;\n"
              "HTTP 200\n"
              "[Asserts]\n"
              "jsonpath \"$.body\" == \"HI\"\n"
              "GET {{gateway}}/text\n"
              "HTTP 200\n"
              "X-Twice: two\n"
              "[Asserts]\n"
              "header \"x-twice\" count == 2\n"
              "bytes startsWith hex,706c;\n"
              "sha256 toHex == \"fcfb09747001a6e80d289a03381a059d7771bc472c6320851e9371c009e36781\"\n");
}

static void options(void **state)
{
    struct test_system *s = *state;
    passes(s, "GET {{gateway}}/go/302?/text\n"
              "[Options]\n"
              "location: true\n"
              "HTTP 200\n"
              "[Asserts]\n"
              "redirects count == 1\n"
              "url endsWith \"/text\"\n"
              "`plain words`\n"
              "GET {{gateway}}/nowhere\n"
              "[Options]\n"
              "skip: true\n"
              "HTTP 500\n"
              "GET {{gateway}}/hello?n={{n}}\n"
              "[Options]\n"
              "variable: n=7\n"
              "repeat: 2\n"
              "delay: 10ms\n"
              "retry: 1\n"
              "HTTP 200\n"
              "[Captures]\n"
              "got: jsonpath \"$.query\" split \"=\" nth 1 toInt\n"
              "[Asserts]\n"
              "variable \"got\" == 7\n"
              "GET {{gateway}}/login\n"
              "HTTP 204\n"
              "[Asserts]\n"
              "cookie \"session\" == \"s-1\"\n"
              "cookie \"session[HttpOnly]\" exists\n"
              "cookie \"session[Expires]\" format \"%Y\" == \"2099\"\n"
              "cookie \"session[Secure]\" not exists\n"
              "cookie \"short[Max-Age]\" == 10\n"
              "GET {{gateway}}/cookies\n"
              "[Cookies]\n"
              "mine: 1\n"
              "HTTP *\n"
              "[Asserts]\n"
              "body contains \"session=s-1\"\n"
              "body contains \"mine=1\"\n"
              "GET {{gateway}}/echo\n"
              "[BasicAuth]\n"
              "ann: secret\n"
              "HTTP 200\n");
}

static void failures(void **state)
{
    struct test_system *s = *state;
    fails(s, "GET {{gateway}}/missing\nHTTP 200\n",
          "flows/x.hurl:2:6: failed: step 1 http GET ${gateway}/missing: status: expected 200");
    fails(
        s, "GET {{gateway}}/missing\nHTTP 404\n[Asserts]\njsonpath \"$.code\" == \"404\"\n",
        "flows/x.hurl:4:1: failed: step 1 http GET ${gateway}/missing: jsonpath \"$.code\": expected text \"404\", got "
        "integer 404");
    fails(s, "GET {{gateway}}/missing\nHTTP *\n[Asserts]\njsonpath \"$.code\" not startsWith \"4\"\n",
          "of which startsWith says nothing");
    fails(s, "GET {{gateway}}/missing\nHTTP *\n[Captures]\nx: jsonpath \"$.nothing\"\n", "nothing to capture");
    fails(s, "GET {{gateway}}/text\nHTTP *\n[Asserts]\njsonpath \"$.a\" exists\n", "the body is no JSON");
}

/* The places and words of errors. */
static void errors(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"GETT\n", "x.hurl:1:5: expected a blank and a URL behind the method"},
        {"get http://a\n", "x.hurl:1:1: expected a method: GET, POST, ..."},
        {"GET http://a\n[Qery]\n", "x.hurl:2:1: there is no section [Qery] here: did you mean [Query]?"},
        {"GET http://a\n[Options]\nlocatoin: true\n",
         "x.hurl:3:1: there is no option locatoin: did you mean location?"},
        {"GET http://a\n[Options]\nretry: -2\n", "x.hurl:3:8: expected a number from 0 on, or -1 for one without end"},
        {"GET http://a\n[Options]\ndelay: soon\n", "x.hurl:3:8: expected a time: a number and ms, s, m or h"},
        {"GET http://{{a\n", "x.hurl:1:12: this {{ has no }}"},
        {"GET http://a\nHTTP 2000\n", "x.hurl:2:6: expected a status like 200, or *"},
        {"GET http://a\nHTTP 200\n[Asserts]\nstatus\n", "x.hurl:4:7: expected a predicate: ==, contains, exists, ..."},
        {"GET http://a\nHTTP 200\n[Asserts]\nbody cuont == 1\n",
         "x.hurl:4:6: there is no filter or predicate cuont: did you mean count?"},
        {"GET http://a\nHTTP 200\n[Asserts]\nbdy == 1\n", "x.hurl:4:1: there is no query bdy: did you mean body?"},
        {"GET http://a\nHTTP 200\n[Asserts]\nheader == 1\n", "x.hurl:4:8: header takes a text in quotes"},
        {"GET http://a\nHTTP 200\n[Asserts]\nbody startsWith 1\n",
         "x.hurl:4:17: startsWith takes a text in quotes, or bytes"},
        {"GET http://a\nHTTP 200\n[Asserts]\nbody matches /(/\n", "x.hurl:4:1: matches: not a regular expression"},
        {"GET http://a\nHTTP 200\n[Asserts]\njsonpath \"$.[\" exists\n", "x.hurl:4:1: jsonpath: not a JSONPath"},
        {"GET http://a\nHTTP 200\n[Asserts]\nxpath \"//[\" exists\n", "x.hurl:4:1: xpath: not an XPath expression"},
        {"GET http://a\n{\"a\": \"\\uf64\"}\n", "x.hurl:2:8: JSON: expected four hexadecimal digits behind \\u"},
        {"GET http://a\n{\"a\": 1,}\n", "x.hurl:2:9: JSON: expected a name in quotes"},
        {"GET http://a\n```\nabc\n", "x.hurl:2:1: this ``` has no end"},
        {"GET http://a\n<a><b></a>\n", "x.hurl:2:1: XML: the root element has no end"},
        {"GET http://a\n[Query]\na: 1\n[Query]\n", "x.hurl:4:1: section [Query] stands here a second time"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct flow_list flows = {0};
        struct error err = ERROR_INIT;
        struct text why = TEXT_INIT;
        assert_int_not_equal(flow_parse(bytes_of(cases[i].text), "x.hurl", &flows, &err), 0);
        error_format(&err, &why);
        if (strncmp(text_string(&why), cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("expected %s\ngot %s", cases[i].error, text_string(&why));
        text_deinit(&why);
        error_clear(&err);
    }
}

/* What the page shows runs. */
static void examples(void **state)
{
    struct test_system *s = *state;
    struct world *w;
    struct text page = TEXT_INIT;
    size_t found = 0;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_read_file(w, "docs/flows-hurl.md", (size_t)1 << 20, &page, NULL), 0);
    for (const char *p = text_string(&page); (p = strstr(p, "```hurl\n")) != NULL; found++) {
        p += strlen("```hurl\n");
        const char *end = strstr(p, "\n```\n");
        assert_non_null(end);
        char *text = strndup(p, (size_t)(end + 1 - p));
        passes(s, text);
        free(text);
        p = end;
    }
    assert_true(found > 0);
    text_deinit(&page);
    world_real_free(w);
}

static const char whole[] = "POST http://a/{{b}}\nX: y\n[Query]\nq: 1\n[Options]\nvariable: v=1\nlocation: true\n"
                            "{\"a\": \"{{v}}\"}\nHTTP 201\n[Captures]\nc: jsonpath \"$.x\" toInt\n[Asserts]\n"
                            "body contains \"it's ${b}\"\n";

/* As a flow file it says the same. */
static void written(void **state)
{
    struct document *d = NULL;
    struct error err = ERROR_INIT;
    struct text yaml = TEXT_INIT;
    struct flow_list flows = {0};
    (void)state;
    assert_int_equal(import_format_of("a/whole.hurl")->parse(bytes_of(whole), "a/whole.hurl", &d, &err), 0);
    assert_true(import_yaml(document_root(d), &yaml));
    assert_string_equal(text_string(&yaml), "flow: whole\n"
                                            "steps:\n"
                                            "  - set: {v: 1}\n"
                                            "  - http: 'POST http://a/${b}'\n"
                                            "    query: {q: '1'}\n"
                                            "    body: '{\"a\": \"${v | jsonEscape}\"}'\n"
                                            "    headers: {X: 'y', Content-Type: application/json}\n"
                                            "    redirects: true\n"
                                            "    expect: {status: 201}\n"
                                            "    capture: {c: 'jsonpath \"$.x\" toInt'}\n"
                                            "    check:\n"
                                            "      - 'body contains \"it''s $${b}\"'\n");
    if (flow_parse(text_bytes(&yaml), "whole.yaml", &flows, &err) != 0)
        fail_msg("%s", err.message);
    flow_list_free(&flows);
    text_deinit(&yaml);
    document_free(d);
}

/* ---- options of the command line ---- */

static int with_settings(const char *const *list, const char *text, struct text *yaml, struct error *err)
{
    struct document *d = NULL;
    const struct import_settings settings = {.hurl = list, .folder = "/here"};
    int code = import_format_of("x.hurl")->parse_with(bytes_of(text), "x.hurl", &settings, &d, err);
    if (code == 0 && !import_yaml(document_root(d), yaml))
        code = ERROR_MEMORY;
    document_free(d);
    return code;
}

static const char *const asked[] = {"location",
                                    "max-redirs=-1",
                                    "header=A: b#{{c}}",
                                    "cacert=ca.pem",
                                    "cert=a.pem:p",
                                    "resolve=a:80:1.1.1.1",
                                    "resolve=b:80:1.1.1.1",
                                    "user-agent=me",
                                    "from-entry=2",
                                    "to-entry=2",
                                    "variable=n=3",
                                    "secret=s=x",
                                    "digest",
                                    "user=a:b",
                                    "file-root=f",
                                    NULL};
static const char two[] = "GET http://a\n\nPOST http://a/x/../y\n[Options]\nlocation: false\nfile,b.bin;\nHTTP 200\n";

static void settings(void **state)
{
    struct text yaml = TEXT_INIT;
    struct error err = ERROR_INIT;
    (void)state;
    if (with_settings(asked, two, &yaml, &err) != 0)
        fail_msg("%s", err.message);
    assert_string_equal(text_string(&yaml),
                        "flow: x\n"
                        "vars: {'n': 3, s: x}\n"
                        "secrets: [s]\n"
                        "steps:\n"
                        "  - http: POST http://a/x/../y\n"
                        "    curl:\n"
                        "      key-password: p\n"
                        "      cert: /here/a.pem\n"
                        "      resolve: [a:80:1.1.1.1, b:80:1.1.1.1]\n"
                        "      auth: digest\n"
                        "      path-as-is: false\n"
                        "      user: a:b\n"
                        "    tls: {ca: /here/ca.pem}\n"
                        "    file: /here/f/b.bin\n"
                        "    headers: [{name: A, value: 'b#{{c}}'}, {name: User-Agent, value: me}]\n"
                        "    redirects: false\n"
                        "    expect: {status: 200}\n");
    text_deinit(&yaml);
    static const char *const wrong[][2] = {
        {"locaton", "--hurl locaton: there is no option locaton: did you mean location?"},
        {"to-entyr=2", "--hurl to-entyr=2: there is no option to-entyr: did you mean to-entry?"},
        {"max-time=x", "--hurl max-time=x: expected a time: a number and ms, s, m or h"},
        {"from-entry=0", "--hurl from-entry=0: expected the number of an entry, from 1"},
        {"variable=newUuid=1",
         "--hurl variable=newUuid=1: \"newUuid\" is a function's name: take another for the variable"},
        {"secret=a", "--hurl secret=a: expected NAME=VALUE"},
        {"http3", "--hurl http3: option http3 is not implemented"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const list[] = {wrong[i][0], NULL};
        assert_int_equal(with_settings(list, two, &yaml, &err), ERROR_INVALID);
        assert_string_equal(err.message, wrong[i][1]);
        error_clear(&err);
    }
    const char *const twice[] = {"secret=a=1", "secret=a=2", NULL}, *const nothing[] = {"ignore-asserts", NULL};
    assert_int_equal(with_settings(twice, two, &yaml, &err), ERROR_INVALID);
    error_clear(&err);
    assert_int_equal(with_settings(nothing, "GET http://a\nHTTP 200\n", &yaml, &err), 0);
    assert_null(strstr(text_string(&yaml), "expect"));
    text_deinit(&yaml);
}

/* Files that the command line names are in its folder; entries write below the file root; comments fill the jar. */
static void keeps(void **state)
{
    static const char *const list[] = {"cookie=in.txt", "cookie-jar=/out.txt", "file-root=r", "output=all.bin", NULL};
    struct text yaml = TEXT_INIT;
    struct error err = ERROR_INIT;
    (void)state;
    if (with_settings(list,
                      "# @cookie_storage_set: localhost FALSE / FALSE 0 a $b\n\nGET http://a\n[Options]\n"
                      "output: x/../y.bin\nHTTP 200\n[Captures]\nkey: body redact\n# @cookie_storage_clear\nGET "
                      "http://b\n[Options]\nvariable: pem=p\ncert: {{pem}}\ncacert: {{pem}}\noutput: ../r/{{pem}}\n",
                      &yaml, &err) != 0)
        fail_msg("%s", err.message);
    assert_string_equal(text_string(&yaml),
                        "flow: x\n"
                        "secrets: [key]\n"
                        "steps:\n"
                        "  - http: GET http://a\n"
                        "    save: /here/r/x/../y.bin\n"
                        "    jar: {set: localhost FALSE / FALSE 0 a $b, read: /here/in.txt, write: /out.txt}\n"
                        "    expect: {status: 200}\n"
                        "    capture: {key: body}\n"
                        "  - set: {pem: p}\n"
                        "  - http: GET http://b\n"
                        "    save: '/here/r/../r/${pem}'\n"
                        "    jar: {clear: true, write: /out.txt}\n"
                        "    curl:\n"
                        "      key-password: '${= split(pem + '':'', '':'')[1]}'\n"
                        "      cert: '${= split(pem, '':'')[0] startsWith ''/'' ? split(pem, '':'')[0] : ''/here/'' + "
                        "split(pem, '':'')[0]}'\n"
                        "    tls: {ca: '${= pem startsWith ''/'' ? pem : ''/here/'' + pem}'}\n");
    text_deinit(&yaml);
    assert_int_equal(with_settings(list + 2, "GET http://a\n[Options]\noutput: ../other/x\n", &yaml, &err),
                     ERROR_SYNTAX);
    assert_string_equal(err.message, "this leads out of the folder that files may be written in: --hurl "
                                     "file-root=FOLDER gives another");
    error_clear(&err);
}

static int settings_scenario(void)
{
    struct text yaml = TEXT_INIT;
    int code = with_settings(asked, two, &yaml, NULL);
    text_deinit(&yaml);
    return code;
}

static int scenario(void)
{
    struct flow_list flows = {0};
    int code = flow_parse(bytes_of(whole), "x.hurl", &flows, NULL);
    flow_list_free(&flows);
    return code;
}

static void memory(void **state)
{
    (void)state;
    assert_int_equal(scenario(), 0); /* libraries are opened */
    assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 20);
    assert_true(failing_walk(settings_scenario, FAILING_MAY_BE_BORNE) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(options, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(failures, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(examples, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test(errors),
        cmocka_unit_test(written),
        cmocka_unit_test(settings),
        cmocka_unit_test(keeps),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
