/* The double over gRPC, in the simulated world: all of it in virtual time. */
#include "base/test.h"

#include "base/units.h"
#include "fakes/fakes.h"
#include "proto/set.h"
#include "proto/store/store.pb-c.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct sim *sim;
    struct world *client;
    struct pb_pool *pool;
    struct fake *fake;
    struct rpc_server *server;
    struct rpc_channel *channel;
    /* what the last call brought */
    int status, replies;
    bool done;
    char message[128];
    struct text body; /* the last reply */
    uint64_t duration;
};

static void serve(struct fixture *x, const char *service)
{
    struct error err = ERROR_INIT;
    struct rpc_server_options options = {.pool = x->pool, .package_free = true};
    assert_int_equal(fake_new(pb_find_service(x->pool, service), &x->fake), 0);
    assert_int_equal(rpc_server_new(sim_node(x->sim, "double"), &options, &x->server, &err), 0);
    assert_int_equal(rpc_server_add_health(x->server), 0);
    assert_int_equal(fake_serve(x->fake, x->server), 0);
    assert_int_equal(rpc_server_listen(x->server, "0.0.0.0:8002", &err), 0);
    assert_int_equal(
        rpc_channel_new(x->client, &(struct rpc_channel_options){.addresses = "double:8002"}, &x->channel, &err), 0);
}

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    *state = x;
    if (x == NULL || (x->sim = sim_new(&(struct sim_options){.seed = 11})) == NULL ||
        (x->client = sim_node(x->sim, "client")) == NULL || pb_pool_new(proto_set(), "proto", &x->pool, NULL) != 0)
        return -1;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    rpc_channel_free(x->channel);
    rpc_server_free(x->server);
    fake_free(x->fake);
    sim_free(x->sim);
    pb_pool_free(x->pool);
    text_deinit(&x->body);
    free(x);
    return 0;
}

static void on_message(void *arg, struct bytes message)
{
    struct fixture *x = arg;
    x->replies++;
    text_clear(&x->body);
    text_add(&x->body, message.data, message.len);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct fixture *x = arg;
    x->status = reply->status;
    x->duration = reply->duration;
    snprintf(x->message, sizeof x->message, "%.*s", (int)reply->message.len, (const char *)reply->message.data);
    x->done = true;
}

static bool is_done(void *arg)
{
    const struct fixture *x = arg;
    return x->done;
}

/* Opens a call, sends `count` requests, ends the stream unless told not to, and waits for the end. */
static struct rpc_stream *start(struct fixture *x, const struct rpc_request *request, const char *const *messages,
                                bool end)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct rpc_stream *stream;
    struct error err = ERROR_INIT;
    x->done = false;
    x->replies = 0;
    text_clear(&x->body);
    assert_int_equal(rpc_stream_open(x->channel, request, &events, x, &stream, &err), 0);
    for (size_t i = 0; messages != NULL && messages[i] != NULL; i++)
        assert_int_equal(rpc_stream_send(stream, bytes_of(messages[i])), 0);
    if (end)
        assert_int_equal(rpc_stream_half_close(stream), 0);
    return stream;
}

static int call(struct fixture *x, const char *path, uint64_t timeout, const char *const *messages)
{
    start(x, &(struct rpc_request){.path = path, .timeout = timeout}, messages, true);
    assert_int_equal(world_run_until(x->client, is_done, x, 0), 0);
    return x->status;
}

/* A request with the key "k", and two pieces of a blob, as wire bytes. */
static const char *const read_k[] = {"\x0a\x01k", NULL};
static const char *const pieces[] = {"\x0a\x01k\x1a\x03one", "\x1a\x02to", NULL};

static void unary(void **state)
{
    struct fixture *x = *state;
    struct fake_call c;
    serve(x, "store.Store");
    assert_int_equal(call(x, "/store.Store/Read", 0, read_k), GRPC_OK);
    assert_int_equal(x->replies, 1);
    assert_int_equal(x->body.len, 0);
    assert_int_equal(fake_fails(x->fake, "Read", 1, GRPC_NOT_FOUND, "no such key"), 0);
    assert_int_equal(call(x, "/store.Store/Read", 0, read_k), GRPC_NOT_FOUND);
    assert_string_equal(x->message, "no such key");
    assert_int_equal(x->replies, 0);
    assert_int_equal(fake_call_at(x->fake, "Read", 1, &c), 0);
    assert_int_equal(c.status, GRPC_NOT_FOUND);
    assert_true(c.time > 0);
    /* Micro's clients put the name the service runs under before the type. */
    assert_int_equal(call(x, "/elsewhere.Store/Read", 0, read_k), GRPC_OK);
    assert_int_equal(fake_count(x->fake, "Read"), 3);
    assert_int_equal(call(x, "/store.Store/Fly", 0, read_k), GRPC_UNIMPLEMENTED);
    assert_string_equal(x->message, "unknown method Fly of store.Store");
    assert_int_equal(call(x, "/store.BlobStore/Read", 0, read_k), GRPC_UNIMPLEMENTED);
    assert_string_equal(x->message, "unknown service store.BlobStore; did you mean store.Store?");
    assert_int_equal(fake_total(x->fake), 3);
}

static void json(void **state)
{
    struct fixture *x = *state;
    struct rpc_request request = {.path = "/store.Store/Read", .content_type = "application/grpc+json"};
    struct text seen = TEXT_INIT;
    serve(x, "store.Store");
    assert_int_equal(fake_returns_json(x->fake, "Read", -1, "{\"records\":[{\"key\":\"k\"}]}", NULL), 0);
    start(x, &request, (const char *const[]){"{\"key\":\"k\"}", NULL}, true);
    assert_int_equal(world_run_until(x->client, is_done, x, 0), 0);
    assert_int_equal(x->status, GRPC_OK);
    assert_string_equal(text_string(&x->body), "{\"records\":[{\"key\":\"k\"}]}");
    assert_int_equal(fake_request_json(x->fake, "Read", 0, &seen, NULL), 0);
    assert_string_equal(text_string(&seen), "{\"key\":\"k\"}");
    start(x, &request, (const char *const[]){"{\"keyz\":\"k\"}", NULL}, true);
    assert_int_equal(world_run_until(x->client, is_done, x, 0), 0);
    assert_int_equal(x->status, GRPC_INVALID_ARGUMENT);
    assert_int_equal(fake_total(x->fake), 1);
    text_deinit(&seen);
}

static void delayed(void **state)
{
    struct fixture *x = *state;
    struct fake_call c;
    serve(x, "store.Store");
    assert_int_equal(fake_delays(x->fake, "Read", (uint64_t)(3 * SECOND)), 0);
    assert_int_equal(call(x, "/store.Store/Read", (uint64_t)(10 * SECOND), read_k), GRPC_OK);
    assert_in_range(x->duration, 3 * SECOND, 3 * SECOND + 100 * MILLISECOND);
    /* A client that does not wait: the call was made, and had no answer. */
    assert_int_equal(call(x, "/store.Store/Read", (uint64_t)SECOND, read_k), GRPC_DEADLINE_EXCEEDED);
    world_sleep(x->client, (uint64_t)(5 * SECOND));
    assert_int_equal(fake_count(x->fake, "Read"), 2);
    assert_int_equal(fake_call_at(x->fake, "Read", 0, &c), 0);
    assert_int_equal(c.status, GRPC_OK);
    assert_int_equal(fake_call_at(x->fake, "Read", 1, &c), 0);
    assert_int_equal(c.status, FAKE_UNANSWERED);
}

static void never(void **state)
{
    struct fixture *x = *state;
    struct fake_call c;
    serve(x, "store.Store");
    assert_int_equal(fake_never_answers(x->fake, "Read", true), 0);
    start(x, &(struct rpc_request){.path = "/store.Store/Read", .timeout = (uint64_t)(2 * SECOND)}, read_k, true);
    world_sleep(x->client, (uint64_t)SECOND);
    /* It is in the journal while it waits. */
    assert_false(x->done);
    assert_int_equal(fake_count(x->fake, "Read"), 1);
    assert_int_equal(world_run_until(x->client, is_done, x, 0), 0);
    assert_int_equal(x->status, GRPC_DEADLINE_EXCEEDED);
    assert_in_range(x->duration, 2 * SECOND, 2 * SECOND + 100 * MILLISECOND);
    assert_int_equal(fake_call_at(x->fake, "Read", 0, &c), 0);
    assert_int_equal(c.status, FAKE_UNANSWERED);
    assert_int_equal(fake_never_answers(x->fake, "Read", false), 0);
    assert_int_equal(call(x, "/store.Store/Read", (uint64_t)SECOND, read_k), GRPC_OK);
}

static void server_stream(void **state)
{
    struct fixture *x = *state;
    serve(x, "store.Store");
    assert_int_equal(fake_returns_json(x->fake, "List", -1, "{\"keys\":[\"a\",\"b\"]}", NULL), 0);
    assert_int_equal(call(x, "/store.Store/List", 0, (const char *const[]){"", NULL}), GRPC_OK);
    assert_int_equal(x->replies, 1);
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m;
    assert_int_equal(pb_unpack(&store__list_response__descriptor, text_bytes(&x->body), &arena, &m, NULL), 0);
    assert_int_equal(((const Store__ListResponse *)(const void *)m)->n_keys, 2);
    arena_deinit(&arena);
}

static void client_stream(void **state)
{
    struct fixture *x = *state;
    struct fake_call c;
    struct text seen = TEXT_INIT, journal = TEXT_INIT;
    serve(x, "store.BlobStore");
    assert_int_equal(call(x, "/store.BlobStore/Write", 0, pieces), GRPC_OK);
    assert_int_equal(x->replies, 1);
    assert_int_equal(fake_call_at(x->fake, "Write", 0, &c), 0);
    assert_int_equal(c.messages, 2);
    assert_true(bytes_is(fake_message(&c, 1), "\x1a\x02to"));
    assert_int_equal(fake_request_json(x->fake, "Write", 0, &seen, NULL), 0);
    assert_string_equal(text_string(&seen), "[{\"key\":\"k\",\"blob\":\"b25l\"},{\"blob\":\"dG8=\"}]");

    /* No message at all, and a client that goes away in the middle: calls all the same. */
    assert_int_equal(call(x, "/store.BlobStore/Write", 0, NULL), GRPC_OK);
    struct rpc_stream *s = start(x, &(struct rpc_request){.path = "/store.BlobStore/Write"}, pieces + 1, false);
    world_sleep(x->client, (uint64_t)SECOND);
    assert_int_equal(fake_count(x->fake, "Write"), 2);
    rpc_stream_cancel(s);
    assert_int_equal(world_run_until(x->client, is_done, x, 0), 0);
    world_sleep(x->client, (uint64_t)SECOND);
    fake_journal(x->fake, &journal);
    assert_string_equal(text_string(&journal),
                        "0 store.BlobStore/Write [{\"key\":\"k\",\"blob\":\"b25l\"},{\"blob\":\"dG8=\"}] -> OK\n"
                        "1 store.BlobStore/Write [] -> OK\n"
                        "2 store.BlobStore/Write [{\"blob\":\"dG8=\"}] -> no answer\n");
    text_deinit(&seen);
    text_deinit(&journal);
}

/* The server goes while calls wait for their delay: nothing is left behind. */
static void server_goes(void **state)
{
    struct fixture *x = *state;
    serve(x, "store.Store");
    fake_delays(x->fake, "Read", (uint64_t)HOUR);
    start(x, &(struct rpc_request){.path = "/store.Store/Read"}, read_k, true);
    world_sleep(x->client, (uint64_t)SECOND);
    rpc_server_free(x->server);
    x->server = NULL;
    assert_int_equal(world_run_until(x->client, is_done, x, 0), 0);
    assert_int_equal(x->status, GRPC_UNAVAILABLE);
    assert_int_equal(fake_count(x->fake, "Read"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unary, setup, teardown),
        cmocka_unit_test_setup_teardown(json, setup, teardown),
        cmocka_unit_test_setup_teardown(delayed, setup, teardown),
        cmocka_unit_test_setup_teardown(never, setup, teardown),
        cmocka_unit_test_setup_teardown(server_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(client_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(server_goes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
