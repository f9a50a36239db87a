#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/server/sim_system.h"
#include "runtime/service/service.h"

#include <string.h>

static const char *const all[] = {"registry", "store", "auth", "config", "api", "helloworld", "notes", NULL};

static void expect(struct sim_system *s, const char *method, const char *target, const char *headers, const char *body,
                   int status, const char *words)
{
    struct sim_answer a = {0};
    sim_system_http(s, method, target, headers, body, &a);
    if (a.status != status || (words && !strstr(text_string(&a.text), words)))
        fail_msg("%s %s: status %d, %s; wanted %d with \"%s\"", method, target, a.status, text_string(&a.text), status,
                 words ? words : "");
    if (status >= 400) { /* every error is Micro's object and says the same code */
        assert_true(json_is_object(a.body));
        assert_int_equal(json_integer_value(json_object_get(a.body, "code")), status);
        assert_true(sim_answer_text(&a, "id")[0]);
        assert_true(sim_answer_text(&a, "status")[0]);
    }
    sim_answer_deinit(&a);
}

static void test_plain(void **state)
{
    struct sim_system s;
    (void)state;
    sim_system_init(&s, 1);
    sim_system_start_all(&s, all);
    expect(&s, "GET", "/", NULL, NULL, 200, "{\"version\":\"3.19.0\"}");
    expect(&s, "GET", "/helloworld?name=Jane", NULL, NULL, 200, "Jane");
    expect(&s, "POST", "/helloworld", "Content-Type: application/json", "{\"name\":\"Joe\"}", 200, "Joe");
    expect(&s, "POST", "/helloworld/call", "Content-Type: application/x-www-form-urlencoded", "name=Jim", 200, "Jim");
    expect(&s, "POST", "/helloworld/Helloworld/Call", NULL, "{\"name\":\"Jon\"}", 200, "Jon");
    expect(&s, "GET", "/helloworld", NULL, NULL, 200, "msg");
    expect(&s, "OPTIONS", "/helloworld", NULL, NULL, 200, NULL);
    expect(&s, "GET", "/nosuch/thing", NULL, NULL, 404, "service not found");
    expect(&s, "GET", "/helloworld/nosuch", NULL, NULL, 404, "unknown method");
    expect(&s, "GET", "/hello%20world", NULL, NULL, 404, "character 7");
    expect(&s, "TRACE", "/helloworld", NULL, NULL, 405, "method not allowed");
    expect(&s, "POST", "/helloworld", "Content-Type: application/json", "{\"name\":", 400, "body:1");
    expect(&s, "POST", "/helloworld", "Content-Type: multipart/form-data", "x", 400, "no boundary");
    expect(&s, "POST", "/helloworld", "Content-Type: application/json", "{\"nosuch\":1}", 400, "nosuch");
    sim_system_deinit(&s);
}

static void test_tokens(void **state)
{
    struct sim_system s;
    struct arena arena = ARENA_INIT;
    (void)state;
    sim_system_init(&s, 2);
    sim_system_start_all(&s, all);
    char *admin = sim_system_token(&s, &arena, "admin", "user", "micro", "admin");
    char *plain = sim_system_token(&s, &arena, "joe", "user", "micro", NULL);
    char *bearer = arena_printf(&arena, "Authorization: Bearer %s", admin);
    static const char write[] = "{\"record\":{\"key\":\"k\",\"value\":\"aGVsbG8=\"}}";
    expect(&s, "POST", "/store/write", NULL, write, 401, "account is required");
    expect(&s, "POST", "/store/write", "Authorization: Bearer x.y.z", write, 401, "unauthorized request");
    expect(&s, "POST", "/store/write", "Authorization: Basic YTpi", write, 401, "must be Bearer");
    expect(&s, "POST", "/store/write", arena_printf(&arena, "Authorization: Bearer %s", plain), write, 401, NULL);
    expect(&s, "POST", "/store/write", bearer, write, 200, "{}");
    expect(&s, "GET", "/store/read?key=k", bearer, NULL, 200, "aGVsbG8=");
    /* Query values become what the field is: a boolean, a number, a nested message. */
    expect(&s, "GET", "/store/read?key=k&options.prefix=true&options.limit=5", bearer, NULL, 200, "aGVsbG8=");
    expect(&s, "GET", "/store/read?key=none", bearer, NULL, 404, "not found");
    /* The cookie serves as well, unless another site's page sends it. */
    expect(&s, "GET", "/store/read?key=k", arena_printf(&arena, "Cookie: a=b; micro-token=%s; c=d", admin), NULL, 200,
           "aGVsbG8=");
    expect(&s, "GET", "/store/read?key=k",
           arena_printf(&arena, "Cookie: micro-token=%s\nOrigin: https://evil.example", admin), NULL, 401, NULL);
    /* Another's namespace is refused to those who are not micro's. */
    char *foreign = sim_system_token(&s, &arena, "eve", "user", "other", "admin");
    foreign = arena_printf(&arena, "Authorization: Bearer %s\nMicro-Namespace: micro", foreign);
    expect(&s, "GET", "/store/read?key=k&options.database=micro", foreign, NULL, 403, NULL);
    expect(&s, "GET", "/store/read?key=k", foreign, NULL, 404, "not found"); /* their own database */
    /* A token that has run out. */
    assert_int_equal(sim_run_for(s.sim, (uint64_t)(2 * HOUR)), 0);
    expect(&s, "GET", "/store/read?key=k", bearer, NULL, 401, "unauthorized request");
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

static void test_stream(void **state)
{
    struct sim_system s;
    struct sim_answer a = {0};
    struct arena arena = ARENA_INIT;
    (void)state;
    sim_system_init(&s, 3);
    sim_system_start_all(&s, all);
    sim_system_http(&s, "GET", "/helloworld/stream?count=3", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    size_t lines = 0;
    for (const char *line = text_string(&a.text); *line; lines++) {
        size_t len = strcspn(line, "\n");
        json_t *value = json_loadb(line, len, 0, NULL);
        assert_non_null(json_object_get(value, "count"));
        json_decref(value);
        line += len + (line[len] == '\n');
    }
    assert_int_equal(lines, 3);
    sim_answer_deinit(&a);
    /* A stream that is refused has the refusal's status. */
    expect(&s, "GET", "/store/list", NULL, NULL, 401, NULL);
    char *admin = sim_system_token(&s, &arena, "admin", "user", "micro", "admin");
    expect(&s, "GET", "/store/list", arena_printf(&arena, "Authorization: Bearer %s", admin), NULL, 200, NULL);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

/* A service that dies: 503 while the registry still names it, and it is found again when it is back, elsewhere. */
static void test_service_away(void **state)
{
    struct sim_system s;
    (void)state;
    sim_system_init(&s, 4);
    sim_system_start_all(&s, all);
    expect(&s, "GET", "/helloworld?name=Jane", NULL, NULL, 200, "Jane");
    assert_int_equal(sim_kill(s.sim, "helloworld"), 0);
    expect(&s, "GET", "/helloworld?name=Jane", NULL, NULL, 503, NULL);
    sim_system_start(&s, "helloworld");
    sim_system_wait(&s, "helloworld");
    assert_int_equal(sim_run_for(s.sim, (uint64_t)(8 * SECOND)), 0);
    expect(&s, "GET", "/helloworld?name=Jane", NULL, NULL, 200, "Jane");
    assert_int_equal(sim_terminate(s.sim, "helloworld"), 0); /* it deregisters */
    assert_int_equal(sim_run_for(s.sim, (uint64_t)(12 * SECOND)), 0);
    expect(&s, "GET", "/helloworld?name=Jane", NULL, NULL, 404, "service not found");
    /* Without a registry nothing unknown can be found, and that is said. */
    assert_int_equal(sim_crash(s.sim, "registry"), 0);
    expect(&s, "GET", "/other?name=Jane", NULL, NULL, 503, NULL);
    expect(&s, "GET", "/", NULL, NULL, 200, "version");
    sim_system_deinit(&s);
}

struct shot {
    bool done;
};

static void shot_done(void *arg, struct http_answer *answer, struct error *err)
{
    struct shot *shot = arg;
    (void)err;
    shot->done = true;
    http_answer_deinit(answer);
}

static bool shots_done(void *arg)
{
    const struct shot *shots = arg;
    for (int i = 0; i < 8; i++) {
        if (!shots[i].done)
            return false;
    }
    return true;
}

/* Killed in the middle of requests, the gateway frees everything it holds (the sanitizer looks on). */
static void test_killed(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 24; seed++) {
        struct sim_system s;
        struct shot shots[8] = {{0}};
        struct error err = ERROR_INIT;
        sim_system_init(&s, seed);
        sim_system_start_all(&s, all);
        const struct http_fetch fetch = {
            .method = "GET", .url = "http://api:8080/helloworld?name=x", .timeout = (uint64_t)(5 * SECOND)};
        for (int i = 0; i < 8; i++)
            assert_int_equal(http_fetch_start(s.client, &fetch, shot_done, &shots[i], NULL, &err), 0);
        assert_int_equal(sim_run_for(s.sim, (seed - 19) * 400 * (uint64_t)MICROSECOND), 0);
        assert_int_equal(seed % 2 ? sim_kill(s.sim, "api") : sim_terminate(s.sim, "api"), 0);
        assert_int_equal(world_run_until(s.client, shots_done, shots, (uint64_t)(60 * SECOND)), 0);
        sim_system_deinit(&s);
    }
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),        cmocka_unit_test(test_tokens), cmocka_unit_test(test_stream),
        cmocka_unit_test(test_service_away), cmocka_unit_test(test_killed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
