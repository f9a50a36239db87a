/* HTTP steps, through libcurl against a server in the real world and through rpc/http.h in the simulated one: the same
 * flows, the same answers. */
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

#define SIM(f)                                                                                                         \
    {                                                                                                                  \
#f " (sim)", f, test_system_setup_sim, test_system_teardown, NULL                                              \
    }
#define REAL(f)                                                                                                        \
    {                                                                                                                  \
#f " (curl)", f, test_system_setup_real, test_system_teardown, NULL                                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM(requests), SIM(answers), SIM(failures), REAL(requests), REAL(answers), REAL(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
