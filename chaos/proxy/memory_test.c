/* Every allocation made while a link carries bytes and calls fails once: nothing crashes, leaks or hangs, and what does
 * not come through ends with a reset or a status. */
#include "chaos/proxy/proxy.h"
#include "chaos/proxy/rule.h"
#include "rpc/test_fixture.h"

#include "base/failing.h"

#include <stdio.h>

#define WALK_MAX 20000

struct talk {
    struct world_stream *client, *server;
    struct text got;
    bool over;
};

static void server_readable(void *arg, struct bytes data)
{
    struct talk *t = arg;
    if (world_stream_write(t->server, data) != 0) {
        world_stream_abort(t->server);
        t->server = NULL;
    }
}

static void server_gone(void *arg, int reason)
{
    struct talk *t = arg;
    (void)reason;
    world_stream_close(t->server);
    t->server = NULL;
}

static void client_readable(void *arg, struct bytes data)
{
    struct talk *t = arg;
    text_add(&t->got, data.data, data.len);
}

static void client_gone(void *arg, int reason)
{
    (void)reason;
    ((struct talk *)arg)->over = true;
}

static void accepted(void *arg, struct world_stream *s)
{
    static const struct world_stream_events events = {.readable = server_readable, .ended = server_gone};
    struct talk *t = arg;
    if (t->server == NULL)
        world_stream_accept(t->server = s, &events, t);
}

static bool talked(void *arg)
{
    const struct talk *t = arg;
    return t->over || t->got.failed || t->got.len >= 5;
}

/* Bytes through an effect that queues and changes them. False: they did not come. */
static bool carry_bytes(struct fixture *f, size_t nth)
{
    static const struct world_stream_events events = {.readable = client_readable, .ended = client_gone};
    struct talk t = {0};
    struct proxy_effect e = {.delay = MILLISECOND, .repeat = 1, .slice = 2};
    struct world_listener *listener;
    struct proxy_link *l;
    bool ok = false;
    assert_int_equal(world_listen(f->world, "127.0.0.1:0", accepted, &t, &listener, NULL), 0);
    failing_arm(nth);
    struct proxy *p = proxy_new(f->world);
    random_seed(&e.random, 1);
    if (p != NULL && proxy_add(p, "a", "b", world_listener_address(listener), "127.0.0.1:0", &l, NULL) == 0 &&
        proxy_attach(l, &e, PROXY_BOTH, NULL) == 0 &&
        world_connect(f->world, proxy_link_address(l), &events, &t, &t.client, NULL) == 0) {
        ok = world_stream_write(t.client, bytes_of("hello")) == 0 &&
             world_run_until(f->world, talked, &t, (uint64_t)SECOND) == 0 && t.got.len >= 5;
        (void)proxy_detach(l, &e, NULL);
    }
    failing_disarm();
    world_stream_close(t.client);
    world_stream_close(t.server);
    proxy_free(p);
    world_listener_close(listener);
    text_deinit(&t.got);
    return ok;
}

static bool call_passes(struct fixture *f, const struct text *packed)
{
    struct rpc_request request = {.path = "/harrow.test.Test/Unary",
                                  .timeout = (uint64_t)SECOND,
                                  .message = text_bytes(packed),
                                  .has_message = true};
    struct rpc_answer answer = {0};
    bool ok = rpc_unary_wait(f->world, f->channel, &request, &answer, NULL) == 0 && answer.reply.status == GRPC_OK;
    rpc_answer_deinit(&answer);
    return ok;
}

/* A call through a rule, the link's first or (`idle`) its second. False: it ended otherwise. */
static bool carry_call_on(struct fixture *f, size_t nth, bool idle)
{
    struct proxy_rule rule = {.kind = RULE_DELAY_ANSWER, .share = PROXY_SHARE_ALL, .delay = MILLISECOND};
    struct proxy_link *l = NULL;
    struct fixture_server *server = fixture_serve(f, 0, NULL);
    struct proxy *p = proxy_new(f->world);
    random_seed(&rule.random, 1);
    assert_int_equal(proxy_add(p, "a", "b", server->address, "127.0.0.1:0", &l, NULL), 0);
    fixture_connect(f, &(struct rpc_channel_options){.addresses = proxy_link_address(l)});
    Harrow__Test__Order order;
    order_init(&order, "through");
    struct text packed = order_pack(&order);
    if (idle) {
        assert_int_equal(proxy_rule_add(l, &rule, NULL), 0);
        assert_true(call_passes(f, &packed));
        fixture_run(f, (uint64_t)SECOND);
    }
    failing_arm(nth);
    bool ok = (idle || proxy_rule_add(l, &rule, NULL) == 0) && call_passes(f, &packed);
    bool hit = failing_hit();
    failing_disarm();
    /* A simulation that once had no memory goes no further. */
    if (hit && world_sleep(f->world, 10 * (uint64_t)SECOND) == 0 && !call_passes(f, &packed))
        fail_msg("after allocation %zu failed no call comes through", nth);
    proxy_rule_remove(l, &rule);
    text_deinit(&packed);
    rpc_channel_free(f->channel);
    f->channel = NULL;
    proxy_free(p);
    fixture_stop(f, 0);
    return ok;
}

static bool carry_call(struct fixture *f, size_t nth)
{
    return carry_call_on(f, nth, false);
}

static bool carry_second_call(struct fixture *f, size_t nth)
{
    return carry_call_on(f, nth, true);
}

static void walk(bool (*carry)(struct fixture *f, size_t nth))
{
    size_t n = 1;
    for (bool hit = true; hit; n++) {
        void *state;
        assert_true(n < WALK_MAX);
        assert_int_equal(fixture_setup_sim(&state), 0);
        bool ok = carry(state, n);
        hit = failing_hit();
        if (!hit && !ok)
            fail_msg("without a failure, after %zu allocations, it did not come through", n - 1);
        assert_int_equal(fixture_teardown(&state), 0);
    }
    assert_true(n > 20);
}

static void bytes(void **state)
{
    (void)state;
    walk(carry_bytes);
}

static void calls(void **state)
{
    (void)state;
    walk(carry_call);
    walk(carry_second_call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes), cmocka_unit_test(calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
