/* A double that nobody programmed, over gRPC in the simulated world: a chat whose streams hear what is sent, and go. */
#include "base/test.h"

#include "base/units.h"
#include "fakes/behave/behave.h"
#include "fakes/serve/serve.h"
#include "proto/services.h"
#include "rpc/rpc.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A call of the client's, unary or a stream. */
struct call {
    struct world *world;
    const struct pb_method *method;
    struct rpc_stream *stream;
    struct text said; /* JSON of each reply, a line each */
    size_t replies;
    int status;
    bool done;
};

struct fixture {
    struct sim *sim;
    struct world *client;
    struct pb_pool *pool;
    const struct pb_service *service;
    struct fake_server *server;
    struct rpc_channel *channel;
    struct behave *behave;
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct error err = ERROR_INIT;
    struct behave_options options = {.seed = 5, .bare = true};
    *state = x;
    if (x == NULL || pb_pool_new(proto_services_set(), "services", &x->pool, &err) != 0)
        return -1;
    x->sim = sim_new(&(struct sim_options){.seed = 3});
    x->client = sim_node(x->sim, "client");
    x->service = pb_find_service(x->pool, "chat.Chat");
    assert_int_equal(behave_new(x->service, &options, &x->behave, &err), 0);
    struct world *w = sim_node(x->sim, "double");
    assert_int_equal(fake_server_new(w, &(struct fake_server_options){.pool = x->pool}, &x->server, &err), 0);
    assert_int_equal(fake_server_add(x->server, x->service, NULL), 0);
    struct fake_responder behaviour = behave_responder(x->behave);
    assert_int_equal(fake_server_respond(x->server, &behaviour), 0);
    assert_int_equal(fake_server_listen(x->server, "0.0.0.0:8002", &err), 0);
    assert_int_equal(
        rpc_channel_new(x->client, &(struct rpc_channel_options){.addresses = "double:8002"}, &x->channel, &err), 0);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    rpc_channel_free(x->channel);
    fake_server_free(x->server); /* which releases the behaviour */
    sim_free(x->sim);
    pb_pool_free(x->pool);
    free(x);
    return 0;
}

static void on_message(void *arg, struct bytes message)
{
    struct call *c = arg;
    c->replies++;
    (void)pb_wire_to_json(c->method->output, message, 0, &c->said, NULL);
    text_char(&c->said, '\n');
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct call *c = arg;
    c->status = reply->status;
    c->done = true;
}

static bool is_done(void *arg)
{
    return ((const struct call *)arg)->done;
}

static void begin(struct fixture *x, struct call *c, const char *method, const char *request)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct text wire = TEXT_INIT;
    struct error err = ERROR_INIT;
    *c = (struct call){.world = x->client};
    for (size_t i = 0; i < x->service->method_count; i++)
        if (strcmp(x->service->methods[i].name, method) == 0)
            c->method = &x->service->methods[i];
    assert_non_null(c->method);
    assert_int_equal(pb_json_to_wire(c->method->input, bytes_of(request), 0, &wire, &err), 0);
    struct rpc_request r = {.path = c->method->path};
    assert_int_equal(rpc_stream_open(x->channel, &r, &events, c, &c->stream, &err), 0);
    assert_int_equal(rpc_stream_send(c->stream, text_bytes(&wire)), 0);
    assert_int_equal(rpc_stream_half_close(c->stream), 0);
    text_deinit(&wire);
}

static void ask(struct fixture *x, struct call *c, const char *method, const char *request)
{
    begin(x, c, method, request);
    assert_int_equal(world_run_until(x->client, is_done, c, 0), 0);
}

static void a_chat_over_the_wire(void **state)
{
    struct fixture *x = *state;
    struct call made, sent, first, second;
    char id[64], request[200];
    ask(x, &made, "Create", "{\"name\":\"tea\"}");
    assert_int_equal(made.status, GRPC_OK);
    const char *at = strstr(text_string(&made.said), "\"id\":\"");
    assert_non_null(at);
    (void)snprintf(id, sizeof id, "%.36s", at + 6);
    (void)snprintf(request, sizeof request, "{\"groupId\":\"%s\",\"userId\":\"ada\"}", id);
    begin(x, &first, "Join", request);
    begin(x, &second, "Join", request);
    world_sleep(x->client, (uint64_t)SECOND);
    assert_int_equal(behave_size(x->behave).streams, 2);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(request, sizeof request, "{\"groupId\":\"%s\",\"text\":\"number %d\"}", id, i);
        ask(x, &sent, "Send", request);
        assert_int_equal(sent.status, GRPC_OK);
        text_deinit(&sent.said);
    }
    world_sleep(x->client, (uint64_t)SECOND);
    assert_int_equal(first.replies, 3);
    assert_int_equal(second.replies, 3);
    assert_non_null(strstr(text_string(&first.said), "number 2"));
    /* One hangs up: the double forgets it. */
    rpc_stream_cancel(first.stream);
    world_sleep(x->client, (uint64_t)SECOND);
    assert_int_equal(behave_size(x->behave).streams, 1);
    behave_reset(x->behave, "");
    assert_int_equal(world_run_until(x->client, is_done, &second, 0), 0);
    assert_int_equal(second.status, GRPC_OK);
    ask(x, &sent, "Send", request);
    assert_int_equal(sent.status, GRPC_NOT_FOUND); /* the group is forgotten */
    text_deinit(&made.said);
    text_deinit(&sent.said);
    text_deinit(&first.said);
    text_deinit(&second.said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_chat_over_the_wire, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
