/* Wrappers in the simulated world: beside a registry, a proxy and a gateway, which route to them as to any service. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/set.h"
#include "runtime/relay/test_node.h"
#include "runtime/wrap/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the wrapper as a program: argv is "wrap", the service's name, the endpoint, a token, the public key ----------
 */

struct wrapper {
    struct world *world;
    struct micro_options options;
    struct wrap *wrap;
};

#define LISTED_MAX 100
#define LOOKED_MAX 200
static bool with_contracts; /* the next wrapper is told micro's own */

static void drained(void *arg)
{
    struct wrapper *p = arg;
    world_stop(p->world);
}

static void on_signal(void *arg, int number)
{
    struct wrapper *p = arg;
    (void)number;
    wrap_drain(p->wrap, (uint64_t)SECOND, drained, p);
}

static int start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    static const char *const metadata[] = {"owner=joe", "micro-label-zone=a=b"};
    struct wrapper *p = calloc(1, sizeof *p);
    assert_non_null(p);
    assert_int_equal(argc, 6);
    p->world = w;
    p->options = (struct micro_options){.name = argv[1],
                                        .host = "0.0.0.0",
                                        .address = "0.0.0.0:7000",
                                        .peers = argv[5],
                                        .token = argv[3],
                                        .public_key = argv[4][0] ? argv[4] : NULL};
    const struct wrap_config config = {.options = &p->options,
                                       .endpoint = argv[2],
                                       .metadata = metadata,
                                       .metadata_count = 2,
                                       .descriptors = with_contracts ? proto_set() : BYTES_NONE,
                                       .listed_max = LISTED_MAX,
                                       .looked_max = LOOKED_MAX};
    int rc = wrap_start(w, &config, &p->wrap, err);
    if (rc) {
        free(p);
        return rc;
    }
    world_on_signal(w, on_signal, p);
    *state = p;
    return 0;
}

static void stop(void *state)
{
    struct wrapper *p = state;
    wrap_stop(p->wrap);
    free(p);
}

/* ---- something that speaks HTTP -----------------------------------------------------------------------------------
 */

static void answer(void *arg, struct http_exchange *x)
{
    struct text out = TEXT_INIT;
    const char *path = http_path(x), *mine = http_request_header(x, "x-mine");
    (void)arg;
    if (strstr(path, "Missing")) {
        http_respond(x, 404, "text/plain", bytes_of("no such thing"));
    } else if (strstr(path, "Busy")) {
        http_respond(x, 400, "application/json", bytes_of("{\"id\":\"y\",\"code\":409,\"detail\":\"taken\"}"));
    } else if (strstr(path, "Moved")) {
        http_respond(x, 302, "text/plain", bytes_of(""));
    } else if (strstr(path, "Empty")) {
        http_respond(x, 204, NULL, BYTES("", 0));
    } else if (!strstr(path, "Hang")) {
        text_printf(&out,
                    "{\"method\":\"%s\",\"path\":\"%s\",\"mine\":\"%s\",\"endpoint\":\"%s\",\"token\":%s,\"got\":",
                    http_method(x), path, mine ? mine : "", http_request_header(x, "micro-endpoint"),
                    http_request_header(x, "authorization") ? "true" : "false");
        text_add(&out, http_body(x).data, http_body(x).len);
        text_puts(&out, http_body(x).len ? "}" : "null}");
        http_add_header(x, "X-Answer", "yes");
        http_add_header(x, "Connection-Thing", "kept");
        http_respond(x, 200, "application/json", text_bytes(&out));
        text_deinit(&out);
    } else {
        http_on_cancel(x, (void (*)(void *))http_finish, x);
    }
}

static int web_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    struct http_server *s = NULL;
    (void)argc;
    (void)argv;
    int rc = http_server_new(w, &(struct http_server_options){0}, answer, NULL, &s, err);
    if (rc == 0)
        rc = http_server_listen(s, "0.0.0.0:9090", err);
    *state = s;
    return rc;
}

static void web_stop(void *state)
{
    http_server_free(state);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

struct fixture {
    struct sim_system system;
    struct arena arena;
    char *token;
    const char *peers;
    struct rpc_channel *proxy;
};

static void begin(struct fixture *f, uint64_t seed, const char *const *started)
{
    static const struct sim_program program = {.name = "wrap", .start = start, .stop = stop};
    static const struct sim_program web = {.name = "web", .start = web_start, .stop = web_stop};
    *f = (struct fixture){0};
    test_nodes_forget();
    sim_system_init(&f->system, seed);
    test_node_program(&f->system);
    assert_int_equal(sim_register(f->system.sim, &program), 0);
    assert_int_equal(sim_register(f->system.sim, &web), 0);
    sim_system_start_all(&f->system, started);
    f->token = sim_system_token(&f->system, &f->arena, "wrapper", "service", "micro", "service");
    const struct rpc_channel_options options = {.addresses = "proxy:8081"};
    assert_int_equal(rpc_channel_new(f->system.client, &options, &f->proxy, NULL), 0);
}

static void end(struct fixture *f)
{
    rpc_channel_free(f->proxy);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static void wrap_up(struct fixture *f, const char *name, const char *endpoint, const char *key)
{
    const char *const argv[] = {"wrap", name, endpoint, f->token, key, "registry=registry:8000,auth=auth:8010"};
    struct error err = ERROR_INIT;
    if (sim_start(f->system.sim, "wrapper", "wrap", 6, argv, &err) != 0)
        fail_msg("%s", err.message);
    sim_run_for(f->system.sim, (uint64_t)SECOND);
}

static void run_program(struct fixture *f, const char *node, const char *program)
{
    const char *const argv[] = {program};
    assert_int_equal(sim_start(f->system.sim, node, program, 1, argv, NULL), 0);
}

/* Through the proxy. */
static void expect(struct fixture *f, const char *path, const char *json, int status, int code, const char *words)
{
    struct rpc_answer a;
    struct micro_error e = {0};
    const struct grpc_header sent[] = {{bytes_of("x-mine"), bytes_of("1")}, {bytes_of("x-mine-bin"), BYTES("\x01", 1)}};
    const struct rpc_request r = {.path = path,
                                  .metadata = {sent, 2},
                                  .content_type = "application/grpc+json",
                                  .message = bytes_of(json),
                                  .has_message = true};
    assert_int_equal(rpc_unary_wait(f->system.client, f->proxy, &r, &a, NULL), 0);
    char said[1024];
    if (a.reply.status != GRPC_OK)
        micro_error_parse(a.reply.status, a.reply.message, &e);
    snprintf(said, sizeof said, "%.*s", (int)a.reply.body.len,
             a.reply.body.data ? (const char *)a.reply.body.data : "");
    const char *text = a.reply.status == GRPC_OK ? said : e.detail;
    if (a.reply.status != status || e.code != code || !strstr(text, words))
        fail_msg("%s: status %d, code %d, %s", path, a.reply.status, e.code, text);
    if (status == GRPC_OK && strstr(words, "got"))
        assert_true(bytes_is(grpc_metadata_get(a.reply.headers, "x-answer"), "yes"));
    rpc_answer_deinit(&a);
}

static void test_http(void **state)
{
    static const char *const started[] = {"registry", "proxy", "api", NULL};
    struct fixture f;
    struct sim_answer a;
    (void)state;
    begin(&f, 1, started);
    run_program(&f, "backend", "web");
    wrap_up(&f, "greeter", "http://backend:9090/base", "");
    expect(&f, "/greeter.Greeter/Hello", "{\"a\":1}", GRPC_OK, 0,
           "{\"method\":\"POST\",\"path\":\"/base/Greeter/Hello\",\"mine\":\"1\",\"endpoint\":\"Greeter.Hello\","
           "\"token\":false,\"got\":{\"a\":1}}");
    expect(&f, "/greeter.Greeter/Missing", "{}", GRPC_NOT_FOUND, 404, "no such thing");
    expect(&f, "/greeter.Greeter/Busy", "{}", micro_code_to_grpc(409), 409, "taken");
    expect(&f, "/greeter.Greeter/Moved", "{}", micro_code_to_grpc(502), 502, "302 Found");
    expect(&f, "/greeter.Greeter/Empty", "{}", GRPC_OK, 0, "{}");
    sim_system_http(&f.system, "POST", "/greeter/hello", NULL, "{\"b\":2}", &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(text_string(&a.text), "\"got\":{\"b\":2}"));
    sim_answer_deinit(&a);
    /* The registry knows the metadata that was given. */
    struct text known = TEXT_INIT;
    assert_int_equal(test_call_at(&f.system, "registry:8000", "/registry.Registry/GetService", f.token,
                                  "{\"service\":\"greeter\"}", &known),
                     GRPC_OK);
    assert_non_null(strstr(text_string(&known), "\"owner\":\"joe\""));
    assert_non_null(strstr(text_string(&known), "\"micro-label-zone\":\"a=b\""));
    /* What hangs ends in time, and the health tells when nobody is there any more. */
    expect(&f, "/greeter.Greeter/Hang", "{}", micro_code_to_grpc(504), 504, "backend:9090");
    assert_int_equal(test_call_at(&f.system, "wrapper:7000", "/greeter.Debug/Health", f.token, "{}", &known), GRPC_OK);
    assert_non_null(strstr(text_string(&known), "\"ok\""));
    assert_int_equal(sim_kill(f.system.sim, "backend"), 0);
    sim_run_for(f.system.sim, (uint64_t)(6 * SECOND));
    expect(&f, "/greeter.Greeter/Hello", "{}", GRPC_UNAVAILABLE, 503, "backend:9090");
    assert_int_equal(test_call_at(&f.system, "wrapper:7000", "/greeter.Debug/Health", f.token, "{}", &known), GRPC_OK);
    assert_non_null(strstr(text_string(&known), "endpoint: backend:9090: connection refused"));
    run_program(&f, "backend", "web");
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_int_equal(test_call_at(&f.system, "wrapper:7000", "/greeter.Debug/Health", f.token, "{}", &known), GRPC_OK);
    assert_non_null(strstr(text_string(&known), "\"ok\""));
    /* Told to stop it leaves the registry. */
    assert_int_equal(sim_terminate(f.system.sim, "wrapper"), 0);
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    assert_false(sim_running(f.system.sim, "wrapper"));
    expect(&f, "/greeter.Greeter/Hello", "{}", GRPC_NOT_FOUND, 404, "service not found");
    text_deinit(&known);
    end(&f);
}

/* ---- who may --- */

struct held {
    struct rpc_stream *stream;
    int messages, status;
    bool ended;
};

static void held_message(void *arg, struct bytes message)
{
    (void)message;
    ((struct held *)arg)->messages++;
}

static void held_finished(void *arg, const struct rpc_reply *reply)
{
    struct held *h = arg;
    h->ended = true;
    h->status = reply->status;
}

static int choose(struct fixture *f, const char *endpoint)
{
    struct rpc_answer a;
    const struct grpc_header sent = {bytes_of("micro-endpoint"), bytes_of(endpoint)};
    const struct rpc_request r = {.path = "/greeter.Greeter/Hello",
                                  .metadata = {&sent, 1},
                                  .content_type = "application/grpc+json",
                                  .message = bytes_of("{}"),
                                  .has_message = true};
    assert_int_equal(rpc_unary_wait(f->system.client, f->proxy, &r, &a, NULL), 0);
    int status = a.reply.status;
    rpc_answer_deinit(&a);
    return status;
}

static void deny(struct fixture *f, const char *id, const char *endpoint)
{
    const char *rule = arena_printf(&f->arena,
                                    "{\"rule\":{\"id\":\"%s\",\"scope\":\"\",\"resource\":{\"type\":\"service\","
                                    "\"name\":\"greeter\",\"endpoint\":\"%s\"},\"access\":\"DENIED\",\"priority\":5}}",
                                    id, endpoint);
    test_expect(&f->system, "auth", "/auth.Rules/Create",
                sim_system_token(&f->system, &f->arena, "root", "user", "micro", "admin"), rule, GRPC_OK, NULL);
    sim_run_for(f->system.sim, (uint64_t)(2 * SECOND));
}

/* Rules hold for a path the caller chooses, and for streams that are open when they change. */
static void test_http_rules(void **state)
{
    static const char *const started[] = {"registry", "store", "auth", "proxy", NULL};
    static const struct rpc_stream_events events = {.message = held_message, .finished = held_finished};
    struct fixture f;
    struct held held = {0};
    (void)state;
    begin(&f, 5, started);
    run_program(&f, "backend", "web");
    wrap_up(&f, "greeter", "http://backend:9090/base", text_string(&f.system.public_key));
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    assert_int_equal(choose(&f, "/Admin/Delete?x=/../y"), GRPC_OK);
    assert_int_equal(choose(&f, "/admin/all"), GRPC_OK);
    deny(&f, "paths", "/admin/*");
    deny(&f, "endpoint", "Admin.Delete");
    assert_int_equal(choose(&f, "/other"), GRPC_OK);
    assert_int_equal(choose(&f, "/admin/all"), GRPC_UNAUTHENTICATED);
    assert_int_equal(choose(&f, "/%61dmin/all"), GRPC_UNAUTHENTICATED);
    assert_int_equal(choose(&f, "/Admin/Delete"), GRPC_UNAUTHENTICATED);
    assert_int_equal(choose(&f, "/Admin/Delete/"), GRPC_UNAUTHENTICATED);
    assert_int_equal(choose(&f, "/x/../admin/all"), GRPC_INVALID_ARGUMENT);
    assert_int_equal(choose(&f, "/x/%2e%2e/admin/all"), GRPC_INVALID_ARGUMENT);
    assert_int_equal(choose(&f, "//admin/all"), GRPC_INVALID_ARGUMENT);
    assert_int_equal(choose(&f, "/other%00/x"), GRPC_INVALID_ARGUMENT);
    const struct rpc_request r = {.path = "/greeter.Greeter/Hello", .content_type = "application/grpc+json"};
    assert_int_equal(rpc_stream_open(f.proxy, &r, &events, &held, &held.stream, NULL), 0);
    assert_int_equal(rpc_stream_send(held.stream, bytes_of("{}")), 0);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_int_equal(held.messages, 1);
    assert_false(held.ended);
    deny(&f, "all", "*");
    assert_true(held.ended);
    assert_int_equal(held.status, GRPC_UNAUTHENTICATED);
    end(&f);
}

static int ask(struct fixture *f, const char *path, struct rpc_answer *a)
{
    const struct grpc_header sent[] = {{bytes_of("x-mine-bin"), BYTES("\x01\x02", 2)}};
    const struct rpc_request r = {
        .path = path, .metadata = {sent, 1}, .message = bytes_of("hello"), .has_message = true};
    assert_int_equal(rpc_unary_wait(f->system.client, f->proxy, &r, a, NULL), 0);
    return a->reply.status;
}

struct messages {
    int count;
    bool finished;
    int status;
    struct text got;
};

static void on_message(void *arg, struct bytes message)
{
    struct messages *m = arg;
    m->count++;
    text_printf(&m->got, "%.*s|", (int)message.len, (const char *)message.data);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct messages *m = arg;
    m->finished = true;
    m->status = reply->status;
}

static bool is_finished(void *arg)
{
    return ((struct messages *)arg)->finished;
}

/* `count` messages there; what came back, joined. */
static void stream(struct fixture *f, const char *path, int count, const char *wanted)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct messages m = {0};
    struct rpc_stream *s;
    const struct rpc_request r = {.path = path};
    assert_int_equal(rpc_stream_open(f->proxy, &r, &events, &m, &s, NULL), 0);
    for (int i = 0; i < count; i++)
        assert_int_equal(rpc_stream_send(s, bytes_of("m")), 0);
    assert_int_equal(rpc_stream_half_close(s), 0);
    assert_int_equal(world_run_until(f->system.client, is_finished, &m, TEST_CALL_LIMIT), 0);
    assert_int_equal(m.status, GRPC_OK);
    assert_string_equal(text_string(&m.got), wanted);
    text_deinit(&m.got);
}

/* All four kinds, status, text, details, metadata and trailers; under another package's name. */
static void test_grpc(void **state)
{
    static const char *const started[] = {"registry", "proxy", NULL};
    struct fixture f;
    struct rpc_answer a;
    (void)state;
    begin(&f, 2, started);
    test_node_start(&f.system, "n1");
    wrap_up(&f, "svc", "grpc://n1:" TEST_NODE_PORT, "");
    assert_int_equal(ask(&f, "/svc.Test/Unary", &a), GRPC_OK);
    assert_true(bytes_is(a.reply.body, "hello"));
    assert_true(bytes_is(grpc_metadata_get(a.reply.headers, "x-node"), "n1"));
    assert_true(bytes_equal(grpc_metadata_get(a.reply.headers, "x-bytes-bin"), BYTES("\x00\xff\x01", 3)));
    assert_true(bytes_is(grpc_metadata_get(a.reply.trailers, "micro-revision"), "17"));
    rpc_answer_deinit(&a);
    assert_non_null(strstr(test_node("n1")->seen, "x-mine-bin=\x01\x02\n"));
    assert_int_equal(ask(&f, "/svc.Test/Fail", &a), GRPC_ABORTED);
    assert_true(bytes_is(a.reply.message, "{\"id\":\"x\",\"code\":418,\"detail\":\"\xc3\xa4h\"}"));
    assert_true(bytes_equal(a.reply.details, BYTES("\x08\x0a\x12\x01x", 5)));
    rpc_answer_deinit(&a);
    stream(&f, "/svc.Test/ServerStream", 1, "n1|n1|n1|n1|n1|");
    stream(&f, "/svc.Test/ClientStream", 3, "3|");
    stream(&f, "/svc.Test/Bidi", 3, "m|m|m|");
    assert_int_equal(sim_terminate(f.system.sim, "wrapper"), 0);
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    end(&f);
}

static void test_package(void **state)
{
    static const char *const started[] = {"registry", "proxy", "helloworld", NULL};
    struct fixture f;
    (void)state;
    begin(&f, 3, started);
    struct text address = TEXT_INIT;
    char where[SIM_MICRO_ADDRESS_MAX];
    sim_micro_address("helloworld", where);
    text_printf(&address, "grpc://%s/helloworld", where);
    wrap_up(&f, "hi", text_string(&address), "");
    expect(&f, "/hi.Helloworld/Call", "{\"name\":\"Joe\"}", GRPC_OK, 0, "Hello Joe");
    text_deinit(&address);
    end(&f);
}

/* With contracts, who speaks JSON reaches a server that only speaks binary, and the registry knows its endpoints. */
static void test_contracts(void **state)
{
    static const char *const started[] = {"registry", "proxy", "api", "helloworld", NULL};
    struct fixture f;
    struct text text = TEXT_INIT;
    struct sim_answer a;
    char where[SIM_MICRO_ADDRESS_MAX];
    (void)state;
    begin(&f, 5, started);
    sim_micro_address("helloworld", where);
    text_printf(&text, "grpc://%s/helloworld", where);
    with_contracts = true;
    wrap_up(&f, "hi", text_string(&text), "");
    expect(&f, "/hi.Helloworld/Call", "{\"name\":\"Joe\"}", GRPC_OK, 0, "{\"msg\":\"Hello Joe\"}");
    expect(&f, "/hi.Helloworld/Call", "{\"nome\":\"Joe\"}", GRPC_INVALID_ARGUMENT, 400, "nome");
    expect(&f, "/hi.Helloworld/Call", "{", GRPC_INVALID_ARGUMENT, 400, "ends before");
    expect(&f, "/hi.Helloworld/Nosuch", "{}", GRPC_UNIMPLEMENTED, 501, "unknown method");
    sim_system_http(&f.system, "GET", "/hi/helloworld/stream?count=2", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(text_string(&a.text), "{\"count\":\"0\"}\n{\"count\":\"1\"}\n");
    sim_answer_deinit(&a);
    assert_int_equal(test_call_at(&f.system, "registry:8000", "/registry.Registry/GetService", f.token,
                                  "{\"service\":\"hi\"}", &text),
                     GRPC_OK);
    assert_non_null(strstr(text_string(&text), "\"Helloworld.Stream\""));
    assert_null(strstr(text_string(&text), "\"Store.Read\"")); /* of another package */
    assert_int_equal(test_call_at(&f.system, "wrapper:7000", "/hi.Debug/Health", f.token, "{}", &text), GRPC_OK);
    assert_int_equal(sim_kill(f.system.sim, "wrapper"), 0);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    /* What arrives there is binary indeed. */
    test_node_start(&f.system, "n1");
    wrap_up(&f, "svc", "grpc://n1:" TEST_NODE_PORT "/helloworld", "");
    expect(&f, "/svc.Helloworld/Call", "{\"name\":\"Joe\"}", GRPC_INTERNAL, 500, "sent no message");
    assert_string_equal(test_node("n1")->type, "application/grpc+proto");
    with_contracts = false;
    text_deinit(&text);
    end(&f);
}

static void put(struct world *w, const char *path, const char *content)
{
    assert_int_equal(world_write_file(w, path, bytes_of(content), false, NULL), 0);
}

static void get(struct fixture *f, const char *target, const char *headers, int status, const char *words)
{
    struct sim_answer a;
    sim_system_http(&f->system, "GET", target, headers, NULL, &a);
    if (a.status != status || (words && !strstr(text_string(&a.text), words)))
        fail_msg("%s: %d %s", target, a.status, text_string(&a.text));
    sim_answer_deinit(&a);
}

static void test_files(void **state)
{
    static const char *const started[] = {"registry", "store", "auth", "proxy", "api", NULL};
    struct fixture f;
    (void)state;
    begin(&f, 4, started);
    struct world *disk = sim_node(f.system.sim, "wrapper");
    struct text big = TEXT_INIT;
    assert_int_equal(world_make_directory(disk, "www/sub"), 0);
    put(disk, "www/index.html", "<h1>top</h1>");
    put(disk, "www/sub/index.html", "below");
    put(disk, "www/sub/a.txt", "text");
    put(disk, "secret.txt", "secret");
    while (big.len < 300000)
        text_puts(&big, "0123456789");
    put(disk, "www/big.bin", text_string(&big));
    wrap_up(&f, "site", "file://www", text_string(&f.system.public_key));
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    expect(&f, "/site.BlobStore/Read", "{\"key\":\"sub/a.txt\"}", GRPC_OK, 0, "dGV4dA==");
    expect(&f, "/site.BlobStore/List", "{}", GRPC_OK, 0,
           "{\"keys\":[\"big.bin\",\"index.html\",\"sub/a.txt\",\"sub/index.html\"]}");
    expect(&f, "/site.BlobStore/List", "{\"options\":{\"prefix\":\"sub/a\"}}", GRPC_OK, 0,
           "{\"keys\":[\"sub/a.txt\"]}");
    expect(&f, "/site.BlobStore/Read", "{\"key\":\"nosuch\"}", GRPC_NOT_FOUND, 404, "there is no file");
    expect(&f, "/site.BlobStore/Read", "{\"key\":\"sub\"}", GRPC_NOT_FOUND, 404, "there is no file");
    expect(&f, "/site.BlobStore/Read", "{\"key\":\"../secret.txt\"}", GRPC_INVALID_ARGUMENT, 400, "no name of a file");
    expect(&f, "/site.BlobStore/Read", "{\"key\":\"/etc/passwd\"}", GRPC_INVALID_ARGUMENT, 400, "no name of a file");
    get(&f, "/site", NULL, 200, "<h1>top</h1>");
    get(&f, "/site/", NULL, 200, "<h1>top</h1>");
    get(&f, "/site/sub/", NULL, 200, "below");
    get(&f, "/site/sub/a.txt", NULL, 200, "text");
    get(&f, "/site/big.bin", NULL, 200, text_string(&big));
    get(&f, "/site/nosuch", NULL, 404, NULL);
    get(&f, "/site/%2e%2e/secret.txt", NULL, 404, NULL);
    get(&f, "/site/..%2fsecret.txt", NULL, 404, NULL);
    /* Rules hold for files too. */
    test_expect(&f.system, "auth", "/auth.Rules/Create",
                sim_system_token(&f.system, &f.arena, "root", "user", "micro", "admin"),
                "{\"rule\":{\"id\":\"closed\",\"scope\":\"\",\"resource\":{\"type\":\"service\",\"name\":\"site\","
                "\"endpoint\":\"*\"},\"access\":\"DENIED\",\"priority\":5}}",
                GRPC_OK, NULL);
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    get(&f, "/site/sub/a.txt", NULL, 401, NULL);
    text_deinit(&big);
    end(&f);
}

struct download {
    struct http_client_call *call;
    size_t got;
    bool over, whole;
};

static void download_head(void *arg, const struct http1_head *head)
{
    (void)arg;
    assert_int_equal(head->status, 200);
}

static void download_piece(void *arg, struct bytes piece)
{
    struct download *d = arg;
    if (d->got == 0)
        http_fetch_pause(d->call); /* one that reads slowly */
    d->got += piece.len;
}

static void download_over(void *arg, struct http_answer *answer, struct error *err)
{
    struct download *d = arg;
    d->over = true;
    d->whole = err->code == 0;
    http_answer_deinit(answer);
}

static void download(struct fixture *f, struct download *d, const char *address, const char *token)
{
    char bearer[4096], url[200];
    *d = (struct download){0};
    snprintf(url, sizeof url, "http://%s/site/big.bin", address);
    snprintf(bearer, sizeof bearer, "Bearer %s", token ? token : "");
    const struct http1_header header = {bytes_of("Authorization"), bytes_of(bearer)};
    const struct http_fetch fetch = {.method = "GET",
                                     .url = url,
                                     .headers = &header,
                                     .header_count = token ? 1 : 0,
                                     .head = download_head,
                                     .piece = download_piece};
    assert_int_equal(http_fetch_start(f->system.client, &fetch, download_over, d, &d->call, NULL), 0);
    sim_run_for(f->system.sim, (uint64_t)SECOND);
    assert_true(d->got > 0 && !d->over);
}

/* Whoever asks the wrapper itself, without the gateway: a download ends when its rule does, and no other one. */
static void test_downloads_end(void **state)
{
    enum { SIZE = 16 << 20 };
    static const char *const started[] = {"registry", "store", "auth", "proxy", NULL};
    struct fixture f;
    struct download nobody, admin;
    struct text big = TEXT_INIT, text = TEXT_INIT;
    char address[64];
    (void)state;
    begin(&f, 6, started);
    struct world *disk = sim_node(f.system.sim, "wrapper");
    while (big.len < SIZE)
        text_puts(&big, "0123456789abcdef");
    assert_int_equal(world_make_directory(disk, "www"), 0);
    put(disk, "www/big.bin", text_string(&big));
    wrap_up(&f, "site", "file://www", text_string(&f.system.public_key));
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    assert_int_equal(test_call_at(&f.system, "registry:8000", "/registry.Registry/GetService", f.token,
                                  "{\"service\":\"site\"}", &text),
                     GRPC_OK);
    const char *at = strstr(text_string(&text), "\"http\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"http\":\"%63[^\"]", address), 1);
    const char *root = sim_system_token(&f.system, &f.arena, "root", "user", "micro", "admin");
    download(&f, &nobody, address, NULL);
    download(&f, &admin, address, root);
    /* Accounts only, from now on. */
    test_expect(&f.system, "auth", "/auth.Rules/Create", root,
                "{\"rule\":{\"id\":\"accounts\",\"scope\":\"*\",\"resource\":{\"type\":\"service\",\"name\":\"site\","
                "\"endpoint\":\"*\"},\"access\":\"GRANTED\",\"priority\":6}}",
                GRPC_OK, NULL);
    test_expect(&f.system, "auth", "/auth.Rules/Create", root,
                "{\"rule\":{\"id\":\"closed\",\"scope\":\"\",\"resource\":{\"type\":\"service\",\"name\":\"site\","
                "\"endpoint\":\"*\"},\"access\":\"DENIED\",\"priority\":5}}",
                GRPC_OK, NULL);
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    for (struct download *d = &nobody; d; d = d == &nobody ? &admin : NULL)
        if (!d->over)
            http_fetch_resume(d->call);
    sim_run_for(f.system.sim, (uint64_t)(20 * SECOND));
    assert_true(nobody.over && !nobody.whole);
    assert_true(nobody.got < SIZE);
    assert_true(admin.over && admin.whole);
    assert_int_equal(admin.got, big.len);
    text_deinit(&big);
    text_deinit(&text);
    end(&f);
}

/* A list is whole or an error: how deep, how many names, how many entries looked at. */
static void test_list_limits(void **state)
{
    static const char *const started[] = {"registry", "store", "auth", "proxy", NULL};
    struct fixture f;
    struct text deep = TEXT_INIT, request = TEXT_INIT;
    char path[100];
    (void)state;
    begin(&f, 5, started);
    struct world *disk = sim_node(f.system.sim, "wrapper");
    for (int i = 1; i < WRAP_PARTS_MAX; i++)
        text_puts(&deep, i > 1 ? "/d" : "d");
    snprintf(path, sizeof path, "www/%s", text_string(&deep));
    assert_int_equal(world_make_directory(disk, path), 0);
    snprintf(path, sizeof path, "www/%s/file", text_string(&deep)); /* the deepest a name can be */
    put(disk, path, "here");
    assert_int_equal(world_make_directory(disk, "www/many"), 0);
    assert_int_equal(world_make_directory(disk, "www/other/x"), 0);
    put(disk, "www/other/x/y", "there");
    wrap_up(&f, "site", "file://www", text_string(&f.system.public_key));
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    text_printf(&request, "{\"key\":\"%s/file\"}", text_string(&deep));
    expect(&f, "/site.BlobStore/Read", text_string(&request), GRPC_OK, 0, "aGVyZQ==");
    text_clear(&request);
    text_printf(&request, "\"%s/file\"", text_string(&deep));
    expect(&f, "/site.BlobStore/List", "{}", GRPC_OK, 0, text_string(&request));
    /* One folder more, and neither finds it, nor says there is nothing. */
    snprintf(path, sizeof path, "www/%s/e", text_string(&deep));
    assert_int_equal(world_make_directory(disk, path), 0);
    snprintf(path, sizeof path, "www/%s/e/file", text_string(&deep));
    put(disk, path, "out of reach");
    text_clear(&request);
    text_printf(&request, "{\"key\":\"%s/e/file\"}", text_string(&deep));
    expect(&f, "/site.BlobStore/Read", text_string(&request), GRPC_INVALID_ARGUMENT, 400, "32 parts");
    expect(&f, "/site.BlobStore/List", "{}", GRPC_RESOURCE_EXHAUSTED, 507, "32 parts");
    expect(&f, "/site.BlobStore/List", "{\"options\":{\"prefix\":\"other/\"}}", GRPC_OK, 0,
           "{\"keys\":[\"other/x/y\"]}");
    expect(&f, "/site.BlobStore/List", "{\"options\":{\"prefix\":\"other/../d\"}}", GRPC_OK, 0, "{\"keys\":[]}");
    expect(&f, "/site.BlobStore/List", "{\"options\":{\"prefix\":\"nosuch/\"}}", GRPC_OK, 0, "{\"keys\":[]}");
    snprintf(path, sizeof path, "www/%s", text_string(&deep));
    assert_int_equal(world_remove_tree(disk, path), 0);
    /* Names, then entries: those of folders that match count as well. */
    for (int i = 0; i <= LISTED_MAX; i++) {
        snprintf(path, sizeof path, "www/many/%05d", i);
        put(disk, path, "");
    }
    expect(&f, "/site.BlobStore/List", "{}", GRPC_RESOURCE_EXHAUSTED, 507, "100 files");
    expect(&f, "/site.BlobStore/List", "{\"options\":{\"prefix\":\"many/0009\"}}", GRPC_OK, 0, "many/00099");
    assert_int_equal(world_remove_tree(disk, "www/many"), 0);
    for (int i = 0; i <= LOOKED_MAX; i++) {
        snprintf(path, sizeof path, "www/many/%05d", i);
        assert_int_equal(world_make_directory(disk, path), 0);
    }
    expect(&f, "/site.BlobStore/List", "{}", GRPC_RESOURCE_EXHAUSTED, 507, "200 entries");
    expect(&f, "/site.BlobStore/List", "{\"options\":{\"prefix\":\"other/\"}}", GRPC_OK, 0, "other/x/y");
    text_deinit(&deep);
    text_deinit(&request);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http),        cmocka_unit_test(test_grpc),          cmocka_unit_test(test_package),
        cmocka_unit_test(test_contracts),   cmocka_unit_test(test_files),         cmocka_unit_test(test_http_rules),
        cmocka_unit_test(test_list_limits), cmocka_unit_test(test_downloads_end),
    };
    log_set_level(LOG_OFF);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    micro_pool_free();
    return rc;
}
