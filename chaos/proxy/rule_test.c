/* What rules do to gRPC calls through a link: the test service behind it, a channel before it, in both worlds. */
#include "chaos/proxy/proxy.h"
#include "chaos/proxy/rule.h"
#include "rpc/test_fixture.h"

#include <stdio.h>

#define UNARY "harrow.test.Test/Unary"
#define SHORT ((uint64_t)(30 * MILLISECOND))

struct rig {
    struct fixture *f;
    struct proxy *proxy;
    struct proxy_link *link;
    struct fixture_server *server;
};

static void rig_start(struct rig *r, struct fixture *f)
{
    struct error err = ERROR_INIT;
    *r = (struct rig){.f = f, .server = fixture_serve(f, 0, NULL), .proxy = proxy_new(f->world)};
    assert_non_null(r->proxy);
    if (proxy_add(r->proxy, PROXY_CLIENT, "server", r->server->address, fixture_listen(f), &r->link, &err) != 0)
        fail_msg("%s", err.message);
    fixture_connect(f, &(struct rpc_channel_options){.addresses = proxy_link_address(r->link)});
}

static void rig_stop(struct rig *r)
{
    rpc_channel_free(r->f->channel);
    r->f->channel = NULL;
    proxy_free(r->proxy);
}

static void add(struct rig *r, struct proxy_rule *rule)
{
    random_seed(&rule->random, 5);
    if (rule->share == 0)
        rule->share = PROXY_SHARE_ALL;
    assert_int_equal(proxy_rule_add(r->link, rule, NULL), 0);
    fixture_run(r->f, 5 * MILLISECOND); /* the GOAWAY gets there */
}

static uint64_t elapsed;

/* One call of Unary; its status. */
static int call(struct rig *r, uint64_t timeout)
{
    Harrow__Test__Order order;
    struct fixture_answer a;
    order_init(&order, "a question");
    struct rpc_request extra = {.timeout = timeout};
    uint64_t since = world_now(r->f->world);
    fixture_call(r->f, "Unary", &order, &extra, &a);
    elapsed = world_now(r->f->world) - since;
    int status = a.answer.reply.status;
    if (status == GRPC_OK && a.message != NULL)
        assert_string_equal(a.message->text, "a question");
    fixture_answer_free(&a);
    return status;
}

static int plain(struct rig *r)
{
    return call(r, 5 * (uint64_t)SECOND);
}

/* All kinds of calls pass through a transit that does nothing to them. */
static void carries_all(void **state)
{
    struct rig r;
    struct proxy_rule none = {.kind = RULE_STATUS, .method = "no.Such/Method"};
    rig_start(&r, *state);
    add(&r, &none);
    Harrow__Test__Order order;
    struct record record;
    order_init(&order, "down");
    order.count = 300;
    order.size = 10000;
    fixture_open(r.f, &record, "Down", &order, NULL);
    fixture_until(r.f, &record.finished, 1);
    assert_int_equal(record.status, GRPC_OK);
    assert_int_equal(record.messages, 300);
    assert_int_equal(record.bytes, 3000000);
    fixture_open(r.f, &record, "Both", NULL, NULL);
    for (int i = 1; i <= 5; i++) {
        order_init(&order, "both");
        assert_int_equal(fixture_send(&record, &order), 0);
        fixture_until(r.f, &record.messages, i);
    }
    rpc_stream_half_close(record.stream);
    fixture_until(r.f, &record.finished, 1);
    assert_int_equal(record.status, GRPC_OK);
    fixture_open(r.f, &record, "Up", NULL, NULL);
    order_init(&order, "up");
    char payload[50000] = "";
    order.payload = (ProtobufCBinaryData){sizeof payload, (uint8_t *)payload};
    for (int i = 0; i < 60; i++)
        assert_int_equal(fixture_send(&record, &order), 0);
    rpc_stream_half_close(record.stream);
    fixture_until(r.f, &record.finished, 1);
    assert_int_equal(record.total, 60 * 50000);
    /* Status, text and details; metadata both ways; a deadline; a cancellation. */
    struct fixture_answer a;
    order_init(&order, "no");
    union {
        const char *in;
        char *out;
    } why = {.in = "so there"};
    order.status = GRPC_ABORTED;
    order.message = why.out;
    const struct grpc_header headers[] = {{bytes_of("x-echo-a"), bytes_of("1")}};
    struct rpc_request extra = {.timeout = (uint64_t)SECOND, .metadata = {headers, 1}};
    fixture_call(r.f, "Unary", &order, &extra, &a);
    assert_int_equal(a.answer.reply.status, GRPC_ABORTED);
    assert_true(bytes_is(a.answer.reply.message, "so there"));
    fixture_answer_free(&a);
    order_init(&order, "never");
    extra = (struct rpc_request){.timeout = SHORT};
    do { /* a call that ends before it is sent never gets there */
        fixture_call(r.f, "Never", &order, &extra, &a);
        assert_int_equal(a.answer.reply.status, GRPC_DEADLINE_EXCEEDED);
        fixture_answer_free(&a);
        fixture_run(r.f, SHORT);
    } while (r.server->service.cancelled == 0);
    assert_int_equal(none.hits + none.seen, 0);
    assert_int_equal(proxy_link_connections(r.link), 1);
    proxy_rule_remove(r.link, &none);
    rig_stop(&r);
}

/* A connection made before the rules is left for a new one, and a call under way on it is not touched. */
static void old_connections_retire(void **state)
{
    struct rig r;
    struct proxy_rule rule = {.kind = RULE_STATUS, .status = GRPC_ABORTED};
    struct record before;
    rig_start(&r, *state);
    assert_int_equal(plain(&r), GRPC_OK);
    fixture_open(r.f, &before, "Both", NULL, NULL);
    fixture_run(r.f, SHORT);
    assert_int_equal(proxy_link_accepted(r.link), 1);
    add(&r, &rule);
    assert_int_equal(plain(&r), GRPC_ABORTED);
    assert_int_equal(proxy_link_accepted(r.link), 2);
    Harrow__Test__Order order;
    order_init(&order, "still here");
    assert_int_equal(fixture_send(&before, &order), 0);
    fixture_until(r.f, &before.messages, 1);
    rpc_stream_half_close(before.stream);
    fixture_until(r.f, &before.finished, 1);
    assert_int_equal(before.status, GRPC_OK);
    proxy_rule_remove(r.link, &rule);
    assert_int_equal(plain(&r), GRPC_OK);
    assert_int_equal(rule.hits, 1);
    rig_stop(&r);
}

static void statuses(void **state)
{
    struct rig r;
    struct proxy_rule before = {.kind = RULE_STATUS, .status = GRPC_RESOURCE_EXHAUSTED, .method = UNARY},
                      after = {.kind = RULE_REPLACE, .status = GRPC_UNAVAILABLE},
                      reset = {.kind = RULE_RESET, .h2_error = 2};
    rig_start(&r, *state);
    add(&r, &before);
    assert_int_equal(plain(&r), GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(r.server->service.started, 0); /* it never got there */
    proxy_rule_remove(r.link, &before);
    add(&r, &after);
    assert_int_equal(plain(&r), GRPC_UNAVAILABLE);
    assert_int_equal(r.server->service.answered, 1); /* it did the work */
    proxy_rule_remove(r.link, &after);
    add(&r, &reset);
    assert_int_equal(plain(&r), GRPC_INTERNAL);
    assert_int_equal(r.server->service.started, 1);
    proxy_rule_remove(r.link, &reset);
    assert_int_equal(plain(&r), GRPC_OK);
    assert_int_equal(before.hits + after.hits + reset.hits, 3);
    rig_stop(&r);
}

static void delays(void **state)
{
    static const enum proxy_rule_kind kinds[] = {RULE_DELAY_CALL, RULE_DELAY_ANSWER};
    struct rig r;
    rig_start(&r, *state);
    for (size_t i = 0; i < 2; i++) {
        struct proxy_rule rule = {.kind = kinds[i], .delay = SHORT};
        add(&r, &rule);
        assert_int_equal(plain(&r), GRPC_OK);
        assert_true(elapsed >= SHORT);
        assert_int_equal(rule.hits, 1);
        /* Taken away meanwhile, the call goes on at once. */
        struct record record;
        Harrow__Test__Order order;
        order_init(&order, "quick");
        rule.delay = 10 * (uint64_t)SECOND;
        fixture_open(r.f, &record, "Unary", &order, NULL);
        rpc_stream_half_close(record.stream);
        fixture_run(r.f, SHORT);
        assert_int_equal(record.finished, 0);
        proxy_rule_remove(r.link, &rule);
        uint64_t since = world_now(r.f->world);
        fixture_until(r.f, &record.finished, 1);
        assert_true(world_now(r.f->world) - since < (uint64_t)SECOND || !r.f->simulated);
        assert_int_equal(record.status, GRPC_OK);
    }
    rig_stop(&r);
}

/* The called does all of it, whatever becomes of the caller. */
static void late_and_lost(void **state)
{
    struct rig r;
    struct proxy_rule late = {.kind = RULE_LATE, .delay = MILLISECOND}, lost = {.kind = RULE_LOST_ANSWER};
    rig_start(&r, *state);
    add(&r, &late);
    do /* what does not get there in time is not answered */
        assert_int_equal(call(&r, SHORT), GRPC_DEADLINE_EXCEEDED);
    while (r.server->service.answered == 0);
    assert_int_equal(r.server->service.answered, 1);
    assert_int_equal(r.server->service.cancelled, 0);
    assert_int_equal(late.hits, 1);
    proxy_rule_remove(r.link, &late);
    add(&r, &lost);
    assert_int_equal(plain(&r), GRPC_UNAVAILABLE);
    assert_int_equal(r.server->service.answered, 2);
    proxy_rule_remove(r.link, &lost);
    assert_int_equal(lost.hits, 1);
    assert_int_equal(plain(&r), GRPC_OK);
    rig_stop(&r);
}

static void twice(void **state)
{
    struct rig r;
    struct proxy_rule rule = {.kind = RULE_TWICE, .nth = 2};
    rig_start(&r, *state);
    add(&r, &rule);
    for (int i = 0; i < 3; i++)
        assert_int_equal(plain(&r), GRPC_OK);
    fixture_until_u64(r.f, &r.server->service.answered, 4);
    assert_int_equal(rule.hits, 1);
    assert_int_equal(rule.seen, 3);
    proxy_rule_remove(r.link, &rule);
    rig_stop(&r);
}

static void silences(void **state)
{
    static const enum proxy_rule_kind kinds[] = {RULE_SILENCE, RULE_STALL};
    struct rig r;
    rig_start(&r, *state);
    for (size_t i = 0; i < 2; i++) {
        struct proxy_rule rule = {.kind = kinds[i]};
        uint64_t answered = r.server->service.answered;
        add(&r, &rule);
        assert_int_equal(call(&r, SHORT), GRPC_DEADLINE_EXCEEDED);
        assert_int_equal(r.server->service.answered, answered);
        struct record record;
        Harrow__Test__Order order;
        order_init(&order, "patient");
        fixture_open(r.f, &record, "Unary", &order, NULL);
        rpc_stream_half_close(record.stream);
        fixture_run(r.f, SHORT);
        assert_int_equal(record.finished, 0);
        assert_int_equal(rule.hits, 2);
        proxy_rule_remove(r.link, &rule);
        fixture_until(r.f, &record.finished, 1);
        assert_int_equal(record.status, kinds[i] == RULE_STALL ? GRPC_OK : GRPC_CANCELLED);
        assert_int_equal(plain(&r), GRPC_OK);
    }
    rig_stop(&r);
}

static void broken_answers(void **state)
{
    static const struct {
        enum proxy_rule_kind kind;
        int status;
    } cases[] = {
        {RULE_NO_TRAILERS, GRPC_INTERNAL}, {RULE_TRUNCATE, GRPC_INTERNAL}, {RULE_OVERSIZE, GRPC_RESOURCE_EXHAUSTED}};
    struct rig r;
    rig_start(&r, *state);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proxy_rule rule = {.kind = cases[i].kind, .count = (uint32_t)1 << 30};
        uint64_t answered = r.server->service.answered;
        add(&r, &rule);
        int status = plain(&r);
        if (status != cases[i].status)
            fail_msg("kind %d: %s", (int)cases[i].kind, grpc_status_name(status));
        assert_int_equal(r.server->service.answered, answered + 1);
        assert_int_equal(rule.hits, 1);
        proxy_rule_remove(r.link, &rule);
        assert_int_equal(plain(&r), GRPC_OK);
    }
    /* Of many messages none comes behind the one that broke off, and none is put together of two. */
    struct proxy_rule truncate = {.kind = RULE_TRUNCATE};
    struct record record;
    Harrow__Test__Order order;
    add(&r, &truncate);
    order_init(&order, "down");
    order.count = 20;
    order.size = 1000;
    fixture_open(r.f, &record, "Down", &order, NULL);
    fixture_until(r.f, &record.finished, 1);
    assert_int_equal(record.status, GRPC_INTERNAL);
    assert_int_equal(record.messages, 0);
    assert_int_equal(truncate.hits, 1);
    proxy_rule_remove(r.link, &truncate);
    struct proxy_rule corrupt = {.kind = RULE_CORRUPT, .count = 3};
    struct fixture_answer a;
    add(&r, &corrupt);
    order_init(&order, "a long text in which some bits are not what they were");
    struct rpc_request extra = {.timeout = (uint64_t)SECOND, .content_type = "application/grpc+proto"};
    fixture_call(r.f, "Unary", &order, &extra, &a);
    struct text sent = order_pack(&order);
    assert_int_equal(a.answer.reply.status, GRPC_OK);
    assert_int_equal(a.answer.reply.body.len, sent.len);
    assert_memory_not_equal(a.answer.reply.body.data, sent.data, sent.len);
    assert_int_equal(corrupt.hits, 1);
    text_deinit(&sent);
    fixture_answer_free(&a);
    proxy_rule_remove(r.link, &corrupt);
    rig_stop(&r);
}

static void reordered(void **state)
{
    struct rig r;
    struct proxy_rule rule = {.kind = RULE_REORDER, .delay = 5 * (uint64_t)SECOND};
    struct record first, second;
    Harrow__Test__Order order;
    rig_start(&r, *state);
    add(&r, &rule);
    order_init(&order, "1");
    fixture_open(r.f, &first, "Unary", &order, NULL);
    rpc_stream_half_close(first.stream);
    fixture_until_u64(r.f, &r.server->service.answered, 1);
    fixture_run(r.f, SHORT);
    assert_int_equal(first.finished, 0);
    fixture_open(r.f, &second, "Unary", &order, NULL);
    rpc_stream_half_close(second.stream);
    fixture_until(r.f, &second.finished, 1);
    fixture_until(r.f, &first.finished, 1);
    assert_int_equal(first.status + second.status, GRPC_OK);
    /* With none behind it, it comes after its delay. */
    rule.delay = SHORT;
    assert_int_equal(plain(&r), GRPC_OK);
    assert_true(elapsed >= SHORT);
    proxy_rule_remove(r.link, &rule);
    rig_stop(&r);
}

static void goaway(void **state)
{
    struct rig r;
    struct proxy_rule rule = {.kind = RULE_GOAWAY, .nth = 1};
    rig_start(&r, *state);
    add(&r, &rule);
    assert_int_equal(plain(&r), GRPC_OK); /* it goes on, */
    assert_int_equal(plain(&r), GRPC_OK); /* and the next one takes another connection */
    assert_int_equal(proxy_link_accepted(r.link), 2);
    assert_int_equal(rule.hits, 1);
    proxy_rule_remove(r.link, &rule);
    rig_stop(&r);
}

/* Health checks are left alone unless they are named; a share of the others is hit. */
static void which_calls(void **state)
{
    struct rig r;
    struct proxy_rule half = {.kind = RULE_STATUS, .status = GRPC_ABORTED, .share = PROXY_SHARE_ALL / 2};
    int hit = 0;
    rig_start(&r, *state);
    add(&r, &half);
    for (int i = 0; i < 40; i++)
        hit += plain(&r) == GRPC_ABORTED;
    assert_in_range(hit, 8, 32);
    assert_int_equal(half.hits, hit);
    assert_int_equal(half.seen, 40);
    for (int i = 0; i < 10; i++) {
        struct fixture_answer a;
        struct rpc_request extra = {.timeout = (uint64_t)SECOND};
        fixture_call(r.f, "/grpc.health.v1.Health/Check", NULL, &extra, &a);
        assert_int_not_equal(a.answer.reply.status, GRPC_ABORTED);
        fixture_answer_free(&a);
    }
    assert_int_equal(half.seen, 40);
    proxy_rule_remove(r.link, &half);
    rig_stop(&r);
}

/* Everything goes while calls are held: in whatever order, nobody looks at what is gone. */
static void torn_down_in_the_middle(void **state)
{
    static const enum proxy_rule_kind kinds[] = {RULE_DELAY_ANSWER, RULE_REORDER, RULE_DELAY_CALL, RULE_SILENCE,
                                                 RULE_STALL,        RULE_TWICE,   RULE_LATE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (int rule_first = 0; rule_first < 2; rule_first++) {
            struct rig r;
            struct record record;
            Harrow__Test__Order order;
            struct proxy_rule *rule = calloc(1, sizeof *rule);
            assert_non_null(rule);
            *rule = (struct proxy_rule){.kind = kinds[i], .delay = (uint64_t)SECOND};
            rig_start(&r, *state);
            add(&r, rule);
            order_init(&order, "held");
            fixture_open(r.f, &record, "Unary", &order, NULL);
            rpc_stream_half_close(record.stream);
            fixture_run(r.f, SHORT);
            if (rule_first)
                proxy_rule_remove(r.link, rule);
            (void)proxy_reset(r.link);
            proxy_rule_remove(r.link, rule);
            free(rule); /* before the loop has turned */
            fixture_until(r.f, &record.finished, 1);
            rig_stop(&r);
            fixture_stop(r.f, 0);
        }
    }
}

/* The called's connection breaks in the middle of calls. */
static void server_dies(void **state)
{
    struct rig r;
    struct proxy_rule rule = {.kind = RULE_DELAY_ANSWER, .delay = MILLISECOND};
    struct record record;
    rig_start(&r, *state);
    add(&r, &rule);
    fixture_open(r.f, &record, "Both", NULL, NULL);
    fixture_run(r.f, SHORT);
    fixture_stop(r.f, 0);
    fixture_until(r.f, &record.finished, 1);
    assert_int_not_equal(record.status, GRPC_OK);
    fixture_run(r.f, SHORT);
    assert_int_equal(proxy_link_connections(r.link), 0);
    r.server = fixture_serve(r.f, 0, NULL);
    assert_int_equal(plain(&r), GRPC_OK);
    proxy_rule_remove(r.link, &rule);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(carries_all),
        BOTH(old_connections_retire),
        BOTH(statuses),
        BOTH(delays),
        BOTH(late_and_lost),
        BOTH(twice),
        BOTH(silences),
        BOTH(broken_answers),
        BOTH(reordered),
        BOTH(goaway),
        BOTH(which_calls),
        BOTH(server_dies),
        BOTH(torn_down_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
