#include "e2e/test_system.h"

#include "base/units.h"
#include "proto/helloworld/helloworld.pb-c.h"
#include "proto/set.h"
#include "proto/store/store.pb-c.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- gRPC ---- */

static void greet(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct test_system *s = context;
    const Helloworld__Request *request = (const Helloworld__Request *)(const void *)message;
    Helloworld__Response reply = HELLOWORLD__RESPONSE__INIT;
    const char *asked = rpc_call_header(call, "x-asked");
    s->calls++;
    if (strcmp(request->name, "nobody") == 0) {
        s->logged++;
        rpc_call_fail(call, GRPC_NOT_FOUND, "{\"id\":\"helloworld\",\"code\":404,\"detail\":\"nobody is here\"}");
    } else if (strcmp(request->name, "detailed") == 0) {
        /* A google.rpc.BadRequest, an errors.Error (id), and one of a type that nobody knows. */
        static const char details[] = "\x08\x03\x12\x03"
                                      "bad\x1a\x3f\x0a\x29type.googleapis.com/google.rpc.BadRequest"
                                      "\x12\x12\x0a\x10\x0a\x04name\x12\x08too long"
                                      "\x1a\x26\x0a\x20type.googleapis.com/errors.Error\x12\x02\x0a\x00"
                                      "\x1a\x10\x0a\x0ax/y.Nobody\x12\x02hi";
        rpc_call_finish_details(call, GRPC_INVALID_ARGUMENT, bytes_of("bad"), BYTES(details, sizeof details - 1));
    } else if (strcmp(request->name, "turned away") == 0) { /* told why in the headers, before it ends */
        rpc_call_send_header(call, "x-reason", bytes_of("late"));
        rpc_call_fail(call, GRPC_ABORTED, "no");
    } else if (strcmp(request->name, "later") == 0 && s->later-- > 0) {
        rpc_call_fail(call, GRPC_UNAVAILABLE, "not yet");
    } else if (strcmp(request->name, "silence") == 0) {
        rpc_call_set_user(call, s); /* until the client gives up */
    } else if (strcmp(request->name, "junk") == 0) {
        rpc_call_send_bytes(call, bytes_of("\xff\xff"));
        rpc_call_finish(call, GRPC_OK, "");
    } else {
        reply.msg = arena_printf(rpc_call_arena(call), "Hello %s", request->name);
        rpc_call_send_header(call, "x-answers", bytes_of(asked != NULL ? asked : "nothing"));
        rpc_call_add_trailer(call, "x-calls", bytes_of("many"));
        rpc_call_reply(call, &reply.base);
    }
}

static void gone(struct rpc_call *call, void *context)
{
    (void)context;
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

static void count(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)context;
    const Helloworld__StreamingRequest *request = (const Helloworld__StreamingRequest *)(const void *)message;
    for (int64_t i = 0; i < request->count; i++) {
        Helloworld__StreamingResponse reply = HELLOWORLD__STREAMING_RESPONSE__INIT;
        reply.count = i;
        rpc_call_send(call, &reply.base);
    }
    rpc_call_finish(call, GRPC_OK, "");
}

static void ping_open(struct rpc_call *call, void *context)
{
    (void)call;
    (void)context;
}

static void ping(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)context;
    Helloworld__Pong reply = HELLOWORLD__PONG__INIT;
    reply.stroke = ((const Helloworld__Ping *)(const void *)message)->stroke;
    rpc_call_send(call, &reply.base);
}

static void ping_over(struct rpc_call *call, void *context)
{
    (void)context;
    rpc_call_finish(call, GRPC_OK, "");
}

static void store_read(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)context;
    const Store__ReadRequest *request = (const Store__ReadRequest *)(const void *)message;
    Store__Record record = STORE__RECORD__INIT, *records[1] = {&record};
    Store__ReadResponse reply = STORE__READ_RESPONSE__INIT;
    char value[] = "\x01\x02";
    record.key = request->key;
    record.value.data = (uint8_t *)value;
    record.value.len = 2;
    record.expiry = INT64_C(9007199254740993); /* one more than a double can tell */
    reply.n_records = 1;
    reply.records = records;
    rpc_call_reply(call, &reply.base);
}

static const struct rpc_method hello_methods[] = {
    {.name = "Call",
     .input = &helloworld__request__descriptor,
     .output = &helloworld__response__descriptor,
     .unary = greet,
     .cancelled = gone},
    {.name = "Stream",
     .input = &helloworld__streaming_request__descriptor,
     .output = &helloworld__streaming_response__descriptor,
     .unary = count},
    {.name = "PingPong",
     .input = &helloworld__ping__descriptor,
     .output = &helloworld__pong__descriptor,
     .open = ping_open,
     .message = ping,
     .half_closed = ping_over,
     .cancelled = gone},
};
static const struct rpc_service hello = {.name = "helloworld.Helloworld", .methods = hello_methods, .method_count = 3};
static const struct rpc_method store_methods[] = {
    {.name = "Read",
     .input = &store__read_request__descriptor,
     .output = &store__read_response__descriptor,
     .unary = store_read},
};
static const struct rpc_service store = {.name = "store.Store", .methods = store_methods, .method_count = 1};

/* ---- HTTP: what was asked comes back ---- */

static void answer_http(void *arg, struct http_exchange *x)
{
    struct text out = TEXT_INIT;
    struct bytes body = http_body(x);
    const char *type = http_request_header(x, "content-type"), *asked = http_request_header(x, "x-asked");
    const char *length = http_request_header(x, "content-length");
    (void)arg;
    if (strcmp(http_path(x), "/text") == 0) {
        http_add_header(x, "X-Twice", "one");
        http_add_header(x, "X-Twice", "two");
        http_respond(x, 200, "text/plain", bytes_of("plain words"));
        return;
    }
    if (strcmp(http_path(x), "/login") == 0) {
        http_add_header(x, "Set-Cookie", "session=s-1; Path=/; HttpOnly; Expires=Wed, 21 Oct 2099 07:28:00 GMT");
        http_add_header(x, "Set-Cookie", "short=x; Max-Age=10");
        http_add_header(x, "Set-Cookie", "deep=y; Path=/cookies/deep");
        http_add_header(x, "Set-Cookie", "other=z; Domain=example.com");
        http_add_header(x, "Set-Cookie", "safe=w; Secure");
        http_add_header(x, "Set-Cookie", "gone=v; Expires=Wed, 21 Oct 2015 07:28:00 GMT");
        http_respond(x, 204, "text/plain", BYTES_NONE);
        return;
    }
    if (strncmp(http_path(x), "/cookies", 8) == 0) {
        const char *cookie = http_request_header(x, "cookie");
        http_respond(x, 200, "text/plain", bytes_of(cookie != NULL ? cookie : "none"));
        return;
    }
    if (strncmp(http_path(x), "/go/3", 5) == 0) { /* /go/307?where */
        http_add_header(x, "Location", http_query(x));
        http_add_header(x, "Set-Cookie", "hop=1");
        http_respond(x, atoi(http_path(x) + 4), "text/plain", bytes_of("elsewhere"));
        return;
    }
    if (strcmp(http_path(x), "/missing") == 0) {
        http_respond(x, 404, "application/json", bytes_of("{\"code\":404}"));
        return;
    }
    if (strcmp(http_path(x), "/odd") == 0) { /* what is JSON, but not everybody's */
        http_respond(x, 200, "application/json",
                     bytes_of("{\"id\":7,\"large\":123456789012345678901234567890,\"zero\":\"ab\\u0000cd\"}"));
        return;
    }
    if (strcmp(http_path(x), "/binary") == 0) {
        http_respond(x, 200, "application/octet-stream", bytes_of("\xff\xfe"));
        return;
    }
    if (strcmp(http_path(x), "/silence") == 0)
        return; /* answered when the client is gone, or the server */
    text_printf(
        &out,
        "{\"method\":\"%s\",\"path\":\"%s\",\"query\":\"%s\",\"type\":\"%s\",\"asked\":\"%s\",\"length\":\"%s\","
        "\"body\":\"",
        http_method(x), http_path(x), http_query(x), type ? type : "", asked ? asked : "", length ? length : "");
    text_json(&out, (const char *)body.data, body.len);
    text_puts(&out, "\"}");
    http_respond(x, 200, "application/json", text_bytes(&out));
    text_deinit(&out);
}

static void silence_over(void *arg)
{
    http_respond(arg, 499, "text/plain", BYTES_NONE);
}

static void handle_http(void *arg, struct http_exchange *x)
{
    http_on_cancel(x, silence_over, x);
    answer_http(arg, x);
}

/* ---- levers and doubles ---- */

static int act(struct target *t, const char *component, enum target_action action, struct error *err)
{
    struct test_system *s = (struct test_system *)((char *)t - offsetof(struct test_system, target));
    text_printf(&s->acts, "%s %s\n", target_action_name(action), component);
    if (action == TARGET_PARTITION)
        return error_set(err, ERROR_UNSUPPORTED, "driver test cannot partition");
    return 0;
}

static uint64_t logged(struct target *t)
{
    return ((struct test_system *)((char *)t - offsetof(struct test_system, target)))->logged;
}

static void logs_since(struct target *t, uint64_t since, size_t lines, struct text *out)
{
    for (uint64_t i = since; i < logged(t) && i < since + lines; i++)
        text_puts(out, "helloworld | nobody was asked for\n");
}
static const struct target_operations operations = {.act = act, .logged = logged, .logs_since = logs_since};

static int double_answer(void *arg, const char *name, const char *method, int64_t call, const char *reply_json,
                         int status, const char *message, struct error *err)
{
    struct test_system *s = arg;
    if (strcmp(method, "Write") != 0)
        return error_set(err, ERROR_NOT_FOUND, "double \"%s\" has no method \"%s\"", name, method);
    text_printf(&s->told, "%s %s %lld %s %s %s\n", name, method, (long long)call, reply_json, grpc_status_name(status),
                message);
    return 0;
}

static int64_t double_count(void *arg, const char *name, const char *method)
{
    const struct test_system *s = arg;
    int64_t n = 0;
    if (strcmp(name, "store") != 0 || strcmp(method, "Write") != 0)
        return -1;
    while (s->requests[n] != NULL)
        n++;
    return n;
}

static int double_request(void *arg, const char *name, const char *method, int64_t i, struct text *json,
                          struct error *err)
{
    const struct test_system *s = arg;
    (void)name;
    (void)method;
    (void)err;
    text_puts(json, s->requests[i]);
    return 0;
}

static int double_stubs(void *arg, const char *name, struct bytes document, const char *file, struct error *err)
{
    struct test_system *s = arg;
    if (memmem(document.data, document.len, "wrong", 5) != NULL)
        return error_set_at(err, ERROR_INVALID, file, 7, 3, "that is wrong");
    text_printf(&s->told, "stubs %s %.*s\n", name, (int)document.len, (const char *)document.data);
    return 0;
}

static void double_order(void *arg, const char *name, struct text *out)
{
    const struct test_system *s = arg;
    (void)name;
    for (int i = 0; s->requests[i] != NULL; i++)
        text_puts(out, "Write\n");
}

static int double_reset(void *arg, const char *name)
{
    struct test_system *s = arg;
    text_printf(&s->told, "reset %s\n", name);
    return 0;
}

static void double_journal(void *arg, const char *name, struct text *out)
{
    const struct test_system *s = arg;
    for (int i = 0; s->requests[i] != NULL; i++)
        text_printf(out, "%d %s/Write %s -> OK\n", i, name, s->requests[i]);
}

/* ---- results ---- */

static int keep_line(void *arg, const char *line, size_t len)
{
    struct test_system *s = arg;
    return json_array_append_new(s->lines, result_read(BYTES(line, len), NULL));
}

static uint64_t now(void *arg)
{
    return world_now(arg);
}

/* ---- life ---- */

static int serve(struct test_system *s, struct world *w)
{
    struct error err = ERROR_INIT;
    const char *listen = s->sim != NULL ? "0.0.0.0:0" : "127.0.0.1:0", *host = s->sim != NULL ? "shop" : "127.0.0.1";
    struct rpc_server_options rpc = {.pool = s->pool};
    struct http_server_options http = {0};
    if (rpc_server_new(w, &rpc, &s->rpc, &err) != 0 || rpc_server_add(s->rpc, &hello, s) != 0 ||
        rpc_server_add(s->rpc, &store, s) != 0 || rpc_server_listen(s->rpc, listen, &err) != 0 ||
        http_server_new(w, &http, handle_http, s, &s->http, &err) != 0 ||
        http_server_listen(s->http, listen, &err) != 0) {
        print_error("%s\n", err.message != NULL ? err.message : "cannot serve");
        error_clear(&err);
        return -1;
    }
    snprintf(s->address, sizeof s->address, "%s:%d", host, rpc_server_port(s->rpc));
    snprintf(s->gateway, sizeof s->gateway, "http://%s:%d", host, http_server_port(s->http));
    return 0;
}

static struct pb_pool *pool;

static void drop_pool(void)
{
    pb_pool_free(pool);
}

static int setup(void **state, bool simulated)
{
    static const char *const served[] = {"helloworld.Helloworld", "store.Store", NULL};
    static const char *const none[] = {NULL};
    struct test_system *s = calloc(1, sizeof *s);
    struct world *w = NULL;
    if (pool == NULL) { /* nothing changes it, and it takes longer to read than all the rest */
        if (pb_pool_new(proto_set(), "proto", &pool, NULL) != 0)
            return -1;
        atexit(drop_pool);
    }
    if (s == NULL)
        return -1;
    s->pool = pool;
    if (simulated) {
        s->sim = sim_new(&(struct sim_options){.seed = 5});
        s->world = sim_node(s->sim, "harness");
        w = sim_node(s->sim, "shop");
    } else if (world_real_new(5, &s->world, NULL) == 0) {
        w = s->world;
    }
    s->disk_sim = sim_new(&(struct sim_options){.seed = 5});
    s->disk = sim_node(s->disk_sim, "disk");
    if (w == NULL || serve(s, w) != 0)
        return -1;
    s->lines = json_array();
    s->results = (struct result_stream){.write = keep_line, .arg = s, .now = now, .now_arg = s->world};
    s->components[0] = (struct target_component){.name = "helloworld", .address = s->address, .services = served};
    s->components[1] = (struct target_component){.name = "api", .http = s->gateway, .services = none};
    s->target = (struct target){.operations = &operations,
                                .world = s->world,
                                .system = "shop",
                                .driver = simulated ? "sim" : "processes",
                                .manifest = "shop.yaml",
                                .pool = s->pool,
                                .components = s->components,
                                .component_count = 2,
                                .token = "tok-0123456789",
                                .namespace = "main",
                                .gateway = s->gateway,
                                .seed = 5,
                                .results = &s->results};
    s->options = (struct e2e_options){.pillar = "e2e", .replay = "harrow e2e shop.yaml", .simulated = simulated};
    s->doubles = (struct e2e_doubles){.arg = s,
                                      .answer = double_answer,
                                      .count = double_count,
                                      .request = double_request,
                                      .stubs = double_stubs,
                                      .order = double_order,
                                      .reset = double_reset,
                                      .journal = double_journal};
    *state = s;
    return 0;
}

int test_system_setup_sim(void **state)
{
    return setup(state, true);
}

int test_system_setup_real(void **state)
{
    return setup(state, false);
}

int test_system_teardown(void **state)
{
    struct test_system *s = *state;
    target_close_channels(&s->target);
    rpc_server_free(s->rpc);
    http_server_free(s->http);
    if (s->sim != NULL)
        sim_free(s->sim);
    else
        world_real_free(s->world);
    sim_free(s->disk_sim);
    json_decref(s->lines);
    text_deinit(&s->acts);
    text_deinit(&s->told);
    free(s);
    return 0;
}

bool test_run(struct test_system *s, const char *yaml)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    if (flow_parse(bytes_of(yaml), "flows/x.yaml", &flows, &err) != 0) {
        struct text why = TEXT_INIT;
        error_format(&err, &why);
        fail_msg("%s", text_string(&why));
    }
    size_t before = test_count(s, "case");
    int code = e2e_run(&s->target, &flows, &s->options, &summary, &err);
    assert_int_equal(code, 0);
    assert_int_equal(summary.passed + summary.failed + summary.skipped, test_count(s, "case") - before);
    assert_int_equal(s->results.passed + s->results.failed + s->results.skipped, test_count(s, "case"));
    flow_list_free(&flows);
    return summary.failed == 0;
}

void test_passes(struct test_system *s, const char *yaml)
{
    if (!test_run(s, yaml)) {
        struct text report = TEXT_INIT;
        test_report(s, &report);
        fail_msg("%s", text_string(&report));
    }
}

void test_fails(struct test_system *s, const char *yaml, const char *message)
{
    assert_false(test_run(s, yaml));
    assert_string_equal(json_string_value(json_object_get(test_last(s, "case"), "message")), message);
}

const json_t *test_last(const struct test_system *s, const char *type)
{
    for (size_t i = json_array_size(s->lines); i > 0; i--) {
        const json_t *line = json_array_get(s->lines, i - 1);
        if (strcmp(json_string_value(json_object_get(line, "type")), type) == 0)
            return line;
    }
    return NULL;
}

size_t test_count(const struct test_system *s, const char *type)
{
    size_t i, n = 0;
    json_t *line;
    json_array_foreach(s->lines, i, line)
    {
        n += strcmp(json_string_value(json_object_get(line, "type")), type) == 0;
    }
    return n;
}

void test_report(const struct test_system *s, struct text *out)
{
    const json_t *c = test_last(s, "case");
    const char *message = json_string_value(json_object_get(c, "message"));
    const char *detail = json_string_value(json_object_get(c, "detail"));
    text_printf(out, "%s:%lld:%lld: %s: %s\n%s", json_string_value(json_object_get(c, "file")),
                (long long)json_integer_value(json_object_get(c, "line")),
                (long long)json_integer_value(json_object_get(c, "column")),
                json_string_value(json_object_get(c, "status")), message != NULL ? message : "",
                detail != NULL ? detail : "");
    text_printf(out, "replay\n  %s\n", json_string_value(json_object_get(c, "replay")));
}
