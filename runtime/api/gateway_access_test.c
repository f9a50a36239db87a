/* The gateway in a simulated system: who may, by CORS, rates, the block list and the rules of access. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/api/gate_kit.h"
#include "runtime/api/passage.h"
#include "runtime/service/test_calls.h"

#include <string.h>

static void test_cors(void **state)
{
    static const char *const api[] = {"api", "--cors-origins", "https://app.example,http://other.example", NULL};
    static const char *const off[] = {"api", "--enable-cors", "false", NULL};
    static const char *const *const with[] = {api, NULL}, *const *const without[] = {off, NULL};
    struct gate f;
    struct http_answer a;
    (void)state;
    gate_setup(&f, 6, NULL, with);
    gate_get(&f, "OPTIONS", "/helloworld",
             "Origin: https://app.example\nAccess-Control-Request-Method: POST\nAccess-Control-Request-Headers: x-mine",
             NULL, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(gate_header(&a, "access-control-allow-origin"), "https://app.example");
    assert_string_equal(gate_header(&a, "access-control-allow-credentials"), "true");
    assert_string_equal(gate_header(&a, "access-control-allow-headers"), "x-mine");
    assert_string_equal(gate_header(&a, "vary"), "Origin");
    http_answer_deinit(&a);
    gate_get(&f, "GET", "/helloworld", "Origin: https://evil.example", NULL, &a);
    assert_string_equal(gate_header(&a, "access-control-allow-origin"), "*");
    assert_string_equal(gate_header(&a, "access-control-allow-credentials"), "");
    http_answer_deinit(&a);
    /* The cookie of a listed origin's page counts, another's does not. */
    const char *cookie = arena_printf(&f.arena, "Cookie: micro-token=%s\nOrigin: https://app.example", f.admin);
    const char *stolen = arena_printf(&f.arena, "Cookie: micro-token=%s\nOrigin: https://evil.example", f.admin);
    gate_expect(&f, "GET", "/store/databases", cookie, NULL, 200, "");
    gate_expect(&f, "GET", "/store/databases", stolen, NULL, 401, "");
    gate_teardown(&f);
    gate_setup(&f, 7, NULL, without);
    gate_get(&f, "OPTIONS", "/helloworld", "Origin: https://a.example\nAccess-Control-Request-Method: GET", NULL, &a);
    assert_string_equal(gate_header(&a, "access-control-allow-origin"), "");
    assert_string_equal(gate_header(&a, "access-control-allow-methods"), "");
    http_answer_deinit(&a);
    gate_teardown(&f);
}

static void test_rate(void **state)
{
    static const char *const api[] = {"api", "--rate-limit", "1", "--rate-burst", "2", "--trusted-proxies", "1", NULL};
    static const char *const *const arguments[] = {api, NULL};
    struct gate f;
    struct http_answer a;
    (void)state;
    gate_setup(&f, 8, NULL, arguments);
    gate_get(&f, "GET", "/helloworld", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(gate_header(&a, "ratelimit-limit"), "2");
    assert_string_equal(gate_header(&a, "ratelimit-remaining"), "1");
    http_answer_deinit(&a);
    gate_expect(&f, "GET", "/helloworld", NULL, NULL, 200, "msg");
    gate_get(&f, "GET", "/helloworld", NULL, NULL, &a);
    assert_int_equal(a.status, 429);
    assert_string_equal(gate_header(&a, "retry-after"), "1");
    http_answer_deinit(&a);
    gate_expect(&f, "GET", "/helloworld", f.bearer, NULL, 200, "msg"); /* an account has its own */
    gate_expect(&f, "GET", "/helloworld", "X-Forwarded-For: 9.9.9.9, 10.0.0.1", NULL, 200,
                "msg"); /* so has the last hop */
    gate_expect(&f, "GET", "/helloworld", "X-Forwarded-For: 8.8.8.8, 10.0.0.1", NULL, 200, "msg");
    gate_expect(&f, "GET", "/helloworld", "X-Forwarded-For: 7.7.7.7, 10.0.0.1", NULL, 429,
                "too many"); /* not what it says */
    gate_expect(&f, "GET", "/helloworld", "Authorization: Bearer a.b.c", NULL, 429,
                ""); /* guessing tokens costs as well */
    gate_expect(&f, "GET", GATEWAY_HEALTH_PATH, NULL, NULL, 200, "ok");
    assert_int_equal(sim_run_for(f.s.sim, (uint64_t)(2 * SECOND)), 0);
    gate_expect(&f, "GET", "/helloworld", NULL, NULL, 200, "msg");
    gate_teardown(&f);
}

static void test_addresses(void **state)
{
    static const char *const rows[][2] = {
        {"1.2.3.4:80", "1.2.3.4"},
        {"1.2.3.4", "1.2.3.4"},
        {"client:4711", "client"},
        {"[::1]:80", "0:0:0:0::/64"},
        {"[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2::/64"},
        {"2001:DB8::6", "2001:db8:0:0::/64"},
        {"2001:db8:1:2:ffff::", "2001:db8:1:2::/64"},
        {"::2:3:4:5:6:7", "0:0:2:3::/64"},
        {"[fe80::1%eth0]:1", "fe80:0:0:0::/64"},
        {"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"},
        {"1::2::3", "1::2::3"},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
        {"", ""},
    };
    struct arena arena = ARENA_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(access_address(&arena, rows[i][0], strlen(rows[i][0])), rows[i][1]);
    arena_deinit(&arena);
}

static void test_blocklist(void **state)
{
    struct gate f;
    (void)state;
    gate_setup(&f, 9, NULL, NULL);
    struct sim_system *s = &f.s;
    const char *joe = sim_system_token(s, &f.arena, "joe", "user", "micro", NULL);
    const char *as_joe = arena_printf(&f.arena, "Authorization: Bearer %s", joe);
    static const char who[] = "{\"id\":\"joe\",\"namespace\":\"micro\"}";
    gate_expect(&f, "GET", "/helloworld", as_joe, NULL, 200, "msg");
    test_expect(s, "api", "/api.Api/AddToBlockList", joe, who, GRPC_UNAUTHENTICATED, "");
    test_expect(s, "api", "/api.Api/AddToBlockList", NULL, who, GRPC_UNAUTHENTICATED, "");
    test_expect(s, "api", "/api.Api/AddToBlockList", f.admin, "{}", GRPC_INVALID_ARGUMENT, "id");
    test_expect(s, "api", "/api.Api/AddToBlockList", f.admin, who, GRPC_OK, "");
    test_expect(s, "api", "/api.Api/ReadBlockList", f.admin, "{}", GRPC_OK, "micro/joe");
    gate_expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "blocked");
    gate_expect(&f, "GET", "/helloworld", f.bearer, NULL, 200, "msg");
    /* The store away: in force all the same; no change is claimed that is not safe. */
    assert_int_equal(sim_kill(s->sim, "store"), 0);
    gate_expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "blocked");
    test_expect(s, "api", "/api.Api/RemoveFromBlockList", f.admin, who, GRPC_UNAVAILABLE, "store");
    gate_expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "blocked");
    /* It survives everything being restarted. */
    sim_system_start(s, "store");
    sim_system_wait(s, "store");
    assert_int_equal(sim_kill(s->sim, "api"), 0);
    sim_system_start(s, "api");
    sim_system_wait(s, "api");
    gate_eventually(&f, "GET", "/helloworld", as_joe, 403, "blocked");
    /* Switched off by the config, and on again. */
    test_expect(s, "config", "/config.Config/Set", f.admin,
                "{\"namespace\":\"micro\",\"path\":\"micro.api.blocklist_enabled\",\"value\":{\"data\":\"false\"}}",
                GRPC_OK, "");
    assert_int_equal(sim_run_for(s->sim, (uint64_t)(61 * SECOND)), 0);
    gate_expect(&f, "GET", "/helloworld", as_joe, NULL, 200, "msg");
    test_expect(s, "config", "/config.Config/Set", f.admin,
                "{\"namespace\":\"micro\",\"path\":\"micro.api.blocklist_enabled\",\"value\":{\"data\":\"true\"}}",
                GRPC_OK, "");
    assert_int_equal(sim_run_for(s->sim, (uint64_t)(61 * SECOND)), 0);
    gate_expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "blocked");
    test_expect(s, "api", "/api.Api/RemoveFromBlockList", f.admin, who, GRPC_OK, "");
    gate_expect(&f, "GET", "/helloworld", as_joe, NULL, 200, "msg");
    gate_teardown(&f);
}

static void test_rules(void **state)
{
    struct gate f;
    (void)state;
    gate_setup(&f, 10, NULL, NULL);
    const char *joe = sim_system_token(&f.s, &f.arena, "joe", "user", "micro", NULL);
    const char *as_joe = arena_printf(&f.arena, "Authorization: Bearer %s", joe);
    test_expect(&f.s, "auth", "/auth.Rules/Create", f.admin,
                "{\"rule\":{\"id\":\"hello\",\"scope\":\"admin\",\"access\":\"GRANTED\",\"priority\":10,\"resource\":"
                "{\"type\":\"service\",\"name\":\"helloworld\",\"endpoint\":\"Helloworld.Call\"}}}",
                GRPC_OK, "");
    test_expect(&f.s, "auth", "/auth.Rules/Create", f.admin,
                "{\"rule\":{\"id\":\"no-hello\",\"scope\":\"\",\"access\":\"DENIED\",\"priority\":9,\"resource\":"
                "{\"type\":\"service\",\"name\":\"helloworld\",\"endpoint\":\"*\"}}}",
                GRPC_OK, "");
    gate_eventually(&f, "GET", "/helloworld", NULL, 401, "unauthorized request\n");
    gate_expect(&f, "GET", "/helloworld", as_joe, NULL, 403, "Forbidden request\n");
    gate_expect(&f, "GET", "/helloworld", f.bearer, NULL, 200, "msg");
    gate_expect(&f, "GET", "/helloworld/stream", f.bearer, NULL, 403, "Forbidden");
    /* Behind handlers http and event only the gateway judges: by the service's rules, whatever namespace is named. */
    gate_register(&f, "{\"name\":\"webapp\",\"version\":\"1\",\"nodes\":[{\"id\":\"w\",\"address\":\"helloworld:1\"}],"
                      "\"endpoints\":[{\"name\":\"Webapp.All\",\"metadata\":{\"path\":\"/app\",\"handler\":\"http\"}},"
                      "{\"name\":\"Webapp.Hook\",\"metadata\":{\"path\":\"/hook\",\"handler\":\"event\"}}]}");
    gate_eventually(&f, "GET", "/app", NULL, 503, "webapp");
    test_expect(&f.s, "auth", "/auth.Rules/Create", f.admin,
                "{\"rule\":{\"id\":\"no-web\",\"scope\":\"\",\"access\":\"DENIED\",\"priority\":9,\"resource\":"
                "{\"type\":\"service\",\"name\":\"webapp\",\"endpoint\":\"*\"}}}",
                GRPC_OK, "");
    gate_eventually(&f, "GET", "/app", NULL, 401, "unauthorized request\n");
    gate_expect(&f, "GET", "/app", "Micro-Namespace: elsewhere", NULL, 401, "unauthorized request\n");
    gate_expect(&f, "POST", "/hook", "Micro-Namespace: elsewhere", "{}", 401, "unauthorized request\n");
    struct websocket_kit c;
    gate_socket(&f, &c, "/helloworld/stream", joe);
    assert_int_equal(c.status, 403);
    websocket_kit_end(&c, WS_ABNORMAL);
    gate_teardown(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cors), cmocka_unit_test(test_addresses),
                                       cmocka_unit_test(test_rate), cmocka_unit_test(test_blocklist),
                                       cmocka_unit_test(test_rules)};
    int failed = cmocka_run_group_tests_name("gateway access", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
