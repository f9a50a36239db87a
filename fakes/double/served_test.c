/* Generated doubles on an rpc server, in the simulated world: what is programmed in C arrives over the wire. */
#include "base/test.h"

#include "base/units.h"
#include "fakes/fake_kinds.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

struct stage {
    struct sim *sim;
    struct world *client;
    struct fake_kinds__v1__kinds *fake;
    struct rpc_server *server;
    struct rpc_channel *channel;
    struct rpc_stream *stream;
    /* what the call has brought */
    int64_t counts[8]; /* of the replies */
    int replies, status;
    bool done;
    uint64_t began, duration;
    struct text message;
};

static int setup(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    if (g == NULL)
        return -1;
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 3});
    if (g->sim == NULL || (g->fake = fake_kinds__v1__kinds_new()) == NULL)
        return -1;
    g->client = sim_node(g->sim, "client");
    if (rpc_server_new(sim_node(g->sim, "double"), &(struct rpc_server_options){0}, &g->server, NULL) != 0 ||
        fake_serve(g->fake->fake, g->server) != 0 || rpc_server_listen(g->server, "0.0.0.0:8002", NULL) != 0)
        return -1;
    return rpc_channel_new(g->client, &(struct rpc_channel_options){.addresses = "double:8002"}, &g->channel, NULL);
}

static int teardown(void **state)
{
    struct stage *g = *state;
    rpc_channel_free(g->channel);
    rpc_server_free(g->server);
    fake_kinds__v1__kinds_free(g->fake);
    sim_free(g->sim);
    text_deinit(&g->message);
    free(g);
    return 0;
}

static void on_message(void *arg, struct bytes message)
{
    struct stage *g = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    assert_int_equal(pb_unpack(&kinds__v1__item__descriptor, message, &arena, &m, NULL), 0);
    assert_true(g->replies < 8);
    g->counts[g->replies++] = ((const Kinds__V1__Item *)(const void *)m)->count;
    arena_deinit(&arena);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct stage *g = arg;
    g->status = reply->status;
    g->duration = world_now(g->client) - g->began;
    text_clear(&g->message);
    text_add(&g->message, reply->message.data, reply->message.len);
    g->done = true;
    g->stream = NULL;
}

static void open_call(struct stage *g, const char *method)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    char path[64] = "/kinds.v1.Kinds/";
    strncat(path, method, sizeof path - 1 - strlen(path));
    g->done = false;
    g->replies = 0;
    g->began = world_now(g->client);
    assert_int_equal(rpc_stream_open(g->channel, &(struct rpc_request){.path = path}, &events, g, &g->stream, NULL), 0);
}

static void say(struct stage *g, const ProtobufCMessage *m)
{
    struct text wire = TEXT_INIT;
    assert_int_equal(pb_pack(m, &wire), 0);
    assert_int_equal(rpc_stream_send(g->stream, text_bytes(&wire)), 0);
    text_deinit(&wire);
}

static bool is_done(void *arg)
{
    const struct stage *g = arg;
    return g->done;
}

static bool has_three(void *arg)
{
    const struct stage *g = arg;
    return g->replies == 3;
}

static void end(struct stage *g)
{
    if (g->stream != NULL)
        assert_int_equal(rpc_stream_half_close(g->stream), 0);
    assert_int_equal(world_run_until(g->client, is_done, g, 0), 0);
}

static Kinds__V1__Item numbered(int64_t n)
{
    Kinds__V1__Item item = KINDS__V1__ITEM__INIT;
    item.count = n;
    return item;
}

static int negates(void *arg, struct fake_stub_call *c, const Kinds__V1__Item *request, Kinds__V1__Item *reply)
{
    (void)arg;
    if (request->count == 0)
        return fake_stub_fails(c, GRPC_FAILED_PRECONDITION, "nothing to negate");
    reply->count = -request->count;
    return GRPC_OK;
}

static void one_reply(void **state)
{
    struct stage *g = *state;
    Kinds__V1__Item item = numbered(6), none = numbered(0), reply = numbered(77);
    fake_kinds__v1__kinds_get_stub(g->fake, negates, NULL);
    open_call(g, "Get");
    say(g, &item.base);
    end(g);
    assert_int_equal(g->status, GRPC_OK);
    assert_int_equal(g->counts[0], -6);
    open_call(g, "Get");
    say(g, &none.base);
    end(g);
    assert_int_equal(g->status, GRPC_FAILED_PRECONDITION);
    assert_string_equal(text_string(&g->message), "nothing to negate");
    fake_kinds__v1__kinds_get_returns(g->fake, &reply);
    fake_kinds__v1__kinds_get_delays(g->fake, (uint64_t)(3 * SECOND));
    open_call(g, "Get");
    say(g, &item.base);
    end(g);
    assert_int_equal(g->counts[0], 77);
    assert_in_range(g->duration, 3 * SECOND, 3 * SECOND + SECOND / 10);
    fake_kinds__v1__kinds_get_verify(g->fake, FAKE_EXACTLY(2), FAKE_INT("count", 6));
    fake_kinds__v1__kinds_get_verify(g->fake, FAKE_EXACTLY(3));
    struct fake_call call;
    assert_int_equal(fake_call_at(g->fake->fake, "Get", 2, &call), 0);
    assert_true(call.time > 0);
    assert_int_equal(call.reply_count, 1);
    assert_string_equal(call.by, "program");
}

static void replies_in_a_stream(void **state)
{
    struct stage *g = *state;
    Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
    for (int i = 1; i <= 3; i++) {
        Kinds__V1__Item item = numbered(i);
        assert_int_equal(fake_kinds__v1__kinds_list_sends(g->fake, &item), 0);
    }
    Kinds__V1__Item late = numbered(4);
    assert_int_equal(fake_sends(g->fake->fake, "List", FAKE_EVERY, FAKE_EVERY, &late.base, (uint64_t)(2 * SECOND)), 0);
    fake_kinds__v1__kinds_list_fails(g->fake, GRPC_DATA_LOSS, "the rest is lost");
    open_call(g, "List");
    say(g, &query.base);
    end(g);
    assert_int_equal(g->status, GRPC_DATA_LOSS);
    assert_string_equal(text_string(&g->message), "the rest is lost");
    assert_int_equal(g->replies, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(g->counts[i], i + 1);
    assert_in_range(g->duration, 2 * SECOND, 2 * SECOND + SECOND / 10);
    assert_int_equal(fake_kinds__v1__kinds_list_replies(g->fake, 0), 4);
}

static void both_sides(void **state)
{
    struct stage *g = *state;
    Kinds__V1__Item a = numbered(1), every = numbered(30), second = numbered(20), last = numbered(99);
    fake_kinds__v1__kinds_chat_sends(g->fake, 1, &second);
    fake_kinds__v1__kinds_chat_sends(g->fake, FAKE_EVERY, &every);
    fake_kinds__v1__kinds_chat_sends(g->fake, FAKE_AT_END, &last);
    open_call(g, "Chat");
    say(g, &a.base);
    say(g, &a.base);
    assert_int_equal(world_run_until(g->client, has_three, g, 0), 0);
    assert_false(g->done);
    end(g);
    assert_int_equal(g->status, GRPC_OK);
    assert_int_equal(g->replies, 4);
    assert_int_equal(g->counts[0], 30);
    assert_int_equal(g->counts[1], 20);
    assert_int_equal(g->counts[2], 30);
    assert_int_equal(g->counts[3], 99);
    assert_int_equal(fake_kinds__v1__kinds_chat_count(g->fake), 1);
    assert_int_equal(fake_kinds__v1__kinds_chat_messages(g->fake, 0), 2);
    assert_int_equal(fake_kinds__v1__kinds_chat_replies(g->fake, 0), 4);
    /* A failure on the second message ends the call before the client does. */
    fake_kinds__v1__kinds_chat_sends_on_call(g->fake, 1, 1, &second);
    fake_kinds__v1__kinds_chat_fails_on_call(g->fake, 1, GRPC_ABORTED, "two is enough");
    open_call(g, "Chat");
    say(g, &a.base);
    say(g, &a.base);
    assert_int_equal(world_run_until(g->client, is_done, g, 0), 0);
    assert_int_equal(g->status, GRPC_ABORTED);
    assert_int_equal(g->replies, 1);
    assert_int_equal(g->counts[0], 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(replies_in_a_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(both_sides, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
