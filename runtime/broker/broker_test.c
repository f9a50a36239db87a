/* The broker in the simulated world: who gets what, what happens to those who do not read, and what a restart means. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "proto/broker/broker.pb-c.h"
#include "runtime/broker/client.h"
#include "runtime/events/test_node.h"
#include "runtime/service/test_calls.h"

#include <stdio.h>
#include <string.h>

#define PUBLISH_PATH   "/broker.Broker/Publish"
#define SUBSCRIBE_PATH "/broker.Broker/Subscribe"

struct fixture {
    struct sim_system system;
    struct arena arena;
    char *token;
};

static void begin(struct fixture *f, uint64_t seed, const char *const *options)
{
    *f = (struct fixture){0};
    sim_system_init(&f->system, seed);
    sim_system_start(&f->system, "registry");
    sim_system_wait(&f->system, "registry");
    test_node_start(&f->system, "broker", options);
    f->token = sim_system_token(&f->system, &f->arena, "tester", "service", "micro", "service");
}

static void end(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static void subscribe(struct fixture *f, struct test_pipe *p, const char *node, const char *token, const char *topic,
                      const char *queue)
{
    Broker__SubscribeRequest r = BROKER__SUBSCRIBE_REQUEST__INIT;
    r.topic = arena_string(&f->arena, topic);
    r.queue = arena_string(&f->arena, queue);
    test_pipe_open(p, &f->system, node, "broker", SUBSCRIBE_PATH, token, NULL, &r.base, true);
}

static int publish_as(struct fixture *f, const char *token, const char *topic, const void *body, size_t len,
                      const char *const *metadata)
{
    Broker__PublishRequest r = BROKER__PUBLISH_REQUEST__INIT;
    Broker__Message m = BROKER__MESSAGE__INIT;
    Broker__Message__HeaderEntry h = BROKER__MESSAGE__HEADER_ENTRY__INIT, *headers[] = {&h};
    struct test_reply reply;
    h.key = arena_string(&f->arena, "Colour");
    h.value = arena_string(&f->arena, "green");
    m.n_header = 1;
    m.header = headers;
    m.body.data = arena_copy(&f->arena, body, len);
    m.body.len = len;
    r.topic = arena_string(&f->arena, topic);
    r.message = &m;
    test_call(&f->system, &f->arena, "broker", PUBLISH_PATH, token, metadata, &r.base, &reply);
    return reply.status;
}

static void publish(struct fixture *f, const char *topic, const char *body)
{
    assert_int_equal(publish_as(f, f->token, topic, body, strlen(body), NULL), GRPC_OK);
}

static const Broker__Message *message_at(struct test_pipe *p, size_t i)
{
    ProtobufCMessage *m = NULL;
    assert_true(i < p->messages.count);
    assert_int_equal(pb_unpack(&broker__message__descriptor, p->messages.items[i], &p->arena, &m, NULL), 0);
    return (const Broker__Message *)(const void *)m;
}

static const char *header_of(const Broker__Message *m, const char *name)
{
    for (size_t i = 0; i < m->n_header; i++)
        if (strcmp(m->header[i]->key, name) == 0)
            return m->header[i]->value;
    return "";
}

static void expect_bodies(struct test_pipe *p, const char *bodies)
{
    struct text got = TEXT_INIT;
    for (size_t i = 0; i < p->messages.count; i++) {
        const Broker__Message *m = message_at(p, i);
        text_add(&got, m->body.data, m->body.len);
        text_char(&got, ' ');
    }
    assert_string_equal(text_string(&got), bodies);
    text_deinit(&got);
}

static void everybody_gets_it(void **state)
{
    (void)state;
    struct fixture f;
    struct test_pipe a, b, other;
    begin(&f, 1, NULL);
    publish(&f, "news", "before"); /* for nobody */
    subscribe(&f, &a, NULL, f.token, "news", "");
    subscribe(&f, &b, NULL, f.token, "news", "");
    subscribe(&f, &other, NULL, f.token, "new", "");
    assert_true(a.stands && b.stands);
    static const char *const metadata[] = {
        "micro-trace-id", "t1", "x-content-type", "application/json", "colour", "red", NULL};
    assert_int_equal(publish_as(&f, f.token, "news", "1", 1, metadata), GRPC_OK);
    publish(&f, "news", "2");
    test_pipe_wait(&a, 2);
    test_pipe_wait(&b, 2);
    expect_bodies(&a, "1 2 ");
    expect_bodies(&b, "1 2 ");
    const Broker__Message *m = message_at(&a, 0);
    assert_string_equal(header_of(m, "Colour"), "green"); /* the message's own goes first */
    assert_string_equal(header_of(m, "Micro-Trace-Id"), "t1");
    assert_string_equal(header_of(m, "Micro-Topic"), "news");
    assert_string_equal(header_of(m, "Content-Type"), "application/json");
    assert_string_equal(header_of(m, "Authorization"), "");
    assert_int_equal(m->n_header, 4);
    assert_int_equal(other.messages.count, 0);
    test_pipe_close(&a);
    test_pipe_close(&b);
    test_pipe_close(&other);
    end(&f);
}

static void queues_share(void **state)
{
    (void)state;
    struct fixture f;
    struct test_pipe plain, member[3];
    begin(&f, 2, NULL);
    subscribe(&f, &plain, NULL, f.token, "jobs", "");
    for (size_t i = 0; i < 3; i++)
        subscribe(&f, &member[i], NULL, f.token, "jobs", i < 2 ? "q" : "r");
    for (char c = '1'; c <= '6'; c++)
        publish(&f, "jobs", (char[]){c, '\0'});
    test_pipe_wait(&plain, 6);
    test_pipe_wait(&member[2], 6);
    expect_bodies(&plain, "1 2 3 4 5 6 ");
    expect_bodies(&member[0], "1 3 5 ");
    expect_bodies(&member[1], "2 4 6 ");
    test_pipe_close(&member[0]); /* the others take over */
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    publish(&f, "jobs", "7");
    publish(&f, "jobs", "8");
    test_pipe_wait(&member[1], 5);
    expect_bodies(&member[1], "2 4 6 7 8 ");
    test_pipe_close(&member[1]);
    test_pipe_close(&member[2]);
    test_pipe_close(&plain);
    end(&f);
}

static void tenants_apart(void **state)
{
    (void)state;
    struct fixture f;
    struct test_pipe mine, theirs;
    begin(&f, 3, NULL);
    char *a = sim_system_token(&f.system, &f.arena, "x", "user", "a.b", NULL);
    char *b = sim_system_token(&f.system, &f.arena, "x", "user", "a", NULL);
    subscribe(&f, &mine, NULL, a, "c", "");
    subscribe(&f, &theirs, NULL, b, "b.c", "");
    assert_int_equal(publish_as(&f, a, "c", "1", 1, NULL), GRPC_OK);
    assert_int_equal(publish_as(&f, b, "b.c", "2", 1, NULL), GRPC_OK);
    publish(&f, "c", "3");
    test_pipe_wait(&mine, 1);
    test_pipe_wait(&theirs, 1);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    expect_bodies(&mine, "1 ");
    expect_bodies(&theirs, "2 ");
    test_pipe_close(&mine);
    test_pipe_close(&theirs);
    end(&f);
}

static void refusals(void **state)
{
    (void)state;
    static const char *const options[] = {"--message-bytes", "1KiB", NULL};
    struct fixture f;
    struct test_pipe p;
    struct test_reply reply;
    begin(&f, 4, options);
    Broker__PublishRequest r = BROKER__PUBLISH_REQUEST__INIT;
    test_call(&f.system, &f.arena, "broker", PUBLISH_PATH, f.token, NULL, &r.base, &reply);
    assert_int_equal(reply.status, GRPC_INVALID_ARGUMENT);
    assert_non_null(strstr(reply.text, "Missing message"));
    assert_int_equal(publish_as(&f, f.token, "", "1", 1, NULL), GRPC_INVALID_ARGUMENT);
    assert_int_equal(publish_as(&f, NULL, "t", "1", 1, NULL), GRPC_UNAUTHENTICATED);
    char big[2048] = {0}, name[400];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(publish_as(&f, f.token, "t", big, 900, NULL), GRPC_OK);
    assert_int_equal(publish_as(&f, f.token, "t", big, sizeof big, NULL), GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(publish_as(&f, f.token, name, "1", 1, NULL), GRPC_INVALID_ARGUMENT);
    subscribe(&f, &p, NULL, f.token, "", "");
    test_pipe_wait(&p, 0);
    assert_int_equal(p.status, GRPC_INVALID_ARGUMENT);
    test_pipe_close(&p);
    subscribe(&f, &p, NULL, NULL, "t", "");
    test_pipe_wait(&p, 0);
    assert_int_equal(p.status, GRPC_UNAUTHENTICATED);
    test_pipe_close(&p);
    subscribe(&f, &p, NULL, f.token, "t", name);
    test_pipe_wait(&p, 0);
    assert_int_equal(p.status, GRPC_INVALID_ARGUMENT);
    test_pipe_close(&p);
    end(&f);
}

/* Bodies of 64 KiB, each beginning with its number. */
#define BIG ((size_t)64 << 10)

static void publish_big(struct fixture *f, const char *topic, unsigned number)
{
    char *body = arena_alloc(&f->arena, BIG);
    snprintf(body, BIG, "%u", number);
    assert_int_equal(publish_as(f, f->token, topic, body, BIG, NULL), GRPC_OK);
}

static unsigned big_number(struct test_pipe *p, size_t i)
{
    return (unsigned)strtoul((const char *)message_at(p, i)->body.data, NULL, 10);
}

static void slow_ones_are_cut(void **state)
{
    (void)state;
    static const char *const options[] = {"--waiting-bytes", "512KiB", NULL};
    struct fixture f;
    struct test_pipe slow, quick;
    begin(&f, 5, options);
    subscribe(&f, &slow, "slow", f.token, "t", "");
    subscribe(&f, &quick, NULL, f.token, "t", "");
    rpc_stream_pause(slow.stream);
    for (unsigned i = 0; i < 60; i++)
        publish_big(&f, "t", i);
    test_pipe_wait(&quick, 60);
    rpc_stream_resume(slow.stream);
    test_pipe_wait(&slow, 0);
    assert_int_equal(slow.status, GRPC_RESOURCE_EXHAUSTED);
    assert_true(slow.messages.count < 60);
    for (unsigned i = 0; i < slow.messages.count; i++)
        assert_int_equal(big_number(&slow, i), i); /* what it got was whole and in order */
    publish_big(&f, "t", 60);
    test_pipe_wait(&quick, 61);
    test_pipe_close(&slow);
    test_pipe_close(&quick);
    end(&f);
}

static void slow_ones_lose(const char *policy, uint64_t seed)
{
    const char *const options[] = {"--full", policy, "--waiting-messages", "4", NULL};
    struct fixture f;
    struct test_pipe slow;
    unsigned told = 0, got;
    begin(&f, seed, options);
    subscribe(&f, &slow, "slow", f.token, "t", "");
    rpc_stream_pause(slow.stream);
    for (unsigned i = 0; i < 60; i++)
        publish_big(&f, "t", i);
    rpc_stream_resume(slow.stream);
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    publish_big(&f, "t", 60);
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    assert_false(slow.ended);
    got = (unsigned)slow.messages.count;
    assert_true(got < 60);
    for (unsigned i = 0; i < got; i++) {
        told += (unsigned)strtoul(header_of(message_at(&slow, i), "Micro-Dropped"), NULL, 10);
        if (i > 0)
            assert_true(big_number(&slow, i) > big_number(&slow, i - 1));
    }
    assert_int_equal(big_number(&slow, got - 1), 60);
    assert_int_equal(big_number(&slow, got - 2) == 59, strcmp(policy, "oldest") == 0);
    assert_int_equal(told + got, 61); /* each one came or is told to be missing */
    test_pipe_close(&slow);
    end(&f);
}

static void slow_ones_lose_the_oldest(void **state)
{
    (void)state;
    slow_ones_lose("oldest", 6);
}

static void slow_ones_lose_the_newest(void **state)
{
    (void)state;
    slow_ones_lose("newest", 7);
}

/* What a member that stopped reading was given and never got goes to another one. */
static void a_members_work_is_taken_over(void **state)
{
    (void)state;
    struct fixture f;
    struct test_pipe stuck, well;
    bool seen[40] = {false};
    begin(&f, 8, NULL);
    subscribe(&f, &stuck, "stuck", f.token, "t", "q");
    subscribe(&f, &well, NULL, f.token, "t", "q");
    sim_cut(f.system.sim, "stuck", "broker", false);
    for (unsigned i = 0; i < 40; i++)
        publish_big(&f, "t", i);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    size_t before = well.messages.count;
    assert_true(before < 40);
    sim_heal_all(f.system.sim);
    sim_reset_streams(f.system.sim, "stuck", "broker");
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_true(well.messages.count > before);
    for (size_t i = 0; i < well.messages.count; i++) {
        assert_false(seen[big_number(&well, i)]);
        seen[big_number(&well, i)] = true;
    }
    /* What had left the broker before the cut is lost with the connection: the window of the network, no more. */
    size_t lost = 0;
    for (size_t i = 0; i < 40; i++)
        lost += !seen[i];
    assert_true(lost <= 8);
    test_pipe_close(&stuck);
    test_pipe_close(&well);
    end(&f);
}

static void drains(void **state)
{
    (void)state;
    struct fixture f;
    struct test_pipe p;
    begin(&f, 9, NULL);
    subscribe(&f, &p, NULL, f.token, "t", "");
    publish(&f, "t", "last");
    assert_int_equal(sim_terminate(f.system.sim, "broker"), 0);
    test_pipe_wait(&p, 0);
    expect_bodies(&p, "last ");
    assert_int_equal(p.status, GRPC_UNAVAILABLE);
    sim_run_for(f.system.sim, (uint64_t)(10 * SECOND));
    assert_false(sim_running(f.system.sim, "broker"));
    test_pipe_close(&p);
    end(&f);
}

static void json_subscribers(void **state)
{
    (void)state;
    struct fixture f;
    struct sim_answer a = {0};
    struct test_pipe p;
    struct test_stream lines;
    begin(&f, 10, NULL);
    subscribe(&f, &p, NULL, f.token, "t", "");
    test_stream_open(&lines, &f.system, "broker", SUBSCRIBE_PATH, f.token, "{\"topic\":\"t\"}");
    sim_system_call(&f.system, "broker", PUBLISH_PATH, f.token,
                    "{\"topic\":\"t\",\"message\":{\"header\":{\"a\":\"b\"},\"body\":\"eA==\"}}", &a);
    assert_int_equal(a.status, GRPC_OK);
    sim_answer_deinit(&a);
    test_pipe_wait(&p, 1);
    expect_bodies(&p, "x ");
    test_stream_wait(&lines, 1);
    assert_non_null(strstr(text_string(&lines.lines), "\"body\":\"eA==\""));
    assert_non_null(strstr(text_string(&lines.lines), "\"Micro-Topic\":\"t\""));
    test_stream_close(&lines);
    test_pipe_close(&p);
    end(&f);
}

/* ---- the client ------------------------------------------------------------------------------------------------- */

struct heard {
    struct text bodies;
    size_t stood, gaps, published;
    struct broker_subscription *close;
};

static void on_heard(void *arg, const Broker__Message *m)
{
    struct heard *h = arg;
    text_add(&h->bodies, m->body.data, m->body.len);
    text_char(&h->bodies, ' ');
    broker_unsubscribe(h->close);
    h->close = NULL;
}

static void on_subscribed(void *arg, bool gap)
{
    struct heard *h = arg;
    h->stood++;
    h->gaps += gap;
}

static void on_published(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct heard *h = arg;
    (void)message;
    h->published += status == GRPC_OK && reply;
}

static void subscriptions_survive(void **state)
{
    (void)state;
    struct fixture f;
    struct heard heard = {0};
    struct broker_subscription *b = NULL;
    begin(&f, 11, NULL);
    struct micro_service *service = test_node_service(&f.system, &f.arena, f.token);
    const struct broker_subscribe wanted = {
        .topic = "t", .message = on_heard, .subscribed = on_subscribed, .arg = &heard};
    assert_int_equal(broker_subscribe(service, &wanted, &b, NULL), 0);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_int_equal(heard.stood, 1);
    assert_int_equal(heard.gaps, 0);
    static const char *const headers[] = {"Kind", "test", NULL};
    assert_int_equal(broker_publish(service, "t", headers, bytes_of("1"), on_published, &heard), 0);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            assert_int_equal(sim_crash(f.system.sim, "broker"), 0);
        else
            assert_int_equal(sim_terminate(f.system.sim, "broker"), 0);
        sim_run_for(f.system.sim, (uint64_t)(30 * SECOND));
        test_node_start(&f.system, "broker", NULL);
        sim_run_for(f.system.sim, (uint64_t)(20 * SECOND));
        assert_int_equal(heard.stood, 2 + i);
        assert_int_equal(heard.gaps, 1 + i);
        assert_int_equal(broker_publish(service, "t", NULL, bytes_of("2"), NULL, NULL), 0);
        sim_run_for(f.system.sim, (uint64_t)SECOND);
    }
    assert_string_equal(text_string(&heard.bodies), "1 2 2 ");
    assert_int_equal(heard.published, 1);
    heard.close = b; /* closed by its own callback */
    publish(&f, "t", "3");
    publish(&f, "t", "4");
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_string_equal(text_string(&heard.bodies), "1 2 2 3 ");
    text_deinit(&heard.bodies);
    micro_service_free(service);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_gets_it),
        cmocka_unit_test(queues_share),
        cmocka_unit_test(tenants_apart),
        cmocka_unit_test(refusals),
        cmocka_unit_test(slow_ones_are_cut),
        cmocka_unit_test(slow_ones_lose_the_oldest),
        cmocka_unit_test(slow_ones_lose_the_newest),
        cmocka_unit_test(a_members_work_is_taken_over),
        cmocka_unit_test(drains),
        cmocka_unit_test(json_subscribers),
        cmocka_unit_test(subscriptions_survive),
    };
    log_set_level(LOG_OFF);
    return cmocka_run_group_tests_name("broker", tests, NULL, NULL);
}
