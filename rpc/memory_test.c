/* Every allocation of a scenario fails once: nothing may crash, leak or hang, whatever the call then says. Later calls
 * through the same channel to the same server find nothing of it. */
#include "rpc/test_fixture.h"

#include "base/failing.h"

#define MS ((uint64_t)MILLISECOND)

struct scenario {
    struct sim *sim;
    struct world *client, *world;
    struct rpc_server *server;
    struct rpc_channel *channel;
    struct test_service service;
    struct pb_pool *pool;
    struct text order;
    int finished, status, messages;
};

static void on_message(void *arg, struct bytes message)
{
    struct scenario *s = arg;
    (void)message;
    s->messages++;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct scenario *s = arg;
    s->finished++;
    s->status = reply->status;
}

static bool is_finished(void *arg)
{
    return ((struct scenario *)arg)->finished > 0;
}

static int set_up(struct scenario *s)
{
    struct rpc_server_options options = {.pool = s->pool, .package_free = true};
    int rc = rpc_server_new(s->world, &options, &s->server, NULL);
    if (rc == 0)
        rc = test_service_add(&s->service, s->server);
    if (rc == 0)
        rc = rpc_server_add_health(s->server);
    if (rc == 0)
        rc = rpc_server_listen(s->server, "0.0.0.0:7000", NULL);
    struct rpc_channel_options client = {
        .addresses = "server:7000,server:7001",
        .authority = "server",
        .retry = {.attempts = 3, .backoff_first = 1 * MS, .statuses = 1u << GRPC_UNAVAILABLE}};
    if (rc == 0)
        rc = rpc_channel_new(s->client, &client, &s->channel, NULL);
    return rc;
}

static int unary(struct scenario *s)
{
    static const struct grpc_header items[] = {{{(const uint8_t *)"x-echo-a-bin", 12}, {(const uint8_t *)"b", 1}}};
    struct rpc_request r = {.path = "/harrow.test.Test/Unary",
                            .metadata = {items, 1},
                            .timeout = 2000 * MS,
                            .gzip = true,
                            .message = BYTES(text_string(&s->order), s->order.len),
                            .has_message = true};
    struct rpc_answer a;
    int rc = rpc_unary_wait(s->client, s->channel, &r, &a, NULL);
    int status = rc ? rc : a.reply.status;
    if (rc == 0)
        rpc_answer_deinit(&a);
    return status;
}

static int bidi(struct scenario *s)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct rpc_request r = {.path = "/other.Test/Both", .timeout = 2000 * MS};
    struct rpc_stream *stream = NULL;
    s->finished = s->messages = 0;
    s->status = -1;
    int rc = rpc_stream_open(s->channel, &r, &events, s, &stream, NULL);
    if (rc)
        return rc;
    rpc_stream_pause(stream);
    for (int i = 0; i < 3; i++)
        (void)rpc_stream_send(stream, BYTES(text_string(&s->order), s->order.len));
    (void)rpc_stream_half_close(stream);
    if (!s->finished)
        (void)world_sleep(s->client, 20 * MS);
    if (!s->finished)
        rpc_stream_resume(stream);
    rc = world_run_until(s->client, is_finished, s, 10000 * MS);
    return rc ? rc : s->status;
}

static int json(struct scenario *s)
{
    struct rpc_request r = {.path = "/harrow.test.Test/Unary",
                            .timeout = 2000 * MS,
                            .content_type = "application/grpc+json",
                            .message = bytes_of("{\"text\": \"json\"}"),
                            .has_message = true};
    struct rpc_answer a;
    int rc = rpc_unary_wait(s->client, s->channel, &r, &a, NULL);
    int status = rc ? rc : a.reply.status;
    if (rc == 0)
        rpc_answer_deinit(&a);
    return status;
}

/* Runs the scenario with the n-th allocation failing, from the set-up on or (`warm`) on a connection that is there and
 * idle; true when it was reached. */
static bool walk(size_t n, const char *what, bool warm, int (*run)(struct scenario *s))
{
    struct scenario s = {0};
    struct sim_options options = {.seed = 3};
    Harrow__Test__Order order;
    order_init(&order, "a text that is long enough to be worth a copy");
    s.order = order_pack(&order);
    s.sim = sim_new(&options);
    assert_non_null(s.sim);
    s.client = sim_node(s.sim, "client");
    s.world = sim_node(s.sim, "server");
    assert_int_equal(pb_pool_new(test_service_set(), "test", &s.pool, NULL), 0);
    if (!warm)
        failing_arm(n);
    int rc = set_up(&s);
    if (warm) {
        assert_int_equal(run(&s), 0);
        assert_int_equal(world_sleep(s.client, 10000 * MS), 0);
        failing_arm(n);
    }
    int status = rc == 0 ? run(&s) : rc;
    bool hit = failing_hit();
    failing_disarm();
    if (!hit && status != 0)
        fail_msg("%s: untouched, it ended with %d", what, status);
    /* A simulation that once had no memory goes no further. */
    if (rc == 0 && world_sleep(s.client, 10000 * MS) == 0 && (status = run(&s)) != 0)
        fail_msg("%s: after allocation %zu failed the next call ended with %d", what, n, status);
    rpc_channel_free(s.channel);
    rpc_server_free(s.server);
    pb_pool_free(s.pool);
    sim_free(s.sim);
    text_deinit(&s.order);
    return hit;
}

static void walk_all(const char *what, int (*run)(struct scenario *s))
{
    size_t cold = 1, warm = 1;
    while (walk(cold, what, false, run))
        cold++;
    while (walk(warm, what, true, run))
        warm++;
    print_message("%s: %zu allocations walked, %zu more on an open connection\n", what, cold - 1, warm - 1);
    assert_true(cold > 20 && warm > 10);
}

static void unary_without_memory(void **state)
{
    (void)state;
    walk_all("unary", unary);
}

static void bidi_without_memory(void **state)
{
    (void)state;
    walk_all("bidi", bidi);
}

static void json_without_memory(void **state)
{
    (void)state;
    walk_all("json", json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary_without_memory),
        cmocka_unit_test(bidi_without_memory),
        cmocka_unit_test(json_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
