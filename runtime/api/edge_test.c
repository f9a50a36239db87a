/* What the gateway says where no handler is asked yet, and where a trace comes in: refusals of the HTTP server as
 * Micro's JSON, and every request as the parent span of what is called for it. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/api/gate_kit.h"
#include "runtime/api/gateway.h"

#include <stdio.h>
#include <string.h>

#define WAIT ((uint64_t)(120 * SECOND))

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

struct raw {
    struct world_stream *stream;
    struct text in;
    bool ended;
};

static void raw_readable(void *arg, struct bytes data)
{
    text_add(&((struct raw *)arg)->in, data.data, data.len);
}

static void raw_ended(void *arg, int reason)
{
    (void)reason;
    ((struct raw *)arg)->ended = true;
}

static bool raw_over(void *arg)
{
    return ((struct raw *)arg)->ended;
}

/* Sends it, reads to the end, and looks at all the answer must be. */
static void refused(struct gate *f, const char *request, int status, const char *words)
{
    static const struct world_stream_events events = {.readable = raw_readable, .ended = raw_ended};
    struct raw r = {0};
    char line[32];
    assert_int_equal(world_connect(f->s.client, "api:8080", &events, &r, &r.stream, NULL), 0);
    assert_int_equal(world_stream_write(r.stream, bytes_of(request)), 0);
    assert_int_equal(world_run_until(f->s.client, raw_over, &r, WAIT), 0);
    const char *got = text_string(&r.in), *body = strstr(got, "\r\n\r\n");
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    if (strncmp(got, line, strlen(line)) != 0 || !body || !strstr(got, "Content-Type: application/json\r\n"))
        fail_msg("%.60s was answered: %s", request, got);
    json_t *error = json_loads(body + 4, 0, NULL);
    assert_non_null(error);
    assert_string_equal(json_string_value(json_object_get(error, "id")), "go.micro.api");
    assert_int_equal(json_integer_value(json_object_get(error, "code")), status);
    assert_non_null(strstr(json_string_value(json_object_get(error, "detail")), words));
    assert_string_not_equal(json_string_value(json_object_get(error, "status")), "");
    json_decref(error);
    world_stream_close(r.stream);
    text_deinit(&r.in);
}

static void refusals_are_json(void **state)
{
    static const char *const started[] = {"registry", "api", NULL};
    struct gate f;
    struct text long_one = TEXT_INIT;
    (void)state;
    gate_setup(&f, 1, started, NULL);
    refused(&f, "GARBAGE\r\n\r\n", 400, "");
    refused(&f, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "percent-encoded");
    refused(&f, "GET / HTTP/1.1\r\nHost: a\r\n", 408, "too long");
    refused(&f, "POST /helloworld HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{", 408, "too slowly");
    refused(&f, "POST /helloworld HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413, "");
    refused(&f, "GET / HTTP/2.0\r\n\r\n", 505, "");
    text_puts(&long_one, "GET /");
    for (int i = 0; i < 2000; i++)
        text_puts(&long_one, "0123456789");
    refused(&f, text_string(&long_one), 414, "");
    text_clear(&long_one);
    text_puts(&long_one, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 200; i++)
        text_printf(&long_one, "X-%d: y\r\n", i);
    refused(&f, text_string(&long_one), 431, "");
    text_deinit(&long_one);
    gate_teardown(&f);
}

/* ---- traces ------------------------------------------------------------------------------------------------------ */

/* The one span of a trace that `component` kept with that direction; fails unless there is just one. */
static json_t *span(struct gate *f, const char *component, const char *trace, const char *type)
{
    struct sim_answer a = {0};
    char path[64], wanted[128];
    json_t *found = NULL, *one;
    size_t i;
    snprintf(path, sizeof path, "/%s.Debug/Trace", component);
    snprintf(wanted, sizeof wanted, "{\"id\":\"%s\"}", trace);
    sim_system_call(&f->s, component, path, f->admin, wanted, &a);
    assert_int_equal(a.status, GRPC_OK);
    json_array_foreach(json_object_get(a.body, "spans"), i, one)
    {
        const char *is = json_string_value(json_object_get(one, "type"));
        if (strcmp(is ? is : "INBOUND", type) != 0)
            continue;
        if (found)
            fail_msg("%s has more than one %s span of %s: %s", component, type, trace, text_string(&a.text));
        found = json_incref(one);
    }
    if (!found)
        fail_msg("%s has no %s span of %s: %s", component, type, trace, text_string(&a.text));
    sim_answer_deinit(&a);
    return found;
}

static const char *member(const json_t *o, const char *name)
{
    const char *value = json_string_value(json_object_get(o, name));
    return value ? value : "";
}

/* The gateway's span of the trace, and below it the component's. */
static void expect_hops(struct gate *f, const char *trace, const char *parent, const char *name, const char *status,
                        const char *component)
{
    json_t *api = span(f, "api", trace, "INBOUND"), *below = component ? span(f, component, trace, "INBOUND") : NULL;
    assert_string_equal(member(api, "name"), name);
    assert_string_equal(member(api, "parent"), parent);
    assert_string_equal(member(json_object_get(api, "metadata"), "status"), status);
    if (below) {
        assert_string_equal(member(below, "parent"), member(api, "id"));
        assert_true(strtoull(member(api, "duration"), NULL, 10) > strtoull(member(below, "duration"), NULL, 10));
    }
    json_decref(api);
    json_decref(below);
}

/* `again`: a second request where the stream takes one. */
static void by_socket(struct gate *f, const char *trace, bool again)
{
    const struct http1_header header = {bytes_of("Micro-Trace-Id"), bytes_of(trace)};
    struct websocket_kit k;
    websocket_kit_open(&k, f->s.client, "ws://api:8080/helloworld/stream", &header, 1);
    assert_true(k.opened);
    websocket_kit_send(&k, "{\"count\":2}");
    if (again)
        websocket_kit_send(&k, "{\"count\":2}");
    websocket_kit_wait_closed(&k);
    assert_int_equal(k.messages, again ? 1 : 2); /* the error's JSON, or the answers */
    websocket_kit_deinit(&k);
}

static void a_request_is_a_span(void **state)
{
    static const char *const started[] = {"registry", "store", "auth", "api", "helloworld", NULL};
    struct gate f;
    (void)state;
    gate_setup(&f, 2, started, NULL);
    gate_expect(&f, "GET", "/helloworld?name=Jane", "Micro-Trace-Id: one\nMicro-Span-Id: above", NULL, 200, "");
    expect_hops(&f, "one", "above", "helloworld.Helloworld.Call", "OK", "helloworld");
    /* a request's id is its trace's, too */
    gate_expect(&f, "GET", "/helloworld?name=Jane", "X-Request-Id: two", NULL, 200, "");
    expect_hops(&f, "two", "", "helloworld.Helloworld.Call", "OK", "helloworld");
    gate_expect(&f, "GET", "/helloworld/stream?count=3", "Micro-Trace-Id: three", NULL, 200, "");
    expect_hops(&f, "three", "", "helloworld.Helloworld.Stream", "OK", "helloworld");
    by_socket(&f, "four", false);
    expect_hops(&f, "four", "", "helloworld.Helloworld.Stream", "OK", "helloworld");
    by_socket(&f, "again", true);
    expect_hops(&f, "again", "", "helloworld.Helloworld.Stream", "INVALID_ARGUMENT", NULL);
    gate_expect(&f, "GET", "/nosuch/thing", "Micro-Trace-Id: five", NULL, 404, "");
    expect_hops(&f, "five", "", "nosuch.Nosuch.Thing", "NOT_FOUND", NULL);
    gate_expect(&f, "GET", "/store/read", "Micro-Trace-Id: six", NULL, 401, ""); /* the service's own refusal */
    expect_hops(&f, "six", "", "store.Store.Read", "UNAUTHENTICATED", "store");
    /* the answer says which trace it is, also when what came was no id */
    struct http_answer a;
    gate_get(&f, "GET", "/helloworld", "Micro-Trace-Id: no id!\nX-Request-Id: not one either!", NULL, &a);
    const char *trace = gate_header(&a, "micro-trace-id");
    assert_int_equal(strspn(trace, "0123456789abcdef"), 32);
    expect_hops(&f, trace, "", "helloworld.Helloworld.Call", "OK", "helloworld");
    http_answer_deinit(&a);
    gate_teardown(&f);
}

/* Handler event: the publishing belongs to the request's trace. */
static void an_event_is_a_span(void **state)
{
    static const char *const started[] = {"registry", "store", "auth", "broker", "api", NULL};
    static const char *const api[] = {"api", "--handler", "event", NULL};
    static const char *const *const arguments[] = {api, NULL};
    struct gate f;
    (void)state;
    gate_setup(&f, 3, started, arguments);
    gate_expect(&f, "GET", "/orders/paid?sum=5", arena_printf(&f.arena, "Micro-Trace-Id: six\n%s", f.bearer), NULL, 200,
                "");
    expect_hops(&f, "six", "", "orders.Orders.Paid", "OK", "broker");
    gate_teardown(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(refusals_are_json), cmocka_unit_test(a_request_is_a_span),
                                       cmocka_unit_test(an_event_is_a_span)};
    int failed = cmocka_run_group_tests_name("edge", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
