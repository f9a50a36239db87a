/* HTTP steps by rpc/http.h in both worlds, and by libcurl in the real one: the same flows, the same answers. */
#include "e2e/test_system.h"

#include "base/units.h"

#include <string.h>

#define FLOW "flow: test\nsteps:\n"

static void passes(struct test_system *s, const char *yaml)
{
    if (!test_run(s, yaml)) {
        struct text report = TEXT_INIT;
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
}

static const char *fails(struct test_system *s, const char *yaml)
{
    assert_false(test_run(s, yaml));
    return json_string_value(json_object_get(test_last(s, "case"), "message"));
}

static void requests(void **state)
{
    struct test_system *s = *state;
    passes(s, FLOW "  - http: GET /hello?name=Mary%20Ann\n"
                   "    headers: {X-Asked: politely}\n"
                   "    expect:\n"
                   "      status: 200\n"
                   "      headers: {content-type: application/json}\n"
                   "      exactly: {method: GET, path: /hello, query: name=Mary%20Ann, type: '', asked: politely,"
                   " length: '', body: ''}\n"
                   "      duration: {$max: 5}\n"
                   "    capture: {who: $.body.query}\n"
                   "  - http: POST /echo\n"
                   "    json: {a: [1, '${who}']}\n"
                   "    expect: {body: {type: application/json, body: '{\"a\":[1,\"name=Mary%20Ann\"]}'}}\n"
                   "  - http: PUT /echo\n"
                   "    form: {a b: 'ä & ö', c: 7}\n"
                   "    expect: {body: {method: PUT, type: application/x-www-form-urlencoded,"
                   " body: 'a%20b=%C3%A4%20%26%20%C3%B6&c=7'}}\n"
                   "  - http: PATCH /echo\n"
                   "    body: plain ${who}\n"
                   "    expect: {body: {method: PATCH, type: '', body: 'plain name=Mary%20Ann'}}\n"
                   "  - http: DELETE /echo\n"
                   "    expect: {body: {method: DELETE}}\n"
                   "  - http: POST /echo\n"
                   "    headers: {Content-Type: text/csv}\n"
                   "    json: 7\n"
                   "    expect: {body: {type: text/csv, body: '7', length: '1'}}\n"
                   "  - http: POST /echo\n"
                   "    expect: {body: {length: '0', type: ''}}\n");
}

static void answers(void **state)
{
    struct test_system *s = *state;
    passes(s, FLOW "  - http: GET /text\n"
                   "    expect: {status: 200, body: plain words, headers: {x-twice: 'one, two'}}\n"
                   "  - http: GET /missing\n"
                   "    expect: {status: 404, body: {code: 404}}\n"
                   "  - http: GET /binary\n"
                   "    expect: {body: '\\xff\\xfe'}\n"
                   "  - http: HEAD /text\n"
                   "    expect: {status: 200, body: ''}\n"
                   "  - http: GET ${gateway}/text\n"
                   "    expect: {status: 200}\n");
}

static void failures(void **state)
{
    struct test_system *s = *state;
    const char *message = fails(s, FLOW "  - {http: GET /silence, timeout: 200ms, expect: {status: 200}}\n");
    assert_non_null(strstr(message, "step 1 http GET /silence: "));
    assert_non_null(strstr(message, "/silence: "));
    message = fails(s, FLOW "  - {http: 'GET http://127.0.0.1:1/', timeout: 2s, expect: {status: 200}}\n");
    assert_non_null(strstr(message, "127.0.0.1:1"));
    message = fails(s, FLOW "  - {http: GET /text, headers: {X-A: \"a\\nb\"}}\n");
    assert_string_equal(message, "step 1 http GET /text: this is no header: names are words, values are one line");
    s->target.gateway = NULL;
    message = fails(s, FLOW "  - {http: GET /text, within: 1h}\n");
    assert_string_equal(message, "step 1 http GET /text: shop has no gateway: give a whole URL");
}

/* One jar a flow: what servers set goes back to them, to the right paths, as long as it lives. */
static void cookies(void **state)
{
    struct test_system *s = *state;
    passes(s, "flows:\n"
              "  - flow: a\n    steps:\n"
              "      - http: GET /login\n"
              "        expect: {status: 204, cookies: {session: s-1, short: x, deep: y, other: {$absent: true}}}\n"
              "        capture: {id: {path: $.cookies.session, regex: 's-(.)'}, raw: $.headers.set-cookie}\n"
              "      - {http: GET /cookies, expect: {body: session=s-1; short=x}}\n"
              "      - {http: GET /cookies/deep/er, expect: {body: {$contains: deep=y}}}\n"
              "      - {http: GET /cookies/deeper, expect: {body: {$not: {$contains: deep}}}}\n"
              "      - {http: GET /cookies, cookies: {own: '${id}'}, expect: {body: {$contains: own=1}}}\n"
              "  - flow: b\n    steps: [{http: GET /cookies, expect: {body: none}}]\n");
    assert_string_equal(fails(s, FLOW "  - {http: GET /login, capture: {x: {path: $.cookies.session, regex: q}}}\n"),
                        "step 1 http GET /login: nothing to capture: no match in \"s-1\"");
    assert_string_equal(fails(s, FLOW "  - {http: GET /cookies, cookies: {a: 'b;c'}}\n"),
                        "step 1 http GET /cookies: this is no cookie: one line without \";\"");
}

static void cookies_age(void **state)
{
    struct test_system *s = *state;
    passes(s, FLOW "  - http: GET /login\n"
                   "  - wait: 9s\n"
                   "  - {http: GET /cookies, expect: {body: {$contains: short}}}\n"
                   "  - wait: 2s\n"
                   "  - {http: GET /cookies, expect: {body: session=s-1}}\n");
}

static void redirects(void **state)
{
    struct test_system *s = *state;
    passes(s, FLOW
           "  - {http: GET /go/302?/text, expect: {status: 302, redirects: [], headers: {location: /text}}}\n"
           "  - http: GET /go/302?/go/301?text\n"
           "    redirects: 5\n"
           "    expect:\n"
           "      status: 200\n"
           "      body: {path: /go/text}\n"
           "      redirects: [{status: 302, url: '${gateway}/go/301?text'}, {status: 301, url: '${gateway}/go/text'}]\n"
           "      url: ${gateway}/go/text\n"
           "  - {http: GET /cookies, expect: {body: {$contains: ''}}}\n"
           "  - {http: POST /go/303?/echo, body: x, redirects: 1, expect: {body: {method: GET, body: ''}}}\n"
           "  - {http: POST /go/302?/echo, json: 1, redirects: 1, expect: {body: {method: GET, type: ''}}}\n"
           "  - {http: POST /go/307?/echo, json: 1, redirects: 1, expect: {body: {method: POST, body: '1'}}}\n"
           "  - {http: PUT /go/301?/echo, body: x, redirects: 1, expect: {body: {method: PUT, body: x}}}\n"
           "  - {http: 'GET /go/302?${gateway}/echo', redirects: 1, expect: {body: {path: /echo}}}\n"
           "  - {http: GET /go/302?/go/302?/text, redirects: 1, expect: {status: 302, redirects: {$size: 1}}}\n");
}

static void parts(void **state)
{
    struct test_system *s = *state;
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    static const char yaml[] =
        FLOW "  - http: POST /echo\n"
             "    multipart: {note: 'a ${namespace}', 'odd\"name': 7, data: {file: blob.bin, type: text/plain},"
             " more: {file: blob.bin, name: other.txt}}\n"
             "    expect:\n"
             "      body:\n"
             "        type: {$regex: '^multipart/form-data; boundary=harrow-[0-9a-f]{24}$'}\n"
             "        body:\n"
             "          $all_of:\n"
             "            - {$contains: \"name=\\\"note\\\"\\r\\n\\r\\na main\\r\\n\"}\n"
             "            - {$contains: \"name=\\\"odd%22name\\\"\\r\\n\\r\\n7\\r\\n\"}\n"
             "            - {$contains: \"name=\\\"data\\\"; filename=\\\"blob.bin\\\"\\r\\nContent-Type: "
             "text/plain\\r\\n\\r\\nb l o b\\r\\n\"}\n"
             "            - {$contains: \"filename=\\\"other.txt\\\"\\r\\nContent-Type: application/octet-stream\"}\n"
             "  - {http: PUT /echo, file: blob.bin, expect: {body: {type: application/octet-stream, body: b l o b}}}\n"
             "  - {name: none, http: PUT /echo, file: nowhere.bin}\n";
    s->options.files = s->disk;
    assert_int_equal(world_write_file(s->disk, "blob.bin", bytes_of("b l o b"), false, NULL), 0);
    assert_int_equal(flow_parse(bytes_of(yaml), "x.yaml", &flows, &err), 0);
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), 0);
    assert_string_equal(json_string_value(json_object_get(test_last(s, "case"), "message")),
                        "step 3 none: nowhere.bin: there is no such file");
    flow_list_free(&flows);
}

/* A failure has the command that asks again by hand. */
static void by_hand(void **state)
{
    struct test_system *s = *state;
    struct text expected = TEXT_INIT;
    fails(s,
          FLOW "  - {http: POST /echo, json: {a: 'it''s'}, headers: {X-Asked: '${token}'}, expect: {status: 404}}\n");
    text_printf(&expected,
                "by hand\n  curl -i -X POST -H \"x-asked: (hidden)\" -H \"content-type: application/json\""
                " --data-binary \"{\\\"a\\\":\\\"it's\\\"}\" %s/echo\n",
                s->gateway);
    const char *detail = json_string_value(json_object_get(test_last(s, "case"), "detail"));
    if (strstr(detail, text_string(&expected)) == NULL)
        fail_msg("expected:\n%s\nin:\n%s", text_string(&expected), detail);
    text_clear(&expected);
    fails(s, FLOW "  - {call: helloworld.Helloworld/Call, request: {name: Ann}, expect: {status: ABORTED}}\n");
    text_printf(&expected,
                "by hand\n  grpcurl -plaintext -H \"authorization: Bearer (hidden)\" -H \"micro-namespace: main\" -d "
                "\"{\\\"name\\\":\\\"Ann\\\"}\" %s helloworld.Helloworld/Call\n",
                s->address);
    detail = json_string_value(json_object_get(test_last(s, "case"), "detail"));
    if (strstr(detail, text_string(&expected)) == NULL)
        fail_msg("expected:\n%s\nin:\n%s", text_string(&expected), detail);
    text_deinit(&expected);
}

#define SIM(f)                                                                                                         \
    {                                                                                                                  \
#f " (sim)", f, test_system_setup_sim, test_system_teardown, NULL                                              \
    }
#define REAL(f)                                                                                                        \
    {                                                                                                                  \
#f " (real)", f, test_system_setup_real, test_system_teardown, NULL                                            \
    }

/* A URL with a name and password in it is one of those that only libcurl carries. */
static int setup_curl(void **state)
{
    if (test_system_setup_real(state) != 0)
        return -1;
    struct test_system *s = *state;
    static char gateway[sizeof s->gateway + 16];
    snprintf(gateway, sizeof gateway, "http://me:secret@%s", s->gateway + strlen("http://"));
    s->target.gateway = gateway;
    return 0;
}

#define CURL(f)                                                                                                        \
    {                                                                                                                  \
#f " (curl)", f, setup_curl, test_system_teardown, NULL                                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM(requests),  SIM(answers),  SIM(failures),  SIM(cookies),    SIM(cookies_age), SIM(redirects), SIM(parts),
        REAL(requests), REAL(answers), REAL(failures), REAL(cookies),   REAL(redirects),  REAL(parts),    REAL(by_hand),
        CURL(requests), CURL(answers), CURL(failures), CURL(redirects), CURL(parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
