/* The HTTP server and client in both worlds: the same cases run over the simulated network and over real sockets; what
 * needs minutes (slow-loris, idle connections) runs in simulation only, what needs a stranger (curl) in the real one.
 */
#include "base/failing.h"
#include "base/log.h"
#include "base/units.h"
#include "rpc/http.h"
#include "world/real.h"
#include "world/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define WAIT (90 * (uint64_t)SECOND)

/* ---- a small application --------------------------------------------------------------------------------------- */

struct app {
    struct http_server *server;
    struct http_exchange *held; /* the last request to /hold */
    int calls, cancels;
};

struct later {
    struct http_exchange *x;
    struct world_timer timer;
    int left;
};

static void answer_later(void *arg)
{
    struct later *l = arg;
    http_respond(l->x, 200, "text/plain", bytes_of("later"));
}

static void stream_more(void *arg)
{
    struct later *l = arg;
    char piece[16];
    (void)snprintf(piece, sizeof piece, "piece %d\n", l->left);
    http_write(l->x, bytes_of(piece));
    if (--l->left == 0)
        http_finish(l->x);
    else
        assert_int_equal(world_timer_start(&l->timer, (uint64_t)MILLISECOND), 0);
}

static struct later *later_new(struct http_exchange *x, void (*fire)(void *arg))
{
    struct later *l = ARENA_NEW(http_arena(x), struct later);
    assert_non_null(l);
    l->x = x;
    l->left = 3;
    world_timer_init(&l->timer, http_world(x), fire, l);
    assert_int_equal(world_timer_start(&l->timer, 5 * (uint64_t)MILLISECOND), 0);
    return l;
}

static void cut_off(void *arg)
{
    struct later *l = arg;
    http_abort(l->x);
}

static void on_cancelled(void *arg)
{
    ((struct app *)arg)->cancels++;
}

static void handle(void *arg, struct http_exchange *x)
{
    static const char big[1 << 20] = {0};
    struct app *app = arg;
    const char *path = http_path(x);
    app->calls++;
    if (strcmp(path, "/echo") == 0) {
        const char *type = http_request_header(x, "content-type");
        http_add_header(x, "X-Method", http_method(x));
        http_add_header(x, "X-Query", http_query(x));
        http_respond(x, 200, type == NULL ? "text/plain" : type, http_body(x));
    } else if (strcmp(path, "/later") == 0) {
        (void)later_new(x, answer_later);
    } else if (strcmp(path, "/stream") == 0) {
        http_begin(x, 200, "text/plain");
        (void)later_new(x, stream_more);
    } else if (strcmp(path, "/cut") == 0) {
        http_begin(x, 200, "text/plain");
        http_write(x, bytes_of("half of it"));
        (void)later_new(x, cut_off);
    } else if (strcmp(path, "/hold") == 0) {
        app->held = x;
        http_on_cancel(x, on_cancelled, app);
    } else if (strcmp(path, "/big") == 0) {
        http_respond(x, 200, "application/octet-stream", BYTES(big, sizeof big));
    } else if (strcmp(path, "/empty") == 0) {
        http_respond(x, 204, NULL, BYTES_NONE);
    } else if (strcmp(path, "/inject") == 0) {
        http_add_header(x, "X-A", "1\r\nX-Injected: yes");
        http_add_header(x, "Content-Length", "3");
        http_add_header(x, "X-B", "2");
        http_respond(x, 200, "text/plain", bytes_of("safe"));
    } else if (strcmp(path, "/dated") == 0) {
        http_add_header(x, "Date", "Fri, 02 Jan 2026 00:00:00 GMT");
        http_respond(x, 200, "text/plain", bytes_of("from elsewhere"));
    } else if (strcmp(path, "/forget") == 0) {
        http_finish(x);
    } else if (strcmp(path, "/a b/\xc3\xa9") == 0) {
        http_respond(x, 200, "text/plain", bytes_of("decoded"));
    } else {
        http_respond(x, 404, "text/plain", bytes_of("nothing here\n"));
    }
}

/* ---- two worlds ------------------------------------------------------------------------------------------------ */

struct fixture {
    struct sim *sim; /* NULL: the real world */
    struct world *server_world, *client;
    struct app app;
    char address[64], base[80];
};

static void setup(struct fixture *f, bool simulated, const struct http_server_options *options)
{
    struct error err = ERROR_INIT;
    *f = (struct fixture){0};
    if (simulated) {
        f->sim = sim_new(&(struct sim_options){.seed = 7});
        assert_non_null(f->sim);
        f->server_world = sim_node(f->sim, "web");
        f->client = sim_node(f->sim, "user");
        assert_non_null(f->server_world);
        assert_non_null(f->client);
    } else {
        assert_int_equal(world_real_new(1, &f->client, &err), 0);
        f->server_world = f->client;
    }
    assert_int_equal(http_server_new(f->server_world, options, handle, &f->app, &f->app.server, &err), 0);
    assert_int_equal(http_server_listen(f->app.server, "127.0.0.1:0", &err), 0);
    (void)snprintf(f->address, sizeof f->address, "%s:%d", simulated ? "web" : "127.0.0.1",
                   http_server_port(f->app.server));
    (void)snprintf(f->base, sizeof f->base, "http://%s", f->address);
}

static void teardown(struct fixture *f)
{
    http_server_free(f->app.server);
    if (f->sim != NULL)
        sim_free(f->sim);
    else
        world_real_free(f->client);
}

static int fetch(struct fixture *f, const char *method, const char *path, const char *body, struct http_answer *out,
                 struct error *err)
{
    char url[256];
    (void)snprintf(url, sizeof url, "%s%s", f->base, path);
    struct http_fetch request = {.method = method, .url = url, .body = body == NULL ? BYTES_NONE : bytes_of(body)};
    return http_fetch_wait(f->client, &request, out, err);
}

static const char *header(struct http_answer *a, const char *name)
{
    for (size_t i = 0; i < a->header_count; i++)
        if (http1_header_is(&a->headers[i], name))
            return (const char *)a->headers[i].value.data;
    return NULL;
}

static void expect(struct fixture *f, const char *method, const char *path, const char *body, int status,
                   const char *answer)
{
    struct http_answer a;
    struct error err = ERROR_INIT;
    int rc = fetch(f, method, path, body, &a, &err);
    if (rc != 0)
        fail_msg("%s %s: %s", method, path, err.message);
    assert_int_equal(a.status, status);
    if (answer != NULL && !bytes_is(a.body, answer))
        fail_msg("%s %s: answered '%.*s'", method, path, (int)a.body.len, (const char *)a.body.data);
    http_answer_deinit(&a);
}

/* ---- a client that sends raw bytes ----------------------------------------------------------------------------- */

struct raw {
    struct world *world;
    struct world_stream *stream;
    struct text in;
    const char *wanted;
    bool connected, ended;
    int reason;
};

static void raw_connected(void *arg)
{
    ((struct raw *)arg)->connected = true;
}

static void raw_readable(void *arg, struct bytes data)
{
    text_add(&((struct raw *)arg)->in, data.data, data.len);
}

static void raw_ended(void *arg, int reason)
{
    struct raw *r = arg;
    r->ended = true;
    r->reason = reason;
}

static bool raw_done(void *arg)
{
    struct raw *r = arg;
    if (r->ended)
        return true;
    if (r->wanted == NULL)
        return false;
    return r->wanted[0] == 0 ? r->connected : strstr(text_string(&r->in), r->wanted) != NULL;
}

static void raw_open(struct fixture *f, struct raw *r)
{
    static const struct world_stream_events events = {
        .connected = raw_connected, .readable = raw_readable, .ended = raw_ended};
    *r = (struct raw){.world = f->client, .wanted = ""};
    assert_int_equal(world_connect(f->client, f->address, &events, r, &r->stream, NULL), 0);
    assert_int_equal(world_run_until(f->client, raw_done, r, WAIT), 0);
}

static void raw_send(struct raw *r, const char *data)
{
    assert_int_equal(world_stream_write(r->stream, bytes_of(data)), 0);
}

static void raw_expect(struct raw *r, const char *wanted)
{
    r->wanted = wanted;
    int rc = world_run_until(r->world, raw_done, r, WAIT);
    if (rc != 0 || strstr(text_string(&r->in), wanted) == NULL)
        fail_msg("waited for '%s', got '%s'", wanted, text_string(&r->in));
}

static void raw_expect_end(struct raw *r)
{
    r->wanted = NULL;
    assert_int_equal(world_run_until(r->world, raw_done, r, 200 * (uint64_t)SECOND), 0);
}

static void raw_close(struct raw *r)
{
    world_stream_close(r->stream);
    text_deinit(&r->in);
}

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* ---- both worlds ----------------------------------------------------------------------------------------------- */

static void both(void (*scenario)(struct fixture *f), const struct http_server_options *options)
{
    for (int simulated = 1; simulated >= 0; simulated--) {
        struct fixture f;
        setup(&f, simulated != 0, options);
        scenario(&f);
        teardown(&f);
    }
}

static void scenario_fetch(struct fixture *f)
{
    struct http_answer a;
    struct error err = ERROR_INIT;
    expect(f, "HEAD", "/stream", NULL, 200, ""); /* its handler goes on for a while after the client has left */
    expect(f, "GET", "/echo", NULL, 200, "");
    expect(f, "POST", "/echo", "hello", 200, "hello");
    expect(f, "GET", "/later", NULL, 200, "later");
    expect(f, "GET", "/stream", NULL, 200, "piece 3\npiece 2\npiece 1\n");
    expect(f, "GET", "/empty", NULL, 204, "");
    expect(f, "GET", "/a%20b/%C3%a9", NULL, 200, "decoded");
    expect(f, "GET", "/nowhere", NULL, 404, "nothing here\n");
    expect(f, "GET", "/forget", NULL, 500, "");

    assert_int_equal(fetch(f, "HEAD", "/big?x=1", NULL, &a, &err), 0);
    assert_string_equal(header(&a, "content-length"), "1048576");
    assert_int_equal(a.body.len, 0);
    http_answer_deinit(&a);
    assert_int_equal(fetch(f, "GET", "/big", NULL, &a, &err), 0);
    assert_int_equal(a.body.len, 1 << 20);
    http_answer_deinit(&a);
    assert_int_equal(fetch(f, "DELETE", "/echo?a=%20b&c", NULL, &a, &err), 0);
    assert_string_equal(header(&a, "x-method"), "DELETE");
    assert_string_equal(header(&a, "x-query"), "a=%20b&c");
    assert_non_null(header(&a, "date"));
    if (f->sim != NULL)
        assert_string_equal(header(&a, "date"), "Thu, 01 Jan 2026 00:00:00 GMT");
    http_answer_deinit(&a);
    assert_int_equal(fetch(f, "GET", "/inject", NULL, &a, &err), 0);
    assert_null(header(&a, "x-injected"));
    assert_null(header(&a, "x-a"));
    assert_string_equal(header(&a, "x-b"), "2");
    assert_string_equal(header(&a, "content-length"), "4");
    http_answer_deinit(&a);
    assert_int_equal(fetch(f, "GET", "/dated", NULL, &a, &err), 0);
    size_t dates = 0;
    for (size_t i = 0; i < a.header_count; i++)
        dates += http1_header_is(&a.headers[i], "date");
    assert_int_equal(dates, 1);
    assert_string_equal(header(&a, "date"), "Fri, 02 Jan 2026 00:00:00 GMT");
    http_answer_deinit(&a);
}

static void test_fetch(void **state)
{
    (void)state;
    both(scenario_fetch, NULL);
}

static void scenario_fetch_errors(struct fixture *f)
{
    struct http_answer a;
    struct error err = ERROR_INIT;
    const struct http1_header injected = {BYTES("A", 1), BYTES("b\r\nC: d", 7)};
    const struct http1_header ours = {BYTES("host", 4), BYTES("x", 1)};
    struct http_fetch bad[] = {
        {.url = "ftp://a/"},
        {.url = "https://a/"},
        {.url = "http://"},
        {.url = "http://a:/"},
        {.url = "http://u@a/"},
        {.url = "http://a/b c"},
        {.url = "http://[::1/"},
        {.url = "http://a/", .method = "GET /x"},
        {.url = "http://a/\r\nX: 1"},
        {.url = "http://a/", .headers = &injected, .header_count = 1},
        {.url = "http://a/", .headers = &ours, .header_count = 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(http_fetch_wait(f->client, &bad[i], &a, &err), ERROR_INVALID);
        assert_int_equal(a.status, 0);
        assert_non_null(err.message);
    }
    /* A port nobody listens on. */
    http_server_free(f->app.server);
    f->app.server = NULL;
    assert_int_equal(fetch(f, "GET", "/", NULL, &a, &err), ERROR_REFUSED);
    assert_int_equal(a.status, 0);
    http_answer_deinit(&a);
    error_clear(&err);
}

static void test_fetch_errors(void **state)
{
    (void)state;
    both(scenario_fetch_errors, NULL);
}

static void scenario_timeout(struct fixture *f)
{
    struct http_answer a;
    struct error err = ERROR_INIT;
    char url[256];
    (void)snprintf(url, sizeof url, "%s/hold", f->base);
    /* On a busy machine the time may be over before anything was sent. */
    for (uint64_t time = 20 * (uint64_t)MILLISECOND; f->app.held == NULL && time < WAIT; time *= 2) {
        struct http_fetch request = {.url = url, .timeout = time};
        assert_int_equal(http_fetch_wait(f->client, &request, &a, &err), ERROR_TIMEOUT);
        http_answer_deinit(&a);
        error_clear(&err);
        for (int i = 0; i < 1000 && f->app.held == NULL; i++) /* it may be on its way */
            assert_int_equal(world_sleep(f->client, (uint64_t)MILLISECOND), 0);
    }
    /* The server notices that the client is gone, and the handler still finishes. */
    assert_non_null(f->app.held);
    for (int i = 0; i < 1000 && f->app.cancels == 0; i++)
        assert_int_equal(world_sleep(f->client, (uint64_t)MILLISECOND), 0);
    assert_int_equal(f->app.cancels, 1);
    assert_true(http_gone(f->app.held));
    http_respond(f->app.held, 200, NULL, bytes_of("to nobody"));
    expect(f, "GET", "/echo", NULL, 200, "");
}

static void test_timeout_and_cancel(void **state)
{
    (void)state;
    both(scenario_timeout, NULL);
}

static void scenario_pipeline(struct fixture *f)
{
    struct raw r;
    int before = f->app.calls;
    raw_open(f, &r);
    raw_send(&r, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
                 "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"
                 "HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n"
                 "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\nT: x\r\n\r\n"
                 "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                 "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_expect_end(&r);
    assert_int_equal(r.reason, 0);
    const char *in = text_string(&r.in);
    assert_int_equal(count_of(in, "HTTP/1.1 "), 6); /* nothing after the one that asked to close */
    const char *order[] = {"later", "one", "piece 1\n", "two", "nothing here\n"};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const char *at = strstr(in, order[i]);
        if (at == NULL)
            fail_msg("'%s' is missing or out of order in '%s'", order[i], text_string(&r.in));
        else
            in = at;
    }
    assert_int_equal(f->app.calls - before, 6);
    raw_close(&r);
}

static void test_pipeline(void **state)
{
    (void)state;
    both(scenario_pipeline, NULL);
}

/* An HTTP/1.0 answer ends where its connection does: a cut one must not look like that. */
static void scenario_cut(struct fixture *f)
{
    static const char *const requests[] = {"GET /cut HTTP/1.0\r\n\r\n", "GET /cut HTTP/1.1\r\nHost: a\r\n\r\n"};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct raw r;
        raw_open(f, &r);
        raw_send(&r, requests[i]);
        raw_expect_end(&r);
        assert_int_not_equal(r.reason, 0);
        assert_non_null(strstr(text_string(&r.in), "half of it"));
        assert_null(strstr(text_string(&r.in), "\r\n0\r\n"));
        raw_close(&r);
    }
}

static void test_cut(void **state)
{
    (void)state;
    both(scenario_cut, NULL);
}

static void scenario_bytewise(struct fixture *f)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nslow";
    struct raw r;
    raw_open(f, &r);
    for (int round = 1; round <= 2; round++) { /* one connection, kept alive */
        for (size_t i = 0; i < sizeof request - 1; i++) {
            char one[2] = {request[i], 0};
            raw_send(&r, one);
            assert_int_equal(world_sleep(f->client, 50 * (uint64_t)MICROSECOND), 0);
        }
        raw_expect(&r, "\r\n\r\nslow");
        text_clear(&r.in);
    }
    raw_close(&r);
}

static void test_bytewise(void **state)
{
    (void)state;
    both(scenario_bytewise, NULL);
}

static void scenario_versions(struct fixture *f)
{
    struct raw r;
    raw_open(f, &r); /* HTTP/1.0: no chunks, the end of the connection ends the body */
    raw_send(&r, "GET /stream HTTP/1.0\r\n\r\n");
    raw_expect_end(&r);
    assert_non_null(strstr(text_string(&r.in), "\r\n\r\npiece 3\npiece 2\npiece 1\n"));
    assert_null(strstr(text_string(&r.in), "chunked"));
    raw_close(&r);

    raw_open(f, &r);
    raw_send(&r, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    raw_expect(&r, "Connection: keep-alive\r\n\r\n");
    raw_send(&r, "GET /nowhere HTTP/1.0\r\n\r\n");
    raw_expect_end(&r);
    assert_non_null(strstr(text_string(&r.in), "nothing here"));
    raw_close(&r);

    raw_open(f, &r); /* 100-continue */
    raw_send(&r, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    raw_expect(&r, "HTTP/1.1 100 Continue\r\n\r\n");
    raw_send(&r, "body");
    raw_expect(&r, "\r\n\r\nbody");
    raw_close(&r);

    raw_open(f, &r); /* the whole URL as target */
    raw_send(&r, "GET http://a:80/echo?q=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_expect(&r, "X-Query: q=1\r\n");
    raw_close(&r);
}

static void test_versions(void **state)
{
    (void)state;
    both(scenario_versions, NULL);
}

static void scenario_refusals(struct fixture *f)
{
    static const struct {
        const char *request, *status;
    } table[] = {
        {"GARBAGE\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 413 "},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", "HTTP/1.1 413 "},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 "},
        {"GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 "},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct raw r;
        raw_open(f, &r);
        raw_send(&r, table[i].request);
        raw_send(&r, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"); /* never looked at */
        raw_expect_end(&r);
        if (strncmp(text_string(&r.in), table[i].status, strlen(table[i].status)) != 0)
            fail_msg("'%s' was answered '%s'", table[i].request, text_string(&r.in));
        assert_int_equal(count_of(text_string(&r.in), "HTTP/1.1 "), 1);
        assert_non_null(strstr(text_string(&r.in), "Connection: close\r\n"));
        assert_int_equal(r.reason, 0);
        raw_close(&r);
    }
    assert_int_equal(f->app.calls, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    both(scenario_refusals, &(struct http_server_options){.body_max = 1000});
}

static void scenario_connections_max(struct fixture *f)
{
    struct raw a, b;
    raw_open(f, &a);
    raw_send(&a, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_expect(&a, "200 OK");
    raw_open(f, &b);
    raw_expect_end(&b);
    assert_non_null(strstr(text_string(&b.in), "503 Service Unavailable"));
    assert_non_null(strstr(text_string(&b.in), "too many connections"));
    raw_close(&a);
    raw_close(&b);
    /* There is room again as soon as the server has heard of it. */
    int status = 503;
    for (int i = 0; i < 1000 && status == 503; i++) {
        struct http_answer answer;
        assert_int_equal(world_sleep(f->client, 5 * (uint64_t)MILLISECOND), 0);
        assert_int_equal(fetch(f, "GET", "/echo", NULL, &answer, NULL), 0);
        status = answer.status;
        http_answer_deinit(&answer);
    }
    assert_int_equal(status, 200);
}

static void test_connections_max(void **state)
{
    (void)state;
    both(scenario_connections_max, &(struct http_server_options){.connections_max = 1});
}

static void scenario_free_in_flight(struct fixture *f)
{
    struct raw r;
    raw_open(f, &r);
    raw_send(&r, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 1000 && f->app.held == NULL; i++)
        assert_int_equal(world_sleep(f->client, (uint64_t)MILLISECOND), 0);
    assert_non_null(f->app.held);
    http_server_free(f->app.server);
    f->app.server = NULL;
    assert_int_equal(f->app.cancels, 1);
    http_begin(f->app.held, 200, NULL);
    http_write(f->app.held, bytes_of("x"));
    http_finish(f->app.held);
    raw_expect_end(&r);
    raw_close(&r);
}

static void test_free_in_flight(void **state)
{
    (void)state;
    both(scenario_free_in_flight, NULL);
}

/* A client that asks for megabytes and reads none: the server stops taking its requests. */
static void scenario_slow_reader(struct fixture *f)
{
    struct raw r;
    raw_open(f, &r);
    world_stream_pause(r.stream);
    for (int i = 0; i < 200; i++)
        raw_send(&r, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 2000 && f->app.calls == 0; i++)
        assert_int_equal(world_sleep(f->client, (uint64_t)MILLISECOND), 0);
    assert_int_equal(world_sleep(f->client, 100 * (uint64_t)MILLISECOND), 0);
    assert_true(f->app.calls >= 1);
    assert_true(f->app.calls < 20); /* what the system's own buffers took, and one more */
    world_stream_resume(r.stream);
    int before = f->app.calls;
    for (int i = 0; i < 2000 && f->app.calls < before + 2; i++) {
        assert_int_equal(world_sleep(f->client, (uint64_t)MILLISECOND), 0);
        text_clear(&r.in);
    }
    assert_true(f->app.calls >= before + 2);
    raw_close(&r);
}

static void test_slow_reader(void **state)
{
    (void)state;
    both(scenario_slow_reader, NULL);
}

/* ---- simulation only: what takes long -------------------------------------------------------------------------- */

static void test_slow_loris(void **state)
{
    (void)state;
    struct fixture f;
    struct raw r;
    setup(&f, true, NULL);
    raw_open(&f, &r);
    uint64_t started = world_now(f.client);
    raw_send(&r, "GET /echo HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 60 && !r.ended; i++) { /* a header line a second never ends the head */
        raw_send(&r, "X: y\r\n");
        r.wanted = NULL;
        (void)world_run_until(f.client, raw_done, &r, (uint64_t)SECOND);
    }
    assert_true(r.ended);
    assert_memory_equal(text_string(&r.in), "HTTP/1.1 408 ", 13);
    uint64_t took = world_now(f.client) - started;
    assert_true(took >= 10 * (uint64_t)SECOND && took < 13 * (uint64_t)SECOND);
    raw_close(&r);

    raw_open(&f, &r); /* a body that stalls */
    raw_send(&r, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    raw_expect_end(&r);
    assert_memory_equal(text_string(&r.in), "HTTP/1.1 408 ", 13);
    raw_close(&r);

    raw_open(&f, &r); /* nothing at all: closed without a word */
    started = world_now(f.client);
    raw_expect_end(&r);
    assert_int_equal(r.in.len, 0);
    assert_true(world_now(f.client) - started >= 60 * (uint64_t)SECOND);
    raw_close(&r);

    raw_open(&f, &r); /* kept alive after a request, then idle */
    raw_send(&r, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_expect_end(&r);
    assert_int_equal(count_of(text_string(&r.in), "HTTP/1.1 "), 1);
    raw_close(&r);
    assert_int_equal(f.app.calls, 1);
    teardown(&f);
}

static void trace_line(void *arg, const char *text, size_t len)
{
    text_add(arg, text, len);
    text_char(arg, '\n');
}

static void test_same_seed_same_trace(void **state)
{
    (void)state;
    struct text traces[2] = {TEXT_INIT, TEXT_INIT};
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        setup(&f, true, NULL);
        sim_trace(f.sim, trace_line, &traces[i]);
        scenario_fetch(&f);
        scenario_pipeline(&f);
        sim_trace(f.sim, NULL, NULL);
        teardown(&f);
    }
    assert_true(traces[0].len > 1000);
    assert_string_equal(text_string(&traces[0]), text_string(&traces[1]));
    text_deinit(&traces[0]);
    text_deinit(&traces[1]);
}

/* Memory that runs out anywhere on the way of a request: an error on one side or the other, no crash, no leak, and a
 * server that answers the next one. */
static void test_out_of_memory(void **state)
{
    (void)state;
    bool hit = true;
    int unharmed = 0;
    for (size_t n = 1; hit; n++) {
        struct fixture f;
        struct http_answer a;
        struct error err = ERROR_INIT;
        setup(&f, true, NULL);
        failing_arm(n);
        int rc = fetch(&f, "POST", "/echo?x", "some body", &a, &err);
        hit = failing_hit();
        failing_disarm();
        if (rc == 0)
            assert_true(a.status == 200 || a.status == 503);
        else
            assert_int_equal(a.status, 0);
        http_answer_deinit(&a);
        error_clear(&err);
        /* A simulation that ran out of memory itself stays stopped; else the server is as good as new. */
        rc = fetch(&f, "GET", "/echo", NULL, &a, &err);
        assert_true(rc == ERROR_MEMORY || (rc == 0 && a.status == 200));
        unharmed += rc == 0;
        http_answer_deinit(&a);
        error_clear(&err);
        teardown(&f);
    }
    assert_true(unharmed > 20);
}

/* ---- the real world: a client nobody here wrote ---------------------------------------------------------------- */

struct child {
    struct text output;
    struct world_exit status;
    bool over;
};

static void child_output(void *arg, int fd, struct bytes line)
{
    struct child *c = arg;
    (void)fd;
    text_add(&c->output, line.data, line.len);
    text_char(&c->output, '\n');
}

static void child_exited(void *arg, struct world_exit status)
{
    struct child *c = arg;
    c->status = status;
    c->over = true;
}

static bool child_over(void *arg)
{
    return ((struct child *)arg)->over;
}

static void curl(struct fixture *f, const char *const *arguments, const char *wanted)
{
    static const struct world_process_events events = {child_output, child_exited};
    const char *argv[24] = {"curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "60"};
    size_t count = 8;
    char urls[4][128];
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(count < 23 && i < 12);
        argv[count] = arguments[i];
        if (arguments[i][0] == '/') {
            assert_true(i < 4);
            (void)snprintf(urls[i], sizeof urls[i], "%s%s", f->base, arguments[i]);
            argv[count] = urls[i];
        }
        count++;
    }
    struct child child = {0};
    struct world_process *p = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(
        world_process_spawn(f->client, &(struct world_spawn){.name = "curl", .argv = argv}, &events, &child, &p, &err),
        0);
    assert_int_equal(world_run_until(f->client, child_over, &child, WAIT), 0);
    world_process_close(p);
    if (child.status.signalled || child.status.code != 0 || strstr(text_string(&child.output), wanted) == NULL)
        fail_msg("curl exited with %d and said '%s', not '%s'", child.status.code, text_string(&child.output), wanted);
    text_deinit(&child.output);
}

static void test_curl(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, false, NULL);
    curl(&f, (const char *[]){"/echo?x=y", "-i", NULL}, "X-Query: x=y");
    curl(&f, (const char *[]){"/echo", "-d", "some data", NULL}, "some data");
    curl(&f, (const char *[]){"/later", "/stream", "/echo", "-v", NULL}, "using existing "); /* Re-using, Reusing */
    curl(&f, (const char *[]){"/stream", NULL}, "piece 3\npiece 2\npiece 1");
    curl(&f, (const char *[]){"/big", "--head", NULL}, "Content-Length: 1048576");
    curl(&f, (const char *[]){"/echo", "-d", "chunked body", "-H", "Transfer-Encoding: chunked", "-i", NULL},
         "chunked body");
    curl(&f, (const char *[]){"/echo", "-d", "waited", "-H", "Expect: 100-continue", "-v", NULL}, "100 Continue");
    curl(&f, (const char *[]){"/echo", "-0", "-i", NULL}, "Connection: close");
    curl(&f, (const char *[]){"/empty", "-X", "DELETE", "-i", NULL}, "204 No Content");
    teardown(&f);
}

int main(void)
{
    log_set_level(LOG_OFF); /* the server says what is provoked here on purpose */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_fetch_errors),
        cmocka_unit_test(test_timeout_and_cancel),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_bytewise),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_connections_max),
        cmocka_unit_test(test_free_in_flight),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_slow_loris),
        cmocka_unit_test(test_same_seed_same_trace),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_curl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
