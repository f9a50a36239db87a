#include "rpc/test_fixture.h"

#include <stdio.h>

#define MS ((uint64_t)MILLISECOND)

static void refused_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    fixture_stop(f, 0);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "x");
    struct fixture_answer a;
    uint64_t before = world_now(f->world);
    fixture_call(f, "Unary", &order, NULL, &a);
    assert_int_equal(a.answer.reply.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr((const char *)a.answer.reply.message.data, s->address));
    assert_non_null(strstr((const char *)a.answer.reply.message.data, "refused"));
    fixture_answer_free(&a);
    fixture_call(f, "Unary", &order, NULL, &a); /* during the back-off */
    assert_int_equal(a.answer.reply.status, GRPC_UNAVAILABLE);
    fixture_answer_free(&a);
    assert_true(world_now(f->world) - before < 1000 * MS || !f->simulated); /* a real machine may be busy */
}

static void refused_addresses_are_skipped(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++)
        fixture_serve(f, i, NULL);
    fixture_stop(f, 0);
    fixture_stop(f, 2);
    char list[256];
    snprintf(list, sizeof list, "%s, %s,%s", f->servers[0].address, f->servers[1].address, f->servers[2].address);
    struct rpc_channel_options options = {.addresses = list};
    fixture_connect(f, &options);
    for (int i = 0; i < 20; i++)
        assert_int_equal(fixture_ping(f), GRPC_OK);
    assert_int_equal(f->servers[1].service.started, 20);
}

static void wait_for_ready_waits(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_stop(f, 0);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "patient");
    struct record r;
    struct rpc_request extra = {.timeout = 10000 * MS, .wait_for_ready = true};
    fixture_open(f, &r, "Unary", &order, &extra);
    fixture_run(f, 120 * MS);
    assert_int_equal(r.finished, 0);
    fixture_serve(f, 0, NULL);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_OK);
    assert_string_equal(r.last, "patient");
}

static void reconnects_after_the_server_came_back(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    for (int round = 0; round < 5; round++) {
        assert_int_equal(fixture_ping(f), GRPC_OK);
        assert_true(rpc_channel_connected(f->channel));
        fixture_stop(f, 0);
        fixture_run(f, 5 * MS);
        assert_false(rpc_channel_connected(f->channel));
        assert_int_equal(fixture_ping(f), GRPC_UNAVAILABLE);
        fixture_serve(f, 0, NULL);
        fixture_run(f, 60 * MS);
    }
}

/* The half-open connection: the server is gone and back, and the channel has not looked yet. */
static void call_the_server_never_saw_is_sent_again(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    assert_int_equal(fixture_ping(f), GRPC_OK);
    /* drain: its GOAWAY and our call cross; the call gets another connection */
    for (int i = 0; i < 10; i++) {
        int done = 0;
        struct fixture_server *s = &f->servers[0];
        rpc_server_drain(s->server, 1000 * MS, NULL, &done);
        fixture_run(f, 1 * MS);
        fixture_stop(f, 0);
        fixture_serve(f, 0, NULL);
        struct rpc_request extra = {.timeout = 5000 * MS, .wait_for_ready = true};
        struct fixture_answer a;
        fixture_call(f, "Unary", NULL, &extra, &a);
        assert_int_equal(a.answer.reply.status, GRPC_OK);
        fixture_answer_free(&a);
    }
}

/* Each of the first servers has answered, so the channel is connected to it. */
static void connect_to_all(struct fixture *f, int count)
{
    for (int i = 0; i < count;) {
        assert_int_equal(fixture_ping(f), GRPC_OK);
        i += f->servers[i].service.started > 0 ? 1 : 0;
    }
}

static void round_robin_is_even(void **state)
{
    struct fixture *f = *state;
    char list[256];
    for (int i = 0; i < 3; i++)
        fixture_serve(f, i, NULL);
    snprintf(list, sizeof list, "%s,%s,%s", f->servers[0].address, f->servers[1].address, f->servers[2].address);
    struct rpc_channel_options options = {.addresses = list};
    fixture_connect(f, &options);
    connect_to_all(f, 3);
    for (int i = 0; i < 3; i++)
        f->servers[i].service.started = 0;
    for (int i = 0; i < 300; i++)
        assert_int_equal(fixture_ping(f), GRPC_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(f->servers[i].service.started, 100);
    /* one dies: the others share, nobody notices */
    fixture_stop(f, 1);
    fixture_run(f, 5 * MS);
    f->servers[0].service.started = f->servers[2].service.started = 0;
    for (int i = 0; i < 100; i++)
        assert_int_equal(fixture_ping(f), GRPC_OK);
    assert_int_equal(f->servers[0].service.started, 50);
    assert_int_equal(f->servers[2].service.started, 50);
    /* it comes back and is used again */
    fixture_serve(f, 1, NULL);
    for (int i = 0; i < 1000 && f->servers[1].service.started == 0; i++) {
        assert_int_equal(fixture_ping(f), GRPC_OK);
        fixture_run(f, 5 * MS);
    }
    for (int i = 0; i < 3; i++)
        f->servers[i].service.started = 0;
    for (int i = 0; i < 300; i++)
        assert_int_equal(fixture_ping(f), GRPC_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(f->servers[i].service.started, 100);
}

struct name_table {
    char list[256];
    int asked, fails;
};

static int look_up(void *arg, struct text *addresses)
{
    struct name_table *t = arg;
    t->asked++;
    if (t->fails)
        return ERROR_NOT_FOUND;
    text_puts(addresses, t->list);
    return 0;
}

static void resolver_is_asked(void **state)
{
    struct fixture *f = *state;
    struct name_table table = {.fails = 1};
    for (int i = 0; i < 3; i++)
        fixture_serve(f, i, NULL);
    struct rpc_channel_options options = {.resolve = look_up, .resolve_arg = &table};
    fixture_connect(f, &options);
    assert_int_equal(fixture_ping(f), GRPC_UNAVAILABLE);
    table.fails = 0;
    assert_int_equal(fixture_ping(f), GRPC_UNAVAILABLE); /* an empty list */
    snprintf(table.list, sizeof table.list, "%s,%s", f->servers[0].address, f->servers[1].address);
    connect_to_all(f, 2);
    f->servers[0].service.started = f->servers[1].service.started = 0;
    for (int i = 0; i < 10; i++)
        assert_int_equal(fixture_ping(f), GRPC_OK);
    assert_true(f->servers[0].service.started == 5 && f->servers[1].service.started == 5);
    /* a call in flight on an address that is dropped goes on */
    Harrow__Test__Order order;
    order_init(&order, "stays");
    order.delay_ms = 50;
    struct record r[2];
    fixture_open(f, &r[0], "Unary", &order, NULL);
    fixture_open(f, &r[1], "Unary", &order, NULL);
    fixture_run(f, 10 * MS);
    snprintf(table.list, sizeof table.list, "%s", f->servers[2].address);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fixture_ping(f), GRPC_OK);
    assert_int_equal(f->servers[2].service.started, 5);
    for (int i = 0; i < 2; i++) {
        fixture_until(f, &r[i].finished, 1);
        assert_int_equal(r[i].status, GRPC_OK);
    }
    assert_true(table.asked > 10);
}

static void retries_what_may_be_retried(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    struct rpc_channel_options options = {
        .addresses = s->address,
        .retry = {.attempts = 4, .backoff_first = 1 * MS, .backoff_max = 5 * MS, .statuses = 1u << GRPC_UNAVAILABLE}};
    fixture_connect(f, &options);
    Harrow__Test__Order order;
    order_init(&order, "three refusals");
    order.count = 3;
    struct fixture_answer a;
    fixture_call(f, "Flaky", &order, NULL, &a);
    assert_int_equal(a.answer.reply.status, GRPC_OK);
    assert_int_equal(a.answer.reply.attempts, 4);
    assert_string_equal(a.message->text, "three refusals");
    fixture_answer_free(&a);
    order_init(&order, "four refusals");
    order.count = 4;
    fixture_call(f, "Flaky", &order, NULL, &a);
    assert_int_equal(a.answer.reply.status, GRPC_UNAVAILABLE);
    assert_int_equal(a.answer.reply.attempts, 4);
    fixture_answer_free(&a);
    /* another status is not retried; a call may bring its own rule */
    order_init(&order, "aborted");
    order.status = GRPC_ABORTED;
    fixture_call(f, "Unary", &order, NULL, &a);
    assert_int_equal(a.answer.reply.attempts, 1);
    fixture_answer_free(&a);
    static const struct rpc_retry none = {.attempts = 1};
    struct rpc_request extra = {.timeout = 5000 * MS, .retry = &none};
    order_init(&order, "own rule");
    order.count = 1;
    fixture_call(f, "Flaky", &order, &extra, &a);
    assert_int_equal(a.answer.reply.status, GRPC_UNAVAILABLE);
    assert_int_equal(a.answer.reply.attempts, 1);
    fixture_answer_free(&a);
    /* the deadline covers all attempts */
    static const struct rpc_retry slow = {
        .attempts = 100, .backoff_first = 20 * MS, .backoff_max = 20 * MS, .statuses = 1u << 14};
    int attempts;
    extra = (struct rpc_request){.timeout = 60 * MS, .retry = &slow};
    order_init(&order, "too many");
    order.count = 1000;
    do { /* a real process may be kept from running for all that time */
        fixture_call(f, "Flaky", &order, &extra, &a);
        assert_int_equal(a.answer.reply.status, GRPC_DEADLINE_EXCEEDED);
        attempts = a.answer.reply.attempts;
        fixture_answer_free(&a);
    } while (attempts <= 1 && !f->simulated);
    assert_true(attempts > 1);
}

/* A client stream is played again from the start as long as nothing came back. */
static void stream_is_retried(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    struct rpc_channel_options options = {
        .addresses = s->address, .retry = {.attempts = 3, .backoff_first = 1 * MS, .statuses = 1u << GRPC_UNAVAILABLE}};
    fixture_connect(f, &options);
    Harrow__Test__Order order;
    order_init(&order, "stream");
    order.count = 2;
    struct record r;
    fixture_open(f, &r, "Flaky", NULL, NULL);
    assert_int_equal(fixture_send(&r, &order), 0);
    fixture_run(f, 2 * MS);
    assert_int_equal(rpc_stream_half_close(r.stream), 0);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_OK);
    assert_int_equal(r.attempts, 3);
    assert_string_equal(r.last, "stream");
}

/* ---- drain ------------------------------------------------------------------------------------------------------ */

static void drained(void *arg)
{
    (*(int *)arg)++;
}

static void drain_lets_calls_finish(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "in flight");
    struct record r, late;
    fixture_open(f, &r, "Both", NULL, NULL);
    fixture_until_u64(f, &s->service.started, 1);
    int done = 0;
    rpc_server_drain(s->server, FIXTURE_LIMIT, drained, &done);
    fixture_run(f, 10 * MS);
    assert_int_equal(done, 0);
    fixture_open(f, &late, "Unary", &order, NULL);
    fixture_until(f, &late.finished, 1);
    assert_int_equal(late.status, GRPC_UNAVAILABLE);
    assert_int_equal(rpc_stream_half_close(r.stream), 0);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_OK);
    fixture_until(f, &done, 1);
    assert_int_equal(s->service.started, 1);
}

static void drain_cuts_after_grace(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "never");
    struct record r;
    fixture_open(f, &r, "Never", &order, NULL);
    fixture_until_u64(f, &s->service.started, 1);
    int done = 0;
    rpc_server_drain(s->server, 30 * MS, drained, &done);
    fixture_until(f, &done, 1);
    assert_int_equal(s->service.cancelled, 1);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_UNAVAILABLE);
}

static void free_server_when_drained(void *arg)
{
    struct fixture *f = arg;
    fixture_stop(f, 0);
}

static void drain_may_free_the_server(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    assert_int_equal(fixture_ping(f), GRPC_OK);
    rpc_server_drain(f->servers[0].server, (uint64_t)SECOND, free_server_when_drained, f);
    for (int i = 0; i < 100 && f->servers[0].server; i++)
        fixture_run(f, 10 * MS);
    assert_null(f->servers[0].server);
}

/* ---- things freed from inside callbacks ------------------------------------------------------------------------- */

struct suicide {
    struct fixture *f;
    int finished, others;
};

static void free_channel_in_finished(void *arg, const struct rpc_reply *reply)
{
    struct suicide *s = arg;
    (void)reply;
    s->finished++;
    rpc_channel_free(s->f->channel);
    s->f->channel = NULL;
}

static void free_channel_in_message(void *arg, struct bytes message)
{
    struct suicide *s = arg;
    (void)message;
    rpc_channel_free(s->f->channel);
    s->f->channel = NULL;
}

static void count_finished(void *arg, const struct rpc_reply *reply)
{
    struct suicide *s = arg;
    (void)reply;
    s->others++;
}

static void channel_freed_in_a_callback(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    for (int in_message = 0; in_message < 2; in_message++) {
        fixture_connect(f, NULL);
        assert_int_equal(fixture_ping(f), GRPC_OK);
        struct suicide s = {.f = f};
        struct rpc_request r = {.path = "/harrow.test.Test/Unary", .has_message = true, .timeout = 5000 * MS};
        struct rpc_stream_events killer = {.finished = free_channel_in_finished};
        if (in_message)
            killer = (struct rpc_stream_events){.message = free_channel_in_message, .finished = count_finished};
        struct rpc_stream_events other = {.finished = count_finished};
        assert_int_equal(rpc_stream_open(f->channel, &r, &killer, &s, NULL, NULL), 0);
        r.path = "/harrow.test.Test/Never";
        for (int i = 0; i < 4; i++)
            assert_int_equal(rpc_stream_open(f->channel, &r, &other, &s, NULL, NULL), 0);
        fixture_until(f, &s.others, in_message ? 5 : 4);
        assert_null(f->channel);
        fixture_run(f, 5 * MS);
    }
    /* while nothing can be reached, several in the line */
    fixture_stop(f, 0);
    fixture_connect(f, NULL);
    struct suicide s = {.f = f};
    struct rpc_request r = {.path = "/harrow.test.Test/Unary", .has_message = true};
    struct rpc_stream_events killer = {.finished = free_channel_in_finished}, other = {.finished = count_finished};
    assert_int_equal(rpc_stream_open(f->channel, &r, &killer, &s, NULL, NULL), 0);
    assert_int_equal(rpc_stream_open(f->channel, &r, &other, &s, NULL, NULL), 0);
    fixture_until(f, &s.others, 1);
    assert_int_equal(s.finished, 1);
}

static void server_suicide(struct rpc_call *call, void *service)
{
    struct fixture *f = service;
    fixture_stop(f, 0);
    assert_true(rpc_call_cancelled(call));
    assert_int_equal(rpc_call_send_bytes(call, BYTES_NONE), ERROR_CANCELLED);
    rpc_call_finish(call, GRPC_OK, NULL);
}

static void server_freed_in_a_handler(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    rpc_server_set_fallback(s->server, &(struct rpc_handler){.open = server_suicide}, f);
    fixture_connect(f, NULL);
    struct fixture_answer a;
    fixture_call(f, "/any.Any/Any", NULL, NULL, &a);
    assert_int_equal(a.answer.reply.status, GRPC_UNAVAILABLE);
    fixture_answer_free(&a);
}

/* ---- connections that go bad (simulation) ----------------------------------------------------------------------- */

static void paused_peer_is_dropped_by_the_client(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    struct rpc_channel_options options = {
        .addresses = f->servers[0].address, .keepalive_every = (uint64_t)SECOND, .keepalive_timeout = (uint64_t)SECOND};
    fixture_connect(f, &options);
    assert_int_equal(fixture_ping(f), GRPC_OK);
    Harrow__Test__Order order;
    order_init(&order, "never");
    struct rpc_request none = {0};
    struct record r;
    fixture_open(f, &r, "Never", &order, &none);
    fixture_run(f, (uint64_t)(10 * SECOND));
    assert_int_equal(r.finished, 0); /* an answering peer is kept for ever */
    sim_pause(f->sim, "server0");
    uint64_t before = world_now(f->world);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr(r.text, "keepalive"));
    assert_true(world_now(f->world) - before <= (uint64_t)(3 * SECOND));
    sim_resume(f->sim, "server0");
}

static void paused_peer_is_dropped_by_the_server(void **state)
{
    struct fixture *f = *state;
    struct rpc_server_options options = {.keepalive_every = (uint64_t)SECOND, .keepalive_timeout = (uint64_t)SECOND};
    struct fixture_server *s = fixture_serve(f, 0, &options);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "never");
    struct rpc_request none = {0};
    struct record r;
    fixture_open(f, &r, "Never", &order, &none);
    fixture_run(f, (uint64_t)(10 * SECOND));
    assert_int_equal(s->service.cancelled, 0);
    sim_pause(f->sim, "client");
    sim_run_for(f->sim, (uint64_t)(3 * SECOND));
    assert_int_equal(s->service.cancelled, 1);
    sim_resume(f->sim, "client");
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_UNAVAILABLE);
}

static void partition_and_heal(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    assert_int_equal(fixture_ping(f), GRPC_OK);
    sim_cut(f->sim, "client", "server0", false);
    struct rpc_request extra = {.timeout = (uint64_t)SECOND};
    struct fixture_answer a;
    Harrow__Test__Order order;
    order_init(&order, "cut");
    fixture_call(f, "Unary", &order, &extra, &a);
    assert_int_equal(a.answer.reply.status, GRPC_DEADLINE_EXCEEDED);
    fixture_answer_free(&a);
    struct record r;
    fixture_open(f, &r, "Unary", &order, NULL);
    fixture_run(f, (uint64_t)SECOND);
    assert_int_equal(r.finished, 0);
    sim_heal_all(f->sim);
    fixture_until(f, &r.finished, 1); /* bytes arrive after the heal */
    assert_int_equal(r.status, GRPC_OK);
    /* connecting over a cut link */
    struct rpc_channel_options options = {.addresses = f->servers[0].address, .connect_timeout = (uint64_t)SECOND};
    sim_cut(f->sim, "client", "server0", false);
    fixture_connect(f, &options);
    order_init(&order, "no link");
    fixture_call(f, "Unary", &order, NULL, &a);
    assert_int_equal(a.answer.reply.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr((const char *)a.answer.reply.message.data, "no answer in time"));
    fixture_answer_free(&a);
    sim_heal_all(f->sim);
    fixture_run(f, (uint64_t)SECOND);
    assert_int_equal(fixture_ping(f), GRPC_OK);
}

static void reset_streams_end_calls(void **state)
{
    struct fixture *f = *state;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    fixture_connect(f, NULL);
    Harrow__Test__Order order;
    order_init(&order, "never");
    struct record r;
    fixture_open(f, &r, "Never", &order, NULL);
    fixture_until_u64(f, &s->service.started, 1);
    assert_true(sim_reset_streams(f->sim, "client", "server0") > 0);
    fixture_until(f, &r.finished, 1);
    assert_int_equal(r.status, GRPC_UNAVAILABLE);
    fixture_until_u64(f, &s->service.cancelled, 1);
    assert_int_equal(fixture_ping(f), GRPC_OK);
}

/* A server as a program of a node, so that it can be killed with everything it holds. */
struct node_server {
    struct rpc_server *server;
    struct test_service service;
};

static int node_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    (void)argc;
    (void)argv;
    struct node_server *n = calloc(1, sizeof *n);
    if (!n)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *state = n;
    int rc = rpc_server_new(w, NULL, &n->server, err);
    if (rc == 0)
        rc = test_service_add(&n->service, n->server);
    if (rc == 0)
        rc = rpc_server_add_health(n->server);
    return rc ? rc : rpc_server_listen(n->server, "0.0.0.0:7000", err);
}

static void node_stop(void *state)
{
    struct node_server *n = state;
    rpc_server_free(n->server);
    free(n);
}

static void crashes_are_survived(void **state)
{
    struct fixture *f = *state;
    static const struct sim_program program = {.name = "server", .start = node_start, .stop = node_stop};
    struct error err = ERROR_INIT;
    assert_int_equal(sim_register(f->sim, &program), 0);
    struct rpc_channel_options options = {.addresses = "node:7000"};
    fixture_connect(f, &options);
    for (int round = 0; round < 6; round++) {
        assert_int_equal(sim_start(f->sim, "node", "server", 0, NULL, &err), 0);
        assert_int_equal(rpc_wait_ready(f->world, f->channel, "", (uint64_t)(5 * SECOND), &err), 0);
        Harrow__Test__Order order;
        order_init(&order, "in flight");
        order.count = 1000;
        order.size = 2000;
        order.delay_ms = 1;
        struct record r[3], late;
        fixture_open(f, &r[0], "Never", &order, NULL);
        fixture_open(f, &r[1], "Down", &order, NULL);
        fixture_open(f, &r[2], "Both", NULL, NULL);
        assert_int_equal(fixture_send(&r[2], &order), 0);
        fixture_until(f, &r[1].messages, 10);
        if (round % 3 == 0)
            sim_crash(f->sim, "node");
        else if (round % 3 == 1)
            sim_kill(f->sim, "node");
        else
            sim_terminate(f->sim, "node");
        struct rpc_request patient = {.timeout = (uint64_t)(15 * SECOND), .wait_for_ready = true};
        fixture_open(f, &late, "Unary", &order, &patient);
        for (int i = 0; i < 3; i++) {
            fixture_until(f, &r[i].finished, 1);
            assert_int_equal(r[i].status, GRPC_UNAVAILABLE);
        }
        assert_false(sim_running(f->sim, "node"));
        assert_int_equal(sim_start(f->sim, "node", "server", 0, NULL, &err), 0);
        fixture_until(f, &late.finished, 1);
        /* Sent before the crash was noticed it is lost, else it waited for the new server. */
        assert_true(late.status == GRPC_OK || late.status == GRPC_UNAVAILABLE);
        sim_kill(f->sim, "node");
        fixture_run(f, 100 * MS);
    }
}

/* ---- not gRPC at all -------------------------------------------------------------------------------------------- */

static void chat_readable(void *arg, struct bytes data)
{
    (void)arg;
    (void)data;
}

static void chat_ended(void *arg, int reason)
{
    struct world_stream **s = arg;
    (void)reason;
    world_stream_close(*s);
    *s = NULL;
}

static void chat_accept(void *arg, struct world_stream *s)
{
    static const struct world_stream_events events = {.readable = chat_readable, .ended = chat_ended};
    struct world_stream **slot = arg;
    world_stream_close(*slot);
    *slot = s;
    world_stream_accept(s, &events, arg);
    world_stream_write(s, bytes_of("220 mail.example SMTP ready\r\n"));
}

static void not_http2_is_said(void **state)
{
    struct fixture *f = *state;
    struct world_listener *l;
    struct world_stream *open = NULL;
    assert_int_equal(world_listen(f->world, "127.0.0.1:0", chat_accept, &open, &l, NULL), 0);
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", world_listener_port(l));
    struct rpc_channel_options options = {.addresses = address};
    fixture_connect(f, &options);
    struct fixture_answer a;
    fixture_call(f, "Unary", NULL, NULL, &a);
    assert_int_equal(a.answer.reply.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr((const char *)a.answer.reply.message.data, address));
    fixture_answer_free(&a);
    rpc_channel_free(f->channel);
    f->channel = NULL;
    world_stream_close(open);
    world_listener_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(refused_is_told_at_once),
        BOTH(refused_addresses_are_skipped),
        BOTH(wait_for_ready_waits),
        BOTH(reconnects_after_the_server_came_back),
        BOTH(call_the_server_never_saw_is_sent_again),
        BOTH(round_robin_is_even),
        BOTH(resolver_is_asked),
        BOTH(retries_what_may_be_retried),
        BOTH(stream_is_retried),
        BOTH(drain_lets_calls_finish),
        BOTH(drain_cuts_after_grace),
        BOTH(drain_may_free_the_server),
        BOTH(channel_freed_in_a_callback),
        BOTH(server_freed_in_a_handler),
        SIM(paused_peer_is_dropped_by_the_client),
        SIM(paused_peer_is_dropped_by_the_server),
        SIM(partition_and_heal),
        SIM(reset_streams_end_calls),
        SIM(crashes_are_survived),
        BOTH(not_http2_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
