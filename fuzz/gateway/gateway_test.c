#include "base/test.h"

#include "fuzz/gateway/compare.h"
#include "fuzz/gateway/gateway.h"

#include "base/units.h"
#include "proto/set.h"
#include "rpc/http.h"
#include "wire/grpc.h"
#include "wire/testdata/set.h"
#include "world/sim.h"

#include <stdio.h>
#include <string.h>

static struct pb_pool *pool, *odd;

static int set_up(void **state)
{
    (void)state;
    return pb_pool_new(proto_set(), "set", &pool, NULL) != 0 || pb_pool_new(test_set(), "test", &odd, NULL) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    pb_pool_free(odd);
    return 0;
}

static const struct pb_method *method(const char *path)
{
    const struct pb_method *m = pb_find_method(pool, path, false);
    assert_non_null(m);
    return m;
}

static void paths(void **state)
{
    static const struct {
        const char *style, *path;
    } rows[] = {{GATEWAY_PATH_MICRO, "/store/BlobStore/Read"},
                {GATEWAY_PATH_FULL, "/store.BlobStore/Read"},
                {"/x/{service}:{Method}", "/x/blobstore:Read"},
                {"/plain", "/plain"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text out = TEXT_INIT;
        assert_int_equal(gateway_path(rows[i].style, method("/store.BlobStore/Read"), &out), 0);
        assert_string_equal(text_string(&out), rows[i].path);
        text_deinit(&out);
    }
    struct text out = TEXT_INIT;
    assert_int_equal(gateway_path("/{nothing}", method("/store.BlobStore/Read"), &out), ERROR_INVALID);
    assert_int_equal(gateway_path("/{Method", method("/store.BlobStore/Read"), &out), 0);
    text_deinit(&out);
}

static void table(void **state)
{
    (void)state;
    assert_true(gateway_json_count >= 100 && gateway_http_count >= 90);
    for (size_t i = 0; i < gateway_operator_count(); i++) {
        const struct gateway_operator *op = gateway_operator_at(i);
        assert_ptr_equal(gateway_operator_find(bytes_of(op->name)), op); /* so each name is there once */
        assert_true(op->summary[0] != '\0' && op->template[0] != '\0');
        assert_true(op->raw == (i >= gateway_json_count));
    }
    assert_null(gateway_operator_find(bytes_of("no such operator")));
}

/* The rows on JSON against the one reader of JSON here, which keeps to the protobuf mapping: what it takes must not be
 * expected to be refused, and the other way round. Over all types of all contracts and of the odd ones. */
static void json_rows_are_right(void **state)
{
    struct random r;
    struct gateway_request request = {.op = NULL};
    size_t made[256] = {0};
    (void)state;
    random_seed(&r, 1);
    const struct pb_pool *pools[] = {pool, odd};
    for (size_t p = 0; p < 2; p++)
        for (size_t t = 0; t < pb_type_count(pools[p]); t++) {
            const struct pb_type *type = pb_type_at(pools[p], t);
            if (type->known != PB_ORDINARY || type->map_entry || strncmp(type->full_name, "google.", 7) == 0)
                continue;
            const struct pb_method m = {.name = "M", .path = "/a.A/M", .input = type, .output = type};
            const struct gateway_base base = {.method = &m, .path = "/a/A/M", .host = "h", .json = "{}"};
            for (size_t i = 0; i < gateway_json_count; i++) {
                const struct gateway_operator *op = gateway_operator_at(i);
                struct text wire = TEXT_INIT;
                if (!gateway_make(&r, &base, op, &request))
                    continue;
                made[i]++;
                int rc = pb_json_to_wire(type, text_bytes(&request.body), 0, &wire, NULL);
                if ((op->expect == EXPECT_OK && rc != 0) || (op->expect == EXPECT_REFUSED && rc == 0))
                    fail_msg("%s for %s: %d from %.300s", op->name, type->full_name, rc, text_string(&request.body));
                text_deinit(&wire);
            }
        }
    for (size_t i = 0; i < gateway_json_count; i++)
        if (made[i] == 0)
            fail_msg("%s applies to no type", gateway_operator_at(i)->name);
    gateway_request_deinit(&request);
}

/* Bodies that need no base are refused by reading alone, whatever type they are for; and the deep ones are deep in the
 * type itself, wherever it holds itself. */
static void bodies_of_their_own(void **state)
{
    static const char *const names[] = {"depth-cut",         "depth-message", "depth-message-some",
                                        "depth-message-cut", "depth-value",   "depth-any"};
    static const struct {
        const char *op, *type, *begin, *again;
    } rows[] = {
        {"depth-message", "registry.Service", "{\"endpoints\":[{\"re", "\"values\":[{\"values\":[{\"values\":[{"},
        {"depth-message", "test.all.Tree", "{\"left\":{", "\"left\":{\"left\":{\"left\":{"},
        {"depth-message", "test.all.Everything", "{\"tree\":{\"everything\":{\"tree\":{", "\"everything\":{\"tree\":{"},
        {"depth-value", "test.all.Known", "{\"value\":[[[[", "]]]]}"},
        {"depth-any", "test.all.Known", "{\"any\":{\"@type\"", "\"value\":{\"@type\":"},
    };
    struct random r;
    struct gateway_request request = {.op = NULL};
    (void)state;
    random_seed(&r, 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(gateway_operator_alone(gateway_operator_find(bytes_of(names[i]))));
    assert_false(gateway_operator_alone(gateway_operator_find(bytes_of("comma-double"))));
    assert_false(gateway_operator_alone(gateway_operator_find(bytes_of("host-twice"))));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct pb_type *type = pb_find_type(pool, rows[i].type);
        type = type != NULL ? type : pb_find_type(odd, rows[i].type);
        assert_non_null(type);
        const struct pb_method m = {.name = "M", .path = "/a.A/M", .input = type, .output = type};
        const struct gateway_base base = {.method = &m, .path = "/a/A/M", .host = "h", .json = "{}"};
        bool seen = false;
        for (int n = 0; n < 200 && !seen; n++) { /* which of several places is drawn */
            assert_true(gateway_make(&r, &base, gateway_operator_find(bytes_of(rows[i].op)), &request));
            seen = strncmp(text_string(&request.body), rows[i].begin, strlen(rows[i].begin)) == 0 &&
                   strstr(text_string(&request.body), rows[i].again) != NULL;
        }
        if (!seen)
            fail_msg("%s for %s: %.200s", rows[i].op, rows[i].type, text_string(&request.body));
        assert_true(request.body.len > 20000);
    }
    const struct pb_method flat = {.name = "M", .path = "/a.A/M", .input = pb_find_type(pool, "store.ReadRequest")};
    const struct gateway_base base = {.method = &flat, .path = "/a/A/M", .host = "h", .json = "{}"};
    assert_false(gateway_make(&r, &base, gateway_operator_find(bytes_of("depth-message")), &request));
    gateway_request_deinit(&request);
}

/* Templates keep what the base says, and fields it says are left alone. */
static void templates(void **state)
{
    struct random r;
    struct gateway_request request = {.op = NULL};
    const struct gateway_base base = {.method = method("/store.Store/Read"),
                                      .path = "/store/Store/Read",
                                      .host = "h",
                                      .authorization = "Bearer x",
                                      .json = "{ \"key\":\"k\" }"};
    (void)state;
    random_seed(&r, 1);
    assert_true(gateway_make(&r, &base, NULL, &request));
    assert_string_equal(text_string(&request.body), base.json);
    assert_true(gateway_make(&r, &base, gateway_operator_find(bytes_of("null-bool")), &request));
    assert_non_null(strstr(text_string(&request.body), "{\"key\":\"k\",\"options\":{\""));
    assert_true(gateway_make(&r, &base, gateway_operator_find(bytes_of("plain")), &request));
    assert_string_equal(text_string(&request.raw), "POST /store/Store/Read HTTP/1.1\r\nHost: h\r\n"
                                                   "Authorization: Bearer x\r\nContent-Type: application/json\r\n"
                                                   "Content-Length: 13\r\n\r\n{ \"key\":\"k\" }");
    assert_true(gateway_make(&r, &base, gateway_operator_find(bytes_of("nul-inside")), &request));
    assert_true(strlen(text_string(&request.body)) < request.body.len);
    const struct gateway_base full = {
        .method = method("/store.Store/Databases"), .path = "/", .host = "h", .json = "{}"};
    assert_false(gateway_make(&r, &full, gateway_operator_find(bytes_of("null-bool")), &request));
    /* As a case, and back from its file. */
    struct fuzz_case c = FUZZ_CASE_INIT, copy = FUZZ_CASE_INIT;
    struct text file = TEXT_INIT;
    assert_true(gateway_make(&r, &base, gateway_operator_find(bytes_of("bom")), &request));
    assert_int_equal(gateway_case(&request, "api", &c), 0);
    assert_true(gateway_make(&r, &base, gateway_operator_find(bytes_of("head-cut")), &request));
    assert_int_equal(gateway_case(&request, "api", &c), 0);
    assert_int_equal(c.events.count, 4);
    assert_int_equal(c.events.items[0].kind, EVENT_HTTP);
    assert_int_equal(c.events.items[2].kind, EVENT_BYTES);
    assert_int_equal(c.events.items[3].kind, EVENT_HALF_CLOSE);
    size_t at = 0;
    assert_int_equal(gateway_of_case(&c, &at, &request), 1);
    assert_string_equal(request.op->name, "bom");
    assert_string_equal(text_string(&request.line), "POST /store/Store/Read");
    assert_string_equal(text_string(&request.headers), "Content-Type: application/json\n");
    assert_string_equal(text_string(&request.body), "\xEF\xBB\xBF{ \"key\":\"k\" }");
    assert_int_equal(gateway_of_case(&c, &at, &request), 1);
    assert_string_equal(request.op->name, "head-cut");
    assert_true(request.cut && request.line.len == 0 && request.raw.len > 20);
    assert_int_equal(gateway_of_case(&c, &at, &request), 0);
    text_puts(&request.raw, "Host: ${host}, ${token}${token}.");
    gateway_fill(&request.raw, "h:1", "Bearer x");
    assert_string_equal(text_string(&request.raw), "Host: h:1, Bearer xBearer x.");
    assert_int_equal(fuzz_case_write(&c, &file), 0);
    assert_int_equal(fuzz_case_read(text_bytes(&file), &copy, NULL), 0);
    assert_true(fuzz_case_equal(&c, &copy));
    text_deinit(&file);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&copy);
    gateway_request_deinit(&request);
}

static void judging(void **state)
{
    static const struct {
        const char *name, *oracle; /* oracle NULL: right */
        struct gateway_answer answer;
    } rows[] = {
        {NULL, NULL, {.status = 200}},
        {NULL, "refused", {.status = 400}},
        {NULL, "internal", {.status = 500}},
        {NULL, "hang", {.timed_out = true}},
        {NULL, "protocol", {.ended = true}},
        {"comma-trailing", NULL, {.status = 400}},
        {"comma-trailing", "accepted", {.status = 204}},
        {"comma-trailing", "protocol", {.ended = true}},
        {"bom", NULL, {.status = 200}},
        {"bom", NULL, {.status = 415}},
        {"bom", "protocol", {.status = 302}},
        {"te-gzip", NULL, {.status = 501}},
        {"te-gzip", "internal", {.status = 503}},
        {"head-cut", NULL, {.ended = true}},
        {"head-cut", NULL, {.status = 400}},
        {"head-cut", "accepted", {.status = 200}},
        {"head-cut", "hang", {.timed_out = true}},
        {"head-cut", "protocol", {.broken = true}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text why = TEXT_INIT;
        const struct gateway_operator *op = rows[i].name ? gateway_operator_find(bytes_of(rows[i].name)) : NULL;
        const char *oracle = gateway_judge(op, &rows[i].answer, &why);
        if ((oracle == NULL) != (rows[i].oracle == NULL) || (oracle && strcmp(oracle, rows[i].oracle) != 0))
            fail_msg("%zu: %s %s", i, oracle ? oracle : "right", text_string(&why));
        assert_true((why.len == 0) == (oracle == NULL));
        text_deinit(&why);
    }
}

/* ---- a gateway ---- */

/* Reads JSON as it should be read, and answers with what it understood; with `careless`, an error is its own fault. */
struct gateway {
    const struct pb_type *type;
    bool careless;
};

static void handle(void *arg, struct http_exchange *x)
{
    const struct gateway *g = arg;
    struct text wire = TEXT_INIT;
    if (strcmp(http_path(x), "/store/Store/Read") != 0)
        http_respond(x, 404, "text/plain", bytes_of("no such path"));
    else if (pb_json_to_wire(g->type, http_body(x), 0, &wire, NULL) != 0)
        http_respond(x, g->careless ? 500 : 400, "text/plain", bytes_of("bad request"));
    else
        http_respond(x, 200, "application/json", http_body(x));
    text_deinit(&wire);
}

static size_t run_all(bool careless)
{
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct world *server = sim_node(sim, "server"), *client = sim_node(sim, "client");
    struct gateway g = {method("/store.Store/Read")->input, careless};
    struct http_server *s = NULL;
    struct gateway_request request = {.op = NULL};
    struct random r;
    size_t findings = 0;
    const struct gateway_door door = {.world = client, .address = "server:80", .timeout = (uint64_t)(30 * SECOND)};
    const struct gateway_base base = {.method = method("/store.Store/Read"),
                                      .path = "/store/Store/Read",
                                      .host = "server:80",
                                      .json = "{\"key\":\"k\"}"};
    random_seed(&r, 1);
    assert_int_equal(http_server_new(server, NULL, handle, &g, &s, NULL), 0);
    assert_int_equal(http_server_listen(s, "0.0.0.0:80", NULL), 0);
    for (size_t i = 0; i <= gateway_operator_count(); i++) {
        const struct gateway_operator *op = i == 0 ? NULL : gateway_operator_at(i - 1);
        struct gateway_answer a;
        struct text why = TEXT_INIT;
        /* This server knows neither accounts, nor queries, nor other bodies than JSON. */
        if (op && (strncmp(op->name, "authorization", 13) == 0 || strncmp(op->name, "query", 5) == 0 ||
                   strncmp(op->name, "type", 4) == 0 || strncmp(op->name, "form-p", 6) == 0 ||
                   strncmp(op->name, "multipart", 9) == 0 || strncmp(op->name, "method", 6) == 0))
            continue;
        if (!gateway_make(&r, &base, op, &request))
            continue;
        assert_int_equal(gateway_wait(&door, &request, &a, NULL), 0);
        if (gateway_judge(op, &a, &why)) {
            findings++;
            if (!careless)
                print_message("%s\n", text_string(&why));
        }
        text_deinit(&why);
        gateway_answer_deinit(&a);
    }
    gateway_request_deinit(&request);
    http_server_free(s);
    sim_free(sim);
    return findings;
}

static void a_good_gateway(void **state)
{
    (void)state;
    assert_int_equal(run_all(false), 0);
}

static void a_careless_gateway(void **state)
{
    (void)state;
    assert_true(run_all(true) > 30);
}

static void never(void *arg, struct gateway_answer *a)
{
    (void)arg;
    (void)a;
    fail();
}

static void cancelled_and_unreachable(void **state)
{
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct world *client = sim_node(sim, "client");
    struct random r;
    struct gateway_request request = {.op = NULL};
    struct gateway_answer a;
    struct gateway_exchange *x = NULL;
    const struct gateway_door door = {.world = client, .address = "nobody:80", .timeout = (uint64_t)SECOND};
    const struct gateway_base base = {
        .method = method("/store.Store/Read"), .path = "/store/Store/Read", .host = "nobody:80", .json = "{}"};
    static const char *const operators[] = {NULL, "plain"};
    (void)state;
    random_seed(&r, 1);
    for (size_t i = 0; i < 2; i++) {
        const struct gateway_operator *op = operators[i] ? gateway_operator_find(bytes_of(operators[i])) : NULL;
        assert_true(gateway_make(&r, &base, op, &request));
        assert_int_equal(gateway_wait(&door, &request, &a, NULL), 0);
        assert_int_equal(a.status, 0);
        gateway_answer_deinit(&a);
        assert_int_equal(gateway_start(&door, &request, never, NULL, &x, NULL), 0);
        gateway_cancel(x);
        assert_int_equal(world_sleep(client, (uint64_t)(10 * SECOND)), 0);
    }
    gateway_cancel(NULL);
    gateway_request_deinit(&request);
    sim_free(sim);
}

/* ---- disagreement ---- */

static void wire_of(const struct pb_type *type, const char *json, struct text *out)
{
    assert_int_equal(pb_json_to_wire(type, bytes_of(json), 0, out, NULL), 0);
}

static void comparing(void **state)
{
    static const char *const ignored[] = {"revision", NULL};
    static const struct {
        int status, http;
        const char *one, *other, *two; /* replies: gRPC, gateway, gRPC again */
        bool found;
    } rows[] = {
        {GRPC_OK, 200, "{\"records\":[{\"key\":\"a\",\"expiry\":\"5\"}]}",
         "{\"records\":[{\"key\":\"a\",\"expiry\":5,\"value\":\"\",\"metadata\":{}}]}",
         "{\"records\":[{\"key\":\"a\",\"expiry\":\"5\"}]}", false},
        {GRPC_OK, 200, "{\"records\":[{\"key\":\"a\"}]}", "{\"records\":[{\"key\":\"b\"}]}",
         "{\"records\":[{\"key\":\"a\"}]}", true},
        {GRPC_OK, 200, "{\"records\":[{\"key\":\"a\"}]}", "{\"records\":[]}", "{\"records\":[{\"key\":\"a\"}]}", true},
        {GRPC_OK, 200, "{}", "{\"records\":[{\"key\":\"a\"}]}", "{}", true},
        /* What gRPC does not repeat is not held against the gateway. */
        {GRPC_OK, 200, "{\"records\":[{\"key\":\"a\",\"expiry\":\"5\"}]}",
         "{\"records\":[{\"key\":\"a\",\"expiry\":\"4\"}]}", "{\"records\":[{\"key\":\"a\",\"expiry\":\"3\"}]}", false},
        {GRPC_OK, 200, "{\"revision\":\"1\"}", "{\"revision\":\"2\"}", "{\"revision\":\"1\"}", false},
        {GRPC_OK, 204, "{}", "", "{}", false},
        {GRPC_OK, 204, "{\"records\":[{\"key\":\"a\"}]}", "", "{\"records\":[{\"key\":\"a\"}]}", true},
        {GRPC_OK, 200, "{}", "{\"nothing\":1}", "{}", true},
        {GRPC_OK, 200, "{}", "no JSON", "{}", true},
        {GRPC_OK, 404, "{}", "", "{}", true},
        {GRPC_NOT_FOUND, 404, "{}", "", "{}", false},
        {GRPC_NOT_FOUND, 500, "{}", "", "{}", true},
        {GRPC_NOT_FOUND, 200, "{}", "{}", "{}", true},
        {GRPC_UNAVAILABLE, 200, "{}", "{}", "{}", false},
        {GRPC_OK, 503, "{}", "", "{}", false},
        {GRPC_OK, 0, "{}", "", "{}", false},
    };
    const struct pb_method *m = method("/store.Store/Read");
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text one = TEXT_INIT, two = TEXT_INIT, why = TEXT_INIT;
        wire_of(m->output, rows[i].one, &one);
        wire_of(m->output, rows[i].two, &two);
        const struct gateway_rpc_answer a = {rows[i].status, BYTES_NONE, text_bytes(&one)},
                                        b = {rows[i].status, BYTES_NONE, text_bytes(&two)};
        const struct gateway_http_answer h = {rows[i].http, bytes_of(rows[i].other)};
        bool found = gateway_compare(m, &a, &h, &b, ignored, &why) != NULL;
        if (found != rows[i].found)
            fail_msg("%zu: %s", i, found ? text_string(&why) : "nothing found");
        text_deinit(&one);
        text_deinit(&two);
        text_deinit(&why);
    }
    /* Micro's code goes before the table; statuses that gRPC does not repeat say nothing. */
    assert_true(gateway_status_fits(GRPC_NOT_FOUND, bytes_of("{\"code\":418}"), 418));
    assert_false(gateway_status_fits(GRPC_NOT_FOUND, bytes_of("{\"code\":418}"), 404));
    assert_true(gateway_status_fits(99, BYTES_NONE, 500));
    struct text why = TEXT_INIT;
    const struct gateway_rpc_answer a = {GRPC_OK, BYTES_NONE, BYTES_NONE}, b = {GRPC_NOT_FOUND, BYTES_NONE, BYTES_NONE};
    const struct gateway_http_answer h = {500, BYTES_NONE};
    assert_null(gateway_compare(m, &a, &h, &b, NULL, &why));
    assert_int_equal(why.len, 0);
    text_deinit(&why);
    /* A message that JSON cannot tell is not asked both ways. */
    struct text json = TEXT_INIT;
    assert_true(gateway_json_of(m->input, BYTES("\x0a\x01k", 3), &json));
    assert_string_equal(text_string(&json), "{\"key\":\"k\"}");
    assert_false(gateway_json_of(m->input, BYTES("\xf8\xff\x7f\x01", 4), &json)); /* an unknown field */
    assert_false(gateway_json_of(m->input, BYTES("\x0a\x05k", 3), &json));        /* cut */
    text_deinit(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(table),
        cmocka_unit_test(templates),
        cmocka_unit_test(json_rows_are_right),
        cmocka_unit_test(bodies_of_their_own),
        cmocka_unit_test(judging),
        cmocka_unit_test(a_good_gateway),
        cmocka_unit_test(comparing),
        cmocka_unit_test(a_careless_gateway),
        cmocka_unit_test(cancelled_and_unreachable),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
