/* HTTP steps by rpc/http.h in both worlds, and by libcurl in the real one: the same flows, the same answers. */
#include "e2e/test_system.h"

#include "base/units.h"
#include "wire/tls_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW "flow: test\nsteps:\n"

static const char *fails(struct test_system *s, const char *yaml)
{
    assert_false(test_run(s, yaml));
    return json_string_value(json_object_get(test_last(s, "case"), "message"));
}

static void requests(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW "  - http: GET /hello?name=Mary%20Ann\n"
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
    test_passes(s, FLOW "  - http: GET /text\n"
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

/* Integers of more than 64 bits beside others, and a zero character in a text. */
static void odd_json(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW
                "  - http: GET /odd\n"
                "    expect:\n"
                "      body:\n"
                "        id: 7\n"
                "        large: {$type: number, $min: 1e29, $max: 2e29}\n"
                "        zero: \"ab\\0cd\"\n"
                "    capture: {id: $.body.id, digits: 'regex /\"large\":([0-9]+)/', zero: $.body.zero}\n"
                "    check:\n"
                "      - jsonpath \"$.id\" isInteger\n"
                "      - jsonpath \"$.large\" isFloat\n"
                "      - jsonpath \"$.zero\" length == 5\n"
                "      - jsonpath \"$.zero\" == \"${zero}\"\n"
                "      - jsonpath \"$.zero\" contains \"cd\"\n"
                "      - jsonpath \"$.zero\" matches /b.cd$/\n"
                "      - jsonpath \"$.zero\" > \"ab\"\n"
                "      - jsonpath \"$.zero\" urlEncode == \"ab%00cd\"\n"
                "      - '= len(zero) == 5 && zero contains \"cd\" && zero != \"ab\" && zero > \"ab\"'\n"
                "  - http: POST /echo\n"
                "    json: {id: '${id}', digits: '${digits}', zero: '${zero}'}\n"
                "    expect:\n"
                "      body:\n"
                "        body: '{\"id\":7,\"digits\":\"123456789012345678901234567890\",\"zero\":\"ab\\u0000cd\"}'\n"
                "  - http: GET /odd\n"
                "    expect:\n"
                "      body: {zero: {$contains: \"b\\0c\", $regex: 'cd$', $size: 5, $not: ab, $type: text}}\n"
                "  - http: GET /odd\n"
                "    expect: {body: {zero: {$not: {$contains: \"ab\\0x\"}}}}\n");
    assert_string_equal(fails(s, FLOW "  - http: GET /odd\n    expect: {body: {zero: ab}}\n"),
                        "step 1 http GET /odd: body.zero: expected \"ab\", got \"ab\\u0000cd\"");
    /* where no such text can go */
    static const char *const refused[][2] = {
        {"  - http: GET /text\n    headers: {X-Asked: '${zero}'}\n", "a zero character cannot be sent here"},
        {"  - http: GET /text?${zero}\n", "a zero character cannot be sent here"},
        {"  - set: {a: '${zero | split \"c\"}'}\n", "split takes no text with a zero character"},
        {"  - set: {a: '${= split(zero, \"c\")}'}\n", "split() takes no text with a zero character"},
        {"  - set: {a: '${= {a: 1}[zero]}'}\n", "no member's name has a zero character"},
        {"  - set: {a: '${= {(zero): 1}}'}\n", "a map's key cannot hold a zero character"},
        {"  - set: {a: '${= \"a\" matches zero}'}\n", "matches: a regular expression cannot hold a zero character"},
        {"  - http: GET /text\n    expect: {body: {$regex: '${zero}'}}\n",
         "a regular expression cannot hold a zero character"},
        {"  - http: GET /text\n    check: ['body matches \"${zero}\"']\n",
         "a regular expression cannot hold a zero character"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct text flow = TEXT_INIT;
        text_printf(&flow, FLOW "  - http: GET /odd\n    capture: {zero: $.body.zero}\n%s", refused[i][0]);
        const char *said = fails(s, text_string(&flow));
        if (said == NULL || strstr(said, refused[i][1]) == NULL)
            fail_msg("%s: %s", refused[i][0], said != NULL ? said : "nothing");
        text_deinit(&flow);
    }
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
    test_passes(s, "flows:\n"
                   "  - flow: a\n    steps:\n"
                   "      - http: GET /login\n"
                   "        expect: {status: 204, cookies: {session: s-1, short: x, deep: y, other: {$absent: true}}}\n"
                   "        capture: {id: {path: $.cookies.session, regex: 's-(.)'}, raw: $.headers.set-cookie}\n"
                   "      - {http: GET /cookies, expect: {body: session=s-1; short=x}}\n"
                   "      - {http: GET /cookies/deep/er, expect: {body: {$contains: deep=y}}}\n"
                   "      - {http: GET /cookies/deeper, expect: {body: {$not: {$contains: deep}}}}\n"
                   "      - {http: GET /cookies, cookies: false, expect: {body: none}}\n"
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
    test_passes(s, FLOW "  - http: GET /login\n"
                        "  - wait: 9s\n"
                        "  - {http: GET /cookies, expect: {body: {$contains: short}}}\n"
                        "  - wait: 2s\n"
                        "  - {http: GET /cookies, expect: {body: session=s-1}}\n");
}

static void redirects(void **state)
{
    struct test_system *s = *state;
    test_passes(
        s, FLOW
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
             "  - {http: GET /text, check: ['bytes == file,${namespace}-${= 1 + 1};', 'bytes == file,odd\\;$${x};']}\n"
             "  - {name: none, http: PUT /echo, file: nowhere.bin}\n";
    s->options.files = s->disk;
    static const char *const files[][2] = {
        {"blob.bin", "b l o b"}, {"main-2", "plain words"}, {"odd;${x}", "plain words"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(world_write_file(s->disk, files[i][0], bytes_of(files[i][1]), false, NULL), 0);
    assert_int_equal(flow_parse(bytes_of(yaml), "x.yaml", &flows, &err), 0);
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), 0);
    assert_string_equal(json_string_value(json_object_get(test_last(s, "case"), "message")),
                        "step 4 none: nowhere.bin: there is no such file");
    flow_list_free(&flows);
}

/* A failure has the command that asks again by hand; `command` without the address at its end. */
static void by_hand_is(struct test_system *s, const char *yaml, const char *command, const char *at)
{
    struct text expected = TEXT_INIT;
    fails(s, yaml);
    text_printf(&expected, "by hand\n  %s %s\n", command, at);
    const char *detail = json_string_value(json_object_get(test_last(s, "case"), "detail"));
    if (detail == NULL || strstr(detail, text_string(&expected)) == NULL)
        fail_msg("expected:\n%s\nin:\n%s", text_string(&expected), detail);
    text_deinit(&expected);
}

#define GRPCURL "grpcurl -plaintext -H \"authorization: Bearer (hidden)\" -H \"micro-namespace: main\" -d "

static void by_hand(void **state)
{
    struct test_system *s = *state;
    char echo[80], address[120];
    snprintf(echo, sizeof echo, "%s/echo", s->gateway);
    by_hand_is(
        s, FLOW "  - {http: POST /echo, json: {a: 'it''s'}, headers: {X-Asked: '${token}'}, expect: {status: 404}}\n",
        "curl -i -X POST -H \"x-asked: (hidden)\" -H \"content-type: application/json\""
        " --data-binary \"{\\\"a\\\":\\\"it's\\\"}\"",
        echo);
    by_hand_is(s, FLOW "  - {http: HEAD /echo, redirects: 3, expect: {status: 404}}\n", "curl -i -I -L --max-redirs 3",
               echo);
    snprintf(address, sizeof address, "\"%s/echo?[1]\"", s->gateway);
    by_hand_is(s, FLOW "  - {http: 'GET /echo?[1]', expect: {status: 404}}\n", "curl -i -g", address);
    by_hand_is(s, FLOW "  - {http: POST /echo, base64: AAE=, expect: {status: 404}}\n",
               "curl -i -X POST --data-binary @the-body", echo);
    by_hand_is(s,
               FLOW "  - {http: GET /echo, compressed: true, expect: {status: 404}, curl: {user: 'a:${token}', auth: "
                    "basic, http: 1.0, connect-timeout: 1500ms, resolve: ['a:1:127.0.0.1', 'b:1:127.0.0.1']}}\n",
               "curl -i --compressed --user a:(hidden) --basic --http1.0 --connect-timeout 1.500 --resolve "
               "a:1:127.0.0.1 --resolve b:1:127.0.0.1",
               echo);
    by_hand_is(s, FLOW "  - {call: helloworld.Helloworld/Call, request: {name: Ann}, expect: {status: ABORTED}}\n",
               GRPCURL "\"{\\\"name\\\":\\\"Ann\\\"}\"",
               (snprintf(address, sizeof address, "%s helloworld.Helloworld/Call", s->address), address));
    by_hand_is(s,
               FLOW "  - {call: helloworld.Helloworld/PingPong, request: [{stroke: 1}, {stroke: 2}], expect: {status: "
                    "ABORTED}}\n",
               GRPCURL "\"{\\\"stroke\\\":1} {\\\"stroke\\\":2}\"",
               (snprintf(address, sizeof address, "%s helloworld.Helloworld/PingPong", s->address), address));
    /* of contracts that the server did not tell */
    static const char *const paths[] = {"protos", "third party", NULL};
    static const char yaml[] = FLOW "  - {call: helloworld.Helloworld/Call, expect: {status: ABORTED}}\n";
    s->target.namespace = s->target.token = NULL;
    snprintf(address, sizeof address, "%s helloworld.Helloworld/Call", s->address);
    s->target.proto_paths = paths;
    by_hand_is(s, yaml,
               "grpcurl -plaintext -import-path protos -import-path \"third party\" -proto "
               "helloworld/helloworld.proto -d \"{}\"",
               address);
    s->target.descriptors = "shop.pb";
    by_hand_is(s, yaml, "grpcurl -plaintext -protoset shop.pb -d \"{}\"", address);
}

/* ---- TLS ---- */

static void served(void *arg, struct http_exchange *x)
{
    (void)arg;
    http_respond(x, 200, "text/plain", bytes_of("in"));
}

static void keep(const char *folder, const char *name, const char *pem)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(pem, f) >= 0 && fclose(f) == 0);
}

/* A server that wants certificates. Its own is not valid yet by this machine's clock. */
static void client_certificates(void **state)
{
    struct test_system *s = *state;
    struct tls_kit_cert ca, server_cert, client_cert;
    struct tls_context *tls = NULL;
    struct http_server *server = NULL;
    char folder[] = "/tmp/harrow-test-XXXXXX", flow[512], command[512], path[128];
    static const char *const files[] = {"ca.pem", "cert.pem", "key.pem"};
    assert_non_null(mkdtemp(folder));
    assert_true(tls_kit_make(&ca, "a CA", NULL, NULL, false));
    assert_true(tls_kit_make(&server_cert, "server", "IP:127.0.0.1", &ca, false));
    assert_true(tls_kit_make(&client_cert, "flows", "DNS:flows", &ca, false));
    const struct tls_options options = {.server = true,
                                        .certificate_pem = server_cert.cert_pem,
                                        .key_pem = server_cert.key_pem,
                                        .ca_pem = ca.cert_pem,
                                        .time = TLS_KIT_NOW};
    assert_int_equal(tls_context_new(&options, &tls, NULL), 0);
    assert_int_equal(http_server_new(s->world, &(struct http_server_options){.tls = tls}, served, NULL, &server, NULL),
                     0);
    assert_int_equal(http_server_listen(server, "127.0.0.1:0", NULL), 0);
    keep(folder, files[0], ca.cert_pem);
    keep(folder, files[1], client_cert.cert_pem);
    keep(folder, files[2], client_cert.key_pem);
    int port = http_server_port(server);
#define ASK FLOW "  - http: GET https://127.0.0.1:%d/\n    tls: "
    snprintf(flow, sizeof flow, ASK "{insecure: true, cert: %s/cert.pem, key: '%s/key.pem'}\n    expect: {body: in}\n",
             port, folder, folder);
    test_passes(s, flow);
    snprintf(flow, sizeof flow, ASK "{insecure: true}\n", port);
    fails(s, flow);
    snprintf(flow, sizeof flow, ASK "{ca: %s/ca.pem, cert: %s/cert.pem, key: %s/key.pem}\n", port, folder, folder,
             folder);
    assert_non_null(strstr(fails(s, flow), "; tls: {ca: FILE} says what it is trusted by"));
    snprintf(command, sizeof command, "curl -i --cacert %s/ca.pem --cert %s/cert.pem --key %s/key.pem", folder, folder,
             folder);
    snprintf(path, sizeof path, "https://127.0.0.1:%d/", port);
    by_hand_is(s, flow, command, path);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(remove(folder), 0);
    http_server_free(server);
    tls_context_free(tls);
    tls_kit_free(&ca);
    tls_kit_free(&server_cert);
    tls_kit_free(&client_cert);
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
        SIM(requests),  SIM(answers),    SIM(failures),  SIM(cookies),    SIM(cookies_age),
        SIM(redirects), SIM(parts),      REAL(requests), REAL(answers),   REAL(failures),
        REAL(cookies),  REAL(redirects), REAL(parts),    REAL(by_hand),   REAL(client_certificates),
        CURL(requests), CURL(answers),   CURL(failures), CURL(redirects), CURL(parts),
        SIM(odd_json),  REAL(odd_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
