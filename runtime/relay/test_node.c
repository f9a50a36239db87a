#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/relay/test_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 16

static struct test_node nodes[NODES_MAX];
static size_t node_count;

struct test_node *test_node(const char *name)
{
    for (size_t i = 0; i < node_count; i++)
        if (strcmp(nodes[i].name, name) == 0)
            return &nodes[i];
    assert_true(node_count < NODES_MAX);
    struct test_node *n = &nodes[node_count++];
    snprintf(n->name, sizeof n->name, "%s", name);
    return n;
}

void test_nodes_forget(void)
{
    memset(nodes, 0, sizeof nodes);
    node_count = 0;
}

static bool is(const struct rpc_call *call, const char *method)
{
    return strcmp(rpc_call_method(call), method) == 0;
}

static void flood(struct rpc_call *call, struct test_node *n)
{
    static uint8_t block[FLOOD_SIZE];
    while (n->sent < FLOOD_MESSAGES && !rpc_call_busy(call)) {
        if (rpc_call_send_bytes(call, BYTES(block, sizeof block)) != 0)
            return;
        n->sent++;
    }
    if (n->sent == FLOOD_MESSAGES)
        rpc_call_finish(call, GRPC_OK, "");
}

static void on_open(struct rpc_call *call, void *arg)
{
    struct test_node *n = arg;
    struct grpc_metadata m = rpc_call_metadata(call);
    size_t at = 0;
    uint64_t now = world_now(rpc_call_world(call));
    rpc_call_set_user(call, ARENA_NEW(rpc_call_arena(call), size_t));
    assert_non_null(rpc_call_user(call));
    n->opened++;
    n->deadline = rpc_call_deadline(call) == UINT64_MAX ? 0 : rpc_call_deadline(call) - now;
    for (size_t i = 0; i < m.count && at + 1 < sizeof n->seen; i++)
        at += (size_t)snprintf(n->seen + at, sizeof n->seen - at, "%s=%s\n", (const char *)m.items[i].name.data,
                               (const char *)m.items[i].value.data);
    struct bytes type = rpc_call_content_type(call);
    snprintf(n->type, sizeof n->type, "%.*s", (int)type.len, (const char *)type.data);
    n->gzip = rpc_call_gzip(call);
    (void)rpc_call_send_header(call, "x-node", bytes_of(n->name));
    (void)rpc_call_send_header(call, "x-bytes-bin", BYTES("\x00\xff\x01", 3));
    (void)rpc_call_add_trailer(call, "micro-revision", bytes_of("17"));
    (void)rpc_call_add_trailer(call, "x-trailer-bin", BYTES("\x02\x00", 2));
    if (is(call, "Bidi"))
        (void)rpc_call_send_headers(call);
    if (is(call, "Sink")) {
        n->sink = call;
        rpc_call_pause(call);
    }
    if (is(call, "Flood"))
        flood(call, n);
}

static void on_message(struct rpc_call *call, struct bytes message, void *arg)
{
    struct test_node *n = arg;
    n->messages++;
    if (is(call, "Unary") || is(call, "Bidi"))
        (void)rpc_call_send_bytes(call, message);
    ++*(size_t *)rpc_call_user(call);
}

static void on_half_closed(struct rpc_call *call, void *arg)
{
    const struct test_node *n = arg;
    if (is(call, "Hang") || is(call, "Flood"))
        return;
    if (is(call, "ServerStream"))
        for (int i = 0; i < 5; i++)
            (void)rpc_call_send_bytes(call, bytes_of(n->name));
    if (is(call, "ClientStream") || is(call, "Sink")) {
        char count[32];
        int len = snprintf(count, sizeof count, "%zu", *(const size_t *)rpc_call_user(call));
        (void)rpc_call_send_bytes(call, BYTES(count, (size_t)len));
    }
    if (is(call, "Fail"))
        rpc_call_finish_details(call, GRPC_ABORTED, bytes_of("{\"id\":\"x\",\"code\":418,\"detail\":\"\xc3\xa4h\"}"),
                                BYTES("\x08\x0a\x12\x01x", 5));
    else if (is(call, "Unavailable") || (n->unavailable && is(call, "Unary")))
        rpc_call_finish(call, GRPC_UNAVAILABLE, "not now");
    else
        rpc_call_finish(call, GRPC_OK, "");
}

static void on_cancelled(struct rpc_call *call, void *arg)
{
    struct test_node *n = arg;
    n->cancelled++;
    if (n->sink == call)
        n->sink = NULL;
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

static void on_writable(struct rpc_call *call, void *arg)
{
    flood(call, arg);
}

static int node_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    static const struct rpc_handler handler = {.open = on_open,
                                               .message = on_message,
                                               .half_closed = on_half_closed,
                                               .cancelled = on_cancelled,
                                               .writable = on_writable};
    (void)argc;
    (void)argv;
    const struct rpc_server_options options = {.package_free = true};
    struct rpc_server *server = NULL;
    int rc = rpc_server_new(w, &options, &server, err);
    if (rc)
        return rc;
    rpc_server_set_fallback(server, &handler, test_node(sim_node_name(w)));
    rc = rpc_server_listen(server, "0.0.0.0:" TEST_NODE_PORT, err);
    if (rc)
        rpc_server_free(server);
    else
        *state = server;
    return rc;
}

static void node_stop(void *state)
{
    rpc_server_free(state);
}

void test_node_program(struct sim_system *s)
{
    static const struct sim_program program = {.name = "node", .start = node_start, .stop = node_stop};
    assert_int_equal(sim_register(s->sim, &program), 0);
}

void test_node_start(struct sim_system *s, const char *name)
{
    static const char *const argv[] = {"node"};
    assert_int_equal(sim_start(s->sim, name, "node", 1, argv, NULL), 0);
}

int test_call_at(struct sim_system *s, const char *address, const char *path, const char *token, const char *json,
                 struct text *out)
{
    struct rpc_channel *channel = NULL;
    struct rpc_answer answer = {0};
    struct text bearer = TEXT_INIT;
    text_printf(&bearer, "Bearer %s", token ? token : "");
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_channel_options options = {.addresses = address};
    const struct rpc_request request = {.path = path,
                                        .metadata = {&header, token ? 1 : 0},
                                        .timeout = TEST_CALL_LIMIT,
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of(json),
                                        .has_message = true};
    assert_int_equal(rpc_channel_new(s->client, &options, &channel, NULL), 0);
    assert_int_equal(rpc_unary_wait(s->client, channel, &request, &answer, NULL), 0);
    int status = answer.reply.status;
    struct bytes text = status == GRPC_OK ? answer.reply.body : answer.reply.message;
    text_clear(out);
    text_add(out, text.data, text.len);
    rpc_answer_deinit(&answer);
    rpc_channel_free(channel);
    text_deinit(&bearer);
    return status;
}

void test_node_register(struct sim_system *s, const char *registry, const char *token, const char *service,
                        const char *version, const char *name, const char *metadata)
{
    char json[512];
    snprintf(json, sizeof json,
             "{\"name\":\"%s\",\"version\":\"%s\",\"nodes\":[{\"id\":\"%s-%s\",\"address\":\"%s:" TEST_NODE_PORT
             "\",\"metadata\":%s}]}",
             service, version, service, name, name, metadata ? metadata : "{}");
    struct text answer = TEXT_INIT;
    assert_int_equal(test_call_at(s, registry, "/registry.Registry/Register", token, json, &answer), GRPC_OK);
    text_deinit(&answer);
    sim_run_for(s->sim, 20000000); /* the watchers have heard of it */
}
