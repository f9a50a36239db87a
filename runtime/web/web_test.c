/* The dashboard in the simulated world, before a gateway, as a browser sees it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "runtime/server/sim_system.h"
#include "runtime/service/service.h"
#include "runtime/web/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct browser {
    struct sim_system s;
    char nonce[200], login[20000]; /* what the cookies are set to; "" when not */
    int status;
    char location[300];
    struct text page;
};

static void begin(struct browser *b, uint64_t seed)
{
    static const char *const all[] = {"registry", "store", "auth", "api", "helloworld", NULL};
    static const char *const argv[] = {"micro", "web", "--host", "0.0.0.0", "--api-address", "http://api:8080"};
    struct error err = ERROR_INIT;
    *b = (struct browser){0};
    sim_system_init(&b->s, seed);
    sim_system_start_all(&b->s, all);
    if (sim_start(b->s.sim, "web", "micro", 6, argv, &err) != 0)
        fail_msg("%s", err.message);
    sim_run_for(b->s.sim, (uint64_t)SECOND);
}

static void end(struct browser *b)
{
    text_deinit(&b->page);
    sim_system_deinit(&b->s);
}

static void take_cookie(char *to, size_t size, const struct http1_header *h, const char *name)
{
    size_t len = strlen(name);
    if (!http1_header_is(h, "set-cookie") || h->value.len <= len || memcmp(h->value.data, name, len) != 0)
        return;
    char whole[20000];
    snprintf(whole, sizeof whole, "%.*s", (int)h->value.len, (const char *)h->value.data);
    assert_non_null(strstr(whole, "; HttpOnly"));
    assert_non_null(strstr(whole, "; SameSite=Strict"));
    snprintf(to, size, "%.*s", (int)strcspn(whole + len, ";"), whole + len);
}

static void visit(struct browser *b, const char *method, const char *path, const char *body, const char *origin)
{
    struct http_answer answer = {0};
    struct http1_header headers[3];
    struct text url = TEXT_INIT, cookies = TEXT_INIT;
    struct error err = ERROR_INIT;
    size_t n = 0;
    text_printf(&url, "http://web:8082%s", path);
    text_printf(&cookies, "x=y; micro-web=%s; micro-token=%s", b->nonce, b->login);
    headers[n++] = (struct http1_header){bytes_of("Cookie"), text_bytes(&cookies)};
    if (body)
        headers[n++] = (struct http1_header){bytes_of("Content-Type"), bytes_of("application/x-www-form-urlencoded")};
    if (origin)
        headers[n++] = (struct http1_header){bytes_of("Origin"), bytes_of(origin)};
    const struct http_fetch fetch = {.method = method,
                                     .url = text_string(&url),
                                     .headers = headers,
                                     .header_count = n,
                                     .body = body ? bytes_of(body) : BYTES_NONE,
                                     .timeout = (uint64_t)(60 * SECOND)};
    if (http_fetch_wait(b->s.client, &fetch, &answer, &err) != 0)
        fail_msg("%s: %s", path, err.message);
    b->status = answer.status;
    b->location[0] = '\0';
    for (size_t i = 0; i < answer.header_count; i++) {
        take_cookie(b->nonce, sizeof b->nonce, &answer.headers[i], "micro-web=");
        take_cookie(b->login, sizeof b->login, &answer.headers[i], "micro-token=");
        if (http1_header_is(&answer.headers[i], "location"))
            snprintf(b->location, sizeof b->location, "%.*s", (int)answer.headers[i].value.len,
                     (const char *)answer.headers[i].value.data);
    }
    text_clear(&b->page);
    text_add(&b->page, answer.body.data, answer.body.len);
    http_answer_deinit(&answer);
    text_deinit(&url);
    text_deinit(&cookies);
}

static void expect(struct browser *b, const char *path, int status, const char *words)
{
    visit(b, "GET", path, NULL, NULL);
    if (b->status != status || (words && !strstr(text_string(&b->page), words)))
        fail_msg("%s: %d, wanted %d with \"%s\": %s", path, b->status, status, words ? words : "",
                 text_string(&b->page));
}

static const char *form_token(struct browser *b)
{
    static char token[65];
    const char *at = strstr(text_string(&b->page), "name=\"csrf\" value=\"");
    assert_non_null(at);
    snprintf(token, sizeof token, "%.64s", at + strlen("name=\"csrf\" value=\""));
    return token;
}

static void post(struct browser *b, const char *path, const char *form, const char *origin)
{
    struct text body = TEXT_INIT;
    text_printf(&body, "csrf=%s&%s", form_token(b), form);
    visit(b, "POST", path, text_string(&body), origin);
    text_deinit(&body);
}

static void log_in(struct browser *b)
{
    expect(b, "/login", 200, "<form method=\"post\" action=\"/login\">");
    post(b, "/login", "username=admin&password=correct+horse", NULL);
    if (b->status != 302)
        fail_msg("login: %d %s", b->status, text_string(&b->page));
    assert_string_equal(b->location, "/");
    assert_true(b->login[0]);
}

static void test_login(void **state)
{
    struct browser b;
    static const char *const closed[] = {"/", "/services", "/helloworld", "/helloworld/Helloworld/Call", "/nosuch"};
    (void)state;
    begin(&b, 1);
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
        expect(&b, closed[i], 302, NULL);
        assert_string_equal(b.location, "/login");
    }
    expect(&b, "/assets/web.css", 200, "body{");
    expect(&b, "/login", 200, "Secret");
    post(&b, "/login", "username=admin&password=wrong", NULL);
    assert_int_equal(b.status, 401);
    assert_string_equal(b.login, "");
    assert_non_null(strstr(text_string(&b.page), "class=\"problem\""));
    log_in(&b);
    expect(&b, "/", 200, "href=\"/helloworld\"");
    visit(&b, "GET", "/logout", NULL, NULL);
    assert_int_equal(b.status, 302);
    assert_string_equal(b.login, "");
    expect(&b, "/", 302, NULL);
    /* A token that is none, or no more: the gateway says so, and the cookie goes. */
    snprintf(b.login, sizeof b.login, "a.b.c");
    expect(&b, "/", 302, NULL);
    assert_string_equal(b.location, "/login");
    assert_string_equal(b.login, "");
    end(&b);
}

static void test_pages(void **state)
{
    struct browser b;
    (void)state;
    begin(&b, 2);
    log_in(&b);
    expect(&b, "/services", 200, "href=\"/store\"");
    expect(&b, "/helloworld", 200, "href=\"/helloworld/Helloworld.Call\"");
    expect(&b, "/helloworld", 200, "name <small>string</small>");
    expect(&b, "/nosuch", 404, "service not found");
    expect(&b, "/404", 404, "404: Not Found");
    expect(&b, "/helloworld/Helloworld/Nosuch", 404, "no such endpoint");
    expect(&b, "/helloworld/Nosuch", 404, "Type/Method");
    expect(&b, "/a/b/c/d", 404, "404");
    expect(&b, "/..%2f..", 404, "404");
    expect(&b, "/assets/nosuch", 404, NULL);
    expect(&b, "/store/Store/Write", 200, "name=\"f:record.key\"");
    expect(&b, "/store/Store/Write", 200, "name=\"m:record.metadata\"");
    expect(&b, "/helloworld/Helloworld.Call", 200, "name=\"f:name\"");
    visit(&b, "PUT", "/helloworld", NULL, NULL);
    assert_int_equal(b.status, 405);
    end(&b);
}

/* More services than are shown of an answer to a call: all are there. */
static void test_many(void **state)
{
    struct browser b;
    struct arena arena = ARENA_INIT;
    struct text service = TEXT_INIT;
    (void)state;
    begin(&b, 7);
    const char *token = sim_system_token(&b.s, &arena, "root", "user", "micro", "admin");
    for (int i = 0; i < 40; i++) {
        struct sim_answer a = {0};
        text_clear(&service);
        text_printf(&service,
                    "{\"name\":\"many%02d\",\"version\":\"1\",\"nodes\":[{\"id\":\"n\",\"address\":\"far:1\"}]", i);
        text_puts(&service, ",\"endpoints\":[");
        for (int k = 0; k < 100; k++)
            text_printf(&service, "%s{\"name\":\"Type.Method%d\",\"metadata\":{\"description\":\"%080d\"}}",
                        k ? "," : "", k, k);
        text_puts(&service, "]}");
        sim_system_call(&b.s, "registry", "/registry.Registry/Register", token, text_string(&service), &a);
        assert_int_equal(a.status, GRPC_OK);
        sim_answer_deinit(&a);
    }
    log_in(&b);
    expect(&b, "/services", 200, "href=\"/many00\"");
    expect(&b, "/services", 200, "href=\"/many39\"");
    text_deinit(&service);
    arena_deinit(&arena);
    end(&b);
}

static void test_calls(void **state)
{
    struct browser b;
    (void)state;
    begin(&b, 3);
    log_in(&b);
    expect(&b, "/helloworld/Helloworld/Call", 200, "<form");
    post(&b, "/helloworld/Helloworld/Call", "f%3Aname=%3Cscript%3Ex", NULL);
    assert_int_equal(b.status, 200);
    assert_non_null(strstr(text_string(&b.page), "Hello &lt;script&gt;x"));
    assert_null(strstr(text_string(&b.page), "<script"));
    expect(&b, "/helloworld/Helloworld/Call", 200, NULL);
    post(&b, "/helloworld/Helloworld/Call", "json=%7B%22name%22%3A%22Ada%22%7D", "http://web:8082");
    assert_non_null(strstr(text_string(&b.page), "Hello Ada"));
    expect(&b, "/helloworld/Helloworld/Stream", 200, NULL);
    post(&b, "/helloworld/Helloworld/Stream", "f%3Acount=3", NULL);
    assert_non_null(strstr(text_string(&b.page), "{&quot;count&quot;:&quot;2&quot;}"));
    expect(&b, "/store/Store/Read", 200, NULL);
    post(&b, "/store/Store/Read", "f%3Akey=nosuch", NULL);
    assert_non_null(strstr(text_string(&b.page), "404 Not Found"));
    expect(&b, "/helloworld/Helloworld/Call", 200, NULL);
    post(&b, "/helloworld/Helloworld/Call", "f%3Aname=%zz", NULL);
    assert_int_equal(b.status, 400);
    end(&b);
}

static void test_forgery(void **state)
{
    static const char call[] = "/helloworld/Helloworld/Call";
    struct browser b, other;
    char token[65];
    (void)state;
    begin(&b, 4);
    log_in(&b);
    visit(&b, "POST", call, "f%3Aname=x", NULL); /* no token */
    assert_int_equal(b.status, 403);
    visit(&b, "POST", call, "csrf=0000000000000000000000000000000000000000000000000000000000000000&f%3Aname=x", NULL);
    assert_int_equal(b.status, 403);
    expect(&b, call, 200, NULL);
    snprintf(token, sizeof token, "%s", form_token(&b));
    post(&b, call, "f%3Aname=x", "http://evil.example");
    assert_int_equal(b.status, 403);
    expect(&b, call, 200, NULL);
    post(&b, call, "f%3Aname=x", "null");
    assert_int_equal(b.status, 403);
    /* A form made for another browser, or for somebody else's login. */
    other = b;
    snprintf(other.nonce, sizeof other.nonce, "%032d", 7);
    other.page = (struct text){0};
    char body[120];
    snprintf(body, sizeof body, "csrf=%s&f%%3Aname=x", token);
    visit(&other, "POST", call, body, NULL);
    assert_int_equal(other.status, 403);
    text_deinit(&other.page);
    visit(&b, "POST", call, body, NULL); /* the browser it was made for */
    assert_int_equal(b.status, 200);
    expect(&b, "/login", 200, NULL); /* its token is that of nobody */
    post(&b, call, "f%3Aname=x", NULL);
    assert_int_equal(b.status, 403);
    end(&b);
}

static void test_gateway_away(void **state)
{
    struct browser b;
    (void)state;
    begin(&b, 5);
    log_in(&b);
    assert_int_equal(sim_kill(b.s.sim, "api"), 0);
    expect(&b, "/services", 502, "No answer from the gateway");
    sim_cut(b.s.sim, "web", "api", false);
    sim_system_start(&b.s, "api");
    expect(&b, "/services", 502, "No answer from the gateway"); /* in time, whatever the network does */
    sim_heal_all(b.s.sim);
    sim_system_wait(&b.s, "api");
    expect(&b, "/services", 200, "helloworld");
    assert_int_equal(sim_terminate(b.s.sim, "web"), 0);
    sim_run_for(b.s.sim, (uint64_t)(6 * SECOND));
    assert_false(sim_running(b.s.sim, "web"));
    end(&b);
}

static void test_options(void **state)
{
    static const struct {
        const char *option, *value;
    } rows[] = {{"--api-address", "ftp://x"},   {"--api-address", "http://a b"}, {"--login-url", "evil.example"},
                {"--login-url", "http://evil"}, {"--address", "nowhere"},        {"--namespace", "a&b"}};
    struct sim_system s;
    (void)state;
    sim_system_init(&s, 6);
    assert_int_equal(component_register_all(s.sim), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const argv[] = {"micro", "web", rows[i].option, rows[i].value};
        struct error err = ERROR_INIT;
        if (sim_start(s.sim, "web", "micro", 4, argv, &err) != ERROR_INVALID)
            fail_msg("%s %s is not refused", rows[i].option, rows[i].value);
        assert_true(err.message && err.message[0]);
        error_clear(&err);
        sim_run_for(s.sim, (uint64_t)SECOND);
    }
    sim_system_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),   cmocka_unit_test(test_pages),   cmocka_unit_test(test_calls),
        cmocka_unit_test(test_many),    cmocka_unit_test(test_forgery), cmocka_unit_test(test_gateway_away),
        cmocka_unit_test(test_options),
    };
    log_set_level(LOG_OFF);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    micro_pool_free();
    return rc;
}
