/* The gateway in a simulated system: what clients may send it, TLS, and the options that it refuses. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/api/gate_kit.h"
#include "runtime/api/passage.h"
#include "runtime/service/service.h"
#include "wire/tls_kit.h"

#include <string.h>

static void test_requests(void **state)
{
    static const struct {
        const char *method, *target, *headers, *body;
        int status;
        const char *words;
    } rows[] = {
        {"POST", "/helloworld", "Content-Type: multipart/form-data; boundary=x",
         "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nJane\r\n--x--\r\n", 200, "Jane"},
        {"POST", "/helloworld", "Content-Type: application/protobuf", "\x0a\x04Jane", 200, "Jane"},
        {"POST", "/helloworld", "Content-Type: application/grpc+proto", "", 200, ""},
        {"POST", "/helloworld", "Content-Type: application/protobuf", "\xff\xff", 400, ""},
        {"POST", "/helloworld/stream", "Content-Type: application/protobuf", "", 415, "JSON only"},
        {"POST", "/helloworld", "Content-Type: application/xml", "<a/>", 415, "not understood"},
        {"GET", "/helloworld/../helloworld", NULL, NULL, 200, "msg"},
        {"GET", "/%2e%2e/%2e%2e/helloworld", NULL, NULL, 200, "msg"},
        {"GET", "/helloworld%00", NULL, NULL, 400, ""},
        {"GET", "/helloworld%0d%0aX-A:b", NULL, NULL, 404, "character"},
        {"GET", "/hello%2fworld", NULL, NULL, 404, "service not found"},
        {"TRACE", "/helloworld", NULL, NULL, 405, "method not allowed"},
        {"HEAD", "/helloworld", NULL, NULL, 200, ""},
        {"GET", "/helloworld", "Timeout: soon", NULL, 400, "Timeout"},
        {"GET", "/helloworld", "Timeout: 0", NULL, 400, "Timeout"},
        {"GET", "/helloworld", "Timeout: 5s", NULL, 200, "msg"},
        {"GET", "/helloworld", "Grpc-Timeout: 99999999H", NULL, 200, "msg"},
        {"GET", "/helloworld", "Grpc-Timeout: 1x", NULL, 400, "Timeout"},
        {"GET", "/helloworld/stream?count=100000000", "Timeout: 2s", NULL, 200, "\"code\":5"},
    };
    struct gate f;
    struct http_answer a;
    (void)state;
    gate_setup(&f, 5, NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] - 1; i++)
        gate_expect(&f, rows[i].method, rows[i].target, rows[i].headers, rows[i].body, rows[i].status, rows[i].words);
    gate_get(&f, "TRACE", "/helloworld", NULL, NULL, &a);
    assert_non_null(strstr(gate_header(&a, "allow"), "POST"));
    http_answer_deinit(&a);
    gate_get(&f, "GET", "/helloworld", "X-Request-Id: mine-7", NULL, &a);
    assert_string_equal(gate_header(&a, "x-request-id"), "mine-7");
    http_answer_deinit(&a);
    gate_get(&f, "POST", "/helloworld", "Content-Type: application/x-protobuf", "\x0a\x04Jane", &a);
    assert_string_equal(gate_header(&a, "content-type"), "application/x-protobuf");
    assert_int_equal(a.body.data[0], 0x0a);
    http_answer_deinit(&a);
    gate_teardown(&f);
}

static void test_tls(void **state)
{
    static const char *const api[] = {"api",          "--enable-tls",   "true",        "--tls-cert-file",
                                      "tls/cert.pem", "--tls-key-file", "tls/key.pem", NULL};
    static const char *const *const arguments[] = {api, NULL};
    struct gate f = {0};
    struct tls_kit_cert cert;
    struct error err = ERROR_INIT;
    (void)state;
    assert_true(tls_kit_make(&cert, "api", "DNS:api", NULL, false));
    gate_prepare(&f, 11, arguments);
    struct world *node = sim_node(f.s.sim, "api");
    assert_int_equal(world_make_directory(node, "tls"), 0);
    assert_int_equal(world_write_file(node, "tls/cert.pem", bytes_of(cert.cert_pem), false, NULL), 0);
    assert_int_equal(world_write_file(node, "tls/key.pem", bytes_of(cert.key_pem), true, NULL), 0);
    assert_int_equal(world_sync_directory(node, "tls"), 0);
    gate_start(&f, NULL);
    const struct tls_options options = {.insecure = true};
    assert_int_equal(tls_context_new(&options, &f.tls, &err), 0);
    gate_expect(&f, "GET", "/helloworld?name=Jane", NULL, NULL, 200, "Jane");
    gate_expect(&f, "POST", "/helloworld", NULL, "{\"name\":\"Jim\"}", 200, "Jim");
    tls_context_free(f.tls);
    tls_kit_free(&cert);
    gate_teardown(&f);
}

static void test_settings(void **state)
{
    static const struct {
        const char *name, *value, *words;
    } rows[] = {
        {"handler", "nosuch", "there is no handler \"nosuch\""},
        {"enable-cors", "maybe", "neither true nor false"},
        {"cors-origins", "*", "is not an origin"},
        {"rate-limit", "-1", "option rate-limit"},
        {"rate-burst", "nan", "option rate-burst"},
        {"trusted-proxies", "99", "99"},
        {"enable-tls", "true", "tls-cert-file"},
    };
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct world *w = sim_node(sim, "api");
    struct api_settings settings;
    struct error err = ERROR_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct micro_own_option own = {.name = rows[i].name, .value = rows[i].value};
        const struct micro_options options = {.name = "api", .own = &own};
        assert_true(api_settings_read(&settings, w, &options, &err) < 0);
        if (!strstr(err.message, rows[i].words))
            fail_msg("%s: \"%s\"", rows[i].name, err.message);
        error_clear(&err);
    }
    const struct micro_own_option key = {.name = "tls-key-file", .value = "k.pem"},
                                  cert = {.name = "tls-cert-file", .value = "c.pem", .next = &key},
                                  tls = {.name = "enable-tls", .value = "true", .next = &cert};
    const struct micro_options options = {.name = "api", .own = &tls};
    assert_int_equal(api_settings_read(&settings, w, &options, &err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "c.pem"));
    error_clear(&err);
    assert_int_equal(world_write_file(w, "c.pem", bytes_of("no certificate"), false, NULL), 0);
    assert_int_equal(world_write_file(w, "k.pem", bytes_of("no key"), false, NULL), 0);
    assert_true(api_settings_read(&settings, w, &options, &err) < 0);
    assert_non_null(strstr(err.message, "certificate c.pem and key k.pem"));
    error_clear(&err);
    sim_free(sim);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests), cmocka_unit_test(test_tls),
                                       cmocka_unit_test(test_settings)};
    int failed = cmocka_run_group_tests_name("gateway request", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
